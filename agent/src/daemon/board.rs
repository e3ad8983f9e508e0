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
use super::push::Pushed;
use super::recent::{Event, Events, Recent};
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
    events: Mutex<Events>,
    numbers: AtomicU64,
    is_ready: AtomicBool,
}

/// The paths that are to be watched.
#[derive(Debug, Default)]
struct Listed {
    /// In the configuration.
    written: Vec<PathSection>,
    /// By each discovery.
    found: BTreeMap<usize, Vec<PathSection>>,
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
    /// The last diagnosis.
    pub(crate) diagnosis: Option<Arc<Diagnosis>>,
    /// How long it took.
    pub(crate) diagnosis_took: Option<Duration>,
    /// What is configured alone says.
    pub(crate) analysis: Option<Arc<Diagnosis>>,
    /// Which revision of what is configured that is of, or will be in a moment.
    pub(super) analysed: Option<u64>,
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
            diagnosis: None,
            diagnosis_took: None,
            analysis: None,
            analysed: None,
            attention: Attention::default(),
        }
    }
}

impl Status {
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
        self.last = Some(last);
        self.attention.heard(now, last.result.is_up());
        if is_first { self.decide(Verdict::Reachable, last.at) } else { None }
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

    /// Notes what a probe came to.
    pub(super) fn probed(&self, now: Duration, last: Last) {
        let changed = self.status().probed(now, last);
        let mut recent = self.recent();
        recent.probed(last);
        if changed.is_some() {
            recent.decided(last.at, Verdict::Reachable, None);
        }
    }

    /// Notes what a diagnosis came to; what the verdict was before, where it is another now.
    pub(super) fn diagnosed(
        &self,
        now: Duration,
        at: Timestamp,
        diagnosis: &Arc<Diagnosis>,
        took: Duration,
    ) -> Option<Option<Verdict>> {
        let changed = self.status().diagnosed(now, at, Arc::clone(diagnosis), took);
        if changed.is_some() {
            self.recent().decided(at, diagnosis.verdict, Some(diagnosis));
        }
        changed
    }
}

impl Board {
    /// A board without a path.
    pub(crate) fn new(started: Instant, dyno: Option<Dyno>, source: String) -> Self {
        Self {
            started,
            dyno,
            source,
            paths: RwLock::default(),
            listed: Mutex::default(),
            configured: RwLock::default(),
            missed: AtomicU64::new(0),
            pushed: Pushed::default(),
            collect_errors: Mutex::default(),
            events: Mutex::default(),
            numbers: AtomicU64::new(0),
            is_ready: AtomicBool::new(false),
        }
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

    /// Takes what a discovery found, in the place of what it found before.
    pub(super) fn discover(&self, number: usize, sections: Vec<PathSection>) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.found.insert(number, sections);
        self.take(&listed);
    }

    /// Watches all that is listed. A name that is written in the configuration is that path's; of two that were found,
    /// the first has it. Paths whose settings are the same keep what is known of them.
    fn take(&self, listed: &Listed) {
        let mut paths = self.paths.write().unwrap_or_else(PoisonError::into_inner);
        let mut kept = std::mem::take(&mut *paths);
        for section in listed.written.iter().chain(listed.found.values().flatten()) {
            if paths.contains_key(&section.name) {
                continue;
            }
            let known = kept.remove(&section.name).filter(|known| known.section == *section);
            let watched = known.unwrap_or_else(|| {
                Arc::new(Watched {
                    number: self.numbers.fetch_add(1, Ordering::Relaxed),
                    section: section.clone(),
                    status: Mutex::default(),
                    recent: Mutex::default(),
                    blocks: Mutex::default(),
                })
            });
            paths.insert(section.name.clone(), watched);
        }
    }

    /// What is configured in AWS and Heroku, as it was read last.
    pub(crate) fn configured(&self) -> Option<Arc<Configured>> {
        self.configured.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was read anew.
    pub(super) fn configure(&self, configured: Configured) {
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(configured));
    }

    /// Notes what happened to what is configured.
    pub(super) fn note(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).note(event);
    }

    /// What happened to it lately, oldest first.
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
