//! Which of many rules decides which flows, where the first match wins.
//!
//! A group or an ACL is a list of boxes in order. Taking one after another out of what is left cuts it into
//! more and more boxes, and every rule is then tried against all of them: with 20,000 rules that takes
//! longer than anybody waits. So the boxes are swept instead: one dimension after another is cut at the
//! edges of the rules, and within each slice only the rules that lie in it are looked at, down to the first
//! that covers it whole.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::dimension::Dimension;
use super::meeting::meetings;
use super::{FlowBox, Flows};

/// What each rule decides, and what none does.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstMatch {
    /// For each rule that decides anything, by its index, ascending: the flows.
    pub(crate) decided: Vec<(usize, Flows)>,
    /// The flows that no rule matches.
    pub(crate) rest: Flows,
}

/// Divides a set of flows among rules, of which the first that matches decides. A rule is an index, which
/// may come several times, ascending, and a box.
pub(crate) fn first_match(flows: &Flows, rules: &[(usize, FlowBox)]) -> FirstMatch {
    let mut sweep = Sweep { rules, decided: Vec::new(), rest: Vec::new() };
    let boxes: Vec<FlowBox> = rules.iter().map(|(_, one)| *one).collect();
    let mut met = meetings(flows.boxes(), &boxes).into_iter().peekable();
    for (place, base) in flows.boxes().iter().enumerate() {
        let mut active: Vec<usize> = Vec::new();
        while let Some((_, rule, _)) = met.next_if(|(met, ..)| *met == place) {
            active.push(rule);
        }
        sweep.divide(*base, &active);
    }
    sweep.finish()
}

struct Sweep<'a> {
    rules: &'a [(usize, FlowBox)],
    /// Boxes with the index that decides them, as they were found.
    decided: Vec<(usize, FlowBox)>,
    rest: Vec<FlowBox>,
}

impl Sweep<'_> {
    /// Divides a box among the rules of `active`, all of which meet it.
    fn divide(&mut self, base: FlowBox, active: &[usize]) {
        // What lies behind a rule that covers the whole box decides nothing in it.
        let covering = active.iter().position(|at| self.rules[*at].1.covers(&base));
        let active = covering.map_or(active, |at| &active[..=at]);
        let Some(first) = active.first() else {
            push(&mut self.rest, base);
            return;
        };
        let index = self.rules[*first].0;
        // Rules ascend, so all down to the covering one are the same rule if these two are.
        if covering.is_some_and(|at| self.rules[active[at]].0 == index) {
            match self.decided.last_mut().filter(|(last, _)| *last == index) {
                Some((_, last)) if last.joined(&base).is_some() => {
                    *last = last.joined(&base).unwrap_or(*last);
                }
                _ => self.decided.push((index, base)),
            }
            return;
        }
        let cut = Dimension::ALL.into_iter().find(|dimension| {
            let span = dimension.span(&base);
            active.iter().any(|at| !contains(dimension.span(&self.rules[*at].1), span))
        });
        let Some(dimension) = cut else { return };
        self.slice(dimension, base, active);
    }

    /// Cuts a box at every edge that the rules have in one dimension.
    fn slice(&mut self, dimension: Dimension, base: FlowBox, active: &[usize]) {
        let (first, last) = dimension.span(&base);
        // A rule begins at its first value and has ended one past its last.
        let mut edges: Vec<(u128, bool, usize)> = Vec::with_capacity(active.len() * 2);
        for at in active {
            let (low, high) = dimension.span(&self.rules[*at].1);
            edges.push((low.max(first), true, *at));
            if high < last {
                edges.push((high + 1, false, *at));
            }
        }
        edges.sort_unstable();
        let mut within: BTreeSet<usize> = BTreeSet::new();
        let mut from = first;
        let mut edges = edges.into_iter().peekable();
        while from <= last {
            while let Some((_, begins, at)) = edges.next_if(|(value, ..)| *value <= from) {
                if begins {
                    within.insert(at)
                } else {
                    within.remove(&at)
                };
            }
            let to = edges.peek().map_or(last, |(value, ..)| value - 1);
            let slice: Vec<usize> = within.iter().copied().collect();
            if let Some(part) = dimension.with(base, from, to) {
                self.divide(part, &slice);
            }
            if to == last {
                break;
            }
            from = to + 1;
        }
    }

    fn finish(mut self) -> FirstMatch {
        self.decided.sort_by_key(|(index, _)| *index);
        let mut decided: Vec<(usize, Vec<FlowBox>)> = Vec::new();
        for (index, one) in self.decided {
            match decided.last_mut().filter(|(last, _)| *last == index) {
                Some((_, boxes)) => push(boxes, one),
                None => decided.push((index, Vec::from([one]))),
            }
        }
        let decided = decided.into_iter().map(|(index, boxes)| (index, Flows::of_disjoint(boxes)));
        FirstMatch { decided: decided.collect(), rest: Flows::of_disjoint(self.rest) }
    }
}

/// Adds a box, as one with the last where they touch.
fn push(boxes: &mut Vec<FlowBox>, one: FlowBox) {
    match boxes.last_mut().and_then(|last| last.joined(&one).map(|whole| (last, whole))) {
        Some((last, whole)) => *last = whole,
        None => boxes.push(one),
    }
}

fn contains(outer: (u128, u128), inner: (u128, u128)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::flow::{AddressRange, PortRange, ProtocolRange};

    fn addresses(first: u8, last: u8) -> AddressRange {
        let address = |last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last));
        AddressRange::new(address(first.min(last)), address(first.max(last))).unwrap()
    }

    prop_compose! {
        fn a_box()(source in any::<(u8, u8)>(), destination in any::<(u8, u8)>(), protocol in (0..3_u8, 0..3_u8),
                   from in (0..40_u16, 0..40_u16), to in (0..40_u16, 0..40_u16)) -> FlowBox {
            let ports = |(one, other): (u16, u16)| PortRange::new(one.min(other), one.max(other)).unwrap();
            FlowBox {
                source: addresses(source.0, source.1),
                destination: addresses(destination.0, destination.1),
                protocol: ProtocolRange::new(protocol.0.min(protocol.1), protocol.0.max(protocol.1)).unwrap(),
                source_ports: ports(from),
                ports: ports(to),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn each_flow_goes_to_the_first_rule_that_holds_it(
            base in proptest::collection::vec(a_box(), 1..3),
            rules in proptest::collection::vec(a_box(), 0..12),
        ) {
            let flows: Flows = base.into_iter().collect();
            let numbered: Vec<(usize, FlowBox)> = rules.iter().copied().enumerate().collect();
            let FirstMatch { decided, rest } = first_match(&flows, &numbered);
            // Every corner of every box is a flow where something may change.
            let corners = rules.iter().chain(flows.boxes()).map(FlowBox::lowest);
            for flow in corners.filter(|flow| flows.contains(flow)) {
                let first = rules.iter().position(|rule| rule.contains(&flow));
                let holders: Vec<Option<usize>> = decided
                    .iter()
                    .filter(|(_, part)| part.contains(&flow))
                    .map(|(index, _)| Some(*index))
                    .chain(rest.contains(&flow).then_some(None))
                    .collect();
                prop_assert_eq!(holders, [first]);
            }
            let mut whole = rest.clone();
            for (index, part) in &decided {
                prop_assert!(Flows::from(rules[*index]).covers(part));
                prop_assert!(whole.intersection(part).is_empty(), "parts overlap");
                whole = whole.union(part);
            }
            prop_assert_eq!(whole, flows);
        }
    }

    #[test]
    fn a_hundred_thousand_rules_are_divided() {
        let everything = FlowBox {
            source: AddressRange::all(crate::flow::Family::V4),
            destination: addresses(1, 1),
            protocol: ProtocolRange::single(6),
            source_ports: PortRange::ALL,
            ports: PortRange::ALL,
        };
        let rule = |index: u32| {
            // Blocks within blocks, single addresses, and a few that hold all.
            let length = [32, 24, 16, 28, 8][index as usize % 5];
            let mask = u32::MAX << (32 - length);
            let bits = index.wrapping_mul(2_654_435_761) & mask;
            let last = bits | !mask;
            let source = AddressRange::new(Ipv4Addr::from(bits).into(), Ipv4Addr::from(last).into()).unwrap();
            FlowBox { source, ports: PortRange::single((index % 50) as u16), ..everything }
        };
        let rules: Vec<(usize, FlowBox)> = (0..100_000).map(|index| (index as usize, rule(index))).collect();
        let found = first_match(&Flows::from(everything), &rules);
        // Subtracting one after another would take minutes.
        assert!(found.decided.len() > 10_000 && !found.rest.is_empty());
    }
}
