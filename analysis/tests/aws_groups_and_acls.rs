//! AWS's rules of security groups and network ACLs, each by name in a world that shows it alone.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod asking;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;

use peerscope_analysis::flow::PortRange;
use peerscope_document::aws::{IpPermission, IpProtocol, NetworkAclEntry};

use asking::{Asked, application, dynos, ports, said, stopped};
use documents::World;
use documents::rules::{entry, open_entries, permission, tcp};

const NOTHING: [&str; 0] = [];
const MISMATCH: [&str; 1] = ["ENI_SG_RULES_MISMATCH eni-db forward"];

/// The healthy world with these rules in the database's group.
fn with_rules(rules: Vec<IpPermission>) -> World {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions = rules;
    world
}

/// The healthy world with these entries in the ACL of the database's subnet.
fn with_entries(entries: Vec<NetworkAclEntry>) -> World {
    let mut world = World::space_and_database();
    *world.entries("acl-db") = entries;
    world
}

/// Entries that allow everything in one direction, beside others.
fn beside_open(towards: &str, mut entries: Vec<NetworkAclEntry>) -> World {
    entries.push(entry(towards, 100, "allow", IpProtocol::All, None, "0.0.0.0/0"));
    with_entries(entries)
}

#[test]
fn the_rules_of_all_groups_of_an_interface_count_together() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.0.128.0/20")];
    world.group("sg-0", "vpc-db", vec![tcp(5432, "10.0.144.0/20")], Vec::new());
    assert_eq!(said(&world, dynos()), MISMATCH);
    assert_eq!(stopped(&world, dynos()).0, ["10.0.144.0/20"]);
    world.aws.network_interfaces = None;
    world.interface("eni-db", "vpc-db", "subnet-db", &["10.100.2.20"], &["sg-0", "sg-db"]);
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn no_rules_are_named_so_only_where_every_group_is_empty() {
    let mut world = with_rules(Vec::new());
    assert_eq!(said(&world, dynos()), ["SG_HAS_NO_RULES eni-db forward"]);
    world.group("sg-0", "vpc-db", vec![tcp(22, "10.0.0.0/8")], Vec::new());
    world.aws.network_interfaces = None;
    world.interface("eni-db", "vpc-db", "subnet-db", &["10.100.2.20"], &["sg-db", "sg-0"]);
    assert_eq!(said(&world, dynos()), MISMATCH);
    world.aws.network_interfaces = None;
    world.interface("eni-db", "vpc-db", "subnet-db", &["10.100.2.20"], &[]);
    assert_eq!(said(&world, dynos()), MISMATCH, "an interface without groups has none that is empty");
}

#[test]
fn the_reply_of_an_allowed_call_needs_no_rule() {
    let mut world = World::two_vpcs();
    world.rules("sg-app").ip_permissions.clear();
    world.rules("sg-db").ip_permissions_egress.clear();
    assert_eq!(said(&world, application()), NOTHING);
    world.rules("sg-app").ip_permissions_egress.clear();
    assert_eq!(said(&world, application()), ["SG_HAS_NO_RULES eni-app forward"]);
}

#[test]
fn a_rule_is_for_its_ports_both_ends_included() {
    for (range, through) in [
        (Some((5432, 5432)), true),
        (Some((5431, 5433)), true),
        (Some((0, 65535)), true),
        (Some((5432, 65535)), true),
        (Some((0, 5432)), true),
        (Some((0, 5431)), false),
        (Some((5433, 65535)), false),
        (Some((6000, 5000)), false),
        (Some((-1, -1)), true),
        (None, true),
    ] {
        let world = with_rules(vec![permission(IpProtocol::TCP, range, &["10.0.0.0/16"])]);
        assert_eq!(said(&world, dynos()).is_empty(), through, "{range:?}");
    }
}

#[test]
fn a_rule_is_for_its_protocol_and_minus_one_for_all() {
    for (rule, asked, through) in [
        (IpProtocol::UDP, 6, false),
        (IpProtocol::UDP, 17, true),
        (IpProtocol::ICMP, 6, false),
        (IpProtocol::Number(6), 6, true),
        (IpProtocol::All, 6, true),
        (IpProtocol::All, 17, true),
        (IpProtocol::All, 47, true),
    ] {
        let world = with_rules(vec![permission(rule, None, &["10.0.0.0/16"])]);
        let asked = Asked { protocol: asked, ..dynos() };
        assert_eq!(said(&world, asked).is_empty(), through, "{rule} for {asked:?}");
    }
}

#[test]
fn ports_mean_nothing_for_all_protocols_and_for_those_without_any() {
    let asked = Asked { protocol: 47, source_ports: PortRange::ALL, ports: PortRange::ALL, ..dynos() };
    for protocol in [IpProtocol::All, IpProtocol::Number(47)] {
        let world = with_rules(vec![permission(protocol, Some((22, 22)), &["10.0.0.0/16"])]);
        assert_eq!(said(&world, asked), NOTHING, "{protocol}");
    }
    let world = with_rules(vec![permission(IpProtocol::All, Some((22, 22)), &["10.0.0.0/16"])]);
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn icmp_type_minus_one_with_a_code_matches_nothing() {
    for (pair, through) in [
        ((8, 0), true),
        ((8, -1), true),
        ((-1, -1), true),
        ((-1, 0), false),
        ((8, 256), false),
        ((300, 0), false),
        ((8, 1), false),
        ((0, 0), false),
        ((0, -1), false),
    ] {
        let world = with_rules(vec![permission(IpProtocol::ICMP, Some(pair), &["10.0.0.0/16"])]);
        assert_eq!(said(&world, dynos().echo()).is_empty(), through, "{pair:?} as a rule");
        let entry = entry("in", 100, "allow", IpProtocol::ICMP, Some(pair), "10.0.0.0/16");
        let mut world = beside_open("out", vec![entry]);
        world.rules("sg-db").ip_permissions = vec![permission(IpProtocol::All, None, &["10.0.0.0/16"])];
        assert_eq!(said(&world, dynos().echo()).is_empty(), through, "{pair:?} as an entry");
    }
    let world = with_rules(vec![permission(IpProtocol::ICMP, None, &["10.0.0.0/16"])]);
    assert_eq!(said(&world, dynos().echo()), NOTHING);
}

#[test]
fn a_rule_for_a_prefix_list_is_for_its_blocks() {
    let mut world = with_rules(vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["pl-1"])]);
    assert_eq!(
        said(&world, dynos()),
        ["? ENI_SG_RULES_MISMATCH eni-db forward"],
        "its entries are not known"
    );
    world.prefix_list("pl-1", &["10.0.128.0/20", "10.0.144.0/21"]);
    assert_eq!(said(&world, dynos()), MISMATCH);
    assert_eq!(stopped(&world, dynos()).0, ["10.0.152.0/21"]);
}

#[test]
fn a_group_that_is_not_in_the_snapshot_may_let_through() {
    let mut world = World::space_and_database();
    world.aws.security_groups = None;
    assert_eq!(said(&world, dynos()), ["? ENI_SG_RULES_MISMATCH eni-db forward"]);
}

/// Two VPCs, where the database lets in who has the application's group.
fn by_reference() -> World {
    let mut world = World::two_vpcs();
    world.rules("sg-db").ip_permissions = vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["sg-app"])];
    world
}

fn reference(world: &mut World) -> &mut peerscope_document::aws::UserIdGroupPair {
    &mut world.rules("sg-db").ip_permissions[0].user_id_group_pairs[0]
}

#[test]
fn a_reference_means_the_interfaces_that_have_the_group() {
    let mut world = by_reference();
    assert_eq!(said(&world, application()), NOTHING);
    world.interface("eni-0", "vpc-app", "subnet-app", &["10.1.0.11", "10.1.0.12"], &["sg-app"]);
    let second = Asked { source: "10.1.0.12/32", ..application() };
    assert_eq!(said(&world, second), NOTHING, "its second address too");
    world.group("sg-0", "vpc-app", Vec::new(), vec![tcp(5432, "10.2.0.0/16")]);
    world.interface("eni-1", "vpc-app", "subnet-app", &["10.1.0.13"], &["sg-0"]);
    let other = Asked { source: "10.1.0.13/32", ..application() };
    assert_eq!(said(&world, other), MISMATCH);
}

#[test]
fn a_stale_group_reference_matches_nothing() {
    for (status, through) in [("active", true), ("deleted", false), ("expired", false)] {
        let mut world = by_reference();
        let reference = reference(&mut world);
        reference.vpc_id = Some("vpc-app".into());
        reference.vpc_peering_connection_id = Some("pcx-1".into());
        reference.peering_status = Some(status.into());
        assert_eq!(said(&world, application()).is_empty(), through, "{status}");
    }
}

#[test]
fn a_reference_into_a_vpc_that_the_snapshot_lacks_is_not_known() {
    let mut world = by_reference();
    reference(&mut world).vpc_id = Some("vpc-app".into());
    let is_of_app = |id: Option<&str>| id == Some("vpc-app");
    let aws = &mut world.aws;
    aws.vpcs.iter_mut().for_each(|all| all.retain(|one| !is_of_app(Some(one.vpc_id.as_str()))));
    aws.subnets.iter_mut().for_each(|all| all.retain(|one| !is_of_app(Some(one.vpc_id.as_str()))));
    aws.security_groups
        .iter_mut()
        .for_each(|all| all.retain(|one| !is_of_app(one.vpc_id.as_ref().map(|id| id.as_str()))));
    aws.network_interfaces
        .iter_mut()
        .for_each(|all| all.retain(|one| !is_of_app(one.vpc_id.as_ref().map(|id| id.as_str()))));
    let said = said(&world, application());
    assert!(said.contains(&"? UNKNOWN_PEERED_SGS sg-db forward".to_string()), "{said:?}");
}

/// Documents of the other VPC are no use without those of its interfaces: they say who has a group.
#[test]
fn a_reference_into_a_vpc_whose_interfaces_the_snapshot_lacks_is_not_known() {
    let mut world = by_reference();
    world
        .aws
        .network_interfaces
        .get_or_insert_default()
        .retain(|one| one.network_interface_id.as_str() == "eni-db");
    // Nor are the groups that guard the sender; what the reference means is a question of its own.
    let said = |world: &World| {
        let mut said = said(world, application());
        said.retain(|line| line != "? ENI_SG_RULES_MISMATCH  forward");
        said
    };
    let unknown = ["? UNKNOWN_PEERED_SGS sg-db forward"];
    assert_eq!(said(&world), unknown);
    reference(&mut world).vpc_id = Some("vpc-app".into());
    assert_eq!(said(&world), unknown);
    reference(&mut world).vpc_id = Some("vpc-elsewhere".into());
    assert_eq!(said(&world), MISMATCH, "a group of a third VPC");
    reference(&mut world).vpc_id = None;
    reference(&mut world).group_id = Some("sg-db".into());
    assert_eq!(said(&world), MISMATCH, "a group of its own VPC");
    world.rules("sg-db").ip_permissions.push(tcp(5432, "10.1.0.10/32"));
    assert_eq!(said(&world), NOTHING, "another rule does");
}

#[test]
fn a_reference_through_a_peering_that_is_not_active_or_gone_matches_nothing() {
    let through = |pcx: &str, status: Option<&str>| {
        let mut world = by_reference();
        world.peering("pcx-old", ("vpc-app", &["10.1.0.0/16"]), ("vpc-db", &["10.2.0.0/16"]), "deleted");
        reference(&mut world).vpc_id = Some("vpc-app".into());
        reference(&mut world).vpc_peering_connection_id = Some(pcx.into());
        reference(&mut world).peering_status = status.map(Into::into);
        said(&world, application())
    };
    assert_eq!(through("pcx-1", None), NOTHING);
    assert_eq!(through("pcx-old", None), MISMATCH);
    assert_eq!(through("pcx-old", Some("active")), MISMATCH, "the peering's own document counts");
    assert_eq!(through("pcx-gone", None), MISMATCH);
    assert_eq!(through("pcx-unlisted", Some("active")), NOTHING, "a list may have been filtered");
}

#[test]
fn a_reference_of_another_account_names_the_group_after_a_slash() {
    let mut world = by_reference();
    reference(&mut world).group_id = Some("999900001111/sg-app".into());
    assert_eq!(said(&world, application()), NOTHING);
}

#[test]
fn a_reference_holds_inside_one_region() {
    let mut world = by_reference();
    for subnet in world.aws.subnets.iter_mut().flatten() {
        if subnet.subnet_id.as_str() == "subnet-app" {
            subnet.availability_zone = Some("eu-west-2b".into());
        }
    }
    assert_eq!(said(&world, application()), MISMATCH);
}

/// A group may be associated with other VPCs than its own; an interface has it all the same.
#[test]
fn a_group_of_another_vpc_counts_by_the_interfaces_that_have_it() {
    let mut world = by_reference();
    world.group("sg-shared", "vpc-shared", vec![tcp(5432, "10.1.0.0/16")], vec![tcp(5432, "10.2.0.0/16")]);
    for one in world.aws.network_interfaces.iter_mut().flatten() {
        one.groups[0].group_id = "sg-shared".into();
    }
    assert_eq!(said(&world, application()), NOTHING, "its own rules");
    world.rules("sg-shared").ip_permissions =
        vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["sg-shared"])];
    assert_eq!(said(&world, application()), NOTHING, "and a reference to it");
}

#[test]
fn a_reference_never_means_a_dyno() {
    let mut world = with_rules(vec![permission(IpProtocol::All, None, &["sg-0", "sg-db"])]);
    world.vpc("vpc-0", &["10.0.0.0/16"]);
    world.subnet("subnet-0", "vpc-0", &["10.0.128.0/20"]);
    world.group("sg-0", "vpc-0", Vec::new(), Vec::new());
    world.interface("eni-0", "vpc-0", "subnet-0", &["10.0.128.7"], &["sg-0"]);
    let asked = Asked { source: "10.0.128.7/32", ..dynos() };
    assert_eq!(said(&world, asked), MISMATCH, "who has that address there is another machine");
}

#[test]
fn the_lowest_matching_entry_decides_whatever_the_order_of_the_document() {
    let deny = |number| entry("in", number, "deny", IpProtocol::TCP, Some((5432, 5432)), "10.0.0.0/16");
    let mut entries = open_entries();
    entries.push(deny(101));
    assert_eq!(said(&with_entries(entries.clone()), dynos()), NOTHING);
    entries.push(deny(99));
    let blocked = ["SUBNET_ACL_RESTRICTION acl-db forward"];
    assert_eq!(said(&with_entries(entries.clone()), dynos()), blocked);
    entries.reverse();
    assert_eq!(said(&with_entries(entries), dynos()), blocked);
}

#[test]
fn what_no_entry_matches_is_denied() {
    let expected = ["SUBNET_ACL_RESTRICTION acl-db forward", "SUBNET_ACL_RESTRICTION acl-db return"];
    assert_eq!(said(&with_entries(Vec::new()), dynos()), expected);
    assert_eq!(said(&beside_open("in", Vec::new()), dynos()), expected[1..]);
    assert_eq!(said(&beside_open("out", Vec::new()), dynos()), expected[..1]);
}

#[test]
fn a_reply_is_judged_by_the_callers_port() {
    let out = entry("out", 100, "allow", IpProtocol::TCP, Some((1024, 49151)), "10.0.0.0/16");
    let world = beside_open("in", vec![out]);
    assert_eq!(said(&world, dynos()), ["SUBNET_ACL_RESTRICTION acl-db return"]);
    assert_eq!(stopped(&world, dynos()).1, ["49152-60999"]);
    let within = Asked { source_ports: ports(32768, 49151), ..dynos() };
    assert_eq!(said(&world, within), NOTHING);
    let out = entry("out", 100, "allow", IpProtocol::TCP, Some((5432, 5432)), "10.0.0.0/16");
    let world = beside_open("in", vec![out]);
    assert_eq!(said(&world, dynos()), ["SUBNET_ACL_RESTRICTION acl-db return"], "not by the server's");
}

#[test]
fn a_call_is_judged_by_the_called_port_alone() {
    let into = entry("in", 100, "allow", IpProtocol::TCP, Some((5432, 5432)), "10.0.0.0/16");
    assert_eq!(said(&beside_open("out", vec![into]), dynos()), NOTHING);
    let into = entry("in", 100, "allow", IpProtocol::TCP, Some((32768, 60999)), "10.0.0.0/16");
    let world = beside_open("out", vec![into]);
    assert_eq!(said(&world, dynos()), ["SUBNET_ACL_RESTRICTION acl-db forward"]);
}

#[test]
fn an_echo_is_answered_by_type_0() {
    for (pair, through) in
        [((0, -1), true), ((0, 0), true), ((-1, -1), true), ((8, -1), false), ((0, 1), false)]
    {
        let out = entry("out", 100, "allow", IpProtocol::ICMP, Some(pair), "10.0.0.0/16");
        let mut world = beside_open("in", vec![out]);
        world.rules("sg-db").ip_permissions = vec![permission(IpProtocol::ICMP, None, &["10.0.0.0/16"])];
        assert_eq!(said(&world, dynos().echo()).is_empty(), through, "{pair:?}");
    }
}

#[test]
fn an_entry_of_one_family_says_nothing_of_the_other() {
    let deny = entry("in", 1, "deny", IpProtocol::All, None, "::/0");
    let mut entries = open_entries();
    entries.push(deny);
    assert_eq!(said(&with_entries(entries), dynos()), NOTHING);
}

#[test]
fn an_entrys_block_has_its_host_bits_cleared() {
    let into = entry("in", 100, "allow", IpProtocol::All, None, "10.0.159.255/19");
    assert_eq!(said(&beside_open("out", vec![into]), dynos()), NOTHING);
}

#[test]
fn an_action_that_is_not_known_yet_decides_nothing_for_certain() {
    let odd = entry("in", 1, "ponder", IpProtocol::All, None, "0.0.0.0/0");
    let mut entries = open_entries();
    entries.push(odd);
    assert_eq!(said(&with_entries(entries), dynos()), ["? SUBNET_ACL_RESTRICTION acl-db forward"]);
}

#[test]
fn a_subnet_without_an_acl_of_its_own_has_the_default_one() {
    let mut world = World::space_and_database();
    world.aws.network_acls = None;
    assert_eq!(
        said(&world, dynos()),
        ["? SUBNET_ACL_RESTRICTION  forward", "? SUBNET_ACL_RESTRICTION  return"],
        "not known"
    );
    world.network_acl("acl-0", "vpc-0", &["default"], Vec::new());
    world.network_acl("acl-1", "vpc-db", &["default"], open_entries());
    world.network_acl("acl-2", "vpc-db", &[], Vec::new());
    assert_eq!(said(&world, dynos()), NOTHING);
    world.network_acl("acl-3", "vpc-db", &["subnet-db"], Vec::new());
    assert_eq!(said(&world, dynos()).len(), 2, "its own goes before");
}

/// A second host in the database's VPC, in the subnet given.
fn neighbour(subnet: &str) -> (World, Asked) {
    let mut world = World::space_and_database();
    world.subnet("subnet-0", "vpc-db", &["10.100.3.0/24"]);
    world.network_acl("acl-0", "vpc-db", &["subnet-0"], Vec::new());
    world.entries("acl-db").clear();
    world.group("sg-0", "vpc-db", Vec::new(), vec![tcp(5432, "10.100.0.0/16")]);
    world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.100.0.0/16")];
    let address = if subnet == "subnet-0" { "10.100.3.9" } else { "10.100.2.9" };
    world.interface("eni-0", "vpc-db", subnet, &[address], &["sg-0"]);
    let source = if subnet == "subnet-0" { "10.100.3.9/32" } else { "10.100.2.9/32" };
    (world, Asked { from: "vpc-db", source, ..dynos() })
}

#[test]
fn acl_is_not_applied_inside_a_subnet() {
    let (mut world, asked) = neighbour("subnet-db");
    assert_eq!(said(&world, asked), NOTHING);
    world.rules("sg-db").ip_permissions.clear();
    assert_eq!(said(&world, asked), ["SG_HAS_NO_RULES eni-db forward"], "groups are");
}

#[test]
fn both_acls_are_applied_both_ways_between_subnets() {
    let (world, asked) = neighbour("subnet-0");
    let expected = [
        "SUBNET_ACL_RESTRICTION acl-0 forward",
        "SUBNET_ACL_RESTRICTION acl-db forward",
        "SUBNET_ACL_RESTRICTION acl-db return",
        "SUBNET_ACL_RESTRICTION acl-0 return",
    ];
    assert_eq!(said(&world, asked), expected);
}

#[test]
fn across_a_peering_each_sides_acl_judges_call_and_reply() {
    let mut world = World::two_vpcs();
    let only = |number: i32, way: &str, first: i32, last: i32, block: &str| {
        entry(way, number, "allow", IpProtocol::TCP, Some((first, last)), block)
    };
    // What a careful person writes: calls out, ephemeral ports back in; and the other way round.
    *world.entries("acl-app") =
        vec![only(1, "out", 5432, 5432, "10.2.0.0/16"), only(1, "in", 32768, 60999, "10.2.0.0/16")];
    *world.entries("acl-db") =
        vec![only(1, "in", 5432, 5432, "10.1.0.0/16"), only(1, "out", 32768, 60999, "10.1.0.0/16")];
    assert_eq!(said(&world, application()), NOTHING);
    *world.entries("acl-app") =
        vec![only(1, "out", 5432, 5432, "10.2.0.0/16"), only(1, "in", 5432, 5432, "10.2.0.0/16")];
    assert_eq!(said(&world, application()), ["SUBNET_ACL_RESTRICTION acl-app return"]);
}

#[test]
fn what_one_gate_stops_is_blocked_whatever_another_may_do() {
    let mut world = beside_open("out", vec![entry("in", 1, "allow", IpProtocol::All, None, "10.0.128.0/20")]);
    world.aws.security_groups = None;
    let opening = dynos().of(&world.snapshot()).opening();
    let words = |flows: &peerscope_analysis::flow::Flows| -> Vec<String> {
        flows.sources().iter().map(ToString::to_string).collect()
    };
    assert!(opening.admitted.is_empty());
    assert_eq!(words(&opening.unknown), ["10.0.128.0/20"]);
    assert_eq!(words(&opening.blocked), ["10.0.144.0/20"]);
}
