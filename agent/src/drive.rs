//! Runs a diagnosis: carries requests from the state machine to the engine, and events back.

use std::time::{Duration, Instant};

use peerscope_analysis::diagnose::{Action, Event, Machine};
use peerscope_probes::{Engine, EngineOptions, ProbeEngine};
use peerscope_vocabulary::ProbeKind;

use crate::exit::Failure;

/// How long connections may take to close after the last answer is in. What is left then is closed by
/// the kernel.
const CLOSING: Duration = Duration::from_millis(40);

/// So soon it is noticed that it is not to go on.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Polls the machine until it is done. The engine is made on the first request, so that an analysis
/// without packets opens no socket.
///
/// # Errors
/// Where the system gives no engine or no events.
pub(crate) fn drive(machine: &mut Machine, started: Instant) -> Result<(), Failure> {
    drive_with(machine, started, EngineOptions::default(), &|| true)
}

/// The same by an engine with options of its own, such as a pace that others share, for as long as `goes_on` says.
///
/// # Errors
/// As [`drive`].
pub(crate) fn drive_with(
    machine: &mut Machine,
    started: Instant,
    options: EngineOptions,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let mut options = Some(options);
    let internal = |error: peerscope_probes::ProbeError| Failure::Internal(error.to_string());
    let mut engine: Option<ProbeEngine> = None;
    let mut observations = Vec::new();
    while goes_on() {
        let now = started.elapsed();
        match machine.poll(now) {
            Action::Send(requests) => {
                let engine = match &mut engine {
                    Some(engine) => engine,
                    none => {
                        none.insert(ProbeEngine::with(options.take().unwrap_or_default()).map_err(internal)?)
                    }
                };
                for request in requests {
                    let accepted = match machine.handshake().filter(|_| request.kind == ProbeKind::Handshake)
                    {
                        Some(handshake) => engine.speak(now, request, handshake.clone()),
                        None => engine.submit(now, &[request]) == 1,
                    };
                    if !accepted {
                        machine.handle(now, Event::Refused(request.id));
                    }
                }
            }
            Action::Cancel(id) => {
                if let Some(engine) = &mut engine {
                    engine.cancel(now, id);
                }
            }
            Action::WaitUntil(until) => {
                let Some(engine) = &mut engine else { continue };
                // Thinking took time, and the engine paces by what it is told.
                let now = started.elapsed();
                engine.poll(now, &mut observations);
                if observations.is_empty() {
                    let wake = engine.wake_at().map_or(until, |wake| wake.min(until));
                    engine.wait(wake.saturating_sub(now).min(LONGEST_WAIT)).map_err(internal)?;
                }
                let now = started.elapsed();
                for observation in observations.drain(..) {
                    let event = match engine.spoken(&observation) {
                        Some(spoken) => Event::Spoke(spoken),
                        None => Event::Completed(observation),
                    };
                    machine.handle(now, event);
                }
            }
            Action::Done => break,
        }
    }
    if let Some(engine) = &mut engine {
        close(engine, started, &mut observations).map_err(internal)?;
    }
    Ok(())
}

/// Lets the engine finish what it is closing.
fn close(
    engine: &mut ProbeEngine,
    started: Instant,
    observations: &mut Vec<peerscope_vocabulary::Observation>,
) -> Result<(), peerscope_probes::ProbeError> {
    let end = started.elapsed() + CLOSING;
    loop {
        let now = started.elapsed();
        engine.poll(now, observations);
        if engine.unfinished() == 0 || now >= end {
            return Ok(());
        }
        engine.wait(end.saturating_sub(now))?;
    }
}
