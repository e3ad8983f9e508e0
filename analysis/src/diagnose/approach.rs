//! The probing of one address: what is sent to it, when, and what its first answers change.
//!
//! ```text
//!                   answered: four more, a MySQL two
//!          ┌────────────────────────────────────────────────────────────┐
//!          │                                                            ▼     all ended
//!  Fresh ─▶ First ── silent for 300 ms: two more ──▶ Watched ───────▶ Spread ─────────▶ Settled
//!               │                                      answered, or silent   │             ▲ ▲
//!               │                                      for 1.3 s: two more   ▼             │ │
//!               │                                        Sizing, Carrying, Sweeping ────────┘ │
//!               └───────── this machine refuses, or the deadline comes ──────────────────────┘
//! ```
//!
//! In each of them a probe whose source port is in use goes again from another one ([`elsewhere`]).
//!
//! Further connects of a silent target, and what goes beside them, are sent by [`asking`], which chooses.
//! Where it is to be thorough, echoes of several sizes are sent to who answers ([`super::sizes`]); an application that
//! answers is spoken to at length ([`super::segments`]); and, unless it is a MySQL, the source ports are swept
//! ([`super::sweep`]) before it settles.
//!
//! A first connect goes alone: it tells whether the other side is a MySQL, which blocks a client that
//! connects too often without logging in. Silence is told early, so that others wait beside it; but as
//! long as a lost SYN may still bring a MySQL's greeting, there are three at most. Datagrams and echoes
//! keep the same pace ([`super::pace`]).
//!
//! Where the scheme named a protocol, one of the last connects goes on in it: by then it is known that somebody
//! answers, and no connect is made for it alone.

mod asking;
mod elsewhere;
mod thorough;

use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use peerscope_vocabulary::{Observation, ProbeId, ProbeKind, ProbeRequest, Spoken};

use super::battery::{Random, source_ports};
use super::case::{Case, Question};
use super::observed::{Shows, passes, shows};
use super::pace::Pace;
use super::sweep::{Sweep, Told};
use super::{segments, sizes};
use asking::{Asked, Further};

/// How long a silent probe is waited for: three retransmissions at the least, on every kernel whose
/// first ones are sent a second apart or at 1 and 3 s.
const SILENCE: Duration = Duration::from_millis(3_100);
/// The same where the configuration stops everything that was asked: one retransmission of most, so that a lost
/// packet is not taken for its proof. What more would be waited for is no news.
const EXPECTED_SILENCE: Duration = Duration::from_millis(1_850);
/// How long the probes that follow an answered one are waited for: two retransmissions.
const SILENCE_BESIDE_ANSWERS: Duration = Duration::from_millis(2_200);
/// After this much silence the first probe is no longer waited for. A path within a Region answers in
/// milliseconds, one around the world in less than this.
pub(super) const EARLY_SILENCE: Duration = Duration::from_millis(300);
/// After this much silence the first probe's SYN was sent again and its answer had time to come: no
/// greeting is waited for any more.
const LATE_SILENCE: Duration = Duration::from_millis(1_300);
/// How long the first connection is kept to hear whether a MySQL greets: a round trip after the connect,
/// and the server's own time.
const GREETING: Duration = Duration::from_millis(80);
/// The same where a sweep is to follow: of a MySQL that is not recognised it would be too many. It ends
/// before early silence is told.
const GREETING_BEFORE_A_SWEEP: Duration = Duration::from_millis(200);
/// How long each answer of an application is waited for. A service within a Region answers in milliseconds; one
/// that takes longer than this keeps its clients waiting too.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// Less time than this is not enough to call an application silent, so nothing is said to it.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
/// How many probes follow the first one.
const FOLLOWING: usize = 4;
/// How many follow it towards a MySQL: three connects are the most.
const FOLLOWING_MYSQL: usize = 2;

/// The probing of one address.
#[derive(Debug)]
pub(super) struct Approach {
    pub(super) question: Question,
    state: State,
    /// How long silence is waited for.
    silence: Duration,
    outstanding: Vec<Outstanding>,
    /// Probes beside the named port that have not ended: an echo, and what is explored.
    beside: Vec<Asked>,
    /// What else may be sent as long as the target is silent.
    further: Option<Further>,
    tried: Vec<u16>,
    /// How many of those were in use.
    ports_in_use: usize,
    /// Whether the other side is a MySQL, by name or by its greeting.
    mysql: bool,
    /// How many probes were asked for, the echo beside apart.
    sent: usize,
    /// How many there may be: a diagnosis has so many for all addresses of its target together.
    allowance: usize,
    /// Whether the application's protocol was spoken, or is to be once its connect is established.
    has_spoken: bool,
    /// Whether the target, or somebody before it, forbade a connect: then there is nobody to speak to.
    is_rejected: bool,
    /// What each source port told, for the sweep.
    told: Told,
    sweep: Option<Sweep>,
    /// Whether the target answered anything that it was asked.
    is_answered: bool,
    /// The largest packet that a connection to it would send.
    agreed: Option<u32>,
    sizes: Option<sizes::Search>,
    /// The same by datagrams, where echoes tell nothing and the service answers datagrams.
    datagrams: Option<sizes::Search>,
    /// Whether the application that was spoken to can be spoken to at length; none before it has told.
    can_be_asked: Option<bool>,
    segments: Option<segments::Search>,
}

/// A probe that has not ended.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    request: ProbeRequest,
    sent_at: Duration,
    /// Whether the sweep waits for it before its next round.
    of_round: bool,
    /// Whether it goes on in a protocol once connected, so that its silence is not the path's.
    speaks: bool,
    /// Whether its port was in use, and it is to go again from another one.
    goes_elsewhere: bool,
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
    /// A round of echoes of several sizes is out, or is to come.
    Sizing,
    /// A round of long conversations is out, or is to come.
    Carrying,
    /// A round of the sweep is out, or is to come.
    Sweeping,
    /// Nothing more is sent; some are still out.
    Draining,
    /// Nothing more is to be learnt here.
    Settled,
}

/// What every approach draws on.
pub(super) struct Means<'a> {
    pub(super) case: &'a Case,
    pub(super) random: &'a mut Random,
    pub(super) next_id: &'a mut u32,
    pub(super) pace: &'a mut Pace,
    /// Whom any approach connected to beside its named port: what one is told all know.
    pub(super) explored: &'a mut Vec<(IpAddr, u16)>,
    /// What was observed so far, of all addresses.
    pub(super) observations: &'a [Observation],
    /// What was said beside them.
    pub(super) spoken: &'a [Spoken],
    /// When everything has to be known.
    pub(super) end: Duration,
}

impl Means<'_> {
    fn id(&mut self) -> ProbeId {
        let id = ProbeId(*self.next_id);
        *self.next_id += 1;
        id
    }
}

/// What an approach asks of its driver.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// To be sent now.
    pub(super) requests: Vec<ProbeRequest>,
    /// When to look again, if nothing is heard before.
    pub(super) wake_at: Option<Duration>,
}

impl Approach {
    /// The probing of an address by `allowance` connects at the most; by none it is not probed.
    pub(super) fn new(question: Question, probing: bool, allowance: usize) -> Self {
        let probing = probing && allowance > 0;
        let state = if probing { State::Fresh } else { State::Settled };
        let silence = if probing && is_expected_silent(&question) { EXPECTED_SILENCE } else { SILENCE };
        Self {
            question,
            state,
            silence,
            outstanding: Vec::new(),
            beside: Vec::new(),
            further: None,
            tried: Vec::new(),
            ports_in_use: 0,
            mysql: false,
            sent: 0,
            allowance,
            has_spoken: false,
            is_rejected: false,
            told: Told::default(),
            sweep: None,
            is_answered: false,
            agreed: None,
            sizes: None,
            datagrams: None,
            can_be_asked: None,
            segments: None,
        }
    }

    /// Whether nothing more is to be learnt of the named port; what was asked beside it may still be out.
    pub(super) fn is_settled(&self) -> bool {
        self.state == State::Settled
    }

    /// Whether the probe is one of this approach that has not ended.
    pub(super) fn awaits(&self, id: ProbeId) -> bool {
        self.asked_beside(id).is_some() || self.outstanding.iter().any(|one| one.request.id == id)
    }

    /// Gives up: a probe that is still out, and whether it was more than the echo beside.
    pub(super) fn abandon(&mut self) -> Option<(ProbeId, bool)> {
        self.state = State::Settled;
        if let Some(asked) = self.beside.pop() {
            return Some((asked.request.id, asked.request.kind != ProbeKind::IcmpEcho));
        }
        self.outstanding.pop().map(|one| (one.request.id, true))
    }

    /// The probe of this number that was asked beside the named port and is still out.
    fn asked_beside(&self, id: ProbeId) -> Option<&Asked> {
        self.beside.iter().find(|one| one.request.id == id)
    }

    /// Whether this is the echo beside, and still out.
    pub(super) fn is_echo_beside(&self, id: ProbeId) -> bool {
        self.asked_beside(id).is_some_and(|one| one.request.kind == ProbeKind::IcmpEcho)
    }

    /// One that was asked beside the named port and is still out, and until when an answer may be on its way.
    pub(super) fn pending_beside(&self) -> Option<(ProbeId, Duration)> {
        self.beside.first().map(|one| (one.request.id, one.answers_until()))
    }

    /// Waits for it no longer.
    pub(super) fn forget_beside(&mut self, id: ProbeId) {
        self.beside.retain(|one| one.request.id != id);
    }

    /// Takes in how one of its probes ended; `None` is one that the engine did not take.
    pub(super) fn take(&mut self, case: &Case, id: ProbeId, observation: Option<Observation>) {
        if let Some(asked) = self.asked_beside(id) {
            let is_target = asked.request.address == self.question.address;
            let is_echo = asked.request.kind == ProbeKind::IcmpEcho;
            self.is_answered |= is_target && !is_echo && observation.is_some_and(|one| passes(&one));
            self.forget_beside(id);
            return;
        }
        self.outstanding.retain(|one| one.request.id != id);
        let greets = observation
            .and_then(|observation| observation.greeting)
            .is_some_and(|greeting| greeting.is_mysql());
        self.mysql |= case.mysql || greets;
        let mysql = self.mysql;
        if let (Some(observation), Some(search)) =
            (observation, self.datagrams.as_mut().or(self.sizes.as_mut()))
        {
            search.sizes.learn(&observation);
        }
        if let Some(observation) = observation {
            self.is_answered |= passes(&observation);
            if !sizes::is_of_size(&observation.request) && observation.request.kind != ProbeKind::IcmpEcho {
                self.agreed = self.agreed.max(observation.largest_packet);
            }
            self.learn(&observation);
        }
        match (self.state, observation) {
            (State::First { .. }, Some(observation)) => {
                let told =
                    matches!(shows(&observation), Shows::LocalNoRoute | Shows::LocalPolicy | Shows::Nothing);
                self.state =
                    if told { State::Settled } else { State::FirstTold { silent_since: None, mysql } };
            }
            (State::First { .. }, None) => self.state = State::Settled,
            (State::Watched { first, sent_at, .. }, Some(observation)) if first == id => {
                let told = shows(&observation);
                self.state = if mysql || matches!(told, Shows::LocalNoRoute | Shows::LocalPolicy) {
                    State::Spread
                } else {
                    State::Watched { first, sent_at, answered: true }
                };
                if self.state == State::Spread && self.outstanding.is_empty() {
                    self.state = self.after_spread(case);
                }
            }
            (State::Spread, _) if self.outstanding.is_empty() => self.state = self.after_spread(case),
            _ => {}
        }
    }

    /// Moves on: what to send, and when to look again.
    pub(super) fn advance(&mut self, means: &mut Means<'_>, now: Duration) -> Step {
        let again = self.elsewhere(means, now);
        let mut step = self.move_on(means, now);
        step.requests.extend(again);
        if matches!(self.state, State::Watched { answered: false, .. } | State::Spread) {
            let more = self.ask(means, now);
            step.requests.extend(more.requests);
            step.wake_at = step.wake_at.into_iter().chain(more.wake_at).min();
        }
        step
    }

    fn move_on(&mut self, means: &mut Means<'_>, now: Duration) -> Step {
        let end = means.end;
        match self.state {
            State::Fresh => {
                let greeting = if means.case.thorough { GREETING_BEFORE_A_SWEEP } else { GREETING };
                let requests = self.requests(means, now, 1, (now + self.silence).min(end) - now, greeting);
                self.state = if requests.is_empty() { State::Settled } else { State::First { sent_at: now } };
                Step { requests, wake_at: Some(now) }
            }
            State::First { sent_at } if now >= sent_at + EARLY_SILENCE => {
                self.state = State::FirstTold { silent_since: Some(sent_at), mysql: means.case.mysql };
                self.move_on(means, now)
            }
            State::First { sent_at } => Step { requests: Vec::new(), wake_at: Some(sent_at + EARLY_SILENCE) },
            State::FirstTold { silent_since: Some(sent_at), mysql } => {
                let until = (sent_at + self.silence).min(end);
                let further = Further::new(self, means.case, now, until, FOLLOWING_MYSQL, mysql);
                self.further = Some(further);
                // Unless the first one is watched, these are the last.
                self.state = match self.outstanding.first() {
                    Some(first) if !mysql => {
                        State::Watched { first: first.request.id, sent_at, answered: false }
                    }
                    _ => State::Spread,
                };
                Step { requests: Vec::new(), wake_at: Some(sent_at + LATE_SILENCE) }
            }
            State::FirstTold { silent_since: None, mysql } => {
                let count = if mysql { FOLLOWING_MYSQL } else { FOLLOWING };
                let timeout = (now + SILENCE_BESIDE_ANSWERS).min(end).saturating_sub(now);
                let mut requests = self.requests(means, now, count, timeout, Duration::ZERO);
                self.have_one_speak(means, now, &mut requests);
                let waiting = !requests.is_empty() || !self.outstanding.is_empty();
                self.state = if waiting { State::Spread } else { State::Settled };
                Step { requests, wake_at: None }
            }
            State::Watched { sent_at, answered, .. } if answered || now >= sent_at + LATE_SILENCE => {
                let until = if answered { now + SILENCE_BESIDE_ANSWERS } else { sent_at + self.silence };
                let timeout = until.min(end).saturating_sub(now);
                // The pace may have held some back, and who answers is asked nothing more beside.
                let owed = self.further.as_mut().map_or(0, |further| core::mem::take(&mut further.owed));
                self.further = self.further.take().filter(|_| !answered);
                let count = owed + FOLLOWING - FOLLOWING_MYSQL;
                let mut requests = self.requests(means, now, count, timeout, Duration::ZERO);
                self.have_one_speak(means, now, &mut requests);
                let waiting = !requests.is_empty() || !self.outstanding.is_empty();
                self.state = if waiting { State::Spread } else { State::Settled };
                Step { requests, wake_at: None }
            }
            State::Watched { sent_at, .. } => {
                Step { requests: Vec::new(), wake_at: Some(sent_at + LATE_SILENCE) }
            }
            State::Spread if means.case.thorough && !self.told.passing.is_empty() => {
                // Some answered: whatever was silent for so long is taken for silent, if it stays so.
                let waiting = self.outstanding.iter().filter(|one| !one.speaks);
                match waiting.map(|one| one.sent_at + LATE_SILENCE).max() {
                    Some(wake_at) if now < wake_at => Step { requests: Vec::new(), wake_at: Some(wake_at) },
                    _ => {
                        let silent = self.outstanding.iter().filter(|one| !one.speaks);
                        let silent = silent.filter_map(|one| one.request.source_port);
                        self.told.silent.extend(silent);
                        self.state = match self.after_spread(means.case) {
                            State::Settled => State::Draining,
                            other => other,
                        };
                        self.move_on(means, now)
                    }
                }
            }
            State::Sizing if !self.outstanding.iter().any(|one| one.of_round) => self.measure(means, now),
            State::Carrying if !self.outstanding.iter().any(|one| one.of_round || one.speaks) => {
                self.carry(means, now)
            }
            State::Sweeping if !self.outstanding.iter().any(|one| one.of_round) => self.sweep(means, now),
            State::Draining if self.outstanding.is_empty() => {
                self.state = State::Settled;
                Step::default()
            }
            State::Spread
            | State::Sizing
            | State::Carrying
            | State::Sweeping
            | State::Draining
            | State::Settled => Step::default(),
        }
    }

    fn requests(
        &mut self,
        means: &mut Means<'_>,
        now: Duration,
        count: usize,
        timeout: Duration,
        greeting_wait: Duration,
    ) -> Vec<ProbeRequest> {
        let case = means.case;
        let Some(port) = case.target.port else {
            let ports = core::iter::repeat_n(None, if case.echo { count } else { 0 });
            let echoes = self.batch(means, ProbeKind::IcmpEcho, ports, 0, timeout, Duration::ZERO);
            self.await_all(means, &echoes, now, false);
            return echoes;
        };
        let count = count.min(self.left());
        let kind = if case.is_udp() { ProbeKind::Udp } else { ProbeKind::TcpConnect };
        let greeting_wait = if case.is_udp() { Duration::ZERO } else { greeting_wait };
        let ports = source_ports(
            means.random,
            case.source.source_ports,
            count,
            &self.tried,
            self.question.answer.as_ref(),
            self.question.asked.sample(),
        );
        self.tried.extend(&ports);
        let ports = ports.into_iter().map(Some);
        let requests = self.batch(means, kind, ports, port, timeout, greeting_wait);
        self.await_all(means, &requests, now, false);
        requests
    }

    /// How many connects it may make yet.
    fn left(&self) -> usize {
        self.allowance.saturating_sub(self.sent)
    }

    fn await_all(&mut self, means: &mut Means<'_>, requests: &[ProbeRequest], now: Duration, of_round: bool) {
        requests.iter().for_each(|request| means.pace.note(request.address, now));
        self.sent += requests.len();
        self.outstanding.extend(requests.iter().map(|request| Outstanding::new(request, now, of_round)));
    }

    /// Has one of these connects go on in the application's protocol once it is established: the one from the port
    /// that is nearest to one which passed, since filters judge by ranges of ports.
    fn have_one_speak(&mut self, means: &Means<'_>, now: Duration, requests: &mut [ProbeRequest]) {
        let patience = PATIENCE.min(means.end.saturating_sub(now + EARLY_SILENCE));
        let may = means.case.handshake.is_some() && !self.has_spoken && !self.is_rejected;
        let distance = |request: &&mut ProbeRequest| {
            let port = request.source_port.unwrap_or_default();
            self.told.passing.iter().map(|passing| passing.abs_diff(port)).min()
        };
        let connects = requests.iter_mut().filter(|request| request.kind == ProbeKind::TcpConnect);
        let connect = connects.min_by_key(distance);
        let Some(connect) = connect.filter(|_| may && patience >= LEAST_PATIENCE) else { return };
        connect.kind = ProbeKind::Handshake;
        connect.greeting_wait = patience;
        self.has_spoken = true;
        for one in self.outstanding.iter_mut().filter(|one| one.request.id == connect.id) {
            (one.request, one.speaks) = (*connect, true);
        }
    }

    /// One probe from each source port.
    fn batch(
        &self,
        means: &mut Means<'_>,
        kind: ProbeKind,
        source_ports: impl Iterator<Item = Option<u16>>,
        port: u16,
        timeout: Duration,
        greeting_wait: Duration,
    ) -> Vec<ProbeRequest> {
        let address = self.question.address;
        let source = vantage_address(means.case, address);
        source_ports
            .map(|source_port| ProbeRequest {
                source,
                source_port,
                greeting_wait,
                ..ProbeRequest::plain(means.id(), kind, address, port, timeout)
            })
            .collect()
    }
}

/// Whether the configuration stops everything that was asked.
fn is_expected_silent(question: &Question) -> bool {
    question.answer.as_ref().is_some_and(|answer| {
        let opening = answer.opening();
        opening.admitted.is_empty() && opening.unknown.is_empty()
    })
}

/// The address to send from: the vantage's, where it is of the target's family.
fn vantage_address(case: &Case, target: IpAddr) -> Option<IpAddr> {
    case.vantage.address.filter(|address| address.is_ipv4() == target.is_ipv4())
}
