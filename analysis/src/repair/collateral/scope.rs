//! Which flows an edit can concern: between which networks and machines, of which protocol and ports.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::IpProtocol;
use peerscope_document::id::{NetworkInterfaceId, VpcId, VpcPeeringConnectionId};

use crate::flow::{AddressRange, FlowBox, PortRange, ProtocolRange};
use crate::reach::End;
use crate::repair::{Edit, EntryPorts};
use crate::topology::{NetworkId, Topology};

/// Flows from some machines to others.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) source: Ends,
    pub(super) target: Ends,
    protocol: ProtocolRange,
    source_ports: PortRange,
    ports: PortRange,
}

/// The machines at one end.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) network: NetworkId,
    /// These interfaces alone; `None` for all of the network.
    pub(super) only: Option<BTreeSet<NetworkInterfaceId>>,
    /// Their addresses lie here.
    pub(super) ranges: Vec<AddressRange>,
}

/// What packets an edit can concern, beside their addresses.
#[derive(Clone, Copy)]
struct Packets {
    protocol: ProtocolRange,
    source_ports: PortRange,
    ports: PortRange,
}

const EVERYTHING: Packets =
    Packets { protocol: ProtocolRange::ALL, source_ports: PortRange::ALL, ports: PortRange::ALL };

impl Scope {
    /// All flows of the scope, however many machines there are in it.
    pub(super) fn flows(&self) -> impl Iterator<Item = FlowBox> + '_ {
        let pairs = self
            .source
            .ranges
            .iter()
            .flat_map(|source| self.target.ranges.iter().map(move |destination| (*source, *destination)));
        pairs.filter(|(source, destination)| source.family() == destination.family()).map(
            |(source, destination)| FlowBox {
                source,
                destination,
                protocol: self.protocol,
                source_ports: self.source_ports,
                ports: self.ports,
            },
        )
    }
}

/// Everything that an edit can concern. `after` is the topology with it.
pub(super) fn scopes(after: &Topology, edit: &Edit) -> Vec<Scope> {
    match edit {
        Edit::Authorize { group, ingress, protocol, ports, cidr } => {
            let interfaces = after.interfaces_of_security_group(group).iter().cloned().collect();
            let packets = packets(*protocol, *ports);
            let end = if *ingress { End::Destination } else { End::Source };
            around(after, interfaces, *cidr, end, packets)
        }
        // An ACL judges calls and replies alike: what comes in is a call to the subnet, or the reply to a
        // call of its own, by whose source port the entry knows it.
        Edit::AllowInNetworkAcl { acl, egress, protocol, ports, cidr, .. } => {
            let subnets: BTreeSet<_> = after.subnets_of_network_acl(acl).collect();
            let interfaces = in_subnets(after, |subnet| subnets.contains(subnet));
            let calls = packets(*protocol, *ports);
            let replies = match ports {
                EntryPorts::Ports(range) => Packets { source_ports: *range, ports: PortRange::ALL, ..calls },
                EntryPorts::All | EntryPorts::Icmp(..) => Packets { ports: PortRange::ALL, ..calls },
            };
            let (call, reply) = match egress {
                true => (End::Source, End::Destination),
                false => (End::Destination, End::Source),
            };
            let mut scopes = around(after, interfaces.clone(), *cidr, call, calls);
            scopes.extend(around(after, interfaces, *cidr, reply, replies));
            scopes
        }
        Edit::CreateRoute { table, destination, peering }
        | Edit::ReplaceRoute { table, destination, peering, .. } => {
            let subnets: BTreeSet<_> = after.subnets_of_route_table(table).collect();
            let interfaces = in_subnets(after, |subnet| subnets.contains(subnet));
            let Some(vpc) = after.route_table(table).map(|table| &table.vpc) else { return Vec::new() };
            over(after, vpc, peering, interfaces, *destination)
        }
        // A request carries nothing before it is accepted.
        Edit::CreatePeering { .. } => Vec::new(),
        Edit::AcceptPeering { peering, .. } | Edit::ReplacePeering { peering, .. } => whole(after, peering),
    }
}

/// The flows between interfaces and a block, in every network that the block can lie in; the interfaces
/// are at the end `end`.
fn around(
    topology: &Topology,
    interfaces: BTreeSet<NetworkInterfaceId>,
    cidr: IpNet,
    end: End,
    packets: Packets,
) -> Vec<Scope> {
    let vpcs: BTreeSet<&VpcId> =
        interfaces.iter().filter_map(|id| topology.interface(id)?.vpc.as_ref()).collect();
    let mut scopes = Vec::new();
    for vpc in vpcs {
        let own = own_ends(topology, vpc, &interfaces);
        for network in neighbours(topology, vpc) {
            let block = AddressRange::from(cidr);
            let blocks = blocks(topology, &network).into_iter();
            let ranges: Vec<AddressRange> = blocks.filter_map(|one| one.intersection(block)).collect();
            let peers = Ends { network, only: None, ranges };
            scopes.extend(scope(&own, &peers, end, packets));
        }
    }
    scopes
}

/// The flows both ways between interfaces of a VPC and what a route over a peering is for.
fn over(
    topology: &Topology,
    vpc: &VpcId,
    peering: &VpcPeeringConnectionId,
    interfaces: BTreeSet<NetworkInterfaceId>,
    destination: IpNet,
) -> Vec<Scope> {
    let network = NetworkId::Vpc(vpc.clone());
    let other = topology.peering(peering).and_then(|peering| peering.sides(&network)?.1.network.clone());
    let Some(other) = other else { return Vec::new() };
    let block = AddressRange::from(destination);
    let blocks = blocks(topology, &other).into_iter();
    let ranges: Vec<AddressRange> = blocks.filter_map(|one| one.intersection(block)).collect();
    let own = own_ends(topology, vpc, &interfaces);
    let peers = Ends { network: other, only: None, ranges };
    [End::Source, End::Destination]
        .into_iter()
        .filter_map(|end| scope(&own, &peers, end, EVERYTHING))
        .collect()
}

/// The flows both ways between the two networks of a peering.
fn whole(topology: &Topology, peering: &VpcPeeringConnectionId) -> Vec<Scope> {
    let sides = topology.peering(peering).map(|peering| (&peering.requester, &peering.accepter));
    let Some((Some(one), Some(other))) =
        sides.map(|(one, other)| (one.network.as_ref(), other.network.as_ref()))
    else {
        return Vec::new();
    };
    let ends = |network: &NetworkId| Ends {
        network: network.clone(),
        only: None,
        ranges: blocks(topology, network),
    };
    let (one, other) = (ends(one), ends(other));
    [End::Source, End::Destination]
        .into_iter()
        .filter_map(|end| scope(&one, &other, end, EVERYTHING))
        .collect()
}

/// The scope with `own` at the end `end`; `None` where there can be no flow.
fn scope(own: &Ends, peers: &Ends, end: End, packets: Packets) -> Option<Scope> {
    let (source, target) = match end {
        End::Source => (own, peers),
        End::Destination => (peers, own),
    };
    let Packets { protocol, source_ports, ports } = packets;
    (!own.ranges.is_empty() && !peers.ranges.is_empty()).then(|| Scope {
        source: source.clone(),
        target: target.clone(),
        protocol,
        source_ports,
        ports,
    })
}

fn own_ends(topology: &Topology, vpc: &VpcId, interfaces: &BTreeSet<NetworkInterfaceId>) -> Ends {
    let network = NetworkId::Vpc(vpc.clone());
    let ranges = blocks(topology, &network);
    Ends { network, only: Some(interfaces.clone()), ranges }
}

fn in_subnets(
    topology: &Topology,
    is_one: impl Fn(&peerscope_document::id::SubnetId) -> bool,
) -> BTreeSet<NetworkInterfaceId> {
    let within = topology.interfaces().filter(|(_, one)| one.subnet.as_ref().is_some_and(&is_one));
    within.map(|(id, _)| id.clone()).collect()
}

/// The networks that machines of a VPC can exchange packets with: itself, and what active peerings join.
fn neighbours(topology: &Topology, vpc: &VpcId) -> BTreeSet<NetworkId> {
    let own = NetworkId::Vpc(vpc.clone());
    let active = topology.peerings().filter(|(_, peering)| peering.is_active());
    let others = active.filter_map(|(_, peering)| peering.sides(&own)?.1.network.clone());
    let mut networks: BTreeSet<NetworkId> = others.collect();
    networks.insert(own);
    networks
}

/// The blocks of a network that addresses in it can have, none twice.
fn blocks(topology: &Topology, network: &NetworkId) -> Vec<AddressRange> {
    let mut blocks = topology.blocks_of(network);
    if let (NetworkId::Space, Some(space)) = (network, topology.space()) {
        blocks.extend(&space.dyno_blocks);
        blocks.extend(&space.space_blocks);
    }
    for (_, peering) in topology.peerings() {
        blocks.extend(peering.sides(network).map(|(own, _)| own.cidrs.as_slice()).unwrap_or_default());
    }
    let ranges: Vec<AddressRange> = blocks.into_iter().map(AddressRange::from).collect();
    let mut kept: Vec<AddressRange> = Vec::new();
    for range in &ranges {
        let is_inside = |other: &AddressRange| other != range && other.covers(*range);
        if !ranges.iter().any(is_inside) && !kept.contains(range) {
            kept.push(*range);
        }
    }
    kept
}

fn packets(protocol: IpProtocol, ports: EntryPorts) -> Packets {
    let protocol = match protocol {
        IpProtocol::All => ProtocolRange::ALL,
        IpProtocol::Number(number) => ProtocolRange::single(number),
    };
    let ports = match ports {
        EntryPorts::All => PortRange::ALL,
        EntryPorts::Ports(range) => range,
        EntryPorts::Icmp(icmp_type, code) => PortRange::icmp(icmp_type, code),
    };
    Packets { protocol, source_ports: PortRange::ALL, ports }
}
