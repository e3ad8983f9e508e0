//! What was: a restart, and whoever asks in the morning what happened in the night, must not begin with nothing.
//!
//! One thread writes, a batch each second, or at once where something happened that is not a probe; everybody else
//! leaves what is to be kept in `pending.rs` and goes on. Readers have connections of their own and see what was
//! committed, and nothing else: what was told survives whatever ends this process. Without a file the same tables lie
//! in memory, with less room.

mod documents;
mod pending;
mod reading;
mod retention;
mod rolled;
mod schema;
mod store;
mod window;
mod write;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::topology::Topology;
use rusqlite::Connection;
use serde_json::value::RawValue;

pub(crate) use self::pending::{Dropped, Turn, VerdictChange};
use self::pending::{Pending, Record};
pub(crate) use self::reading::{Bucket, Change, Event, PathHistory, Remembered, verdict};
use self::retention::Limits;
use self::store::Unusable;
pub(crate) use self::window::Window;
use self::writer::Writer;
use super::configuration::RetentionSection;
use super::configured::Configured;
use super::log::Log;
use super::recent::Happening;
use super::watched::Last;
use crate::clock;
use crate::exit::Failure;

/// How often outcomes are written.
const EVERY: Duration = Duration::from_secs(1);
/// How long what is urgent waits for more of it.
const SOON: Duration = Duration::from_millis(20);
/// How long history is kept where nothing is said.
const AGE: Duration = Duration::from_secs(90 * 86_400);
/// How many bytes of it.
const SIZE: u64 = 1 << 30;
/// How many bytes where there is no file.
const SIZE_IN_MEMORY: u64 = 64 << 20;

/// What was.
#[derive(Debug)]
pub(crate) struct History {
    file: Option<PathBuf>,
    limits: Limits,
    log: Log,
    /// The writer's; in memory it is the only one.
    connection: Mutex<Option<Connection>>,
    /// The snapshot that was asked for last, by its number: while a path is bad, each diagnosis asks for the same.
    earlier: Mutex<Option<(i64, Topology)>>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

/// What waits for the writer.
#[derive(Debug, Default)]
struct Waiting {
    pending: Pending,
    is_urgent: bool,
    is_ending: bool,
    /// Whether a reader found the file to be damaged.
    is_damaged: bool,
    has_ended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl History {
    /// Opens the history in a file, or one in memory. A damaged file is put aside; where the disk is full, or does not
    /// answer, it is tried again and again later.
    ///
    /// # Errors
    /// Where the file is another program's, or may not be written.
    pub(crate) fn open(file: Option<&Path>, retention: &RetentionSection, log: Log) -> Result<Self, Failure> {
        let size = if file.is_some() { SIZE } else { SIZE_IN_MEMORY };
        let history = Self {
            file: file.map(Path::to_path_buf),
            limits: Limits {
                age: retention.age.map_or(AGE, |age| age.0),
                size: retention.size.map_or(size, |size| size.0),
            },
            log,
            connection: Mutex::default(),
            earlier: Mutex::default(),
            waiting: Mutex::default(),
            changed: Condvar::new(),
        };
        let opened = history.opened();
        match (opened, file) {
            (Ok(connection), _) => *lock(&history.connection) = Some(connection),
            (Err(Unusable::Foreign(what)), Some(file)) => {
                return Err(Failure::usage(format!(
                    "history: {}: expected a history of peerscope, found {what}",
                    file.display()
                )));
            }
            (Err(Unusable::Unavailable(error)), Some(file)) if store::is_refused(&error) => {
                return Err(Failure::usage(format!(
                    "history: {}: cannot be written: {error}",
                    file.display()
                )));
            }
            // The writer says it, and tries again.
            _ => {}
        }
        Ok(history)
    }

    /// Opens it; where it is damaged, puts it aside and begins anew.
    fn opened(&self) -> Result<Connection, Unusable> {
        let Some(file) = &self.file else { return store::in_memory() };
        match store::open(file) {
            Err(Unusable::Corrupt(error)) => {
                self.put_aside(file, &error)?;
                store::open(file)
            }
            other => other,
        }
    }

    fn put_aside(&self, file: &Path, error: &rusqlite::Error) -> Result<(), Unusable> {
        let shown = file.to_string_lossy();
        let why = error.to_string();
        match store::set_aside(file, clock::now()) {
            Ok(aside) => {
                let aside = aside.to_string_lossy();
                self.log.warn("history_corrupt", &[("file", &shown), ("set_aside", &aside), ("error", &why)]);
                Ok(())
            }
            Err(error) => {
                Err(Unusable::Unavailable(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))
            }
        }
    }

    /// Notes what a probe came to.
    pub(crate) fn outcome(&self, path: &str, last: &Last, turn: Turn) {
        lock(&self.waiting).pending.outcome(path, last, turn);
    }

    /// Notes that a verdict is another.
    pub(crate) fn verdict(&self, change: VerdictChange) {
        self.record(Record::Verdict(change));
    }

    /// Notes what is configured, where it is other than before.
    pub(crate) fn snapshot(&self, configured: Arc<Configured>) {
        self.record(Record::Snapshot(configured));
    }

    /// Notes that something happened to the daemon.
    pub(crate) fn event(&self, at: Timestamp, event: Happening, fields: &[(&'static str, &str)]) {
        let fields = fields.iter().map(|(key, value)| (*key, (*value).to_string())).collect();
        self.record(Record::Event { at, event, fields });
    }

    fn record(&self, record: Record) {
        let mut waiting = lock(&self.waiting);
        waiting.pending.record(record);
        waiting.is_urgent = true;
        self.changed.notify_all();
    }

    /// How much could not be kept since the start.
    pub(crate) fn dropped(&self) -> Dropped {
        lock(&self.waiting).pending.dropped
    }

    /// Writes until it is closed.
    pub(crate) fn run(&self) {
        let mut writer = Writer::new();
        loop {
            let (batch, is_last) = self.wait_for_some(writer.wait);
            writer.turn(self, batch);
            if is_last {
                break;
            }
        }
        // The log is copied into the file, so that what is left is one file.
        *lock(&self.connection) = None;
        lock(&self.waiting).has_ended = true;
        self.changed.notify_all();
    }

    /// Waits for the next batch, and takes it; whether it is the last.
    fn wait_for_some(&self, wait: Option<Duration>) -> (Pending, bool) {
        let is_early = |waiting: &mut Waiting| !waiting.is_ending && (wait.is_some() || !waiting.is_urgent);
        let waiting = lock(&self.waiting);
        let waited = self.changed.wait_timeout_while(waiting, wait.unwrap_or(EVERY), is_early);
        let waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        let waited = self.changed.wait_timeout_while(waiting, SOON, |waiting| !waiting.is_ending);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        waiting.is_urgent = false;
        let is_last = waiting.is_ending;
        (waiting.pending.take(), is_last)
    }

    /// Has all that is pending written, and the file closed; whether it was, within a time.
    pub(crate) fn close(&self, within: Duration) -> bool {
        let mut waiting = lock(&self.waiting);
        waiting.is_ending = true;
        self.changed.notify_all();
        let waited = self.changed.wait_timeout_while(waiting, within, |waiting| !waiting.has_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }

    /// What is kept of a path.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn path(&self, name: &str, window: Window) -> rusqlite::Result<PathHistory> {
        self.read(|connection| reading::path(connection, name, window))
    }

    /// The diagnosis of a verdict change of a path, as it was told then.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn diagnosis(&self, name: &str, id: i64) -> rusqlite::Result<Option<Box<RawValue>>> {
        self.read(|connection| reading::diagnosis(connection, name, id))
    }

    /// What every path was like last, by its name; nothing where it cannot be read.
    pub(crate) fn remembered(&self) -> BTreeMap<String, Remembered> {
        self.read(reading::remembered).unwrap_or_default()
    }

    /// What was configured at a time; nothing where that is not known.
    pub(crate) fn configured_at(&self, at: Timestamp) -> Option<Topology> {
        let at = at.as_millisecond();
        let number = self.read(|connection| documents::number(connection, at)).ok().flatten()?;
        let mut earlier = lock(&self.earlier);
        if let Some((known, topology)) = &*earlier
            && *known == number
        {
            return Some(topology.clone());
        }
        let snapshot = self.read(|connection| documents::read(connection, number)).ok()?;
        let topology = Topology::from(&snapshot);
        *earlier = Some((number, topology.clone()));
        Some(topology)
    }

    fn read<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let told = self.try_to_read(read);
        // What only readers come to, the writer would never find.
        if told.as_ref().is_err_and(store::is_corrupt) {
            let mut waiting = lock(&self.waiting);
            (waiting.is_damaged, waiting.is_urgent) = (true, true);
            self.changed.notify_all();
        }
        told
    }

    fn try_to_read<T>(&self, read: impl Fn(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        match &self.file {
            Some(file) => {
                let connection = store::open_to_read(file)?;
                // One picture of all tables, whatever is written meanwhile.
                connection.execute_batch("BEGIN")?;
                read(&connection)
            }
            None => match &*lock(&self.connection) {
                Some(connection) => read(connection),
                None => Err(rusqlite::Error::InvalidQuery),
            },
        }
    }
}

#[cfg(test)]
mod tests;
