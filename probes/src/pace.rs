//! When a probe may begin.
//!
//! A probe must not harm what it probes, and whoever asks for one may be a loop gone wrong. So the
//! cap on new probes sits in the engine, has no switch, and fails closed: what is over it waits. It counts
//! all kinds together, since a host that is asked by TCP, UDP and ICMP is still one host.
//!
//! The rule is one: at most [`BURST`] probes of an address begin within any
//! [`BURST_WINDOW`]. It holds both promises at once, five in a burst and ten a second, since every
//! second is two such windows. (A token bucket of five that refills at ten a second would let
//! fifteen through in its first second.)

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use peerscope_vocabulary::{BURST, BURST_WINDOW, ProbeId, ProbeRequest};

/// The most requests that wait at once, over all addresses: about 7 MB.
pub const QUEUE_LIMIT: usize = 65_536;

/// Below this many addresses it is not worth looking for forgettable ones.
const FEW_LANES: usize = 64;

/// One address: what waits for it and when the last probes of it began.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<ProbeRequest>,
    begun: VecDeque<Duration>,
}

impl Lane {
    fn open_at(&self) -> Duration {
        match self.begun.front() {
            Some(&oldest) if self.begun.len() >= BURST => oldest.saturating_add(BURST_WINDOW),
            _ => Duration::ZERO,
        }
    }

    fn begin(&mut self, now: Duration) {
        if self.begun.len() >= BURST {
            self.begun.pop_front();
        }
        self.begun.push_back(now);
    }

    fn is_forgettable(&self, now: Duration) -> bool {
        let latest = self.begun.back().copied();
        self.waiting.is_empty() && latest.is_none_or(|begun| begun.saturating_add(BURST_WINDOW) <= now)
    }
}

/// Requests that wait for their turn: in order for one address, in rotation between addresses, so
/// that one address at its cap delays no other.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lanes: HashMap<IpAddr, Lane>,
    /// Each lane in which something waits, once: when it opens, and a running number for the rotation.
    turns: BinaryHeap<Reverse<(Duration, u64, IpAddr)>>,
    turn: u64,
    length: usize,
    prune_above: usize,
}

impl Queue {
    /// How many requests wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Takes the request over, unless [`QUEUE_LIMIT`] requests wait already.
    pub(crate) fn push(&mut self, now: Duration, request: ProbeRequest) -> bool {
        if self.length >= QUEUE_LIMIT {
            return false;
        }
        self.forget_quiet_lanes(now);
        let address = request.address.to_canonical();
        let lane = self.lanes.entry(address).or_default();
        lane.waiting.push_back(request);
        self.length += 1;
        if lane.waiting.len() == 1 {
            let open_at = lane.open_at();
            self.enter(open_at, address);
        }
        true
    }

    /// The next request that may begin at `now`. It counts as begun, whatever becomes of it.
    pub(crate) fn pop(&mut self, now: Duration) -> Option<ProbeRequest> {
        while let Some(&Reverse((open_at, _, address))) = self.turns.peek() {
            if open_at > now {
                return None;
            }
            self.turns.pop();
            let Some(lane) = self.lanes.get_mut(&address) else { continue };
            // More may have begun since the turn was given.
            let open_at = lane.open_at();
            if open_at > now {
                if !lane.waiting.is_empty() {
                    self.enter(open_at, address);
                }
                continue;
            }
            let Some(request) = lane.waiting.pop_front() else { continue };
            lane.begin(now);
            self.length -= 1;
            if !lane.waiting.is_empty() {
                let open_at = lane.open_at();
                self.enter(open_at, address);
            }
            return Some(request);
        }
        None
    }

    /// Counts something more as begun, which could not wait: a question that goes on by TCP.
    pub(crate) fn count(&mut self, now: Duration, address: IpAddr) {
        self.lanes.entry(address.to_canonical()).or_default().begin(now);
    }

    /// Says when the probe of this address that was taken last really began. Between the decision and its first
    /// packet a busy machine may let much time pass, and the pace is about packets.
    pub(crate) fn began(&mut self, at: Duration, address: IpAddr) {
        let lane = self.lanes.get_mut(&address.to_canonical());
        if let Some(last) = lane.and_then(|lane| lane.begun.back_mut()) {
            *last = at.max(*last);
        }
    }

    /// When the next request may begin.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.turns.peek().map(|&Reverse((open_at, _, _))| open_at)
    }

    /// Removes every request with this id; returns whether there was one.
    pub(crate) fn remove(&mut self, id: ProbeId) -> bool {
        let before = self.length;
        let mut emptied = false;
        for lane in self.lanes.values_mut().filter(|lane| !lane.waiting.is_empty()) {
            let waited = lane.waiting.len();
            lane.waiting.retain(|request| request.id != id);
            self.length -= waited - lane.waiting.len();
            emptied |= lane.waiting.is_empty();
        }
        if emptied {
            let lanes = &self.lanes;
            self.turns.retain(|Reverse((_, _, address))| {
                lanes.get(address).is_some_and(|lane| !lane.waiting.is_empty())
            });
        }
        self.length < before
    }

    fn enter(&mut self, open_at: Duration, address: IpAddr) {
        self.turn += 1;
        self.turns.push(Reverse((open_at, self.turn, address)));
    }

    /// Doubling the mark each time keeps the cost of the scans in proportion to the pushes.
    fn forget_quiet_lanes(&mut self, now: Duration) {
        if self.lanes.len() >= self.prune_above.max(FEW_LANES) {
            self.lanes.retain(|_, lane| !lane.is_forgettable(now));
            self.prune_above = self.lanes.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use peerscope_vocabulary::{ProbeKind, SegmentLimits};

    use super::*;

    fn request(id: u32, last_octet: u8) -> ProbeRequest {
        ProbeRequest {
            id: ProbeId(id),
            kind: ProbeKind::TcpConnect,
            source: None,
            source_port: None,
            address: Ipv4Addr::new(127, 0, 0, last_octet).into(),
            port: 1,
            hop_limit: None,
            payload_length: 0,
            dont_fragment: false,
            segments: SegmentLimits::default(),
            timeout: Duration::from_secs(1),
            greeting_wait: Duration::ZERO,
        }
    }

    #[test]
    fn five_in_a_burst_and_ten_in_any_second() {
        let mut queue = Queue::default();
        for id in 0..200 {
            assert!(queue.push(Duration::ZERO, request(id, 1)));
        }
        let mut begun = Vec::new();
        for millisecond in 0..15_000 {
            let now = Duration::from_millis(millisecond);
            while queue.pop(now).is_some() {
                begun.push(now);
            }
        }
        assert_eq!(begun.iter().filter(|&&at| at < Duration::from_millis(500)).count(), 5);
        for (index, &at) in begun.iter().enumerate() {
            let within = |span| begun[index..].iter().filter(|&&later| later < at + span).count();
            assert!(within(Duration::from_secs(1)) <= 10);
            assert!(within(BURST_WINDOW) <= BURST);
        }
        assert_eq!(begun.len(), 150, "the cap is not stricter than promised");
    }

    #[test]
    fn one_address_at_its_cap_delays_no_other() {
        let mut queue = Queue::default();
        for id in 0..20 {
            queue.push(Duration::ZERO, request(id, 1));
        }
        queue.push(Duration::ZERO, request(99, 2));
        let ids: Vec<_> =
            std::iter::from_fn(|| queue.pop(Duration::ZERO)).map(|popped| popped.id.0).collect();
        assert_eq!(ids.len(), 6);
        assert!(ids.contains(&99));
        assert_eq!(queue.next_at(), Some(BURST_WINDOW));
    }

    #[test]
    fn an_address_written_as_mapped_ipv6_shares_the_cap() {
        let mut queue = Queue::default();
        for id in 0..10 {
            let mut asked = request(id, 1);
            if id % 2 == 0 {
                asked.address = Ipv4Addr::new(127, 0, 0, 1).to_ipv6_mapped().into();
            }
            queue.push(Duration::ZERO, asked);
        }
        assert_eq!(std::iter::from_fn(|| queue.pop(Duration::ZERO)).count(), 5);
    }

    #[test]
    fn the_pace_counts_from_the_packet_and_not_from_the_decision() {
        let mut queue = Queue::default();
        for id in 0..6 {
            queue.push(Duration::ZERO, request(id, 1));
        }
        let held_up = Duration::from_millis(300);
        for _ in 0..5 {
            let popped = queue.pop(Duration::ZERO).unwrap();
            queue.began(held_up, popped.address);
        }
        assert_eq!(queue.pop(BURST_WINDOW), None, "the first packet went out 300 ms late");
        assert_eq!(queue.next_at(), Some(held_up + BURST_WINDOW));
        assert!(queue.pop(held_up + BURST_WINDOW).is_some());
    }

    #[test]
    fn the_history_outlives_an_empty_lane_and_is_forgotten_after() {
        let mut queue = Queue::default();
        for round in 0..40_u32 {
            let now = Duration::from_millis(u64::from(round) * 10);
            for octet in 0..=255 {
                queue.push(now, request(round, octet));
            }
            while queue.pop(now).is_some() {}
        }
        assert_eq!(queue.len(), 256 * 35, "five of forty went to each address");
        while queue.length > 0 {
            let next = queue.next_at().unwrap();
            while queue.pop(next).is_some() {}
        }
        queue.prune_above = 0;
        queue.push(Duration::from_secs(3600), request(0, 1));
        assert_eq!(queue.lanes.len(), 1);
    }

    #[test]
    fn what_is_removed_is_not_sent_and_the_queue_is_bounded() {
        let mut queue = Queue::default();
        queue.push(Duration::ZERO, request(1, 1));
        queue.push(Duration::ZERO, request(2, 1));
        assert!(queue.remove(ProbeId(1)));
        assert!(!queue.remove(ProbeId(1)));
        assert_eq!(queue.pop(Duration::ZERO).map(|popped| popped.id), Some(ProbeId(2)));
        assert!(!queue.remove(ProbeId(2)));
        for id in 0..u32::try_from(QUEUE_LIMIT).unwrap() {
            assert!(queue.push(Duration::ZERO, request(id, 1)));
        }
        assert!(!queue.push(Duration::ZERO, request(0, 2)));
    }
}
