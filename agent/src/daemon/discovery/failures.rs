//! How often a look for more paths came to nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts, by where it was looked.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<BTreeMap<&'static str, u64>>);

impl Failures {
    /// Counts from nought: a rate over a series that begins with its first failure misses it.
    pub(super) fn expect(&self, kind: &'static str) {
        self.lock().entry(kind).or_default();
    }

    /// Counts one.
    pub(super) fn count(&self, kind: &'static str) {
        *self.lock().entry(kind).or_default() += 1;
    }

    /// All of them.
    pub(in super::super) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
