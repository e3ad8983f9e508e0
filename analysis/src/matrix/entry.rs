//! One line of the matrix.

use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::id::NetworkInterfaceId;

use crate::cause::CauseCode;
use crate::flow::{AddressRange, PortRange};
use crate::reach::Direction;
use crate::report::Verdict;
use crate::topology::{ComponentId, NetworkId};

/// Sources and targets between which the same is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The network of the sources.
    pub source_network: NetworkId,
    /// The network of the targets.
    pub target_network: NetworkId,
    /// The sources, as the fewest CIDR blocks, ascending.
    pub sources: Vec<IpNet>,
    /// The targets, ascending by address.
    pub targets: Vec<(NetworkInterfaceId, IpAddr)>,
    /// The IP protocol number.
    pub protocol: u8,
    /// The ports, ascending; empty for protocols without.
    pub ports: Vec<PortRange>,
    /// What is so.
    pub verdict: Verdict,
    /// What stands in the way, or may; empty where all is let through.
    pub causes: Vec<Blame>,
}

/// What stands in the way. Of an interface the id is left out: each target stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blame {
    /// The code.
    pub code: CauseCode,
    /// What it is about.
    pub component: ComponentId,
    /// Which way the packets travel that it stops.
    pub direction: Option<Direction>,
    /// Whether the documents leave it open.
    pub unknown: bool,
}

impl Entry {
    /// What entries are ordered by.
    pub(super) fn order(&self) -> impl Ord + use<> {
        let first = self.targets.first().map(|(_, address)| *address);
        let source = self.sources.first().map(|block| AddressRange::from(*block));
        (
            self.source_network.clone(),
            self.target_network.clone(),
            first,
            self.protocol,
            self.ports.clone(),
            source,
        )
    }
}
