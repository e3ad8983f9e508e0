//! The shape of `peerscope/assertions/1`: what scripts read, and what the text is written from.

use jiff::Timestamp;
use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::diagnose::{Expectation, Standing};
use peerscope_analysis::report::{Affects, CauseReport, Gap, Paths, SnapshotReport, Source, Target, Verdict};
use serde::Serialize;

/// What a file asserts, held against a snapshot.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AssertionsReport {
    /// `peerscope/assertions/1`
    pub(crate) schema: &'static str,
    /// The version of peerscope.
    pub(crate) version: &'static str,
    /// When it was asked.
    pub(crate) at: Timestamp,
    /// The file of the assertions, as it was given.
    pub(crate) file: String,
    /// One for each TARGET of each assertion, in the file's order.
    pub(crate) results: Vec<AssertionResult>,
    /// How many of them came out how.
    pub(crate) totals: Totals,
    /// What could not be seen.
    pub(crate) gaps: Vec<Gap>,
    /// The snapshot used.
    pub(crate) snapshot: Option<SnapshotReport>,
}

/// How many results came out how.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Totals {
    /// What was intended is so.
    pub(crate) holds: usize,
    /// It is not.
    pub(crate) differs: usize,
    /// Nobody can tell.
    pub(crate) undetermined: usize,
}

/// One path, what was intended of it and what holds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AssertionResult {
    /// The assertion's number in the file, from 1.
    pub(crate) number: usize,
    /// The line that it begins on, from 1.
    pub(crate) line: usize,
    /// What was intended.
    pub(crate) intended: Intended,
    /// What is to be reached, or not.
    pub(crate) target: Target,
    /// From where.
    pub(crate) source: Source,
    /// Whether what was intended is so.
    pub(crate) standing: Standing,
    /// What holds of the whole path.
    pub(crate) verdict: Verdict,
    /// One sentence.
    pub(crate) summary: String,
    /// Exactly the part that differs; that nobody knows, where it is undetermined; all, where it holds.
    pub(crate) affects: Affects,
    /// What blocks the path, with its fixes, or may.
    pub(crate) causes: Vec<CauseReport>,
    /// Where something passes that was to be blocked: the way of one such packet, and what lets it through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) let_through_by: Option<Paths>,
    /// How long it took to find out, in seconds.
    pub(crate) elapsed_seconds: f64,
}

/// What somebody intended of a path.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Intended {
    /// What it is to be.
    pub(crate) expect: Expectation,
    /// By what it is to be blocked, where that was said.
    pub(crate) cause: Option<CauseCode>,
    /// Why, in the words of whoever wrote it.
    pub(crate) comment: Option<String>,
}
