//! What the engine says of a world, in words short enough for a table.

use ipnet::IpNet;
use peerscope_analysis::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::reach::{Answer, Blocker, Direction, reach};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::Snapshot;

use crate::documents::World;

/// A question. Networks are `space` or the id of a VPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) source: &'static str,
    pub(crate) destination: &'static str,
    pub(crate) protocol: u8,
    pub(crate) source_ports: PortRange,
    pub(crate) ports: PortRange,
}

/// Every dyno of `World::space_and_database` towards its database.
pub(crate) fn dynos() -> Asked {
    Asked {
        from: "space",
        to: "vpc-db",
        source: "10.0.128.0/19",
        destination: "10.100.2.20/32",
        protocol: 6,
        source_ports: ports(32768, 60999),
        ports: PortRange::single(5432),
    }
}

/// The application of `World::two_vpcs` towards its database.
pub(crate) fn application() -> Asked {
    let (source, destination) = ("10.1.0.10/32", "10.2.0.20/32");
    Asked { from: "vpc-app", to: "vpc-db", source, destination, ..dynos() }
}

impl Asked {
    /// The same as an echo request.
    pub(crate) fn echo(self) -> Self {
        let (protocol, icmp_type) = if self.destination.contains(':') { (58, 128) } else { (1, 8) };
        Self { protocol, source_ports: PortRange::ALL, ports: PortRange::icmp(icmp_type, Some(0)), ..self }
    }

    pub(crate) fn flows(self) -> Flows {
        let range = |block: &str| {
            AddressRange::from(block.parse::<IpNet>().unwrap_or_else(|_| panic!("{block} is no block")))
        };
        Flows::from(FlowBox {
            source: range(self.source),
            destination: range(self.destination),
            protocol: ProtocolRange::single(self.protocol),
            source_ports: self.source_ports,
            ports: self.ports,
        })
    }

    pub(crate) fn networks(self) -> (NetworkId, NetworkId) {
        let network = |name: &str| match name {
            "space" => NetworkId::Space,
            vpc => NetworkId::Vpc(vpc.into()),
        };
        (network(self.from), network(self.to))
    }

    pub(crate) fn of(self, snapshot: &Snapshot) -> Answer {
        let (source, target) = self.networks();
        reach(&Topology::from(snapshot), &source, &target, &self.flows())
    }
}

pub(crate) fn ports(first: u16, last: u16) -> PortRange {
    PortRange::new(first, last).unwrap_or_else(|| panic!("{first} is above {last}"))
}

/// Every blocker as `CODE component direction`, and after them, with a question mark, every gate whose
/// content the documents do not tell. Nothing where the flows get through.
pub(crate) fn said(world: &World, asked: Asked) -> Vec<String> {
    said_of(&world.snapshot(), asked)
}

pub(crate) fn said_of(snapshot: &Snapshot, asked: Asked) -> Vec<String> {
    let answer = asked.of(snapshot);
    let mut said: Vec<String> = answer.blockers().iter().map(words).collect();
    said.extend(answer.unknowns().iter().map(|unknown| format!("? {}", words(unknown))));
    let through = answer.opening().admitted == asked.flows();
    assert_eq!(said.is_empty(), through, "{said:?}");
    said
}

fn words(blocker: &Blocker<'_>) -> String {
    let direction = match blocker.direction {
        Some(Direction::Forward) => " forward",
        Some(Direction::Return) => " return",
        None => "",
    };
    format!("{} {}{direction}", blocker.code, blocker.component.id().unwrap_or_default())
}

/// What a blocker stops: sources and source ports of the only blocker of a world.
pub(crate) fn stopped(world: &World, asked: Asked) -> (Vec<String>, Vec<String>) {
    let answer = asked.of(&world.snapshot());
    let blockers = answer.blockers();
    let [blocker] = &blockers[..] else { panic!("{} blockers", blockers.len()) };
    let sources = blocker.flows.sources().iter().map(ToString::to_string).collect();
    (sources, blocker.flows.source_ports().iter().map(ToString::to_string).collect())
}
