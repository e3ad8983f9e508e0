//! The verdict and its causes, from the observations and the answers of the configuration.
//!
//! Packets outrank configuration, each for its own source address, source port and destination; for
//! the rest of what was asked configuration speaks. What a packet contradicts is no cause any more, and
//! is said to disagree.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use jiff::Timestamp;
use peerscope_vocabulary::{HandshakeObservation, Observation, Spoken};

use super::accounted::Accounted;
use super::case::{Case, Question};
use super::causes::{answered, configured};
use super::findings::{findings, gaps};
use super::fixes::mending;
use super::lookup::dns_report;
use super::observed::{Shows, shows, source_ports};
use super::plan::joined;
use super::seen::Seen;
use super::{
    application, asked, changed, handshake, latency, loss, naming, next, partition, path, path_mtu, show,
    silence, undecided, unshown, words,
};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::Blocker;
use crate::report::{
    AskedReport, CauseReport, Diagnosis, Finding, Gap, HypothesisReport, LatencyReport, NextProbe,
    PartReport, Paths, PeeredReport, Plan, SCHEMA, Severity, Source, Verdict,
};
use crate::topology::{ComponentType, NetworkId};

/// What came out for one address.
#[derive(Default)]
struct Conclusion {
    verdict: Option<Verdict>,
    causes: Vec<CauseReport>,
    hypotheses: Vec<HypothesisReport>,
    asked: Vec<AskedReport>,
    latency: Vec<LatencyReport>,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
    plan: Option<Plan>,
    peerings: Vec<PeeredReport>,
    paths: Paths,
    partition: Vec<PartReport>,
    next_probe: Option<NextProbe>,
    summary: String,
}

/// Puts the report together.
pub(super) fn conclude(
    case: &Case,
    questions: &[&Question],
    observations: &[Observation],
    spoken: &[Spoken],
    lost: &[Gap],
    now: Duration,
    at: Timestamp,
) -> Diagnosis {
    let unresolved = naming::unresolved(case);
    let mut pairs: Vec<&(NetworkId, NetworkId)> = Vec::new();
    for pair in questions.iter().filter_map(|question| question.networks.as_ref()) {
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    let number = |question: &Question| {
        let networks = question.networks.as_ref();
        networks.and_then(|own| pairs.iter().position(|pair| *pair == own)).map_or(1, |place| place + 1)
    };
    let conclusions =
        questions.iter().map(|question| one(case, question, number(question), observations, spoken));
    let mut whole = merge(case, conclusions.collect());
    if let Some(cause) = unresolved {
        whole.verdict = Some(Verdict::Blocked);
        whole.summary.clone_from(&cause.summary);
        whole.causes = Vec::from([cause]);
        whole.plan = None;
    }
    let single = case.source.ranges.iter().all(|range| range.is_single());
    let mut gaps = case.gaps.clone();
    gaps.extend(whole.gaps);
    gaps.extend(lost.iter().cloned());
    Diagnosis {
        schema: SCHEMA,
        version: case.version.clone(),
        at,
        target: case.target.clone(),
        source: Source {
            input: case.source.input.clone(),
            addresses: if single {
                case.source.ranges.iter().map(|range| range.first()).collect()
            } else {
                Vec::new()
            },
            cidrs: if single {
                Vec::new()
            } else {
                case.source.ranges.iter().flat_map(|range| range.cidrs()).collect()
            },
            source_ports: Vec::from([case.source.source_ports]),
        },
        vantage: case.vantage,
        verdict: whole.verdict.unwrap_or(Verdict::Undetermined),
        summary: whole.summary,
        causes: whole.causes,
        hypotheses: whole.hypotheses,
        asked: whole.asked,
        plan: whole.plan,
        peerings: whole.peerings,
        paths: whole.paths,
        partition: whole.partition,
        observations: case
            .lookup
            .iter()
            .flat_map(|lookup| &lookup.servers)
            .map(|server| dns_report(server, at))
            .chain(observations.iter().enumerate().map(|(place, observation)| {
                match spoken.iter().find(|one| one.observation == place) {
                    Some(spoken) => handshake::handshake_report(&whole_of(observation, spoken), at),
                    None => words::observation_report(observation, at),
                }
            }))
            .collect(),
        latency: whole.latency,
        findings: whole.findings.into_iter().chain(naming::odd_servers(case)).collect(),
        gaps,
        next_probe: whole.next_probe,
        snapshot: case.snapshot.clone(),
        elapsed_seconds: now.as_secs_f64(),
    }
}

/// The packets of a handshake and what was said, together.
fn whole_of(observation: &Observation, spoken: &Spoken) -> HandshakeObservation {
    HandshakeObservation {
        handshake: spoken.handshake.clone(),
        observation: *observation,
        reply: spoken.reply.clone(),
    }
}

/// The conclusion for one address. `number` is that of its pair of networks among all addresses', from 1.
fn one(
    case: &Case,
    question: &Question,
    number: usize,
    observations: &[Observation],
    spoken: &[Spoken],
) -> Conclusion {
    let seen = Seen::of(case, question, observations, spoken);
    let Seen { deciding, beside, passing, silent, words: observed, .. } = &seen;
    let public = naming::is_public(case, question);
    let accounted = Accounted::of(case, question, &seen);
    let Accounted { contradicted, standing, blocked, unexplained, .. } = &accounted;

    let mut causes = answered(case, question, deciding);
    let mut from_configuration: Vec<CauseReport> = Vec::new();
    let mut plan = None;
    if let Some(topology) = &case.topology {
        let explained = |blocker: &Blocker<'_>| configured(topology, question, blocker, silent, observed);
        from_configuration = standing.iter().map(explained).collect();
        let mending = mending(case, question, number, &standing.iter().collect::<Vec<_>>());
        for (cause, fixes) in from_configuration.iter_mut().zip(mending.fixes) {
            cause.fixes = fixes;
        }
        plan = mending.plan;
        // A peering comes first: what is mended beside it may need the id that mending it gives.
        from_configuration
            .sort_by_key(|cause| cause.component.component_type != ComponentType::VpcPeeringConnection);
    }
    // Where no packet leaves this machine, its own refusal comes first; else the path's settings do.
    if causes.iter().any(|cause| matches!(cause.code, CauseCode::LocalNoRoute | CauseCode::LocalPolicy)) {
        causes.extend(from_configuration);
    } else {
        from_configuration.extend(causes);
        causes = from_configuration;
    }

    let mut hypotheses: Vec<HypothesisReport> = Vec::new();
    let mixed = !passing.is_empty();
    if !unexplained.is_empty() {
        let weighed = if mixed {
            loss::causes(case, question, deciding, unexplained, observed)
        } else {
            let suspected = accounted.suspected(question);
            silence::candidates(case, question, suspected, observed, &beside.clues(case, question))
        };
        causes.extend(weighed.causes);
        hypotheses.extend(weighed.hypotheses);
    } else if loss::is_certain(deciding) {
        causes.extend(loss::causes(case, question, deciding, unexplained, observed).causes);
    } else if !silent.is_empty() && !mixed && !public {
        let weighed = unshown::candidates(case, question, silent, &beside.clues(case, question));
        causes.extend(weighed.causes);
        hypotheses.extend(weighed.hypotheses);
    }

    // What meets every connection comes before settings that stop some of them.
    let loses = !unexplained.is_empty() || loss::repeated(deciding) > 0;
    let mut path_mtu = path_mtu::judge(case, question, &seen, loses);
    let application = application::judge(case, question, &seen, loses, &path_mtu);
    let failing: Vec<CauseReport> = path_mtu.cause.take().into_iter().chain(application.causes).collect();
    let fails = !failing.is_empty();
    // Where nobody takes connections, that comes first.
    let is_taken = deciding.iter().any(|one| shows(one) == Shows::Connected);
    let place = if is_taken { 0 } else { causes.len() };
    causes.splice(place..place, failing);
    hypotheses.splice(0..0, application.hypotheses);

    changed::weigh(case, &mut causes, &mut hypotheses);
    let verdict = match verdict(question, deciding, blocked) {
        Verdict::Reachable if fails => Verdict::Impaired,
        verdict => verdict,
    };
    if verdict == Verdict::Undetermined && deciding.is_empty() {
        causes.extend(undecided::candidates(case, question));
    }
    if public && verdict != Verdict::Reachable && !fails {
        causes.insert(0, naming::public(case, question, observed));
    }
    if verdict == Verdict::Reachable {
        causes.clear();
        hypotheses.clear();
        plan = None;
    }
    let mut conclusion = Conclusion {
        verdict: Some(verdict),
        findings: contradicted.iter().map(|blocker| disagreement(case, blocker, &seen)).collect(),
        gaps: gaps(case, question),
        plan,
        next_probe: next::next_probe(case, question, &causes, &seen),
        summary: words::summary(case, question, verdict, &causes, &seen, path_mtu.words.as_deref()),
        ..Conclusion::default()
    };
    conclusion.gaps.extend(path_mtu.gap);
    if verdict == Verdict::Blocked && !public {
        conclusion.gaps.extend(unshown::gap(case, question, &causes, &seen));
    }
    if verdict != Verdict::Blocked {
        conclusion.gaps.extend(words::unanswered(case, question, &seen));
    }
    let is_unaccounted = !unexplained.is_empty() && question.answer.is_some() && contradicted.is_empty();
    if is_unaccounted && !loss::is_certain(deciding) {
        conclusion.findings.push(lost_although_open(case, question, observed));
    }
    conclusion.findings.extend(retransmission(deciding, &case.target.input));
    conclusion.findings.extend(application.findings);
    let (measured, uneven) = latency::judge(case, question, &seen);
    conclusion.latency.extend(measured);
    conclusion.findings.extend(uneven);
    if public && (verdict == Verdict::Reachable || fails) {
        conclusion.findings.push(naming::public_finding(case, question));
    }
    conclusion.findings.extend(findings(case, question));
    if let (Some(topology), Some((source, target))) = (&case.topology, &question.networks) {
        let peering = topology.intended_peering(source, target);
        conclusion.peerings.extend(peering.and_then(|(id, _)| PeeredReport::of(topology, id)));
    }
    if let (Some(topology), Some(answer)) = (&case.topology, &question.answer) {
        conclusion.partition = partition::parts(topology, question);
        let shown = silent.sample().or_else(|| blocked.sample()).or_else(|| passing.sample());
        if let Some(flow) = shown.or_else(|| question.asked.sample()) {
            conclusion.paths = path::paths(topology, answer, &flow);
        }
    }
    conclusion.causes = causes;
    conclusion.hypotheses = hypotheses;
    if verdict == Verdict::Blocked {
        conclusion.asked = asked::asked(case, question, observations, &seen, &accounted);
    }
    conclusion
}

/// The verdict of one address.
fn verdict(question: &Question, deciding: &[&Observation], blocked: &Flows) -> Verdict {
    let count = |wanted: Shows| deciding.iter().filter(|one| shows(one) == wanted).count();
    // A port from which a further connect succeeded is not shut.
    let connecting = source_ports(deciding, Shows::Connected);
    let retried = |one: &&&Observation| {
        shows(one) == Shows::Silence && one.request.source_port.is_some_and(|port| connecting.contains(&port))
    };
    let connected = count(Shows::Connected);
    let told = deciding.len() - deciding.iter().filter(retried).count();
    if !deciding.is_empty() {
        return match (connected, connected == told) {
            (0, _) => Verdict::Blocked,
            (_, false) => Verdict::Impaired,
            (_, true) if blocked.is_empty() && !loss::is_certain(deciding) => Verdict::Reachable,
            (_, true) => Verdict::Impaired,
        };
    }
    let Some(answer) = &question.answer else { return Verdict::Undetermined };
    let opening = answer.opening();
    Verdict::of(!opening.admitted.is_empty(), !opening.blocked.is_empty(), !opening.unknown.is_empty())
}

/// A setting that packets contradict.
fn disagreement(case: &Case, blocker: &Blocker<'_>, seen: &Seen<'_>) -> Finding {
    // What was silent itself is contradicted by what was answered beside it.
    let beside =
        || seen.beside.answer_words().filter(|_| blocker.flows.intersection(&seen.passing).is_empty());
    let observed = beside().unwrap_or_else(|| seen.words.clone());
    let topology = case.topology.as_ref();
    let explanation =
        topology.zip(blocker.parts.first()).map(|(topology, part)| blocker.gate.explain(topology, part));
    let summary = explanation.map(|explanation| explanation.summary).unwrap_or_default();
    Finding {
        rule: CauseCode::ConfigurationDisagrees.name().to_string(),
        severity: Severity::Warning,
        message: format!(
            "By the snapshot this is blocked: {summary} But {observed}. The snapshot is stale or incomplete."
        ),
        components: Vec::from([show::component(topology, &blocker.component)]),
    }
}

/// Packets that are lost although every setting of the snapshot lets them through.
fn lost_although_open(case: &Case, question: &Question, observed: &str) -> Finding {
    let topology = case.topology.as_ref();
    let gates = question.answer.iter().flat_map(|answer| &answer.segments).flat_map(|segment| &segment.gates);
    let settings = gates.filter(|evaluated| !evaluated.gate.faults().is_empty());
    let mut components = Vec::new();
    for evaluated in settings {
        let component = show::component(topology, &evaluated.gate.component());
        if !components.contains(&component) {
            components.push(component);
        }
    }
    Finding {
        rule: CauseCode::ConfigurationDisagrees.name().to_string(),
        severity: Severity::Warning,
        message: format!(
            "By the snapshot nothing stops packets to {}, but {observed}: what stops them is not in the snapshot, or was changed since.",
            question.address
        ),
        components,
    }
}

/// A connection that came about only after a packet was sent again.
fn retransmission(deciding: &[&Observation], target: &str) -> Option<Finding> {
    let again = loss::repeated(deciding);
    (again > 0 && !loss::is_certain(deciding)).then(|| Finding {
        rule: CauseCode::PacketLoss.name().to_string(),
        severity: Severity::Warning,
        message: format!(
            "{again} of {} connects to {target} succeeded only after the SYN was sent again: a packet was lost, or a host is overloaded.",
            deciding.len()
        ),
        components: Vec::new(),
    })
}

/// One conclusion for all addresses of a name.
fn merge(case: &Case, mut conclusions: Vec<Conclusion>) -> Conclusion {
    if conclusions.len() == 1 {
        return conclusions.swap_remove(0);
    }
    let mut whole = Conclusion::default();
    let verdicts: Vec<Verdict> = conclusions.iter().filter_map(|one| one.verdict).collect();
    let all = |verdict: Verdict| !verdicts.is_empty() && verdicts.iter().all(|one| *one == verdict);
    whole.verdict = Some(if all(Verdict::Reachable) {
        Verdict::Reachable
    } else if all(Verdict::Blocked) {
        Verdict::Blocked
    } else if verdicts.iter().any(|one| matches!(one, Verdict::Reachable | Verdict::Impaired)) {
        Verdict::Impaired
    } else {
        Verdict::Undetermined
    });
    // The address that fails is the one to speak of.
    conclusions.sort_by_key(|one| one.verdict == Some(Verdict::Reachable));
    if let Some(first) = conclusions.first_mut() {
        whole.paths = core::mem::take(&mut first.paths);
        whole.summary = match whole.verdict {
            Some(Verdict::Impaired) => format!(
                "{} has {} addresses, and they do not fare alike. {}",
                case.target.host,
                verdicts.len(),
                first.summary
            ),
            _ => first.summary.clone(),
        };
        whole.next_probe = first.next_probe.take();
    }
    whole.plan = joined(conclusions.iter_mut().filter_map(|one| one.plan.take()));
    for one in conclusions {
        whole.causes.extend(one.causes);
        whole.hypotheses.extend(one.hypotheses);
        whole.asked.extend(one.asked);
        whole.partition.extend(one.partition);
        whole.latency.extend(one.latency);
        for peering in one.peerings {
            if !whole.peerings.contains(&peering) {
                whole.peerings.push(peering);
            }
        }
        for finding in one.findings {
            if !whole.findings.contains(&finding) {
                whole.findings.push(finding);
            }
        }
        for gap in one.gaps {
            if !whole.gaps.contains(&gap) {
                whole.gaps.push(gap);
            }
        }
    }
    whole
}
