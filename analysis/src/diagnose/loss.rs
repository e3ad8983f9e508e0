//! Some connects succeed and some do not, and no setting of the snapshot accounts for it: packets are
//! lost at random, a host does not take them all, or a stateless filter judges by the client's port. The first two are
//! told apart in [`super::overload`].

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_vocabulary::Observation;

use super::case::{Case, Question};
use super::hypothesis::Weighed;
use super::observed::{Shows, passes, shows, source_ports};
use super::overload::{Losses, took_several};
use super::posterior::posterior;
use super::prior::shown_in_order;
use super::show;
use crate::cause::CauseCode;
use crate::flow::{FlowBox, Flows, PortRange};
use crate::reach::{Answer, Direction};
use crate::report::{Basis, CauseReport, CauseStatus, Evidence, HypothesisReport, Tool};
use crate::topology::{ComponentId, ComponentType};

/// So many connects that came about only after a packet was sent again are no accident.
const REPEATED: usize = 2;
/// How much rarer each further edge makes a filter: an ACL with one range of ports is common, one with
/// three is not.
const FURTHER_EDGE: f64 = 0.1;
/// The confidence in whatever makes packets be sent again, where it is no filter.
const AGAIN: f64 = 0.95;
/// Of that, from this share on one cause is established.
const SETTLED: f64 = 0.95;
/// From so many source ports on, what lies between two that agree is taken to agree with them.
const SWEPT: usize = 12;

/// How many connects came about only after a packet was sent again: by the kernel, or by a further
/// connect from the same port.
pub(super) fn repeated(deciding: &[&Observation]) -> usize {
    let connected = |one: &&&Observation| shows(one) == Shows::Connected;
    let by_kernel = deciding.iter().filter(connected).filter(|one| took_several(one)).count();
    let passing = source_ports(deciding, Shows::Connected);
    let silent = source_ports(deciding, Shows::Silence);
    by_kernel + silent.iter().filter(|port| passing.contains(port)).count()
}

/// Whether packets are lost for certain: no filter lets the same packet through the second time.
pub(super) fn is_certain(deciding: &[&Observation]) -> bool {
    let passing = source_ports(deciding, Shows::Connected);
    let silent = source_ports(deciding, Shows::Silence).iter().any(|port| !passing.contains(port));
    repeated(deciding) >= if silent { 1 } else { REPEATED }
}

/// The cause, or the group of candidates, for `flows` of which some pass and some do not.
pub(super) fn causes(
    case: &Case,
    question: &Question,
    deciding: &[&Observation],
    flows: &Flows,
    observed: &str,
) -> Weighed {
    let address = question.address;
    let losses = Losses::of(deciding);
    if is_certain(deciding) {
        return sent_again(case, question, deciding, &losses, observed);
    }
    let runs = runs(deciding);
    let Likelihoods { by_filter, by_chance } = likelihoods(&runs);
    let is_swept = runs.iter().map(|run| run.count).sum::<usize>() >= SWEPT;
    let swept = if is_swept { silent_flows(&runs, &question.asked) } else { flows.clone() };
    // Each with its prior, and how likely what was seen is where it holds.
    let mut found: Vec<((f64, f64), CauseReport)> = Vec::new();
    let acls = question.answer.as_ref().map(network_acls).unwrap_or_default();
    let unknown = [ComponentId::Unknown(ComponentType::NetworkAcl)];
    let acls: &[_] = if acls.is_empty() { &unknown } else { &acls };
    let age = case.snapshot.as_ref().and_then(|snapshot| snapshot.age_seconds);
    for component in acls {
        let code = CauseCode::SubnetAclRestriction;
        let doubt = if component.id().is_some() { shown_in_order(code, age) } else { 1.0 };
        let mut cause = cause(case, code, component, &swept, observed);
        cause.direction = Some(Direction::Return);
        let prior = case.priors.of_mixed(code) * doubt / acls.len() as f64;
        cause.summary = format!(
            "A network ACL lets replies to some of the client's ports through and others not ({}).",
            runs_words(&runs)
        );
        found.push(((prior, by_filter), cause));
    }
    if is_swept {
        let owner = show::owner(case, question, address);
        let mut firewall = cause(case, CauseCode::HostFirewall, &owner, &swept, observed);
        let prior = case.priors.of_mixed(CauseCode::HostFirewall);
        firewall.summary = format!("The firewall of {address} itself judges by the client's port.");
        found.push(((prior, by_filter), firewall));
    }
    // What chance accounts for is divided between the two by what tells them apart.
    let (lost, overloaded) = losses.weights(&case.priors);
    let prior = case.priors.of_mixed(CauseCode::PacketLoss) + case.priors.of_mixed(CauseCode::HostOverloaded);
    let either = if lost + overloaded > 0.0 { prior / (lost + overloaded) } else { 0.0 };
    for (code, weight) in [(CauseCode::PacketLoss, lost), (CauseCode::HostOverloaded, overloaded)] {
        let cause = either_cause(case, question, code, &losses, flows, observed);
        let prior = case.priors.of_mixed(code);
        let likelihood = if prior > 0.0 { weight * either * by_chance / prior } else { 0.0 };
        found.push(((prior, likelihood), cause));
    }
    let weighed: Vec<(f64, f64)> = found.iter().map(|(weighed, _)| *weighed).collect();
    // Before anything was seen all is as likely by each of them.
    let unseen: Vec<(f64, f64)> = weighed.iter().map(|(prior, _)| (*prior, 1.0)).collect();
    let group = Some(format!("mixed-{address}"));
    let found = found.into_iter().zip(posterior(&weighed)).zip(posterior(&unseen));
    let mut found: Vec<(f64, CauseReport)> = found
        .map(|(((_, cause), confidence), prior)| {
            (prior, CauseReport { confidence, alternatives: group.clone(), ..cause })
        })
        .collect();
    if let (true, Some(edges)) = (is_swept, edges_words(&runs)) {
        let by_port = [CauseCode::SubnetAclRestriction, CauseCode::HostFirewall];
        for (_, cause) in found.iter_mut().filter(|(_, cause)| by_port.contains(&cause.code)) {
            let text = edges.clone();
            cause.evidence.push(Evidence { kind: Basis::Probes, text, supports: true });
        }
    }
    found.sort_by(|(_, one), (_, other)| other.confidence.total_cmp(&one.confidence));
    let hypothesis = |(prior, cause): &(f64, CauseReport)| {
        HypothesisReport::of(cause, *prior, false, Vec::from([runs_words(&runs)]))
    };
    let hypotheses = found.iter().map(hypothesis).collect();
    Weighed { causes: found.into_iter().map(|(_, cause)| cause).collect(), hypotheses }
}

/// What is the cause where packets had to be sent again that no filter stops: a lossy path, a full queue, or the group
/// of both.
fn sent_again(
    case: &Case,
    question: &Question,
    deciding: &[&Observation],
    losses: &Losses,
    observed: &str,
) -> Weighed {
    let (lost, overloaded) = losses.weights(&case.priors);
    let whole = lost + overloaded;
    let share = |weight: f64| if whole > 0.0 { weight / whole } else { 0.5 };
    let both = [(CauseCode::PacketLoss, share(lost)), (CauseCode::HostOverloaded, share(overloaded))];
    let is_settled = both.iter().any(|(_, share)| *share >= SETTLED);
    let again = format!(
        "{} connects succeeded only after the SYN was sent again, which no filter on ports allows",
        repeated(deciding)
    );
    let told = |(code, share): (CauseCode, f64)| {
        let mut cause = either_cause(case, question, code, losses, &question.asked, observed);
        cause.evidence.insert(1, Evidence { kind: Basis::Probes, text: again.clone(), supports: true });
        cause.confidence = AGAIN * share;
        if is_settled {
            cause.status = CauseStatus::Established;
        } else {
            cause.alternatives = Some(format!("sent-again-{}", question.address));
        }
        cause
    };
    let mut found: Vec<CauseReport> =
        both.into_iter().filter(|(_, share)| !is_settled || *share >= SETTLED).map(told).collect();
    found.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    let priors: f64 = both.iter().map(|(code, _)| case.priors.of_mixed(*code)).sum();
    let hypothesis = |(code, share): (CauseCode, f64)| {
        let fell = is_settled && share < SETTLED;
        let prior = if priors > 0.0 { case.priors.of_mixed(code) / priors } else { 0.5 };
        let because = losses.words().into_iter().map(|(text, _)| text).collect();
        HypothesisReport::of(&told((code, if fell { 0.0 } else { share })), prior, fell, because)
    };
    Weighed { hypotheses: both.into_iter().map(hypothesis).collect(), causes: found }
}

/// Packets that are lost on the way, or that a host does not take.
fn either_cause(
    case: &Case,
    question: &Question,
    code: CauseCode,
    losses: &Losses,
    flows: &Flows,
    observed: &str,
) -> CauseReport {
    let address = question.address;
    let is_loss = code == CauseCode::PacketLoss;
    let component = match is_loss {
        true => ComponentId::Unknown(ComponentType::Path),
        false => show::owner(case, question, address),
    };
    let mut cause = cause(case, code, &component, flows, observed);
    for (text, for_loss) in losses.words() {
        cause.evidence.push(Evidence { kind: Basis::Probes, text, supports: for_loss == is_loss });
    }
    let direction = losses.direction();
    cause.direction = direction.filter(|_| is_loss);
    cause.summary = match (is_loss, direction) {
        (true, Some(Direction::Forward)) => {
            format!("Packets to {address} are lost on the way there, whichever port they come from.")
        }
        (true, Some(Direction::Return)) => {
            format!("Packets from {address} are lost on the way back, whichever port they go to.")
        }
        (true, None) => {
            format!("Packets to or from {address} are lost on the way, whichever port they come from.")
        }
        (false, _) => format!(
            "The service of {address} does not keep up: its queue of connections that wait to be taken is full, and its system drops new ones until there is room."
        ),
    };
    if !is_loss {
        let port = case.target.port.unwrap_or_default();
        let look = format!(
            "On {address}: Recv-Q above Send-Q is a queue that is full. See what keeps the service from taking connections, or give it a longer queue (listen's backlog, net.core.somaxconn)."
        );
        let topology = case.topology.as_ref();
        let command = format!("ss -ltn 'sport = :{port}'");
        cause.fixes.push(show::fix(topology, &component, Tool::Manual, command, look));
    }
    cause
}

/// The ACLs that judge replies by the client's port, known or not.
fn network_acls(answer: &Answer) -> Vec<ComponentId> {
    let mut found = Vec::new();
    let gates = answer.segments.iter().flat_map(|segment| &segment.gates);
    for fault in gates.flat_map(|evaluated| evaluated.gate.faults()) {
        let judges =
            fault.code == CauseCode::SubnetAclRestriction && fault.direction != Some(Direction::Forward);
        if judges && !found.contains(&fault.component) {
            found.push(fault.component);
        }
    }
    found
}

/// Neighbouring source ports that fared alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    ports: PortRange,
    passes: bool,
    /// How many ports of it were tried.
    count: usize,
}

/// What was tried, as runs in ascending order. A port from which one was answered passes.
fn runs(deciding: &[&Observation]) -> Vec<Run> {
    let passing = deciding.iter().filter(|one| passes(one));
    let passing: Vec<u16> = passing.filter_map(|one| one.request.source_port).collect();
    let silent = source_ports(deciding, Shows::Silence).into_iter().filter(|port| !passing.contains(port));
    let mut ports: Vec<(u16, bool)> = silent.map(|port| (port, false)).collect();
    ports.extend(passing.iter().map(|port| (*port, true)));
    ports.sort_unstable();
    ports.dedup();
    let mut runs: Vec<Run> = Vec::new();
    for (port, passes) in ports {
        match runs.last_mut().filter(|run| run.passes == passes) {
            Some(run) => {
                run.ports = PortRange::new(run.ports.first(), port).unwrap_or(run.ports);
                run.count += 1;
            }
            None => runs.push(Run { ports: PortRange::single(port), passes, count: 1 }),
        }
    }
    runs
}

/// How likely what was seen is by each explanation.
struct Likelihoods {
    by_filter: f64,
    by_chance: f64,
}

/// How likely these runs are where a filter judges by the client's port, and where packets are lost. Lost at
/// random, at an unknown rate, each order of so many passing and silent ports is as likely as any other: one of
/// `(n + 1) * C(n, silent)`. A filter with so many edges makes one of `2 * C(n - 1, edges)`.
fn likelihoods(runs: &[Run]) -> Likelihoods {
    let count = |wanted: bool| runs.iter().filter(|run| run.passes == wanted).map(|run| run.count).sum();
    let (passing, silent): (usize, usize) = (count(true), count(false));
    let tried = passing + silent;
    let by_chance = 1.0 / ((tried + 1) as f64 * choose(tried, silent));
    let Some(edges) = runs.len().checked_sub(1).filter(|edges| *edges > 0) else {
        return Likelihoods { by_filter: 0.0, by_chance };
    };
    let mut by_filter = 1.0 / (2.0 * choose(tried - 1, edges));
    for _ in 1..edges {
        by_filter *= FURTHER_EDGE;
    }
    Likelihoods { by_filter, by_chance }
}

/// In how many ways `some` of `all` can be chosen.
fn choose(all: usize, some: usize) -> f64 {
    (0..some.min(all - some)).map(|step| (all - step) as f64 / (step + 1) as f64).product()
}

/// The flows from the ports between silent ones, as far as they were asked about.
fn silent_flows(runs: &[Run], asked: &Flows) -> Flows {
    let silent = runs.iter().filter(|run| !run.passes);
    let of_run = |run: &Run| {
        let cut = |flows: &FlowBox| {
            let source_ports = flows.source_ports.intersection(run.ports)?;
            Some(FlowBox { source_ports, ..*flows })
        };
        asked.boxes().iter().filter_map(cut).collect::<Vec<_>>()
    };
    silent.flat_map(of_run).collect()
}

fn runs_words(runs: &[Run]) -> String {
    let ports = |wanted: bool| {
        let of_kind = runs.iter().filter(|run| run.passes == wanted);
        of_kind.map(|run| run.ports.to_string()).collect::<Vec<_>>().join(", ")
    };
    format!("{} passed, {} did not", ports(true), ports(false))
}

/// Where the sweep found the edges, and how near.
fn edges_words(runs: &[Run]) -> Option<String> {
    let tried: usize = runs.iter().map(|run| run.count).sum();
    let edge = |(one, other): (&Run, &Run)| {
        let (below, above) = (one.ports.last(), other.ports.first());
        if above - below == 1 {
            format!("between {below} and {above}")
        } else {
            format!("somewhere from {below} to {above}")
        }
    };
    let edges: Vec<String> = runs.iter().zip(runs.iter().skip(1)).map(edge).collect();
    (!edges.is_empty()).then(|| {
        format!(
            "a sweep from {tried} source ports finds what passes and what does not divided {}",
            edges.join(", ")
        )
    })
}

fn cause(
    case: &Case,
    code: CauseCode,
    component: &ComponentId,
    flows: &Flows,
    observed: &str,
) -> CauseReport {
    let evidence = Evidence { kind: Basis::Probes, text: observed.to_string(), supports: true };
    CauseReport { evidence: Vec::from([evidence]), ..show::candidate(case, code, component, flows) }
}
