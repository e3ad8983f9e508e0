//! Routes to something else than a peering: between ordinary VPCs packets follow them, from and to a
//! space nothing but the peering carries any.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests asks in its own way")]
mod asking;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;

use peerscope_analysis::topology::Topology;
use peerscope_document::aws::{
    NatGateway, RouteState, TransitGatewayAssociation, TransitGatewayAttachment, TransitGatewayVpcAttachment,
    VpcEndpoint, VpcEndpointType,
};

use asking::{Asked, application, dynos, said};
use documents::World;
use documents::rules::{open_entries, over_peering, route, tcp};

const NOTHING: [&str; 0] = [];

/// Everything that may carry packets to another VPC, with the code of what it may be.
const CARRIERS: [(&str, &str); 8] = [
    ("tgw-1", "TGW_RTB_ROUTES_ARE_UNKNOWN"),
    ("vgw-1", "UNSUPPORTED_COMPONENT"),
    ("vpce-1", "PATH_THROUGH_GWLB_NOT_CHECKED"),
    ("eni-appliance", "ENI_SOURCE_DEST_CHECK_RESTRICTION"),
    ("i-appliance", "ENI_SOURCE_DEST_CHECK_RESTRICTION"),
    ("lgw-1", "UNSUPPORTED_COMPONENT"),
    ("arn:aws:networkmanager::1:core-network/1", "UNSUPPORTED_COMPONENT"),
    ("newfangled-1", "UNSUPPORTED_COMPONENT"),
];

/// What never leads to another VPC.
const DEAD_ENDS: [&str; 3] = ["igw-1", "nat-1", "cagw-1"];

/// The two VPCs, each with a route to the other over `target` in place of the peering, which stays where
/// `peered`.
fn over(target: &str, peered: bool) -> World {
    let mut world = World::two_vpcs();
    for (table, other) in [("rtb-app", "10.2.0.0/16"), ("rtb-db", "10.1.0.0/16")] {
        world.routes(table).retain(|route| !over_peering(route, "pcx-1"));
        world.routes(table).push(route(other, target));
    }
    if !peered {
        world.aws.vpc_peering_connections = Some(Vec::new());
    }
    world
}

/// The words for a carrier that is not known; what is of no known kind has no id.
fn unknown(code: &str, target: &str, direction: &str) -> String {
    let id = if target.starts_with("newfangled") { "" } else { target };
    format!("? {code} {id} {direction}")
}

fn unknown_both_ways(code: &str, target: &str) -> [String; 2] {
    ["forward", "return"].map(|direction| unknown(code, target, direction))
}

#[test]
fn a_route_to_a_carrier_is_followed_whether_or_not_the_vpcs_are_peered() {
    for (target, code) in CARRIERS {
        assert_eq!(said(&over(target, false), application()), unknown_both_ways(code, target), "{target}");
        // An active peering that the tables pass by may be what was meant.
        let said = said(&over(target, true), application());
        let tables = ["rtb-app forward", "rtb-db return"];
        let tables = tables.map(|table| format!("? NO_ROUTE_TO_DESTINATION {table}"));
        let [there, back] = unknown_both_ways(code, target);
        let [from, to] = tables;
        assert_eq!(said, [from, there, to, back], "{target}");
    }
}

#[test]
fn a_carrier_that_wins_over_the_peering_is_what_the_packets_take() {
    for (target, code) in CARRIERS {
        let mut world = World::two_vpcs();
        world.routes("rtb-app").push(route("10.2.0.0/24", target));
        let table = "? MORE_SPECIFIC_ROUTE rtb-app forward".to_string();
        assert_eq!(said(&world, application()), [table, unknown(code, target, "forward")], "{target}");
        let mut world = World::two_vpcs();
        world.routes("rtb-app").push(route("10.0.0.0/8", target));
        assert_eq!(said(&world, application()), NOTHING, "a shorter route to {target} loses");
    }
}

#[test]
fn a_default_route_to_a_carrier_is_a_way_too() {
    let mut world = over("tgw-1", false);
    for table in ["rtb-app", "rtb-db"] {
        world.routes(table).retain(|route| route.transit_gateway_id.is_none());
        world.routes(table).push(route("0.0.0.0/0", "tgw-1"));
    }
    assert_eq!(said(&world, application()), unknown_both_ways("TGW_RTB_ROUTES_ARE_UNKNOWN", "tgw-1"));
}

#[test]
fn what_leads_to_no_other_vpc_leaves_the_missing_peering_the_cause() {
    for target in DEAD_ENDS {
        assert_eq!(said(&over(target, false), application()), ["PEERING_MISSING "], "{target}");
        assert_eq!(
            said(&over(target, true), application()),
            ["NO_ROUTE_TO_DESTINATION rtb-app forward", "NO_ROUTE_TO_DESTINATION rtb-db return"],
            "{target}"
        );
    }
    let mut world = over("igw-1", false);
    for table in ["rtb-app", "rtb-db"] {
        world.routes(table).retain(|route| route.gateway_id.as_deref() == Some("local"));
    }
    assert_eq!(said(&world, application()), ["PEERING_MISSING "]);
}

#[test]
fn a_dead_route_to_a_carrier_carries_nothing() {
    for (target, _) in CARRIERS {
        let mut world = over(target, false);
        for table in ["rtb-app", "rtb-db"] {
            let routes = world.routes(table).iter_mut();
            for route in routes.filter(|one| one.gateway_id.as_deref() != Some("local")) {
                route.state = Some(RouteState::Blackhole);
            }
        }
        assert_eq!(said(&world, application()), ["PEERING_MISSING "], "{target}");
    }
}

#[test]
fn without_a_way_back_the_reply_is_lost_whatever_the_carrier_does() {
    let mut world = over("tgw-1", false);
    world.routes("rtb-db").retain(|route| route.transit_gateway_id.is_none());
    assert_eq!(
        said(&world, application()),
        ["NO_ROUTE_TO_DESTINATION rtb-db return", "? TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1 forward"]
    );
}

#[test]
fn a_way_back_over_the_peering_needs_the_peering() {
    let mut world = World::two_vpcs();
    world.routes("rtb-app").retain(|route| !over_peering(route, "pcx-1"));
    world.routes("rtb-app").push(route("10.2.0.0/16", "tgw-1"));
    assert_eq!(
        said(&world, application()),
        ["? NO_ROUTE_TO_DESTINATION rtb-app forward", "? TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1 forward"]
    );
    world.status("pcx-1", "pending-acceptance");
    for route in world.routes("rtb-db").iter_mut().filter(|route| over_peering(route, "pcx-1")) {
        route.state = Some(RouteState::Blackhole);
    }
    assert_eq!(
        said(&world, application()),
        ["PEERING_PENDING_ACCEPTANCE pcx-1", "? TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1 forward"]
    );
}

#[test]
fn an_old_peering_is_nothing_to_what_travels_elsewhere() {
    for status in ["deleted", "failed", "pending-acceptance", "expired"] {
        let mut world = over("tgw-1", true);
        world.status("pcx-1", status);
        let said = said(&world, application());
        assert_eq!(said, unknown_both_ways("TGW_RTB_ROUTES_ARE_UNKNOWN", "tgw-1"), "{status}");
    }
}

/// A network behind the peered VPC, if the table sends its packets elsewhere.
#[test]
fn an_address_behind_a_carrier_is_not_thought_behind_the_peering() {
    let mut world = World::two_vpcs();
    world.rules("sg-app").ip_permissions_egress.push(tcp(5432, "10.9.0.0/16"));
    let asked = Asked { destination: "10.9.0.1/32", ..application() };
    let before = said(&world, asked);
    assert!(before.contains(&"TRANSITIVE_PEERING vpc-db forward".to_string()), "{before:?}");
    world.routes("rtb-app").push(route("10.9.0.0/16", "tgw-1"));
    assert_eq!(said(&world, asked), ["? TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1 forward"]);
}

#[test]
fn from_and_to_a_space_nothing_but_the_peering_counts() {
    for target in CARRIERS.into_iter().map(|(target, _)| target).chain(DEAD_ENDS) {
        let mut world = World::space_and_database();
        world.routes("rtb-db").push(route("10.0.128.0/17", target));
        assert_eq!(said(&world, dynos()), ["MORE_SPECIFIC_ROUTE rtb-db return"], "{target}");
        world.routes("rtb-db").retain(|route| !over_peering(route, "pcx-1"));
        assert_eq!(said(&world, dynos()), ["NO_ROUTE_TO_DESTINATION rtb-db return"], "{target}");
        world.aws.vpc_peering_connections = Some(Vec::new());
        assert_eq!(said(&world, dynos()), ["PEERING_MISSING "], "{target}");
    }
}

#[test]
fn an_appliance_that_checks_its_packets_drops_them() {
    for (check, expected) in [
        (Some(true), "ENI_SOURCE_DEST_CHECK_RESTRICTION eni-appliance"),
        (Some(false), "? UNSUPPORTED_COMPONENT eni-appliance"),
        (None, "? ENI_SOURCE_DEST_CHECK_RESTRICTION eni-appliance"),
    ] {
        let mut world = over("eni-appliance", false);
        world.interface("eni-appliance", "vpc-app", "subnet-app", &["10.1.0.99"], &[]);
        for one in world.aws.network_interfaces.iter_mut().flatten() {
            if one.network_interface_id.as_str() == "eni-appliance" {
                one.source_dest_check = check;
            }
        }
        let expected = ["forward", "return"].map(|direction| format!("{expected} {direction}"));
        assert_eq!(said(&world, application()), expected, "{check:?}");
    }
}

#[test]
fn beside_an_active_peering_a_route_to_what_drops_its_packets_is_the_fault() {
    let mut world = World::two_vpcs();
    world.interface("eni-appliance", "vpc-app", "subnet-app", &["10.1.0.99"], &[]);
    world.routes("rtb-app").push(route("10.2.0.0/24", "eni-appliance"));
    assert_eq!(said(&world, application()), ["MORE_SPECIFIC_ROUTE rtb-app forward"]);
    let topology = Topology::from(&world.snapshot());
    let answer = application().of(&world.snapshot());
    assert!(!answer.blockers()[0].repairs(&topology, &application().flows()).is_empty());
}

#[test]
fn an_endpoint_of_a_service_leads_to_no_other_vpc() {
    for (of_type, leads_on) in [
        (VpcEndpointType::Gateway, false),
        (VpcEndpointType::Interface, false),
        (VpcEndpointType::GatewayLoadBalancer, true),
    ] {
        let mut world = over("vpce-1", false);
        world.aws.vpc_endpoints = Some(vec![VpcEndpoint {
            vpc_endpoint_id: "vpce-1".into(),
            vpc_endpoint_type: Some(of_type.clone()),
            vpc_id: Some("vpc-app".into()),
            service_name: None,
            state: None,
            owner_id: None,
            tags: Vec::new(),
        }]);
        let said = said(&world, application());
        if leads_on {
            assert_eq!(said, unknown_both_ways("PATH_THROUGH_GWLB_NOT_CHECKED", "vpce-1"));
        } else {
            assert_eq!(said, ["PEERING_MISSING "], "{of_type}");
        }
    }
}

/// A NAT gateway sends on what its own subnet's table routes, under its own address, and takes no
/// connection in.
#[test]
fn what_lies_behind_a_nat_gateway_is_told_by_its_subnets_table() {
    let behind = |target: &str| {
        let mut world = over("nat-1", false);
        world.routes("rtb-db").retain(|route| route.nat_gateway_id.is_none());
        world.routes("rtb-db").push(route("10.1.0.0/16", "tgw-1"));
        world.subnet("subnet-nat", "vpc-app", &["10.1.9.0/24"]);
        let routes = vec![route("10.1.0.0/16", "local"), route("0.0.0.0/0", target)];
        world.route_table("rtb-nat", "vpc-app", &["subnet-nat"], routes);
        world.network_acl("acl-nat", "vpc-app", &["subnet-nat"], open_entries());
        world.aws.nat_gateways = Some(vec![NatGateway {
            nat_gateway_id: "nat-1".into(),
            vpc_id: Some("vpc-app".into()),
            subnet_id: Some("subnet-nat".into()),
            state: None,
            connectivity_type: None,
            tags: Vec::new(),
        }]);
        said(&world, application())
    };
    for target in ["tgw-2", "pcx-9", "vgw-1"] {
        assert_eq!(
            behind(target),
            ["? UNSUPPORTED_COMPONENT nat-1 forward", "? TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1 return"],
            "{target}"
        );
    }
    assert_eq!(
        behind("igw-1"),
        ["NO_ROUTE_TO_DESTINATION rtb-app forward", "? TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1 return"]
    );
}

#[test]
fn without_the_tables_another_way_is_not_ruled_out() {
    let mut world = over("tgw-1", false);
    world.aws.route_tables = None;
    assert_eq!(said(&world, application()), ["? PEERING_MISSING "]);
    let mut world = over("igw-1", false);
    world.aws.route_tables.get_or_insert_default().retain(|one| one.route_table_id.as_str() == "rtb-db");
    assert_eq!(said(&world, application()), ["PEERING_MISSING "], "one that leads nowhere is enough");
}

#[test]
fn a_prefix_list_of_unknown_blocks_to_a_carrier_may_be_the_route() {
    let mut world = over("igw-1", false);
    for (table, list) in [("rtb-app", "pl-1"), ("rtb-db", "pl-2")] {
        world.routes(table).retain(|one| one.gateway_id.as_deref() == Some("local"));
        world.routes(table).push(route(list, "tgw-1"));
    }
    assert_eq!(said(&world, application()), ["? PEERING_MISSING "]);
    world.prefix_list("pl-1", &["10.2.0.0/16"]);
    world.prefix_list("pl-2", &["10.1.0.0/16"]);
    assert_eq!(said(&world, application()), unknown_both_ways("TGW_RTB_ROUTES_ARE_UNKNOWN", "tgw-1"));
    world.aws.prefix_lists = Some(Vec::new());
    world.prefix_list("pl-1", &["10.7.0.0/16"]);
    world.prefix_list("pl-2", &["10.7.0.0/16"]);
    assert_eq!(said(&world, application()), ["PEERING_MISSING "]);
}

#[test]
fn what_is_attached_to_a_transit_gateway_is_evidence() {
    let mut world = over("tgw-1", false);
    let attached = |resource: &str, table: Option<&str>| TransitGatewayAttachment {
        transit_gateway_attachment_id: None,
        transit_gateway_id: "tgw-1".into(),
        transit_gateway_owner_id: Some("111122223333".into()),
        resource_type: Some("vpc".into()),
        resource_id: Some(resource.into()),
        state: Some("available".into()),
        association: table
            .map(|table| TransitGatewayAssociation { transit_gateway_route_table_id: Some(table.into()) }),
    };
    world.aws.transit_gateway_attachments =
        Some(vec![attached("vpc-app", Some("tgw-rtb-1")), attached("vpc-db", None)]);
    world.aws.transit_gateway_vpc_attachments = Some(vec![TransitGatewayVpcAttachment {
        transit_gateway_attachment_id: None,
        transit_gateway_id: "tgw-1".into(),
        vpc_id: Some("vpc-app".into()),
        state: Some("available".into()),
    }]);
    let topology = Topology::from(&world.snapshot());
    let answer = application().of(&world.snapshot());
    let unknowns = answer.unknowns();
    let explanation = unknowns[0].gate.explain(&topology, unknowns[0].parts[0]);
    assert_eq!(
        explanation.evidence,
        [
            "rtb-app has the route 10.2.0.0/16 → tgw-1",
            "vpc-app (available) is attached to tgw-1, whose route table for it is tgw-rtb-1",
            "vpc-db (available) is attached to tgw-1",
        ]
    );
    let owner = topology.ownership(&unknowns[0].component);
    assert_eq!(owner.account.as_ref().map(|account| account.as_str()), Some("111122223333"));
    assert_eq!(owner.region.as_ref().map(|region| region.as_str()), Some("us-east-1"));
}
