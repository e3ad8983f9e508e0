//! Rules of groups and network ACLs as expressions of nftables.

use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::aws::{
    IpPermission, IpProtocol, NetworkAclEntry, NetworkInterface, RuleAction, SecurityGroup,
};
use peerscope_document::id::SecurityGroupId;

use super::estate::Estate;

/// Which end of a packet a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Rules about what comes in speak of the source.
    In,
    /// Rules about what goes out speak of the destination.
    Out,
}

/// Someone whom a reference to a group means, as the router of this interface sees them.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The router's port that they are behind: their own, or the wire of a peering.
    pub(crate) port: String,
    pub(crate) addresses: Vec<IpAddr>,
}

/// One `return` for each rule of the interface's groups, their union. What none lets through falls out
/// at the end of the chain.
pub(crate) fn group_rules(
    estate: &Estate<'_>,
    interface: &NetworkInterface,
    way: Way,
    members: impl Fn(&SecurityGroupId) -> Vec<Member>,
) -> Vec<String> {
    // The reply of an allowed flow needs no rule, nor does an ICMP error about it.
    let mut lines = vec!["ct state established,related return".to_owned()];
    let groups: Vec<&SecurityGroup> =
        interface.groups.iter().filter_map(|it| estate.security_groups.get(&it.group_id).copied()).collect();
    for permission in groups.iter().flat_map(|group| match way {
        Way::In => &group.ip_permissions,
        Way::Out => &group.ip_permissions_egress,
    }) {
        let Some(service) = service_of(permission) else { continue };
        let version_four = permission.ip_ranges.iter().map(|range| range.cidr_ip.network());
        let version_six = permission.ipv6_ranges.iter().map(|range| range.cidr_ipv6.network());
        let lists = permission.prefix_list_ids.iter();
        let listed = lists.flat_map(|list| estate.blocks_of_prefix_list(&list.prefix_list_id));
        let blocks: Vec<IpNet> = version_four.chain(version_six).chain(listed).collect();
        for peer in blocks_expression(&blocks, way) {
            lines.push(format!("{peer} {service} return"));
        }
        for pair in &permission.user_id_group_pairs {
            // A rule whose peering is gone stays and matches nothing.
            let is_stale = pair.peering_status.as_deref().is_some_and(|status| status != "active");
            let Some(group) = pair.group_id.as_ref().filter(|_| !is_stale) else { continue };
            for member in members(group) {
                // What leaves is judged at the interface, by the address that it is for: which way it will be
                // routed, if any, is not known there.
                let port = match way {
                    Way::In => format!("iifname \"{}\" ", member.port),
                    Way::Out => String::new(),
                };
                let hosts: Vec<IpNet> = member.addresses.iter().copied().map(IpNet::from).collect();
                for peer in blocks_expression(&hosts, way) {
                    lines.push(format!("{port}{peer} {service} return"));
                }
            }
        }
    }
    lines
}

/// The entries of an ACL for one way, in their order; what is denied goes to `drop`.
pub(crate) fn acl_rules(entries: &[NetworkAclEntry], way: Way, drop: &str) -> Vec<String> {
    let mut entries: Vec<&NetworkAclEntry> =
        entries.iter().filter(|entry| entry.egress == (way == Way::Out)).collect();
    entries.sort_by_key(|entry| entry.rule_number);
    let mut lines = Vec::new();
    for entry in entries {
        let Some(service) = service_of_entry(entry) else { continue };
        let verdict = match entry.rule_action {
            RuleAction::Allow => "return".to_owned(),
            _ => format!("goto {drop}"),
        };
        let blocks: Vec<IpNet> =
            [entry.cidr_block, entry.ipv6_cidr_block].into_iter().flatten().map(|it| it.network()).collect();
        for peer in blocks_expression(&blocks, way) {
            lines.push(format!("{peer} {service} {verdict}"));
        }
    }
    lines
}

/// At most one expression for each version of IP.
fn blocks_expression(blocks: &[IpNet], way: Way) -> Vec<String> {
    // nftables takes no overlapping blocks in one set.
    let blocks = IpNet::aggregate(&blocks.to_vec());
    let (version_four, version_six): (Vec<IpNet>, Vec<IpNet>) =
        blocks.into_iter().partition(|block| block.addr().is_ipv4());
    let end = match way {
        Way::In => "saddr",
        Way::Out => "daddr",
    };
    let expression = |version: &str, blocks: Vec<IpNet>| {
        let is_all = blocks.iter().any(|block| block.prefix_len() == 0);
        let list: Vec<String> = blocks.iter().map(ToString::to_string).collect();
        match (list.is_empty(), is_all) {
            (true, _) => None,
            (_, true) if version == "ip" => Some("meta nfproto ipv4".to_owned()),
            (_, true) => Some("meta nfproto ipv6".to_owned()),
            _ => Some(format!("{version} {end} {{ {} }}", list.join(", "))),
        }
    };
    [expression("ip", version_four), expression("ip6", version_six)].into_iter().flatten().collect()
}

fn service_of(permission: &IpPermission) -> Option<String> {
    let any = |value: Option<i32>| value.filter(|&value| value != -1);
    let (from, to) = (any(permission.from_port), any(permission.to_port));
    match permission.ip_protocol {
        // For ICMP the two mean type and code, and a code without a type matches nothing.
        IpProtocol::ICMP | IpProtocol::ICMPV6 => icmp(permission.ip_protocol, from, to),
        protocol => ports(protocol, from, to),
    }
}

fn service_of_entry(entry: &NetworkAclEntry) -> Option<String> {
    let any = |value: Option<i32>| value.filter(|&value| value != -1);
    match entry.protocol {
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            let it = entry.icmp_type_code;
            icmp(entry.protocol, it.and_then(|it| any(it.icmp_type)), it.and_then(|it| any(it.code)))
        }
        protocol => {
            let it = entry.port_range;
            ports(protocol, it.and_then(|it| any(it.from)), it.and_then(|it| any(it.to)))
        }
    }
}

fn icmp(protocol: IpProtocol, kind: Option<i32>, code: Option<i32>) -> Option<String> {
    let name = if protocol == IpProtocol::ICMP { "icmp" } else { "icmpv6" };
    match (kind, code) {
        (None, None) => Some(format!("meta l4proto {name}")),
        (None, Some(_)) => None,
        (Some(kind), None) => Some(format!("{name} type {}", u8::try_from(kind).ok()?)),
        (Some(kind), Some(code)) => {
            Some(format!("{name} type {} {name} code {}", u8::try_from(kind).ok()?, u8::try_from(code).ok()?))
        }
    }
}

/// Only TCP and UDP have ports to AWS; any other protocol matches whole.
fn ports(protocol: IpProtocol, from: Option<i32>, to: Option<i32>) -> Option<String> {
    let name = match protocol {
        IpProtocol::All => return Some(String::new()),
        IpProtocol::TCP => "tcp",
        IpProtocol::UDP => "udp",
        IpProtocol::Number(number) => return Some(format!("meta l4proto {number}")),
    };
    let from = u16::try_from(from.unwrap_or(0)).ok()?;
    let to = u16::try_from(to.unwrap_or(i32::from(u16::MAX))).ok()?;
    match (from, to) {
        (0, u16::MAX) => Some(format!("meta l4proto {name}")),
        _ if from > to => None,
        _ if from == to => Some(format!("{name} dport {from}")),
        _ => Some(format!("{name} dport {from}-{to}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_matched_as_aws_reads_them() {
        assert_eq!(ports(IpProtocol::All, Some(1), Some(2)).as_deref(), Some(""));
        assert_eq!(ports(IpProtocol::TCP, None, None).as_deref(), Some("meta l4proto tcp"));
        assert_eq!(ports(IpProtocol::TCP, Some(5432), Some(5432)).as_deref(), Some("tcp dport 5432"));
        assert_eq!(ports(IpProtocol::UDP, Some(53), Some(60)).as_deref(), Some("udp dport 53-60"));
        assert_eq!(ports(IpProtocol::TCP, Some(9), Some(1)), None);
        assert_eq!(ports(IpProtocol::Number(47), Some(1), Some(2)).as_deref(), Some("meta l4proto 47"));
    }

    #[test]
    fn icmp_reads_type_and_code() {
        let of = |kind, code| icmp(IpProtocol::ICMP, kind, code);
        assert_eq!(of(Some(8), Some(0)).as_deref(), Some("icmp type 8 icmp code 0"));
        assert_eq!(of(Some(3), None).as_deref(), Some("icmp type 3"));
        assert_eq!(of(None, Some(4)), None, "a code without a type matches nothing");
    }

    #[test]
    fn blocks_are_joined_and_sorted_by_version() {
        let blocks: Vec<IpNet> = ["10.0.0.0/24", "10.0.0.0/16", "2001:db8::/32"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        assert_eq!(
            blocks_expression(&blocks, Way::In),
            ["ip saddr { 10.0.0.0/16 }", "ip6 saddr { 2001:db8::/32 }"]
        );
        assert_eq!(blocks_expression(&["0.0.0.0/0".parse().unwrap()], Way::Out), ["meta nfproto ipv4"]);
        assert!(blocks_expression(&[], Way::Out).is_empty());
    }
}
