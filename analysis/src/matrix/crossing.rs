//! From one network to another, or within one: the entries that come of senders, frames and groups.
//!
//! A *frame* is what stands between all senders and an address: everything but the groups of the interface
//! that is called. Interfaces whose groups do the same behind the same frame fare the same, and are worked out
//! once.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Range;

use peerscope_document::id::VpcId;

use super::classes::{Class, Inhabitants};
use super::entry::{Matrix, Row};
use super::fates::{Fates, Stage};
use super::frames::Frames;
use super::groups::{Groups, interface};
use super::layers::Layer;
use super::packed::{of_ports, packed, ports, unpacked};
use super::partitions::{PartitionId, Partitions};
use super::ports::common;
use super::senders::Senders;
use super::sets::{SetId, Sets};
use super::{ICMP, ICMPV6, MatrixQuery, TCP, UDP, blocks, echo_request, has_ports};
use crate::cause::CauseCode;
use crate::flow::{AddressRange, Family, FlowBox, Flows, PortRange, ProtocolRange};
use crate::topology::{NetworkId, Topology};

/// All flows from one network to the interfaces of a VPC.
pub(super) struct Crossing<'a> {
    pub(super) topology: &'a Topology,
    pub(super) query: &'a MatrixQuery,
    pub(super) source: &'a NetworkId,
    pub(super) target: &'a NetworkId,
    /// The VPC that is the target.
    pub(super) vpc: &'a VpcId,
    /// Who is in the source's network, where it is a VPC.
    pub(super) senders: Option<&'a Inhabitants<'a>>,
    pub(super) targets: &'a Inhabitants<'a>,
}

/// The ranges of ports that are asked of a class, with what its groups do.
type Inbound = [(PortRange, PartitionId)];

/// An outcome, its senders and its ports, by their numbers.
type Share = (u32, SetId, u32);

impl Crossing<'_> {
    /// Adds the entries of all protocols to the matrix.
    pub(super) fn enter(&self, matrix: &mut Matrix) {
        matrix.crossings.push([self.source.clone(), self.target.clone()]);
        for (family, icmp) in [(Family::V4, ICMP), (Family::V6, ICMPV6)] {
            let sources = blocks(self.topology, self.source).into_iter();
            let sources: Vec<AddressRange> = sources.filter(|block| block.family() == family).collect();
            let classes: Vec<&Class> =
                self.targets.classes.iter().filter(|class| class.family == family).collect();
            let senders = match self.senders {
                Some(inhabitants) => {
                    let all = inhabitants.interfaces.iter();
                    Senders::owned(&sources, all.flat_map(|(_, one)| one.addresses.iter().copied()))
                }
                None => Senders::all(&sources),
            };
            if classes.is_empty() || senders.everybody().is_empty() {
                continue;
            }
            let wanted =
                |protocol: &u8| self.query.protocols.is_empty() || self.query.protocols.contains(protocol);
            for protocol in [TCP, UDP, icmp].into_iter().filter(wanted) {
                self.enter_protocol(protocol, &sources, &senders, &classes, matrix);
            }
        }
        matrix.order();
    }

    fn enter_protocol(
        &self,
        protocol: u8,
        sources: &[AddressRange],
        senders: &Senders,
        classes: &[&Class],
        matrix: &mut Matrix,
    ) {
        let base = self.base(protocol, sources, classes);
        let client = if has_ports(protocol) { self.query.source_ports } else { PortRange::ALL };
        let mut partitions = Partitions::new(Sets::new(senders.everybody()), Fates::new(client));
        let ends = [self.source, self.target];
        let mut frames = Frames::new(self.topology, ends, self.senders, &base, senders, &mut partitions);
        let mut groups =
            Groups::new(self.topology, self.query, self.vpc, self.targets, self.source, protocol, &base);
        let mut inbounds: BTreeMap<u32, Vec<(PortRange, PartitionId)>> = BTreeMap::new();
        let mut shares = Shares::new(protocol);
        let mut behind: Vec<(u32, u32)> = Vec::new();
        // Shares with their targets, packed.
        let mut found: Vec<u128> = Vec::new();
        for class in classes {
            let inbound = inbounds
                .entry(class.list)
                .or_insert_with(|| groups.inbound(class, senders, &mut partitions))
                .as_slice();
            if inbound.is_empty() {
                continue;
            }
            let members = self.targets.members(class);
            frames.before(class.subnet.as_ref(), members, &mut partitions, &mut behind);
            for behind in behind.chunk_by(|(one, _), (other, _)| one == other) {
                let Some((frame, _)) = behind.first().copied() else { continue };
                let Some(layer) = frames.get(frame) else { continue };
                let asked = (frame, class.list, class.stopped);
                for (outcome, set, ports) in shares.of(asked, layer, inbound, &mut partitions, matrix) {
                    found.extend(behind.iter().map(|(_, member)| packed([*outcome, set.0, *ports, *member])));
                }
            }
        }
        let crossing = matrix.crossings.len().saturating_sub(1);
        let mut blocks: BTreeMap<SetId, u32> = BTreeMap::new();
        found.sort_unstable();
        for same in found.chunk_by(|one, other| one >> 32 == other >> 32) {
            let Some([outcome, set, ports, first]) = same.first().map(|one| unpacked(*one)) else { continue };
            let before = matrix.of_rows.len();
            matrix.of_rows.extend(same.iter().map(|one| unpacked::<1>(*one)[0]));
            let targets = before..matrix.of_rows.len();
            let sources = *blocks
                .entry(SetId(set))
                .or_insert_with(|| matrix.sources.number(senders.blocks(partitions.sets.spans(SetId(set)))));
            matrix.rows.push(Row { crossing, protocol, sources, ports, outcome, first, targets });
        }
    }

    /// Everything that is asked about with one protocol: to any address that is called.
    fn base(&self, protocol: u8, sources: &[AddressRange], classes: &[&Class]) -> Flows {
        let members = || classes.iter().flat_map(|class| self.targets.members(class));
        let addresses = || members().map(|(_, address)| *address);
        let hull = addresses().min().zip(addresses().max());
        let Some(destination) = hull.and_then(|(first, last)| AddressRange::new(first, last)) else {
            return Flows::none();
        };
        let one = |source: &AddressRange| FlowBox {
            source: *source,
            destination,
            protocol: ProtocolRange::single(protocol),
            source_ports: if has_ports(protocol) { self.query.source_ports } else { PortRange::ALL },
            ports: if has_ports(protocol) { PortRange::ALL } else { echo_request(protocol) },
        };
        sources.iter().map(one).collect()
    }
}

/// What is worked out of frames and groups, once each.
struct Shares {
    protocol: u8,
    /// The outcomes of a partition, with their senders.
    whole: BTreeMap<PartitionId, Rc<Vec<(u32, SetId)>>>,
    /// Where the shares of a frame and a list of groups lie among `all`.
    known: BTreeMap<(u32, u32, bool), Range<usize>>,
    all: Vec<Share>,
    /// Room that is used again and again, for what is packed: thousands of short lists take long to make.
    found: Vec<u128>,
    of_share: Vec<u128>,
    ports: Vec<PortRange>,
}

impl Shares {
    fn new(protocol: u8) -> Self {
        let (whole, known, all) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { protocol, whole, known, all, found: Vec::new(), of_share: Vec::new(), ports: Vec::new() }
    }

    /// What becomes of the packets to interfaces behind a frame, whose groups do this; `asked` are the numbers
    /// of both, and whether the instances are stopped.
    fn of(
        &mut self,
        asked: (u32, u32, bool),
        frame: &Layer,
        inbound: &Inbound,
        partitions: &mut Partitions,
        matrix: &mut Matrix,
    ) -> &[Share] {
        let place = match self.known.get(&asked) {
            Some(known) => known.clone(),
            None => {
                let before = self.all.len();
                self.work_out(asked.2, frame, inbound, partitions, matrix);
                let place = before..self.all.len();
                self.known.insert(asked, place.clone());
                place
            }
        };
        self.all.get(place).unwrap_or_default()
    }

    fn work_out(
        &mut self,
        stopped: bool,
        frame: &Layer,
        inbound: &Inbound,
        partitions: &mut Partitions,
        matrix: &mut Matrix,
    ) {
        let stopped = stopped.then(|| {
            let fate = partitions.fates.of(PortRange::ALL, Stage::Host, interface(CauseCode::HostSilent));
            partitions.of([(fate, Sets::ALL)])
        });
        // Partitions with their ports.
        let mut found = core::mem::take(&mut self.found);
        found.clear();
        common(frame.rows(), inbound, |ports, before, groups| {
            let all = partitions.both(*before, *groups);
            let all = stopped.map_or(all, |stopped| partitions.both(all, stopped));
            found.push(packed([all.0, of_ports(ports)]));
        });
        found.sort_unstable();
        // Outcomes and senders with their ports.
        let mut of_share = core::mem::take(&mut self.of_share);
        of_share.clear();
        for same in found.chunk_by(|one, other| one >> 32 == other >> 32) {
            let Some([partition, _]) = same.first().map(|one| unpacked(*one)) else { continue };
            for (outcome, set) in self.whole(PartitionId(partition), partitions, matrix).iter() {
                let share = packed([*outcome, set.0, 0]);
                of_share.extend(same.iter().map(|one| share | u128::from(unpacked::<1>(*one)[0])));
            }
        }
        of_share.sort_unstable();
        for same in of_share.chunk_by(|one, other| one >> 32 == other >> 32) {
            let Some([outcome, set, _]) = same.first().map(|one| unpacked(*one)) else { continue };
            self.ports.clear();
            let ranges = same.iter().filter_map(|one| ports(unpacked::<1>(*one)[0]));
            for range in ranges.filter(|_| has_ports(self.protocol)) {
                match self.ports.last_mut().and_then(|last| last.joined(range).map(|whole| (last, whole))) {
                    Some((last, whole)) => *last = whole,
                    None => self.ports.push(range),
                }
            }
            self.all.push((outcome, SetId(set), matrix.ports.number(self.ports.as_slice())));
        }
        (self.found, self.of_share) = (found, of_share);
    }

    fn whole(
        &mut self,
        partition: PartitionId,
        partitions: &mut Partitions,
        matrix: &mut Matrix,
    ) -> Rc<Vec<(u32, SetId)>> {
        if let Some(known) = self.whole.get(&partition) {
            return Rc::clone(known);
        }
        let mut whole: Vec<(u32, SetId)> = Vec::new();
        for (fate, set) in partitions.whole(partition) {
            let outcome = matrix.outcomes.number(partitions.fates.outcome(fate));
            match whole.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, known)) => *known = partitions.sets.union(*known, set),
                None => whole.push((outcome, set)),
            }
        }
        let whole = Rc::new(whole);
        self.whole.insert(partition, Rc::clone(&whole));
        whole
    }
}
