//! What the configuration lets through, of every source and every interface at once.
//!
//! Ten thousand interfaces are a hundred million pairs, and nobody reads them. What decides are far fewer
//! things: a subnet's tables and ACLs, a group's rules. So each of them is asked once, about all addresses of
//! the other network together; sources that leave their network alike are one, and so are targets that are
//! entered alike; and what comes out alike is one entry, with its sources, targets and ports side by side.
//!
//! Everything is numbered: senders, sets of them ([`sets`]), what becomes of packets ([`fates`]), how senders are
//! divided by it ([`partitions`]). Two of these are put together once, and the result remembered.
//!
//! [`matrix`] looks at networks that a peering joins, and within each VPC where that is asked for. Between
//! others nothing of this model carries packets, which one entry each would only repeat.

mod cell;
mod classes;
mod crossing;
mod entry;
mod fates;
mod frames;
mod groups;
mod layers;
mod numbered;
mod packed;
mod pairs;
mod partitions;
mod ports;
mod senders;
mod sets;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use peerscope_document::id::{NetworkInterfaceId, VpcId};

use crate::flow::{AddressRange, Family, PortRange};
use crate::topology::{NetworkId, Topology};

pub use entry::{Blame, Entry, Matrix, Target};

use classes::inhabitants;
use crossing::Crossing;

/// TCP, UDP and the echoes of ICMP and ICMPv6.
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

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
    /// sources fare alike, and there is far more to say.
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

/// What the configuration does to each protocol, from every source to every interface.
#[must_use]
pub fn matrix(topology: &Topology, query: &MatrixQuery) -> Matrix {
    let networks = networks(topology);
    let wanted = |network: &&NetworkId| query.sources.is_empty() || query.sources.contains(network);
    let mut pairs: Vec<(&NetworkId, &NetworkId, &VpcId)> = Vec::new();
    let mut vpcs: BTreeMap<&VpcId, bool> = BTreeMap::new();
    for source in networks.iter().filter(wanted) {
        for target in &networks {
            let NetworkId::Vpc(vpc) = target else { continue };
            let inside = source == target && query.within;
            let joined = source != target && topology.intended_peering(source, target).is_some();
            if inside || joined {
                pairs.push((source, target, vpc));
                vpcs.insert(vpc, true);
            }
            if let (true, NetworkId::Vpc(vpc)) = (joined, source) {
                vpcs.entry(vpc).or_insert(false);
            }
        }
    }
    let mut matrix = Matrix::default();
    let inhabitants = inhabitants(topology, query, vpcs, &mut matrix.targets);
    for (source, target, vpc) in pairs {
        let senders = match source {
            NetworkId::Vpc(vpc) => inhabitants.get(vpc),
            NetworkId::Space | NetworkId::SpaceData => None,
        };
        if let Some(targets) = inhabitants.get(vpc) {
            Crossing { topology, query, source, target, vpc, senders, targets }.enter(&mut matrix);
        }
    }
    matrix
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

fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP)
}

fn echo_request(protocol: u8) -> PortRange {
    PortRange::echo_request(if protocol == ICMP { Family::V4 } else { Family::V6 })
}
