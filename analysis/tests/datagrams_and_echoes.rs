//! Targets that are to answer a datagram or an echo: what is sent to them, and what their silence says.
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
use peerscope_analysis::report::{Diagnosis, GapKind, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::aws::IpProtocol;
use peerscope_vocabulary::ProbeKind;

use documents::World;
use simulated::{Meets, Run, run};

/// What the snapshot says of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Configured {
    NotAtAll,
    Open,
    Shut,
}

const CONFIGURATIONS: [Configured; 3] = [Configured::NotAtAll, Configured::Open, Configured::Shut];

fn case(configured: Configured, protocol: &'static str) -> Case {
    let mut world = World::space_and_database();
    if configured == Configured::Open {
        for permission in &mut world.rules("sg-db").ip_permissions {
            permission.ip_protocol = IpProtocol::All;
            (permission.from_port, permission.to_port) = (None, None);
        }
    }
    let topology = (configured != Configured::NotAtAll).then(|| Topology::from(&world.snapshot()));
    let mut case = starting::case(topology, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20");
    case.target.protocol = protocol;
    case.protocol = if protocol == "udp" { 17 } else { 1 };
    case.target.port = (protocol == "udp").then_some(5432);
    case.vantage = Vantage { kind: VantageKind::Dyno, address: Some(IpAddr::from([10, 0, 128, 7])) };
    (case.probing, case.echo) = (true, true);
    case
}

fn all(configured: Configured, protocol: &'static str, met: Meets) -> (Run, Diagnosis) {
    let run = run(case(configured, protocol), |_, _| met);
    let report = run.machine.report(run.ended, Timestamp::UNIX_EPOCH);
    (run, report)
}

#[test]
fn five_probes_of_the_named_kind_go_to_the_named_target() {
    for (protocol, kind, port) in [("udp", ProbeKind::Udp, 5432), ("icmp", ProbeKind::IcmpEcho, 0)] {
        for met in [Meets::Connected, Meets::Silent, Meets::Refused] {
            let (run, _) = all(Configured::NotAtAll, protocol, met);
            let of_kind = run.probes.iter().filter(|(request, _)| request.kind == kind).count();
            assert_eq!(of_kind, 5, "{protocol} {met:?}");
            assert!(run.probes.iter().all(|(request, _)| request.kind != ProbeKind::TcpConnect));
            let asked = run.probes.iter().filter(|(request, _)| request.kind == kind);
            assert!(asked.clone().all(|(request, _)| request.port == port));
            assert!(run.batches.first().is_some_and(|batch| batch.len() == 1), "the first goes alone");
            assert!(run.ended < Duration::from_millis(3_500), "{protocol} {met:?}: {:?}", run.ended);
        }
    }
}

#[test]
fn an_answer_is_reachable_whatever_the_snapshot_says() {
    for configured in CONFIGURATIONS {
        for protocol in ["udp", "icmp"] {
            let (_, report) = all(configured, protocol, Meets::Connected);
            assert_eq!(report.verdict, Verdict::Reachable, "{protocol} {configured:?}");
            let disagrees = report.findings.iter().any(|one| one.rule == "CONFIGURATION_DISAGREES");
            assert_eq!(disagrees, configured == Configured::Shut, "{protocol} {configured:?}");
        }
    }
}

#[test]
fn of_udp_silence_says_nothing_and_the_configuration_speaks() {
    for (configured, verdict) in [
        (Configured::NotAtAll, Verdict::Undetermined),
        (Configured::Open, Verdict::Reachable),
        (Configured::Shut, Verdict::Blocked),
    ] {
        let (_, report) = all(configured, "udp", Meets::Silent);
        assert_eq!(report.verdict, verdict, "{configured:?}");
        assert_eq!(report.causes.is_empty(), configured != Configured::Shut, "{configured:?}");
        let open = configured != Configured::Shut;
        assert_eq!(report.gaps.iter().any(|gap| gap.kind == GapKind::Probe), open, "{configured:?}");
        assert_eq!(report.next_probe.is_some(), open, "{configured:?}");
        assert!(report.summary.contains("udp") || verdict == Verdict::Blocked, "{}", report.summary);
    }
}

/// The echo beside tells that the host lives, not that it takes datagrams.
#[test]
fn an_echo_beside_datagrams_makes_their_silence_no_more_telling() {
    let alone = case(Configured::NotAtAll, "udp");
    let run = run(alone, |_, nth| if nth == 3 { Meets::Connected } else { Meets::Silent });
    let echo = run.probes.iter().find(|(request, _)| request.kind == ProbeKind::IcmpEcho);
    assert_eq!(echo.map(|(_, met)| *met), Some(Meets::Connected), "the fourth probe is the echo");
    assert_eq!(run.machine.report(run.ended, Timestamp::UNIX_EPOCH).verdict, Verdict::Undetermined);
}

#[test]
fn where_a_service_answers_some_datagrams_the_silence_of_others_counts() {
    let meets = |_, nth: usize| if nth == 2 { Meets::Silent } else { Meets::Connected };
    let run = run(case(Configured::NotAtAll, "udp"), meets);
    let report = run.machine.report(run.ended, Timestamp::UNIX_EPOCH);
    assert_eq!(report.verdict, Verdict::Impaired);
    assert!(!report.causes.is_empty());
}

#[test]
fn a_port_that_the_target_itself_calls_unreachable_is_closed() {
    for configured in CONFIGURATIONS {
        let (_, report) = all(configured, "udp", Meets::Refused);
        assert_eq!(report.verdict, Verdict::Blocked, "{configured:?}");
        let codes: Vec<&str> = report.causes.iter().map(|cause| cause.code.name()).collect();
        assert_eq!(codes, ["PORT_CLOSED"], "{configured:?}");
    }
}

#[test]
fn echoes_without_an_answer_are_blocked() {
    for configured in CONFIGURATIONS {
        let (_, report) = all(configured, "icmp", Meets::Silent);
        assert_eq!(report.verdict, Verdict::Blocked, "{configured:?}");
        assert!(!report.causes.is_empty(), "{configured:?}");
        let established = configured == Configured::Shut;
        assert_eq!(report.causes.len() == 1, established, "{configured:?}: one setting stands in the way");
        let words = serde_json::to_string(&report).unwrap_or_default();
        assert!(!words.contains("port 0") && !words.contains("this port"), "{configured:?}: {words}");
    }
}

#[test]
fn where_no_echo_is_permitted_none_is_sent_and_the_configuration_speaks() {
    for (configured, verdict) in [
        (Configured::NotAtAll, Verdict::Undetermined),
        (Configured::Open, Verdict::Reachable),
        (Configured::Shut, Verdict::Blocked),
    ] {
        let run = run(Case { echo: false, ..case(configured, "icmp") }, |_, _| Meets::Connected);
        assert!(run.probes.is_empty());
        assert_eq!(run.machine.report(run.ended, Timestamp::UNIX_EPOCH).verdict, verdict, "{configured:?}");
    }
}
