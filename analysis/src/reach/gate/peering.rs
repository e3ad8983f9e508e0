//! The peering connection between two networks: it carries packets while it is active, both ways.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::id::{VpcId, VpcPeeringConnectionId};

use super::{AddressPlan, SpaceGeneration};
use super::{Decision, Direction, Explanation, Fault, Gate, Part, Witness, fault};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::{Site, Ways, intend};
use crate::repair::{Edit, creation, peering_plans};
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, Peering, Topology};

/// The intended peering of two networks, or its absence.
#[derive(Debug)]
pub struct PeeringGate {
    peering: Option<VpcPeeringConnectionId>,
    source: Site,
    target: Site,
    /// Without a peering: a VPC that is peered with both networks, behind which the target is.
    via: Option<VpcId>,
    /// Other ways between the two.
    ways: Ways,
}

impl PeeringGate {
    /// The crossing between two sites, and the peering meant to carry it.
    #[must_use]
    pub fn new(
        topology: &Topology,
        source: &Site,
        target: &Site,
        peering: Option<VpcPeeringConnectionId>,
        ways: Ways,
    ) -> Self {
        let via = if peering.is_some() { None } else { between(topology, &source.network, &target.network) };
        Self { peering, source: source.clone(), target: target.clone(), via, ways }
    }

    /// Whether no peering can ever join the two, so that its state is a consequence and no cause.
    fn is_ruled_out(&self, topology: &Topology) -> bool {
        let (source, target) = (&self.source.network, &self.target.network);
        let with_space = [source, target].contains(&&NetworkId::Space);
        (with_space && SpaceGeneration::forbids(topology))
            || AddressPlan::new(source, target, Ways::default()).forbids(topology)
    }

    /// Whether a peering of the two would be listed: both sides list one.
    fn is_listed(&self, topology: &Topology) -> bool {
        topology.lists_peerings_of(&self.source.network) || topology.lists_peerings_of(&self.target.network)
    }

    fn peering<'a>(&self, topology: &'a Topology) -> Option<&'a Peering> {
        topology.peering(self.peering.as_ref()?)
    }

    /// The plan that makes the peering, with the routes that each side's table needs then. `None` where that
    /// is not known to be what is missing: packets that travel another way, or may, need no peering, and
    /// what a table holds that nobody has seen is nobody's to plan.
    fn made(&self, topology: &Topology, flows: &Flows) -> Option<Vec<Edit>> {
        let missing = Decision::Blocked(CauseCode::PeeringMissing);
        if self.admit(topology, flows).iter().any(|part| part.decision != missing) {
            return None;
        }
        let mut plan = creation(topology, &self.source.network, &self.target.network)?;
        let mut after = topology.clone();
        plan.iter().for_each(|edit| edit.apply(&mut after));
        for gate in intend(&after, &self.source, &self.target).gates {
            let decisions: Vec<Decision> =
                gate.admit(&after, flows).into_iter().map(|part| part.decision).collect();
            if decisions.contains(&Decision::Unknown(CauseCode::NoRouteToDestination)) {
                return None;
            }
            let is_table = gate.component().component_type() == ComponentType::RouteTable;
            if is_table && decisions.iter().any(|decision| matches!(decision, Decision::Blocked(_))) {
                let routes = gate.repairs(&after, flows).into_iter().next()?;
                plan.extend(routes.into_iter().filter(|edit| !plan.contains(edit)).collect::<Vec<_>>());
            }
        }
        Some(plan)
    }
}

impl Gate for PeeringGate {
    fn component(&self) -> ComponentId {
        match &self.peering {
            Some(id) => ComponentId::VpcPeeringConnection(id.clone()),
            None if self.via.is_some() => {
                self.via.clone().map_or(ComponentId::Unknown(ComponentType::Vpc), ComponentId::Vpc)
            }
            None => ComponentId::Unknown(ComponentType::VpcPeeringConnection),
        }
    }

    fn direction(&self) -> Option<Direction> {
        None
    }

    fn faults(&self) -> Vec<Fault> {
        // One that is deleted is listed for two hours, then no more; made anew, it waits to be accepted.
        let shares = [(CauseCode::PeeringNotActive, 0.5), (CauseCode::PeeringPendingAcceptance, 0.2)];
        let mut faults = fault::at(&self.component(), None, &shares);
        faults.extend(fault::somewhere(None, &[(CauseCode::PeeringMissing, 0.3)]));
        faults
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let decision = match self.peering(topology) {
            None if self.via.is_some() => Decision::Blocked(CauseCode::TransitivePeering),
            None if self.is_ruled_out(topology) => Decision::Consequence,
            None if self.is_listed(topology) => Decision::Blocked(CauseCode::PeeringMissing),
            None => Decision::Unknown(CauseCode::PeeringMissing),
            Some(peering) => match &peering.status {
                Some(PeeringStatusCode::Active) => Decision::Admitted,
                _ if self.is_ruled_out(topology) => Decision::Consequence,
                Some(PeeringStatusCode::PendingAcceptance) => {
                    Decision::Blocked(CauseCode::PeeringPendingAcceptance)
                }
                None | Some(PeeringStatusCode::Other(_)) => Decision::Unknown(CauseCode::PeeringNotActive),
                Some(_) => Decision::Blocked(CauseCode::PeeringNotActive),
            },
        };
        let elsewhere = self.ways.elsewhere(topology, flows);
        let mut rest = flows.difference(&elsewhere);
        let mut parts = Vec::new();
        let mut add = |flows: Flows, decision: Decision, witness: Witness| {
            if !flows.is_empty() {
                parts.push(Part { flows, decision, witness });
            }
        };
        add(elsewhere, Decision::Admitted, Witness::Elsewhere);
        if self.peering.is_none() {
            // Where the tables are not known, another way may be there.
            let undecided = self.ways.undecided(topology, &rest);
            rest = rest.difference(&undecided);
            add(undecided, Decision::Unknown(CauseCode::PeeringMissing), Witness::Nothing);
        }
        add(rest, decision, Witness::Nothing);
        parts
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let (source, target) = (&self.source.network, &self.target.network);
        let between = format!("{source} and {target}");
        let Some((id, peering)) = self.peering.as_ref().zip(self.peering(topology)) else {
            if let Some(via) = &self.via {
                return Explanation {
                    rule: "no transit".to_string(),
                    summary: format!(
                        "{target} lies behind {via}, which is peered with both: a peering carries no packets through a VPC."
                    ),
                    evidence: vec![
                        format!("no listed VPC peering connection joins {between}"),
                        format!("{via} is peered with {source} and with {target}"),
                    ],
                    ..Explanation::default()
                };
            }
            let unknown = matches!(part.decision, Decision::Unknown(_));
            let omission = unknown.then(|| match self.is_listed(topology) {
                false => Omission {
                    what: "the VPC peering connections".to_string(),
                    reason: "no document lists them for either".to_string(),
                    would_tell: format!("whether {between} are peered"),
                },
                true => Omission {
                    what: format!("the route tables of {between}"),
                    reason: "the snapshot does not hold them, and no peering joins the two".to_string(),
                    would_tell: "whether packets travel another way, such as over a transit gateway"
                        .to_string(),
                },
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
            // Nothing is wrong with it.
            Some(PeeringStatusCode::Active) => String::new(),
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

    fn repairs(&self, topology: &Topology, flows: &Flows) -> Vec<Vec<Edit>> {
        match self.peering.as_ref().zip(self.peering(topology)) {
            Some((id, peering)) => peering_plans(topology, id, peering),
            None => self.made(topology, flows).into_iter().collect(),
        }
    }

    /// Tables are of subnets, and a peering is of networks: machines of one subnet need the same.
    fn repaired_alike(&self) -> Option<(Site, Site)> {
        let around = |site: &Site| Site { interface: None, ..site.clone() };
        Some((around(&self.source), around(&self.target)))
    }
}

/// A VPC that is peered with both networks.
pub(in crate::reach) fn between(topology: &Topology, one: &NetworkId, other: &NetworkId) -> Option<VpcId> {
    let joins = |network: &NetworkId, end: &NetworkId| topology.intended_peering(network, end).is_some();
    topology
        .vpcs()
        .map(|(id, _)| id)
        .find(|id| {
            let network = NetworkId::Vpc((*id).clone());
            network != *one && network != *other && joins(&network, one) && joins(&network, other)
        })
        .cloned()
}

fn seen_by(peering: &Peering) -> String {
    match (&peering.heroku_status, peering.seen_by_aws) {
        (Some(heroku), true) if peering.status.as_ref() != Some(heroku) => {
            format!(" by AWS, {heroku} by Heroku; AWS's word counts")
        }
        (Some(_), true) => " by AWS and Heroku".to_string(),
        (Some(_), false) => " by Heroku".to_string(),
        (None, true) => " by AWS".to_string(),
        (None, false) => " by the routes that lead over it; no document lists it".to_string(),
    }
}
