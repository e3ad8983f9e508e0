//! Worlds that nobody configures on purpose: everything refers to everything in a circle, lists are a
//! hundred times as long as AWS takes them. A diagnosis of them ends soon, and says what it would say of
//! the same settings in a plain world.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::report::{Diagnosis, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::aws::{IpPermission, IpProtocol, IpRange, NatGateway, Route};

use documents::rules::{entry, permission, route, tcp};
use documents::{World, cidr};
use starting::case;

/// Far more than any of these takes, even on a busy machine and without optimisation; what is quadratic
/// in the length of its lists takes many minutes.
const SOON: Duration = Duration::from_secs(20);
const MANY: u32 = 100_000;

/// The diagnosis with everything that belongs to it: the answer, its partition, fixes with proof.
fn diagnosed(world: &World, network: NetworkId, source: &[&str], target: &str) -> Diagnosis {
    let topology = Topology::from(&world.snapshot());
    let begun = Instant::now();
    let mut machine = Machine::new(case(Some(topology), network, source, target), 1);
    machine.poll(Duration::ZERO);
    let report = machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH);
    let taken = begun.elapsed();
    assert!(taken < SOON, "took {taken:?}");
    report
}

/// From the dynos of `World::space_and_database` to its database.
fn from_space(world: &World) -> Diagnosis {
    diagnosed(world, NetworkId::Space, &["10.0.128.0/20", "10.0.144.0/20"], "10.100.2.20")
}

/// From the application of `World::two_vpcs` to its database.
fn from_application(world: &World) -> Diagnosis {
    diagnosed(world, vpc("vpc-app"), &["10.1.0.10/32"], "10.2.0.20")
}

fn vpc(id: &str) -> NetworkId {
    NetworkId::Vpc(id.into())
}

/// The verdict, the codes of the causes, and whether the first fix of each and the plan are proven.
fn said(report: &Diagnosis) -> (Verdict, Vec<&'static str>, bool) {
    let codes = report.causes.iter().map(|cause| cause.code.name()).collect();
    let proven = report.causes.iter().all(|cause| cause.fixes.first().is_some_and(|fix| fix.verified));
    let plan = report.plan.as_ref().is_none_or(|plan| plan.verified);
    (report.verdict, codes, proven && plan)
}

fn reachable() -> (Verdict, Vec<&'static str>, bool) {
    (Verdict::Reachable, Vec::new(), true)
}

fn blocked(code: &'static str) -> (Verdict, Vec<&'static str>, bool) {
    (Verdict::Blocked, vec![code], true)
}

/// Addresses that are none of the space's, none of them next to another.
fn scattered(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("{}/32", Ipv4Addr::from(0xc0a8_0000 + number * 2)))
}

/// Every second address of the first dyno block and on from there.
fn every_second(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("{}/32", Ipv4Addr::from(0x0a00_8000 + number * 2)))
}

fn lists(world: &mut World, id: &str, blocks: impl Iterator<Item = String>) {
    let blocks: Vec<String> = blocks.collect();
    world.prefix_list(id, &blocks.iter().map(String::as_str).collect::<Vec<_>>());
}

/// One permission with so many blocks, as `describe-security-groups` puts them together.
fn of_blocks(port: i32, blocks: impl Iterator<Item = String>) -> IpPermission {
    let mut made = permission(IpProtocol::TCP, Some((port, port)), &[]);
    made.ip_ranges = blocks.map(|block| IpRange { cidr_ip: cidr(&block), description: None }).collect();
    made
}

#[test]
fn groups_that_refer_to_each_other_and_to_themselves() {
    let circle = |peer: &str| permission(IpProtocol::TCP, Some((5432, 5432)), &[peer]);
    let mut world = World::two_vpcs();
    // sg-app -> sg-db -> sg-third -> sg-app, and each to itself, inbound and outbound.
    world.group("sg-third", "vpc-app", vec![circle("sg-app"), circle("sg-third")], vec![circle("sg-app")]);
    for (group, next) in [("sg-app", "sg-db"), ("sg-db", "sg-third")] {
        world.rules(group).ip_permissions = vec![circle(group), circle(next)];
        world.rules(group).ip_permissions_egress = vec![circle(group), circle(next)];
    }
    let shut = said(&from_application(&world));
    assert_eq!(
        shut,
        blocked("ENI_SG_RULES_MISMATCH"),
        "the application has neither of the database's groups"
    );
    world.rules("sg-db").ip_permissions.push(circle("sg-app"));
    assert_eq!(said(&from_application(&world)), reachable());
}

#[test]
fn two_vpcs_that_route_each_others_and_their_own_prefixes_to_each_other() {
    let mut world = World::two_vpcs();
    world.peering("pcx-2", ("vpc-db", &["10.2.0.0/16"]), ("vpc-app", &["10.1.0.0/16"]), "active");
    for table in ["rtb-app", "rtb-db"] {
        // Half of each network is sent to the other one, over either peering, and back again.
        world.routes(table).extend([route("10.1.128.0/17", "pcx-1"), route("10.2.128.0/17", "pcx-2")]);
        world.routes(table).extend([route("0.0.0.0/0", "pcx-1"), route("10.0.0.0/8", "pcx-2")]);
    }
    assert_eq!(said(&from_application(&world)), reachable());
}

#[test]
fn three_vpcs_in_a_ring() {
    let mut world = World::two_vpcs();
    world.aws.vpc_peering_connections = Some(Vec::new());
    world.vpc("vpc-third", &["10.3.0.0/16"]);
    world.subnet("subnet-third", "vpc-third", &["10.3.0.0/24"]);
    world.route_table("rtb-third", "vpc-third", &["main"], vec![route("10.3.0.0/16", "local")]);
    world.interface("eni-third", "vpc-third", "subnet-third", &["10.3.0.30"], &["sg-app"]);
    let block = |name: &str| match name {
        "app" => "10.1.0.0/16",
        "db" => "10.2.0.0/16",
        _ => "10.3.0.0/16",
    };
    for (peering, from, to) in [("pcx-1", "db", "third"), ("pcx-2", "third", "app")] {
        let (one, other) = (format!("vpc-{from}"), format!("vpc-{to}"));
        world.peering(peering, (&one, &[block(from)]), (&other, &[block(to)]), "active");
    }
    // Each sends all that is not its own on to the next, round and round.
    for (table, peering) in [("rtb-app", "pcx-2"), ("rtb-db", "pcx-1"), ("rtb-third", "pcx-1")] {
        world.routes(table).retain(|one| one.vpc_peering_connection_id.is_none());
        world.routes(table).push(route("0.0.0.0/0", peering));
    }
    let report = from_application(&world);
    assert_eq!((report.verdict, report.causes[0].code.name()), (Verdict::Blocked, "TRANSITIVE_PEERING"));
}

#[test]
fn routes_to_a_nat_gateway_in_the_same_subnet_and_to_interfaces_of_the_same_table() {
    let mut world = World::two_vpcs();
    world.aws.nat_gateways = Some(vec![NatGateway {
        nat_gateway_id: "nat-1".into(),
        vpc_id: Some("vpc-app".into()),
        subnet_id: Some("subnet-app".into()),
        state: None,
        connectivity_type: Some("private".into()),
        tags: Vec::new(),
    }]);
    let around = |target: &str| -> Vec<Route> {
        ["10.2.0.0/24", "0.0.0.0/0"].map(|destination| route(destination, target)).to_vec()
    };
    let healthy = world.routes("rtb-app").clone();
    for (target, verdict) in [("nat-1", Verdict::Blocked), ("eni-app", Verdict::Blocked)] {
        *world.routes("rtb-app") = [healthy.clone(), around(target)].concat();
        let report = from_application(&world);
        assert_eq!((target, report.verdict), (target, verdict), "{:?}", report.causes);
        let codes = said(&report);
        assert_eq!(codes, blocked("MORE_SPECIFIC_ROUTE"), "{target}");
    }
}

#[test]
fn a_peering_of_a_vpc_with_itself() {
    let mut world = World::space_and_database();
    world.peering("pcx-2", ("vpc-db", &["10.100.0.0/16"]), ("vpc-db", &["10.100.0.0/16"]), "active");
    world.routes("rtb-db").push(route("10.100.2.0/24", "pcx-2"));
    assert_eq!(said(&from_space(&world)), reachable());
    let within = diagnosed(&world, vpc("vpc-db"), &["10.100.2.20/32"], "10.100.2.20");
    assert_eq!(
        within.causes.len(),
        2,
        "the group lets nobody in from its own VPC, and nobody out: {:?}",
        within.causes
    );
    // One that is nothing but a loop: the space's own VPC at both ends.
    world.status("pcx-1", "deleted");
    world.peering("pcx-3", ("vpc-space", &["10.0.0.0/16"]), ("vpc-space", &["10.0.0.0/16"]), "active");
    assert_eq!(from_space(&world).causes[0].code.name(), "PEERING_NOT_ACTIVE");
}

#[test]
fn two_peerings_between_the_same_vpcs() {
    let mut world = World::two_vpcs();
    world.peering("pcx-2", ("vpc-db", &["10.2.0.0/16"]), ("vpc-app", &["10.1.0.0/16"]), "active");
    assert_eq!(said(&from_application(&world)), reachable());
    // There by the one and back by the other: AWS carries that, and both are active.
    world.status("pcx-1", "deleted");
    for table in ["rtb-app", "rtb-db"] {
        world.routes(table).retain(|one| one.vpc_peering_connection_id.is_none());
    }
    let report = from_application(&world);
    assert_eq!(report.verdict, Verdict::Blocked);
    assert!(report.causes.iter().all(|cause| cause.code.name() == "NO_ROUTE_TO_DESTINATION"));
    assert!(report.plan.is_some_and(|plan| plan.verified && plan.steps[0].command.contains("pcx-2")));
}

#[test]
fn networks_that_overlap_everywhere() {
    let mut world = World::new();
    world.space("10.0.0.0/16", &["10.0.128.0/20", "10.0.144.0/20"], "vpc-space");
    for number in 0..12 {
        let vpc = format!("vpc-{number}");
        world.vpc(&vpc, &["10.0.0.0/8", "10.0.0.0/16"]);
        for subnet in 0..12 {
            world.subnet(&format!("subnet-{number}-{subnet}"), &vpc, &["10.0.0.0/8", "10.0.128.0/17"]);
        }
        let routes = vec![route("10.0.0.0/8", "local"), route("10.0.0.0/16", &format!("pcx-{number}"))];
        world.route_table(&format!("rtb-{number}"), &vpc, &["main"], routes);
        world.group(
            &format!("sg-{number}"),
            &vpc,
            vec![tcp(5432, "10.0.0.0/8")],
            vec![tcp(5432, "10.0.0.0/8")],
        );
        let interface = format!("eni-{number}");
        world.interface(
            &interface,
            &vpc,
            &format!("subnet-{number}-0"),
            &["10.0.128.7"],
            &[&format!("sg-{number}")],
        );
        let next = format!("vpc-{}", (number + 1) % 12);
        world.peering(&format!("pcx-{number}"), (&vpc, &["10.0.0.0/8"]), (&next, &["10.0.0.0/8"]), "failed");
        world.peering(
            &format!("pcx-s{number}"),
            (&vpc, &["10.0.0.0/8"]),
            ("vpc-space", &["10.0.0.0/16"]),
            "failed",
        );
    }
    let from_space = diagnosed(&world, NetworkId::Space, &["10.0.128.0/20"], "10.0.128.7");
    assert_eq!((from_space.verdict, from_space.causes[0].code.name()), (Verdict::Blocked, "CIDR_OVERLAP"));
    let between = diagnosed(&world, vpc("vpc-0"), &["10.0.128.7/32"], "10.0.144.9");
    assert_eq!(between.verdict, Verdict::Blocked);
}

#[test]
fn a_group_of_a_hundred_thousand_rules() {
    let mut world = World::space_and_database();
    let rules = scattered(MANY).map(|block| of_blocks(5432, [block].into_iter()));
    world.rules("sg-db").ip_permissions.extend(rules);
    assert_eq!(said(&from_space(&world)), reachable());
    world.rules("sg-db").ip_permissions.remove(0);
    assert_eq!(said(&from_space(&world)), blocked("ENI_SG_RULES_MISMATCH"));
}

#[test]
fn a_group_that_lets_every_second_dyno_in() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions = vec![of_blocks(5432, every_second(MANY))];
    let report = from_space(&world);
    assert_eq!((report.verdict, report.causes.len()), (Verdict::Impaired, 1));
    assert!(report.causes[0].fixes[0].verified);
}

#[test]
fn prefix_lists_of_a_hundred_thousand_entries() {
    let mut world = World::space_and_database();
    lists(&mut world, "pl-scattered", scattered(MANY));
    lists(&mut world, "pl-second", every_second(MANY));
    world.rules("sg-db").ip_permissions =
        vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["pl-scattered"])];
    world.routes("rtb-db").push(route("pl-scattered", "pcx-1"));
    assert_eq!(said(&from_space(&world)), blocked("ENI_SG_RULES_MISMATCH"));
    world.rules("sg-db").ip_permissions[0].prefix_list_ids[0].prefix_list_id = "pl-second".into();
    let report = from_space(&world);
    assert_eq!((report.verdict, report.causes.len()), (Verdict::Impaired, 1), "half the dynos are let in");
}

#[test]
fn prefix_lists_that_contend_for_the_same_packets() {
    let mut world = World::two_vpcs();
    lists(
        &mut world,
        "pl-there",
        (0..MANY).map(|number| format!("{}/32", Ipv4Addr::from(0x0a02_0000 + number * 2))),
    );
    world.routes("rtb-app").extend([route("pl-there", "tgw-1")]);
    let report = diagnosed(&world, vpc("vpc-app"), &["10.1.0.0/16"], "10.2.0.20");
    assert_ne!(report.verdict, Verdict::Reachable, "10.2.0.20 is in the list, and a list is more specific");
}

#[test]
fn an_acl_of_ten_thousand_entries() {
    let mut world = World::space_and_database();
    world.entries("acl-db").retain(|one| one.rule_number > 32_000);
    let blocks: Vec<String> = scattered(10_000).collect();
    for (number, block) in (1..).zip(&blocks) {
        for towards in ["in", "out"] {
            let denies = entry(towards, number, "deny", IpProtocol::TCP, Some((5432, 5432)), block);
            world.entries("acl-db").push(denies);
        }
    }
    for towards in ["in", "out"] {
        world.entries("acl-db").push(entry(towards, 20_000, "allow", IpProtocol::All, None, "0.0.0.0/0"));
    }
    assert_eq!(said(&from_space(&world)), reachable());
    world.entries("acl-db").retain(|one| one.egress || one.rule_number != 20_000);
    assert_eq!(said(&from_space(&world)), blocked("SUBNET_ACL_RESTRICTION"));
}

#[test]
fn an_acl_that_denies_every_second_dyno() {
    let mut world = World::space_and_database();
    world.entries("acl-db").retain(|one| one.rule_number > 32_000);
    for towards in ["in", "out"] {
        for (number, block) in (100..).zip(every_second(10_000)) {
            let denies = entry(towards, number, "deny", IpProtocol::TCP, None, &block);
            world.entries("acl-db").push(denies);
        }
        world.entries("acl-db").push(entry(towards, 20_000, "allow", IpProtocol::All, None, "0.0.0.0/0"));
    }
    let said = said(&from_space(&world));
    assert_eq!(said, (Verdict::Impaired, vec!["SUBNET_ACL_RESTRICTION"; 2], true));
}

#[test]
fn every_second_dyno_is_let_in_and_has_a_way_back() {
    let mut world = World::space_and_database();
    lists(&mut world, "pl-second", every_second(MANY));
    world.rules("sg-db").ip_permissions =
        vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["pl-second"])];
    world.routes("rtb-db").retain(|one| one.vpc_peering_connection_id.is_none());
    world.routes("rtb-db").push(route("pl-second", "pcx-1"));
    let said = said(&from_space(&world));
    assert_eq!(said, (Verdict::Impaired, vec!["ENI_SG_RULES_MISMATCH", "NO_ROUTE_TO_DESTINATION"], true));
}
