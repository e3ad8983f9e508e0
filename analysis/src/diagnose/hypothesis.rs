//! What may be the cause of a silence, and how what was seen beside it weighs each.
//!
//! A hypothesis is one thing that stops the packets, in one or several extents: a security group may lack a
//! rule for the named port or for the source altogether; a route table stops whatever lies behind it. An extent
//! predicts every other probe: what it stops stays silent, what it does not stop answers as often as such
//! probes do (Bayes, with the priors of [`super::prior`] and the chances below). Two of them may hold together
//! ([`super::together`]). What no probe tells apart keeps the ratio of its priors, and is one group of candidates.

use alloc::string::String;
use alloc::vec::Vec;
use core::slice;

use super::explore::Nearness;
use super::together::{self, Shares};
use crate::cause::CauseCode;
use crate::report::{Basis, CauseReport, Evidence, HypothesisReport};

/// What a fault stops, beside packets to the named port of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Nothing.
    Port,
    /// The same port of every host of the subnet, and of every other subnet with its network ACL.
    PortOfNetworkAcl,
    /// Whatever is for the host.
    Host,
    /// Whatever is for hosts of the subnet.
    Subnet,
    /// Whatever is for hosts of subnets with the same network ACL.
    NetworkAcl,
    /// Whatever is for hosts whose replies the same route table guides.
    RouteTable,
    /// Whatever is for the network.
    Network,
}

/// What was asked beside the named port, and whether it was answered.
#[derive(Clone, Debug)]
pub(super) struct Clue {
    /// Where it went.
    pub(super) near: Nearness,
    /// Whether it went to the port of the same number.
    pub(super) same_port: bool,
    /// Whether an answer came.
    pub(super) answered: bool,
    /// How likely an answer is where nothing stops it.
    pub(super) expected: f64,
    /// Whether it is a connection that stood before, and not a new one: what tracks connections lets it go on.
    pub(super) is_standing: bool,
    /// What was seen, in a clause.
    pub(super) text: String,
}

/// How likely an answer is where nothing stops a probe, and where something does.
#[derive(Clone, Copy, Debug)]
pub struct Chances;

impl Chances {
    /// An echo to a host of which nothing is known: default groups let none in; hosts answer one that arrives.
    pub const ECHO_ANYWHERE: f64 = 0.25;
    /// An echo that every document lets through.
    pub const ECHO_WHERE_ADMITTED: f64 = 0.95;
    /// What a document stops: it may be older than the rule that admits it.
    pub const THOUGH_SHUT: f64 = 0.03;
    /// A port that the documents let packets through to: a host that lives accepts or refuses.
    pub const OPEN_PORT: f64 = 0.9;
    /// A common port of a host of which nothing is known: a group has to admit it.
    pub const COMMON_PORT: f64 = 0.15;
    /// A neighbour's port that documents let packets through to: it may be stopped.
    pub const NEIGHBOUR: f64 = 0.85;
    /// The same port of the address beside: somebody must be there, and admit it.
    pub const ADJACENT: f64 = 0.1;
    /// An answer although something is taken to stop the packets: a setting that was changed between two
    /// probes, another host at the address.
    pub const STRAY: f64 = 0.0001;
    /// A connection that stood goes on where nothing stops it: its ends may have died, or given it up.
    pub const STANDING: f64 = 0.98;
    /// A connection that stood was not tracked, so that it ends with the rule that let it in: rules open to everybody
    /// let it in and out.
    pub const UNTRACKED: f64 = 0.1;
}

/// Below this a cause that the clues speak against is not named any more...
const FORGOTTEN: f64 = 0.02;
/// ...if they made it less likely by this factor.
const REFUTED: f64 = 0.05;
/// How many pairs are told beside the single hypotheses, the likeliest: there are many, and most are alike.
const PAIRS: usize = 5;
/// Below this no pair is told.
const LEAST_OF_A_PAIR: f64 = 0.001;
/// What the group of the second of two things is called by, behind the first one's.
const BESIDE: &str = "-beside";
/// Clues that change the odds by less than this are no evidence.
const TELLS: f64 = 1.02;

impl Extent {
    fn stops(self, clue: &Clue) -> bool {
        let near = clue.near;
        match self {
            Self::Network => true,
            Self::Port => false,
            Self::Host => near == Nearness::Host,
            Self::PortOfNetworkAcl => clue.same_port && near.shares_network_acl(),
            Self::NetworkAcl => near.shares_network_acl(),
            Self::Subnet => near.shares_subnet(),
            Self::RouteTable => near.shares_route_table(),
        }
    }

    /// How likely a fault of this extent stops what was asked, 0 to 1.
    fn stopping(self, code: CauseCode, clue: &Clue) -> f64 {
        use CauseCode::{EniSgRulesMismatch, HostFirewall, HostOverloaded, SgHasNoRules, UnknownPeeredSgs};
        if !clue.is_standing {
            return if self.stops(clue) { 1.0 } else { 0.0 };
        }
        let is_concerned = self.stops(clue) || (self == Self::Port && clue.same_port);
        match code {
            _ if !is_concerned => 0.0,
            EniSgRulesMismatch | SgHasNoRules | UnknownPeeredSgs => Chances::UNTRACKED,
            // Both turn away what is new.
            HostFirewall | HostOverloaded => 0.0,
            _ => 1.0,
        }
    }

    /// How likely the clue is where these are the faults: what any of them stops is stopped.
    pub(super) fn likelihood(faults: &[(CauseCode, Self)], clue: &Clue) -> f64 {
        let passes: f64 = faults.iter().map(|(code, extent)| 1.0 - extent.stopping(*code, clue)).product();
        let answer = passes * clue.expected + (1.0 - passes) * Chances::STRAY;
        if clue.answered { answer } else { 1.0 - answer }
    }
}

/// The extents that a cause may have, with their shares, which sum to 1. Groups and ACLs are mostly written
/// for single ports; a table, a peering and a host treat all ports alike. A table lacks a route for all of its
/// subnets, or one of them was given another table.
#[must_use]
pub fn extents(code: CauseCode) -> &'static [(Extent, f64)] {
    use CauseCode::{
        BadStateRoute, EniSgRulesMismatch, HigherPriorityRoute, HostFirewall, HostOverloaded, HostSilent,
        MoreSpecificRoute, NoRouteToDestination, SgHasNoRules, SubnetAclRestriction, UnknownDestination,
        UnknownPeeredSgs,
    };
    match code {
        EniSgRulesMismatch | UnknownPeeredSgs => &[(Extent::Port, 0.6), (Extent::Host, 0.4)],
        SubnetAclRestriction => &[(Extent::PortOfNetworkAcl, 0.4), (Extent::NetworkAcl, 0.6)],
        HostFirewall | HostOverloaded => &[(Extent::Port, 1.0)],
        HostSilent | UnknownDestination | SgHasNoRules => &[(Extent::Host, 1.0)],
        NoRouteToDestination => &[(Extent::RouteTable, 0.7), (Extent::Subnet, 0.3)],
        BadStateRoute | MoreSpecificRoute | HigherPriorityRoute => &[(Extent::RouteTable, 1.0)],
        _ => &[(Extent::Network, 1.0)],
    }
}

/// What is left of hypotheses, and what became of each.
#[derive(Default)]
pub(super) struct Weighed {
    /// Those that may be, the most likely first.
    pub(super) causes: Vec<CauseReport>,
    /// All of them, in the same order, those that fell last.
    pub(super) hypotheses: Vec<HypothesisReport>,
}

/// Turns the weight of each cause into its confidence by what was seen beside, and adds that to its evidence.
/// Those that are refuted are left out; the most likely comes first.
pub(super) fn weigh(hypotheses: Vec<(f64, CauseReport)>, clues: &[Clue], second_fault: f64) -> Weighed {
    let pairs = together::pairs(&hypotheses, clues, second_fault);
    let singles: Vec<(f64, f64)> =
        hypotheses.iter().map(|(weight, cause)| (*weight, fit(cause.code, clues))).collect();
    let prior: f64 = singles.iter().map(|(weight, _)| weight).sum();
    let with_pairs = prior + pairs.iter().map(|pair| pair.weight).sum::<f64>();
    let all = Shares::of(&singles, pairs);
    let fell = |(single, (weight, _)): (usize, &(f64, f64))| {
        let confidence = all.of_cause(single);
        confidence < FORGOTTEN && confidence < weight / prior * REFUTED
    };
    let fallen: Vec<bool> = singles.iter().enumerate().map(fell).collect();
    let shares = all.without(&fallen);
    let second = shares.second_group();
    let expected: Vec<(&Clue, f64)> = clues
        .iter()
        .map(|clue| {
            let fits =
                hypotheses.iter().map(|(weight, cause)| weight * fit(cause.code, slice::from_ref(clue)));
            (clue, fits.sum::<f64>() / prior)
        })
        .collect();
    let mut found: Vec<CauseReport> = Vec::new();
    let mut thought: Vec<HypothesisReport> = Vec::new();
    for (single, (weight, mut cause)) in hypotheses.into_iter().enumerate() {
        let fell = fallen[single];
        cause.confidence = shares.of_cause(single);
        if second.get(single) == Some(&true) {
            cause.alternatives = cause.alternatives.map(|group| group + BESIDE);
        }
        let told = expected.iter().filter_map(|(clue, together)| evidence(cause.code, clue, *together));
        let told: Vec<Evidence> = told.collect();
        let because = told.iter().filter(|one| one.supports != fell).map(|one| one.text.clone()).collect();
        let alone = HypothesisReport::of(&cause, weight / with_pairs, fell, because);
        thought.push(HypothesisReport { confidence: shares.alone[single], ..alone });
        if !fell {
            cause.evidence.extend(told);
            found.push(cause);
        }
    }
    let told = shares.likeliest_pairs(LEAST_OF_A_PAIR).into_iter().take(PAIRS);
    let told = told
        .map(|(pair, share)| thought[pair.one].with(&thought[pair.other], pair.weight / with_pairs, share));
    let told: Vec<HypothesisReport> = told.collect();
    thought.extend(told);
    together::within_one(&mut found);
    found.sort_by(|one, other| {
        let by_likelihood = || other.confidence.total_cmp(&one.confidence);
        one.alternatives.cmp(&other.alternatives).then_with(by_likelihood)
    });
    thought.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    Weighed { causes: found, hypotheses: thought }
}

/// Whether a cause is of the group of the second of two things that hold together.
pub(super) fn is_second(cause: &CauseReport) -> bool {
    cause.alternatives.as_deref().is_some_and(|group| group.ends_with(BESIDE))
}

/// How likely all clues are where this is the cause.
pub(super) fn fit(code: CauseCode, clues: &[Clue]) -> f64 {
    let of_extent = |(extent, share): &(Extent, f64)| {
        share * clues.iter().map(|clue| Extent::likelihood(&[(code, *extent)], clue)).product::<f64>()
    };
    extents(code).iter().map(of_extent).sum()
}

/// How likely all clues are where one of these is the fault, whichever it is.
pub(super) fn fit_of_any(hypotheses: &[(f64, CauseReport)], clues: &[Clue]) -> f64 {
    let prior: f64 = hypotheses.iter().map(|(weight, _)| weight).sum();
    let fits = hypotheses.iter().map(|(weight, cause)| weight * fit(cause.code, clues));
    if prior > 0.0 { fits.sum::<f64>() / prior } else { 0.0 }
}

/// How likely all clues are where nothing stops what was asked beside.
pub(super) fn fit_of_none(clues: &[Clue]) -> f64 {
    clues.iter().map(|clue| Extent::likelihood(&[], clue)).product()
}

/// A clue as evidence, if it speaks for a cause or against it: if it is more likely, or less, than by all causes
/// `together`.
fn evidence(code: CauseCode, clue: &Clue, together: f64) -> Option<Evidence> {
    let mine = fit(code, slice::from_ref(clue));
    let tells = mine > together * TELLS || together > mine * TELLS;
    tells.then(|| Evidence { kind: Basis::Probes, text: clue.text.clone(), supports: mine > together })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: [CauseCode; 9] = [
        CauseCode::EniSgRulesMismatch,
        CauseCode::SubnetAclRestriction,
        CauseCode::HostFirewall,
        CauseCode::HostSilent,
        CauseCode::NoRouteToDestination,
        CauseCode::PeeringNotActive,
        CauseCode::PeeringMissing,
        CauseCode::UnknownDestination,
        CauseCode::ConfigurationDisagrees,
    ];

    fn clue(near: Nearness, answered: bool) -> Clue {
        Clue { near, same_port: true, answered, expected: 0.8, is_standing: false, text: String::new() }
    }

    #[test]
    fn the_extents_of_each_cause_are_all_that_it_can_be() {
        for code in CODES {
            let sum: f64 = extents(code).iter().map(|(_, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{code:?}: {sum}");
        }
    }

    #[test]
    fn what_is_near_tells_of_all_that_it_shares() {
        let answers = |near| fit(CauseCode::BadStateRoute, &[clue(near, true)]) > 0.1;
        assert!(!answers(Nearness::Host) && !answers(Nearness::Subnet) && !answers(Nearness::RouteTable));
        assert!(answers(Nearness::Network));
        // One subnet may have been given another table, and an ACL judges for each that has it.
        let fit_beside = |code, near| fit(code, &[clue(near, true)]);
        assert!(fit_beside(CauseCode::NoRouteToDestination, Nearness::RouteTable) > 0.1);
        assert!(fit_beside(CauseCode::NoRouteToDestination, Nearness::Subnet) < 0.01);
        for and_route_table in [false, true] {
            let near = Nearness::NetworkAcl { and_route_table };
            assert!(fit_beside(CauseCode::SubnetAclRestriction, near) < 0.01);
            assert_eq!(fit_beside(CauseCode::BadStateRoute, near) < 0.01, and_route_table);
        }
        assert!(fit_beside(CauseCode::SubnetAclRestriction, Nearness::RouteTable) > 0.7);
        assert!(fit(CauseCode::PeeringMissing, &[clue(Nearness::Network, true)]) < 0.01);
        assert!(fit(CauseCode::HostFirewall, &[clue(Nearness::Host, true)]) > 0.7);
    }

    #[test]
    fn a_connection_that_stands_outlives_a_rule_of_a_group_and_nothing_that_judges_each_packet() {
        for same_port in [false, true] {
            let goes_on =
                |code| fit(code, &[Clue { is_standing: true, same_port, ..clue(Nearness::Host, true) }]);
            for code in [CauseCode::EniSgRulesMismatch, CauseCode::SgHasNoRules, CauseCode::HostFirewall] {
                assert!(goes_on(code) > 0.7, "{code:?}");
            }
            for code in [
                CauseCode::NoRouteToDestination,
                CauseCode::BadStateRoute,
                CauseCode::PeeringNotActive,
                CauseCode::HostSilent,
            ] {
                assert!(goes_on(code) < 0.001, "{code:?}");
            }
            // An ACL of single ports may leave another one alone.
            assert_eq!(goes_on(CauseCode::SubnetAclRestriction) < 0.001, same_port);
        }
        // Where it ended with a rule, it was not tracked.
        let ended = Clue { is_standing: true, ..clue(Nearness::Host, false) };
        let both = fit(CauseCode::EniSgRulesMismatch, slice::from_ref(&ended))
            / fit(CauseCode::BadStateRoute, slice::from_ref(&ended));
        assert!((0.1..0.5).contains(&both), "{both}");
    }

    #[test]
    fn two_outcomes_of_a_probe_are_all_that_there_are() {
        for code in CODES {
            for near in [Nearness::Host, Nearness::Subnet, Nearness::Network, Nearness::Adjacent] {
                let sum = fit(code, &[clue(near, true)]) + fit(code, &[clue(near, false)]);
                assert!((sum - 1.0).abs() < 1e-9, "{code:?} {near:?}");
            }
        }
    }
}
