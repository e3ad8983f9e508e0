//! Connections that stand beside the probing, on the ports that the configuration names: whether they go on while new
//! ones are not answered tells a rule of a group that was removed from a path that was cut.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::diagnose::StandingConnection;
use peerscope_probes::{Canary, CanaryState, Pace};

use super::Shared;
use super::log::Log;
use super::names::Names;
use super::watched::Watched;
use crate::clock;

/// How often each is looked at.
const NAP: Duration = Duration::from_millis(500);
/// How long after the end of one the next begins.
const PAUSE: Duration = Duration::from_secs(60);
/// After so long without a segment one that rests is silent: its keepalives are sent each 15 s.
const SILENT: Duration = Duration::from_secs(20);
/// After so long without an answer one that was asked is silent: two keepalives have been sent.
const UNANSWERED: Duration = Duration::from_millis(1500);

/// All of them, by the number of their path.
#[derive(Debug, Default)]
pub(super) struct Canaries(Mutex<HashMap<u64, Kept>>);

/// What there is of one.
#[derive(Debug)]
struct Kept {
    canary: Option<Canary>,
    target: Option<SocketAddr>,
    /// Since when it stands.
    since: Option<Timestamp>,
    /// How many segments came, and when that was seen to be more than before.
    heard: Option<(u32, Instant)>,
    /// When it was asked, and how many segments had come.
    asked: Option<(Instant, u32)>,
    /// When the next one begins, where this one is over.
    again: Instant,
}

impl Default for Kept {
    fn default() -> Self {
        Self { canary: None, target: None, since: None, heard: None, asked: None, again: Instant::now() }
    }
}

impl Canaries {
    /// Keeps one for each path that is to have it, until all is to end.
    pub(super) fn run(&self, shared: &Shared) {
        let Shared { board, names, pace, log, stop, .. } = shared;
        while !stop.sleep(NAP) {
            let paths = board.paths();
            let wanted = || paths.iter().filter(|path| path.section.canary.is_some());
            let mut kept = self.lock();
            kept.retain(|number, _| wanted().any(|path| path.number == *number));
            for path in wanted() {
                let one = kept.entry(path.number).or_default();
                one.look(path, log);
                let targets = targets(path, names);
                // The name stands for another host now.
                if one.target.is_some_and(|target| !targets.is_empty() && !targets.contains(&target)) {
                    *one = Kept::default();
                }
                if one.canary.is_none()
                    && Instant::now() >= one.again
                    && let Some(target) = targets.first()
                {
                    one.begin(*target, board.now(), pace);
                }
                path.status().canary = Some(one.goes_on());
            }
        }
    }

    /// Has a path's canary asked for a sign of life.
    pub(super) fn ask(&self, path: u64) {
        if let Some(one) = self.lock().get_mut(&path) {
            one.ask();
        }
    }

    /// What the canary of a path that is bad since a time came to since it was asked; nothing where it began later, or
    /// where it is not known yet.
    pub(super) fn heard(&self, path: u64, first_bad: Option<Timestamp>) -> Option<StandingConnection> {
        self.lock().get_mut(&path)?.told(first_bad?)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn begin(&mut self, target: SocketAddr, now: Duration, pace: &Pace) {
        // To the host it is one connection more; where there were many, it waits.
        if pace.enter(now, target.ip()).is_err() {
            return;
        }
        match Canary::connect(target) {
            Ok(canary) => *self = Self { canary: Some(canary), target: Some(target), ..Self::default() },
            Err(_) => self.again = Instant::now() + PAUSE,
        }
    }

    fn look(&mut self, path: &Watched, log: &Log) {
        let (Some(canary), Some(target)) = (&mut self.canary, self.target) else { return };
        let (name, target) = (path.section.name.0.as_str(), target.to_string());
        match canary.look() {
            CanaryState::Connecting => {}
            CanaryState::Standing { segments } => {
                if self.since.is_none() {
                    self.since = Some(clock::now());
                    log.info("canary_stands", &[("path", name), ("target", &target)]);
                }
                let before = self.heard.map(|(before, _)| before);
                if segments > before
                    && let Some(segments) = segments
                {
                    self.heard = Some((segments, Instant::now()));
                }
            }
            CanaryState::Ended(end) => {
                log.warn("canary_ended", &[("path", name), ("target", &target), ("end", end.word())]);
                *self = Self { again: Instant::now() + PAUSE, ..Self::default() };
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.heard.is_some_and(|(_, at)| at.elapsed() < SILENT)
    }

    /// How many segments have come by now; none where it does not stand, or the kernel does not tell.
    fn segments(&mut self) -> Option<u32> {
        match self.canary.as_mut()?.look() {
            CanaryState::Standing { segments } => segments,
            // What has ended is dealt with at the next look.
            CanaryState::Connecting | CanaryState::Ended(_) => None,
        }
    }

    fn ask(&mut self) {
        self.asked = self.segments().map(|segments| (Instant::now(), segments));
        if let Some(canary) = &self.canary {
            canary.ask();
        }
    }

    fn told(&mut self, first_bad: Timestamp) -> Option<StandingConnection> {
        if let Some(canary) = &self.canary {
            canary.rest();
        }
        let (asked, before) = self.asked.take()?;
        let stood = Duration::try_from(first_bad.duration_since(self.since?)).ok()?;
        let is_acknowledged = self.segments()? > before;
        let is_known = is_acknowledged || asked.elapsed() >= UNANSWERED;
        let target = self.target.filter(|_| is_known && !stood.is_zero())?;
        let (address, port) = (target.ip(), target.port());
        Some(StandingConnection { address, port, stood, is_acknowledged })
    }
}

/// Where a path's canary may lead: to any of its addresses.
fn targets(path: &Watched, names: &Names) -> Vec<SocketAddr> {
    let addresses = names.addresses(&path.section.target.0.host).and_then(Result::ok).unwrap_or_default();
    let port = path.section.canary;
    addresses.into_iter().filter_map(|address| Some(SocketAddr::new(address, port?))).collect()
}
