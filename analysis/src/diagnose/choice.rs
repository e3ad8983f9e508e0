//! What to ask next beside the named port: of all that may be asked, what is expected to tell most in the time that
//! it takes.
//!
//! The hypotheses are those of the final weighing ([`super::silence`]), with what has been seen so far; each predicts
//! how likely an answer is ([`super::hypothesis`]). What a probe is expected to tell is the information of its answer
//! about which of them holds. Where all of them predict the same, or a setting accounts for the silence, it tells
//! nothing, and the other side is spared it.

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::net::IpAddr;
use core::time::Duration;

use peerscope_vocabulary::{Observation, ProbeKind, Spoken};

use super::accounted::Accounted;
use super::beside::{connect_clue, echo_clue};
use super::case::{Case, Question};
use super::explore;
use super::hypothesis::{Clue, fit};
use super::information::entropy;
use super::posterior::posterior;
use super::seen::Seen;
use super::silence;
use crate::cause::CauseCode;

/// What tells less than this, in bits, is not worth a packet to somebody who was not named.
pub(super) const LEAST: f64 = 0.005;
/// How long an answer takes, where there is one: a path within a Region takes less.
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// Of so many probes at the most it is worked out what they tell together; of more, each counts by itself.
const TOGETHER: usize = 4;

/// A probe that may be sent beside those of the named port.
#[derive(Clone, Debug)]
pub(super) struct Permitted {
    /// An echo, or a connect.
    pub(super) kind: ProbeKind,
    /// Whom it asks.
    pub(super) address: IpAddr,
    /// On which port; 0 for an echo.
    pub(super) port: u16,
    /// What its answer would be as evidence.
    pub(super) clue: Clue,
}

impl Permitted {
    /// An echo to the target itself.
    pub(super) fn echo(case: &Case, question: &Question) -> Self {
        let clue = echo_clue(case, question, false, String::new());
        Self { kind: ProbeKind::IcmpEcho, address: question.address, port: 0, clue }
    }

    /// Connects to other ports of the target and to its neighbours.
    pub(super) fn others(case: &Case, question: &Question) -> Vec<Self> {
        let connect = |(address, port)| Self {
            kind: ProbeKind::TcpConnect,
            address,
            port,
            clue: connect_clue(case, question, (address, port), false, String::new()),
        };
        explore::others(case, question).into_iter().map(connect).collect()
    }

    /// Whether this is an observation of it.
    pub(super) fn is_of(&self, observation: &Observation) -> bool {
        let request = &observation.request;
        (request.kind, request.address, request.port) == (self.kind, self.address, self.port)
            && !request.dont_fragment
    }
}

/// What may be the cause of a silence, as far as it has been seen.
#[derive(Debug)]
pub(super) struct Weighing {
    /// Each cause with its weight before anything was seen beside the silence; none where there is nothing to weigh.
    hypotheses: Vec<(f64, CauseCode)>,
    /// What was seen beside it.
    clues: Vec<Clue>,
}

impl Weighing {
    /// What these observations leave open.
    pub(super) fn of(
        case: &Case,
        question: &Question,
        observations: &[Observation],
        spoken: &[Spoken],
    ) -> Self {
        Self::of_seen(case, question, &Seen::of(case, question, observations, spoken))
    }

    /// What this leaves open.
    pub(super) fn of_seen(case: &Case, question: &Question, seen: &Seen<'_>) -> Self {
        let accounted = Accounted::of(case, question, seen);
        let mut hypotheses: Vec<(f64, CauseCode)> = Vec::new();
        if !accounted.unexplained.is_empty() && seen.passing.is_empty() {
            for (weight, cause) in silence::hypotheses(case, question, accounted.suspected(question)) {
                // Those of one code predict the same.
                match hypotheses.iter_mut().find(|(_, code)| *code == cause.code) {
                    Some((known, _)) => *known += weight,
                    None => hypotheses.push((weight, cause.code)),
                }
            }
        }
        Self::new(hypotheses, seen.beside.clues(case, question))
    }

    /// Causes with their weights, and what was seen beside the silence.
    pub(super) fn new(hypotheses: Vec<(f64, CauseCode)>, clues: Vec<Clue>) -> Self {
        Self { hypotheses, clues }
    }

    /// Each cause's weight, and how likely all that was seen is by it, and these outcomes.
    fn weighed(&self, outcomes: &[Clue]) -> Vec<(f64, f64)> {
        let clues: Vec<Clue> = self.clues.iter().chain(outcomes).cloned().collect();
        self.hypotheses.iter().map(|(weight, code)| (*weight, fit(*code, &clues))).collect()
    }

    /// How likely it is that the probe is answered, 0 to 1.
    pub(super) fn chance(&self, clue: &Clue) -> f64 {
        let answered = Clue { answered: true, ..clue.clone() };
        let before = likelihood(&self.weighed(&[]));
        if before > 0.0 { likelihood(&self.weighed(&[answered])) / before } else { 0.0 }
    }

    /// What the answers of these probes together are expected to tell of the cause, in bits.
    pub(super) fn information(&self, probes: &[&Clue]) -> f64 {
        let before = self.weighed(&[]);
        let whole = likelihood(&before);
        if self.hypotheses.len() < 2 || whole <= 0.0 {
            return 0.0;
        }
        let mut left = 0.0;
        for outcome in 0..1_u32 << probes.len() {
            let answered = |place: usize| outcome & (1 << place) != 0;
            let clues = probes.iter().enumerate();
            let clues: Vec<Clue> =
                clues.map(|(place, clue)| Clue { answered: answered(place), ..(*clue).clone() }).collect();
            let after = self.weighed(&clues);
            left += likelihood(&after) / whole * entropy(&posterior(&after));
        }
        (entropy(&posterior(&before)) - left).max(0.0)
    }

    /// What one more is expected to tell beside those that are under way, in bits.
    pub(super) fn adds(&self, clue: &Clue, under_way: &[&Clue]) -> f64 {
        let latest = under_way.len().saturating_sub(TOGETHER - 1);
        let mut all: Vec<&Clue> = under_way.iter().skip(latest).copied().collect();
        let without = self.information(&all);
        all.push(clue);
        (self.information(&all) - without).max(0.0)
    }
}

/// How likely what was seen is, by all hypotheses together, but for a constant.
fn likelihood(weighed: &[(f64, f64)]) -> f64 {
    weighed.iter().map(|(weight, likelihood)| weight * likelihood).sum()
}

/// The place of the best of `permitted`, by what it is expected to tell for each second until it has told; none where none is worth
/// a packet. `may_go` says whether the pace lets it go: what it holds back loses nothing by what goes elsewhere meanwhile.
/// `believed` is how long silence has to last to be counted as such.
pub(super) fn best(
    weighing: &Weighing,
    permitted: &[Permitted],
    under_way: &[&Clue],
    may_go: impl Fn(&Permitted) -> bool,
    believed: Duration,
) -> Option<usize> {
    let going = permitted.iter().enumerate().filter(|(_, one)| may_go(one));
    let rated = going.filter_map(|(place, one)| {
        let bits = weighing.adds(&one.clue, under_way);
        let chance = weighing.chance(&one.clue);
        let told = chance * ROUND_TRIP.as_secs_f64() + (1.0 - chance) * believed.as_secs_f64();
        (bits >= LEAST).then(|| (bits / told, place))
    });
    // Of equals the first: the order of those that may be asked is by how likely they are to be there.
    let better = |(one, _): &(f64, usize), (other, _): &(f64, usize)| match one.total_cmp(other) {
        Ordering::Equal => Ordering::Greater,
        order => order,
    };
    rated.max_by(better).map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::explore::Nearness;
    use crate::diagnose::hypothesis::Chances;

    fn clue(near: Nearness, expected: f64) -> Clue {
        Clue { near, same_port: false, answered: false, expected, is_standing: false, text: String::new() }
    }

    fn answered(clue: &Clue) -> Clue {
        Clue { answered: true, ..clue.clone() }
    }

    fn even(codes: &[CauseCode], clues: Vec<Clue>) -> Weighing {
        Weighing::new(codes.iter().map(|code| (1.0, *code)).collect(), clues)
    }

    #[test]
    fn what_divides_two_equal_causes_for_certain_tells_one_bit_and_what_meets_both_none() {
        let causes = [CauseCode::HostSilent, CauseCode::HostFirewall];
        let weighing = even(&causes, Vec::new());
        let sure = clue(Nearness::Host, 1.0);
        assert!((weighing.information(&[&sure]) - 1.0).abs() < 0.01);
        assert!((weighing.chance(&sure) - 0.5).abs() < 0.01);
        let elsewhere = clue(Nearness::Network, Chances::NEIGHBOUR);
        assert!(weighing.information(&[&elsewhere]) < 1e-6, "neither stops it");
        assert!(even(&causes[..1], Vec::new()).information(&[&sure]) < 1e-9, "there is nothing to divide");
        assert!(even(&[], Vec::new()).information(&[&sure]) < 1e-9);
    }

    #[test]
    fn a_second_probe_tells_less_than_the_first_and_nothing_after_an_answer() {
        let causes = [CauseCode::HostSilent, CauseCode::HostFirewall];
        let port = clue(Nearness::Host, Chances::OPEN_PORT);
        let first = even(&causes, Vec::new());
        let alone = first.information(&[&port]);
        let beside = first.adds(&port, &[&port]);
        assert!(0.0 < beside && beside < alone / 2.0, "{beside} of {alone}");
        assert!((first.information(&[&port, &port]) - alone - beside).abs() < 1e-9);
        let silent = even(&causes, Vec::from([port.clone()]));
        assert!(silent.information(&[&port]) < alone);
        let told = even(&causes, Vec::from([answered(&port)]));
        assert!(told.information(&[&port]) < LEAST, "{}", told.information(&[&port]));
    }

    #[test]
    fn what_a_probe_tells_is_never_more_than_is_open_and_never_less_than_nothing() {
        let codes = [
            CauseCode::EniSgRulesMismatch,
            CauseCode::SubnetAclRestriction,
            CauseCode::HostSilent,
            CauseCode::NoRouteToDestination,
            CauseCode::PeeringMissing,
        ];
        let all = [Nearness::Host, Nearness::Subnet, Nearness::RouteTable, Nearness::Network];
        for one in all {
            for other in all {
                let (one, other) = (clue(one, 0.7), clue(other, 0.4));
                let weighing = even(&codes, Vec::new());
                let (alone, both) = (weighing.information(&[&one]), weighing.information(&[&one, &other]));
                assert!((0.0..=2.33).contains(&alone) && alone <= both + 1e-9, "{one:?} {other:?}");
                assert!(weighing.adds(&other, &[&one]) <= weighing.information(&[&other]) + 1e-9);
            }
        }
    }

    #[test]
    fn the_best_tells_most_for_its_time_and_what_tells_nothing_is_not_sent() {
        let weighing = even(&[CauseCode::HostSilent, CauseCode::HostFirewall], Vec::new());
        let address = IpAddr::from([10, 0, 0, 1]);
        let permitted = |near, expected| Permitted {
            kind: ProbeKind::TcpConnect,
            address,
            port: 22,
            clue: clue(near, expected),
        };
        let offered = [
            permitted(Nearness::Network, Chances::NEIGHBOUR),
            permitted(Nearness::Host, Chances::COMMON_PORT),
            permitted(Nearness::Host, Chances::OPEN_PORT),
        ];
        let believed = Duration::from_millis(300);
        let chosen = |may_go: &dyn Fn(&Permitted) -> bool| best(&weighing, &offered, &[], may_go, believed);
        assert_eq!(chosen(&|_| true), Some(2));
        assert_eq!(chosen(&|one| one.clue.expected < 0.5), Some(1), "the best is held back");
        assert_eq!(chosen(&|_| false), None);
        assert_eq!(best(&weighing, &offered[..1], &[], |_| true, believed), None);
    }
}
