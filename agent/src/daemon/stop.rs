//! The one way in which everything is told to end, and waits to be told.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Whether all is to end.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Tells everybody.
    pub(super) fn ask(&self) {
        *self.is_asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Whether all is to end.
    pub(super) fn is_asked(&self) -> bool {
        *self.is_asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until all is to end.
    pub(super) fn wait(&self) {
        let is_asked = self.is_asked.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(is_asked, |is_asked| !*is_asked));
    }

    /// Sleeps, unless and until all is to end; whether it is.
    pub(super) fn sleep(&self, nap: Duration) -> bool {
        let is_asked = self.is_asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(is_asked, nap, |is_asked| !*is_asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
