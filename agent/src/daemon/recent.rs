//! What a path came to lately, kept in memory: the last probes one by one, and the last changes of its verdict. It is
//! bounded however long the daemon runs; a restart forgets it, and the history does not.

use std::collections::VecDeque;

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Verdict};

use super::watched::Last;

/// How many probes are kept: an hour of one each 10 s.
const PROBES: usize = 360;
/// How many changes are kept.
const CHANGES: usize = 50;

/// What a path came to lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    probes: VecDeque<Last>,
    changes: VecDeque<Change>,
}

/// A change of what holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// When.
    pub(crate) at: Timestamp,
    /// What holds since then.
    pub(crate) verdict: Verdict,
    /// In a sentence, where a diagnosis said it. Outside data.
    pub(crate) summary: Option<String>,
    /// The code of the first cause.
    pub(crate) code: Option<String>,
}

impl Recent {
    /// Notes a probe.
    pub(super) fn probed(&mut self, last: Last) {
        keep(&mut self.probes, last, PROBES);
    }

    /// Notes that another verdict holds, and by which diagnosis, where there was one.
    pub(super) fn decided(&mut self, at: Timestamp, verdict: Verdict, diagnosis: Option<&Diagnosis>) {
        let change = Change {
            at,
            verdict,
            summary: diagnosis.map(|diagnosis| diagnosis.summary.clone()),
            code: diagnosis.and_then(|diagnosis| Some(diagnosis.causes.first()?.code.name().to_string())),
        };
        keep(&mut self.changes, change, CHANGES);
    }

    /// The last probes, oldest first.
    pub(crate) fn probes(&self) -> impl DoubleEndedIterator<Item = &Last> {
        self.probes.iter()
    }

    /// The last changes, oldest first.
    pub(crate) fn changes(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.changes.iter()
    }
}

/// What can happen to what is configured, to the daemon, and so to every path alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The daemon started.
    Started,
    /// It was stopped.
    Stopped,
    /// Its own configuration was loaded anew.
    Reloaded,
    /// One that was wrong was not.
    Rejected,
    /// What is configured in AWS and Heroku was read for the first time since the start.
    SnapshotRead,
    /// It is other than it was.
    SnapshotChanged,
    /// It is read no more.
    SnapshotForgotten,
}

impl Happening {
    const ALL: [Self; 7] = [
        Self::Started,
        Self::Stopped,
        Self::Reloaded,
        Self::Rejected,
        Self::SnapshotRead,
        Self::SnapshotChanged,
        Self::SnapshotForgotten,
    ];

    /// Its name in the history.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Reloaded => "configuration_reloaded",
            Self::Rejected => "configuration_rejected",
            Self::SnapshotRead => "snapshot_read",
            Self::SnapshotChanged => "snapshot_changed",
            Self::SnapshotForgotten => "snapshot_forgotten",
        }
    }

    /// The one of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|happening| happening.name() == name)
    }

    /// In a clause.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Started => "this daemon started",
            Self::Stopped => "this daemon was stopped",
            Self::Reloaded => "the daemon's own configuration was loaded anew",
            Self::Rejected => "a configuration of the daemon was wrong, and the one before went on",
            Self::SnapshotRead => "what is configured in AWS and Heroku was read for the first time",
            Self::SnapshotChanged => "what is configured in AWS and Heroku changed",
            Self::SnapshotForgotten => "what is configured in AWS and Heroku is read no more",
        }
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) what: Happening,
}

/// The last of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Events(VecDeque<Event>);

impl Events {
    /// Notes one.
    pub(super) fn note(&mut self, event: Event) {
        keep(&mut self.0, event, CHANGES);
    }

    /// All that are kept, oldest first.
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.iter().copied().collect()
    }
}

fn keep<T>(ring: &mut VecDeque<T>, one: T, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(one);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::daemon::result::ProbeResult;

    #[test]
    fn the_newest_are_kept_and_no_more() {
        let mut recent = Recent::default();
        for second in 0..1000 {
            let at = Timestamp::from_second(second).unwrap();
            recent.probed(Last { at, result: ProbeResult::Connected, rtt: Some(Duration::from_millis(1)) });
            recent.decided(at, Verdict::Blocked, None);
        }
        assert_eq!((recent.probes().count(), recent.changes().count()), (PROBES, CHANGES));
        let newest = Timestamp::from_second(999).unwrap();
        assert_eq!(recent.probes().next_back().map(|last| last.at), Some(newest));
        assert_eq!(recent.changes().next_back().map(|change| change.at), Some(newest));
        let mut events = Events::default();
        for second in 0..100 {
            events.note(Event { at: Timestamp::from_second(second).unwrap(), what: Happening::Reloaded });
        }
        assert_eq!(events.all().len(), CHANGES);
    }
}
