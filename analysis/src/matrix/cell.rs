//! Sets of flows with what stands in their way, split by one gate after another.

use alloc::vec::Vec;

use super::Blame;
use crate::flow::Flows;
use crate::reach::gate::{Decision, Gate, Part};
use crate::topology::ComponentId;

/// Flows that the same things stand in the way of.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) flows: Flows,
    /// In the order of the path.
    pub(super) blames: Vec<Blame>,
}

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
fn anonymous(component: ComponentId) -> ComponentId {
    match component {
        ComponentId::NetworkInterface(_) => ComponentId::Unknown(component.component_type()),
        other => other,
    }
}

/// Splits cells by what a gate does.
pub(super) fn split(cells: Vec<Cell>, effects: &Effects) -> Vec<Cell> {
    if let [(None, _)] = effects.as_slice() {
        return cells;
    }
    let mut after: Vec<Cell> = Vec::new();
    for cell in cells {
        for (blame, flows) in effects {
            let flows = cell.flows.intersection(flows);
            if flows.is_empty() {
                continue;
            }
            let mut blames = cell.blames.clone();
            blames.extend(blame.clone().filter(|blame| !cell.blames.contains(blame)));
            match after.iter_mut().find(|known| known.blames == blames) {
                Some(known) => known.flows.add_disjoint(&flows),
                None => after.push(Cell { flows, blames }),
            }
        }
    }
    after
}
