//! Routes, entries and permissions by the words that a person would say.

use peerscope_document::aws::{
    IcmpTypeCode, IpPermission, IpProtocol, IpRange, Ipv6Range, NetworkAclEntry, PortRange,
    PrefixListIdentifier, Route, RouteOrigin, RouteState, RuleAction, UserIdGroupPair,
};

use super::cidr;

/// An active static route. The destination is a block or a prefix list, the target `local` or an id,
/// whose prefix tells its kind.
pub(crate) fn route(destination: &str, target: &str) -> Route {
    let mut route = Route {
        state: Some(RouteState::Active),
        origin: Some(if target == "local" {
            RouteOrigin::CreateRouteTable
        } else {
            RouteOrigin::CreateRoute
        }),
        ..Route::default()
    };
    match destination {
        list if list.starts_with("pl-") => route.destination_prefix_list_id = Some(list.into()),
        block if block.contains(':') => route.destination_ipv6_cidr_block = Some(cidr(block)),
        block => route.destination_cidr_block = Some(cidr(block)),
    }
    match target.split('-').next() {
        Some("pcx") => route.vpc_peering_connection_id = Some(target.into()),
        Some("nat") => route.nat_gateway_id = Some(target.into()),
        Some("tgw") => route.transit_gateway_id = Some(target.into()),
        Some("i") => route.instance_id = Some(target.into()),
        Some("lgw") => route.local_gateway_id = Some(target.into()),
        Some("cagw") => route.carrier_gateway_id = Some(target.into()),
        Some("eigw") => route.egress_only_internet_gateway_id = Some(target.into()),
        _ if target.starts_with("arn:") => route.core_network_arn = Some(target.into()),
        Some("eni") => route.network_interface_id = Some(target.into()),
        _ => route.gateway_id = Some(target.into()),
    }
    route
}

/// The same route as a virtual private gateway would have propagated it.
pub(crate) fn propagated(route: Route) -> Route {
    Route { origin: Some(RouteOrigin::EnableVgwRoutePropagation), ..route }
}

/// Whether a route leads over the peering.
pub(crate) fn over_peering(route: &Route, peering: &str) -> bool {
    route.vpc_peering_connection_id.as_ref().is_some_and(|id| id.as_str() == peering)
}

/// An entry of a network ACL; `towards` is `in` or `out`. `range` is the ports, or ICMP's type and code.
pub(crate) fn entry(
    towards: &str,
    rule_number: i32,
    action: &str,
    protocol: IpProtocol,
    range: Option<(i32, i32)>,
    block: &str,
) -> NetworkAclEntry {
    let icmp = matches!(protocol, IpProtocol::ICMP | IpProtocol::ICMPV6);
    let block = cidr(block);
    let ipv6 = block.network().addr().is_ipv6();
    NetworkAclEntry {
        rule_number,
        egress: towards == "out",
        rule_action: RuleAction::from(action),
        protocol,
        cidr_block: Some(block).filter(|_| !ipv6),
        ipv6_cidr_block: Some(block).filter(|_| ipv6),
        port_range: range.filter(|_| !icmp).map(|(from, to)| PortRange { from: Some(from), to: Some(to) }),
        icmp_type_code: range
            .filter(|_| icmp)
            .map(|(icmp_type, code)| IcmpTypeCode { icmp_type: Some(icmp_type), code: Some(code) }),
    }
}

/// What AWS puts into the default ACL: everything both ways at #100, and the final denies.
pub(crate) fn open_entries() -> Vec<NetworkAclEntry> {
    let mut entries = Vec::new();
    for towards in ["in", "out"] {
        entries.push(entry(towards, 100, "allow", IpProtocol::All, None, "0.0.0.0/0"));
        entries.push(entry(towards, 101, "allow", IpProtocol::All, None, "::/0"));
        entries.push(entry(towards, 32767, "deny", IpProtocol::All, None, "0.0.0.0/0"));
        entries.push(entry(towards, 32768, "deny", IpProtocol::All, None, "::/0"));
    }
    entries
}

/// A permission. Peers are blocks, prefix lists or groups; `range` is the ports, or ICMP's type and code.
pub(crate) fn permission(protocol: IpProtocol, range: Option<(i32, i32)>, peers: &[&str]) -> IpPermission {
    let mut made = IpPermission {
        ip_protocol: protocol,
        from_port: range.map(|(from, _)| from),
        to_port: range.map(|(_, to)| to),
        ip_ranges: Vec::new(),
        ipv6_ranges: Vec::new(),
        prefix_list_ids: Vec::new(),
        user_id_group_pairs: Vec::new(),
    };
    for peer in peers {
        if peer.starts_with("pl-") {
            let prefix_list_id = (*peer).into();
            made.prefix_list_ids.push(PrefixListIdentifier { prefix_list_id, description: None });
        } else if peer.starts_with("sg-") {
            made.user_id_group_pairs.push(UserIdGroupPair {
                group_id: Some((*peer).into()),
                user_id: None,
                vpc_id: None,
                vpc_peering_connection_id: None,
                peering_status: None,
                description: None,
            });
        } else if peer.contains(':') {
            made.ipv6_ranges.push(Ipv6Range { cidr_ipv6: cidr(peer), description: None });
        } else {
            made.ip_ranges.push(IpRange { cidr_ip: cidr(peer), description: None });
        }
    }
    made
}

/// A permission for one TCP port and one peer.
pub(crate) fn tcp(port: u16, peer: &str) -> IpPermission {
    permission(IpProtocol::TCP, Some((i32::from(port), i32::from(port))), &[peer])
}
