//! Rules that name the space's NAT addresses. They are what a dyno has on the internet; over a peering it
//! comes with its own private address, so such a rule does not let it in.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::id::SecurityGroupId;

use super::case::Question;
use super::show;
use crate::cause::CauseCode;
use crate::report::{Finding, Severity};
use crate::rule::RuleId;
use crate::topology::{ComponentId, NetworkId, Space, Topology};

/// The rules of the groups that block the space's dynos and let in its NAT addresses, where there are any.
pub(super) fn mistaken(topology: &Topology, question: &Question) -> Vec<Finding> {
    let (Some(space), Some(answer)) = (topology.space(), &question.answer) else { return Vec::new() };
    if !matches!(&question.networks, Some((NetworkId::Space, _))) {
        return Vec::new();
    }
    let blockers = answer.blockers().into_iter();
    let by_groups = blockers.filter(|blocker| blocker.code == CauseCode::EniSgRulesMismatch);
    let interfaces = by_groups.filter_map(|blocker| match blocker.component {
        ComponentId::NetworkInterface(id) => topology.interface(&id),
        _ => None,
    });
    let mut findings: Vec<Finding> = Vec::new();
    for group in interfaces.flat_map(|interface| &interface.security_groups) {
        let finding = of_group(topology, space, group).filter(|finding| !findings.contains(finding));
        findings.extend(finding);
    }
    findings
}

fn of_group(topology: &Topology, space: &Space, id: &SecurityGroupId) -> Option<Finding> {
    let permissions = topology.security_group(id)?.permissions(true)?;
    let blocks = permissions.iter().flat_map(|one| &one.ip_ranges).map(|range| range.cidr_ip.network());
    // A block that holds dynos too is no mistake: it lets them in.
    let holds_dynos =
        |block: &ipnet::IpNet| space.dyno_blocks.iter().any(|dynos| block.contains(&dynos.network()));
    let named: Vec<IpAddr> = blocks
        .filter(|block| !holds_dynos(block))
        .flat_map(|block| space.nat_sources.iter().copied().filter(move |source| block.contains(source)))
        .collect();
    let first = named.first()?;
    let more = match named.iter().filter(|source| *source != first).count() {
        0 => "".to_string(),
        count => format!(" and {count} more"),
    };
    Some(Finding {
        rule: RuleId::GroupsDoNotNameNat.to_string(),
        severity: Severity::Warning,
        message: format!(
            "{id} lets in {first}{more}, the space's NAT: over the peering dynos come from their private addresses, which it does not let in."
        ),
        components: Vec::from([show::component(Some(topology), &ComponentId::SecurityGroup(id.clone()))]),
    })
}
