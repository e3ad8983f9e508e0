//! `--thorough`: what a sweep over the client's ports finds, in simulated time.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Case;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::report::{Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_vocabulary::{ProbeKind, ProbeRequest};

use documents::World;
use simulated::{Meets, Run, run_by};

fn case(world: Option<&World>) -> Case {
    let dyno = IpAddr::from([10, 0, 128, 7]);
    let topology = world.map(|world| Topology::from(&world.snapshot()));
    Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(dyno) },
        probing: true,
        thorough: true,
        ..starting::case(topology, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20")
    }
}

/// A path that passes where `passes` says so of the client's port and the number of the probe.
fn swept(case: Case, passes: impl Fn(u16, usize) -> bool) -> (Run, Diagnosis) {
    let meets = |request: &ProbeRequest, nth| match passes(request.source_port.unwrap_or_default(), nth) {
        true => Meets::Connected,
        false => Meets::Silent,
    };
    let run = run_by(case, meets);
    let report = run.machine.report(run.ended, Timestamp::UNIX_EPOCH);
    (run, report)
}

fn range(first: u16, last: u16) -> PortRange {
    PortRange::new(first, last).expect("a range")
}

#[test]
fn without_a_snapshot_the_silent_ports_are_found_to_the_port() {
    for (silent, shown) in [
        (49_152..=60_999, range(49_152, 60_999)),
        (32_768..=40_000, range(32_768, 40_000)),
        (43_210..=51_234, range(43_210, 51_234)),
    ] {
        let (run, report) = swept(case(None), |port, _| !silent.contains(&port));
        assert_eq!(report.verdict, Verdict::Impaired);
        let first = &report.causes[0];
        assert_eq!(first.code.name(), "SUBNET_ACL_RESTRICTION", "{}", report.summary);
        assert_eq!(first.affects.source_ports, [shown], "{}", first.summary);
        assert!(first.confidence > 0.85, "{}", first.confidence);
        assert!(run.probes.len() <= 50 && run.ended < Duration::from_secs(10), "{:?}", run.ended);
    }
}

#[test]
fn a_healthy_path_is_reachable_and_a_silent_one_blocked() {
    let (run, report) = swept(case(Some(&World::space_and_database())), |_, _| true);
    assert_eq!(report.verdict, Verdict::Reachable);
    assert!(run.probes.len() > 15, "the whole range is swept: {}", run.probes.len());
    let (_, report) = swept(case(Some(&World::space_and_database())), |_, _| false);
    assert_eq!(report.verdict, Verdict::Blocked);
}

#[test]
fn loss_at_random_is_not_taken_for_a_filter() {
    let mixed = |port: u16, nth: usize| (usize::from(port) * 7919 + nth * 104_729) % 100 >= 30;
    let (run, report) = swept(case(None), mixed);
    assert_eq!(report.verdict, Verdict::Impaired);
    assert_eq!(report.causes[0].code.name(), "PACKET_LOSS", "{}", report.summary);
    assert!(run.probes.len() <= 50);
}

#[test]
fn one_lost_packet_is_a_finding_and_no_cause() {
    let (_, report) = swept(case(None), |_, nth| nth != 9);
    assert_eq!(report.verdict, Verdict::Reachable, "{}", report.summary);
    assert!(report.causes.is_empty());
    assert!(report.findings.iter().any(|finding| finding.rule == "PACKET_LOSS"));
}

#[test]
fn a_mysql_and_what_has_no_ports_are_not_swept() {
    let greeting = run_by(case(None), |_, _| Meets::MySql);
    assert_eq!(greeting.probes.len(), 3);
    let (named, _) = swept(Case { mysql: true, ..case(None) }, |_, _| true);
    assert_eq!(named.probes.len(), 3);
    let mut echo = Case { echo: true, protocol: 1, ..case(None) };
    (echo.target.port, echo.target.protocol) = (None, "icmp");
    let (echo, _) = swept(echo, |_, _| true);
    assert!(echo.probes.iter().all(|(one, _)| one.kind == ProbeKind::IcmpEcho));
    assert_eq!(echo.probes.iter().filter(|(one, _)| !one.dont_fragment).count(), 5);
}

/// A server far away greets late, and a sweep of a MySQL that nobody recognised would block its client.
#[test]
fn a_greeting_is_waited_for_longer_where_a_sweep_is_to_follow() {
    let waits = |thorough| {
        let run = run_by(Case { thorough, ..case(None) }, |_, _| Meets::Connected);
        run.probes.iter().map(|(request, _)| request.greeting_wait).max().unwrap_or_default()
    };
    assert!(waits(true) >= waits(false) * 2, "{:?} {:?}", waits(true), waits(false));
    assert!(waits(true) < Duration::from_millis(300), "early silence is told at 300 ms");
}

#[test]
fn a_short_deadline_ends_the_sweep_and_the_edge_is_said_to_lie_in_a_span() {
    for seconds in [1, 3, 4, 5] {
        let deadline = Duration::from_secs(seconds);
        let (run, report) = swept(Case { deadline, ..case(None) }, |port, _| port < 50_000);
        assert!(run.ended <= deadline, "{:?}", run.ended);
        assert_eq!(report.verdict, Verdict::Impaired);
    }
    let (_, report) = swept(Case { deadline: Duration::from_secs(5), ..case(None) }, |port, _| port < 50_000);
    let words = serde_json::to_string(&report).unwrap_or_default();
    assert!(words.contains("somewhere from"), "{words}");
}
