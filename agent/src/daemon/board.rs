//! What is known of every path now. The probing writes it, the diagnoses write it, and whoever asks over HTTP reads it;
//! nobody holds it longer than it takes to copy a few numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Verdict};

use super::attention::Attention;
use super::blocks::Blocks;
use super::configuration::{PathName, PathSection};
use super::configured::Configured;
use super::discovery::Failures;
use super::history::{History, Remembered, Turn, VerdictChange};
use super::push::Pushed;
use super::recent::{Event, Events, Happening, Recent};
use super::result::ProbeResult;
use crate::dyno::Dyno;

/// The upper bounds of the histogram of round trips, in seconds: within a zone, between zones, between Regions.
pub(crate) const ROUND_TRIPS: [f64; 13] =
    [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0];

/// What is known of all paths.
#[derive(Debug)]
pub(crate) struct Board {
    /// When this daemon started.
    pub(crate) started: Instant,
    /// The dyno that it runs in.
    pub(crate) dyno: Option<Dyno>,
    /// What it is called.
    pub(crate) source: String,
    /// What was.
    pub(crate) history: Arc<History>,
    /// What every path was like before it was watched: before the start, or before it was left out for a while.
    remembered: Mutex<BTreeMap<String, Remembered>>,
    paths: RwLock<BTreeMap<PathName, Arc<Watched>>>,
    /// The paths of the configuration, and those that each discovery found.
    listed: Mutex<Listed>,
    configured: RwLock<Option<Arc<Configured>>>,
    /// Turns that the probing could not keep.
    pub(crate) missed: AtomicU64,
    /// What was sent to others.
    pub(super) pushed: Pushed,
    /// How often reading what is configured failed: the provider, the call and why.
    collect_errors: Mutex<BTreeMap<(String, String, String), u64>>,
    /// How often a look for more paths came to nothing.
    pub(super) undiscovered: Failures,
    events: Mutex<Events>,
    numbers: AtomicU64,
    is_ready: AtomicBool,
}

/// The paths that are to be watched.
#[derive(Debug, Default)]
struct Listed {
    /// In the configuration.
    written: Vec<PathSection>,
    /// By discovery.
    found: Vec<PathSection>,
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
    pub(crate) round_trips: [u64; ROUND_TRIPS.len() + 1],
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
            round_trips: [0; ROUND_TRIPS.len() + 1],
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
            let seconds = rtt.as_secs_f64();
            let bucket = ROUND_TRIPS.iter().position(|bound| seconds <= *bound).unwrap_or(ROUND_TRIPS.len());
            if let Some(count) = self.round_trips.get_mut(bucket) {
                *count += 1;
            }
            self.round_trips_sum += seconds;
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
    fn remembered(&self) -> Remembered {
        let status = self.status();
        let target = self.section.target.0.shown();
        Remembered { target, verdict: status.verdict.zip(status.changed), turn: status.turn }
    }
}

impl Board {
    /// A board without a path.
    pub(crate) fn new(started: Instant, dyno: Option<Dyno>, source: String, history: Arc<History>) -> Self {
        Self {
            started,
            dyno,
            source,
            remembered: Mutex::new(history.remembered()),
            history,
            paths: RwLock::default(),
            listed: Mutex::default(),
            configured: RwLock::default(),
            missed: AtomicU64::new(0),
            pushed: Pushed::default(),
            collect_errors: Mutex::default(),
            undiscovered: Failures::default(),
            events: Mutex::default(),
            numbers: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
        }
    }

    /// One that remembers nothing, and keeps what was in memory.
    #[cfg(test)]
    pub(super) fn without_past(source: &str) -> Self {
        let log = super::log::Log::new(super::configuration::LogFormat::Json);
        let history = History::open(None, &super::configuration::RetentionSection::default(), log).unwrap();
        Self::new(Instant::now(), None, source.to_string(), Arc::new(history))
    }

    /// The time since the start, which everything here is scheduled by.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// All paths, by name.
    pub(crate) fn paths(&self) -> Vec<Arc<Watched>> {
        self.paths.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// A path.
    pub(crate) fn path(&self, name: &str) -> Option<Arc<Watched>> {
        let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
        paths.get(&PathName(name.to_string())).cloned()
    }

    /// Takes another list of paths in the place of the configuration's.
    pub(crate) fn watch(&self, sections: &[PathSection]) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.written = sections.to_vec();
        self.take(&listed);
    }

    /// Takes what was found, in the place of what was found before.
    pub(super) fn discover(&self, sections: Vec<PathSection>) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.found = sections;
        self.take(&listed);
    }

    /// Watches all that is listed. A name that is written in the configuration is that path's; of two that were found,
    /// the first has it. Paths whose settings are the same keep what is known of them.
    fn take(&self, listed: &Listed) {
        let mut paths = self.paths.write().unwrap_or_else(PoisonError::into_inner);
        let mut kept = std::mem::take(&mut *paths);
        let mut all_remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        for section in listed.written.iter().chain(&listed.found) {
            if paths.contains_key(&section.name) {
                continue;
            }
            let before = kept.remove(&section.name);
            let remembered = match &before {
                Some(before) => Some(before.remembered()),
                None => all_remembered.get(&section.name.0).cloned(),
            };
            let known = before.filter(|known| known.section == *section);
            let watched = known.unwrap_or_else(|| {
                let target = section.target.0.shown();
                let remembered = remembered.filter(|remembered| remembered.target == target);
                Arc::new(Watched {
                    number: self.numbers.fetch_add(1, Ordering::Relaxed),
                    section: section.clone(),
                    status: Mutex::new(remembered.as_ref().map_or_else(Status::default, Status::continued)),
                    recent: Mutex::default(),
                    blocks: Mutex::default(),
                    history: Arc::clone(&self.history),
                })
            });
            paths.insert(section.name.clone(), watched);
        }
        all_remembered.extend(kept.into_iter().map(|(name, gone)| (name.0, gone.remembered())));
    }

    /// What is configured in AWS and Heroku, as it was read last.
    pub(crate) fn configured(&self) -> Option<Arc<Configured>> {
        self.configured.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was read anew.
    pub(super) fn configure(&self, configured: Arc<Configured>) {
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = Some(configured);
    }

    /// Knows nothing of what is configured any more.
    pub(super) fn unconfigure(&self) {
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = None;
        for path in self.paths() {
            *path.blocks.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let mut status = path.status();
            (status.analysis, status.analysed) = (None, None);
        }
    }

    /// Notes what happened at a time, here and in the history, which knows of snapshots by itself.
    pub(super) fn happened(&self, at: Timestamp, what: Happening, fields: &[(&'static str, &str)]) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).note(Event { at, what });
        if !matches!(what, Happening::SnapshotRead | Happening::SnapshotChanged) {
            self.history.event(at, what, fields);
        }
    }

    /// What happened lately, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).all()
    }

    /// Counts a call that failed.
    pub(super) fn collect_failed(&self, provider: &str, call: &str, reason: &str) {
        let key = (provider.to_string(), call.to_string(), reason.to_string());
        let mut errors = self.collect_errors.lock().unwrap_or_else(PoisonError::into_inner);
        *errors.entry(key).or_default() += 1;
    }

    /// How often reading failed, by provider, call and reason.
    pub(super) fn collect_errors(&self) -> BTreeMap<(String, String, String), u64> {
        self.collect_errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether what is configured was read, or tried to be, and probing has begun.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    /// Says so.
    pub(super) fn ready(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
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
