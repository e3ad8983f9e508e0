//! The one thread that writes: what it does where that fails, or the file turns out to be damaged.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::pending::{Dropped, Pending};
use super::store::{self, Unusable};
use super::write::{self, Numbers};
use super::{History, lock, retention};
use crate::clock;

/// How often is looked for what is too old or too much.
const TIDY: Duration = Duration::from_secs(60);
/// The first wait after a failure; it doubles each time.
pub(super) const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What the writing thread knows.
pub(super) struct Writer {
    numbers: Numbers,
    /// How long it waits after a failure; none where the last write succeeded.
    pub(super) wait: Option<Duration>,
    /// What was said to be wrong and is not yet mended.
    pub(super) said: Option<Dropped>,
    tidied: Instant,
    is_tidy: bool,
}

impl Writer {
    /// One that has written nothing yet.
    pub(super) fn new() -> Self {
        Self { numbers: Numbers::new(), wait: None, said: None, tidied: Instant::now(), is_tidy: true }
    }

    /// Writes a batch, and tidies where it is time.
    pub(super) fn turn(&mut self, history: &History, batch: Pending) {
        let mut place = lock(&history.connection);
        let mut done = self.write(history, &mut place, &batch);
        if done.is_ok() {
            done = self.tidy(history, &mut place);
        } else {
            lock(&history.waiting).pending.take_back(batch);
        }
        drop(place);
        match done {
            Ok(()) => self.succeeded(history),
            Err(error) => self.failed(history, &error),
        }
    }

    fn write(
        &mut self,
        history: &History,
        place: &mut Option<Connection>,
        batch: &Pending,
    ) -> Result<(), Unusable> {
        if place.is_none() {
            self.numbers.clear();
        }
        let is_damaged = std::mem::take(&mut lock(&history.waiting).is_damaged);
        if let (true, Some(connection), Some(file)) = (is_damaged, place.as_ref(), &history.file)
            && let Err(error) = store::examine(connection)
        {
            self.put_aside(history, place, file, &error)?;
        }
        let mut written = self.try_to_write(history, place, batch);
        if let (Err(Unusable::Corrupt(error)), Some(file)) = (&written, &history.file) {
            self.put_aside(history, place, file, error)?;
            written = self.try_to_write(history, place, batch);
        }
        written
    }

    /// Puts a damaged file aside; the next write begins another.
    fn put_aside(
        &mut self,
        history: &History,
        place: &mut Option<Connection>,
        file: &Path,
        error: &rusqlite::Error,
    ) -> Result<(), Unusable> {
        *place = None;
        self.numbers.clear();
        history.put_aside(file, error)
    }

    fn try_to_write(
        &mut self,
        history: &History,
        place: &mut Option<Connection>,
        batch: &Pending,
    ) -> Result<(), Unusable> {
        if place.is_none() {
            *place = Some(history.opened()?);
        }
        let Some(connection) = place else { return Ok(()) };
        if !batch.is_empty() {
            write::write(connection, &mut self.numbers, batch)?;
        }
        Ok(())
    }

    /// Deletes what is too old or too much, where it is time.
    fn tidy(&mut self, history: &History, place: &mut Option<Connection>) -> Result<(), Unusable> {
        let Some(connection) = place else { return Ok(()) };
        if self.is_tidy && self.tidied.elapsed() < TIDY {
            return Ok(());
        }
        self.tidied = Instant::now();
        // A path may be gone, and its number with it.
        self.numbers.clear();
        match retention::step(connection, history.limits, clock::now().as_second()) {
            Ok(more) => self.is_tidy = !more,
            Err(error) => {
                let error = Unusable::from(error);
                if let (Unusable::Corrupt(error), Some(file)) = (&error, &history.file) {
                    self.put_aside(history, place, file, error)?;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn succeeded(&mut self, history: &History) {
        self.wait = None;
        if let Some(before) = self.said.take() {
            let dropped = history.dropped();
            let (outcomes, records) = (dropped.outcomes - before.outcomes, dropped.records - before.records);
            let fields =
                [("dropped_outcomes", outcomes.to_string()), ("dropped_records", records.to_string())];
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
            history.log.info("history_written_again", &fields);
        }
    }

    fn failed(&mut self, history: &History, error: &Unusable) {
        self.wait = Some(self.wait.map_or(FIRST_WAIT, |wait| (wait * 2).min(LONGEST_WAIT)));
        if self.said.is_none() {
            self.said = Some(history.dropped());
            let text = match error {
                Unusable::Corrupt(error) | Unusable::Unavailable(error) => error.to_string(),
                Unusable::Foreign(what) => format!("expected a history of peerscope, found {what}"),
            };
            let file = history.file.as_deref().unwrap_or(Path::new("memory")).to_string_lossy();
            history.log.warn("history_not_written", &[("file", &file), ("error", &text)]);
        }
    }
}
