//! What the configuration lets through, of every source and every interface at once.
//!
//! Ten thousand interfaces are a hundred million pairs, and nobody reads them. What decides are far fewer
//! things: a subnet's tables and ACLs, a group's rules. So each of them is asked once, about all addresses of
//! the other network together; sources that leave their network alike are one, and so are targets that are
//! entered alike; and what comes out alike is one entry, with its sources, targets and ports side by side.
//!
//! [`matrix`] looks at networks that a peering joins, and within each VPC where that is asked for. Between
//! others nothing of this model carries packets, which one entry each would only repeat.

mod cell;
mod crossing;
mod entry;
mod table;
mod targets;

use alloc::vec::Vec;

use peerscope_document::id::NetworkInterfaceId;

use crate::flow::{AddressRange, PortRange};
use crate::topology::{NetworkId, Topology};

pub use entry::{Blame, Entry};

use crossing::Crossing;

/// What is asked of every pair.
#[derive(Clone, Debug)]
pub struct MatrixQuery {
    /// Only these networks as sources; empty means all.
    pub sources: Vec<NetworkId>,
    /// Only these interfaces as targets; empty means all.
    pub targets: Vec<NetworkInterfaceId>,
    /// Only these IP protocols; empty means TCP, UDP and the echo of ICMP.
    pub protocols: Vec<u8>,
    /// Whether to look within each VPC too: there its groups refer to each other, so that hardly two
    /// sources fare alike, and it takes far longer.
    pub within: bool,
    /// The client's ports that the answer is for.
    pub source_ports: PortRange,
    /// Ports that are asked of every interface beside those that its groups open.
    pub ports: Vec<PortRange>,
}

impl MatrixQuery {
    /// Everything between networks, for clients with these ports.
    #[must_use]
    pub fn everything(source_ports: PortRange) -> Self {
        Self {
            sources: Vec::new(),
            targets: Vec::new(),
            protocols: Vec::new(),
            within: false,
            source_ports,
            ports: Vec::new(),
        }
    }
}

/// What the configuration does to each protocol, from every source to every interface: entries that are
/// disjoint in source, target, protocol and port, ordered by what they say.
#[must_use]
pub fn matrix(topology: &Topology, query: &MatrixQuery) -> Vec<Entry> {
    let networks = networks(topology);
    let wanted = |network: &&NetworkId| query.sources.is_empty() || query.sources.contains(network);
    let mut entries = Vec::new();
    for source in networks.iter().filter(wanted) {
        for target in &networks {
            let inside = source == target && query.within;
            let joined = topology.intended_peering(source, target).is_some();
            let is_vpc = matches!(target, NetworkId::Vpc(_));
            if is_vpc && (joined && source != target || inside) {
                entries.extend(Crossing::new(topology, query, source, target).entries());
            }
        }
    }
    entries.sort_by_cached_key(Entry::order);
    entries
}

/// The space, and every VPC of which interfaces are known.
fn networks(topology: &Topology) -> Vec<NetworkId> {
    let space = topology.space().map(|_| NetworkId::Space);
    let vpcs = topology.vpcs().map(|(id, _)| id).filter(|id| topology.knows_interfaces_of(id));
    space.into_iter().chain(vpcs.cloned().map(NetworkId::Vpc)).collect()
}

/// The addresses that send from a network: the space's dyno blocks, a VPC's own.
fn blocks(topology: &Topology, network: &NetworkId) -> Vec<AddressRange> {
    let blocks = match (network, topology.space()) {
        (NetworkId::Space, Some(space)) if !space.dyno_blocks.is_empty() => space.dyno_blocks.clone(),
        _ => topology.blocks_of(network),
    };
    blocks.into_iter().map(AddressRange::from).collect()
}
