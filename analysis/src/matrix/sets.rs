//! Sets of senders, each by a number, with what two of them come to remembered.

use alloc::vec::Vec;

use super::numbered::Numbered;
use super::pairs::Pairs;
use super::senders::Span;

/// The number of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SetId(pub(super) u32);

/// All sets that occur.
pub(super) struct Sets {
    sets: Numbered<[Span]>,
    unions: Pairs,
    common: Pairs,
    differences: Pairs,
}

impl Sets {
    /// Nobody.
    pub(super) const NONE: SetId = SetId(0);
    /// Everybody who sends; the same as [`Sets::NONE`] where nobody does.
    pub(super) const ALL: SetId = SetId(1);

    /// Sets of these, who are all.
    pub(super) fn new(everybody: Vec<Span>) -> Self {
        let mut sets: Numbered<[Span]> = Numbered::default();
        sets.number(Vec::new());
        sets.number(everybody);
        Self { sets, unions: Pairs::default(), common: Pairs::default(), differences: Pairs::default() }
    }

    /// The spans of a set, ascending and apart.
    pub(super) fn spans(&self, set: SetId) -> &[Span] {
        self.sets.get(set.0).unwrap_or_default()
    }

    /// The set of all that lie in any of these spans, in any order.
    pub(super) fn of(&mut self, mut spans: Vec<Span>) -> SetId {
        spans.sort_unstable();
        spans.dedup_by(|(first, last), (_, end)| {
            let touches = *first <= end.saturating_add(1);
            if touches {
                *end = (*last).max(*end);
            }
            touches
        });
        let number = self.sets.number(spans);
        self.intersection(SetId(number), Self::ALL)
    }

    pub(super) fn union(&mut self, one: SetId, other: SetId) -> SetId {
        if one == Self::ALL || other == Self::ALL {
            return Self::ALL;
        }
        let (one, other) = match self.unions.joined(one.0, other.0) {
            Ok(known) => return SetId(known),
            Err(pair) => pair,
        };
        let both = [self.spans(SetId(one)), self.spans(SetId(other))].concat();
        let union = self.of(both);
        self.unions.set(one, other, union.0);
        union
    }

    pub(super) fn intersection(&mut self, one: SetId, other: SetId) -> SetId {
        if one == other {
            return one;
        }
        if one == Self::NONE || other == Self::NONE {
            return Self::NONE;
        }
        let (one, other) = (one.min(other), one.max(other));
        if let Some(known) = self.common.get(one.0, other.0) {
            return SetId(known);
        }
        let common = SetId(self.sets.number(common(self.spans(one), self.spans(other))));
        self.common.set(one.0, other.0, common.0);
        common
    }

    /// Those of one set that are not in the other.
    pub(super) fn difference(&mut self, one: SetId, other: SetId) -> SetId {
        if one == other || one == Self::NONE || other == Self::ALL {
            return Self::NONE;
        }
        if other == Self::NONE {
            return one;
        }
        if let Some(known) = self.differences.get(one.0, other.0) {
            return SetId(known);
        }
        let rest = SetId(self.sets.number(difference(self.spans(one), self.spans(other))));
        self.differences.set(one.0, other.0, rest.0);
        rest
    }
}

fn common(one: &[Span], other: &[Span]) -> Vec<Span> {
    let mut found = Vec::new();
    let (mut at, mut beside) = (0, 0);
    while let (Some(mine), Some(theirs)) = (one.get(at), other.get(beside)) {
        let (first, last) = (mine.0.max(theirs.0), mine.1.min(theirs.1));
        if first <= last {
            found.push((first, last));
        }
        if mine.1 <= theirs.1 { at += 1 } else { beside += 1 }
    }
    found
}

fn difference(one: &[Span], other: &[Span]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    for (first, last) in one {
        let mut from = Some(*first);
        while other.get(at).is_some_and(|(_, end)| end < first) {
            at += 1;
        }
        for (begin, end) in other.iter().skip(at).take_while(|(begin, _)| begin <= last) {
            let Some(first) = from else { break };
            if *begin > first {
                found.push((first, begin - 1));
            }
            from = end.checked_add(1).map(|next| next.max(first)).filter(|next| next <= last);
        }
        found.extend(from.map(|first| (first, *last)));
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let span = (0..60_u128, 0..12_u128).prop_map(|(first, more)| (first, first + more));
        proptest::collection::vec(span, 0..8)
    }

    fn holds(sets: &Sets, set: SetId, number: u128) -> bool {
        sets.spans(set).iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    proptest! {
        #[test]
        fn sets_do_what_their_members_say(one in spans(), other in spans()) {
            let mut sets = Sets::new(Vec::from([(3, 40), (50, 70)]));
            let (one, other) = (sets.of(one), sets.of(other));
            let union = sets.union(one, other);
            let common = sets.intersection(one, other);
            let less = sets.difference(one, other);
            for number in 0..80 {
                let (mine, theirs) = (holds(&sets, one, number), holds(&sets, other, number));
                prop_assert_eq!(holds(&sets, union, number), mine || theirs);
                prop_assert_eq!(holds(&sets, common, number), mine && theirs);
                prop_assert_eq!(holds(&sets, less, number), mine && !theirs);
            }
            // The same members are the same set, however they came about.
            let rest = sets.difference(other, one);
            let apart = sets.union(less, rest);
            prop_assert_eq!(sets.union(apart, common), union);
        }
    }
}
