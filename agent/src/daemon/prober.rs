//! Sends each path's probes at their times: one thread, one engine, however many paths.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use peerscope_probes::{Engine, EngineOptions, Pace, ProbeEngine};
use peerscope_vocabulary::{Observation, ProbeId};

use super::board::{Board, Last, Watched};
use super::names::Names;
use super::result::ProbeResult;
use super::schedule::Schedule;
use super::stop::Stop;
use crate::clock;
use crate::destination::Destination;
use crate::exit::Failure;

/// The longest sleep: so often it looks whether paths have changed, or all is to end.
const NAP: Duration = Duration::from_millis(100);

/// Probes until all is to end.
///
/// # Errors
/// Where the system gives no engine or no events.
pub(super) fn run(board: &Board, names: &Names, pace: Pace, stop: &Stop) -> Result<(), Failure> {
    let internal = |error: peerscope_probes::ProbeError| Failure::Internal(error.to_string());
    let options = EngineOptions { pace, ..EngineOptions::default() };
    let mut prober = Prober {
        board,
        names,
        engine: ProbeEngine::with(options).map_err(internal)?,
        schedule: Schedule::default(),
        paths: HashMap::new(),
        under_way: HashMap::new(),
        next_id: 0,
    };
    let mut observations = Vec::new();
    let mut looked = None;
    while !stop.is_asked() {
        let now = board.now();
        if looked.is_none_or(|looked| now >= looked + NAP) {
            prober.look();
            looked = Some(now);
        }
        prober.submit(now);
        prober.engine.poll(board.now(), &mut observations);
        for observation in observations.drain(..) {
            prober.take(&observation);
        }
        let wake = prober.engine.wake_at().into_iter().chain(prober.schedule.next_at()).min();
        let now = board.now();
        let nap = wake.map_or(NAP, |wake| wake.saturating_sub(now)).min(NAP);
        prober.engine.wait(nap).map_err(internal)?;
    }
    Ok(())
}

struct Prober<'a> {
    board: &'a Board,
    names: &'a Names,
    engine: ProbeEngine,
    schedule: Schedule,
    paths: HashMap<u64, Probed>,
    under_way: HashMap<ProbeId, Arc<Watched>>,
    next_id: u32,
}

/// A path, and how often it was asked.
struct Probed {
    path: Arc<Watched>,
    /// The number of its turns: each address of a name has its own.
    turns: usize,
    is_under_way: bool,
}

impl Prober<'_> {
    /// Takes the paths that are new, and leaves those that are gone.
    fn look(&mut self) {
        let now = self.board.now();
        let paths = self.board.paths();
        if paths.len() == self.paths.len() && paths.iter().all(|path| self.paths.contains_key(&path.number)) {
            return;
        }
        let mut kept = HashMap::with_capacity(paths.len());
        for path in paths {
            let probed = self.paths.remove(&path.number).unwrap_or_else(|| {
                self.schedule.add(path.number, &path.section.name.0, path.section.interval.0, now);
                Probed { path: Arc::clone(&path), turns: 0, is_under_way: false }
            });
            kept.insert(path.number, probed);
        }
        for gone in self.paths.keys() {
            self.schedule.remove(*gone);
        }
        self.paths = kept;
    }

    /// Hands over what is due.
    fn submit(&mut self, now: Duration) {
        while let Some(number) = self.schedule.next(now) {
            // The last one has not ended: a timeout is no longer than the interval, but a handshake may take it twice.
            if self.paths.get(&number).is_none_or(|probed| probed.is_under_way) {
                continue;
            }
            let address = match self.address(number) {
                Ok(Some(address)) => address,
                // It has not been looked up yet.
                Ok(None) => continue,
                Err(()) => {
                    self.note(number, ProbeResult::DnsError, None);
                    continue;
                }
            };
            self.next_id = self.next_id.wrapping_add(1);
            let id = ProbeId(self.next_id);
            let Some(probed) = self.paths.get_mut(&number) else { continue };
            let section = &probed.path.section;
            let request = Destination::of(&section.target.0, address).request(id, section.timeout.0);
            let is_taken = match section.target.0.handshake() {
                Some(handshake) => {
                    let request =
                        peerscope_vocabulary::ProbeRequest { greeting_wait: section.timeout.0, ..request };
                    self.engine.speak(now, request, handshake)
                }
                None => self.engine.submit(now, &[request]) == 1,
            };
            if is_taken {
                probed.is_under_way = true;
                probed.turns = probed.turns.wrapping_add(1);
                self.under_way.insert(id, Arc::clone(&probed.path));
            } else {
                self.note(number, ProbeResult::LocalError, None);
            }
        }
        self.board.missed.store(self.schedule.missed(), Ordering::Relaxed);
    }

    /// The address whose turn it is; an error where the name has none.
    fn address(&self, number: u64) -> Result<Option<IpAddr>, ()> {
        let Some(probed) = self.paths.get(&number) else { return Ok(None) };
        match self.names.addresses(&probed.path.section.target.0.host) {
            None => Ok(None),
            Some(Ok(addresses)) if !addresses.is_empty() => {
                Ok(addresses.get(probed.turns % addresses.len()).copied())
            }
            Some(_) => Err(()),
        }
    }

    fn take(&mut self, observation: &Observation) {
        let spoken = self.engine.spoken(observation);
        let outcome = spoken.map_or(observation.outcome, |spoken| spoken.observation.outcome);
        let Some(path) = self.under_way.remove(&observation.id()) else { return };
        if let Some(probed) = self.paths.get_mut(&path.number) {
            probed.is_under_way = false;
        }
        self.note(path.number, outcome.into(), observation.rtt);
    }

    fn note(&mut self, number: u64, result: ProbeResult, rtt: Option<Duration>) {
        let Some(probed) = self.paths.get(&number) else { return };
        let last = Last { at: clock::now(), result, rtt };
        probed.path.probed(self.board.now(), last);
    }
}
