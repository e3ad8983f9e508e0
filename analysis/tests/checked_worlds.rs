//! The laboratory's worlds, checked: whatever fault is put into one, the rule that it breaks is named, and no other of
//! severity error; and where all is well, none is.
//!
//! What the kernel does in these worlds is proven by `tests/diagnosis.rs` and `tests/healthy.rs`.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod checked;

use std::collections::{BTreeMap, BTreeSet};

use peerscope_analysis::check::{Check, RuleStatus};
use peerscope_analysis::report::Severity;
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::world::{Base, Vary, World};

use checked::checked;

/// How many worlds of each kind.
const WORLDS: u64 = 20;

/// What each fault breaks, where dynos call a VPC.
const BREAKS: [(FaultKind, &str); 26] = [
    (FaultKind::RouteMissing, "HPS-RT-01"),
    (FaultKind::RouteMissingForOwnBlock, "HPS-RT-01"),
    (FaultKind::RouteInMainTableOnly, "HPS-RT-01"),
    (FaultKind::RouteBlackhole, "HPS-RT-04"),
    (FaultKind::RouteToOtherPeering, "HPS-RT-04"),
    (FaultKind::MoreSpecificRoute, "HPS-RT-05"),
    (FaultKind::HigherPriorityRoute, "HPS-RT-05"),
    (FaultKind::GroupWithoutRule, "HPS-SG-01"),
    (FaultKind::GroupEmpty, "HPS-SG-01"),
    (FaultKind::GroupWrongPort, "HPS-SG-01"),
    (FaultKind::GroupWrongProtocol, "HPS-SG-01"),
    (FaultKind::GroupWrongDynoBlock, "HPS-SG-01"),
    (FaultKind::NetworkAclDenyLowerNumber, "HPS-ACL-01"),
    (FaultKind::NetworkAclNoReturnPorts, "HPS-ACL-02"),
    (FaultKind::NetworkAclPartialReturnPorts, "HPS-ACL-02"),
    (FaultKind::NetworkAclDenyReplies, "HPS-ACL-02"),
    (FaultKind::PeeringPending, "HPS-PCX-03"),
    (FaultKind::PeeringExpired, "HPS-PCX-05"),
    (FaultKind::PeeringRejected, "HPS-PCX-05"),
    (FaultKind::PeeringDeleted, "HPS-PCX-05"),
    (FaultKind::PeeringFailed, "HPS-PCX-05"),
    (FaultKind::PeeringMissing, "HPS-PCX-02"),
    (FaultKind::TargetInSecondaryCidr, "HPS-NET-01"),
    (FaultKind::CidrOverlap, "HPS-CIDR-03"),
    (FaultKind::CidrOverlapSecondary, "HPS-CIDR-03"),
    (FaultKind::BehindPeering, "HPS-NET-02"),
];

/// What each fault breaks, where a VPC calls a dyno: at least as a warning, since who else is there may get through.
const BREAKS_CALLS: [(FaultKind, &str); 9] = [
    (FaultKind::RouteMissing, "HPS-RT-01"),
    (FaultKind::RouteBlackhole, "HPS-RT-04"),
    (FaultKind::MoreSpecificRoute, "HPS-RT-05"),
    (FaultKind::GroupWithoutRule, "HPS-SG-03"),
    (FaultKind::GroupEmpty, "HPS-SG-03"),
    (FaultKind::NetworkAclDenyLowerNumber, "HPS-ACL-02"),
    (FaultKind::NetworkAclNoReturnPorts, "HPS-ACL-02"),
    (FaultKind::PeeringPending, "HPS-PCX-03"),
    (FaultKind::DataService, "HPS-NET-03"),
];

/// What may be broken beside, in some worlds, because the one cannot be without the other.
const BESIDE: [(FaultKind, &str); 5] = [
    // Over addresses of its own no VPC routes anything.
    (FaultKind::CidrOverlap, "HPS-RT-01"),
    // The prefix list of the route that is beaten has one block of dynos, and no route has the other.
    (FaultKind::HigherPriorityRoute, "HPS-RT-01"),
    // AWS refuses a peering of networks that overlap.
    (FaultKind::CidrOverlap, "HPS-PCX-05"),
    (FaultKind::CidrOverlapSecondary, "HPS-PCX-05"),
    // The target's own VPC is not peered with the space.
    (FaultKind::BehindPeering, "HPS-PCX-02"),
];

/// The rules of severity error that are violated, each with what is said.
fn errors(check: &Check) -> BTreeMap<&'static str, String> {
    let violated = check
        .results
        .iter()
        .filter(|one| one.status == RuleStatus::Violation && one.severity == Severity::Error);
    violated.map(|one| (one.rule.name(), one.message.clone())).collect()
}

/// The rules that are violated more than for information.
fn violated(check: &Check) -> BTreeSet<&'static str> {
    let violated = check.results.iter().filter(|one| one.status == RuleStatus::Violation);
    violated.filter(|one| one.severity != Severity::Info).map(|one| one.rule.name()).collect()
}

const VARIED: [Vary; 4] = [Vary::Addresses, Vary::Association, Vary::RuleOrder, Vary::Decoys];

#[test]
fn where_all_is_well_no_rule_is_violated() {
    for base in [Base::DynoToVpc, Base::VpcToDyno] {
        for seed in 0..WORLDS {
            let world = World::generate(base, &VARIED, seed);
            let errors = errors(&checked(&world, &world.snapshot));
            assert!(errors.is_empty(), "{base:?} {seed}: {errors:#?}");
        }
    }
}

#[test]
fn whatever_is_broken_its_rule_is_named_and_no_other() {
    let mut missed = Vec::new();
    for (kind, rule) in BREAKS {
        let mut made = 0;
        for seed in 0..WORLDS {
            let mut world = World::generate(Base::DynoToVpc, &VARIED, seed);
            let fault = Fault { allow: vec![(1024, 49_151)], ..Fault::new(kind) };
            if fault.apply(&mut world).is_err() {
                continue;
            }
            made += 1;
            let check = checked(&world, &world.snapshot);
            let found = errors(&check);
            let beside = BESIDE.iter().filter(|(of, _)| *of == kind).map(|(_, rule)| *rule);
            let allowed: BTreeSet<&str> = [rule].into_iter().chain(beside).collect();
            if !found.contains_key(rule) || !found.keys().all(|rule| allowed.contains(rule)) {
                missed.push(format!("{kind:?} {seed}: {allowed:?}, found {found:#?}"));
            }
        }
        assert!(made > 0, "{kind:?} was in no world");
    }
    assert!(
        missed.is_empty(),
        "{} missed; {}",
        missed.len(),
        missed.iter().take(12).cloned().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn whatever_stops_calls_to_a_dyno_is_named_too() {
    for (kind, rule) in BREAKS_CALLS {
        let mut made = 0;
        for seed in 0..WORLDS {
            let mut world = World::generate(Base::VpcToDyno, &VARIED, seed);
            if Fault::new(kind).apply(&mut world).is_ok() {
                made += 1;
                let violated = violated(&checked(&world, &world.snapshot));
                assert!(violated.contains(rule), "{kind:?} {seed}: {violated:?}");
            }
        }
        assert!(made > 0, "{kind:?} was in no world");
    }
}
