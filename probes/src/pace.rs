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

//!
//! Where a process has several engines, they share one [`Pace`]: a host cannot tell them apart.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use peerscope_vocabulary::{BURST, BURST_WINDOW, ProbeId, ProbeRequest};

/// The most requests that wait at once, over all addresses: about 7 MB.
pub const QUEUE_LIMIT: usize = 65_536;

/// Below this many addresses it is not worth looking for forgettable ones.
const FEW_LANES: usize = 64;

/// When the last probes of each address began, for all engines that were given a copy of it.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    begun: Arc<Mutex<HashMap<IpAddr, Begun>>>,
    ahead: Duration,
}

impl Pace {
    /// The same pace for an engine whose time began so much later than this one's.
    #[must_use]
    pub fn later_by(&self, later: Duration) -> Self {
        Self { begun: Arc::clone(&self.begun), ahead: self.ahead.saturating_add(later) }
    }

    /// Counts a connection to an address as begun at `now`, which no engine makes, but by the same process: to the host it is
    /// one more.
    ///
    /// # Errors
    /// When it may begin, where that is later; then it is to be asked again.
    pub fn enter(&self, now: Duration, address: IpAddr) -> Result<(), Duration> {
        self.begin(now, address.to_canonical()).map(drop)
    }

    /// Counts a probe of an address as begun at `now`, by its number.
    ///
    /// # Errors
    /// When it may begin, where that is later.
    fn begin(&self, now: Duration, address: IpAddr) -> Result<u64, Duration> {
        let now = now.saturating_add(self.ahead);
        let mut begun = self.lock();
        let begun = begun.entry(address).or_default();
        let open_at = begun.open_at();
        if open_at > now {
            return Err(open_at.saturating_sub(self.ahead));
        }
        Ok(begun.count(now))
    }

    /// Counts what could not wait.
    fn count(&self, now: Duration, address: IpAddr) -> u64 {
        self.lock().entry(address).or_default().count(now.saturating_add(self.ahead))
    }

    /// Says when the probe of a number really began.
    fn began(&self, at: Duration, address: IpAddr, number: u64) {
        let at = at.saturating_add(self.ahead);
        let mut begun = self.lock();
        let mut last = begun.get_mut(&address).into_iter().flat_map(|begun| &mut begun.last);
        if let Some((_, begun)) = last.find(|(known, _)| *known == number) {
            *begun = at.max(*begun);
        }
    }

    fn open_at(&self, address: IpAddr) -> Duration {
        let open_at = self.lock().get(&address).map(Begun::open_at);
        open_at.unwrap_or_default().saturating_sub(self.ahead)
    }

    fn forget(&self, now: Duration) {
        let now = now.saturating_add(self.ahead);
        self.lock().retain(|_, begun| begun.last.iter().any(|(_, at)| at.saturating_add(BURST_WINDOW) > now));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last probes of an address, at most [`BURST`], each with its number.
#[derive(Debug, Default)]
struct Begun {
    last: VecDeque<(u64, Duration)>,
    number: u64,
}

impl Begun {
    fn open_at(&self) -> Duration {
        let oldest = self.last.iter().map(|(_, at)| *at).min();
        oldest
            .filter(|_| self.last.len() >= BURST)
            .map_or(Duration::ZERO, |at| at.saturating_add(BURST_WINDOW))
    }

    fn count(&mut self, now: Duration) -> u64 {
        if self.last.len() >= BURST {
            // One that began late may stand before others.
            let oldest = (0..self.last.len()).min_by_key(|index| self.last.get(*index).map(|(_, at)| *at));
            oldest.and_then(|index| self.last.remove(index));
        }
        self.number += 1;
        self.last.push_back((self.number, now));
        self.number
    }
}

/// Requests that wait for their turn: in order for one address, in rotation between addresses, so
/// that one address at its cap delays no other.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pace: Pace,
    /// What waits for each address.
    lanes: HashMap<IpAddr, VecDeque<ProbeRequest>>,
    /// The probe that was taken last, and its number.
    taken: Option<(IpAddr, u64)>,
    /// Each lane in which something waits, once: when it opens, and a running number for the rotation.
    turns: BinaryHeap<Reverse<(Duration, u64, IpAddr)>>,
    turn: u64,
    length: usize,
    prune_above: usize,
}

impl Queue {
    /// A queue at a pace that others may share.
    pub(crate) fn at(pace: Pace) -> Self {
        Self { pace, ..Self::default() }
    }

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
        let waiting = self.lanes.entry(address).or_default();
        waiting.push_back(request);
        self.length += 1;
        if waiting.len() == 1 {
            let open_at = self.pace.open_at(address);
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
            let waiting = self.lanes.get_mut(&address).filter(|waiting| !waiting.is_empty());
            let Some(waiting) = waiting else { continue };
            // More may have begun since the turn was given.
            let number = match self.pace.begin(now, address) {
                Ok(number) => number,
                Err(open_at) => {
                    self.enter(open_at, address);
                    continue;
                }
            };
            let Some(request) = waiting.pop_front() else { continue };
            let more = !waiting.is_empty();
            self.taken = Some((address, number));
            self.length -= 1;
            if more {
                let open_at = self.pace.open_at(address);
                self.enter(open_at, address);
            }
            return Some(request);
        }
        None
    }

    /// Counts something more as begun, which could not wait: a question that goes on by TCP.
    pub(crate) fn count(&mut self, now: Duration, address: IpAddr) {
        self.pace.count(now, address.to_canonical());
    }

    /// Says when the probe of this address that was taken last really began. Between the decision and its first
    /// packet a busy machine may let much time pass, and the pace is about packets.
    pub(crate) fn began(&mut self, at: Duration, address: IpAddr) {
        if let Some((_, number)) = self.taken.filter(|(taken, _)| *taken == address.to_canonical()) {
            self.pace.began(at, address.to_canonical(), number);
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
        for waiting in self.lanes.values_mut().filter(|waiting| !waiting.is_empty()) {
            let waited = waiting.len();
            waiting.retain(|request| request.id != id);
            self.length -= waited - waiting.len();
            emptied |= waiting.is_empty();
        }
        if emptied {
            let lanes = &self.lanes;
            self.turns.retain(|Reverse((_, _, address))| {
                lanes.get(address).is_some_and(|waiting| !waiting.is_empty())
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
            self.lanes.retain(|_, waiting| !waiting.is_empty());
            self.pace.forget(now);
            self.prune_above = self.lanes.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use peerscope_vocabulary::ProbeKind;

    use super::*;

    fn request(id: u32, last_octet: u8) -> ProbeRequest {
        ProbeRequest::plain(
            ProbeId(id),
            ProbeKind::TcpConnect,
            Ipv4Addr::new(127, 0, 0, last_octet).into(),
            1,
            Duration::from_secs(1),
        )
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
    fn engines_that_share_a_pace_are_one_to_the_host() {
        let pace = Pace::default();
        let later = Duration::from_secs(10);
        let mut queues = [Queue::at(pace.clone()), Queue::at(pace.later_by(later))];
        for id in 0..40 {
            queues[0].push(later, request(id, 1));
            queues[1].push(Duration::ZERO, request(id, 1));
        }
        let mut begun = Vec::new();
        for millisecond in 0..4_000 {
            let now = Duration::from_millis(millisecond);
            while queues[0].pop(later + now).is_some() {
                begun.push(now);
            }
            while queues[1].pop(now).is_some() {
                begun.push(now);
            }
        }
        assert_eq!(begun.len(), 40);
        for (index, &at) in begun.iter().enumerate() {
            assert!(begun[index..].iter().filter(|&&later| later < at + BURST_WINDOW).count() <= BURST);
        }
    }

    #[test]
    fn what_no_engine_makes_counts_too() {
        let pace = Pace::default();
        let mut queue = Queue::at(pace.clone());
        let address = IpAddr::from(Ipv4Addr::new(127, 0, 0, 1));
        for id in 0..3 {
            queue.push(Duration::ZERO, request(id, 1));
            assert!(queue.pop(Duration::ZERO).is_some());
        }
        assert_eq!(
            [(); 3].map(|()| pace.enter(Duration::ZERO, address)),
            [Ok(()), Ok(()), Err(BURST_WINDOW)]
        );
        queue.push(Duration::ZERO, request(9, 1));
        assert_eq!(queue.pop(Duration::ZERO), None);
        assert!(queue.pop(BURST_WINDOW).is_some());
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
        assert_eq!((queue.lanes.len(), queue.pace.lock().len()), (1, 0));
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
