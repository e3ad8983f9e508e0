//! One echo, by the engine that every other goes by.

use std::num::NonZero;
use std::time::Instant;

use peerscope_probes::{Engine, EngineOptions, ProbeEngine};
use peerscope_vocabulary::{Outcome, ProbeId, ProbeKind, ProbeRequest, SegmentLimits};

use super::reach::Choice;
use super::{Probe, Stopped};

const HELP: &str = "How long each part of the question took.";

/// Asks a host.
pub(super) fn ask(probe: &mut Probe<'_>, target: &str) -> Result<(), Stopped> {
    let module = &probe.module.icmp;
    let phase = |probe: &mut Probe<'_>, phase: &str, seconds: f64| {
        probe.page.with("probe_icmp_duration_seconds", HELP, vec![("phase", phase.to_string())], seconds);
    };
    for name in ["resolve", "setup", "rtt"] {
        phase(probe, name, 0.0);
    }
    let choice =
        Choice { preferred: module.preferred_ip_protocol, has_fallback: module.ip_protocol_fallback };
    let begun = Instant::now();
    let address = probe.resolve(target.trim_matches(['[', ']']), None, choice)?;
    phase(probe, "resolve", begun.elapsed().as_secs_f64());
    let started = Instant::now();
    let options = EngineOptions { pace: probe.reach.pace(), ..EngineOptions::default() };
    let mut engine = match ProbeEngine::with(options) {
        Ok(engine) => engine,
        Err(error) => return probe.fail(&error.to_string()),
    };
    let request = ProbeRequest {
        id: ProbeId(1),
        kind: ProbeKind::IcmpEcho,
        source: module.source_ip_address.map(|source| source.0),
        source_port: None,
        address: address.address(),
        port: 0,
        hop_limit: module.ttl.and_then(NonZero::new),
        payload_length: module.payload_size,
        dont_fragment: module.dont_fragment,
        segments: SegmentLimits::default(),
        timeout: probe.reach.left(),
        greeting_wait: std::time::Duration::ZERO,
    };
    engine.submit(started.elapsed(), &[request]);
    let mut observations = Vec::new();
    while observations.is_empty() {
        engine.poll(started.elapsed(), &mut observations);
        let left = probe.reach.left();
        if !observations.is_empty() || left.is_zero() {
            break;
        }
        let wake = engine.wake_at().map_or(left, |wake| wake.saturating_sub(started.elapsed()));
        if let Err(error) = engine.wait(wake.min(left)) {
            return probe.fail(&error.to_string());
        }
    }
    let Some(observation) = observations.first() else {
        return probe.fail("no answer in time");
    };
    phase(probe, "setup", observation.sent_at.as_secs_f64());
    if observation.outcome != Outcome::Echo {
        return probe.fail(&format!("no echo: {:?}", observation.outcome));
    }
    let rtt = observation.rtt.unwrap_or_else(|| observation.finished_at.saturating_sub(observation.sent_at));
    phase(probe, "rtt", rtt.as_secs_f64());
    probe.say("an echo came");
    Ok(())
}
