//! `--explore`: whom it asks beside the named port, and what their answers and their silence tell.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Case, Machine};
use peerscope_analysis::report::{CauseStatus, Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_vocabulary::ProbeRequest;

use documents::World;
use documents::rules::{over_peering, tcp};
use simulated::{Meets, Run, run_by};

const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 100, 2, 20));
const NEIGHBOUR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 100, 2, 30));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 100, 7, 40));

/// The database with ssh beside it, a neighbour in its subnet, and a host in a subnet of another table.
fn neighbourhood() -> World {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions.push(tcp(22, "10.0.0.0/16"));
    world.interface("eni-near", "vpc-db", "subnet-db", &["10.100.2.30"], &["sg-db"]);
    world.subnet("subnet-far", "vpc-db", &["10.100.7.0/24"]);
    let routes = world.routes("rtb-db").clone();
    world.route_table("rtb-far", "vpc-db", &["subnet-far"], routes);
    world.network_acl("acl-far", "vpc-db", &["subnet-far"], documents::rules::open_entries());
    world.interface("eni-far", "vpc-db", "subnet-far", &["10.100.7.40"], &["sg-db"]);
    world
}

fn case(world: Option<&World>) -> Case {
    let topology = world.map(|world| Topology::from(&world.snapshot()));
    Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(IpAddr::from([10, 0, 128, 7])) },
        probing: true,
        explore: true,
        ..starting::case(topology, NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20")
    }
}

/// The named port is silent; of the others `answers` says which do.
fn explored(case: Case, answers: impl Fn(IpAddr, u16) -> Meets) -> (Run, Diagnosis) {
    let named = case.target.port;
    let meets = |request: &ProbeRequest, _| match request.address == TARGET && Some(request.port) == named {
        true => Meets::Silent,
        false => answers(request.address, request.port),
    };
    let run = run_by(case, meets);
    let report = run.machine.report(run.ended, Timestamp::UNIX_EPOCH);
    (run, report)
}

fn others(run: &Run) -> BTreeSet<(IpAddr, u16)> {
    let asked = run.probes.iter().map(|(request, _)| (request.address, request.port));
    asked.filter(|asked| *asked != (TARGET, 5432)).collect()
}

fn confidence(report: &Diagnosis, code: &str) -> f64 {
    report.causes.iter().filter(|cause| cause.code.name() == code).map(|cause| cause.confidence).sum()
}

#[test]
fn with_a_snapshot_those_are_asked_that_should_answer() {
    let (run, report) = explored(case(Some(&neighbourhood())), |_, _| Meets::Silent);
    assert_eq!(others(&run), BTreeSet::from([(TARGET, 22), (NEIGHBOUR, 5432), (ELSEWHERE, 5432)]));
    assert_eq!(report.verdict, Verdict::Blocked);
    assert!(run.ended < Duration::from_secs(4), "{:?}", run.ended);
}

#[test]
fn without_a_snapshot_the_commonest_ports_and_the_addresses_beside_are_asked() {
    let (run, _) = explored(case(None), |_, _| Meets::Silent);
    let beside = [19, 21].map(|last| (IpAddr::from([10, 100, 2, last]), 5432));
    let ports = [22, 443, 80].map(|port| (TARGET, port));
    assert_eq!(others(&run), ports.into_iter().chain(beside).collect());
}

#[test]
fn nobody_else_is_asked_unless_it_is_wanted_and_the_target_is_silent() {
    let (run, _) = explored(Case { explore: false, ..case(Some(&neighbourhood())) }, |_, _| Meets::Silent);
    assert!(others(&run).is_empty());
    for met in [Meets::Connected, Meets::Refused, Meets::ProhibitedByTarget] {
        let run = run_by(case(Some(&neighbourhood())), |_, _| met);
        assert!(others(&run).is_empty(), "{met:?}");
    }
}

/// What is established by a setting is no less so whatever a neighbour says.
#[test]
fn where_a_setting_accounts_for_the_silence_nobody_else_is_asked_and_it_takes_no_longer() {
    let mut world = neighbourhood();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    let (alone, _) = explored(Case { explore: false, ..case(Some(&world)) }, |_, _| Meets::Silent);
    let (run, report) = explored(case(Some(&world)), |_, _| Meets::Silent);
    assert_eq!(others(&run), BTreeSet::new());
    assert_eq!(run.ended, alone.ended);
    assert_eq!(report.causes[0].status, CauseStatus::Established);
}

#[test]
fn once_a_port_answers_the_host_is_asked_no_more() {
    let (run, _) = explored(case(None), |address, port| match (address, port) {
        (TARGET, 22) => Meets::Refused,
        _ => Meets::Silent,
    });
    let of_target: Vec<u16> =
        others(&run).into_iter().filter(|one| one.0 == TARGET).map(|one| one.1).collect();
    assert_eq!(of_target, [22]);
}

#[test]
fn who_answers_late_is_waited_for_and_nobody_beside() {
    let meets = |request: &ProbeRequest, nth| match (request.address == TARGET && request.port == 5432, nth) {
        (true, 0) => Meets::LateConnected,
        (true, _) => Meets::Connected,
        (false, _) => Meets::Silent,
    };
    let run = run_by(case(Some(&neighbourhood())), meets);
    assert!(!others(&run).is_empty(), "it was silent long enough");
    // The connects that were out when it answered are waited for.
    assert!(run.ended < Duration::from_millis(1_000), "{:?}", run.ended);
}

#[test]
fn what_the_deadline_left_no_time_for_is_what_to_do_next() {
    let short = Case { deadline: Duration::from_millis(350), ..case(Some(&neighbourhood())) };
    let (run, report) = explored(short, |_, _| Meets::Silent);
    assert_eq!(others(&run), BTreeSet::new());
    let next = report.next_probe.expect("several causes are possible");
    assert_eq!(next.commands, ["peerscope why --explore tcp://10.100.2.20:5432"]);
    let (_, report) = explored(case(Some(&neighbourhood())), |_, _| Meets::Silent);
    let next = report.next_probe.expect("several causes are possible");
    assert!(!next.commands.iter().any(|command| command.contains("--explore")), "{next:?}");
}

/// What is reported of the choice is what was chosen by, and it is the same from saved evidence.
#[test]
fn the_report_tells_why_each_was_asked_and_what_fell_by_it() {
    let answers = |address, _| if address == NEIGHBOUR { Meets::Connected } else { Meets::Silent };
    let (run, report) = explored(case(Some(&neighbourhood())), answers);
    let sent: Vec<(IpAddr, Option<u16>)> = run
        .probes
        .iter()
        .map(|(one, _)| (one.address, Some(one.port)))
        .filter(|one| *one != (TARGET, Some(5432)))
        .collect();
    let asked: Vec<_> = report.asked.iter().filter(|one| one.after_seconds.is_some()).collect();
    assert_eq!(asked.iter().map(|one| (one.address, one.port)).collect::<Vec<_>>(), sent);
    assert!(asked.iter().all(|one| one.bits >= 0.005), "{asked:?}");
    assert!(asked.windows(2).all(|two| two[0].after_seconds <= two[1].after_seconds));
    let neighbour = asked.iter().find(|one| one.address == NEIGHBOUR).expect("it was asked");
    assert_eq!(neighbour.answered, Some(true));
    let fell: Vec<&str> = neighbour.fell.iter().map(|code| code.name()).collect();
    assert!(fell.contains(&"NO_ROUTE_TO_DESTINATION") && !fell.contains(&"HOST_SILENT"), "{fell:?}");
    let all: Vec<_> = report.asked.iter().flat_map(|one| &one.fell).map(|code| code.name()).collect();
    for fallen in report.hypotheses.iter().filter(|one| one.fell) {
        assert!(all.contains(&fallen.code.name()), "{} fell, by nothing: {all:?}", fallen.code);
    }
    let observations = run.machine.observations().to_vec();
    let replayed = Machine::replay(case(Some(&neighbourhood())), observations, Vec::new());
    let again = replayed.report(run.ended, Timestamp::UNIX_EPOCH);
    let told = |report: &Diagnosis| {
        let asked = report.asked.iter().filter(|one| one.after_seconds.is_some());
        serde_json::to_string(&asked.collect::<Vec<_>>()).expect("JSON")
    };
    assert_eq!(told(&report), told(&again));
}

#[test]
fn whom_it_was_not_worth_asking_is_told() {
    let (run, report) = explored(case(None), |address, port| match (address, port) {
        (TARGET, 22) => Meets::Refused,
        _ => Meets::Silent,
    });
    let spared: Vec<_> = report.asked.iter().filter(|one| one.after_seconds.is_none()).collect();
    let asked = others(&run);
    assert!(!spared.is_empty());
    for one in spared {
        assert!(
            !asked.contains(&(one.address, one.port.expect("a port"))) && one.answered.is_none(),
            "{one:?}"
        );
    }
}

#[test]
fn whom_two_addresses_of_a_name_would_ask_is_asked_once() {
    let mut both = case(Some(&neighbourhood()));
    both.target.addresses.push(NEIGHBOUR);
    let run = run_by(both, |_, _| Meets::Silent);
    let mut beside: Vec<(IpAddr, u16)> = run.probes.iter().map(|(one, _)| (one.address, one.port)).collect();
    beside.retain(|asked| ![(TARGET, 5432), (NEIGHBOUR, 5432)].contains(asked));
    let once: BTreeSet<(IpAddr, u16)> = beside.iter().copied().collect();
    assert!(!once.is_empty());
    assert_eq!(beside.len(), once.len(), "{beside:?}");
}

#[test]
fn no_mysql_is_ever_asked() {
    let mut world = neighbourhood();
    world.rules("sg-db").ip_permissions = vec![tcp(3306, "10.0.0.0/16"), tcp(5432, "10.0.0.0/16")];
    for world in [Some(&world), None] {
        let mut mysql = Case { mysql: true, ..case(world) };
        mysql.target.port = Some(3306);
        let (run, _) = explored(mysql, |_, _| Meets::Silent);
        let asked = others(&run);
        let named = (TARGET, 3306);
        assert!(asked.iter().all(|(_, port)| *port != 33060), "{asked:?}");
        assert!(asked.iter().filter(|asked| **asked != named).all(|(_, port)| *port != 3306), "{asked:?}");
    }
}

#[test]
fn a_port_beside_that_answers_leaves_what_judges_ports() {
    for (world, met) in
        [(Some(neighbourhood()), Meets::Refused), (None, Meets::Connected), (None, Meets::Refused)]
    {
        let answers = |address, _| if address == TARGET { met } else { Meets::Silent };
        let (_, report) = explored(case(world.as_ref()), answers);
        let codes: Vec<&str> = report.causes.iter().map(|cause| cause.code.name()).collect();
        for gone in ["HOST_SILENT", "NO_ROUTE_TO_DESTINATION", "PEERING_NOT_ACTIVE", "PEERING_MISSING"] {
            assert!(!codes.contains(&gone), "{gone} in {codes:?}");
        }
        assert!(codes.contains(&"HOST_FIREWALL"), "{codes:?}");
    }
}

#[test]
fn a_neighbour_that_answers_acquits_what_it_shares() {
    let answers = |address, _| if address == NEIGHBOUR { Meets::Connected } else { Meets::Silent };
    let (_, report) = explored(case(Some(&neighbourhood())), answers);
    let (_, silent) = explored(case(Some(&neighbourhood())), |_, _| Meets::Silent);
    assert_eq!(confidence(&report, "NO_ROUTE_TO_DESTINATION"), 0.0);
    let of_host = |report| confidence(report, "HOST_SILENT") + confidence(report, "HOST_FIREWALL");
    assert!(of_host(&report) > 0.75, "{}", of_host(&report));
    assert!(of_host(&report) > of_host(&silent) + 0.2, "{} {}", of_host(&report), of_host(&silent));
}

#[test]
fn a_neighbour_with_another_table_proves_the_peering_and_not_the_route() {
    let mut world = neighbourhood();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    let answers = |address, _| if address == ELSEWHERE { Meets::Connected } else { Meets::Silent };
    let (_, report) = explored(case(Some(&world)), answers);
    let first = &report.causes[0];
    assert_eq!((first.code.name(), first.status), ("NO_ROUTE_TO_DESTINATION", CauseStatus::Established));
    let (run, _) = explored(case(Some(&world)), |_, _| Meets::Silent);
    assert!(!others(&run).iter().any(|(address, _)| *address == NEIGHBOUR), "it shares the missing route");
}

#[test]
fn neighbours_that_are_silent_too_speak_for_what_is_common() {
    let (_, report) = explored(case(Some(&neighbourhood())), |_, _| Meets::Silent);
    let (_, alone) = explored(Case { explore: false, ..case(Some(&neighbourhood())) }, |_, _| Meets::Silent);
    let of_host = |report| confidence(report, "HOST_SILENT") + confidence(report, "HOST_FIREWALL");
    assert!(of_host(&report) < of_host(&alone), "{} {}", of_host(&report), of_host(&alone));
    let words = serde_json::to_string(&report).unwrap_or_default();
    assert!(words.contains("10.100.2.30 in the same subnet, on port 5432, is silent too"), "{words}");
}
