//! Whether two networks can be peered at all: their addresses must not overlap, and a space demands
//! private ones. Nothing of it can be changed afterwards, so it comes before the peering itself.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::id::VpcId;

use super::{Decision, Direction, Explanation, Gate, Part};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::Ways;
use crate::topology::{ComponentId, ComponentType, NetworkId, Peering, Topology};

/// RFC 1918: the blocks that a peered VPC's primary CIDR must lie in.
const PRIVATE: [(u8, u8, u8); 3] = [(10, 0, 8), (172, 16, 12), (192, 168, 16)];
/// Reserved by Heroku whatever the space's own blocks are ("Private Space Peering").
const RESERVED: (u8, u8, u8) = (172, 17, 16);

/// The address plans of the two sides of a crossing.
#[derive(Debug)]
pub struct AddressPlan {
    /// The customer's side, or the target's.
    vpc: Option<VpcId>,
    other: NetworkId,
    /// Other ways between the two than a peering.
    ways: Ways,
}

impl AddressPlan {
    /// The plans of two networks, of which one is the space or both are VPCs.
    #[must_use]
    pub fn new(source: &NetworkId, target: &NetworkId, ways: Ways) -> Self {
        match (source, target) {
            (_, NetworkId::Vpc(vpc)) => Self { vpc: Some(vpc.clone()), other: source.clone(), ways },
            (NetworkId::Vpc(vpc), _) => Self { vpc: Some(vpc.clone()), other: target.clone(), ways },
            _ => Self { vpc: None, other: target.clone(), ways },
        }
    }

    /// Whether the addresses alone rule a peering out: AWS fails every request between networks that overlap,
    /// and Heroku takes none of a VPC that is not private.
    pub(super) fn forbids(&self, topology: &Topology) -> bool {
        self.objection(topology).is_some()
    }

    /// What stands against a peering, with the two blocks that collide.
    fn objection(&self, topology: &Topology) -> Option<(CauseCode, IpNet, Option<IpNet>)> {
        let id = self.vpc.as_ref()?;
        let network = NetworkId::Vpc(id.clone());
        let joining = topology.intended_peering(&network, &self.other).map(|(_, peering)| peering);
        // What is active has been found acceptable by AWS and Heroku.
        if joining.is_some_and(Peering::is_active) {
            return None;
        }
        let vpc = topology.vpc(id)?;
        if let Some((one, other)) = overlap(&vpc.cidrs, &self.taken(topology)) {
            return Some((CauseCode::CidrOverlap, one, Some(other)));
        }
        // The failed request itself may remember an overlap that the VPC no longer has.
        let failed = joining.filter(|peering| peering.status == Some(PeeringStatusCode::Failed));
        let sides = failed.and_then(|peering| peering.sides(&network));
        if let Some((one, other)) = sides.and_then(|(own, other)| overlap(&own.cidrs, &other.cidrs)) {
            return Some((CauseCode::CidrOverlap, one, Some(other)));
        }
        let primary = vpc.primary.filter(|_| self.other == NetworkId::Space)?;
        let private = PRIVATE.into_iter().filter_map(block).any(|block| block.contains(&primary));
        (!private).then_some((CauseCode::NotRfc1918, primary, None))
    }

    /// The blocks that the VPC must keep clear of.
    fn taken(&self, topology: &Topology) -> Vec<IpNet> {
        let mut taken = topology.blocks_of(&self.other);
        if let (NetworkId::Space, Some(space)) = (&self.other, topology.space()) {
            taken.extend(&space.data_blocks);
            taken.extend(&space.unavailable_blocks);
            taken.extend(block(RESERVED));
        }
        taken
    }
}

fn overlap(ones: &[IpNet], others: &[IpNet]) -> Option<(IpNet, IpNet)> {
    let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| (*one, *other)));
    pairs.into_iter().find(|(one, other)| one.contains(other) || other.contains(one))
}

fn block((first, second, length): (u8, u8, u8)) -> Option<IpNet> {
    Ipv4Net::new([first, second, 0, 0].into(), length).ok().map(IpNet::V4)
}

impl Gate for AddressPlan {
    fn component(&self) -> ComponentId {
        self.vpc.clone().map_or(ComponentId::Unknown(ComponentType::Vpc), ComponentId::Vpc)
    }

    fn direction(&self) -> Option<Direction> {
        None
    }

    fn is_hop(&self, _: &Part) -> bool {
        false
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let objection = self.objection(topology);
        let decision = objection.map_or(Decision::Admitted, |(code, ..)| Decision::Blocked(code));
        super::beside(self.ways.elsewhere(topology, flows), flows, decision)
    }

    fn explain(&self, topology: &Topology, _: &Part) -> Explanation {
        let id = self.component().id().unwrap_or_default();
        match self.objection(topology) {
            Some((CauseCode::CidrOverlap, own, Some(taken))) => Explanation {
                rule: format!("{own} overlaps {taken}"),
                summary: format!(
                    "{id} cannot be peered with {}: its CIDR {own} overlaps {taken}.",
                    self.other
                ),
                evidence: vec![format!(
                    "{id} has {own}; {} has, or reserves, {taken}; a request between overlapping networks always fails",
                    self.other
                )],
                ..Explanation::default()
            },
            Some((_, primary, _)) => Explanation {
                rule: format!("{primary} is not private"),
                summary: format!(
                    "{id} cannot be peered with a space: its primary CIDR {primary} is not a private one (RFC 1918)."
                ),
                evidence: vec![format!("{id}'s primary CIDR is {primary}")],
                ..Explanation::default()
            },
            None => Explanation { rule: "no overlap".to_string(), ..Explanation::default() },
        }
    }
}
