//! Whether anything owns the target's address.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::{Decision, Direction, Explanation, Fault, Gate, Judges, Part, Witness, fault};
use crate::cause::CauseCode;
use crate::flow::{AddressRange, Flows};
use crate::reach::{End, Site, Ways};
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, Topology};

/// Stands where an interface's groups would stand: the address is owned by no interface that the
/// snapshot knows.
#[derive(Debug)]
pub struct AddressOwner {
    site: Site,
    /// Whether packets come from another network: then an address outside the VPC's blocks is transit.
    crossing: bool,
    /// Other ways there than a peering.
    ways: Ways,
}

impl AddressOwner {
    /// A site without an interface.
    #[must_use]
    pub fn new(site: &Site, crossing: bool, ways: Ways) -> Self {
        Self { site: site.clone(), crossing, ways }
    }
}

impl Gate for AddressOwner {
    fn component(&self) -> ComponentId {
        match (&self.site.subnet, &self.site.network) {
            (Some(subnet), _) => ComponentId::Subnet(subnet.clone()),
            (None, NetworkId::Vpc(vpc)) => ComponentId::Vpc(vpc.clone()),
            (None, NetworkId::Space | NetworkId::SpaceData) => ComponentId::Unknown(ComponentType::Vpc),
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Forward)
    }

    fn judges(&self) -> Judges {
        Judges::Interface
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults =
            fault::at(&self.component(), self.direction(), &[(CauseCode::UnknownDestination, 0.5)]);
        // Where somebody has it, the groups of that interface are not known either.
        let groups = fault::OF_GROUPS.map(|(code, share)| (code, share * 0.5));
        faults.extend(fault::somewhere(self.direction(), &groups));
        faults
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let known = matches!(&self.site.network, NetworkId::Vpc(vpc) if topology.knows_interfaces_of(vpc));
        let code = CauseCode::UnknownDestination;
        let decision = if known { Decision::Blocked(code) } else { Decision::Unknown(code) };
        let blocks = topology.blocks_of(&self.site.network);
        let mut parts = Vec::new();
        let mut inside = flows.clone();
        if self.crossing && !blocks.is_empty() {
            let within = blocks.into_iter().map(AddressRange::from).flat_map(|block| {
                flows.boxes().iter().filter_map(move |flows| End::Destination.restrict(flows, block))
            });
            inside = within.collect();
            // Outside of the VPC's own blocks nobody can have an address in it: that is transit, and said
            // as that.
            let outside = flows.difference(&inside);
            if !outside.is_empty() {
                let elsewhere = self.ways.elsewhere(topology, &outside);
                parts.extend(super::beside(elsewhere, &outside, Decision::Consequence));
            }
        }
        if !inside.is_empty() {
            parts.push(Part { flows: inside, decision, witness: Witness::Nothing });
        }
        parts
    }

    fn explain(&self, _: &Topology, part: &Part) -> Explanation {
        let address = part.flows.sample().map(|flow| flow.destination.to_string()).unwrap_or_default();
        let place = self.component().id().unwrap_or_default();
        let omission = matches!(part.decision, Decision::Unknown(_)).then(|| Omission {
            what: format!("the network interfaces of {}", self.site.network),
            reason: "the snapshot holds none of them".to_string(),
            would_tell: format!("whether anything owns {address}, and which security groups guard it"),
        });
        Explanation {
            rule: "no interface".to_string(),
            summary: format!("No network interface owns {address} in {place}."),
            evidence: vec![format!(
                "no interface of {} in the snapshot has the address {address}",
                self.site.network
            )],
            omission,
            ..Explanation::default()
        }
    }
}
