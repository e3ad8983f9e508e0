//! Takes another configuration without a restart: whole, or not at all.
//!
//! Who may ask, and by which certificate, is taken whenever its files change, as exporters of Prometheus do whose file it
//! is (Prometheus, "HTTPS and authentication"): certificates last for less long than a daemon runs.

use std::fmt;
use std::mem;
use std::path::PathBuf;
use std::slice;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::access::Access;
use super::board::Board;
use super::configuration::{self, Document};
use super::content::Watched;
use super::log::Log;
use super::recent::Happening;
use super::stop::Stop;
use super::{discovery, snapshots};
use crate::clock;
use crate::input_error::InputError;

/// How often the files are looked at, where they are.
const LOOK: Duration = Duration::from_secs(1);

/// Reads the configuration again, and has it take effect.
pub(super) struct Reload {
    file: PathBuf,
    board: Arc<Board>,
    log: Log,
    current: Mutex<Document>,
    /// The configuration's file.
    own: Watched,
    /// That of who may ask, and those that it names.
    web: Watched,
    tell: Tell,
    /// That of `current`, which is not waited for while a file is read.
    access: RwLock<Arc<Access>>,
}

/// Who is told of what is to be read and looked at.
pub(super) struct Tell {
    pub(super) snapshots: Sender<snapshots::Told>,
    pub(super) discovery: Sender<discovery::Told>,
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
    pub(super) fn new(file: PathBuf, board: Arc<Board>, log: Log, current: Document, tell: Tell) -> Self {
        let access = RwLock::new(Arc::clone(&current.access));
        let (own, web) = (Watched::default(), Watched::default());
        let new = Self { file, board, log, current: Mutex::new(current), own, web, tell, access };
        new.note();
        new
    }

    /// Takes what is in the files wherever that has changed, where it is to, until all is to end. A wrong one is said to be
    /// once.
    pub(super) fn on_change(&self, stop: &Stop) {
        while !stop.sleep(LOOK) {
            if !self.current.lock().unwrap_or_else(PoisonError::into_inner).reload_on_change {
                self.own.forget_the_last_look();
            } else if self.own.have_changed(slice::from_ref(&self.file)) {
                // It is in the log.
                _ = self.now();
            }
            if self.web.have_changed(&self.access().files) {
                self.access_anew();
            }
        }
    }

    /// Notes what is in the files before they are read.
    fn note(&self) {
        self.own.note(slice::from_ref(&self.file));
        self.web.note(&self.access().files);
    }

    /// Reads who may ask, by itself; where anything is wrong with that, who might before still may.
    fn access_anew(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = current.web_config_file.clone() else { return };
        self.web.note(&self.access().files);
        match configuration::read_web(&file) {
            Ok(access) => {
                current.access = Arc::new(access);
                self.admit(&current.access);
                self.log.info("web_configuration_reloaded", &[]);
            }
            Err(errors) => {
                for error in errors {
                    self.log.warn("web_configuration_rejected", &[("error", &error.to_string())]);
                }
            }
        }
    }

    /// Has these ask from now on.
    fn admit(&self, access: &Arc<Access>) {
        let before = mem::replace(
            &mut *self.access.write().unwrap_or_else(PoisonError::into_inner),
            Arc::clone(access),
        );
        if before.files != access.files {
            self.web.note(&access.files);
        }
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
        self.note();
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
                // Who is told nothing any more has ended, and so does everything.
                if current.snapshot != document.snapshot {
                    _ = self.tell.snapshots.send(snapshots::Told::Wanted(document.snapshot.clone()));
                }
                if current.discovery != document.discovery {
                    _ = self.tell.discovery.send(discovery::Told::Wanted(document.discovery.clone()));
                }
                self.admit(&document.access);
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
        (current.remote_write != new.remote_write, "remote_write"),
        (current.log_metrics != new.log_metrics, "log_metrics"),
        (current.log_metrics_interval != new.log_metrics_interval, "log_metrics_interval"),
        (current.otlp_logs != new.otlp_logs, "otlp_logs"),
        (current.probe_endpoint != new.probe_endpoint, "probe_endpoint"),
        (current.external_url != new.external_url, "external_url"),
    ];
    is_other.into_iter().find_map(|(is_other, key)| is_other.then_some(key))
}
