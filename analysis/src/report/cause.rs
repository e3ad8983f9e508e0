//! A cause as it is shown: what stands in the way, how sure that is, and what it rests on.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{Affects, Component, Fix};
use crate::cause::CauseCode;
use crate::reach::Direction;

/// One cause.
#[derive(Clone, Debug, Serialize)]
pub struct CauseReport {
    /// The code.
    pub code: CauseCode,
    /// AWS Reachability Analyzer's code for it.
    pub aws_code: Option<&'static str>,
    /// Whether it must be mended, or is one of a group of which at least one holds.
    pub status: CauseStatus,
    /// The group, of a candidate.
    pub alternatives: Option<String>,
    /// Whether the snapshot shows it to be in order, so that it stands in the way only if it was changed since.
    pub may_have_changed: bool,
    /// Where it lies.
    pub component: Component,
    /// What takes part.
    pub related: Vec<Component>,
    /// Which way the packets travel that it stops.
    pub direction: Option<Direction>,
    /// What it rests on.
    pub basis: Vec<Basis>,
    /// The probability that this component blocks this flow now, 0 to 1.
    pub confidence: f64,
    /// One sentence.
    pub summary: String,
    /// Exactly the blocked part of what was asked.
    pub affects: Affects,
    /// What speaks for it, and against.
    pub evidence: Vec<Evidence>,
    /// What mends it, best first.
    pub fixes: Vec<Fix>,
}

impl CauseReport {
    /// Whether another is of the same code, at the same place and for packets of the same way.
    pub(crate) fn is_at_one_with(
        &self,
        code: CauseCode,
        component: &Component,
        direction: Option<Direction>,
    ) -> bool {
        self.code == code && self.component == *component && self.direction == direction
    }
}

/// How sure a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CauseStatus {
    /// It stands in the way, and must be mended.
    Established,
    /// One of a group of which at least one holds.
    Candidate,
}

/// What a cause rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The documents of the snapshot.
    Configuration,
    /// What happened to packets.
    Probes,
    /// What changed between two snapshots.
    Changes,
}

/// Something that speaks for a cause, or against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Where it comes from.
    pub kind: Basis,
    /// What it is.
    pub text: String,
    /// Whether it speaks for the cause.
    pub supports: bool,
}

/// Causes as a reader takes them in: of the candidates of one group, those that come down to one thing to look at
/// (a table that may have changed may lack its route, or have a wrong one; an ACL may drop packets or replies) are
/// one entry. The entries of a group are in the order of what their causes sum to, the most likely first.
#[must_use]
pub fn together(causes: &[CauseReport]) -> Vec<Vec<&CauseReport>> {
    let mut entries: Vec<Vec<&CauseReport>> = Vec::new();
    for cause in causes {
        let is_one = |entry: &&mut Vec<&CauseReport>| {
            entry.first().is_some_and(|first| {
                first.alternatives.is_some()
                    && first.alternatives == cause.alternatives
                    && first.summary == cause.summary
            })
        };
        match entries.iter_mut().find(is_one) {
            Some(entry) => entry.push(cause),
            None => entries.push(Vec::from([cause])),
        }
    }
    let group = |entry: &[&CauseReport]| entry.first().and_then(|first| first.alternatives.clone());
    let likelihood = |entry: &[&CauseReport]| entry.iter().map(|cause| cause.confidence).sum::<f64>();
    for group in entries.chunk_by_mut(|one, next| group(one).is_some() && group(one) == group(next)) {
        group.sort_by(|one, other| likelihood(other).total_cmp(&likelihood(one)));
    }
    entries
}
