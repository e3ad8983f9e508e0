//! What may be wrong with a gate although no document shows it: the documents are older than a change, or do
//! not show the gate at all.

use alloc::vec::Vec;

use super::Direction;
use crate::cause::CauseCode;
use crate::topology::{ComponentId, ComponentType};

/// One thing that may be wrong with a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What it would be.
    pub code: CauseCode,
    /// How much of all that is ever wrong with such a gate is this, 0 to 1.
    pub share: f64,
    /// Where it would lie.
    pub component: ComponentId,
    /// Which way the packets travel that it would stop.
    pub direction: Option<Direction>,
}

/// A table: mostly a route is missing, or the subnet uses another table; a peering made anew leaves the route to
/// the old one behind; a longer route comes with a transit gateway or a VPN.
pub(super) const OF_TABLE: [(CauseCode, f64); 4] = [
    (CauseCode::NoRouteToDestination, 0.6),
    (CauseCode::BadStateRoute, 0.2),
    (CauseCode::MoreSpecificRoute, 0.15),
    (CauseCode::HigherPriorityRoute, 0.05),
];
/// The groups of an interface: one rule is missing more often than all are.
pub(super) const OF_GROUPS: [(CauseCode, f64); 2] =
    [(CauseCode::EniSgRulesMismatch, 0.85), (CauseCode::SgHasNoRules, 0.15)];
/// A network ACL.
pub(super) const OF_ACL: [(CauseCode, f64); 1] = [(CauseCode::SubnetAclRestriction, 1.0)];

/// Faults of one component.
pub(super) fn at(
    component: &ComponentId,
    direction: Option<Direction>,
    shares: &[(CauseCode, f64)],
) -> Vec<Fault> {
    let one = |(code, share): &(CauseCode, f64)| Fault {
        code: *code,
        share: *share,
        component: component.clone(),
        direction,
    };
    shares.iter().map(one).collect()
}

/// Faults of components that nobody can name.
pub(super) fn somewhere(direction: Option<Direction>, shares: &[(CauseCode, f64)]) -> Vec<Fault> {
    let one = |(code, share): &(CauseCode, f64)| {
        let component: ComponentType = code.cause().component;
        Fault { code: *code, share: *share, component: ComponentId::Unknown(component), direction }
    };
    shares.iter().map(one).collect()
}
