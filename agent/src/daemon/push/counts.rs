//! How much was sent, dropped, and waits.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::Timestamp;

/// Why something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Dropped {
    /// The queue was full, and it was the oldest.
    Overflow,
    /// The receiver will not have it.
    Rejected,
}

impl Dropped {
    /// All of them.
    pub(in super::super) const ALL: [Self; 2] = [Self::Overflow, Self::Rejected];

    /// The value of the label `reason`.
    pub(in super::super) fn word(self) -> &'static str {
        match self {
            Self::Overflow => "overflow",
            Self::Rejected => "rejected",
        }
    }
}

/// Counts of one queue, in what it holds: samples, or records.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// How many wait.
    pub(super) pending: AtomicU64,
    /// How many the receiver took.
    pub(super) sent: AtomicU64,
    pub(super) overflow: AtomicU64,
    pub(super) rejected: AtomicU64,
    /// Requests that failed and were, or will be, sent again.
    pub(super) failed: AtomicU64,
    /// The time of the newest that the receiver took, in milliseconds.
    pub(super) newest: AtomicI64,
}

impl Counts {
    /// How many wait.
    pub(in super::super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// How many the receiver took.
    pub(in super::super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How many were dropped.
    pub(in super::super) fn dropped(&self, why: Dropped) -> u64 {
        self.of(why).load(Ordering::Relaxed)
    }

    /// How many requests failed.
    pub(in super::super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// The time of the newest that the receiver took; none before it took any.
    pub(in super::super) fn newest(&self) -> Option<Timestamp> {
        let newest = Some(self.newest.load(Ordering::Relaxed)).filter(|newest| *newest != 0)?;
        Timestamp::from_millisecond(newest).ok()
    }

    pub(super) fn of(&self, why: Dropped) -> &AtomicU64 {
        match why {
            Dropped::Overflow => &self.overflow,
            Dropped::Rejected => &self.rejected,
        }
    }
}
