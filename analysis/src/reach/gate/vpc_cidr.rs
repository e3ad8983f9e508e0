//! Which addresses of a VPC a peering reaches: from a space the primary CIDR only, never a network
//! behind the VPC.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ipnet::IpNet;

use super::{Decision, Direction, Explanation, Gate, Part, Witness};
use crate::cause::CauseCode;
use crate::flow::{Flows, cidr_words};
use crate::reach::routing::towards_block;
use crate::reach::site::End;
use crate::reach::{Site, Ways};
use crate::topology::{ComponentId, NetworkId, Omission, Topology};

/// A network as the other side of a peering sees it: the packets that go to it, or the replies.
#[derive(Debug)]
pub struct VpcCidr {
    network: NetworkId,
    from_space: bool,
    /// Which end of the flow lies in the network.
    end: End,
    direction: Direction,
    /// Other ways between the two than a peering.
    ways: Ways,
}

impl VpcCidr {
    /// The target's network, for packets that cross towards it.
    #[must_use]
    pub fn of_target(source: &Site, target: &Site, ways: Ways) -> Self {
        Self {
            network: target.network.clone(),
            from_space: source.network == NetworkId::Space,
            end: End::Destination,
            direction: Direction::Forward,
            ways,
        }
    }

    /// The source's network, for replies that cross back to it.
    #[must_use]
    pub fn of_source(source: &Site, target: &Site, ways: Ways) -> Self {
        Self {
            network: source.network.clone(),
            from_space: target.network == NetworkId::Space,
            end: End::Source,
            direction: Direction::Return,
            ways,
        }
    }

    fn primary(&self, topology: &Topology) -> Option<IpNet> {
        match &self.network {
            NetworkId::Vpc(id) => topology.vpc(id).and_then(|vpc| vpc.primary),
            NetworkId::Space | NetworkId::SpaceData => topology.space().and_then(|space| space.cidr),
        }
    }
}

impl Gate for VpcCidr {
    fn component(&self) -> ComponentId {
        match &self.network {
            NetworkId::Vpc(id) => ComponentId::Vpc(id.clone()),
            NetworkId::Space | NetworkId::SpaceData => ComponentId::Space,
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(self.direction)
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let elsewhere = self.ways.elsewhere(topology, flows);
        let mut rest = flows.difference(&elsewhere);
        let mut parts = Vec::new();
        if !elsewhere.is_empty() {
            parts.push(Part { flows: elsewhere, decision: Decision::Admitted, witness: Witness::Elsewhere });
        }
        let mut take = |blocks: &[IpNet], decision: Decision, rest: &mut Flows| {
            for block in blocks {
                let taken = towards_block(rest, self.end, *block);
                if !taken.is_empty() {
                    *rest = rest.difference(&taken);
                    parts.push(Part { flows: taken, decision, witness: Witness::Nothing });
                }
            }
        };
        let all = topology.blocks_of(&self.network);
        if self.from_space {
            take(self.primary(topology).as_slice(), Decision::Admitted, &mut rest);
            take(&all, Decision::Blocked(CauseCode::SecondaryCidrUnreachable), &mut rest);
        } else {
            take(&all, Decision::Admitted, &mut rest);
        }
        if !rest.is_empty() {
            let decision = match (&self.network, all.is_empty()) {
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
        let address = cidr_words(&self.end.cidrs(&part.flows));
        let blocks: Vec<String> = topology.blocks_of(&self.network).iter().map(ToString::to_string).collect();
        let primary = self.primary(topology).map(|cidr| cidr.to_string()).unwrap_or_default();
        let network = &self.network;
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
            Decision::Admitted | Decision::Assumed | Decision::Consequence => {
                let rule =
                    if self.from_space { format!("primary CIDR {primary}") } else { blocks.join(", ") };
                Explanation { rule, ..Explanation::default() }
            }
        }
    }
}
