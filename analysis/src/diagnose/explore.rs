//! Which other ports and neighbours may be asked where the named port is silent, and it was asked to explore.
//! Which of them are, and in which order, is chosen on the way ([`super::choice`]).
//!
//! One silent port says little; what a neighbour or another port answers says what they share. A snapshot
//! tells which of them should answer, so those are asked; without one, the commonest ports and the
//! addresses beside. Never more than a few, and no MySQL, which counts such connects against its client.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::case::{Case, Question};
use super::hypothesis::Chances;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use crate::reach::reach;
use crate::topology::{NetworkId, Topology};

/// Ports that a host is likely to have open, or to refuse: most likely first.
const COMMON: [u16; 6] = [22, 443, 80, 5432, 6379, 8080];
/// The ports of MySQL and of its X protocol: who asks for them is taken to mean MySQL.
pub const MYSQL_PORTS: [u16; 2] = [3306, 33060];
/// How many other ports of the target are asked.
const PORTS: usize = 3;
/// How many neighbours in the target's subnet are asked, and how many elsewhere in its network.
const NEIGHBOURS: usize = 2;

/// What an address shares with the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nearness {
    /// Everything but the port.
    Host,
    /// The subnet: its route table and network ACL.
    Subnet,
    /// The route table of another subnet.
    RouteTable,
    /// The network ACL of another subnet, and its table too.
    NetworkAcl { and_route_table: bool },
    /// The network.
    Network,
    /// The addresses are next to each other, and no document tells more.
    Adjacent,
}

impl Nearness {
    /// How likely a connect there is answered where nothing stops it; `documented` tells whether documents let
    /// it through.
    pub(super) fn chance(self, documented: bool) -> f64 {
        match (self, documented) {
            (Self::Host, true) => Chances::OPEN_PORT,
            (Self::Host, false) => Chances::COMMON_PORT,
            (Self::Adjacent, _) => Chances::ADJACENT,
            _ => Chances::NEIGHBOUR,
        }
    }

    /// Whether both lie in one subnet, for all that is known.
    pub(super) fn shares_subnet(self) -> bool {
        matches!(self, Self::Host | Self::Subnet | Self::Adjacent)
    }

    /// Whether the same table has the routes of both.
    pub(super) fn shares_route_table(self) -> bool {
        self.shares_subnet() || matches!(self, Self::RouteTable | Self::NetworkAcl { and_route_table: true })
    }

    /// Whether the same network ACL judges packets to both.
    pub(super) fn shares_network_acl(self) -> bool {
        self.shares_subnet() || matches!(self, Self::NetworkAcl { .. })
    }
}

/// The addresses and ports that may be asked, beside the named ones.
pub(super) fn others(case: &Case, question: &Question) -> Vec<(IpAddr, u16)> {
    let named = case.target.port.unwrap_or_default();
    let known = case.topology.as_ref().zip(question.networks.as_ref());
    let Some((topology, (source, target))) = known else {
        let ports = COMMON.into_iter().filter(|port| *port != named).take(PORTS);
        let asked = if named == 0 || case.mysql || MYSQL_PORTS.contains(&named) { COMMON[0] } else { named };
        let beside = beside(question.address).into_iter().map(|address| (address, asked));
        return ports.map(|port| (question.address, port)).chain(beside).collect();
    };
    let open = |address: IpAddr| open_ports(case, topology, (source, target), address, named);
    let mut chosen: Vec<(IpAddr, u16)> =
        open(question.address).into_iter().take(PORTS).map(|port| (question.address, port)).collect();
    let neighbours = neighbours(topology, target, question.address);
    for wanted in [true, false] {
        let of_kind = neighbours.iter().filter(|(_, near)| (*near == Nearness::Subnet) == wanted);
        let asked = of_kind.filter_map(|(address, _)| Some((*address, *open(*address).first()?)));
        chosen.extend(asked.take(NEIGHBOURS));
    }
    chosen
}

/// What an address shares with the target.
pub(super) fn nearness(case: &Case, question: &Question, address: IpAddr) -> Nearness {
    if address == question.address {
        return Nearness::Host;
    }
    let known = case.topology.as_ref().zip(question.networks.as_ref());
    let Some((topology, (_, NetworkId::Vpc(vpc)))) = known else { return Nearness::Adjacent };
    let subnets = topology.subnet_in(vpc, question.address).zip(topology.subnet_in(vpc, address));
    let Some((target, other)) = subnets else { return Nearness::Network };
    let table = |subnet| topology.effective_route_table(subnet).map(|(id, _)| id);
    let acl = |subnet| topology.effective_network_acl(subnet).map(|(id, _)| id);
    let same_table = table(target).is_some() && table(target) == table(other);
    let same_acl = acl(target).is_some() && acl(target) == acl(other);
    match (same_table, same_acl) {
        _ if target == other => Nearness::Subnet,
        (and_route_table, true) => Nearness::NetworkAcl { and_route_table },
        (true, false) => Nearness::RouteTable,
        (false, false) => Nearness::Network,
    }
}

/// The addresses of other interfaces of the target's network, those of its own subnet first.
fn neighbours(topology: &Topology, network: &NetworkId, target: IpAddr) -> Vec<(IpAddr, Nearness)> {
    let NetworkId::Vpc(vpc) = network else { return Vec::new() };
    let subnet = topology.subnet_in(vpc, target);
    let others = topology.interfaces().filter(|(_, interface)| {
        interface.vpc.as_ref() == Some(vpc) && !interface.addresses.contains(&target)
    });
    let addresses = others.filter_map(|(_, interface)| {
        let same_family = interface.addresses.iter().find(|one| one.is_ipv4() == target.is_ipv4())?;
        let near = subnet.is_some() && topology.subnet_in(vpc, *same_family) == subnet;
        Some((*same_family, if near { Nearness::Subnet } else { Nearness::Network }))
    });
    addresses.collect()
}

/// The TCP ports of an address that the configuration lets all of the source's packets get to and back
/// from, the commonest first; MySQL's and the named one of the target itself left out.
fn open_ports(
    case: &Case,
    topology: &Topology,
    (source, target): (&NetworkId, &NetworkId),
    address: IpAddr,
    named: u16,
) -> Vec<u16> {
    let destination = AddressRange::from(address);
    let one = |range: &AddressRange| FlowBox {
        source: *range,
        destination,
        protocol: ProtocolRange::single(6),
        source_ports: case.source.source_ports,
        ports: PortRange::new(1, u16::MAX).unwrap_or(PortRange::ALL),
    };
    let same_family = case.source.ranges.iter().filter(|range| range.family() == destination.family());
    let asked: Flows = same_family.map(one).collect();
    let opening = reach(topology, source, target, &asked).opening();
    let shut = opening.blocked.union(&opening.unknown).ports();
    let is_shut = |port: u16| shut.iter().any(|range| range.contains(port));
    let admitted = opening.admitted.ports();
    let is_open = |port: u16| admitted.iter().any(|range| range.contains(port)) && !is_shut(port);
    let is_target = case.target.addresses.contains(&address);
    let lowest = admitted.iter().map(|range| range.first());
    let wanted = Some(named).into_iter().chain(COMMON).chain(lowest);
    let mut ports: Vec<u16> = Vec::new();
    for port in wanted.filter(|port| *port > 0 && !(is_target && *port == named)) {
        if is_open(port) && !MYSQL_PORTS.contains(&port) && !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// The addresses next to one, as far as a subnet could hold them: AWS keeps the first four and the last.
fn beside(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V4(address) = address else { return Vec::new() };
    let bits = address.to_bits();
    let near = [bits.checked_add(1), bits.checked_sub(1)].into_iter().flatten();
    let usable = near.filter(|bits| (4..255).contains(&(bits & 0xff)));
    usable.map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))).collect()
}
