//! AWS's rules of routes, each by name in a world that shows it alone.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod asking;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;

use peerscope_document::aws::{AssociationState, RouteOrigin, RouteState};

use asking::{Asked, application, dynos, said, stopped};
use documents::World;
use documents::rules::{open_entries, over_peering, permission, propagated, route};

const NOTHING: [&str; 0] = [];

/// The healthy world with other routes in place of the one over the peering.
fn with_routes(routes: Vec<peerscope_document::aws::Route>) -> World {
    let mut world = World::space_and_database();
    let table = world.routes("rtb-db");
    table.retain(|route| !over_peering(route, "pcx-1"));
    table.extend(routes);
    world
}

#[test]
fn the_worlds_that_faults_are_put_into_are_healthy() {
    assert_eq!(said(&World::space_and_database(), dynos()), NOTHING);
    assert_eq!(said(&World::two_vpcs(), application()), NOTHING);
}

#[test]
fn a_subnet_without_association_uses_the_main_table() {
    let mut world = World::space_and_database();
    world.subnet("subnet-0", "vpc-db", &["10.100.9.0/24"]);
    world.route_table("rtb-0", "vpc-db", &["subnet-0"], Vec::new());
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn a_subnet_with_an_association_does_not_use_the_main_table() {
    let mut world = World::space_and_database();
    world.route_table("rtb-0", "vpc-db", &["subnet-db"], vec![route("10.100.0.0/16", "local")]);
    assert_eq!(said(&world, dynos()), ["NO_ROUTE_TO_DESTINATION rtb-0 return"]);
}

#[test]
fn an_association_that_is_not_in_force_does_not_count() {
    for state in ["disassociated", "disassociating", "associating", "failed"] {
        let mut world = World::space_and_database();
        world.route_table("rtb-0", "vpc-db", &["subnet-db"], Vec::new());
        for table in world.aws.route_tables.iter_mut().flatten() {
            for one in table.associations.iter_mut().filter(|one| !one.main) {
                one.association_state = Some(AssociationState { state: state.into() });
            }
        }
        assert_eq!(said(&world, dynos()), NOTHING, "{state}");
    }
}

#[test]
fn the_main_table_of_another_vpc_serves_nobody_here() {
    let mut world = World::space_and_database();
    world.vpc("vpc-0", &["10.7.0.0/16"]);
    world.route_table("rtb-0", "vpc-0", &["main"], Vec::new());
    world.route_table("rtb-z", "vpc-0", &["main"], Vec::new());
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn a_propagated_route_loses_to_a_static_one_of_equal_length() {
    let propagated = propagated(route("10.0.0.0/16", "vgw-1"));
    let world = with_routes(vec![propagated, route("10.0.0.0/16", "pcx-1")]);
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn a_longer_propagated_route_beats_a_static_one() {
    let propagated = propagated(route("10.0.144.0/20", "vgw-1"));
    let world = with_routes(vec![route("10.0.0.0/16", "pcx-1"), propagated]);
    assert_eq!(said(&world, dynos()), ["MORE_SPECIFIC_ROUTE rtb-db return"]);
    assert_eq!(stopped(&world, dynos()).0, ["10.0.144.0/20"]);
}

#[test]
fn a_propagated_route_inside_the_vpc_loses_to_local() {
    let mut world = with_routes(vec![
        route("10.0.0.0/15", "local"),
        route("10.0.128.0/19", "pcx-1"),
        propagated(route("10.0.128.0/20", "vgw-1")),
    ]);
    assert_eq!(said(&world, dynos()), NOTHING);
    world.routes("rtb-db").push(route("10.0.128.0/20", "igw-1"));
    assert_eq!(said(&world, dynos()), ["MORE_SPECIFIC_ROUTE rtb-db return"], "a static one does not");
}

#[test]
fn a_route_of_a_prefix_list_loses_to_a_static_one_of_equal_length() {
    let mut world = with_routes(vec![route("pl-1", "pcx-1"), route("10.0.0.0/16", "igw-1")]);
    world.prefix_list("pl-1", &["10.0.0.0/16"]);
    assert_eq!(said(&world, dynos()), ["HIGHER_PRIORITY_ROUTE rtb-db return"]);
}

#[test]
fn a_route_of_a_prefix_list_beats_a_propagated_one_of_equal_length() {
    let mut world = with_routes(vec![propagated(route("10.0.0.0/16", "vgw-1")), route("pl-1", "pcx-1")]);
    world.prefix_list("pl-1", &["10.0.0.0/16"]);
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn a_prefix_list_routes_each_of_its_blocks() {
    let mut world = with_routes(vec![route("pl-1", "pcx-1")]);
    world.prefix_list("pl-1", &["10.7.0.0/16", "10.0.128.0/20"]);
    assert_eq!(said(&world, dynos()), ["NO_ROUTE_TO_DESTINATION rtb-db return"]);
    assert_eq!(stopped(&world, dynos()).0, ["10.0.144.0/20"]);
}

#[test]
fn a_prefix_list_of_unknown_blocks_over_the_peering_may_be_the_route() {
    let world = with_routes(vec![route("pl-1", "pcx-1")]);
    assert_eq!(said(&world, dynos()), ["? NO_ROUTE_TO_DESTINATION rtb-db return"]);
    let mut world = with_routes(vec![route("pl-1", "pcx-1"), route("10.0.0.0/16", "pcx-1")]);
    assert_eq!(said(&world, dynos()), NOTHING, "another route does");
    world.routes("rtb-db").push(route("10.0.128.0/20", "igw-1"));
    assert_eq!(said(&world, dynos()), ["MORE_SPECIFIC_ROUTE rtb-db return"]);
}

#[test]
fn a_filtered_route_takes_nothing() {
    let mut filtered = propagated(route("10.0.128.0/19", "vgw-1"));
    filtered.state = Some(RouteState::Filtered);
    let world = with_routes(vec![filtered, route("10.0.0.0/16", "pcx-1")]);
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn a_default_route_that_catches_the_packet_is_no_route() {
    let world = with_routes(vec![route("0.0.0.0/0", "igw-1")]);
    assert_eq!(said(&world, dynos()), ["NO_ROUTE_TO_DESTINATION rtb-db return"]);
}

#[test]
fn a_blackhole_over_an_active_peering_is_a_bad_state() {
    let mut dead = route("10.0.0.0/16", "pcx-1");
    dead.state = Some(RouteState::Blackhole);
    assert_eq!(said(&with_routes(vec![dead]), dynos()), ["BAD_STATE_ROUTE rtb-db return"]);
}

#[test]
fn a_route_to_a_peering_of_the_past_is_a_bad_state() {
    let mut dead = route("10.0.0.0/16", "pcx-0");
    dead.state = Some(RouteState::Blackhole);
    let mut world = with_routes(vec![dead]);
    assert_eq!(said(&world, dynos()), ["BAD_STATE_ROUTE rtb-db return"]);
    world.peering("pcx-0", ("vpc-db", &[]), ("vpc-space", &[]), "deleted");
    assert_eq!(said(&world, dynos()), ["BAD_STATE_ROUTE rtb-db return"]);
}

#[test]
fn blackholes_of_an_inactive_peering_are_consequences() {
    for (status, code) in [
        ("pending-acceptance", "PEERING_PENDING_ACCEPTANCE"),
        ("initiating-request", "PEERING_NOT_ACTIVE"),
        ("provisioning", "PEERING_NOT_ACTIVE"),
        ("failed", "PEERING_NOT_ACTIVE"),
        ("expired", "PEERING_NOT_ACTIVE"),
        ("rejected", "PEERING_NOT_ACTIVE"),
        ("deleting", "PEERING_NOT_ACTIVE"),
        ("deleted", "PEERING_NOT_ACTIVE"),
    ] {
        let mut dead = route("10.0.0.0/16", "pcx-1");
        dead.state = Some(RouteState::Blackhole);
        let mut world = with_routes(vec![dead]);
        world.status("pcx-1", status);
        assert_eq!(said(&world, dynos()), [format!("{code} pcx-1")], "{status}");
    }
}

#[test]
fn a_wrong_peering_is_a_bad_state_only_while_the_right_one_is_active() {
    let mut world = with_routes(vec![route("10.0.0.0/16", "pcx-elsewhere")]);
    assert_eq!(said(&world, dynos()), ["BAD_STATE_ROUTE rtb-db return"]);
    world.status("pcx-1", "pending-acceptance");
    assert_eq!(
        said(&world, dynos()),
        ["PEERING_PENDING_ACCEPTANCE pcx-1", "NO_ROUTE_TO_DESTINATION rtb-db return"]
    );
}

#[test]
fn host_bits_in_a_routes_destination_are_cleared() {
    assert_eq!(said(&with_routes(vec![route("10.0.200.7/16", "pcx-1")]), dynos()), NOTHING);
    let beyond = with_routes(vec![route("10.0.200.7/20", "pcx-1")]);
    assert_eq!(said(&beyond, dynos()), ["NO_ROUTE_TO_DESTINATION rtb-db return"]);
}

#[test]
fn words_that_are_not_known_yet_are_tolerated() {
    let mut odd = route("10.0.0.0/16", "pcx-1");
    odd.state = Some(RouteState::from("resting"));
    odd.origin = Some(RouteOrigin::from("Magic"));
    assert_eq!(said(&with_routes(vec![odd]), dynos()), NOTHING);
    let mut world = World::space_and_database();
    world.status("pcx-1", "meditating");
    assert_eq!(said(&world, dynos()), ["? PEERING_NOT_ACTIVE pcx-1"]);
}

#[test]
fn routes_of_one_family_say_nothing_of_the_other() {
    let mut world = World::two_vpcs();
    let (app, db) = ("2001:db8:a::/64", "2001:db8:b::/64");
    for (vpc, block) in [("vpc-app", app), ("vpc-db", db)] {
        for subnet in world.aws.subnets.iter_mut().flatten().filter(|one| one.vpc_id.as_str() == vpc) {
            let mut made = World::new();
            made.subnet("subnet-0", vpc, &[block]);
            let made = made.aws.subnets.unwrap_or_default().remove(0);
            subnet.ipv6_cidr_block_association_set = made.ipv6_cidr_block_association_set;
        }
    }
    for (vpc, block) in [("vpc-app", app), ("vpc-db", db)] {
        let mut made = World::new();
        made.vpc(vpc, &[block]);
        let made = made.aws.vpcs.unwrap_or_default().remove(0);
        let vpcs = world.aws.vpcs.iter_mut().flatten();
        for one in vpcs.filter(|one| one.vpc_id.as_str() == vpc) {
            one.ipv6_cidr_block_association_set = made.ipv6_cidr_block_association_set.clone();
        }
    }
    world.interface("eni-app6", "vpc-app", "subnet-app", &["2001:db8:a::1"], &["sg-app"]);
    world.interface("eni-db6", "vpc-db", "subnet-db", &["2001:db8:b::1"], &["sg-db"]);
    for group in ["sg-app", "sg-db"] {
        let all = permission(peerscope_document::aws::IpProtocol::All, None, &["::/0"]);
        world.rules(group).ip_permissions.push(all.clone());
        world.rules(group).ip_permissions_egress.push(all);
    }
    let asked = Asked { source: "2001:db8:a::1/128", destination: "2001:db8:b::1/128", ..application() };
    assert_eq!(
        said(&world, asked),
        ["NO_ROUTE_TO_DESTINATION rtb-app forward", "NO_ROUTE_TO_DESTINATION rtb-db return"]
    );
    world.routes("rtb-app").push(route(db, "pcx-1"));
    world.routes("rtb-db").push(route(app, "pcx-1"));
    assert_eq!(said(&world, asked), NOTHING);
    assert_eq!(said(&world, asked.echo()), NOTHING);
}

#[test]
fn between_subnets_of_one_vpc_no_route_is_asked_for() {
    let mut world = World::space_and_database();
    world.subnet("subnet-0", "vpc-db", &["10.100.3.0/24"]);
    world.network_acl("acl-0", "vpc-db", &["subnet-0"], open_entries());
    let all = permission(peerscope_document::aws::IpProtocol::All, None, &["10.0.0.0/8"]);
    world.group("sg-0", "vpc-db", vec![all.clone()], vec![all.clone()]);
    world.interface("eni-0", "vpc-db", "subnet-0", &["10.100.3.9"], &["sg-0"]);
    world.rules("sg-db").ip_permissions.push(all);
    world.routes("rtb-db").clear();
    let asked = Asked { from: "vpc-db", source: "10.100.3.9/32", ..dynos() };
    assert_eq!(said(&world, asked), NOTHING);
}
