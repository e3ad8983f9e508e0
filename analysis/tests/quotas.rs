//! AWS's quotas: a plan that has no room gives way to one that has, and where room is short or none is
//! left that is said, as what AWS usually allows and not as a certainty.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::report::{Fix, Tool};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::aws::IpProtocol;

use documents::World;
use documents::rules::{entry, over_peering, route, tcp};
use starting::case;

/// The commands for the only cause that keeps the space from its database.
fn fixes(world: &World) -> Vec<Fix> {
    let topology = Some(Topology::from(&world.snapshot()));
    let blocks = ["10.0.128.0/20", "10.0.144.0/20"];
    let mut machine = Machine::new(case(topology, NetworkId::Space, &blocks, "10.100.2.20"), 1);
    machine.poll(Duration::ZERO);
    let mut report = machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH);
    assert_eq!(report.causes.len(), 1);
    let fixes = report.causes.remove(0).fixes;
    assert!(fixes.iter().all(|fix| fix.verified));
    fixes.into_iter().filter(|fix| fix.tool == Tool::Aws).collect()
}

/// A world whose ACL lets nothing in, with so many entries inbound.
fn with_entries(count: i32) -> World {
    let mut world = World::space_and_database();
    world.entries("acl-db").retain(|one| one.egress);
    for number in 1..=count {
        world.entries("acl-db").push(entry(
            "in",
            number,
            "deny",
            IpProtocol::TCP,
            Some((22, 22)),
            "0.0.0.0/0",
        ));
    }
    world
}

/// So many rules that concern nobody.
fn fill(world: &mut World, group: &str, count: u8) {
    let rules = (1..=count).map(|last| tcp(22, &format!("192.168.0.{last}/32")));
    world.rules(group).ip_permissions.extend(rules);
}

#[test]
fn an_acl_says_when_it_is_nearly_full_or_over() {
    for (held, said) in [
        (0, None),
        (17, None),
        (
            18,
            Some(
                "acl-db then holds 19 of 20 inbound entries, AWS's usual quota, which it raises to 40 at most",
            ),
        ),
        (
            19,
            Some(
                "acl-db then holds 20 of 20 inbound entries, AWS's usual quota, which it raises to 40 at most",
            ),
        ),
        (
            20,
            Some(
                "acl-db would hold 21 inbound entries, and AWS allows 20 unless the account's quota was raised (to 40 at most): it may refuse this",
            ),
        ),
        // This account's quota was raised: nothing tells how far.
        (21, None),
        (35, None),
        (36, Some("acl-db then holds 37 inbound entries, of the 40 that AWS allows at most")),
        (40, Some("acl-db would hold 41 inbound entries, and AWS raises that quota to 40 at most")),
    ] {
        let fixes = fixes(&with_entries(held));
        assert_eq!(fixes[0].note.as_deref(), said, "{held} entries");
    }
}

#[test]
fn where_single_rules_have_no_room_one_for_the_block_around_them_is_made() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.0.128.0/20"), tcp(5432, "10.0.144.0/24")];
    assert_eq!(
        fixes(&world)[0].command.lines().count(),
        4,
        "a rule for each missing block, while there is room"
    );
    fill(&mut world, "sg-db", 56);
    let fixes = fixes(&world);
    let [fix] = &fixes[..] else { panic!("{} fixes", fixes.len()) };
    assert_eq!(fix.command.lines().count(), 1);
    assert!(fix.command.contains("--cidr 10.0.144.0/20"), "{}", fix.command);
    assert!(fix.opens.is_empty(), "the block around them is the dynos' own");
    assert!(
        fix.note.as_deref().is_some_and(|note| note.contains("59 of 60 inbound IPv4 rules")),
        "{:?}",
        fix.note
    );
}

#[test]
fn what_a_wider_rule_opens_is_listed() {
    let mut world = World::space_and_database();
    world.space("10.0.0.0/16", &["10.0.16.0/20", "10.0.64.0/20"], "vpc-space");
    world.rules("sg-db").ip_permissions.clear();
    fill(&mut world, "sg-db", 59);
    let topology = Some(Topology::from(&world.snapshot()));
    let blocks = ["10.0.16.0/20", "10.0.64.0/20"];
    let mut machine = Machine::new(case(topology, NetworkId::Space, &blocks, "10.100.2.20"), 1);
    machine.poll(Duration::ZERO);
    let report = machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH);
    let fix = &report.causes[0].fixes[0];
    assert!(fix.command.contains("--cidr 10.0.0.0/17"), "{}", fix.command);
    let sources: Vec<String> = fix.opens[0].flows.sources.iter().map(ToString::to_string).collect();
    assert_eq!(sources, ["10.0.0.0/20", "10.0.32.0/19", "10.0.80.0/20", "10.0.96.0/19"]);
}

#[test]
fn a_group_with_room_goes_before_a_full_one_that_opens_less() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions.clear();
    world.group("sg-shared", "vpc-db", Vec::new(), Vec::new());
    world.aws.network_interfaces = None;
    world.interface("eni-db", "vpc-db", "subnet-db", &["10.100.2.20"], &["sg-db", "sg-shared"]);
    world.interface("eni-0", "vpc-db", "subnet-db", &["10.100.2.21"], &["sg-shared"]);
    assert!(fixes(&world)[0].command.contains("--group-id sg-db "));
    fill(&mut world, "sg-db", 60);
    let left = fixes(&world);
    assert!(left.iter().all(|fix| fix.command.contains("--group-id sg-shared ")), "{}", left[0].command);
    assert_eq!(left[0].opens.len(), 1);
    fill(&mut world, "sg-shared", 60);
    assert!(fixes(&world)[0].note.as_deref().is_some_and(|note| note.contains("it may refuse this")));
}

#[test]
fn propagated_routes_and_the_other_family_take_no_room_of_a_table() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    for number in 0..500 {
        let (high, low) = (number / 250, number % 250);
        world
            .routes("rtb-db")
            .push(documents::rules::propagated(route(&format!("172.{}.{low}.0/24", 16 + high), "vgw-1")));
        world.routes("rtb-db").push(route(&format!("2001:db8:{number:x}::/48"), "igw-1"));
    }
    assert_eq!(fixes(&world)[0].note, None);
    for number in 0..450 {
        let (high, low) = (number / 250, number % 250);
        world.routes("rtb-db").push(route(&format!("192.{}.{low}.0/24", 100 + high), "igw-1"));
    }
    assert!(fixes(&world)[0].note.as_deref().is_some_and(|note| note.contains("452 of 500 IPv4 routes")));
}

/// A world without the peering, whose space has so many others.
fn with_peerings(count: usize, status: &str, of: &str) -> World {
    let mut world = World::space_and_database();
    world.aws.vpc_peering_connections = Some(Vec::new());
    let listed = (0..count).map(|number| {
        serde_json::from_value(serde_json::json!({
            "pcx_id": format!("pcx-other{number}"), "type": of, "status": status,
            "aws_vpc_id": format!("vpc-other{number}"), "cidr_blocks": [format!("172.30.{number}.0/24")],
        }))
        .expect("a peering of Heroku's list")
    });
    world.heroku.peerings = Some(listed.collect());
    world
}

#[test]
fn a_space_says_when_it_has_no_room_for_one_more_peering() {
    for (world, said) in [
        (with_peerings(3, "active", "customer-managed"), None),
        (
            with_peerings(4, "active", "customer-managed"),
            Some("the space then holds 5 of 5 peerings, Heroku's usual quota"),
        ),
        (
            with_peerings(5, "pending-acceptance", "unknown"),
            Some(
                "the space would hold 6 peerings, and Heroku allows 5 unless its support raised that: it may refuse this",
            ),
        ),
        // This space's was raised: nothing tells how far.
        (with_peerings(6, "active", "customer-managed"), None),
        // Neither the dead ones nor Heroku's own take a place.
        (with_peerings(5, "expired", "customer-managed"), None),
        (with_peerings(5, "active", "heroku-postgresql"), None),
    ] {
        let fixes = fixes(&world);
        assert!(fixes[0].command.starts_with("PCX="), "{}", fixes[0].command);
        assert_eq!(fixes[0].note.as_deref(), said);
    }
}

#[test]
fn a_vpc_says_when_it_has_no_room_for_one_more_active_peering() {
    for (active, waiting, said) in [
        (44, 20, None),
        (
            45,
            0,
            Some(
                "vpc-db then holds 46 of 50 active peerings, AWS's usual quota, which it raises to 125 at most",
            ),
        ),
        (
            50,
            0,
            Some(
                "vpc-db would hold 51 active peerings, and AWS allows 50 unless the account's quota was raised (to 125 at most): it may refuse this",
            ),
        ),
    ] {
        let mut world = World::space_and_database();
        world.aws.vpc_peering_connections = Some(Vec::new());
        for number in 0..active + waiting {
            let (other, block) = (format!("vpc-{number}"), format!("172.30.{number}.0/24"));
            let status = if number < active { "active" } else { "pending-acceptance" };
            let ends = (("vpc-db", &["10.100.0.0/16"][..]), (other.as_str(), &[block.as_str()][..]));
            world.peering(&format!("pcx-other{number}"), ends.0, ends.1, status);
        }
        assert_eq!(fixes(&world)[0].note.as_deref(), said, "{active} active");
    }
}
