//! Which sizes of packets pass in a connection: a few conversations that say more than a packet holds.
//!
//! Where echoes are not let through, and for the direction, which an echo does not tell, only a connection does. What
//! its other side's system does not acknowledge is lost on the way there; where that acknowledged all and the answer
//! does not come, it is lost on the way back, or nobody answers. So the same request is made again with the packets of
//! both ends held to smaller sizes (by the MSS, which this end keeps and announces): who hangs does so at every size.
//!
//! ```text
//!  Full ── carried ─────────────────────────────────────────────────────────────────────────▶ Done
//!   │ stalled                                                                                 ▲
//!   ▼                                                                                         │
//!  Ladder ── the smallest stalls too ─────────────────────────────────────────────────────────┤
//!   │ nothing left between                                                                    │
//!   ├── it was the way there: once more, said in small pieces, so that the way back is tried ─┤
//!   └── it was the way back, one stall alone: that size once more ────────────────────────────┘
//! ```

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::NonZero;
use core::time::Duration;

use peerscope_vocabulary::{
    ApplicationProtocol, Carried, Handshake, HandshakeEnd, HandshakeReply, HandshakeStep, Observation,
    ProbeKind, ProbeRequest, ProtocolAnswer, SegmentLimits, Spoken,
};

use super::sizes::{AT_ONCE, KNOWN, LARGEST, spread};

/// The most conversations of a search.
pub(super) const MOST: usize = 8;
/// By so much the request is longer than the largest packet: a second, shorter one follows it.
const BEYOND: u32 = 600;
/// How long an answer is waited for, beside round trips: so long that a lost segment was sent three times more (200 ms,
/// 400 ms and 800 ms apart at the least; RFC 6298 with Linux's bounds).
const PATIENCE: Duration = Duration::from_millis(1_450);
/// How many round trips an answer may take: TLS's, and a timeout of three for each that is resent.
const ROUND_TRIPS: u32 = 8;
/// So often a segment has to have been sent again before its loss is taken for no accident.
const RESENT: u32 = 2;

/// Whether a probe tells of the sizes that a connection carries, and of nothing else.
pub(super) fn is_of_segments(request: &ProbeRequest) -> bool {
    request.kind == ProbeKind::Handshake && request.payload_length > 0
}

/// What such a probe was to say, in words.
pub(super) fn words(request: &ProbeRequest) -> String {
    let SegmentLimits { both, own } = request.segments;
    let length = request.payload_length;
    match (own, both) {
        (Some(own), _) => format!("a request of {length} bytes, said in packets of {own} bytes"),
        (None, Some(both)) => {
            format!("a request of {length} bytes, both ends held to packets of {both} bytes")
        }
        (None, None) => format!("a request of {length} bytes"),
    }
}

/// Whether a service that so answered can be asked at length: it has to speak, and its protocol to have means. A MySQL
/// speaks first, and counts who leaves it.
pub(super) fn can_be_asked(handshake: &Handshake, reply: &HandshakeReply) -> bool {
    if handshake.protocol == ApplicationProtocol::Mysql {
        return false;
    }
    match &reply.end {
        Some(HandshakeEnd::Answered { answer: ProtocolAnswer::Postgresql { offers_tls } }) => *offers_tls,
        Some(HandshakeEnd::Answered { .. }) => true,
        Some(HandshakeEnd::Silent { step, .. }) => {
            matches!(step, HandshakeStep::Tls | HandshakeStep::Reply)
        }
        _ => false,
    }
}

/// How one conversation fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// What was said was acknowledged, and an answer came.
    Carried { there: u32, back: Option<u32>, is_told: bool },
    /// What was said was not acknowledged, sent so often again.
    LostThere { resent: u32 },
    /// It was, and the answer did not come, or not all of it. Whether a later piece of it came without the earlier.
    LostBack { beyond: bool },
}

/// What a conversation tells; none where it was not established or nothing is known of its packets.
fn fate(reply: &HandshakeReply, headers: u32) -> Option<Fate> {
    let carried: &Carried = reply.carried.as_deref()?;
    let found_smaller = carried.largest_at_end < carried.largest && !carried.is_told;
    let lost = carried.unacknowledged > 0 || found_smaller;
    match &reply.end {
        Some(HandshakeEnd::Silent { .. }) if lost => {
            (carried.resent >= RESENT).then_some(Fate::LostThere { resent: carried.resent })
        }
        _ if lost || carried.said + headers < carried.largest => None,
        Some(HandshakeEnd::Silent { .. }) => Some(Fate::LostBack { beyond: carried.out_of_order > 0 }),
        // A reset may be the answer of a box that packets of this size do not pass.
        Some(HandshakeEnd::Closed { .. }) | None => None,
        Some(_) => Some(Fate::Carried {
            there: carried.largest_at_end,
            back: carried.largest_received,
            is_told: carried.is_told,
        }),
    }
}

/// How conversations of one size fared.
#[derive(Clone, Copy, Debug, Default)]
struct Fared {
    carried: usize,
    lost_there: usize,
    lost_back: usize,
}

impl Fared {
    /// Whether none was carried, and one was lost.
    fn is_lost(self) -> bool {
        self.carried == 0 && self.lost_there + self.lost_back > 0
    }
}

/// What is known of the sizes that a connection carries.
#[derive(Clone, Debug, Default)]
pub(super) struct Segments {
    /// By the largest packet that this side sends.
    fared: BTreeMap<u32, Fared>,
    /// The largest that passed there, and of those the largest that came back, where anybody answered.
    passed: Option<(u32, Option<u32>, bool)>,
    /// What became of the answer to what was said in small pieces.
    in_pieces: Option<Fate>,
    /// How often a segment was sent again in vain.
    resent: u32,
    /// Whether a later piece of an answer came without the earlier.
    beyond: bool,
}

/// Where packets are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On the way there; of the way back nothing is known.
    There,
    /// On the way there, and not on the way back.
    ThereAlone,
    /// On the way back, and not on the way there.
    Back,
    /// On both.
    Both,
}

/// Packets of a connection that are lost in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stalled {
    pub(super) way: Way,
    /// Conversations with packets of this size are carried.
    pub(super) fits: u32,
    /// Those with packets of this size are not.
    pub(super) lost: u32,
    /// Nor were those of this size, the largest.
    pub(super) tried: u32,
    /// How many conversations stalled.
    pub(super) count: usize,
    /// How often a segment was sent again in vain.
    pub(super) resent: u32,
    /// Whether a later piece of an answer came without the earlier.
    pub(super) beyond: bool,
}

/// What the conversations come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    /// Nobody was asked at length.
    Unasked,
    /// Packets of these sizes, the largest that were to be expected, pass; of the answer's size that is known which came,
    /// where it was large. `is_told` is whether an ICMP message said that larger ones do not fit.
    Whole { there: u32, back: Option<u32>, is_told: bool },
    /// Larger ones stall.
    Stalls(Stalled),
    /// Conversations stall whatever the size of their packets, down to this one.
    AtEverySize(u32),
    /// What was seen has no pattern in it, or not enough was.
    Unclear,
}

impl Segments {
    /// What conversations tell, of which others than padded ones are passed over.
    pub(super) fn of<'a>(spoken: impl Iterator<Item = (&'a Observation, &'a Spoken)>) -> Self {
        let mut segments = Self::default();
        spoken.for_each(|(observation, one)| segments.learn(&observation.request, &one.reply));
        segments
    }

    /// Takes in how one fared.
    pub(super) fn learn(&mut self, request: &ProbeRequest, reply: &HandshakeReply) {
        if !is_of_segments(request) {
            return;
        }
        let headers = if request.address.to_canonical().is_ipv4() { 40 } else { 60 };
        let Some((fate, carried)) = fate(reply, headers).zip(reply.carried.as_deref()) else { return };
        if request.segments.own.is_some() {
            self.in_pieces = Some(fate);
            return;
        }
        let fared = self.fared.entry(carried.largest).or_default();
        match fate {
            Fate::Carried { there, back, is_told } => {
                fared.carried += 1;
                self.passed = self.passed.max(Some((there, back, is_told)));
            }
            Fate::LostThere { resent } => {
                fared.lost_there += 1;
                self.resent = self.resent.max(resent);
            }
            Fate::LostBack { beyond } => {
                fared.lost_back += 1;
                self.beyond |= beyond;
            }
        }
    }

    /// The largest size that was carried, and the smallest above it that was lost.
    fn bounds(&self) -> (Option<u32>, Option<u32>) {
        let of = |(size, _): (&u32, &Fared)| *size;
        let fits = self.fared.iter().rev().find(|(_, fared)| fared.carried > 0).map(of);
        let lost = self.fared.iter().find(|(size, fared)| fared.is_lost() && Some(**size) > fits).map(of);
        (fits, lost)
    }

    fn lost(&self) -> impl Iterator<Item = (u32, Fared)> + Clone + '_ {
        self.fared.iter().filter(|(_, fared)| fared.is_lost()).map(|(size, fared)| (*size, *fared))
    }

    fn is_lost_there(&self) -> bool {
        self.lost().any(|(_, fared)| fared.lost_there > 0)
    }

    /// How many conversations stalled at sizes that none passed.
    fn stalls(&self) -> usize {
        self.lost().map(|(_, fared)| fared.lost_there + fared.lost_back).sum()
    }

    /// What it comes to.
    pub(super) fn carries(&self) -> Carries {
        let Some(tried) = self.fared.keys().next_back().copied() else { return Carries::Unasked };
        let (fits, lost) = self.bounds();
        let Some(fits) = fits else {
            return match self.fared.keys().next() {
                Some(smallest) if self.fared.len() > 1 => Carries::AtEverySize(*smallest),
                _ => Carries::Unclear,
            };
        };
        let is_scattered = self.lost().any(|(size, _)| size < fits);
        let Some(lost) = lost else {
            return match self.passed {
                Some((there, back, is_told)) if !is_scattered => Carries::Whole { there, back, is_told },
                _ => Carries::Unclear,
            };
        };
        let count = self.stalls();
        // That a segment was sent again in vain, or that a later one came, is the network's. Without either, whoever
        // hangs now and then might look the same.
        let beyond = self.beyond || matches!(self.in_pieces, Some(Fate::LostBack { beyond: true }));
        if is_scattered || !(self.is_lost_there() || beyond) {
            return Carries::Unclear;
        }
        let way = match (self.is_lost_there(), self.in_pieces) {
            (false, _) => Way::Back,
            (true, _) if beyond => Way::Both,
            (true, Some(Fate::Carried { back: Some(back), .. })) if back >= lost => Way::ThereAlone,
            (true, _) => Way::There,
        };
        Carries::Stalls(Stalled { way, fits, lost, tried, count, resent: self.resent, beyond })
    }
}

/// Conversations to be begun side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// The limits of each.
    pub(super) limits: Vec<SegmentLimits>,
    /// How long each request is.
    pub(super) length: u16,
    /// How long each connect, and each answer, is waited for.
    pub(super) patience: Duration,
}

/// A search for the largest packets that a connection carries.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) segments: Segments,
    sent: usize,
    /// The largest size, and whether it has to be asked for since connections might send larger ones.
    full: Option<(u32, bool)>,
    is_done: bool,
}

impl Search {
    /// What to begin next, once all that was begun has ended; none where nothing more is to be learnt. `agreed` is what
    /// connections send at the most, `passes` the largest size that echoes were heard of where larger ones were not;
    /// `rtt` the longest round trip, `time` what is left.
    pub(super) fn next(
        &mut self,
        agreed: Option<u32>,
        passes: Option<u32>,
        rtt: Duration,
        time: Duration,
    ) -> Option<Round> {
        let agreed = agreed?;
        let (full, _) = *self.full.get_or_insert((agreed.min(LARGEST), agreed > LARGEST));
        let patience = PATIENCE + rtt.saturating_mul(ROUND_TRIPS);
        let limits = if self.is_done || time < patience { Vec::new() } else { self.limits(passes) };
        if limits.is_empty() {
            self.is_done = true;
            return None;
        }
        self.sent += limits.len();
        let length = u16::try_from(full + BEYOND).unwrap_or(u16::MAX);
        Some(Round { limits, length, patience })
    }

    fn limits(&self, passes: Option<u32>) -> Vec<SegmentLimits> {
        let Some((full, is_asked_for)) = self.full else { return Vec::new() };
        // What nothing limits is the other side's choice too, as in an application's connection.
        let both = |size: u32| {
            let is_limited = is_asked_for || size < full;
            SegmentLimits { both: nonzero(size).filter(|_| is_limited), own: None }
        };
        let left = MOST - self.sent.min(MOST);
        let segments = &self.segments;
        let (fits, lost) = segments.bounds();
        if segments.fared.is_empty() {
            // A connect may get lost, or its port be in use.
            return if self.sent < 2 { Vec::from([both(full)]) } else { Vec::new() };
        }
        let Some(lost) = lost else { return Vec::new() };
        // Whoever stalls at the smallest does not for the size.
        let smallest = KNOWN.first().copied().unwrap_or_default();
        if segments.fared.get(&smallest).is_some_and(|fared| fared.is_lost()) {
            return Vec::new();
        }
        let wants_pieces = segments.is_lost_there() && segments.in_pieces.is_none();
        let rungs = left.saturating_sub(usize::from(wants_pieces)).min(AT_ONCE);
        let between = |from: u32| {
            let known = KNOWN.iter().copied().filter(move |known| *known >= from && *known < lost);
            known.collect::<Vec<u32>>()
        };
        let mut sizes = match (fits, passes.filter(|passes| *passes < lost)) {
            (None, Some(passes)) if self.sent < 2 => Vec::from([passes]),
            (None, _) => {
                let others = spread(&between(smallest + 1), AT_ONCE - 1);
                [smallest].into_iter().chain(others).collect()
            }
            (Some(fits), Some(passes)) if passes == fits => Vec::new(),
            (Some(fits), _) => spread(&between(fits + 1), AT_ONCE),
        };
        sizes.truncate(rungs);
        if !sizes.is_empty() {
            return sizes.into_iter().map(both).collect();
        }
        if let Some(fits) = fits.filter(|_| wants_pieces && left > 0) {
            return Vec::from([SegmentLimits { own: nonzero(fits), ..both(full) }]);
        }
        // How often the other side sends its answer again is not seen here.
        let is_sure = segments.is_lost_there() || segments.stalls() > 1 || passes.is_some();
        if is_sure || left == 0 { Vec::new() } else { Vec::from([both(lost)]) }
    }
}

fn nonzero(size: u32) -> Option<NonZero<u16>> {
    u16::try_from(size).ok().and_then(NonZero::new)
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use core::net::IpAddr;

    use peerscope_vocabulary::ProbeId;

    use super::*;

    const TARGET: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 100, 2, 20));
    const TIME: Duration = Duration::from_secs(20);
    const RTT: Duration = Duration::from_millis(2);
    /// What the request's answer takes beside its packets' headers.
    const ANSWER: u32 = 2_100;

    /// A path and a service: what passes there and back, and what the service makes of the n-th request.
    struct World {
        agreed: u32,
        there: u32,
        back: u32,
        answer: u32,
        hangs: fn(usize) -> bool,
    }

    const HEALTHY: World =
        World { agreed: 1_500, there: 9_001, back: 9_001, answer: ANSWER, hangs: |_| false };

    fn request(limits: SegmentLimits, round: &Round) -> ProbeRequest {
        ProbeRequest {
            payload_length: round.length,
            segments: limits,
            greeting_wait: round.patience,
            ..ProbeRequest::plain(ProbeId(0), ProbeKind::Handshake, TARGET, 443, round.patience)
        }
    }

    fn reply(world: &World, nth: usize, request: &ProbeRequest) -> HandshakeReply {
        let get = |limit: Option<NonZero<u16>>| limit.map(|limit| u32::from(limit.get()));
        let largest = world.agreed.min(get(request.segments.both).unwrap_or(world.agreed));
        let sent = largest.min(get(request.segments.own).unwrap_or(largest));
        let length = u32::from(request.payload_length);
        let is_lost_there = sent > world.there;
        let answered = !is_lost_there && !(world.hangs)(nth);
        let received = largest.min(world.answer + 52);
        let is_lost_back = answered && received > world.back;
        let carried = Carried {
            said: length,
            unacknowledged: if is_lost_there { length } else { 0 },
            resent: if is_lost_there { 4 } else { 0 },
            largest,
            largest_at_end: largest,
            is_told: false,
            largest_received: (answered && !is_lost_back && received > 588).then_some(received),
            received: if answered && !is_lost_back { world.answer } else { 0 },
            out_of_order: u32::from(is_lost_back),
        };
        let end = if answered && !is_lost_back {
            HandshakeEnd::Answered { answer: ProtocolAnswer::Tls }
        } else {
            let unacknowledged = Some(carried.unacknowledged);
            HandshakeEnd::Silent { step: HandshakeStep::Tls, waited: TIME, received: 0, unacknowledged }
        };
        HandshakeReply { end: Some(end), carried: Some(Box::new(carried)), ..HandshakeReply::default() }
    }

    /// What comes of a search, and how many conversations each round had.
    fn searched(world: &World, passes: Option<u32>) -> (Carries, Vec<usize>) {
        let mut search = Search::default();
        let (mut rounds, mut nth) = (Vec::new(), 0);
        while let Some(round) = search.next(Some(world.agreed), passes, RTT, TIME) {
            rounds.push(round.limits.len());
            for limits in &round.limits {
                let request = request(*limits, &round);
                assert!(u32::from(request.payload_length) > world.agreed.min(LARGEST));
                search.segments.learn(&request, &reply(world, nth, &request));
                nth += 1;
            }
            assert!(nth <= MOST, "{rounds:?}");
        }
        assert!(rounds.iter().all(|count| *count <= AT_ONCE), "{rounds:?}");
        (search.segments.carries(), rounds)
    }

    #[test]
    fn what_carries_all_is_asked_once() {
        for agreed in [1_400, 1_500, 8_500, 9_001, 65_483] {
            let found = searched(&World { agreed, ..HEALTHY }, None);
            let there = agreed.min(LARGEST);
            let back = Some(there.min(ANSWER + 52));
            assert_eq!(found, (Carries::Whole { there, back, is_told: false }, [1].to_vec()));
        }
        // A small answer tells nothing of the way back.
        let found = searched(&World { answer: 90, ..HEALTHY }, None).0;
        assert_eq!(found, Carries::Whole { there: 1_500, back: None, is_told: false });
    }

    #[test]
    fn the_edge_and_the_way_are_found_whichever_they_are() {
        for agreed in [1_500, 9_001] {
            for pair in KNOWN.windows(2) {
                let &[fits, lost] = pair else { panic!("two of them") };
                if lost > agreed {
                    continue;
                }
                for takes in [fits, lost - 1] {
                    for (there, back, expected) in [
                        (takes, 9_001, [Way::ThereAlone, Way::There]),
                        (9_001, takes, [Way::Back, Way::Back]),
                        (takes, takes, [Way::Both, Way::Both]),
                    ] {
                        // An answer as large as the request is what a PING with a message gets.
                        let world = World { agreed, there, back, answer: agreed + 600, ..HEALTHY };
                        for passes in [None, Some(fits)] {
                            let (found, rounds) = searched(&world, passes);
                            let Carries::Stalls(stalled) = found else { panic!("{found:?}") };
                            // Of so many sizes between, not each is tried.
                            let is_narrow = agreed == 1_500 || passes.is_some();
                            assert!(stalled.fits <= takes && stalled.lost > takes, "{takes}: {stalled:?}");
                            if is_narrow {
                                let all = rounds.iter().sum::<usize>();
                                assert!(
                                    stalled.fits == fits || all == MOST,
                                    "{takes}: {stalled:?} {rounds:?}"
                                );
                            }
                            assert!(expected.contains(&stalled.way), "{takes}: {stalled:?} {rounds:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn whoever_hangs_is_not_accused_for_the_size() {
        let (found, rounds) = searched(&World { hangs: |_| true, ..HEALTHY }, None);
        assert_eq!((found, rounds), (Carries::AtEverySize(576), [1, 3].to_vec()));
        // Once, or now and then, without a segment that is seen to be missing.
        for hangs in [(|nth| nth == 0) as fn(usize) -> bool, |nth| nth % 2 == 0, |nth| nth % 3 == 0] {
            let found = searched(&World { hangs, ..HEALTHY }, None).0;
            assert!(!matches!(found, Carries::Stalls(_)), "{found:?}");
        }
    }

    #[test]
    fn what_is_not_known_of_its_packets_tells_nothing() {
        let round = Round { limits: Vec::new(), length: 2_100, patience: TIME };
        let asked = request(SegmentLimits::default(), &round);
        let whole = reply(&HEALTHY, 0, &asked);
        let mut segments = Segments::default();
        assert_eq!(segments.carries(), Carries::Unasked);
        segments.learn(&asked, &HandshakeReply { carried: None, ..whole.clone() });
        segments.learn(&ProbeRequest { payload_length: 0, ..asked }, &whole);
        let end = HandshakeEnd::Closed {
            step: HandshakeStep::Tls,
            by: peerscope_vocabulary::ClosedBy::Reset,
            received: 0,
        };
        segments.learn(&asked, &HandshakeReply { end: Some(end), ..whole.clone() });
        assert_eq!(segments.carries(), Carries::Unasked);
        // One that was not acknowledged, and sent once again at the most, may have been lost.
        let lost = reply(&World { there: 1_000, ..HEALTHY }, 0, &asked);
        let mut carried = *lost.carried.as_deref().unwrap_or(&Carried::default());
        carried.resent = 1;
        segments.learn(&asked, &HandshakeReply { carried: Some(Box::new(carried)), ..lost });
        assert_eq!(segments.carries(), Carries::Unasked);
    }
}
