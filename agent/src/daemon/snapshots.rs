//! What is configured in AWS and Heroku, read again and again. What cannot be read is a gap, and what was known before
//! stays, with its age.

use std::sync::Arc;
use std::time::{Duration, Instant};

use peerscope_analysis::report::{Gap, GapKind};
use peerscope_analysis::topology::Topology;

use super::Shared;
use super::board::Board;
use super::configuration::{REFRESH, SnapshotSection};
use super::configured::{Configured, Judged};
use super::log::Log;
use super::recent::Happening;
use crate::case::Known;
use crate::cli::{AccountArgs, Provider};
use crate::clock;
use crate::collect::{NotRead, Wanted, merge, read_accounts};
use crate::snapshot::{self, Loaded};
use crate::target::TargetUrl;

/// The shortest time between two readings, whatever is asked for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The shortest time that reading the accounts may take.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(30);

/// Reads until all is to end. Every path is looked at anew where anything has changed.
pub(super) fn run(shared: &Shared, section: &SnapshotSection) {
    let Shared { board, log, stop, .. } = shared;
    let mut sources = Sources::of(section);
    loop {
        let begun = Instant::now();
        if sources.read(board, section, log) {
            take(board, &sources, log);
        }
        board.ready();
        let next = sources.next().map_or(REFRESH, |next| next.saturating_duration_since(begun));
        if stop.sleep(next.max(SHORTEST_PAUSE)) {
            return;
        }
    }
}

/// What is read, each at its own times, and what it told last.
struct Sources {
    files: Source,
    live: Source,
}

#[derive(Default)]
struct Source {
    every: Option<Duration>,
    due: Option<Instant>,
    /// What it told when it could be read last.
    told: Option<Loaded>,
    /// Why it could not be read now.
    unread: Vec<Gap>,
}

impl Source {
    fn every(every: Option<Duration>) -> Self {
        Self { due: every.map(|_| Instant::now()), every, ..Self::default() }
    }

    /// Whether it is to be read now; if so it is next an interval later.
    fn begin(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.due.is_some_and(|due| due <= now);
        if is_due {
            self.due = self.every.map(|every| now + every);
        }
        is_due
    }
}

impl Sources {
    fn of(section: &SnapshotSection) -> Self {
        let every =
            |refresh: Option<super::configuration::Span>| refresh.map_or(REFRESH, |refresh| refresh.0);
        let files = (!section.paths.is_empty()).then(|| every(section.refresh));
        // AWS's VPCs follow from Heroku's peerings, so that both are read together, as often as the more eager one.
        let aws = section.aws.as_ref().map(|aws| every(aws.refresh));
        let heroku = section.heroku.as_ref().map(|heroku| every(heroku.refresh));
        Self { files: Source::every(files), live: Source::every(aws.into_iter().chain(heroku).min()) }
    }

    fn next(&self) -> Option<Instant> {
        self.files.due.into_iter().chain(self.live.due).min()
    }

    /// Reads what is due; whether anything was.
    fn read(&mut self, board: &Board, section: &SnapshotSection, log: &Log) -> bool {
        let (files, live) = (self.files.begin(), self.live.begin());
        if files {
            match snapshot::load(&section.paths) {
                Ok(loaded) => (self.files.told, self.files.unread) = (Some(loaded), Vec::new()),
                Err(errors) => {
                    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    for error in &errors {
                        log.warn("snapshot_unreadable", &[("error", error)]);
                        board.collect_failed("files", "read", "unreadable");
                    }
                    self.files.unread = vec![stale("the snapshots", &errors.join("; "))];
                }
            }
        }
        if live {
            self.read_live(board, section, log);
        }
        files || live
    }

    fn read_live(&mut self, board: &Board, section: &SnapshotSection, log: &Log) {
        let accounts = accounts(section);
        let only = match (&section.aws, &section.heroku) {
            (Some(_), None) => Some(Provider::Aws),
            (None, Some(_)) => Some(Provider::Heroku),
            _ => None,
        };
        let deadline = self.live.every.unwrap_or(REFRESH).max(SHORTEST_DEADLINE);
        let (started, at) = (Instant::now(), clock::now());
        let mut live = read_accounts(Wanted { accounts: &accounts, only, started, deadline, at });
        self.live.unread = live.unread().map(NotRead::gap).collect();
        for unread in live.unread() {
            let (provider, reason) = (unread.provider(), unread.reason());
            log.warn("collect_failed", &[("provider", provider), ("error", &reason)]);
            board.collect_failed(provider, "all", "unread");
        }
        let Some(snapshot) = live.snapshot() else { return };
        let manifest = snapshot.manifest.iter();
        for call in manifest.flat_map(|manifest| &manifest.calls).filter(|call| call.result != "ok") {
            // The place is in the log; a label for each account would never end.
            let name = call.call.split(',').next().unwrap_or_default();
            board.collect_failed(&call.provider, name, &call.result);
            log.warn(
                "collect_failed",
                &[("provider", &call.provider), ("call", &call.call), ("reason", &call.result)],
            );
        }
        self.live.told = Some(Loaded { snapshot, notes: Vec::new() });
    }

    /// Everything that is known, the newest before the older.
    fn told(&self) -> Option<Loaded> {
        match (self.live.told.clone(), self.files.told.clone()) {
            (Some(live), Some(files)) => {
                Some(Loaded { snapshot: merge(live.snapshot, files.snapshot), notes: files.notes })
            }
            (live, files) => live.or(files),
        }
    }
}

/// That something is as it was read last.
fn stale(what: &str, reason: &str) -> Gap {
    Gap {
        kind: GapKind::Document,
        what: format!("{what}, as they are now"),
        reason: reason.to_string(),
        would_tell: "what has changed since they were read last".to_string(),
    }
}

fn accounts(section: &SnapshotSection) -> AccountArgs {
    let aws = section.aws.clone();
    let (regions, vpcs, profiles, roles) =
        aws.map_or_else(Default::default, |aws| (aws.regions, aws.vpcs, aws.profiles, aws.assume_roles));
    AccountArgs {
        space: section.heroku.as_ref().and_then(|heroku| heroku.space.clone()),
        aws_profile: profiles,
        assume_role: roles.into_iter().map(|role| role.0).collect(),
        region: regions,
        vpc: vpcs,
    }
}

/// Takes what was read, where it is other than before.
fn take(board: &Board, sources: &Sources, log: &Log) {
    let at = clock::now();
    let unread = sources.files.unread.iter().chain(&sources.live.unread).cloned();
    let Some(loaded) = sources.told() else {
        return;
    };
    let known = Known::from_documents(loaded, at).seen_from(board.dyno.as_ref(), at);
    let documents = known.documents.unwrap_or_default();
    let gaps: Vec<Gap> = known.gaps.into_iter().chain(unread).collect();
    let before = board.configured();
    let is_same = before.as_ref().is_some_and(|before| {
        before.gaps == gaps
            && before.documents.aws == documents.aws
            && before.documents.heroku == documents.heroku
    });
    let topology = known.topology.unwrap_or_else(|| Topology::from(&documents));
    let report = known.snapshot;
    let judged = match before.as_ref().filter(|_| is_same) {
        Some(before) => before.judged.clone(),
        None => Judged::of(&documents, &topology, &targets(board), at),
    };
    let revision = before.as_ref().map_or(0, |before| before.revision + u64::from(!is_same));
    let configured = Arc::new(Configured { documents, topology, report, gaps, at, revision, judged });
    board.configure(Arc::clone(&configured));
    if is_same {
        return;
    }
    board.history.snapshot(configured);
    log.info("snapshot_changed", &[("first", if before.is_none() { "true" } else { "false" })]);
    let what = if before.is_none() { Happening::SnapshotRead } else { Happening::SnapshotChanged };
    board.happened(at, what, &[]);
    let now = board.now();
    for path in board.paths() {
        let mut status = path.status();
        // What is bad may be mended by it; what is good is analysed, and shows whether it is about to be cut.
        if status.last.is_some_and(|last| !last.result.is_up()) {
            status.attention.want(now);
        }
    }
}

fn targets(board: &Board) -> Vec<TargetUrl> {
    board.paths().iter().map(|path| path.section.target.0.clone()).collect()
}
