//! The customer's end of the flow in a network behind the VPC that the space is peered with: no peering
//! carries packets through a VPC.

use peerscope_document::aws::{PeeringStatusCode, Route, RouteOrigin};
use peerscope_document::id::{NetworkInterfaceId, VpcId, VpcPeeringConnectionId};

use super::edit::{Lacking, admit, documents, route_tables};
use crate::world::make::{peering, peering_route, peering_side, static_route};
use crate::world::unconcerned::{Place, empty, small_vpc};
use crate::world::{Lot, World, merge};

/// It moves into a third VPC, which is peered with that one; every table has every route that one would
/// wish for.
pub(super) fn peering_behind(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let site = &world.site;
    let (owner, region, own) = (site.owner.clone(), site.region.clone(), site.vpc.clone());
    let (block, vpc) = (lot.block(20, &site.taken()), VpcId::from(lot.id("vpc")));
    let subnet = lot.part(block, 24, &[]);
    let (interface, address) = (NetworkInterfaceId::from(lot.id("eni")), lot.address(subnet, &[]));
    let connection = VpcPeeringConnectionId::from(lot.id("pcx"));
    let place = Place { owner: &owner, region: &region, vpc: &vpc, block, subnet };
    let mut third = empty();
    let hosts = [(interface.clone(), address)];
    let mut table = small_vpc(&mut third, &place, "warehouse", &hosts, lot);
    table.routes.push(peering_route(site.block, &connection));
    table.routes.push(peering_route(site.remote.block, &connection));
    let other = world.other.as_ref().map(|other| other.vpc.clone());
    third.route_tables = Some(vec![table]);
    let sides =
        [(&own, site.block), (&vpc, block)].map(|(vpc, block)| peering_side(vpc, &owner, &region, &[block]));
    let listed = peering(&connection, PeeringStatusCode::Active, sides, "warehouse");
    third.vpc_peering_connections = Some(vec![listed]);

    let peering = world.site.peering.clone();
    for table in route_tables(&mut world.snapshot) {
        if table.vpc_id == own {
            table.routes.push(peering_route(block, &connection));
        } else if Some(&table.vpc_id) == other.as_ref() {
            table.routes.push(peering_route(block, &peering));
        }
    }
    if world.other.is_some() {
        world.turned(|world| admit(world, block))?;
    }
    let mut all = documents(&mut world.snapshot);
    let own = all.find(|documents| documents.vpcs.iter().flatten().any(|it| it.vpc_id == own));
    merge(own.ok_or("the VPC's documents")?, third);
    drop(all);
    world.site.interface = interface;
    world.site.address = address;
    Ok(())
}

/// The target is an address beyond a transit or a virtual private gateway of that VPC.
pub(super) fn gateway_behind(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let site = &world.site;
    if site.requests_leave() {
        return Err("a source that the documents know".to_owned());
    }
    let block = lot.block(20, &site.taken());
    let (own, is_transit) = (site.vpc.clone(), lot.chance(50));
    let gateway = lot.id(if is_transit { "tgw" } else { "vgw" });
    for table in route_tables(&mut world.snapshot).filter(|table| table.vpc_id == own) {
        let route = static_route(block);
        table.routes.push(if is_transit {
            Route { transit_gateway_id: Some(gateway.clone()), ..route }
        } else {
            let origin = Some(RouteOrigin::EnableVgwRoutePropagation);
            Route { gateway_id: Some(gateway.clone()), origin, ..route }
        });
    }
    world.site.address = lot.address(block, &[]);
    Ok(())
}
