//! A path that is watched, and what is known of it: its probes, its verdict, and since when that holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Verdict};

use super::attention::Attention;
use super::blocks::Blocks;
use super::configuration::PathSection;
use super::history::{History, Remembered, Turn, VerdictChange};
use super::recent::Recent;
use super::result::ProbeResult;

/// The upper bounds of the histogram of round trips, in seconds: within a zone, between zones, between Regions.
pub(crate) const ROUND_TRIPS: [f64; 13] =
    [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0];
/// How many buckets they lie in: one below each bound, and one beyond all.
pub(super) const BUCKETS: usize = ROUND_TRIPS.len() + 1;

/// In which of them a round trip lies.
pub(super) fn bucket(rtt: Duration) -> usize {
    let seconds = rtt.as_secs_f64();
    ROUND_TRIPS.iter().position(|bound| seconds <= *bound).unwrap_or(ROUND_TRIPS.len())
}

/// A path, and what is known of it.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Its number: a path whose settings change is another one.
    pub(crate) number: u64,
    /// What the configuration says of it.
    pub(crate) section: PathSection,
    status: Mutex<Status>,
    recent: Mutex<Recent>,
    blocks: Mutex<Option<Arc<Blocks>>>,
    history: Arc<History>,
}

/// What is known of a path.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// How many probes came to what.
    pub(crate) results: BTreeMap<ProbeResult, u64>,
    /// The round trips: how many lie in each bucket, and beyond all; their sum.
    pub(crate) round_trips: [u64; BUCKETS],
    /// Their sum in seconds.
    pub(crate) round_trips_sum: f64,
    /// The last probe.
    pub(crate) last: Option<Last>,
    /// What holds of the path now.
    pub(crate) verdict: Option<Verdict>,
    /// Since when.
    pub(crate) changed: Option<Timestamp>,
    /// When it was good, and since when it is bad.
    pub(crate) turn: Turn,
    /// The last diagnosis.
    pub(crate) diagnosis: Option<Arc<Diagnosis>>,
    /// How long it took.
    pub(crate) diagnosis_took: Option<Duration>,
    /// What is configured alone says.
    pub(crate) analysis: Option<Arc<Diagnosis>>,
    /// Which revision of what is configured that is of, or will be in a moment.
    pub(super) analysed: Option<u64>,
    /// Whether a MySQL greeted that nobody has named, so that it is asked by the hour.
    pub(crate) is_mysql: bool,
    /// Whether the connection that stands beside the probing goes on, where there is one.
    pub(crate) canary: Option<bool>,
    /// When it is to be diagnosed.
    pub(super) attention: Attention,
}

/// The last probe of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Last {
    /// When it was answered, or given up.
    pub(crate) at: Timestamp,
    /// What it came to.
    pub(crate) result: ProbeResult,
    /// The round trip by the kernel's clock.
    pub(crate) rtt: Option<Duration>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            // Series are there from the start: a rate over one that begins with its first failure misses it.
            results: ProbeResult::ALL.into_iter().map(|result| (result, 0)).collect(),
            round_trips: [0; BUCKETS],
            round_trips_sum: 0.0,
            last: None,
            verdict: None,
            changed: None,
            turn: Turn::default(),
            diagnosis: None,
            diagnosis_took: None,
            analysis: None,
            analysed: None,
            is_mysql: false,
            canary: None,
            attention: Attention::default(),
        }
    }
}

impl Status {
    /// What is known of a path from before it was watched as it is now: its verdict, and since when that holds.
    fn continued(remembered: &Remembered) -> Self {
        let last_good = remembered.turn.last_good;
        let Some((verdict, changed)) = remembered.verdict else {
            return Self { turn: Turn { last_good, first_bad: None }, ..Self::default() };
        };
        let is_good = verdict == Verdict::Reachable;
        // A bad probe that no diagnosis came to anymore is forgotten: where the path is bad, the next one is too.
        let first_bad = remembered.turn.first_bad.filter(|_| !is_good);
        Self {
            verdict: Some(verdict),
            changed: Some(changed),
            turn: Turn { last_good, first_bad },
            attention: Attention::continued(is_good),
            ..Self::default()
        }
    }

    /// Notes what a probe came to; what the verdict was before, where it is another now.
    fn probed(&mut self, now: Duration, last: Last) -> Option<Option<Verdict>> {
        *self.results.entry(last.result).or_default() += 1;
        if let Some(rtt) = last.rtt {
            if let Some(count) = self.round_trips.get_mut(bucket(rtt)) {
                *count += 1;
            }
            self.round_trips_sum += rtt.as_secs_f64();
        }
        let is_first = self.verdict.is_none() && last.result.is_up();
        let changed = is_first.then(|| self.decide(Verdict::Reachable, last.at)).flatten();
        match (last.result.is_up(), self.turn.first_bad) {
            (true, None) => self.turn.last_good = Some(last.at),
            (false, None) => self.turn.first_bad = Some(last.at),
            // It is bad until a diagnosis says otherwise: what fails now and then has good probes too.
            (_, Some(_)) => {}
        }
        self.last = Some(last);
        self.attention.heard(now, last.result.is_up());
        changed
    }

    /// Notes what a diagnosis came to; what the verdict was before, where it is another now.
    fn diagnosed(
        &mut self,
        now: Duration,
        at: Timestamp,
        diagnosis: Arc<Diagnosis>,
        took: Duration,
    ) -> Option<Option<Verdict>> {
        let verdict = diagnosis.verdict;
        self.diagnosis = Some(diagnosis);
        self.diagnosis_took = Some(took);
        self.attention.diagnosed(now, verdict == Verdict::Reachable);
        if verdict == Verdict::Reachable && self.last.is_some_and(|last| last.result.is_up()) {
            self.turn = Turn { last_good: self.last.map(|last| last.at), first_bad: None };
        }
        self.decide(verdict, at)
    }

    fn decide(&mut self, verdict: Verdict, at: Timestamp) -> Option<Option<Verdict>> {
        if self.verdict == Some(verdict) {
            return None;
        }
        self.changed = Some(at);
        Some(self.verdict.replace(verdict))
    }
}

impl Watched {
    /// One of which nothing is known but what is remembered, where it leads to the same target.
    pub(super) fn new(
        number: u64,
        section: PathSection,
        remembered: Option<&Remembered>,
        history: Arc<History>,
    ) -> Self {
        let target = section.target.0.shown();
        let remembered = remembered.filter(|remembered| remembered.target == target);
        Self {
            number,
            section,
            status: Mutex::new(remembered.map_or_else(Status::default, Status::continued)),
            recent: Mutex::default(),
            blocks: Mutex::default(),
            history,
        }
    }

    /// Knows nothing of what is configured any more.
    pub(super) fn unconfigure(&self) {
        *self.blocks.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut status = self.status();
        (status.analysis, status.analysed) = (None, None);
    }

    /// What is known of it, to read or to add to.
    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it came to lately.
    pub(crate) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the configuration lets the space's dyno blocks reach of it, where that was worked out.
    pub(crate) fn blocks(&self) -> Option<Arc<Blocks>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was worked out.
    pub(super) fn take_blocks(&self, blocks: Blocks) {
        *self.blocks.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(blocks));
    }

    /// Notes what a probe came to, here and in the history.
    pub(super) fn probed(&self, now: Duration, last: Last) {
        let (changed, turn) = {
            let mut status = self.status();
            (status.probed(now, last), status.turn)
        };
        self.recent().probed(last);
        self.history.outcome(&self.section.name.0, &last, turn);
        if let Some(before) = changed {
            self.decided(last.at, before, Verdict::Reachable, None);
        }
    }

    /// Notes what a diagnosis came to, here and in the history; what the verdict was before, where it is another now.
    pub(super) fn diagnosed(
        &self,
        now: Duration,
        at: Timestamp,
        diagnosis: &Arc<Diagnosis>,
        took: Duration,
    ) -> Option<Option<Verdict>> {
        let changed = self.status().diagnosed(now, at, Arc::clone(diagnosis), took);
        if let Some(before) = changed {
            self.decided(at, before, diagnosis.verdict, Some(diagnosis));
        }
        changed
    }

    fn decided(
        &self,
        at: Timestamp,
        before: Option<Verdict>,
        verdict: Verdict,
        diagnosis: Option<&Arc<Diagnosis>>,
    ) {
        self.recent().decided(at, verdict, diagnosis.map(Arc::as_ref));
        self.history.verdict(VerdictChange {
            path: self.section.name.0.clone(),
            target: self.section.target.0.shown(),
            at,
            before,
            verdict,
            diagnosis: diagnosis.cloned(),
        });
    }

    /// What is remembered of it where its settings change.
    pub(super) fn remembered(&self) -> Remembered {
        let status = self.status();
        let target = self.section.target.0.shown();
        Remembered { target, verdict: status.verdict.zip(status.changed), turn: status.turn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn probe(status: &mut Status, second: i64, result: ProbeResult) {
        let now = Duration::from_secs(u64::try_from(second).unwrap());
        status.probed(now, Last { at: at(second), result, rtt: None });
    }

    fn turn(last_good: i64, first_bad: Option<i64>) -> Turn {
        Turn { last_good: Some(at(last_good)), first_bad: first_bad.map(at) }
    }

    #[test]
    fn a_turn_lasts_from_the_first_bad_probe_until_a_diagnosis_finds_the_path_good() {
        let mut status = Status::default();
        for (second, result) in [(1, ProbeResult::Connected), (2, ProbeResult::Connected)] {
            probe(&mut status, second, result);
        }
        assert_eq!(status.turn, turn(2, None));
        // One that fails now and then has been bad since it failed first.
        for (second, result) in
            [(3, ProbeResult::Timeout), (4, ProbeResult::Connected), (5, ProbeResult::Refused)]
        {
            probe(&mut status, second, result);
            assert_eq!(status.turn, turn(2, Some(3)));
        }
    }

    #[test]
    fn a_path_goes_on_where_it_was() {
        let remembered = |verdict, turn| Remembered { target: String::new(), verdict, turn };
        let good = Some((Verdict::Reachable, at(5)));
        let mut status = Status::continued(&remembered(good, turn(7, Some(8))));
        assert_eq!((status.verdict, status.changed), (Some(Verdict::Reachable), Some(at(5))));
        // No diagnosis ever found that it was bad, and none will find that it is good again.
        assert_eq!(status.turn, turn(7, None));
        probe(&mut status, 20, ProbeResult::Connected);
        assert_eq!((status.turn, status.changed), (turn(20, None), Some(at(5))));
        let bad = Some((Verdict::Blocked, at(9)));
        let mut status = Status::continued(&remembered(bad, turn(7, Some(8))));
        probe(&mut status, 20, ProbeResult::Timeout);
        assert_eq!((status.turn, status.changed), (turn(7, Some(8)), Some(at(9))));
        let mut status = Status::continued(&remembered(None, turn(7, Some(8))));
        probe(&mut status, 20, ProbeResult::Timeout);
        assert_eq!((status.turn, status.verdict), (turn(7, Some(20)), None));
    }
}
