//! What the engine says becomes of a flow, and whether that is what became of it.

use std::fmt;

use libtest_mimic::Failed;
use peerscope_analysis::flow::{FlowBox, Flows};
use peerscope_analysis::reach::{Decision, Direction, reach};
use peerscope_analysis::topology::{ComponentId, ComponentType, Topology};
use peerscope_document::Snapshot;
use peerscope_document::aws::{AwsDocuments, NetworkInterface};
use peerscope_document::id::SubnetId;
use peerscope_laboratory::{Direction as Counted, Gate, GateKind, Host};

use crate::question::{End, Question};
use crate::seen::Seen;

/// A place where the engine has the flow end, or end perhaps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stop {
    component: ComponentId,
    /// None where the component is the same both ways.
    direction: Option<Direction>,
    code: &'static str,
    is_certain: bool,
}

/// The places in the order of the path: all that may stop the flow, and the first that certainly does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    stops: Vec<Stop>,
}

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stops.is_empty() {
            return write!(formatter, "through");
        }
        for (index, stop) in self.stops.iter().enumerate() {
            let Stop { component, direction, code, is_certain } = stop;
            let certainty = if *is_certain { "stopped by" } else { "perhaps stopped by" };
            let before = if index == 0 { "" } else { ", " };
            let kind = component.component_type().words();
            let id = component.id().unwrap_or_default();
            write!(formatter, "{before}{certainty} {kind} {id} ({direction:?}, {code})")?;
        }
        Ok(())
    }
}

/// What the engine says.
pub(crate) fn said(topology: &Topology, question: &Question) -> Result<Said, Failed> {
    let flow = question.flow();
    let answer =
        reach(topology, &question.from.network, &question.to.network, &Flows::from(FlowBox::from(flow)));
    let segment = answer.segment_of(&flow).ok_or("no segment has the flow")?;
    let mut stops = Vec::new();
    for evaluated in &segment.gates {
        let part = evaluated.part_of(&flow).ok_or("a gate has no part with the flow")?;
        let (code, is_certain) = match part.decision {
            Decision::Admitted | Decision::Assumed | Decision::Consequence => continue,
            Decision::Unknown(code) => (code, false),
            Decision::Blocked(code) => (code, true),
        };
        let component = evaluated.gate.component_of(part);
        let direction = evaluated.gate.direction();
        stops.push(Stop { component, direction, code: code.name(), is_certain });
        if is_certain {
            break;
        }
    }
    Ok(Said { stops })
}

impl Said {
    /// Whether the engine leaves open what becomes of the flow, or where.
    pub(crate) fn is_undecided(&self) -> bool {
        self.stops.iter().any(|stop| !stop.is_certain)
    }

    /// Whether what was seen is what it says: the same component drops the same packet.
    pub(crate) fn agrees(&self, seen: &Seen, snapshot: &Snapshot, question: &Question) -> bool {
        match seen {
            Seen::Through => self.stops.iter().all(|stop| !stop.is_certain),
            Seen::Stopped(gate, direction) => {
                self.stops.iter().any(|stop| stop.is_at(gate, *direction, snapshot, question))
            }
        }
    }
}

impl Stop {
    /// Whether a gate of the twin is this place. A route table, the peering that it leads to and the network
    /// behind that are one place to the twin: what has no way on is dropped by the router of the sender, or by
    /// the one that it was sent to by mistake.
    fn is_at(&self, gate: &Gate, direction: Counted, snapshot: &Snapshot, question: &Question) -> bool {
        let same_way = match self.direction {
            Some(Direction::Forward) | None => direction == Counted::Forward,
            Some(Direction::Return) => direction == Counted::Return,
        };
        let sender = if direction == Counted::Forward { &question.from } else { &question.to };
        let table = route_table_of(snapshot, sender);
        same_way
            && match (gate.kind, &self.component) {
                (
                    GateKind::SecurityGroupEgress | GateKind::SecurityGroupIngress,
                    ComponentId::NetworkInterface(id),
                ) => id.as_str() == gate.id,
                (GateKind::NetworkAclEgress | GateKind::NetworkAclIngress, ComponentId::NetworkAcl(id)) => {
                    network_acl_of(snapshot, &gate.id).as_deref() == Some(id.as_str())
                }
                (GateKind::Route, ComponentId::RouteTable(id)) => id.as_str() == gate.id,
                (GateKind::PeeringArrival, ComponentId::RouteTable(id)) => {
                    table.as_deref() == Some(id.as_str())
                }
                // What a gateway does is not in the twin: a route to one is its end there.
                (GateKind::Route, ComponentId::Gateway(..)) => Some(&gate.id) == table.as_ref(),
                (GateKind::Route, ComponentId::VpcPeeringConnection(_) | ComponentId::Vpc(_))
                | (GateKind::Route, ComponentId::Unknown(ComponentType::VpcPeeringConnection)) => {
                    gate.id == table.unwrap_or_else(|| "space".to_owned())
                }
                (
                    GateKind::PeeringArrival,
                    ComponentId::VpcPeeringConnection(_)
                    | ComponentId::Vpc(_)
                    | ComponentId::Unknown(ComponentType::VpcPeeringConnection),
                ) => true,
                _ => false,
            }
    }
}

// Which table and which ACL serve a subnet is read here once more, in plain words: that neither the engine nor
// the twin errs about it is part of what is compared.

/// The table of the end's subnet; none in a space.
fn route_table_of(snapshot: &Snapshot, end: &End) -> Option<String> {
    let Host::Interface(id) = &end.host else { return None };
    let is_own = |it: &&NetworkInterface| it.network_interface_id == *id;
    let interface = documents(snapshot).flat_map(|it| it.network_interfaces.iter().flatten()).find(is_own)?;
    let (subnet, vpc) = (interface.subnet_id.as_ref()?, interface.vpc_id.as_ref()?);
    let tables = || documents(snapshot).flat_map(|it| it.route_tables.iter().flatten());
    let explicit =
        tables().find(|it| it.associations.iter().any(|one| one.subnet_id.as_ref() == Some(subnet)));
    let main = || tables().find(|it| it.vpc_id == *vpc && it.associations.iter().any(|one| one.main));
    Some(explicit.or_else(main)?.route_table_id.to_string())
}

fn network_acl_of(snapshot: &Snapshot, subnet: &str) -> Option<String> {
    let subnet = SubnetId::from(subnet);
    let mut subnets = documents(snapshot).flat_map(|it| it.subnets.iter().flatten());
    let vpc = &subnets.find(|it| it.subnet_id == subnet)?.vpc_id;
    let acls = || documents(snapshot).flat_map(|it| it.network_acls.iter().flatten());
    let explicit =
        acls().find(|it| it.associations.iter().any(|one| one.subnet_id.as_ref() == Some(&subnet)));
    let default = || acls().find(|it| it.vpc_id == *vpc && it.is_default);
    Some(explicit.or_else(default)?.network_acl_id.to_string())
}

fn documents(snapshot: &Snapshot) -> impl Iterator<Item = &AwsDocuments> {
    snapshot.aws.iter().map(|collection| &collection.documents)
}
