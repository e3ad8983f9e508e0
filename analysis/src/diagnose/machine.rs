//! The state machine that sends a battery and concludes.
//!
//! ```text
//!  Probing ── every address settled, and nothing beside worth waiting for ──▶ Done
//!     │                                                                 ▲
//!     └── the deadline: each probe that is still out is cancelled ──────┘
//! ```
//!
//! Each address of the target is approached by itself ([`super::approach`], whose states are drawn there);
//! when all are settled the machine is done.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use jiff::Timestamp;
use peerscope_vocabulary::{Handshake, HandshakeObservation, Observation, ProbeId, ProbeRequest, Spoken};

use super::approach::{Approach, Means};
use super::battery::Random;
use super::case::{Case, Question, StandingConnection};
use super::conclude::conclude;
use super::observed::{Shows, reason, shows};
use super::pace::Pace;
use super::path::paths;
use super::sweep;
use crate::flow::Flow;
use crate::reach::Opening;
use crate::report::{Diagnosis, Gap, GapKind, Paths};

/// What is left of the deadline for concluding.
const RESERVE: Duration = Duration::from_millis(100);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send these probes, and poll again. Those of the kind [`Handshake`](peerscope_vocabulary::ProbeKind) speak what
    /// [`Machine::handshake`] says.
    Send(Vec<ProbeRequest>),
    /// Stop waiting for this probe; what it saw so far is not reported.
    Cancel(ProbeId),
    /// Nothing until an event or this time.
    WaitUntil(Duration),
    /// The report can be had.
    Done,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A probe ended.
    Completed(Observation),
    /// A probe that was to speak a protocol ended.
    Spoke(HandshakeObservation),
    /// The engine did not take a probe.
    Refused(ProbeId),
}

/// The diagnosis of one case.
#[derive(Debug)]
pub struct Machine {
    case: Case,
    random: Random,
    approaches: Vec<Approach>,
    observations: Vec<Observation>,
    /// What was said beside them.
    spoken: Vec<Spoken>,
    /// Probes of which nothing is known: not taken, not possible, or cut off by the deadline.
    lost: Vec<Gap>,
    next_id: u32,
    pace: Pace,
    /// Who was connected to beside the named port, and on which.
    explored: Vec<(IpAddr, u16)>,
    cancelled: bool,
}

impl Machine {
    /// Starts a diagnosis. `seed` decides which source ports are tried.
    #[must_use]
    pub fn new(case: Case, seed: u64) -> Self {
        let questions = case.questions();
        let each = (sweep::MOST / questions.len().max(1)).max(1);
        let mut lost = Vec::new();
        if case.probing && questions.len() > sweep::MOST {
            lose(&mut lost, "the target has more addresses than a diagnosis may connect to");
        }
        let approach = |(place, question)| {
            Approach::new(question, case.probing, if place < sweep::MOST { each } else { 0 })
        };
        let approaches = questions.into_iter().enumerate().map(approach).collect();
        Self {
            case,
            random: Random::new(seed),
            approaches,
            observations: Vec::new(),
            spoken: Vec::new(),
            lost,
            next_id: 0,
            pace: Pace::default(),
            explored: Vec::new(),
            cancelled: false,
        }
    }

    /// Takes observations that were made before, by whoever made them, and what was said beside them; no packet is
    /// sent any more. A conversation whose place holds no observation is passed over.
    #[must_use]
    pub fn replay(case: Case, observations: Vec<Observation>, spoken: Vec<Spoken>) -> Self {
        Self { observations, spoken, ..Self::new(Case { probing: false, ..case }, 0) }
    }

    /// What a probe of the kind [`Handshake`](peerscope_vocabulary::ProbeKind) speaks once connected.
    #[must_use]
    pub fn handshake(&self) -> Option<&Handshake> {
        self.case.handshake.as_ref()
    }

    /// What was observed so far.
    #[must_use]
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// What was said beside the observations so far.
    #[must_use]
    pub fn spoken(&self) -> &[Spoken] {
        &self.spoken
    }

    /// What to do at `now`, which counts from the start and never goes back.
    pub fn poll(&mut self, now: Duration) -> Action {
        let end = self.case.deadline.saturating_sub(RESERVE);
        if now >= end || self.cancelled {
            self.cancelled = true;
            for approach in &mut self.approaches {
                if let Some((id, counts)) = approach.abandon() {
                    if counts {
                        lose(&mut self.lost, "the deadline came before its answer");
                    }
                    return Action::Cancel(id);
                }
            }
            return Action::Done;
        }
        let mut batch = Vec::new();
        let mut wake = end;
        let mut means = Means {
            case: &self.case,
            random: &mut self.random,
            next_id: &mut self.next_id,
            pace: &mut self.pace,
            explored: &mut self.explored,
            observations: &self.observations,
            spoken: &self.spoken,
            end,
        };
        for approach in &mut self.approaches {
            let step = approach.advance(&mut means, now);
            batch.extend(step.requests);
            wake = wake.min(step.wake_at.unwrap_or(end));
        }
        if !batch.is_empty() {
            return Action::Send(batch);
        }
        if self.approaches.iter().any(|approach| !approach.is_settled()) {
            return Action::WaitUntil(wake);
        }
        self.beside_at(now, end)
    }

    /// What to do once nothing more is to be learnt of the named ports: a probe beside one of them that is still out is
    /// waited for, unless the target has answered otherwise, so that it tells nothing more.
    fn beside_at(&mut self, now: Duration, end: Duration) -> Action {
        let mut approaches = self.approaches.iter_mut();
        let pending = approaches.find_map(|approach| approach.pending_beside().map(|one| (approach, one)));
        let Some((approach, (id, answers_until))) = pending else { return Action::Done };
        let (address, port) = (approach.question.address, self.case.target.port.unwrap_or_default());
        let named = |one: &&Observation| one.request.address == address && one.request.port == port;
        let mut named = self.observations.iter().filter(named).peekable();
        let silent = named.peek().is_some() && named.all(|one| shows(one) == Shows::Silence);
        if silent {
            return Action::WaitUntil(end);
        }
        if now < answers_until {
            return Action::WaitUntil(answers_until.min(end));
        }
        approach.forget_beside(id);
        Action::Cancel(id)
    }

    /// Takes in what happened. `now` counts from the start, as for [`Machine::poll`].
    pub fn handle(&mut self, now: Duration, event: Event) {
        let _ = now;
        let (id, observation, said) = match event {
            Event::Completed(observation) => (observation.id(), Some(observation), None),
            Event::Spoke(HandshakeObservation { handshake, observation, reply }) => {
                (observation.id(), Some(observation), Some((handshake, reply)))
            }
            Event::Refused(id) => (id, None, None),
        };
        let Some(approach) = self.approaches.iter_mut().find(|approach| approach.awaits(id)) else {
            return;
        };
        if observation.as_ref().is_some_and(|one| approach.goes_elsewhere(&self.case, one)) {
            return;
        }
        if let (Some(observation), Some((handshake, reply))) = (&observation, &said) {
            approach.hear(&observation.request, handshake, reply);
        }
        let beside = approach.is_echo_beside(id);
        approach.take(&self.case, id, observation);
        match observation {
            None if beside => {}
            None => lose(&mut self.lost, "this machine could take no more probes"),
            Some(observation) if shows(&observation) == Shows::Nothing => {
                lose(&mut self.lost, &reason(&observation).unwrap_or_default());
                if !beside {
                    self.observations.push(observation);
                }
            }
            Some(observation) => {
                let place = self.observations.len();
                let spoken = |(handshake, reply)| Spoken { observation: place, handshake, reply };
                self.spoken.extend(said.map(spoken));
                self.observations.push(observation);
            }
        }
    }

    /// Takes in how connections fare that stood before the target was silent, which can be known after the diagnosis has
    /// begun.
    pub fn stand(&mut self, standing: Vec<StandingConnection>) {
        self.case.standing = standing;
    }

    /// What the configuration does to everything that was asked; unknown where no network of the snapshot
    /// holds an end of it.
    #[must_use]
    pub fn opening(&self) -> Opening {
        let mut opening = Opening::default();
        for Question { answer, asked, .. } in self.approaches.iter().map(|approach| &approach.question) {
            let one = match answer {
                Some(answer) => answer.opening(),
                None => Opening { unknown: asked.clone(), ..Opening::default() },
            };
            opening.admitted = opening.admitted.union(&one.admitted);
            opening.blocked = opening.blocked.union(&one.blocked);
            opening.unknown = opening.unknown.union(&one.unknown);
        }
        opening
    }

    /// The way of one of the flows that were asked, hop by hop; nothing where the configuration does not
    /// tell of it.
    #[must_use]
    pub fn paths_of(&self, flow: &Flow) -> Paths {
        let mut questions = self.approaches.iter().map(|approach| &approach.question);
        let question = questions.find(|question| question.asked.contains(flow));
        let answer = question.and_then(|question| question.answer.as_ref());
        let known = self.case.topology.as_ref().zip(answer);
        known.map(|(topology, answer)| paths(topology, answer, flow)).unwrap_or_default()
    }

    /// The case, for another one of the same documents.
    #[must_use]
    pub fn into_case(self) -> Case {
        self.case
    }

    /// What came out. `at` is the calendar time of the start, `now` the time since.
    #[must_use]
    pub fn report(&self, now: Duration, at: Timestamp) -> Diagnosis {
        let questions: Vec<&Question> = self.approaches.iter().map(|approach| &approach.question).collect();
        conclude(&self.case, &questions, &self.observations, &self.spoken, &self.lost, now, at)
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
