//! What becomes of every sender's packets to each port: ranges of ports, each with a partition of the senders.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::cell::Effects;
use super::fates::{FateId, Stage};
use super::partitions::{PartitionId, Partitions};
use super::senders::{Senders, Span};
use super::sets::SetId;
use crate::flow::{AddressRange, FlowBox, PortRange};

/// Ranges of ports, ascending, that together are all; of neighbours different things are so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Layer(Vec<(PortRange, PartitionId)>);

impl Layer {
    /// All are let through.
    pub(super) fn open() -> Self {
        Self::uniform(Partitions::OPEN)
    }

    /// The same of every port.
    pub(super) fn uniform(partition: PartitionId) -> Self {
        Self(Vec::from([(PortRange::ALL, partition)]))
    }

    /// What a gate does to packets for a destination, of which its decisions are either all true or none is.
    pub(super) fn of(
        effects: &Effects,
        destination: AddressRange,
        stage: Stage,
        senders: &Senders,
        partitions: &mut Partitions,
    ) -> Self {
        let mut boxes: Vec<(PortRange, (FateId, Span))> = Vec::new();
        for (blame, flows) in effects {
            let Some(blame) = blame else { continue };
            for one in flows.boxes().iter().filter(|one| one.destination.covers(destination)) {
                let Some(span) = senders.span(one.source) else { continue };
                let fate = partitions.fates.of(one.source_ports, stage, blame.clone());
                boxes.push((one.ports, (fate, span)));
            }
        }
        let mut layer = Self(Vec::new());
        slices(&boxes, |ports, active| {
            let partition = match active.is_empty() {
                true => Partitions::OPEN,
                false => partitions.of_spans(active.iter().map(|(_, one)| *one)),
            };
            layer.push(ports, partition);
        });
        layer
    }

    /// Both stand in the way.
    pub(super) fn both(&self, other: &Self, partitions: &mut Partitions) -> Self {
        let mut both = Self(Vec::with_capacity(self.0.len().max(other.0.len())));
        let (mut at, mut beside) = (0, 0);
        while let (Some((mine, one)), Some((theirs, another))) = (self.0.get(at), other.0.get(beside)) {
            if let Some(common) = mine.intersection(*theirs) {
                let partition = partitions.both(*one, *another);
                both.push(common, partition);
            }
            if mine.last() <= theirs.last() { at += 1 } else { beside += 1 }
        }
        both
    }

    /// The same for some senders, and all others are let through.
    pub(super) fn within(&self, senders: SetId, partitions: &mut Partitions) -> Self {
        let mut within = Self(Vec::with_capacity(self.0.len()));
        for (ports, partition) in &self.0 {
            let partition = partitions.within(*partition, senders);
            within.push(*ports, partition);
        }
        within
    }

    /// The ranges.
    pub(super) fn rows(&self) -> &[(PortRange, PartitionId)] {
        &self.0
    }

    /// Adds what is so of the next ports.
    pub(super) fn push(&mut self, ports: PortRange, partition: PartitionId) {
        match self.0.last_mut().filter(|(_, known)| *known == partition) {
            Some((last, _)) => *last = last.hull(ports),
            None => self.0.push((ports, partition)),
        }
    }
}

/// Goes through all ports, cut wherever one of these ranges begins or ends, with those that hold the slice.
pub(super) fn slices<T>(ranges: &[(PortRange, T)], mut visit: impl FnMut(PortRange, &[&(PortRange, T)])) {
    let mut edges: Vec<(u32, bool, usize)> = Vec::with_capacity(ranges.len() * 2);
    for (index, (ports, _)) in ranges.iter().enumerate() {
        edges.push((u32::from(ports.first()), true, index));
        edges.push((u32::from(ports.last()) + 1, false, index));
    }
    edges.sort_unstable();
    let mut within: BTreeSet<usize> = BTreeSet::new();
    let mut edges = edges.into_iter().peekable();
    let mut from = 0;
    let mut active: Vec<&(PortRange, T)> = Vec::new();
    while from <= u32::from(u16::MAX) {
        while let Some((_, begins, index)) = edges.next_if(|(value, ..)| *value <= from) {
            if begins {
                within.insert(index)
            } else {
                within.remove(&index)
            };
        }
        let next = edges.peek().map_or(u32::from(u16::MAX) + 1, |(value, ..)| *value);
        active.clear();
        active.extend(within.iter().filter_map(|index| ranges.get(*index)));
        let bounds = u16::try_from(from).ok().zip(u16::try_from(next - 1).ok());
        if let Some(slice) = bounds.and_then(|(first, last)| PortRange::new(first, last)) {
            visit(slice, &active);
        }
        from = next;
    }
}

/// The part of flows that is for a destination.
pub(super) fn destinations(effects: &Effects) -> impl Iterator<Item = AddressRange> + '_ {
    let stopped = effects.iter().filter(|(blame, _)| blame.is_some());
    stopped.flat_map(|(_, flows)| flows.boxes().iter().map(|one: &FlowBox| one.destination))
}
