//! What is said where a second thing may be wrong: behind what the documents show, and beside what nobody shows.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::net::IpAddr;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Case, Machine};
use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_vocabulary::ProbeRequest;

use documents::World;
use documents::rules::tcp;
use simulated::{Meets, run_by};

const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 100, 2, 20));

/// The database, whose group lets ssh in and forgot the service, and two neighbours that have a group of their own.
fn without_rule() -> World {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions = vec![tcp(22, "10.0.0.0/16"), tcp(443, "10.0.0.0/16")];
    world.group("sg-near", "vpc-db", vec![tcp(5432, "10.0.0.0/16")], Vec::new());
    world.interface("eni-near", "vpc-db", "subnet-db", &["10.100.2.30"], &["sg-near"]);
    world.interface("eni-nearer", "vpc-db", "subnet-db", &["10.100.2.31"], &["sg-near"]);
    world
}

fn case(world: &World, explore: bool) -> Case {
    Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(IpAddr::from([10, 0, 128, 7])) },
        probing: true,
        explore,
        ..starting::case(
            Some(Topology::from(&world.snapshot())),
            NetworkId::Space,
            &["10.0.128.7/32"],
            "10.100.2.20",
        )
    }
}

/// The named port is silent; of the others `answers` says which do.
fn diagnosed(case: Case, answers: impl Fn(IpAddr) -> Meets) -> Diagnosis {
    let meets = |request: &ProbeRequest, _| match (request.address, request.port) {
        (TARGET, 5432) => Meets::Silent,
        (address, _) => answers(address),
    };
    let run = run_by(case, meets);
    run.machine.report(run.ended, Timestamp::UNIX_EPOCH)
}

/// The same, of whoever had asked before these documents were at hand: what a setting accounts for has nobody else asked.
fn replayed(case: Case, answers: impl Fn(IpAddr) -> Meets) -> Diagnosis {
    let mut with_rule = without_rule();
    with_rule.rules("sg-db").ip_permissions.push(tcp(5432, "10.0.0.0/16"));
    let meets = |request: &ProbeRequest, _| match (request.address, request.port) {
        (TARGET, 5432) => Meets::Silent,
        (address, _) => answers(address),
    };
    let run = run_by(self::case(&with_rule, true), meets);
    let observations = run.machine.observations().to_vec();
    let asked = observations.iter().filter(|one| (one.request.address, one.request.port) != (TARGET, 5432));
    assert!(asked.count() > 1, "others were asked");
    let replayed = Machine::replay(case, observations, Vec::new());
    replayed.report(std::time::Duration::ZERO, Timestamp::UNIX_EPOCH)
}

fn gap(report: &Diagnosis) -> Option<&str> {
    let gap = report.gaps.iter().find(|gap| gap.what.starts_with("whether anything else stops packets"));
    gap.map(|gap| gap.reason.as_str())
}

fn candidates(report: &Diagnosis) -> Vec<&CauseReport> {
    report.causes.iter().filter(|cause| cause.status == CauseStatus::Candidate).collect()
}

#[test]
fn what_is_established_hides_what_else_may_be_wrong_and_that_is_said() {
    let report = diagnosed(case(&without_rule(), false), |_| Meets::Silent);
    assert_eq!(report.causes[0].code.name(), "ENI_SG_RULES_MISMATCH");
    assert!(candidates(&report).is_empty(), "nothing else was asked");
    let reason = gap(&report).expect("it is said");
    assert!(reason.contains("a host that is down or its own firewall would show only once"), "{reason}");
    // Without packets nothing was hidden by anything.
    let unasked = Machine::new(Case { probing: false, ..case(&without_rule(), false) }, 7);
    let unasked = unasked.report(std::time::Duration::ZERO, Timestamp::UNIX_EPOCH);
    assert_eq!((unasked.verdict, gap(&unasked)), (Verdict::Blocked, None));
    // Nor where the target answered: it was reached.
    let refused = run_by(case(&World::space_and_database(), false), |_, _| Meets::Refused);
    let refused = refused.machine.report(refused.ended, Timestamp::UNIX_EPOCH);
    assert_eq!((refused.causes[0].code.name(), gap(&refused)), ("PORT_CLOSED", None));
}

#[test]
fn what_should_answer_all_the_same_and_does_not_tells_of_a_second_fault() {
    let silent = replayed(case(&without_rule(), true), |_| Meets::Silent);
    let first = &silent.causes[0];
    assert_eq!((first.code.name(), first.status), ("ENI_SG_RULES_MISMATCH", CauseStatus::Established));
    assert_eq!(silent.causes.iter().filter(|cause| cause.status == CauseStatus::Established).count(), 1);
    let named = candidates(&silent);
    let codes: Vec<&str> = named.iter().map(|cause| cause.code.name()).collect();
    assert!(codes.contains(&"HOST_SILENT") && codes.contains(&"NO_ROUTE_TO_DESTINATION"), "{codes:?}");
    let group = |cause: &&CauseReport| cause.alternatives.clone();
    assert!(named.iter().all(|cause| group(cause).is_some() && group(cause) == group(&named[0])));
    let whole: f64 = named.iter().map(|cause| cause.confidence).sum();
    assert!(whole > 0.9 && whole <= 1.0, "{whole}");
    let is_told = named.iter().all(|cause| cause.evidence.iter().any(|one| one.text.contains("silent too")));
    assert!(is_told && silent.summary.contains("no document shows"), "{}", silent.summary);
    // What is named needs no gap that says that it may be.
    assert_eq!(gap(&silent), None);
    // Where all that should answer does, nothing else is accused, and the host is known to live.
    let answered = replayed(case(&without_rule(), true), |_| Meets::Refused);
    assert!(candidates(&answered).is_empty());
    let reason = gap(&answered).expect("its firewall may still drop the port");
    assert!(reason.contains("its own firewall") && !reason.contains("down"), "{reason}");
}

#[test]
fn whoever_says_that_things_never_go_wrong_together_is_believed() {
    let mut never = case(&without_rule(), true);
    never.priors.second_fault = 0.0;
    assert!(candidates(&replayed(never, |_| Meets::Silent)).is_empty());
}

#[test]
fn probes_that_the_documents_stop_as_well_tell_of_nothing_else() {
    // Saved evidence may have asked whom this snapshot shuts off.
    let mut shut = without_rule();
    shut.rules("sg-db").ip_permissions = Vec::new();
    shut.rules("sg-near").ip_permissions = Vec::new();
    let report = replayed(case(&shut, true), |_| Meets::Silent);
    assert!(candidates(&report).is_empty());
    assert!(gap(&report).is_some());
}

#[test]
fn two_things_may_be_wrong_at_once_where_no_document_shows_any() {
    let report = diagnosed(case(&World::space_and_database(), true), |_| Meets::Silent);
    let pairs: Vec<_> = report.hypotheses.iter().filter(|one| !one.together_with.is_empty()).collect();
    assert!(!pairs.is_empty());
    for pair in &pairs {
        let also = &pair.together_with[0];
        let codes = (pair.code.name(), also.code.name());
        assert!(!matches!(codes, ("HOST_SILENT", "HOST_FIREWALL") | ("HOST_FIREWALL", "HOST_SILENT")));
        let alone = |code| {
            let one = report.hypotheses.iter().find(|one| one.code == code && one.together_with.is_empty());
            one.map(|one| one.confidence).unwrap_or_default()
        };
        assert!(pair.confidence < alone(pair.code).max(alone(also.code)), "{codes:?}");
    }
    let whole: f64 = report.hypotheses.iter().map(|one| one.confidence).sum();
    assert!(whole <= 1.0 + 1e-9, "{whole}");
    let named: f64 = report.causes.iter().map(|cause| cause.confidence).sum();
    assert!((named - 1.0).abs() < 1e-9, "{named}");
}
