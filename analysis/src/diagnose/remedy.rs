//! What mends each setting that stops what is asked, by the documents alone.
//!
//! `check` asks it of thousands of targets, and needs nothing else of a diagnosis: neither one plan for all, nor what
//! is not known, nor what to ask next.

use alloc::string::String;
use alloc::vec::Vec;

use super::case::Case;
use super::fixes::fixes;
use super::naming;
use crate::cause::CauseCode;
use crate::reach::{Answer, Blocker, Direction};
use crate::repair::Collateral;
use crate::report::Fix;
use crate::topology::ComponentId;

/// What mends one setting.
pub(crate) struct Remedy {
    pub(crate) code: CauseCode,
    pub(crate) direction: Option<Direction>,
    pub(crate) component: ComponentId,
    /// What is run first of all that mends it; `None` where the model knows no edit.
    pub(crate) command: Option<String>,
    /// Best first; none where they are not wanted.
    pub(crate) fixes: Vec<Fix>,
}

impl Remedy {
    /// What it mends.
    pub(crate) fn key(&self) -> (CauseCode, Option<Direction>, &ComponentId) {
        (self.code, self.direction, &self.component)
    }
}

/// What mends everything that stops what the case asks, in full where it is wanted. `collateral` is kept for further cases
/// about the same topology.
pub(crate) fn remedies(
    case: &Case,
    is_wanted: &dyn Fn(&Blocker<'_>) -> bool,
    collateral: &Collateral,
) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    for question in case.questions() {
        // Packets to a public address take no way that the documents tell of.
        let answer = question.answer.as_ref().filter(|_| !naming::is_public(case, &question));
        let blockers = answer.map(Answer::blockers).unwrap_or_default();
        let all: Vec<&Blocker<'_>> = blockers.iter().collect();
        let fixes = fixes(case, &question, &all, is_wanted, collateral);
        remedies.extend(blockers.iter().zip(fixes).map(|(blocker, (command, fixes))| {
            let Blocker { code, direction, .. } = *blocker;
            Remedy { code, direction, component: blocker.component.clone(), command, fixes }
        }));
    }
    remedies
}
