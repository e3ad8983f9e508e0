//! What mends each established cause: the plan with the least collateral, proven with the others.

use alloc::vec::Vec;

use peerscope_document::id::VpcPeeringConnectionId;

use super::by_hand::by_hand;
use super::case::{Case, Question};
use super::show;
use crate::flow::Flows;
use crate::reach::{Blocker, reach};
use crate::repair::{Edit, Opened, instruction, newly_open};
use crate::report::{Affects, Fix, OpenedReport};
use crate::topology::{ComponentId, NetworkId, Topology};

/// The fixes of each blocker, in the order given.
pub(super) fn fixes(case: &Case, question: &Question, blockers: &[&Blocker<'_>]) -> Vec<Vec<Fix>> {
    let (Some(topology), Some((source, target))) = (&case.topology, &question.networks) else {
        return blockers.iter().map(|_| Vec::new()).collect();
    };
    let bench = Bench { topology, source, target, served: &question.served, asked: &question.asked };
    let plans: Vec<Vec<Vec<Edit>>> =
        blockers.iter().map(|blocker| blocker.repairs(topology, &question.served)).collect();
    let firsts: Vec<&[Edit]> =
        plans.iter().map(|plans| plans.first().map_or(&[][..], Vec::as_slice)).collect();
    // What a plan opens shows only where nothing else stands in the way.
    let ranked: Vec<Vec<(Vec<Opened>, &[Edit])>> = plans
        .iter()
        .enumerate()
        .map(|(index, plans)| {
            let others = bench.with(&except(&firsts, index));
            let mut ranked: Vec<(Vec<Opened>, &[Edit])> =
                plans.iter().map(|plan| (bench.opened(&others, plan), plan.as_slice())).collect();
            ranked.sort_by_key(|(opened, plan)| (opened.len(), plan.len()));
            ranked
        })
        .collect();
    let chosen: Vec<&[Edit]> =
        ranked.iter().map(|ranked| ranked.first().map_or(&[][..], |(_, plan)| *plan)).collect();
    let replaced = chosen.iter().flat_map(|plan| plan.iter()).find_map(|edit| match edit {
        Edit::ReplacePeering { peering, .. } => Some(peering),
        _ => None,
    });
    let results = ranked.into_iter().enumerate().map(|(index, ranked)| {
        let others = except(&chosen, index);
        let base = bench.with(&others);
        let fix = |(_, plan): (Vec<Opened>, &[Edit])| {
            let mut together = others.clone();
            together.extend(plan.iter());
            let verified = bench.is_reachable(&bench.with(&together));
            fix(topology, plan, replaced, &bench.opened(&base, plan), verified)
        };
        let mut fixes: Vec<Fix> = ranked.into_iter().filter_map(fix).collect();
        if fixes.is_empty() {
            fixes.push(by_hand(case, question, blockers[index]));
        }
        fixes
    });
    results.collect()
}

/// The edits of every plan but one.
fn except<'a>(plans: &[&'a [Edit]], index: usize) -> Vec<&'a Edit> {
    let others = plans.iter().enumerate().filter(|(other, _)| *other != index);
    others.flat_map(|(_, plan)| plan.iter()).collect()
}

/// What plans are tried on.
struct Bench<'a> {
    topology: &'a Topology,
    source: &'a NetworkId,
    target: &'a NetworkId,
    served: &'a Flows,
    asked: &'a Flows,
}

impl Bench<'_> {
    fn with(&self, edits: &[&Edit]) -> Topology {
        let mut copy = self.topology.clone();
        for edit in edits {
            edit.apply(&mut copy);
        }
        copy
    }

    fn opened(&self, before: &Topology, plan: &[Edit]) -> Vec<Opened> {
        let mut after = before.clone();
        for edit in plan {
            edit.apply(&mut after);
        }
        newly_open(before, &after, plan, self.source, self.target, self.served)
    }

    /// Whether the analysis comes out reachable. Of a block of a VPC only the machines in it are asked
    /// about, so what counts is the answer's flows.
    fn is_reachable(&self, topology: &Topology) -> bool {
        let opening = reach(topology, self.source, self.target, self.asked).opening();
        !opening.admitted.is_empty() && opening.blocked.is_empty() && opening.unknown.is_empty()
    }
}

fn fix(
    topology: &Topology,
    plan: &[Edit],
    replaced: Option<&VpcPeeringConnectionId>,
    opened: &[Opened],
    verified: bool,
) -> Option<Fix> {
    let instruction = instruction(topology, plan, replaced)?;
    let owner = topology.ownership(&instruction.component);
    let opens = opened.iter().map(|opened| OpenedReport {
        component: show::component(Some(topology), &ComponentId::NetworkInterface(opened.interface.clone())),
        protocols: protocols(&opened.flows),
        flows: Affects::from(&opened.flows),
    });
    Some(Fix {
        tool: instruction.tool,
        command: instruction.command,
        explanation: instruction.explanation,
        undo: instruction.undo,
        opens: opens.collect(),
        managed_by: owner.managed_by,
        account: owner.account.map(|account| account.as_str().into()),
        region: owner.region.map(|region| region.as_str().into()),
        verified,
    })
}

fn protocols(flows: &Flows) -> Vec<crate::flow::ProtocolRange> {
    let mut protocols: Vec<_> = flows.boxes().iter().map(|flows| flows.protocol).collect();
    protocols.sort_unstable();
    protocols.dedup();
    protocols
}
