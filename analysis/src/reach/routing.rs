//! Which route of a table takes which packets.

use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{Route, RouteOrigin, RouteState};

use super::site::End;
use crate::flow::{AddressRange, FirstMatch, FlowBox, Flows, first_match};
use crate::topology::{RouteTable, Topology};

/// One route and one of its destinations: a prefix list stands for several.
pub(super) struct Candidate<'a> {
    /// The destination.
    pub(super) destination: IpNet,
    /// The route.
    pub(super) route: &'a Route,
    /// Its index in the table.
    pub(super) index: usize,
}

/// The routes that can win, best first: longest prefix, then local, static, prefix list, propagated.
pub(super) fn candidates<'a>(topology: &Topology, table: &'a RouteTable) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for (index, route) in table.routes.iter().enumerate() {
        if route.state == Some(RouteState::Filtered) {
            continue;
        }
        let direct = route.destination_cidr_block.into_iter().chain(route.destination_ipv6_cidr_block);
        let listed = route.destination_prefix_list_id.as_ref().and_then(|id| topology.prefix_list(id));
        let listed = listed.and_then(|list| list.blocks.clone()).unwrap_or_default();
        let destinations = direct.map(|cidr| cidr.network()).chain(listed);
        candidates.extend(destinations.map(|destination| Candidate { destination, route, index }));
    }
    let locals: Vec<IpNet> =
        candidates.iter().filter(|one| is_local(one.route)).map(|one| one.destination).collect();
    // A propagated route inside the VPC's own blocks loses to the local route although it is longer.
    candidates.retain(|one| {
        !is_propagated(one.route) || !locals.iter().any(|local| local.contains(&one.destination))
    });
    candidates.sort_by_key(|one| {
        (core::cmp::Reverse(one.destination.prefix_len()), priority(one.route), one.index)
    });
    candidates
}

/// At equal length static routes beat those of prefix lists, which beat propagated ones.
fn priority(route: &Route) -> u8 {
    if is_propagated(route) { 2 } else { u8::from(route.destination_prefix_list_id.is_some()) }
}

fn is_propagated(route: &Route) -> bool {
    matches!(route.origin, Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement))
}

fn is_local(route: &Route) -> bool {
    route.gateway_id.as_deref() == Some("local")
}

/// The flows whose packets go to an address of the block.
pub(super) fn towards_block(flows: &Flows, end: End, block: IpNet) -> Flows {
    let range = AddressRange::from(block);
    Flows::of_disjoint(flows.boxes().iter().filter_map(|flows| end.restrict(flows, range)).collect())
}

/// The flows that each route wins, with the route's index; those that none wins are left out.
pub(super) fn won<'a>(
    topology: &Topology,
    table: &'a RouteTable,
    flows: &Flows,
    end: End,
) -> Vec<(&'a Route, usize, Flows)> {
    let candidates = candidates(topology, table);
    let FirstMatch { decided, .. } = winners(&candidates, flows, end);
    let won = decided.into_iter().filter_map(|(at, flows)| {
        let candidate = candidates.get(at)?;
        Some((candidate.route, candidate.index, flows))
    });
    won.collect()
}

/// The flows that each candidate wins, by its place among them. A prefix list may be a very long one, and the
/// flows in as many pieces: destinations are tried against what is around these.
pub(super) fn winners(candidates: &[Candidate<'_>], flows: &Flows, end: End) -> FirstMatch {
    let around = flows.hull();
    let towards = |(at, candidate): (usize, &Candidate<'_>)| {
        let range = AddressRange::from(candidate.destination);
        let boxes = around.boxes().iter().filter_map(move |flows| end.restrict(flows, range));
        boxes.map(move |one| (at, one)).collect::<Vec<_>>()
    };
    let rules: Vec<(usize, FlowBox)> = candidates.iter().enumerate().flat_map(towards).collect();
    first_match(flows, &rules)
}

/// Whether a route is for a prefix list whose blocks no document gives.
pub(super) fn has_unlisted_destination(topology: &Topology, route: &Route) -> bool {
    let list = route.destination_prefix_list_id.as_ref();
    list.is_some_and(|id| topology.prefix_list(id).is_none_or(|list| list.blocks.is_none()))
}
