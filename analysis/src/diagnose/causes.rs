//! Causes that are established: what configuration shows, and what the target or this machine says.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use peerscope_vocabulary::{Observation, ProbeKind, ProbeRequest};

use super::case::{Case, Question};
use super::observed::{self, Shows, reason, shows};
use super::show;
use crate::cause::CauseCode;
use crate::flow::{FlowBox, Flows, range_words};
use crate::reach::Blocker;
use crate::report::{Affects, Basis, CauseReport, CauseStatus, Evidence, Fix, Tool};
use crate::topology::{ComponentId, Topology};

/// The confidence of a setting that stands in the way and that packets bear out. What is left is for a
/// snapshot that changed in between and for faults of the model.
const BORNE_OUT: f64 = 0.99;
/// The confidence of a setting that no packet was sent against.
const BY_CONFIGURATION: f64 = 0.95;

/// The cause that a gate is. `silent` are the observed flows that it accounts for.
pub(super) fn configured(
    topology: &Topology,
    question: &Question,
    blocker: &Blocker<'_>,
    silent: &Flows,
    observed: &str,
) -> CauseReport {
    let affected = blocker.flows.intersection(&question.asked);
    let borne_out = !silent.intersection(&affected).is_empty();
    let explanation = main_part(blocker).map(|part| blocker.gate.explain(topology, part)).unwrap_or_default();
    let mut evidence: Vec<Evidence> = Vec::new();
    if borne_out {
        evidence.push(Evidence { kind: Basis::Probes, text: observed.to_string(), supports: true });
    }
    let facts = explanation.evidence.into_iter();
    evidence.extend(facts.map(|text| Evidence { kind: Basis::Configuration, text, supports: true }));
    let mut summary = explanation.summary;
    let ports = affected.source_ports();
    if ports != question.asked.source_ports() {
        summary = format!("{} It concerns source ports {} only.", summary, range_words(&ports));
    }
    CauseReport {
        code: blocker.code,
        aws_code: blocker.code.cause().aws_code,
        status: CauseStatus::Established,
        alternatives: None,
        may_have_changed: false,
        component: show::component(Some(topology), &blocker.component),
        related: explanation.related.iter().map(|one| show::component(Some(topology), one)).collect(),
        direction: blocker.direction,
        basis: if borne_out {
            Vec::from([Basis::Configuration, Basis::Probes])
        } else {
            Vec::from([Basis::Configuration])
        },
        confidence: if borne_out { BORNE_OUT } else { BY_CONFIGURATION },
        summary,
        affects: Affects::from(&affected),
        evidence,
        fixes: Vec::new(),
    }
}

/// The part that speaks for a blocker: the largest by number of sources.
fn main_part<'a>(blocker: &Blocker<'a>) -> Option<&'a crate::reach::Part> {
    blocker.parts.iter().copied().max_by_key(|part| {
        let sources = part.flows.sources();
        sources.iter().map(|cidr| u32::from(cidr.max_prefix_len() - cidr.prefix_len())).max()
    })
}

/// The cause that an answer itself names: a refusal, a prohibition, this machine's own refusal.
pub(super) fn answered(case: &Case, question: &Question, observations: &[&Observation]) -> Vec<CauseReport> {
    let mut found: Vec<(CauseCode, Flows, &Observation)> = Vec::new();
    for observation in observations {
        let code = match shows(observation) {
            Shows::Refused => CauseCode::PortClosed,
            Shows::Prohibited | Shows::Unreachable => CauseCode::FirewallReject,
            Shows::LocalPolicy => CauseCode::LocalPolicy,
            Shows::LocalNoRoute => CauseCode::LocalNoRoute,
            Shows::Connected | Shows::Silence | Shows::Nothing => continue,
        };
        let flow = Flows::from(FlowBox::from(observed::flow(observation, case.protocol)));
        match found.iter_mut().find(|(known, ..)| *known == code) {
            Some((_, flows, _)) => *flows = flows.union(&flow),
            None => found.push((code, flow, observation)),
        }
    }
    let everything = observations.iter().all(|observation| shows(observation) != Shows::Connected);
    let cause = |(code, flows, first): (CauseCode, Flows, &Observation)| {
        // Where every probe met the same answer, it is taken to hold for all that was asked.
        let flows = if everything { question.asked.clone() } else { flows };
        answer_cause(case, question, code, &flows, first)
    };
    found.into_iter().map(cause).collect()
}

fn answer_cause(
    case: &Case,
    question: &Question,
    code: CauseCode,
    flows: &Flows,
    observation: &Observation,
) -> CauseReport {
    let topology = case.topology.as_ref();
    let sender = observation.outcome.icmp().and_then(|icmp| icmp.from);
    let (address, port) = (question.address, observation.request.port);
    let here = observed::flow(observation, case.protocol).source;
    let component = match code {
        CauseCode::LocalPolicy | CauseCode::LocalNoRoute => ComponentId::Host(here),
        _ => show::owner(case, question, question.address),
    };
    let said = reason(observation).unwrap_or_default();
    let summary = match code {
        CauseCode::PortClosed => format!("{address} answers and refuses: nothing listens on port {port}."),
        CauseCode::LocalNoRoute => format!("This machine has no route to {address}: no packet left it."),
        CauseCode::LocalPolicy => {
            format!("This machine's own firewall or routes forbid packets to {address}: none left it.")
        }
        _ => match sender {
            Some(sender) if sender == address => {
                let what = case.target.port.map_or("an echo".to_string(), |port| format!("port {port}"));
                format!("The firewall of {address} itself rejects {what}.")
            }
            Some(sender) => {
                format!("{sender}, on the way to {address}, rejects the packets and says so by ICMP.")
            }
            None => format!("Something on the way to {address} rejects the packets and says so by ICMP."),
        },
    };
    let mut evidence = Vec::from([Evidence { kind: Basis::Probes, text: said, supports: true }]);
    if code == CauseCode::PortClosed {
        let what = match observation.request.kind {
            ProbeKind::Udp => "the target's own ICMP port unreachable",
            _ => "a reset",
        };
        evidence.push(Evidence {
            kind: Basis::Probes,
            text: format!(
                "{what} crosses route, security group and network ACL both ways: none of them is the cause"
            ),
            supports: true,
        });
    }
    CauseReport {
        code,
        aws_code: code.cause().aws_code,
        status: CauseStatus::Established,
        alternatives: None,
        may_have_changed: false,
        component: show::component(topology, &component),
        related: sender
            .map(|sender| show::component(topology, &show::owner(case, question, sender)))
            .into_iter()
            .collect(),
        direction: None,
        basis: Vec::from([Basis::Probes]),
        confidence: BORNE_OUT,
        summary,
        affects: Affects::from(flows),
        evidence,
        fixes: Vec::from([by_hand(topology, &component, code, &observation.request)]),
    }
}

/// What a person does where no setting of AWS or Heroku is to be changed.
fn by_hand(
    topology: Option<&Topology>,
    component: &ComponentId,
    code: CauseCode,
    request: &ProbeRequest,
) -> Fix {
    let ProbeRequest { address, port, .. } = request;
    let listening = if request.kind == ProbeKind::Udp { "-lunp" } else { "-ltnp" };
    let (command, explanation) = match code {
        CauseCode::PortClosed => (
            format!("ss {listening} 'sport = :{port}'"),
            format!(
                "On {address}: shows what listens on port {port}. Start the service, or have it listen on {address} or 0.0.0.0 rather than on 127.0.0.1 alone."
            ),
        ),
        CauseCode::LocalNoRoute => (
            format!("ip route get {address}"),
            "On this machine: shows why it has no route; add one.".to_string(),
        ),
        CauseCode::LocalPolicy => (
            "nft list ruleset; ip route show table all".to_string(),
            "On this machine: shows the firewall rules and prohibit routes of its own.".to_string(),
        ),
        _ => (
            "nft list ruleset".to_string(),
            "On the machine that sent the ICMP message: shows the rule that rejects; open the port there."
                .to_string(),
        ),
    };
    show::fix(topology, component, Tool::Manual, command, explanation)
}
