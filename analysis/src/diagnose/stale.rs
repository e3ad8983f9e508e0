//! Rules that refer to groups across a peering that is no more: they look as if they let packets through,
//! and match nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use peerscope_document::id::NetworkInterfaceId;

use super::case::Question;
use super::show;
use crate::reach::gate::{other_region, permission_words, staleness};
use crate::report::{Finding, Severity};
use crate::topology::{ComponentId, Topology};

/// AWS's word for such rules.
const RULE: &str = "STALE_SECURITY_GROUP_RULE";

/// Every stale reference in the groups that the flows meet, outbound at the source, inbound at the target.
pub(super) fn references(topology: &Topology, question: &Question) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |finding: Finding| {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    };
    for segment in question.answer.iter().flat_map(|answer| &answer.segments) {
        for (interface, ingress) in [(&segment.source.interface, false), (&segment.target.interface, true)] {
            let found = interface.iter().flat_map(|id| of_interface(topology, id, ingress));
            found.for_each(&mut add);
        }
    }
    findings
}

fn of_interface(topology: &Topology, id: &NetworkInterfaceId, ingress: bool) -> Vec<Finding> {
    let Some(interface) = topology.interface(id) else { return Vec::new() };
    let mut findings = Vec::new();
    for group in &interface.security_groups {
        let permissions = topology.security_group(group).and_then(|group| group.permissions(ingress));
        for permission in permissions.unwrap_or_default() {
            for pair in &permission.user_id_group_pairs {
                let regions = interface.vpc.as_ref().zip(pair.vpc_id.as_ref());
                let elsewhere = || regions.and_then(|(own, peer)| other_region(topology, own, peer));
                let Some(reason) = staleness(topology, interface.vpc.as_ref(), pair).or_else(elsewhere)
                else {
                    continue;
                };
                let words: String = permission_words(permission, ingress);
                findings.push(Finding {
                    rule: RULE.into(),
                    severity: Severity::Warning,
                    message: format!(
                        "{group} has a rule, {words}, that refers to a group which it cannot mean any more: {reason}. It matches nothing."
                    ),
                    components: Vec::from([show::component(
                        Some(topology),
                        &ComponentId::SecurityGroup(group.clone()),
                    )]),
                });
            }
        }
    }
    findings
}
