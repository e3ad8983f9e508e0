//! Interfaces that are entered alike, and what their groups do.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};

use super::table::Table;
use super::{Blame, MatrixQuery};
use crate::cause::CauseCode;
use crate::flow::{AddressRange, Family, Flows, PortRange};
use crate::reach::gate::{Decision, Direction, Gate, HostState, SecurityGroupGate};
use crate::topology::{ComponentId, ComponentType, NetworkId, Topology};

/// Interfaces of one subnet with the same groups.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) subnet: Option<SubnetId>,
    pub(super) groups: Vec<SecurityGroupId>,
    /// Whether the instance behind it is known not to run.
    pub(super) stopped: bool,
    /// Whether none of its groups, all of them known, lets anything in.
    pub(super) empty: bool,
    pub(super) members: Vec<(NetworkInterfaceId, IpAddr)>,
}

/// The classes of a VPC's interfaces, by one family of addresses.
pub(super) fn classes(topology: &Topology, vpc: &VpcId, family: Family, query: &MatrixQuery) -> Vec<Class> {
    type Key = (Option<SubnetId>, Vec<SecurityGroupId>, bool);
    let mut classes: BTreeMap<Key, Vec<(NetworkInterfaceId, IpAddr)>> = BTreeMap::new();
    for (id, interface) in topology.interfaces().filter(|(_, one)| one.vpc.as_ref() == Some(vpc)) {
        if !query.targets.is_empty() && !query.targets.contains(id) {
            continue;
        }
        let mut groups = interface.security_groups.clone();
        groups.sort_unstable();
        groups.dedup();
        let stopped = HostState::new(id).is_stopped(topology);
        let addresses = interface.addresses.iter().filter(|address| Family::of(**address) == family);
        for address in addresses {
            let around = || topology.subnet_in(vpc, *address).cloned();
            let subnet = interface.subnet.clone().or_else(around);
            let key = (subnet, groups.clone(), stopped);
            classes.entry(key).or_default().push((id.clone(), *address));
        }
    }
    let is_empty = |groups: &[SecurityGroupId]| {
        let rules = |group| topology.security_group(group).and_then(|group| group.permissions(true));
        !groups.is_empty() && groups.iter().all(|group| rules(group).is_some_and(<[_]>::is_empty))
    };
    let class = |((subnet, groups, stopped), members): (Key, _)| {
        let empty = is_empty(&groups);
        Class { subnet, groups, stopped, empty, members }
    };
    classes.into_iter().map(class).collect()
}

/// What the groups of a VPC let in from one network, each asked once.
pub(super) struct Groups<'a> {
    topology: &'a Topology,
    vpc: &'a VpcId,
    peer: &'a NetworkId,
    /// All that is asked about.
    base: Flows,
    of_group: BTreeMap<SecurityGroupId, usize>,
    /// What single groups let in; equal ones once.
    single: Vec<Table>,
    of_set: BTreeMap<(Vec<usize>, bool), usize>,
    /// What sets of groups do together.
    together: Vec<Table>,
    /// What the indexes of all tables mean: nothing in the way, then what may be, then what is.
    blames: Vec<Option<Blame>>,
    opened: BTreeMap<SecurityGroupId, Vec<PortRange>>,
}

/// No group lets the packets in; the second where none has any rule at all.
const MISMATCH: usize = usize::MAX - 1;
const NO_RULES: usize = usize::MAX;

impl<'a> Groups<'a> {
    pub(super) fn new(topology: &'a Topology, vpc: &'a VpcId, peer: &'a NetworkId, base: Flows) -> Self {
        Self {
            topology,
            vpc,
            peer,
            base,
            of_group: BTreeMap::new(),
            single: Vec::new(),
            of_set: BTreeMap::new(),
            together: Vec::new(),
            blames: Vec::from([None]),
            opened: BTreeMap::new(),
        }
    }

    /// The number of what the groups of a class do together; see [`Groups::admission`].
    pub(super) fn number(&mut self, class: &Class) -> usize {
        let mut singles: Vec<usize> = class.groups.iter().map(|group| self.number_of_one(group)).collect();
        singles.sort_unstable();
        singles.dedup();
        let key = (singles, class.empty);
        if let Some(number) = self.of_set.get(&key) {
            return *number;
        }
        let tables: Vec<&Table> = key.0.iter().filter_map(|single| self.single.get(*single)).collect();
        let sources: Vec<AddressRange> = self.base.boxes().iter().map(|one| one.source).collect();
        let ports = self.base.boxes().first().map_or(PortRange::ALL, |one| one.ports);
        let filler = if class.empty { NO_RULES } else { MISMATCH };
        self.together.push(Table::union(&tables, &sources, ports, filler));
        self.of_set.insert(key, self.together.len() - 1);
        self.together.len() - 1
    }

    /// What groups do together.
    pub(super) fn admission(&self, number: usize) -> Option<&Table> {
        self.together.get(number)
    }

    /// What an index of such a table means.
    pub(super) fn blame(&self, index: usize) -> Option<Blame> {
        match index {
            MISMATCH => Some(mismatch()),
            NO_RULES => Some(Blame { code: CauseCode::SgHasNoRules, ..mismatch() }),
            known => self.blames.get(known).cloned().flatten(),
        }
    }

    /// The ports that any rule of the groups opens to anybody, for one protocol.
    pub(super) fn opened(&mut self, groups: &[SecurityGroupId], protocol: u8) -> Vec<PortRange> {
        let mut ports = Vec::new();
        for group in groups {
            if !self.opened.contains_key(group) {
                let gate = SecurityGroupGate::of_group(group, self.vpc, self.peer);
                self.opened.insert(group.clone(), gate.opened(self.topology, protocol));
            }
            ports.extend(self.opened.get(group).into_iter().flatten().copied());
        }
        PortRange::merged(ports)
    }

    fn number_of_one(&mut self, group: &SecurityGroupId) -> usize {
        if let Some(number) = self.of_group.get(group) {
            return *number;
        }
        let gate = SecurityGroupGate::of_group(group, self.vpc, self.peer);
        let mut effects: Vec<(usize, Flows)> = Vec::new();
        for part in gate.admit(self.topology, &self.base) {
            let blame = match part.decision {
                Decision::Admitted | Decision::Assumed | Decision::Consequence => None,
                // What one group does not let in another may.
                Decision::Blocked(_) => continue,
                Decision::Unknown(code) => {
                    let component = gate.component_of(&part);
                    Some(Blame { code, component, direction: Some(Direction::Forward), unknown: true })
                }
            };
            let index = self.blames.iter().position(|known| *known == blame).unwrap_or(self.blames.len());
            if index == self.blames.len() {
                self.blames.push(blame);
            }
            effects.push((index, part.flows));
        }
        let table = Table::new(effects.iter().map(|(index, flows)| (*index, flows)));
        let number = match self.single.iter().position(|known| *known == table) {
            Some(number) => number,
            None => {
                self.single.push(table);
                self.single.len() - 1
            }
        };
        self.of_group.insert(group.clone(), number);
        number
    }
}

/// No rule of an interface's groups lets the packets in.
fn mismatch() -> Blame {
    Blame {
        code: CauseCode::EniSgRulesMismatch,
        component: ComponentId::Unknown(ComponentType::NetworkInterface),
        direction: Some(Direction::Forward),
        unknown: false,
    }
}

/// The instance behind an interface does not run.
pub(super) fn stopped() -> Blame {
    Blame { code: CauseCode::HostSilent, ..mismatch() }
}
