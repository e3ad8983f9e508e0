//! What mends each established cause: the plan with the least collateral, proven with the others.

use alloc::string::String;
use alloc::vec::Vec;

use super::by_hand::by_hand;
use super::case::{Case, Question};
use super::plan::plan;
use super::show;
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::{Blocker, End, reach};
use crate::repair::{
    Collateral, Edit, Fill, Instruction, NewPeering, Opened, fills, instruction, terraform, volume, widened,
};
use crate::report::{Affects, Calls, Fix, OpenedReport, Plan};
use crate::topology::{ComponentId, NetworkId, Topology};

/// What mends the blockers.
#[derive(Default)]
pub(super) struct Mending {
    /// The fixes of each blocker, in the order given.
    pub(super) fixes: Vec<Vec<Fix>>,
    /// The first of each as one plan.
    pub(super) plan: Option<Plan>,
}

/// A plan for one blocker, weighed.
struct Weighed {
    edits: Vec<Edit>,
    opened: Vec<Opened>,
    fills: Vec<Fill>,
}

/// The fixes of each blocker, and one plan of the first of each. `number` is the question's among those
/// that are between other networks, from 1: a peering of its own is called by it.
pub(super) fn mending(case: &Case, question: &Question, number: usize, blockers: &[&Blocker<'_>]) -> Mending {
    let collateral = Collateral::default();
    let Some(bench) = Bench::of(case, question, &collateral) else {
        return Mending { fixes: blockers.iter().map(|_| Vec::new()).collect(), plan: None };
    };
    let Mended { fixes, chosen, new } = bench.mended(case, question, number, blockers, &|_| true);
    let chosen: Vec<&[Edit]> = chosen.iter().map(Vec::as_slice).collect();
    let plan = plan(&bench, blockers, &chosen, &fixes, new.as_ref());
    Mending { fixes, plan }
}

/// The fixes of the blockers that are wanted, none of the others; and the commands that are chosen for each.
/// `collateral` keeps what was found for further questions about the same topology.
pub(super) fn fixes(
    case: &Case,
    question: &Question,
    blockers: &[&Blocker<'_>],
    is_wanted: &dyn Fn(&Blocker<'_>) -> bool,
    collateral: &Collateral,
) -> Vec<(Option<String>, Vec<Fix>)> {
    let Some(bench) = Bench::of(case, question, collateral) else {
        return blockers.iter().map(|_| (None, Vec::new())).collect();
    };
    let Mended { fixes, chosen, new } = bench.mended(case, question, 1, blockers, is_wanted);
    let command = |edits: &Vec<Edit>| {
        instruction(bench.topology, edits, new.as_ref()).map(|instruction| instruction.command)
    };
    chosen.iter().map(command).zip(fixes).collect()
}

/// The fixes of each blocker, in the order given.
struct Mended {
    fixes: Vec<Vec<Fix>>,
    /// The edits of the first fix of each, none where that is done by hand.
    chosen: Vec<Vec<Edit>>,
    new: Option<NewPeering>,
}

/// The edits of every plan but one.
fn except<'a>(plans: &[&'a [Edit]], index: usize) -> Vec<&'a Edit> {
    let others = plans.iter().enumerate().filter(|(other, _)| *other != index);
    others.flat_map(|(_, plan)| plan.iter()).collect()
}

/// What plans are tried on.
pub(super) struct Bench<'a> {
    pub(super) topology: &'a Topology,
    source: &'a NetworkId,
    target: &'a NetworkId,
    served: &'a Flows,
    asked: &'a Flows,
    collateral: &'a Collateral,
}

impl<'a> Bench<'a> {
    fn of(case: &'a Case, question: &'a Question, collateral: &'a Collateral) -> Option<Self> {
        let topology = case.topology.as_ref()?;
        let (source, target) = question.networks.as_ref()?;
        let Question { served, asked, .. } = question;
        Some(Self { topology, source, target, served, asked, collateral })
    }

    /// What mends the blockers, each plan proven with the first of every other blocker.
    fn mended(
        &self,
        case: &Case,
        question: &Question,
        number: usize,
        blockers: &[&Blocker<'_>],
        is_wanted: &dyn Fn(&Blocker<'_>) -> bool,
    ) -> Mended {
        let topology = self.topology;
        // A peering with a network that was guessed is nothing to offer: it is made for good, and may be wrong.
        let is_guess =
            |blocker: &Blocker<'_>| blocker.code == CauseCode::PeeringMissing && !question.rivals.is_empty();
        let plans: Vec<Vec<Vec<Edit>>> = blockers
            .iter()
            .map(|blocker| match is_guess(blocker) {
                true => Vec::new(),
                false => blocker.repairs(topology, &question.served),
            })
            .collect();
        let firsts: Vec<&[Edit]> =
            plans.iter().map(|plans| plans.first().map_or(&[][..], Vec::as_slice)).collect();
        // What a plan opens shows only where nothing else stands in the way.
        let mut ranked: Vec<Vec<Weighed>> = plans
            .iter()
            .enumerate()
            .map(|(index, plans)| {
                let (made, wanted) = (except(&firsts, index), is_wanted(blockers[index]));
                self.only_one(&made, plans).filter(|_| !wanted).unwrap_or_else(|| self.ranked(&made, plans))
            })
            .collect();
        let firsts_ranked = ranked.iter().map(|ranked| ranked.first());
        let chosen: Vec<Vec<Edit>> =
            firsts_ranked.map(|first| first.map(|first| first.edits.clone()).unwrap_or_default()).collect();
        let chosen: Vec<&[Edit]> = chosen.iter().map(Vec::as_slice).collect();
        let new = NewPeering::of(topology, chosen.iter().copied().flatten())
            .map(|new| NewPeering { number, ..new });
        let mut fixes: Vec<Vec<Fix>> = Vec::new();
        for (index, ranked) in ranked.iter_mut().enumerate() {
            let others = except(&chosen, index);
            // The commands of every plan come before any Terraform: each form in the order of the plans.
            let (mut own, mut as_terraform): (Vec<Fix>, Vec<Fix>) = (Vec::new(), Vec::new());
            if !is_wanted(blockers[index]) {
                fixes.push(own);
                continue;
            }
            if !ranked.is_empty() {
                let base = self.with(&others);
                // Of the others the best may be another than the first.
                let is_as_weighed = others == except(&firsts, index);
                for weighed in ranked {
                    let mut after = base.clone();
                    weighed.edits.iter().for_each(|edit| edit.apply(&mut after));
                    if !is_as_weighed {
                        weighed.opened = self.opened((&base, &others), &after, &weighed.edits);
                    }
                    let verified = self.is_reachable(&after);
                    let opens = reported(topology, &weighed.opened);
                    let form = |made: Option<Instruction>| {
                        made.map(|made| fix(&opens, &weighed.fills, made, verified))
                    };
                    own.extend(form(instruction(topology, &weighed.edits, new.as_ref())));
                    as_terraform.extend(form(terraform(topology, &weighed.edits, new.as_ref())));
                }
            }
            own.extend(as_terraform);
            if own.is_empty() {
                own = by_hand(case, question, blockers[index]);
            }
            fixes.push(own);
        }
        let chosen = chosen.into_iter().map(<[Edit]>::to_vec).collect();
        Mended { fixes, chosen, new }
    }

    pub(super) fn with(&self, edits: &[&Edit]) -> Topology {
        let mut copy = self.topology.clone();
        for edit in edits {
            edit.apply(&mut copy);
        }
        copy
    }

    /// The plans for one blocker, best first: what keeps within AWS's quotas, then the one with the least
    /// collateral, then the one with the fewest edits.
    /// `made` are the edits that are made beside it.
    fn ranked(&self, made: &[&Edit], plans: &[Vec<Edit>]) -> Vec<Weighed> {
        let base = (&self.with(made), made);
        let mut weighed: Vec<Weighed> = Vec::new();
        for plan in plans {
            let one = self.weighed(base, plan.clone());
            // Where there is no room for a rule a block, one for all of them may do.
            let wide = if one.exceeds() { widened(plan) } else { None };
            weighed.push(one);
            weighed.extend(wide.map(|wide| self.weighed(base, wide)));
        }
        if weighed.iter().any(|one| !one.exceeds()) {
            weighed.retain(|one| !one.exceeds());
        }
        weighed.sort_by(|one, other| {
            let (ones, others) = (volume(&one.opened), volume(&other.opened));
            one.opened
                .len()
                .cmp(&other.opened.len())
                .then(ones.total_cmp(&others))
                .then(one.edits.len().cmp(&other.edits.len()))
        });
        weighed
    }

    /// The plan where there is but one, and room for it: what it opens matters to nobody who has no choice.
    fn only_one(&self, made: &[&Edit], plans: &[Vec<Edit>]) -> Option<Vec<Weighed>> {
        let [edits] = plans else { return plans.is_empty().then(Vec::new) };
        let base = self.with(made);
        let mut after = base.clone();
        edits.iter().for_each(|edit| edit.apply(&mut after));
        let fills = fills(&base, &after, edits);
        let one = Weighed { edits: edits.clone(), opened: Vec::new(), fills };
        (!one.exceeds()).then(|| Vec::from([one]))
    }

    fn weighed(&self, base: (&Topology, &[&Edit]), edits: Vec<Edit>) -> Weighed {
        let mut after = base.0.clone();
        edits.iter().for_each(|edit| edit.apply(&mut after));
        let opened = self.opened(base, &after, &edits);
        let fills = fills(base.0, &after, &edits);
        Weighed { edits, opened, fills }
    }

    /// What a plan opens beside what is asked for. `before` is the topology without it, and by which edits it came to be.
    pub(super) fn opened(
        &self,
        before: (&Topology, &[&Edit]),
        after: &Topology,
        plan: &[Edit],
    ) -> Vec<Opened> {
        self.collateral.newly_open(before, after, plan, self.source, self.target, self.served)
    }

    /// Whether the analysis comes out reachable. Of a block of a VPC only the machines in it are asked
    /// about, so what counts is the answer's flows.
    pub(super) fn is_reachable(&self, topology: &Topology) -> bool {
        let opening = reach(topology, self.source, self.target, self.asked).opening();
        !opening.admitted.is_empty() && opening.blocked.is_empty() && opening.unknown.is_empty()
    }
}

impl Weighed {
    fn exceeds(&self) -> bool {
        self.fills.iter().any(|fill| fill.exceeds)
    }
}

fn fix(opens: &[OpenedReport], fills: &[Fill], instruction: Instruction, verified: bool) -> Fix {
    let owner = instruction.ownership;
    Fix {
        tool: instruction.tool,
        command: instruction.command,
        explanation: instruction.explanation,
        undo: instruction.undo,
        opens: opens.to_vec(),
        managed_by: owner.managed_by,
        account: owner.account.map(|account| account.as_str().into()),
        region: owner.region.map(|region| region.as_str().into()),
        verified,
        note: note(fills),
    }
}

/// What is to be said of quotas; nothing where there is room.
pub(super) fn note(fills: &[Fill]) -> Option<String> {
    let words: Vec<&str> = fills.iter().map(|fill| fill.words.as_str()).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// What is opened, as it is shown.
pub(super) fn reported(topology: &Topology, opened: &[Opened]) -> Vec<OpenedReport> {
    let report = |opened: &Opened| OpenedReport {
        component: show::component(Some(topology), &ComponentId::NetworkInterface(opened.interface.clone())),
        calls: match opened.end {
            End::Destination => Calls::Received,
            End::Source => Calls::Made,
        },
        protocols: protocols(&opened.flows),
        flows: Affects::from(&opened.flows),
    };
    opened.iter().map(report).collect()
}

fn protocols(flows: &Flows) -> Vec<crate::flow::ProtocolRange> {
    let mut protocols: Vec<_> = flows.boxes().iter().map(|flows| flows.protocol).collect();
    protocols.sort_unstable();
    protocols.dedup();
    protocols
}
