//! One engine for every kind of probe.
//!
//! A host that is asked by TCP, UDP and ICMP is still one host, and what is done to it adds up. So all
//! kinds share one queue with one cap per address, one epoll instance and one budget of descriptors.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use peerscope_vocabulary::{
    DnsObservation, DnsQuestion, DnsReply, Handshake, HandshakeObservation, HandshakeReply, Observation,
    ProbeId, ProbeKind, ProbeRequest,
};

use crate::connect::Connect;
use crate::dns::Conversation;
use crate::engine::Engine;
use crate::error::{ProbeError, SystemCall};
use crate::exchange::{Cookies, EchoSockets, Exchange};
use crate::flight::{Flight, Step, Stray, refused_here};
use crate::handshake::get_ready;
use crate::pace::{Pace, Queue};
use crate::socket::Stamping;
use crate::watch::{Interest, Key, News, Watch};

/// The in-flight cap where the system sets no limit to descriptors, or a boundless one.
const IN_FLIGHT_MAXIMUM: usize = 32_768;

/// How many errors are kept for [`ProbeEngine::failure`].
const FAILURES_KEPT: usize = 256;

/// How an engine works, where it is not to work as [`ProbeEngine::new`] has it.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The most sockets open at a time, one for each probe under way. By default half of the
    /// descriptors that this process may have (`RLIMIT_NOFILE`'s soft limit, getrlimit(2)), at most 32,768.
    pub in_flight_limit: NonZeroUsize,
    /// By which sockets echo requests may be sent.
    pub echo_sockets: EchoSockets,
    /// For how long after an answer or a timeout the engine listens for answers that come too late or
    /// twice ([`ProbeEngine::take_strays`]). Zero, the default, hears none. Where half of the in-flight
    /// limit is used, it is not kept.
    pub late_limit: Duration,
    /// How often probes of one address may begin, together with those of all engines that have a copy of the same. By
    /// default an engine counts for itself alone: then have one for each process.
    pub pace: Pace,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            in_flight_limit: half_of_descriptors(),
            echo_sockets: EchoSockets::default(),
            late_limit: Duration::ZERO,
            pace: Pace::default(),
        }
    }
}

/// Sends [`ProbeRequest`]s of every kind from sockets of their own, many at a time, without privileges.
///
/// **Outcomes.** The error queue of the socket is read, so that an RST ([`Refused`]) is told from an
/// ICMP port-unreachable ([`Prohibited`]), and each ICMP carries its sender. The sender is this host's
/// own address where its own firewall rejected, or where a neighbour does not answer ARP. An error
/// that connect(2) or send(2) itself returned is a [`LocalError`]; that of an echo request which no
/// socket may send is not permitted, whatever the target. Silence ends at the request's timeout, by
/// the engine's time; the kernel is told to try for longer. An answer that arrived before the timeout
/// counts even where `poll` comes late.
///
/// **Times.** `sent_at` is when the first packet was sent, which the caps may delay; the timeout counts
/// from there. `finished_at` of a connect is when the handshake was seen to be complete, also where the
/// observation waited for a greeting; of all else, when it was seen. For the latency itself use `rtt`.
///
/// **Manners.** At most [`BURST`](crate::BURST) probes of one address begin within any
/// [`BURST_WINDOW`](crate::BURST_WINDOW), all kinds together, attempts that fail at once included; what
/// is over that waits and is sent when it may be. The cap holds for all engines of one
/// [`Pace`] together. A connection is ended with FIN and then drained until the other side has finished too,
/// for at most [`CLOSING_LIMIT`](crate::CLOSING_LIMIT) and [`DRAIN_LIMIT`](crate::DRAIN_LIMIT) bytes.
/// What remains: a server that goes on sending beyond that, or answers a SYN after its probe was given
/// up, gets an RST from the kernel; so does one that speaks late to an engine that was dropped while
/// [`unfinished`](Engine::unfinished).
///
/// [`Refused`]: peerscope_vocabulary::Outcome::Refused
/// [`Prohibited`]: peerscope_vocabulary::Outcome::Prohibited
/// [`LocalError`]: peerscope_vocabulary::Outcome::LocalError
#[derive(Debug)]
pub struct ProbeEngine {
    watch: Watch,
    queue: Queue,
    flights: HashMap<Key, Box<dyn Flight>>,
    /// The deadline of every flight, soonest first.
    deadlines: BTreeSet<(Duration, Key)>,
    next_key: u64,
    options: EngineOptions,
    cookies: Cookies,
    strays: Vec<Stray>,
    /// What is asked of DNS servers, until what they said was taken.
    questions: HashMap<ProbeId, DnsQuestion>,
    replies: HashMap<ProbeId, DnsReply>,
    /// What is spoken once connected, until what came of it was taken.
    handshakes: HashMap<ProbeId, Handshake>,
    handshake_replies: HashMap<ProbeId, HandshakeReply>,
    failures: VecDeque<(ProbeId, ProbeError)>,
    _stamping: Option<Stamping>,
    /// Kept for its memory alone.
    news: Vec<News>,
}

impl ProbeEngine {
    /// An engine with the default options.
    ///
    /// # Errors
    /// Where epoll_create1(2) fails: descriptors or memory ran out.
    pub fn new() -> Result<Self, ProbeError> {
        Self::with(EngineOptions::default())
    }

    /// An engine with options of its own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with(options: EngineOptions) -> Result<Self, ProbeError> {
        Ok(Self {
            watch: Watch::new()?,
            queue: Queue::at(options.pace.clone()),
            flights: HashMap::new(),
            deadlines: BTreeSet::new(),
            next_key: 0,
            options,
            cookies: Cookies::default(),
            strays: Vec::new(),
            questions: HashMap::new(),
            replies: HashMap::new(),
            handshakes: HashMap::new(),
            handshake_replies: HashMap::new(),
            failures: VecDeque::new(),
            _stamping: Stamping::begin(),
            news: Vec::new(),
        })
    }

    /// Takes a question to the DNS server at the request's address and port over, whatever the kind of the
    /// request. False where the queue is full. Ids of questions under way must differ. Its timeout ends
    /// it: the question goes out by UDP, once more after half of that, and by TCP where the answer is cut;
    /// then [`answer`](Self::answer) tells what was said.
    pub fn ask(&mut self, now: Duration, request: ProbeRequest, question: DnsQuestion) -> bool {
        let request = ProbeRequest { kind: ProbeKind::Dns, ..request };
        let accepted = self.queue.push(now, request);
        if accepted {
            self.questions.insert(request.id, question);
        }
        accepted
    }

    /// What a DNS server said, for an observation that this engine handed out: once for each.
    pub fn answer(&mut self, observation: &Observation) -> Option<DnsObservation> {
        let question = self.questions.remove(&observation.id())?;
        let reply = self.replies.remove(&observation.id()).unwrap_or_default();
        Some(DnsObservation { question, observation: *observation, reply })
    }

    /// Takes over a connect to the request's address and port that goes on in an application's protocol, whatever
    /// the kind of the request. False where the queue is full. Ids of handshakes under way must differ. Its
    /// timeout ends the connect, its [`greeting_wait`](ProbeRequest::greeting_wait) the wait for each answer;
    /// then [`spoken`](Self::spoken) tells what came of it.
    pub fn speak(&mut self, now: Duration, request: ProbeRequest, handshake: Handshake) -> bool {
        let request = ProbeRequest { kind: ProbeKind::Handshake, ..request };
        let accepted = self.queue.push(now, request);
        if accepted {
            get_ready(&handshake);
            self.handshakes.insert(request.id, handshake);
        }
        accepted
    }

    /// What came of an application's handshake, for an observation that this engine handed out: once for each.
    pub fn spoken(&mut self, observation: &Observation) -> Option<HandshakeObservation> {
        let handshake = self.handshakes.remove(&observation.id())?;
        let reply = self.handshake_replies.remove(&observation.id()).unwrap_or_default();
        Some(HandshakeObservation { handshake, observation: *observation, reply })
    }

    /// The answers that came too late or twice since the last call, where
    /// [`late_limit`](EngineOptions::late_limit) has the engine listen for them.
    pub fn take_strays(&mut self) -> Vec<Stray> {
        std::mem::take(&mut self.strays)
    }

    /// Which call failed where the observation of `id` was a local error: an [`Observation`] carries
    /// the number alone. Of the last 256 such failures; the latest where ids repeat.
    #[must_use]
    pub fn failure(&self, id: ProbeId) -> Option<ProbeError> {
        self.failures.iter().rev().find(|(failed, _)| *failed == id).map(|&(_, error)| error)
    }

    fn remember_failure(&mut self, id: ProbeId, error: ProbeError) {
        if self.failures.len() >= FAILURES_KEPT {
            self.failures.pop_front();
        }
        self.failures.push_back((id, error));
    }

    fn launch(&mut self, now: Duration, request: ProbeRequest, observations: &mut Vec<Observation>) {
        if let Err(error) = self.try_launch(now, request) {
            self.remember_failure(request.id, error);
            observations.push(refused_here(request, now, error));
        }
    }

    fn try_launch(&mut self, now: Duration, request: ProbeRequest) -> Result<(), ProbeError> {
        let number = self.next_key;
        let key = Key(number);
        self.next_key += 1;
        let late_limit = self.options.late_limit;
        let mut flight: Box<dyn Flight> = match request.kind {
            ProbeKind::TcpConnect => Box::new(Connect::prepare(request, now, late_limit)?),
            ProbeKind::Udp => Box::new(Exchange::datagram(request, now, late_limit)?),
            ProbeKind::IcmpEcho => {
                let (sockets, cookie) = (self.options.echo_sockets, self.cookies.of(number));
                Box::new(Exchange::echo(request, now, late_limit, sockets, (number, cookie))?)
            }
            ProbeKind::Dns => {
                let unasked = ProbeError::new(SystemCall::Request, Errno::EINVAL);
                let question = self.questions.get(&request.id).ok_or(unasked)?;
                let [high, low, ..] = self.cookies.of(number);
                let id = u16::from_be_bytes([high, low]);
                Box::new(Conversation::prepare(request, question, id, now)?)
            }
            ProbeKind::Handshake => {
                let unasked = ProbeError::new(SystemCall::Request, Errno::EINVAL);
                let handshake = self.handshakes.get(&request.id).ok_or(unasked)?;
                Box::new(Connect::prepare(request, now, late_limit)?.speaking(handshake)?)
            }
            _ => return Err(ProbeError::new(SystemCall::Request, Errno::EPROTONOSUPPORT)),
        };
        // Before the first packet, so that a failure here leaves the network untouched.
        self.watch.add(flight.descriptor(), key, flight.interest())?;
        flight.begin()?;
        self.deadlines.insert((flight.deadline(), key));
        self.flights.insert(key, flight);
        Ok(())
    }

    /// Lets `act` move one flight on and does what that asks for.
    fn advance(
        &mut self,
        now: Duration,
        key: Key,
        act: impl FnOnce(&mut dyn Flight, &mut Vec<Stray>) -> Step,
        observations: &mut Vec<Observation>,
    ) {
        let is_crowded = self.flights.len() > self.options.in_flight_limit.get() / 2;
        let Some(flight) = self.flights.get_mut(&key) else { return };
        let deadline_before = flight.deadline();
        let mut interest = None;
        let mut step = act(flight.as_mut(), &mut self.strays);
        if let Step::Close(Some(observation)) | Step::Over(Some(observation)) = &step {
            let id = observation.id();
            self.replies.extend(flight.take_reply().map(|reply| (id, reply)));
            self.handshake_replies.extend(flight.take_handshake().map(|reply| (id, reply)));
        }
        if let Step::Close(observation) = step {
            observations.extend(observation);
            interest = Some(Interest::Bytes);
            step = flight.close(now);
        }
        match step {
            Step::Report(observation) if is_crowded => {
                observations.push(observation);
                self.land(key, deadline_before);
                return;
            }
            Step::Report(observation) => observations.push(observation),
            Step::Over(observation) => {
                observations.extend(observation);
                self.land(key, deadline_before);
                return;
            }
            Step::Listen => interest = Some(Interest::Bytes),
            Step::Reopen => {
                self.queue.count(now, flight.request().address);
                if let Err(error) = self.watch.add(flight.descriptor(), key, flight.interest()) {
                    observations.extend(flight.fail(now, error));
                    self.land(key, deadline_before);
                    return;
                }
            }
            Step::Stay | Step::Close(_) => {}
        }
        let deadline = flight.deadline();
        if deadline != deadline_before {
            self.deadlines.remove(&(deadline_before, key));
            self.deadlines.insert((deadline, key));
        }
        if let Some(interest) = interest
            && let Err(error) = self.watch.change(flight.descriptor(), key, interest)
        {
            observations.extend(flight.fail(now, error));
            self.land(key, deadline);
        }
    }

    fn land(&mut self, key: Key, deadline: Duration) {
        self.deadlines.remove(&(deadline, key));
        self.flights.remove(&key);
    }

    fn hear(&mut self, now: Duration, observations: &mut Vec<Observation>) {
        let mut news = std::mem::take(&mut self.news);
        // Sockets that keep having news come round again: so many rounds reach every flight once.
        for _ in 0..=self.flights.len() / 128 {
            news.clear();
            let more = match self.watch.collect(&mut news) {
                Ok(more) => more,
                Err(error) => {
                    self.fail_all(now, error, observations);
                    false
                }
            };
            for &News { key, is_open } in &news {
                self.advance(now, key, |flight, strays| flight.on_news(now, is_open, strays), observations);
            }
            if !more {
                break;
            }
        }
        self.news = news;
    }

    /// Without epoll nothing would be heard any more, and silence would be taken for an answer.
    fn fail_all(&mut self, now: Duration, error: ProbeError, observations: &mut Vec<Observation>) {
        self.deadlines.clear();
        for (_, flight) in std::mem::take(&mut self.flights) {
            let observation = flight.fail(now, error);
            if observation.is_some() {
                self.remember_failure(flight.request().id, error);
            }
            observations.extend(observation);
        }
    }

    fn give_up(&mut self, now: Duration, observations: &mut Vec<Observation>) {
        while let Some(&(deadline, key)) = self.deadlines.first() {
            if deadline > now {
                return;
            }
            self.advance(now, key, |flight, _| flight.on_deadline(now), observations);
        }
    }

    fn has_room(&self) -> bool {
        self.flights.len() < self.options.in_flight_limit.get()
    }
}

impl Engine for ProbeEngine {
    fn submit(&mut self, now: Duration, requests: &[ProbeRequest]) -> usize {
        requests.iter().take_while(|request| self.queue.push(now, **request)).count()
    }

    fn poll(&mut self, now: Duration, observations: &mut Vec<Observation>) {
        let called = Instant::now();
        self.hear(now, observations);
        self.give_up(now, observations);
        while self.has_room()
            && let Some(request) = self.queue.pop(now)
        {
            self.launch(now, request, observations);
            self.queue.began(now.saturating_add(called.elapsed()), request.address);
        }
    }

    fn cancel(&mut self, now: Duration, id: ProbeId) -> bool {
        let queued = self.queue.remove(id);
        let under_way: Vec<Key> = self
            .flights
            .iter()
            .filter(|(_, flight)| flight.request().id == id && flight.is_unreported())
            .map(|(&key, _)| key)
            .collect();
        let found = queued || !under_way.is_empty();
        if found {
            self.questions.remove(&id);
            self.handshakes.remove(&id);
        }
        let mut unheard = Vec::new();
        for key in under_way {
            self.advance(now, key, |flight, _| flight.on_cancel(), &mut unheard);
        }
        found
    }

    fn wake_at(&self) -> Option<Duration> {
        let deadline = self.deadlines.first().map(|&(deadline, _)| deadline);
        let turn = self.queue.next_at().filter(|_| self.has_room());
        deadline.into_iter().chain(turn).min()
    }

    fn readiness(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }

    fn unfinished(&self) -> usize {
        self.queue.len() + self.flights.values().filter(|flight| !flight.is_idle()).count()
    }
}

impl Drop for ProbeEngine {
    /// Ends what is open as well as it can be without waiting: FIN, and what has arrived is read.
    fn drop(&mut self) {
        for flight in self.flights.values_mut().filter(|flight| flight.is_unreported()) {
            flight.close(Duration::ZERO);
        }
    }
}

fn half_of_descriptors() -> NonZeroUsize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    let half = usize::try_from(soft / 2).unwrap_or(usize::MAX).min(IN_FLIGHT_MAXIMUM);
    NonZeroUsize::new(half).unwrap_or(NonZeroUsize::MIN)
}
