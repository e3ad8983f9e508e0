//! Which sizes of packets pass: echoes that arrive whole or not at all, a few of them, or datagrams where a service
//! answers those.
//!
//! A link that takes smaller packets than the ends do is no fault where somebody says so: the sender then sends smaller
//! ones. Where nobody does, connections begin and stall. Both show only with packets that may not be divided.
//!
//! ```text
//!  Small ── answered ──▶ Whole ── silent ──▶ Ladder ── nothing left between ──▶ Confirm ──▶ Done
//!    │                    │ ▲ │                                                               ▲
//!    │                    └─┘ └── answered ───────────────────────────────────────────────────┤
//!    │             a smaller one named                                                        │
//!    └── silent, so nothing would be told ────────────────────────────────────────────────────┘
//! ```

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind, ProbeRequest, UnreachableScope};

/// The first packet: a path that does not carry this carries no IP (RFC 791: 68 bytes; an ordinary ping has 84).
const SMALL: u32 = 100;
/// The largest packet of any network of AWS. A larger one, as of the loopback interface, tells of nobody's path.
pub(super) const LARGEST: u32 = 9_001;
/// The sizes that links and tunnels take: IPv4's least that hosts must take, IPv6's least, VPNs of several kinds,
/// WireGuard, VXLAN, Google's networks, GRE, IP in IP, PPPoE, Ethernet, AWS between Regions, jumbo frames.
pub(super) const KNOWN: &[u32] = &[
    576, 1_006, 1_280, 1_340, 1_380, 1_400, 1_420, 1_436, 1_450, 1_460, 1_476, 1_480, 1_492, 1_500, 8_500,
    9_001,
];
/// How many sizes between are tried at once: with the one that is tried again, no more than the manners let out at once.
pub(super) const AT_ONCE: usize = 3;
/// The most packets of a search.
const MOST: usize = 14;
/// How often a smaller size may be named.
const NAMINGS: usize = 3;
/// How long the first is waited for: around the world, and a host that is slow with echoes.
const PATIENT: Duration = Duration::from_millis(600);
/// The shortest wait for a further one.
const HASTY: Duration = Duration::from_millis(400);
/// Beside the round trip: the other side's own time, and this machine's.
const ALLOWANCE: Duration = Duration::from_millis(300);
/// So often silent, and so often answered, is no accident where nothing else is lost.
const REPEATED: usize = 4;
const REPEATED_ANSWERS: usize = 2;

/// Whether a probe was to arrive whole, and so tells of sizes and of nothing else.
pub(super) fn is_of_size(request: &ProbeRequest) -> bool {
    matches!(request.kind, ProbeKind::IcmpEcho | ProbeKind::Udp) && request.dont_fragment
}

/// The length of an echo request's or a datagram's packet, IP header included.
pub(super) fn packet_length(request: &ProbeRequest) -> u32 {
    headers(request.address) + u32::from(request.payload_length).max(8)
}

/// How many bytes after the header of ICMP or UDP, which are as long, make a packet of this length.
pub(super) fn payload(length: u32, address: IpAddr) -> u16 {
    u16::try_from(length.saturating_sub(headers(address))).unwrap_or(u16::MAX)
}

fn headers(address: IpAddr) -> u32 {
    if address.to_canonical().is_ipv4() { 20 + 8 } else { 40 + 8 }
}

/// How packets of one length fared.
#[derive(Clone, Copy, Debug, Default)]
struct Fared {
    answered: usize,
    /// Somebody said that it is too large.
    named: usize,
    silent: usize,
}

impl Fared {
    /// Whether somebody was there to hear it.
    fn is_heard(self) -> bool {
        self.answered + self.named > 0
    }
}

/// What is known of the sizes that pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    fared: BTreeMap<u32, Fared>,
    /// The smallest size that anybody named, and who did.
    named: Option<(u32, Option<IpAddr>)>,
    /// What this machine itself would send at the most, as it told beside the first answer.
    own: Option<u32>,
    slowest: Duration,
    /// Something else came back, which says nothing of sizes.
    is_disturbed: bool,
}

/// What the sizes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passes {
    /// Packets of this size, the largest that was to be expected, pass whole.
    Whole(u32),
    /// Packets of this size pass; of larger ones somebody says that they do not.
    Told { fits: u32, by: Option<IpAddr> },
    /// Packets of `fits` bytes are answered, and of `lost` bytes and more they are not, time and again; nobody says why.
    LostAbove { fits: u32, lost: u32, tried: u32, silent: usize },
    /// Not even a small one was answered.
    Nothing,
    /// What was seen has no pattern in it, or not enough was.
    Unclear,
}

impl Sizes {
    /// What observations tell, of which others than whole echoes are passed over.
    pub(super) fn of<'a>(observations: impl Iterator<Item = &'a Observation>) -> Self {
        let mut sizes = Self::default();
        observations.for_each(|one| sizes.learn(one));
        sizes
    }

    /// Takes in how one fared.
    pub(super) fn learn(&mut self, observation: &Observation) {
        let request = &observation.request;
        if !is_of_size(request) {
            return;
        }
        let length = packet_length(request);
        let fared = self.fared.entry(length).or_default();
        match observation.outcome {
            Outcome::Echo | Outcome::Answered => {
                fared.answered += 1;
                let took = observation.finished_at.saturating_sub(observation.sent_at);
                self.slowest = self.slowest.max(observation.rtt.unwrap_or(took));
                self.own = self.own.or(observation.largest_packet);
            }
            Outcome::Unreachable { scope: UnreachableScope::TooBig, icmp } => {
                fared.named += 1;
                // A router of before RFC 1191 names none; the next smaller one is for the sender to guess (its section 7.1).
                let below = KNOWN.iter().rev().copied().find(|known| *known < length);
                let fits = observation.largest_packet.filter(|fits| (68..length).contains(fits)).or(below);
                if let Some(fits) = fits.filter(|fits| self.named.is_none_or(|(known, _)| *fits < known)) {
                    self.named = Some((fits, icmp.from));
                }
            }
            Outcome::Timeout => fared.silent += 1,
            _ => self.is_disturbed = true,
        }
    }

    /// The sizes of this many bytes at the most, with how they fared.
    fn up_to(&self, most: u32) -> impl DoubleEndedIterator<Item = (u32, Fared)> + Clone + '_ {
        self.fared.range(..=most).map(|(length, fared)| (*length, *fared))
    }

    /// The largest that was heard, the smallest above it that was not, and the largest that counts. What nobody heard
    /// although it is larger than all that were is lost before anybody could say so; else what is larger than was named
    /// is nobody's loss, since its sender was told.
    fn bounds(&self) -> Bounds {
        let within = |most: u32| {
            let heard = self.up_to(most).rev().find(|(_, fared)| fared.is_heard()).map(|(length, _)| length);
            let lost = self.up_to(most).map(|(length, _)| length).find(|length| Some(*length) > heard);
            Bounds { heard: heard.unwrap_or_default(), lost, most }
        };
        let all = within(u32::MAX);
        match (all.lost, self.named) {
            (None, Some((named, _))) => within(named),
            _ => all,
        }
    }

    /// Whether nothing was heard, not even of a small one.
    pub(super) fn is_deaf(&self) -> bool {
        self.passes() == Passes::Nothing
    }

    /// The largest size that passes where larger ones are lost in silence.
    pub(super) fn lost_above(&self) -> Option<u32> {
        match self.passes() {
            Passes::LostAbove { fits, .. } => Some(fits),
            _ => None,
        }
    }

    /// What it comes to.
    pub(super) fn passes(&self) -> Passes {
        let Some((_, first)) = self.fared.first_key_value() else { return Passes::Unclear };
        if first.answered == 0 {
            return Passes::Nothing;
        }
        let Bounds { heard, lost, most } = self.bounds();
        let below = self.up_to(heard);
        let answered =
            below.clone().filter(|(_, fared)| fared.answered > 0).map(|(length, _)| length).next_back();
        let scattered = below.clone().any(|(_, fared)| !fared.is_heard());
        let Some(fits) = answered.filter(|_| !scattered && !self.is_disturbed) else {
            return Passes::Unclear;
        };
        let Some(lost) = lost else {
            return match self.named {
                Some((named, by)) if named == fits => Passes::Told { fits, by },
                None if fits > SMALL => Passes::Whole(fits),
                _ => Passes::Unclear,
            };
        };
        let answers: usize = below.map(|(_, fared)| fared.answered + fared.named).sum();
        let above = self.up_to(most).filter(|(length, _)| *length >= lost);
        let silent: usize = above.clone().map(|(_, fared)| fared.silent).sum();
        let tried = above.map(|(length, _)| length).next_back().unwrap_or(lost);
        match answers >= REPEATED_ANSWERS && silent >= REPEATED {
            true => Passes::LostAbove { fits, lost, tried, silent },
            false => Passes::Unclear,
        }
    }
}

/// Where what is heard ends.
struct Bounds {
    heard: u32,
    lost: Option<u32>,
    most: u32,
}

/// Packets to be sent side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// Their lengths.
    pub(super) lengths: Vec<u32>,
    /// How long each is waited for.
    pub(super) timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Small,
    Whole { namings: usize },
    Ladder,
    Confirm,
    Done,
}

/// A search for the largest packet that passes.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) sizes: Sizes,
    stage: Stage,
    sent: usize,
}

impl Search {
    /// A search of which nothing is sent yet.
    pub(super) fn new() -> Self {
        Self { sizes: Sizes::default(), stage: Stage::Small, sent: 0 }
    }

    /// What to send next, once all that was sent has ended; none where nothing more is to be learnt. `agreed` is what
    /// the connections that were made would send at the most, where there are any; `time` is what is left.
    pub(super) fn next(&mut self, agreed: Option<u32>, time: Duration) -> Option<Round> {
        let lengths = self.lengths(agreed);
        let timeout = match self.sent {
            0 => PATIENT,
            _ => HASTY.max(self.sizes.slowest.saturating_mul(2) + ALLOWANCE),
        };
        if lengths.is_empty() || time < timeout || self.sent + lengths.len() > MOST || self.sizes.is_disturbed
        {
            self.stage = Stage::Done;
            return None;
        }
        self.sent += lengths.len();
        Some(Round { lengths, timeout })
    }

    fn lengths(&mut self, agreed: Option<u32>) -> Vec<u32> {
        loop {
            match self.stage {
                Stage::Small if self.sent == 0 => return Vec::from([SMALL]),
                Stage::Small => {
                    // Without this machine's own limit a silence above it would be nobody's fault.
                    let own = self.sizes.own.map(|own| own.min(agreed.unwrap_or(LARGEST)).min(LARGEST));
                    let Some(own) = own.filter(|own| *own > SMALL) else { return Vec::new() };
                    self.stage = Stage::Whole { namings: 0 };
                    return Vec::from([own]);
                }
                Stage::Whole { namings } => match (self.sizes.bounds(), self.sizes.named) {
                    (Bounds { lost: Some(_), .. }, _) => self.stage = Stage::Ladder,
                    (Bounds { heard, .. }, Some((fits, _))) if heard < fits && namings < NAMINGS => {
                        self.stage = Stage::Whole { namings: namings + 1 };
                        return Vec::from([fits]);
                    }
                    _ => return Vec::new(),
                },
                Stage::Ladder => {
                    let Bounds { heard, lost: Some(lost), most } = self.sizes.bounds() else {
                        return Vec::new();
                    };
                    let between = KNOWN.iter().copied().filter(|known| (heard + 1..lost).contains(known));
                    let mut lengths = spread(&between.collect::<Vec<_>>(), AT_ONCE);
                    if lengths.is_empty() {
                        self.stage = Stage::Confirm;
                        let largest =
                            self.sizes.up_to(most).map(|(length, _)| length).next_back().unwrap_or(lost);
                        let named = self.sizes.named.map(|(fits, _)| fits);
                        let named = named.filter(|fits| !self.sizes.fared.contains_key(fits));
                        return [heard, lost, largest].into_iter().chain(named).collect();
                    }
                    // One that was silent once may merely have been lost.
                    let once =
                        self.sizes.up_to(most).filter(|(_, fared)| fared.silent == 1 && !fared.is_heard());
                    lengths.extend(once.map(|(length, _)| length).next_back());
                    return lengths;
                }
                Stage::Confirm | Stage::Done => return Vec::new(),
            }
        }
    }
}

/// So many of these, at equal distances.
pub(super) fn spread(all: &[u32], count: usize) -> Vec<u32> {
    if all.len() <= count {
        return all.to_vec();
    }
    (1..=count).filter_map(|part| all.get(part * all.len() / (count + 1)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use peerscope_vocabulary::{IcmpMessage, ProbeId};

    use super::*;

    const ROUTER: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(10, 9, 0, 2));
    const TIME: Duration = Duration::from_secs(7);

    /// What a path does to a packet of a length; `nth` counts all that were sent.
    type Does = dyn Fn(u32, usize) -> Option<(Outcome, u32)>;

    fn echo(own: u32) -> Option<(Outcome, u32)> {
        Some((Outcome::Echo, own))
    }

    fn too_big(fits: u32) -> Option<(Outcome, u32)> {
        let icmp = IcmpMessage { icmp_type: 3, code: 4, from: Some(ROUTER) };
        Some((Outcome::Unreachable { scope: UnreachableScope::TooBig, icmp }, fits))
    }

    /// What comes of a search, and the lengths that were sent, round by round.
    fn searched(address: &str, agreed: Option<u32>, does: &Does) -> (Passes, Vec<Vec<u32>>) {
        let address: IpAddr = address.parse().unwrap_or(ROUTER);
        let mut search = Search::new();
        let (mut rounds, mut nth) = (Vec::new(), 0);
        while let Some(round) = search.next(agreed, TIME) {
            assert!(round.lengths.len() <= 5, "the manners let five out at once: {round:?}");
            for length in &round.lengths {
                let request = ProbeRequest {
                    payload_length: payload(*length, address),
                    dont_fragment: true,
                    ..ProbeRequest::plain(ProbeId(0), ProbeKind::IcmpEcho, address, 0, round.timeout)
                };
                assert_eq!(packet_length(&request), *length);
                let (outcome, largest_packet) = match does(*length, nth) {
                    Some((outcome, largest)) => (outcome, Some(largest)),
                    None => (Outcome::Timeout, None),
                };
                nth += 1;
                search.sizes.learn(&Observation {
                    finished_at: Duration::from_millis(3),
                    largest_packet,
                    ..Observation::bare(request, outcome)
                });
            }
            rounds.push(round.lengths);
        }
        assert!(nth <= MOST, "{nth} packets");
        (search.sizes.passes(), rounds)
    }

    #[test]
    fn a_path_that_takes_all_costs_two_packets() {
        for (own, agreed, whole) in
            [(1_500, None, 1_500), (9_001, None, 9_001), (9_001, Some(1_400), 1_400), (65_536, None, 9_001)]
        {
            for address in ["10.100.2.20", "fd00::20"] {
                let (passes, rounds) = searched(address, agreed, &move |_, _| echo(own));
                assert_eq!(
                    (passes, rounds),
                    (Passes::Whole(whole), Vec::from([[100].to_vec(), [whole].to_vec()]))
                );
            }
        }
    }

    #[test]
    fn where_large_ones_are_lost_in_silence_the_edge_is_found_among_what_links_take() {
        for (place, fits) in KNOWN.iter().enumerate() {
            for own in [1_500, 8_500, 9_001] {
                let lost = KNOWN.get(place + 1).copied().unwrap_or(u32::MAX);
                if lost > own {
                    continue;
                }
                let fits = *fits;
                let (passes, rounds) = searched("10.100.2.20", None, &move |length, _| {
                    if length <= fits { echo(own) } else { None }
                });
                let Passes::LostAbove { fits: found, lost: edge, tried, silent } = passes else {
                    panic!("{fits} of {own}: {passes:?} by {rounds:?}")
                };
                assert_eq!((found, edge, tried), (fits, lost, own), "{rounds:?}");
                assert!(silent >= REPEATED);
            }
        }
    }

    #[test]
    fn a_path_that_says_what_it_takes_is_believed_and_tried() {
        let (passes, rounds) = searched("10.100.2.20", None, &|length, _| match length {
            ..=1_397 => echo(1_500),
            _ => too_big(1_397),
        });
        assert_eq!(passes, Passes::Told { fits: 1_397, by: Some(ROUTER) });
        assert_eq!(rounds, [[100], [1_500], [1_397]]);
        // A router of old names no size.
        let (passes, _) = searched("10.100.2.20", None, &|length, _| match length {
            ..=1_480 => echo(1_500),
            _ => too_big(0),
        });
        assert_eq!(passes, Passes::Told { fits: 1_480, by: Some(ROUTER) });
    }

    #[test]
    fn a_second_link_that_is_silent_behind_one_that_speaks_is_found() {
        let (passes, rounds) = searched("10.100.2.20", None, &|length, _| match length {
            ..=1_300 => echo(1_500),
            1_301..=1_400 => None,
            _ => too_big(1_400),
        });
        let found = matches!(passes, Passes::LostAbove { fits: 1_280, lost: 1_340, tried: 1_400, .. });
        assert!(found, "{passes:?} by {rounds:?}");
        // And the other way round: what the second one says was heard through the first.
        let (passes, rounds) = searched("10.100.2.20", None, &|length, _| match length {
            ..=1_300 => echo(1_500),
            1_301..=1_400 => too_big(1_300),
            _ => None,
        });
        let found = matches!(passes, Passes::LostAbove { fits: 1_300, tried: 1_500, .. });
        assert!(found, "{passes:?} by {rounds:?}");
    }

    #[test]
    fn one_lost_packet_accuses_nobody() {
        for lost in 0..MOST {
            let (passes, rounds) =
                searched("10.100.2.20", None, &move |_, nth| if nth == lost { None } else { echo(1_500) });
            assert!(!matches!(passes, Passes::LostAbove { .. }), "{lost}: {rounds:?}");
        }
        // Nor does loss at random, however often it is tried.
        let accused = (0..2_000_usize).filter(|seed| {
            let seed = *seed;
            let lossy = move |_: u32, nth: usize| match (seed * 7_919 + nth * 104_729 + seed * nth) % 100 {
                ..30 => None,
                _ => echo(1_500),
            };
            matches!(searched("10.100.2.20", None, &lossy).0, Passes::LostAbove { .. })
        });
        let accused = accused.count();
        assert!(accused < 10, "{accused} of 2,000 paths that lose three packets of ten");
    }

    #[test]
    fn who_answers_no_echo_or_prohibits_it_is_asked_once() {
        let (passes, rounds) = searched("10.100.2.20", None, &|_, _| None);
        assert_eq!((passes, rounds.len()), (Passes::Nothing, 1));
        let icmp = IcmpMessage { icmp_type: 3, code: 13, from: Some(ROUTER) };
        let (passes, rounds) =
            searched("10.100.2.20", None, &move |_, _| Some((Outcome::Prohibited { icmp }, 1_500)));
        assert_eq!((passes, rounds.len()), (Passes::Nothing, 1));
    }

    #[test]
    fn a_kernel_that_tells_no_limit_of_its_own_accuses_nobody() {
        let mut search = Search::new();
        assert!(search.next(None, TIME).is_some());
        search.sizes.fared.entry(SMALL).or_default().answered = 1;
        assert_eq!(search.next(Some(1_500), TIME), None);
    }

    #[test]
    fn no_time_sends_nothing() {
        assert_eq!(Search::new().next(None, Duration::from_millis(10)), None);
    }
}
