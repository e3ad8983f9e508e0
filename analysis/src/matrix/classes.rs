//! The interfaces of a VPC, those together that are entered alike.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Range;

use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};

use super::MatrixQuery;
use super::entry::Target;
use super::numbered::Numbered;
use crate::flow::{AddressRange, Family};
use crate::reach::gate::HostState;
use crate::topology::{NetworkInterface, Topology};

/// Interfaces of one subnet with the same groups.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) family: Family,
    pub(super) subnet: Option<SubnetId>,
    /// The number of their groups among [`Inhabitants::lists`].
    pub(super) list: u32,
    /// Whether the instance behind it is known not to run.
    pub(super) stopped: bool,
    /// Whether none of its groups, all of them known, lets anything in.
    pub(super) empty: bool,
    /// Where they lie among [`Inhabitants::members`].
    members: Range<usize>,
}

/// What the matrix has to know of one VPC: who is in it, and who may be called.
#[derive(Debug, Default)]
pub(super) struct Inhabitants<'a> {
    /// Every interface.
    pub(super) interfaces: Vec<(&'a NetworkInterfaceId, &'a NetworkInterface)>,
    /// The groups of those that are asked about.
    pub(super) groups: Vec<SecurityGroupId>,
    /// The lists of groups that interfaces have, by their numbers among these, ascending.
    pub(super) lists: Numbered<[u32]>,
    /// Those that are asked about, subnet by subnet.
    pub(super) classes: Vec<Class>,
    /// Their numbers among all targets, with their addresses, class by class, and ascending in each.
    members: Vec<(u32, IpAddr)>,
}

/// What those of a class have in common: family, the numbers of their subnet and of their groups, and whether
/// the instance is stopped.
type Alike = (Family, u32, u32, bool);

impl<'a> Inhabitants<'a> {
    /// Numbers those who may be called, and finds who of them are entered alike.
    fn divide(
        &mut self,
        topology: &'a Topology,
        vpc: &VpcId,
        wanted: impl Fn(&NetworkInterfaceId) -> bool,
        targets: &mut Vec<Target>,
    ) {
        let mut addresses: Vec<(AddressRange, IpAddr, &'a NetworkInterfaceId, &'a NetworkInterface)> =
            Vec::new();
        for (id, interface) in self.interfaces.iter().filter(|(id, _)| wanted(id)) {
            let all = interface.addresses.iter().map(|address| (AddressRange::from(*address), *address));
            addresses.extend(all.map(|(range, address)| (range, address, *id, *interface)));
        }
        // Numbers compare faster than addresses do.
        addresses.sort_unstable_by(|(one, _, id, _), (other, _, another, _)| {
            (one.family(), one.span().0).cmp(&(other.family(), other.span().0)).then_with(|| id.cmp(another))
        });
        let mut numbers: Numbered<str> = Numbered::default();
        let mut subnets: BTreeMap<Option<&SubnetId>, u32> = BTreeMap::new();
        let mut by_number: Vec<Option<&SubnetId>> = Vec::new();
        let mut list: Vec<u32> = Vec::new();
        let mut divided: Vec<(Alike, u32, IpAddr)> = Vec::with_capacity(addresses.len());
        for (_, address, id, interface) in addresses {
            list.clear();
            for group in &interface.security_groups {
                let number = numbers.number(group.as_str());
                if number as usize == self.groups.len() {
                    self.groups.push(group.clone());
                }
                list.push(number);
            }
            list.sort_unstable();
            list.dedup();
            let list = self.lists.number(list.as_slice());
            let stopped = interface.instance.is_some() && HostState::new(id).is_stopped(topology);
            let subnet = subnet_of(topology, vpc, interface, address);
            let subnet = *subnets.entry(subnet).or_insert_with(|| {
                by_number.push(subnet);
                u32::try_from(by_number.len() - 1).unwrap_or(u32::MAX)
            });
            let number = u32::try_from(targets.len()).unwrap_or(u32::MAX);
            targets.push(Target { id: id.clone(), address });
            divided.push(((Family::of(address), subnet, list, stopped), number, address));
        }
        divided.sort_unstable();
        let has_no_rules = |group| {
            let rules = topology.security_group(group).and_then(|group| group.permissions(true));
            rules.is_some_and(<[_]>::is_empty)
        };
        let without: Vec<bool> = self.groups.iter().map(has_no_rules).collect();
        let is_without = |group: &u32| without.get(*group as usize).copied().unwrap_or_default();
        for alike in divided.chunk_by(|(one, ..), (other, ..)| one == other) {
            let Some(((family, subnet, list, stopped), ..)) = alike.first().copied() else { continue };
            let groups = self.lists.get(list).unwrap_or_default();
            let empty = !groups.is_empty() && groups.iter().all(is_without);
            let subnet = by_number.get(subnet as usize).and_then(|subnet| subnet.cloned());
            let begin = self.members.len();
            self.members.extend(alike.iter().map(|(_, number, address)| (*number, *address)));
            let members = begin..self.members.len();
            self.classes.push(Class { family, subnet, list, stopped, empty, members });
        }
    }

    /// The members of a class by their numbers among all targets, ascending, with their addresses.
    pub(super) fn members(&self, class: &Class) -> &[(u32, IpAddr)] {
        self.members.get(class.members.clone()).unwrap_or_default()
    }
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
        inhabitants.divide(topology, vpc, wanted, targets);
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
