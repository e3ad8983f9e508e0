//! What else a change lets through, exactly, in both directions.
//!
//! A change concerns more than the question: a group is shared, a route serves every machine of its
//! subnets and carries their calls as well as their replies, a peering joins two whole networks. So each
//! edit first says which flows it can concern at all ([`scope`]), and what of them passes with the edits
//! and did not without is what they opened. Interfaces that the same settings serve are judged together
//! ([`class`]): an address in a rule is the other end's, so one look at a subnet's machines of the same
//! groups does for all of them. What lies between two subnets is judged once for all machines in them
//! ([`between`]), and their groups ([`groups`]) only for the flows to which something there happens.

mod between;
mod class;
mod groups;
mod scope;

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use peerscope_document::id::NetworkInterfaceId;

use self::between::Judged;
use self::class::{Class, classes, only};
use self::groups::{Guarded, Memory};
use self::scope::{Scope, scopes};
use super::Edit;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange};
use crate::reach::End;
use crate::topology::{NetworkId, Topology};

/// Flows towards one interface that a change opened, or from it where they end in a space, whose
/// interfaces nobody sees.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// Its end of the flows.
    pub end: End,
    /// The flows.
    pub flows: Flows,
}

/// Every flow that `edits` opened and nobody asked for, on any protocol and port and in both directions,
/// ascending by interface. `before` and `after` are the topology without and with the edits. What was
/// asked for are the flows `asked` from `source` to `target`, from whichever source port; of a route or a
/// peering to a space, from all of the space, which is what it has to be for.
///
/// Addresses that no interface owns are in nobody's use: where all machines of a block are let through,
/// the block is listed as a whole.
#[must_use]
pub fn newly_open(
    before: &Topology,
    after: &Topology,
    edits: &[Edit],
    source: &NetworkId,
    target: &NetworkId,
    asked: &Flows,
) -> Vec<Opened> {
    Collateral::default().newly_open((before, &[]), after, edits, source, target, asked)
}

/// What was found of some plans, for others on copies of the same topology.
#[derive(Default)]
pub struct Collateral {
    memory: Memory,
    /// What plans open from the space, whoever in it asks for it.
    from_space: RefCell<BTreeMap<Tried, Rc<[OfEdit]>>>,
}

/// A plan that was tried: the network that the space asks for, the edits that were made before, and its own.
type Tried = (NetworkId, Vec<Edit>, Vec<Edit>);

/// What is opened, by interface.
type ByInterface = BTreeMap<(NetworkInterfaceId, End), Flows>;

/// What an edit of a plan opens.
struct OfEdit {
    /// Between the networks that are asked about: what is meant is a part of it.
    between: ByInterface,
    beside: ByInterface,
}

impl Collateral {
    /// [`newly_open`], which takes less time the more of it was found for another plan. `before` comes with the edits by
    /// which it was made of the topology that all plans are tried on.
    #[must_use]
    pub fn newly_open(
        &self,
        (before, made): (&Topology, &[&Edit]),
        after: &Topology,
        edits: &[Edit],
        source: &NetworkId,
        target: &NetworkId,
        asked: &Flows,
    ) -> Vec<Opened> {
        let asked = Asked { source, target, flows: asked };
        let bench = Bench { before, after, memory: &self.memory };
        let mut opened = ByInterface::new();
        // All callers in a space are one class, so what is meant can be taken away from what is opened in the end.
        if *source == NetworkId::Space {
            let made = made.iter().map(|edit| (*edit).clone()).collect();
            let tried = (target.clone(), made, edits.to_vec());
            let known = self.from_space.borrow().get(&tried).cloned();
            let found = known.unwrap_or_else(|| {
                let found: Rc<[OfEdit]> = edits.iter().map(|edit| of_edit(&bench, &asked, edit)).collect();
                self.from_space.borrow_mut().insert(tried, Rc::clone(&found));
                found
            });
            for (edit, found) in edits.iter().zip(&*found) {
                let meant = asked.meant(before, edit);
                for (key, flows) in &found.between {
                    join(&mut opened, key, flows.difference(&meant));
                }
                for (key, flows) in &found.beside {
                    join(&mut opened, key, flows.clone());
                }
            }
        } else {
            for edit in edits {
                let meant = asked.meant(before, edit);
                for scope in scopes(after, edit) {
                    let meant = if asked.is_between(&scope) { meant.clone() } else { Flows::none() };
                    open_in(&bench, &scope, &meant, &mut opened);
                }
            }
        }
        let opened = opened.into_iter().filter(|(_, flows)| !flows.is_empty());
        opened.map(|((interface, end), flows)| Opened { interface, end, flows: flows.normalised() }).collect()
    }
}

/// All that an edit opens, whether it is meant or not.
fn of_edit(bench: &Bench<'_>, asked: &Asked<'_>, edit: &Edit) -> OfEdit {
    let mut found = OfEdit { between: ByInterface::new(), beside: ByInterface::new() };
    for scope in scopes(bench.after, edit) {
        let opened = if asked.is_between(&scope) { &mut found.between } else { &mut found.beside };
        open_in(bench, &scope, &Flows::none(), opened);
    }
    found
}

fn join(opened: &mut ByInterface, key: &(NetworkInterfaceId, End), flows: Flows) {
    match opened.get_mut(key) {
        _ if flows.is_empty() => {}
        Some(known) => *known = known.union(&flows),
        None => {
            opened.insert(key.clone(), flows);
        }
    }
}

/// How much is opened: the number of flows, as near as a floating-point number comes.
#[must_use]
pub fn volume(opened: &[Opened]) -> f64 {
    let size = |one: &FlowBox| {
        let span = |first: u16, last: u16| f64::from(last - first) + 1.0;
        let protocols = one.protocol;
        one.source.size()
            * one.destination.size()
            * span(protocols.first().into(), protocols.last().into())
            * span(one.source_ports.first(), one.source_ports.last())
            * span(one.ports.first(), one.ports.last())
    };
    opened.iter().flat_map(|opened| opened.flows.boxes()).map(size).sum()
}

/// What is compared.
struct Bench<'a> {
    before: &'a Topology,
    after: &'a Topology,
    memory: &'a Memory,
}

/// What was asked for.
struct Asked<'a> {
    source: &'a NetworkId,
    target: &'a NetworkId,
    flows: &'a Flows,
}

impl Asked<'_> {
    fn is_between(&self, scope: &Scope) -> bool {
        (self.source, self.target) == (&scope.source.network, &scope.target.network)
    }

    /// What the edit has to let through to do its work.
    fn meant(&self, topology: &Topology, edit: &Edit) -> Flows {
        let ports = |one: &FlowBox| FlowBox { source_ports: PortRange::ALL, ..*one };
        let mut meant: Vec<FlowBox> = self.flows.boxes().iter().map(ports).collect();
        let serves_a_network = !matches!(edit, Edit::Authorize { .. } | Edit::AllowInNetworkAcl { .. });
        if serves_a_network && *self.source == NetworkId::Space {
            let blocks = topology.blocks_of(self.source).into_iter().map(AddressRange::from);
            let whole: Vec<FlowBox> = blocks
                .flat_map(|source| meant.iter().map(move |one| FlowBox { source, ..*one }))
                .filter(|one| one.source.family() == one.destination.family())
                .collect();
            meant.extend(whole);
        }
        meant.into_iter().collect()
    }
}

/// Adds what is open after and was not before, of one scope.
fn open_in(
    bench: &Bench<'_>,
    scope: &Scope,
    meant: &Flows,
    opened: &mut BTreeMap<(NetworkInterfaceId, End), Flows>,
) {
    let everything: Flows = scope.flows().filter(|one| !meant.covers(&Flows::from(*one))).collect();
    if everything.is_empty() {
        return;
    }
    let sources = classes(bench.after, &scope.source);
    let targets = classes(bench.after, &scope.target);
    let judged = Judged::new(bench, sources, targets, &everything);
    for target in &judged.targets {
        let news: Vec<(&Guarded, Flows)> = judged
            .sources
            .iter()
            .map(|source| (source, judged.new_between(source, target).difference(meant)))
            .collect();
        // Where the callers do not differ, their block is the answer.
        let alike = !target.class.members.is_empty()
            && !judged.is_without_sources
            && scope.source.only.is_none()
            && scope.source.network != scope.target.network
            && news.windows(2).all(|pair| matches!(pair, [(_, one), (_, other)] if one == other));
        if alike {
            if let Some((source, new)) = news.first() {
                add(&source.class, &target.class, new, opened);
            }
            continue;
        }
        for (source, new) in &news {
            add(&source.class, &target.class, &only(bench.after, new, &source.class), opened);
        }
    }
}

/// The flows to the machines of `target`, each under its interface; from those of `source` where the
/// target's interfaces are unseen.
fn add(source: &Class, target: &Class, new: &Flows, opened: &mut BTreeMap<(NetworkInterfaceId, End), Flows>) {
    if new.is_empty() {
        return;
    }
    let (end, named) =
        if target.members.is_empty() { (End::Source, source) } else { (End::Destination, target) };
    for (id, address) in &named.members {
        let own = AddressRange::from(*address);
        let flows: Vec<FlowBox> = new.boxes().iter().filter_map(|one| end.restrict(one, own)).collect();
        // What a machine says to itself does not leave it.
        let others = flows.into_iter().filter(|one| one.source != one.destination || !one.source.is_single());
        // Boxes do not overlap, so neither does what they have of one address.
        let flows = Flows::of_disjoint(others.collect());
        if !flows.is_empty() {
            let known = opened.entry((id.clone(), end)).or_default();
            *known = known.union(&flows);
        }
    }
}
