//! Which scenarios worlds are made of, how they are read, and how often each is drawn.

use std::collections::BTreeSet;

use fastrand::Rng;
use peerscope_analysis::diagnose::Priors;
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::scenario::{Expect, Given, GivenSnapshot, Scenario};

use super::{Documented, Reading, Truth};
use crate::{JUST_BEFORE, pairs};

/// Every scenario of one fault whose documents are true.
pub(crate) fn singles() -> Vec<Scenario> {
    let says = |expect: &Expect| expect.cause.is_some() || !expect.candidates.is_empty();
    let is_single = |scenario: &Scenario| scenario.faults.len() == 1 && says(&scenario.expect);
    truthful().into_iter().filter(is_single).collect()
}

pub(crate) fn truthful() -> Vec<Scenario> {
    let all = Scenario::below(&Scenario::directory()).expect("the scenarios can be read");
    let scenarios = all.into_iter().map(|(_, scenario)| scenario);
    // What applications say is held elsewhere.
    scenarios.filter(|one| one.given == Given::default() && one.scheme.is_none()).collect()
}

/// Those whose fault comes about by one change, within minutes, in a world that works.
pub(crate) fn sudden() -> Vec<Scenario> {
    singles().into_iter().filter(is_sudden).collect()
}

fn is_sudden(scenario: &Scenario) -> bool {
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
}

/// A scenario that is drawn, and how it is read.
pub(crate) type Drawn = (Scenario, Reading);

/// Whether it is told which of several things that nobody can tell apart is so.
fn is_one(scenario: &Scenario) -> bool {
    scenario.expect.cause.is_some() || scenario.expect.candidates.len() == 1
}

/// Whether a fault is in no document.
fn is_unseen(scenario: &Scenario) -> bool {
    use FaultKind::{
        HostFirewallDrop, HostFirewallDropOwnBlock, HostFirewallReject, HostSilent, LocalNoRoute,
        LocalPolicy, MiddleboxReject, NothingListening, PacketLoss, SpaceShut,
    };
    matches!(
        scenario.faults[0].kind,
        HostFirewallDrop
            | HostFirewallDropOwnBlock
            | HostFirewallReject
            | HostSilent
            | LocalNoRoute
            | LocalPolicy
            | MiddleboxReject
            | NothingListening
            | PacketLoss
            | SpaceShut
    )
}

/// One scenario for each of the two faults of a pair.
fn halves(pair: &Scenario) -> Option<(Scenario, Scenario)> {
    let ([one, other], [also]) = (&pair.faults[..], &pair.expect.also[..]) else { return None };
    let half =
        |fault: &Fault, expect: Expect| Scenario { faults: vec![fault.clone()], expect, ..pair.clone() };
    let alone = Expect { also: Vec::new(), ..pair.expect.clone() };
    let second = Expect {
        cause: Some(also.cause.clone()),
        component: Some(also.component.clone()),
        direction: also.direction,
        ..alone.clone()
    };
    Some((half(one, alone), half(other, second)))
}

/// Two faults that can be in one world at once and come about by changes: of two settings, or of a setting and of what
/// no document shows.
pub(crate) struct Couples {
    of_settings: Vec<(Scenario, Scenario)>,
    with_unseen: Vec<(Scenario, Scenario)>,
}

impl Couples {
    pub(crate) fn all() -> Self {
        let pairs = pairs::all().expect("the pairs are scenarios");
        let of_settings = pairs
            .iter()
            .filter_map(|(_, pair)| halves(pair))
            .filter(|(one, other)| is_sudden(one) && is_sudden(other));
        let (unseen, shown): (Vec<Scenario>, Vec<Scenario>) =
            sudden().into_iter().filter(is_one).partition(is_unseen);
        let with_unseen = shown.iter().flat_map(|one| {
            let beside = unseen.iter().filter(|other| other.base == one.base);
            beside.map(|other| (one.clone(), other.clone()))
        });
        Self { of_settings: of_settings.collect(), with_unseen: with_unseen.collect() }
    }

    pub(crate) fn drawn(&self, lot: &mut Rng, given: GivenSnapshot) -> Drawn {
        let kind = if lot.bool() { &self.of_settings } else { &self.with_unseen };
        let (one, other) = kind[lot.usize(..kind.len())].clone();
        (one, Reading { beside: Some(other), explore: lot.bool(), ..of(given) })
    }
}

pub(crate) fn of(snapshot: GivenSnapshot) -> Reading {
    Reading { given: Given { snapshot, ..Given::default() }, ..Reading::default() }
}

/// Hidden faults of one base, each as often as the machine says beforehand that it is.
pub(crate) struct Lots {
    of_bases: Vec<Vec<(Scenario, f64)>>,
}

impl Lots {
    /// What is likely of a base is the same in all of its worlds, so one of them tells.
    pub(crate) fn new() -> Self {
        let sudden: Vec<Scenario> = sudden().into_iter().filter(is_one).collect();
        let bases: BTreeSet<String> = sudden.iter().map(|one| format!("{:?}", one.base)).collect();
        let of_base = |base: &String| {
            let all: Vec<Scenario> =
                sudden.iter().filter(|one| format!("{:?}", one.base) == *base).cloned().collect();
            Self::weighed(&all)
        };
        Self { of_bases: bases.iter().map(of_base).collect() }
    }

    fn weighed(all: &[Scenario]) -> Vec<(Scenario, f64)> {
        let stale = |scenario: &Scenario| Documented::new(scenario, &of(GivenSnapshot::BeforeFault), 1);
        let unseen = all.iter().find(|one| one.faults[0].kind == FaultKind::HostSilent);
        let unseen = unseen.and_then(stale).expect("hosts are silent in every base");
        let thought = unseen.diagnosed(Some(JUST_BEFORE)).0.hypotheses;
        let truth = |scenario: &Scenario| stale(scenario).and_then(|one| one.truths().pop());
        let truths: Vec<Option<Truth>> = all.iter().map(truth).collect();
        let weight = |truth: &Option<Truth>| {
            let Some(known) = truth else { return 0.0 };
            let prior: f64 = thought.iter().filter(|one| known.is_hypothesis(one)).map(|one| one.prior).sum();
            prior / truths.iter().filter(|other| *other == truth).count() as f64
        };
        all.iter().cloned().zip(truths.iter().map(weight)).collect()
    }

    pub(crate) fn drawn(&self, lot: &mut Rng) -> Drawn {
        let of_base = &self.of_bases[lot.usize(..self.of_bases.len())];
        let echo = lot.bool();
        let one = Scenario { echo, ..Self::one(of_base, lot) };
        let second = Scenario { echo, ..Self::one(of_base, lot) };
        let is_another = one.faults[0].kind != second.faults[0].kind;
        let beside = (lot.f64() < Priors::default().second_fault && is_another).then_some(second);
        (one, Reading { beside, explore: lot.bool(), ..of(GivenSnapshot::BeforeFault) })
    }

    fn one(of_base: &[(Scenario, f64)], lot: &mut Rng) -> Scenario {
        let whole: f64 = of_base.iter().map(|(_, weight)| weight).sum();
        let mut left = lot.f64() * whole;
        let found = of_base.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        found.unwrap_or(&of_base[0]).0.clone()
    }
}
