//! What follows the first probe while it is silent: further connects, and beside them whatever tells most.
//!
//! Silence is waited for anyhow. So what may be asked goes in waves: the best of them first, the next ones once those
//! before have told, or have been silent for as long as an answer takes; each is chosen by all that was seen until
//! then ([`choice`]). The waves are as large as it takes to send all of them early enough for a lost SYN to be sent again
//! before the end. Where a deadline leaves no time for that, all go as soon as the pace lets them, the most telling
//! first, further connects last: of a port that is silent another silence tells least.

use alloc::vec::Vec;
use core::time::Duration;

use peerscope_vocabulary::{Observation, Outcome, ProbeKind, ProbeRequest};

use super::{Approach, EARLY_SILENCE, FOLLOWING, LATE_SILENCE, Means, Outstanding, Step, vantage_address};
use crate::diagnose::case::Case;
use crate::diagnose::choice::{self, Permitted, Weighing};
use crate::diagnose::hypothesis::Clue;
use crate::flow::AddressRange;

/// A probe that is waited for less than this tells nothing but an answer, and hardly that.
const LEAST_WAIT: Duration = Duration::from_millis(100);

/// What may still be sent.
#[derive(Debug)]
pub(super) struct Further {
    /// Beside the named port.
    left: Vec<Permitted>,
    /// How many connects.
    pub(super) owed: usize,
    /// Whether those are the last, so that one may go on in a protocol.
    are_last: bool,
    /// Until when silence is waited for.
    until: Duration,
    /// Whether there is no time to wait for what one tells before the next.
    hurried: bool,
    /// What was seen when it was last weighed, so that it is weighed once.
    weighed: Option<Sight>,
}

/// How much was seen: observations, silences so far, and addresses that may be asked.
type Sight = (usize, usize, usize);

/// A probe beside the named port that has not ended.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) request: ProbeRequest,
    sent_at: Duration,
    clue: Clue,
}

impl Asked {
    /// Until when an answer may be on its way that would meet nobody if it was waited for no longer, and have a
    /// connection reset; an echo's would merely be lost.
    pub(super) fn answers_until(&self) -> Duration {
        if self.request.kind == ProbeKind::IcmpEcho { self.sent_at } else { self.sent_at + EARLY_SILENCE }
    }
}

impl Further {
    /// After `owed` more connects and what may go beside them nothing follows but connects.
    pub(super) fn new(
        approach: &Approach,
        case: &Case,
        now: Duration,
        until: Duration,
        owed: usize,
        are_last: bool,
    ) -> Self {
        let question = &approach.question;
        // What answers needs no echo; what is silent may live all the same.
        let echo = (case.echo && case.target.port.is_some()).then(|| Permitted::echo(case, question));
        let mut others = if case.explore { Permitted::others(case, question) } else { Vec::new() };
        // The named port goes before them.
        others.truncate(approach.left().saturating_sub(FOLLOWING));
        Self {
            left: echo.into_iter().chain(others).collect(),
            owed,
            are_last,
            until,
            hurried: now + LATE_SILENCE > until,
            weighed: None,
        }
    }

    /// In how many waves, at `now`, all can go that is left.
    fn waves(&self, now: Duration) -> usize {
        let time = self.until.saturating_sub(now + LATE_SILENCE);
        let more = time.as_millis() / EARLY_SILENCE.as_millis();
        if self.hurried { 1 } else { usize::try_from(more).unwrap_or_default() + 1 }
    }
}

impl Approach {
    /// What is to be sent now of what may, and when to look again.
    pub(super) fn ask(&mut self, means: &mut Means<'_>, now: Duration) -> Step {
        let Some(mut further) = self.further.take() else { return Step::default() };
        let timeout = further.until.saturating_sub(now);
        let mut requests = Vec::new();
        if timeout >= LEAST_WAIT {
            if !further.hurried {
                requests.extend(self.connect(means, &mut further, now, timeout));
            }
            requests.extend(self.ask_beside(means, &mut further, now, timeout));
            if further.hurried {
                requests.extend(self.connect(means, &mut further, now, timeout));
            }
        }
        let wake_at = self.asks_again_at(means, &further, now);
        self.further = Some(further);
        Step { requests, wake_at }
    }

    /// As many of the further connects as the pace lets go.
    fn connect(
        &mut self,
        means: &mut Means<'_>,
        further: &mut Further,
        now: Duration,
        timeout: Duration,
    ) -> Vec<ProbeRequest> {
        let count = further.owed.min(means.pace.room(self.question.address, now));
        if count == 0 {
            return Vec::new();
        }
        further.owed -= count;
        let mut requests = self.requests(means, now, count, timeout, Duration::ZERO);
        if further.are_last {
            self.have_one_speak(means, now, &mut requests);
        }
        requests
    }

    /// The next wave beside the named port, where it is time for one.
    fn ask_beside(
        &mut self,
        means: &mut Means<'_>,
        further: &mut Further,
        now: Duration,
        timeout: Duration,
    ) -> Vec<ProbeRequest> {
        further.left.retain(|one| !means.explored.contains(&(one.address, one.port)));
        let mut requests = Vec::new();
        let may_answer = |one: &&Asked| now < one.sent_at + EARLY_SILENCE;
        let is_first = further.weighed.is_none();
        let is_due = now + LATE_SILENCE <= further.until && !self.beside.iter().any(|one| may_answer(&one));
        if further.left.is_empty() || !(is_first || further.hurried || is_due) {
            return requests;
        }
        let so_far = self.so_far(means, now);
        let open = |one: &&Permitted| means.pace.room(one.address, now) > 0;
        let sight = (means.observations.len(), so_far.len(), further.left.iter().filter(open).count());
        if further.weighed.replace(sight) == Some(sight) {
            return requests;
        }
        let weighing = Weighing::of(means.case, &self.question, &so_far, means.spoken);
        let mut under_way: Vec<Clue> =
            self.beside.iter().filter(may_answer).map(|one| one.clue.clone()).collect();
        let tells = |one: &&Permitted| weighing.information(&[&one.clue]) >= choice::LEAST;
        let telling = further.left.iter().filter(tells).count();
        let waves = further.waves(now);
        let mut count = telling.div_ceil(waves);
        // The echo is asked of whoever is silent: it may prove even a setting wrong that accounts for the silence.
        let echo = further.left.iter().position(|one| one.kind == ProbeKind::IcmpEcho);
        if let Some(place) = echo.filter(|_| is_first) {
            let echo = further.left.remove(place);
            under_way.push(echo.clue.clone());
            requests.push(self.ask_one(means, echo, now, timeout));
            count = count.saturating_sub(1);
        }
        for _ in 0..count {
            let clues: Vec<&Clue> = under_way.iter().collect();
            let may_go = |one: &Permitted| means.pace.room(one.address, now) > 0;
            let best = choice::best(&weighing, &further.left, &clues, may_go, EARLY_SILENCE);
            let Some(best) = best else { break };
            let chosen = further.left.remove(best);
            under_way.push(chosen.clue.clone());
            requests.push(self.ask_one(means, chosen, now, timeout));
        }
        // What the pace holds back of the last wave goes as soon as it may.
        further.hurried |=
            waves == 1 && further.left.iter().any(|one| means.pace.room(one.address, now) == 0);
        requests
    }

    /// What was observed, with all that is silent so far as if it stayed so.
    fn so_far(&self, means: &Means<'_>, now: Duration) -> Vec<Observation> {
        let out = self.outstanding.iter().map(|one| (&one.request, one.sent_at));
        let beside = self.beside.iter().map(|one| (&one.request, one.sent_at));
        let silent = out.chain(beside).filter(|(_, sent_at)| now >= *sent_at + EARLY_SILENCE);
        // Where the kernel chose the address to send from, it is that of the source.
        let family = AddressRange::from(self.question.address).family();
        let mut sources = means.case.source.ranges.iter().filter(|range| range.family() == family);
        let own = sources.next().map(|range| range.first());
        let silence = |(request, sent_at): (&ProbeRequest, Duration)| Observation {
            sent_at,
            finished_at: now,
            ..Observation::bare(ProbeRequest { source: request.source.or(own), ..*request }, Outcome::Timeout)
        };
        means.observations.iter().copied().chain(silent.map(silence)).collect()
    }

    /// When what is left may go, if nothing is heard before.
    fn asks_again_at(&self, means: &Means<'_>, further: &Further, now: Duration) -> Option<Duration> {
        let address = self.question.address;
        let owed = (further.owed > 0).then(|| means.pace.opens_at(address, now));
        let paced = further.left.iter().map(|one| means.pace.opens_at(one.address, now));
        let told = self.beside.iter().map(|one| one.sent_at + EARLY_SILENCE);
        let told = told.max().filter(|_| !further.hurried && !further.left.is_empty());
        owed.into_iter()
            .chain(paced)
            .chain(told)
            .filter(|at| *at > now && *at + LEAST_WAIT <= further.until)
            .min()
    }

    /// Sends one of those.
    fn ask_one(
        &mut self,
        means: &mut Means<'_>,
        permitted: Permitted,
        now: Duration,
        timeout: Duration,
    ) -> ProbeRequest {
        let Permitted { kind, address, port, clue } = permitted;
        let request = ProbeRequest {
            source: vantage_address(means.case, self.question.address),
            ..ProbeRequest::plain(means.id(), kind, address, port, timeout)
        };
        means.pace.note(address, now);
        if kind != ProbeKind::IcmpEcho {
            means.explored.push((address, port));
            self.sent += 1;
        }
        self.beside.push(Asked { request, sent_at: now, clue });
        request
    }
}

impl Outstanding {
    /// A probe that is sent now.
    pub(super) fn new(request: &ProbeRequest, now: Duration, of_round: bool) -> Self {
        Self { request: *request, sent_at: now, of_round, speaks: false, goes_elsewhere: false }
    }
}
