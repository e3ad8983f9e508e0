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
}

fn blocker(kind: &'static str, id: &str, direction: &'static str, code: &'static str) -> Blocker {
    Blocker { kind, id: id.to_string(), direction, code }
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

    if crossing {
        match &peering {
            None => found.extend([blocker("vpc-peering-connection", "", "both", "PEERING_MISSING")]),
            Some(peering) => {
                found.extend(peering.fault());
                if let (Place::Vpc(vpc), Some(subnet)) = (from, source_subnet) {
                    found.extend(routing::table(&estate, vpc, subnet, packet.to, peering, "forward"));
                }
                if let (Place::Vpc(vpc), Some(subnet)) = (to, target_subnet) {
                    found.extend(routing::table(&estate, vpc, subnet, packet.from, peering, "return"));
                }
            }
        }
        found.extend(routing::beyond_the_peering(&estate, from, to, packet));
    }
    found
}
