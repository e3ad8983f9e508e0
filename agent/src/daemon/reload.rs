//! Takes another configuration without a restart: whole, or not at all.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::access::Access;
use super::board::Board;
use super::configuration::{self, Document};
use super::log::Log;
use super::recent::Happening;
use crate::clock;
use crate::input_error::InputError;

/// Reads the configuration again, and has it take effect.
pub(super) struct Reload {
    file: PathBuf,
    board: Arc<Board>,
    log: Log,
    current: Mutex<Document>,
    /// That of `current`, which is not waited for while a file is read.
    access: RwLock<Arc<Access>>,
}

/// Why a configuration was not taken: everything that is wrong with it, a line each.
#[derive(Debug)]
pub(super) struct Rejected(Vec<String>);

impl fmt::Display for Rejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

impl Reload {
    /// For a configuration that was read from a file, and holds now.
    pub(super) fn new(file: PathBuf, board: Arc<Board>, log: Log, current: Document) -> Self {
        let access = RwLock::new(Arc::clone(&current.access));
        Self { file, board, log, current: Mutex::new(current), access }
    }

    /// Who may ask now.
    pub(super) fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file, and takes what is in it; where anything is wrong with that, what held before still does.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(super) fn now(&self) -> Result<(), Rejected> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let read = configuration::read(&self.file).and_then(|document| match fixed(&current, &document) {
            Some(key) => {
                let problem = format!("{key} is other than at the start, and is taken at the next one alone");
                Err(vec![InputError::new(&self.file, problem)])
            }
            None => Ok(document),
        });
        match read {
            Ok(document) => {
                self.board.watch(&document.paths);
                *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&document.access);
                *current = document;
                self.log.info("configuration_reloaded", &[]);
                self.board.happened(clock::now(), Happening::Reloaded, &[]);
                Ok(())
            }
            Err(errors) => {
                let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                for line in &lines {
                    self.log.warn("configuration_rejected", &[("error", line)]);
                }
                let (count, first) = (lines.len().to_string(), lines.first().map_or("", String::as_str));
                let fields = [("errors", count.as_str()), ("first", first)];
                self.board.happened(clock::now(), Happening::Rejected, &fields);
                Err(Rejected(lines))
            }
        }
    }
}

/// What a running daemon cannot change.
fn fixed(current: &Document, new: &Document) -> Option<&'static str> {
    let is_other = [
        (current.listen != new.listen, "listen"),
        (current.history != new.history, "history"),
        (current.history_retention != new.history_retention, "history_retention"),
        (current.discovery != new.discovery, "discovery"),
        (current.snapshot != new.snapshot, "snapshot"),
        (current.remote_write != new.remote_write, "remote_write"),
        (current.log_metrics != new.log_metrics, "log_metrics"),
        (current.log_metrics_interval != new.log_metrics_interval, "log_metrics_interval"),
        (current.otlp_logs != new.otlp_logs, "otlp_logs"),
        (current.external_url != new.external_url, "external_url"),
    ];
    is_other.into_iter().find_map(|(is_other, key)| is_other.then_some(key))
}
