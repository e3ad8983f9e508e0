//! Security groups from the rules API's document, in place of the groups' own and beside it.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests asks in its own way")]
mod asking;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod listed;

use peerscope_analysis::topology::Topology;
use peerscope_document::aws::IpProtocol;

use asking::{application, dynos, said};
use documents::World;
use documents::rules::{permission, tcp};
use listed::listed;

const NOTHING: [&str; 0] = [];

/// The world with its groups' rules listed one by one, and without the groups themselves.
fn by_rules(mut world: World) -> World {
    let groups = world.aws.security_groups.take().unwrap_or_default();
    world.aws.security_group_rules = Some(listed(&groups));
    world
}

#[test]
fn rules_alone_tell_what_a_group_lets_through() {
    assert_eq!(said(&by_rules(World::two_vpcs()), application()), NOTHING);
    let mut world = World::two_vpcs();
    world.rules("sg-db").ip_permissions = vec![tcp(5433, "10.1.0.0/16")];
    assert_eq!(said(&by_rules(world), application()), ["ENI_SG_RULES_MISMATCH eni-db forward"]);
}

#[test]
fn minus_one_means_every_port_and_type() {
    let mut world = World::two_vpcs();
    world.rules("sg-db").ip_permissions = vec![permission(IpProtocol::All, None, &["10.1.0.0/16"])];
    world.rules("sg-app").ip_permissions_egress = vec![permission(IpProtocol::All, None, &["0.0.0.0/0"])];
    let world = by_rules(world);
    assert_eq!(said(&world, application()), NOTHING);
    assert_eq!(said(&world, application().echo()), NOTHING);
}

/// Another group is listed with rules both ways, so no direction was left out of the list.
#[test]
fn a_listed_group_without_a_rule_in_one_direction_lets_nothing_through_there() {
    let mut world = World::two_vpcs();
    world.rules("sg-db").ip_permissions.clear();
    assert_eq!(said(&by_rules(world), application()), ["SG_HAS_NO_RULES eni-db forward"]);
}

#[test]
fn a_list_of_one_direction_alone_tells_nothing_of_the_other() {
    let mut world = by_rules(World::two_vpcs());
    world.aws.security_group_rules.get_or_insert_default().retain(|rule| rule.is_egress);
    assert_eq!(said(&world, application()), ["? ENI_SG_RULES_MISMATCH eni-db forward"]);
}

/// It may have no rule, or nobody asked about it.
#[test]
fn a_group_that_is_not_listed_is_unknown() {
    let mut world = by_rules(World::two_vpcs());
    world.aws.security_group_rules.get_or_insert_default().retain(|rule| rule.group_id.as_str() != "sg-db");
    assert_eq!(said(&world, application()), ["? ENI_SG_RULES_MISMATCH eni-db forward"]);
    world.aws.security_group_rules = Some(Vec::new());
    assert_eq!(
        said(&world, application()),
        ["? ENI_SG_RULES_MISMATCH eni-app forward", "? ENI_SG_RULES_MISMATCH eni-db forward"]
    );
}

#[test]
fn where_both_documents_tell_of_a_group_its_own_counts_and_a_difference_is_said() {
    let disagreement = |world: &World| Topology::from(&world.snapshot()).omissions().to_vec();
    let mut world = World::space_and_database();
    world.aws.security_group_rules = Some(listed(world.aws.security_groups.as_deref().unwrap_or_default()));
    let before = disagreement(&world);
    assert!(before.iter().all(|one| !one.what.contains("sg-db")), "{before:?}");
    world.rules("sg-db").ip_permissions = vec![tcp(5433, "10.0.0.0/16")];
    assert_eq!(said(&world, dynos()), ["ENI_SG_RULES_MISMATCH eni-db forward"]);
    let said = disagreement(&world);
    assert!(said.iter().any(|one| one.what == "which rules sg-db has now"), "{said:?}");
}

#[test]
fn a_rule_by_reference_matches_the_interfaces_that_have_the_group() {
    let mut world = World::two_vpcs();
    world.rules("sg-db").ip_permissions = vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["sg-app"])];
    assert_eq!(said(&by_rules(world.clone()), application()), NOTHING);
    for group in world.aws.security_groups.iter_mut().flatten() {
        for pair in group.ip_permissions.iter_mut().flat_map(|one| &mut one.user_id_group_pairs) {
            pair.peering_status = Some("deleted".into());
        }
    }
    assert_eq!(said(&by_rules(world), application()), ["ENI_SG_RULES_MISMATCH eni-db forward"]);
}
