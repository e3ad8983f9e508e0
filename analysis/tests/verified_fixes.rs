//! The fixes of a diagnosis: what is verified, for whom, and what is said to be opened by it. What a
//! plan does to packets is held by `repairs.rs`; here it is what a user reads of it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Action, Machine};
use peerscope_analysis::report::{Diagnosis, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};

use documents::World;
use documents::rules::{over_peering, tcp};
use starting::case;

/// What `analyze` says of a world: nothing is sent.
fn analyze(world: &World, network: NetworkId, source: &[&str], target: &str) -> Diagnosis {
    let case = case(Some(Topology::from(&world.snapshot())), network, source, target);
    let mut machine = Machine::new(case, 1);
    assert_eq!(machine.poll(Duration::ZERO), Action::Done);
    machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH)
}

const DYNO_BLOCKS: [&str; 2] = ["10.0.128.0/20", "10.0.144.0/20"];

/// Holds that every cause's first fix is verified.
fn all_verified(diagnosis: &Diagnosis) {
    assert!(!diagnosis.causes.is_empty());
    for cause in &diagnosis.causes {
        let first = cause.fixes.first().map(|fix| (fix.verified, fix.command.clone()));
        assert!(first.as_ref().is_some_and(|(verified, _)| *verified), "{}: {first:?}", cause.code);
    }
}

#[test]
fn two_faults_are_two_causes_and_their_fixes_are_verified_together() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions.clear();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    let diagnosis = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    assert_eq!(diagnosis.verdict, Verdict::Blocked);
    let mut codes: Vec<&str> = diagnosis.causes.iter().map(|cause| cause.code.name()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["NO_ROUTE_TO_DESTINATION", "SG_HAS_NO_RULES"]);
    all_verified(&diagnosis);
}

#[test]
fn of_two_groups_the_one_that_nobody_else_has_is_changed() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions.clear();
    world.group("sg-0shared", "vpc-db", Vec::new(), Vec::new());
    world.aws.network_interfaces = None;
    world.interface("eni-db", "vpc-db", "subnet-db", &["10.100.2.20"], &["sg-0shared", "sg-db"]);
    world.interface("eni-0", "vpc-db", "subnet-db", &["10.100.2.21"], &["sg-0shared"]);
    let diagnosis = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    let fixes = &diagnosis.causes[0].fixes;
    assert!(fixes[0].command.contains("sg-db") && fixes[0].opens.is_empty(), "{}", fixes[0].command);
    assert!(fixes[1].command.contains("sg-0shared"), "{}", fixes[1].command);
    let opened: Vec<_> = fixes[1].opens.iter().filter_map(|opened| opened.component.id.clone()).collect();
    assert_eq!(opened, ["eni-0"]);
}

#[test]
fn one_dynos_fix_serves_all_dyno_blocks() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions.clear();
    let diagnosis = analyze(&world, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20");
    assert!(diagnosis.causes[0].fixes[0].command.contains("10.0.128.0/19"));
    all_verified(&diagnosis);
}

#[test]
fn a_fix_for_a_block_of_callers_is_verified_for_the_machines_in_it() {
    let mut world = World::two_vpcs();
    world.rules("sg-db").ip_permissions = vec![tcp(22, "10.1.0.0/16")];
    let network = NetworkId::Vpc("vpc-app".into());
    let diagnosis = analyze(&world, network, &["10.1.0.0/24"], "10.2.0.20");
    assert_eq!(diagnosis.verdict, Verdict::Blocked);
    all_verified(&diagnosis);
}

/// A route has to be for the whole space (or each block, as the table does it): calls of the space to the
/// target are what it is for, whichever block they come from.
#[test]
fn a_route_for_the_whole_space_opens_nothing_by_what_it_is_for() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    let diagnosis = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    let fix = &diagnosis.causes[0].fixes[0];
    assert!(fix.command.contains("10.0.0.0/16"), "{}", fix.command);
    assert!(fix.opens.is_empty(), "{:?}", fix.opens);
}

#[test]
fn a_route_back_lets_the_machines_of_its_subnets_call_the_space_and_says_so() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    world.rules("sg-db").ip_permissions_egress = vec![tcp(443, "0.0.0.0/0")];
    let diagnosis = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    let [opened] = &diagnosis.causes[0].fixes[0].opens[..] else { panic!("not one entry") };
    let words = |cidrs: &[ipnet::IpNet]| cidrs.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(opened.component.id.as_deref(), Some("eni-db"));
    assert_eq!(words(&opened.flows.sources), ["10.100.2.20/32"]);
    assert_eq!(words(&opened.flows.destinations), ["10.0.0.0/16"]);
    assert_eq!(opened.flows.ports.iter().map(ToString::to_string).collect::<Vec<_>>(), ["443"]);
}

#[test]
fn entries_for_both_ends_of_one_acl_are_verified() {
    let mut world = World::space_and_database();
    world.subnet("subnet-0", "vpc-db", &["10.100.3.0/24"]);
    world.aws.network_acls = None;
    world.network_acl("acl-db", "vpc-db", &["subnet-db", "subnet-0"], Vec::new());
    world.group("sg-0", "vpc-db", Vec::new(), vec![tcp(5432, "10.100.0.0/16")]);
    world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.100.0.0/16")];
    world.interface("eni-0", "vpc-db", "subnet-0", &["10.100.3.9"], &["sg-0"]);
    let network = NetworkId::Vpc("vpc-db".into());
    all_verified(&analyze(&world, network, &["10.100.3.9/32"], "10.100.2.20"));
}
