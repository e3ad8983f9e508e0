//! What is configured in AWS and Heroku, read again and again. What cannot be read is a gap, and what was known before
//! stays, with its age.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::diagnose::Priors;
use peerscope_analysis::report::{Gap, SnapshotReport};
use peerscope_analysis::topology::Topology;
use peerscope_document::Snapshot;

use super::board::Board;
use super::configuration::{REFRESH, SnapshotSection};
use super::log::Log;
use super::stop::Stop;
use crate::case::Known;
use crate::clock;
use crate::snapshot;

/// What is configured, as it was read.
#[derive(Debug)]
pub(crate) struct Configured {
    /// The documents.
    pub(crate) documents: Snapshot,
    /// What follows from them.
    pub(crate) topology: Option<Topology>,
    /// Where they are from, and how old they are.
    pub(crate) report: Option<SnapshotReport>,
    /// What is missing.
    pub(crate) gaps: Vec<Gap>,
    /// When they were read.
    pub(crate) at: Timestamp,
}

impl Configured {
    /// The same for one diagnosis, with the age that it has now.
    pub(super) fn known(&self, at: Timestamp) -> Known {
        let report = self.report.clone().map(|report| {
            let taken: Option<Timestamp> = report.at.as_ref().and_then(|taken| taken.parse().ok());
            let age_seconds = taken.map(|taken| at.duration_since(taken).as_secs());
            SnapshotReport { age_seconds, ..report }
        });
        Known {
            documents: None,
            baseline: None,
            priors: Priors::default(),
            topology: self.topology.clone(),
            snapshot: report,
            gaps: self.gaps.clone(),
        }
    }
}

/// Reads until all is to end. Every path is looked at anew where anything has changed.
pub(super) fn run(board: &Board, section: &SnapshotSection, log: &Log, stop: &Stop) {
    let refresh = section.refresh.map_or(REFRESH, |refresh| refresh.0);
    loop {
        let begun = Instant::now();
        read(board, section, log);
        board.ready();
        if stop.sleep(refresh.saturating_sub(begun.elapsed()).max(Duration::from_millis(100))) {
            return;
        }
    }
}

/// Reads once.
fn read(board: &Board, section: &SnapshotSection, log: &Log) {
    if section.paths.is_empty() {
        return;
    }
    let at = clock::now();
    let loaded = match snapshot::load(&section.paths) {
        Ok(loaded) => loaded,
        Err(errors) => {
            for error in errors {
                log.warn("snapshot_unreadable", &[("error", &error.to_string())]);
            }
            return;
        }
    };
    let known = Known::from_documents(loaded, at).seen_from(board.dyno.as_ref(), at);
    let documents = known.documents.unwrap_or_default();
    let before = board.configured();
    if before.as_ref().is_some_and(|before| before.documents == documents && before.gaps == known.gaps) {
        return;
    }
    let is_first = before.is_none();
    board.configure(Some(Arc::new(Configured {
        documents,
        topology: known.topology,
        report: known.snapshot,
        gaps: known.gaps,
        at,
    })));
    log.info("snapshot_read", &[("first", if is_first { "true" } else { "false" })]);
    let now = board.now();
    for path in board.paths() {
        let mut status = path.status();
        // What is bad may be mended by it, and what is good may be about to be cut.
        if status.last.is_some_and(|last| !last.result.is_up()) {
            status.attention.want(now);
        }
        status.analysis = None;
    }
}
