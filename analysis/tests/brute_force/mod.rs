//! An independent truth for what a configuration does to ONE packet and its reply.
//!
//! The engine cuts sets of flows at the edges of rules; here a single packet is walked past every rule
//! in the order and words of AWS's guides, over the documents as they are. No code of
//! `peerscope_analysis` is used, and none of its ideas: no sets, no topology, no boxes. Slow and plain
//! is the point.

mod choices;
mod estate;
mod filters;
mod packet;
mod routing;
pub(crate) mod worlds;

use std::collections::BTreeSet;

use peerscope_document::Snapshot;

pub(crate) use choices::Choices;
pub(crate) use estate::{Estate, Place};
pub(crate) use packet::Packet;

/// A component that stops the packet, or its reply.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Blocker {
    /// AWS's word for the kind of component.
    pub(crate) kind: &'static str,
    /// Its id; empty where there is none.
    pub(crate) id: String,
    /// `forward`, `return`, or `both`.
    pub(crate) direction: &'static str,
    /// The code of the contract.
    pub(crate) code: &'static str,
    /// Whether it may stop the packet, and nothing tells.
    pub(crate) unknown: bool,
}

fn blocker(kind: &'static str, id: &str, direction: &'static str, code: &'static str) -> Blocker {
    Blocker { kind, id: id.to_string(), direction, code, unknown: false }
}

/// Everything that stops the packet or its reply; nothing where the call gets through.
pub(crate) fn blockers(snapshot: &Snapshot, from: &Place, to: &Place, packet: Packet) -> BTreeSet<Blocker> {
    let estate = Estate { snapshot };
    let mut found = BTreeSet::new();
    let reply = packet.reply();
    let crossing = from != to;
    let peering = if crossing { estate.intended_peering(from, to) } else { None };

    // Each end: its groups judge the call, its subnet's ACL judges call and reply.
    let source_subnet = estate.subnet_of(from, packet.from);
    let target_subnet = estate.subnet_of(to, packet.to);
    let same_subnet = !crossing && source_subnet.is_some() && source_subnet == target_subnet;
    if let Place::Vpc(vpc) = from {
        if let Some(interface) = estate.owner(vpc, packet.from) {
            found.extend(filters::groups(&estate, interface, to, packet, true));
        }
        if let Some(subnet) = source_subnet.filter(|_| !same_subnet) {
            found.extend(filters::network_acl(&estate, vpc, subnet, packet, true, "forward"));
            found.extend(filters::network_acl(&estate, vpc, subnet, reply, false, "return"));
        }
    }
    if let Place::Vpc(vpc) = to {
        match estate.owner(vpc, packet.to) {
            Some(interface) => found.extend(filters::groups(&estate, interface, from, packet, false)),
            None if from == to || estate.has_addresses_around(vpc, packet.to) => {
                found.extend([estate.nobody_at(vpc, packet.to)]);
            }
            // Outside of the VPC nobody can have an address in it: that is transit, and said as that.
            None => {}
        }
        if let Some(subnet) = target_subnet.filter(|_| !same_subnet) {
            found.extend(filters::network_acl(&estate, vpc, subnet, packet, false, "forward"));
            found.extend(filters::network_acl(&estate, vpc, subnet, reply, true, "return"));
        }
    }

    // Between two VPCs the tables decide: what they hand to something else than a peering travels there.
    let ordinary = matches!((from, to), (Place::Vpc(_), Place::Vpc(_))) && crossing;
    let leads = |place: &Place, subnet: Option<&str>, address, direction| match (place, subnet) {
        (Place::Vpc(vpc), Some(subnet)) if ordinary => {
            routing::something_else(&estate, vpc, subnet, address, direction)
        }
        _ => None,
    };
    let there = leads(from, source_subnet, packet.to, "forward");
    let back = leads(to, target_subnet, packet.from, "return");
    let joined = peering.as_ref().is_some_and(|peering| {
        let over = |place: &Place, subnet: Option<&str>, address| match (place, subnet) {
            (Place::Vpc(vpc), Some(subnet)) => routing::is_over(&estate, vpc, subnet, address, peering),
            _ => false,
        };
        over(from, source_subnet, packet.to) || over(to, target_subnet, packet.from)
    });
    let by_another_way = (there.is_some() || back.is_some()) && !joined;
    // Beside an active peering the route may be the fault, and is where what it leads to drops the packet.
    let active = peering.as_ref().filter(|peering| peering.is_active());
    for (place, other, subnet, address, elsewhere, direction) in [
        (from, to, source_subnet, packet.to, &there, "forward"),
        (to, from, target_subnet, packet.from, &back, "return"),
    ] {
        let Some(elsewhere) = elsewhere else { continue };
        // What lies behind the other VPC no peering would carry.
        let is_its_own = matches!(other, Place::Vpc(vpc) if estate.has_addresses_around(vpc, address));
        let active = active.filter(|_| is_its_own);
        if let (Place::Vpc(vpc), Some(subnet), Some(peering)) = (place, subnet, active) {
            let table = routing::table(&estate, vpc, subnet, address, Some(peering), direction);
            found.extend(table.map(|table| Blocker { unknown: elsewhere.unknown, ..table }));
        }
        if elsewhere.unknown || active.is_none() {
            found.insert(elsewhere.clone());
        }
    }
    if by_another_way {
        for (place, subnet, address, elsewhere, direction) in [
            (from, source_subnet, packet.to, &there, "forward"),
            (to, target_subnet, packet.from, &back, "return"),
        ] {
            if let (Place::Vpc(vpc), Some(subnet), None) = (place, subnet, elsewhere) {
                found.extend(routing::table(&estate, vpc, subnet, address, peering.as_ref(), direction));
            }
        }
    } else if crossing {
        match &peering {
            None => found.extend([blocker("vpc-peering-connection", "", "both", "PEERING_MISSING")]),
            Some(peering) => {
                found.extend(peering.fault());
                let peering = Some(peering);
                if let (Place::Vpc(vpc), Some(subnet), None) = (from, source_subnet, &there) {
                    found.extend(routing::table(&estate, vpc, subnet, packet.to, peering, "forward"));
                }
                if let (Place::Vpc(vpc), Some(subnet), None) = (to, target_subnet, &back) {
                    found.extend(routing::table(&estate, vpc, subnet, packet.from, peering, "return"));
                }
            }
        }
        found.extend(routing::beyond_the_peering(&estate, from, to, packet));
    }
    found
}
