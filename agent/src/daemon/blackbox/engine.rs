//! One question by the engine that every other goes by.

use std::time::{Duration, Instant};

use peerscope_probes::{Engine, EngineOptions, ProbeEngine};
use peerscope_vocabulary::Observation;

use super::Probe;

impl Probe<'_> {
    /// Has an engine ask what `submit` hands it, and waits for what comes of it; none where the time is over before.
    ///
    /// # Errors
    /// What the system did not give.
    pub(super) fn observe(
        &self,
        submit: impl FnOnce(&mut ProbeEngine, Duration),
    ) -> Result<(ProbeEngine, Option<Observation>), String> {
        let started = Instant::now();
        let options = EngineOptions { pace: self.reach.pace(), ..EngineOptions::default() };
        let mut engine = ProbeEngine::with(options).map_err(|error| error.to_string())?;
        submit(&mut engine, started.elapsed());
        let mut observations = Vec::new();
        loop {
            engine.poll(started.elapsed(), &mut observations);
            let left = self.reach.left();
            if !observations.is_empty() || left.is_zero() {
                return Ok((engine, observations.first().copied()));
            }
            let wake = engine.wake_at().map_or(left, |wake| wake.saturating_sub(started.elapsed()));
            engine.wait(wake.min(left)).map_err(|error| error.to_string())?;
        }
    }
}
