//! From one network to another, or within one: senders, frames, and the entries that come of them.
//!
//! A *sender* is a set of addresses whose packets leave their network alike. A *frame* is what stands between
//! a sender and a subnet: everything but the groups of the interface that is called. Interfaces of the subnet
//! whose groups do the same, and open the same ports, then fare the same, and are worked out once.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::id::{NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, VpcId};

use super::cell::{Cell, Effects, effects, split};
use super::table::{Frame, Region, regions};
use super::targets::{Class, Groups, classes, stopped};
use super::{Blame, Entry, MatrixQuery, blocks};
use crate::flow::{AddressRange, Family, FlowBox, Flows, PortRange, ProtocolRange};
use crate::reach::gate::{Gate, Judges};
use crate::reach::{Site, intend};
use crate::report::Verdict;
use crate::topology::{NetworkId, Topology};

/// TCP, UDP and the echoes of ICMP and ICMPv6.
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// All flows from one network to the interfaces of a VPC.
pub(super) struct Crossing<'a> {
    topology: &'a Topology,
    query: &'a MatrixQuery,
    source: &'a NetworkId,
    target: &'a NetworkId,
}

/// Addresses whose packets leave their network alike.
struct Sender {
    addresses: Vec<AddressRange>,
    /// One of the sites that stands for all.
    site: Site,
    effects: Vec<Effects>,
}

/// What outcomes are told apart by, before their targets are.
type Outcome = (VerdictOrder, Vec<Blame>, Vec<PortRange>, Vec<AddressRange>);

/// A verdict in the order of reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct VerdictOrder(u8);

const VERDICTS: [Verdict; 4] =
    [Verdict::Reachable, Verdict::Impaired, Verdict::Undetermined, Verdict::Blocked];

impl From<Verdict> for VerdictOrder {
    fn from(verdict: Verdict) -> Self {
        let at = VERDICTS.iter().position(|known| *known == verdict).unwrap_or_default();
        Self(u8::try_from(at).unwrap_or_default())
    }
}

impl<'a> Crossing<'a> {
    pub(super) fn new(
        topology: &'a Topology,
        query: &'a MatrixQuery,
        source: &'a NetworkId,
        target: &'a NetworkId,
    ) -> Self {
        Self { topology, query, source, target }
    }

    /// The entries of all protocols.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let NetworkId::Vpc(vpc) = self.target else { return Vec::new() };
        let mut entries = Vec::new();
        for (family, icmp) in [(Family::V4, ICMP), (Family::V6, ICMPV6)] {
            let sources = blocks(self.topology, self.source);
            let sources: Vec<AddressRange> =
                sources.into_iter().filter(|block| block.family() == family).collect();
            if sources.is_empty() {
                continue;
            }
            let classes = classes(self.topology, vpc, family, self.query);
            let wanted =
                |protocol: &u8| self.query.protocols.is_empty() || self.query.protocols.contains(protocol);
            for protocol in [TCP, UDP, icmp].into_iter().filter(wanted) {
                entries.extend(self.of_protocol(vpc, protocol, &sources, &classes));
            }
        }
        entries
    }

    fn of_protocol(
        &self,
        vpc: &VpcId,
        protocol: u8,
        sources: &[AddressRange],
        classes: &[Class],
    ) -> Vec<Entry> {
        let mut work = Work {
            base: self.base(protocol, sources),
            groups: Groups::new(self.topology, vpc, self.source, self.base(protocol, sources)),
            protocol,
            frames: Numbered::default(),
            before: Numbered::default(),
            known: BTreeMap::new(),
            between: BTreeMap::new(),
            outcomes: BTreeMap::new(),
        };
        let mut senders: BTreeMap<Option<SubnetId>, Vec<Sender>> = BTreeMap::new();
        let mut by_subnet: BTreeMap<&Option<SubnetId>, Vec<&Class>> = BTreeMap::new();
        for class in classes {
            by_subnet.entry(&class.subnet).or_default().push(class);
        }
        for (subnet, classes) in by_subnet {
            let site = Site { network: self.target.clone(), subnet: subnet.clone(), interface: None };
            // Within a VPC no ACL stands between two of one subnet, so who sends from where matters.
            let inside = self.source == self.target;
            let key = subnet.clone().filter(|_| inside);
            let senders = senders.entry(key).or_insert_with(|| self.senders(&site, &work.base));
            let cells: Vec<Vec<Cell>> =
                senders.iter().map(|sender| self.frame(sender, &site, &mut work)).collect();
            let mut destinations = cells.iter().flatten().flat_map(|cell| cell.flows.boxes());
            let first = destinations.next().map(|one| one.destination);
            if destinations.all(|one| Some(one.destination) == first) {
                let before = work.before(senders, &cells);
                for class in classes {
                    self.class(class, &class.members, before, &mut work);
                }
                continue;
            }
            // Where addresses of the subnet fare differently, each is looked at by itself.
            for class in classes {
                for member in &class.members {
                    let address = AddressRange::from(member.1);
                    let of_address = |cell: &Cell| {
                        let within = |one: &&FlowBox| one.destination.covers(address);
                        let boxes = cell.flows.boxes().iter().filter(within);
                        Cell { flows: Flows::of_disjoint(boxes.copied().collect()), ..cell.clone() }
                    };
                    let cells: Vec<Vec<Cell>> =
                        cells.iter().map(|cells| cells.iter().map(of_address).collect()).collect();
                    let before = work.before(senders, &cells);
                    self.class(class, core::slice::from_ref(member), before, &mut work);
                }
            }
        }
        let entry = |((verdict, causes, ports, sources), mut targets): (Outcome, Vec<_>)| {
            targets.sort_by(|one: &(NetworkInterfaceId, IpAddr), other| {
                (one.1, &one.0).cmp(&(other.1, &other.0))
            });
            Entry {
                source_network: self.source.clone(),
                target_network: self.target.clone(),
                sources: AddressRange::merged(sources).into_iter().flat_map(AddressRange::cidrs).collect(),
                targets,
                protocol,
                ports: if has_ports(protocol) { ports } else { Vec::new() },
                verdict: VERDICTS.get(usize::from(verdict.0)).copied().unwrap_or(Verdict::Undetermined),
                causes,
            }
        };
        // Ranges between rules may hold nobody that sends.
        let sends = |entry: &Entry| {
            let NetworkId::Vpc(vpc) = self.source else { return true };
            let owned = |block: &IpNet| {
                let range = AddressRange::from(*block);
                self.topology.owned_in(vpc, range.first(), range.last()).next().is_some()
            };
            entry.sources.iter().any(owned)
        };
        work.outcomes.into_iter().map(entry).filter(sends).collect()
    }

    /// Everything that is asked about with one protocol: to any address.
    fn base(&self, protocol: u8, sources: &[AddressRange]) -> Flows {
        let one = |source: &AddressRange| FlowBox {
            source: *source,
            destination: AddressRange::all(source.family()),
            protocol: ProtocolRange::single(protocol),
            source_ports: if has_ports(protocol) { self.query.source_ports } else { PortRange::ALL },
            ports: if has_ports(protocol) { PortRange::ALL } else { echo_request(protocol) },
        };
        sources.iter().map(one).collect()
    }

    /// What becomes of everything that is sent to members of a class.
    fn class(
        &self,
        class: &Class,
        members: &[(NetworkInterfaceId, IpAddr)],
        before: usize,
        work: &mut Work<'_>,
    ) {
        let ports = self.ports(&mut work.groups, &class.groups, work.protocol);
        if ports.is_empty() {
            return;
        }
        let key = (before, work.groups.number(class), ports, class.stopped);
        if !work.known.contains_key(&key) {
            let regions = work.regions(&key);
            work.known.insert(key.clone(), regions);
        }
        for region in work.known.get(&key).into_iter().flatten() {
            let outcome = (
                VerdictOrder::from(region.verdict),
                region.causes.clone(),
                region.ports.clone(),
                region.sources.clone(),
            );
            work.outcomes.entry(outcome).or_default().extend(members.iter().cloned());
        }
    }

    /// The ports that are asked of an interface with these groups.
    fn ports(&self, groups: &mut Groups<'_>, of: &[SecurityGroupId], protocol: u8) -> Vec<PortRange> {
        let mut ports = groups.opened(of, protocol);
        if has_ports(protocol) {
            ports.extend(&self.query.ports);
            return PortRange::merged(ports);
        }
        let echo = echo_request(protocol);
        ports.into_iter().filter_map(|range| range.intersection(echo)).collect()
    }

    /// Those who send, put together where their packets leave alike towards `target`.
    fn senders(&self, target: &Site, base: &Flows) -> Vec<Sender> {
        let mut senders: Vec<Sender> = Vec::new();
        for (site, addresses) in self.sites(base) {
            let gates = intend(self.topology, &site, target).gates.into_iter();
            let source = gates.filter(|gate| gate.judges() == Judges::Source);
            let effects: Vec<Effects> = source.map(|gate| self.effects(gate, base)).collect();
            let alike = |known: &&mut Sender| {
                table_of(self.topology, &known.site) == table_of(self.topology, &site)
                    && same(&known.effects, &effects)
            };
            match senders.iter_mut().find(alike) {
                Some(known) => known.addresses.extend(addresses),
                None => senders.push(Sender { addresses, site, effects }),
            }
        }
        for sender in &mut senders {
            sender.addresses = AddressRange::merged(core::mem::take(&mut sender.addresses));
        }
        senders
    }

    /// Every site of the source's network, with its addresses; those of one subnet with the same groups
    /// are one.
    fn sites(&self, base: &Flows) -> Vec<(Site, Vec<AddressRange>)> {
        let NetworkId::Vpc(vpc) = self.source else {
            let site = Site { network: self.source.clone(), subnet: None, interface: None };
            let mut sources: Vec<AddressRange> = base.boxes().iter().map(|one| one.source).collect();
            sources.dedup();
            return Vec::from([(site, sources)]);
        };
        type Key = (Option<SubnetId>, Vec<SecurityGroupId>);
        let mut sites: BTreeMap<Key, (Site, Vec<AddressRange>)> = BTreeMap::new();
        for (id, interface) in self.topology.interfaces().filter(|(_, one)| one.vpc.as_ref() == Some(vpc)) {
            for address in interface.addresses.iter().map(|address| AddressRange::from(*address)) {
                if !base.boxes().iter().any(|one| one.source.covers(address)) {
                    continue;
                }
                let around = || self.topology.subnet_in(vpc, address.first()).cloned();
                let subnet = interface.subnet.clone().or_else(around);
                let mut groups = interface.security_groups.clone();
                groups.sort_unstable();
                let site = Site {
                    network: self.source.clone(),
                    subnet: subnet.clone(),
                    interface: Some(id.clone()),
                };
                sites.entry((subnet, groups)).or_insert((site, Vec::new())).1.push(address);
            }
        }
        sites.into_values().collect()
    }

    /// What stands between a sender and a subnet, but the groups of the interface that is called.
    fn frame(&self, sender: &Sender, target: &Site, work: &mut Work<'_>) -> Vec<Cell> {
        let gates = intend(self.topology, &sender.site, target).gates;
        let (crossing, rest): (Vec<_>, Vec<_>) =
            gates.into_iter().partition(|gate| gate.judges() == Judges::Crossing);
        let base = &work.base;
        let crossing = work
            .between
            .entry((table_of(self.topology, &sender.site), table_of(self.topology, target)))
            .or_insert_with(|| crossing.into_iter().map(|gate| self.effects(gate, base)).collect());
        let mut cells = Vec::from([Cell { flows: self.towards(target, base), blames: Vec::new() }]);
        for effects in sender.effects.iter().chain(crossing.iter()) {
            cells = split(cells, effects);
        }
        for gate in rest.into_iter().filter(|gate| gate.judges() == Judges::Target) {
            cells = split(cells, &self.effects(gate, base));
        }
        cells
    }

    /// What is asked about, towards the addresses of a subnet.
    fn towards(&self, target: &Site, base: &Flows) -> Flows {
        let subnet = target.subnet.as_ref().and_then(|id| self.topology.subnet(id));
        let blocks: Vec<AddressRange> =
            subnet.iter().flat_map(|one| &one.cidrs).map(|block| AddressRange::from(*block)).collect();
        if blocks.is_empty() {
            return base.clone();
        }
        let cut = |one: &FlowBox| {
            let one = *one;
            let destinations = blocks.clone().into_iter();
            destinations.filter_map(move |block| {
                Some(FlowBox { destination: one.destination.intersection(block)?, ..one })
            })
        };
        base.boxes().iter().flat_map(cut).collect()
    }

    fn effects(&self, gate: Box<dyn Gate>, base: &Flows) -> Effects {
        effects(gate.as_ref(), gate.admit(self.topology, base))
    }
}

/// Frames, each with the addresses of those who send through it.
type Before = Vec<(usize, Vec<AddressRange>)>;

/// What decides the regions of a class: who sends through which frames, what the groups do, the ports that
/// are asked about, and whether the instance is stopped.
type Asked = (usize, usize, Vec<PortRange>, bool);

/// What is worked out for one protocol, once each.
struct Work<'a> {
    /// All that is asked about, towards any address.
    base: Flows,
    protocol: u8,
    groups: Groups<'a>,
    frames: Numbered<Frame>,
    before: Numbered<Before>,
    known: BTreeMap<Asked, Vec<Region>>,
    /// What gates do that stand between two networks, for each pair of tables.
    between: BTreeMap<(Option<RouteTableId>, Option<RouteTableId>), Vec<Effects>>,
    outcomes: BTreeMap<Outcome, Vec<(NetworkInterfaceId, IpAddr)>>,
}

impl Work<'_> {
    /// The number of what senders meet, of which `cells` are for each. Who is before the same frame fares
    /// the same.
    fn before(&mut self, senders: &[Sender], cells: &[Vec<Cell>]) -> usize {
        let mut owned: Vec<(AddressRange, usize)> = Vec::new();
        for (sender, cells) in senders.iter().zip(cells) {
            let frame = self.frames.number(Frame::new(cells));
            owned.extend(sender.addresses.iter().map(|address| (*address, frame)));
        }
        owned.sort_unstable();
        let blocks: Vec<AddressRange> = self.base.boxes().iter().map(|one| one.source).collect();
        let mut before: BTreeMap<usize, Vec<AddressRange>> = BTreeMap::new();
        for (range, frame) in filled(&AddressRange::merged(blocks), &owned) {
            before.entry(frame).or_default().push(range);
        }
        let merged = |(frame, addresses)| (frame, AddressRange::merged(addresses));
        self.before.number(before.into_iter().map(merged).collect())
    }

    fn regions(&self, (before, groups, ports, is_stopped): &Asked) -> Vec<Region> {
        let also = is_stopped.then(stopped);
        let mut found: Vec<Region> = Vec::new();
        let Some(admission) = self.groups.admission(*groups) else { return found };
        for (frame, addresses) in self.before.get(*before).into_iter().flatten() {
            let Some(frame) = self.frames.get(*frame) else { continue };
            let meaning = |index| self.groups.blame(index);
            for region in regions(frame, admission, meaning, ports, also.as_ref()) {
                add(&mut found, addresses, region);
            }
        }
        found
    }
}

/// The blocks, divided so that every address is where the nearest one below it is that sends: those that
/// nobody has send nothing, and so a few ranges say what thousands of addresses would.
fn filled(blocks: &[AddressRange], owned: &[(AddressRange, usize)]) -> Vec<(AddressRange, usize)> {
    let mut found: Vec<(AddressRange, usize)> = Vec::new();
    for block in blocks {
        let mut rest = Some(*block);
        let mut current: Option<usize> = None;
        for (address, frame) in owned.iter().filter(|(address, _)| block.covers(*address)) {
            if let (Some(before), true, Some(range)) = (current, current != Some(*frame), rest) {
                let [below, above] = range.split_before(address.first());
                found.extend(below.map(|below| (below, before)));
                rest = above;
            }
            current = Some(*frame);
        }
        found.extend(rest.zip(current));
    }
    found
}

/// Values by the number that they got when they were first seen.
struct Numbered<T> {
    numbers: BTreeMap<T, usize>,
    values: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), values: Vec::new() }
    }
}

impl<T: Ord + Clone> Numbered<T> {
    fn number(&mut self, value: T) -> usize {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        self.values.push(value.clone());
        self.numbers.insert(value, self.values.len() - 1);
        self.values.len() - 1
    }

    fn get(&self, number: usize) -> Option<&T> {
        self.values.get(number)
    }
}

/// Adds what becomes of packets from some addresses to what is known of others'.
fn add(found: &mut Vec<Region>, addresses: &[AddressRange], region: Region) {
    let sources = AddressRange::common(&region.sources, addresses);
    if sources.is_empty() {
        return;
    }
    let alike = |known: &&mut Region| {
        known.verdict == region.verdict && known.causes == region.causes && known.ports == region.ports
    };
    match found.iter_mut().find(alike) {
        Some(known) => {
            known.sources.extend(sources);
            known.sources = AddressRange::merged(core::mem::take(&mut known.sources));
        }
        None => found.push(Region { sources, ..region }),
    }
}

/// The route table that serves a site.
fn table_of(topology: &Topology, site: &Site) -> Option<RouteTableId> {
    let table = site.subnet.as_ref().and_then(|id| topology.effective_route_table(id));
    table.map(|(id, _)| id.clone())
}

fn same(ones: &[Effects], others: &[Effects]) -> bool {
    let equal = |(one, other): (&Effects, &Effects)| {
        one.len() == other.len()
            && one.iter().zip(other).all(|((blame, flows), (other, others))| {
                blame == other && (flows.boxes() == others.boxes() || flows == others)
            })
    };
    ones.len() == others.len() && ones.iter().zip(others).all(equal)
}

fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP)
}

fn echo_request(protocol: u8) -> PortRange {
    PortRange::icmp(if protocol == ICMP { 8 } else { 128 }, Some(0))
}
