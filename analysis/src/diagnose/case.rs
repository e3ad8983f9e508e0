//! What is asked, and what is known before the first packet.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use peerscope_vocabulary::Handshake;

use super::lookup::Lookup;
use super::prior::Priors;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use crate::reach::{Answer, fitting_networks, reach};
use crate::report::{Gap, SnapshotReport, Target, Vantage, VantageKind};
use crate::topology::{NetworkId, Topology};

/// Everything that a diagnosis starts from.
#[derive(Clone, Debug)]
pub struct Case {
    /// The version of peerscope, for the report.
    pub version: String,
    /// What is to be reached. Every address of it is diagnosed.
    pub target: Target,
    /// What the DNS said, where it was asked.
    pub lookup: Option<Lookup>,
    /// The IP protocol number: 6 for TCP.
    pub protocol: u8,
    /// From where.
    pub source: SourceSpec,
    /// Where probes are sent from.
    pub vantage: Vantage,
    /// The networks of the target's addresses, where it was named by an id, or by a name that the snapshot gives a
    /// machine: the same addresses may lie in others too.
    pub target_networks: Vec<(IpAddr, NetworkId)>,
    /// What is configured, where a snapshot was given.
    pub topology: Option<Topology>,
    /// What was configured at an earlier time, where that was given: what changed is evidence.
    pub baseline: Option<Baseline>,
    /// The snapshot's own data, for the report.
    pub snapshot: Option<SnapshotReport>,
    /// What could not be seen so far.
    pub gaps: Vec<Gap>,
    /// Whether packets may be sent.
    pub probing: bool,
    /// Whether this process may send ICMP echo requests: one goes beside connects that are silent, and
    /// without it nothing is asked of a target that is to answer an echo.
    pub echo: bool,
    /// Whether the scheme or port says that MySQL is meant, to which at most three connects are made.
    pub mysql: bool,
    /// What is spoken once connected, where the scheme named a protocol: once for each address, in one of the
    /// connects that are made anyhow.
    pub handshake: Option<Handshake>,
    /// Whether the source ports are swept, for whatever depends on them.
    pub thorough: bool,
    /// Whether other ports of a silent target and its neighbours may be asked too: those of a few that tell something.
    pub explore: bool,
    /// How long the whole may take.
    pub deadline: Duration,
    /// How likely each cause of silence is before anything is known.
    pub priors: Priors,
    /// Connections to the target that stood before its first bad probe, where there are any.
    pub standing: Vec<StandingConnection>,
}

/// A connection that stood before the target was silent, over which nothing is said but that it is still there (the
/// keepalives of RFC 9293, section 3.8.4).
///
/// Security groups track connections: one that stands outlives the rule that let it in, unless rules open to everybody
/// let it in and out, so that it is not tracked (Amazon VPC user guide, "Security group connection tracking"). Routes,
/// peerings and network ACLs judge every packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingConnection {
    /// Whom it leads to.
    pub address: IpAddr,
    /// To which port.
    pub port: u16,
    /// How long it had stood at the first bad probe.
    pub stood: Duration,
    /// Whether the other side acknowledged something since that probe.
    pub is_acknowledged: bool,
}

/// What was configured at an earlier time.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// What was configured then.
    pub topology: Topology,
    /// Where that was the time of the last good probe of a path that is watched: how much later the first bad one was.
    pub good_until: Option<Duration>,
}

impl From<Topology> for Baseline {
    /// Of a time of which nothing else is known.
    fn from(topology: Topology) -> Self {
        Self { topology, good_until: None }
    }
}

/// From where the target is to be reached.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// As the user wrote it, or what was taken in its place.
    pub input: String,
    /// The addresses.
    pub ranges: Vec<AddressRange>,
    /// The network that they are in, where it is known: a dyno knows that it is one.
    pub network: Option<NetworkId>,
    /// The client's ports that the answer is for.
    pub source_ports: PortRange,
}

/// The question for one address of the target.
#[derive(Debug)]
pub(super) struct Question {
    /// The address.
    pub(super) address: IpAddr,
    /// The networks of source and target, where the topology knows them.
    pub(super) networks: Option<(NetworkId, NetworkId)>,
    /// Other networks that hold the same addresses and fit as well, so that which are meant is a guess.
    pub(super) rivals: Vec<(NetworkId, NetworkId)>,
    /// The flows that are asked about.
    pub(super) asked: Flows,
    /// The same from every dyno block of the space, where the source is a dyno: what a repair serves.
    pub(super) served: Flows,
    /// What the configuration does to the flows asked.
    pub(super) answer: Option<Answer>,
}

impl Case {
    /// A question to the documents alone, for this IP protocol number: no packet is sent, nothing was asked of the DNS,
    /// and no earlier configuration is known.
    pub fn of_documents(
        target: Target,
        protocol: u8,
        source: SourceSpec,
        topology: Option<Topology>,
    ) -> Self {
        Self {
            version: String::new(),
            target,
            lookup: None,
            protocol,
            source,
            vantage: Vantage { kind: VantageKind::Unknown, address: None },
            target_networks: Vec::new(),
            topology,
            baseline: None,
            snapshot: None,
            gaps: Vec::new(),
            probing: false,
            echo: false,
            mysql: false,
            handshake: None,
            thorough: false,
            explore: false,
            deadline: Duration::ZERO,
            priors: Priors::default(),
            standing: Vec::new(),
        }
    }

    /// Whether a datagram is to get there: its silence says nothing by itself.
    pub(super) fn is_udp(&self) -> bool {
        self.protocol == 17
    }

    /// Where the probes go, in words: `tcp 10.100.2.20:5432`, `icmp 10.100.2.20`.
    pub(super) fn destination_words(&self, address: IpAddr) -> String {
        match (self.target.port, address) {
            (Some(port), IpAddr::V6(address)) => format!("{} [{address}]:{port}", self.target.protocol),
            (Some(port), address) => format!("{} {address}:{port}", self.target.protocol),
            (None, address) => format!("{} {address}", self.target.protocol),
        }
    }

    /// The address as TARGET: `tcp://10.100.2.20:5432`, `icmp://[2001:db8::1]`.
    pub(super) fn target_of(&self, address: IpAddr) -> String {
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let port = self.target.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.target.protocol)
    }

    /// The question for each address of the target.
    pub(super) fn questions(&self) -> Vec<Question> {
        self.target.addresses.iter().map(|address| self.question(*address)).collect()
    }

    fn question(&self, address: IpAddr) -> Question {
        let asked = self.flows(&self.source.ranges, address);
        let fitting = self.topology.as_ref().and_then(|topology| {
            let source = self
                .source
                .ranges
                .iter()
                .find(|range| range.family() == AddressRange::from(address).family());
            let source = source.map(|range| range.first())?;
            let sources = match &self.source.network {
                Some(network) => Vec::from([network.clone()]),
                None => topology.networks_of(source),
            };
            let places = self.target_networks.iter().filter(|(known, _)| *known == address);
            let targets: Vec<NetworkId> = places.map(|(_, network)| network.clone()).collect();
            Some(fitting_networks(topology, &sources, &targets, source, address))
        });
        let mut fitting = fitting.unwrap_or_default().into_iter();
        let (networks, rivals) = (fitting.next(), fitting.collect());
        let mut served = asked.clone();
        if let (Some((NetworkId::Space, _)), Some(space)) =
            (&networks, self.topology.as_ref().and_then(Topology::space))
        {
            let blocks: Vec<AddressRange> =
                space.dyno_blocks.iter().copied().map(AddressRange::from).collect();
            served = served.union(&self.flows(&blocks, address));
        }
        let answer = networks
            .as_ref()
            .zip(self.topology.as_ref())
            .map(|((source, target), topology)| reach(topology, source, target, &asked));
        Question { address, networks, rivals, asked, served, answer }
    }

    fn flows(&self, sources: &[AddressRange], address: IpAddr) -> Flows {
        let destination = AddressRange::from(address);
        let ports = match self.target.port {
            Some(port) => PortRange::single(port),
            None => PortRange::echo_request(destination.family()),
        };
        let source_ports = if self.target.port.is_some() { self.source.source_ports } else { PortRange::ALL };
        let same_family = sources.iter().filter(|range| range.family() == destination.family());
        let one = |source: &AddressRange| FlowBox {
            source: *source,
            destination,
            protocol: ProtocolRange::single(self.protocol),
            source_ports,
            ports,
        };
        same_family.map(one).collect()
    }
}
