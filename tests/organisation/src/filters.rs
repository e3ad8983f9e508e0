//! What lets packets through or not: ACLs, groups, and which interface is in which group.

use std::net::Ipv4Addr;

use fastrand::Rng;
use peerscope_document::Cidr;
use peerscope_document::aws::{
    GroupIdentifier, IpPermission, IpProtocol, IpRange, NetworkAcl, NetworkAclAssociation, NetworkAclEntry,
    NetworkInterface, PortRange, PrefixList, PrefixListIdentifier, PrivateIpAddress, RuleAction,
    SecurityGroup, UserIdGroupPair,
};

use crate::Size;
use crate::networks::{Networks, Place, cidr, dyno_blocks, space_block, vpc_block, vpc_id};

/// Ports that services of such companies listen on.
const PORTS: [i32; 12] = [22, 80, 443, 3000, 3306, 5432, 6379, 8080, 8443, 9042, 9092, 27017];
/// Of ten groups, in so many a rule lets everything out, as AWS has it where nobody narrows it.
const OPEN_EGRESS: usize = 9;

/// A default ACL that is open, and one on the tiers `db` and `batch` that names what may come and go.
pub(crate) fn network_acls(networks: &Networks, lot: &mut Rng) -> Vec<NetworkAcl> {
    let mut acls = Vec::new();
    for vpc in 0..networks.vpcs {
        let everything = cidr(Ipv4Addr::UNSPECIFIED, 0);
        let open = [false, true].map(|egress| entry(100, egress, IpProtocol::All, None, everything));
        let closed = [false, true].map(|egress| NetworkAclEntry {
            rule_action: RuleAction::Deny,
            ..entry(32767, egress, IpProtocol::All, None, everything)
        });
        acls.push(acl(vpc, 0, [&open[..], &closed[..]].concat(), None));
        for tier in [2, 3] {
            let mut entries = closed.to_vec();
            let ten = cidr(Ipv4Addr::new(10, 0, 0, 0), 8);
            for (at, port) in PORTS.iter().enumerate() {
                let number = 100 + 10 * i32::try_from(at).unwrap_or_default();
                entries.push(entry(number, false, IpProtocol::TCP, Some((*port, *port)), ten));
                entries.push(entry(number, true, IpProtocol::TCP, Some((*port, *port)), ten));
            }
            let low = if lot.u32(..10) == 0 { 49152 } else { 1024 };
            entries.push(entry(900, true, IpProtocol::TCP, Some((low, 65535)), ten));
            entries.push(entry(900, false, IpProtocol::TCP, Some((1024, 65535)), ten));
            acls.push(acl(vpc, tier, entries, Some(tier)));
        }
    }
    acls
}

fn acl(vpc: usize, number: usize, entries: Vec<NetworkAclEntry>, tier: Option<usize>) -> NetworkAcl {
    let subnets = Place::of_vpc(vpc).filter(|place| Some(place.tier) == tier);
    NetworkAcl {
        network_acl_id: format!("acl-{vpc:04x}{number:02x}").into(),
        vpc_id: vpc_id(vpc).into(),
        is_default: tier.is_none(),
        owner_id: None,
        associations: subnets
            .map(|place| NetworkAclAssociation { subnet_id: Some(place.id().into()) })
            .collect(),
        entries,
        tags: Vec::new(),
    }
}

fn entry(
    rule_number: i32,
    egress: bool,
    protocol: IpProtocol,
    ports: Option<(i32, i32)>,
    block: Cidr,
) -> NetworkAclEntry {
    NetworkAclEntry {
        rule_number,
        egress,
        rule_action: RuleAction::Allow,
        protocol,
        cidr_block: Some(block),
        ipv6_cidr_block: None,
        port_range: ports.map(|(from, to)| PortRange { from: Some(from), to: Some(to) }),
        icmp_type_code: None,
    }
}

/// One list a VPC: the blocks of the space and of what the VPC is peered with.
pub(crate) fn prefix_lists(networks: &Networks) -> Vec<PrefixList> {
    let list = |vpc| PrefixList {
        prefix_list_id: prefix_list_id(vpc).into(),
        prefix_list_name: None,
        owner_id: None,
        cidrs: Some(networks.peers(vpc).map(|(peer, _)| peer.map_or_else(space_block, vpc_block)).collect()),
        entries: None,
    };
    (0..networks.vpcs).map(list).collect()
}

fn prefix_list_id(vpc: usize) -> String {
    format!("pl-{vpc:08x}")
}

/// The groups of a VPC: they are dealt out in turn.
fn groups_of(vpc: usize, networks: &Networks, size: &Size) -> Vec<usize> {
    (0..size.groups).filter(|group| group % networks.vpcs == vpc).collect()
}

fn group_id(group: usize) -> String {
    format!("sg-{group:08x}")
}

/// Groups whose rules are by lot: blocks of peers, subnets of theirs, dyno blocks, groups, a prefix list.
pub(crate) fn security_groups(networks: &Networks, size: &Size, lot: &mut Rng) -> Vec<SecurityGroup> {
    let mut groups = Vec::new();
    for group in 0..size.groups {
        let vpc = group % networks.vpcs;
        let peers: Vec<Option<usize>> = networks.peers(vpc).map(|(peer, _)| peer).collect();
        let own = groups_of(vpc, networks, size);
        let outbound = (size.rules / 5).max(1);
        let ingress: Vec<IpPermission> =
            (0..size.rules - outbound.min(size.rules)).map(|_| rule(vpc, &peers, &own, lot)).collect();
        let mut egress: Vec<IpPermission> = (1..outbound).map(|_| rule(vpc, &peers, &own, lot)).collect();
        egress.push(if group % 10 < OPEN_EGRESS {
            permission(IpProtocol::All, None, vec![cidr(Ipv4Addr::UNSPECIFIED, 0)])
        } else {
            rule(vpc, &peers, &own, lot)
        });
        groups.push(SecurityGroup {
            group_id: group_id(group).into(),
            group_name: format!("group {group}"),
            vpc_id: Some(vpc_id(vpc).into()),
            owner_id: None,
            ip_permissions: ingress,
            ip_permissions_egress: egress,
            tags: Vec::new(),
        });
    }
    groups
}

fn rule(vpc: usize, peers: &[Option<usize>], own: &[usize], lot: &mut Rng) -> IpPermission {
    let port = PORTS[lot.usize(..PORTS.len())];
    let ports = if lot.u32(..10) == 0 { (port, port + 100) } else { (port, port) };
    let protocol = if lot.u32(..10) == 0 { IpProtocol::UDP } else { IpProtocol::TCP };
    let mut made = permission(protocol, Some(ports), Vec::new());
    match lot.u32(..10) {
        0 | 1 => {
            let referenced = own.get(lot.usize(..own.len().max(1))).map(|group| group_id(*group).into());
            made.user_id_group_pairs.push(UserIdGroupPair {
                group_id: referenced,
                user_id: None,
                vpc_id: None,
                vpc_peering_connection_id: None,
                peering_status: None,
                description: None,
            });
        }
        2 => made
            .prefix_list_ids
            .push(PrefixListIdentifier { prefix_list_id: prefix_list_id(vpc).into(), description: None }),
        _ => {
            let block = match peers.get(lot.usize(..peers.len().max(1))) {
                Some(None) => dyno_blocks()[lot.usize(..2)],
                Some(Some(peer)) => {
                    let places: Vec<Place> = Place::of_vpc(*peer).collect();
                    places[lot.usize(..places.len())].block()
                }
                None => vpc_block(vpc),
            };
            made.ip_ranges.push(IpRange { cidr_ip: block, description: None });
        }
    }
    made
}

fn permission(protocol: IpProtocol, ports: Option<(i32, i32)>, blocks: Vec<Cidr>) -> IpPermission {
    IpPermission {
        ip_protocol: protocol,
        from_port: ports.map(|(from, _)| from),
        to_port: ports.map(|(_, to)| to),
        ip_ranges: blocks.into_iter().map(|cidr_ip| IpRange { cidr_ip, description: None }).collect(),
        ipv6_ranges: Vec::new(),
        prefix_list_ids: Vec::new(),
        user_id_group_pairs: Vec::new(),
    }
}

/// Interfaces, dealt out to all subnets in turn, each in one to five groups of its VPC.
pub(crate) fn interfaces(networks: &Networks, size: &Size, lot: &mut Rng) -> Vec<NetworkInterface> {
    let places: Vec<Place> = (0..networks.vpcs).flat_map(Place::of_vpc).collect();
    let groups: Vec<Vec<usize>> = (0..networks.vpcs).map(|vpc| groups_of(vpc, networks, size)).collect();
    let mut interfaces = Vec::new();
    for number in 0..size.interfaces {
        let place = places[number % places.len()];
        let address = place.address(number / places.len());
        let own = &groups[place.vpc];
        let mut chosen: Vec<usize> =
            (0..1 + lot.usize(..5)).filter_map(|_| own.get(lot.usize(..own.len().max(1))).copied()).collect();
        chosen.sort_unstable();
        chosen.dedup();
        interfaces.push(NetworkInterface {
            network_interface_id: format!("eni-{number:08x}").into(),
            subnet_id: Some(place.id().into()),
            vpc_id: Some(vpc_id(place.vpc).into()),
            owner_id: Some("111122223333".into()),
            availability_zone: Some(place.zone().into()),
            description: None,
            interface_type: None,
            groups: chosen
                .into_iter()
                .map(|group| GroupIdentifier { group_id: group_id(group).into(), group_name: None })
                .collect(),
            private_ip_address: Some(address),
            private_ip_addresses: vec![PrivateIpAddress { private_ip_address: Some(address), primary: true }],
            ipv6_addresses: Vec::new(),
            attachment: None,
            source_dest_check: Some(true),
            status: Some("in-use".into()),
            tag_set: Vec::new(),
        });
    }
    interfaces
}
