//! Who connects to whom: every dyno block and every interface, to every interface's ports that its groups open.
//!
//! All pairs of a large estate are millions; a person wants those that a change could concern. So there is an
//! order (dynos, then across peerings, then within a VPC) and a limit, and what lies past it is said. The
//! client's ports are tried once in each part of their range that a network ACL on the way could treat
//! differently, since nothing else looks at them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::diagnose::SourceSpec;
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{Gap, GapKind};
use peerscope_analysis::topology::{NetworkId, NetworkInterface, Space, Topology};
use peerscope_document::aws::{InstanceStateName, IpProtocol};
use peerscope_document::id::{NetworkInterfaceId, SubnetId};
use peerscope_laboratory::Host;

use crate::exit::Failure;
use crate::target::{Host as Named, TargetUrl};

/// The most flows that are tried, a minute's work of two processors twice over.
const MOST_FLOWS: usize = 2000;
/// The most hosts that stand at once.
const MOST_HOSTS: usize = 200;
/// The most dynos of one block: nothing but a rule for a single address tells them apart.
const DYNOS_OF_A_BLOCK: usize = 4;
/// The most ports of one interface.
const MOST_PORTS: usize = 12;
/// The most parts of the client's ports for one pair.
const MOST_PARTS: usize = 4;
/// After so many flows past the limits no more are counted.
const COUNTED: usize = 1_000_000;

/// What is to be tried.
pub(super) struct Question {
    /// Who connects, where that was said.
    pub(super) from: Option<SourceSpec>,
    /// To what, where that was said.
    pub(super) to: Option<TargetUrl>,
    /// The client's ports.
    pub(super) source_ports: PortRange,
}

/// Someone who connects.
pub(super) struct Sender {
    pub(super) host: Host,
    pub(super) network: NetworkId,
    pub(super) addresses: Vec<IpAddr>,
    /// The dyno block that it stands for.
    pub(super) block: Option<IpNet>,
    pub(super) name: Option<String>,
    subnet: Option<SubnetId>,
}

/// An interface that answers.
pub(super) struct Receiver {
    pub(super) interface: NetworkInterfaceId,
    pub(super) network: NetworkId,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ports: Vec<u16>,
    pub(super) name: Option<String>,
    subnet: Option<SubnetId>,
}

/// One flow, by the places of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) sender: usize,
    pub(super) receiver: usize,
    pub(super) source: IpAddr,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The part of the client's ports that it stands for.
    pub(super) source_ports: PortRange,
}

/// Everybody, and what they do.
pub(super) struct Cast {
    pub(super) senders: Vec<Sender>,
    pub(super) receivers: Vec<Receiver>,
    pub(super) flows: Vec<Flow>,
    pub(super) gaps: Vec<Gap>,
}

impl Receiver {
    /// Its host in the twin.
    pub(super) fn host(&self) -> Host {
        Host::Interface(self.interface.clone())
    }
}

impl Cast {
    /// Casts a question over the topologies of a rehearsal, which have the same interfaces.
    ///
    /// # Errors
    /// Where nobody is who was to connect or to answer.
    pub(super) fn new(question: &Question, topologies: &[&Topology]) -> Result<Self, Failure> {
        let Some(topology) = topologies.first() else { return Ok(Self::empty()) };
        let mut gaps = Vec::new();
        let senders = senders(question, topology, &mut gaps);
        let receivers = receivers(question, topologies, &mut gaps)?;
        if let Some(from) = question.from.as_ref().filter(|_| senders.is_empty()) {
            return Err(Failure::usage(format!(
                "--from {}: expected a source of which the snapshot has a dyno block or a running interface",
                from.input
            )));
        }
        let mut cast = Self { senders, receivers, flows: Vec::new(), gaps };
        cast.pair(question, topologies);
        Ok(cast)
    }

    fn empty() -> Self {
        Self { senders: Vec::new(), receivers: Vec::new(), flows: Vec::new(), gaps: Vec::new() }
    }

    /// The hosts of all flows.
    pub(super) fn hosts(&self) -> BTreeSet<Host> {
        let senders = self.flows.iter().filter_map(|flow| self.senders.get(flow.sender));
        let receivers = self.flows.iter().filter_map(|flow| self.receivers.get(flow.receiver));
        senders.map(|sender| sender.host.clone()).chain(receivers.map(Receiver::host)).collect()
    }

    fn pair(&mut self, question: &Question, topologies: &[&Topology]) {
        let mut limits = Limits::default();
        let mut joined: BTreeMap<(NetworkId, NetworkId), bool> = BTreeMap::new();
        let mut flows = Vec::new();
        'all: for rank in [Rank::Dyno, Rank::Across, Rank::Within] {
            for (receiver_index, receiver) in self.receivers.iter().enumerate() {
                for (sender_index, sender) in self.senders.iter().enumerate() {
                    if sender.host == receiver.host() || Rank::of(sender, receiver) != rank {
                        continue;
                    }
                    let pair = (sender.network.clone(), receiver.network.clone());
                    let is_joined = *joined
                        .entry(pair)
                        .or_insert_with(|| are_joined(topologies, &sender.network, &receiver.network));
                    if !is_joined {
                        continue;
                    }
                    let parts = parts(question.source_ports, topologies, sender, receiver, &mut limits);
                    for (source, address) in same_family(&sender.addresses, &receiver.addresses) {
                        for &port in &receiver.ports {
                            for &source_ports in &parts {
                                let flow = Flow {
                                    sender: sender_index,
                                    receiver: receiver_index,
                                    source,
                                    address,
                                    port,
                                    source_ports,
                                };
                                if limits.admits(sender, receiver) {
                                    flows.push(flow);
                                } else if limits.passed_over >= COUNTED {
                                    break 'all;
                                }
                            }
                        }
                    }
                }
            }
        }
        self.flows = flows;
        let apart = joined.values().filter(|joined| !**joined).count();
        self.gaps.extend(limits.gaps(apart));
    }
}

/// In which order flows are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Dyno,
    Across,
    Within,
}

impl Rank {
    fn of(sender: &Sender, receiver: &Receiver) -> Self {
        match (&sender.network, sender.network == receiver.network) {
            (NetworkId::Space, _) => Self::Dyno,
            (_, false) => Self::Across,
            (_, true) => Self::Within,
        }
    }
}

/// What has been taken so far, and what could not be.
#[derive(Default)]
struct Limits {
    hosts: BTreeSet<Host>,
    flows: usize,
    passed_over: usize,
    parts_left_out: bool,
}

impl Limits {
    fn admits(&mut self, sender: &Sender, receiver: &Receiver) -> bool {
        let receiver = receiver.host();
        let new = [&sender.host, &receiver].into_iter().filter(|host| !self.hosts.contains(*host)).count();
        if self.flows >= MOST_FLOWS || self.hosts.len() + new > MOST_HOSTS {
            self.passed_over += 1;
            return false;
        }
        self.flows += 1;
        self.hosts.insert(sender.host.clone());
        self.hosts.insert(receiver);
        true
    }

    fn gaps(self, apart: usize) -> Vec<Gap> {
        let mut gaps = Vec::new();
        if self.passed_over > 0 {
            let number = match self.passed_over {
                COUNTED.. => format!("more than {COUNTED}"),
                some => some.to_string(),
            };
            gaps.push(scope(
                format!("{number} flows more"),
                format!(
                    "{MOST_FLOWS} flows between {MOST_HOSTS} hosts are tried at the most, dynos first, then across peerings, then within each VPC"
                ),
                "the fate of those: narrow the rehearsal by --from and --to",
            ));
        }
        if apart > 0 {
            gaps.push(scope(
                format!("flows between {apart} pairs of networks"),
                "no peering joins them".to_string(),
                "nothing that a peering decides",
            ));
        }
        if self.parts_left_out {
            gaps.push(scope(
                "some of the client's ports".to_string(),
                format!("network ACLs divide them into more than {MOST_PARTS} parts"),
                "whether those parts fare otherwise: narrow them by --source-ports",
            ));
        }
        gaps
    }
}

pub(super) fn scope(what: String, reason: String, would_tell: &str) -> Gap {
    Gap { kind: GapKind::Scope, what, reason, would_tell: would_tell.to_string() }
}

fn senders(question: &Question, topology: &Topology, gaps: &mut Vec<Gap>) -> Vec<Sender> {
    let from = question.from.as_ref();
    let is_in = |network: &NetworkId| {
        from.and_then(|from| from.network.as_ref()).is_none_or(|wanted| wanted == network)
    };
    let mut senders = Vec::new();
    if let Some(space) = topology.space().filter(|_| is_in(&NetworkId::Space)) {
        senders.extend(dynos(space, from));
    }
    let mut stopped = 0;
    for (id, interface) in topology.interfaces() {
        let Some(vpc) = interface.vpc.clone().filter(|vpc| is_documented(topology, vpc)) else { continue };
        let network = NetworkId::Vpc(vpc);
        let wanted = |address: &IpAddr| {
            from.is_none_or(|from| from.ranges.iter().any(|range| range.contains(*address)))
        };
        let addresses = one_of_each_family(interface.addresses.iter().copied().filter(wanted));
        if addresses.is_empty() || !is_in(&network) {
            continue;
        }
        if is_stopped(topology, interface) {
            stopped += 1;
            continue;
        }
        senders.push(Sender {
            host: Host::Interface(id.clone()),
            network,
            addresses,
            block: None,
            name: interface.ownership.name.clone(),
            subnet: interface.subnet.clone(),
        });
    }
    if stopped > 0 {
        gaps.push(scope(
            format!("{stopped} interfaces of instances that do not run, as senders"),
            "they send nothing".to_string(),
            "what they will reach once they run",
        ));
    }
    senders
}

/// Dynos at the addresses that the topology lists; where it lists none of a block, one is made up.
fn dynos(space: &Space, from: Option<&SourceSpec>) -> Vec<Sender> {
    let blocks: Vec<IpNet> = if space.dyno_blocks.is_empty() {
        space.cidr.into_iter().collect()
    } else {
        space.dyno_blocks.clone()
    };
    let mut senders: Vec<Sender> = Vec::new();
    for block in blocks {
        let whole = AddressRange::from(block);
        let ranges: Vec<AddressRange> = match from {
            None => vec![whole],
            Some(from) => from.ranges.iter().filter_map(|range| range.intersection(whole)).collect(),
        };
        for range in ranges {
            let listed = space.dynos.iter().map(|dyno| dyno.address).filter(|address| range.contains(*address));
            let mut addresses: Vec<IpAddr> = listed.take(DYNOS_OF_A_BLOCK).collect();
            if addresses.is_empty() {
                addresses.extend(somewhere_in(range));
            }
            for address in addresses {
                let host = Host::Dyno(address);
                if senders.iter().all(|known| known.host != host) {
                    let block = Some(block).filter(|_| !range.is_single());
                    let addresses = vec![address];
                    let network = NetworkId::Space;
                    senders.push(Sender { host, network, addresses, block, name: None, subnet: None });
                }
            }
        }
    }
    senders
}

/// An address that a host could have: past those that AWS keeps of a subnet, where there is room.
fn somewhere_in(range: AddressRange) -> Option<IpAddr> {
    const KEPT: usize = 4;
    if range.is_single() {
        return Some(range.first());
    }
    let block = *range.cidrs().first()?;
    block.hosts().nth(KEPT).or_else(|| block.hosts().next())
}

fn receivers(
    question: &Question,
    topologies: &[&Topology],
    gaps: &mut Vec<Gap>,
) -> Result<Vec<Receiver>, Failure> {
    let Some(topology) = topologies.first() else { return Ok(Vec::new()) };
    let wanted = question.to.as_ref();
    let (mut receivers, mut stopped, mut closed, mut cut) = (Vec::new(), 0, 0, 0);
    let mut is_known = false;
    for (id, interface) in topology.interfaces() {
        let addresses = match wanted {
            None => one_of_each_family(interface.addresses.iter().copied()),
            Some(target) => addressed(target, id, interface),
        };
        let vpc = interface.vpc.clone().filter(|vpc| is_documented(topology, vpc));
        let (Some(vpc), false) = (vpc, addresses.is_empty()) else { continue };
        is_known = true;
        if is_stopped(topology, interface) {
            stopped += 1;
            continue;
        }
        let ports = match wanted.and_then(|target| target.port) {
            Some(port) => vec![port],
            None => {
                let mut ports = opened(topologies, id);
                cut += usize::from(ports.len() > MOST_PORTS);
                ports.truncate(MOST_PORTS);
                ports.sort_unstable();
                ports
            }
        };
        if ports.is_empty() {
            closed += 1;
            continue;
        }
        receivers.push(Receiver {
            interface: id.clone(),
            network: NetworkId::Vpc(vpc),
            addresses,
            ports,
            name: interface.ownership.name.clone(),
            subnet: interface.subnet.clone(),
        });
    }
    if let Some(target) = wanted.filter(|_| !is_known) {
        return Err(Failure::usage(format!(
            "--to {}: expected an interface of the snapshot, in a VPC that it describes",
            target.shown()
        )));
    }
    let mut told = |number: usize, what: &str, reason: &str, would_tell: &str| {
        if number > 0 {
            gaps.push(scope(format!("{number} interfaces{what}"), reason.to_string(), would_tell));
        }
    };
    told(
        stopped,
        " of instances that do not run",
        "nothing answers there",
        "what will reach them once they run",
    );
    told(closed, "", "no group of theirs opens a TCP port", "that nothing reaches them");
    let reason =
        "their groups open so many ports that the first of them, and the ends of ranges, stand for all";
    told(cut, "' further ports", reason, "their fate: name one by --to tcp://HOST:PORT");
    Ok(receivers)
}

/// The addresses of an interface that a target means.
fn addressed(target: &TargetUrl, id: &NetworkInterfaceId, interface: &NetworkInterface) -> Vec<IpAddr> {
    let all = interface.addresses.iter().copied();
    match &target.host {
        Named::Address(wanted) => all.filter(|address| address == wanted).collect(),
        Named::AwsId(wanted) => {
            let is_instance = interface.instance.as_ref().is_some_and(|instance| instance.as_str() == wanted);
            if id.as_str() == wanted || is_instance { one_of_each_family(all) } else { Vec::new() }
        }
        Named::Name(wanted) => match interface.ownership.name.as_ref() {
            Some(name) if name == wanted => one_of_each_family(all),
            _ => Vec::new(),
        },
    }
}

/// The TCP ports that any group of an interface opens, before or after the edit: single ones first, then the
/// ends of ranges.
fn opened(topologies: &[&Topology], id: &NetworkInterfaceId) -> Vec<u16> {
    let (mut single, mut ends): (Vec<u16>, Vec<u16>) = (Vec::new(), Vec::new());
    for topology in topologies {
        let groups = topology.interface(id).into_iter().flat_map(|interface| &interface.security_groups);
        let groups = groups.filter_map(|group| topology.security_group(group));
        for permission in groups.flat_map(|group| &group.ingress) {
            if !matches!(permission.ip_protocol, IpProtocol::All | IpProtocol::TCP) {
                continue;
            }
            let is_all = permission.ip_protocol == IpProtocol::All;
            let end = |value: Option<i32>, all: u16| match value.filter(|value| *value >= 0 && !is_all) {
                Some(value) => u16::try_from(value).unwrap_or(all),
                None => all,
            };
            let (first, last) = (end(permission.from_port, 0).max(1), end(permission.to_port, u16::MAX));
            match first == last {
                true => single.push(first),
                false if first < last => ends.extend([first, last]),
                false => {}
            }
        }
    }
    let mut seen = BTreeSet::new();
    single.into_iter().chain(ends).filter(|port| seen.insert(*port)).collect()
}

/// The parts of the client's ports that the ACLs of both ends may treat differently.
fn parts(
    ports: PortRange,
    topologies: &[&Topology],
    sender: &Sender,
    receiver: &Receiver,
    limits: &mut Limits,
) -> Vec<PortRange> {
    let subnets = [sender.subnet.as_ref(), receiver.subnet.as_ref()];
    let mut starts = BTreeSet::from([ports.first()]);
    // Not applied between interfaces of one subnet.
    let is_within = sender.subnet.is_some() && sender.subnet == receiver.subnet;
    for topology in topologies.iter().filter(|_| !is_within) {
        let acls = subnets.into_iter().flatten().filter_map(|subnet| topology.effective_network_acl(subnet));
        for entry in acls.flat_map(|(_, acl)| &acl.entries) {
            let Some(range) = entry.port_range else { continue };
            let start = |value: Option<i32>| u16::try_from(value.filter(|value| *value >= 0)?).ok();
            let past = start(range.to).and_then(|last| last.checked_add(1));
            starts.extend(start(range.from).into_iter().chain(past).filter(|start| ports.contains(*start)));
        }
    }
    let ends = starts.iter().skip(1).map(|start| start - 1).chain([ports.last()]);
    let parts: Vec<PortRange> =
        starts.iter().zip(ends).filter_map(|(first, last)| PortRange::new(*first, last)).collect();
    if parts.len() <= MOST_PARTS {
        return parts;
    }
    // The first, the last, and what lies between them evenly.
    limits.parts_left_out = true;
    let step = |index: usize| index * (parts.len() - 1) / (MOST_PARTS - 1);
    (0..MOST_PARTS).filter_map(|index| parts.get(step(index)).copied()).collect()
}

fn are_joined(topologies: &[&Topology], one: &NetworkId, other: &NetworkId) -> bool {
    one == other
        || topologies.iter().any(|topology| topology.peerings().any(|(_, peering)| peering.joins(one, other)))
}

fn same_family(sources: &[IpAddr], destinations: &[IpAddr]) -> Vec<(IpAddr, IpAddr)> {
    let pairs = sources.iter().flat_map(|source| destinations.iter().map(|address| (*source, *address)));
    pairs.filter(|(source, address)| source.is_ipv4() == address.is_ipv4()).collect()
}

fn one_of_each_family(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut kept: Vec<IpAddr> = Vec::new();
    for address in addresses {
        if kept.iter().all(|known| known.is_ipv4() != address.is_ipv4()) {
            kept.push(address);
        }
    }
    kept
}

fn is_documented(topology: &Topology, vpc: &peerscope_document::id::VpcId) -> bool {
    topology.vpc(vpc).is_some_and(|vpc| vpc.documented)
}

fn is_stopped(topology: &Topology, interface: &NetworkInterface) -> bool {
    let instance = interface.instance.as_ref().and_then(|id| topology.instance(id));
    let state = instance.and_then(|instance| instance.state.as_ref());
    state.is_some_and(|state| *state != InstanceStateName::Running)
}
