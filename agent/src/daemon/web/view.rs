//! A path as the pages show it: copied from the board once, so that a page does not say two things of it.

use std::sync::Arc;

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Verdict};

use crate::daemon::blocks::Blocks;
use crate::daemon::board::Board;
use crate::daemon::diagnosing::is_cut;
use crate::daemon::watched::{Last, Watched};
use crate::page::Markup;

/// What holds of a path, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Blocked,
    Impaired,
    Undetermined,
    /// No probe of it was answered yet, and no diagnosis is done.
    Unknown,
    Reachable,
}

impl State {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Blocked, Self::Impaired, Self::Undetermined, Self::Unknown, Self::Reachable];

    fn of(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(Verdict::Blocked) => Self::Blocked,
            Some(Verdict::Impaired) => Self::Impaired,
            Some(Verdict::Undetermined) => Self::Undetermined,
            Some(Verdict::Reachable) => Self::Reachable,
            None => Self::Unknown,
        }
    }

    /// The verdict that it stands for.
    pub(super) fn verdict(self) -> Option<Verdict> {
        Verdict::ALL.into_iter().find(|verdict| Self::from(*verdict) == self)
    }

    /// In a word; it is the one of the query too.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Impaired => "impaired",
            Self::Undetermined => "undetermined",
            Self::Unknown => "unknown",
            Self::Reachable => "reachable",
        }
    }

    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Blocked => "✗",
            Self::Impaired => "!",
            Self::Undetermined | Self::Unknown => "?",
            Self::Reachable => "✓",
        }
    }

    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Blocked | Self::Impaired => "bad",
            Self::Undetermined | Self::Unknown => "doubtful",
            Self::Reachable => "good",
        }
    }

    /// The word in its frame, with its mark.
    pub(super) fn badge(self) -> Markup {
        let mark = Markup::element("span", &[("aria-hidden", "true")], [Markup::words(self.mark())]);
        let word = Markup::words(&format!(" {}", self.word().to_uppercase()));
        Markup::element("span", &[("class", &format!("verdict {}", self.class()))], [mark, word])
    }
}

impl From<Verdict> for State {
    fn from(verdict: Verdict) -> Self {
        Self::of(Some(verdict))
    }
}

/// A path, copied.
pub(super) struct View {
    pub(super) path: Arc<Watched>,
    pub(super) state: State,
    pub(super) since: Option<Timestamp>,
    pub(super) last: Option<Last>,
    /// Whether the connection that stands beside the probing goes on.
    pub(super) canary: Option<bool>,
    /// Whether a MySQL greeted that nobody has named.
    pub(super) is_mysql: bool,
    pub(super) diagnosis: Option<Arc<Diagnosis>>,
    pub(super) analysis: Option<Arc<Diagnosis>>,
    pub(super) blocks: Option<Arc<Blocks>>,
}

impl View {
    pub(super) fn of(path: Arc<Watched>) -> Self {
        let (blocks, status) = (path.blocks(), path.status());
        let (state, since, last) = (State::of(status.verdict), status.changed, status.last);
        let (diagnosis, analysis) = (status.diagnosis.clone(), status.analysis.clone());
        let (canary, is_mysql) = (status.canary, status.is_mysql);
        drop(status);
        Self { path, state, since, last, canary, is_mysql, diagnosis, analysis, blocks }
    }

    /// All paths, the bad ones first.
    pub(super) fn all(board: &Board) -> Vec<Self> {
        let mut all: Vec<Self> = board.paths().into_iter().map(Self::of).collect();
        all.sort_by_key(|view| (view.state, !view.is_failing(), !view.is_about_to_fail()));
        all
    }

    pub(super) fn name(&self) -> &str {
        &self.path.section.name.0
    }

    /// Whether its last probe failed.
    pub(super) fn is_failing(&self) -> bool {
        self.last.is_some_and(|last| !last.result.is_up())
    }

    /// Whether it works, and the configuration says that it should not.
    pub(super) fn is_about_to_fail(&self) -> bool {
        self.state == State::Reachable && self.analysis.as_ref().is_some_and(|analysis| is_cut(analysis))
    }

    /// The diagnosis that says why it is as it is. An older one, of when it was otherwise, does not.
    pub(super) fn cause(&self) -> Option<&Arc<Diagnosis>> {
        self.diagnosis.as_ref().filter(|diagnosis| State::from(diagnosis.verdict) == self.state)
    }
}
