//! Route tables: whether the effective table of a subnet sends packets over the intended peering.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use peerscope_document::aws::{Route, RouteState};
use peerscope_document::id::{RouteTableId, SubnetId, VpcPeeringConnectionId};

use super::{Decision, Direction, Explanation, Fault, Gate, Judges, Part, Witness, fault};
use crate::cause::CauseCode;
use crate::flow::{FirstMatch, Flows, cidr_words};
use crate::reach::routing::{Candidate, candidates, has_unlisted_destination, towards_block, winners};
use crate::reach::site::End;
use crate::reach::{Carried, Site, Ways};
use crate::repair::{Edit, route_plans};
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, RouteTable, RouteTarget, Topology};

/// The effective route table of a subnet, for packets towards another network.
#[derive(Debug)]
pub struct RouteGate {
    table: Option<RouteTableId>,
    subnet: Option<SubnetId>,
    towards: NetworkId,
    /// The peering meant to carry them; `None` where no peering joins the two networks.
    peering: Option<VpcPeeringConnectionId>,
    /// Which end of the flow the routed packets go to.
    end: End,
    direction: Direction,
    /// Other ways between the two than the peering.
    ways: Ways,
}

impl RouteGate {
    /// The table that routes the site's packets towards the other site, over the given peering.
    #[must_use]
    pub fn new(
        topology: &Topology,
        site: &Site,
        towards: &Site,
        peering: Option<VpcPeeringConnectionId>,
        end: End,
        direction: Direction,
        ways: Ways,
    ) -> Self {
        let table = site.subnet.as_ref().and_then(|subnet| topology.effective_route_table(subnet));
        Self {
            table: table.map(|(id, _)| id.clone()),
            subnet: site.subnet.clone(),
            towards: towards.network.clone(),
            peering,
            end,
            direction,
            ways,
        }
    }

    fn table<'a>(&self, topology: &'a Topology) -> Option<&'a RouteTable> {
        topology.route_table(self.table.as_ref()?)
    }

    fn is_over_peering(&self, route: &Route) -> bool {
        self.peering.is_some() && route.vpc_peering_connection_id == self.peering
    }

    /// The candidates that lead over the peering, each with its place.
    fn over_peering<'a, 'b>(&self, candidates: &'b [Candidate<'a>]) -> Vec<(usize, &'b Candidate<'a>)> {
        candidates.iter().enumerate().filter(|(_, one)| self.is_over_peering(one.route)).collect()
    }

    /// What each route of the table does.
    fn routed(&self, topology: &Topology, table: &RouteTable, flows: &Flows) -> Vec<Part> {
        let none = CauseCode::NoRouteToDestination;
        let carried = self.ways.carried(topology, self.direction, flows);
        let candidates = candidates(topology, table);
        let mut rest = flows.clone();
        let mut parts = Vec::new();
        for carried in carried {
            rest = rest.difference(&carried.flows);
            parts.extend(self.handed_over(topology, &candidates, carried));
        }
        let rivals = self.over_peering(&candidates);
        let FirstMatch { decided, rest } = winners(&candidates, &rest, self.end);
        for (at, mut taken) in decided {
            let Some(winner) = candidates.get(at) else { continue };
            // What another route takes is cut by the routes over the peering that it beats.
            let beaten = if self.is_over_peering(winner.route) { &[][..] } else { &rivals[..] };
            for (_, rival) in beaten.iter().filter(|(place, _)| *place > at) {
                let contested = towards_block(&taken, self.end, rival.destination);
                if !contested.is_empty() {
                    taken = taken.difference(&contested);
                    let decision = self.decide(topology, winner, Some(rival));
                    parts.push(Part { flows: contested, decision, witness: Witness::Rule(winner.index) });
                }
            }
            if !taken.is_empty() {
                let decision = self.decide(topology, winner, None);
                let witness = Witness::Rule(winner.index);
                // A prefix list is one route, however many entries it has.
                let same = |one: &&mut Part| one.decision == decision && one.witness == witness;
                match parts.last_mut().filter(same) {
                    Some(known) => known.flows.add_disjoint(&taken),
                    None => parts.push(Part { flows: taken, decision, witness }),
                }
            }
        }
        if !rest.is_empty() {
            parts.push(Part { flows: rest, decision: Decision::Blocked(none), witness: Witness::Nothing });
        }
        let unlisted = table.routes.iter().position(|route| {
            let leads_there = self.is_over_peering(route) || self.ways.takes(topology, route);
            leads_there && has_unlisted_destination(topology, route)
        });
        if let Some(index) = unlisted {
            // A route for a prefix list of unknown entries may be the missing one.
            for part in &mut parts {
                if part.decision == Decision::Blocked(none) {
                    part.decision = Decision::Unknown(none);
                    part.witness = Witness::Rule(index);
                }
            }
        }
        parts
    }

    /// What a table does that hands packets to a carrier. Without an active peering it does its part, and
    /// what becomes of the packets is the carrier's to say. Beside an active one the route may be the very
    /// fault, and is where the carrier certainly stops them.
    fn handed_over(&self, topology: &Topology, candidates: &[Candidate<'_>], carried: Carried) -> Vec<Part> {
        let Carried { carrier, route, flows } = carried;
        let witness = Witness::Rule(route);
        let meant = self.ways.carried_by_peering(topology, self.direction, &flows);
        let decide = |winner: &Candidate<'_>, rival: Option<&Candidate<'_>>| match self
            .decide(topology, winner, rival)
        {
            Decision::Blocked(code) if !carrier.stops => Decision::Unknown(code),
            decision => decision,
        };
        let rest = flows.difference(&meant);
        let mut parts = vec![Part { flows: rest, decision: Decision::Admitted, witness: witness.clone() }];
        let rivals = self.over_peering(candidates);
        let FirstMatch { decided, .. } = winners(candidates, &meant, self.end);
        for (at, mut taken) in decided {
            let Some(winner) = candidates.get(at).filter(|one| one.index == route) else { continue };
            for (_, rival) in rivals.iter().filter(|(place, _)| *place > at) {
                let contested = towards_block(&taken, self.end, rival.destination);
                taken = taken.difference(&contested);
                let decision = decide(winner, Some(rival));
                parts.push(Part { flows: contested, decision, witness: witness.clone() });
            }
            parts.push(Part { flows: taken, decision: decide(winner, None), witness: witness.clone() });
        }
        parts.retain(|part| !part.flows.is_empty());
        parts
    }

    /// Whether the words of a part are to speak of the peering.
    fn is_meant_over_peering(&self, topology: &Topology, part: &Part) -> bool {
        self.ways.peering_is_active(topology)
            || (self.peering.is_some() && self.ways.elsewhere(topology, &part.flows).is_empty())
    }

    /// What the route does to packets that it wins, `rival` being a route over the peering that loses.
    fn decide(&self, topology: &Topology, winner: &Candidate<'_>, rival: Option<&Candidate<'_>>) -> Decision {
        let intended = self.peering.as_ref().and_then(|id| topology.peering(id));
        let intended_is_active = intended.is_some_and(crate::topology::Peering::is_active);
        let dead = winner.route.state == Some(RouteState::Blackhole);
        if self.is_over_peering(winner.route) {
            return match (dead, intended_is_active) {
                (true, true) => Decision::Blocked(CauseCode::BadStateRoute),
                // While the peering itself is not active its routes are blackholes because of that.
                (true, false) => Decision::Consequence,
                (false, _) => Decision::Admitted,
            };
        }
        Decision::Blocked(match rival {
            Some(rival) if rival.destination.prefix_len() < winner.destination.prefix_len() => {
                CauseCode::MoreSpecificRoute
            }
            Some(_) => CauseCode::HigherPriorityRoute,
            // A wrong peering counts as such only while the right one could carry the packets.
            None if winner.route.vpc_peering_connection_id.is_some() && intended_is_active => {
                CauseCode::BadStateRoute
            }
            None => CauseCode::NoRouteToDestination,
        })
    }
}

/// Without a peering that joins the two, a table lacks a route only for packets that another way carries
/// in the other direction; that the rest has none is a consequence.
fn without_peering(part: Part, elsewhere: &Flows) -> Vec<Part> {
    if part.decision == Decision::Admitted {
        return vec![part];
    }
    let inside = Part { flows: part.flows.intersection(elsewhere), ..part.clone() };
    let outside = part.flows.difference(elsewhere);
    let outside = Part { flows: outside, decision: Decision::Consequence, witness: part.witness };
    [inside, outside].into_iter().filter(|part| !part.flows.is_empty()).collect()
}

/// What a table has for packets that a space sends or gets over its VPN is not judged.
fn beside_vpn(part: Part, elsewhere: &Flows) -> Vec<Part> {
    let inside = part.flows.intersection(elsewhere);
    let inside = Part { flows: inside, decision: Decision::Admitted, witness: Witness::Elsewhere };
    let outside = Part { flows: part.flows.difference(elsewhere), ..part };
    [inside, outside].into_iter().filter(|part| !part.flows.is_empty()).collect()
}

fn destination_words(route: &Route) -> String {
    let cidr = route.destination_cidr_block.or(route.destination_ipv6_cidr_block);
    let list = route.destination_prefix_list_id.as_ref().map(ToString::to_string);
    cidr.map(|cidr| cidr.to_string()).or(list).unwrap_or_else(|| "an unknown destination".to_string())
}

/// A route as one reads it in a table: `10.0.0.0/16 → pcx-…`, with its state where it is not active.
pub(crate) fn route_words(route: &Route) -> String {
    let state = match &route.state {
        Some(RouteState::Active) | None => String::new(),
        Some(state) => format!(" ({state})"),
    };
    format!("{} → {}{state}", destination_words(route), RouteTarget::of(route))
}

impl Gate for RouteGate {
    fn component(&self) -> ComponentId {
        match &self.table {
            Some(id) => ComponentId::RouteTable(id.clone()),
            None => ComponentId::Unknown(ComponentType::RouteTable),
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(self.direction)
    }

    fn judges(&self) -> Judges {
        if self.direction == Direction::Forward { Judges::Source } else { Judges::Target }
    }

    fn faults(&self) -> Vec<Fault> {
        fault::at(&self.component(), self.direction(), &fault::OF_TABLE)
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let mut parts = match self.table(topology) {
            Some(table) => self.routed(topology, table, flows),
            None => {
                let decision = Decision::Unknown(CauseCode::NoRouteToDestination);
                vec![Part { flows: flows.clone(), decision, witness: Witness::Nothing }]
            }
        };
        if self.ways.vpn_end().is_some() {
            // What comes back to a space over its VPN is routed by what its gateway says, if at all.
            let elsewhere = self.ways.elsewhere(topology, flows);
            parts = parts.into_iter().flat_map(|part| beside_vpn(part, &elsewhere)).collect();
        }
        if self.peering.is_none() {
            let elsewhere = self.ways.elsewhere(topology, flows);
            parts = parts.into_iter().flat_map(|part| without_peering(part, &elsewhere)).collect();
        }
        parts
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let subnet =
            self.subnet.as_ref().map_or_else(|| "this subnet".to_string(), |id| format!("subnet {id}"));
        let Some((id, table)) = self.table.as_ref().zip(self.table(topology)) else {
            return Explanation {
                rule: "unknown".to_string(),
                summary: format!("Which route table serves {subnet} is not known."),
                omission: Some(Omission {
                    what: format!("the route table of {subnet}"),
                    reason: "the snapshot holds neither one associated with it nor its VPC's main one"
                        .to_string(),
                    would_tell: format!("whether there is a route to {}", self.towards),
                }),
                ..Explanation::default()
            };
        };
        let route = match part.witness {
            Witness::Rule(index) => table.routes.get(index),
            _ => None,
        };
        let meant = self.is_meant_over_peering(topology, part);
        let over = match self.peering.as_ref().filter(|_| meant) {
            Some(peering) => format!(" over {peering}"),
            None => String::new(),
        };
        let rule = match (route, part.decision) {
            (Some(route), Decision::Blocked(CauseCode::NoRouteToDestination)) if meant => {
                format!("no route over the peering; {}", route_words(route))
            }
            (Some(route), _) => route_words(route),
            (None, _) => "no route".to_string(),
        };
        let code = match part.decision {
            Decision::Admitted | Decision::Assumed | Decision::Consequence => {
                return Explanation { rule, ..Explanation::default() };
            }
            Decision::Unknown(_) if route.is_some_and(|one| !has_unlisted_destination(topology, one)) => {
                let route = route.map(route_words).unwrap_or_default();
                return Explanation {
                    summary: format!(
                        "Route table {id} sends packets for {} elsewhere than{over}, by {route}: that may be the fault.",
                        cidr_words(&self.end.cidrs(&part.flows))
                    ),
                    evidence: vec![format!("{id} routes: {}", table_words(table))],
                    rule,
                    related: self.peering.iter().cloned().map(ComponentId::VpcPeeringConnection).collect(),
                    omission: None,
                };
            }
            Decision::Unknown(_) => {
                let list = route.map(destination_words).unwrap_or_default();
                return Explanation {
                    rule,
                    summary: format!(
                        "Whether route table {id} has a route to {} is not known.",
                        self.towards
                    ),
                    omission: Some(Omission {
                        what: format!("the entries of prefix list {list}"),
                        reason: "the snapshot does not hold them".to_string(),
                        would_tell: format!("whether {id} routes these packets{over}"),
                    }),
                    ..Explanation::default()
                };
            }
            Decision::Blocked(code) => code,
        };
        let destinations = cidr_words(&self.end.cidrs(&part.flows));
        let packets = if self.direction == Direction::Return {
            "The reply has no way back"
        } else {
            "The packet has no way there"
        };
        let of_subnet = format!("route table {id} of {subnet}");
        let summary = match (code, route) {
            (CauseCode::MoreSpecificRoute, Some(route)) => format!(
                "{packets}: in {of_subnet} the route {} is more specific than the one{over} and takes {destinations}.",
                route_words(route)
            ),
            (CauseCode::HigherPriorityRoute, Some(route)) => format!(
                "{packets}: in {of_subnet} the route {} goes before the one{over} and takes {destinations}.",
                route_words(route)
            ),
            (CauseCode::BadStateRoute, Some(route)) => {
                let elsewhere = if self.is_over_peering(route) {
                    "is a blackhole".to_string()
                } else {
                    let right = self.peering.as_ref().map(ToString::to_string).unwrap_or_default();
                    format!("leads to another peering, not to {right}")
                };
                format!("{packets}: in {of_subnet} the route {} {elsewhere}.", route_words(route))
            }
            _ => format!("{packets}: {of_subnet} has no route to {destinations}{over}."),
        };
        let mut evidence = vec![format!("{id} routes: {}", table_words(table))];
        let other = topology.route_tables().find(|(other, table)| {
            *other != id && table.routes.iter().any(|route| self.is_over_peering(route))
        });
        if let (CauseCode::NoRouteToDestination, Some((other, _))) = (code, other) {
            evidence.push(format!("{other} has a route{over}, but {subnet} does not use it"));
        }
        let related = self.peering.iter().filter(|_| meant).cloned().map(ComponentId::VpcPeeringConnection);
        let related = related.chain(self.subnet.iter().cloned().map(ComponentId::Subnet)).collect();
        Explanation { rule, summary, evidence, related, omission: None }
    }

    fn repairs(&self, topology: &Topology, flows: &Flows) -> Vec<Vec<Edit>> {
        let Some((id, table)) = self.table.as_ref().zip(self.table(topology)) else { return Vec::new() };
        // What travels by another way has to come back by it, or by a peering that is nobody's plan.
        let flows = &flows.difference(&self.ways.handed_on(topology, flows));
        let Some(peering) = &self.peering else { return Vec::new() };
        let blocked = self.admit(topology, flows).into_iter();
        let blocked = blocked.filter(|part| matches!(part.decision, Decision::Blocked(_)));
        let winners: Vec<(Flows, Option<usize>)> = blocked
            .map(|part| {
                let winner = match part.witness {
                    Witness::Rule(index) => Some(index),
                    _ => None,
                };
                (part.flows, winner)
            })
            .collect();
        route_plans(topology, id, table, peering, &self.towards, self.end, &winners)
    }
}

fn table_words(table: &RouteTable) -> String {
    const SHOWN: usize = 8;
    let mut text = table.routes.iter().take(SHOWN).map(route_words).collect::<Vec<_>>().join("; ");
    if text.is_empty() {
        text.push_str("nothing");
    }
    if table.routes.len() > SHOWN {
        text.push_str(&format!("; and {} more", table.routes.len() - SHOWN));
    }
    text
}
