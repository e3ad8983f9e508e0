//! Routes over a peering: one for the other network, or one a block, as the table does it already.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{PeeringStatusCode, Route, RouteOrigin};
use peerscope_document::id::{RouteTableId, VpcPeeringConnectionId};

use super::edit::Edit;
use crate::flow::Flows;
use crate::reach::End;
use crate::topology::{NetworkId, RouteTable, Topology};

/// The plan that sends `blocked` over the peering. Each part comes with the index of the route that
/// takes it today, if any does.
pub(crate) fn route_plans(
    topology: &Topology,
    id: &RouteTableId,
    table: &RouteTable,
    peering: &VpcPeeringConnectionId,
    towards: &NetworkId,
    end: End,
    blocked: &[(Flows, Option<usize>)],
) -> Vec<Vec<Edit>> {
    let mut edits: Vec<Edit> = Vec::new();
    for (flows, winner) in blocked {
        let winner = winner.and_then(|index| table.routes.get(index));
        if winner.is_some_and(|route| route.gateway_id.as_deref() == Some("local")) {
            // Nothing inside the VPC's own CIDRs can be routed to a peering: AWS takes no such route.
            return Vec::new();
        }
        let wanted = end.cidrs(flows);
        let network = blocks_to_route(topology, table, peering, towards, &wanted);
        let within = |destination: &IpNet| {
            topology.blocks_of(towards).iter().chain(&network).any(|block| block.contains(destination))
        };
        let longer = winner.and_then(destination).filter(within);
        let destinations = match (longer, winner) {
            // The route in the way is inside the other network: nothing but that network is behind it.
            (Some(destination), _) => Vec::from([destination]),
            (None, Some(route)) if destination(route).is_none() => wanted,
            (None, _) => network,
        };
        for destination in destinations {
            let edit = route_edit(topology, id, table, peering, destination);
            if !edits.contains(&edit) {
                edits.push(edit);
            }
        }
    }
    if edits.is_empty() { Vec::new() } else { Vec::from([edits]) }
}

/// Makes the route, or turns the static one that has the same destination.
fn route_edit(
    topology: &Topology,
    id: &RouteTableId,
    table: &RouteTable,
    peering: &VpcPeeringConnectionId,
    wanted: IpNet,
) -> Edit {
    let existing = table.routes.iter().find(|route| {
        destination(route) == Some(wanted)
            && !matches!(
                route.origin,
                Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement)
            )
    });
    match existing {
        Some(route) => Edit::ReplaceRoute {
            table: id.clone(),
            destination: wanted,
            peering: peering.clone(),
            previous: Some(route).filter(|route| target_exists(topology, route)).and_then(target_option),
        },
        None => Edit::CreateRoute { table: id.clone(), destination: wanted, peering: peering.clone() },
    }
}

/// Whether a route could be given its present target again: a peering that is not listed any more, or
/// is gone, cannot be.
fn target_exists(topology: &Topology, route: &Route) -> bool {
    route.vpc_peering_connection_id.as_ref().is_none_or(|id| {
        topology.peering(id).is_some_and(|peering| {
            !matches!(peering.status, Some(PeeringStatusCode::Deleted | PeeringStatusCode::Deleting))
        })
    })
}

/// What the table should route for a network. Where it has routes of single blocks over the peering
/// already, the ones it lacks; else the network's whole block.
fn blocks_to_route(
    topology: &Topology,
    table: &RouteTable,
    peering: &VpcPeeringConnectionId,
    towards: &NetworkId,
    wanted: &[IpNet],
) -> Vec<IpNet> {
    let over = table.routes.iter().filter(|route| route.vpc_peering_connection_id.as_ref() == Some(peering));
    let routed: Vec<IpNet> = over.filter_map(destination).collect();
    let lacks = |block: &&IpNet| !routed.iter().any(|route| route.contains(*block));
    let whole = topology.blocks_of(towards);
    let listed = match towards {
        NetworkId::Space => topology.space().map(|space| space.space_blocks.as_slice()).unwrap_or_default(),
        NetworkId::Vpc(_) | NetworkId::SpaceData => &[],
    };
    let serves = |blocks: &[IpNet]| wanted.iter().all(|want| blocks.iter().any(|block| block.contains(want)));
    let by_block = !routed.is_empty() && !listed.is_empty();
    let candidates: Vec<IpNet> = if by_block {
        listed.iter().filter(lacks).copied().collect()
    } else {
        whole.iter().filter(|block| wanted.iter().any(|want| block.contains(want))).copied().collect()
    };
    // A block that no document lists is routed by itself.
    if serves(&candidates) { candidates } else { wanted.to_vec() }
}

fn destination(route: &Route) -> Option<IpNet> {
    route.destination_cidr_block.or(route.destination_ipv6_cidr_block).map(|cidr| cidr.network())
}

/// The option of `aws ec2 replace-route` that gives a route its present target again.
fn target_option(route: &Route) -> Option<(&'static str, String)> {
    let options = [
        ("--vpc-peering-connection-id", route.vpc_peering_connection_id.as_ref().map(ToString::to_string)),
        ("--network-interface-id", route.network_interface_id.as_ref().map(ToString::to_string)),
        ("--nat-gateway-id", route.nat_gateway_id.clone()),
        ("--transit-gateway-id", route.transit_gateway_id.clone()),
        ("--egress-only-internet-gateway-id", route.egress_only_internet_gateway_id.clone()),
        ("--local-gateway-id", route.local_gateway_id.clone()),
        ("--carrier-gateway-id", route.carrier_gateway_id.clone()),
        ("--core-network-arn", route.core_network_arn.clone()),
        ("--gateway-id", route.gateway_id.clone()),
    ];
    let (option, id) = options.into_iter().find_map(|(option, id)| Some((option, id?)))?;
    // The API's answer gives a gateway endpoint under GatewayId; the command has an option of its own.
    Some(if id.starts_with("vpce-") { ("--vpc-endpoint-id", id) } else { (option, id) })
}
