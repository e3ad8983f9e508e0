//! Whose turn it is: each path at its own interval, by the clock and not by when the last turn came.
//!
//! It has no clock, so that its promises can be tested without waiting for them.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// The turns of all paths.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    turns: BTreeSet<(Duration, u64)>,
    paths: HashMap<u64, (Duration, Duration)>,
    missed: u64,
}

impl Schedule {
    /// Adds a path, by its number. Its first turn lies within one interval, where its name puts it: a thousand paths
    /// that start together do not ask together.
    pub(super) fn add(&mut self, path: u64, name: &str, interval: Duration, now: Duration) {
        self.remove(path);
        let first = now + interval.mul_f64(share(name));
        self.turns.insert((first, path));
        self.paths.insert(path, (interval, first));
    }

    /// Gives a path that has turns another interval, which begins now.
    pub(super) fn change(&mut self, path: u64, interval: Duration, now: Duration) {
        if self.paths.contains_key(&path) {
            self.remove(path);
            self.turns.insert((now + interval, path));
            self.paths.insert(path, (interval, now + interval));
        }
    }

    /// Takes all further turns from a path.
    pub(super) fn remove(&mut self, path: u64) {
        if let Some((_, due)) = self.paths.remove(&path) {
            self.turns.remove(&(due, path));
        }
    }

    /// The path whose turn it is at `now`. The next turn follows an interval after the one that was due, so that no delay
    /// adds up; turns that could not be kept are counted as missed.
    pub(super) fn next(&mut self, now: Duration) -> Option<u64> {
        let &(due, path) = self.turns.first().filter(|(due, _)| *due <= now)?;
        self.turns.remove(&(due, path));
        let (interval, next) = self.paths.get_mut(&path)?;
        let late = u32::try_from((now - due).as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX);
        self.missed += u64::from(late);
        *next = due + *interval * late.saturating_add(1);
        self.turns.insert((*next, path));
        Some(path)
    }

    /// When it is somebody's turn.
    pub(super) fn next_at(&self) -> Option<Duration> {
        self.turns.first().map(|(due, _)| *due)
    }

    /// How many turns could not be kept.
    pub(super) fn missed(&self) -> u64 {
        self.missed
    }
}

/// A share of the whole, from 0 up to 1, by a name: the same at every start.
fn share(name: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    // The 32 highest bits are a share exactly.
    f64::from((hasher.finish() >> 32) as u32) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn turns(schedule: &mut Schedule, from: u64, to: u64) -> Vec<(u64, u64)> {
        let mut turns = Vec::new();
        for now in from..to {
            while let Some(path) = schedule.next(Duration::from_millis(now)) {
                turns.push((now, path));
            }
        }
        turns
    }

    #[test]
    fn another_interval_begins_when_it_is_given() {
        let mut schedule = Schedule::default();
        schedule.add(1, "a", SECOND, Duration::ZERO);
        assert_eq!(turns(&mut schedule, 0, 3_000).len(), 3);
        schedule.change(1, SECOND * 10, SECOND * 3);
        schedule.change(2, SECOND, SECOND * 3);
        assert_eq!(turns(&mut schedule, 3_000, 33_001), [(13_000, 1), (23_000, 1), (33_000, 1)]);
        assert_eq!(schedule.missed(), 0);
    }

    #[test]
    fn each_path_has_its_turns_at_its_interval_and_starts_are_spread() {
        let mut schedule = Schedule::default();
        for path in 0..1000 {
            schedule.add(path, &format!("path-{path}"), SECOND, Duration::ZERO);
        }
        let turns = turns(&mut schedule, 0, 10_000);
        assert_eq!((turns.len(), schedule.missed()), (10_000, 0));
        for tenth in 0..10 {
            let count =
                turns.iter().filter(|(now, _)| (tenth * 100..(tenth + 1) * 100).contains(now)).count();
            assert!((60..=150).contains(&count), "{count} of 1000 in one tenth of the interval");
        }
        let of_one: Vec<u64> = turns.iter().filter(|(_, path)| *path == 7).map(|(now, _)| *now).collect();
        assert!(of_one.windows(2).all(|pair| pair[1] - pair[0] == 1000), "no drift");
    }

    #[test]
    fn a_delay_does_not_add_up_and_what_was_missed_is_counted() {
        let mut schedule = Schedule::default();
        schedule.add(1, "a", SECOND, Duration::ZERO);
        let first = schedule.next_at().unwrap();
        assert_eq!(schedule.next(first + SECOND * 3 + SECOND / 2), Some(1));
        assert_eq!((schedule.next_at(), schedule.missed()), (Some(first + SECOND * 4), 3));
        assert_eq!(
            schedule.next(first + SECOND * 3 + SECOND / 2),
            None,
            "what was missed is not made up for"
        );
    }

    #[test]
    fn a_path_that_is_removed_has_no_turn_and_one_that_is_changed_has_one() {
        let mut schedule = Schedule::default();
        schedule.add(1, "a", SECOND, Duration::ZERO);
        schedule.add(1, "a", SECOND * 2, Duration::ZERO);
        schedule.add(2, "b", SECOND, Duration::ZERO);
        schedule.remove(2);
        assert_eq!(turns(&mut schedule, 0, 4_000).len(), 2);
        schedule.remove(1);
        assert_eq!(schedule.next_at(), None);
    }
}
