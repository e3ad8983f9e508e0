//! Holding a scenario against the kernel.

use std::time::Duration;

use super::{Flow, Scenario};
use crate::error::LaboratoryError;
use crate::twin::{Dropped, Gate, Host, KernelOutcome, Twin};
use crate::world::World;

/// How long silence is waited for. What answers inside one machine answers within a millisecond; this
/// leaves room for a machine that is busy.
const SILENCE: Duration = Duration::from_millis(700);
/// How long an answer that must come is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// Makes the scenario's connections in the twin of its world, one after the other, and says everything
/// that came out otherwise than the scenario's `[kernel]` says. The target's service must be running as
/// [`World::service`] says ([`super::Stage`] sees to it), and nothing else may use the twin meanwhile:
/// its counters are read.
///
/// # Errors
/// A sentence for each disagreement, or for what could not be tried.
pub fn prove_in_kernel(scenario: &Scenario, world: &World, twin: &Twin<'_>) -> Result<(), Vec<String>> {
    let kernel = &scenario.kernel;
    let answered = [(&kernel.passes, KernelOutcome::Connected), (&kernel.refuses, KernelOutcome::Refused)];
    let mut wrong = Vec::new();
    for (flows, outcome) in answered {
        for flow in flows {
            check(world, twin, flow, outcome, None, &mut wrong);
        }
    }
    for dropped in &kernel.drops {
        let id = match world.role(&dropped.at) {
            // The space has one router, and its gates no ids of documents.
            Ok(role) if role.component == "space" => "space".to_owned(),
            Ok(role) => role.id,
            Err(unknown) => {
                wrong.push(unknown.to_string());
                continue;
            }
        };
        let gate = Gate { kind: dropped.gate, id };
        let flow = dropped.flow();
        let expected = Some((&gate, dropped.direction.as_str()));
        check(world, twin, &flow, KernelOutcome::Silent, expected, &mut wrong);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn check(
    world: &World,
    twin: &Twin<'_>,
    flow: &Flow,
    expected: KernelOutcome,
    gate: Option<(&Gate, &str)>,
    wrong: &mut Vec<String>,
) {
    let what = format!("from {} port {}", flow.from.as_deref().unwrap_or("source"), flow.source_port);
    let patience = if expected == KernelOutcome::Silent { SILENCE } else { ANSWER };
    match attempt(world, twin, flow, patience) {
        Err(error) => wrong.push(format!("{what}: {error}")),
        Ok((outcome, dropped)) => {
            if outcome != expected {
                wrong.push(format!("{what}: {outcome:?} where {expected:?} was expected"));
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
                let seen: Vec<String> = dropped.iter().map(ToString::to_string).collect();
                wrong.push(format!("{what}: expected {expected}, counted [{}]", seen.join(", ")));
            }
        }
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
    let before = twin.dropped()?;
    let outcome = twin.connect(&from, flow.source_port, world.target_address(), patience)?;
    let mut after = twin.dropped()?;
    after.retain_mut(|dropped| {
        let same = |it: &&Dropped| it.gate == dropped.gate && it.direction == dropped.direction;
        dropped.packets -= before.iter().find(same).map_or(0, |it| it.packets);
        dropped.packets > 0
    });
    Ok((outcome, after))
}
