//! How often a diagnosis is right that has documents: true ones, such as lack something, and such as are older
//! than the fault, or than its mending. The worlds are the laboratory's, in simulated time.
//!
//! `make accuracy` asks for more worlds and prints the table of docs/ACCURACY.md; here fewer are held to the same
//! limits.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod accuracy_measured;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod brute_force;
mod documented;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod documents;
#[path = "../../tests/diagnosis/pairs.rs"]
mod pairs;
#[expect(dead_code, reason = "each room of tests uses the means that it needs")]
mod simulated;
mod starting;

use fastrand::Rng;
use peerscope_laboratory::scenario::{DocumentKind, Given, GivenSnapshot, Scenario};

use accuracy_measured::Worlds;
use documented::drawn::{Couples, Drawn, Lots, of, singles, sudden, truthful};
use documented::measured::Judged;
use documented::{Documented, Reading, differences_from_kernel};

/// Worlds of each kind, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: u64 = 400;
const MORE_WORLDS: &str = "PEERSCOPE_DOCUMENTED_WORLDS";
/// Seeds of worlds that nobody looked at while the engine was changed; those from 10,000,000 on were looked at.
const FIRST_SEED: u64 = 100_000_000;
/// The environment variable with a seed below 50,000,000, for who changes the engine and looks at what comes of it.
const OTHER_SEED: &str = "PEERSCOPE_DOCUMENTED_SEED";
/// The age of documents that were taken just before.
const JUST_BEFORE: i64 = 300;

fn other_seed() -> Option<u64> {
    std::env::var(OTHER_SEED).ok().and_then(|number| number.parse().ok())
}

fn worlds() -> u64 {
    std::env::var(MORE_WORLDS).ok().and_then(|number| number.parse().ok()).unwrap_or(WORLDS)
}

fn measured(
    name: &'static str,
    scenarios: &[Scenario],
    first_seed: u64,
    reading: impl Fn(&mut Rng) -> Reading,
) -> Worlds<Judged> {
    measured_by(name, first_seed, |lot| {
        let scenario = scenarios[lot.usize(..scenarios.len())].clone();
        (scenario, reading(lot))
    })
}

fn measured_by(name: &'static str, first_seed: u64, drawn: impl Fn(&mut Rng) -> Drawn) -> Worlds<Judged> {
    let first_seed = other_seed().map_or(first_seed, |other| other + first_seed / FIRST_SEED * 1_000_000);
    let mut measured = Worlds::new(name, first_seed);
    for seed in first_seed.. {
        if measured.len() as u64 == worlds() {
            break;
        }
        let mut lot = Rng::with_seed(seed);
        let (scenario, reading) = drawn(&mut lot);
        // Not every fault can be in every world.
        let Some(documented) = Documented::new(&scenario, &reading, seed) else { continue };
        let (report, run) = documented.diagnosed(Some(JUST_BEFORE));
        let without = &reading.given.without;
        let beside = reading.beside.as_ref().map(|beside| format!(" and {}", beside.name));
        let tolerated = scenario.expect.tolerates.iter();
        let of_beside = reading.beside.iter().flat_map(|beside| &beside.expect.tolerates);
        measured.add(Judged {
            name: format!(
                "{:?} {}{} without {without:?}",
                scenario.base,
                scenario.name,
                beside.unwrap_or_default()
            ),
            faults: scenario.faults.len() + reading.beside.iter().flat_map(|beside| &beside.faults).count(),
            truths: documented.truths(),
            tolerated: tolerated.chain(of_beside).cloned().collect(),
            class: documented.class(&run),
            report,
            took: run.ended,
        });
    }
    println!("{measured}");
    measured
}

/// What an account or a person may not read, or forgot to.
const KINDS: [DocumentKind; 14] = [
    DocumentKind::Vpcs,
    DocumentKind::Subnets,
    DocumentKind::RouteTables,
    DocumentKind::SecurityGroups,
    DocumentKind::NetworkAcls,
    DocumentKind::VpcPeeringConnections,
    DocumentKind::NetworkInterfaces,
    DocumentKind::PrefixLists,
    DocumentKind::Space,
    DocumentKind::PeeringInfo,
    DocumentKind::Peerings,
    DocumentKind::Topology,
    DocumentKind::SourceVpc,
    DocumentKind::TargetVpc,
];

#[test]
fn the_simulated_network_does_what_the_kernel_is_proven_to_do() {
    let wrong: Vec<String> = truthful()
        .iter()
        .flat_map(|scenario| {
            scenario.seeds().take(5).flat_map(|seed| differences_from_kernel(scenario, seed))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn with_true_documents_one_possible_cause_is_the_first_and_established() {
    let measured = measured("true documents, one fault", &singles(), FIRST_SEED, |_| Reading::default());
    assert_eq!(measured.plain_and_missed(), 0);
    assert_eq!(measured.accusing(), 0);
    assert!(measured.within() >= 0.98, "{}", measured.within());
}

#[test]
fn with_true_documents_both_of_two_faults_are_established() {
    let pairs = pairs::all().expect("the pairs are scenarios").into_iter().map(|(_, scenario)| scenario);
    let pairs: Vec<Scenario> = pairs.collect();
    let measured = measured("true documents, two faults", &pairs, 2 * FIRST_SEED, |_| Reading::default());
    assert!(measured.established() >= 0.98, "{}", measured.established());
    assert_eq!(measured.accusing(), 0);
}

#[test]
fn a_change_since_the_documents_is_among_what_may_be() {
    let measured = measured("documents from before the fault", &sudden(), 3 * FIRST_SEED, |_| {
        of(GivenSnapshot::BeforeFault)
    });
    // As many scenarios a fault as somebody wrote are other priors.
    assert!(measured.calibration_error() < 0.1, "{}", measured.calibration_error());
    assert!(measured.within() >= 0.98, "{}", measured.within());
    assert!(measured.confidently_wrong() < 0.01, "{}", measured.confidently_wrong());
}

#[test]
fn a_mending_since_the_documents_leaves_nobody_accused() {
    let measured = measured("documents from before the mending", &singles(), 4 * FIRST_SEED, |_| {
        of(GivenSnapshot::BeforeMending)
    });
    assert_eq!(measured.accusing(), 0);
    assert_eq!(measured.reachable(), measured.len());
}

#[test]
fn without_a_kind_of_document_the_truth_is_among_what_may_be() {
    let measured = measured("a kind of document missing", &singles(), 5 * FIRST_SEED, |lot| {
        let without = vec![KINDS[lot.usize(..KINDS.len())]];
        Reading { given: Given { without, ..Given::default() }, ..Reading::default() }
    });
    assert!(measured.within() >= 0.98, "{}", measured.within());
    assert!(measured.confidently_wrong() < 0.01, "{}", measured.confidently_wrong());
    assert!(measured.calibration_error() < 0.05, "{}", measured.calibration_error());
}

#[test]
fn where_one_permission_is_denied_the_truth_is_among_what_may_be() {
    let measured = measured("one permission denied", &singles(), 6 * FIRST_SEED, |lot| {
        let without = vec![KINDS[lot.usize(..8)]];
        let given = Given { without, ..Given::default() };
        Reading { given, denied_in: Some(lot.usize(..8)), ..Reading::default() }
    });
    assert!(measured.within() >= 0.98, "{}", measured.within());
    assert!(measured.confidently_wrong() < 0.01, "{}", measured.confidently_wrong());
    assert!(measured.calibration_error() < 0.05, "{}", measured.calibration_error());
}

#[test]
fn nobody_healthy_is_accused() {
    let healthy: Vec<Scenario> =
        truthful().into_iter().filter(|scenario| scenario.faults.is_empty()).collect();
    let measured = measured("healthy", &healthy, 7 * FIRST_SEED, |_| Reading::default());
    assert_eq!(measured.accusing(), 0);
    assert_eq!(measured.reachable(), measured.len());
}

#[test]
fn a_change_since_the_documents_is_as_likely_as_is_said() {
    let lots = Lots::new();
    let name = "documents from before the fault, faults as often as the priors say";
    let measured = measured_by(name, 10 * FIRST_SEED, |lot| lots.drawn(lot));
    assert!(measured.within_one() >= 0.98, "{}", measured.within_one());
    // What is said to be likely is wrong as often as is said, and no oftener.
    assert!(measured.calibration_error() < 0.05, "{}", measured.calibration_error());
}

#[test]
fn of_two_changes_since_the_documents_one_is_among_what_may_be() {
    let couples = Couples::all();
    let measured = measured_by("documents from before two faults", 8 * FIRST_SEED, |lot| {
        couples.drawn(lot, GivenSnapshot::BeforeFault)
    });
    assert!(measured.within_one() >= 0.98, "{}", measured.within_one());
    assert!(measured.confidently_beside_it() < 0.01, "{}", measured.confidently_beside_it());
}

#[test]
fn beside_a_fault_that_the_documents_show_nobody_innocent_is_accused_for_one_that_they_do_not() {
    let couples = Couples::all();
    let measured = measured_by("one fault shown, one not", 9 * FIRST_SEED, |lot| {
        couples.drawn(lot, GivenSnapshot::True)
    });
    assert!(measured.within_one() >= 0.98, "{}", measured.within_one());
    assert!(measured.confidently_beside_it() < 0.01, "{}", measured.confidently_beside_it());
    assert_eq!(measured.accusing(), 0);
}
