//! Short lists of numbers as one number, which sorts as they would: comparing them one after another takes
//! several times as long, and tens of thousands are sorted.

use crate::flow::PortRange;

/// As many numbers as have room, the first of most weight.
pub(super) fn packed<const COUNT: usize>(numbers: [u32; COUNT]) -> u128 {
    const { assert!(COUNT <= 4, "four numbers have room") };
    numbers.into_iter().fold(0, |key, number| key << 32 | u128::from(number))
}

/// The numbers again.
pub(super) fn unpacked<const COUNT: usize>(key: u128) -> [u32; COUNT] {
    const { assert!(COUNT <= 4, "four numbers have room") };
    core::array::from_fn(|at| (key >> (32 * (COUNT - 1 - at))) as u32)
}

/// A range of ports as one number.
pub(super) fn of_ports(ports: PortRange) -> u32 {
    u32::from(ports.first()) << 16 | u32::from(ports.last())
}

/// The range again; `None` for what is none.
pub(super) fn ports(number: u32) -> Option<PortRange> {
    PortRange::new((number >> 16) as u16, number as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_sorts_as_before_and_comes_out_again(one: [u32; 4], other: [u32; 4], equal in 0..5_usize) {
            let mut other = other;
            other[..equal.min(4)].copy_from_slice(&one[..equal.min(4)]);
            prop_assert_eq!(packed(one).cmp(&packed(other)), one.cmp(&other));
            prop_assert_eq!(unpacked(packed(one)), one);
            let short = [one[0], one[1]];
            prop_assert_eq!(unpacked(packed(short)), short);
        }

        #[test]
        fn ranges_of_ports_come_out_again(one: u16, other: u16) {
            let range = PortRange::new(one.min(other), one.max(other));
            prop_assert_eq!(range.and_then(|range| ports(of_ports(range))), range);
        }
    }
}
