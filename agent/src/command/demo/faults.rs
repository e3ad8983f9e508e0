//! The faults that can be rehearsed, in words.

use peerscope_laboratory::fault::FaultKind;

use crate::escape::escape;
use crate::exit::Failure;

/// A fault of the laboratory and what it is to a person.
pub(super) struct Rehearsed {
    /// The name on the command line.
    pub(super) name: &'static str,
    /// The laboratory's fault.
    pub(super) kind: FaultKind,
    /// What is broken, in one sentence.
    pub(super) words: &'static str,
}

/// All of them.
pub(super) const FAULTS: &[Rehearsed] = &[
    Rehearsed {
        name: "return-route-missing",
        kind: FaultKind::RouteMissing,
        words: "the route table of the target's subnet has no route over the peering, so replies get lost.",
    },
    Rehearsed {
        name: "route-in-main-table-only",
        kind: FaultKind::RouteInMainTableOnly,
        words: "the route was added to the VPC's main table, but the target's subnet uses another one.",
    },
    Rehearsed {
        name: "return-route-blackhole",
        kind: FaultKind::RouteBlackhole,
        words: "the routes lead to a peering that was deleted, beside the one that is active.",
    },
    Rehearsed {
        name: "more-specific-route",
        kind: FaultKind::MoreSpecificRoute,
        words: "a longer route takes the replies elsewhere, although the one over the peering is right.",
    },
    Rehearsed {
        name: "group-without-rule",
        kind: FaultKind::GroupWithoutRule,
        words: "no security group of the target lets the dynos in.",
    },
    Rehearsed {
        name: "group-wrong-dyno-block",
        kind: FaultKind::GroupWrongDynoBlock,
        words: "the security group lets in the dynos of the other block only.",
    },
    Rehearsed {
        name: "network-acl-deny",
        kind: FaultKind::NetworkAclDenyLowerNumber,
        words: "an entry of the network ACL with a lower number denies what a later one allows.",
    },
    Rehearsed {
        name: "network-acl-no-return-ports",
        kind: FaultKind::NetworkAclNoReturnPorts,
        words: "the network ACL lets requests in, and no reply out: it is stateless.",
    },
    Rehearsed {
        name: "peering-pending",
        kind: FaultKind::PeeringPending,
        words: "the peering was asked for, and nobody has accepted it yet.",
    },
    Rehearsed {
        name: "peering-deleted",
        kind: FaultKind::PeeringDeleted,
        words: "the peering was deleted, and its routes were left behind.",
    },
    Rehearsed {
        name: "target-in-secondary-cidr",
        kind: FaultKind::TargetInSecondaryCidr,
        words: "the target lies in a secondary CIDR of its VPC.",
    },
    Rehearsed {
        name: "nothing-listening",
        kind: FaultKind::NothingListening,
        words: "the network is in order; nothing listens on the port.",
    },
];

/// The fault of a name.
pub(super) fn named(name: &str) -> Result<&'static Rehearsed, Failure> {
    FAULTS.iter().find(|fault| fault.name == name).ok_or_else(|| {
        let names: Vec<&str> = FAULTS.iter().map(|fault| fault.name).collect();
        let shown: String = escape(name).chars().take(48).collect();
        Failure::usage(format!("--fault {shown:?}: expected one of {}", names.join(", ")))
    })
}
