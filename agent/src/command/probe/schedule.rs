//! Whose turn it is: each target at its interval, all together within the rate.
//!
//! It has no clock, so that its promises can be tested without waiting for them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// How far the rate may catch up after a wake-up that came late.
const SLACK: Duration = Duration::from_millis(2);

/// The turns of a run.
#[derive(Debug)]
pub(super) struct Schedule {
    /// When each target that has probes left is due.
    due: BinaryHeap<Reverse<(Duration, usize)>>,
    /// How many probes each target has left.
    left: Vec<u32>,
    interval: Duration,
    /// The time between two probes at the rate.
    gap: Duration,
    next_slot: Duration,
}

impl Schedule {
    /// `count` turns for each of the targets, `interval` apart, at most `rate` a second in all.
    pub(super) fn new(targets: usize, count: u32, interval: Duration, rate: u32) -> Self {
        Self {
            due: (0..targets).map(|target| Reverse((Duration::ZERO, target))).collect(),
            left: vec![count; targets],
            interval,
            gap: Duration::from_secs(1) / rate.max(1),
            next_slot: Duration::ZERO,
        }
    }

    /// The target whose turn it is at `now`.
    pub(super) fn next(&mut self, now: Duration) -> Option<usize> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse((_, target)) = self.due.pop()?;
        self.next_slot = self.next_slot.max(now.saturating_sub(SLACK)) + self.gap;
        let left = self.left.get_mut(target)?;
        *left = left.saturating_sub(1);
        if *left > 0 {
            self.due.push(Reverse((now + self.interval, target)));
        }
        Some(target)
    }

    /// When it is somebody's turn; none where nobody has any left.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.due.peek().map(|Reverse((due, _))| (*due).max(self.next_slot))
    }

    /// Gives a turn back that was not used, until `at`.
    pub(super) fn put_off(&mut self, target: usize, at: Duration) {
        self.due.retain(|Reverse((_, waiting))| *waiting != target);
        if let Some(left) = self.left.get_mut(target) {
            *left += 1;
            self.due.push(Reverse((at, target)));
        }
    }

    /// Takes all further turns from a target.
    pub(super) fn end(&mut self, target: usize) {
        self.due.retain(|Reverse((_, waiting))| *waiting != target);
        if let Some(left) = self.left.get_mut(target) {
            *left = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(schedule: &mut Schedule, milliseconds: u64) -> Vec<(u64, usize)> {
        let mut turns = Vec::new();
        for now in 0..milliseconds {
            while let Some(target) = schedule.next(Duration::from_millis(now)) {
                turns.push((now, target));
            }
        }
        turns
    }

    #[test]
    fn each_target_has_its_turns_at_its_interval() {
        let mut schedule = Schedule::new(2, 3, Duration::from_millis(100), 1_000_000);
        let turns = run(&mut schedule, 1000);
        // The second one follows at the rate, which is looked at every millisecond here.
        assert_eq!(turns, [(0, 0), (1, 1), (100, 0), (101, 1), (200, 0), (201, 1)]);
        assert_eq!(schedule.next_at(), None);
    }

    #[test]
    fn the_rate_caps_all_together() {
        let mut schedule = Schedule::new(500, 2, Duration::ZERO, 100);
        let turns = run(&mut schedule, 5000);
        assert!((480..=502).contains(&turns.len()), "{}", turns.len());
        for window in turns.windows(110) {
            assert!(window[109].0 - window[0].0 >= 1000);
        }
    }

    #[test]
    fn a_turn_put_off_is_not_lost_and_an_ended_target_has_none() {
        let mut schedule = Schedule::new(2, 2, Duration::from_millis(10), 1_000_000);
        assert_eq!(schedule.next(Duration::ZERO), Some(0));
        schedule.put_off(0, Duration::from_millis(50));
        schedule.end(1);
        assert_eq!(run(&mut schedule, 100), [(50, 0), (60, 0)]);
    }
}
