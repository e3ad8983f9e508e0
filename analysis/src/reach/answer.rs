//! What came out: every gate with what it does, and the sum of them.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Decision, Direction, Gate, Part, Site};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::repair::Edit;
use crate::topology::{ComponentId, Topology};

/// The answer for a set of flows, one segment for each pair of sites.
#[derive(Debug, Default)]
pub struct Answer {
    /// The segments; their flows are disjoint and together are what was asked.
    pub segments: Vec<Segment>,
}

/// The flows between two sites and the gates that they meet.
#[derive(Debug)]
pub struct Segment {
    /// Where the flows begin.
    pub source: Site,
    /// Where they end.
    pub target: Site,
    /// The flows.
    pub flows: Flows,
    /// The gates in the order of the path: the way there, then the way back.
    pub gates: Vec<Evaluated>,
    /// The index of the first gate of the way back that lies past the crossing.
    pub crossing_back: Option<usize>,
}

/// A gate and what it does to the flows of its segment.
#[derive(Debug)]
pub struct Evaluated {
    /// The gate.
    pub gate: Box<dyn Gate>,
    /// Disjoint parts that together are all of the segment's flows.
    pub parts: Vec<Part>,
}

/// A gate that stops some of the flows, or might.
#[derive(Clone, Debug)]
pub struct Blocker<'a> {
    /// The gate that speaks for all of them.
    pub gate: &'a dyn Gate,
    /// Every gate of the component that stops something: one network ACL may guard both ends.
    pub gates: Vec<&'a dyn Gate>,
    /// The code of the cause.
    pub code: CauseCode,
    /// Its component.
    pub component: ComponentId,
    /// Which way the packets travel that it stops.
    pub direction: Option<Direction>,
    /// Everything that it stops, for this code.
    pub flows: Flows,
    /// The parts, each with what decided.
    pub parts: Vec<&'a Part>,
}

/// What all gates together do.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// What every gate admits.
    pub admitted: Flows,
    /// What at least one gate stops.
    pub blocked: Flows,
    /// What none stops for certain, and at least one may.
    pub unknown: Flows,
}

impl Blocker<'_> {
    /// The plans that would each let `flows` through every gate of the component.
    #[must_use]
    pub fn repairs(&self, topology: &Topology, flows: &Flows) -> Vec<Vec<Edit>> {
        let mut each: Vec<Vec<Vec<Edit>>> = Vec::new();
        let mut asked: BTreeSet<(Site, Site)> = BTreeSet::new();
        for gate in &self.gates {
            if gate.repaired_alike().is_some_and(|ends| !asked.insert(ends)) {
                continue;
            }
            let plans = gate.repairs(topology, flows);
            if !each.contains(&plans) {
                each.push(plans);
            }
        }
        if each.len() == 1 {
            return each.swap_remove(0);
        }
        // A component that stays shut at one of its ends is not mended by opening the other.
        if each.iter().any(Vec::is_empty) {
            return Vec::new();
        }
        let mut whole: Vec<Edit> = Vec::new();
        for edit in each.into_iter().filter_map(|plans| plans.into_iter().next()).flatten() {
            if !whole.contains(&edit) {
                whole.push(edit);
            }
        }
        if whole.is_empty() { Vec::new() } else { Vec::from([whole]) }
    }
}

impl Answer {
    /// Every gate with a blocked part, once for each code, in the order of the path.
    #[must_use]
    pub fn blockers(&self) -> Vec<Blocker<'_>> {
        self.parts_by(|decision| match decision {
            Decision::Blocked(code) => Some(code),
            _ => None,
        })
    }

    /// Every gate of which the documents do not tell what it does, once for each code.
    #[must_use]
    pub fn unknowns(&self) -> Vec<Blocker<'_>> {
        self.parts_by(|decision| match decision {
            Decision::Unknown(code) => Some(code),
            _ => None,
        })
    }

    fn parts_by(&self, select: impl Fn(Decision) -> Option<CauseCode>) -> Vec<Blocker<'_>> {
        let mut found: Vec<Blocker<'_>> = Vec::new();
        for evaluated in self.segments.iter().flat_map(|segment| &segment.gates) {
            for part in &evaluated.parts {
                let Some(code) = select(part.decision) else { continue };
                let (component, direction) = (evaluated.gate.component_of(part), evaluated.gate.direction());
                let same = |known: &&mut Blocker<'_>| {
                    known.code == code && known.component == component && known.direction == direction
                };
                match found.iter_mut().find(same) {
                    Some(known) => {
                        known.parts.push(part);
                        // The parts of a gate come one after another, and there may be very many.
                        let gate = evaluated.gate.as_ref();
                        if !known.gates.last().is_some_and(|last| core::ptr::addr_eq(*last, gate)) {
                            known.gates.push(gate);
                        }
                    }
                    None => found.push(Blocker {
                        gate: evaluated.gate.as_ref(),
                        gates: Vec::from([evaluated.gate.as_ref()]),
                        code,
                        component,
                        direction,
                        flows: Flows::none(),
                        parts: Vec::from([part]),
                    }),
                }
            }
        }
        for blocker in &mut found {
            blocker.flows = Flows::union_of(blocker.parts.iter().map(|part| &part.flows));
        }
        found
    }

    /// The verdict for each flow: blocked where any gate blocks, unknown where one may, else admitted.
    #[must_use]
    pub fn opening(&self) -> Opening {
        let mut opening = Opening::default();
        for segment in &self.segments {
            let mut open = segment.flows.clone();
            let parts = || segment.gates.iter().flat_map(|evaluated| &evaluated.parts);
            let of = |is: fn(Decision) -> bool| {
                Flows::union_of(parts().filter(|part| is(part.decision)).map(|part| &part.flows))
            };
            let blocked = of(|decision| matches!(decision, Decision::Blocked(_)));
            let mut unknown = of(|decision| matches!(decision, Decision::Unknown(_)));
            unknown = unknown.difference(&blocked);
            open = open.difference(&blocked).difference(&unknown);
            opening.admitted = opening.admitted.union(&open);
            opening.blocked = opening.blocked.union(&blocked);
            opening.unknown = opening.unknown.union(&unknown);
        }
        opening
    }

    /// The flows that were asked about.
    #[must_use]
    pub fn flows(&self) -> Flows {
        self.segments.iter().fold(Flows::none(), |all, segment| all.union(&segment.flows))
    }

    /// The segment that a flow belongs to.
    #[must_use]
    pub fn segment_of(&self, flow: &crate::flow::Flow) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.flows.contains(flow))
    }
}

impl Evaluated {
    /// The part that a flow belongs to.
    #[must_use]
    pub fn part_of(&self, flow: &crate::flow::Flow) -> Option<&Part> {
        self.parts.iter().find(|part| part.flows.contains(flow))
    }

    /// The words of one of its parts.
    #[must_use]
    pub fn explain(&self, topology: &Topology, part: &Part) -> super::gate::Explanation {
        self.gate.explain(topology, part)
    }
}
