//! What else a change lets through, exactly, in both directions.
//!
//! A change concerns more than the question: a group is shared, a route serves every machine of its
//! subnets and carries their calls as well as their replies, a peering joins two whole networks. So each
//! edit first says which flows it can concern at all ([`scope`]), and what of them passes with the edits
//! and did not without is what they opened. Interfaces that the same settings serve are judged together:
//! an address in a rule is the other end's, so one look at a subnet's machines of the same groups does
//! for all of them.

mod scope;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::id::{InstanceId, NetworkInterfaceId, SecurityGroupId, SubnetId};

use self::scope::{Ends, Scope, scopes};
use super::Edit;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange};
use crate::reach::gate::SecurityGroupGate;
use crate::reach::{Decision, End, Gate, Part, Site, intend};
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
    let mut opened: BTreeMap<(NetworkInterfaceId, End), Flows> = BTreeMap::new();
    let asked = Asked { source, target, flows: asked };
    for edit in edits {
        let meant = asked.meant(before, edit);
        for scope in scopes(after, edit) {
            let meant = if asked.is_between(&scope) { meant.clone() } else { Flows::none() };
            open_in(before, after, &scope, &meant, &mut opened);
        }
    }
    let opened = opened.into_iter().filter(|(_, flows)| !flows.is_empty());
    opened.map(|((interface, end), flows)| Opened { interface, end, flows: flows.normalised() }).collect()
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

/// Interfaces that the same settings serve.
struct Class {
    /// That of any of them.
    site: Site,
    /// Their instance, where it does not run.
    stopped: Option<InstanceId>,
    members: Vec<(NetworkInterfaceId, IpAddr)>,
}

/// Adds what is open after and was not before, of one scope.
fn open_in(
    before: &Topology,
    after: &Topology,
    scope: &Scope,
    meant: &Flows,
    opened: &mut BTreeMap<(NetworkInterfaceId, End), Flows>,
) {
    let everything: Flows = scope.flows().filter(|one| !meant.covers(&Flows::from(*one))).collect();
    if everything.is_empty() {
        return;
    }
    let alike = |ends: &Ends, end: End, peers: &Ends| {
        let look = Look { before, after, end, peers: &peers.network, flows: &everything };
        look.alike(classes(after, ends))
    };
    let sources = alike(&scope.source, End::Source, &scope.target);
    let targets = alike(&scope.target, End::Destination, &scope.source);
    for target in &targets {
        let news: Vec<(&Class, Flows)> = sources
            .iter()
            .map(|source| (source, new_between(before, after, source, target, &everything).difference(meant)))
            .collect();
        // Where the callers do not differ, their block is the answer.
        let alike = !target.members.is_empty()
            && scope.source.only.is_none()
            && scope.source.network != scope.target.network
            && news.windows(2).all(|pair| matches!(pair, [(_, one), (_, other)] if one == other));
        if alike {
            if let Some((source, new)) = news.first() {
                add(source, target, new, opened);
            }
            continue;
        }
        for (source, new) in &news {
            add(source, target, &only(after, new, source), opened);
        }
    }
}

/// What the groups at one end do to a scope.
struct Look<'a> {
    before: &'a Topology,
    after: &'a Topology,
    end: End,
    /// Whom the machines of this end call, or are called by.
    peers: &'a NetworkId,
    flows: &'a Flows,
}

impl Look<'_> {
    /// The classes, joined where their groups let the same through: what else decides is their subnet's.
    /// Groups are many and differ in what concerns nobody here.
    fn alike(&self, classes: Vec<Class>) -> Vec<Class> {
        let mut joined: BTreeMap<_, Class> = BTreeMap::new();
        for class in classes {
            let site = &class.site;
            let let_through = [self.before, self.after].map(|topology| self.through(topology, site));
            let key = (site.subnet.clone(), class.stopped.clone(), let_through);
            match joined.get_mut(&key) {
                Some(known) => known.members.extend(class.members),
                None => {
                    joined.insert(key, class);
                }
            }
        }
        joined.into_values().collect()
    }

    fn through(&self, topology: &Topology, site: &Site) -> Vec<FlowBox> {
        if site.interface.is_none() {
            return Vec::new();
        }
        let peer = Site { network: self.peers.clone(), subnet: None, interface: None };
        let gate = SecurityGroupGate::new(topology, site, &peer, self.end == End::Destination);
        let parts = gate.admit(topology, self.flows);
        let admitted = parts.iter().filter(|part| part.decision == Decision::Admitted);
        let flows = Flows::union_of(admitted.map(|part| &part.flows));
        flows.normalised().boxes().to_vec()
    }
}

/// What is open after and was not before between machines of two classes, whatever their addresses.
fn new_between(before: &Topology, after: &Topology, source: &Class, target: &Class, all: &Flows) -> Flows {
    let open = admitted(after, source, target, all);
    if open.is_empty() {
        return open;
    }
    open.difference(&admitted(before, source, target, &open))
}

fn admitted(topology: &Topology, source: &Class, target: &Class, flows: &Flows) -> Flows {
    let mut rest = flows.clone();
    for gate in intend(topology, &source.site, &target.site).gates {
        // A set in very many pieces is not asked about piece by piece.
        let asked = if rest.boxes().len() > MANY { flows } else { &rest };
        let parts = gate.admit(topology, asked);
        let shut = |part: &&Part| matches!(part.decision, Decision::Blocked(_) | Decision::Unknown(_));
        rest = rest.difference(&Flows::union_of(parts.iter().filter(shut).map(|part| &part.flows)));
        if rest.is_empty() {
            break;
        }
    }
    rest
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
        let flows: Flows = others.collect();
        if !flows.is_empty() {
            let known = opened.entry((id.clone(), end)).or_default();
            *known = known.union(&flows);
        }
    }
}

/// From how many machines on their addresses are written as ranges, in which there are only theirs.
const MANY: usize = 64;

/// The flows that machines of a class begin.
fn only(topology: &Topology, flows: &Flows, class: &Class) -> Flows {
    if class.members.is_empty() || flows.is_empty() {
        return flows.clone();
    }
    let mut own: Vec<IpAddr> = class.members.iter().map(|(_, address)| *address).collect();
    own.sort_unstable();
    let others = if own.len() < MANY { Vec::new() } else { others(topology, class, &own) };
    let mut ranges: Vec<AddressRange> = Vec::new();
    for address in own {
        let joined = ranges.last().and_then(|last| {
            let between = AddressRange::new(last.first(), address)?;
            let next = others.partition_point(|other| *other < last.first());
            let is_free = others.get(next).is_none_or(|other| !between.contains(*other));
            let touches = last.joined(AddressRange::from(address)).is_some();
            (touches || (!others.is_empty() && is_free)).then_some(between)
        });
        match (ranges.last_mut(), joined) {
            (Some(last), Some(joined)) => *last = joined,
            _ => ranges.push(AddressRange::from(address)),
        }
    }
    let of = |one: &FlowBox| ranges.iter().filter_map(|range| End::Source.restrict(one, *range)).collect();
    flows.boxes().iter().flat_map(|one| -> Vec<FlowBox> { of(one) }).collect()
}

/// The addresses of every other machine of the network, ascending. One at least, so that nothing is
/// taken for a network of a single class.
fn others(topology: &Topology, class: &Class, own: &[IpAddr]) -> Vec<IpAddr> {
    let NetworkId::Vpc(vpc) = &class.site.network else { return Vec::new() };
    let all = topology.interfaces().filter(|(_, one)| one.vpc.as_ref() == Some(vpc));
    let mut others: Vec<IpAddr> = all
        .flat_map(|(_, one)| one.addresses.iter().copied())
        .filter(|address| own.binary_search(address).is_err())
        .collect();
    others.sort_unstable();
    others
}

/// What decides what the gates of an interface do, beside its address.
type Key = (Option<SubnetId>, Vec<SecurityGroupId>, Option<InstanceId>);

/// The machines of one end of a scope, in classes. A space is one class without any machine that
/// somebody could name; in a VPC only interfaces send and answer.
fn classes(topology: &Topology, ends: &Ends) -> Vec<Class> {
    let NetworkId::Vpc(vpc) = &ends.network else {
        let site = Site { network: ends.network.clone(), subnet: None, interface: None };
        return Vec::from([Class { site, stopped: None, members: Vec::new() }]);
    };
    let mut classes: BTreeMap<Key, Class> = BTreeMap::new();
    let concerned = |id: &NetworkInterfaceId| ends.only.as_ref().is_none_or(|only| only.contains(id));
    for (id, interface) in topology.interfaces() {
        if interface.vpc.as_ref() != Some(vpc) || !concerned(id) {
            continue;
        }
        for address in &interface.addresses {
            if !ends.ranges.iter().any(|range| range.contains(*address)) {
                continue;
            }
            let subnet = interface.subnet.clone().or_else(|| topology.subnet_in(vpc, *address).cloned());
            let mut groups = interface.security_groups.clone();
            groups.sort_unstable();
            // An instance that does not run is a class of its own.
            let instance = interface.instance.as_ref().filter(|id| !runs(topology, id)).cloned();
            let site = || Site {
                network: ends.network.clone(),
                subnet: subnet.clone(),
                interface: Some(id.clone()),
            };
            let key = (subnet.clone(), groups, instance.clone());
            let class = classes.entry(key);
            let class =
                class.or_insert_with(|| Class { site: site(), stopped: instance, members: Vec::new() });
            class.members.push((id.clone(), *address));
        }
    }
    classes.into_values().collect()
}

/// Whether nothing is known against the instance's running.
fn runs(topology: &Topology, id: &InstanceId) -> bool {
    use peerscope_document::aws::InstanceStateName;
    let state = topology.instance(id).and_then(|one| one.state.as_ref());
    state.is_none_or(|state| *state == InstanceStateName::Running)
}
