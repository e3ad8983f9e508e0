//! The machines of one end of a scope, in classes that the same settings serve.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::id::{InstanceId, NetworkInterfaceId, SecurityGroupId, SubnetId};

use super::scope::Ends;
use crate::flow::{AddressRange, FlowBox, Flows};
use crate::reach::{End, Site};
use crate::topology::{NetworkId, Topology};

/// Interfaces that the same settings serve.
pub(super) struct Class {
    /// That of any of them.
    pub(super) site: Site,
    /// Their groups, ascending.
    pub(super) groups: Vec<SecurityGroupId>,
    /// Their instance, where it does not run.
    pub(super) stopped: Option<InstanceId>,
    pub(super) members: Vec<(NetworkInterfaceId, IpAddr)>,
}

/// What decides what the gates of an interface do, beside its address.
type Key = (Option<SubnetId>, Vec<SecurityGroupId>, Option<InstanceId>);

/// The machines of one end of a scope, in classes. A space is one class without any machine that
/// somebody could name; in a VPC only interfaces send and answer.
pub(super) fn classes(topology: &Topology, ends: &Ends) -> Vec<Class> {
    let NetworkId::Vpc(vpc) = &ends.network else {
        let site = Site { network: ends.network.clone(), subnet: None, interface: None };
        return Vec::from([Class { site, groups: Vec::new(), stopped: None, members: Vec::new() }]);
    };
    let mut classes: BTreeMap<Key, Class> = BTreeMap::new();
    let concerned = |id: &NetworkInterfaceId| ends.only.as_ref().is_none_or(|only| only.contains(id));
    for (id, interface) in topology.interfaces_of(vpc).filter(|(id, _)| concerned(id)) {
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
            let key = (subnet.clone(), groups.clone(), instance.clone());
            let class = classes.entry(key).or_insert_with(|| Class {
                site: site(),
                groups,
                stopped: instance,
                members: Vec::new(),
            });
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

/// From how many machines on their addresses are written as ranges, in which there are only theirs.
const MANY: usize = 64;

/// The flows that machines of a class begin.
pub(super) fn only(topology: &Topology, flows: &Flows, class: &Class) -> Flows {
    if class.members.is_empty() || flows.is_empty() {
        return flows.clone();
    }
    let mut own: Vec<IpAddr> = class.members.iter().map(|(_, address)| *address).collect();
    own.sort_unstable();
    own.dedup();
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
    let of = |one: &FlowBox| -> Vec<FlowBox> {
        ranges.iter().filter_map(|range| End::Source.restrict(one, *range)).collect()
    };
    // Neither the boxes overlap nor the ranges.
    Flows::of_disjoint(flows.boxes().iter().flat_map(of).collect())
}

/// The addresses of every other machine of the network, ascending. One at least, so that nothing is
/// taken for a network of a single class.
fn others(topology: &Topology, class: &Class, own: &[IpAddr]) -> Vec<IpAddr> {
    let NetworkId::Vpc(vpc) = &class.site.network else { return Vec::new() };
    let mut others: Vec<IpAddr> = topology
        .interfaces_of(vpc)
        .flat_map(|(_, one)| one.addresses.iter().copied())
        .filter(|address| own.binary_search(address).is_err())
        .collect();
    others.sort_unstable();
    others
}
