//! What stands between senders and an address, but the groups of the interface that has it.
//!
//! Subnets with the same ACL and table are one, on both sides, so a gate is asked once about all addresses of
//! the other network. Only where gates treat addresses of the target's subnet differently, which few do, are
//! these told apart.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::id::{NetworkAclId, RouteTableId, SecurityGroupId, SubnetId, VpcId};

use super::cell::{Effects, effects};
use super::classes::{Inhabitants, subnet_of};
use super::fates::Stage;
use super::layers::{Layer, destinations};
use super::numbered::Numbered;
use super::partitions::Partitions;
use super::senders::{Senders, Span};
use super::sets::{SetId, Sets};
use crate::flow::{AddressRange, Flows};
use crate::reach::gate::{Decision, Gate, Judges, SecurityGroupGate};
use crate::reach::{Site, intend};
use crate::topology::{NetworkId, Topology};

/// What the gates of a subnet decide by: those of equal places decide alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In no known subnet.
    Nowhere,
    /// A subnet with this ACL and this table, as far as they are known.
    Like(Option<NetworkAclId>, Option<RouteTableId>),
    /// This very subnet: within a VPC no ACL stands between two of one subnet.
    In(SubnetId),
}

/// Those who send from places that are alike.
struct Group {
    /// One that stands for all.
    site: Site,
    senders: SetId,
    /// What the gates do that depend on the source's side alone.
    effects: Option<Rc<Effects>>,
}

/// What a gate, or several, do to the packets of some senders.
type Concern = (Stage, SetId, Rc<Effects>);

/// What stands before the addresses of a place.
struct Before {
    concerns: Vec<Concern>,
    /// Where something treats addresses differently: ascending, and apart.
    slices: Vec<AddressRange>,
    /// By slice; `None` for addresses that nothing is about.
    frames: BTreeMap<Option<usize>, u32>,
}

/// All frames from one network to a VPC.
pub(super) struct Frames<'a> {
    topology: &'a Topology,
    source: &'a NetworkId,
    target: &'a NetworkId,
    base: &'a Flows,
    senders: &'a Senders,
    groups: Vec<Group>,
    /// What the groups of those who send do, where they do not let all out.
    outbound: Vec<Concern>,
    places: BTreeMap<Place, usize>,
    /// By the numbers of `places`.
    before: Vec<Before>,
    /// The subnet that was asked about last, and the number of its place.
    last: Option<(Option<SubnetId>, usize)>,
    frames: Numbered<Layer>,
}

impl<'a> Frames<'a> {
    pub(super) fn new(
        topology: &'a Topology,
        [source, target]: [&'a NetworkId; 2],
        inhabitants: Option<&Inhabitants<'_>>,
        base: &'a Flows,
        senders: &'a Senders,
        partitions: &mut Partitions,
    ) -> Self {
        let (places, frames, last) = (BTreeMap::new(), Numbered::default(), None);
        let (groups, outbound, before) = (Vec::new(), Vec::new(), Vec::new());
        let mut all =
            Self { topology, source, target, base, senders, groups, outbound, places, before, last, frames };
        match (source, inhabitants) {
            (NetworkId::Vpc(vpc), Some(inhabitants)) => all.find_senders(vpc, inhabitants, partitions),
            _ => all.groups.push(Group {
                site: Site { network: source.clone(), subnet: None, interface: None },
                senders: Sets::ALL,
                effects: None,
            }),
        }
        all
    }

    /// The frame of a number.
    pub(super) fn get(&self, frame: u32) -> Option<&Layer> {
        self.frames.get(frame)
    }

    /// The frames before addresses of a subnet, each with the members that are behind it: in `found`, ascending.
    pub(super) fn before(
        &mut self,
        subnet: Option<&SubnetId>,
        members: &[(u32, IpAddr)],
        partitions: &mut Partitions,
        found: &mut Vec<(u32, u32)>,
    ) {
        found.clear();
        let place = self.number_of_place(subnet);
        let Some(before) = self.before.get_mut(place) else { return };
        for (member, address) in members {
            let address = AddressRange::from(*address);
            let at = before.slices.partition_point(|slice| slice.last() < address.first());
            let slice = before.slices.get(at).filter(|slice| slice.covers(address));
            let key = slice.map(|_| at);
            let frame = match before.frames.get(&key) {
                Some(frame) => *frame,
                None => {
                    let destination = slice.copied().unwrap_or(address);
                    let frame = layer(&before.concerns, destination, self.senders, partitions);
                    let frame = self.frames.number(frame);
                    before.frames.insert(key, frame);
                    frame
                }
            };
            found.push((frame, *member));
        }
        found.sort_unstable();
    }

    /// The number of the place that a subnet is.
    fn number_of_place(&mut self, subnet: Option<&SubnetId>) -> usize {
        // Classes come subnet by subnet.
        if let Some((_, place)) = self.last.as_ref().filter(|(last, _)| last.as_ref() == subnet) {
            return *place;
        }
        let place = self.place(self.target, subnet);
        let number = match self.places.get(&place) {
            Some(number) => *number,
            None => {
                let site = Site { network: self.target.clone(), subnet: subnet.cloned(), interface: None };
                let before = self.meet(&site);
                self.before.push(before);
                self.places.insert(place, self.before.len() - 1);
                self.before.len() - 1
            }
        };
        self.last = Some((subnet.cloned(), number));
        number
    }

    /// Who sends from where, and whose groups do not let all out.
    fn find_senders(&mut self, vpc: &VpcId, inhabitants: &Inhabitants<'_>, partitions: &mut Partitions) {
        let mut places: BTreeMap<Place, (Site, Vec<Span>)> = BTreeMap::new();
        let mut open: BTreeMap<SecurityGroupId, bool> = BTreeMap::new();
        let mut closed: BTreeMap<&[SecurityGroupId], Vec<Span>> = BTreeMap::new();
        for (_, interface) in &inhabitants.interfaces {
            let groups = interface.security_groups.as_slice();
            let lets_all_out = groups
                .iter()
                .any(|group| *open.entry(group.clone()).or_insert_with(|| self.lets_all_out(vpc, group)));
            for address in &interface.addresses {
                let Some(span) = self.senders.span(AddressRange::from(*address)) else { continue };
                let subnet = subnet_of(self.topology, vpc, interface, *address);
                let place = self.place(self.source, subnet);
                let site = || Site { network: self.source.clone(), subnet: subnet.cloned(), interface: None };
                places.entry(place).or_insert_with(|| (site(), Vec::new())).1.push(span);
                if !lets_all_out {
                    closed.entry(groups).or_default().push(span);
                }
            }
        }
        for (site, spans) in places.into_values() {
            let senders = partitions.sets.of(spans);
            self.groups.push(Group { site, senders, effects: None });
        }
        let mut outbound: Vec<(Effects, Vec<Span>)> = Vec::new();
        for (groups, spans) in closed {
            let gate = SecurityGroupGate::of_groups(groups, vpc, self.target, false);
            let effects = effects(&gate, gate.admit(self.topology, self.base));
            match outbound.iter_mut().find(|(known, _)| same(known, &effects)) {
                Some((_, known)) => known.extend(spans),
                None => outbound.push((effects, spans)),
            }
        }
        for (effects, spans) in outbound {
            let senders = partitions.sets.of(spans);
            self.outbound.push((Stage::Sender, senders, Rc::new(effects)));
        }
    }

    /// Whether some rule of a group lets out all that is asked about.
    fn lets_all_out(&self, vpc: &VpcId, group: &SecurityGroupId) -> bool {
        let gate = SecurityGroupGate::of_groups(core::slice::from_ref(group), vpc, self.target, false);
        let rules = gate.rules(self.topology, self.base);
        self.base.boxes().iter().all(|asked| {
            rules.iter().any(|(decision, _, one)| *decision == Decision::Admitted && one.covers(asked))
        })
    }

    fn place(&self, network: &NetworkId, subnet: Option<&SubnetId>) -> Place {
        let Some(subnet) = subnet.filter(|_| matches!(network, NetworkId::Vpc(_))) else {
            return Place::Nowhere;
        };
        if self.source == self.target {
            return Place::In(subnet.clone());
        }
        let acl = self.topology.effective_network_acl(subnet).map(|(id, _)| id.clone());
        let table = self.topology.effective_route_table(subnet).map(|(id, _)| id.clone());
        Place::Like(acl, table)
    }

    /// All that packets to a place meet, of every sender.
    fn meet(&mut self, target: &Site) -> Before {
        let mut concerns: Vec<Concern> = self.outbound.clone();
        let mut at_target: Option<Rc<Effects>> = None;
        let inside = self.source == self.target;
        for group in &mut self.groups {
            let gates = intend(self.topology, &group.site, target).gates;
            let of = |judges: Judges| {
                let gates = gates.iter().filter(move |gate| gate.judges() == judges);
                let all = gates.flat_map(|gate| stopped(gate.as_ref(), self.topology, self.base));
                Rc::new(all.collect::<Effects>())
            };
            // Within a VPC what is met depends on whether the two are of one subnet.
            let known = group.effects.clone().filter(|_| !inside);
            let at_source = known.unwrap_or_else(|| of(Judges::Source));
            group.effects = Some(Rc::clone(&at_source));
            concerns.push((Stage::SourceSubnet, group.senders, at_source));
            concerns.push((Stage::Crossing, group.senders, of(Judges::Crossing)));
            if inside {
                concerns.push((Stage::TargetSubnet, group.senders, of(Judges::Target)));
            } else if at_target.is_none() {
                at_target = Some(of(Judges::Target));
            }
        }
        concerns.extend(at_target.map(|effects| (Stage::TargetSubnet, Sets::ALL, effects)));
        concerns.retain(|(_, senders, effects)| *senders != Sets::NONE && !effects.is_empty());
        let ranges: Vec<AddressRange> =
            concerns.iter().flat_map(|(.., effects)| destinations(effects)).collect();
        Before { concerns, slices: AddressRange::slices(&ranges), frames: BTreeMap::new() }
    }
}

/// What a gate stops, or may stop.
fn stopped(gate: &dyn Gate, topology: &Topology, base: &Flows) -> Effects {
    let mut effects = effects(gate, gate.admit(topology, base));
    effects.retain(|(blame, _)| blame.is_some());
    effects
}

fn layer(
    concerns: &[Concern],
    destination: AddressRange,
    senders: &Senders,
    partitions: &mut Partitions,
) -> Layer {
    let mut all = Layer::open();
    for (stage, of, effects) in concerns {
        let one = Layer::of(effects, destination, *stage, senders, partitions);
        let one = one.within(*of, partitions);
        all = all.both(&one, partitions);
    }
    all
}

fn same(one: &Effects, other: &Effects) -> bool {
    let equal = |((blame, flows), (another, others)): (&(_, Flows), &(_, Flows))| {
        blame == another && flows.boxes() == others.boxes()
    };
    one.len() == other.len() && one.iter().zip(other).all(equal)
}
