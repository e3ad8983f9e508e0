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
use peerscope_laboratory::fault::FaultKind;
use peerscope_laboratory::scenario::{DocumentKind, Expect, Given, GivenSnapshot, Scenario};

use documented::measured::{Judged, Measured};
use documented::{Documented, Reading, differences_from_kernel};

/// Worlds of each kind, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: u64 = 400;
const MORE_WORLDS: &str = "PEERSCOPE_DOCUMENTED_WORLDS";
/// Seeds of worlds that nobody looked at while the engine was changed; those from 10,000,000 on were looked at.
const FIRST_SEED: u64 = 100_000_000;
/// The age of documents that were taken just before.
const JUST_BEFORE: i64 = 300;

fn worlds() -> u64 {
    std::env::var(MORE_WORLDS).ok().and_then(|number| number.parse().ok()).unwrap_or(WORLDS)
}

/// Every scenario of one fault whose documents are true.
fn singles() -> Vec<Scenario> {
    let says = |expect: &Expect| expect.cause.is_some() || !expect.candidates.is_empty();
    let is_single = |scenario: &Scenario| scenario.faults.len() == 1 && says(&scenario.expect);
    truthful().into_iter().filter(is_single).collect()
}

fn truthful() -> Vec<Scenario> {
    let all = Scenario::below(&Scenario::directory()).expect("the scenarios can be read");
    let scenarios = all.into_iter().map(|(_, scenario)| scenario);
    // What applications say is held elsewhere.
    scenarios.filter(|one| one.given == Given::default() && one.scheme.is_none()).collect()
}

/// Those whose fault comes about by one change, within minutes, in a world that works.
fn sudden() -> Vec<Scenario> {
    let is_sudden = |scenario: &Scenario| {
        !matches!(
            scenario.faults[0].kind,
            // A peering that was active is none of these without a new request.
            FaultKind::PeeringMissing
                | FaultKind::PeeringPending
                | FaultKind::PeeringExpired
                | FaultKind::PeeringRejected
                | FaultKind::PeeringProvisioning
                | FaultKind::PeeringFailed
                | FaultKind::CidrOverlap
                | FaultKind::CidrOverlapSecondary
                | FaultKind::NotPrivate
                // Another target than before.
                | FaultKind::TargetInSecondaryCidr
                | FaultKind::BehindPeering
                | FaultKind::BehindGateway
                | FaultKind::DataService
                | FaultKind::GenerationUnsupported
        )
    };
    singles().into_iter().filter(is_sudden).collect()
}

fn measured(
    name: &'static str,
    scenarios: &[Scenario],
    first_seed: u64,
    reading: impl Fn(&mut Rng) -> Reading,
) -> Measured {
    let mut measured = Measured::new(name, first_seed);
    for seed in first_seed.. {
        if measured.worlds() as u64 == worlds() {
            break;
        }
        let mut lot = Rng::with_seed(seed);
        let scenario = &scenarios[lot.usize(..scenarios.len())];
        let reading = reading(&mut lot);
        // Not every fault can be in every world.
        let Some(documented) = Documented::new(scenario, &reading, seed) else { continue };
        let (report, run) = documented.diagnosed(Some(JUST_BEFORE));
        let without = &reading.given.without;
        measured.add(Judged {
            name: format!("{:?} {} without {without:?}", scenario.base, scenario.name),
            truths: documented.truths(),
            tolerated: scenario.expect.tolerates.clone(),
            class: documented.class(&run),
            report,
            took: run.ended,
        });
    }
    println!("{measured}");
    measured
}

fn of(snapshot: GivenSnapshot) -> Reading {
    Reading { given: Given { snapshot, ..Given::default() }, ..Reading::default() }
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
    assert!(measured.within() >= 0.98, "{}", measured.within());
    assert!(measured.confidently_wrong() < 0.01, "{}", measured.confidently_wrong());
}

#[test]
fn a_mending_since_the_documents_leaves_nobody_accused() {
    let measured = measured("documents from before the mending", &singles(), 4 * FIRST_SEED, |_| {
        of(GivenSnapshot::BeforeMending)
    });
    assert_eq!(measured.accusing(), 0);
    assert_eq!(measured.reachable(), measured.worlds());
}

#[test]
fn without_a_kind_of_document_the_truth_is_among_what_may_be() {
    let measured = measured("a kind of document missing", &singles(), 5 * FIRST_SEED, |lot| {
        let without = vec![KINDS[lot.usize(..KINDS.len())]];
        Reading { given: Given { without, ..Given::default() }, denied_in: None }
    });
    assert!(measured.within() >= 0.98, "{}", measured.within());
    assert!(measured.confidently_wrong() < 0.01, "{}", measured.confidently_wrong());
}

#[test]
fn where_one_permission_is_denied_the_truth_is_among_what_may_be() {
    let measured = measured("one permission denied", &singles(), 6 * FIRST_SEED, |lot| {
        let without = vec![KINDS[lot.usize(..8)]];
        let given = Given { without, ..Given::default() };
        Reading { given, denied_in: Some(lot.usize(..8)) }
    });
    assert!(measured.within() >= 0.98, "{}", measured.within());
    assert!(measured.confidently_wrong() < 0.01, "{}", measured.confidently_wrong());
}

#[test]
fn nobody_healthy_is_accused() {
    let healthy: Vec<Scenario> =
        truthful().into_iter().filter(|scenario| scenario.faults.is_empty()).collect();
    let measured = measured("healthy", &healthy, 7 * FIRST_SEED, |_| Reading::default());
    assert_eq!(measured.accusing(), 0);
    assert_eq!(measured.reachable(), measured.worlds());
}
