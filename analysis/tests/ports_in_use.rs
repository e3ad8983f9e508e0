//! Source ports that another program of this machine holds: a probe that finds its own in use goes from another, and
//! nothing that was to be asked is lost by it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Case;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::report::{Diagnosis, GapKind, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_vocabulary::{
    ApplicationProtocol, Handshake, HandshakeEnd, HandshakeReply, ProbeKind, ProbeRequest, ProtocolAnswer,
};

use documents::World;
use simulated::{Meets, Run, run, run_by, run_speaking};

const DATABASE: &str = "10.100.2.20";

fn case() -> Case {
    let topology = Topology::from(&World::space_and_database().snapshot());
    Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(IpAddr::from([10, 0, 128, 7])) },
        probing: true,
        ..starting::case(Some(topology), NetworkId::Space, &["10.0.128.7/32"], DATABASE)
    }
}

fn report(run: &Run) -> Diagnosis {
    run.machine.report(run.ended, Timestamp::UNIX_EPOCH)
}

fn left(run: &Run) -> impl Iterator<Item = &ProbeRequest> {
    run.probes.iter().filter(|(_, met)| met.sends()).map(|(request, _)| request)
}

fn has_lost_probes(report: &Diagnosis) -> bool {
    report.gaps.iter().any(|gap| gap.kind == GapKind::Probe)
}

/// Whichever of the first eight attempts, up to five of them, find their ports in use.
#[test]
fn as_many_connects_leave_as_where_all_ports_are_free() {
    for met in [Meets::Connected, Meets::Silent, Meets::LateConnected] {
        for taken in (0..256_u32).filter(|taken| taken.count_ones() <= 5) {
            let meets = |_, nth| if nth < 8 && taken >> nth & 1 == 1 { Meets::PortInUse } else { met };
            let run = run(case(), meets);
            assert_eq!(left(&run).count(), 5, "{met:?} {taken:08b}");
            let ports: BTreeSet<_> = run.probes.iter().map(|(request, _)| request.source_port).collect();
            assert_eq!(ports.len(), run.probes.len(), "{met:?} {taken:08b}: a source port was tried twice");
            assert!(ports.iter().flatten().all(|port| (32768..=60999).contains(port)));
            let report = report(&run);
            let silent = met == Meets::Silent;
            assert_eq!(report.verdict == Verdict::Reachable, !silent, "{met:?} {taken:08b}");
            assert!(!has_lost_probes(&report), "{met:?} {taken:08b}: {:?}", report.gaps);
            assert!(run.ended < Duration::from_millis(3_500), "{met:?} {taken:08b}: {:?}", run.ended);
        }
    }
}

#[test]
fn what_was_to_be_spoken_is_spoken_from_another_port() {
    let handshake = |protocol| Handshake { protocol, tls: false, host: DATABASE.to_string(), login: false };
    let protocol = ApplicationProtocol::Postgresql;
    let case = Case { handshake: Some(handshake(protocol)), ..case() };
    let end = HandshakeEnd::Answered { answer: ProtocolAnswer::Postgresql { offers_tls: false } };
    let reply = HandshakeReply { end: Some(end), tls: None, took: Duration::from_millis(5), carried: None };
    for times in 1..=5 {
        let spoken = RefCell::new(0);
        let meets = |request: &ProbeRequest, _| {
            let speaks = request.kind == ProbeKind::Handshake;
            *spoken.borrow_mut() += u32::from(speaks);
            if speaks && *spoken.borrow() <= times { Meets::PortInUse } else { Meets::Connected }
        };
        let run = run_speaking(case.clone(), meets, &reply);
        let handshakes: Vec<_> = left(&run).filter(|one| one.kind == ProbeKind::Handshake).collect();
        assert_eq!((handshakes.len(), left(&run).count()), (1, 5), "{times}");
        let report = report(&run);
        assert!(report.summary.contains("it speaks PostgreSQL"), "{times}: {}", report.summary);
        assert!(!has_lost_probes(&report), "{times}: {:?}", report.gaps);
    }
}

#[test]
fn a_port_near_by_is_tried_since_filters_judge_by_ranges() {
    let run = run(case(), |_, nth| if nth == 2 { Meets::PortInUse } else { Meets::Connected });
    let attempts: Vec<u16> = run.probes.iter().filter_map(|(request, _)| request.source_port).collect();
    let again = attempts.iter().filter(|port| **port != attempts[2] && port.abs_diff(attempts[2]) < 8);
    assert_eq!(again.count(), 1, "{attempts:?}");
}

#[test]
fn a_sweep_and_what_is_carried_before_it_step_over_ports_in_use() {
    let mut case = case();
    (case.thorough, case.echo, case.deadline) = (true, true, Duration::from_secs(30));
    let meets = |request: &ProbeRequest, nth: usize| {
        let has_port = request.source_port.is_some();
        if has_port && nth % 4 == 3 && nth < 24 { Meets::PortInUse } else { Meets::Connected }
    };
    let run = run_by(case, meets);
    let report = report(&run);
    assert_eq!(report.verdict, Verdict::Reachable);
    let connects = left(&run).filter(|one| one.kind == ProbeKind::TcpConnect).count();
    assert!(connects > 5 + 10, "it was swept: {connects}");
    let ports: Vec<_> = run.probes.iter().filter_map(|(request, _)| request.source_port).collect();
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
}

/// Then it is no port that is in use: the address to send from is not this machine's.
#[test]
fn where_no_port_is_to_be_had_that_is_said_after_a_few_attempts() {
    let mut echo = case();
    (echo.target.protocol, echo.target.port, echo.protocol, echo.echo) = ("icmp", None, 1, true);
    for case in [case(), echo] {
        let run = run(Case { topology: None, ..case }, |_, _| Meets::PortInUse);
        assert!(run.probes.len() <= 16, "{} attempts", run.probes.len());
        assert!(run.ended < Duration::from_millis(100), "{:?}", run.ended);
        let report = report(&run);
        assert_eq!(report.verdict, Verdict::Undetermined);
        assert!(has_lost_probes(&report));
    }
}

#[test]
fn the_only_port_of_a_range_is_tried_once_and_its_loss_is_said() {
    let mut case = Case { topology: None, ..case() };
    case.source.source_ports = PortRange::single(40_000);
    let run = run(case, |_, _| Meets::PortInUse);
    assert_eq!(run.probes.len(), 1);
    assert!(has_lost_probes(&report(&run)));
}
