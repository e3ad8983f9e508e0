//! Candidates for silence that no established cause accounts for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::case::{Case, Question};
use super::prior::{Prior, UNCONFIGURED, UNEXPLAINED, UNKNOWN_GATE_WEIGHT};
use super::show;
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::report::{Affects, Basis, CauseReport, CauseStatus, Evidence, NextProbe};
use crate::topology::{ComponentId, ComponentType, Topology};

/// The group of candidates for `silent` flows: of it at least one holds, and one is taken to hold.
pub(super) fn candidates(
    case: &Case,
    question: &Question,
    silent: &Flows,
    observed: &str,
) -> Vec<CauseReport> {
    let group = format!("silence-{}", question.address);
    let topology = case.topology.as_ref();
    let mut found: Vec<(f64, CauseReport)> = Vec::new();
    if let (Some(answer), Some(topology)) = (&question.answer, topology) {
        for unknown in answer.unknowns() {
            let flows = unknown.flows.intersection(silent);
            let Some(part) = unknown.parts.first().filter(|_| !flows.is_empty()) else { continue };
            let explanation = unknown.gate.explain(topology, part);
            let mut cause = report(case, unknown.code, &group, &unknown.component, &flows);
            cause.direction = unknown.direction;
            cause.summary = explanation.summary;
            cause.related =
                explanation.related.iter().map(|one| show::component(Some(topology), one)).collect();
            found.push((UNKNOWN_GATE_WEIGHT, cause));
        }
    }
    let priors: &[Prior] = if question.answer.is_some() { UNEXPLAINED } else { UNCONFIGURED };
    for prior in priors {
        let component = component_of(case, question, prior.code);
        let mut cause = report(case, prior.code, &group, &component, silent);
        cause.direction = prior.direction;
        cause.summary = prior.summary.to_string();
        found.push((prior.weight, cause));
    }
    let whole: f64 = found.iter().map(|(weight, _)| weight).sum();
    for (weight, cause) in &mut found {
        cause.confidence = *weight / whole;
        cause.evidence.push(Evidence { kind: Basis::Probes, text: observed.to_string(), supports: true });
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.into_iter().map(|(_, cause)| cause).collect()
}

/// Where a cause would lie: the target's interface where it is known, else nobody knows which.
fn component_of(case: &Case, question: &Question, code: CauseCode) -> ComponentId {
    let component_type = code.cause().component;
    match (question.answer.is_some(), component_type) {
        (true, ComponentType::NetworkInterface) => target_component(case, question),
        (false, ComponentType::NetworkInterface)
            if matches!(code, CauseCode::HostSilent | CauseCode::HostFirewall) =>
        {
            ComponentId::Host(question.address)
        }
        _ => ComponentId::Unknown(component_type),
    }
}

/// The target's interface, else the host at its address.
pub(super) fn target_component(case: &Case, question: &Question) -> ComponentId {
    let interface = case
        .topology
        .as_ref()
        .zip(question.networks.as_ref())
        .and_then(|(topology, (_, target))| topology.interface_in(target, question.address));
    interface.map_or(ComponentId::Host(question.address), |id| ComponentId::NetworkInterface(id.clone()))
}

fn report(case: &Case, code: CauseCode, group: &str, component: &ComponentId, flows: &Flows) -> CauseReport {
    CauseReport {
        code,
        aws_code: code.cause().aws_code,
        status: CauseStatus::Candidate,
        alternatives: Some(group.into()),
        component: show::component(case.topology.as_ref(), component),
        related: Vec::new(),
        direction: None,
        basis: Vec::from([Basis::Probes]),
        confidence: 0.0,
        summary: String::new(),
        affects: Affects::from(flows),
        evidence: Vec::new(),
        fixes: Vec::new(),
    }
}

/// What would tell the candidates apart.
pub(super) fn next_probe(case: &Case, question: &Question, causes: &[CauseReport]) -> Option<NextProbe> {
    let candidates: Vec<&CauseReport> =
        causes.iter().filter(|cause| cause.status == CauseStatus::Candidate).collect();
    let mut tells_apart: Vec<CauseCode> = candidates.iter().map(|cause| cause.code).collect();
    tells_apart.dedup();
    if tells_apart.len() < 2 {
        return None;
    }
    let port = case.target.port.map(|port| format!(":{port}")).unwrap_or_default();
    let host = match question.address {
        core::net::IpAddr::V4(address) => address.to_string(),
        core::net::IpAddr::V6(address) => format!("[{address}]"),
    };
    Some(match case.topology.as_ref().is_some_and(has_documents) {
        false => NextProbe {
            what: "read the configuration of the target's VPC".into(),
            how: "save the output of aws ec2 describe-vpcs, describe-subnets, describe-route-tables, describe-security-groups, describe-network-acls, describe-vpc-peering-connections and describe-network-interfaces as JSON files in one folder, and give it by --snapshot".into(),
            tells_apart,
        },
        true => NextProbe {
            what: "probe the same port from a host in the target's subnet".into(),
            how: format!("on another host of that subnet, whose way there passes neither peering nor network ACL: peerscope why tcp://{host}{port}"),
            tells_apart,
        },
    })
}

fn has_documents(topology: &Topology) -> bool {
    topology.vpcs().any(|(_, vpc)| vpc.documented)
}
