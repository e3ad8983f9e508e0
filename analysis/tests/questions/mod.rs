//! Questions about random worlds: a set of flows for the engine, and packets of it for the truth that
//! judges one packet at a time.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::flow::{AddressRange, Flow, FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::topology::NetworkId;

use crate::brute_force::worlds::{BLOCKS, BLOCKS_V6, PORTS};
use crate::brute_force::{Choices, Packet, Place};

/// What is asked about a world.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) asked: Flows,
}

/// The interfaces that call and are called, with the subnet's block where all of it is asked about.
const A: &[&str] = &["10.1.0.10/32", "10.1.0.11/32", "10.1.1.10/32", "10.2.0.10/32"];
const A_WIDE: &[&str] =
    &["10.1.0.10/32", "10.1.0.0/24", "10.1.0.0/16", "10.2.0.0/16", "10.0.0.0/8", "10.9.0.1/32"];
const B: &[&str] = &["10.3.0.10/32", "10.4.0.10/32"];
const B_WIDE: &[&str] = &["10.3.0.10/32", "10.3.0.0/28", "10.4.0.0/16", "10.0.0.0/8", "10.9.0.1/32"];
const DYNOS: &[&str] = &["10.0.128.7/32", "10.0.128.0/20", "10.0.144.0/20", "10.0.128.0/19"];

const A6: &[&str] = &["2001:db8:a::10/128", "2001:db8:a:1::10/128"];
const A6_WIDE: &[&str] =
    &["2001:db8:a::10/128", "2001:db8:a:1::10/128", "2001:db8:a::/120", "2001:db8:a::/56", "2001:db8::/32"];
const B6: &[&str] = &["2001:db8:b::10/128", "2001:db8:b:1::10/128", "2001:db8:b:1::11/128"];
const B6_WIDE: &[&str] = &[
    "2001:db8:b::10/128",
    "2001:db8:b::/120",
    "2001:db8:b:1::/64",
    "2001:db8:b::/56",
    "2001:db8::/32",
    "2001:db8:ff::1/128",
];

impl Question {
    /// A question of these choices.
    pub(crate) fn new(choices: &mut Choices) -> Self {
        let (a, b) = (|| Place::Vpc("vpc-a".into()), || Place::Vpc("vpc-b".into()));
        let (from, to, sources, destinations): (_, _, &[&str], &[&str]) = match choices.below(11) {
            0 | 1 => (Place::Space, a(), DYNOS, A_WIDE),
            2 | 3 => (a(), b(), A, B_WIDE),
            4 => (b(), a(), B, A_WIDE),
            5 => (a(), a(), A, A_WIDE),
            6 => (a(), Place::Space, A, DYNOS),
            7 | 8 => (a(), b(), A6, B6_WIDE),
            9 => (b(), a(), B6, A6_WIDE),
            _ => (a(), a(), A6, A6_WIDE),
        };
        let ipv6 = sources[0].contains(':');
        let protocols = if ipv6 { [6, 17, 58, 6, 47] } else { [6, 17, 1, 6, 47] };
        let protocol = choices.pick(&protocols);
        let (source_ports, ports) = match protocol {
            1 => (PortRange::ALL, PortRange::icmp(8, Some(0))),
            58 => (PortRange::ALL, PortRange::icmp(128, Some(0))),
            47 => (PortRange::ALL, PortRange::ALL),
            _ => {
                let narrow = [PortRange::single(5432), PortRange::ALL, port_range(choices)];
                (port_range(choices), choices.pick(&narrow))
            }
        };
        let one = |source: &str, destination: &str| FlowBox {
            source: range(source),
            destination: range(destination),
            protocol: ProtocolRange::single(protocol),
            source_ports,
            ports,
        };
        let mut boxes = Vec::new();
        for _ in 0..=choices.below(2) {
            boxes.push(one(choices.pick(sources), choices.pick(destinations)));
        }
        Self { from, to, asked: boxes.into_iter().collect() }
    }

    /// The networks as the engine names them.
    pub(crate) fn networks(&self) -> (NetworkId, NetworkId) {
        (network(&self.from), network(&self.to))
    }

    /// Packets of the question: at its corners, and at every edge that the alphabets of rules have.
    pub(crate) fn packets(&self, choices: &mut Choices, count: usize) -> Vec<Packet> {
        let mut packets = BTreeSet::new();
        for one in self.asked.boxes() {
            let sources: Vec<IpAddr> = match self.from {
                Place::Space => addresses(one.source),
                // Only interfaces send.
                Place::Vpc(_) => vec![one.source.first()],
            };
            let destinations = addresses(one.destination);
            let (source_ports, ports) = (ports(one.source_ports), ports(one.ports));
            for _ in 0..count {
                packets.insert(Packet {
                    from: choices.pick(&sources),
                    to: choices.pick(&destinations),
                    protocol: one.protocol.first(),
                    from_port: choices.pick(&source_ports),
                    to_port: choices.pick(&ports),
                });
            }
        }
        // A machine that calls itself puts nothing on the wire.
        packets.into_iter().filter(|packet| packet.from != packet.to).collect()
    }
}

pub(crate) fn network(place: &Place) -> NetworkId {
    match place {
        Place::Space => NetworkId::Space,
        Place::Vpc(id) => NetworkId::Vpc(id.as_str().into()),
    }
}

/// The packet as the engine's flow.
pub(crate) fn flow(packet: Packet) -> Flow {
    Flow {
        source: packet.from,
        destination: packet.to,
        protocol: packet.protocol,
        source_port: packet.from_port,
        port: packet.to_port,
    }
}

pub(crate) fn range(block: &str) -> AddressRange {
    AddressRange::from(block.parse::<IpNet>().unwrap_or_else(|_| panic!("{block} is no block")))
}

fn port_range(choices: &mut Choices) -> PortRange {
    let ranges = [(32768, 60999), (0, 65535), (1024, 65535), (49151, 49152)];
    let (first, last) = choices.pick(&ranges);
    PortRange::new(first, last).unwrap_or(PortRange::ALL)
}

/// Addresses of a range: its ends, and the edges of every block of the alphabets and beside them.
fn addresses(range: AddressRange) -> Vec<IpAddr> {
    let hosts = [
        "10.1.0.10",
        "10.1.0.11",
        "10.1.0.15",
        "10.1.1.10",
        "10.2.0.10",
        "10.3.0.10",
        "10.4.0.10",
        "2001:db8:a::10",
        "2001:db8:a:1::10",
        "2001:db8:b::10",
        "2001:db8:b:1::10",
        "2001:db8:b:1::11",
    ];
    let hosts: Vec<IpAddr> = hosts.iter().filter_map(|host| host.parse().ok()).collect();
    // Mostly somebody is there.
    let mut found: Vec<IpAddr> = hosts.iter().cycle().take(hosts.len() * 8).copied().collect();
    found.extend([range.first(), range.last()]);
    for block in BLOCKS.iter().chain(BLOCKS_V6) {
        let block: IpNet = block.parse::<IpNet>().map(|block| block.trunc()).unwrap_or_default();
        for edge in [block.network(), block.broadcast()] {
            found.extend(beside(edge));
        }
    }
    found.retain(|address| range.contains(*address));
    found
}

/// The address itself and its neighbours.
fn beside(address: IpAddr) -> Vec<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let number = u32::from(address);
            [number.checked_sub(1), Some(number), number.checked_add(1)]
                .into_iter()
                .flatten()
                .map(|number| IpAddr::V4(number.into()))
                .collect()
        }
        IpAddr::V6(address) => {
            let number = u128::from(address);
            [number.checked_sub(1), Some(number), number.checked_add(1)]
                .into_iter()
                .flatten()
                .map(|number| IpAddr::V6(number.into()))
                .collect()
        }
    }
}

fn ports(range: PortRange) -> Vec<u16> {
    let edges = PORTS.iter().flat_map(|port| [port.saturating_sub(1), *port, port.saturating_add(1)]);
    edges.chain([range.first(), range.last()]).filter(|port| range.contains(*port)).collect()
}
