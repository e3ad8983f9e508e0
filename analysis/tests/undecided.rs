//! What is said where the documents leave open whether packets get through: the component that may stop
//! them is named, as no more than possible.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::aws::IpProtocol;
use peerscope_vocabulary::{Observation, Outcome, ProbeId, ProbeKind, ProbeRequest};

use documents::World;
use documents::rules::{over_peering, permission, route};
use starting::case;

/// Two VPCs without a peering, with routes to each other over a transit gateway.
fn over_transit_gateway() -> World {
    let mut world = World::two_vpcs();
    for (table, other) in [("rtb-app", "10.2.0.0/16"), ("rtb-db", "10.1.0.0/16")] {
        world.routes(table).retain(|route| !over_peering(route, "pcx-1"));
        world.routes(table).push(route(other, "tgw-1"));
    }
    world.aws.vpc_peering_connections = Some(Vec::new());
    world
}

fn connect(outcome: Outcome) -> Observation {
    let (source, address) = (IpAddr::from([10, 1, 0, 10]), IpAddr::from([10, 2, 0, 20]));
    Observation {
        finished_at: Duration::from_millis(3100),
        local: Some(SocketAddr::new(source, 40_000)),
        ..Observation::bare(
            ProbeRequest {
                source: Some(source),
                source_port: Some(40_000),
                ..ProbeRequest::plain(
                    ProbeId(0),
                    ProbeKind::TcpConnect,
                    address,
                    5432,
                    Duration::from_millis(3100),
                )
            },
            outcome,
        )
    }
}

fn diagnosed(world: &World, seen: Vec<Observation>) -> Diagnosis {
    let topology = Topology::from(&world.snapshot());
    let case = case(Some(topology), NetworkId::Vpc("vpc-app".into()), &["10.1.0.10/32"], "10.2.0.20");
    Machine::replay(case, seen, Vec::new()).report(Duration::from_secs(3), Timestamp::UNIX_EPOCH)
}

/// The codes of the causes, each with its component.
fn named(diagnosis: &Diagnosis) -> Vec<String> {
    let one =
        |cause: &CauseReport| format!("{} {}", cause.code, cause.component.id.clone().unwrap_or_default());
    diagnosis.causes.iter().map(one).collect()
}

#[test]
fn a_gateway_that_is_not_modelled_is_named_without_a_packet() {
    let diagnosis = diagnosed(&over_transit_gateway(), Vec::new());
    assert_eq!(diagnosis.verdict, Verdict::Undetermined);
    let code = "TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1";
    assert_eq!(named(&diagnosis), [code, code], "there and back");
    assert!(diagnosis.causes.iter().all(|cause| cause.status == CauseStatus::Candidate));
    assert!(diagnosis.causes.iter().map(|cause| cause.confidence).sum::<f64>() <= 1.0);
    assert!(diagnosis.summary.contains("tgw-1"), "{}", diagnosis.summary);
    let gaps: Vec<&str> = diagnosis.gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(
        gaps,
        [
            "what transit gateway tgw-1 does with packets for 10.2.0.20",
            "what transit gateway tgw-1 does with replies for 10.1.0.10",
        ]
    );
}

/// What lets packets through has nothing to be said about it that only fits what stops them.
#[test]
fn a_hop_that_lets_packets_through_is_not_said_to_be_wrong() {
    let diagnosis = diagnosed(&World::two_vpcs(), Vec::new());
    assert_eq!(diagnosis.verdict, Verdict::Reachable);
    let steps: Vec<_> = diagnosis.paths.forward.iter().chain(&diagnosis.paths.back).collect();
    let peerings = steps.iter().filter(|step| step.component.id.as_deref() == Some("pcx-1"));
    let told: Vec<_> = peerings.map(|step| (step.rule.as_deref(), step.detail.as_deref())).collect();
    assert_eq!(told, [(Some("active"), None); 2]);
}

#[test]
fn packets_decide_where_the_documents_do_not() {
    let connected = diagnosed(&over_transit_gateway(), vec![connect(Outcome::Connected)]);
    assert_eq!((connected.verdict, named(&connected)), (Verdict::Reachable, Vec::new()));
    let silent = diagnosed(&over_transit_gateway(), vec![connect(Outcome::Timeout)]);
    assert_eq!(silent.verdict, Verdict::Blocked);
    let named = named(&silent);
    assert_eq!(named.first().map(String::as_str), Some("TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1"), "{named:?}");
    assert!(named.iter().all(|one| !one.starts_with("PEERING")), "{named:?}");
}

/// The packets leave the peering aside: that the route does so may be the fault, and what it leads to may
/// carry them all the same.
#[test]
fn beside_an_active_peering_both_the_gateway_and_the_route_are_named() {
    let mut world = World::two_vpcs();
    world.routes("rtb-app").push(route("10.2.0.0/24", "tgw-1"));
    let both = ["TGW_RTB_ROUTES_ARE_UNKNOWN tgw-1", "MORE_SPECIFIC_ROUTE rtb-app"];
    let unasked = diagnosed(&world, Vec::new());
    assert_eq!((unasked.verdict, named(&unasked)), (Verdict::Undetermined, both.map(String::from).to_vec()));
    let silent = diagnosed(&world, vec![connect(Outcome::Timeout)]);
    let likeliest: Vec<String> = named(&silent).into_iter().take(2).collect();
    assert_eq!(likeliest, [both[1], both[0]]);
    let connected = diagnosed(&world, vec![connect(Outcome::Connected)]);
    assert_eq!((connected.verdict, named(&connected)), (Verdict::Reachable, Vec::new()));
}

#[test]
fn a_reference_that_may_mean_the_source_is_a_candidate_and_a_gap() {
    let mut world = World::two_vpcs();
    world.rules("sg-db").ip_permissions = vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["sg-app"])];
    let interfaces = world.aws.network_interfaces.get_or_insert_default();
    interfaces.retain(|one| one.network_interface_id.as_str() == "eni-db");
    let diagnosis = diagnosed(&world, Vec::new());
    assert_eq!(diagnosis.verdict, Verdict::Undetermined);
    let codes = named(&diagnosis);
    assert!(codes.contains(&"UNKNOWN_PEERED_SGS sg-db".to_string()), "{codes:?}");
    let gaps: Vec<&str> = diagnosis.gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert!(gaps.contains(&"the network interfaces of vpc-app and their security groups"), "{gaps:?}");
}

#[test]
fn a_stale_reference_is_a_finding() {
    let mut world = World::two_vpcs();
    let mut rule = permission(IpProtocol::TCP, Some((5432, 5432)), &["sg-app"]);
    rule.user_id_group_pairs[0].vpc_id = Some("vpc-app".into());
    rule.user_id_group_pairs[0].vpc_peering_connection_id = Some("pcx-gone".into());
    world.rules("sg-db").ip_permissions.push(rule.clone());
    let diagnosis = diagnosed(&world, Vec::new());
    assert_eq!(diagnosis.verdict, Verdict::Reachable, "another rule lets them in");
    let messages: Vec<&str> = diagnosis.findings.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "sg-db has a rule, tcp 5432 from sg-app, that refers to a group which it cannot mean any more: pcx-gone is gone. It matches nothing."
        ]
    );
    rule.user_id_group_pairs[0].vpc_peering_connection_id = Some("pcx-1".into());
    world.rules("sg-db").ip_permissions = vec![rule];
    let healthy = diagnosed(&world, Vec::new());
    assert_eq!((healthy.verdict, healthy.findings.len()), (Verdict::Reachable, 0));
}

/// One setting that certainly stops the packets is the cause; what is open beside it is a gap.
#[test]
fn what_is_established_comes_before_what_is_open() {
    let mut world = over_transit_gateway();
    world.rules("sg-db").ip_permissions.clear();
    let diagnosis = diagnosed(&world, Vec::new());
    assert_eq!(diagnosis.verdict, Verdict::Blocked);
    assert_eq!(named(&diagnosis), ["SG_HAS_NO_RULES eni-db"]);
    assert!(diagnosis.gaps.iter().any(|gap| gap.what.contains("tgw-1")));
}
