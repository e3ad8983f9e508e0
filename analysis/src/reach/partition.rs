//! The flows asked about, divided by everything that decides about them.
//!
//! Blockers say what is wrong with which flows; what lets the others through is of as much interest to who
//! reviews a change. Here each part has one verdict, the same blockers and the same deciding rules.

use alloc::vec::Vec;

use super::{Answer, Decision, Evaluated, Segment};
use crate::flow::Flows;

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
    pub part: &'a super::Part,
}

impl Decider<'_> {
    /// Whether both are the same rule, route or state. There may be very many: what is cheap to tell comes
    /// first.
    fn decides_like(&self, other: &Self) -> bool {
        let component = |one: &Self| one.gate.gate.component_of(one.part);
        (&self.part.witness, self.part.decision) == (&other.part.witness, other.part.decision)
            && self.gate.gate.direction() == other.gate.gate.direction()
            && component(self) == component(other)
    }
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

impl Answer {
    /// The partition of all that was asked: disjoint parts that together are all of it, one for each
    /// distinct set of deciding rules, routes and states, which also gives it one verdict.
    #[must_use]
    pub fn partition(&self) -> Vec<PartitionPart<'_>> {
        let mut parts: Vec<PartitionPart<'_>> = Vec::new();
        for segment in &self.segments {
            for part in divided(segment) {
                let same = |known: &&mut PartitionPart<'_>| {
                    known.deciders.len() == part.deciders.len()
                        && known
                            .deciders
                            .iter()
                            .zip(&part.deciders)
                            .all(|(one, other)| one.decides_like(other))
                };
                match parts.iter_mut().find(same) {
                    Some(known) => known.flows.add_disjoint(&part.flows),
                    None => parts.push(part),
                }
            }
        }
        parts
    }
}

/// Divides the flows of a segment by one gate after another.
fn divided(segment: &Segment) -> Vec<PartitionPart<'_>> {
    let mut parts = Vec::from([PartitionPart { flows: segment.flows.clone(), deciders: Vec::new() }]);
    for gate in &segment.gates {
        let mut after: Vec<PartitionPart<'_>> = Vec::new();
        for known in parts {
            for part in &gate.parts {
                let flows = known.flows.intersection(&part.flows);
                if flows.is_empty() {
                    continue;
                }
                let mut deciders = known.deciders.clone();
                deciders.push(Decider { gate, part });
                after.push(PartitionPart { flows, deciders });
            }
        }
        parts = after;
    }
    parts
}
