//! The state machine that sends a battery and concludes.
//!
//! ```text
//!                   answered: four more, a MySQL two
//!          ┌────────────────────────────────────────────────────────────┐
//!          │                                                            ▼     all ended
//!  Fresh ─▶ First ── silent for 300 ms: two more ──▶ Watched ───────▶ Spread ─────────▶ Settled
//!    ▲      │   │                                      answered, or silent                 ▲
//!    └──────┘   │                                      for 1.3 s: two more                 │
//!  port in use  └───────── this machine refuses, or the deadline comes ────────────────────┘
//! ```
//!
//! Each address of the target has its own; when all are settled the machine is done. A first connect goes
//! alone: it tells whether the other side is a MySQL, which blocks a client that connects too often
//! without logging in. Silence is told early, so that others wait beside it; but as long as a lost SYN may
//! still bring a MySQL's greeting, there are three at most.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use jiff::Timestamp;
use peerscope_vocabulary::{LocalRefusal, Observation, Outcome, ProbeId, ProbeKind, ProbeRequest};

use super::battery::{Random, source_ports};
use super::case::{Case, Question};
use super::conclude::conclude;
use super::observed::{Shows, reason, shows};
use crate::report::{Diagnosis, Gap, GapKind};

/// How long a silent probe is waited for: three retransmissions at the least, on every kernel whose
/// first ones are sent a second apart or at 1 and 3 s.
const SILENCE: Duration = Duration::from_millis(3_100);
/// How long the probes that follow an answered one are waited for: two retransmissions.
const SILENCE_BESIDE_ANSWERS: Duration = Duration::from_millis(2_200);
/// After this much silence the first probe is no longer waited for. A path within a Region answers in
/// milliseconds, one around the world in less than this.
const EARLY_SILENCE: Duration = Duration::from_millis(300);
/// After this much silence the first probe's SYN was sent again and its answer had time to come: no
/// greeting is waited for any more.
const LATE_SILENCE: Duration = Duration::from_millis(1_300);
/// How long the first connection is kept to hear whether a MySQL greets: a round trip after the connect,
/// and the server's own time.
const GREETING: Duration = Duration::from_millis(80);
/// How many probes follow the first one.
const FOLLOWING: usize = 4;
/// How many follow it towards a MySQL: three connects are the most.
const FOLLOWING_MYSQL: usize = 2;
/// How often another source port is tried where one is in use.
const PORT_ATTEMPTS: usize = 8;
/// What is left of the deadline for concluding.
const RESERVE: Duration = Duration::from_millis(100);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these probes, and poll again.
    Send(Vec<ProbeRequest>),
    /// Stop waiting for this probe; what it saw so far is not reported.
    Cancel(ProbeId),
    /// Nothing until an event or this time.
    WaitUntil(Duration),
    /// The report can be had.
    Done,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an event lives for one call; an observation is meant to be copied"
)]
pub enum Event {
    /// A probe ended.
    Completed(Observation),
    /// The engine did not take a probe.
    Refused(ProbeId),
}

/// The diagnosis of one case.
#[derive(Debug)]
pub struct Machine {
    case: Case,
    random: Random,
    addresses: Vec<AddressProbe>,
    observations: Vec<Observation>,
    /// Probes of which nothing is known: not taken, not possible, or cut off by the deadline.
    lost: Vec<Gap>,
    next_id: u32,
    cancelled: bool,
}

/// The probing of one address.
#[derive(Debug)]
struct AddressProbe {
    question: Question,
    state: State,
    outstanding: Vec<ProbeId>,
    /// The ICMP echo that goes beside connects where the first one is silent.
    echo: Option<ProbeId>,
    tried: Vec<u16>,
}

/// Where the probing of an address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing sent.
    Fresh,
    /// The first probe is out, alone.
    First { sent_at: Duration },
    /// The first one has told, or has been silent: the others can go.
    FirstTold { silent_since: Option<Duration>, mysql: bool },
    /// The first one is silent so far and may still greet; as many are out as a MySQL is spared.
    Watched { first: ProbeId, sent_at: Duration, answered: bool },
    /// All are out.
    Spread,
    /// Nothing more is to be learnt here.
    Settled,
}

impl Machine {
    /// Starts a diagnosis. `seed` decides which source ports are tried.
    #[must_use]
    pub fn new(case: Case, seed: u64) -> Self {
        let state = if case.probing { State::Fresh } else { State::Settled };
        let probe = |question| AddressProbe {
            question,
            state,
            outstanding: Vec::new(),
            echo: None,
            tried: Vec::new(),
        };
        let addresses = case.questions().into_iter().map(probe).collect();
        Self {
            case,
            random: Random::new(seed),
            addresses,
            observations: Vec::new(),
            lost: Vec::new(),
            next_id: 0,
            cancelled: false,
        }
    }

    /// Takes observations that were made before, by whoever made them; no packet is sent any more.
    #[must_use]
    pub fn replay(case: Case, observations: Vec<Observation>) -> Self {
        Self { observations, ..Self::new(Case { probing: false, ..case }, 0) }
    }

    /// What was observed so far.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// What to do at `now`, which counts from the start and never goes back.
    pub fn poll(&mut self, now: Duration) -> Action {
        let end = self.case.deadline.saturating_sub(RESERVE);
        if now >= end || self.cancelled {
            self.cancelled = true;
            for probe in &mut self.addresses {
                probe.state = State::Settled;
                if let Some(id) = probe.echo.take() {
                    return Action::Cancel(id);
                }
                if let Some(id) = probe.outstanding.pop() {
                    lose(&mut self.lost, "the deadline came before its answer");
                    return Action::Cancel(id);
                }
            }
            return Action::Done;
        }
        let mut batch = Vec::new();
        let mut wake = end;
        for index in 0..self.addresses.len() {
            let (requests, wake_at) = self.advance(index, now, end);
            batch.extend(requests);
            wake = wake.min(wake_at.unwrap_or(end));
        }
        if !batch.is_empty() {
            return Action::Send(batch);
        }
        if self.addresses.iter().any(|probe| probe.state != State::Settled) {
            return Action::WaitUntil(wake);
        }
        match self.pending_echo() {
            None => Action::Done,
            Some((id, true)) => Action::Cancel(id),
            Some((_, false)) => Action::WaitUntil(end),
        }
    }

    /// An echo that is still out once all else is settled, and whether to wait no longer: where the
    /// target has answered otherwise, its echo tells nothing more.
    fn pending_echo(&mut self) -> Option<(ProbeId, bool)> {
        let probe = self.addresses.iter_mut().find(|probe| probe.echo.is_some())?;
        let address = probe.question.address;
        let ours = self.observations.iter().filter(|one| one.request.address == address);
        let silent = ours.clone().count() > 0 && ours.clone().all(|one| shows(one) == Shows::Silence);
        let id = if silent { probe.echo } else { probe.echo.take() };
        id.map(|id| (id, !silent))
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Duration, event: Event) {
        let (id, observation) = match event {
            Event::Completed(observation) => (observation.id(), Some(observation)),
            Event::Refused(id) => (id, None),
        };
        let mysql = self.case.mysql;
        if let Some(probe) = self.addresses.iter_mut().find(|probe| probe.echo == Some(id)) {
            probe.echo = None;
            match observation {
                Some(observation) if shows(&observation) == Shows::Nothing => {
                    lose(&mut self.lost, &reason(&observation).unwrap_or_default());
                }
                other => self.observations.extend(other),
            }
            return;
        }
        let Some(probe) = self.addresses.iter_mut().find(|probe| probe.outstanding.contains(&id)) else {
            return;
        };
        probe.outstanding.retain(|outstanding| *outstanding != id);
        let port_in_use = observation.is_some_and(|observation| {
            matches!(
                observation.outcome,
                Outcome::LocalError { refusal: LocalRefusal::AddressUnavailable, .. }
            )
        });
        if let (State::First { .. }, true) = (probe.state, port_in_use && probe.tried.len() < PORT_ATTEMPTS) {
            probe.state = State::Fresh;
            return;
        }
        match observation {
            None => lose(&mut self.lost, "this machine could take no more probes"),
            Some(observation) if shows(&observation) == Shows::Nothing => {
                lose(&mut self.lost, &reason(&observation).unwrap_or_default());
            }
            Some(_) => {}
        }
        self.observations.extend(observation);
        match (probe.state, observation) {
            (State::First { .. }, Some(observation)) => {
                let told =
                    matches!(shows(&observation), Shows::LocalNoRoute | Shows::LocalPolicy | Shows::Nothing);
                probe.state = if told {
                    State::Settled
                } else {
                    let greets = observation.greeting.is_some_and(|greeting| greeting.is_mysql());
                    State::FirstTold { silent_since: None, mysql: mysql || greets }
                };
            }
            (State::First { .. }, None) => probe.state = State::Settled,
            (State::Watched { first, sent_at, .. }, Some(observation)) if first == id => {
                let greets = observation.greeting.is_some_and(|greeting| greeting.is_mysql());
                let told = shows(&observation);
                probe.state = if mysql || greets || matches!(told, Shows::LocalNoRoute | Shows::LocalPolicy) {
                    State::Spread
                } else {
                    State::Watched { first, sent_at, answered: true }
                };
                if probe.state == State::Spread && probe.outstanding.is_empty() {
                    probe.state = State::Settled;
                }
            }
            (State::Spread, _) if probe.outstanding.is_empty() => probe.state = State::Settled,
            _ => {}
        }
        let _ = now;
    }

    /// Moves one address on: what to send, and when to look again.
    fn advance(
        &mut self,
        index: usize,
        now: Duration,
        end: Duration,
    ) -> (Vec<ProbeRequest>, Option<Duration>) {
        let mysql_named = self.case.mysql;
        let state = self.addresses[index].state;
        match state {
            State::Fresh => {
                let requests = self.requests(index, 1, (now + SILENCE).min(end) - now, GREETING);
                self.addresses[index].state =
                    if requests.is_empty() { State::Settled } else { State::First { sent_at: now } };
                (requests, Some(now))
            }
            State::First { sent_at } if now >= sent_at + EARLY_SILENCE => {
                self.addresses[index].state =
                    State::FirstTold { silent_since: Some(sent_at), mysql: mysql_named };
                self.advance(index, now, end)
            }
            State::First { sent_at } => (Vec::new(), Some(sent_at + EARLY_SILENCE)),
            State::FirstTold { silent_since, mysql } => {
                let until = match silent_since {
                    Some(sent_at) => sent_at + SILENCE,
                    None => now + SILENCE_BESIDE_ANSWERS,
                };
                let spared = mysql || silent_since.is_some();
                let count = if spared { FOLLOWING_MYSQL } else { FOLLOWING };
                let first = self.addresses[index].outstanding.first().copied();
                let mut requests =
                    self.requests(index, count, until.min(end).saturating_sub(now), Duration::ZERO);
                // What answers needs no echo; what is silent may live all the same.
                let wanted = self.case.echo && silent_since.is_some();
                if let Some(beside) = requests.first().copied().filter(|_| wanted) {
                    requests.push(self.echo(index, beside));
                }
                let waiting = !requests.is_empty() || !self.addresses[index].outstanding.is_empty();
                self.addresses[index].state = match (silent_since, first) {
                    _ if !waiting => State::Settled,
                    (Some(sent_at), Some(first)) if !mysql => {
                        State::Watched { first, sent_at, answered: false }
                    }
                    _ => State::Spread,
                };
                (requests, silent_since.map(|sent_at| sent_at + LATE_SILENCE))
            }
            State::Watched { sent_at, answered, .. } if answered || now >= sent_at + LATE_SILENCE => {
                let until = if answered { now + SILENCE_BESIDE_ANSWERS } else { sent_at + SILENCE };
                let timeout = until.min(end).saturating_sub(now);
                let requests = self.requests(index, FOLLOWING - FOLLOWING_MYSQL, timeout, Duration::ZERO);
                let waiting = !requests.is_empty() || !self.addresses[index].outstanding.is_empty();
                self.addresses[index].state = if waiting { State::Spread } else { State::Settled };
                (requests, None)
            }
            State::Watched { sent_at, .. } => (Vec::new(), Some(sent_at + LATE_SILENCE)),
            State::Spread | State::Settled => (Vec::new(), None),
        }
    }

    fn requests(
        &mut self,
        index: usize,
        count: usize,
        timeout: Duration,
        greeting_wait: Duration,
    ) -> Vec<ProbeRequest> {
        let Some(port) = self.case.target.port else { return Vec::new() };
        let probe = &mut self.addresses[index];
        let address = probe.question.address;
        let source = self.vantage_address(index);
        let probe = &mut self.addresses[index];
        let sample = probe.question.asked.sample();
        let range = self.case.source.source_ports;
        let ports = source_ports(
            &mut self.random,
            range,
            count,
            &probe.tried,
            probe.question.answer.as_ref(),
            sample,
        );
        let mut requests = Vec::new();
        for source_port in ports {
            let id = ProbeId(self.next_id);
            self.next_id += 1;
            probe.tried.push(source_port);
            probe.outstanding.push(id);
            requests.push(ProbeRequest {
                id,
                kind: ProbeKind::TcpConnect,
                source,
                source_port: Some(source_port),
                address,
                port,
                hop_limit: None,
                payload_length: 0,
                timeout,
                greeting_wait,
            });
        }
        requests
    }

    /// The echo that goes beside a connect: the same ends, without ports.
    fn echo(&mut self, index: usize, connect: ProbeRequest) -> ProbeRequest {
        let id = ProbeId(self.next_id);
        self.next_id += 1;
        self.addresses[index].echo = Some(id);
        ProbeRequest {
            id,
            kind: ProbeKind::IcmpEcho,
            source_port: None,
            port: 0,
            greeting_wait: Duration::ZERO,
            ..connect
        }
    }

    /// The address to send from: the vantage's, where it is of the target's family.
    fn vantage_address(&self, index: usize) -> Option<IpAddr> {
        let family = self.addresses[index].question.address.is_ipv4();
        self.case.vantage.address.filter(|address| address.is_ipv4() == family)
    }

    /// What came out. `at` is the calendar time of the start, `now` the time since.
    #[must_use]
    pub fn report(&self, now: Duration, at: Timestamp) -> Diagnosis {
        let questions: Vec<&Question> = self.addresses.iter().map(|probe| &probe.question).collect();
        conclude(&self.case, &questions, &self.observations, &self.lost, now, at)
    }
}

/// Notes a probe of which nothing will be known; several for one reason are one gap.
fn lose(lost: &mut Vec<Gap>, reason: &str) {
    let gap = Gap {
        kind: GapKind::Probe,
        what: "some of the probes".to_string(),
        reason: reason.to_string(),
        would_tell: "whether the target answers them".to_string(),
    };
    if !lost.contains(&gap) {
        lost.push(gap);
    }
}
