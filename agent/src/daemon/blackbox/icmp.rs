//! One echo, by the engine that every other goes by.

use std::num::NonZero;
use std::time::Instant;

use peerscope_probes::Engine;
use peerscope_vocabulary::{Outcome, ProbeId, ProbeKind, ProbeRequest};

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
    let begun = Instant::now();
    let address = probe.resolve(target.trim_matches(['[', ']']), None, module.addresses())?;
    phase(probe, "resolve", begun.elapsed().as_secs_f64());
    let request = ProbeRequest {
        source: module.addresses().from,
        hop_limit: module.ttl.and_then(NonZero::new),
        payload_length: module.payload_size,
        dont_fragment: module.dont_fragment,
        ..ProbeRequest::plain(ProbeId(1), ProbeKind::IcmpEcho, address.address(), 0, probe.reach.left())
    };
    let observation = match probe.observe(|engine, now| _ = engine.submit(now, &[request])) {
        Ok((_, Some(observation))) => observation,
        Ok((_, None)) => return probe.fail("no answer in time"),
        Err(why) => return probe.fail(&why),
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
