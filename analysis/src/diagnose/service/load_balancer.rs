//! A load balancer that is not in service, does not listen, or has nothing healthy behind it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{capitalised, finding, words};
use crate::diagnose::case::Case;
use crate::report::{Finding, Severity};
use crate::topology::{LoadBalancer, LoadBalancerListener, Service, Target, TargetGroup, Topology};

/// AWS's code for a load balancer whose listeners do not take the packet.
const LISTENERS_MISMATCH: &str = "ELBV2_LISTENERS_MISMATCH";

pub(super) fn findings(
    case: &Case,
    topology: &Topology,
    service: &Service,
    balancer: &LoadBalancer,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |rule: &str, severity: Severity, message: String| {
        findings.push(finding(topology, service, rule, severity, message));
    };
    let who = capitalised(&words(service));
    if let Some(state) = balancer.state.as_deref().filter(|state| *state != "active" && !state.is_empty()) {
        add(
            "LOAD_BALANCER_NOT_ACTIVE",
            Severity::Warning,
            format!("{who} was {state} and not active when the snapshot was taken."),
        );
    }
    let (Some(listeners), Some(port)) = (&balancer.listeners, case.target.port) else { return findings };
    let own: Vec<&LoadBalancerListener> =
        listeners.iter().filter(|listener| takes(listener, case.protocol, port)).collect();
    if own.is_empty() {
        let all: Vec<String> = listeners.iter().map(listener_words).collect();
        add(
            LISTENERS_MISMATCH,
            Severity::Warning,
            format!(
                "{who} has no listener on {} {port}: it listens on {}.",
                case.target.protocol,
                all.join(", ")
            ),
        );
    }
    for group in own.iter().flat_map(|listener| &listener.target_groups) {
        let Some(targets) = &group.targets else { continue };
        if let Some(message) = unhealthy(&who, group, targets) {
            add("NO_HEALTHY_TARGET", Severity::Warning, message);
        } else if let Some(message) = unhealthy_zones(&who, balancer, group, targets) {
            add("NO_HEALTHY_TARGET_IN_ZONE", Severity::Info, message);
        }
    }
    findings
}

/// Whether a listener takes what is sent to a port.
fn takes(listener: &LoadBalancerListener, protocol: u8, port: u16) -> bool {
    let speaks = match (listener.protocol.as_str(), protocol) {
        ("UDP" | "QUIC", 6) | ("TCP" | "TLS" | "HTTP" | "HTTPS", 17) => false,
        (_, 6 | 17) => true,
        _ => false,
    };
    speaks && listener.port.is_none_or(|own| own == port)
}

fn listener_words(listener: &LoadBalancerListener) -> String {
    let port = listener.port.map_or_else(|| "every port".to_string(), |port| port.to_string());
    match listener.protocol.is_empty() {
        true => port,
        false => format!("{} {port}", listener.protocol),
    }
}

fn group_words(group: &TargetGroup) -> String {
    group.name.clone().unwrap_or_else(|| group.arn.to_string())
}

/// A group of which nothing takes traffic. What a load balancer does then is its own to say: it sends to all targets, or
/// to none.
fn unhealthy(who: &str, group: &TargetGroup, targets: &[Target]) -> Option<String> {
    let name = group_words(group);
    if targets.is_empty() {
        return Some(format!("{who} leads to the target group {name}, in which no target is registered."));
    }
    if targets.iter().any(Target::is_healthy) {
        return None;
    }
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for target in targets {
        let state = target.state.as_ref().map_or("unknown", |state| state.as_str());
        let words = match &target.reason {
            Some(reason) => format!("{state} ({reason})"),
            None => state.to_string(),
        };
        *states.entry(words).or_default() += 1;
    }
    let states: Vec<String> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    Some(format!(
        "{who} leads to the target group {name}, of which no target was healthy when the snapshot was taken: {}.",
        states.join(", ")
    ))
}

/// Zones without a healthy target, at a load balancer whose interface in a zone leads to that zone's targets alone.
fn unhealthy_zones(
    who: &str,
    balancer: &LoadBalancer,
    group: &TargetGroup,
    targets: &[Target],
) -> Option<String> {
    if !balancer.keeps_to_zones {
        return None;
    }
    let healthy = targets.iter().filter(|target| target.is_healthy());
    // One whose zone is not known may be in any.
    let zones: Option<BTreeSet<&str>> = healthy.map(|target| target.zone.as_deref()).collect();
    let zones = zones.filter(|zones| !zones.contains("all"))?;
    let without: Vec<&str> =
        balancer.zones.iter().map(String::as_str).filter(|zone| !zones.contains(zone)).collect();
    if without.is_empty() {
        return None;
    }
    Some(format!(
        "{who} has no healthy target of {} in {}: unless cross-zone load balancing is switched on, which no document of the snapshot tells, its addresses there lead nowhere.",
        group_words(group),
        without.join(", ")
    ))
}
