//! The interfaces of a VPC, those together that are entered alike.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};

use super::MatrixQuery;
use super::entry::Target;
use crate::flow::Family;
use crate::reach::gate::HostState;
use crate::topology::{NetworkInterface, Topology};

/// Interfaces of one subnet with the same groups.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) family: Family,
    pub(super) subnet: Option<SubnetId>,
    /// Their numbers among [`Inhabitants::groups`], ascending.
    pub(super) groups: Vec<u32>,
    /// Whether the instance behind it is known not to run.
    pub(super) stopped: bool,
    /// Whether none of its groups, all of them known, lets anything in.
    pub(super) empty: bool,
    /// Their numbers among all targets, with their addresses, ascending.
    pub(super) members: Vec<(u32, IpAddr)>,
}

/// What the matrix has to know of one VPC: who is in it, and who may be called.
#[derive(Debug, Default)]
pub(super) struct Inhabitants<'a> {
    /// Every interface.
    pub(super) interfaces: Vec<(&'a NetworkInterfaceId, &'a NetworkInterface)>,
    /// The groups of those that are asked about.
    pub(super) groups: Vec<SecurityGroupId>,
    /// Those that are asked about.
    pub(super) classes: Vec<Class>,
}

/// Everybody in these VPCs, of which those with `true` may be called; who may is numbered in `targets`.
pub(super) fn inhabitants<'a>(
    topology: &'a Topology,
    query: &MatrixQuery,
    vpcs: BTreeMap<&'a VpcId, bool>,
    targets: &mut Vec<Target>,
) -> BTreeMap<&'a VpcId, Inhabitants<'a>> {
    let none = |vpc: &&'a VpcId| (*vpc, Inhabitants::default());
    let mut of_vpc: BTreeMap<&VpcId, Inhabitants<'a>> = vpcs.keys().map(none).collect();
    for (id, interface) in topology.interfaces() {
        let vpc = interface.vpc.as_ref().and_then(|vpc| of_vpc.get_mut(vpc));
        if let Some(inhabitants) = vpc {
            inhabitants.interfaces.push((id, interface));
        }
    }
    for (vpc, inhabitants) in &mut of_vpc {
        if vpcs.get(vpc) != Some(&true) {
            continue;
        }
        let wanted = |id: &NetworkInterfaceId| query.targets.is_empty() || query.targets.contains(id);
        let asked = inhabitants.interfaces.iter().filter(|(id, _)| wanted(id));
        (inhabitants.classes, inhabitants.groups) = classes(topology, vpc, asked, targets);
    }
    of_vpc
}

/// The subnet of an interface's address.
pub(super) fn subnet_of<'a>(
    topology: &'a Topology,
    vpc: &VpcId,
    interface: &'a NetworkInterface,
    address: IpAddr,
) -> Option<&'a SubnetId> {
    interface.subnet.as_ref().or_else(|| topology.subnet_in(vpc, address))
}

fn classes<'a>(
    topology: &'a Topology,
    vpc: &VpcId,
    interfaces: impl Iterator<Item = &'a (&'a NetworkInterfaceId, &'a NetworkInterface)>,
    targets: &mut Vec<Target>,
) -> (Vec<Class>, Vec<SecurityGroupId>) {
    let mut addresses: Vec<(IpAddr, &'a NetworkInterfaceId, &'a NetworkInterface)> = Vec::new();
    for (id, interface) in interfaces {
        addresses.extend(interface.addresses.iter().map(|address| (*address, *id, *interface)));
    }
    addresses.sort_unstable_by_key(|(address, id, _)| (*address, *id));
    let mut numbers: BTreeMap<&SecurityGroupId, u32> = BTreeMap::new();
    let mut known: Vec<SecurityGroupId> = Vec::new();
    let mut subnets: BTreeMap<Option<&SubnetId>, u32> = BTreeMap::new();
    type Key = (Family, u32, Vec<u32>, bool);
    let mut classes: BTreeMap<Key, Vec<(u32, IpAddr)>> = BTreeMap::new();
    for (address, id, interface) in addresses {
        let mut number = |group: &'a SecurityGroupId| {
            *numbers.entry(group).or_insert_with(|| {
                known.push(group.clone());
                u32::try_from(known.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let mut groups: Vec<u32> = interface.security_groups.iter().map(&mut number).collect();
        groups.sort_unstable();
        groups.dedup();
        let stopped = HostState::new(id).is_stopped(topology);
        let next = u32::try_from(subnets.len()).unwrap_or(u32::MAX);
        let subnet = *subnets.entry(subnet_of(topology, vpc, interface, address)).or_insert(next);
        let number = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        targets.push(Target { id: id.clone(), address });
        let key = (Family::of(address), subnet, groups, stopped);
        classes.entry(key).or_default().push((number, address));
    }
    let has_no_rules = |group| {
        let rules = topology.security_group(group).and_then(|group| group.permissions(true));
        rules.is_some_and(<[_]>::is_empty)
    };
    let without: Vec<bool> = known.iter().map(has_no_rules).collect();
    let is_empty = |groups: &[u32]| {
        let without = |group: &u32| without.get(*group as usize).copied().unwrap_or_default();
        !groups.is_empty() && groups.iter().all(without)
    };
    let mut by_number: Vec<(u32, Option<&SubnetId>)> =
        subnets.into_iter().map(|(subnet, number)| (number, subnet)).collect();
    by_number.sort_unstable();
    let class = |((family, subnet, groups, stopped), members): (Key, _)| {
        let empty = is_empty(&groups);
        let subnet = by_number.get(subnet as usize).and_then(|(_, subnet)| subnet.cloned());
        Class { family, subnet, groups, stopped, empty, members }
    };
    (classes.into_iter().map(class).collect(), known)
}
