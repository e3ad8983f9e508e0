//! The path of one flow, hop by hop, both ways.

use alloc::vec::Vec;

use super::show;
use crate::flow::Flow;
use crate::reach::{Answer, Decision, Direction};
use crate::report::{Action, Paths, Step};
use crate::topology::{ComponentType, Topology};

/// What each hop does to the flow. A hop that serves both ways is shown in both.
pub(super) fn paths(topology: &Topology, answer: &Answer, flow: &Flow) -> Paths {
    let mut paths = Paths::default();
    let Some(segment) = answer.segment_of(flow) else { return paths };
    let mut crossing = Vec::new();
    for (index, evaluated) in segment.gates.iter().enumerate() {
        let Some(part) = evaluated.part_of(flow) else { continue };
        if !evaluated.gate.is_hop(part) && part.decision == Decision::Admitted {
            continue;
        }
        let explanation = evaluated.explain(topology, part);
        let component = evaluated.gate.component();
        let action = match part.decision {
            Decision::Admitted if component.component_type() == ComponentType::RouteTable => Action::Routed,
            Decision::Admitted => Action::Allowed,
            Decision::Assumed => Action::Assumed,
            Decision::Blocked(_) | Decision::Consequence => Action::Dropped,
            Decision::Unknown(_) => Action::Unknown,
        };
        let step = Step {
            component: show::component(Some(topology), &component),
            action,
            rule: Some(explanation.rule).filter(|rule| !rule.is_empty()),
            detail: Some(explanation.summary).filter(|summary| !summary.is_empty()),
        };
        match evaluated.gate.direction() {
            Some(Direction::Forward) => paths.forward.push(step),
            Some(Direction::Return) => {
                if segment.crossing_back == Some(index) {
                    paths.back.append(&mut crossing);
                }
                paths.back.push(step);
            }
            None => {
                paths.forward.push(step.clone());
                crossing.push(step);
            }
        }
    }
    // Where nothing is known of the source's side, the crossing is the last hop that is.
    paths.back.extend(crossing);
    paths
}
