//! Effective routes: which route of a table wins for each destination, and what the twin does with it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::aws::{Route, RouteOrigin, RouteState, RouteTable, Vpc};
use peerscope_document::id::VpcPeeringConnectionId;

use super::estate::Estate;

/// Where a route leads in the twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To the hosts of the same VPC.
    Local,
    /// Over a wire.
    Wire(VpcPeeringConnectionId),
    /// Nowhere: a blackhole, a peering that is not active, or a target that the twin does not have.
    Nowhere,
}

/// A table's routes, the winner for each destination.
pub(crate) type Effective = BTreeMap<IpNet, Leads>;

/// At equal length a static route beats one of a prefix list, and that a propagated one (VPC guide,
/// "Route priority").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Static,
    PrefixList,
    Propagated,
}

/// Resolves a table of a VPC. `is_wired` tells whether a peering has a wire from this VPC.
pub(crate) fn effective(
    estate: &Estate<'_>,
    vpc: Option<&Vpc>,
    table: Option<&RouteTable>,
    is_wired: impl Fn(&VpcPeeringConnectionId) -> bool,
) -> Effective {
    let blocks = vpc.map(|vpc| estate.blocks_of(vpc)).unwrap_or_default();
    let mut winners: BTreeMap<IpNet, (Rank, Leads)> = BTreeMap::new();
    let routes = table.map(|table| table.routes.as_slice()).unwrap_or_default();
    for route in routes.iter().filter(|route| route.state != Some(RouteState::Filtered)) {
        let rank = rank(route);
        for destination in destinations(estate, route) {
            // A propagated route never takes traffic of the VPC itself, not even a longer one.
            let inside = blocks.iter().any(|block| overlap(block, &destination));
            if rank == Rank::Propagated && inside {
                continue;
            }
            let beaten = winners.get(&destination).is_some_and(|(other, _)| *other <= rank);
            if !beaten {
                winners.insert(destination, (rank, leads(route, &is_wired)));
            }
        }
    }
    let mut effective: Effective = winners.into_iter().map(|(block, (_, leads))| (block, leads)).collect();
    // The local routes cannot be deleted; a document that lacks them was shortened by hand.
    for block in blocks {
        effective.entry(block).or_insert(Leads::Local);
    }
    effective
}

/// The route that an address takes: the longest destination that holds it.
pub(crate) fn lookup(effective: &Effective, address: IpAddr) -> Option<&Leads> {
    let matching = effective.iter().filter(|(block, _)| block.contains(&address));
    matching.max_by_key(|(block, _)| block.prefix_len()).map(|(_, leads)| leads)
}

fn rank(route: &Route) -> Rank {
    if matches!(route.origin, Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement)) {
        Rank::Propagated
    } else if route.destination_prefix_list_id.is_some() {
        Rank::PrefixList
    } else {
        Rank::Static
    }
}

fn destinations(estate: &Estate<'_>, route: &Route) -> Vec<IpNet> {
    let blocks = [&route.destination_cidr_block, &route.destination_ipv6_cidr_block].into_iter().flatten();
    let list = route.destination_prefix_list_id.iter().flat_map(|id| estate.blocks_of_prefix_list(id));
    blocks.map(|block| block.network()).chain(list).collect()
}

fn leads(route: &Route, is_wired: &impl Fn(&VpcPeeringConnectionId) -> bool) -> Leads {
    if route.gateway_id.as_deref() == Some("local") {
        return Leads::Local;
    }
    match &route.vpc_peering_connection_id {
        Some(id) if route.state != Some(RouteState::Blackhole) && is_wired(id) => Leads::Wire(id.clone()),
        _ => Leads::Nowhere,
    }
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
