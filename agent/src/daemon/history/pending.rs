//! What has not been written yet. Whoever has something to tell leaves it here in no more time than it takes to add to a
//! count; nobody waits for the disk. Where the disk takes nothing for long, what is oldest is dropped, and counted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Verdict};

use super::super::configured::Configured;
use super::super::recent::Happening;
use super::super::watched::Last;
use super::rolled::Rolled;

/// How many outcomes' minutes are held, all paths together: a thousand paths' hour.
const MINUTES: usize = 60_000;
/// How many records are held.
const RECORDS: usize = 1_000;
/// How many of them may be snapshots, each of which may be tens of megabytes.
const SNAPSHOTS: usize = 8;

/// Something that is kept as it is.
#[derive(Clone, Debug)]
pub(super) enum Record {
    /// A path's verdict is another.
    Verdict(VerdictChange),
    /// What is configured was read, and is other than before.
    Snapshot(Arc<Configured>),
    /// Something happened to the daemon.
    Event {
        /// When.
        at: Timestamp,
        /// What, as the log calls it.
        event: Happening,
        /// What is said of it.
        fields: Vec<(&'static str, String)>,
    },
}

/// A path's verdict that is another now.
#[derive(Clone, Debug)]
pub(crate) struct VerdictChange {
    /// The path.
    pub(crate) path: String,
    /// What it leads to, without secrets.
    pub(crate) target: String,
    /// When it changed.
    pub(crate) at: Timestamp,
    /// What it was.
    pub(crate) before: Option<Verdict>,
    /// What it is.
    pub(crate) verdict: Verdict,
    /// Why; none where probes alone tell it.
    pub(crate) diagnosis: Option<Arc<Diagnosis>>,
}

/// When a path last was good, and since when it is bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Its last good probe; where it is bad, the last before.
    pub(crate) last_good: Option<Timestamp>,
    /// The first bad probe after that; none where it is good.
    pub(crate) first_bad: Option<Timestamp>,
}

/// What has not been written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Outcomes by the beginning of their minute, in seconds since 1970, and path.
    pub(super) minutes: BTreeMap<i64, HashMap<String, Rolled>>,
    /// The paths' turns, where they were probed since.
    pub(super) turns: HashMap<String, Turn>,
    /// Everything else, in its order.
    pub(super) records: VecDeque<Record>,
    /// How much was dropped.
    pub(super) dropped: Dropped,
}

/// How much was dropped since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Probes' outcomes.
    pub(crate) outcomes: u64,
    /// Verdict changes, snapshots and events.
    pub(crate) records: u64,
}

impl Pending {
    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.minutes.is_empty() && self.records.is_empty() && self.turns.is_empty()
    }

    /// Adds an outcome.
    pub(super) fn outcome(&mut self, path: &str, last: &Last, turn: Turn) {
        let start = last.at.as_second().div_euclid(60) * 60;
        let minute = self.minutes.entry(start).or_default();
        match minute.get_mut(path) {
            Some(rolled) => rolled.count(last),
            None => {
                minute.entry(path.to_string()).or_default().count(last);
                self.bound();
            }
        }
        match self.turns.get_mut(path) {
            Some(known) => *known = turn,
            None => _ = self.turns.insert(path.to_string(), turn),
        }
    }

    /// Adds a record.
    pub(super) fn record(&mut self, record: Record) {
        self.records.push_back(record);
        self.bound();
    }

    /// Takes everything.
    pub(super) fn take(&mut self) -> Self {
        let dropped = self.dropped;
        Self { dropped, ..std::mem::replace(self, Self { dropped, ..Self::default() }) }
    }

    /// Takes back what could not be written; it goes before what came since.
    pub(super) fn take_back(&mut self, unwritten: Self) {
        let Self { minutes, turns, mut records, .. } = unwritten;
        for (start, paths) in minutes {
            let own = self.minutes.entry(start).or_default();
            for (path, rolled) in paths {
                own.entry(path).or_default().add(&rolled);
            }
        }
        for (path, turn) in turns {
            self.turns.entry(path).or_insert(turn);
        }
        records.append(&mut self.records);
        self.records = records;
        self.bound();
    }

    /// Drops what is oldest where there is too much.
    fn bound(&mut self) {
        let mut held: usize = self.minutes.values().map(HashMap::len).sum();
        while held > MINUTES {
            let Some((_, paths)) = self.minutes.pop_first() else { break };
            held -= paths.len();
            self.dropped.outcomes += paths.values().map(Rolled::probes).sum::<u64>();
        }
        while self.records.len() > RECORDS {
            self.records.pop_front();
            self.dropped.records += 1;
        }
        let is_snapshot = |record: &Record| matches!(record, Record::Snapshot(_));
        while self.records.iter().filter(|record| is_snapshot(record)).count() > SNAPSHOTS {
            if let Some(oldest) = self.records.iter().position(is_snapshot) {
                self.records.remove(oldest);
                self.dropped.records += 1;
            }
        }
    }
}
