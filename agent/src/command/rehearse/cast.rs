//! Who connects to whom: every dyno block and every interface, to every interface's ports that its groups open, and
//! every interface to every dyno block's ports that its own groups let out.
//!
//! All pairs of a large estate are millions; a person wants those that a change could concern. So there is an
//! order (dynos, calls to dynos, then across other peerings, then within a VPC) and a limit, and what lies past it
//! is said. The
//! client's ports are tried once in each part of their range that a network ACL on the way could treat
//! differently, since nothing else looks at them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::diagnose::SourceSpec;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::report::{Gap, GapKind};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::id::{SecurityGroupId, SubnetId};
use peerscope_laboratory::Host;

use super::ends::{Outbound, receivers, senders};
use crate::exit::Failure;
use crate::target::TargetUrl;

/// The most flows that are tried, a minute's work of two processors twice over.
const MOST_FLOWS: usize = 2000;
/// The most hosts that stand at once.
const MOST_HOSTS: usize = 200;
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
    pub(super) subnet: Option<SubnetId>,
}

/// Someone who answers.
pub(super) struct Receiver {
    pub(super) host: Host,
    pub(super) network: NetworkId,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ports: AnsweredPorts,
    /// The dyno block that it stands for.
    pub(super) block: Option<IpNet>,
    pub(super) name: Option<String>,
    pub(super) subnet: Option<SubnetId>,
}

/// On which ports someone answers.
pub(super) enum AnsweredPorts {
    /// On these.
    These(Vec<u16>),
    /// On whichever the sender's groups let out: Heroku shows no filter on a dyno's side.
    LetOut,
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

impl Cast {
    /// Casts a question over the topologies of a rehearsal, which have the same interfaces. `groups` are those that
    /// a document describes whole.
    ///
    /// # Errors
    /// Where nobody is who was to connect or to answer.
    pub(super) fn new(
        question: &Question,
        topologies: &[&Topology],
        groups: &BTreeSet<SecurityGroupId>,
    ) -> Result<Self, Failure> {
        let Some(topology) = topologies.first() else { return Ok(Self::empty()) };
        let mut gaps = Vec::new();
        let senders = senders(question, topology, groups, &mut gaps);
        let receivers = receivers(question, topologies, groups, &mut gaps)?;
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
        senders
            .map(|sender| sender.host.clone())
            .chain(receivers.map(|receiver| receiver.host.clone()))
            .collect()
    }

    fn pair(&mut self, question: &Question, topologies: &[&Topology]) {
        let mut limits = Limits::default();
        let mut joined: BTreeMap<(NetworkId, NetworkId), bool> = BTreeMap::new();
        let mut outbound = Outbound::new(topologies);
        let mut flows = Vec::new();
        'all: for rank in [Rank::FromDyno, Rank::ToDyno, Rank::Across, Rank::Within] {
            for (receiver_index, receiver) in self.receivers.iter().enumerate() {
                for (sender_index, sender) in self.senders.iter().enumerate() {
                    if sender.host == receiver.host || Rank::of(sender, receiver) != Some(rank) {
                        continue;
                    }
                    let pair = (sender.network.clone(), receiver.network.clone());
                    let is_joined = *joined
                        .entry(pair)
                        .or_insert_with(|| are_joined(topologies, &sender.network, &receiver.network));
                    if !is_joined {
                        continue;
                    }
                    let ports = match &receiver.ports {
                        AnsweredPorts::These(ports) => ports,
                        AnsweredPorts::LetOut => outbound.ports(sender),
                    };
                    let parts = parts(question.source_ports, topologies, sender, receiver, &mut limits);
                    for (source, address) in same_family(&sender.addresses, &receiver.addresses) {
                        for &port in ports {
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
        self.gaps.extend(outbound.gaps());
    }
}

/// In which order flows are tried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    FromDyno,
    ToDyno,
    Across,
    Within,
}

impl Rank {
    /// None within the space: what lies between two dynos is in nobody's documents.
    fn of(sender: &Sender, receiver: &Receiver) -> Option<Self> {
        match (&sender.network, &receiver.network) {
            (NetworkId::Space, NetworkId::Space) => None,
            (NetworkId::Space, _) => Some(Self::FromDyno),
            (_, NetworkId::Space) => Some(Self::ToDyno),
            (one, other) if one == other => Some(Self::Within),
            _ => Some(Self::Across),
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
        let ends = [&sender.host, &receiver.host];
        let new = ends.into_iter().filter(|host| !self.hosts.contains(*host)).count();
        if self.flows >= MOST_FLOWS || self.hosts.len() + new > MOST_HOSTS {
            self.passed_over += 1;
            return false;
        }
        self.flows += 1;
        self.hosts.extend(ends.map(Host::clone));
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
                    "{MOST_FLOWS} flows between {MOST_HOSTS} hosts are tried at the most: from dynos first, then to dynos, across other peerings, within each VPC"
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
