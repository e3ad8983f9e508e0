//! Which route takes a packet, and how far a peering carries it.

use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::aws::{Route, RouteOrigin, RouteState, RouteTable};

use super::estate::{Estate, Joining, Place};
use super::{Blocker, Packet, blocker};

/// A route that could take a packet to one address, with the length of the block that matches.
struct Matching<'a> {
    route: &'a Route,
    length: u8,
}

/// The routes of a table that could take a packet to an address, the one that does first.
fn matching<'a>(estate: &Estate<'_>, table: &'a RouteTable, address: IpAddr) -> Vec<Matching<'a>> {
    let mut matching: Vec<Matching<'_>> = Vec::new();
    for route in &table.routes {
        if route.state == Some(RouteState::Filtered) {
            continue;
        }
        for block in blocks(estate, route).into_iter().filter(|block| block.contains(&address)) {
            // A propagated route that overlaps the local one loses to it, however long it is.
            let inside = |local: IpNet| local.contains(&block);
            if is_propagated(route) && local_blocks(table).into_iter().any(inside) {
                continue;
            }
            matching.push(Matching { route, length: block.prefix_len() });
        }
    }
    matching.sort_by_key(|one| (std::cmp::Reverse(one.length), rank(one.route)));
    matching
}

/// What the table hands a packet to where that is neither a peering nor a way out to the internet: it may
/// carry the packet to another VPC, and nothing here tells whether it does.
pub(super) fn something_else(
    estate: &Estate<'_>,
    vpc: &str,
    subnet: &str,
    address: IpAddr,
    direction: &'static str,
) -> Option<Blocker> {
    let matching = matching(estate, effective(estate, vpc, subnet)?, address);
    let route = matching.first()?.route;
    if route.state == Some(RouteState::Blackhole) {
        return None;
    }
    let perhaps =
        |kind, id: &str, code| Some(Blocker { unknown: true, ..blocker(kind, id, direction, code) });
    if let Some(id) = &route.transit_gateway_id {
        return perhaps("transit-gateway", id, "TGW_RTB_ROUTES_ARE_UNKNOWN");
    }
    if let Some(id) = route.gateway_id.as_ref().filter(|id| id.starts_with("vgw-")) {
        return perhaps("vpn-gateway", id, "UNSUPPORTED_COMPONENT");
    }
    let id = route.network_interface_id.as_ref()?;
    let mut interfaces = estate.aws().flat_map(|aws| aws.network_interfaces.iter().flatten());
    let interface = interfaces.find(|one| one.network_interface_id == *id)?;
    // An interface takes what is for its own addresses alone, until its check is turned off.
    match interface.source_dest_check {
        Some(false) => perhaps("network-interface", id.as_str(), "UNSUPPORTED_COMPONENT"),
        _ => Some(blocker("network-interface", id.as_str(), direction, "ENI_SOURCE_DEST_CHECK_RESTRICTION")),
    }
}

/// Whether the table hands a packet to the peering.
pub(super) fn is_over(
    estate: &Estate<'_>,
    vpc: &str,
    subnet: &str,
    address: IpAddr,
    peering: &Joining,
) -> bool {
    effective(estate, vpc, subnet).is_some_and(|table| {
        matching(estate, table, address).first().is_some_and(|one| leads_over(one.route, peering))
    })
}

fn leads_over(route: &Route, peering: &Joining) -> bool {
    route.vpc_peering_connection_id.as_ref().is_some_and(|id| id.as_str() == peering.id)
}

/// The effective table of a subnet against a packet for `address`, which should cross the peering where
/// there is one.
pub(super) fn table(
    estate: &Estate<'_>,
    vpc: &str,
    subnet: &str,
    address: IpAddr,
    peering: Option<&Joining>,
    direction: &'static str,
) -> Option<Blocker> {
    let table = effective(estate, vpc, subnet)?;
    let matching = matching(estate, table, address);
    let is_active = peering.is_some_and(Joining::is_active);
    let over = |route: &Route| peering.is_some_and(|peering| leads_over(route, peering));
    let lost = |code| Some(blocker("route-table", table.route_table_id.as_str(), direction, code));
    let Some(winner) = matching.first() else { return lost("NO_ROUTE_TO_DESTINATION") };
    if over(winner.route) {
        let dead = winner.route.state == Some(RouteState::Blackhole);
        // Of a peering that is not active a blackhole is a consequence.
        return if dead && is_active { lost("BAD_STATE_ROUTE") } else { None };
    }
    match matching.iter().find(|one| over(one.route)) {
        Some(loser) if loser.length < winner.length => lost("MORE_SPECIFIC_ROUTE"),
        Some(_) => lost("HIGHER_PRIORITY_ROUTE"),
        // "A route to a dead or wrong peering while the intended one is active."
        None if winner.route.vpc_peering_connection_id.is_some() && is_active => lost("BAD_STATE_ROUTE"),
        None => lost("NO_ROUTE_TO_DESTINATION"),
    }
}

/// The table with the subnet's association, else the VPC's main one.
fn effective<'a>(estate: &Estate<'a>, vpc: &str, subnet: &str) -> Option<&'a RouteTable> {
    let tables = || {
        let all = estate.aws().flat_map(|aws| aws.route_tables.iter().flatten());
        all.filter(|table| table.vpc_id.as_str() == vpc)
    };
    let of_subnet = |table: &&RouteTable| {
        table
            .associations
            .iter()
            .any(|one| one.is_in_force() && one.subnet_id.as_ref().is_some_and(|id| id.as_str() == subnet))
    };
    let is_main = |table: &&RouteTable| table.associations.iter().any(|one| one.is_in_force() && one.main);
    tables().find(of_subnet).or_else(|| tables().find(is_main))
}

fn blocks(estate: &Estate<'_>, route: &Route) -> Vec<IpNet> {
    let mut blocks: Vec<IpNet> = route.destination_cidr_block.iter().map(|block| block.network()).collect();
    blocks.extend(route.destination_ipv6_cidr_block.iter().map(|block| block.network()));
    if let Some(list) = &route.destination_prefix_list_id {
        blocks.extend(estate.prefix_list(list.as_str()));
    }
    blocks
}

fn local_blocks(table: &RouteTable) -> Vec<IpNet> {
    let local = table.routes.iter().filter(|route| route.gateway_id.as_deref() == Some("local"));
    local
        .flat_map(|route| route.destination_cidr_block.iter().chain(&route.destination_ipv6_cidr_block))
        .map(|block| block.network())
        .collect()
}

fn is_propagated(route: &Route) -> bool {
    matches!(route.origin, Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement))
}

/// At equal length: static before prefix list before propagated.
fn rank(route: &Route) -> u8 {
    match (is_propagated(route), route.destination_prefix_list_id.is_some()) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    }
}

/// A peering ends at the VPC: what lies behind it is not reached, and a space reaches, and answers, the
/// primary CIDR alone.
pub(super) fn beyond_the_peering(
    estate: &Estate<'_>,
    from: &Place,
    to: &Place,
    packet: Packet,
) -> Vec<Blocker> {
    let mut found = Vec::new();
    if let Place::Vpc(id) = to {
        found.extend(beyond(estate, id, packet.to, *from == Place::Space, "forward"));
    }
    if let (Place::Vpc(id), Place::Space) = (from, to) {
        found.extend(beyond(estate, id, packet.from, true, "return"));
    }
    found
}

fn beyond(
    estate: &Estate<'_>,
    id: &str,
    address: IpAddr,
    from_space: bool,
    direction: &'static str,
) -> Option<Blocker> {
    let vpc = estate.vpc(id)?;
    let primary = vpc.cidr_block.into_iter().map(|block| block.network());
    let ipv4 = vpc.cidr_block_association_set.iter().map(|one| one.cidr_block.network());
    let ipv6 = vpc.ipv6_cidr_block_association_set.iter().map(|one| one.ipv6_cidr_block.network());
    if primary.clone().any(|block| block.contains(&address)) {
        return None;
    }
    let inside = primary.chain(ipv4).chain(ipv6).any(|block| block.contains(&address));
    match (inside, from_space) {
        (true, false) => None,
        (true, true) => Some(blocker("vpc", id, direction, "SECONDARY_CIDR_UNREACHABLE")),
        (false, _) => Some(blocker("vpc", id, direction, "TRANSITIVE_PEERING")),
    }
}
