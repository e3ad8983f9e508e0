//! All senders, divided by what becomes of their packets.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::fates::{FateId, Fates};
use super::numbered::Numbered;
use super::pairs::Pairs;
use super::senders::Span;
use super::sets::{SetId, Sets};

/// The number of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PartitionId(pub(super) u32);

/// Fates with their senders, who are apart, by ascending fate. Whoever is not listed is let through.
type Partition = Vec<(FateId, SetId)>;

/// All partitions that occur, of the same senders.
pub(super) struct Partitions {
    pub(super) sets: Sets,
    pub(super) fates: Fates,
    partitions: Numbered<[(FateId, SetId)]>,
    both: Pairs,
}

impl Partitions {
    /// Everybody is let through.
    pub(super) const OPEN: PartitionId = PartitionId(0);

    pub(super) fn new(sets: Sets, fates: Fates) -> Self {
        let mut partitions: Numbered<[(FateId, SetId)]> = Numbered::default();
        partitions.number(Vec::new());
        Self { sets, fates, partitions, both: Pairs::default() }
    }

    /// The partition in which these fare so; who is in two of the sets fares as both say.
    pub(super) fn of(&mut self, fates: impl IntoIterator<Item = (FateId, SetId)>) -> PartitionId {
        let mut all = Self::OPEN;
        for (fate, set) in fates {
            if fate != Fates::OPEN && set != Sets::NONE {
                let one = PartitionId(self.partitions.number(Vec::from([(fate, set)])));
                all = self.both(all, one);
            }
        }
        all
    }

    /// The same, by the spans of the senders.
    pub(super) fn of_spans(&mut self, fates: impl Iterator<Item = (FateId, Span)>) -> PartitionId {
        let mut spans: BTreeMap<FateId, Vec<Span>> = BTreeMap::new();
        for (fate, span) in fates {
            spans.entry(fate).or_default().push(span);
        }
        let sets: Vec<(FateId, SetId)> =
            spans.into_iter().map(|(fate, spans)| (fate, self.sets.of(spans))).collect();
        self.of(sets)
    }

    /// What two partitions say together: both stand in the way.
    pub(super) fn both(&mut self, one: PartitionId, other: PartitionId) -> PartitionId {
        let (one, other) = match self.both.joined(one.0, other.0) {
            Ok(known) => return PartitionId(known),
            Err(pair) => pair,
        };
        let (mine, theirs) = (self.listed(PartitionId(one)), self.listed(PartitionId(other)));
        let mut found: Partition = Vec::new();
        let mut left: Vec<SetId> = theirs.iter().map(|(_, set)| *set).collect();
        for (fate, set) in mine {
            let mut rest = set;
            for ((other, others), left) in theirs.iter().zip(&mut left) {
                let common = self.sets.intersection(rest, *others);
                if common == Sets::NONE {
                    continue;
                }
                let both = self.fates.both(fate, *other);
                self.add(&mut found, both, common);
                rest = self.sets.difference(rest, common);
                *left = self.sets.difference(*left, common);
            }
            self.add(&mut found, fate, rest);
        }
        for ((fate, _), set) in theirs.into_iter().zip(left) {
            self.add(&mut found, fate, set);
        }
        found.sort_unstable();
        let both = self.partitions.number(found);
        self.both.set(one, other, both);
        PartitionId(both)
    }

    /// The same for some senders, and all others are let through.
    pub(super) fn within(&mut self, partition: PartitionId, senders: SetId) -> PartitionId {
        if partition == Self::OPEN || senders == Sets::ALL {
            return partition;
        }
        let listed = self.listed(partition);
        let mut found: Partition = Vec::new();
        for (fate, set) in listed {
            let common = self.sets.intersection(set, senders);
            self.add(&mut found, fate, common);
        }
        PartitionId(self.partitions.number(found))
    }

    /// All senders with their fates, those that are let through too.
    pub(super) fn whole(&mut self, partition: PartitionId) -> Partition {
        let mut whole = self.listed(partition);
        let mut open = Sets::ALL;
        for (_, set) in &whole {
            open = self.sets.difference(open, *set);
        }
        if open != Sets::NONE {
            whole.insert(0, (Fates::OPEN, open));
        }
        whole
    }

    fn listed(&self, partition: PartitionId) -> Partition {
        self.partitions.get(partition.0).unwrap_or_default().to_vec()
    }

    fn add(&mut self, partition: &mut Partition, fate: FateId, set: SetId) {
        if set == Sets::NONE {
            return;
        }
        match partition.iter_mut().find(|(known, _)| *known == fate) {
            Some((_, known)) => *known = self.sets.union(*known, set),
            None => partition.push((fate, set)),
        }
    }
}
