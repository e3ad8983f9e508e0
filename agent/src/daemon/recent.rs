//! What a path came to lately, kept in memory: the last probes one by one, and the last changes of its verdict. It is
//! bounded however long the daemon runs; a restart forgets it.

use std::collections::VecDeque;

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Verdict};

use super::board::Last;

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
    pub(crate) code: Option<&'static str>,
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
            code: diagnosis.and_then(|diagnosis| Some(diagnosis.causes.first()?.code.name())),
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

/// Something that happened to what is configured, to every path alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// When.
    pub(crate) at: Timestamp,
    /// What, in a clause.
    pub(crate) what: &'static str,
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
        self.0.iter().cloned().collect()
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
            events.note(Event { at: Timestamp::from_second(second).unwrap(), what: "x" });
        }
        assert_eq!(events.all().len(), CHANGES);
    }
}
