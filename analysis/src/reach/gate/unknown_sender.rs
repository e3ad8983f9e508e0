//! The groups of a source whose interface no document shows.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::{Decision, Direction, Explanation, Fault, Gate, Judges, Part, Witness, fault};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::Site;
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, Topology};

/// Stands where the groups of the source's interface would stand, in a VPC of which the snapshot holds no
/// interface: some group guards the source, and nobody knows which.
#[derive(Debug)]
pub struct UnknownSender {
    network: NetworkId,
}

impl UnknownSender {
    /// The source's network.
    #[must_use]
    pub fn new(site: &Site) -> Self {
        Self { network: site.network.clone() }
    }
}

impl Gate for UnknownSender {
    fn component(&self) -> ComponentId {
        ComponentId::Unknown(ComponentType::NetworkInterface)
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Forward)
    }

    fn judges(&self) -> Judges {
        Judges::Source
    }

    fn faults(&self) -> Vec<Fault> {
        fault::at(&self.component(), self.direction(), &fault::OF_GROUPS)
    }

    fn admit(&self, _: &Topology, flows: &Flows) -> Vec<Part> {
        let decision = Decision::Unknown(CauseCode::EniSgRulesMismatch);
        vec![Part { flows: flows.clone(), decision, witness: Witness::Nothing }]
    }

    fn explain(&self, _: &Topology, part: &Part) -> Explanation {
        let address = part.flows.sample().map(|flow| flow.source.to_string()).unwrap_or_default();
        Explanation {
            rule: "interface not in the snapshot".to_string(),
            summary: format!("The security groups of {address} may not let the packets out."),
            omission: Some(Omission {
                what: format!("the network interfaces of {}", self.network),
                reason: "the snapshot holds none of them".to_string(),
                would_tell: format!("which security groups guard {address}, and what they let out"),
            }),
            ..Explanation::default()
        }
    }
}
