//! What one gate does to flows.

use alloc::vec::Vec;

use super::Blame;
use crate::flow::Flows;
use crate::reach::gate::{Decision, Gate, Part};
use crate::topology::ComponentId;

/// What a gate does: flows by what stands in their way there, `None` where nothing does.
pub(super) type Effects = Vec<(Option<Blame>, Flows)>;

/// What a gate's parts come to. Which rule let flows through is of no matter here.
pub(super) fn effects(gate: &dyn Gate, parts: Vec<Part>) -> Effects {
    let mut effects: Effects = Vec::new();
    for part in parts {
        let blame = match part.decision {
            Decision::Admitted | Decision::Assumed | Decision::Consequence => None,
            Decision::Blocked(code) => Some((code, false)),
            Decision::Unknown(code) => Some((code, true)),
        };
        let blame = blame.map(|(code, unknown)| Blame {
            code,
            component: anonymous(gate.component_of(&part)),
            direction: gate.direction(),
            unknown,
        });
        match effects.iter_mut().find(|(known, _)| *known == blame) {
            Some((_, flows)) => flows.add_disjoint(&part.flows),
            None => effects.push((blame, part.flows)),
        }
    }
    effects
}

/// An interface is a target of its own, whose id says nothing about the others of its entry.
pub(super) fn anonymous(component: ComponentId) -> ComponentId {
    match component {
        ComponentId::NetworkInterface(_) => ComponentId::Unknown(component.component_type()),
        other => other,
    }
}
