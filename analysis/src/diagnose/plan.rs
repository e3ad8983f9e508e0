//! One plan of all first fixes: each change once, in an order in which each can be made.

use alloc::string::String;
use alloc::vec::Vec;

use super::fixes::{Bench, note, reported};
use super::show;
use crate::cause::CauseCode;
use crate::reach::Blocker;
use crate::repair::{Edit, NewPeering, fills, instruction};
use crate::report::{Component, Fix, Plan, PlanStep};
use crate::topology::{ComponentType, Ownership, Topology};

/// The plan for all blockers; `None` where there are none. `chosen` are the edits of each blocker's first
/// fix, none where that is done by hand.
pub(super) fn plan(
    bench: &Bench<'_>,
    blockers: &[&Blocker<'_>],
    chosen: &[&[Edit]],
    fixes: &[Vec<Fix>],
    new: Option<&NewPeering>,
) -> Option<Plan> {
    let topology = bench.topology;
    let mut order: Vec<usize> = (0..blockers.len()).collect();
    order.sort_by_key(|index| turn(blockers[*index], chosen[*index].is_empty()));
    let mut made: Vec<&Edit> = Vec::new();
    let mut steps: Vec<PlanStep> = Vec::new();
    for index in order {
        let (code, edits) = (blockers[index].code, chosen[index]);
        if edits.is_empty() {
            let step = fixes[index].first().map(|fix| by_hand(topology, blockers[index], fix));
            step.into_iter().for_each(|step| enter(&mut steps, step));
            continue;
        }
        // Two causes may have one remedy: it is made once.
        let fresh: Vec<&Edit> = edits.iter().filter(|edit| !made.contains(edit)).collect();
        if fresh.is_empty() {
            let shares = |step: &&mut PlanStep| step.component.id == blockers[index].component.id();
            if let Some(known) = steps.iter_mut().find(shares) {
                add(&mut known.causes, code);
            }
        }
        // What a new peering needs lies in two accounts, and the addresses of a name may share a part of it:
        // each change is a step by itself.
        let makes = fresh.iter().any(|edit| matches!(edit, Edit::CreatePeering { .. }));
        for part in fresh.chunks(if makes { 1 } else { fresh.len().max(1) }) {
            let edits: Vec<Edit> = part.iter().map(|edit| (*edit).clone()).collect();
            let step = changing(bench, &made, &edits, code, new);
            step.into_iter().for_each(|step| enter(&mut steps, step));
            made.extend(part);
        }
    }
    if steps.is_empty() {
        return None;
    }
    let after = bench.with(&made);
    let all: Vec<Edit> = made.iter().map(|edit| (*edit).clone()).collect();
    let undo: Vec<&str> =
        steps.iter().rev().map(|step| step.undo.as_str()).filter(|undo| !undo.is_empty()).collect();
    Some(Plan {
        undo: undo.join("\n"),
        opens: reported(topology, &bench.opened((topology, &[]), &after, &all)),
        verified: bench.is_reachable(&after),
        steps,
    })
}

/// A peering comes before what leads over it, and its new id before who needs it.
fn turn(blocker: &Blocker<'_>, by_hand: bool) -> u8 {
    match blocker.component.component_type() {
        ComponentType::VpcPeeringConnection => 0,
        ComponentType::RouteTable if !by_hand => 1,
        ComponentType::NetworkAcl if !by_hand => 2,
        _ if !by_hand => 3,
        _ => 4,
    }
}

/// Adds a step, or its cause to the step that is the same.
fn enter(steps: &mut Vec<PlanStep>, step: PlanStep) {
    match steps.iter_mut().find(|known| is_same(known, &step)) {
        Some(known) => step.causes.into_iter().for_each(|code| add(&mut known.causes, code)),
        None => steps.push(step),
    }
}

fn add(causes: &mut Vec<CauseCode>, code: CauseCode) {
    if !causes.contains(&code) {
        causes.push(code);
    }
}

fn is_same(one: &PlanStep, other: &PlanStep) -> bool {
    one.tool == other.tool && one.command == other.command && one.explanation == other.explanation
}

/// The step that makes these edits after those made already; `None` where none is left to make.
fn changing(
    bench: &Bench<'_>,
    made: &[&Edit],
    fresh: &[Edit],
    code: CauseCode,
    new: Option<&NewPeering>,
) -> Option<PlanStep> {
    let topology = bench.topology;
    let instruction = instruction(topology, fresh, new)?;
    let before = bench.with(made);
    let mut after = before.clone();
    fresh.iter().for_each(|edit| edit.apply(&mut after));
    let Ownership { account, region, managed_by, .. } = instruction.ownership;
    Some(PlanStep {
        tool: instruction.tool,
        command: instruction.command,
        explanation: instruction.explanation,
        undo: instruction.undo,
        account: account.map(|account| account.as_str().into()),
        region: region.map(|region| region.as_str().into()),
        component: show::component(Some(topology), &instruction.component),
        managed_by,
        causes: Vec::from([code]),
        note: note(&fills(&before, &after, fresh)),
    })
}

/// The step of a cause that no edit of the model mends.
fn by_hand(topology: &Topology, blocker: &Blocker<'_>, fix: &Fix) -> PlanStep {
    let component: Component = show::component(Some(topology), &blocker.component);
    let (command, explanation): (String, String) = (fix.command.clone(), fix.explanation.clone());
    PlanStep {
        tool: fix.tool,
        command,
        explanation,
        undo: fix.undo.clone(),
        account: fix.account.clone(),
        region: fix.region.clone(),
        component,
        managed_by: fix.managed_by.clone(),
        causes: Vec::from([blocker.code]),
        note: fix.note.clone(),
    }
}

/// One plan for the addresses of a name. Plans that differ were proven one by one, and not together: each
/// may take the number or the room that another was to have.
pub(super) fn joined(plans: impl Iterator<Item = Plan>) -> Option<Plan> {
    plans.reduce(|mut whole, plan| {
        whole.verified &= plan.verified;
        let fresh: Vec<PlanStep> = plan
            .steps
            .into_iter()
            .filter(|step| !whole.steps.iter().any(|known| is_same(known, step)))
            .collect();
        if !fresh.is_empty() {
            whole.verified = false;
            whole.steps.extend(fresh);
            whole.opens.extend(plan.opens);
            let steps = whole.steps.iter().rev().map(|step| step.undo.as_str());
            whole.undo = steps.filter(|undo| !undo.is_empty()).collect::<Vec<_>>().join("\n");
        }
        whole
    })
}
