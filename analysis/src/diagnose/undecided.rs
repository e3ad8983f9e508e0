//! Gates of unknown content where no packet was sent: what the documents leave open is named, and not
//! only listed as a gap.

use alloc::vec::Vec;

use super::case::{Case, Question};
use super::show;
use crate::report::{Basis, CauseReport, Evidence};
use crate::topology::ComponentType;

/// What such gates share of the confidence that one of them stops the packets: nothing tells, so it is
/// even.
const EVEN: f64 = 0.5;

/// A candidate for every gate that may stop the packets, for all that the documents tell. They are no
/// alternatives: all of them may let the packets through.
pub(super) fn candidates(case: &Case, question: &Question) -> Vec<CauseReport> {
    let (Some(topology), Some(answer)) = (&case.topology, &question.answer) else { return Vec::new() };
    let unknowns = answer.unknowns();
    let share = EVEN / unknowns.len().max(1) as f64;
    let candidate = |unknown: &crate::reach::Blocker<'_>| {
        let part = *unknown.parts.first()?;
        let explanation = unknown.gate.explain(topology, part);
        let mut cause = show::candidate(case, unknown.code, &unknown.component, &unknown.flows);
        cause.direction = unknown.direction;
        cause.basis = Vec::from([Basis::Configuration]);
        cause.confidence = share;
        cause.summary = explanation.summary;
        cause.related = explanation.related.iter().map(|one| show::component(Some(topology), one)).collect();
        let facts = explanation.evidence.into_iter();
        cause.evidence =
            facts.map(|text| Evidence { kind: Basis::Configuration, text, supports: true }).collect();
        Some(cause)
    };
    let mut found: Vec<CauseReport> = unknowns.iter().filter_map(candidate).collect();
    // What is open first; that a table hands packets there is known, and only may be the fault.
    found.sort_by_key(|cause| cause.component.component_type == ComponentType::RouteTable);
    found
}
