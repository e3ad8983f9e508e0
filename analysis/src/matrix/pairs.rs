//! What two numbered values come to, remembered.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Below this number results lie in tables, beyond it in a map: tables of all would be too large.
const DENSE: u32 = 1024;
const ABSENT: u32 = u32::MAX;

/// Results by the numbers of two values.
#[derive(Default)]
pub(super) struct Pairs {
    dense: Vec<Vec<u32>>,
    sparse: BTreeMap<(u32, u32), u32>,
}

impl Pairs {
    pub(super) fn get(&self, one: u32, other: u32) -> Option<u32> {
        if one < DENSE && other < DENSE {
            let known = self.dense.get(one as usize)?.get(other as usize)?;
            return Some(*known).filter(|known| *known != ABSENT);
        }
        self.sparse.get(&(one, other)).copied()
    }

    /// The same where the order of the two is no matter, a value with itself is itself, and the first value of
    /// all adds nothing; else the pair under which the result is to be set.
    pub(super) fn joined(&self, one: u32, other: u32) -> Result<u32, (u32, u32)> {
        let (one, other) = (one.min(other), one.max(other));
        if one == 0 || one == other {
            return Ok(other);
        }
        self.get(one, other).ok_or((one, other))
    }

    pub(super) fn set(&mut self, one: u32, other: u32, result: u32) {
        if one >= DENSE || other >= DENSE {
            self.sparse.insert((one, other), result);
            return;
        }
        if self.dense.len() <= one as usize {
            self.dense.resize_with(one as usize + 1, Vec::new);
        }
        let Some(row) = self.dense.get_mut(one as usize) else { return };
        if row.len() <= other as usize {
            row.resize(other as usize + 1, ABSENT);
        }
        if let Some(place) = row.get_mut(other as usize) {
            *place = result;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_joined_in_either_order_and_nothing_adds_nothing() {
        let mut pairs = Pairs::default();
        assert_eq!((pairs.joined(0, 5), pairs.joined(5, 0), pairs.joined(5, 5)), (Ok(5), Ok(5), Ok(5)));
        assert_eq!((pairs.joined(7, 5), pairs.joined(5, 7)), (Err((5, 7)), Err((5, 7))));
        pairs.set(5, 7, 9);
        assert_eq!((pairs.joined(7, 5), pairs.joined(5, 7)), (Ok(9), Ok(9)));
    }

    #[test]
    fn results_are_found_again_however_large_the_numbers() {
        let mut pairs = Pairs::default();
        let numbers = [0, 1, 7, DENSE - 1, DENSE, 100_000];
        for one in numbers {
            for other in numbers {
                assert_eq!(pairs.get(one, other), None);
                pairs.set(one, other, one ^ other);
            }
        }
        for one in numbers {
            for other in numbers {
                assert_eq!(pairs.get(one, other), Some(one ^ other));
            }
        }
    }
}
