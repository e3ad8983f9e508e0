//! What stands between two places, beside the groups of machines in them.
//!
//! Machines of one subnet differ in their groups, and nothing else is theirs alone: ACLs, route tables and
//! peerings are asked once for two subnets, however many machines are in them. Groups are then asked only
//! about flows to which the edits do something, there or in the groups themselves.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use peerscope_document::id::{InstanceId, SubnetId};

use super::Bench;
use super::class::Class;
use super::groups::{Groups, Guarded, Through};
use crate::flow::{FlowBox, Flows};
use crate::reach::{Decision, End, Part, Site, intend};
use crate::topology::Topology;

/// What decides beside the groups: a machine's subnet, and its instance where that does not run.
type Place = (Option<SubnetId>, Option<InstanceId>);

/// What everything but groups lets through between two places.
#[derive(Default)]
struct Passage {
    after: Flows,
    /// Of these, what it let through before too.
    before: Flows,
    /// The others.
    fresh: Flows,
}

/// The machines of both ends of a scope that something new can open between.
pub(super) struct Judged {
    pub(super) sources: Vec<Guarded>,
    pub(super) targets: Vec<Guarded>,
    /// Whether there are sources beside these, to which nothing new is open.
    pub(super) is_without_sources: bool,
    passages: BTreeMap<(usize, usize), Passage>,
}

impl Judged {
    /// Judges `flows` between classes.
    pub(super) fn new(bench: &Bench<'_>, sources: Vec<Class>, targets: Vec<Class>, flows: &Flows) -> Self {
        let network = |classes: &[Class]| classes.first().map(|class| class.site.network.clone());
        let (Some(from), Some(to)) = (network(&sources), network(&targets)) else {
            return Self {
                sources: Vec::new(),
                targets: Vec::new(),
                is_without_sources: false,
                passages: BTreeMap::new(),
            };
        };
        let (sources, targets) = (placed(sources), placed(targets));
        let passages = passages(bench, &sources, &targets, flows);
        let callers = Groups { bench, end: End::Source, peers: &to };
        let called = Groups { bench, end: End::Destination, peers: &from };
        let edited = sources.iter().any(|(_, class)| callers.are_edited(class))
            || targets.iter().any(|(_, class)| called.are_edited(class));
        // Where the groups are as before, only what is new between the places can be new.
        let concerned = |passage: &Passage| match edited {
            true => !passage.after.is_empty(),
            false => !passage.fresh.is_empty(),
        };
        let passages: BTreeMap<(usize, usize), Passage> =
            passages.into_iter().filter(|(_, passage)| concerned(passage)).collect();
        let of_interest = passages.values().map(|one| if edited { &one.after } else { &one.fresh });
        let judged = Flows::around(of_interest.flat_map(Flows::boxes));
        let all = sources.len();
        let sources: Vec<(usize, Class)> = sources
            .into_iter()
            .filter(|(place, _)| passages.keys().any(|(source, _)| source == place))
            .collect();
        let targets = targets
            .into_iter()
            .filter(|(place, _)| passages.keys().any(|(_, target)| target == place))
            .collect();
        let is_without_sources = sources.len() < all;
        let (sources, targets) = (callers.guard(sources, &judged), called.guard(targets, &judged));
        Self { sources, targets, is_without_sources, passages }
    }

    /// What is open after and was not before between machines of two classes, whatever their addresses.
    pub(super) fn new_between(&self, source: &Guarded, target: &Guarded) -> Flows {
        let Some(passage) = self.passages.get(&(source.place, target.place)) else { return Flows::none() };
        let ends = [&source.through, &target.through];
        let through = |flows: &Flows, side: fn(&Through) -> &Vec<FlowBox>| {
            ends.into_iter().flatten().fold(flows.clone(), |rest, one| {
                if rest.is_empty() { rest } else { rest.intersection(&Flows::of_disjoint(side(one).clone())) }
            })
        };
        if ends.into_iter().flatten().all(|one| one.before.is_none()) {
            return through(&passage.fresh, |one| &one.after);
        }
        let open = through(&passage.after, |one| &one.after);
        open.difference(&through(&passage.before, |one| one.before.as_ref().unwrap_or(&one.after)))
    }
}

/// The classes with the numbers of their places.
fn placed(classes: Vec<Class>) -> Vec<(usize, Class)> {
    let mut numbers: BTreeMap<Place, usize> = BTreeMap::new();
    let place = |class: Class| {
        let next = numbers.len();
        let number = *numbers.entry((class.site.subnet.clone(), class.stopped.clone())).or_insert(next);
        (number, class)
    };
    classes.into_iter().map(place).collect()
}

fn passages(
    bench: &Bench<'_>,
    sources: &[(usize, Class)],
    targets: &[(usize, Class)],
    flows: &Flows,
) -> BTreeMap<(usize, usize), Passage> {
    let sites = |classes: &[(usize, Class)]| -> BTreeMap<usize, Site> {
        classes.iter().map(|(place, class)| (*place, class.site.clone())).collect()
    };
    let (sources, targets) = (sites(sources), sites(targets));
    let mut found = BTreeMap::new();
    for (from, source) in &sources {
        for (to, target) in &targets {
            let after = passed(bench.after, source, target, flows);
            if !after.is_empty() {
                let before = passed(bench.before, source, target, &after);
                let fresh = after.difference(&before);
                found.insert((*from, *to), Passage { after, before, fresh });
            }
        }
    }
    found
}

/// What everything but groups lets through between two sites.
fn passed(topology: &Topology, source: &Site, target: &Site, flows: &Flows) -> Flows {
    let mut rest = flows.clone();
    for gate in intend(topology, source, target).gates.iter().filter(|gate| !gate.is_of_groups()) {
        // A set in very many pieces is not asked about piece by piece.
        let asked = if rest.boxes().len() > MANY { flows } else { &rest };
        let parts = gate.admit(topology, asked);
        let shut = |part: &&Part| matches!(part.decision, Decision::Blocked(_) | Decision::Unknown(_));
        let mut stopped = Flows::none();
        parts.iter().filter(shut).for_each(|part| stopped.add_disjoint(&part.flows));
        rest = rest.difference(&stopped);
        if rest.is_empty() {
            break;
        }
    }
    rest
}

/// From how many pieces on a set is not asked about piece by piece.
const MANY: usize = 64;
