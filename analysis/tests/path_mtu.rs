//! `--thorough`: which sizes of packets pass, by echoes that may not be divided, in simulated time.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Case, Machine};
use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{ComponentType, NetworkId};
use peerscope_vocabulary::{
    ApplicationProtocol, Carried, Handshake, HandshakeEnd, HandshakeReply, HandshakeStep, ProbeKind,
    ProbeRequest, ProtocolAnswer,
};

use simulated::{Meets, NARROW, OWN, Run, run_by, run_replying, run_speaking};

/// The header of IPv4 and that of an echo.
const HEADERS: u32 = 28;

fn case() -> Case {
    let dyno = IpAddr::from([10, 0, 128, 7]);
    Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(dyno) },
        probing: true,
        thorough: true,
        echo: true,
        ..starting::case(None, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20")
    }
}

fn icmp() -> Case {
    let mut case = Case { protocol: 1, ..case() };
    (case.target.port, case.target.protocol) = (None, "icmp");
    case
}

/// Of a whole echo its length; none of any other probe.
fn whole(request: &ProbeRequest) -> Option<u32> {
    (request.kind == ProbeKind::IcmpEcho && request.dont_fragment)
        .then(|| u32::from(request.payload_length) + HEADERS)
}

/// A path that does this to whole echoes of a length, and carries all else.
fn path(does: impl Fn(u32) -> Meets) -> impl Fn(&ProbeRequest, usize) -> Meets {
    move |request, _| whole(request).map_or(Meets::Connected, &does)
}

fn up_to(fits: u32) -> impl Fn(u32) -> Meets {
    move |length| if length <= fits { Meets::Connected } else { Meets::Silent }
}

fn reported(run: &Run) -> Diagnosis {
    run.machine.report(run.ended, Timestamp::UNIX_EPOCH)
}

fn echoes(run: &Run) -> Vec<u32> {
    run.probes.iter().filter_map(|(request, _)| whole(request)).collect()
}

fn blackhole(report: &Diagnosis) -> &CauseReport {
    let code = |cause: &&CauseReport| cause.code.name() == "PATH_MTU_BLACKHOLE";
    report.causes.iter().find(code).unwrap_or_else(|| panic!("{report:#?}"))
}

#[test]
fn large_packets_that_are_lost_in_silence_impair_the_path() {
    for case in [case(), icmp()] {
        for (fits, lost) in [(1_280, 1_340), (1_400, 1_420), (1_492, 1_500)] {
            let run = run_by(case.clone(), path(up_to(fits)));
            let report = reported(&run);
            assert_eq!(report.verdict, Verdict::Impaired);
            let cause = blackhole(&report);
            assert_eq!((cause.status, cause.direction), (CauseStatus::Established, None));
            assert!(cause.alternatives.is_none() && cause.confidence >= 0.9);
            assert_eq!(cause.component.component_type, ComponentType::Path);
            let words = format!("Packets of {lost} bytes and more to or from 10.100.2.20 are lost");
            assert!(report.summary.starts_with(&words), "{}", report.summary);
            assert_eq!(report.causes.len(), 1);
            assert!(run.ended < Duration::from_secs(8), "{:?}", run.ended);
            // A handful of packets, and none is larger than this machine's link takes.
            let echoes = echoes(&run);
            assert!(echoes.len() <= 14 && echoes.iter().all(|length| *length <= OWN), "{echoes:?}");
        }
    }
}

#[test]
fn a_path_that_takes_all_or_says_what_it_takes_is_reachable() {
    for case in [case(), icmp()] {
        let run = run_by(case.clone(), path(|_| Meets::Connected));
        let report = reported(&run);
        assert_eq!(report.verdict, Verdict::Reachable);
        assert!(report.causes.is_empty() && report.summary.contains("packets of 1500 bytes pass whole"));
        assert_eq!(echoes(&run), [100, OWN]);
        let says = |length| if length <= NARROW { Meets::Connected } else { Meets::TooBig };
        let run = run_by(case, path(says));
        let report = reported(&run);
        assert_eq!(report.verdict, Verdict::Reachable, "{}", report.summary);
        assert!(report.causes.is_empty());
        assert!(report.summary.contains("sent back by 10.9.9.9, which says so"), "{}", report.summary);
        assert_eq!(echoes(&run), [100, OWN, NARROW]);
    }
}

#[test]
fn nothing_large_is_sent_to_who_answers_no_small_echo_nor_to_who_is_silent() {
    let run = run_by(case(), path(|_| Meets::Silent));
    let report = reported(&run);
    assert_eq!((report.verdict, echoes(&run)), (Verdict::Reachable, [100].to_vec()));
    assert!(report.gaps.iter().any(|gap| gap.what.contains("full size")), "{:?}", report.gaps);
    let run = run_by(case(), |_, _| Meets::Silent);
    assert!(echoes(&run).is_empty() && reported(&run).verdict == Verdict::Blocked);
    // Without leave to send echoes, and without being asked to be thorough, none are sent.
    let run = run_by(Case { echo: false, ..case() }, path(up_to(1_400)));
    let report = reported(&run);
    assert!(echoes(&run).is_empty() && report.gaps.iter().any(|gap| gap.what.contains("full size")));
    let run = run_by(Case { thorough: false, ..case() }, path(up_to(1_400)));
    assert!(echoes(&run).is_empty() && !reported(&run).gaps.iter().any(|gap| gap.what.contains("full size")));
}

#[test]
fn a_port_that_is_closed_comes_first() {
    let refusing = |request: &ProbeRequest, _| whole(request).map_or(Meets::Refused, up_to(1_400));
    let report = reported(&run_by(case(), refusing));
    assert_eq!(report.verdict, Verdict::Blocked);
    let codes: Vec<&str> = report.causes.iter().map(|cause| cause.code.name()).collect();
    assert_eq!(codes, ["PORT_CLOSED", "PATH_MTU_BLACKHOLE"]);
}

#[test]
fn where_packets_of_any_size_are_lost_none_are_accused_for_their_size() {
    let lossy = |request: &ProbeRequest, nth: usize| match whole(request) {
        Some(length) if length > 1_400 => Meets::Silent,
        Some(_) => Meets::Connected,
        None if nth % 3 == 1 => Meets::Silent,
        None => Meets::Connected,
    };
    let report = reported(&run_by(case(), lossy));
    assert_eq!(report.verdict, Verdict::Impaired);
    assert!(report.causes.iter().all(|cause| cause.code.name() != "PATH_MTU_BLACKHOLE"));
}

/// What a connection shows: its end, and which way is accused.
fn direction(end: HandshakeEnd) -> Option<Direction> {
    let handshake =
        Handshake { protocol: ApplicationProtocol::Tls, tls: true, host: "db.internal".into(), login: false };
    let case = Case { handshake: Some(handshake), ..case() };
    let reply = HandshakeReply { end: Some(end), ..HandshakeReply::default() };
    let run = run_speaking(case.clone(), path(up_to(1_400)), &reply);
    let report = reported(&run);
    let cause = blackhole(&report);
    assert_eq!((report.verdict, cause.status), (Verdict::Impaired, CauseStatus::Established));
    // Saved evidence comes to the same.
    let (observations, spoken) = (run.machine.observations().to_vec(), run.machine.spoken().to_vec());
    let again = Machine::replay(case, observations, spoken).report(run.ended, Timestamp::UNIX_EPOCH);
    assert_eq!(again.summary, report.summary);
    cause.direction
}

#[test]
fn a_connection_that_stalls_tells_the_way() {
    let silent = |unacknowledged| HandshakeEnd::Silent {
        step: HandshakeStep::Tls,
        waited: Duration::ZERO,
        received: 0,
        unacknowledged,
    };
    assert_eq!(direction(silent(Some(0))), Some(Direction::Return));
    assert_eq!(direction(silent(Some(1_448))), Some(Direction::Forward));
    assert_eq!(direction(silent(None)), None);
    // What is not acknowledged is small: that is not for its size.
    assert_eq!(direction(silent(Some(300))), None);
}

#[test]
fn where_echoes_of_full_size_pass_a_stall_is_rather_the_applications() {
    let handshake =
        Handshake { protocol: ApplicationProtocol::Tls, tls: true, host: "db.internal".into(), login: false };
    let end = HandshakeEnd::Silent {
        step: HandshakeStep::Tls,
        waited: Duration::ZERO,
        received: 0,
        unacknowledged: Some(0),
    };
    let reply = HandshakeReply { end: Some(end), ..HandshakeReply::default() };
    let confidence = |thorough| {
        let case = Case { handshake: Some(handshake.clone()), thorough, ..case() };
        let report = reported(&run_speaking(case, path(|_| Meets::Connected), &reply));
        assert_eq!(report.causes[0].code.name(), "APPLICATION_SILENT");
        let cause = blackhole(&report);
        assert_eq!((cause.status, cause.direction), (CauseStatus::Candidate, Some(Direction::Return)));
        cause.confidence
    };
    assert!(confidence(true) < confidence(false) / 3.0);
}

/// What a service of TLS makes of a conversation where packets of so many bytes pass there, and so many came back.
fn carrying(there: u32, back: Option<u32>) -> impl Fn(&ProbeRequest) -> HandshakeReply {
    move |request| {
        let both = request.segments.both.map(|both| u32::from(both.get()));
        let own = request.segments.own.map(|own| u32::from(own.get()));
        let largest = both.unwrap_or(OWN);
        let is_lost = own.unwrap_or(largest) > there && request.payload_length > 0;
        let said = u32::from(request.payload_length).max(300);
        let carried = Carried {
            said,
            unacknowledged: if is_lost { said } else { 0 },
            resent: if is_lost { 4 } else { 0 },
            largest,
            largest_at_end: largest,
            largest_received: back.map(|back| back.min(largest)).filter(|_| !is_lost),
            ..Carried::default()
        };
        let end = if is_lost {
            let unacknowledged = Some(said);
            let waited = request.greeting_wait;
            HandshakeEnd::Silent { step: HandshakeStep::Tls, waited, received: 0, unacknowledged }
        } else {
            HandshakeEnd::Answered { answer: ProtocolAnswer::Tls }
        };
        HandshakeReply { end: Some(end), carried: Some(Box::new(carried)), ..HandshakeReply::default() }
    }
}

fn speaking_tls() -> Case {
    let handshake =
        Handshake { protocol: ApplicationProtocol::Tls, tls: true, host: "db.internal".into(), login: false };
    Case { handshake: Some(handshake), ..case() }
}

fn long(run: &Run) -> Vec<&ProbeRequest> {
    let is_long =
        |request: &&ProbeRequest| request.payload_length > 0 && request.kind == ProbeKind::Handshake;
    run.probes.iter().map(|(request, _)| request).filter(is_long).collect()
}

#[test]
fn connections_outrank_echoes() {
    // Something drops large echoes alone.
    let run = run_replying(speaking_tls(), path(up_to(1_400)), carrying(9_001, Some(OWN)));
    let report = reported(&run);
    assert_eq!((report.verdict, report.causes.len()), (Verdict::Reachable, 0), "{}", report.summary);
    let says = "packets of 1500 bytes pass there and back, though echoes of 1420 bytes and more are dropped";
    assert!(report.summary.contains(says), "{}", report.summary);
    assert_eq!(long(&run).len(), 1);
    // An answer that is small tells nothing of the way back, and what is left is that.
    let report = reported(&run_replying(speaking_tls(), path(up_to(1_400)), carrying(9_001, None)));
    let cause = blackhole(&report);
    assert_eq!(cause.direction, Some(Direction::Return));
    assert!(cause.confidence < 0.9 && cause.evidence.iter().any(|one| !one.supports), "{cause:#?}");
    // Both agree, and nothing is sought twice: the full size, the one that echoes found, and the way back by pieces.
    let run = run_replying(speaking_tls(), path(up_to(1_400)), carrying(1_400, Some(OWN)));
    let report = reported(&run);
    let cause = blackhole(&report);
    assert_eq!((cause.direction, report.causes.len()), (Some(Direction::Forward), 1));
    assert!(cause.confidence > 0.98);
    // The edge is that of the echoes.
    assert!(report.summary.starts_with("Packets of 1420 bytes and more"), "{}", report.summary);
    let held: Vec<(Option<u16>, Option<u16>)> = long(&run)
        .iter()
        .map(|one| (one.segments.both.map(Into::into), one.segments.own.map(Into::into)))
        .collect();
    assert_eq!(held, [(None, None), (Some(1_400), None), (None, Some(1_400))]);
    // Saved evidence comes to the same.
    let (observations, spoken) = (run.machine.observations().to_vec(), run.machine.spoken().to_vec());
    let again =
        Machine::replay(speaking_tls(), observations, spoken).report(run.ended, Timestamp::UNIX_EPOCH);
    assert_eq!(again.summary, report.summary);
}

#[test]
fn where_no_echo_is_to_be_had_a_connection_tells() {
    let case = || Case { echo: false, ..speaking_tls() };
    let run = run_replying(case(), |_, _| Meets::Connected, carrying(1_400, Some(OWN)));
    let report = reported(&run);
    assert_eq!(blackhole(&report).direction, Some(Direction::Forward));
    assert!(report.summary.contains("those of 1400 bytes pass"), "{}", report.summary);
    assert!(long(&run).len() <= 8 && run.ended < Duration::from_secs(8), "{:?}", run.ended);
    // Never more than the manners let out, each from a port of its own.
    let mut ports: Vec<Option<u16>> = run.probes.iter().map(|(request, _)| request.source_port).collect();
    let all = ports.len();
    assert!(all <= 50, "{all}");
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), all);
    // What is not known of the way back is said; and nothing is asked at length unless it is to be thorough.
    let report = reported(&run_replying(case(), |_, _| Meets::Connected, carrying(9_001, None)));
    assert_eq!(report.verdict, Verdict::Reachable);
    assert!(report.gaps.iter().any(|gap| gap.reason.contains("of the way back")), "{:?}", report.gaps);
    let brief = Case { thorough: false, ..case() };
    assert!(long(&run_replying(brief, |_, _| Meets::Connected, carrying(9_001, None))).is_empty());
}

#[test]
fn a_mysql_and_who_offers_no_tls_are_never_asked_at_length() {
    let answers = [
        (
            ApplicationProtocol::Mysql,
            ProtocolAnswer::Mysql {
                version: peerscope_vocabulary::ServerText::new(b"8.4.3"),
                denied: None,
                login: false,
            },
        ),
        (ApplicationProtocol::Postgresql, ProtocolAnswer::Postgresql { offers_tls: false }),
    ];
    for (protocol, answer) in answers {
        let handshake = Handshake { protocol, tls: false, host: "db.internal".into(), login: false };
        let case =
            Case { handshake: Some(handshake), mysql: protocol == ApplicationProtocol::Mysql, ..case() };
        let reply =
            HandshakeReply { end: Some(HandshakeEnd::Answered { answer }), ..HandshakeReply::default() };
        let run = run_speaking(case, path(|_| Meets::Connected), &reply);
        assert!(long(&run).is_empty(), "{protocol:?}");
    }
}

#[test]
fn datagrams_are_made_large_only_where_small_ones_are_answered_and_echoes_are_not() {
    let udp = || {
        let mut case = Case { protocol: 17, ..case() };
        case.target.protocol = "udp";
        case
    };
    let large = |run: &Run| {
        let is_large = |request: &&ProbeRequest| request.kind == ProbeKind::Udp && request.dont_fragment;
        run.probes
            .iter()
            .map(|(request, _)| request)
            .filter(is_large)
            .map(|request| u32::from(request.payload_length) + HEADERS)
            .collect::<Vec<u32>>()
    };
    let answers = |fits: u32| {
        move |request: &ProbeRequest, _| match request.kind {
            ProbeKind::Udp if u32::from(request.payload_length) + HEADERS <= fits => Meets::Connected,
            _ => Meets::Silent,
        }
    };
    let run = run_by(udp(), answers(9_001));
    let report = reported(&run);
    assert_eq!((report.verdict, large(&run)), (Verdict::Reachable, [100, OWN].to_vec()));
    assert!(report.summary.contains("datagrams of 1500 bytes arrive whole"), "{}", report.summary);
    assert!(report.gaps.iter().any(|gap| gap.reason.contains("only the service knows")));
    // Nobody is accused by what a service leaves unanswered.
    let report = reported(&run_by(udp(), answers(1_400)));
    assert_eq!((report.verdict, report.causes.len()), (Verdict::Reachable, 0), "{}", report.summary);
    assert!(report.gaps.iter().any(|gap| gap.reason.contains("which may be the path or the service")));
    assert!(large(&run_by(udp(), |_, _| Meets::Silent)).is_empty(), "a mute service");
    assert!(large(&run_by(udp(), path(|_| Meets::Connected))).is_empty(), "echoes told");
    let brief = Case { thorough: false, ..udp() };
    assert!(large(&run_by(brief, answers(9_001))).is_empty());
}
