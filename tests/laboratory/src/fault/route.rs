//! Faults of route tables.

use ipnet::Ipv4Net;
use peerscope_document::aws::{PeeringStatusCode, Route, RouteState, RouteTable};
use peerscope_document::id::{SubnetId, VpcId, VpcPeeringConnectionId};

use super::edit::{Lacking, documents, route_tables, serving_table, subnet};
use super::{Fault, FaultKind, Via};
use crate::world::make::{explicit_association, peering, peering_route, peering_side, static_route};
use crate::world::{Lot, World, block_routes, space_peering};

pub(super) fn apply(fault: &Fault, world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let subnet = subnet(fault, world)?;
    match fault.kind {
        FaultKind::RouteMissing => take_routes(world, &subnet).map(|_| ()),
        FaultKind::RouteMissingForOwnBlock => missing_for_own_block(world, &subnet, lot),
        FaultKind::RouteInMainTableOnly => in_main_table_only(world, &subnet),
        FaultKind::RouteBlackhole => blackhole(world, &subnet, lot),
        _ => more_specific(fault.via, world, &subnet, lot),
    }
}

/// Takes the routes over the world's peering out of the table that serves the subnet.
fn take_routes(world: &mut World, subnet: &SubnetId) -> Lacking<Vec<Route>> {
    let peering = world.site.peering.clone();
    let table = serving_table(world, subnet)?;
    let (over, others) = std::mem::take(&mut table.routes)
        .into_iter()
        .partition(|route| route.vpc_peering_connection_id.as_ref() == Some(&peering));
    table.routes = others;
    Ok(over)
}

fn missing_for_own_block(world: &mut World, subnet: &SubnetId, lot: &mut Lot) -> Lacking<()> {
    take_routes(world, subnet)?;
    let own = world.dyno_blocks()[0];
    let blocks = world.space_blocks().iter().filter(|block| **block != own);
    let routes = block_routes(blocks, &world.site.peering);
    let table = serving_table(world, subnet)?;
    table.routes.extend(routes);
    lot.shuffle(&mut table.routes);
    Ok(())
}

fn in_main_table_only(world: &mut World, subnet: &SubnetId) -> Lacking<()> {
    let (vpc, spare) = (world.site.vpc.clone(), world.site.spare_route_table.clone());
    if serving_table(world, subnet)?.associations.iter().any(|association| association.main) {
        let spare = route_tables(&mut world.snapshot).find(|table| table.route_table_id == spare);
        let spare = spare.ok_or("a spare route table")?;
        spare.associations.push(explicit_association(subnet));
        return Ok(());
    }
    let routes = take_routes(world, subnet)?;
    let peering = world.site.peering.clone();
    let main = main_table_of(world, &vpc)?;
    if !main.routes.iter().any(|route| route.vpc_peering_connection_id.as_ref() == Some(&peering)) {
        main.routes.extend(routes);
    }
    Ok(())
}

fn main_table_of<'w>(world: &'w mut World, vpc: &VpcId) -> Lacking<&'w mut RouteTable> {
    route_tables(&mut world.snapshot)
        .find(|table| table.vpc_id == *vpc && table.associations.iter().any(|association| association.main))
        .ok_or_else(|| format!("a main route table of {vpc}"))
}

fn blackhole(world: &mut World, subnet: &SubnetId, lot: &mut Lot) -> Lacking<()> {
    let dead = VpcPeeringConnectionId::from(lot.id("pcx"));
    let routes = take_routes(world, subnet)?;
    serving_table(world, subnet)?.routes.extend(routes.into_iter().map(|route| Route {
        vpc_peering_connection_id: Some(dead.clone()),
        state: Some(RouteState::Blackhole),
        ..route
    }));
    // A deleted peering stays listed for hours, its routes stay for ever.
    if lot.chance(50) {
        let gone = space_peering(&world.site, &dead, PeeringStatusCode::Deleted, "heroku-before");
        add_peering(world, gone)?;
    }
    Ok(())
}

fn more_specific(via: Option<Via>, world: &mut World, subnet: &SubnetId, lot: &mut Lot) -> Lacking<()> {
    let via = via.unwrap_or_else(|| {
        lot.pick([Via::TransitGateway, Via::NatGateway, Via::NetworkInterface, Via::Peering])
    });
    let (own, dyno) = (world.dyno_blocks()[0], world.site.space.dynos[0]);
    let is_by_block = serving_table(world, subnet)?
        .routes
        .iter()
        .any(|route| route.destination_cidr_block.is_some_and(|block| block.network() == own.into()));
    // A route of the same length would be refused: it must be longer than the right one.
    let destination = if is_by_block {
        Ipv4Net::new(dyno, lot.pick([22, 24, 32])).map_err(|error| error.to_string())?.trunc()
    } else {
        own
    };
    let route = static_route(destination);
    let route = match via {
        Via::TransitGateway => Route { transit_gateway_id: Some(lot.id("tgw")), ..route },
        Via::NatGateway => Route { nat_gateway_id: Some(lot.id("nat")), ..route },
        Via::NetworkInterface => Route { network_interface_id: Some(other_interface(world)?), ..route },
        Via::Peering => {
            let id = VpcPeeringConnectionId::from(lot.id("pcx"));
            let site = &world.site;
            let partner = (VpcId::from(lot.id("vpc")), lot.account().into());
            let sides = [
                peering_side(&site.vpc, &site.owner, &site.region, &[site.block]),
                peering_side(&partner.0, &partner.1, &site.region, &[destination]),
            ];
            add_peering(world, peering(&id, PeeringStatusCode::Active, sides, "partner"))?;
            peering_route(destination, &id)
        }
    };
    let table = serving_table(world, subnet)?;
    table.routes.push(route);
    lot.shuffle(&mut table.routes);
    Ok(())
}

/// Any interface of the VPC but the world's own.
fn other_interface(world: &World) -> Lacking<peerscope_document::id::NetworkInterfaceId> {
    let all = world.snapshot.aws.iter().flat_map(|it| it.documents.network_interfaces.iter().flatten());
    let mut others = all.filter(|it| {
        it.vpc_id.as_ref() == Some(&world.site.vpc) && it.network_interface_id != world.site.interface
    });
    others.next().map(|it| it.network_interface_id.clone()).ok_or_else(|| "another interface".to_owned())
}

/// Adds a peering to the documents that hold the world's own.
fn add_peering(world: &mut World, peering: peerscope_document::aws::VpcPeeringConnection) -> Lacking<()> {
    let own = world.site.peering.clone();
    let list = documents(&mut world.snapshot)
        .filter_map(|documents| documents.vpc_peering_connections.as_mut())
        .find(|list| list.iter().any(|it| it.vpc_peering_connection_id == own));
    list.ok_or("the world's peering")?.push(peering);
    Ok(())
}
