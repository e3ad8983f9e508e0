//! What a route hands packets to instead of a peering: a transit gateway, an appliance, a VPN. It may
//! carry them to the other VPC or not; what it does is not modelled, and that is said.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::{Decision, Direction, Explanation, Gate, Judges, Part, Witness};
use crate::cause::CauseCode;
use crate::flow::{Flows, cidr_words};
use crate::reach::site::End;
use crate::reach::{Carrier, Ways};
use crate::topology::{ComponentId, GatewayKind, Omission, RouteTarget, Topology};

use super::route::route_words;

/// A carrier that the effective table of one side has a route to.
#[derive(Debug)]
pub struct CarrierGate {
    carrier: Carrier,
    ways: Ways,
    direction: Direction,
}

impl CarrierGate {
    /// The carrier, on the way there or back.
    #[must_use]
    pub fn new(carrier: Carrier, ways: Ways, direction: Direction) -> Self {
        Self { carrier, ways, direction }
    }

    /// The carrier with the word for its kind.
    fn named(&self) -> String {
        let kind = self.carrier.target.component().component_type().words();
        format!("{kind} {}", self.carrier.target)
    }

    /// What is not known of it, as the end of a sentence.
    fn unknown(&self) -> &'static str {
        match &self.carrier.target {
            RouteTarget::Gateway(GatewayKind::TransitGateway, _) => {
                "where its own route tables send them is not known"
            }
            RouteTarget::Gateway(GatewayKind::VpcEndpoint, _) => {
                "what the appliances behind it do with them is not known"
            }
            RouteTarget::NetworkInterface(_) | RouteTarget::Instance(_) => {
                "what this appliance does with them is not known"
            }
            RouteTarget::Gateway(GatewayKind::NatGateway, _) => {
                "where it sends them on under its own address is not followed"
            }
            _ => "what lies behind it is not known",
        }
    }

    /// What documents tell of it beside the route.
    fn facts(&self, topology: &Topology) -> Vec<String> {
        let RouteTarget::Gateway(_, id) = &self.carrier.target else { return Vec::new() };
        let Some(gateway) = topology.gateway(id) else { return Vec::new() };
        let attachment = |one: &crate::topology::Attachment| {
            let state = one.state.as_ref().map(|state| format!(" ({state})")).unwrap_or_default();
            let table =
                one.route_table.as_ref().map(|table| format!(", whose route table for it is {table}"));
            format!("{}{state} is attached to {id}{}", one.resource, table.unwrap_or_default())
        };
        const SHOWN: usize = 6;
        gateway.attachments.iter().take(SHOWN).map(attachment).collect()
    }
}

impl Gate for CarrierGate {
    fn component(&self) -> ComponentId {
        self.carrier.target.component()
    }

    fn direction(&self) -> Option<Direction> {
        Some(self.direction)
    }

    fn judges(&self) -> Judges {
        if self.direction == Direction::Forward { Judges::Source } else { Judges::Target }
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let code = self.carrier.code;
        let mut rest = flows.clone();
        let mut parts = Vec::new();
        for carried in self.ways.carried(topology, self.direction, flows) {
            if carried.carrier == self.carrier {
                rest = rest.difference(&carried.flows);
                let witness = Witness::Rule(carried.route);
                if !self.carrier.stops {
                    parts.push(Part { flows: carried.flows, decision: Decision::Unknown(code), witness });
                    continue;
                }
                // What an active peering could have carried is the route's fault.
                let meant = self.ways.carried_by_peering(topology, self.direction, &carried.flows);
                let own = Part {
                    flows: carried.flows.difference(&meant),
                    decision: Decision::Blocked(code),
                    witness: witness.clone(),
                };
                parts.extend([own, Part { flows: meant, decision: Decision::Consequence, witness }]);
            }
        }
        parts.push(Part { flows: rest, decision: Decision::Admitted, witness: Witness::Elsewhere });
        parts.retain(|part| !part.flows.is_empty());
        parts
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let table = self.ways.table(topology, self.direction);
        let (Witness::Rule(index), Some((id, table))) = (&part.witness, table) else {
            return Explanation { rule: "not on the way".to_string(), ..Explanation::default() };
        };
        let route = table.routes.get(*index).map(route_words).unwrap_or_default();
        let end = if self.direction == Direction::Forward { End::Destination } else { End::Source };
        let addresses = cidr_words(&end.cidrs(&part.flows));
        let what = if self.direction == Direction::Forward { "packets" } else { "replies" };
        let named = self.named();
        let handed = format!("Route table {id} sends {what} for {addresses} to {named}");
        let related = vec![ComponentId::RouteTable(id.clone())];
        let mut evidence = vec![format!("{id} has the route {route}")];
        if self.carrier.stops {
            evidence.push(format!("the source/destination check of {} is on", self.carrier.target));
            return Explanation {
                rule: "source/destination check on".to_string(),
                summary: format!(
                    "{handed}, whose source/destination check is on: it drops what is not for its own addresses."
                ),
                evidence,
                related,
                omission: None,
            };
        }
        evidence.extend(self.facts(topology));
        let reason = match self.carrier.code {
            CauseCode::TgwRtbRoutesAreUnknown => "its attachments and route tables are not modelled",
            CauseCode::EniSourceDestCheckRestriction => {
                "no document gives its source/destination check, and what an appliance does is not modelled"
            }
            CauseCode::PathThroughGwlbNotChecked => "appliances behind load balancers are not modelled",
            _ => "what it does with packets is not modelled",
        };
        Explanation {
            rule: "not modelled".to_string(),
            summary: format!("{handed}; {}.", self.unknown()),
            evidence,
            related,
            omission: Some(Omission {
                what: format!("what {named} does with {what} for {addresses}"),
                reason: reason.to_string(),
                would_tell: "whether it carries them to the other side".to_string(),
            }),
        }
    }
}
