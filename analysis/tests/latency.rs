//! How long answers take: what is measured of them, and when it is worth telling.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Case, Machine};
use peerscope_analysis::report::{Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::id::Region;
use peerscope_vocabulary::{Observation, TcpFacts};

use documents::World;
use simulated::{Meets, run};

/// From the dyno to the database, where the documents place the VPC and the space in these Regions.
fn case(regions: Option<(&str, &str)>) -> Case {
    let topology = regions.map(|(vpc, space)| {
        let mut snapshot = World::space_and_database().snapshot();
        snapshot.aws[0].region = Some(Region::from(vpc));
        let info = snapshot.heroku.peering_info.as_mut().expect("the space says how it is peered");
        info.aws_region = Some(Region::from(space));
        Topology::from(&snapshot)
    });
    let mut case = starting::case(topology, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20");
    case.vantage = Vantage { kind: VantageKind::Dyno, address: Some(IpAddr::from([10, 0, 128, 7])) };
    case.probing = true;
    case
}

/// What is said where connects take so many microseconds, in the order in which they are made.
fn told(regions: Option<(&str, &str)>, taking: [u64; 5]) -> Diagnosis {
    let observations = run(case(regions), |_, _| Meets::Connected).machine.observations().to_vec();
    assert_eq!(observations.len(), taking.len());
    let slow = |(one, microseconds): (&Observation, u64)| Observation {
        rtt: Some(Duration::from_micros(microseconds)),
        ..*one
    };
    replayed(regions, observations.iter().zip(taking).map(slow).collect())
}

fn replayed(regions: Option<(&str, &str)>, observations: Vec<Observation>) -> Diagnosis {
    Machine::replay(case(regions), observations, Vec::new())
        .report(Duration::from_secs(1), Timestamp::UNIX_EPOCH)
}

fn findings(diagnosis: &Diagnosis) -> Vec<&str> {
    let latency = diagnosis.findings.iter().filter(|finding| finding.rule == "LATENCY");
    latency.map(|finding| finding.message.as_str()).collect()
}

const HERE: Option<(&str, &str)> = Some(("us-east-1", "us-east-1"));

#[test]
fn round_trips_are_told_and_stop_nothing() {
    let diagnosis = told(HERE, [900, 400, 300, 500, 600]);
    assert_eq!(diagnosis.verdict, Verdict::Reachable);
    let [latency] = diagnosis.latency.as_slice() else { panic!("{:?}", diagnosis.latency) };
    assert_eq!(latency.summary, "median 0.5 ms, 0.3 ms to 0.9 ms, of 5 connects");
    assert_eq!((latency.probes, latency.first_seconds), (5, Some(0.0009)));
    assert!(findings(&diagnosis).is_empty());
}

#[test]
fn a_long_way_within_a_region_is_told_and_one_between_two_is_not() {
    let slow = [35_000, 34_000, 36_000, 35_000, 33_000];
    let here = told(HERE, slow);
    assert_eq!(here.verdict, Verdict::Reachable);
    assert!(here.causes.is_empty());
    let [message] = findings(&here)[..] else { panic!("{:?}", here.findings) };
    assert!(message.contains("takes 35 ms") && message.contains("both ends are in us-east-1"), "{message}");
    for elsewhere in [None, Some(("us-east-1", "eu-west-1"))] {
        assert!(findings(&told(elsewhere, slow)).is_empty(), "{elsewhere:?}");
    }
}

#[test]
fn a_slow_first_packet_is_told_wherever_the_ends_are() {
    let message = |regions| {
        let diagnosis = told(regions, [85_000, 2_000, 2_100, 1_900, 2_300]);
        findings(&diagnosis).concat()
    };
    for regions in [None, HERE] {
        assert!(message(regions).starts_with("The first of 5 connects took 85 ms"), "{}", message(regions));
    }
}

#[test]
fn what_took_several_attempts_is_no_round_trip() {
    let mut observations = run(case(HERE), |_, _| Meets::Connected).machine.observations().to_vec();
    let age = Some(Duration::from_millis(1_030));
    observations[0].retransmissions = 1;
    observations[1].tcp = Some(TcpFacts { answered_syn_age: age, ..TcpFacts::default() });
    let diagnosis = replayed(None, observations);
    assert_eq!(diagnosis.latency[0].probes, 3);
    assert_eq!(diagnosis.latency[0].first_seconds, None);
}
