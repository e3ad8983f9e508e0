//! Which addresses of a VPC a peering reaches: from a space the primary CIDR only, never a network
//! behind the VPC.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ipnet::IpNet;

use super::{Decision, Direction, Explanation, Gate, Part, Witness};
use crate::cause::CauseCode;
use crate::flow::{AddressRange, Flows};
use crate::reach::Site;
use crate::reach::site::End;
use crate::topology::{ComponentId, NetworkId, Omission, Topology};

/// The target's network as the other side of a peering sees it.
#[derive(Debug)]
pub struct VpcCidr {
    target: NetworkId,
    from_space: bool,
}

impl VpcCidr {
    /// The target's side of a crossing.
    #[must_use]
    pub fn new(source: &Site, target: &Site) -> Self {
        Self { target: target.network.clone(), from_space: source.network == NetworkId::Space }
    }

    fn primary(&self, topology: &Topology) -> Option<IpNet> {
        match &self.target {
            NetworkId::Vpc(id) => topology.vpc(id).and_then(|vpc| vpc.primary),
            NetworkId::Space => topology.space().and_then(|space| space.cidr),
        }
    }
}

impl Gate for VpcCidr {
    fn component(&self) -> ComponentId {
        match &self.target {
            NetworkId::Vpc(id) => ComponentId::Vpc(id.clone()),
            NetworkId::Space => ComponentId::Space,
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Forward)
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let mut rest = flows.clone();
        let mut parts = Vec::new();
        let mut take = |blocks: &[IpNet], decision: Decision, rest: &mut Flows| {
            for block in blocks {
                let range = AddressRange::from(*block);
                let taken: Flows =
                    rest.boxes().iter().filter_map(|flows| End::Destination.restrict(flows, range)).collect();
                if !taken.is_empty() {
                    *rest = rest.difference(&taken);
                    parts.push(Part { flows: taken, decision, witness: Witness::Nothing });
                }
            }
        };
        let all = topology.blocks_of(&self.target);
        if self.from_space {
            take(self.primary(topology).as_slice(), Decision::Admitted, &mut rest);
            take(&all, Decision::Blocked(CauseCode::SecondaryCidrUnreachable), &mut rest);
        } else {
            take(&all, Decision::Admitted, &mut rest);
        }
        if !rest.is_empty() {
            let decision = match (&self.target, all.is_empty()) {
                // Heroku says which blocks the space has, and they need not be complete.
                (NetworkId::Space, _) => Decision::Assumed,
                (_, true) => Decision::Unknown(CauseCode::TransitivePeering),
                (_, false) => Decision::Blocked(CauseCode::TransitivePeering),
            };
            parts.push(Part { flows: rest, decision, witness: Witness::Nothing });
        }
        parts
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let address = part.flows.sample().map(|flow| flow.destination.to_string()).unwrap_or_default();
        let blocks: Vec<String> = topology.blocks_of(&self.target).iter().map(ToString::to_string).collect();
        let primary = self.primary(topology).map(|cidr| cidr.to_string()).unwrap_or_default();
        let network = &self.target;
        match part.decision {
            Decision::Blocked(CauseCode::SecondaryCidrUnreachable) => Explanation {
                rule: "secondary CIDR".to_string(),
                summary: format!(
                    "{address} lies in a secondary CIDR of {network}: from a Private Space only the primary CIDR, {primary}, is reachable."
                ),
                evidence: vec![format!(
                    "{network} has the CIDRs {}, of which {primary} is the primary one",
                    blocks.join(", ")
                )],
                ..Explanation::default()
            },
            Decision::Blocked(_) => Explanation {
                rule: "not in the VPC".to_string(),
                summary: format!(
                    "{address} lies behind {network}, not in it: a peering reaches the peered VPC and no network beyond it."
                ),
                evidence: vec![format!("{network} has the CIDRs {}", blocks.join(", "))],
                ..Explanation::default()
            },
            Decision::Unknown(_) => Explanation {
                rule: "CIDRs unknown".to_string(),
                summary: format!("Which CIDRs {network} has is not known."),
                omission: Some(Omission {
                    what: format!("the CIDRs of {network}"),
                    reason: "no document gives them".to_string(),
                    would_tell: format!("whether a peering reaches {address}"),
                }),
                ..Explanation::default()
            },
            Decision::Admitted | Decision::Assumed => {
                let rule =
                    if self.from_space { format!("primary CIDR {primary}") } else { blocks.join(", ") };
                Explanation { rule, ..Explanation::default() }
            }
        }
    }
}
