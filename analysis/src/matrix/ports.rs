//! Ranges of ports with what is so of each, in lists that are walked side by side.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::flow::PortRange;

/// Adds what is so of ports that lie above all others; of neighbours of which the same is so, it is one range.
pub(super) fn push<T: PartialEq>(list: &mut Vec<(PortRange, T)>, ports: PortRange, value: T) {
    match list.last_mut().filter(|(last, known)| *known == value && last.joined(ports).is_some()) {
        Some((last, _)) => *last = last.hull(ports),
        None => list.push((ports, value)),
    }
}

/// Goes through the ports that are in both of two ascending lists, with what each says of them.
pub(super) fn common<A, B>(
    one: &[(PortRange, A)],
    other: &[(PortRange, B)],
    mut visit: impl FnMut(PortRange, &A, &B),
) {
    let (mut at, mut beside) = (0, 0);
    while let (Some((mine, its)), Some((theirs, others))) = (one.get(at), other.get(beside)) {
        if let Some(common) = mine.intersection(*theirs) {
            visit(common, its, others);
        }
        if mine.last() <= theirs.last() { at += 1 } else { beside += 1 }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u16, last: u16) -> PortRange {
        PortRange::new(first, last).unwrap()
    }

    #[test]
    fn neighbours_of_which_the_same_is_so_are_one_and_others_are_not() {
        let mut list = Vec::new();
        for (ports, value) in
            [(range(1, 4), 'a'), (range(5, 9), 'a'), (range(10, 10), 'b'), (range(12, 13), 'b')]
        {
            push(&mut list, ports, value);
        }
        assert_eq!(list, [(range(1, 9), 'a'), (range(10, 10), 'b'), (range(12, 13), 'b')]);
    }

    #[test]
    fn what_is_in_both_is_visited_in_order() {
        let one = [(range(1, 4), 'a'), (range(8, 20), 'b')];
        let other = [(range(0, 8), 1), (range(9, 9), 2), (range(30, 40), 3)];
        let mut seen = Vec::new();
        common(&one, &other, |ports, one, other| seen.push((ports, *one, *other)));
        assert_eq!(seen, [(range(1, 4), 'a', 1), (range(8, 8), 'b', 1), (range(9, 9), 'b', 2)]);
    }
}
