//! The fixes of a diagnosis: what is verified, for whom, and what is said to be opened by it. What a
//! plan does to packets is held by `repairs.rs`; here it is what a user reads of it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Action, Case, Machine};
use peerscope_analysis::report::{Diagnosis, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};

use documents::World;
use documents::rules::{over_peering, route, tcp};
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

/// A world in which nobody ever asked for the peering.
fn without_peering(mut world: World) -> World {
    world.aws.vpc_peering_connections = Some(Vec::new());
    for table in world.aws.route_tables.iter_mut().flatten() {
        table.routes.retain(|one| !over_peering(one, "pcx-1"));
    }
    world
}

/// The first fix of the only cause.
fn first(diagnosis: &Diagnosis, code: &str) -> peerscope_analysis::report::Fix {
    let [cause] = &diagnosis.causes[..] else { panic!("{} causes", diagnosis.causes.len()) };
    assert_eq!(cause.code.name(), code);
    cause.fixes.first().cloned().expect("a fix")
}

#[test]
fn a_missing_peering_with_a_space_is_made_with_the_route_to_it_and_verified() {
    let mut world = without_peering(World::space_and_database());
    let info = world.heroku.peering_info.as_mut().expect("a peering-info");
    info.aws_account_id = Some("222222222222".into());
    info.aws_region = Some("eu-west-1".into());
    let fix = first(&analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20"), "PEERING_MISSING");
    assert!(fix.verified, "{}", fix.command);
    let expected = [
        "PCX=$(aws ec2 create-vpc-peering-connection --vpc-id vpc-db --peer-vpc-id vpc-space --peer-owner-id 222222222222 --peer-region eu-west-1 --region us-east-1 --query VpcPeeringConnection.VpcPeeringConnectionId --output text)",
        "heroku spaces:peerings:accept \"$PCX\" --space myspace",
        "aws ec2 create-route --route-table-id rtb-db --destination-cidr-block 10.0.0.0/16 --vpc-peering-connection-id \"$PCX\" --region us-east-1",
    ];
    assert_eq!(fix.command.lines().collect::<Vec<_>>(), expected);
    let expected = [
        "aws ec2 delete-route --route-table-id rtb-db --destination-cidr-block 10.0.0.0/16 --region us-east-1",
        "# no acceptance can be taken back: deleting the new peering undoes it",
        "aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id \"$PCX\" --region us-east-1",
    ];
    assert_eq!(fix.undo.lines().collect::<Vec<_>>(), expected);
    assert!(fix.opens.is_empty(), "{:?}", fix.opens);
}

/// A cause whose component has no id has an owner all the same: the command is run where the VPC is.
#[test]
fn a_missing_peering_is_asked_for_in_the_account_and_region_of_the_vpc_that_asks() {
    let mut world = without_peering(World::two_vpcs());
    for vpc in world.aws.vpcs.iter_mut().flatten() {
        let account = if vpc.vpc_id.as_str() == "vpc-app" { "111111111111" } else { "222222222222" };
        vpc.owner_id = Some(account.into());
    }
    let network = NetworkId::Vpc("vpc-app".into());
    let diagnosis = analyze(&world, network, &["10.1.0.10/32"], "10.2.0.20");
    let fix = first(&diagnosis, "PEERING_MISSING");
    assert_eq!((fix.account.as_deref(), fix.region.as_deref()), (Some("111111111111"), Some("us-east-1")));
    let step = &diagnosis.plan.as_ref().expect("a plan").steps[0];
    assert_eq!((step.account.as_deref(), step.region.as_deref()), (Some("111111111111"), Some("us-east-1")));
    assert_eq!(step.component.id, None);
    // Each step is run where what it changes is.
    let steps = &diagnosis.plan.as_ref().expect("a plan").steps;
    let accounts: Vec<_> = steps.iter().filter_map(|step| step.account.as_deref()).collect();
    assert_eq!(accounts, ["111111111111", "222222222222", "111111111111", "222222222222"]);
    assert!(steps.iter().all(|step| step.command.lines().count() == 1), "{steps:?}");
    assert!(
        fix.explanation.contains("Accepts the new peering in account 222222222222."),
        "{}",
        fix.explanation
    );
    assert!(fix.explanation.contains("In account 222222222222: Adds to rtb-db"), "{}", fix.explanation);
    assert!(fix.verified, "{}", fix.command);
    let expected = [
        "PCX=$(aws ec2 create-vpc-peering-connection --vpc-id vpc-app --peer-vpc-id vpc-db --peer-owner-id 222222222222 --region us-east-1 --query VpcPeeringConnection.VpcPeeringConnectionId --output text)",
        "aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id \"$PCX\" --region us-east-1",
        "aws ec2 create-route --route-table-id rtb-app --destination-cidr-block 10.2.0.0/16 --vpc-peering-connection-id \"$PCX\" --region us-east-1",
        "aws ec2 create-route --route-table-id rtb-db --destination-cidr-block 10.1.0.0/16 --vpc-peering-connection-id \"$PCX\" --region us-east-1",
    ];
    assert_eq!(fix.command.lines().collect::<Vec<_>>(), expected);
}

/// A route that stayed behind when its peering was deleted long ago is turned: AWS takes no second one.
#[test]
fn a_missing_peering_takes_over_the_routes_of_one_that_is_gone() {
    let mut world = without_peering(World::space_and_database());
    let mut dead = route("10.0.0.0/16", "pcx-gone");
    dead.state = Some(peerscope_document::aws::RouteState::Blackhole);
    world.routes("rtb-db").push(dead);
    let fix = first(&analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20"), "PEERING_MISSING");
    assert!(fix.verified, "{}", fix.command);
    assert!(fix.command.contains("aws ec2 replace-route --route-table-id rtb-db"), "{}", fix.command);
}

/// No peering is proposed where none can be, where one more would not help, or where nobody knows.
#[test]
fn a_missing_peering_is_left_to_a_person_where_making_it_is_not_known_to_mend() {
    let mut overlapping = without_peering(World::space_and_database());
    overlapping.aws.vpcs = Some(Vec::new());
    overlapping.vpc("vpc-db", &["10.100.0.0/16", "10.0.64.0/20"]);
    let mut fir = without_peering(World::space_and_database());
    if let Some(space) = &mut fir.heroku.space {
        space.generation = Some(peerscope_document::heroku::Generation::Word("fir".into()));
    }
    let mut unlisted = without_peering(World::space_and_database());
    unlisted.aws.vpc_peering_connections = None;
    let mut unnamed = without_peering(World::space_and_database());
    if let Some(info) = &mut unnamed.heroku.peering_info {
        info.vpc_id = None;
    }
    let mut untabled = without_peering(World::space_and_database());
    untabled.aws.route_tables = Some(Vec::new());
    for (name, world) in [
        ("overlap", overlapping),
        ("generation", fir),
        ("no list", unlisted),
        ("no id", unnamed),
        ("no table", untabled),
    ] {
        let diagnosis = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
        let fixes = diagnosis.causes.iter().flat_map(|cause| &cause.fixes);
        let made = fixes.filter(|fix| fix.verified || fix.command.contains("PCX"));
        assert_eq!(made.count(), 0, "{name}");
    }
    let mut behind = without_peering(World::two_vpcs());
    behind.vpc("vpc-mid", &["10.3.0.0/16"]);
    behind.peering("pcx-2", ("vpc-app", &["10.1.0.0/16"]), ("vpc-mid", &["10.3.0.0/16"]), "active");
    behind.peering("pcx-3", ("vpc-mid", &["10.3.0.0/16"]), ("vpc-db", &["10.2.0.0/16"]), "active");
    let network = NetworkId::Vpc("vpc-app".into());
    let diagnosis = analyze(&behind, network, &["10.1.0.10/32"], "10.2.0.20");
    assert!(diagnosis.causes.iter().any(|cause| cause.code.name() == "TRANSITIVE_PEERING"));
    assert!(diagnosis.causes.iter().flat_map(|cause| &cause.fixes).all(|fix| !fix.verified));
}

/// Private addresses repeat: with no peering, nothing tells which of two VPCs with the target's address is
/// meant, and a peering with the wrong one would mend nothing.
#[test]
fn a_missing_peering_is_not_offered_with_a_network_that_is_a_guess() {
    let mut world = without_peering(World::space_and_database());
    world.vpc("vpc-alike", &["10.100.0.0/16"]);
    world.subnet("subnet-alike", "vpc-alike", &["10.100.2.0/24"]);
    let routes = vec![route("10.100.0.0/16", "local")];
    world.route_table("rtb-alike", "vpc-alike", &["main"], routes);
    world.network_acl("acl-alike", "vpc-alike", &["subnet-alike"], documents::rules::open_entries());
    world.group("sg-alike", "vpc-alike", vec![tcp(5432, "10.0.0.0/16")], Vec::new());
    world.interface("eni-alike", "vpc-alike", "subnet-alike", &["10.100.2.20"], &["sg-alike"]);
    let diagnosis = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    let fix = first(&diagnosis, "PEERING_MISSING");
    assert!(!fix.verified && !fix.command.contains("PCX"), "{}", fix.command);
    assert!(
        fix.explanation.contains("vpc-alike") && fix.explanation.contains("vpc-db"),
        "{}",
        fix.explanation
    );
    assert!(diagnosis.plan.is_some_and(|plan| !plan.verified));
    // Whoever names the interface says which is meant.
    for (vpc, table) in [("vpc-db", "rtb-db"), ("vpc-alike", "rtb-alike")] {
        let topology = Some(Topology::from(&world.snapshot()));
        let case = case(topology, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
        let case = Case {
            target_networks: vec![("10.100.2.20".parse().expect("an address"), NetworkId::Vpc(vpc.into()))],
            ..case
        };
        let mut machine = Machine::new(case, 1);
        machine.poll(Duration::ZERO);
        let fix = first(&machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH), "PEERING_MISSING");
        assert!(fix.verified && fix.command.contains(&format!("--vpc-id {vpc} ")), "{}", fix.command);
        assert!(fix.command.contains(table), "{}", fix.command);
    }
    // Where the other has no interface at the address, it is not meant.
    world
        .aws
        .network_interfaces
        .get_or_insert_default()
        .retain(|one| one.network_interface_id.as_str() != "eni-alike");
    let diagnosis = analyze(&world, NetworkId::Space, &DYNO_BLOCKS, "10.100.2.20");
    assert!(first(&diagnosis, "PEERING_MISSING").verified);
}
