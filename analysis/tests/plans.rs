//! One plan for several causes: the order, each change once, what undoes it, and what is left to a person.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::report::{Diagnosis, Plan, Tool};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::aws::{IpProtocol, Tag};

use documents::World;
use documents::rules::{entry, over_peering, permission, tcp};
use starting::case;

const DYNO_BLOCKS: [&str; 2] = ["10.0.128.0/20", "10.0.144.0/20"];

fn analyze(world: &World, network: NetworkId, source: &[&str], target: &str) -> Diagnosis {
    let mut machine = Machine::new(case(Some(Topology::from(&world.snapshot())), network, source, target), 1);
    machine.poll(Duration::ZERO);
    machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH)
}

fn plan(world: &World) -> Plan {
    analyze(world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20").plan.expect("a plan")
}

/// A world in which a peering, a route, an ACL and a group are wrong.
fn all_wrong(status: &str) -> World {
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    world.rules("sg-db").ip_permissions.clear();
    world.entries("acl-db").push(entry("in", 50, "deny", IpProtocol::All, None, "10.0.144.0/20"));
    world.status("pcx-1", status);
    world
}

#[test]
fn a_peering_comes_first_then_routes_acls_and_groups_and_undoing_goes_backwards() {
    let plan = plan(&all_wrong("pending-acceptance"));
    let first = |commands: &str| -> Vec<String> {
        commands.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
    };
    let commands: Vec<String> = plan.steps.iter().flat_map(|step| first(&step.command)).collect();
    assert_eq!(
        commands,
        [
            "heroku spaces:peerings:accept pcx-1",
            "aws ec2 create-route",
            "aws ec2 create-network-acl-entry",
            "aws ec2 authorize-security-group-ingress",
        ]
    );
    assert_eq!(
        first(&plan.undo),
        [
            "aws ec2 revoke-security-group-ingress",
            "aws ec2 delete-network-acl-entry",
            "aws ec2 delete-route",
            "heroku spaces:peerings:destroy pcx-1",
        ]
    );
    assert!(plan.verified);
    let causes: Vec<&str> = plan.steps.iter().map(|step| step.causes[0].name()).collect();
    let expected = [
        "PEERING_PENDING_ACCEPTANCE",
        "NO_ROUTE_TO_DESTINATION",
        "SUBNET_ACL_RESTRICTION",
        "SG_HAS_NO_RULES",
    ];
    assert_eq!(causes, expected);
}

#[test]
fn the_id_of_a_new_peering_flows_into_the_steps_after_it() {
    let plan = plan(&all_wrong("expired"));
    assert!(plan.steps[0].command.starts_with("PCX=$(aws ec2 create-vpc-peering-connection "));
    assert!(
        plan.steps[1].command.contains("--vpc-peering-connection-id \"$PCX\""),
        "{}",
        plan.steps[1].command
    );
    assert_eq!(plan.steps[1].explanation, "Adds to rtb-db the route 10.0.0.0/16 over the new peering.");
    assert!(plan.verified);
}

/// Nobody asked for a peering, and a group and an ACL are wrong as well.
#[test]
fn a_missing_peering_is_made_first_then_its_routes_and_undone_last() {
    let mut world = all_wrong("active");
    world.aws.vpc_peering_connections = Some(Vec::new());
    let plan = plan(&world);
    let words = |commands: &str| -> Vec<String> {
        commands.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ")).collect()
    };
    let commands: Vec<String> = plan.steps.iter().flat_map(|step| words(&step.command)).collect();
    let expected = [
        "PCX=$(aws ec2 create-vpc-peering-connection",
        "heroku spaces:peerings:accept \"$PCX\"",
        "aws ec2 create-route",
        "aws ec2 create-network-acl-entry",
        "aws ec2 authorize-security-group-ingress",
    ];
    assert_eq!(commands, expected);
    let undo = words(&plan.undo);
    assert_eq!(undo.len(), 5);
    assert_eq!(
        undo[2..],
        ["aws ec2 delete-route", "# no acceptance", "aws ec2 delete-vpc-peering-connection"]
    );
    assert!(plan.verified);
}

/// An application, and databases in two other VPCs, all of them without a peering.
fn two_databases() -> World {
    let mut world = World::two_vpcs();
    world.aws.vpc_peering_connections = Some(Vec::new());
    for table in world.aws.route_tables.iter_mut().flatten() {
        table.routes.retain(|one| !over_peering(one, "pcx-1"));
    }
    world.rules("sg-app").ip_permissions_egress = vec![tcp(5432, "10.0.0.0/8")];
    world.vpc("vpc-too", &["10.3.0.0/16"]);
    world.subnet("subnet-too", "vpc-too", &["10.3.0.0/24"]);
    world.route_table("rtb-too", "vpc-too", &["main"], vec![documents::rules::route("10.3.0.0/16", "local")]);
    world.network_acl("acl-too", "vpc-too", &["subnet-too"], documents::rules::open_entries());
    world.group("sg-too", "vpc-too", vec![tcp(5432, "10.1.0.0/16")], Vec::new());
    world.interface("eni-too", "vpc-too", "subnet-too", &["10.3.0.20"], &["sg-too"]);
    world
}

/// The commands and the undoing of the joined plan for a name with two addresses.
fn joined(world: &World, other: &str) -> (Vec<String>, Vec<String>) {
    let topology = Some(Topology::from(&world.snapshot()));
    let mut case = case(topology, NetworkId::Vpc("vpc-app".into()), &["10.1.0.10/32"], "10.2.0.20");
    case.target.addresses.extend(other.parse::<std::net::IpAddr>());
    let mut machine = Machine::new(case, 1);
    machine.poll(Duration::ZERO);
    let plan = machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH).plan.expect("a plan");
    let lines = |text: &str| text.lines().map(ToString::to_string).collect::<Vec<_>>();
    (plan.steps.iter().flat_map(|step| lines(&step.command)).collect(), lines(&plan.undo))
}

/// Each is undone by its own id.
#[test]
fn two_peerings_of_one_plan_have_a_variable_each() {
    let (commands, undo) = joined(&two_databases(), "10.3.0.20");
    let holding = |words: &str| commands.iter().filter(|one| one.contains(words)).count();
    assert_eq!((holding("PCX=$(aws"), holding("PCX2=$(aws")), (1, 1), "{commands:?}");
    assert_eq!((holding("\"$PCX\""), holding("\"$PCX2\"")), (3, 3), "{commands:?}");
    let made = |variable: &str| commands.iter().find(|one| one.starts_with(&format!("{variable}=")));
    assert!(made("PCX").is_some_and(|one| one.contains("--peer-vpc-id vpc-db ")), "{commands:?}");
    assert!(made("PCX2").is_some_and(|one| one.contains("--peer-vpc-id vpc-too ")), "{commands:?}");
    let deleted: Vec<&String> = undo.iter().filter(|one| one.contains("delete-vpc-peering")).collect();
    assert!(
        deleted.len() == 2 && deleted[0].contains("\"$PCX2\"") && deleted[1].contains("\"$PCX\""),
        "{undo:?}"
    );
}

/// The second address lies in another subnet, which has a table of its own.
#[test]
fn two_addresses_of_one_network_share_the_peering_and_have_a_route_each() {
    let mut world = two_databases();
    world.subnet("subnet-far", "vpc-db", &["10.2.9.0/24"]);
    let routes = vec![documents::rules::route("10.2.0.0/16", "local")];
    world.route_table("rtb-far", "vpc-db", &["subnet-far"], routes);
    world.network_acl("acl-far", "vpc-db", &["subnet-far"], documents::rules::open_entries());
    world.interface("eni-far", "vpc-db", "subnet-far", &["10.2.9.20"], &["sg-db"]);
    let (commands, undo) = joined(&world, "10.2.9.20");
    let holding = |all: &[String], words: &str| all.iter().filter(|one| one.contains(words)).count();
    assert_eq!(holding(&commands, "create-vpc-peering-connection"), 1, "{commands:?}");
    assert_eq!(holding(&commands, "create-route --route-table-id rtb-app "), 1, "{commands:?}");
    assert_eq!(holding(&commands, "create-route --route-table-id rtb-db "), 1, "{commands:?}");
    assert_eq!(holding(&commands, "create-route --route-table-id rtb-far "), 1, "{commands:?}");
    assert_eq!(holding(&undo, "delete-vpc-peering-connection"), 1, "{undo:?}");
    assert!(undo.last().is_some_and(|one| one.contains("delete-vpc-peering-connection")), "{undo:?}");
}

#[test]
fn a_plan_with_something_to_do_by_hand_is_not_proven() {
    let mut world = all_wrong("provisioning");
    world.entries("acl-db").retain(|one| one.rule_number != 50);
    let plan = plan(&world);
    assert!(!plan.verified);
    assert_eq!(plan.steps[0].causes[0].name(), "PEERING_NOT_ACTIVE");
    assert!(plan.steps.iter().any(|step| step.command.contains("authorize-security-group-ingress")));
}

#[test]
fn where_nothing_is_wrong_there_is_no_plan() {
    let world = World::space_and_database();
    assert!(analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20").plan.is_none());
}

/// Two subnets of one source lack the same rule: one change serves both, and is made once.
#[test]
fn no_change_is_made_twice() {
    let mut world = all_wrong("active");
    world.entries("acl-db").push(entry("in", 51, "deny", IpProtocol::All, None, "10.0.128.0/20"));
    let plan = plan(&world);
    let commands: Vec<&str> = plan.steps.iter().flat_map(|step| step.command.lines()).collect();
    let mut once = commands.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(commands.len(), once.len(), "{commands:?}");
}

#[test]
fn the_command_goes_before_the_terraform_and_both_say_who_manages_the_component() {
    let mut world = all_wrong("active");
    for table in world.aws.route_tables.iter_mut().flatten() {
        table.tags = vec![Tag { key: "ManagedBy".into(), value: "terraform".into() }];
    }
    let report = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    for cause in &report.causes {
        let tools: Vec<Tool> = cause.fixes.iter().map(|fix| fix.tool).collect();
        assert_eq!(tools, [Tool::Aws, Tool::Terraform], "{}", cause.code);
        let [aws, terraform] = &cause.fixes[..] else { panic!("two fixes") };
        assert!(aws.verified && terraform.verified);
        assert_eq!((aws.opens.len(), &aws.managed_by), (terraform.opens.len(), &terraform.managed_by));
        let is_route = cause.code.name() == "NO_ROUTE_TO_DESTINATION";
        assert_eq!(aws.managed_by.as_deref() == Some("terraform"), is_route);
    }
}

/// What no setting can change has other ways, of which none is called proven.
#[test]
fn where_no_configuration_can_help_the_alternatives_are_said() {
    let mut secondary = World::space_and_database();
    secondary.aws.vpcs = Some(Vec::new());
    secondary.vpc("vpc-db", &["10.200.0.0/16", "10.100.0.0/16"]);
    let mut overlap = World::space_and_database();
    overlap.aws.vpcs = Some(Vec::new());
    overlap.vpc("vpc-db", &["10.100.0.0/16", "10.0.64.0/20"]);
    overlap.status("pcx-1", "failed");
    for (world, code, ways) in [
        (
            secondary,
            "SECONDARY_CIDR_UNREACHABLE",
            ["network load balancer into a subnet of 10.200.0.0/16", "Move the target"],
        ),
        (
            overlap,
            "CIDR_OVERLAP",
            [
                "Put a proxy into a VPC that overlaps neither",
                "heroku spaces:create --space NAME --team TEAM --generation cedar --cidr 10.1.0.0/16",
            ],
        ),
    ] {
        let report = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
        let cause = report.causes.iter().find(|cause| cause.code.name() == code);
        let fixes = &cause.unwrap_or_else(|| panic!("no {code}")).fixes;
        assert!(fixes.iter().all(|fix| !fix.verified && matches!(fix.tool, Tool::Manual | Tool::Heroku)));
        for (fix, way) in fixes.iter().zip(ways) {
            assert!(
                fix.explanation.contains(way) || fix.command == way,
                "{code}: {} {}",
                fix.explanation,
                fix.command
            );
        }
        assert_eq!(fixes.len(), ways.len(), "{code}");
    }
}

#[test]
fn from_a_vpc_to_heroku_data_services_privatelink_and_mutual_tls_are_the_ways() {
    let mut world = World::space_and_database();
    if let Some(space) = &mut world.heroku.space {
        space.data_cidr = Some(documents::cidr("10.1.0.0/16"));
    }
    let report = analyze(&world, NetworkId::Vpc("vpc-db".into()), &["10.100.2.20/32"], "10.1.3.4");
    let fixes = &report.causes[0].fixes;
    assert_eq!(report.causes[0].code.name(), "DATA_SERVICE_UNREACHABLE");
    let commands: Vec<&str> = fixes.iter().map(|fix| fix.command.as_str()).collect();
    let expected = [
        "heroku data:privatelink:create DATABASE --aws-account-id ACCOUNT_ID:root --app APP",
        "heroku data:mtls:create DATABASE --app APP",
    ];
    assert_eq!(commands, expected);
}

/// A thousand machines share the group, the ACL and the table: what a repair opens to each of them, and
/// for each to call, is still found at once. The limit is far above what it takes, for busy machines.
#[test]
fn a_thousand_machines_cost_no_more_than_moments() {
    let mut world = all_wrong("pending-acceptance");
    let out = permission(IpProtocol::All, None, &["0.0.0.0/0"]);
    world.rules("sg-db").ip_permissions_egress = vec![out];
    for number in 0..1000_u16 {
        let [high, low] = number.to_be_bytes();
        let address = format!("10.100.{}.{low}", 8 + high);
        let extra = format!("sg-{}", number % 50);
        world.interface(&format!("eni-{number}"), "vpc-db", "subnet-db", &[&address], &["sg-db", &extra]);
    }
    for number in 0..50 {
        world.group(&format!("sg-{number}"), "vpc-db", vec![tcp(443 + number, "10.0.0.0/8")], Vec::new());
    }
    let start = Instant::now();
    let report = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    let taken = start.elapsed();
    let plan = report.plan.expect("a plan");
    assert_eq!(plan.steps.len(), 4);
    // Each of them is called, and calls; the one that was asked for only calls.
    assert_eq!(plan.opens.len(), 2001);
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}
