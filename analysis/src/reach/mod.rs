//! What the configuration does to a set of flows: every gate that stands in the way, both directions.
//!
//! A walk from hop to hop cannot tell every blocker: past a missing route there is no next hop. So
//! there are two steps. [`intend`] gives, from the topology alone and ignoring state, the ordered gates
//! that a flow must pass on its way there and back. Each gate then splits the WHOLE set into admitted,
//! blocked and unknown, whatever the others do to it. What all admit is reachable; every gate with a
//! blocked part is a blocker.

mod answer;
pub mod gate;
mod intend;
mod partition;
mod routing;
mod site;
mod ways;

pub use answer::{Answer, Blocker, Evaluated, Opening, Segment};
pub use gate::{Decision, Direction, Fault, Gate, Part, Witness};
pub use intend::{Intended, intend};
pub use partition::{Decider, PartitionPart};
pub use site::{End, Site, fitting_networks, pair_networks};
pub use ways::{Carried, Carrier, Ways};

use alloc::vec::Vec;

use crate::flow::Flows;
use crate::topology::{NetworkId, Topology};

/// What the configuration does to `flows`, whose sources are addresses of the network `source` and
/// whose destinations are addresses of the network `target`. Addresses outside their network's blocks
/// are taken as being in it all the same: the caller chose the networks ([`pair_networks`]).
#[must_use]
pub fn reach(topology: &Topology, source: &NetworkId, target: &NetworkId, flows: &Flows) -> Answer {
    let mut segments = Vec::new();
    for (source, flows) in site::split(topology, source, flows, End::Source) {
        for (target, flows) in site::split(topology, target, &flows, End::Destination) {
            let Intended { gates, crossing_back } = intend(topology, &source, &target);
            let evaluate = |gate: alloc::boxed::Box<dyn Gate>| {
                let parts = gate.admit(topology, &flows);
                Evaluated { gate, parts }
            };
            let gates = gates.into_iter().map(evaluate).collect();
            segments.push(Segment { source: source.clone(), target, flows, gates, crossing_back });
        }
    }
    Answer { segments }
}
