//! Two things wrong at once, of which no document shows either.
//!
//! What is wrong of hidden things is mostly one; but what one thing cannot be, two may, and whoever mends one of two
//! finds the path as silent as before. So beside every single hypothesis stands every pair of those that can hold
//! together, with the product of their odds as its prior ([`Priors::second_fault`](super::prior::Priors)), and a cause
//! is as likely as everything that contains it.
//!
//! Three are not weighed. What a cause stops is nested (a port in a host, a host in a subnet, ...) but for one port of
//! many hosts beside all ports of one, so whatever three explain two of them explain as well; and three are rarer by
//! that factor once more.

use alloc::vec::Vec;

use super::hypothesis::{Clue, Extent, extents};
use crate::cause::CauseCode;
use crate::report::{CauseReport, CauseStatus};

/// From this on what holds together is likelier than any one thing alone, and each of the two is a group of its own.
const LIKELIER: f64 = 0.5;

/// Two of the single hypotheses, by their places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) one: usize,
    pub(super) other: usize,
    /// How likely before anything was seen beside, relative to the weights of single ones.
    pub(super) weight: f64,
    /// How likely all that was seen is where both hold and nothing else.
    pub(super) fit: f64,
}

impl Pair {
    pub(super) fn has(&self, single: usize) -> bool {
        self.one == single || self.other == single
    }
}

/// Every pair that can hold together.
pub(super) fn pairs(singles: &[(f64, CauseReport)], clues: &[Clue], second_fault: f64) -> Vec<Pair> {
    let whole: f64 = singles.iter().map(|(weight, _)| weight).sum();
    let mut pairs = Vec::new();
    if whole <= 0.0 || second_fault <= 0.0 {
        return pairs;
    }
    for (one, (weight, cause)) in singles.iter().enumerate() {
        for (other, (its_weight, beside)) in singles.iter().enumerate().skip(one + 1) {
            let weight = weight * its_weight / whole * second_fault;
            if weight > 0.0 && !exclude(cause, beside) {
                pairs.push(Pair { one, other, weight, fit: fit(cause.code, beside.code, clues) });
            }
        }
    }
    pairs
}

/// How likely all clues are where both are so: what either stops is stopped.
fn fit(one: CauseCode, other: CauseCode, clues: &[Clue]) -> f64 {
    let both = |(extent, share): &(Extent, f64)| {
        let with = |(beside, its_share): &(Extent, f64)| {
            share
                * its_share
                * clues
                    .iter()
                    .map(|clue| Extent::likelihood(&[(one, *extent), (other, *beside)], clue))
                    .product::<f64>()
        };
        extents(other).iter().map(with).sum::<f64>()
    };
    extents(one).iter().map(both).sum()
}

/// What a cause is a state of: a thing is in one state at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Groups,
    Table,
    NetworkAcl,
    Peering,
    Host,
    Other(CauseCode),
}

impl Setting {
    fn of(code: CauseCode) -> Self {
        use CauseCode::{
            BadStateRoute, EniSgRulesMismatch, HigherPriorityRoute, HostFirewall, HostSilent,
            MoreSpecificRoute, NoRouteToDestination, PeeringMissing, PeeringNotActive,
            PeeringPendingAcceptance, SgHasNoRules, SubnetAclRestriction, UnknownDestination,
            UnknownPeeredSgs,
        };
        match code {
            EniSgRulesMismatch | SgHasNoRules | UnknownPeeredSgs => Self::Groups,
            BadStateRoute | HigherPriorityRoute | MoreSpecificRoute | NoRouteToDestination => Self::Table,
            SubnetAclRestriction => Self::NetworkAcl,
            PeeringMissing | PeeringNotActive | PeeringPendingAcceptance => Self::Peering,
            // A host that is down, or not there at all, has no firewall.
            HostFirewall | HostSilent | UnknownDestination => Self::Host,
            other => Self::Other(other),
        }
    }
}

/// Whether two cannot hold together: they are states of one thing.
fn exclude(one: &CauseReport, other: &CauseReport) -> bool {
    let setting = Setting::of(one.code);
    if setting != Setting::of(other.code) {
        return false;
    }
    // There is one peering that is meant, and one host. Of tables, groups and ACLs there are several, and each judges
    // packets of one direction by itself; what nobody can name may be any of them.
    let is_one_of_several = matches!(setting, Setting::Groups | Setting::Table | Setting::NetworkAcl);
    let may_be_one =
        one.component.id.is_none() || other.component.id.is_none() || one.component.id == other.component.id;
    let same_way = one.direction.is_none() || other.direction.is_none() || one.direction == other.direction;
    !is_one_of_several || (may_be_one && same_way)
}

/// What singles and pairs came to: they sum to 1.
#[derive(Debug)]
pub(super) struct Shares {
    /// How likely each single hypothesis is to be all that is wrong.
    pub(super) alone: Vec<f64>,
    /// The same of each pair.
    pub(super) of_pairs: Vec<(Pair, f64)>,
}

impl Shares {
    /// Normalises. What nothing explains any more is told by the weights: something is wrong that is not thought of.
    pub(super) fn of(singles: &[(f64, f64)], pairs: Vec<Pair>) -> Self {
        let sum = |by: &dyn Fn(f64, f64) -> f64| -> f64 {
            let singles = singles.iter().map(|(weight, fit)| by(*weight, *fit));
            singles.chain(pairs.iter().map(|pair| by(pair.weight, pair.fit))).sum()
        };
        let explained = sum(&|weight, fit| weight * fit);
        let weights = sum(&|weight, _| weight);
        let even = 1.0 / singles.len().max(1) as f64;
        let share = |weight: f64, fit: f64| match (explained > 0.0, weights > 0.0) {
            (true, _) => weight * fit / explained,
            (false, true) => weight / weights,
            (false, false) => even,
        };
        Self {
            alone: singles.iter().map(|(weight, fit)| share(*weight, *fit)).collect(),
            of_pairs: pairs.iter().map(|pair| (*pair, share(pair.weight, pair.fit))).collect(),
        }
    }

    /// The same where none of the `fallen` holds.
    pub(super) fn without(&self, fallen: &[bool]) -> Self {
        let is_left = |pair: &Pair| !fallen[pair.one] && !fallen[pair.other];
        let alone = self.alone.iter().zip(fallen);
        let alone: Vec<f64> = alone.map(|(share, fell)| if *fell { 0.0 } else { *share }).collect();
        let of_pairs = self.of_pairs.iter().filter(|(pair, _)| is_left(pair)).copied();
        let of_pairs: Vec<(Pair, f64)> = of_pairs.collect();
        let left: f64 = alone.iter().chain(of_pairs.iter().map(|(_, share)| share)).sum();
        Self {
            alone: alone.into_iter().map(|share| share / left).collect(),
            of_pairs: of_pairs.into_iter().map(|(pair, share)| (pair, share / left)).collect(),
        }
    }

    /// The pairs that are at least so likely, the likeliest first.
    pub(super) fn likeliest_pairs(&self, least: f64) -> Vec<(Pair, f64)> {
        let mut pairs: Vec<(Pair, f64)> =
            self.of_pairs.iter().filter(|(_, share)| *share >= least).copied().collect();
        pairs.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        pairs
    }

    /// How likely a cause is: everything that contains it.
    pub(super) fn of_cause(&self, single: usize) -> f64 {
        let together = self.of_pairs.iter().filter(|(pair, _)| pair.has(single));
        self.alone[single] + together.map(|(_, share)| share).sum::<f64>()
    }

    /// The likeliest pair, where two things together are likelier than one.
    fn forced(&self) -> Option<Pair> {
        let together: f64 = self.of_pairs.iter().map(|(_, share)| share).sum();
        if together <= LIKELIER {
            return None;
        }
        self.likeliest_pairs(0.0).first().map(|(pair, _)| *pair)
    }

    /// Whether each single hypothesis is an alternative of the second of two things that hold together rather than of
    /// the first: it holds beside the first, and hardly beside the second. Empty where one thing is likelier.
    pub(super) fn second_group(&self) -> Vec<bool> {
        let Some(Pair { one, other, .. }) = self.forced() else { return Vec::new() };
        let beside = |single: usize, of: usize| {
            let together = self.of_pairs.iter().filter(|(pair, _)| pair.has(single) && pair.has(of));
            together.map(|(_, share)| share).sum::<f64>()
        };
        let is_second =
            |single: usize| single == other || (single != one && beside(single, one) > beside(single, other));
        (0..self.alone.len()).map(is_second).collect()
    }
}

/// Scales the confidences of the candidates of each group to sum to 1 at most: of a group one is taken to hold, and
/// where two of one may hold together the sum of what is likely of each is more.
pub(super) fn within_one(causes: &mut [CauseReport]) {
    let is_candidate = |cause: &CauseReport| cause.status == CauseStatus::Candidate;
    let sum = |cause: &CauseReport| {
        let of_group =
            causes.iter().filter(|one| is_candidate(one) && one.alternatives == cause.alternatives);
        of_group.map(|one| one.confidence).sum::<f64>()
    };
    let sums: Vec<f64> = causes.iter().map(sum).collect();
    let candidates = causes.iter_mut().zip(sums).filter(|(cause, _)| is_candidate(cause));
    for (cause, sum) in candidates {
        cause.confidence /= sum.max(1.0);
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on fails")]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::string::{String, ToString};

    use super::super::explore::Nearness;
    use super::super::hypothesis::weigh;
    use super::*;
    use crate::flow::Flows;
    use crate::reach::Direction;
    use crate::report::{Affects, Component};
    use crate::topology::ComponentType;

    fn cause(code: CauseCode, id: Option<&str>, direction: Option<Direction>) -> CauseReport {
        CauseReport {
            code,
            aws_code: None,
            status: CauseStatus::Candidate,
            alternatives: Some("group".to_string()),
            may_have_changed: false,
            component: Component {
                component_type: ComponentType::NetworkAcl,
                id: id.map(ToString::to_string),
                name: None,
                region: None,
                account: None,
            },
            related: Vec::new(),
            direction,
            basis: Vec::new(),
            confidence: 0.0,
            summary: String::new(),
            affects: Affects::from(&Flows::none()),
            evidence: Vec::new(),
            fixes: Vec::new(),
        }
    }

    fn clue(near: Nearness, same_port: bool, answered: bool) -> Clue {
        Clue { near, same_port, answered, expected: 0.9, is_standing: false, text: String::new() }
    }

    #[test]
    fn states_of_one_thing_exclude_each_other_and_others_meet() {
        use CauseCode::{
            BadStateRoute, HostFirewall, HostSilent, NoRouteToDestination, PeeringMissing, PeeringNotActive,
            SubnetAclRestriction,
        };
        let (there, back) = (Some(Direction::Forward), Some(Direction::Return));
        for (one, other, expected) in [
            ((HostSilent, Some("eni-1"), None), (HostFirewall, Some("eni-1"), None), true),
            ((PeeringMissing, None, None), (PeeringNotActive, Some("pcx-1"), None), true),
            ((NoRouteToDestination, Some("rtb-1"), back), (BadStateRoute, Some("rtb-1"), back), true),
            (
                (NoRouteToDestination, Some("rtb-1"), there),
                (NoRouteToDestination, Some("rtb-2"), back),
                false,
            ),
            (
                (SubnetAclRestriction, Some("acl-1"), there),
                (SubnetAclRestriction, Some("acl-1"), back),
                false,
            ),
            ((SubnetAclRestriction, None, None), (SubnetAclRestriction, Some("acl-1"), back), true),
            ((NoRouteToDestination, Some("rtb-1"), back), (HostFirewall, Some("eni-1"), None), false),
        ] {
            let of = |(code, id, direction)| cause(code, id, direction);
            assert_eq!(exclude(&of(one), &of(other)), expected, "{one:?} {other:?}");
            assert_eq!(exclude(&of(other), &of(one)), expected, "{other:?} {one:?}");
        }
    }

    /// The port of a neighbour is silent and its other one is not, and the host answers nothing: an ACL on the port
    /// explains the one and a host that is down the other, and neither both.
    #[test]
    fn what_no_single_cause_explains_two_do_and_each_is_likely_by_both() {
        let singles = [
            (0.03, cause(CauseCode::SubnetAclRestriction, Some("acl-1"), Some(Direction::Forward))),
            (0.03, cause(CauseCode::SubnetAclRestriction, Some("acl-1"), Some(Direction::Return))),
            (0.36, cause(CauseCode::HostSilent, Some("eni-1"), None)),
            (0.32, cause(CauseCode::HostFirewall, Some("eni-1"), None)),
        ];
        let mut clues = Vec::from([clue(Nearness::Subnet, false, true)]);
        for _ in 0..5 {
            clues.push(clue(Nearness::Host, false, false));
            clues.push(clue(Nearness::Subnet, true, false));
        }
        let weighed = weigh(singles.to_vec(), &clues, 0.05);
        let of = |code| {
            let causes = weighed.causes.iter().filter(move |cause| cause.code == code);
            causes.map(|cause| cause.confidence).sum::<f64>()
        };
        assert!(of(CauseCode::HostSilent) > 0.9, "{}", of(CauseCode::HostSilent));
        assert!(of(CauseCode::SubnetAclRestriction) > 0.9, "{}", of(CauseCode::SubnetAclRestriction));
        let groups: BTreeSet<_> =
            weighed.causes.iter().map(|cause| (cause.code.name(), cause.alternatives.clone())).collect();
        let named = |code: CauseCode| groups.iter().filter(|(name, _)| *name == code.name()).count();
        assert_eq!((named(CauseCode::HostSilent), named(CauseCode::SubnetAclRestriction)), (1, 1));
        let distinct: BTreeSet<_> = groups.iter().map(|(_, group)| group).collect();
        assert_eq!(distinct.len(), 2, "{groups:?}");
        let first = &weighed.hypotheses[0];
        assert_eq!(first.together_with.len(), 1);
        let whole: f64 = weighed.hypotheses.iter().map(|one| one.confidence).sum();
        assert!(whole <= 1.0 + 1e-9, "{whole}");
        // Whoever says that things never go wrong together gets no pair.
        let never = weigh(singles.to_vec(), &clues, 0.0);
        assert!(never.hypotheses.iter().all(|one| one.together_with.is_empty()));
    }

    #[test]
    fn without_clues_a_second_fault_is_as_likely_as_the_priors_say() {
        let singles = [
            (1.0, cause(CauseCode::NoRouteToDestination, Some("rtb-1"), Some(Direction::Return))),
            (1.0, cause(CauseCode::HostSilent, Some("eni-1"), None)),
        ];
        let weighed = weigh(singles.to_vec(), &[], 0.1);
        let sum: f64 = weighed.causes.iter().map(|cause| cause.confidence).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        let pair = weighed.hypotheses.iter().find(|one| !one.together_with.is_empty());
        let pair = pair.expect("they can hold together");
        // Two of weight 1 and one pair of 1 * 1 / 2 * 0.1.
        assert!((pair.confidence - 0.05 / 2.05).abs() < 1e-9, "{}", pair.confidence);
        assert!((pair.prior - pair.confidence).abs() < 1e-9);
    }
}
