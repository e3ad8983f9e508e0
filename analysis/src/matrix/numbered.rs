//! Values by the number that they got when they were first seen: equal ones are worked with once.
//!
//! Most are lists that begin alike, so they are found by a hash: comparing them in order would read each of a
//! dozen lists half through. The hash is the same on every machine, and so is every number.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::hash::{Hash, Hasher};

/// Values, each with a number.
#[derive(Debug)]
pub(super) struct Numbered<T: ?Sized> {
    /// The first number of each hash; those of others that share it lie in `further`.
    numbers: BTreeMap<u64, u32>,
    further: Vec<(u64, u32)>,
    values: Vec<Arc<T>>,
}

impl<T: ?Sized> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), further: Vec::new(), values: Vec::new() }
    }
}

impl<T: Eq + Hash + ?Sized> Numbered<T> {
    /// The number of a value, which is kept only if it is new.
    pub(super) fn number(&mut self, value: impl Borrow<T> + Into<Arc<T>>) -> u32 {
        let mut mix = Mix(0);
        value.borrow().hash(&mut mix);
        self.number_by(mix.finish(), value)
    }

    fn number_by(&mut self, hash: u64, value: impl Borrow<T> + Into<Arc<T>>) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let is = |number: u32| self.get(number) == Some(value.borrow());
        match self.numbers.get(&hash) {
            Some(number) if is(*number) => return *number,
            Some(_) => {
                let shared = self.further.iter().find(|(other, number)| *other == hash && is(*number));
                if let Some((_, number)) = shared {
                    return *number;
                }
                self.further.push((hash, next));
            }
            None => {
                self.numbers.insert(hash, next);
            }
        }
        self.values.push(value.into());
        next
    }

    /// The value of a number that [`Numbered::number`] gave.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize).map(|value| &**value)
    }
}

/// Mixes words by multiplication (Steele and Vigna 2022 have the multiplier).
struct Mix(u64);

const MULTIPLIER: u64 = 0xd134_2543_de82_ef95;

impl Mix {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_be_bytes(*word)));
        if !rest.is_empty() {
            self.add(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.add(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.add(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn write_u128(&mut self, word: u128) {
        self.add(word as u64);
        self.add((word >> 64) as u64);
    }

    fn write_usize(&mut self, word: usize) {
        self.add(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn equal_values_have_one_number_and_different_ones_another() {
        let mut numbered: Numbered<[u16]> = Numbered::default();
        let lists = [vec![1, 2, 3], vec![], vec![1, 2], vec![3, 2, 1]];
        for _ in 0..2 {
            let numbers: Vec<u32> = lists.iter().map(|list| numbered.number(list.as_slice())).collect();
            assert_eq!(numbers, [0, 1, 2, 3]);
        }
        assert_eq!(numbered.get(2), Some(&[1, 2][..]));
    }

    #[test]
    fn values_that_share_a_hash_are_told_apart() {
        let mut numbered: Numbered<[u16]> = Numbered::default();
        let numbers: Vec<u32> = [[1], [2], [3], [2], [1], [3]]
            .iter()
            .map(|list| numbered.number_by(7, list.as_slice()))
            .collect();
        assert_eq!(numbers, [0, 1, 2, 1, 0, 2]);
    }
}
