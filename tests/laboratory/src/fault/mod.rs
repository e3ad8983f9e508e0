//! Named faults: one mistake of the kind that people make, put into a healthy world.
//!
//! Of configuration the documents change, and the twin is built from them. So the packets suffer from what
//! a configuration says and from nothing else, and a fault whose documents do not do what its name says is
//! found out by the kernel. What no document shows, of hosts and of what stands before them, becomes a
//! [`Condition`](crate::Condition) of the world, apart from its documents.

mod address;
mod behind;
mod edit;
mod host;
mod icmp;
mod instance;
mod network_acl;
mod no_peering;
mod peering;
mod route;
mod security_group;

use std::fmt;

use serde::{Deserialize, Serialize};

use edit::Lacking;

use crate::twin::Prohibition;
use crate::world::{Lot, Service, World};

/// A fault, as scenarios write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where: a role ([`World::role`]) of a subnet, for faults of routes and network ACLs; of two VPCs of the
    /// customer the one whose role it begins with. Absent: the subnet of the customer's interface, of two
    /// the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Port ranges that are let through, both ends included, for `network-acl-partial-return-ports`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<(u16, u16)>,
    /// The ICMP message, for `host-firewall-reject` and `middlebox-reject`. Absent: one of them by lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saying: Option<Prohibition>,
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
    /// A longer route leads the other side's packets elsewhere.
    MoreSpecificRoute,
    /// No group of the interface has a rule for the flow; other rules are there.
    GroupWithoutRule,
    /// No group of the interface has any rule in the flow's direction.
    GroupEmpty,
    /// The rule names another port.
    GroupWrongPort,
    /// The rule says UDP.
    GroupWrongProtocol,
    /// The rule admits the other dyno block only, or another subnet of the other VPC.
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
    /// No peering between the two networks is in any list.
    PeeringMissing,
    /// The VPC's CIDR lies in the space's network: the peering failed.
    CidrOverlap,
    /// A secondary CIDR of the VPC lies in the space's network: the peering failed.
    CidrOverlapSecondary,
    /// The customer's interface lies in a third VPC, peered with the one that the space is peered with.
    BehindPeering,
    /// The target lies behind a transit or virtual private gateway of the VPC.
    BehindGateway,
    /// The target is an address of the subnet that no interface has.
    NoInterface,
    /// The target's own firewall drops what comes to the port.
    HostFirewallDrop,
    /// The target's own firewall rejects what comes to the port, by ICMP.
    HostFirewallReject,
    /// The target answers nothing at all: it is down, or was replaced, or drops everything.
    HostSilent,
    /// Something before the customer's interface rejects the flow by ICMP, from another address.
    MiddleboxReject,
    /// Heroku's side, which nobody can see, drops what comes from the customer's VPC.
    SpaceShut,
    /// The source has no route to the target.
    LocalNoRoute,
    /// The source's own policy forbids the flow.
    LocalPolicy,
    /// Packets to the target are lost, whichever they are.
    PacketLoss,
    /// The target's instance is stopped, and the documents say so.
    InstanceStopped,
    /// The routes lead over another active peering.
    RouteToOtherPeering,
    /// The table's route over the peering is by a prefix list, and a static one for the same block beats it.
    HigherPriorityRoute,
    /// The rule names a group of the other VPC that was deleted. Where rules name one.
    GroupReferenceStale,
    /// The rule names a group of the other VPC that is there, and that the other interface has not.
    GroupReferenceWithoutMember,
    /// The peering was accepted a moment ago and is being set up.
    PeeringProvisioning,
    /// The request failed.
    PeeringFailed,
    /// The peering is being deleted.
    PeeringDeleting,
    /// An entry with a lower number denies the replies.
    NetworkAclDenyReplies,
    /// The target's own firewall drops what comes to the port from the block of the host in use.
    HostFirewallDropOwnBlock,
    /// The same of another block: the flow passes.
    HostFirewallDropOtherBlock,
    /// The target is one of the space's data services, asked from the VPC.
    DataService,
    /// The space is of a generation that cannot be peered.
    GenerationUnsupported,
    /// The VPC's primary CIDR is none of RFC 1918, and Heroku rejected the request.
    NotPrivate,
    /// The target's service takes connections and says nothing in them.
    ApplicationSilent,
    /// The target's service takes connections and closes them at once.
    ApplicationCloses,
    /// The target's own firewall lets connections begin, and drops what is said in them.
    HostFirewallDropData,
    /// The target's service hangs, and its queue of connections that wait to be taken is full.
    AcceptQueueFull,
    /// The target's service does not keep up, and its queue is full most of the time.
    AcceptQueueDraining,
    /// Packets from the target to the source are lost, whichever they are.
    PacketLossReturn,
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
    /// The fault; none where something else was to be put into the world.
    pub kind: Option<FaultKind>,
    /// What it needs and does not find.
    pub lacks: String,
}

impl fmt::Display for FaultError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(formatter, "{kind:?}")?,
            None => formatter.write_str("ICMP echo")?,
        }
        write!(formatter, " cannot be put into this world, which lacks {}", self.lacks)
    }
}

impl std::error::Error for FaultError {}

impl Fault {
    /// A fault with its parameters left open.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, at: None, allow: Vec::new(), saying: None, via: None }
    }

    /// Puts the fault into a world.
    ///
    /// # Errors
    /// [`FaultError`] where the world or the fault's parameters lack what it needs.
    pub fn apply(&self, world: &mut World) -> Result<(), FaultError> {
        let is_at_source = self.at.as_ref().is_some_and(|at| at.starts_with("source"));
        let outcome = if is_at_source && world.other.is_some() {
            world.turned(|world| self.put_into(world))
        } else {
            self.put_into(world)
        };
        outcome.map_err(|lacks| FaultError { kind: Some(self.kind), lacks })
    }

    fn put_into(&self, world: &mut World) -> Lacking<()> {
        let mut lot = Lot::new(world.seed().wrapping_mul(31).wrapping_add(self.kind as u64));
        match self.kind {
            FaultKind::RouteMissing
            | FaultKind::RouteMissingForOwnBlock
            | FaultKind::RouteInMainTableOnly
            | FaultKind::RouteBlackhole
            | FaultKind::RouteToOtherPeering
            | FaultKind::HigherPriorityRoute
            | FaultKind::MoreSpecificRoute => route::apply(self, world, &mut lot),
            FaultKind::GroupWithoutRule
            | FaultKind::GroupEmpty
            | FaultKind::GroupWrongPort
            | FaultKind::GroupWrongProtocol
            | FaultKind::GroupWrongDynoBlock
            | FaultKind::GroupReferenceStale
            | FaultKind::GroupReferenceWithoutMember => security_group::apply(self.kind, world, &mut lot),
            FaultKind::NetworkAclDenyLowerNumber
            | FaultKind::NetworkAclDenyReplies
            | FaultKind::NetworkAclNoReturnPorts
            | FaultKind::NetworkAclPartialReturnPorts => network_acl::apply(self, world, &mut lot),
            FaultKind::PeeringPending
            | FaultKind::PeeringProvisioning
            | FaultKind::PeeringFailed
            | FaultKind::PeeringDeleting
            | FaultKind::PeeringExpired
            | FaultKind::PeeringRejected
            | FaultKind::PeeringDeleted => peering::apply(self.kind, world),
            FaultKind::PeeringMissing => no_peering::missing(world, &mut lot),
            FaultKind::CidrOverlap => no_peering::primary_overlap(world, &mut lot),
            FaultKind::CidrOverlapSecondary => no_peering::secondary_overlap(world, &mut lot),
            FaultKind::BehindPeering => behind::peering_behind(world, &mut lot),
            FaultKind::BehindGateway => behind::gateway_behind(world, &mut lot),
            FaultKind::TargetInSecondaryCidr => address::secondary(world, &mut lot),
            FaultKind::NoInterface => address::nobody(world, &mut lot),
            FaultKind::InstanceStopped => instance::stop(world, &mut lot),
            FaultKind::DataService => address::data_service(world, &mut lot),
            FaultKind::GenerationUnsupported => no_peering::generation(world, &mut lot),
            FaultKind::NotPrivate => no_peering::not_private(world, &mut lot),
            FaultKind::HostFirewallDrop
            | FaultKind::HostFirewallDropOwnBlock
            | FaultKind::HostFirewallDropOtherBlock
            | FaultKind::HostFirewallDropData
            | FaultKind::HostFirewallReject
            | FaultKind::HostSilent
            | FaultKind::MiddleboxReject
            | FaultKind::SpaceShut
            | FaultKind::LocalNoRoute
            | FaultKind::LocalPolicy
            | FaultKind::PacketLoss
            | FaultKind::PacketLossReturn => host::apply(self, world, &mut lot),
            FaultKind::ApplicationSilent => {
                world.service = Service::Listening;
                Ok(())
            }
            FaultKind::ApplicationCloses => {
                world.service = Service::Closing;
                Ok(())
            }
            FaultKind::AcceptQueueFull => {
                world.service = Service::Full;
                Ok(())
            }
            FaultKind::AcceptQueueDraining => {
                world.service = Service::Draining;
                Ok(())
            }
            FaultKind::NothingListening => {
                world.service = Service::Closed;
                Ok(())
            }
        }
    }
}

/// Lets ICMP echo requests through from the world's source to its target, and every process of the source
/// send them: no fault, but what some faults show by.
///
/// # Errors
/// [`FaultError`] where the world lacks what it needs.
pub fn admit_echo(world: &mut World) -> Result<(), FaultError> {
    icmp::admit_echo(world).map_err(|lacks| FaultError { kind: None, lacks })
}
