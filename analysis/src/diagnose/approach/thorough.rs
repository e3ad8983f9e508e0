//! What follows the battery where it is to be thorough: rounds of echoes or datagrams of several sizes, of long
//! conversations, and of the sweep.
//!
//! [`sizes`], [`segments`] and [`sweep`](crate::diagnose::sweep) know what to ask next; here their rounds become requests of an approach, one
//! after the other.

use alloc::vec::Vec;
use core::time::Duration;

use peerscope_vocabulary::{Handshake, HandshakeReply, Observation, ProbeKind, ProbeRequest};

use super::{Approach, Means, State, Step};
use crate::diagnose::battery::differing_parts;
use crate::diagnose::case::Case;
use crate::diagnose::observed::{Shows, shows};
use crate::diagnose::sweep::Sweep;
use crate::diagnose::{segments, sizes};

impl Approach {
    /// What follows when all of the battery have ended.
    pub(super) fn after_spread(&mut self, case: &Case) -> State {
        // What carries nothing carries nothing large.
        if case.thorough && case.echo && self.is_answered && self.sizes.is_none() {
            self.sizes = Some(sizes::Search::new());
            return State::Sizing;
        }
        let is_deaf = self.sizes.as_ref().is_none_or(|search| search.sizes.is_deaf());
        let answers_datagrams = case.is_udp() && !self.told.passing.is_empty();
        if case.thorough && answers_datagrams && is_deaf && self.datagrams.is_none() {
            self.datagrams = Some(sizes::Search::new());
            return State::Sizing;
        }
        // Whoever is still spoken to tells first.
        let may_be_asked = self.can_be_asked.unwrap_or_else(|| self.is_spoken_to());
        let has_room = self.left() >= segments::MOST;
        if case.thorough && may_be_asked && has_room && self.segments.is_none() {
            self.segments = Some(segments::Search::default());
            return State::Carrying;
        }
        let told = !self.told.passing.is_empty() || !self.told.silent.is_empty();
        // A service that was heard by none of its datagrams is silent for reasons of its own.
        let heard = !case.is_udp() || !self.told.passing.is_empty();
        if !case.thorough || self.mysql || case.target.port.is_none() || !told || !heard {
            return State::Settled;
        }
        let range = case.source.source_ports;
        let parts = differing_parts(self.question.answer.as_ref(), self.question.asked.sample(), range);
        let beside = parts.iter().flat_map(|part| [part.first(), part.last()]);
        self.sweep = Some(Sweep::new(range, beside.collect()));
        State::Sweeping
    }

    /// Notes what a source port told.
    pub(super) fn learn(&mut self, observation: &Observation) {
        let Some(port) = observation.request.source_port.filter(|_| !sizes::is_of_size(&observation.request))
        else {
            return;
        };
        let told = shows(observation);
        self.is_rejected |= !matches!(told, Shows::Connected | Shows::Silence | Shows::Nothing);
        match told {
            Shows::Connected | Shows::Refused => {
                self.told.passing.insert(port);
                let took = observation.finished_at.saturating_sub(observation.sent_at);
                self.told.slowest = self.told.slowest.max(observation.rtt.unwrap_or(took));
            }
            Shows::Silence => {
                self.told.silent.insert(port);
            }
            _ => {
                self.told.unusable.insert(port);
            }
        }
    }

    /// The next round of echoes, or of datagrams, of several sizes.
    pub(super) fn measure(&mut self, means: &mut Means<'_>, now: Duration) -> Step {
        let time = means.end.saturating_sub(now);
        let (kind, port) = match self.datagrams {
            Some(_) => (ProbeKind::Udp, means.case.target.port.unwrap_or_default()),
            None => (ProbeKind::IcmpEcho, 0),
        };
        let search = self.datagrams.as_mut().or(self.sizes.as_mut());
        let round = search.and_then(|search| search.next(self.agreed, time));
        let Some(round) = round else {
            self.state = match self.after_spread(means.case) {
                State::Settled => State::Draining,
                other => other,
            };
            return self.advance(means, now);
        };
        let count = round.lengths.len();
        let ports: Vec<Option<u16>> = match kind {
            ProbeKind::Udp => self.ports_beside(means.case, count).into_iter().map(Some).collect(),
            _ => core::iter::repeat_n(None, count).collect(),
        };
        let mut requests = self.batch(means, kind, ports.into_iter(), port, round.timeout, Duration::ZERO);
        for (request, length) in requests.iter_mut().zip(&round.lengths) {
            request.dont_fragment = true;
            request.payload_length = sizes::payload(*length, request.address);
        }
        // Echoes are none of the probes of the port, of which a sweep may make so many.
        let before = self.sent;
        self.await_all(means, &requests, now, true);
        if kind == ProbeKind::IcmpEcho {
            self.sent = before;
        }
        Step { requests, wake_at: None }
    }

    /// Takes in what came of a conversation, before its probe ends.
    pub(in crate::diagnose) fn hear(
        &mut self,
        request: &ProbeRequest,
        handshake: &Handshake,
        reply: &HandshakeReply,
    ) {
        match &mut self.segments {
            Some(search) if segments::is_of_segments(request) => search.segments.learn(request, reply),
            _ => self.can_be_asked = Some(segments::can_be_asked(handshake, reply)),
        }
    }

    /// Whether a conversation has not ended.
    fn is_spoken_to(&self) -> bool {
        self.outstanding.iter().any(|one| one.speaks)
    }

    /// The next round of long conversations.
    pub(super) fn carry(&mut self, means: &mut Means<'_>, now: Duration) -> Step {
        let time = means.end.saturating_sub(now);
        let (agreed, rtt) = (self.agreed, self.told.slowest);
        let passes = self.sizes.as_ref().and_then(|search| search.sizes.lost_above());
        let search = self.segments.as_mut().filter(|_| self.can_be_asked == Some(true));
        let round = search.and_then(|search| search.next(agreed, passes, rtt, time));
        let (Some(round), Some(port)) = (round, means.case.target.port) else {
            self.state = match self.after_spread(means.case) {
                State::Settled => State::Draining,
                other => other,
            };
            return self.advance(means, now);
        };
        let ports = self.ports_beside(means.case, round.limits.len()).into_iter().map(Some);
        let patience = round.patience;
        let mut requests = self.batch(means, ProbeKind::Handshake, ports, port, patience, patience);
        for (request, limits) in requests.iter_mut().zip(round.limits) {
            request.payload_length = round.length;
            request.segments = limits;
        }
        self.await_all(means, &requests, now, true);
        Step { requests, wake_at: None }
    }

    /// Ports that were not used, next to one from which the target answered, since filters judge by ranges of ports.
    fn ports_beside(&mut self, case: &Case, count: usize) -> Vec<u16> {
        let range = case.source.source_ports;
        let passing = self.told.passing.first().copied().unwrap_or(range.first());
        let unused = |port: &u16| !self.tried.contains(port);
        let above = (passing..=range.last()).filter(unused);
        let below = (range.first()..passing).rev().filter(unused);
        let ports: Vec<u16> = above.chain(below).take(count).collect();
        self.tried.extend(&ports);
        ports
    }

    /// The next round of the sweep.
    pub(super) fn sweep(&mut self, means: &mut Means<'_>, now: Duration) -> Step {
        let connects = self.left();
        let time = means.end.saturating_sub(now);
        let round = self.sweep.as_mut().and_then(|sweep| sweep.next(&self.told, connects, time));
        let (Some(round), Some(port)) = (round, means.case.target.port) else {
            self.state = State::Draining;
            return self.advance(means, now);
        };
        let kind = if means.case.is_udp() { ProbeKind::Udp } else { ProbeKind::TcpConnect };
        let ports = round.ports.into_iter().map(Some);
        let requests = self.batch(means, kind, ports, port, round.timeout, Duration::ZERO);
        self.await_all(means, &requests, now, true);
        Step { requests, wake_at: None }
    }
}
