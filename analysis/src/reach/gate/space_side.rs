//! What rules the space's side out altogether: its generation, and its data services.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::{Decision, Direction, Explanation, Gate, Part, Witness};
use crate::cause::CauseCode;
use crate::flow::{Flows, cidr_words};
use crate::topology::{ComponentId, Topology};

/// The space's generation: Fir cannot be peered.
#[derive(Debug)]
pub struct SpaceGeneration;

impl SpaceGeneration {
    /// Whether the space's generation rules a peering out.
    pub(super) fn forbids(topology: &Topology) -> bool {
        topology.space().is_some_and(|space| space.generation.as_deref() == Some("fir"))
    }
}

impl Gate for SpaceGeneration {
    fn component(&self) -> ComponentId {
        ComponentId::Space
    }

    fn direction(&self) -> Option<Direction> {
        None
    }

    fn is_hop(&self, _: &Part) -> bool {
        false
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let decision = if Self::forbids(topology) {
            Decision::Blocked(CauseCode::GenerationUnsupported)
        } else {
            Decision::Admitted
        };
        vec![Part { flows: flows.clone(), decision, witness: Witness::Nothing }]
    }

    fn explain(&self, topology: &Topology, _: &Part) -> Explanation {
        let space = topology.space();
        let generation = space.and_then(|space| space.generation.clone()).unwrap_or_default();
        let name = space.and_then(|space| space.name.clone()).unwrap_or_default();
        Explanation {
            rule: generation.clone(),
            summary: format!("Space {name} is of the {generation} generation, which cannot be peered."),
            evidence: vec![format!("Heroku gives the generation of {name} as {generation}")],
            ..Explanation::default()
        }
    }
}

/// Heroku's data services: they live behind the space, and a peering carries nothing through it.
#[derive(Debug)]
pub struct DataService;

impl Gate for DataService {
    fn component(&self) -> ComponentId {
        ComponentId::Space
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Forward)
    }

    fn admit(&self, _: &Topology, flows: &Flows) -> Vec<Part> {
        let decision = Decision::Blocked(CauseCode::DataServiceUnreachable);
        vec![Part { flows: flows.clone(), decision, witness: Witness::Nothing }]
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let address = cidr_words(&part.flows.destinations());
        let blocks = topology.space().map(|space| cidr_words(&space.data_blocks)).unwrap_or_default();
        Explanation {
            rule: "data service".to_string(),
            summary: format!(
                "{address} is one of Heroku's data services ({blocks}), which no customer's peering reaches."
            ),
            evidence: vec![format!("{address} lies in {blocks}, the network of the space's data services")],
            ..Explanation::default()
        }
    }
}
