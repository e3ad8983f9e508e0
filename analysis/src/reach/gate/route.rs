//! Route tables: whether the effective table of a subnet sends packets over the intended peering.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{Route, RouteOrigin, RouteState};
use peerscope_document::id::{RouteTableId, SubnetId, VpcPeeringConnectionId};

use super::{Decision, Direction, Explanation, Gate, Part, Witness};
use crate::cause::CauseCode;
use crate::flow::{AddressRange, Flows, cidr_words};
use crate::reach::Site;
use crate::reach::site::End;
use crate::repair::{Edit, route_plans};
use crate::topology::{ComponentId, ComponentType, NetworkId, Omission, RouteTable, Topology};

/// The effective route table of a subnet, for packets towards another network.
#[derive(Debug)]
pub struct RouteGate {
    table: Option<RouteTableId>,
    subnet: Option<SubnetId>,
    towards: NetworkId,
    peering: VpcPeeringConnectionId,
    /// Which end of the flow the routed packets go to.
    end: End,
    direction: Direction,
}

/// One route and one of its destinations: a prefix list stands for several.
struct Candidate<'a> {
    destination: IpNet,
    route: &'a Route,
    index: usize,
}

impl RouteGate {
    /// The table that routes the site's packets towards the other site, over the given peering.
    #[must_use]
    pub fn new(
        topology: &Topology,
        site: &Site,
        towards: &Site,
        peering: VpcPeeringConnectionId,
        end: End,
        direction: Direction,
    ) -> Self {
        let table = site.subnet.as_ref().and_then(|subnet| topology.effective_route_table(subnet));
        Self {
            table: table.map(|(id, _)| id.clone()),
            subnet: site.subnet.clone(),
            towards: towards.network.clone(),
            peering,
            end,
            direction,
        }
    }

    fn table<'a>(&self, topology: &'a Topology) -> Option<&'a RouteTable> {
        topology.route_table(self.table.as_ref()?)
    }

    fn is_over_peering(&self, route: &Route) -> bool {
        route.vpc_peering_connection_id.as_ref() == Some(&self.peering)
    }

    /// What the route does to packets that it wins, `rival` being a route over the peering that loses.
    fn decide(&self, topology: &Topology, winner: &Candidate<'_>, rival: Option<&Candidate<'_>>) -> Decision {
        let intended_is_active =
            topology.peering(&self.peering).is_some_and(crate::topology::Peering::is_active);
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

    /// The flows whose packets go to an address of the block.
    fn towards_block(&self, flows: &Flows, block: IpNet) -> Flows {
        let range = AddressRange::from(block);
        flows.boxes().iter().filter_map(|flows| self.end.restrict(flows, range)).collect()
    }
}

/// The routes that can win, best first: longest prefix, then local, static, prefix list, propagated.
fn candidates<'a>(topology: &Topology, table: &'a RouteTable) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    for (index, route) in table.routes.iter().enumerate() {
        if route.state == Some(RouteState::Filtered) {
            continue;
        }
        let direct = route.destination_cidr_block.into_iter().chain(route.destination_ipv6_cidr_block);
        let listed = route.destination_prefix_list_id.as_ref().and_then(|id| topology.prefix_list(id));
        let listed = listed.and_then(|list| list.blocks.clone()).unwrap_or_default();
        let destinations = direct.map(|cidr| cidr.network()).chain(listed);
        candidates.extend(destinations.map(|destination| Candidate { destination, route, index }));
    }
    let locals: Vec<IpNet> =
        candidates.iter().filter(|one| is_local(one.route)).map(|one| one.destination).collect();
    // A propagated route inside the VPC's own blocks loses to the local route although it is longer.
    candidates.retain(|one| {
        !is_propagated(one.route) || !locals.iter().any(|local| local.contains(&one.destination))
    });
    candidates.sort_by_key(|one| {
        (core::cmp::Reverse(one.destination.prefix_len()), priority(one.route), one.index)
    });
    candidates
}

/// At equal length static routes beat those of prefix lists, which beat propagated ones.
fn priority(route: &Route) -> u8 {
    if is_propagated(route) { 2 } else { u8::from(route.destination_prefix_list_id.is_some()) }
}

fn is_propagated(route: &Route) -> bool {
    matches!(route.origin, Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement))
}

fn is_local(route: &Route) -> bool {
    route.gateway_id.as_deref() == Some("local")
}

/// The target of a route as its owner knows it.
pub(crate) fn target_words(route: &Route) -> String {
    let ids = [
        route.vpc_peering_connection_id.as_ref().map(ToString::to_string),
        route.network_interface_id.as_ref().map(ToString::to_string),
        route.instance_id.as_ref().map(ToString::to_string),
        route.gateway_id.clone(),
        route.nat_gateway_id.clone(),
        route.transit_gateway_id.clone(),
        route.local_gateway_id.clone(),
        route.carrier_gateway_id.clone(),
        route.egress_only_internet_gateway_id.clone(),
        route.core_network_arn.clone(),
    ];
    ids.into_iter().flatten().next().unwrap_or_else(|| "an unknown target".to_string())
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
    format!("{} → {}{state}", destination_words(route), target_words(route))
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

    fn if_shut(&self) -> Option<CauseCode> {
        Some(CauseCode::NoRouteToDestination)
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let none = CauseCode::NoRouteToDestination;
        let Some(table) = self.table(topology) else {
            return vec![Part {
                flows: flows.clone(),
                decision: Decision::Unknown(none),
                witness: Witness::Nothing,
            }];
        };
        let candidates = candidates(topology, table);
        let mut rest = flows.clone();
        let mut parts = Vec::new();
        for (at, winner) in candidates.iter().enumerate() {
            let mut taken = self.towards_block(&rest, winner.destination);
            if taken.is_empty() {
                continue;
            }
            rest = rest.difference(&taken);
            // What the winner takes is cut by the routes over the peering that it beats.
            for rival in candidates[at + 1..].iter().filter(|one| self.is_over_peering(one.route)) {
                let contested = self.towards_block(&taken, rival.destination);
                if !contested.is_empty() {
                    taken = taken.difference(&contested);
                    let decision = self.decide(topology, winner, Some(rival));
                    parts.push(Part { flows: contested, decision, witness: Witness::Rule(winner.index) });
                }
            }
            if !taken.is_empty() {
                let decision = self.decide(topology, winner, None);
                parts.push(Part { flows: taken, decision, witness: Witness::Rule(winner.index) });
            }
        }
        if !rest.is_empty() {
            parts.push(Part { flows: rest, decision: Decision::Blocked(none), witness: Witness::Nothing });
        }
        let unlisted = table.routes.iter().position(|route| {
            let list = route.destination_prefix_list_id.as_ref();
            self.is_over_peering(route)
                && list.is_some_and(|id| topology.prefix_list(id).is_none_or(|list| list.blocks.is_none()))
        });
        if let Some(index) = unlisted {
            // A route over the peering for a prefix list of unknown entries may be the missing one.
            for part in &mut parts {
                if part.decision == Decision::Blocked(none) {
                    part.decision = Decision::Unknown(none);
                    part.witness = Witness::Rule(index);
                }
            }
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
                    would_tell: format!("whether there is a route to {} over {}", self.towards, self.peering),
                }),
                ..Explanation::default()
            };
        };
        let route = match part.witness {
            Witness::Rule(index) => table.routes.get(index),
            _ => None,
        };
        let rule = match (route, part.decision) {
            (Some(route), Decision::Blocked(CauseCode::NoRouteToDestination)) => {
                format!("no route over the peering; {}", route_words(route))
            }
            (Some(route), _) => route_words(route),
            (None, _) => "no route".to_string(),
        };
        let code = match part.decision {
            Decision::Admitted | Decision::Assumed | Decision::Consequence => {
                return Explanation { rule, ..Explanation::default() };
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
                        would_tell: format!("whether {id} routes these packets over {}", self.peering),
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
                "{packets}: in {of_subnet} the route {} is more specific than the one over {} and takes {destinations}.",
                route_words(route),
                self.peering
            ),
            (CauseCode::HigherPriorityRoute, Some(route)) => format!(
                "{packets}: in {of_subnet} the route {} goes before the one over {} and takes {destinations}.",
                route_words(route),
                self.peering
            ),
            (CauseCode::BadStateRoute, Some(route)) => {
                let elsewhere = if self.is_over_peering(route) {
                    "is a blackhole".to_string()
                } else {
                    format!("leads to another peering, not to {}", self.peering)
                };
                format!("{packets}: in {of_subnet} the route {} {elsewhere}.", route_words(route))
            }
            _ => format!("{packets}: {of_subnet} has no route to {destinations} over {}.", self.peering),
        };
        let mut evidence = vec![format!("{id} routes: {}", table_words(table))];
        let other = topology.route_tables().find(|(other, table)| {
            *other != id && table.routes.iter().any(|route| self.is_over_peering(route))
        });
        if let (CauseCode::NoRouteToDestination, Some((other, _))) = (code, other) {
            evidence.push(format!("{other} has a route over {}, but {subnet} does not use it", self.peering));
        }
        let related = [ComponentId::VpcPeeringConnection(self.peering.clone())].into_iter();
        let related = related.chain(self.subnet.iter().cloned().map(ComponentId::Subnet)).collect();
        Explanation { rule, summary, evidence, related, omission: None }
    }

    fn repairs(&self, topology: &Topology, flows: &Flows) -> Vec<Vec<Edit>> {
        let Some((id, table)) = self.table.as_ref().zip(self.table(topology)) else { return Vec::new() };
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
        route_plans(topology, id, table, &self.peering, &self.towards, self.end, &winners)
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
