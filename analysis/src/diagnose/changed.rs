//! What changed since a baseline, as evidence: a path that worked was cut by something that changed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::case::Case;
use super::observed::length;
use super::together;
use crate::change::changes;
use crate::report::{Basis, CauseReport, CauseStatus, Component, Evidence, HypothesisReport};

/// How much more likely a candidate is whose component changed since the path worked.
const WEIGHT_OF_A_CHANGE: f64 = 8.0;

/// Adds the changes of each cause's components to its evidence, before all else, and puts the causes
/// first that something speaks for.
pub(super) fn weigh(case: &Case, causes: &mut [CauseReport], hypotheses: &mut [HypothesisReport]) {
    let (Some(before), Some(after)) = (&case.baseline, &case.topology) else { return };
    let unchanged = causes.to_vec();
    let changes = changes(&before.topology, after).changes;
    let since = match before.good_until {
        None => "changed since the baseline".to_string(),
        Some(until) => {
            format!("changed since the last good probe, {} before the first bad one", length(until))
        }
    };
    for cause in causes.iter_mut() {
        let components = || core::iter::once(&cause.component).chain(&cause.related);
        let concerns =
            |id: &Option<String>| id.is_some() && components().any(|component| component.id == *id);
        let of_cause: Vec<Evidence> = changes
            .iter()
            .filter(|change| concerns(&change.component.id()))
            .map(|change| Evidence {
                kind: Basis::Changes,
                text: format!("{since}: {} {}", change.component.id().unwrap_or_default(), change.text),
                supports: true,
            })
            .collect();
        if of_cause.is_empty() {
            continue;
        }
        cause.evidence.splice(0..0, of_cause);
        cause.basis.push(Basis::Changes);
        if cause.status == CauseStatus::Candidate {
            cause.confidence *= WEIGHT_OF_A_CHANGE;
        }
    }
    together::within_one(causes);
    follow(hypotheses, &unchanged, causes);
    let unchanged = |cause: &CauseReport| !cause.basis.contains(&Basis::Changes);
    causes.sort_by(|one, other| {
        let rank = |cause: &CauseReport| (cause.status == CauseStatus::Candidate, unchanged(cause));
        rank(one).cmp(&rank(other)).then(match one.status {
            CauseStatus::Established => core::cmp::Ordering::Equal,
            CauseStatus::Candidate => other.confidence.total_cmp(&one.confidence),
        })
    });
}

/// Lets each hypothesis become as much likelier, or less, as the causes in it did; all of them stay as likely as they
/// were.
fn follow(hypotheses: &mut [HypothesisReport], before: &[CauseReport], after: &[CauseReport]) {
    let factor = |code, component: &Component, direction| {
        let of = |causes: &[CauseReport]| {
            let cause = causes.iter().find(|cause| cause.is_at_one_with(code, component, direction));
            cause.map(|cause| cause.confidence)
        };
        match (of(before), of(after)) {
            (Some(before), Some(after)) if before > 0.0 => after / before,
            _ => 1.0,
        }
    };
    let sum = |all: &[HypothesisReport]| all.iter().map(|one| one.confidence).sum::<f64>();
    let whole = sum(hypotheses);
    for one in hypotheses.iter_mut() {
        one.confidence *= factor(one.code, &one.component, one.direction);
        for also in &one.together_with {
            one.confidence *= factor(also.code, &also.component, also.direction);
        }
    }
    let now = sum(hypotheses);
    for one in hypotheses.iter_mut().filter(|_| now > 0.0) {
        one.confidence *= whole / now;
    }
    hypotheses.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
}
