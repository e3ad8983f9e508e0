//! The peering connection between two networks: it carries packets while it is active, both ways.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::id::VpcPeeringConnectionId;

use super::{Decision, Direction, Explanation, Gate, Part, Witness};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::Site;
use crate::repair::{Edit, peering_plans};
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, Peering, Topology};

/// The intended peering of two networks, or its absence.
#[derive(Debug)]
pub struct PeeringGate {
    peering: Option<VpcPeeringConnectionId>,
    source: NetworkId,
    target: NetworkId,
}

impl PeeringGate {
    /// The crossing between two sites, and the peering meant to carry it.
    #[must_use]
    pub fn new(source: &Site, target: &Site, peering: Option<VpcPeeringConnectionId>) -> Self {
        Self { peering, source: source.network.clone(), target: target.network.clone() }
    }

    fn peering<'a>(&self, topology: &'a Topology) -> Option<&'a Peering> {
        topology.peering(self.peering.as_ref()?)
    }
}

impl Gate for PeeringGate {
    fn component(&self) -> ComponentId {
        match &self.peering {
            Some(id) => ComponentId::VpcPeeringConnection(id.clone()),
            None => ComponentId::Unknown(ComponentType::VpcPeeringConnection),
        }
    }

    fn direction(&self) -> Option<Direction> {
        None
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let decision = match self.peering(topology) {
            None if topology.lists_peerings() => Decision::Blocked(CauseCode::PeeringMissing),
            None => Decision::Unknown(CauseCode::PeeringMissing),
            Some(peering) => match &peering.status {
                Some(PeeringStatusCode::Active) => Decision::Admitted,
                Some(PeeringStatusCode::PendingAcceptance) => {
                    Decision::Blocked(CauseCode::PeeringPendingAcceptance)
                }
                None | Some(PeeringStatusCode::Other(_)) => Decision::Unknown(CauseCode::PeeringNotActive),
                Some(_) => Decision::Blocked(CauseCode::PeeringNotActive),
            },
        };
        vec![Part { flows: flows.clone(), decision, witness: Witness::Nothing }]
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let between = format!("{} and {}", self.source, self.target);
        let Some((id, peering)) = self.peering.as_ref().zip(self.peering(topology)) else {
            let omission = matches!(part.decision, Decision::Unknown(_)).then(|| Omission {
                what: "the VPC peering connections".to_string(),
                reason: "no document lists them".to_string(),
                would_tell: format!("whether {between} are peered"),
            });
            return Explanation {
                rule: "no peering".to_string(),
                summary: format!("There is no VPC peering connection between {between}."),
                evidence: vec![format!("no listed VPC peering connection joins {between}")],
                omission,
                ..Explanation::default()
            };
        };
        let status =
            peering.status.as_ref().map_or_else(|| "of unknown state".to_string(), ToString::to_string);
        let mut evidence = vec![format!("{id} is {status}{}", seen_by(peering))];
        if let Some(message) = &peering.status_message {
            evidence.push(format!("AWS's message: {message}"));
        }
        let summary = match &peering.status {
            Some(PeeringStatusCode::PendingAcceptance) => {
                let until = peering
                    .expires
                    .as_ref()
                    .map(|until| format!(" It expires at {until}."))
                    .unwrap_or_default();
                format!("VPC peering connection {id} waits to be accepted.{until}")
            }
            Some(PeeringStatusCode::Expired) => {
                format!("VPC peering connection {id} has expired: nobody accepted it within seven days.")
            }
            Some(PeeringStatusCode::Failed) => {
                format!("VPC peering connection {id} failed; with overlapping CIDRs it always does.")
            }
            _ => format!("VPC peering connection {id} is {status}, not active."),
        };
        let omission = matches!(part.decision, Decision::Unknown(_)).then(|| Omission {
            what: format!("the state of {id}"),
            reason: "no document gives it in a known word".to_string(),
            would_tell: format!("whether packets cross between {between}"),
        });
        Explanation { rule: status, summary, evidence, related: Vec::new(), omission }
    }

    fn repairs(&self, topology: &Topology, _: &Flows) -> Vec<Vec<Edit>> {
        match self.peering.as_ref().zip(self.peering(topology)) {
            Some((id, peering)) => peering_plans(topology, id, peering),
            None => Vec::new(),
        }
    }
}

fn seen_by(peering: &Peering) -> String {
    match (&peering.heroku_status, peering.seen_by_aws) {
        (Some(heroku), true) if peering.status.as_ref() != Some(heroku) => {
            format!(" by AWS, {heroku} by Heroku; AWS's word counts")
        }
        (Some(_), true) => " by AWS and Heroku".to_string(),
        (Some(_), false) => " by Heroku".to_string(),
        (None, _) => " by AWS".to_string(),
    }
}
