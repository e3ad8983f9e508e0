//! Holding a scenario against the kernel.

use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use super::{DroppedFlow, Flow, Scenario, Stage, Talk};
use crate::enclosure::Enclosure;
use crate::error::LaboratoryError;
use crate::twin::{Dropped, Gate, GateKind, Host, KernelOutcome, Twin};
use crate::world::{Scheme, World};

/// How long silence is waited for. What answers inside one machine answers within a millisecond; this
/// leaves room for a machine that is busy.
const SILENCE: Duration = Duration::from_millis(700);
/// How long an answer that must come is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// How many connections are made to see both what loss lets through and what it takes.
const ATTEMPTS: u32 = 20;
/// By so much more than the one before each of them waits.
const OUT_OF_STEP: Duration = Duration::from_millis(53);

/// Makes the scenario's connections in the twin of its world, one after the other, and says everything
/// that came out otherwise than the scenario's `[kernel]` says. The target's service must be running as
/// [`World::service`] says ([`super::Stage`] sees to it), and nothing else may use the twin meanwhile:
/// its counters are read. What several faults do alone needs twins of its own: [`prove_alone`].
///
/// # Errors
/// A sentence for each disagreement, or for what could not be tried.
pub fn prove_in_kernel(scenario: &Scenario, world: &World, twin: &Twin<'_>) -> Result<(), Vec<String>> {
    let kernel = &scenario.kernel;
    let mut proof = Proof { world, twin, wrong: Vec::new() };
    let answered = [(&kernel.passes, KernelOutcome::Connected), (&kernel.refuses, KernelOutcome::Refused)];
    for (flows, outcome) in answered {
        for flow in flows {
            proof.check(flow, ANSWER, &format!("{outcome:?}"), |it| it == outcome, None);
        }
    }
    for failed in &kernel.fails {
        let is_expected = |outcome| errno(outcome).is_some_and(|name| failed.errors.contains(&name));
        proof.check(&failed.flow(), ANSWER, &failed.errors.join(" or "), is_expected, None);
    }
    for dropped in &kernel.drops {
        proof.drops(dropped);
    }
    for lossy in &kernel.loses {
        proof.loses(lossy);
    }
    for ignored in &kernel.ignores {
        proof.check(ignored, SILENCE, "Silent", |it| it == KernelOutcome::Silent, None);
    }
    for flow in &kernel.ignores_some {
        proof.some(flow, None);
    }
    for talk in &kernel.hears {
        proof.hears(talk);
    }
    if proof.wrong.is_empty() { Ok(()) } else { Err(proof.wrong) }
}

/// Proves what each of several faults does alone, in a twin of a world that has no other: of a connection
/// that two gates would drop only the first can be seen to.
///
/// # Errors
/// As [`prove_in_kernel`].
pub fn prove_alone(enclosure: &Enclosure, scenario: &Scenario, seed: u64) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    for alone in &scenario.kernel.alone {
        let staged = scenario.world_with(alone.fault, seed).map_err(|error| vec![error.to_string()])?;
        let stage = Stage::set_lean(enclosure, staged).map_err(|error| vec![error.to_string()])?;
        let mut proof = Proof { world: &stage.world, twin: &stage.twin, wrong: Vec::new() };
        proof.drops(&alone.drops);
        wrong.extend(proof.wrong.into_iter().map(|what| format!("{:?} alone: {what}", alone.fault)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// A proof under way.
struct Proof<'a> {
    world: &'a World,
    twin: &'a Twin<'a>,
    wrong: Vec<String>,
}

impl Proof<'_> {
    fn drops(&mut self, dropped: &DroppedFlow) {
        let Some(gate) = self.gate(dropped) else { return };
        let expected = Some((&gate, dropped.direction.as_str()));
        self.check(&dropped.flow(), SILENCE, "Silent", |it| it == KernelOutcome::Silent, expected);
    }

    /// Connections that come about and connections that do not, and all that is lost is lost at the gate.
    fn loses(&mut self, lossy: &DroppedFlow) {
        let Some(gate) = self.gate(lossy) else { return };
        self.some(&lossy.flow(), Some(&gate));
    }

    /// Connections that come about and connections that do not, for which a gate accounts, or none.
    fn some(&mut self, flow: &Flow, gate: Option<&Gate>) {
        let what = name(flow);
        let (mut connected, mut silent) = (0, 0);
        for nth in 0..ATTEMPTS {
            // What is lost of a rotation, and sent again at fixed times, may be lost of each attempt that is made in
            // step with it.
            thread::sleep(OUT_OF_STEP * nth);
            match attempt(self.world, self.twin, flow, SILENCE) {
                Ok((KernelOutcome::Connected, dropped)) if gate.is_some() || dropped.is_empty() => {
                    connected += 1
                }
                Ok((KernelOutcome::Silent, dropped))
                    if gate.map_or(dropped.is_empty(), |gate| dropped.iter().any(|it| it.gate == *gate)) =>
                {
                    silent += 1
                }
                Ok((outcome, dropped)) => {
                    return self.wrong.push(format!("{what}: {outcome:?}, counted [{}]", listed(&dropped)));
                }
                Err(error) => return self.wrong.push(format!("{what}: {error}")),
            }
            if connected > 0 && silent > 0 {
                return;
            }
        }
        self.wrong.push(format!("{what}: {connected} connected and {silent} were silent, no loss at random"));
    }

    /// What is heard when the scheme's question is asked, and whether the target's own firewall drops it.
    fn hears(&mut self, talk: &Talk) {
        let (world, twin) = (self.world, self.twin);
        let what = format!("said from port {}", talk.source_port);
        let question = world.scheme.map(Scheme::question).unwrap_or_default();
        let (from, to) = (world.source(), world.target_address());
        let heard = counted(twin, || twin.talk(&from, talk.source_port, to, question, SILENCE));
        let (heard, dropped) = match heard {
            Ok(came) => came,
            Err(error) => return self.wrong.push(format!("{what}: {error}")),
        };
        if heard != talk.what {
            self.wrong.push(format!("{what}: {heard:?} where {:?} was expected", talk.what));
        }
        let is_as_said = match dropped.as_slice() {
            [] => !talk.dropped,
            [only] => talk.dropped && only.gate.kind == GateKind::Host,
            _ => false,
        };
        if !is_as_said {
            self.wrong.push(format!("{what}: dropped is {}, counted [{}]", talk.dropped, listed(&dropped)));
        }
    }

    fn gate(&mut self, dropped: &DroppedFlow) -> Option<Gate> {
        let id = match self.world.role(&dropped.at) {
            // The space has one router, and its gates no ids of documents.
            Ok(role) if role.component == "space" => "space".to_owned(),
            Ok(role) => role.id,
            Err(unknown) => {
                self.wrong.push(unknown.to_string());
                return None;
            }
        };
        Some(Gate { kind: dropped.gate, id })
    }

    fn check(
        &mut self,
        flow: &Flow,
        patience: Duration,
        expected: &str,
        is_expected: impl Fn(KernelOutcome) -> bool,
        gate: Option<(&Gate, &str)>,
    ) {
        let what = name(flow);
        let (outcome, dropped) = match attempt(self.world, self.twin, flow, patience) {
            Ok(came) => came,
            Err(error) => return self.wrong.push(format!("{what}: {error}")),
        };
        if !is_expected(outcome) {
            self.wrong.push(format!("{what}: {outcome:?} where {expected} was expected"));
        }
        let right = match gate {
            None => dropped.is_empty(),
            Some((gate, direction)) => {
                matches!(dropped.as_slice(), [only] if only.gate == *gate && only.direction.as_str() == direction)
            }
        };
        if !right {
            let expected =
                gate.map_or("no drop".to_owned(), |(gate, direction)| format!("{gate} ({direction})"));
            self.wrong.push(format!("{what}: expected {expected}, counted [{}]", listed(&dropped)));
        }
    }
}

fn name(flow: &Flow) -> String {
    format!("from {} port {}", flow.from.as_deref().unwrap_or("source"), flow.source_port)
}

fn listed(dropped: &[Dropped]) -> String {
    dropped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The name of the error that a connection ended with.
fn errno(outcome: KernelOutcome) -> Option<String> {
    match outcome {
        KernelOutcome::Other(number) => Some(format!("{:?}", Errno::from_raw(number))),
        KernelOutcome::Refused => Some(format!("{:?}", Errno::ECONNREFUSED)),
        KernelOutcome::Connected | KernelOutcome::Answered | KernelOutcome::Silent => None,
    }
}

/// Makes one connection; what came of it, and what was dropped meanwhile.
fn attempt(
    world: &World,
    twin: &Twin<'_>,
    flow: &Flow,
    patience: Duration,
) -> Result<(KernelOutcome, Vec<Dropped>), LaboratoryError> {
    let from = match &flow.from {
        None => world.source(),
        Some(path) => match world.role(path) {
            Ok(role) => match role.address {
                Some(address) if role.component == "host" => Host::Dyno(address),
                _ => Host::Interface(role.id.into()),
            },
            Err(unknown) => return Err(LaboratoryError::NoSuchHost(unknown.0)),
        },
    };
    counted(twin, || twin.connect(&from, flow.source_port, world.target_address(), patience))
}

/// What came of an act, and what was dropped meanwhile.
fn counted<T>(
    twin: &Twin<'_>,
    act: impl FnOnce() -> Result<T, LaboratoryError>,
) -> Result<(T, Vec<Dropped>), LaboratoryError> {
    let before = twin.dropped()?;
    let outcome = act()?;
    let mut after = twin.dropped()?;
    after.retain_mut(|dropped| {
        let same = |it: &&Dropped| it.gate == dropped.gate && it.direction == dropped.direction;
        dropped.packets -= before.iter().find(same).map_or(0, |it| it.packets);
        dropped.packets > 0
    });
    Ok((outcome, after))
}
