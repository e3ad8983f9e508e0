//! Handshakes within a diagnosis, in simulated time: when they are made, that they cost no connect more, and what
//! each of their ends comes to.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::diagnose::{Case, Machine};
use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::aws::IpProtocol;
use peerscope_vocabulary::{
    ApplicationProtocol, CertificateDoubt, CertificateFacts, ClosedBy, Greeting, Handshake, HandshakeEnd,
    HandshakeReply, HandshakeStep, ProbeKind, ProbeRequest, ProtocolAnswer, RecognisedProtocol, ServerText,
    TlsFacts, TlsProblem, TlsVersion,
};

use documents::World;
use documents::rules::entry;
use simulated::{Meets, Run, replay, run_speaking};

const DYNO: [u8; 4] = [10, 0, 128, 7];
const DATABASE: &str = "10.100.2.20";
const PATIENCE: Duration = Duration::from_millis(2_500);

fn handshake(protocol: ApplicationProtocol, tls: bool) -> Handshake {
    Handshake { protocol, tls, host: DATABASE.to_string(), login: false }
}

fn case(handshake: Handshake) -> Case {
    let topology = Topology::from(&World::space_and_database().snapshot());
    Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(IpAddr::from(DYNO)) },
        probing: true,
        mysql: handshake.protocol == ApplicationProtocol::Mysql,
        handshake: Some(handshake),
        ..starting::case(Some(topology), NetworkId::Space, &["10.0.128.7/32"], DATABASE)
    }
}

fn postgresql() -> Case {
    case(handshake(ApplicationProtocol::Postgresql, false))
}

fn reply(end: HandshakeEnd) -> HandshakeReply {
    HandshakeReply { end: Some(end), tls: None, took: Duration::from_millis(5), carried: None }
}

fn answered() -> HandshakeReply {
    reply(HandshakeEnd::Answered { answer: ProtocolAnswer::Postgresql { offers_tls: false } })
}

fn silent(step: HandshakeStep, unacknowledged: Option<u32>) -> HandshakeReply {
    reply(HandshakeEnd::Silent { step, waited: Duration::ZERO, received: 0, unacknowledged })
}

fn doubted(answer: ProtocolAnswer, doubt: CertificateDoubt) -> HandshakeReply {
    let certificate = CertificateFacts {
        not_before: 0,
        not_after: 1_700_000_000,
        names: vec![ServerText::new(b"orders-db.internal")],
    };
    let tls = TlsFacts {
        version: TlsVersion::Tls13,
        certificates: 1,
        certificate: Some(certificate),
        doubt: Some(doubt),
        asks_for_certificate: false,
    };
    HandshakeReply { tls: Some(tls), ..reply(HandshakeEnd::Answered { answer }) }
}

fn play(case: Case, meets: Meets, reply: &HandshakeReply) -> Run {
    run_speaking(case, |_, _| meets, reply)
}

fn report(run: &Run) -> Diagnosis {
    run.machine.report(run.ended, Timestamp::UNIX_EPOCH)
}

fn spoken(run: &Run) -> usize {
    run.probes.iter().filter(|(request, _)| request.kind == ProbeKind::Handshake).count()
}

/// The one cause that a reply comes to where all connects succeed.
fn one_cause(case: Case, reply: &HandshakeReply) -> CauseReport {
    let report = report(&play(case, Meets::Connected, reply));
    assert_eq!(report.verdict, Verdict::Impaired, "{reply:?}");
    assert_eq!(report.causes.len(), 1, "{:?}", report.causes);
    let cause = report.causes[0].clone();
    assert_eq!(cause.affects.ports, [(5432, 5432)].map(|(low, high)| range(low, high)), "{reply:?}");
    assert_eq!(cause.component.id.as_deref(), Some("eni-db"), "{reply:?}");
    assert!(!cause.fixes.is_empty() && cause.evidence.iter().any(|one| one.supports));
    cause
}

fn range(low: u16, high: u16) -> peerscope_analysis::flow::PortRange {
    peerscope_analysis::flow::PortRange::new(low, high).unwrap()
}

#[test]
fn one_of_the_connects_speaks_and_none_is_made_for_it() {
    for (protocol, connects) in [(ApplicationProtocol::Postgresql, 5), (ApplicationProtocol::Mysql, 3)] {
        for meets in [Meets::Connected, Meets::LateConnected, Meets::Silent] {
            let run = play(case(handshake(protocol, false)), meets, &answered());
            assert_eq!((run.probes.len(), spoken(&run)), (connects, 1), "{protocol:?} {meets:?}");
            assert_eq!(
                run.probes[0].0.kind,
                ProbeKind::TcpConnect,
                "the first tells whether anybody is there"
            );
        }
    }
    // Where somebody refuses, there is nobody to speak to; where no protocol is named, nothing is said.
    for (case, meets) in [
        (postgresql(), Meets::Refused),
        (postgresql(), Meets::ProhibitedElsewhere),
        (Case { handshake: None, ..postgresql() }, Meets::Connected),
    ] {
        assert_eq!(spoken(&play(case, meets, &answered())), 0, "{meets:?}");
    }
}

#[test]
fn a_mysql_that_another_protocol_meets_is_spared_too() {
    let run = play(postgresql(), Meets::MySql, &answered());
    assert_eq!((run.probes.len(), spoken(&run)), (3, 1));
}

#[test]
fn each_address_is_spoken_to_once() {
    let mut case = postgresql();
    case.target.addresses.push(IpAddr::from([10, 100, 2, 21]));
    let run = play(case, Meets::Connected, &answered());
    assert_eq!(spoken(&run), 2);
}

#[test]
fn who_answers_is_reachable_soon_and_its_words_are_shown() {
    let run = play(postgresql(), Meets::Connected, &answered());
    assert!(run.ended < Duration::from_millis(250), "{:?}", run.ended);
    let report = report(&run);
    assert_eq!(report.verdict, Verdict::Reachable);
    assert!(report.causes.is_empty());
    assert!(report.summary.ends_with("; it speaks PostgreSQL and offers no TLS."), "{}", report.summary);
    let shown = report.observations.iter().find_map(|one| one.handshake.as_ref()).unwrap();
    assert_eq!(shown.end, Some("answered"));
}

#[test]
fn silence_is_the_applications_where_its_system_acknowledged() {
    let run = play(postgresql(), Meets::Connected, &silent(HandshakeStep::TlsOffer, Some(0)));
    assert!(run.ended >= PATIENCE && run.ended < Duration::from_secs(3), "{:?}", run.ended);
    let cause = one_cause(postgresql(), &silent(HandshakeStep::TlsOffer, Some(0)));
    assert_eq!((cause.code, cause.status), (CauseCode::ApplicationSilent, CauseStatus::Established));
    assert_eq!(
        cause.summary,
        "10.100.2.20 takes connections on port 5432, and is then silent: its answer to whether it offers TLS was waited for 2.5 s; its system acknowledged all that it was sent."
    );
    assert_eq!(cause.affects.source_ports, [range(32768, 60999)]);
}

#[test]
fn silence_that_the_path_may_cause_is_a_group_of_candidates() {
    let https = || case(handshake(ApplicationProtocol::Http, true));
    for (case, step, unacknowledged, expected) in [
        (
            https(),
            HandshakeStep::Tls,
            Some(0),
            &[CauseCode::ApplicationSilent, CauseCode::PathMtuBlackhole][..],
        ),
        (
            postgresql(),
            HandshakeStep::TlsOffer,
            Some(8),
            &[CauseCode::ApplicationSilent, CauseCode::HostFirewall, CauseCode::HostOverloaded],
        ),
        (
            case(handshake(ApplicationProtocol::Mysql, false)),
            HandshakeStep::Greeting,
            None,
            &[CauseCode::ApplicationSilent, CauseCode::HostFirewall, CauseCode::HostOverloaded],
        ),
    ] {
        let report = report(&play(case, Meets::Connected, &silent(step, unacknowledged)));
        assert_eq!(report.verdict, Verdict::Impaired);
        let codes: Vec<CauseCode> = report.causes.iter().map(|cause| cause.code).collect();
        for code in expected {
            assert!(codes.contains(code), "{step:?} {unacknowledged:?}: {codes:?}");
        }
        assert!(report.summary.contains("; once connected it is silent: its "), "{}", report.summary);
        let group = report.causes[0].alternatives.clone();
        assert!(group.is_some() && report.causes.iter().all(|cause| cause.alternatives == group));
        let sum: f64 = report.causes.iter().map(|cause| cause.confidence).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let next = report.next_probe.expect("something would tell them apart");
        assert!(next.tells_apart.contains(&CauseCode::ApplicationSilent), "{next:?}");
    }
}

#[test]
fn loss_that_is_certain_accounts_for_silence_too() {
    let reply = silent(HandshakeStep::TlsOffer, Some(0));
    let run = run_speaking(
        postgresql(),
        |_, nth| if nth % 2 == 0 { Meets::Connected } else { Meets::Silent },
        &reply,
    );
    let report = report(&run);
    assert_eq!(report.verdict, Verdict::Impaired);
    let established = report
        .causes
        .iter()
        .find(|cause| cause.code == CauseCode::ApplicationSilent && cause.status == CauseStatus::Established);
    assert!(established.is_none(), "packets are lost beside: {:?}", report.causes);
}

#[test]
fn what_a_setting_drops_beside_is_no_loss() {
    let mut world = World::space_and_database();
    // Replies to the upper half of the client's ports are not let out.
    world.entries("acl-db").retain(|entry| !entry.egress);
    world.entries("acl-db").push(entry(
        "out",
        100,
        "allow",
        IpProtocol::TCP,
        Some((1024, 49_151)),
        "0.0.0.0/0",
    ));
    let topology = Topology::from(&world.snapshot());
    let case = Case { topology: Some(topology), ..postgresql() };
    let meets = |request: &ProbeRequest, _| match request.source_port {
        Some(..=49151) => Meets::Connected,
        _ => Meets::Silent,
    };
    let run = run_speaking(case, meets, &silent(HandshakeStep::TlsOffer, Some(0)));
    let report = report(&run);
    let established = |code: CauseCode| {
        report.causes.iter().any(|cause| cause.code == code && cause.status == CauseStatus::Established)
    };
    assert!(established(CauseCode::SubnetAclRestriction), "{:?}", report.causes);
    let spoke =
        report.observations.iter().any(|one| one.handshake.as_ref().is_some_and(|one| one.end.is_some()));
    assert_eq!(established(CauseCode::ApplicationSilent), spoke, "{:?}", report.causes);
    assert!(spoke, "one of the passing ports speaks: {:?}", run.probes);
}

#[test]
fn who_closes_without_a_word_is_told_of() {
    let step = HandshakeStep::TlsOffer;
    for (by, words) in [
        (ClosedBy::Fin, "and closes the connection in place of its answer to whether it offers TLS."),
        (ClosedBy::Reset, "and resets the connection in place of its answer to whether it offers TLS."),
    ] {
        let cause = one_cause(postgresql(), &reply(HandshakeEnd::Closed { step, by, received: 0 }));
        assert_eq!((cause.code, cause.status), (CauseCode::ApplicationSilent, CauseStatus::Established));
        assert!(cause.summary.ends_with(words), "{}", cause.summary);
    }
}

#[test]
fn a_refusal_in_the_servers_words_has_its_own_mending() {
    let text = |text: &str| ServerText::new(text.as_bytes());
    let error = CauseCode::ApplicationError;
    for (expected, protocol, code, words, command) in [
        (error, ApplicationProtocol::Mysql, "1129", "Host '10.0.128.7' is blocked", "mysqladmin flush-hosts"),
        (
            error,
            ApplicationProtocol::Redis,
            "DENIED",
            "DENIED Redis is running in protected mode",
            "redis-cli CONFIG GET protected-mode",
        ),
        (error, ApplicationProtocol::Redis, "XYZ", "XYZ is new", "ss -ltnp 'sport = :5432'"),
        (error, ApplicationProtocol::Redis, "ERR", "ERR unknown command", "ss -ltnp 'sport = :5432'"),
        (
            error,
            ApplicationProtocol::Postgresql,
            "08P01",
            "invalid startup packet",
            "ss -ltnp 'sport = :5432'",
        ),
    ] {
        let end = HandshakeEnd::Refused { code: Some(text(code)), words: text(words) };
        let cause = one_cause(case(handshake(protocol, false)), &reply(end));
        assert_eq!((cause.code, cause.status), (expected, CauseStatus::Established), "{words}");
        assert!(cause.summary.contains(words), "{}", cause.summary);
        assert_eq!(cause.fixes[0].command, command);
    }
}

#[test]
fn a_service_without_a_connection_left_is_overloaded_by_its_own_words() {
    use ApplicationProtocol::{Mysql, Postgresql, Redis};
    for (protocol, code, words) in [
        (Mysql, Some("1040"), "Too many connections"),
        (Postgresql, Some("53300"), "sorry, too many clients already"),
        (Postgresql, None, "could not fork new process for connection: Cannot allocate memory"),
        (Postgresql, Some("08P01"), "no more connections allowed (max_client_conn)"),
        (Redis, Some("ERR"), "ERR max number of clients reached"),
    ] {
        let text = |text: &str| ServerText::new(text.as_bytes());
        let end = HandshakeEnd::Refused { code: code.map(text), words: text(words) };
        let cause = one_cause(case(handshake(protocol, false)), &reply(end));
        assert_eq!((cause.code, cause.status), (CauseCode::HostOverloaded, CauseStatus::Established));
        assert!(cause.summary.contains(words), "{}", cause.summary);
        assert!(!cause.fixes[0].command.is_empty() && !cause.fixes[0].command.starts_with("ss "), "{words}");
    }
}

#[test]
fn another_protocol_is_an_error_and_where_tls_is_expected_a_failure_of_it() {
    let end =
        |recognised| HandshakeEnd::AnotherProtocol { recognised, first: Greeting::new(b"HTTP/1.1 400") };
    let http = Some(RecognisedProtocol::Http);
    let cause = one_cause(postgresql(), &reply(end(http)));
    assert_eq!(cause.code, CauseCode::ApplicationError);
    assert!(cause.summary.contains("speaks no PostgreSQL but HTTP"), "{}", cause.summary);
    let cause = one_cause(case(handshake(ApplicationProtocol::Http, true)), &reply(end(http)));
    assert_eq!(cause.code, CauseCode::TlsFailed);
    assert!(cause.fixes[0].explanation.contains("speaks no TLS"), "{:?}", cause.fixes);
    let plain = case(handshake(ApplicationProtocol::Redis, false));
    let cause = one_cause(plain, &reply(end(Some(RecognisedProtocol::Tls))));
    assert_eq!(cause.code, CauseCode::TlsFailed);
    assert!(cause.fixes[0].explanation.contains("expects TLS"), "{:?}", cause.fixes);
}

#[test]
fn each_failure_of_tls_has_its_reason() {
    let https = || case(handshake(ApplicationProtocol::Http, true));
    let http = || ProtocolAnswer::Http { status: 200 };
    for (doubt, words) in [
        (CertificateDoubt::Expired, "it has expired (2023-11-14T22:13:20Z)."),
        (CertificateDoubt::NotYetValid, "it is not valid yet (1970-01-01T00:00:00Z)."),
        (CertificateDoubt::AnotherName, "it is for orders-db.internal, not for 10.100.2.20."),
        (CertificateDoubt::UnknownIssuer, "it has an issuer that this system does not know."),
    ] {
        let cause = one_cause(https(), &doubted(http(), doubt));
        assert_eq!((cause.code, cause.status), (CauseCode::TlsFailed, CauseStatus::Established));
        assert!(cause.summary.ends_with(words), "{}", cause.summary);
    }
    let alert = |code, name: &str| {
        let problem = TlsProblem::Alert { code, name: ServerText::new(name.as_bytes()) };
        reply(HandshakeEnd::TlsFailed { problem })
    };
    let cause = one_cause(https(), &alert(70, "ProtocolVersion"));
    assert!(
        cause.summary.ends_with("alert 70 (ProtocolVersion): it speaks none of the versions 1.2 and 1.3."),
        "{}",
        cause.summary
    );
}

#[test]
fn nobody_is_accused_of_a_certificate_that_its_clients_do_not_check() {
    for (protocol, tls, answer, doubt) in [
        (
            ApplicationProtocol::Postgresql,
            false,
            ProtocolAnswer::Postgresql { offers_tls: true },
            CertificateDoubt::Expired,
        ),
        (
            ApplicationProtocol::Redis,
            true,
            ProtocolAnswer::Redis { needs_password: true },
            CertificateDoubt::UnknownIssuer,
        ),
        (ApplicationProtocol::Kafka, true, ProtocolAnswer::Kafka { apis: 60 }, CertificateDoubt::AnotherName),
        (ApplicationProtocol::Http, true, ProtocolAnswer::Http { status: 200 }, CertificateDoubt::NoRoots),
    ] {
        let run = play(case(handshake(protocol, tls)), Meets::Connected, &doubted(answer, doubt));
        let report = report(&run);
        assert_eq!(report.verdict, Verdict::Reachable, "{protocol:?}");
        assert!(
            report.findings.iter().any(|one| one.rule == "TLS_FAILED"),
            "{protocol:?}: it is said all the same"
        );
    }
    // An id is no name that a certificate could hold.
    let mut named_by_id = case(handshake(ApplicationProtocol::Http, true));
    named_by_id.target.host = "eni-db".to_string();
    let reply = doubted(ProtocolAnswer::Http { status: 200 }, CertificateDoubt::AnotherName);
    assert_eq!(report(&play(named_by_id, Meets::Connected, &reply)).verdict, Verdict::Reachable);
}

#[test]
fn a_demand_for_the_clients_certificate_is_where_a_credential_is_needed() {
    let problem = TlsProblem::Alert { code: 116, name: ServerText::new(b"CertificateRequired") };
    let mut reply = doubted(ProtocolAnswer::Tls, CertificateDoubt::UnknownIssuer);
    reply.end = Some(HandshakeEnd::TlsFailed { problem });
    reply.tls.as_mut().unwrap().asks_for_certificate = true;
    let report = report(&play(case(handshake(ApplicationProtocol::Kafka, true)), Meets::Connected, &reply));
    assert_eq!(report.verdict, Verdict::Reachable, "{:?}", report.causes);
    assert!(report.findings.iter().any(|one| one.message.contains("asks its clients for a certificate")));
}

#[test]
fn a_gateway_without_a_backend_is_worth_knowing() {
    for (status, is_said) in [(200, false), (404, false), (500, false), (502, true), (503, true), (504, true)]
    {
        let reply = reply(HandshakeEnd::Answered { answer: ProtocolAnswer::Http { status } });
        let run = play(case(handshake(ApplicationProtocol::Http, false)), Meets::Connected, &reply);
        let report = report(&run);
        assert_eq!(report.verdict, Verdict::Reachable, "{status}");
        let said = report.findings.iter().any(|one| one.rule == "APPLICATION_ERROR");
        assert_eq!(said, is_said, "{status}");
    }
}

#[test]
fn what_is_heard_elsewhere_than_at_the_source_decides_nothing() {
    let elsewhere = Vantage { kind: VantageKind::Outside, address: Some(IpAddr::from([192, 0, 2, 1])) };
    let case = Case { vantage: elsewhere, ..postgresql() };
    let report = report(&play(case, Meets::Connected, &silent(HandshakeStep::TlsOffer, Some(0))));
    assert_eq!(report.verdict, Verdict::Reachable, "the configuration speaks");
    assert!(report.causes.is_empty());
    assert!(report.observations.iter().any(|one| one.handshake.is_some()), "it is shown");
}

#[test]
fn every_deadline_is_kept_and_too_short_a_one_says_nothing() {
    for milliseconds in [100, 350, 400, 800, 1_000, 2_000, 3_000, 10_000] {
        let deadline = Duration::from_millis(milliseconds);
        for meets in [Meets::Connected, Meets::LateConnected, Meets::Silent] {
            for reply in [silent(HandshakeStep::TlsOffer, Some(0)), answered()] {
                let run = play(Case { deadline, ..postgresql() }, meets, &reply);
                assert!(run.ended <= deadline, "{meets:?}: {:?} of {deadline:?}", run.ended);
            }
        }
    }
    let short = Case { deadline: Duration::from_millis(700), ..postgresql() };
    assert_eq!(spoken(&play(short, Meets::Connected, &answered())), 0);
    let enough = Case { deadline: Duration::from_millis(1_500), ..postgresql() };
    let run = play(enough, Meets::Connected, &silent(HandshakeStep::TlsOffer, Some(0)));
    assert_eq!(report(&run).causes[0].code, CauseCode::ApplicationSilent);
}

#[test]
fn a_sweep_does_not_take_a_silent_application_for_a_silent_port() {
    let thorough = Case { thorough: true, ..postgresql() };
    let run = play(thorough, Meets::Connected, &silent(HandshakeStep::TlsOffer, Some(0)));
    assert!(run.probes.len() > 5 && spoken(&run) == 1);
    let report = report(&run);
    let codes: Vec<CauseCode> = report.causes.iter().map(|cause| cause.code).collect();
    assert_eq!(codes, [CauseCode::ApplicationSilent]);
}

#[test]
fn a_replay_is_the_same_report_and_a_place_that_is_not_there_says_nothing() {
    let words = |machine: &Machine, ended| {
        serde_json::to_string(&machine.report(ended, Timestamp::UNIX_EPOCH)).unwrap()
    };
    let run = play(postgresql(), Meets::Connected, &silent(HandshakeStep::TlsOffer, Some(0)));
    let first = words(&run.machine, run.ended);
    assert_eq!(words(&replay(postgresql(), &run.calls), run.ended), first);
    let (observations, spoken) = (run.machine.observations().to_vec(), run.machine.spoken().to_vec());
    let mut nowhere = spoken.clone();
    let again = Machine::replay(Case { handshake: None, ..postgresql() }, observations.clone(), spoken);
    assert_eq!(words(&again, run.ended), first);
    nowhere[0].observation = 99;
    let report =
        Machine::replay(postgresql(), observations, nowhere).report(run.ended, Timestamp::UNIX_EPOCH);
    assert_eq!(report.verdict, Verdict::Reachable);
}
