//! Gates that always let through: Heroku's side, which is invisible, and a group's memory of a flow
//! that it let in.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use peerscope_document::id::NetworkInterfaceId;

use super::{Decision, Direction, Explanation, Gate, Judges, Part, Witness};
use crate::flow::Flows;
use crate::topology::{ComponentId, Topology};

/// Heroku's routes, groups and ACLs: assumed to admit, and said to be.
#[derive(Debug)]
pub struct Assumed {
    direction: Direction,
}

impl Assumed {
    /// Heroku's side, one way.
    #[must_use]
    pub fn new(direction: Direction) -> Self {
        Self { direction }
    }
}

impl Gate for Assumed {
    fn component(&self) -> ComponentId {
        ComponentId::Space
    }

    fn direction(&self) -> Option<Direction> {
        Some(self.direction)
    }

    fn admit(&self, _: &Topology, flows: &Flows) -> Vec<Part> {
        vec![Part { flows: flows.clone(), decision: Decision::Assumed, witness: Witness::Nothing }]
    }

    fn explain(&self, _: &Topology, _: &Part) -> Explanation {
        Explanation {
            rule: "assumed".to_string(),
            summary: "Heroku's own routes and filters are shown to nobody; they are assumed to admit."
                .to_string(),
            ..Explanation::default()
        }
    }
}

/// The reply to a flow that a group let through: groups are stateful, so it needs no rule.
#[derive(Debug)]
pub struct Tracked {
    interface: NetworkInterfaceId,
}

impl Tracked {
    /// The groups of an interface, for replies.
    #[must_use]
    pub fn new(interface: &NetworkInterfaceId) -> Self {
        Self { interface: interface.clone() }
    }
}

impl Gate for Tracked {
    fn judges(&self) -> Judges {
        Judges::Interface
    }

    fn component(&self) -> ComponentId {
        ComponentId::NetworkInterface(self.interface.clone())
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Return)
    }

    fn admit(&self, _: &Topology, flows: &Flows) -> Vec<Part> {
        vec![Part { flows: flows.clone(), decision: Decision::Admitted, witness: Witness::Nothing }]
    }

    fn explain(&self, _: &Topology, _: &Part) -> Explanation {
        Explanation {
            rule: "tracked".to_string(),
            summary: "Security groups are stateful: the reply of an admitted flow needs no rule.".to_string(),
            ..Explanation::default()
        }
    }
}
