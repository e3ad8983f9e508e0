//! What a check is about: the space, the VPCs that are or are to be joined with it, and the targets in them.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::aws::{IpPermission, IpProtocol, Route};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::id::{NetworkInterfaceId, VpcId};

use super::CheckCase;
use crate::flow::PortRange;
use crate::topology::{NetworkId, NetworkInterface, Space, Topology};

/// TCP's and UDP's IP protocol numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Something that the rules about groups, ACLs and routes are applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckTarget {
    /// As the user wrote it, without credentials; or the interface's id, protocol and port.
    pub input: String,
    /// The name that it was given by, where that is a DNS name.
    pub name: Option<String>,
    /// Its addresses, each with its network where that is known by more than the address.
    pub addresses: Vec<(IpAddr, Option<NetworkId>)>,
    /// The IP protocol number: 6 for TCP.
    pub protocol: u8,
    /// The port or ports that it may be called at; one that all settings let through is enough. Of an ICMP target the
    /// echo request's type and code.
    pub ports: PortRange,
}

/// One address of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) input: String,
    pub(super) address: IpAddr,
    /// Where the address is; `None` where no network of the snapshot has it.
    pub(super) network: Option<NetworkId>,
    pub(super) protocol: u8,
    pub(super) ports: PortRange,
}

/// What a check is about.
pub(super) struct Situation<'a> {
    pub(super) case: &'a CheckCase<'a>,
    pub(super) topology: &'a Topology,
    pub(super) heroku: &'a HerokuDocuments,
    pub(super) space: Option<&'a Space>,
    /// The VPCs that are joined with the space, or are to be, ascending.
    pub(super) vpcs: Vec<VpcId>,
    /// What is called, address by address.
    pub(super) places: Vec<Place>,
    /// Interfaces of these VPCs that are no targets.
    pub(super) others: Vec<NetworkInterfaceId>,
}

impl<'a> Situation<'a> {
    pub(super) fn of(case: &'a CheckCase<'a>) -> Self {
        let topology = case.topology;
        let space = topology.space();
        let mut vpcs = joined(topology);
        let named = case.targets.iter().flat_map(|target| places_of(topology, target));
        let mut places: Vec<Place> = named.collect();
        vpcs.extend(places.iter().filter_map(|place| match &place.network {
            Some(NetworkId::Vpc(vpc)) => Some(vpc.clone()),
            _ => None,
        }));
        vpcs.extend(routed(topology));
        if vpcs.is_empty() {
            vpcs = admitting(topology);
        }
        if vpcs.is_empty() {
            vpcs.extend(topology.vpcs().filter(|(_, vpc)| vpc.documented).map(|(id, _)| id.clone()));
        }
        if let Some(own) = space.and_then(|space| space.vpc.as_ref()) {
            vpcs.remove(own);
        }
        let mut others = Vec::new();
        if case.targets.is_empty() {
            for vpc in &vpcs {
                for (id, interface) in topology.interfaces_of(vpc) {
                    let found = found_targets(topology, vpc, id, interface);
                    if found.is_empty() {
                        others.push(id.clone());
                    }
                    places.extend(found);
                }
            }
        }
        let heroku = &case.documents.heroku;
        Self { case, topology, heroku, space, vpcs: vpcs.into_iter().collect(), places, others }
    }

    /// The space as it is named in commands.
    pub(super) fn space_name(&self) -> &str {
        self.space.and_then(|space| space.name.as_deref()).unwrap_or("SPACE")
    }

    /// The blocks that hold dynos.
    pub(super) fn dyno_blocks(&self) -> &[IpNet] {
        self.space.map_or(&[], |space| space.dyno_blocks.as_slice())
    }

    /// Places that are called in a VPC.
    pub(super) fn in_vpcs(&self) -> impl Iterator<Item = (&Place, &VpcId)> {
        self.places.iter().filter_map(|place| match &place.network {
            Some(NetworkId::Vpc(vpc)) => Some((place, vpc)),
            _ => None,
        })
    }

    /// Places that are called in the space.
    pub(super) fn in_space(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.network == Some(NetworkId::Space))
    }
}

/// Whether two blocks share an address.
pub(super) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// The VPCs that some peering, in whatever state, joins with the space.
fn joined(topology: &Topology) -> BTreeSet<VpcId> {
    let mut found = BTreeSet::new();
    for (_, peering) in topology.peerings() {
        if let Some((_, NetworkId::Vpc(vpc))) = peering
            .sides(&NetworkId::Space)
            .and_then(|(own, other)| own.network.clone().zip(other.network.clone()))
        {
            found.insert(vpc);
        }
    }
    found
}

/// The VPCs that route the space's addresses over a peering of which nothing is known: it was with the space, and is
/// gone, or is to be.
fn routed(topology: &Topology) -> BTreeSet<VpcId> {
    let blocks = topology.space().map(space_blocks).unwrap_or_default();
    let is_unknown = |route: &Route| {
        let Some(id) = &route.vpc_peering_connection_id else { return false };
        let sides = topology.peering(id).map(|peering| [&peering.requester, &peering.accepter]);
        sides.is_none_or(|sides| sides.iter().any(|side| side.network.is_none()))
    };
    let tables = topology.route_tables().filter(|(_, table)| {
        let mut over = table.routes.iter().filter(|route| is_unknown(route));
        over.any(|route| {
            let destination = route.destination_cidr_block.map(|cidr| cidr.network());
            destination.is_some_and(|destination| blocks.iter().any(|block| block.contains(&destination)))
        })
    });
    tables.map(|(_, table)| table.vpc.clone()).collect()
}

/// The VPCs in which a group lets in a part of the space and no more. Another network may have the same addresses, so
/// that is a sign only where there is none better.
fn admitting(topology: &Topology) -> BTreeSet<VpcId> {
    let blocks = topology.space().map(space_blocks).unwrap_or_default();
    let groups = topology.security_groups().filter(|(_, group)| {
        let ranges = group.ingress.iter().flat_map(|permission| &permission.ip_ranges);
        let mut named = ranges.map(|range| range.cidr_ip.network());
        named.any(|named| blocks.iter().any(|block| block.contains(&named)))
    });
    groups.filter_map(|(_, group)| group.vpc.clone()).collect()
}

/// All blocks of a space.
pub(super) fn space_blocks(space: &Space) -> Vec<IpNet> {
    let mut blocks: Vec<IpNet> =
        space.cidr.iter().chain(&space.space_blocks).chain(&space.dyno_blocks).copied().collect();
    blocks.sort_unstable();
    blocks.dedup();
    blocks
}

fn places_of(topology: &Topology, target: &CheckTarget) -> Vec<Place> {
    let place = |(address, network): &(IpAddr, Option<NetworkId>)| {
        let networks = topology.networks_of(*address);
        // Of several networks that hold the address the one that is joined with the space is meant.
        let joined = joined(topology);
        let is_joined = |network: &&NetworkId| matches!(network, NetworkId::Vpc(vpc) if joined.contains(vpc));
        let network =
            network.clone().or_else(|| networks.iter().find(is_joined).or(networks.first()).cloned());
        Place {
            input: target.input.clone(),
            address: *address,
            network,
            protocol: target.protocol,
            ports: target.ports,
        }
    };
    target.addresses.iter().map(place).collect()
}

/// An interface as a target: once for each protocol and range of ports that its groups open to the space.
fn found_targets(
    topology: &Topology,
    vpc: &VpcId,
    id: &NetworkInterfaceId,
    interface: &NetworkInterface,
) -> Vec<Place> {
    let Some(space) = topology.space() else { return Vec::new() };
    let blocks = space_blocks(space);
    let Some(address) = interface.addresses.iter().copied().find(IpAddr::is_ipv4) else { return Vec::new() };
    let groups = interface.security_groups.iter().filter_map(|group| topology.security_group(group));
    let permissions = groups.flat_map(|group| &group.ingress);
    let meeting = permissions.filter(|permission| {
        sources(topology, permission).iter().any(|source| blocks.iter().any(|block| overlap(source, block)))
    });
    let mut found: Vec<Place> = Vec::new();
    for (protocol, ports) in meeting.flat_map(opened) {
        let word = if protocol == TCP { "tcp" } else { "udp" };
        let ports_words = if ports.first() == ports.last() {
            format!("port {}", ports.first())
        } else {
            format!("ports {}-{}", ports.first(), ports.last())
        };
        let place = Place {
            input: format!("{id} {word} {ports_words}"),
            address,
            network: Some(NetworkId::Vpc(vpc.clone())),
            protocol,
            ports,
        };
        if !found.contains(&place) {
            found.push(place);
        }
    }
    found
}

/// The blocks that a permission lets in.
fn sources(topology: &Topology, permission: &IpPermission) -> Vec<IpNet> {
    let named = permission.ip_ranges.iter().map(|range| range.cidr_ip.network());
    let lists =
        permission.prefix_list_ids.iter().filter_map(|list| topology.prefix_list(&list.prefix_list_id));
    named.chain(lists.flat_map(|list| list.blocks.iter().flatten().copied())).collect()
}

/// What a permission opens, of TCP and UDP. One for all protocols is taken for TCP's.
fn opened(permission: &IpPermission) -> Option<(u8, PortRange)> {
    let protocol = match permission.ip_protocol {
        IpProtocol::All | IpProtocol::TCP => TCP,
        IpProtocol::UDP => UDP,
        _ => return None,
    };
    let port = |port: Option<i32>, otherwise: u16| {
        port.filter(|port| *port >= 0).and_then(|port| u16::try_from(port).ok()).unwrap_or(otherwise)
    };
    let all = permission.ip_protocol == IpProtocol::All;
    let (first, last) = match all {
        true => (1, u16::MAX),
        false => (port(permission.from_port, 1), port(permission.to_port, u16::MAX)),
    };
    PortRange::new(first, last).map(|ports| (protocol, ports))
}
