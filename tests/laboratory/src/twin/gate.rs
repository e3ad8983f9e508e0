//! Gates: the places of a twin where a packet can be dropped, each with its counters.
//!
//! A packet that is lost in a twin is counted at exactly one gate and in one direction, so that a test
//! can demand not only that nothing answered but why.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateKind {
    /// The groups of the sending interface. The id is the interface's.
    SecurityGroupEgress,
    /// The network ACL of the sending subnet, on the way out. The id is the subnet's.
    NetworkAclEgress,
    /// Routing: no route, a blackhole, or a target that the twin does not have. The id is the route
    /// table's, or `space`.
    Route,
    /// What came over a peering for an address that is no host of this network: no transit. The id is
    /// the VPC's, or `space`.
    PeeringArrival,
    /// The network ACL of the receiving subnet, on the way in. The id is the subnet's.
    NetworkAclIngress,
    /// The groups of the receiving interface. The id is the interface's.
    SecurityGroupIngress,
    /// The host itself, under a [`Condition`](super::Condition). The id is the interface's, or the
    /// dyno's address.
    Host,
}

impl GateKind {
    /// The word that scenarios use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecurityGroupEgress => "security-group-egress",
            Self::NetworkAclEgress => "network-acl-egress",
            Self::Route => "route",
            Self::PeeringArrival => "peering-arrival",
            Self::NetworkAclIngress => "network-acl-ingress",
            Self::SecurityGroupIngress => "security-group-ingress",
            Self::Host => "host",
        }
    }
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gate {
    /// What drops.
    pub kind: GateKind,
    /// Whose it is: an id of the documents or a dyno's address, see [`GateKind`].
    pub id: String,
}

impl fmt::Display for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.kind.as_str(), self.id)
    }
}

/// Which way a packet was going: connection tracking knows who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the one who began to the other.
    Forward,
    /// An answer.
    Return,
}

impl Direction {
    /// `forward` or `return`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Return => "return",
        }
    }
}

/// Packets that a gate dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Where.
    pub gate: Gate,
    /// Which way they were going.
    pub direction: Direction,
    /// How many.
    pub packets: u64,
}

impl fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}) dropped {}", self.gate, self.direction.as_str(), self.packets)
    }
}

impl Gate {
    /// The name of this gate's counters and chain, without the direction. Ids are outside data: what nft
    /// would not take in a name is replaced, and `ordinal` keeps such names apart.
    pub(crate) fn chain_name(&self, ordinal: usize) -> String {
        let is_plain =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        let plain: String = self.id.chars().filter(|&character| is_plain(character)).take(40).collect();
        format!("{}/{plain}/{ordinal}", self.kind.as_str())
    }
}
