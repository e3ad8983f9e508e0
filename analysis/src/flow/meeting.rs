//! Which boxes of two lists meet.
//!
//! Where a list of every second address comes upon another, or upon an ACL of as many entries, trying each box
//! against each takes millions of trials of which all but thousands are in vain. So both lists are
//! walked once along the dimension in which the fewest of them overlap.

use alloc::vec::Vec;

use super::FlowBox;
use super::dimension::Dimension;

/// From how many boxes on a list is long: two long ones are walked together, not tried box against box.
pub(super) const LONG: usize = 64;

/// The pairs of boxes that meet, by their places in the lists, with the flows of both; ascending.
pub(super) fn meetings(ones: &[FlowBox], others: &[FlowBox]) -> Vec<(usize, usize, FlowBox)> {
    let mut found = Vec::new();
    let mut meet = |one: usize, other: usize| {
        if let Some(both) = ones[one].intersection(&others[other]) {
            found.push((one, other, both));
        }
    };
    if ones.len() <= LONG || others.len() <= LONG {
        for one in 0..ones.len() {
            (0..others.len()).for_each(|other| meet(one, other));
        }
        return found;
    }
    let overlaps = |dimension: &Dimension| match ones.len() < others.len() {
        true => overlaps(*dimension, ones, others),
        false => overlaps(*dimension, others, ones),
    };
    let Some(dimension) = Dimension::ALL.into_iter().min_by_key(overlaps) else { return found };
    let (by_first, others_by_first) = (ascending(dimension, ones), ascending(dimension, others));
    let (mut left, mut right) = (by_first.as_slice(), others_by_first.as_slice());
    while let ([(span, one), rest @ ..], [(other_span, other), other_rest @ ..]) = (left, right) {
        // Whichever begins first meets those of the other list that begin before it ends.
        if span.0 <= other_span.0 {
            right.iter().take_while(|(begun, _)| begun.0 <= span.1).for_each(|(_, other)| meet(*one, *other));
            left = rest;
        } else {
            left.iter()
                .take_while(|(begun, _)| begun.0 <= other_span.1)
                .for_each(|(_, one)| meet(*one, *other));
            right = other_rest;
        }
    }
    found.sort_unstable_by_key(|(one, other, _)| (*one, *other));
    found
}

/// How many pairs overlap in one dimension, `few` being the shorter list.
fn overlaps(dimension: Dimension, few: &[FlowBox], many: &[FlowBox]) -> usize {
    let mut firsts: Vec<u128> = few.iter().map(|one| dimension.span(one).0).collect();
    let mut lasts: Vec<u128> = few.iter().map(|one| dimension.span(one).1).collect();
    firsts.sort_unstable();
    lasts.sort_unstable();
    let of_one = |one: &FlowBox| {
        let (first, last) = dimension.span(one);
        firsts.partition_point(|begin| *begin <= last) - lasts.partition_point(|end| *end < first)
    };
    many.iter().map(of_one).sum()
}

/// The spans of boxes in one dimension with their places, ascending.
fn ascending(dimension: Dimension, boxes: &[FlowBox]) -> Vec<((u128, u128), usize)> {
    let mut spans: Vec<_> = boxes.iter().enumerate().map(|(at, one)| (dimension.span(one), at)).collect();
    spans.sort_unstable();
    spans
}

#[cfg(test)]
mod tests {
    use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::flow::{AddressRange, PortRange, ProtocolRange};

    fn addresses(is_v6: bool, first: u8, length: u8) -> AddressRange {
        let address = |last: u8| match is_v6 {
            true => IpAddr::from(Ipv6Addr::from(u128::from(last))),
            false => IpAddr::from(Ipv4Addr::from(u32::from(last))),
        };
        AddressRange::new(address(first), address(first.saturating_add(length))).unwrap()
    }

    prop_compose! {
        fn a_box()(is_v6 in any::<bool>(), source in (any::<u8>(), 0..9_u8), destination in (any::<u8>(), 0..200_u8),
                   from in 0..9_u16, ports in (0..90_u16, 0..9_u16)) -> FlowBox {
            FlowBox {
                source: addresses(is_v6, source.0, source.1),
                destination: addresses(is_v6, destination.0, destination.1),
                protocol: ProtocolRange::single(6),
                source_ports: PortRange::new(from, 9).unwrap(),
                ports: PortRange::new(ports.0, ports.0 + ports.1).unwrap(),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn all_pairs_that_meet_are_found_once(
            ones in proptest::collection::vec(a_box(), 0..3 * LONG),
            others in proptest::collection::vec(a_box(), 0..3 * LONG),
        ) {
            let pairs = ones.iter().enumerate().flat_map(|(at, one)| {
                others.iter().enumerate().filter_map(move |(place, other)| {
                    Some((at, place, one.intersection(other)?))
                })
            });
            prop_assert_eq!(meetings(&ones, &others), pairs.collect::<Vec<_>>());
        }
    }
}
