//! Takes another configuration without a restart: whole, or not at all.

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::access::Access;
use super::board::Board;
use super::configuration::{self, Document};
use super::log::Log;
use super::recent::Happening;
use super::stop::Stop;
use super::{discovery, snapshots};
use crate::clock;
use crate::input_error::InputError;
use crate::input_file::read_text;

/// How often the files are looked at, where they are.
const LOOK: Duration = Duration::from_secs(1);

/// Reads the configuration again, and has it take effect.
pub(super) struct Reload {
    file: PathBuf,
    board: Arc<Board>,
    log: Log,
    current: Mutex<Document>,
    /// What was in the files when they were read last.
    seen: Mutex<Contents>,
    tell: Tell,
    /// That of `current`, which is not waited for while a file is read.
    access: RwLock<Arc<Access>>,
}

/// Who is told of what is to be read and looked at.
pub(super) struct Tell {
    pub(super) snapshots: Sender<snapshots::Told>,
    pub(super) discovery: Sender<discovery::Told>,
}

/// What is in the configuration's file, and in that of who may ask; nothing where it cannot be read. Times say little:
/// editors put another file in the place of one, and a volume of Kubernetes another folder behind a link.
#[derive(Clone, Default, PartialEq, Eq)]
struct Contents {
    own: Option<String>,
    web: Option<String>,
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
        let seen = Mutex::default();
        let new = Self { file, board, log, current: Mutex::new(current), seen, tell, access };
        *new.seen.lock().unwrap_or_else(PoisonError::into_inner) = new.contents();
        new
    }

    /// Takes what is in the files wherever that has changed, where it is to, until all is to end. A file is taken once it
    /// is the same at two looks: who writes it may be in the midst of it. A wrong one is said to be once.
    pub(super) fn on_change(&self, stop: &Stop) {
        let mut last = None;
        while !stop.sleep(LOOK) {
            if !self.current.lock().unwrap_or_else(PoisonError::into_inner).reload_on_change {
                last = None;
                continue;
            }
            let found = self.contents();
            let is_seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == found;
            if !is_seen && last.as_ref() == Some(&found) {
                // It is in the log.
                _ = self.now();
            }
            last = Some(found);
        }
    }

    fn contents(&self) -> Contents {
        let web = self.current.lock().unwrap_or_else(PoisonError::into_inner).web_config_file.clone();
        Contents {
            own: read_text(&self.file, "configuration").ok(),
            web: web.and_then(|web| read_text(&web, "configuration").ok()),
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
        // Before it is read: what changes in between is seen as a change at the next look.
        let contents = self.contents();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = contents;
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
        (current.remote_write != new.remote_write, "remote_write"),
        (current.log_metrics != new.log_metrics, "log_metrics"),
        (current.log_metrics_interval != new.log_metrics_interval, "log_metrics_interval"),
        (current.otlp_logs != new.otlp_logs, "otlp_logs"),
        (current.probe_endpoint != new.probe_endpoint, "probe_endpoint"),
        (current.external_url != new.external_url, "external_url"),
    ];
    is_other.into_iter().find_map(|(is_other, key)| is_other.then_some(key))
}
