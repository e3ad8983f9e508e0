//! What probes of a path came to within a minute, or an hour: counts, which can be added to others.

use std::time::Duration;

use super::super::result::ProbeResult;
use super::super::watched::{BUCKETS, Last, bucket};

/// How many probes came to what, and how long those took that were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rolled {
    /// In the order of [`ProbeResult::ALL`].
    pub(super) results: [u64; ProbeResult::ALL.len()],
    /// How many round trips lie in each bucket.
    pub(super) buckets: [u64; BUCKETS],
    /// The sum of all round trips.
    pub(super) sum: Duration,
    /// The shortest and the longest.
    pub(super) extremes: Option<(Duration, Duration)>,
}

impl Rolled {
    /// Adds a probe.
    pub(super) fn count(&mut self, last: &Last) {
        let index = ProbeResult::ALL.iter().position(|result| *result == last.result);
        if let Some(count) = index.and_then(|index| self.results.get_mut(index)) {
            *count += 1;
        }
        if let Some(rtt) = last.rtt {
            if let Some(count) = self.buckets.get_mut(bucket(rtt)) {
                *count += 1;
            }
            self.sum = self.sum.saturating_add(rtt);
            self.stretch(rtt, rtt);
        }
    }

    /// Adds what another one counted.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = self.results.iter_mut().zip(other.results);
        let pairs = pairs.chain(self.buckets.iter_mut().zip(other.buckets));
        pairs.for_each(|(own, more)| *own = own.saturating_add(more));
        self.sum = self.sum.saturating_add(other.sum);
        if let Some((shortest, longest)) = other.extremes {
            self.stretch(shortest, longest);
        }
    }

    /// How many probes there were.
    pub(super) fn probes(&self) -> u64 {
        self.results.iter().sum()
    }

    fn stretch(&mut self, shortest: Duration, longest: Duration) {
        let (low, high) = self.extremes.unwrap_or((shortest, longest));
        self.extremes = Some((low.min(shortest), high.max(longest)));
    }
}
