//! The flows asked about, divided by everything that decides about them.
//!
//! Blockers say what is wrong with which flows; what lets the others through is of as much interest to who
//! reviews a change. Here each part has one verdict, the same blockers and the same deciding rules.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{Answer, Decision, Direction, Evaluated, Part, Segment, Witness};
use crate::flow::Flows;
use crate::topology::ComponentId;

/// Flows about which the same things decide.
#[derive(Debug)]
pub struct PartitionPart<'a> {
    /// The flows.
    pub flows: Flows,
    /// What decides, in the order of the path: gates with the part of theirs that these flows are in.
    pub deciders: Vec<Decider<'a>>,
}

/// A gate and its decision about a part.
#[derive(Clone, Copy, Debug)]
pub struct Decider<'a> {
    /// The gate.
    pub gate: &'a Evaluated,
    /// Its part.
    pub part: &'a Part,
}

impl PartitionPart<'_> {
    /// Whether something stops these flows for certain.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.deciders.iter().any(|one| matches!(one.part.decision, Decision::Blocked(_)))
    }

    /// Whether nothing stops these flows for certain, and something may.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        let unknown = |one: &Decider<'_>| matches!(one.part.decision, Decision::Unknown(_));
        !self.is_blocked() && self.deciders.iter().any(unknown)
    }
}

impl<'a> Decider<'a> {
    fn identity(&self) -> Identity<'a> {
        let gate = self.gate.gate.as_ref();
        (gate.component_of(self.part), gate.direction(), self.part.decision, &self.part.witness)
    }
}

/// What makes two deciders the same rule, route or state.
type Identity<'a> = (ComponentId, Option<Direction>, Decision, &'a Witness);

impl Answer {
    /// The partition of all that was asked: disjoint parts that together are all of it, one for each
    /// distinct set of deciding rules, routes and states, which also gives it one verdict.
    #[must_use]
    pub fn partition<'a>(&'a self) -> Vec<PartitionPart<'a>> {
        let mut identities: BTreeMap<Identity<'a>, usize> = BTreeMap::new();
        let mut places: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let mut found: Vec<PartitionPart<'a>> = Vec::new();
        for segment in &self.segments {
            // There may be very many parts: who decides is told apart once for each part of a gate.
            let mut number = |decider: &Decider<'a>| {
                let next = identities.len();
                *identities.entry(decider.identity()).or_insert(next)
            };
            let of_gate = |gate: &'a Evaluated| -> Vec<(Decider<'a>, usize)> {
                let deciders = gate.parts.iter().map(|part| Decider { gate, part });
                deciders.map(|decider| (decider, number(&decider))).collect()
            };
            let gates: Vec<Vec<(Decider<'a>, usize)>> = segment.gates.iter().map(of_gate).collect();
            for (parts, flows) in divided(segment) {
                let deciding = gates.iter().zip(parts).filter_map(|(gate, part)| gate.get(part).copied());
                let (deciders, numbers): (Vec<Decider<'_>>, Vec<usize>) = deciding.unzip();
                let place = places.entry(numbers).or_insert(found.len());
                match found.get_mut(*place) {
                    Some(known) => known.flows.add_disjoint(&flows),
                    None => found.push(PartitionPart { flows, deciders }),
                }
            }
        }
        found
    }
}

/// Divides the flows of a segment by one gate after another. Each part comes with its place in each gate.
fn divided(segment: &Segment) -> Vec<(Vec<usize>, Flows)> {
    let mut divided = Vec::from([(Vec::new(), segment.flows.clone())]);
    for gate in &segment.gates {
        let known: Vec<&Flows> = divided.iter().map(|(_, flows)| flows).collect();
        let parts: Vec<&Flows> = gate.parts.iter().map(|part| &part.flows).collect();
        let common = Flows::common(&known, &parts).into_iter();
        divided =
            common.map(|((one, part), flows)| ([&divided[one].0[..], &[part]].concat(), flows)).collect();
    }
    divided
}
