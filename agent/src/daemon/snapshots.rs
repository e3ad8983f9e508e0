//! What is configured in AWS and Heroku, read again and again. What cannot be read is a gap, and what was known before
//! stays, with its age. What is to be read may change at any time: what was begun for another section is dropped.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use peerscope_analysis::report::{Gap, GapKind};
use peerscope_analysis::topology::Topology;

use super::Shared;
use super::aside::aside;
use super::board::Board;
use super::configuration::{REFRESH, SnapshotSection};
use super::configured::{Configured, Judged};
use super::log::Log;
use super::recent::Happening;
use crate::case::Known;
use crate::cli::{AccountArgs, Provider};
use crate::clock;
use crate::collect::{Live, NotRead, Wanted, merge, read_accounts};
use crate::snapshot::{self, Loaded};
use crate::target::TargetUrl;

/// The shortest time between two readings, whatever is asked for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The longest sleep, and the shortest.
const NAP: Duration = Duration::from_millis(200);
const SHORTEST_NAP: Duration = Duration::from_millis(1);
/// The shortest time that reading the accounts may take.
const SHORTEST_DEADLINE: Duration = Duration::from_secs(30);

/// The most readings of the accounts at a time: one that counts, and one that was begun for what is wanted no more.
const MOST_READINGS: usize = 2;

/// What the reading is told.
pub(super) enum Told {
    /// Something else is to be read.
    Wanted(SnapshotSection),
    /// What a reading of the accounts came to, and for which section it was; nothing where it broke off.
    Read(u64, Option<Box<Live>>),
}

/// Reads until all is to end. Every path is looked at anew where anything has changed.
pub(super) fn run(shared: &Shared, section: &SnapshotSection, tell: &Sender<Told>, told: &Receiver<Told>) {
    let Shared { board, log, stop, .. } = shared;
    let mut sources = Sources::of(section);
    while !stop.is_asked() {
        let mut is_read = sources.read(board, log, tell);
        if let Ok(told) = told.recv_timeout(sources.nap()) {
            is_read |= sources.hear(told, board, log);
        }
        if is_read {
            take(board, &sources, log);
        }
        if sources.are_tried() {
            if sources.know_nothing() {
                sources.forget(board, log);
            }
            board.ready();
        }
    }
}

/// What is read, each at its own times, and what it told last.
struct Sources {
    section: SnapshotSection,
    /// The number of the section: what was read for another is not taken.
    number: u64,
    files: Source,
    live: Source,
    /// How many readings of the accounts go on, and whether one of them is for this section.
    readings: usize,
    is_reading: bool,
    /// The first revision of what is configured, once nothing was.
    revision: u64,
}

#[derive(Default)]
struct Source {
    every: Option<Duration>,
    due: Option<Instant>,
    /// Whether it was read, or could not be, since it was to be read.
    is_tried: bool,
    /// What it told when it could be read last.
    told: Option<Loaded>,
    /// Why it could not be read now.
    unread: Vec<Gap>,
}

impl Source {
    fn every(every: Option<Duration>) -> Self {
        Self { due: every.map(|_| Instant::now()), every, is_tried: every.is_none(), ..Self::default() }
    }

    /// The same, read at once. Where it is another source, what the one before told holds until it is read.
    fn after(self, before: Self, is_other: bool) -> Self {
        let told = before.told.filter(|_| self.every.is_some());
        match is_other {
            true => Self { told, ..self },
            false => Self { told, is_tried: before.is_tried, unread: before.unread, ..self },
        }
    }

    /// Takes what a reading told, and what it could not tell. What was known stays where it told nothing, but not what
    /// another source told.
    fn read(&mut self, told: Option<Loaded>, unread: Vec<Gap>) {
        if told.is_some() || !self.is_tried {
            self.told = told;
        }
        (self.is_tried, self.unread) = (true, unread);
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    /// It is read now, and next an interval later.
    fn begin(&mut self) {
        self.due = self.every.map(|every| Instant::now() + every.max(SHORTEST_PAUSE));
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
        Self {
            section: section.clone(),
            number: 0,
            files: Source::every(files),
            live: Source::every(aws.into_iter().chain(heroku).min()),
            readings: 0,
            is_reading: false,
            revision: 0,
        }
    }

    /// Whether the accounts may be read.
    fn may_read(&self) -> bool {
        !self.is_reading && self.readings < MOST_READINGS
    }

    /// How long there is nothing to do.
    fn nap(&self) -> Duration {
        let due = self.files.due.into_iter().chain(self.live.due.filter(|_| self.may_read())).min();
        due.map_or(NAP, |due| due.saturating_duration_since(Instant::now()).clamp(SHORTEST_NAP, NAP))
    }

    fn are_tried(&self) -> bool {
        self.files.is_tried && self.live.is_tried
    }

    fn know_nothing(&self) -> bool {
        self.files.told.is_none() && self.live.told.is_none()
    }

    /// Takes another section, or what was read. Whether anything may be known that was not, or was and is no more.
    fn hear(&mut self, told: Told, board: &Board, log: &Log) -> bool {
        match told {
            Told::Wanted(section) => {
                let before = std::mem::replace(self, Self::of(&section));
                let are_other = before.section.paths != section.paths;
                self.files = std::mem::take(&mut self.files).after(before.files, are_other);
                if before.section.aws == section.aws && before.section.heroku == section.heroku {
                    // A reading that is under way counts.
                    (self.live, self.number, self.is_reading) =
                        (before.live, before.number, before.is_reading);
                } else {
                    self.live = std::mem::take(&mut self.live).after(before.live, true);
                    self.number = before.number + 1;
                }
                (self.readings, self.revision) = (before.readings, before.revision);
                // Files are read next, and the accounts in a while; until then the rest of what was known holds.
                self.files.every.is_none()
            }
            Told::Read(number, live) => {
                self.readings = self.readings.saturating_sub(1);
                if number != self.number {
                    return false;
                }
                self.is_reading = false;
                self.take_live(live, board, log);
                true
            }
        }
    }

    /// Nothing is to be known any more.
    fn forget(&mut self, board: &Board, log: &Log) {
        let Some(before) = board.configured() else { return };
        self.revision = before.revision + 1;
        board.unconfigure();
        log.info("snapshot_forgotten", &[]);
        board.happened(clock::now(), Happening::SnapshotForgotten, &[]);
    }

    /// Reads the files that are due, and begins to read the accounts where these are; whether any files were read.
    fn read(&mut self, board: &Board, log: &Log, tell: &Sender<Told>) -> bool {
        if self.live.is_due() && self.may_read() {
            self.live.begin();
            self.is_reading = true;
            self.readings += 1;
            let (section, number) = (self.section.clone(), self.number);
            let deadline = self.live.every.unwrap_or(REFRESH).max(SHORTEST_DEADLINE);
            let read = move || Told::Read(number, Some(Box::new(read_live(&section, deadline))));
            aside(tell, Told::Read(number, None), read);
        }
        if !self.files.is_due() {
            return false;
        }
        self.files.begin();
        match snapshot::load(&self.section.paths) {
            Ok(loaded) => self.files.read(Some(loaded), Vec::new()),
            Err(errors) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                for error in &errors {
                    log.warn("snapshot_unreadable", &[("error", error)]);
                    board.collect_failed("files", "read", "unreadable");
                }
                self.files.read(None, vec![stale("the snapshots", &errors.join("; "))]);
            }
        }
        true
    }

    /// Takes what the accounts told.
    fn take_live(&mut self, live: Option<Box<Live>>, board: &Board, log: &Log) {
        let Some(mut live) = live else {
            self.live.read(None, vec![stale("the accounts", "the reading broke off")]);
            return;
        };
        let snapshot = live.snapshot();
        let unread = live.unread().map(NotRead::gap).collect();
        for unread in live.unread() {
            let (provider, reason) = (unread.provider(), unread.reason());
            log.warn("collect_failed", &[("provider", provider), ("error", &reason)]);
            board.collect_failed(provider, "all", "unread");
        }
        let manifest = snapshot.iter().flat_map(|snapshot| &snapshot.manifest);
        for call in manifest.flat_map(|manifest| &manifest.calls).filter(|call| call.result != "ok") {
            // The place is in the log; a label for each account would never end.
            let name = call.call.split(',').next().unwrap_or_default();
            board.collect_failed(&call.provider, name, &call.result);
            log.warn(
                "collect_failed",
                &[("provider", &call.provider), ("call", &call.call), ("reason", &call.result)],
            );
        }
        self.live.read(snapshot.map(|snapshot| Loaded { snapshot, notes: Vec::new() }), unread);
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

fn read_live(section: &SnapshotSection, deadline: Duration) -> Live {
    let only = match (&section.aws, &section.heroku) {
        (Some(_), None) => Some(Provider::Aws),
        (None, Some(_)) => Some(Provider::Heroku),
        _ => None,
    };
    let (started, at) = (Instant::now(), clock::now());
    read_accounts(Wanted { accounts: &accounts(section), only, started, deadline, at })
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
    let revision = before.as_ref().map_or(sources.revision, |before| before.revision + u64::from(!is_same));
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;

    use serde_json::json;

    use super::*;
    use crate::daemon::configuration::LogFormat;

    fn section(section: serde_json::Value) -> SnapshotSection {
        serde_json::from_value(section).unwrap()
    }

    #[test]
    fn what_one_section_told_holds_until_the_next_has_told_or_failed_to() {
        let (tell, _told) = channel();
        let (board, log) = (Board::without_past("here"), Log::new(LogFormat::Json));
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
        let first = section(json!({ "paths": [example] }));
        let mut sources = Sources::of(&first);
        assert!(sources.read(&board, &log, &tell) && sources.are_tried());
        take(&board, &sources, &log);
        // Read more often, nothing of it is lost where it cannot be read.
        let again =
            SnapshotSection { refresh: Some(super::super::configuration::Span(REFRESH * 2)), ..first };
        sources.hear(Told::Wanted(again), &board, &log);
        assert!(sources.are_tried() && !sources.know_nothing());
        sources.files.read(None, vec![stale("the snapshots", "gone")]);
        assert!(!sources.know_nothing());
        // Another one is another matter.
        sources.hear(Told::Wanted(section(json!({ "paths": ["/nonexistent"] }))), &board, &log);
        assert!(!sources.are_tried() && !sources.know_nothing());
        sources.read(&board, &log, &tell);
        assert!(sources.are_tried() && sources.know_nothing());
        let before = board.configured().unwrap().revision;
        sources.forget(&board, &log);
        assert!(board.configured().is_none() && sources.revision > before);
    }

    #[test]
    fn a_reading_for_another_section_is_dropped_and_few_go_on_at_a_time() {
        let board = Board::without_past("here");
        let log = Log::new(LogFormat::Json);
        let mut sources = Sources::of(&section(json!({ "heroku": { "space": "a" } })));
        // As if one had begun.
        (sources.is_reading, sources.readings) = (true, 1);
        assert!(!sources.may_read());
        sources.hear(Told::Wanted(section(json!({ "heroku": { "space": "b" } }))), &board, &log);
        assert!(sources.may_read() && sources.live.is_due());
        (sources.is_reading, sources.readings) = (true, 2);
        sources.hear(Told::Wanted(section(json!({ "heroku": { "space": "c" } }))), &board, &log);
        assert!(!sources.may_read() && sources.nap() > SHORTEST_NAP);
        assert!(!sources.hear(Told::Read(0, None), &board, &log), "it was for another");
        assert!(sources.may_read() && !sources.are_tried());
        (sources.is_reading, sources.readings) = (true, 2);
        assert!(sources.hear(Told::Read(2, None), &board, &log));
        assert!(sources.are_tried() && sources.know_nothing());
    }
}
