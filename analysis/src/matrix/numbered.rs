//! Values by the number that they got when they were first seen: equal ones are worked with once.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::borrow::Borrow;

/// Values, each with a number.
#[derive(Debug)]
pub(super) struct Numbered<T: ?Sized> {
    numbers: BTreeMap<Arc<T>, u32>,
    values: Vec<Arc<T>>,
}

impl<T: ?Sized> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), values: Vec::new() }
    }
}

impl<T: Ord + ?Sized> Numbered<T> {
    /// The number of a value, which is kept only if it is new.
    pub(super) fn number(&mut self, value: impl Borrow<T> + Into<Arc<T>>) -> u32 {
        if let Some(number) = self.numbers.get(value.borrow()) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let value = value.into();
        self.values.push(Arc::clone(&value));
        self.numbers.insert(value, number);
        number
    }

    /// The value of a number that [`Numbered::number`] gave.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize).map(|value| &**value)
    }
}
