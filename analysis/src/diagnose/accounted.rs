//! What the configuration accounts for of what packets met, and what it does not.
//!
//! The verdict asks it in the end, and the choice of the next probe asks it on the way: what nothing accounts for is
//! what hypotheses are weighed for, and by what a setting accounts for nobody else is suspected.

use alloc::vec::Vec;

use super::case::{Case, Question};
use super::naming;
use super::seen::Seen;
use crate::flow::{FlowBox, Flows, PortRange};
use crate::reach::{Answer, Blocker};

/// The settings that stop packets by the documents, by what packets prove of them.
pub(super) struct Accounted<'a> {
    /// Settings that packets contradict.
    pub(super) contradicted: Vec<Blocker<'a>>,
    /// What is left of each setting that stops packets.
    pub(super) standing: Vec<Blocker<'a>>,
    /// What those that are left stop of what was asked.
    pub(super) blocked: Flows,
    /// What was silent, and no setting accounts for.
    pub(super) unexplained: Flows,
}

impl<'a> Accounted<'a> {
    /// Holds the documents against what was seen.
    pub(super) fn of(case: &Case, question: &'a Question, seen: &Seen<'_>) -> Self {
        let Seen { beside, passing, silent, .. } = seen;
        // Packets to a public address take no way that the documents tell of.
        let public = naming::is_public(case, question);
        let answer = question.answer.as_ref().filter(|_| !public);
        let blockers = answer.map(Answer::blockers).unwrap_or_default();
        let proof = |blocker: &Blocker<'_>| match beside.disproves(blocker.code) {
            true => passing.union(silent),
            false => passing.clone(),
        };
        let is_contradicted =
            |blocker: &&Blocker<'_>| !blocker.flows.intersection(&proof(blocker)).is_empty();
        let contradicted = blockers.iter().filter(is_contradicted).cloned().collect();
        let standing: Vec<Blocker<'a>> =
            blockers.iter().filter_map(|blocker| uncontradicted(blocker, &proof(blocker))).collect();
        let blocked = standing.iter().fold(Flows::none(), |all, blocker| all.union(&blocker.flows));
        let blocked = blocked.intersection(&question.asked);
        let unexplained = if public { Flows::none() } else { silent.difference(&blocked) };
        Self { contradicted, standing, blocked, unexplained }
    }

    /// The flows that something unknown may stop, where some were silent and no setting accounts for it.
    pub(super) fn suspected<'b>(&'b self, question: &'b Question) -> &'b Flows {
        if self.blocked.is_empty() { &question.asked } else { &self.unexplained }
    }
}

/// What a blocker still stops where packets that it should have stopped came through: nothing between
/// their two ends; for the rest of the set configuration speaks.
fn uncontradicted<'a>(blocker: &Blocker<'a>, passing: &Flows) -> Option<Blocker<'a>> {
    let mut rest = blocker.flows.clone();
    for flow in passing.intersection(&blocker.flows).boxes() {
        rest.remove(&FlowBox { source_ports: PortRange::ALL, ..*flow });
    }
    (!rest.is_empty()).then(|| Blocker { flows: rest, ..blocker.clone() })
}
