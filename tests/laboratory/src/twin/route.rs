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

#[cfg(test)]
mod tests {
    use peerscope_document::aws::AwsDocuments;
    use peerscope_document::{AwsCollection, Cidr, Snapshot};

    use super::*;

    fn route(destination: &str, change: impl FnOnce(&mut Route)) -> Route {
        let block: Cidr = destination.parse().unwrap();
        let mut route = Route { destination_cidr_block: Some(block), ..Route::default() };
        change(&mut route);
        route
    }

    fn over(route: &mut Route) {
        route.vpc_peering_connection_id = Some("pcx-1".into());
    }

    fn propagated(route: &mut Route) {
        route.origin = Some(RouteOrigin::EnableVgwRoutePropagation);
        route.gateway_id = Some("vgw-1".to_owned());
    }

    /// Where `address` goes by these routes in the VPC 10.1.0.0/16 with a wire of pcx-1.
    fn leads_to(routes: Vec<Route>, address: &str) -> Option<Leads> {
        let vpc = Vpc {
            vpc_id: "vpc-1".into(),
            cidr_block: Some("10.1.0.0/16".parse().unwrap()),
            cidr_block_association_set: Vec::new(),
            ipv6_cidr_block_association_set: Vec::new(),
            owner_id: None,
            is_default: false,
            tags: Vec::new(),
        };
        let table = RouteTable {
            route_table_id: "rtb-1".into(),
            vpc_id: "vpc-1".into(),
            owner_id: None,
            associations: Vec::new(),
            routes,
            tags: Vec::new(),
        };
        let collection = AwsCollection { region: None, documents: AwsDocuments::default() };
        let snapshot = Snapshot { aws: vec![collection], ..Snapshot::default() };
        let estate = Estate::new(&snapshot);
        let routes = effective(&estate, Some(&vpc), Some(&table), |id| id.as_str() == "pcx-1");
        lookup(&routes, address.parse().unwrap()).cloned()
    }

    #[test]
    fn the_longest_destination_wins_and_the_local_route_is_always_there() {
        let wire = || Some(Leads::Wire("pcx-1".into()));
        let routes = || vec![route("0.0.0.0/0", |_| {}), route("10.2.0.0/16", over)];
        assert_eq!(leads_to(routes(), "10.2.3.4"), wire());
        assert_eq!(leads_to(routes(), "10.3.3.4"), Some(Leads::Nowhere));
        assert_eq!(leads_to(routes(), "10.1.3.4"), Some(Leads::Local));
        assert_eq!(leads_to(vec![route("10.2.7.0/16", over)], "10.2.3.4"), wire(), "host bits are cleared");
        assert_eq!(leads_to(Vec::new(), "10.2.3.4"), None);
    }

    #[test]
    fn a_static_route_beats_a_propagated_one_of_its_length() {
        let routes = vec![route("10.2.0.0/16", propagated), route("10.2.0.0/16", over)];
        assert_eq!(leads_to(routes, "10.2.3.4"), Some(Leads::Wire("pcx-1".into())));
        let longer = vec![route("10.2.3.0/24", propagated), route("10.2.0.0/16", over)];
        assert_eq!(leads_to(longer, "10.2.3.4"), Some(Leads::Nowhere));
    }

    #[test]
    fn a_propagated_route_never_takes_the_vpcs_own_traffic() {
        assert_eq!(leads_to(vec![route("10.1.3.0/24", propagated)], "10.1.3.4"), Some(Leads::Local));
    }

    #[test]
    fn blackholes_filtered_routes_and_other_peerings_lead_nowhere() {
        let dead = |route: &mut Route| {
            over(route);
            route.state = Some(RouteState::Blackhole);
        };
        assert_eq!(leads_to(vec![route("10.2.0.0/16", dead)], "10.2.3.4"), Some(Leads::Nowhere));
        let other = |route: &mut Route| route.vpc_peering_connection_id = Some("pcx-2".into());
        assert_eq!(leads_to(vec![route("10.2.0.0/16", other)], "10.2.3.4"), Some(Leads::Nowhere));
        let filtered = |route: &mut Route| route.state = Some(RouteState::Filtered);
        assert_eq!(leads_to(vec![route("10.2.0.0/16", filtered)], "10.2.3.4"), None);
    }
}
