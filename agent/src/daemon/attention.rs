//! When a path is diagnosed: at once where it changes, and again while it stays bad, ever less often.
//!
//! A diagnosis sends more than a probe does, so a path that flaps must not be diagnosed at every turn.

use std::time::Duration;

/// The first wait before a bad path is diagnosed again; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// The shortest time between the beginnings of two diagnoses of a path, whatever it does.
const SHORTEST_GAP: Duration = Duration::from_secs(15);

/// How much attention a path needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attention {
    /// Whether its last probe was good; none before the first.
    is_up: Option<bool>,
    /// Whether its last verdict, or where there is none its first probe, was good.
    is_good: bool,
    wait: Duration,
    began: Option<Duration>,
    due: Option<Duration>,
    is_under_way: bool,
}

impl Default for Attention {
    fn default() -> Self {
        Self { is_up: None, is_good: true, wait: FIRST_WAIT, began: None, due: None, is_under_way: false }
    }
}

impl Attention {
    /// For a path whose last verdict is known from before its first probe.
    pub(super) fn continued(is_good: bool) -> Self {
        Self { is_good, ..Self::default() }
    }

    /// A probe's answer, or its silence, at `now`.
    pub(super) fn heard(&mut self, now: Duration, is_up: bool) {
        let before = self.is_up.replace(is_up);
        let changed = before != Some(is_up);
        // What is good and was never bad needs no diagnosis to be told apart from anything. What was bad before its
        // first probe, and still is, may be so for another reason now.
        let is_still_bad = before.is_none() && !is_up;
        if (is_up != self.is_good || is_still_bad) && (changed || self.due.is_none()) {
            self.want(now);
        }
    }

    /// Something else than a probe asks for a diagnosis: what is configured has changed.
    pub(super) fn want(&mut self, now: Duration) {
        let soonest = self.began.map_or(now, |began| now.max(began + SHORTEST_GAP));
        self.due = Some(self.due.map_or(soonest, |due| due.min(soonest)));
    }

    /// Whether a diagnosis is to begin; if so it counts as begun.
    pub(super) fn begin(&mut self, now: Duration) -> bool {
        let is_due = !self.is_under_way && self.due.is_some_and(|due| due <= now);
        if is_due {
            (self.began, self.due, self.is_under_way) = (Some(now), None, true);
        }
        is_due
    }

    /// What a diagnosis came to.
    pub(super) fn diagnosed(&mut self, now: Duration, is_good: bool) {
        self.is_under_way = false;
        self.is_good = is_good;
        if is_good {
            self.wait = FIRST_WAIT;
            // It may have gone bad meanwhile.
            if self.is_up == Some(false) && self.due.is_none() {
                self.want(now);
            }
            return;
        }
        let again = now + self.wait;
        self.due = Some(self.due.map_or(again, |due| due.min(again)));
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    /// When a diagnosis is to begin.
    #[cfg(test)]
    fn due_at(&self) -> Option<Duration> {
        self.due.filter(|_| !self.is_under_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The times at which a path is diagnosed that is probed each second, by what its probes and its diagnoses say.
    fn diagnosed(until: u64, is_up: impl Fn(u64) -> bool, is_good: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut attention = Attention::default();
        let mut times = Vec::new();
        for second in 0..until {
            attention.heard(at(second), is_up(second));
            if attention.begin(at(second)) {
                times.push(second);
                attention.diagnosed(at(second), is_good(second));
            }
        }
        times
    }

    #[test]
    fn a_path_that_is_good_is_not_diagnosed() {
        assert_eq!(diagnosed(1000, |_| true, |_| true), Vec::<u64>::new());
    }

    #[test]
    fn a_path_that_goes_bad_is_diagnosed_at_once_and_ever_less_often() {
        let bad = |second: u64| second >= 100;
        let times = diagnosed(3000, |second| !bad(second), |second| !bad(second));
        assert_eq!(times, [100, 130, 190, 310, 550, 1030, 1930, 2830]);
    }

    #[test]
    fn a_path_that_is_mended_is_diagnosed_at_once() {
        let bad = |second: u64| (100..200).contains(&second);
        assert_eq!(diagnosed(1000, |second| !bad(second), |second| !bad(second)), [100, 130, 190, 205]);
        let bad = |second: u64| (100..180).contains(&second);
        assert_eq!(diagnosed(1000, |second| !bad(second), |second| !bad(second)), [100, 130, 180]);
    }

    #[test]
    fn a_path_that_flaps_is_not_diagnosed_at_every_turn() {
        let times = diagnosed(600, |second| second % 2 == 0, |_| false);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 15), "{times:?}");
        let times = diagnosed(600, |second| second % 2 == 0, |_| true);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 15), "{times:?}");
    }

    #[test]
    fn a_path_that_was_bad_is_diagnosed_at_its_first_probe_whatever_that_says() {
        for (is_good, is_up, expected) in
            [(false, false, true), (false, true, true), (true, false, true), (true, true, false)]
        {
            let mut attention = Attention::continued(is_good);
            assert!(!attention.begin(at(1)));
            attention.heard(at(2), is_up);
            assert_eq!(attention.begin(at(2)), expected, "{is_good} {is_up}");
        }
    }

    #[test]
    fn no_second_diagnosis_begins_before_the_first_has_ended() {
        let mut attention = Attention::default();
        attention.heard(at(0), false);
        assert!(attention.begin(at(0)));
        attention.heard(at(40), true);
        attention.heard(at(41), false);
        assert_eq!((attention.begin(at(60)), attention.due_at()), (false, None));
        attention.diagnosed(at(61), false);
        assert!(attention.due_at().is_some());
    }
}
