//! The route tables of the customer's VPC.

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::aws::{Route, RouteState, RouteTable};
use peerscope_document::id::VpcPeeringConnectionId;

use super::draw::{Draw, Lot};
use super::make::{
    anywhere, explicit_association, local_route, main_association, peering_route, route_table, static_route,
};
use super::site::Site;

/// What of the tables other documents speak of.
pub(crate) struct Routing {
    pub(crate) tables: Vec<RouteTable>,
    /// A peering with a third network that decoy routes lead to.
    pub(crate) other_peering: Option<VpcPeeringConnectionId>,
    /// A deleted peering that decoy routes still lead to.
    pub(crate) dead_peering: Option<VpcPeeringConnectionId>,
}

pub(crate) fn routing(site: &Site, draw: &mut Draw) -> Routing {
    let table = |id: String, name: &str| {
        let mut table = route_table(id, &site.vpc, &site.owner, name, site.block);
        table.routes.extend(site.secondary.map(local_route));
        table
    };
    let mut main = table(draw.addresses.id("rtb"), "main");
    main.associations.push(main_association());
    let mut private = table(draw.addresses.id("rtb"), "private");
    let mut spare = table(site.spare_route_table.to_string(), "public");

    let is_explicit = draw.association.chance(50);
    let over = peering_routes(site, draw);
    if is_explicit {
        private.associations.push(explicit_association(&site.subnet().id));
        private.routes.extend(over.clone());
    }
    // A table that does not serve the subnet may have the routes as well, or not.
    if !is_explicit || draw.decoys.chance(50) {
        main.routes.extend(over.clone());
    }
    if !is_explicit && draw.decoys.chance(50) {
        private.routes.extend(over);
    }
    // The other subnets: some on the main table, one always on the spare one.
    for (index, subnet) in site.subnets.iter().enumerate().skip(1) {
        if index == 1 || draw.association.chance(30) {
            spare.associations.push(explicit_association(&subnet.id));
        } else if draw.association.chance(30) {
            private.associations.push(explicit_association(&subnet.id));
        }
    }
    let lot = &mut draw.decoys;
    spare.routes.push(Route { gateway_id: Some(lot.id("igw")), ..static_route(anywhere()) });
    for table in [&mut main, &mut private] {
        if lot.chance(60) {
            table.routes.push(Route { nat_gateway_id: Some(lot.id("nat")), ..static_route(anywhere()) });
        }
    }
    let mut tables = vec![main, private, spare];
    if lot.chance(60) {
        let mut unused = table(lot.id("rtb"), "old-private");
        let dead = peering_route(site.remote.block, &VpcPeeringConnectionId::from(lot.id("pcx")));
        unused.routes.push(Route { state: Some(RouteState::Blackhole), ..dead });
        tables.push(unused);
    }
    let (other_peering, dead_peering) = decoy_routes(site, &mut tables, lot);
    for table in &mut tables {
        draw.order.shuffle(&mut table.routes);
    }
    draw.order.shuffle(&mut tables);
    Routing { tables, other_peering, dead_peering }
}

/// Option 1 of Heroku's article: the space's /16. Option 2: each of its blocks.
fn peering_routes(site: &Site, draw: &mut Draw) -> Vec<Route> {
    if draw.association.chance(50) {
        block_routes(site.remote.networks().iter(), &site.peering)
    } else {
        block_routes(site.remote.all_blocks.iter(), &site.peering)
    }
}

pub(crate) fn block_routes<'a, B: Into<IpNet> + Copy + 'a>(
    blocks: impl Iterator<Item = &'a B>,
    peering: &VpcPeeringConnectionId,
) -> Vec<Route> {
    blocks.map(|block| peering_route(*block, peering)).collect()
}

/// Routes for other networks, and shorter ones that lose to the space's.
fn decoy_routes(
    site: &Site,
    tables: &mut [RouteTable],
    lot: &mut Lot,
) -> (Option<VpcPeeringConnectionId>, Option<VpcPeeringConnectionId>) {
    let mut taken = site.taken();
    let other = lot.chance(50).then(|| VpcPeeringConnectionId::from(lot.id("pcx")));
    let dead = lot.chance(50).then(|| VpcPeeringConnectionId::from(lot.id("pcx")));
    let elsewhere = lot.block(16, &taken);
    taken.push(elsewhere);
    let gone = lot.block(16, &taken);
    for table in tables.iter_mut() {
        if let Some(other) = other.as_ref().filter(|_| lot.chance(60)) {
            table.routes.push(peering_route(elsewhere, other));
        }
        if let Some(dead) = dead.as_ref().filter(|_| lot.chance(60)) {
            let route = peering_route(gone, dead);
            table.routes.push(Route { state: Some(RouteState::Blackhole), ..route });
        }
        if lot.chance(30) {
            let whole = static_route(private_whole(site.remote.block));
            // Between two ordinary VPCs a transit gateway may carry what the peering is meant to; a space
            // can be reached over the peering alone.
            table.routes.push(match site.space().is_some() {
                true => Route { transit_gateway_id: Some(lot.id("tgw")), ..whole },
                false => Route { nat_gateway_id: Some(lot.id("nat")), ..whole },
            });
        }
    }
    (other, dead)
}

/// The private network (RFC 1918) that a block lies in.
fn private_whole(block: Ipv4Net) -> Ipv4Net {
    let [first, second, ..] = block.network().octets();
    let length = match first {
        10 => 8,
        172 => 12,
        // The space may be the whole of 192.168.0.0/16, which a shorter route then holds.
        _ => 15,
    };
    Ipv4Net::new_assert([first, second, 0, 0].into(), length).trunc()
}
