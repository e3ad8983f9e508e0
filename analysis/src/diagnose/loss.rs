//! Some connects succeed and some do not, and no setting of the snapshot accounts for it: packets are
//! lost at random, or a stateless filter judges by the client's port.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_vocabulary::Observation;

use super::case::{Case, Question};
use super::observed::{Shows, shows, source_ports};
use super::show;
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::{Answer, Direction};
use crate::report::{Basis, CauseReport, CauseStatus, Evidence};
use crate::topology::{ComponentId, ComponentType};

/// So many connects that came about only after a packet was sent again are no accident.
const REPEATED: usize = 2;
/// The weight of a port range in an ACL, where one edge divides the ports that pass from those that do
/// not: five random ports fall so by accident once in a few times.
const DIVIDED_BY_AN_EDGE: f64 = 0.75;
/// The same where no edge divides them: it would take several ranges.
const NOT_DIVIDED: f64 = 0.10;
/// The confidence that packets are lost where some had to be sent again to come through.
const LOST: f64 = 0.95;

/// How many connects came about only after a packet was sent again.
pub(super) fn repeated(deciding: &[&Observation]) -> usize {
    deciding.iter().filter(|one| shows(one) == Shows::Connected && one.retransmissions > 0).count()
}

/// Whether packets are lost for certain: no filter lets the same packet through the second time.
pub(super) fn is_certain(deciding: &[&Observation]) -> bool {
    let silent = deciding.iter().any(|one| shows(one) == Shows::Silence);
    repeated(deciding) >= if silent { 1 } else { REPEATED }
}

/// The cause, or the group of candidates, for `flows` of which some pass and some do not.
pub(super) fn causes(
    case: &Case,
    question: &Question,
    deciding: &[&Observation],
    flows: &Flows,
    observed: &str,
) -> Vec<CauseReport> {
    let path = ComponentId::Unknown(ComponentType::Path);
    let address = question.address;
    if is_certain(deciding) {
        let mut cause = cause(case, CauseCode::PacketLoss, &path, &question.asked, observed);
        cause.status = CauseStatus::Established;
        cause.confidence = LOST;
        cause.summary =
            format!("Packets to or from {address} are lost on the way, whichever port they come from.");
        cause.evidence.push(Evidence {
            kind: Basis::Probes,
            text: format!(
                "{} connects succeeded only after the SYN was sent again, which no filter on ports allows",
                repeated(deciding)
            ),
            supports: true,
        });
        return Vec::from([cause]);
    }
    let filter = if divided_by_an_edge(deciding) { DIVIDED_BY_AN_EDGE } else { NOT_DIVIDED };
    let group = Some(format!("mixed-{address}"));
    let mut found = Vec::new();
    let acls = question.answer.as_ref().map(network_acls).unwrap_or_default();
    let unknown = [(ComponentId::Unknown(ComponentType::NetworkAcl), Some(Direction::Return))];
    let acls: &[_] = if acls.is_empty() { &unknown } else { &acls };
    for (component, direction) in acls {
        let mut cause = cause(case, CauseCode::SubnetAclRestriction, component, flows, observed);
        cause.direction = *direction;
        cause.confidence = filter / acls.len() as f64;
        cause.summary = format!(
            "A network ACL lets replies to some of the client's ports through and others not ({}).",
            ports_words(deciding)
        );
        found.push(cause);
    }
    let mut loss = cause(case, CauseCode::PacketLoss, &path, flows, observed);
    loss.confidence = 1.0 - filter;
    loss.summary = format!("Packets to or from {address} are lost on the way, or the host is overloaded.");
    found.push(loss);
    for cause in &mut found {
        cause.alternatives.clone_from(&group);
    }
    found.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    found
}

/// The ACLs that judge replies by the client's port.
fn network_acls(answer: &Answer) -> Vec<(ComponentId, Option<Direction>)> {
    let mut found = Vec::new();
    for evaluated in answer.segments.iter().flat_map(|segment| &segment.gates) {
        let acl = (evaluated.gate.component(), evaluated.gate.direction());
        let judges = acl.0.component_type() == ComponentType::NetworkAcl && acl.1 == Some(Direction::Return);
        if judges && !found.contains(&acl) {
            found.push(acl);
        }
    }
    found
}

/// Whether all ports that pass lie on one side of all that do not.
fn divided_by_an_edge(deciding: &[&Observation]) -> bool {
    let (passing, silent) =
        (source_ports(deciding, Shows::Connected), source_ports(deciding, Shows::Silence));
    match (passing.first().zip(passing.last()), silent.first().zip(silent.last())) {
        (Some((first, last)), Some((lowest, highest))) => last < lowest || highest < first,
        _ => false,
    }
}

fn ports_words(deciding: &[&Observation]) -> String {
    let ports = |wanted: Shows| {
        source_ports(deciding, wanted).iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    format!("{} passed, {} did not", ports(Shows::Connected), ports(Shows::Silence))
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
