//! IPv6 beside IPv4, in the customer's VPC.
//!
//! Heroku's peerings carry IPv4 alone, so with a space it is never the way of a world's flow. But a VPC that
//! has it says everything twice, in other fields, with other numbers and other defaults; what reads one for
//! the other ends here. Between hosts of the VPC it works, and between two VPCs of the customer: there all
//! that lets the flow through is said for both versions, and the flow is of this one.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};
use peerscope_document::aws::{
    AwsDocuments, CidrBlockState, IpPermission, IpProtocol, Ipv6Address, Ipv6CidrBlockAssociation, Ipv6Range,
    NetworkAcl, NetworkAclEntry, PeeringIpv6CidrBlock, Route, RouteOrigin, RouteState, RuleAction,
};
use peerscope_document::id::{SubnetId, VpcId};
use peerscope_document::{Cidr, Snapshot};

use super::draw::Lot;
use super::make::{anywhere, cidr, entry, peering_route};
use super::site::{Site, VersionSix};

/// The number of the final deny for IPv6.
const LAST: i32 = 32768;
/// The number of the final deny for IPv4.
const LAST_VERSION_FOUR: i32 = 32767;
/// How far behind its twin of IPv4 an entry stands. Numbers of the restricted ACL lie further apart.
const BESIDE: i32 = 2;

/// Adds IPv6 to all documents of the customer's VPC, and of the other one where there are two.
pub(crate) fn add(snapshot: &mut Snapshot, site: &mut Site, other: Option<&mut Site>, lot: &mut Lot) {
    let own = add_to(snapshot, site, lot);
    let Some(other) = other else { return };
    other.remote.version_six = Some(own);
    site.remote.version_six = Some(add_to(snapshot, other, lot));
    for site in [site, other] {
        over_the_peering(snapshot, site);
    }
}

fn add_to(snapshot: &mut Snapshot, site: &Site, lot: &mut Lot) -> VersionSix {
    // 2001:db8::/32 is for documentation (RFC 3849); AWS gives a VPC a /56 and a subnet a /64.
    let network = 0x2001_0db8_u128 << 96 | u128::from(lot.number(0, u32::MAX)) << 72;
    let whole = Ipv6Net::new_assert(Ipv6Addr::from(network), 56).trunc();
    let subnets: Vec<(SubnetId, Ipv6Net)> = site
        .subnets
        .iter()
        .zip(lot.number(0, 200)..)
        .map(|(subnet, number)| {
            let first = u128::from(whole.network()) | u128::from(number) << 64;
            (subnet.id.clone(), Ipv6Net::new_assert(Ipv6Addr::from(first), 64))
        })
        .collect();
    let salt = lot.number(1, 0xffff);
    for documents in snapshot.aws.iter_mut().map(|collection| &mut collection.documents) {
        blocks(documents, &site.vpc, whole, &subnets);
        addresses(documents, &subnets, salt);
        routes(documents, &site.vpc, whole, lot);
        filters(documents, &site.vpc, whole, lot);
    }
    let address = address(subnets[0].1, site.address, salt);
    VersionSix { whole, subnets: subnets.into_iter().map(|(_, block)| block).collect(), address }
}

/// An address of a subnet's block for the host that has this one of IPv4.
fn address(block: Ipv6Net, host: Ipv4Addr, salt: u32) -> Ipv6Addr {
    (u128::from(block.network()) | u128::from(salt) << 32 | u128::from(u32::from(host))).into()
}

/// Says for IPv6 whatever a VPC's documents say of the other side's IPv4 blocks.
fn over_the_peering(snapshot: &mut Snapshot, site: &Site) {
    let Some(six) = &site.remote.version_six else { return };
    let same = |block: Cidr| {
        let IpNet::V4(block) = block.network() else { return None };
        if site.remote.networks().contains(&block) {
            return Some(six.whole);
        }
        let place = site.remote.all_blocks.iter().position(|it| *it == block)?;
        six.subnets.get(place).copied()
    };
    for documents in snapshot.aws.iter_mut().map(|collection| &mut collection.documents) {
        for table in documents.route_tables.iter_mut().flatten().filter(|it| it.vpc_id == site.vpc) {
            let over =
                table.routes.iter().filter(|it| it.vpc_peering_connection_id.as_ref() == Some(&site.peering));
            let blocks: BTreeSet<Ipv6Net> =
                over.filter_map(|route| route.destination_cidr_block).filter_map(same).collect();
            table.routes.extend(blocks.into_iter().map(|block| peering_route(block, &site.peering)));
        }
        for acl in documents.network_acls.iter_mut().flatten().filter(|it| it.vpc_id == site.vpc) {
            let about = |entry: &NetworkAclEntry| Some((entry.clone(), entry.cidr_block.and_then(same)?));
            let twins: Vec<_> = acl.entries.iter().filter_map(about).collect();
            acl.entries.extend(twins.into_iter().map(|(entry, block)| NetworkAclEntry {
                rule_number: entry.rule_number + BESIDE,
                cidr_block: None,
                ipv6_cidr_block: Some(cidr(block)),
                ..entry
            }));
        }
        for group in
            documents.security_groups.iter_mut().flatten().filter(|it| it.vpc_id.as_ref() == Some(&site.vpc))
        {
            for rule in group.ip_permissions.iter_mut().chain(&mut group.ip_permissions_egress) {
                let mut blocks: BTreeSet<Ipv6Net> =
                    rule.ip_ranges.iter().filter_map(|it| same(it.cidr_ip)).collect();
                if rule.prefix_list_ids.iter().any(|it| it.prefix_list_id == site.prefix_lists[0]) {
                    // A prefix list is of one version.
                    blocks.insert(six.whole);
                }
                let ranges =
                    blocks.into_iter().map(|block| Ipv6Range { cidr_ipv6: cidr(block), description: None });
                rule.ipv6_ranges.extend(ranges);
            }
        }
        for connection in documents.vpc_peering_connections.iter_mut().flatten() {
            let sides = [&mut connection.requester_vpc_info, &mut connection.accepter_vpc_info];
            for side in sides.into_iter().flatten().filter(|it| it.vpc_id.as_ref() == Some(&site.remote.vpc))
            {
                side.ipv6_cidr_block_set.push(PeeringIpv6CidrBlock { ipv6_cidr_block: cidr(six.whole) });
            }
        }
    }
}

fn blocks(documents: &mut AwsDocuments, vpc: &VpcId, whole: Ipv6Net, subnets: &[(SubnetId, Ipv6Net)]) {
    let associated = |block| Ipv6CidrBlockAssociation {
        ipv6_cidr_block: cidr(block),
        ipv6_cidr_block_state: Some(CidrBlockState { state: "associated".to_owned() }),
    };
    for vpc in documents.vpcs.iter_mut().flatten().filter(|it| it.vpc_id == *vpc) {
        vpc.ipv6_cidr_block_association_set.push(associated(whole));
    }
    for subnet in documents.subnets.iter_mut().flatten() {
        let block = subnets.iter().find(|(id, _)| *id == subnet.subnet_id).map(|(_, block)| *block);
        subnet.ipv6_cidr_block_association_set.extend(block.map(associated));
    }
}

/// An interface is listed by itself and inside its instance, with the same address.
fn addresses(documents: &mut AwsDocuments, subnets: &[(SubnetId, Ipv6Net)], salt: u32) {
    let instances = documents.reservations.iter_mut().flatten().flat_map(|it| &mut it.instances);
    let inside = instances.flat_map(|instance| &mut instance.network_interfaces);
    for interface in documents.network_interfaces.iter_mut().flatten().chain(inside) {
        let block = subnets.iter().find(|(id, _)| Some(id) == interface.subnet_id.as_ref());
        if let (Some((_, block)), Some(host)) = (block, interface.private_ip_address) {
            let address = address(*block, host, salt);
            interface.ipv6_addresses.push(Ipv6Address { ipv6_address: Some(address) });
        }
    }
}

fn routes(documents: &mut AwsDocuments, vpc: &VpcId, whole: Ipv6Net, lot: &mut Lot) {
    for table in documents.route_tables.iter_mut().flatten().filter(|table| table.vpc_id == *vpc) {
        table.routes.push(Route {
            destination_ipv6_cidr_block: Some(cidr(whole)),
            gateway_id: Some("local".to_owned()),
            state: Some(RouteState::Active),
            origin: Some(RouteOrigin::CreateRouteTable),
            ..Route::default()
        });
        if lot.chance(60) {
            table.routes.push(Route {
                destination_ipv6_cidr_block: Some(cidr(Ipv6Net::default())),
                egress_only_internet_gateway_id: Some(lot.id("eigw")),
                state: Some(RouteState::Active),
                origin: Some(RouteOrigin::CreateRoute),
                ..Route::default()
            });
        }
        lot.shuffle(&mut table.routes);
    }
}

fn filters(documents: &mut AwsDocuments, vpc: &VpcId, whole: Ipv6Net, lot: &mut Lot) {
    for acl in documents.network_acls.iter_mut().flatten().filter(|acl| acl.vpc_id == *vpc) {
        entries(acl, whole);
        lot.shuffle(&mut acl.entries);
    }
    let all = Ipv6Range { cidr_ipv6: cidr(Ipv6Net::default()), description: None };
    for group in documents.security_groups.iter_mut().flatten() {
        if group.vpc_id.as_ref() == Some(vpc) {
            let everything = |rule: &&mut IpPermission| {
                rule.ip_ranges.iter().any(|range| range.cidr_ip.network() == IpNet::V4(anywhere()))
            };
            let rules = group.ip_permissions_egress.iter_mut().filter(everything);
            rules.for_each(|rule| rule.ipv6_ranges.push(all.clone()));
        }
    }
}

/// All of IPv6 within the VPC where an ACL lets anything through, and the final denies.
fn entries(acl: &mut NetworkAcl, whole: Ipv6Net) {
    let six =
        |number, egress, action, block: Ipv6Net| entry(number, egress, action, IpProtocol::All, block, None);
    for egress in [false, true] {
        let numbers = acl.entries.iter().filter(|it| it.egress == egress).map(|it| it.rule_number);
        let last = numbers.filter(|number| *number < LAST_VERSION_FOUR).max();
        if let Some(last) = last {
            let block = if acl.is_default { Ipv6Net::default() } else { whole };
            acl.entries.push(six(last + 1, egress, RuleAction::Allow, block));
        }
        acl.entries.push(six(LAST, egress, RuleAction::Deny, Ipv6Net::default()));
    }
}
