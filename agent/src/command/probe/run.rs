//! The run itself: whose turn it is goes to the engine, what comes back to the tallies.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use peerscope_analysis::diagnose::{dns_report, handshake_report, observation_report};
use peerscope_analysis::report::ObservationReport;
use peerscope_probes::{EchoSockets, Engine, EngineOptions, ProbeEngine, ProbeError};
use peerscope_vocabulary::{
    DnsObservation, DnsQuestion, Handshake, Observation, Outcome, ProbeId, ProbeRequest,
};
use serde::Serialize;

use super::acquaintance::{Acquaintances, Permission};
use super::schedule::Schedule;
use super::tally::Tally;
use super::targets::Aim;
use crate::cli::ProbeArgs;
use crate::exit::Failure;
use crate::output::print_on;

/// How long after a timeout answers are still listened for.
const LATE: Duration = Duration::from_secs(1);

/// The same of the last timeout, which keeps the user waiting.
const LAST_LATE: Duration = Duration::from_millis(500);

/// How long connections may take to close after the last answer is in. What is left then is closed by
/// the kernel.
const CLOSING: Duration = Duration::from_millis(200);

/// The most descriptors that are asked for: as many sockets as an engine ever opens, and the rest.
const DESCRIPTORS: u64 = 65_536;

/// A line of `--format jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    target: &'a str,
    #[serde(flatten)]
    observation: &'a ObservationReport,
}

/// A run under way.
pub(super) struct Run<'a> {
    arguments: &'a ProbeArgs,
    aims: &'a [Aim],
    at: Timestamp,
    started: Instant,
    engine: ProbeEngine,
    schedule: Schedule,
    acquaintances: Acquaintances,
    /// Which aim each probe was for; the place is its id.
    asked: Vec<usize>,
    /// Taken from the schedule, and not yet by the engine.
    waiting: VecDeque<(ProbeRequest, Words)>,
    lookups: Lookups,
    under_way: usize,
    any_silent: bool,
    is_streaming: bool,
    tallies: Vec<Tally>,
}

/// What is said beside a request's packets.
#[derive(Debug)]
enum Words {
    Nothing,
    Question(DnsQuestion),
    Handshake(Handshake),
}

/// Lookups under way: a name is asked for by several questions, which are one probe.
#[derive(Debug, Default)]
struct Lookups {
    /// The number of the lookup that a question is part of.
    of: HashMap<ProbeId, usize>,
    /// How many questions each has, and what was said.
    said: Vec<(usize, Vec<DnsObservation>)>,
}

impl Lookups {
    fn begin(&mut self, ids: &[ProbeId]) {
        self.of.extend(ids.iter().map(|id| (*id, self.said.len())));
        self.said.push((ids.len(), Vec::new()));
    }

    /// All that was said, in the order of the questions, once it is complete.
    fn add(&mut self, one: DnsObservation) -> Option<Vec<DnsObservation>> {
        let number = self.of.remove(&one.observation.id())?;
        let (expected, said) = self.said.get_mut(number)?;
        said.push(one);
        said.sort_by_key(|one| one.observation.id());
        (said.len() == *expected).then(|| std::mem::take(said))
    }
}

/// What a run came to.
pub(super) struct Outcomes {
    /// One for each aim.
    pub(super) tallies: Vec<Tally>,
    /// From the first probe to the last answer or timeout.
    pub(super) elapsed: Duration,
}

impl<'a> Run<'a> {
    /// Gets ready to probe. `is_streaming` has each observation written as it comes.
    ///
    /// # Errors
    /// Where the system gives no engine.
    pub(super) fn new(
        arguments: &'a ProbeArgs,
        aims: &'a [Aim],
        echo_sockets: EchoSockets,
        at: Timestamp,
        is_streaming: bool,
    ) -> Result<Self, Failure> {
        raise_descriptor_limit();
        let options = EngineOptions { echo_sockets, late_limit: LATE, ..EngineOptions::default() };
        let mut schedule = Schedule::new(aims.len(), arguments.count, arguments.interval, arguments.rate);
        for (index, _) in aims.iter().enumerate().filter(|(_, aim)| aim.at.is_err()) {
            schedule.end(index);
        }
        Ok(Self {
            arguments,
            aims,
            at,
            started: Instant::now(),
            engine: ProbeEngine::with(options).map_err(internal)?,
            schedule,
            acquaintances: Acquaintances::of(aims, arguments.count),
            asked: Vec::new(),
            waiting: VecDeque::new(),
            lookups: Lookups::default(),
            under_way: 0,
            any_silent: false,
            is_streaming,
            tallies: vec![Tally::default(); aims.len()],
        })
    }

    /// Probes everything.
    ///
    /// # Errors
    /// Where the system gives no events, or standard output cannot be written to.
    pub(super) fn finish(mut self) -> Result<Outcomes, Failure> {
        self.started = Instant::now();
        let mut observations = Vec::new();
        let mut is_read = true;
        while is_read {
            let now = self.started.elapsed();
            self.submit(now);
            self.engine.poll(self.started.elapsed(), &mut observations);
            for observation in observations.drain(..) {
                is_read &= self.take(&observation)?;
            }
            self.take_strays();
            if self.under_way == 0 && self.waiting.is_empty() && self.schedule.next_at().is_none() {
                break;
            }
            let turn = self.schedule.next_at();
            let wake = self.engine.wake_at().into_iter().chain(turn).min().unwrap_or(now);
            let timeout = wake.saturating_sub(self.started.elapsed());
            self.engine.wait(timeout).map_err(internal)?;
        }
        let elapsed = self.started.elapsed();
        if is_read {
            self.listen_on(elapsed)?;
        }
        Ok(Outcomes { tallies: self.tallies, elapsed })
    }

    /// Hands over to the engine what is due.
    fn submit(&mut self, now: Duration) {
        while let Some(index) = self.schedule.next(now) {
            let Some(Ok(destination)) = self.aims.get(index).map(|aim| &aim.at) else { continue };
            let greeting_wait = match self.acquaintances.permit(destination, now) {
                Permission::Ask(wait) => wait,
                Permission::Wait(until) => {
                    self.schedule.put_off(index, until);
                    continue;
                }
                Permission::Never => {
                    self.schedule.end(index);
                    if let Some(tally) = self.tallies.get_mut(index) {
                        tally.is_limited = true;
                    }
                    continue;
                }
            };
            let base = ProbeRequest {
                source: self.arguments.source,
                greeting_wait,
                ..destination.request(ProbeId(0), self.arguments.timeout)
            };
            let Some(aim) = self.aims.get(index) else { continue };
            let Some(question) = &aim.question else {
                let request = self.numbered(index, base);
                self.waiting.push_back(match &aim.handshake {
                    None => (request, Words::Nothing),
                    Some(handshake) => {
                        let request = ProbeRequest { greeting_wait: self.arguments.timeout, ..request };
                        (request, Words::Handshake(handshake.clone()))
                    }
                });
                continue;
            };
            let mut ids = Vec::new();
            for kind in &question.kinds {
                let request = self.numbered(index, base);
                ids.push(request.id);
                let question = DnsQuestion { name: question.name.clone(), record_type: *kind };
                self.waiting.push_back((request, Words::Question(question)));
            }
            self.lookups.begin(&ids);
        }
        while let Some((request, words)) = self.waiting.front() {
            let is_accepted = match words {
                Words::Nothing => self.engine.submit(now, &[*request]) == 1,
                Words::Question(question) => self.engine.ask(now, *request, question.clone()),
                Words::Handshake(handshake) => self.engine.speak(now, *request, handshake.clone()),
            };
            if !is_accepted {
                return;
            }
            self.waiting.pop_front();
        }
    }

    /// The request under an id of its own, from the port whose turn it is; it counts as under way.
    fn numbered(&mut self, index: usize, request: ProbeRequest) -> ProbeRequest {
        let number = self.asked.len();
        self.asked.push(index);
        self.under_way += 1;
        let source_port = self.arguments.source_port.map(|range| {
            let count = usize::from(range.last() - range.first()) + 1;
            // Less than the width of the range, which fits.
            range.first().saturating_add((number % count) as u16)
        });
        ProbeRequest { id: ProbeId(u32::try_from(number).unwrap_or(u32::MAX)), source_port, ..request }
    }

    /// Takes in an observation; false where nobody reads any more.
    fn take(&mut self, observation: &Observation) -> Result<bool, Failure> {
        self.under_way = self.under_way.saturating_sub(1);
        self.acquaintances.learn(observation);
        let Some(index) = self.aim_of(observation.id()) else { return Ok(true) };
        if let Some(said) = self.engine.answer(observation) {
            let is_read = self.stream(index, &dns_report(&said, self.at))?;
            if let (Some(lookup), Some(tally)) = (self.lookups.add(said), self.tallies.get_mut(index)) {
                tally.add_lookup(lookup);
            }
            return Ok(is_read);
        }
        self.any_silent |= observation.outcome == Outcome::Timeout;
        let report = match self.engine.spoken(observation) {
            Some(spoken) => handshake_report(&spoken, self.at),
            None => observation_report(observation, self.at),
        };
        let is_read = self.stream(index, &report)?;
        if let Some(tally) = self.tallies.get_mut(index) {
            tally.add(observation, report);
        }
        Ok(is_read)
    }

    /// Writes an observation as a line, where that is wanted; false where nobody reads any more.
    fn stream(&self, index: usize, report: &ObservationReport) -> Result<bool, Failure> {
        let Some(aim) = self.aims.get(index).filter(|_| self.is_streaming) else { return Ok(true) };
        let line = Line { target: &aim.target, observation: report };
        let text = serde_json::to_string(&line).map_err(|error| Failure::Internal(error.to_string()))?;
        print_on(&format!("{text}\n"))
    }

    fn take_strays(&mut self) {
        for stray in self.engine.take_strays() {
            let tally = self.aim_of(stray.id).and_then(|index| self.tallies.get_mut(index));
            if let Some(tally) = tally {
                tally.add_stray(stray.kind);
            }
        }
    }

    fn aim_of(&self, id: ProbeId) -> Option<usize> {
        self.asked.get(usize::try_from(id.0).ok()?).copied()
    }

    /// Lets connections close, and hears what comes too late where something was silent.
    fn listen_on(&mut self, ended: Duration) -> Result<(), Failure> {
        let late = if self.any_silent { LAST_LATE.min(self.arguments.timeout) } else { Duration::ZERO };
        let mut nothing_more = Vec::new();
        loop {
            let now = self.started.elapsed();
            self.engine.poll(now, &mut nothing_more);
            self.take_strays();
            let end = if self.engine.unfinished() > 0 { late.max(CLOSING) } else { late };
            let left = (ended + end).saturating_sub(now);
            if left.is_zero() {
                return Ok(());
            }
            self.engine.wait(left).map_err(internal)?;
        }
    }
}

/// As many descriptors as this process may have without asking anybody: each probe under way takes one.
fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let wanted = hard.min(DESCRIPTORS);
        if soft < wanted {
            // With fewer the probes wait for each other.
            let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard);
        }
    }
}

fn internal(error: ProbeError) -> Failure {
    Failure::Internal(error.to_string())
}
