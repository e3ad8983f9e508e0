//! What an ICMP echo beside silent connects tells: of the host, and of everything that judges no ports.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod starting;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::report::{CauseStatus, Diagnosis, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_vocabulary::{Observation, Outcome, ProbeId, ProbeKind, ProbeRequest};

use documents::World;
use documents::rules::{over_peering, tcp};
use peerscope_document::aws::{IpPermission, IpProtocol};
use starting::case;

const DYNO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 128, 7));

fn observed(id: u32, kind: ProbeKind, outcome: Outcome) -> Observation {
    let source_port = (kind == ProbeKind::TcpConnect).then_some(40_000 + id as u16);
    Observation {
        finished_at: Duration::from_millis(3100),
        local: Some(SocketAddr::new(DYNO, source_port.unwrap_or_default())),
        ..Observation::bare(
            ProbeRequest {
                source: Some(DYNO),
                source_port,
                ..ProbeRequest::plain(
                    ProbeId(id),
                    kind,
                    IpAddr::from([10, 100, 2, 20]),
                    if source_port.is_some() { 5432 } else { 0 },
                    Duration::from_millis(3100),
                )
            },
            outcome,
        )
    }
}

/// Five silent connects, and what became of an echo beside them.
fn silent(world: Option<&World>, echo: Outcome) -> Diagnosis {
    let topology = world.map(|world| Topology::from(&world.snapshot()));
    let case = case(topology, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20");
    let mut seen: Vec<Observation> =
        (0..5).map(|id| observed(id, ProbeKind::TcpConnect, Outcome::Timeout)).collect();
    seen.push(observed(5, ProbeKind::IcmpEcho, echo));
    Machine::replay(case, seen, Vec::new()).report(Duration::from_secs(3), Timestamp::UNIX_EPOCH)
}

fn codes(diagnosis: &Diagnosis) -> Vec<&'static str> {
    diagnosis.causes.iter().map(|cause| cause.code.name()).collect()
}

#[test]
fn a_host_that_answers_an_echo_is_not_silent_and_its_firewall_is_likeliest() {
    let diagnosis = silent(Some(&World::space_and_database()), Outcome::Echo);
    assert_eq!(diagnosis.verdict, Verdict::Blocked);
    let codes = codes(&diagnosis);
    assert_eq!(codes[0], "HOST_FIREWALL", "{codes:?}");
    assert!(!codes.contains(&"HOST_SILENT") && !codes.contains(&"NO_ROUTE_TO_DESTINATION"), "{codes:?}");
}

#[test]
fn a_host_whose_echo_is_silent_too_is_likelier_silent_altogether_where_echoes_are_let_in() {
    let confidence = |diagnosis: &Diagnosis, code: &str| {
        let found = diagnosis.causes.iter().find(|cause| cause.code.name() == code);
        found.map(|cause| cause.confidence).unwrap_or_default()
    };
    let odds = |diagnosis: &Diagnosis| {
        let sum: f64 = diagnosis.causes.iter().map(|cause| cause.confidence).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        confidence(diagnosis, "HOST_SILENT") / confidence(diagnosis, "HOST_FIREWALL")
    };
    let mut world = World::space_and_database();
    let shut = silent(Some(&world), Outcome::Timeout);
    assert_eq!(codes(&shut)[0], "HOST_SILENT");
    assert!(odds(&shut) < 1.5, "no group lets an echo in, so its silence tells nothing: {}", odds(&shut));
    let echoes = IpPermission { ip_protocol: IpProtocol::ICMP, ..tcp(0, "10.0.0.0/16") };
    let echoes = IpPermission { from_port: Some(-1), to_port: Some(-1), ..echoes };
    world.rules("sg-db").ip_permissions.push(echoes);
    let admitted = silent(Some(&world), Outcome::Timeout);
    assert_eq!(codes(&admitted)[0], "HOST_SILENT");
    assert!(odds(&admitted) > 10.0, "{}", odds(&admitted));
}

#[test]
fn an_echo_proves_a_route_that_the_snapshot_lacks() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    let diagnosis = silent(Some(&world), Outcome::Echo);
    let established = diagnosis.causes.iter().filter(|cause| cause.status == CauseStatus::Established);
    assert_eq!(established.count(), 0, "{:?}", codes(&diagnosis));
    assert!(diagnosis.findings.iter().any(|finding| finding.rule == "CONFIGURATION_DISAGREES"));
    let still = silent(Some(&world), Outcome::Timeout);
    assert_eq!(codes(&still), ["NO_ROUTE_TO_DESTINATION"], "silence proves nothing of the sort");
}

#[test]
fn without_documents_an_echo_leaves_what_judges_ports() {
    let codes = codes(&silent(None, Outcome::Echo));
    // A group, a firewall and an ACL by port; and a service that takes no connections.
    let expected = ["ENI_SG_RULES_MISMATCH", "HOST_FIREWALL", "SUBNET_ACL_RESTRICTION", "HOST_OVERLOADED"];
    assert_eq!(codes, expected);
}
