//! What stops packets by rule: network ACLs and security groups.

use std::net::IpAddr;

use peerscope_document::aws::{IpPermission, NetworkAcl, NetworkAclEntry, NetworkInterface, RuleAction};

use super::estate::{Estate, Place};
use super::{Blocker, Packet, blocker};

/// The ACL of a subnet against one packet: entries of the packet's direction by ascending number, the
/// first that matches decides, and where none does the packet is dropped.
pub(super) fn network_acl(
    estate: &Estate<'_>,
    vpc: &str,
    subnet: &str,
    packet: Packet,
    leaves: bool,
    direction: &'static str,
) -> Option<Blocker> {
    let acls = || {
        let all = estate.aws().flat_map(|aws| aws.network_acls.iter().flatten());
        all.filter(|acl| acl.vpc_id.as_str() == vpc)
    };
    let is_associated = |acl: &&NetworkAcl| {
        acl.associations
            .iter()
            .any(|association| association.subnet_id.as_ref().is_some_and(|id| id.as_str() == subnet))
    };
    let acl = acls().find(is_associated).or_else(|| acls().find(|acl| acl.is_default))?;
    let mut entries: Vec<&NetworkAclEntry> =
        acl.entries.iter().filter(|entry| entry.egress == leaves).collect();
    entries.sort_by_key(|entry| entry.rule_number);
    let other_side = if leaves { packet.to } else { packet.from };
    let first = entries.into_iter().find(|entry| {
        let block = match other_side {
            IpAddr::V4(_) => entry.cidr_block,
            IpAddr::V6(_) => entry.ipv6_cidr_block,
        };
        let (from, to) = if packet.is_icmp() {
            (
                entry.icmp_type_code.and_then(|pair| pair.icmp_type),
                entry.icmp_type_code.and_then(|pair| pair.code),
            )
        } else {
            (entry.port_range.and_then(|range| range.from), entry.port_range.and_then(|range| range.to))
        };
        block.is_some_and(|block| block.network().contains(&other_side))
            && packet.is_meant_by(entry.protocol, from, to)
    });
    let allowed = first.is_some_and(|entry| entry.rule_action == RuleAction::Allow);
    (!allowed)
        .then(|| blocker("network-acl", acl.network_acl_id.as_str(), direction, "SUBNET_ACL_RESTRICTION"))
}

/// The groups of an interface against a call: let through where any rule of any group does. `calls` is
/// for the interface that begins the call. `peer_place` is where the other side is.
pub(super) fn groups(
    estate: &Estate<'_>,
    interface: &NetworkInterface,
    peer_place: &Place,
    packet: Packet,
    calls: bool,
) -> Option<Blocker> {
    let all = || estate.aws().flat_map(|aws| aws.security_groups.iter().flatten());
    let mut rules: Vec<&IpPermission> = Vec::new();
    for attached in &interface.groups {
        for group in all().filter(|group| group.group_id == attached.group_id) {
            rules.extend(if calls { &group.ip_permissions_egress } else { &group.ip_permissions });
        }
    }
    let peer = if calls { packet.to } else { packet.from };
    let lets_through = |rule: &&IpPermission| {
        packet.is_meant_by(rule.ip_protocol, rule.from_port, rule.to_port)
            && names_peer(estate, rule, peer_place, peer)
    };
    if rules.iter().any(lets_through) {
        return None;
    }
    let nothing_at_all = rules.is_empty() && !interface.groups.is_empty();
    let code = if nothing_at_all { "SG_HAS_NO_RULES" } else { "ENI_SG_RULES_MISMATCH" };
    Some(blocker("network-interface", interface.network_interface_id.as_str(), "forward", code))
}

/// Whether one of a rule's peers is the other side.
fn names_peer(estate: &Estate<'_>, rule: &IpPermission, place: &Place, peer: IpAddr) -> bool {
    if rule.ip_ranges.iter().any(|range| range.cidr_ip.network().contains(&peer)) {
        return true;
    }
    if rule.ipv6_ranges.iter().any(|range| range.cidr_ipv6.network().contains(&peer)) {
        return true;
    }
    for list in &rule.prefix_list_ids {
        if estate.prefix_list(list.prefix_list_id.as_str()).iter().any(|block| block.contains(&peer)) {
            return true;
        }
    }
    // A reference means interfaces, so the other side must be one: a dyno's groups are nobody's to name.
    let Place::Vpc(vpc) = place else { return false };
    let Some(owner) = estate.owner(vpc, peer) else { return false };
    rule.user_id_group_pairs.iter().any(|pair| {
        let said = pair.peering_status.as_deref();
        // A reference through a peering holds while that is active: by its own document, else by what
        // the rule says of it; of one that nothing lists or says anything, it is gone.
        let holds = match &pair.vpc_peering_connection_id {
            None => said.is_none_or(|status| status == "active"),
            Some(id) => match estate.peering_status(id.as_str()) {
                Some(status) => status == "active" && said.is_none_or(|status| status == "active"),
                None => said == Some("active"),
            },
        };
        holds && owner.groups.iter().any(|group| Some(&group.group_id) == pair.group_id.as_ref())
    })
}
