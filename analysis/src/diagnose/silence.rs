//! Candidates for silence that no established cause accounts for.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::case::{Case, Question};
use super::hypothesis::{self, Clue, weigh};
use super::prior::{Prior, UNKNOWN_GATE_WEIGHT, changed_since, doubt_by_age};
use super::show;
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::{Answer, Blocker, Decision, Fault, Part};
use crate::report::{Basis, CauseReport, Evidence};
use crate::topology::{ComponentId, ComponentType, NetworkId, Topology};

/// The group of candidates for `silent` flows: of it at least one holds, and one is taken to hold. What was
/// seen beside weighs them.
pub(super) fn candidates(
    case: &Case,
    question: &Question,
    silent: &Flows,
    observed: &str,
    clues: &[Clue],
) -> hypothesis::Weighed {
    let mut found = hypotheses(case, question, silent);
    let group = format!("silence-{}", question.address);
    for (_, cause) in &mut found {
        cause.alternatives = Some(group.clone());
        cause
            .evidence
            .insert(0, Evidence { kind: Basis::Probes, text: observed.to_string(), supports: true });
    }
    weigh(found, clues, case.priors.second_fault)
}

/// Everything that may stop `silent` flows, each with its weight before anything was seen beside.
pub(super) fn hypotheses(case: &Case, question: &Question, silent: &Flows) -> Weighed {
    match (&question.answer, &case.topology) {
        (Some(answer), Some(topology)) => configured(case, question, topology, answer, silent),
        _ => by_prior(case, question, &case.priors.unconfigured, silent),
    }
}

type Weighed = Vec<(f64, CauseReport)>;

/// What may be where documents tell of the path: what they leave open, what they cannot show, and what
/// may have changed since.
fn configured(
    case: &Case,
    question: &Question,
    topology: &Topology,
    answer: &Answer,
    silent: &Flows,
) -> Weighed {
    let mut found: Weighed = Vec::new();
    for unknown in answer.unknowns() {
        let flows = unknown.flows.intersection(silent);
        let Some(part) = unknown.parts.first().filter(|_| !flows.is_empty()) else { continue };
        let explanation = unknown.gate.explain(topology, part);
        for fault in unnamed(&unknown) {
            let mut cause = show::candidate(case, fault.code, &fault.component, &flows);
            cause.direction = fault.direction;
            let unknown = explanation.summary.trim_end_matches('.');
            cause.summary = format!("{unknown}, and this may be what stops the packets.");
            cause.related =
                explanation.related.iter().map(|one| show::component(Some(topology), one)).collect();
            found.push((UNKNOWN_GATE_WEIGHT * fault.share, cause));
        }
    }
    let crosses_space = question
        .networks
        .as_ref()
        .is_some_and(|(one, other)| *one == NetworkId::Space || *other == NetworkId::Space);
    let unexplained = case.priors.unexplained.iter();
    let priors = unexplained.filter(|prior| crosses_space || prior.code != CauseCode::ConfigurationDisagrees);
    found.extend(priors.flat_map(|prior| by_prior(case, question, core::slice::from_ref(prior), silent)));
    let doubt = doubt_by_age(case.snapshot.as_ref().and_then(|snapshot| snapshot.age_seconds));
    for evaluated in answer.segments.iter().flat_map(|segment| &segment.gates) {
        let open = evaluated
            .parts
            .iter()
            .any(|part| part.decision == Decision::Admitted && evaluated.gate.is_hop(part));
        // What stops these packets by the documents has not to be changed for that.
        let stops = |part: &Part| {
            matches!(part.decision, Decision::Blocked(_)) && !part.flows.intersection(silent).is_empty()
        };
        if !open || evaluated.parts.iter().any(stops) {
            continue;
        }
        let faults = evaluated.gate.faults();
        let id = evaluated.gate.component().id().unwrap_or_default();
        let summary =
            format!("By the snapshot {id} lets the packets through; it may have been changed since.");
        let changed = faults.first().map_or(0.0, |usual| changed_since(usual.code) * doubt);
        for fault in &faults {
            let mut cause = show::candidate(case, fault.code, &fault.component, silent);
            cause.direction = fault.direction;
            cause.summary.clone_from(&summary);
            cause.may_have_changed = true;
            let known = |(_, other): &(f64, CauseReport)| {
                other.is_at_one_with(cause.code, &cause.component, cause.direction)
            };
            if !found.iter().any(known) {
                found.push((changed * fault.share, cause));
            }
        }
    }
    found
}

/// What may be wrong with a gate that is not known.
fn unnamed(unknown: &Blocker<'_>) -> Vec<Fault> {
    let faults = unknown.gate.faults();
    // Of a table that is known, the documents tell what it would be.
    let is_told = matches!(unknown.component, ComponentId::RouteTable(_))
        || !faults.iter().any(|fault| fault.code == unknown.code);
    if is_told {
        let component = unknown.component.clone();
        return Vec::from([Fault {
            code: unknown.code,
            share: 1.0,
            component,
            direction: unknown.direction,
        }]);
    }
    faults
}

fn by_prior(case: &Case, question: &Question, priors: &[Prior], silent: &Flows) -> Weighed {
    let weighed = |prior: &Prior| {
        let mut cause = show::candidate(case, prior.code, &component_of(case, question, prior.code), silent);
        cause.direction = prior.direction;
        cause.summary = match case.target.port {
            Some(_) => prior.summary.to_string(),
            None => prior.summary.replace(" to this port", ""),
        };
        (prior.weight, cause)
    };
    priors.iter().map(weighed).collect()
}

/// Where a cause would lie: the target's interface where it is known, else nobody knows which.
fn component_of(case: &Case, question: &Question, code: CauseCode) -> ComponentId {
    let component_type = code.cause().component;
    match (question.answer.is_some(), component_type) {
        (true, ComponentType::NetworkInterface) => show::owner(case, question, question.address),
        (false, ComponentType::NetworkInterface)
            if matches!(
                code,
                CauseCode::HostSilent | CauseCode::HostFirewall | CauseCode::HostOverloaded
            ) =>
        {
            ComponentId::Host(question.address)
        }
        // What can disagree without being seen is Heroku's side.
        (true, _) if code == CauseCode::ConfigurationDisagrees => ComponentId::Space,
        _ => ComponentId::Unknown(component_type),
    }
}
