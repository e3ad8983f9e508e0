//! What the groups of machines let through, without and with the edits.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Bench;
use super::class::Class;
use crate::flow::{FlowBox, Flows};
use crate::reach::gate::SecurityGroupGate;
use crate::reach::{End, Site};
use crate::repair::Edit;
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

    /// Whether an edit may change what the groups of a class let through.
    pub(super) fn are_edited(&self, class: &Class) -> bool {
        let Bench { after, edits, .. } = self.bench;
        let Some(interface) = class.site.interface.as_ref().and_then(|id| after.interface(id)) else {
            return false;
        };
        edits.iter().any(|edit| match edit {
            Edit::Authorize { group, ingress, .. } => {
                *ingress == (self.end == End::Destination) && interface.security_groups.contains(group)
            }
            Edit::AllowInNetworkAcl { .. } | Edit::CreateRoute { .. } | Edit::ReplaceRoute { .. } => false,
            // A reference to a group holds over an active peering alone.
            _ => self.gate(after, &class.site).refers_to_groups(after),
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
        let admitted = |topology: &Topology| {
            let admitted = self.gate(topology, &class.site).admitted(topology, flows);
            admitted.normalised().boxes().to_vec()
        };
        let with = admitted(after);
        let without = self.are_edited(class).then(|| admitted(before)).filter(|without| *without != with);
        Through { after: with, before: without }
    }
}
