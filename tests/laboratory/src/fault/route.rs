//! Faults of route tables.

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::aws::{
    PeeringStatusCode, PrefixList, PrefixListEntry, Route, RouteState, RouteTable, VpcPeeringConnection,
};
use peerscope_document::id::{PrefixListId, SubnetId, VpcId, VpcPeeringConnectionId};

use super::edit::{Lacking, documents, route_tables, serving_table, subnet};
use super::{Fault, FaultKind, Via};
use crate::world::make::{explicit_association, peering, peering_route, peering_side, static_route};
use crate::world::{Base, Lot, World, block_routes, own_peering};

pub(super) fn apply(fault: &Fault, world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let subnet = subnet(fault, world)?;
    match fault.kind {
        FaultKind::RouteMissing => take_routes(world, &subnet).map(|_| ()),
        FaultKind::RouteMissingForOwnBlock => missing_for_own_block(world, &subnet, lot),
        FaultKind::RouteInMainTableOnly => in_main_table_only(world, &subnet),
        FaultKind::RouteBlackhole => blackhole(world, &subnet, lot),
        FaultKind::RouteToOtherPeering => to_other_peering(world, &subnet, lot),
        FaultKind::HigherPriorityRoute => higher_priority(world, &subnet, lot),
        _ => more_specific(fault.via, world, &subnet, lot),
    }
}

/// Takes the routes over the world's peering, of the flow's version of IP, out of the table that serves the
/// subnet.
fn take_routes(world: &mut World, subnet: &SubnetId) -> Lacking<Vec<Route>> {
    let (peering, is_version_six) = (world.site.peering.clone(), world.remote().host.is_ipv6());
    let table = serving_table(world, subnet)?;
    let (over, others) = std::mem::take(&mut table.routes).into_iter().partition(|route| {
        route.vpc_peering_connection_id.as_ref() == Some(&peering)
            && route.destination_ipv6_cidr_block.is_some() == is_version_six
    });
    table.routes = others;
    Ok(over)
}

fn missing_for_own_block(world: &mut World, subnet: &SubnetId, lot: &mut Lot) -> Lacking<()> {
    take_routes(world, subnet)?;
    let remote = world.remote();
    let blocks = remote.all.iter().filter(|block| **block != remote.hosts[0]);
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
        let gone = own_peering(&world.site, &dead, PeeringStatusCode::Deleted, "before");
        add_peering(world, gone)?;
    }
    Ok(())
}

fn more_specific(via: Option<Via>, world: &mut World, subnet: &SubnetId, lot: &mut Lot) -> Lacking<()> {
    let via = via.unwrap_or_else(|| {
        let via = lot.pick([Via::TransitGateway, Via::NatGateway, Via::NetworkInterface, Via::Peering]);
        // Between two ordinary VPCs a transit gateway may carry the packets all the same.
        if via == Via::TransitGateway && world.base() == Base::VpcToVpc { Via::NatGateway } else { via }
    });
    let remote = world.remote();
    let own = remote.hosts[0];
    let is_by_block = serving_table(world, subnet)?
        .routes
        .iter()
        .flat_map(|route| [route.destination_cidr_block, route.destination_ipv6_cidr_block])
        .any(|block| block.is_some_and(|block| block.network() == own));
    // A route of the same length would be refused: it must be longer than the right one.
    let destination = if is_by_block {
        let whole = if remote.host.is_ipv4() { 32 } else { 128 };
        let lengths = [own.prefix_len() + 1, own.prefix_len() + 2, whole];
        IpNet::new(remote.host, lot.pick(lengths)).map_err(|error| error.to_string())?.trunc()
    } else {
        own
    };
    let route = static_route(destination);
    let route = match via {
        Via::TransitGateway => Route { transit_gateway_id: Some(lot.id("tgw")), ..route },
        Via::NatGateway => Route { nat_gateway_id: Some(lot.id("nat")), ..route },
        Via::NetworkInterface => Route { network_interface_id: Some(other_interface(world)?), ..route },
        Via::Peering => peering_route(destination, &partner(world, destination, lot)?),
    };
    let table = serving_table(world, subnet)?;
    table.routes.push(route);
    lot.shuffle(&mut table.routes);
    Ok(())
}

/// An active peering of the VPC with a third one, whose network holds `block`.
fn partner(world: &mut World, block: IpNet, lot: &mut Lot) -> Lacking<VpcPeeringConnectionId> {
    let id = VpcPeeringConnectionId::from(lot.id("pcx"));
    let site = &world.site;
    let four: Vec<Ipv4Net> = match block {
        IpNet::V4(block) => vec![block],
        IpNet::V6(_) => Vec::new(),
    };
    let (vpc, owner) = (VpcId::from(lot.id("vpc")), lot.account().into());
    let sides = [
        peering_side(&site.vpc, &site.owner, &site.region, &site.networks()),
        peering_side(&vpc, &owner, &site.region, &four),
    ];
    add_peering(world, peering(&id, PeeringStatusCode::Active, sides, "partner"))?;
    Ok(id)
}

/// The right blocks over the wrong peering: somebody took one id for another.
fn to_other_peering(world: &mut World, subnet: &SubnetId, lot: &mut Lot) -> Lacking<()> {
    let elsewhere = lot.block(16, &world.site.taken());
    let other = partner(world, elsewhere.into(), lot)?;
    let routes = take_routes(world, subnet)?;
    let table = serving_table(world, subnet)?;
    let wrong = |route| Route { vpc_peering_connection_id: Some(other.clone()), ..route };
    table.routes.extend(routes.into_iter().map(wrong));
    lot.shuffle(&mut table.routes);
    Ok(())
}

/// The route over the peering is by a list that holds the other side's block, and a static route has that
/// very block: of one length the static one wins.
fn higher_priority(world: &mut World, subnet: &SubnetId, lot: &mut Lot) -> Lacking<()> {
    take_routes(world, subnet)?;
    let (list, peering, block) =
        (PrefixListId::from(lot.id("pl")), world.site.peering.clone(), world.remote().hosts[0]);
    let by_list = Route {
        destination_cidr_block: None,
        destination_prefix_list_id: Some(list.clone()),
        ..peering_route(block, &peering)
    };
    let target = lot.id("nat");
    let table = serving_table(world, subnet)?;
    table.routes.extend([by_list, Route { nat_gateway_id: Some(target), ..static_route(block) }]);
    lot.shuffle(&mut table.routes);
    let (vpc, owner) = (table.vpc_id.clone(), table.owner_id.clone());
    let own = documents(&mut world.snapshot)
        .find(|documents| documents.vpcs.iter().flatten().any(|it| it.vpc_id == vpc));
    own.ok_or("the VPC's documents")?.prefix_lists.get_or_insert_default().push(PrefixList {
        prefix_list_id: list,
        prefix_list_name: Some("other-side".to_owned()),
        owner_id: owner,
        cidrs: None,
        entries: Some(vec![PrefixListEntry { cidr: block.into(), description: None }]),
    });
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

/// Adds a peering to the documents of the customer's VPC.
fn add_peering(world: &mut World, peering: VpcPeeringConnection) -> Lacking<()> {
    let vpc = world.site.vpc.clone();
    let own = documents(&mut world.snapshot)
        .find(|documents| documents.vpcs.iter().flatten().any(|it| it.vpc_id == vpc));
    own.ok_or("the VPC's documents")?.vpc_peering_connections.get_or_insert_default().push(peering);
    Ok(())
}
