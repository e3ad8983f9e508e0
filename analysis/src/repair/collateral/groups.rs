//! What the groups of machines let through, without and with the edits.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::RefCell;

use peerscope_document::id::SecurityGroupId;

use super::Bench;
use super::class::Class;
use crate::flow::{FlowBox, Flows};
use crate::reach::gate::SecurityGroupGate;
use crate::reach::{End, Site};
use crate::topology::{NetworkId, Topology};

/// A class and what its groups let through.
pub(super) struct Guarded {
    pub(super) class: Class,
    /// The number of its place.
    pub(super) place: usize,
    /// `None` where nobody sees any groups: Heroku's are taken to let all through.
    pub(super) through: Option<Through>,
}

/// What groups let through of the flows that were judged.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Through {
    pub(super) after: Vec<FlowBox>,
    /// `None` where the edits change nothing in it.
    pub(super) before: Option<Vec<FlowBox>>,
}

/// What groups were found to let through, in topologies that are copies of each other: few plans change
/// any, and several are weighed for the same machines.
#[derive(Default)]
pub(super) struct Memory {
    known: RefCell<BTreeMap<Key, Vec<Known>>>,
}

/// How many are kept of the same groups: to look through more takes longer than to ask them.
const KEPT: usize = 8;

/// Which groups, in which network, for calls from or to which other one.
type Key = (Vec<SecurityGroupId>, NetworkId, NetworkId, End);

struct Known {
    topology: Topology,
    judged: Flows,
    through: Flows,
}

/// The groups at one end.
pub(super) struct Groups<'a> {
    pub(super) bench: &'a Bench<'a>,
    pub(super) end: End,
    /// Whom the machines of this end call, or are called by.
    pub(super) peers: &'a NetworkId,
}

impl Groups<'_> {
    fn gate(&self, topology: &Topology, site: &Site) -> SecurityGroupGate {
        let peer = Site { network: self.peers.clone(), subnet: None, interface: None };
        SecurityGroupGate::new(topology, site, &peer, self.end == End::Destination)
    }

    /// Whether the groups of a class may let something else through after than before.
    pub(super) fn are_edited(&self, class: &Class) -> bool {
        !self.are_same(self.bench.before, self.bench.after, class)
    }

    fn are_same(&self, one: &Topology, other: &Topology, class: &Class) -> bool {
        let interface = class.site.interface.as_ref().and_then(|id| one.interface(id));
        interface.is_none_or(|interface| {
            // A space has no interface that a reference could mean.
            let refer =
                matches!(self.peers, NetworkId::Vpc(_)) && self.gate(one, &class.site).refers_to_groups(one);
            one.has_same_groups(other, &interface.security_groups, refer)
        })
    }

    /// The classes, joined where their groups let the same through: what else decides is their place's.
    /// Groups are many and differ in what concerns nobody here.
    pub(super) fn guard(&self, classes: Vec<(usize, Class)>, flows: &Flows) -> Vec<Guarded> {
        let mut joined: BTreeMap<(usize, Option<Through>), Class> = BTreeMap::new();
        for (place, class) in classes {
            let through = class.site.interface.is_some().then(|| self.through(&class, flows));
            let key = (place, through);
            match joined.get_mut(&key) {
                Some(known) => known.members.extend(class.members),
                None => {
                    joined.insert(key, class);
                }
            }
        }
        joined.into_iter().map(|((place, through), class)| Guarded { class, place, through }).collect()
    }

    fn through(&self, class: &Class, flows: &Flows) -> Through {
        let Bench { before, after, .. } = self.bench;
        let admitted = |topology| self.admitted(topology, class, flows);
        let with = admitted(after);
        let without = self.are_edited(class).then(|| admitted(before)).filter(|without| *without != with);
        Through { after: with, before: without }
    }

    fn admitted(&self, topology: &Topology, class: &Class, flows: &Flows) -> Vec<FlowBox> {
        let key = (class.groups.clone(), class.site.network.clone(), self.peers.clone(), self.end);
        let mut known = self.bench.memory.known.borrow_mut();
        let known = known.entry(key).or_default();
        let holds = |one: &&Known| one.judged.covers(flows) && self.are_same(&one.topology, topology, class);
        if let Some(one) = known.iter().rev().find(holds) {
            return flows.intersection(&one.through).boxes().to_vec();
        }
        let through = self.gate(topology, &class.site).admitted(topology, flows).normalised();
        let boxes = through.boxes().to_vec();
        if known.len() >= KEPT {
            known.remove(0);
        }
        known.push(Known { topology: topology.clone(), judged: flows.clone(), through });
        boxes
    }
}
