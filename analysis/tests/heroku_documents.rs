//! What Heroku's documents of a space tell: its dynos, its NAT, its VPN connections.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests asks in its own way")]
mod asking;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::report::{Diagnosis, Verdict};
use peerscope_analysis::topology::{ComponentId, NetworkId, Topology};
use peerscope_document::heroku::{
    SpaceNat, SpaceTopology, TopologyApp, TopologyDyno, TopologyFormation, VpnConnection,
};

use asking::{Asked, dynos, said};
use documents::rules::{over_peering, tcp};
use documents::{World, cidr};
use starting::case;

const NOTHING: [&str; 0] = [];
const OVER_VPN: [&str; 1] = ["? UNSUPPORTED_COMPONENT "];

fn vpn(world: &mut World, blocks: &[&str], status: &str) {
    world.heroku.vpn_connections = Some(vec![VpnConnection {
        id: None,
        name: Some("office".into()),
        routable_cidrs: blocks.iter().map(|block| cidr(block)).collect(),
        status: Some(status.into()),
    }]);
}

fn diagnosed(world: &World, target: &str) -> Diagnosis {
    let topology = Topology::from(&world.snapshot());
    let case = case(Some(topology), NetworkId::Space, &["10.0.128.7/32"], target);
    Machine::replay(case, Vec::new(), Vec::new()).report(Duration::ZERO, Timestamp::UNIX_EPOCH)
}

fn findings(diagnosis: &Diagnosis) -> Vec<(&str, &str)> {
    diagnosis.findings.iter().map(|one| (one.rule.as_str(), one.message.as_str())).collect()
}

#[test]
fn a_network_that_the_space_reaches_over_its_vpn_is_not_thought_behind_a_peering() {
    let asked = Asked { destination: "192.168.7.7/32", ..dynos() };
    let mut world = World::space_and_database();
    assert!(said(&world, asked).contains(&"TRANSITIVE_PEERING vpc-db forward".to_string()));
    for (status, over_vpn) in
        [("active", true), ("pending", true), ("UP", true), ("failed", false), ("deleted", false)]
    {
        vpn(&mut world, &["192.168.0.0/16"], status);
        let said = said(&world, asked);
        assert_eq!(said == OVER_VPN, over_vpn, "{status}: {said:?}");
    }
}

#[test]
fn a_vpc_that_the_space_reaches_over_its_vpn_needs_no_peering() {
    for status in ["expired", "deleted", "pending-acceptance"] {
        let mut world = World::space_and_database();
        world.status("pcx-1", status);
        world.routes("rtb-db").retain(|route| !over_peering(route, "pcx-1"));
        vpn(&mut world, &["10.100.0.0/16"], "active");
        assert_eq!(said(&world, dynos()), OVER_VPN, "{status}");
    }
    let mut world = World::space_and_database();
    world.aws.vpc_peering_connections = Some(Vec::new());
    vpn(&mut world, &["10.100.0.0/16"], "active");
    assert_eq!(said(&world, dynos()), OVER_VPN);
    let back = Asked {
        from: "vpc-db",
        to: "space",
        source: "10.100.2.20/32",
        destination: "10.0.128.7/32",
        ..dynos()
    };
    world.rules("sg-db").ip_permissions_egress.push(tcp(5432, "10.0.0.0/16"));
    assert_eq!(said(&world, back), OVER_VPN, "and back");
    vpn(&mut world, &["10.101.0.0/16"], "active");
    assert_eq!(said(&world, dynos()), ["PEERING_MISSING "], "another network");
}

#[test]
fn beside_an_active_peering_a_vpn_for_the_same_network_is_a_finding() {
    let mut world = World::space_and_database();
    vpn(&mut world, &["10.100.2.0/24"], "active");
    assert_eq!(said(&world, dynos()), NOTHING);
    let diagnosis = diagnosed(&world, "10.100.2.20");
    assert_eq!(diagnosis.verdict, Verdict::Reachable);
    assert_eq!(
        findings(&diagnosis),
        [(
            "HPS-CIDR-07",
            "vpc-db overlaps 10.100.2.0/24, which the space reaches over its VPN connection office: which way its packets take is Heroku's to say."
        )]
    );
}

#[test]
fn a_rule_for_the_spaces_nat_is_no_rule_for_its_dynos() {
    let mut world = World::space_and_database();
    world.heroku.nat = Some(SpaceNat {
        state: Some("enabled".into()),
        sources: vec![
            "203.0.113.10".parse().expect("an address"),
            "203.0.113.11".parse().expect("an address"),
        ],
    });
    world.rules("sg-db").ip_permissions = vec![tcp(5432, "203.0.113.10/32"), tcp(5432, "203.0.113.11/32")];
    let diagnosis = diagnosed(&world, "10.100.2.20");
    assert_eq!(diagnosis.verdict, Verdict::Blocked);
    let message = "sg-db lets in 203.0.113.10 and 1 more, the space's NAT: over the peering dynos come from their private addresses, which it does not let in.";
    assert!(findings(&diagnosis).contains(&("HPS-SG-04", message)), "{:?}", findings(&diagnosis));
    world.rules("sg-db").ip_permissions.push(tcp(5432, "10.0.0.0/16"));
    assert_eq!(
        findings(&diagnosed(&world, "10.100.2.20")),
        [],
        "where the dynos are let in it is no mistake"
    );
}

#[test]
fn dynos_are_known_by_their_names() {
    let mut world = World::space_and_database();
    world.heroku.topology = Some(SpaceTopology {
        version: Some(1),
        apps: vec![TopologyApp {
            id: None,
            domains: vec!["www.example.com".into(), "orders.herokuapp.com".into()],
            formation: vec![TopologyFormation {
                process_type: Some("worker".into()),
                dynos: vec![TopologyDyno {
                    number: Some(2),
                    private_ip: "10.0.128.7".parse().ok(),
                    hostname: Some("2.worker.orders.app.localspace".into()),
                }],
            }],
        }],
    });
    let name = |topology: &Topology| {
        topology.ownership(&ComponentId::Host("10.0.128.7".parse().expect("an address"))).name
    };
    let topology = Topology::from(&world.snapshot());
    assert_eq!(name(&topology).as_deref(), Some("worker.2 of orders"));
    let blocks = |world: &World| {
        let topology = Topology::from(&world.snapshot());
        let space = topology.space().expect("a space").clone();
        (space.dyno_blocks.iter().map(ToString::to_string).collect::<Vec<_>>(), space.dyno_blocks_listed)
    };
    assert_eq!(blocks(&world), (vec!["10.0.128.0/20".to_string(), "10.0.144.0/20".to_string()], true));
    // Where the list is absent, the blocks are those that hold dynos.
    world.heroku.peering_info.as_mut().expect("peering-info").dyno_cidr_blocks = None;
    assert_eq!(blocks(&world), (vec!["10.0.128.0/20".to_string()], false));
}
