//! The side of a VPC that only a peering names: its settings exist, and no document shows them.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::{Decision, Direction, Explanation, Fault, Gate, Part, Witness, fault};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::{End, Site};
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, Topology};

/// A VPC whose subnets, route tables, groups and ACLs are not in the snapshot.
#[derive(Debug)]
pub struct Undocumented {
    network: NetworkId,
    end: End,
}

impl Undocumented {
    /// The site's network, at this end of the flows.
    #[must_use]
    pub fn new(site: &Site, end: End) -> Self {
        Self { network: site.network.clone(), end }
    }
}

impl Gate for Undocumented {
    fn component(&self) -> ComponentId {
        match &self.network {
            NetworkId::Vpc(id) => ComponentId::Vpc(id.clone()),
            NetworkId::Space | NetworkId::SpaceData => ComponentId::Unknown(ComponentType::Vpc),
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Forward)
    }

    fn faults(&self) -> Vec<Fault> {
        let (forward, routed) = match self.end {
            End::Source => (Some(Direction::Forward), Some(Direction::Forward)),
            End::Destination => (Some(Direction::Forward), Some(Direction::Return)),
        };
        let mut faults = fault::somewhere(forward, &fault::OF_GROUPS);
        faults.extend(fault::somewhere(routed, &fault::OF_TABLE));
        faults.extend(fault::somewhere(None, &fault::OF_ACL));
        if self.end == End::Destination {
            // Part of what is said of groups: a host that is not there has none.
            faults.extend(fault::somewhere(forward, &[(CauseCode::UnknownDestination, 0.3)]));
        }
        faults
    }

    fn admit(&self, _: &Topology, flows: &Flows) -> Vec<Part> {
        let decision = Decision::Unknown(CauseCode::NoRouteToDestination);
        vec![Part { flows: flows.clone(), decision, witness: Witness::Nothing }]
    }

    fn explain(&self, _: &Topology, _: &Part) -> Explanation {
        Explanation {
            rule: "not in the snapshot".to_string(),
            summary: format!("The settings of {} are not in the snapshot.", self.network),
            omission: Some(Omission {
                what: format!("subnets, route tables, security groups and network ACLs of {}", self.network),
                reason: "only a peering connection names this VPC".to_string(),
                would_tell: "whether its own side lets these packets through".to_string(),
            }),
            ..Explanation::default()
        }
    }
}
