//! Named faults: one mistake of the kind that people make, put into a healthy world's documents.
//!
//! The documents change first, and the twin is built from them. So the packets suffer from what a
//! configuration says and from nothing else, and a fault whose documents do not do what its name says
//! is found out by the kernel.

mod address;
mod edit;
mod network_acl;
mod peering;
mod route;
mod security_group;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::world::{Lot, Service, World};

/// A fault, as scenarios write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where: a role ([`World::role`]) of a subnet, for faults of routes and network ACLs. Absent: the
    /// subnet of the customer's interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Port ranges that are let through, both ends included, for `network-acl-partial-return-ports`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<(u16, u16)>,
    /// Where the longer route leads, for `more-specific-route`. Absent: one of them by lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
}

/// Every fault that can be put into a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The subnet's table has no route over the peering.
    RouteMissing,
    /// The table has a route for each block of the space but that of the dyno in use.
    RouteMissingForOwnBlock,
    /// The VPC's main table has the routes, and the subnet uses another one.
    RouteInMainTableOnly,
    /// The routes lead to a deleted peering beside the active one.
    RouteBlackhole,
    /// A longer route leads the dyno's packets elsewhere.
    MoreSpecificRoute,
    /// No group of the interface has a rule for the flow; other rules are there.
    GroupWithoutRule,
    /// No group of the interface has any rule in the flow's direction.
    GroupEmpty,
    /// The rule names another port.
    GroupWrongPort,
    /// The rule says UDP.
    GroupWrongProtocol,
    /// The rule admits the other dyno block only.
    GroupWrongDynoBlock,
    /// An entry with a lower number denies the request.
    NetworkAclDenyLowerNumber,
    /// No entry allows the ports that replies go to.
    NetworkAclNoReturnPorts,
    /// The entries allow some of the ports that replies go to.
    NetworkAclPartialReturnPorts,
    /// The peering was asked for and not accepted yet.
    PeeringPending,
    /// Nobody accepted in seven days.
    PeeringExpired,
    /// The other side declined.
    PeeringRejected,
    /// The peering was deleted, and the routes stayed.
    PeeringDeleted,
    /// The customer's interface lies in a secondary CIDR of its VPC.
    TargetInSecondaryCidr,
    /// Nothing listens on the port.
    NothingListening,
}

/// Where a route leads that takes packets from the peering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// A transit gateway.
    TransitGateway,
    /// A NAT gateway.
    NatGateway,
    /// A network interface of the VPC.
    NetworkInterface,
    /// Another active peering.
    Peering,
}

/// Why a fault cannot be put into a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultError {
    /// The fault.
    pub kind: FaultKind,
    /// What it needs and does not find.
    pub lacks: String,
}

impl fmt::Display for FaultError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} cannot be put into this world, which lacks {}", self.kind, self.lacks)
    }
}

impl std::error::Error for FaultError {}

impl Fault {
    /// A fault with its parameters left open.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, at: None, allow: Vec::new(), via: None }
    }

    /// Puts the fault into a world.
    ///
    /// # Errors
    /// [`FaultError`] where the world or the fault's parameters lack what it needs.
    pub fn apply(&self, world: &mut World) -> Result<(), FaultError> {
        let mut lot = Lot::new(world.seed().wrapping_mul(31).wrapping_add(self.kind as u64));
        let outcome = match self.kind {
            FaultKind::RouteMissing
            | FaultKind::RouteMissingForOwnBlock
            | FaultKind::RouteInMainTableOnly
            | FaultKind::RouteBlackhole
            | FaultKind::MoreSpecificRoute => route::apply(self, world, &mut lot),
            FaultKind::GroupWithoutRule
            | FaultKind::GroupEmpty
            | FaultKind::GroupWrongPort
            | FaultKind::GroupWrongProtocol
            | FaultKind::GroupWrongDynoBlock => security_group::apply(self.kind, world),
            FaultKind::NetworkAclDenyLowerNumber
            | FaultKind::NetworkAclNoReturnPorts
            | FaultKind::NetworkAclPartialReturnPorts => network_acl::apply(self, world, &mut lot),
            FaultKind::PeeringPending
            | FaultKind::PeeringExpired
            | FaultKind::PeeringRejected
            | FaultKind::PeeringDeleted => peering::apply(self.kind, world),
            FaultKind::TargetInSecondaryCidr => address::apply(world, &mut lot),
            FaultKind::NothingListening => {
                world.service = Service::Closed;
                Ok(())
            }
        };
        outcome.map_err(|lacks| FaultError { kind: self.kind, lacks })
    }
}
