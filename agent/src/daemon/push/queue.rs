//! What waits to be sent: never more than it may, the oldest dropped first.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::counts::{Counts, Dropped};

/// What waits, in the order in which it came.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
    capacity: u64,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<Item<T>>,
    weight: u64,
    next: u64,
    /// Since when nothing more comes.
    closed: Option<Instant>,
}

/// Something that waits.
#[derive(Clone, Debug)]
pub(super) struct Item<T> {
    number: u64,
    /// How much it counts for.
    weight: u64,
    /// Its time, in milliseconds since 1970.
    at: i64,
    /// What it is.
    pub(super) content: T,
}

impl<T: Clone> Queue<T> {
    /// An empty one, in which so much may wait.
    pub(super) fn new(capacity: u64) -> Self {
        let waiting = Waiting { items: VecDeque::new(), weight: 0, next: 0, closed: None };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new(), capacity, counts: Arc::default() }
    }

    /// What was counted.
    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds something. Where it does not fit, the oldest goes.
    pub(super) fn push(&self, content: T, weight: u64, at: i64) {
        let mut waiting = self.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.weight += weight;
        waiting.items.push_back(Item { number, weight, at, content });
        while waiting.weight > self.capacity
            && let Some(oldest) = waiting.items.pop_front()
        {
            waiting.weight -= oldest.weight;
            self.counts.of(Dropped::Overflow).fetch_add(oldest.weight, Ordering::Relaxed);
        }
        self.counts.pending.store(waiting.weight, Ordering::Relaxed);
        self.changed.notify_all();
    }

    /// Says that nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed.get_or_insert_with(Instant::now);
        self.changed.notify_all();
    }

    /// How long ago it was closed; none where it was not.
    pub(super) fn closed_for(&self) -> Option<Duration> {
        self.lock().closed.map(|closed| closed.elapsed())
    }

    /// The oldest ones, at most so many; they stay until it is said what became of them. Waits for one. None where nothing
    /// is left and nothing more comes.
    pub(super) fn oldest(&self, most: usize) -> Option<Vec<Item<T>>> {
        let is_idle = |waiting: &mut Waiting<T>| waiting.items.is_empty() && waiting.closed.is_none();
        let waiting = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        let oldest: Vec<Item<T>> = waiting.items.iter().take(most).cloned().collect();
        (!oldest.is_empty()).then_some(oldest)
    }

    /// The receiver took these, but for so many that it would not have.
    pub(super) fn sent(&self, items: &[Item<T>], rejected: u64) {
        let (taken, newest) = self.remove(items);
        let rejected = rejected.min(taken);
        self.counts.rejected.fetch_add(rejected, Ordering::Relaxed);
        self.counts.sent.fetch_add(taken - rejected, Ordering::Relaxed);
        if let Some(newest) = newest {
            self.counts.newest.fetch_max(newest, Ordering::Relaxed);
        }
    }

    /// The receiver will not have these.
    pub(super) fn rejected(&self, items: &[Item<T>]) {
        let (rejected, _) = self.remove(items);
        self.counts.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// A request failed, and is sent again.
    pub(super) fn failed(&self) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes those of them that were not dropped meanwhile, and so counted already.
    fn remove(&self, items: &[Item<T>]) -> (u64, Option<i64>) {
        let mut waiting = self.lock();
        let (mut weight, mut newest) = (0, None);
        let Some(last) = items.last().map(|item| item.number) else { return (0, None) };
        while waiting.items.front().is_some_and(|item| item.number <= last)
            && let Some(item) = waiting.items.pop_front()
        {
            weight += item.weight;
            newest = newest.max(Some(item.at));
        }
        waiting.weight -= weight;
        self.counts.pending.store(waiting.weight, Ordering::Relaxed);
        (weight, newest)
    }

    /// Sleeps, unless and until nothing more comes.
    pub(super) fn pause(&self, nap: Duration) {
        let is_open = |waiting: &mut Waiting<T>| waiting.closed.is_none();
        let waited = self.changed.wait_timeout_while(self.lock(), nap, is_open);
        drop(waited);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn contents(items: Option<Vec<Item<u32>>>) -> Vec<u32> {
        items.into_iter().flatten().map(|item| item.content).collect()
    }

    #[test]
    fn the_oldest_is_dropped_first_and_everything_is_counted() {
        let queue = Queue::new(10);
        for number in 0..7 {
            queue.push(number, 3, i64::from(number));
        }
        let counts = queue.counts();
        assert_eq!(contents(queue.oldest(9)), [4, 5, 6]);
        assert_eq!((counts.pending(), counts.dropped(Dropped::Overflow)), (9, 12));
        let two = queue.oldest(2).unwrap();
        queue.sent(&two, 1);
        assert_eq!((counts.sent(), counts.dropped(Dropped::Rejected)), (5, 1));
        assert_eq!((counts.pending(), counts.newest()), (3, Timestamp::from_millisecond(5).ok()));
        queue.rejected(&queue.oldest(2).unwrap());
        assert_eq!((counts.pending(), counts.dropped(Dropped::Rejected)), (0, 4));
        queue.close();
        assert!(queue.oldest(1).is_none());
    }

    #[test]
    fn what_was_dropped_while_it_was_sent_counts_once() {
        let queue = Queue::new(2);
        queue.push(0, 1, 0);
        queue.push(1, 1, 1);
        let under_way = queue.oldest(1).unwrap();
        queue.push(2, 1, 2);
        queue.sent(&under_way, 0);
        let counts = queue.counts();
        assert_eq!((counts.sent(), counts.dropped(Dropped::Overflow), counts.pending()), (0, 1, 2));
        assert_eq!(contents(queue.oldest(9)), [1, 2]);
    }
}
