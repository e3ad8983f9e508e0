//! What a peering carries and what it does not, each rule by name in a world that shows it alone.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests asks what it needs")]
mod asking;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;

use peerscope_analysis::flow::PortRange;
use peerscope_analysis::reach::pair_networks;
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::AwsCollection;
use peerscope_document::aws::{AwsDocuments, CidrBlockState, RouteState};
use peerscope_document::heroku;

use asking::{Asked, application, dynos, said, said_of};
use documents::World;
use documents::rules::{permission, route};

const NOTHING: [&str; 0] = [];

#[test]
fn no_listed_peering_is_a_missing_one_and_no_list_is_not_known() {
    let mut world = World::space_and_database();
    world.aws.vpc_peering_connections = Some(Vec::new());
    assert_eq!(said(&world, dynos()), ["PEERING_MISSING "]);
    world.aws.vpc_peering_connections = None;
    let mut unrouted = world.clone();
    unrouted.routes("rtb-db").retain(|route| route.vpc_peering_connection_id.is_none());
    assert_eq!(said(&unrouted, dynos()), ["? PEERING_MISSING "]);
    // But a route over one that is active tells of it.
    assert_eq!(said(&world, dynos()), NOTHING);
    for route in world.routes("rtb-db") {
        route.state = Some(RouteState::Blackhole);
    }
    assert_eq!(said(&world, dynos()), ["? PEERING_MISSING "]);
}

#[test]
fn the_active_peering_of_several_is_meant() {
    let mut world = World::space_and_database();
    for (id, status) in [("pcx-0", "deleted"), ("pcx-2", "pending-acceptance"), ("pcx-3", "failed")] {
        world.peering(id, ("vpc-db", &[]), ("vpc-space", &[]), status);
    }
    assert_eq!(said(&world, dynos()), NOTHING);
    world.status("pcx-1", "expired");
    let said = said(&world, dynos());
    assert_eq!(said[0], "PEERING_PENDING_ACCEPTANCE pcx-2", "the nearest to active of what is left");
}

#[test]
fn a_peering_listed_twice_is_one() {
    let mut snapshot = World::space_and_database().snapshot();
    snapshot.aws.push(snapshot.aws[0].clone());
    assert_eq!(Topology::from(&snapshot).peerings().count(), 1);
    assert_eq!(said_of(&snapshot, dynos()), NOTHING);
    let peerings = snapshot.aws[1].documents.vpc_peering_connections.iter_mut().flatten();
    for peering in peerings {
        // The other account does not see this side's blocks before it accepts.
        peering.accepter_vpc_info = None;
        peering.status = None;
    }
    assert_eq!(said_of(&snapshot, dynos()), NOTHING);
    snapshot.aws.reverse();
    assert_eq!(said_of(&snapshot, dynos()), NOTHING);
}

fn heroku_lists(world: &mut World, status: &str) {
    world.heroku.peerings = Some(vec![heroku::Peering {
        pcx_id: Some("pcx-1".into()),
        peering_type: None,
        cidr_blocks: vec![documents::cidr("10.100.0.0/16")],
        cidr_block: None,
        status: Some(status.into()),
        aws_vpc_id: Some("vpc-db".into()),
        aws_region: None,
        aws_account_id: None,
        expires: None,
    }]);
}

#[test]
fn heroku_and_aws_disagree_aws_counts() {
    let mut world = World::space_and_database();
    heroku_lists(&mut world, "pending-acceptance");
    assert_eq!(said(&world, dynos()), NOTHING);
    heroku_lists(&mut world, "active");
    world.status("pcx-1", "deleted");
    assert_eq!(said(&world, dynos()), ["PEERING_NOT_ACTIVE pcx-1"]);
}

#[test]
fn herokus_word_counts_where_aws_was_not_asked() {
    let mut world = World::space_and_database();
    world.aws.vpc_peering_connections = None;
    heroku_lists(&mut world, "active");
    assert_eq!(said(&world, dynos()), NOTHING);
    heroku_lists(&mut world, "pending-acceptance");
    assert_eq!(said(&world, dynos()), ["PEERING_PENDING_ACCEPTANCE pcx-1"]);
}

#[test]
fn the_space_is_found_behind_a_peering_whose_other_side_heroku_names() {
    let mut world = World::space_and_database();
    heroku_lists(&mut world, "active");
    if let Some(info) = &mut world.heroku.peering_info {
        info.vpc_id = None;
    }
    assert_eq!(said(&world, dynos()), NOTHING);
}

#[test]
fn equal_addresses_in_another_vpc_are_other_machines() {
    let mut world = World::space_and_database();
    world.vpc("vpc-0", &["10.100.0.0/16"]);
    world.subnet("subnet-0", "vpc-0", &["10.100.2.0/24"]);
    let everything = permission(peerscope_document::aws::IpProtocol::All, None, &["0.0.0.0/0"]);
    world.group("sg-0", "vpc-0", vec![everything], Vec::new());
    world.interface("eni-0", "vpc-0", "subnet-0", &["10.100.2.20"], &["sg-0"]);
    let (dyno, database) = ("10.0.128.7".parse().unwrap(), "10.100.2.20".parse().unwrap());
    let networks = || (NetworkId::Space, NetworkId::Vpc("vpc-db".into()));
    let topology = Topology::from(&world.snapshot());
    assert_eq!(pair_networks(&topology, &[NetworkId::Space], dyno, database), Some(networks()));
    world.rules("sg-db").ip_permissions.clear();
    assert_eq!(
        said(&world, dynos()),
        ["SG_HAS_NO_RULES eni-db forward"],
        "the other one's group does not help"
    );
}

#[test]
fn a_space_reaches_and_answers_the_primary_cidr_alone() {
    let mut world = World::space_and_database();
    world.aws.vpcs = Some(Vec::new());
    world.vpc("vpc-db", &["10.101.0.0/16", "10.100.0.0/16"]);
    assert_eq!(said(&world, dynos()), ["SECONDARY_CIDR_UNREACHABLE vpc-db forward"]);
    world.rules("sg-db").ip_permissions_egress =
        vec![permission(peerscope_document::aws::IpProtocol::All, None, &["0.0.0.0/0"])];
    let back = Asked {
        from: "vpc-db",
        to: "space",
        source: "10.100.2.20/32",
        destination: "10.0.128.7/32",
        ..dynos()
    };
    assert_eq!(said(&world, back), ["SECONDARY_CIDR_UNREACHABLE vpc-db return"]);
}

#[test]
fn between_vpcs_every_cidr_in_use_is_reached() {
    let mut world = World::two_vpcs();
    world.aws.vpcs = Some(Vec::new());
    world.vpc("vpc-app", &["10.1.0.0/16"]);
    world.vpc("vpc-db", &["10.9.0.0/16", "10.2.0.0/16"]);
    assert_eq!(said(&world, application()), NOTHING);
    for vpc in world.aws.vpcs.iter_mut().flatten() {
        for block in vpc.cidr_block_association_set.iter_mut().skip(1) {
            block.cidr_block_state = Some(CidrBlockState { state: "disassociated".into() });
        }
    }
    assert_eq!(said(&world, application())[0], "TRANSITIVE_PEERING vpc-db forward");
}

#[test]
fn a_peering_carries_nothing_to_a_network_behind_the_vpc() {
    let behind = Asked { destination: "172.16.0.9/32", ports: PortRange::single(5432), ..dynos() };
    let said = said(&World::space_and_database(), behind);
    assert_eq!(said[0], "TRANSITIVE_PEERING vpc-db forward");
    assert!(said.iter().all(|one| !one.starts_with('?')), "nothing is unknown there: {said:?}");
}

#[test]
fn an_address_that_nobody_owns_is_named_by_its_subnet_or_vpc() {
    let mut world = World::space_and_database();
    let beside = Asked { destination: "10.100.2.21/32", ..dynos() };
    assert_eq!(said(&world, beside), ["UNKNOWN_DESTINATION subnet-db forward"]);
    let in_no_subnet = Asked { destination: "10.100.77.1/32", ..dynos() };
    assert_eq!(said(&world, in_no_subnet), ["UNKNOWN_DESTINATION vpc-db forward"]);
    world.aws.network_interfaces = None;
    assert_eq!(said(&world, dynos()), ["? UNKNOWN_DESTINATION subnet-db forward"]);
}

#[test]
fn a_failed_peering_of_overlapping_networks_is_the_overlap() {
    let mut world = World::space_and_database();
    world.aws.vpcs = Some(Vec::new());
    world.vpc("vpc-db", &["10.100.0.0/16", "10.0.64.0/20"]);
    world.aws.vpc_peering_connections = Some(Vec::new());
    let blocks = ["10.100.0.0/16", "10.0.64.0/20"];
    world.peering("pcx-1", ("vpc-db", &blocks), ("vpc-space", &["10.0.0.0/16"]), "failed");
    assert_eq!(said(&world, dynos()), ["CIDR_OVERLAP vpc-db"]);
    world.aws.vpcs = Some(Vec::new());
    world.vpc("vpc-db", &["10.100.0.0/16"]);
    assert_eq!(said(&world, dynos()), ["CIDR_OVERLAP vpc-db"], "the VPC's CIDR went, the request did not");
}

#[test]
fn nothing_passes_through_a_peered_vpc_to_a_third_network() {
    let mut world = World::two_vpcs();
    world.space("10.0.0.0/16", &["10.0.128.0/20", "10.0.144.0/20"], "vpc-space");
    world.peering("pcx-2", ("vpc-app", &["10.1.0.0/16"]), ("vpc-space", &["10.0.0.0/16"]), "active");
    let through = Asked { destination: "10.2.0.20/32", ..dynos() };
    assert_eq!(said(&world, through)[0], "TRANSITIVE_PEERING vpc-app");
}

/// A partner of whom only the peering tells has a wide block, in which by chance lies a third VPC that the
/// table's longer route leads towards.
#[test]
fn whom_the_route_leads_to_is_meant_before_a_block_that_happens_to_hold_the_address() {
    let mut world = World::two_vpcs();
    world.vpc("vpc-third", &["192.168.192.0/20"]);
    world.subnet("subnet-third", "vpc-third", &["192.168.192.0/24"]);
    world.interface("eni-third", "vpc-third", "subnet-third", &["192.168.192.7"], &[]);
    world.peering("pcx-2", ("vpc-db", &["10.2.0.0/16"]), ("vpc-third", &["192.168.192.0/20"]), "active");
    world.peering("pcx-3", ("vpc-app", &["10.1.0.0/16"]), ("vpc-partner", &["192.168.0.0/16"]), "active");
    let meant = |world: &World| {
        let topology = Topology::from(&world.snapshot());
        let source = NetworkId::Vpc("vpc-app".into());
        let addresses = ["10.1.0.10", "192.168.192.7"].map(|text| text.parse().expect("an address"));
        let (_, target) = pair_networks(&topology, &[source], addresses[0], addresses[1]).expect("a pair");
        target
    };
    world.routes("rtb-app").push(route("192.168.0.0/16", "pcx-3"));
    assert_eq!(meant(&world), NetworkId::Vpc("vpc-partner".into()), "the route leads to the partner");
    world.routes("rtb-app").push(route("192.168.192.0/20", "pcx-1"));
    assert_eq!(meant(&world), NetworkId::Vpc("vpc-third".into()));
}

#[test]
fn a_list_of_another_account_tells_nothing_of_a_peering() {
    let mut world = World::new();
    world.vpc("vpc-a", &["10.1.0.0/16"]);
    world.vpc("vpc-b", &["10.3.0.0/16"]);
    let (a, b) = (NetworkId::Vpc("vpc-a".into()), NetworkId::Vpc("vpc-b".into()));
    let mut elsewhere = World::new();
    elsewhere.vpc("vpc-partner", &["10.9.0.0/16"]);
    let partner = AwsDocuments { vpc_peering_connections: Some(Vec::new()), ..elsewhere.aws };
    let listed = |beside: AwsDocuments| {
        let mut snapshot = world.snapshot();
        for collection in &mut snapshot.aws {
            collection.documents.vpc_peering_connections = None;
        }
        snapshot.aws.push(AwsCollection { region: None, documents: beside });
        let topology = Topology::from(&snapshot);
        topology.lists_peerings_of(&a) || topology.lists_peerings_of(&b)
    };
    assert!(!listed(partner));
    // By itself, in a file of its own, it is whoever's documents lie beside.
    let alone = AwsDocuments { vpc_peering_connections: Some(Vec::new()), ..AwsDocuments::default() };
    assert!(listed(alone));
}
