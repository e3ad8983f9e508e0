//! Which hop is asked next, and when enough is known.
//!
//! ```text
//! hop 1, 2, 3 … several at a time, each asked again where it was silent
//!    │ the target answers, or somebody ends the path ──▶ done
//!    │ too many silent hops in a row, or the last one
//!    ▼
//! once without a limit: a target behind silent hops answers all the same ──▶ done
//! ```
//! A connect whose limit reaches the target is a connect like any other. So few are in flight over TCP:
//! what has gone beyond the target when its first answer comes are at most so many connects, and a
//! MySQL bears three.

use std::collections::BTreeMap;
use std::num::NonZero;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind};

/// How often a silent hop is asked.
const ATTEMPTS: u8 = 2;

/// After so many silent hops in a row no more are looked for.
const SILENT_HOPS: u8 = 8;

/// How far a packet is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reach {
    /// So many hops.
    Hop(NonZero<u8>),
    /// As far as it takes.
    Unlimited,
}

/// What is known of one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// How often it was asked.
    pub(super) asked: u8,
    /// Whether an answer is being waited for.
    is_waiting: bool,
    /// The last answer; silence is one as well.
    pub(super) seen: Option<Observation>,
}

impl Hop {
    fn is_silent(&self) -> bool {
        self.seen.is_none_or(|seen| seen.outcome == Outcome::Timeout)
    }
}

/// How a trace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The target answered: at this hop, or only without a limit.
    Reached(Reach),
    /// Somebody on the way said that it goes no further.
    Stopped(NonZero<u8>),
    /// Nobody said anything any more.
    Lost,
    /// This host sent nothing.
    NothingSent,
}

/// A trace under way.
#[derive(Debug)]
pub(super) struct Sweep {
    hops: BTreeMap<Reach, Hop>,
    max_hops: u8,
    in_flight_limit: usize,
    refused_here: Option<Observation>,
}

impl Sweep {
    /// A trace of at most so many hops, by that kind of packet.
    pub(super) fn new(kind: ProbeKind, max_hops: u8) -> Self {
        let in_flight_limit = if kind == ProbeKind::TcpConnect { 3 } else { 8 };
        Self { hops: BTreeMap::new(), max_hops, in_flight_limit, refused_here: None }
    }

    /// What to ask now; none while enough is under way, or nothing is left to ask.
    pub(super) fn next(&mut self) -> Option<Reach> {
        let in_flight = self.waiting().count();
        if in_flight >= self.in_flight_limit || self.refused_here.is_some() {
            return None;
        }
        let wanted = self.unfinished().or_else(|| {
            let is_last = in_flight == 0 && self.known().is_none();
            (is_last && !self.hops.contains_key(&Reach::Unlimited)).then_some(Reach::Unlimited)
        })?;
        let hop = self.hops.entry(wanted).or_default();
        hop.asked += 1;
        hop.is_waiting = true;
        Some(wanted)
    }

    /// Takes in what came of a question.
    pub(super) fn take(&mut self, reach: Reach, observation: Observation) {
        let Some(hop) = self.hops.get_mut(&reach) else { return };
        hop.is_waiting = false;
        if matches!(observation.outcome, Outcome::LocalError { .. }) {
            self.refused_here = Some(observation);
        }
        hop.seen = Some(observation);
    }

    /// Whether nothing is left to ask, and nothing under way that could tell more.
    pub(super) fn is_over(&self) -> bool {
        if self.waiting().next().is_some() {
            return false;
        }
        let has_asked_all = self.known().is_some() || self.hops.contains_key(&Reach::Unlimited);
        self.refused_here.is_some() || (has_asked_all && self.unfinished().is_none())
    }

    /// How it ended, as far as is known.
    pub(super) fn end(&self) -> End {
        if let Some(end) = self.known() {
            return end;
        }
        let anything_sent = self
            .hops
            .values()
            .filter_map(|hop| hop.seen)
            .any(|seen| !matches!(seen.outcome, Outcome::LocalError { .. }));
        if anything_sent { End::Lost } else { End::NothingSent }
    }

    /// The hops to show, in order: up to the one that ended it, or the last that was looked for.
    pub(super) fn hops(&self) -> impl Iterator<Item = (NonZero<u8>, &Hop)> {
        let last = match self.end() {
            End::Reached(Reach::Hop(hop)) | End::Stopped(hop) => hop,
            _ => NonZero::<u8>::MAX,
        };
        self.hops.iter().filter_map(move |(reach, hop)| match reach {
            Reach::Hop(number) if *number <= last => Some((*number, hop)),
            _ => None,
        })
    }

    /// What came of the packet without a limit, where one was sent.
    pub(super) fn unlimited(&self) -> Option<&Hop> {
        self.hops.get(&Reach::Unlimited)
    }

    /// Why this host sent nothing, or no more.
    pub(super) fn refused_here(&self) -> Option<&Observation> {
        self.refused_here.as_ref()
    }

    /// The nearest hop that decides.
    fn known(&self) -> Option<End> {
        self.hops.iter().find_map(|(reach, hop)| {
            let seen = hop.seen?;
            let is_target = seen.is_answer()
                || seen.outcome.icmp().is_some_and(|icmp| icmp.from == Some(seen.request.address));
            match (seen.outcome, *reach) {
                _ if is_target => Some(End::Reached(*reach)),
                (Outcome::Prohibited { .. } | Outcome::Unreachable { .. }, Reach::Hop(hop)) => {
                    Some(End::Stopped(hop))
                }
                _ => None,
            }
        })
    }

    /// The hops that are worth knowing: before the one that ended it, else so many beyond the last that
    /// was heard of.
    fn wanted(&self) -> impl Iterator<Item = Reach> {
        let last = match self.known() {
            Some(End::Reached(Reach::Hop(end)) | End::Stopped(end)) => end.get() - 1,
            Some(_) => 0,
            None => {
                let heard = self.hops.iter().rev().find_map(|(reach, hop)| match reach {
                    Reach::Hop(number) if hop.seen.is_some() && !hop.is_silent() => Some(number.get()),
                    _ => None,
                });
                heard.unwrap_or(0).saturating_add(SILENT_HOPS).min(self.max_hops)
            }
        };
        (1..=last).filter_map(NonZero::new).map(Reach::Hop)
    }

    /// A hop that is worth asking, or asking again.
    fn unfinished(&self) -> Option<Reach> {
        self.wanted().find(|reach| {
            let hop = self.hops.get(reach);
            hop.is_none_or(|hop| !hop.is_waiting && hop.is_silent() && hop.asked < ATTEMPTS)
        })
    }

    /// What is under way and could still tell something: what went beyond the end cannot.
    fn waiting(&self) -> impl Iterator<Item = &Hop> {
        let end = match self.known() {
            Some(End::Reached(end)) => Some(end),
            Some(End::Stopped(end)) => Some(Reach::Hop(end)),
            _ => None,
        };
        let before_end = move |reach: &Reach| end.is_none_or(|end| *reach < end);
        self.hops.iter().filter(move |(reach, hop)| before_end(reach) && hop.is_waiting).map(|(_, hop)| hop)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use peerscope_vocabulary::{IcmpMessage, LocalRefusal, ProbeId, ProbeRequest};

    use super::*;

    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 2, 0, 2));

    fn saw(outcome: Outcome) -> Observation {
        let request = ProbeRequest::plain(ProbeId(0), ProbeKind::TcpConnect, TARGET, 80, Duration::ZERO);
        Observation::bare(request, outcome)
    }

    fn from(octet: u8) -> IcmpMessage {
        IcmpMessage { icmp_type: 11, code: 0, from: Some([10, 9, 0, octet].into()) }
    }

    /// Answers every question at once by `path`; gives how many packets that took, and the most in flight.
    fn walk(sweep: &mut Sweep, path: impl Fn(Reach) -> Outcome) -> (usize, usize) {
        let (mut sent, mut most) = (0, 0);
        while !sweep.is_over() {
            let mut asked = Vec::new();
            while let Some(reach) = sweep.next() {
                asked.push(reach);
            }
            assert!(!asked.is_empty(), "{sweep:?}");
            sent += asked.len();
            most = most.max(asked.len());
            for reach in asked {
                sweep.take(reach, saw(path(reach)));
            }
        }
        (sent, most)
    }

    fn hop(number: u8) -> NonZero<u8> {
        NonZero::new(number).unwrap()
    }

    #[test]
    fn a_path_is_followed_to_its_end_with_few_connects() {
        let mut sweep = Sweep::new(ProbeKind::TcpConnect, 30);
        let connects = std::cell::Cell::new(0);
        let (_, most) = walk(&mut sweep, |reach| match reach {
            Reach::Hop(number) if number.get() < 3 => Outcome::TimeExceeded { icmp: from(number.get()) },
            _ => {
                connects.set(connects.get() + 1);
                Outcome::Connected
            }
        });
        assert_eq!(sweep.end(), End::Reached(Reach::Hop(hop(3))));
        assert_eq!(sweep.hops().count(), 3);
        assert!(most <= 3 && connects.get() <= 3, "{most} in flight, {} connects", connects.get());
    }

    #[test]
    fn silent_hops_are_asked_twice_and_a_target_behind_them_is_found() {
        let mut sweep = Sweep::new(ProbeKind::TcpConnect, 30);
        let (sent, _) = walk(&mut sweep, |reach| match reach {
            Reach::Unlimited => Outcome::Refused,
            Reach::Hop(_) => Outcome::Timeout,
        });
        assert_eq!(sweep.end(), End::Reached(Reach::Unlimited));
        assert_eq!(sent, usize::from(SILENT_HOPS) * 2 + 1);
        assert!(sweep.hops().all(|(_, hop)| hop.asked == 2));
    }

    #[test]
    fn silent_hops_before_the_target_are_asked_twice_as_well() {
        let mut sweep = Sweep::new(ProbeKind::Udp, 30);
        walk(&mut sweep, |reach| match reach {
            Reach::Hop(number) if number.get() < 3 => Outcome::Timeout,
            _ => Outcome::Answered,
        });
        assert_eq!(sweep.end(), End::Reached(Reach::Hop(hop(3))));
        let asked: Vec<u8> = sweep.hops().map(|(_, hop)| hop.asked).collect();
        assert_eq!(asked, [2, 2, 1]);
    }

    #[test]
    fn nothing_at_all_is_lost_and_a_router_that_refuses_ends_it() {
        let mut sweep = Sweep::new(ProbeKind::Udp, 4);
        walk(&mut sweep, |_| Outcome::Timeout);
        assert_eq!((sweep.end(), sweep.hops().count()), (End::Lost, 4));
        let mut sweep = Sweep::new(ProbeKind::IcmpEcho, 30);
        walk(&mut sweep, |reach| match reach {
            Reach::Hop(number) if number.get() == 1 => Outcome::TimeExceeded { icmp: from(1) },
            _ => Outcome::Prohibited { icmp: IcmpMessage { icmp_type: 3, code: 13, ..from(2) } },
        });
        assert_eq!((sweep.end(), sweep.hops().count()), (End::Stopped(hop(2)), 2));
    }

    #[test]
    fn a_host_that_may_not_send_is_asked_no_more() {
        let mut sweep = Sweep::new(ProbeKind::IcmpEcho, 30);
        let refusal = LocalRefusal::NotPermitted;
        let (sent, _) = walk(&mut sweep, |_| Outcome::LocalError { refusal, errno: 13 });
        assert_eq!(sweep.end(), End::NothingSent);
        assert!(sent <= 8);
        assert!(sweep.refused_here().is_some());
    }

    #[test]
    fn the_target_that_forbids_it_was_reached() {
        let mut sweep = Sweep::new(ProbeKind::TcpConnect, 30);
        walk(&mut sweep, |_| Outcome::Prohibited {
            icmp: IcmpMessage { icmp_type: 3, code: 13, from: Some(TARGET) },
        });
        assert_eq!(sweep.end(), End::Reached(Reach::Hop(hop(1))));
    }
}
