//! Questions to the topology.

use core::net::IpAddr;

use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::RouteState;
use peerscope_document::id::{
    GatewayId, InstanceId, NetworkAclId, NetworkInterfaceId, PrefixListId, RouteTableId, SecurityGroupId,
    SubnetId, VpcId, VpcPeeringConnectionId,
};

use super::{
    ComponentId, Gateway, Instance, NetworkAcl, NetworkId, NetworkInterface, Omission, Ownership, Peering,
    PrefixList, RouteDestination, RouteTable, SecurityGroup, Service, ServiceName, Space, Subnet, Topology,
    Vpc,
};

macro_rules! lookups {
    ($($(#[$meta:meta])* $one:ident, $all:ident: $id:ty => $value:ty;)+) => {
        $(
            $(#[$meta])*
            #[must_use]
            pub fn $one(&self, id: &$id) -> Option<&$value> {
                self.$all.get(id)
            }

            /// All of them, ascending by id.
            pub fn $all(&self) -> impl Iterator<Item = (&$id, &$value)> {
                self.$all.iter()
            }
        )+
    };
}

impl Topology {
    lookups! {
        /// The VPC of an id.
        vpc, vpcs: VpcId => Vpc;
        /// The subnet of an id.
        subnet, subnets: SubnetId => Subnet;
        /// The route table of an id.
        route_table, route_tables: RouteTableId => RouteTable;
        /// The network ACL of an id.
        network_acl, network_acls: NetworkAclId => NetworkAcl;
        /// The peering connection of an id.
        peering, peerings: VpcPeeringConnectionId => Peering;
        /// The network interface of an id.
        interface, interfaces: NetworkInterfaceId => NetworkInterface;
        /// The instance of an id.
        instance, instances: InstanceId => Instance;
        /// The prefix list of an id.
        prefix_list, prefix_lists: PrefixListId => PrefixList;
        /// The gateway of an id, as far as a document tells of it beside the routes that lead to it.
        gateway, gateways: GatewayId => Gateway;
    }

    /// The security group of an id.
    #[must_use]
    pub fn security_group(&self, id: &SecurityGroupId) -> Option<&SecurityGroup> {
        self.security_groups.get(id).map(|group| &**group)
    }

    /// All of them, ascending by id.
    pub fn security_groups(&self) -> impl Iterator<Item = (&SecurityGroupId, &SecurityGroup)> {
        self.security_groups.iter().map(|(id, group)| (id, &**group))
    }

    /// Whether these groups let the same through here and in a copy: nothing that decides about it was
    /// changed. `refer` says whether any of their rules means the interfaces of a group, which holds over
    /// an active peering alone.
    pub(crate) fn has_same_groups(&self, copy: &Self, groups: &[SecurityGroupId], refer: bool) -> bool {
        let is_same = |group: &SecurityGroupId| match (
            self.security_groups.get(group),
            copy.security_groups.get(group),
        ) {
            (Some(one), Some(other)) => one.is_same(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let statuses = |topology: &Self| -> Vec<_> {
            topology.peerings.iter().map(|(id, peering)| (id.clone(), peering.status.clone())).collect()
        };
        groups.iter().all(is_same)
            && self.interfaces.is_same(&copy.interfaces)
            && self.prefix_lists.is_same(&copy.prefix_lists)
            && self.vpcs.is_same(&copy.vpcs)
            && (!refer || self.peerings.is_same(&copy.peerings) || statuses(self) == statuses(copy))
    }

    /// The Heroku Private Space, where a document describes one.
    #[must_use]
    pub fn space(&self) -> Option<&Space> {
        self.space.as_ref()
    }

    /// What the documents leave open whatever is asked.
    #[must_use]
    pub fn omissions(&self) -> &[Omission] {
        &self.omissions
    }

    /// Whether a document lists the peerings of a network, if only to say that there is none.
    #[must_use]
    pub fn lists_peerings_of(&self, network: &NetworkId) -> bool {
        let listed = &self.peerings_listed;
        match network {
            NetworkId::Vpc(vpc) => listed.of_all || listed.of_vpcs.contains(vpc),
            NetworkId::Space | NetworkId::SpaceData => listed.of_space,
        }
    }

    /// The route table that serves a subnet: the one associated explicitly, else its VPC's main one.
    #[must_use]
    pub fn effective_route_table(&self, subnet: &SubnetId) -> Option<(&RouteTableId, &RouteTable)> {
        let vpc = self.subnets.get(subnet).map(|subnet| &subnet.vpc);
        let main = || vpc.and_then(|vpc| self.main_route_table_of.get(vpc));
        self.route_tables.get_key_value(self.route_table_of.get(subnet).or_else(main)?)
    }

    /// The network ACL that guards a subnet: the one associated with it, else its VPC's default one.
    #[must_use]
    pub fn effective_network_acl(&self, subnet: &SubnetId) -> Option<(&NetworkAclId, &NetworkAcl)> {
        let vpc = self.subnets.get(subnet).map(|subnet| &subnet.vpc);
        let default = || vpc.and_then(|vpc| self.default_network_acl_of.get(vpc));
        self.network_acls.get_key_value(self.network_acl_of.get(subnet).or_else(default)?)
    }

    /// The subnets that a route table serves, explicitly or as the main one.
    pub fn subnets_of_route_table(&self, table: &RouteTableId) -> impl Iterator<Item = &SubnetId> {
        self.subnets.keys().filter(move |subnet| {
            self.effective_route_table(subnet).is_some_and(|(effective, _)| effective == table)
        })
    }

    /// The subnets that a network ACL guards.
    pub fn subnets_of_network_acl(&self, acl: &NetworkAclId) -> impl Iterator<Item = &SubnetId> {
        self.subnets.keys().filter(move |subnet| {
            self.effective_network_acl(subnet).is_some_and(|(effective, _)| effective == acl)
        })
    }

    /// The interfaces that have a group.
    #[must_use]
    pub fn interfaces_of_security_group(&self, group: &SecurityGroupId) -> &[NetworkInterfaceId] {
        self.by_security_group.get(group).map_or(&[], Vec::as_slice)
    }

    /// The interfaces that own an address, in whatever network.
    #[must_use]
    pub fn interfaces_at(&self, address: IpAddr) -> &[NetworkInterfaceId] {
        self.by_address.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The interface that owns an address in a network.
    #[must_use]
    pub fn interface_in(&self, network: &NetworkId, address: IpAddr) -> Option<&NetworkInterfaceId> {
        let NetworkId::Vpc(vpc) = network else { return None };
        self.owned_in.get(vpc)?.get(&address)
    }

    /// The interfaces of a VPC, ascending by id.
    pub fn interfaces_of(
        &self,
        vpc: &VpcId,
    ) -> impl Iterator<Item = (&NetworkInterfaceId, &NetworkInterface)> {
        let ids = self.interfaces_of.get(vpc).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.interfaces.get_key_value(id))
    }

    /// Whether any interface of the VPC was read, so that an address without one is really unowned.
    #[must_use]
    pub fn knows_interfaces_of(&self, vpc: &VpcId) -> bool {
        self.interfaces_of.contains_key(vpc)
    }

    /// The addresses of a VPC that interfaces own, from `first` to `last`, ascending, with their owners.
    pub fn owned_in(
        &self,
        vpc: &VpcId,
        first: IpAddr,
        last: IpAddr,
    ) -> impl Iterator<Item = (IpAddr, &NetworkInterfaceId)> {
        let owned = self.owned_in.get(vpc).filter(|_| first <= last);
        let within = owned.map(|owned| owned.range(first..=last));
        within.into_iter().flatten().map(|(address, id)| (*address, id))
    }

    /// The service that a DNS name leads to, and what of it.
    #[must_use]
    pub fn service_named(&self, name: &str) -> Option<(&Service, &ServiceName)> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_it = |known: &&ServiceName| known.name.eq_ignore_ascii_case(name);
        self.services.iter().find_map(|service| Some((service, service.names.iter().find(is_it)?)))
    }

    /// The service that an interface belongs to, where that is certain, and the name that leads there: of a database its
    /// instance's rather than its cluster's.
    #[must_use]
    pub fn service_at(&self, interface: &NetworkInterfaceId) -> Option<(&Service, &ServiceName)> {
        let leads = |name: &&ServiceName| name.is_certain && name.interfaces.contains(interface);
        self.services.iter().find_map(|service| Some((service, service.names.iter().find(leads)?)))
    }

    /// The subnets of a VPC.
    pub fn subnets_of(&self, vpc: &VpcId) -> impl Iterator<Item = (&SubnetId, &Subnet)> {
        let ids = self.subnets_of.get(vpc).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.subnets.get_key_value(id))
    }

    /// The subnet of a VPC that holds an address.
    #[must_use]
    pub fn subnet_in(&self, vpc: &VpcId, address: IpAddr) -> Option<&SubnetId> {
        let holds = |subnet: &Subnet| subnet.cidrs.iter().any(|cidr| cidr.contains(&address));
        self.subnets_of(vpc).find(|(_, subnet)| holds(subnet)).map(|(id, _)| id)
    }

    /// The networks that hold an address: the space, and every VPC with a CIDR around it.
    #[must_use]
    pub fn networks_of(&self, address: IpAddr) -> Vec<NetworkId> {
        let space = self.space.as_ref();
        let data = space.filter(|space| space.data_blocks.iter().any(|block| block.contains(&address)));
        let data = data.map(|_| NetworkId::SpaceData);
        let space = space.filter(|space| space.contains(address)).map(|_| NetworkId::Space);
        let space_vpc = self.space.as_ref().and_then(|space| space.vpc.as_ref());
        let holds = |vpc: &Vpc| vpc.cidrs.iter().any(|cidr| cidr.contains(&address));
        let vpcs = self.vpcs.iter().filter(|(id, vpc)| holds(vpc) && Some(*id) != space_vpc);
        space.into_iter().chain(data).chain(vpcs.map(|(id, _)| NetworkId::Vpc(id.clone()))).collect()
    }

    /// The peering that is meant to join two networks: the active one, else the one nearest to active;
    /// of several equal ones that which routes use.
    #[must_use]
    pub fn intended_peering(
        &self,
        one: &NetworkId,
        other: &NetworkId,
    ) -> Option<(&VpcPeeringConnectionId, &Peering)> {
        let mut joining = self.peerings.iter().filter(|(_, peering)| peering.joins(one, other));
        let first = joining.next()?;
        let Some(second) = joining.next() else { return Some(first) };
        let all = [first, second].into_iter().chain(joining);
        all.max_by_key(|(id, peering)| (peering.nearness(), self.routes_over(id)))
    }

    fn routes_over(&self, peering: &VpcPeeringConnectionId) -> usize {
        let routes = self.route_tables.values().flat_map(|table| &table.routes);
        routes.filter(|route| route.vpc_peering_connection_id.as_ref() == Some(peering)).count()
    }

    /// The blocks of a network: the space's for dynos, a VPC's CIDRs.
    #[must_use]
    pub fn blocks_of(&self, network: &NetworkId) -> Vec<IpNet> {
        match network {
            NetworkId::Vpc(id) => self.vpcs.get(id).map(|vpc| vpc.cidrs.clone()).unwrap_or_default(),
            NetworkId::Space => self.space.as_ref().and_then(|space| space.cidr).into_iter().collect(),
            NetworkId::SpaceData => {
                self.space.as_ref().map(|space| space.data_blocks.clone()).unwrap_or_default()
            }
        }
    }

    /// Owner, place and name of a component, as far as they are known.
    #[must_use]
    pub fn ownership(&self, component: &ComponentId) -> Ownership {
        match component {
            ComponentId::SecurityGroup(id) => self.security_groups.get(id).map(|one| &one.ownership),
            ComponentId::NetworkAcl(id) => self.network_acls.get(id).map(|one| &one.ownership),
            ComponentId::RouteTable(id) => self.route_tables.get(id).map(|one| &one.ownership),
            ComponentId::Vpc(id) => self.vpcs.get(id).map(|one| &one.ownership),
            ComponentId::Subnet(id) => self.subnets.get(id).map(|one| &one.ownership),
            ComponentId::NetworkInterface(id) => self.interfaces.get(id).map(|one| &one.ownership),
            ComponentId::Instance(id) => self.instances.get(id).map(|one| &one.ownership),
            ComponentId::Gateway(_, id) => self.gateways.get(id).map(|one| &one.ownership),
            ComponentId::VpcPeeringConnection(id) => return self.ownership_of_peering(id),
            ComponentId::Space => return self.ownership_of_space(),
            ComponentId::Host(address) => return self.ownership_of_dyno(*address),
            ComponentId::LoadBalancer(_) | ComponentId::Database(_) | ComponentId::DatabaseCluster(_) => {
                let is_it = |service: &&Service| service.component == *component;
                self.services.iter().find(is_it).map(|one| &one.ownership)
            }
            ComponentId::DnsName(_) | ComponentId::Unknown(_) => None,
        }
        .cloned()
        .unwrap_or_default()
    }

    /// A peering belongs to two accounts; the customer's is the one that a command is run in.
    fn ownership_of_peering(&self, id: &VpcPeeringConnectionId) -> Ownership {
        let Some(peering) = self.peerings.get(id) else { return Ownership::default() };
        let sides = [&peering.requester, &peering.accepter];
        let customers = sides.into_iter().find(|side| side.network != Some(NetworkId::Space));
        let side = customers.unwrap_or(&peering.requester);
        Ownership {
            account: side.account.clone(),
            region: side.region.clone().or_else(|| {
                side.vpc
                    .as_ref()
                    .and_then(|vpc| self.vpcs.get(vpc))
                    .and_then(|vpc| vpc.ownership.region.clone())
            }),
            ..peering.ownership.clone()
        }
    }

    /// Of a host that only its address names, the dyno's name where one has it.
    fn ownership_of_dyno(&self, address: IpAddr) -> Ownership {
        let dynos = self.space.iter().flat_map(|space| &space.dynos);
        let dyno = dynos.into_iter().find(|dyno| dyno.address == address);
        Ownership { name: dyno.and_then(|dyno| dyno.name.clone()), ..Ownership::default() }
    }

    fn ownership_of_space(&self) -> Ownership {
        self.space.as_ref().map_or_else(Ownership::default, |space| Ownership {
            account: space.account.clone(),
            region: space.region.clone(),
            name: space.name.clone(),
            managed_by: None,
        })
    }
}

/// Changes for repairs, on a copy. None of them touches what the indexes are made of.
impl Topology {
    pub(crate) fn route_table_mut(&mut self, id: &RouteTableId) -> Option<&mut RouteTable> {
        self.route_tables.get_mut(id)
    }

    pub(crate) fn security_group_mut(&mut self, id: &SecurityGroupId) -> Option<&mut SecurityGroup> {
        self.security_groups.get_mut(id).map(|group| &mut **group)
    }

    pub(crate) fn network_acl_mut(&mut self, id: &NetworkAclId) -> Option<&mut NetworkAcl> {
        self.network_acls.get_mut(id)
    }

    pub(crate) fn peering_mut(&mut self, id: &VpcPeeringConnectionId) -> Option<&mut Peering> {
        self.peerings.get_mut(id)
    }

    /// Adds a peering, or takes the place of the one of this id.
    pub(crate) fn insert_peering(&mut self, id: VpcPeeringConnectionId, peering: Peering) {
        self.peerings.insert(id, peering);
    }

    /// Every route over a peering, with its table.
    #[must_use]
    pub fn routes_over_peering(
        &self,
        peering: &VpcPeeringConnectionId,
    ) -> Vec<(RouteTableId, RouteDestination)> {
        let mut found = Vec::new();
        for (id, table) in self.route_tables.iter() {
            let over =
                table.routes.iter().filter(|route| route.vpc_peering_connection_id.as_ref() == Some(peering));
            found.extend(over.filter_map(|route| Some((id.clone(), RouteDestination::of(route)?))));
        }
        found
    }

    /// The routes over a peering that has become active are blackholes no longer.
    pub(crate) fn revive_routes_over(&mut self, peering: &VpcPeeringConnectionId) {
        for route in self.route_tables.values_mut().flat_map(|table| &mut table.routes) {
            if route.vpc_peering_connection_id.as_ref() == Some(peering) {
                route.state = Some(RouteState::Active);
            }
        }
    }
}
