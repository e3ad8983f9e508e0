//! What changed since a baseline, as evidence: a path that worked was cut by something that changed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::case::Case;
use crate::change::changes;
use crate::report::{Basis, CauseReport, CauseStatus, Evidence};

/// How much more likely a candidate is whose component changed since the path worked.
const WEIGHT_OF_A_CHANGE: f64 = 8.0;

/// Adds the changes of each cause's components to its evidence, before all else, and puts the causes
/// first that something speaks for.
pub(super) fn weigh(case: &Case, causes: &mut [CauseReport]) {
    let (Some(before), Some(after)) = (&case.baseline, &case.topology) else { return };
    let changes = changes(before, after);
    for cause in causes.iter_mut() {
        let components = || core::iter::once(&cause.component).chain(&cause.related);
        let concerns =
            |id: &Option<String>| id.is_some() && components().any(|component| component.id == *id);
        let of_cause: Vec<Evidence> = changes
            .iter()
            .filter(|change| concerns(&change.component.id()))
            .map(|change| Evidence {
                kind: Basis::Changes,
                text: format!(
                    "changed since the baseline: {} {}",
                    change.component.id().unwrap_or_default(),
                    change.text
                ),
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
    let whole: f64 = causes
        .iter()
        .filter(|cause| cause.status == CauseStatus::Candidate)
        .map(|cause| cause.confidence)
        .sum();
    for cause in causes.iter_mut().filter(|cause| cause.status == CauseStatus::Candidate && whole > 1.0) {
        cause.confidence /= whole;
    }
    let unchanged = |cause: &CauseReport| !cause.basis.contains(&Basis::Changes);
    causes.sort_by(|one, other| {
        let rank = |cause: &CauseReport| (cause.status == CauseStatus::Candidate, unchanged(cause));
        rank(one).cmp(&rank(other)).then(match one.status {
            CauseStatus::Established => core::cmp::Ordering::Equal,
            CauseStatus::Candidate => other.confidence.total_cmp(&one.confidence),
        })
    });
}
