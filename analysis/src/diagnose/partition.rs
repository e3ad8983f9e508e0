//! What the configuration does to all that was asked, as the report shows it.

use alloc::vec::Vec;

use super::case::Question;
use super::show;
use crate::reach::Decision;
use crate::report::{Affects, CauseStatus, PartBlocker, PartReport, PartRule, Verdict};
use crate::topology::Topology;

/// The parts of a question, with what decides about each.
pub(super) fn parts(topology: &Topology, question: &Question) -> Vec<PartReport> {
    let Some(answer) = &question.answer else { return Vec::new() };
    let mut reports = Vec::new();
    for part in answer.partition() {
        let (mut blockers, mut rules) = (Vec::new(), Vec::new());
        for decider in &part.deciders {
            let gate = decider.gate.gate.as_ref();
            let component = show::component(Some(topology), &gate.component_of(decider.part));
            let direction = gate.direction();
            let status = match decider.part.decision {
                Decision::Blocked(_) => CauseStatus::Established,
                _ => CauseStatus::Candidate,
            };
            match decider.part.decision {
                Decision::Blocked(code) | Decision::Unknown(code) => {
                    blockers.push(PartBlocker { code, component, direction, status });
                }
                Decision::Admitted | Decision::Assumed | Decision::Consequence => {
                    if gate.is_hop(decider.part) {
                        let rule = gate.explain(topology, decider.part).rule;
                        rules.push(PartRule { component, direction, rule });
                    }
                }
            }
        }
        let verdict = match (part.is_blocked(), part.is_unknown()) {
            (true, _) => Verdict::Blocked,
            (_, true) => Verdict::Undetermined,
            _ => Verdict::Reachable,
        };
        reports.push(PartReport { verdict, flows: Affects::from(&part.flows), blockers, rules });
    }
    reports
}
