//! What is known of every path now. The probing writes it, the diagnoses write it, and whoever asks over HTTP reads it;
//! nobody holds it longer than it takes to copy a few numbers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::configuration::{PathName, PathSection};
use super::configured::Configured;
use super::discovery::Failures;
use super::history::{History, Remembered};
use super::push::Pushed;
use super::recent::{Event, Events, Happening};
use super::watched::Watched;
use crate::dyno::Dyno;

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
                let number = self.numbers.fetch_add(1, Ordering::Relaxed);
                let history = Arc::clone(&self.history);
                Arc::new(Watched::new(number, section.clone(), remembered.as_ref(), history))
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
            path.unconfigure();
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
