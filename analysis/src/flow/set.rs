//! Unions of boxes.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::dimension::Dimension;
use super::first_match::first_match;
use super::meeting::{LONG, meetings};
use super::{Flow, FlowBox};

/// A set of flows: a union of boxes that do not overlap.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    boxes: Vec<FlowBox>,
}

impl Flows {
    /// The set without any flow.
    #[must_use]
    pub const fn none() -> Self {
        Self { boxes: Vec::new() }
    }

    /// The union of boxes that the caller knows not to overlap.
    pub(crate) fn of_disjoint(boxes: Vec<FlowBox>) -> Self {
        Self { boxes }
    }

    /// Adds flows that the caller knows not to be in the set.
    pub(crate) fn add_disjoint(&mut self, other: &Self) {
        self.boxes.extend_from_slice(&other.boxes);
    }

    /// Whether there is no flow in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    /// The disjoint boxes that make up the set.
    #[must_use]
    pub fn boxes(&self) -> &[FlowBox] {
        &self.boxes
    }

    /// Whether the flow is in the set.
    #[must_use]
    pub fn contains(&self, flow: &Flow) -> bool {
        self.boxes.iter().any(|one| one.contains(flow))
    }

    /// Whether every flow of `other` is in the set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.difference(self).is_empty()
    }

    /// The flows of both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { boxes: meetings(&self.boxes, &other.boxes).into_iter().map(|(.., both)| both).collect() }
    }

    /// What the sets of one list, disjoint, and those of another have in common: the pairs that have anything, by
    /// their places in the lists, ascending.
    pub(crate) fn common(ones: &[&Self], others: &[&Self]) -> BTreeMap<(usize, usize), Self> {
        let all = |sets: &[&Self]| -> (Vec<usize>, Vec<FlowBox>) {
            let numbered = sets.iter().enumerate();
            numbered.flat_map(|(place, set)| set.boxes.iter().map(move |one| (place, *one))).unzip()
        };
        let ((places, ones), (others_places, others)) = (all(ones), all(others));
        let mut common: BTreeMap<(usize, usize), Self> = BTreeMap::new();
        for (one, other, both) in meetings(&ones, &others) {
            common.entry((places[one], others_places[other])).or_default().boxes.push(both);
        }
        common
    }

    /// The flows of this set that lie in the box.
    #[must_use]
    pub fn within(&self, limits: &FlowBox) -> Self {
        Self { boxes: self.boxes.iter().filter_map(|one| one.intersection(limits)).collect() }
    }

    /// The flows of this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_long() {
            // Each box taken out by itself would be tried against all the pieces that those before it left.
            let rules: Vec<(usize, FlowBox)> = other.boxes.iter().map(|one| (0, *one)).collect();
            return first_match(self, &rules).rest;
        }
        let mut rest = self.clone();
        for one in &other.boxes {
            if rest.is_empty() {
                break;
            }
            rest.remove(one);
        }
        rest
    }

    /// Takes the flows of the box out of the set.
    pub fn remove(&mut self, limits: &FlowBox) {
        if !self.boxes.iter().any(|one| one.intersection(limits).is_some()) {
            return;
        }
        let mut kept = Vec::with_capacity(self.boxes.len());
        for one in &self.boxes {
            one.difference(limits, |piece| kept.push(piece));
        }
        self.boxes = kept;
    }

    /// The flows of either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut boxes = self.boxes.clone();
        boxes.extend(other.difference(self).boxes);
        Self { boxes }
    }

    /// The flows of any of the sets.
    #[must_use]
    pub(crate) fn union_of<'a>(sets: impl Iterator<Item = &'a Self>) -> Self {
        sets.flat_map(|set| &set.boxes).copied().collect()
    }

    /// Whether there are so many boxes that trying each against each of another set takes long.
    fn is_long(&self) -> bool {
        self.boxes.len() > LONG
    }

    /// The same set in fewer boxes, ascending: neighbours that differ in one dimension are joined until
    /// none can be. For output; calculations need no order.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut boxes = self.boxes.clone();
        // Where all have the same values none can be joined.
        let differ = |dimension: &Dimension| {
            let spans = || boxes.iter().map(|one| dimension.span(one));
            spans().zip(spans().skip(1)).any(|(one, next)| one != next)
        };
        let dimensions: Vec<Dimension> = Dimension::ALL.into_iter().rev().filter(differ).collect();
        // In how many dimensions, one after another, nothing was left to join.
        let mut unchanged = 0;
        for dimension in dimensions.iter().cycle() {
            if unchanged == dimensions.len() {
                break;
            }
            let before = boxes.len();
            // Sorted by the other dimensions first, boxes that differ in this one alone are neighbours.
            boxes.sort_unstable_by(|one, other| dimension.compare(one, other));
            boxes.dedup_by(|next, kept| match kept.joined(next) {
                Some(whole) => {
                    *kept = whole;
                    true
                }
                None => false,
            });
            unchanged = if boxes.len() == before { unchanged + 1 } else { 0 };
        }
        boxes.sort_unstable();
        Self { boxes }
    }

    /// The smallest box of each pair of families around all flows of the set.
    #[must_use]
    pub(crate) fn hull(&self) -> Self {
        Self::around(&self.boxes)
    }

    /// The same around boxes that may overlap.
    #[must_use]
    pub(crate) fn around<'a>(boxes: impl IntoIterator<Item = &'a FlowBox>) -> Self {
        let mut around: Vec<FlowBox> = Vec::new();
        for one in boxes {
            match around.iter_mut().find_map(|known| known.around(one).map(|whole| (known, whole))) {
                Some((known, whole)) => *known = whole,
                None => around.push(*one),
            }
        }
        Self { boxes: around }
    }

    /// Some flow of the set.
    #[must_use]
    pub fn sample(&self) -> Option<Flow> {
        self.boxes.first().map(FlowBox::lowest)
    }
}

impl From<FlowBox> for Flows {
    fn from(one: FlowBox) -> Self {
        Self { boxes: vec![one] }
    }
}

impl FromIterator<FlowBox> for Flows {
    /// The union of boxes that may overlap.
    fn from_iter<I: IntoIterator<Item = FlowBox>>(boxes: I) -> Self {
        let boxes: Vec<FlowBox> = boxes.into_iter().collect();
        if boxes.len() > LONG {
            let rules: Vec<(usize, FlowBox)> = boxes.iter().map(|one| (0, *one)).collect();
            let decided = first_match(&Self::around(&boxes), &rules).decided;
            return decided.into_iter().map(|(_, flows)| flows).next().unwrap_or_default();
        }
        boxes.into_iter().fold(Self::none(), |set, one| set.union(&Self::from(one)))
    }
}

impl PartialEq for Flows {
    /// Whether both hold the same flows, however they are cut into boxes.
    fn eq(&self, other: &Self) -> bool {
        self.covers(other) && other.covers(self)
    }
}
