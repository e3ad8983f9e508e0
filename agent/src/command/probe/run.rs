//! The run itself: whose turn it is goes to the engine, what comes back to the tallies.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use peerscope_analysis::diagnose::observation_report;
use peerscope_analysis::report::ObservationReport;
use peerscope_probes::{EchoSockets, Engine, EngineOptions, ProbeEngine, ProbeError};
use peerscope_vocabulary::{Observation, Outcome, ProbeId, ProbeRequest};
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
    waiting: Vec<ProbeRequest>,
    under_way: usize,
    any_silent: bool,
    is_streaming: bool,
    tallies: Vec<Tally>,
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
            waiting: Vec::new(),
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
            let number = self.asked.len();
            self.asked.push(index);
            self.under_way += 1;
            let id = ProbeId(u32::try_from(number).unwrap_or(u32::MAX));
            let source_port = self.arguments.source_port.map(|range| {
                let count = usize::from(range.last() - range.first()) + 1;
                // Less than the width of the range, which fits.
                range.first().saturating_add((number % count) as u16)
            });
            self.waiting.push(ProbeRequest {
                source: self.arguments.source,
                source_port,
                greeting_wait,
                ..destination.request(id, self.arguments.timeout)
            });
        }
        let accepted = self.engine.submit(now, &self.waiting);
        self.waiting.drain(..accepted);
    }

    /// Takes in an observation; false where nobody reads any more.
    fn take(&mut self, observation: &Observation) -> Result<bool, Failure> {
        self.under_way = self.under_way.saturating_sub(1);
        self.acquaintances.learn(observation);
        self.any_silent |= observation.outcome == Outcome::Timeout;
        let Some(index) = self.aim_of(observation.id()) else { return Ok(true) };
        let report = observation_report(observation, self.at);
        let is_read = match self.aims.get(index).filter(|_| self.is_streaming) {
            Some(aim) => {
                let line = Line { target: &aim.target, observation: &report };
                let text =
                    serde_json::to_string(&line).map_err(|error| Failure::Internal(error.to_string()))?;
                print_on(&format!("{text}\n"))?
            }
            None => true,
        };
        if let Some(tally) = self.tallies.get_mut(index) {
            tally.add(observation, report.reason);
        }
        Ok(is_read)
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
