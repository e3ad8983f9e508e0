//! No peering between the VPC and the space: nobody asked for one, or none can ever be.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::Cidr;
use peerscope_document::aws::{AwsDocuments, PeeringCidrBlock, PeeringStatusCode, RouteState};
use peerscope_document::heroku::Generation;
use peerscope_document::id::VpcPeeringConnectionId;
use serde_json::Value;

use super::FaultKind;
use super::edit::{Lacking, documents, ends_at, hide_accepter, peerings, route_tables};
use crate::world::make::{cidr, cidr_association, local_route, peering_status};
use crate::world::{Lot, World};

/// Takes the peering out of every list, with all earlier requests. Its routes went with it, or stayed.
pub(super) fn missing(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let (own, other, vpc) =
        (world.site.peering.clone(), world.site.remote.vpc.clone(), world.site.vpc.clone());
    for documents in documents(&mut world.snapshot) {
        for list in documents.vpc_peering_connections.iter_mut() {
            list.retain(|it| !(ends_at(it, &other) && ends_at(it, &vpc)));
        }
    }
    if let Some(list) = &mut world.snapshot.heroku.peerings {
        list.retain(|it| it.aws_vpc_id.as_ref() != Some(&vpc));
    }
    if lot.chance(60) {
        take_all_routes(world, &own);
        return Ok(());
    }
    // A peering that was deleted long ago is listed no more, but its routes stay for ever.
    bury_routes(world, &own);
    Ok(())
}

/// A secondary CIDR of the VPC lies in the space's network, so that every request between them fails.
pub(super) fn secondary_overlap(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let vpc = world.site.vpc.clone();
    // Not where dynos are: which network a dyno's address is meant to lie in stays plain.
    let length = lot.pick([18, 20, 22]);
    let block = lot.part(world.site.remote.block, length, &world.site.remote.host_blocks);
    for documents in documents(&mut world.snapshot) {
        for vpc in documents.vpcs.iter_mut().flatten().filter(|it| it.vpc_id == vpc) {
            vpc.cidr_block_association_set.push(cidr_association(block));
        }
    }
    for table in route_tables(&mut world.snapshot).filter(|table| table.vpc_id == vpc) {
        table.routes.push(local_route(block));
    }
    for connection in peerings(&mut world.snapshot) {
        let sides = [&mut connection.requester_vpc_info, &mut connection.accepter_vpc_info];
        for side in sides.into_iter().flatten().filter(|side| side.vpc_id.as_ref() == Some(&vpc)) {
            side.cidr_block_set.push(PeeringCidrBlock { cidr_block: cidr(block) });
        }
    }
    fail(world, lot)
}

/// The VPC's only CIDR lies in the space's network.
pub(super) fn primary_overlap(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let (from, space) = (world.site.block, world.site.remote.block);
    let dynos = world.site.remote.host_blocks.clone();
    let to = match from.prefix_len() {
        length if length <= space.prefix_len() => space,
        length => lot.part(space, length, &dynos),
    };
    readdress(world, from, to)?;
    if world.site.remote.hosts.contains(&world.site.address) {
        return Err("an interface whose address is no dyno's".to_owned());
    }
    // A VPC that is the space's very network can have no route to it but the local one.
    if to == space {
        take_all_routes(world, &world.site.peering.clone());
    }
    fail(world, lot)
}

/// AWS fails the request at once. The routes that were written with it lead nowhere.
fn fail(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let (own, vpc) = (world.site.peering.clone(), world.site.vpc.clone());
    let space = world.site.remote.vpc.clone();
    bury_routes(world, &own);
    for documents in documents(&mut world.snapshot) {
        for list in documents.vpc_peering_connections.iter_mut() {
            list.retain(|it| it.vpc_peering_connection_id == own || !ends_at(it, &space));
        }
    }
    let peering = peerings(&mut world.snapshot).find(|it| it.vpc_peering_connection_id == own);
    let peering = peering.ok_or("the world's peering")?;
    peering.status = Some(peering_status(PeeringStatusCode::Failed));
    hide_accepter(peering);
    if let Some(list) = &mut world.snapshot.heroku.peerings {
        let is_listed = lot.chance(50);
        list.retain(|it| {
            it.aws_vpc_id.as_ref() != Some(&vpc) || (is_listed && it.pcx_id.as_ref() == Some(&own))
        });
        for listed in list.iter_mut().filter(|it| it.pcx_id.as_ref() == Some(&own)) {
            listed.status = Some(PeeringStatusCode::Failed);
        }
    }
    Ok(())
}

fn bury_routes(world: &mut World, peering: &VpcPeeringConnectionId) {
    for route in route_tables(&mut world.snapshot).flat_map(|table| &mut table.routes) {
        if route.vpc_peering_connection_id.as_ref() == Some(peering) {
            route.state = Some(RouteState::Blackhole);
        }
    }
}

fn take_all_routes(world: &mut World, peering: &VpcPeeringConnectionId) {
    for table in route_tables(&mut world.snapshot) {
        table.routes.retain(|route| route.vpc_peering_connection_id.as_ref() != Some(peering));
    }
}

/// The space is of a generation that cannot be peered: nobody could, and nobody did.
pub(super) fn generation(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    missing(world, lot)?;
    let space = world.snapshot.heroku.space.as_mut().ok_or("a space")?;
    space.generation = Some(Generation::Word("fir".to_owned()));
    Ok(())
}

/// The VPC's primary CIDR is none of RFC 1918: Heroku does not accept it, and the request expired.
pub(super) fn not_private(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let from = world.site.block;
    let shared = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);
    readdress(world, from, lot.part(shared, from.prefix_len(), &[]))?;
    super::peering::apply(FaultKind::PeeringRejected, world)
}

/// Moves everything that lies in one block to another of the same length, in all documents: by their
/// JSON, since addresses are everywhere in them.
fn readdress(world: &mut World, from: Ipv4Net, to: Ipv4Net) -> Lacking<()> {
    let failed = |error: serde_json::Error| error.to_string();
    for documents in documents(&mut world.snapshot) {
        let mut value = serde_json::to_value(&*documents).map_err(failed)?;
        move_strings(&mut value, from, to);
        *documents = serde_json::from_value::<AwsDocuments>(value).map_err(failed)?;
    }
    for block in world.snapshot.heroku.peerings.iter_mut().flatten().flat_map(|it| &mut it.cidr_blocks) {
        if *block == cidr(from) {
            *block = cidr(to);
        }
    }
    let site = &mut world.site;
    site.block = to;
    site.address = moved(Ipv4Net::from(site.address), from, to).map_or(site.address, |it| it.addr());
    for subnet in &mut site.subnets {
        subnet.block = moved(subnet.block, from, to).unwrap_or(subnet.block);
    }
    Ok(())
}

fn move_strings(value: &mut Value, from: Ipv4Net, to: Ipv4Net) {
    match value {
        Value::String(text) => {
            if let Ok(address) = text.parse::<Ipv4Addr>().map(Ipv4Net::from) {
                moved(address, from, to).into_iter().for_each(|it| *text = it.addr().to_string());
            } else if let Ok(block) = text.parse::<Cidr>()
                && let IpNet::V4(block) = block.network()
            {
                moved(block, from, to).into_iter().for_each(|it| *text = it.to_string());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_strings(item, from, to)),
        Value::Object(members) => members.values_mut().for_each(|member| move_strings(member, from, to)),
        _ => {}
    }
}

/// The same place in another block, for what lies in the one.
fn moved(what: Ipv4Net, from: Ipv4Net, to: Ipv4Net) -> Option<Ipv4Net> {
    let offset = u32::from(what.addr()) - u32::from(from.network()).min(u32::from(what.addr()));
    from.contains(&what)
        .then(|| Ipv4Net::new((u32::from(to.network()) + offset).into(), what.prefix_len()).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_block_is_moved_and_nothing_else() {
        let block = |text: &str| text.parse::<Ipv4Net>().unwrap();
        let mut value = serde_json::json!({
            "a": ["10.9.1.7", "10.9.1.0/24", "10.8.0.0/15", "0.0.0.0/0", "eni-10.9.1.7", 7, null], "b": "10.9.0.0/16"
        });
        move_strings(&mut value, block("10.9.0.0/16"), block("192.168.0.0/16"));
        let expected = serde_json::json!({
            "a": ["192.168.1.7", "192.168.1.0/24", "10.8.0.0/15", "0.0.0.0/0", "eni-10.9.1.7", 7, null], "b": "192.168.0.0/16"
        });
        assert_eq!(value, expected);
    }
}
