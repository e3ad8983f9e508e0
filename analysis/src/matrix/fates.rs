//! What becomes of packets, for each of the client's ports, and what stands in their way.
//!
//! Two ACLs may each stop a half of the client's ports, and then nothing passes although neither stops all.
//! So a fate tells of each port, and is put together with others port by port.

use alloc::vec::Vec;

use super::Blame;
use super::numbered::Numbered;
use super::pairs::Pairs;
use super::ports::{common, push};
use crate::flow::PortRange;
use crate::report::Verdict;

/// The number of a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FateId(pub(super) u32);

/// Where on the path something stands, in the order of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    Sender,
    SourceSubnet,
    Crossing,
    TargetSubnet,
    Groups,
    Host,
}

/// Ranges of the client's ports, ascending, together all of them, each with what stands in the way.
type Profile = Vec<Stopped>;
type Stopped = (PortRange, Vec<u32>);

/// What a fate comes to for who reads of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) causes: Vec<Blame>,
}

/// All fates that occur.
pub(super) struct Fates {
    /// The client's ports that the answer is for.
    ports: PortRange,
    blames: Numbered<(Stage, Blame)>,
    profiles: Numbered<[Stopped]>,
    both: Pairs,
}

impl Fates {
    /// Nothing stands in the way.
    pub(super) const OPEN: FateId = FateId(0);

    pub(super) fn new(ports: PortRange) -> Self {
        let mut profiles: Numbered<[Stopped]> = Numbered::default();
        profiles.number(Vec::from([(ports, Vec::new())]));
        Self { ports, blames: Numbered::default(), profiles, both: Pairs::default() }
    }

    /// Something stands in the way of packets from these of the client's ports.
    pub(super) fn of(&mut self, ports: PortRange, stage: Stage, blame: Blame) -> FateId {
        let blame = self.blames.number((stage, blame));
        let Some(stopped) = ports.intersection(self.ports) else { return Self::OPEN };
        let [below, above] = self.ports.around(stopped);
        let mut profile: Profile = Vec::new();
        profile.extend(below.map(|below| (below, Vec::new())));
        profile.push((stopped, Vec::from([blame])));
        profile.extend(above.map(|above| (above, Vec::new())));
        FateId(self.profiles.number(profile))
    }

    /// Both stand in the way.
    pub(super) fn both(&mut self, one: FateId, other: FateId) -> FateId {
        let (one, other) = match self.both.joined(one.0, other.0) {
            Ok(known) => return FateId(known),
            Err(pair) => pair,
        };
        let profile = |fate: u32| self.profiles.get(fate).unwrap_or_default();
        let both = overlaid(profile(one), profile(other));
        let both = self.profiles.number(both);
        self.both.set(one, other, both);
        FateId(both)
    }

    /// What a fate comes to.
    pub(super) fn outcome(&self, fate: FateId) -> Outcome {
        let (mut open, mut stopped, mut unknown) = (false, false, false);
        let mut staged: Vec<&(Stage, Blame)> = Vec::new();
        for (_, blames) in self.profiles.get(fate.0).unwrap_or_default() {
            let blames = || blames.iter().filter_map(|blame| self.blames.get(*blame));
            match (blames().next(), blames().any(|blame| !blame.1.unknown)) {
                (None, _) => open = true,
                (_, true) => stopped = true,
                (_, false) => unknown = true,
            }
            staged.extend(blames());
        }
        // What is met first is named first; of one stage, in the order of the codes.
        staged.sort_unstable();
        let mut causes: Vec<Blame> = Vec::new();
        for (_, blame) in staged {
            if !causes.contains(blame) {
                causes.push(blame.clone());
            }
        }
        Outcome { verdict: Verdict::of(open, stopped, unknown), causes }
    }
}

/// Of each port, what stands in the way in either; neighbours of which the same is so are one.
fn overlaid(one: &[Stopped], other: &[Stopped]) -> Profile {
    let mut both: Profile = Vec::new();
    common(one, other, |ports, its, others| {
        let mut blames = [its.as_slice(), others.as_slice()].concat();
        blames.sort_unstable();
        blames.dedup();
        push(&mut both, ports, blames);
    });
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cause::CauseCode;
    use crate::topology::{ComponentId, ComponentType};

    fn blame(unknown: bool, code: CauseCode) -> Blame {
        let component = ComponentId::Unknown(ComponentType::NetworkAcl);
        Blame { code, component, direction: None, unknown }
    }

    fn range(first: u16, last: u16) -> PortRange {
        PortRange::new(first, last).unwrap()
    }

    #[test]
    fn two_halves_stopped_are_all_stopped() {
        let mut fates = Fates::new(range(100, 199));
        let [acl, route] = [CauseCode::SubnetAclRestriction, CauseCode::NoRouteToDestination];
        let low = fates.of(range(0, 149), Stage::TargetSubnet, blame(false, acl));
        let high = fates.of(range(150, 300), Stage::SourceSubnet, blame(false, route));
        assert_eq!(fates.outcome(low).verdict, Verdict::Impaired);
        let both = fates.both(low, high);
        let outcome = fates.outcome(both);
        assert_eq!(outcome.verdict, Verdict::Blocked);
        // The route is met before the ACL.
        assert_eq!(outcome.causes, [blame(false, route), blame(false, acl)]);
        assert_eq!(fates.both(both, low), both);
        assert_eq!(fates.of(range(1, 99), Stage::Host, blame(false, acl)), Fates::OPEN);
    }

    #[test]
    fn what_only_may_be_stopped_is_undetermined() {
        let mut fates = Fates::new(range(100, 199));
        let maybe = fates.of(PortRange::ALL, Stage::Groups, blame(true, CauseCode::EniSgRulesMismatch));
        assert_eq!(fates.outcome(maybe).verdict, Verdict::Undetermined);
        let half =
            fates.of(range(0, 149), Stage::TargetSubnet, blame(false, CauseCode::SubnetAclRestriction));
        let both = fates.both(maybe, half);
        // The other half may pass or not.
        assert_eq!(fates.outcome(both).verdict, Verdict::Undetermined);
    }
}
