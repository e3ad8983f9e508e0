//! What tempts to an accusation, in a world where nothing is wrong.
//!
//! A real estate is full of settings that look like the fault: denies of other ports, dead routes to other
//! networks, requests that came to nothing, replies let through piece by piece. Each is put in so that the
//! world's flow passes all the same, which the kernel confirms.

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::Snapshot;
use peerscope_document::aws::{
    AwsDocuments, IpProtocol, NetworkAcl, NetworkAclEntry, PeeringCidrBlock, PeeringStatusCode, PortRange,
    Route, RouteOrigin, RouteState, RouteTable, RuleAction, SecurityGroup,
};
use peerscope_document::id::{SecurityGroupId, VpcPeeringConnectionId};

use super::draw::Lot;
use super::generate::own_peering;
use super::make::{
    anywhere, cidr, cidr_association, entry, from_blocks, from_group, group, group_identifier, local_route,
    peering_route, permission, static_route,
};
use super::site::Site;

/// A range of ports at least this wide is one for replies.
const WIDE: i32 = 1000;
/// The final denies have this number, and the next.
const LAST: i32 = 32767;
/// By how much numbers of entries are spread, so that others find room between them.
const SPREAD: i32 = 10;

/// Puts temptations into the documents of a customer's VPC.
pub(crate) fn add(snapshot: &mut Snapshot, site: &Site, lot: &mut Lot) {
    let secondary = lot.chance(40).then(|| lot.block(20, &site.taken()));
    let pending = lot.chance(40).then(|| VpcPeeringConnectionId::from(lot.id("pcx")));
    for documents in snapshot.aws.iter_mut().map(|collection| &mut collection.documents) {
        for acl in documents.network_acls.iter_mut().flatten().filter(|it| it.vpc_id == site.vpc) {
            if acl.is_default || acl.entries.len() <= 4 {
                continue;
            }
            acl.entries.iter_mut().filter(|it| it.rule_number < LAST).for_each(|it| it.rule_number *= SPREAD);
            split_replies(acl, lot);
            deny_others(acl, site, lot);
            lot.shuffle(&mut acl.entries);
        }
        for table in documents.route_tables.iter_mut().flatten().filter(|it| it.vpc_id == site.vpc) {
            routes(table, site, lot);
            table.routes.extend(secondary.map(local_route));
            lot.shuffle(&mut table.routes);
        }
        groups(documents, site, lot);
        if let Some(block) = secondary {
            unused_secondary(documents, site, block);
        }
        if documents.vpcs.iter().flatten().any(|it| it.vpc_id == site.vpc)
            && let Some(id) = &pending
        {
            let is_failed = lot.chance(50);
            let code =
                if is_failed { PeeringStatusCode::Failed } else { PeeringStatusCode::PendingAcceptance };
            let list = documents.vpc_peering_connections.get_or_insert_default();
            list.push(own_peering(site, id, code, "again"));
            lot.shuffle(list);
        }
    }
}

/// The ports of replies in several entries, which together are as many as before.
fn split_replies(acl: &mut NetworkAcl, lot: &mut Lot) {
    let mut pieces = Vec::new();
    for entry in &mut acl.entries {
        let Some(range) = entry.port_range.as_mut().filter(|_| entry.rule_action == RuleAction::Allow) else {
            continue;
        };
        let (Some(from), Some(to)) = (range.from, range.to) else { continue };
        if to - from < WIDE || lot.chance(20) {
            continue;
        }
        // Never at a border that anybody would guess.
        let mut cuts: Vec<i32> = (0..lot.number(1, 3)).map(|_| between(from + 1, to, lot)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        range.to = cuts.first().map(|cut| cut - 1);
        let ends = cuts.iter().skip(1).map(|cut| cut - 1).chain([to]);
        for ((first, last), place) in cuts.iter().zip(ends).zip(1..) {
            let mut piece: NetworkAclEntry = entry.clone();
            piece.rule_number += place;
            piece.port_range = Some(PortRange { from: Some(*first), to: Some(last) });
            pieces.push(piece);
        }
    }
    acl.entries.extend(pieces);
}

fn between(low: i32, high: i32, lot: &mut Lot) -> i32 {
    let number = |number: i32| u32::try_from(number).unwrap_or_default();
    i32::try_from(lot.number(number(low), number(high))).unwrap_or(low)
}

/// Denies before everything else: of other ports, of other sources, of another protocol.
fn deny_others(acl: &mut NetworkAcl, site: &Site, lot: &mut Lot) {
    let requests = site.requests_leave();
    let elsewhere: IpNet = lot.block(16, &site.taken()).into();
    let replies: IpNet = if lot.chance(50) { site.remote.block.into() } else { anywhere().into() };
    let denies = [
        (requests, IpProtocol::TCP, anywhere().into(), Some((site.port + 1, site.port + 9))),
        (requests, IpProtocol::All, elsewhere, None),
        (!requests, IpProtocol::All, elsewhere, None),
        (!requests, IpProtocol::TCP, replies, Some((0, 1023))),
        (requests, IpProtocol::UDP, anywhere().into(), Some((0, 65535))),
        (!requests, IpProtocol::UDP, replies, Some((0, 65535))),
    ];
    for ((egress, protocol, block, ports), number) in denies.into_iter().zip(1..) {
        if lot.chance(50) {
            acl.entries.push(entry(number, egress, RuleAction::Deny, protocol, block, ports));
        }
    }
}

/// Dead routes to parts of the other side where no host of the flow is, a propagated route that loses to the
/// static one, and the right route by a prefix list.
fn routes(table: &mut RouteTable, site: &Site, lot: &mut Lot) {
    let over = |route: &Route| route.vpc_peering_connection_id.as_ref() == Some(&site.peering);
    let static_over = |route: &Route| over(route) && route.destination_cidr_block.is_some();
    let right: Vec<Route> = table.routes.iter().filter(|it| static_over(it)).cloned().collect();
    if right.is_empty() {
        // It is no table of the flow.
    } else if lot.chance(40) {
        let origin = Some(RouteOrigin::EnableVgwRoutePropagation);
        let gateway_id = Some(lot.id("vgw"));
        table.routes.extend(right.iter().map(|route| Route {
            vpc_peering_connection_id: None,
            gateway_id: gateway_id.clone(),
            origin: origin.clone(),
            ..route.clone()
        }));
    } else if lot.chance(50) {
        table.routes.retain(|route| !static_over(route));
        table.routes.push(Route {
            destination_cidr_block: None,
            destination_prefix_list_id: Some(site.prefix_lists[0].clone()),
            ..peering_route(anywhere(), &site.peering)
        });
    }
    // Of a space all blocks are meant to be reached; of a VPC the third subnet's may be lost.
    let lost = site.remote.all_blocks.get(2).filter(|_| site.space().is_none() && lot.chance(50));
    if let Some(lost) = lost {
        table.routes.retain(|route| route.destination_cidr_block != Some(cidr(*lost)));
        let dead = peering_route(*lost, &VpcPeeringConnectionId::from(lot.id("pcx")));
        table.routes.push(Route { state: Some(RouteState::Blackhole), ..dead });
    }
    if lot.chance(50) {
        let near = lot.block(20, &site.taken());
        if !table.routes.iter().any(|it| it.destination_cidr_block == Some(cidr(near))) {
            let nat_gateway_id = Some(lot.id("nat"));
            let state = Some(RouteState::Blackhole);
            table.routes.push(Route { nat_gateway_id, state, ..static_route(near) });
        }
    }
}

/// A further group of the interface, which lets nothing of the flow through; and rules of the admitting one
/// that name groups which are gone.
fn groups(documents: &mut AwsDocuments, site: &Site, lot: &mut Lot) {
    let Some(groups) = documents.security_groups.as_mut() else { return };
    let Some(admitting) = groups.iter_mut().find(|it| it.group_id == site.admitting_group) else { return };
    let gone = SecurityGroupId::from(lot.id("sg"));
    let mut stale = from_group(permission(IpProtocol::TCP, Some((site.port, site.port))), &gone, &site.owner);
    for pair in &mut stale.user_id_group_pairs {
        pair.vpc_peering_connection_id = Some(VpcPeeringConnectionId::from(lot.id("pcx")));
        pair.peering_status = Some("deleted".to_owned());
    }
    if lot.chance(50) {
        admitting.ip_permissions.push(stale);
    }
    if lot.chance(50) {
        let other = permission(IpProtocol::TCP, Some((site.port + 1, site.port + 1)));
        admitting.ip_permissions_egress.push(from_blocks(other, &[lot.block(24, &site.taken())]));
    }
    if !lot.chance(50) {
        return;
    }
    let mut legacy: SecurityGroup = group(&lot.id("sg").into(), &site.vpc, &site.owner, "legacy");
    let elsewhere: Ipv4Net = lot.block(24, &site.taken());
    let service = permission(IpProtocol::TCP, Some((site.port, site.port)));
    legacy.ip_permissions = vec![from_blocks(service.clone(), &[elsewhere])];
    legacy.ip_permissions_egress = vec![from_blocks(service, &[elsewhere])];
    let instances = documents.reservations.iter_mut().flatten().flat_map(|it| &mut it.instances);
    let inside = instances.flat_map(|instance| &mut instance.network_interfaces);
    for interface in documents.network_interfaces.iter_mut().flatten().chain(inside) {
        if interface.network_interface_id == site.interface {
            interface.groups.insert(0, group_identifier(&legacy));
        }
    }
    groups.push(legacy);
}

/// A secondary CIDR that nothing lies in.
fn unused_secondary(documents: &mut AwsDocuments, site: &Site, block: Ipv4Net) {
    for vpc in documents.vpcs.iter_mut().flatten().filter(|it| it.vpc_id == site.vpc) {
        vpc.cidr_block_association_set.push(cidr_association(block));
    }
    for connection in documents.vpc_peering_connections.iter_mut().flatten() {
        let sides = [&mut connection.requester_vpc_info, &mut connection.accepter_vpc_info];
        for side in sides.into_iter().flatten().filter(|it| it.vpc_id.as_ref() == Some(&site.vpc)) {
            side.cidr_block_set.push(PeeringCidrBlock { cidr_block: cidr(block) });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::world::{Base, Vary, World};

    /// In a world with temptations each of them is met now and then, and each world has some.
    #[test]
    fn every_world_is_tempting() {
        let texts: Vec<String> = (0..40)
            .map(|seed| {
                let vary: Vec<Vary> = Vary::ALL.into_iter().chain([Vary::Temptations]).collect();
                let tempting = World::generate(Base::VpcToVpc, &vary, seed);
                let plain = World::generate(Base::VpcToVpc, &Vary::ALL, seed);
                assert_ne!(tempting.snapshot, plain.snapshot);
                serde_json::to_string(&tempting.snapshot.aws[0].documents).unwrap()
            })
            .collect();
        for word in [
            "EnableVgwRoutePropagation",
            "DestinationPrefixListId",
            "\"legacy\"",
            "\"PeeringStatus\":\"deleted\"",
            "pending-acceptance",
            "\"failed\"",
            "\"RuleNumber\":1,",
        ] {
            assert!(texts.iter().any(|text| text.contains(word)), "{word} is in no world");
        }
    }
}
