//! What becomes of every sender's packets to each port: ranges of ports, each with a partition of the senders.

use alloc::vec::Vec;

use super::cell::Effects;
use super::fates::{FateId, Stage};
use super::partitions::{PartitionId, Partitions};
use super::ports::{common, push, slices};
use super::senders::{Senders, Span};
use super::sets::SetId;
use crate::flow::{AddressRange, FlowBox, PortRange};

/// Ranges of ports, ascending, that together are all; of neighbours different things are so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Layer(Vec<(PortRange, PartitionId)>);

impl Layer {
    /// All are let through.
    pub(super) fn open() -> Self {
        Self(Vec::from([(PortRange::ALL, Partitions::OPEN)]))
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
        common(&self.0, &other.0, |ports, one, another| {
            let partition = partitions.both(*one, *another);
            both.push(ports, partition);
        });
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
    fn push(&mut self, ports: PortRange, partition: PartitionId) {
        push(&mut self.0, ports, partition);
    }
}

/// The part of flows that is for a destination.
pub(super) fn destinations(effects: &Effects) -> impl Iterator<Item = AddressRange> + '_ {
    let stopped = effects.iter().filter(|(blame, _)| blame.is_some());
    stopped.flat_map(|(_, flows)| flows.boxes().iter().map(|one: &FlowBox| one.destination))
}
