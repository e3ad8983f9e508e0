//! The state machine of the diagnosis, driven in simulated time through every small combination of what
//! its probes can meet: its manners, its deadlines, its verdicts, and that a run can be replayed.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Case;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::report::{CauseStatus, Diagnosis, Vantage, VantageKind, Verdict};
use peerscope_analysis::topology::{NetworkId, Topology};

use documents::World;
use simulated::{Meets, Run, replay, run};

const DATABASE: [u8; 4] = [10, 100, 2, 20];
const DYNO: [u8; 4] = [10, 0, 128, 7];

/// What the snapshot says of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Configured {
    NotAtAll,
    Open,
    Shut,
}

fn topology(configured: Configured) -> Option<Topology> {
    let mut world = World::space_and_database();
    if configured == Configured::Shut {
        world.rules("sg-db").ip_permissions.clear();
    }
    (configured != Configured::NotAtAll).then(|| Topology::from(&world.snapshot()))
}

fn case(configured: Configured) -> Case {
    let dyno = IpAddr::from(DYNO);
    Case {
        vantage: Vantage { kind: VantageKind::Dyno, address: Some(dyno) },
        probing: true,
        ..starting::case(topology(configured), NetworkId::Space, &["10.0.128.7/32"], "10.100.2.20")
    }
}

const CONFIGURATIONS: [Configured; 3] = [Configured::NotAtAll, Configured::Open, Configured::Shut];

const FIRST: [Meets; 12] = [
    Meets::Connected,
    Meets::LateConnected,
    Meets::MySql,
    Meets::Refused,
    Meets::Silent,
    Meets::ProhibitedByTarget,
    Meets::ProhibitedElsewhere,
    Meets::LocalNoRoute,
    Meets::LocalPolicy,
    Meets::PortInUse,
    Meets::NotTaken,
    Meets::Forgotten,
];

const FOLLOWING: [Meets; 8] = [
    Meets::Connected,
    Meets::Refused,
    Meets::Silent,
    Meets::ProhibitedByTarget,
    Meets::ProhibitedElsewhere,
    Meets::PortInUse,
    Meets::NotTaken,
    Meets::Forgotten,
];

/// Every first outcome with every set of four that follow; the order of the four is no matter.
fn plots() -> impl Iterator<Item = [Meets; 5]> {
    let end = FOLLOWING.len();
    let fours = (0..end).flat_map(move |one| {
        (one..end).flat_map(move |two| {
            (two..end).flat_map(move |three| (three..end).map(move |four| [one, two, three, four]))
        })
    });
    fours.flat_map(|four| {
        let [one, two, three, four] = four.map(|at| FOLLOWING[at]);
        FIRST.into_iter().map(move |first| [first, one, two, three, four])
    })
}

fn play(case: Case, plot: [Meets; 5]) -> Run {
    run(case, |_, nth| plot.get(nth).copied().unwrap_or(plot[4]))
}

fn report(run: &Run) -> Diagnosis {
    run.machine.report(run.ended, Timestamp::UNIX_EPOCH)
}

fn connects(run: &Run) -> usize {
    run.probes.iter().filter(|(_, met)| met.sends()).count()
}

/// What each probe that ended within the deadline showed of the path.
fn shown(run: &Run) -> Vec<Meets> {
    let tells = |met: &Meets| !matches!(met, Meets::PortInUse | Meets::NotTaken | Meets::Forgotten);
    run.probes.iter().map(|(_, met)| *met).filter(tells).collect()
}

/// The contract's verdict: packets outrank the configuration, which speaks where there are none.
fn verdict(shown: &[Meets], configured: Configured) -> Verdict {
    let connected = |met: &&Meets| matches!(met, Meets::Connected | Meets::LateConnected | Meets::MySql);
    let count = shown.iter().filter(connected).count();
    match (shown.len(), count, configured) {
        (0, _, Configured::NotAtAll) => Verdict::Undetermined,
        (0, _, Configured::Open) => Verdict::Reachable,
        (0, _, Configured::Shut) => Verdict::Blocked,
        (_, 0, _) => Verdict::Blocked,
        (all, count, _) if all == count => Verdict::Reachable,
        _ => Verdict::Impaired,
    }
}

#[test]
fn manners_hold_whatever_the_probes_meet() {
    for plot in plots() {
        let run = play(case(Configured::NotAtAll), plot);
        assert!(connects(&run) <= 5, "{plot:?}: {} connects", connects(&run));
        if plot[0] == Meets::MySql {
            assert!(connects(&run) <= 3, "{plot:?}: a MySQL greeted");
        }
        assert!(run.batches.first().is_none_or(|batch| batch.len() == 1), "{plot:?}: the first goes alone");
        let mut ports: Vec<_> = run.probes.iter().map(|(request, _)| request.source_port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), run.probes.len(), "{plot:?}: a source port was used twice");
        assert!(ports.iter().flatten().all(|port| (32768..=60999).contains(port)));
    }
}

#[test]
fn a_named_mysql_gets_three_connects_at_most() {
    for plot in plots() {
        let run = play(Case { mysql: true, ..case(Configured::NotAtAll) }, plot);
        assert!(connects(&run) <= 3, "{plot:?}: {} connects", connects(&run));
    }
}

#[test]
fn silence_is_told_in_less_than_three_and_a_half_seconds() {
    for plot in plots().filter(|plot| !plot.contains(&Meets::Forgotten)) {
        let run = play(case(Configured::NotAtAll), plot);
        assert!(run.ended < Duration::from_millis(3_500), "{plot:?}: {:?}", run.ended);
    }
    let silent = play(case(Configured::NotAtAll), [Meets::Silent; 5]);
    assert!(silent.ended >= Duration::from_secs(3), "a SYN is sent again at 1 and 3 s");
}

#[test]
fn every_deadline_is_kept_also_where_the_engine_says_nothing() {
    for milliseconds in [0, 50, 100, 101, 150, 350, 400, 401, 1_000, 3_000, 3_250] {
        let deadline = Duration::from_millis(milliseconds);
        for plot in plots().step_by(7) {
            let run = play(Case { deadline, ..case(Configured::NotAtAll) }, plot);
            assert!(run.ended <= deadline, "{plot:?}: {:?} of {deadline:?}", run.ended);
            for (request, _) in &run.probes {
                assert!(request.timeout <= deadline, "{plot:?}: waits beyond the deadline");
            }
        }
    }
}

#[test]
fn the_verdict_is_the_contracts() {
    for configured in CONFIGURATIONS {
        for plot in plots().filter(|plot| !plot.contains(&Meets::Forgotten)).step_by(3) {
            let run = play(case(configured), plot);
            let report = report(&run);
            let shown = shown(&run);
            assert_eq!(report.verdict, verdict(&shown, configured), "{plot:?} {configured:?}: {shown:?}");
        }
    }
}

#[test]
fn what_was_said_is_the_cause_and_what_works_has_none() {
    for configured in CONFIGURATIONS {
        for plot in plots().step_by(5) {
            let run = play(case(configured), plot);
            let report = report(&run);
            let codes: Vec<&str> = report.causes.iter().map(|cause| cause.code.name()).collect();
            let context = format!("{plot:?} {configured:?}: {codes:?}");
            match report.verdict {
                Verdict::Reachable => assert!(codes.is_empty(), "{context}"),
                Verdict::Blocked | Verdict::Impaired => assert!(!codes.is_empty(), "{context}"),
                Verdict::Undetermined => {}
            }
            let said = |met: &[Meets], code: &str| {
                let met = shown(&run).iter().any(|shown| met.contains(shown));
                assert_eq!(met, codes.contains(&code), "{code} in {context}");
            };
            said(&[Meets::Refused], "PORT_CLOSED");
            said(&[Meets::ProhibitedByTarget, Meets::ProhibitedElsewhere], "FIREWALL_REJECT");
            said(&[Meets::LocalNoRoute], "LOCAL_NO_ROUTE");
            said(&[Meets::LocalPolicy], "LOCAL_POLICY");
            let answers = |met: &Meets| {
                let silent = matches!(met, Meets::Silent | Meets::LocalNoRoute | Meets::LocalPolicy);
                !silent && *met != Meets::ProhibitedElsewhere
            };
            let proven_wrong = configured == Configured::Shut && shown(&run).iter().any(answers);
            let disagrees = report.findings.iter().any(|one| one.rule == "CONFIGURATION_DISAGREES");
            let nothing_passed = !shown(&run).is_empty() && !shown(&run).iter().any(answers);
            // Where the snapshot lets packets through and some are lost, it may be said to disagree too.
            let lost = nothing_passed || shown(&run).contains(&Meets::Silent);
            let may = proven_wrong || (configured == Configured::Open && lost);
            assert!(disagrees || !proven_wrong, "{context}");
            assert!(may || !disagrees, "{context}");
            let blamed = report.causes.iter().any(|cause| {
                cause.code.name() == "SG_HAS_NO_RULES" && cause.status == CauseStatus::Established
            });
            assert_eq!(blamed, configured == Configured::Shut && !proven_wrong, "{context}");
        }
    }
}

#[test]
fn confidences_are_probabilities_and_those_of_alternatives_sum_to_one_at_most() {
    for configured in CONFIGURATIONS {
        for plot in plots().step_by(5) {
            let report = report(&play(case(configured), plot));
            let mut groups: BTreeMap<String, f64> = BTreeMap::new();
            for cause in &report.causes {
                assert!((0.0..=1.0).contains(&cause.confidence), "{plot:?}: {}", cause.confidence);
                let is_candidate = cause.status == CauseStatus::Candidate;
                let in_a_group = cause.alternatives.is_some();
                assert!(is_candidate || !in_a_group, "{plot:?}: an established cause has no alternatives");
                if let Some(group) = &cause.alternatives {
                    *groups.entry(group.clone()).or_default() += cause.confidence;
                }
            }
            assert!(groups.values().all(|sum| *sum <= 1.0 + 1e-9), "{plot:?}: {groups:?}");
        }
    }
}

#[test]
fn the_same_calls_replay_to_the_same_words() {
    for configured in CONFIGURATIONS {
        for plot in plots().step_by(11) {
            let first = play(case(configured), plot);
            let again = replay(case(configured), &first.calls);
            let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
            let words = |machine: &peerscope_analysis::diagnose::Machine| {
                serde_json::to_string(&machine.report(first.ended, at)).unwrap()
            };
            assert_eq!(words(&first.machine), words(&again), "{plot:?}");
        }
    }
}

#[test]
fn a_probe_that_is_not_of_the_run_changes_nothing() {
    use peerscope_analysis::diagnose::Event;
    let run = play(case(Configured::Open), [Meets::Refused; 5]);
    let mut again = replay(case(Configured::Open), &run.calls);
    let before = serde_json::to_string(&again.report(run.ended, Timestamp::UNIX_EPOCH)).unwrap();
    for call in &run.calls {
        if let simulated::Call::Handle(_, event) = call {
            again.handle(run.ended, event.clone());
        }
    }
    again.handle(run.ended, Event::Refused(peerscope_vocabulary::ProbeId(9_999)));
    let after = serde_json::to_string(&again.report(run.ended, Timestamp::UNIX_EPOCH)).unwrap();
    assert_eq!(before, after, "an outcome that is told twice counts once");
}

#[test]
fn without_probing_nothing_is_sent_and_the_configuration_speaks() {
    for configured in CONFIGURATIONS {
        let run = play(Case { probing: false, ..case(configured) }, [Meets::Connected; 5]);
        assert!(run.probes.is_empty());
        assert_eq!(run.ended, Duration::ZERO);
        assert_eq!(report(&run).verdict, verdict(&[], configured), "{configured:?}");
    }
}

#[test]
fn probes_from_elsewhere_than_the_source_are_shown_and_decide_nothing() {
    for configured in CONFIGURATIONS {
        for met in FIRST {
            let elsewhere =
                Vantage { kind: VantageKind::Outside, address: Some(IpAddr::from([192, 0, 2, 1])) };
            let run = play(Case { vantage: elsewhere, ..case(configured) }, [met; 5]);
            let report = report(&run);
            assert_eq!(report.verdict, verdict(&[], configured), "{met:?} {configured:?}");
            let seen = !matches!(met, Meets::NotTaken | Meets::Forgotten);
            assert_eq!(!report.observations.is_empty(), seen, "{met:?} {configured:?}");
        }
    }
}

#[test]
fn a_probe_that_could_not_be_sent_or_never_ended_is_a_gap() {
    use peerscope_analysis::report::GapKind;
    for met in [Meets::NotTaken, Meets::PortInUse, Meets::Forgotten] {
        let report = report(&play(case(Configured::Open), [met; 5]));
        assert!(report.gaps.iter().any(|gap| gap.kind == GapKind::Probe), "{met:?}");
    }
}

/// The first connect goes alone to hear the greeting; where it takes longer than the early silence is
/// waited for, the others are out already.
#[test]
fn a_mysql_far_away_gets_three_connects_at_most() {
    let run = play(case(Configured::NotAtAll), [Meets::LateMySql; 5]);
    assert!(connects(&run) <= 3, "{} connects", connects(&run));
}

#[test]
fn each_address_of_a_name_is_probed_and_the_verdict_is_for_the_name() {
    let other = IpAddr::from([10, 100, 2, 21]);
    let both = |configured| {
        let mut case = case(configured);
        case.target.addresses.push(other);
        case
    };
    for (one, two, expected) in [
        (Meets::Connected, Meets::Connected, Verdict::Reachable),
        (Meets::Silent, Meets::Silent, Verdict::Blocked),
        (Meets::Connected, Meets::Silent, Verdict::Impaired),
        (Meets::Refused, Meets::Connected, Verdict::Impaired),
        (Meets::Refused, Meets::Silent, Verdict::Blocked),
        (Meets::LocalNoRoute, Meets::Connected, Verdict::Impaired),
    ] {
        let met = |address, _| if address == other { two } else { one };
        let run = run(both(Configured::NotAtAll), met);
        assert_eq!(report(&run).verdict, expected, "{one:?} and {two:?}");
        assert!(run.ended < Duration::from_millis(3_500));
        for address in [other, IpAddr::from(DATABASE)] {
            let connects = run.probes.iter().filter(|(request, _)| request.address == address).count();
            assert!((1..=5).contains(&connects), "{connects} towards {address}");
        }
    }
}

#[test]
fn one_source_port_is_used_once_also_where_it_is_taken() {
    let mut one_port = case(Configured::NotAtAll);
    one_port.source.source_ports = PortRange::single(40_000);
    let run = play(one_port.clone(), [Meets::Silent; 5]);
    assert_eq!(run.probes.len(), 1);
    assert_eq!(report(&run).verdict, Verdict::Blocked);
    let taken = play(one_port, [Meets::PortInUse; 5]);
    assert_eq!(taken.probes.len(), 1);
    assert_eq!(report(&taken).verdict, Verdict::Undetermined);
}
