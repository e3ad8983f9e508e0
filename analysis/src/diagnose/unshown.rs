//! What may stop packets beside what is established to stop them.
//!
//! What is established stops every packet before anything beyond it shows: a host that is down behind a missing rule
//! is one silence. So the report says that mending it may not be enough; and where what should answer all the same is
//! silent too, it names what that may be.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::case::{Case, Question};
use super::hypothesis::{self, Clue, Weighed, weigh};
use super::seen::Seen;
use super::silence;
use crate::flow::Flows;
use crate::report::{Basis, CauseReport, CauseStatus, Evidence, Gap, GapKind};

/// How likely it has to be that something is wrong besides, to name it.
const LIKELY: f64 = 0.9;
/// What the group of it is called by, before the address.
const GROUP: &str = "unshown-";

/// What is likely to stop packets beside the settings that stop the `silent` flows; nothing where what was seen beside
/// does not say so.
pub(super) fn candidates(case: &Case, question: &Question, silent: &Flows, clues: &[Clue]) -> Weighed {
    if question.answer.is_none() || case.topology.is_none() {
        return Weighed::default();
    }
    let mut found = silence::hypotheses(case, question, silent);
    let second = case.priors.second_fault;
    let besides = second * hypothesis::fit_of_any(&found, clues);
    let alone = (1.0 - second) * hypothesis::fit_of_none(clues);
    let likely = if besides > 0.0 { besides / (besides + alone) } else { 0.0 };
    if likely < LIKELY {
        return Weighed::default();
    }
    let silences = clues.iter().filter(|clue| !clue.answered);
    let evidence =
        silences.map(|clue| Evidence { kind: Basis::Probes, text: clue.text.clone(), supports: true });
    let evidence: Vec<Evidence> = evidence.collect();
    for (_, cause) in &mut found {
        cause.alternatives = Some(format!("{GROUP}{}", question.address));
        cause.evidence.splice(0..0, evidence.iter().cloned());
    }
    let mut weighed = weigh(found, clues, second);
    for cause in &mut weighed.causes {
        cause.confidence *= likely;
    }
    for one in &mut weighed.hypotheses {
        one.prior *= second;
        one.confidence *= likely;
    }
    weighed
}

/// Whether a cause is one of these.
pub(super) fn is_one(cause: &CauseReport) -> bool {
    cause.alternatives.as_deref().is_some_and(|group| group.starts_with(GROUP))
}

/// That mending what is established may not be enough, where it hides whatever else may be wrong.
pub(super) fn gap(case: &Case, question: &Question, causes: &[CauseReport], seen: &Seen<'_>) -> Option<Gap> {
    let is_established = causes.iter().any(|cause| cause.status == CauseStatus::Established);
    let is_hidden = !seen.deciding.is_empty() && seen.passing.is_empty();
    let is_named = causes.iter().any(|cause| cause.status == CauseStatus::Candidate);
    if !is_established || !is_hidden || is_named {
        return None;
    }
    let mut others: Vec<String> = Vec::new();
    if !seen.beside.host_answered() {
        others.push("a host that is down".to_string());
    }
    others.push("its own firewall".to_string());
    if case.snapshot.is_some() {
        others.push("a setting that was changed since the snapshot".to_string());
    }
    let others = match others.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    };
    Some(Gap {
        kind: GapKind::Scope,
        what: format!("whether anything else stops packets to {}", case.destination_words(question.address)),
        reason: format!(
            "what is established stops them first, so that {others} would show only once that is mended"
        ),
        would_tell: "whether mending what is established is enough".to_string(),
    })
}
