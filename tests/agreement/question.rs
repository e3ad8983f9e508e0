//! What is asked of a world: flows between its hosts.
//!
//! Of flows by lot nearly all are stopped by the first gate, and agreement about them says little. So most are
//! chosen at the borders of what the engine takes for open, for shut there and for shut on the way back. The rest
//! are at edges of the documents' rules or by lot, which finds what the engine has no border for. The choice may be
//! as partial as it likes: what becomes of a flow the kernel alone decides.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use peerscope_analysis::flow::{AddressRange, Flow, FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::reach::{Decision, Direction, reach};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::Snapshot;
use peerscope_document::aws::AwsDocuments;
use peerscope_laboratory::world::World;
use peerscope_laboratory::{Call, FlowProtocol, Host, Twin};
use serde::{Deserialize, Serialize};

/// How many pairs are looked at for a flow of the outcome that is wanted.
const TRIES: usize = 12;

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) host: Host,
    pub(crate) network: NetworkId,
    pub(crate) address: IpAddr,
}

/// One flow.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) from: End,
    pub(crate) to: End,
    pub(crate) protocol: FlowProtocol,
    /// An echo's identifier stands in its place.
    pub(crate) source_port: u16,
    /// 0 for an echo.
    pub(crate) port: u16,
}

impl Question {
    pub(crate) fn call(&self) -> Call {
        Call {
            host: self.from.host.clone(),
            source: SocketAddr::new(self.from.address, self.source_port),
            target: SocketAddr::new(self.to.address, self.port),
        }
    }

    pub(crate) fn flow(&self) -> Flow {
        let all = asked(&self.from, &self.to, self.protocol);
        let (source_port, port) = match self.protocol {
            FlowProtocol::Echo => (0, all.ports.first()),
            FlowProtocol::Tcp | FlowProtocol::Udp => (self.source_port, self.port),
        };
        Flow { source_port, port, ..all.lowest() }
    }
}

/// All flows of a protocol from one end to another.
fn asked(from: &End, to: &End, protocol: FlowProtocol) -> FlowBox {
    let every = PortRange::new(1, u16::MAX).unwrap_or(PortRange::ALL);
    let none = PortRange::single(0);
    let (number, source_ports, ports) = match (protocol, to.address) {
        (FlowProtocol::Tcp, _) => (6, every, every),
        (FlowProtocol::Udp, _) => (17, every, every),
        (FlowProtocol::Echo, IpAddr::V4(_)) => (1, none, PortRange::icmp(8, Some(0))),
        (FlowProtocol::Echo, IpAddr::V6(_)) => (58, none, PortRange::icmp(128, Some(0))),
    };
    FlowBox {
        source: AddressRange::from(from.address),
        destination: AddressRange::from(to.address),
        protocol: ProtocolRange::single(number),
        source_ports,
        ports,
    }
}

/// The flows that are asked about in one world.
pub(crate) struct Questions<'w> {
    topology: &'w Topology,
    world: &'w World,
    /// Ends that may ask each other: who has which address is beyond doubt.
    pairs: Vec<(End, End)>,
    /// Those of the world's own flow, in both versions of IP where it has them.
    own: Vec<(End, End)>,
    /// Ports at which some rule of the documents begins or ends, and the next ones outside.
    edges: Vec<u16>,
    used: BTreeSet<(FlowProtocol, SocketAddr, SocketAddr)>,
    lot: &'w mut fastrand::Rng,
}

impl<'w> Questions<'w> {
    pub(crate) fn new(
        topology: &'w Topology,
        world: &'w World,
        twin: &Twin<'_>,
        lot: &'w mut fastrand::Rng,
    ) -> Self {
        let ends = ends(&world.snapshot, twin);
        let doubts = Doubts::new(&world.snapshot, &ends);
        let pairs: Vec<(End, End)> = ends
            .iter()
            .flat_map(|from| ends.iter().map(move |to| (from, to)))
            .filter(|(from, to)| doubts.are_plain(from, to))
            .map(|(from, to)| (from.clone(), to.clone()))
            .collect();
        let hosts = (world.source(), world.target());
        let own = pairs.iter().filter(|(from, to)| (&from.host, &to.host) == (&hosts.0, &hosts.1));
        let own = own.cloned().collect();
        let edges = edges(&world.snapshot);
        Self { topology, world, pairs, own, edges, used: BTreeSet::new(), lot }
    }

    /// So many of them; fewer in a world that has not as many.
    pub(crate) fn draw(&mut self, number: usize) -> Vec<Question> {
        let mut questions: Vec<Question> = Vec::new();
        for _ in 0..number * 20 {
            if questions.len() == number {
                break;
            }
            if let Some(question) = self.one()
                && self.is_new(&question, &questions)
            {
                let call = question.call();
                self.used.insert((question.protocol, call.source, call.target));
                questions.push(question);
            }
        }
        questions
    }

    /// Whether the flow shares nothing with those before it that a host or a router would confuse: no port that
    /// another uses, or serves.
    fn is_new(&self, question: &Question, before: &[Question]) -> bool {
        let call = question.call();
        let reverse = (question.protocol, call.target, call.source);
        let clashes = |other: &Question| {
            other.protocol == question.protocol
                && ((&other.from.host, other.source_port) == (&question.from.host, question.source_port)
                    || (&other.to.host, other.port) == (&question.from.host, question.source_port)
                    || (&other.from.host, other.source_port) == (&question.to.host, question.port))
        };
        !self.used.contains(&(question.protocol, call.source, call.target))
            && !self.used.contains(&reverse)
            && !before.iter().any(clashes)
    }

    fn one(&mut self) -> Option<Question> {
        let protocol = match self.lot.u8(0..10) {
            0..=4 => FlowProtocol::Tcp,
            5..=7 => FlowProtocol::Udp,
            _ => FlowProtocol::Echo,
        };
        let wanted = match self.lot.u8(0..100) {
            0..=39 => Some(Kind::Through),
            40..=64 => Some(Kind::StoppedBack),
            65..=71 => Some(Kind::StoppedThere),
            _ => None,
        };
        let Some(wanted) = wanted else {
            let (from, to) = self.pair()?;
            let (source_port, port) = (self.source_port(), self.port());
            return self.question(from, to, protocol, source_port, port);
        };
        for _ in 0..TRIES {
            let (from, to) = self.pair()?;
            if let Some((source_port, port)) = self.at_a_border(&from, &to, protocol, wanted) {
                return self.question(from, to, protocol, source_port, port);
            }
        }
        None
    }

    fn question(
        &mut self,
        from: End,
        to: End,
        protocol: FlowProtocol,
        source_port: u16,
        port: u16,
    ) -> Option<Question> {
        if protocol == FlowProtocol::Echo {
            return Some(Question { from, to, protocol, source_port: self.lot.u16(1..), port: 0 });
        }
        (source_port > 0 && port > 0).then_some(Question { from, to, protocol, source_port, port })
    }

    /// Those of the world's own flow are joined with each other more often than any two are.
    fn pair(&mut self) -> Option<(End, End)> {
        let own = (self.world.source(), self.world.target());
        let kind = self.lot.u8(0..10);
        let among: Vec<&(End, End)> = match kind {
            0..=5 => self.own.iter().collect(),
            6 => self.pairs.iter().filter(|(from, _)| from.host == own.0).collect(),
            7 => self.pairs.iter().filter(|(_, to)| to.host == own.1).collect(),
            _ => self.pairs.iter().collect(),
        };
        if among.is_empty() { None } else { Some(among[self.lot.usize(..among.len())].clone()) }
    }

    /// Source port and port of a flow at a border of what the engine says has this outcome.
    fn at_a_border(
        &mut self,
        from: &End,
        to: &End,
        protocol: FlowProtocol,
        wanted: Kind,
    ) -> Option<(u16, u16)> {
        let mut kinds = kinds(self.topology, from, to, protocol);
        kinds.retain(|(kind, _)| *kind == wanted);
        let flows = &kinds.get(self.lot.usize(..kinds.len().max(1)))?.1;
        let one = flows.boxes()[self.lot.usize(..flows.boxes().len())];
        let mut within = |range: PortRange| match self.lot.u8(0..3) {
            0 => range.first(),
            1 => range.last(),
            _ => self.lot.u16(range.first()..=range.last()),
        };
        Some((within(one.source_ports), within(one.ports)))
    }

    fn port(&mut self) -> u16 {
        match self.lot.u8(0..3) {
            0 => self.world.target_address().port(),
            1 => self.edge(),
            _ => self.world.some_port(self.lot.u64(..)),
        }
    }

    fn source_port(&mut self) -> u16 {
        if self.lot.bool() {
            return self.edge();
        }
        let (first, last) = [(1024, 32767), (32768, 60999), (49152, 65535)][self.lot.usize(..3)];
        self.lot.u16(first..=last)
    }

    fn edge(&mut self) -> u16 {
        if self.edges.is_empty() { self.lot.u16(..) } else { self.edges[self.lot.usize(..self.edges.len())] }
    }
}

/// What the engine takes a flow's fate to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Through,
    StoppedThere,
    StoppedBack,
    Undecided,
}

/// All flows between two ends, by what the engine says becomes of them, and at which gate.
fn kinds(topology: &Topology, from: &End, to: &End, protocol: FlowProtocol) -> Vec<(Kind, Flows)> {
    let flows = Flows::from(asked(from, to, protocol));
    let answer = reach(topology, &from.network, &to.network, &flows);
    let mut kinds = Vec::new();
    for segment in &answer.segments {
        let mut open = segment.flows.clone();
        for evaluated in &segment.gates {
            for part in &evaluated.parts {
                let kind = match part.decision {
                    Decision::Admitted | Decision::Assumed | Decision::Consequence => continue,
                    Decision::Unknown(_) => Kind::Undecided,
                    Decision::Blocked(_) if evaluated.gate.direction() == Some(Direction::Return) => {
                        Kind::StoppedBack
                    }
                    Decision::Blocked(_) => Kind::StoppedThere,
                };
                kinds.push((kind, open.intersection(&part.flows)));
                open = open.difference(&part.flows);
            }
        }
        kinds.push((Kind::Through, open));
    }
    kinds.retain(|(_, flows)| !flows.is_empty());
    kinds
}

/// Every host in each version of IP, by its first address.
fn ends(snapshot: &Snapshot, twin: &Twin<'_>) -> Vec<End> {
    let interfaces = documents(snapshot).flat_map(|it| it.network_interfaces.iter().flatten());
    let networks: BTreeMap<_, _> = interfaces.map(|it| (&it.network_interface_id, &it.vpc_id)).collect();
    let mut ends = Vec::new();
    for (host, addresses) in twin.hosts() {
        let network = match host {
            Host::Dyno(_) => NetworkId::Space,
            Host::Interface(id) => match networks.get(id) {
                Some(Some(vpc)) => NetworkId::Vpc(vpc.clone()),
                _ => continue,
            },
        };
        for is_one in [IpAddr::is_ipv4, IpAddr::is_ipv6] {
            let address = addresses.iter().copied().find(is_one);
            ends.extend(address.map(|address| End { host: host.clone(), network: network.clone(), address }));
        }
    }
    ends
}

/// Which two ends can be asked about. Private addresses repeat: where another host nearby has the same, nobody
/// could say whom a packet means.
struct Doubts<'w> {
    ends: &'w [End],
    /// Networks that the documents join, however indirectly and whether the peerings are active or not, with a
    /// number for each such group.
    nearby: BTreeMap<NetworkId, usize>,
}

impl<'w> Doubts<'w> {
    fn new(snapshot: &Snapshot, ends: &'w [End]) -> Self {
        let networks: BTreeSet<&NetworkId> = ends.iter().map(|end| &end.network).collect();
        let mut nearby: BTreeMap<NetworkId, usize> =
            networks.into_iter().enumerate().map(|(number, network)| (network.clone(), number)).collect();
        let space = snapshot.heroku.peering_info.as_ref().and_then(|it| it.vpc_id.clone());
        for peering in documents(snapshot).flat_map(|it| it.vpc_peering_connections.iter().flatten()) {
            let sides = [&peering.requester_vpc_info, &peering.accepter_vpc_info].map(|side| {
                let vpc = side.as_ref()?.vpc_id.clone()?;
                let network =
                    if Some(&vpc) == space.as_ref() { NetworkId::Space } else { NetworkId::Vpc(vpc) };
                nearby.get(&network).copied()
            });
            if let [Some(one), Some(other)] = sides {
                nearby.values_mut().filter(|it| **it == other).for_each(|it| *it = one);
            }
        }
        Self { ends, nearby }
    }

    fn are_plain(&self, from: &End, to: &End) -> bool {
        let is_inside_the_space = from.network == NetworkId::Space && to.network == NetworkId::Space;
        from.host != to.host
            && from.address != to.address
            && from.address.is_ipv4() == to.address.is_ipv4()
            && !is_inside_the_space
            && [from, to].iter().all(|end| self.is_alone(end, from) && self.is_alone(end, to))
    }

    /// Whether nobody else around `around` has the address.
    fn is_alone(&self, end: &End, around: &End) -> bool {
        let place = self.nearby.get(&around.network);
        let near = self.ends.iter().filter(|it| self.nearby.get(&it.network) == place);
        near.filter(|it| it.address == end.address).all(|it| it == end)
    }
}

fn edges(snapshot: &Snapshot) -> Vec<u16> {
    let permissions = documents(snapshot).flat_map(|it| it.security_groups.iter().flatten());
    let permissions =
        permissions.flat_map(|group| group.ip_permissions.iter().chain(&group.ip_permissions_egress));
    let entries = documents(snapshot).flat_map(|it| it.network_acls.iter().flatten());
    let ranges = entries.flat_map(|acl| &acl.entries).filter_map(|entry| entry.port_range);
    let ranges = permissions.map(|it| (it.from_port, it.to_port)).chain(ranges.map(|it| (it.from, it.to)));
    let edges = ranges.flat_map(|(from, to)| {
        let from = from.into_iter().flat_map(|from| [from - 1, from]);
        from.chain(to.into_iter().flat_map(|to| [to, to + 1]))
    });
    let edges: BTreeSet<u16> = edges.filter_map(|edge| u16::try_from(edge).ok()).collect();
    edges.into_iter().filter(|edge| *edge > 0).collect()
}

fn documents(snapshot: &Snapshot) -> impl Iterator<Item = &AwsDocuments> {
    snapshot.aws.iter().map(|collection| &collection.documents)
}

/// A question as a file holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    from: WrittenEnd,
    to: WrittenEnd,
    protocol: WrittenProtocol,
    source_port: u16,
    port: u16,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct WrittenEnd {
    /// Absent: a dyno.
    interface: Option<String>,
    /// Absent: the space.
    vpc: Option<String>,
    address: IpAddr,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenProtocol {
    Tcp,
    Udp,
    Icmp,
}

impl From<&Question> for Written {
    fn from(question: &Question) -> Self {
        let end = |end: &End| WrittenEnd {
            interface: match &end.host {
                Host::Interface(id) => Some(id.to_string()),
                Host::Dyno(_) => None,
            },
            vpc: match &end.network {
                NetworkId::Vpc(id) => Some(id.to_string()),
                NetworkId::Space | NetworkId::SpaceData => None,
            },
            address: end.address,
        };
        let protocol = match question.protocol {
            FlowProtocol::Tcp => WrittenProtocol::Tcp,
            FlowProtocol::Udp => WrittenProtocol::Udp,
            FlowProtocol::Echo => WrittenProtocol::Icmp,
        };
        let (source_port, port) = (question.source_port, question.port);
        Self { from: end(&question.from), to: end(&question.to), protocol, source_port, port }
    }
}

impl From<Written> for Question {
    fn from(written: Written) -> Self {
        let end = |end: WrittenEnd| End {
            host: end.interface.map_or(Host::Dyno(end.address), |id| Host::Interface(id.into())),
            network: end.vpc.map_or(NetworkId::Space, |id| NetworkId::Vpc(id.into())),
            address: end.address,
        };
        let protocol = match written.protocol {
            WrittenProtocol::Tcp => FlowProtocol::Tcp,
            WrittenProtocol::Udp => FlowProtocol::Udp,
            WrittenProtocol::Icmp => FlowProtocol::Echo,
        };
        let (source_port, port) = (written.source_port, written.port);
        Self { from: end(written.from), to: end(written.to), protocol, source_port, port }
    }
}
