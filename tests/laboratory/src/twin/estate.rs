//! The documents of a snapshot, found by id.
//!
//! This is the laboratory's own reading of the documents. It shares nothing with the analysis but their
//! types, because two resolvers that share a bug agree with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use peerscope_document::Snapshot;
use peerscope_document::aws::{
    NetworkAcl, NetworkInterface, PeeringStatusCode, PeeringVpcInfo, PrefixList, RouteTable, SecurityGroup,
    Subnet, Vpc, VpcPeeringConnection,
};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::id::{
    NetworkAclId, NetworkInterfaceId, PrefixListId, Region, RouteTableId, SecurityGroupId, SubnetId, VpcId,
    VpcPeeringConnectionId,
};

/// A routing domain: what has one router in the twin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Network {
    /// A VPC of the documents.
    Vpc(VpcId),
    /// Heroku's own VPC, which is in nobody's AWS documents.
    Space,
}

/// All documents by id. Where two accounts list one thing, the first wins.
pub(crate) struct Estate<'a> {
    pub(crate) vpcs: BTreeMap<VpcId, &'a Vpc>,
    pub(crate) subnets: BTreeMap<SubnetId, &'a Subnet>,
    pub(crate) route_tables: BTreeMap<RouteTableId, &'a RouteTable>,
    pub(crate) security_groups: BTreeMap<SecurityGroupId, &'a SecurityGroup>,
    pub(crate) network_acls: BTreeMap<NetworkAclId, &'a NetworkAcl>,
    pub(crate) interfaces: BTreeMap<NetworkInterfaceId, &'a NetworkInterface>,
    pub(crate) peerings: BTreeMap<VpcPeeringConnectionId, &'a VpcPeeringConnection>,
    prefix_lists: BTreeMap<PrefixListId, Vec<&'a PrefixList>>,
    pub(crate) heroku: &'a HerokuDocuments,
}

impl<'a> Estate<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        let mut estate = Self {
            vpcs: BTreeMap::new(),
            subnets: BTreeMap::new(),
            route_tables: BTreeMap::new(),
            security_groups: BTreeMap::new(),
            network_acls: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            peerings: BTreeMap::new(),
            prefix_lists: BTreeMap::new(),
            heroku: &snapshot.heroku,
        };
        for documents in snapshot.aws.iter().map(|collection| &collection.documents) {
            index(&mut estate.vpcs, &documents.vpcs, |it| it.vpc_id.clone());
            index(&mut estate.subnets, &documents.subnets, |it| it.subnet_id.clone());
            index(&mut estate.route_tables, &documents.route_tables, |it| it.route_table_id.clone());
            index(&mut estate.security_groups, &documents.security_groups, |it| it.group_id.clone());
            index(&mut estate.network_acls, &documents.network_acls, |it| it.network_acl_id.clone());
            index(&mut estate.interfaces, &documents.network_interfaces, |it| {
                it.network_interface_id.clone()
            });
            index(&mut estate.peerings, &documents.vpc_peering_connections, |it| {
                it.vpc_peering_connection_id.clone()
            });
            for list in documents.prefix_lists.iter().flatten() {
                estate.prefix_lists.entry(list.prefix_list_id.clone()).or_default().push(list);
            }
        }
        // An instance lists its interfaces too: they stand in where describe-network-interfaces is missing.
        for documents in snapshot.aws.iter().map(|collection| &collection.documents) {
            let instances = documents.reservations.iter().flatten().flat_map(|it| &it.instances);
            for interface in instances.flat_map(|instance| &instance.network_interfaces) {
                estate.interfaces.entry(interface.network_interface_id.clone()).or_insert(interface);
            }
        }
        estate
    }

    /// The table that routes for a subnet: its own by an explicit association, else the VPC's main one.
    pub(crate) fn route_table_of(&self, subnet: &Subnet) -> Option<&'a RouteTable> {
        let tables = || self.route_tables.values().copied().filter(|table| table.vpc_id == subnet.vpc_id);
        let serves = |table: &RouteTable, main: bool| {
            table.associations.iter().filter(|association| association.is_in_force()).any(|association| {
                if main {
                    association.main
                } else {
                    association.subnet_id.as_ref() == Some(&subnet.subnet_id)
                }
            })
        };
        tables().find(|table| serves(table, false)).or_else(|| tables().find(|table| serves(table, true)))
    }

    /// The ACL of a subnet: the one associated with it, else the VPC's default one.
    pub(crate) fn network_acl_of(&self, subnet: &Subnet) -> Option<&'a NetworkAcl> {
        let acls = || self.network_acls.values().copied().filter(|acl| acl.vpc_id == subnet.vpc_id);
        let associated = acls().find(|acl| {
            acl.associations
                .iter()
                .any(|association| association.subnet_id.as_ref() == Some(&subnet.subnet_id))
        });
        associated.or_else(|| acls().find(|acl| acl.is_default))
    }

    /// The IPv4 and IPv6 blocks of a VPC that are in use, the primary IPv4 one first.
    pub(crate) fn blocks_of(&self, vpc: &Vpc) -> Vec<IpNet> {
        let primary = vpc.cidr_block.iter().map(|block| block.network());
        let others = vpc
            .cidr_block_association_set
            .iter()
            .filter(|it| it.cidr_block_state.as_ref().is_none_or(|state| state.is_associated()))
            .map(|it| it.cidr_block.network());
        let version_six = vpc
            .ipv6_cidr_block_association_set
            .iter()
            .filter(|it| it.ipv6_cidr_block_state.as_ref().is_none_or(|state| state.is_associated()))
            .map(|it| it.ipv6_cidr_block.network());
        let mut seen = BTreeSet::new();
        primary.chain(others).chain(version_six).filter(|block| seen.insert(*block)).collect()
    }

    /// The blocks of a prefix list, none where no document gives them.
    pub(crate) fn blocks_of_prefix_list(&self, id: &PrefixListId) -> Vec<IpNet> {
        let lists = self.prefix_lists.get(id).into_iter().flatten();
        lists.flat_map(|list| list.blocks().unwrap_or_default()).map(|block| block.network()).collect()
    }

    /// The dynos that the space's topology lists.
    pub(crate) fn listed_dynos(&self) -> Vec<Ipv4Addr> {
        let apps = self.heroku.topology.iter().flat_map(|topology| &topology.apps);
        let dynos = apps.flat_map(|app| &app.formation).flat_map(|formation| &formation.dynos);
        dynos.filter_map(|dyno| dyno.private_ip).collect()
    }

    /// Every active peering whose two networks are both known, with its two ends.
    pub(crate) fn wires(&self) -> BTreeMap<VpcPeeringConnectionId, [Network; 2]> {
        let mut wires = BTreeMap::new();
        for (id, peering) in &self.peerings {
            let code = peering.status.as_ref().and_then(|status| status.code.as_ref());
            let ends = [&peering.requester_vpc_info, &peering.accepter_vpc_info]
                .map(|end| end.as_ref().and_then(|info| self.network_of(id, info)));
            if let ([Some(one), Some(other)], Some(PeeringStatusCode::Active)) = (ends, code)
                && one != other
            {
                wires.insert(id.clone(), [one, other]);
            }
        }
        // What only Heroku lists: AWS's word counts where there is one.
        for peering in self.heroku.peerings.iter().flatten() {
            let (Some(id), Some(vpc)) = (&peering.pcx_id, &peering.aws_vpc_id) else { continue };
            let active = peering.status == Some(PeeringStatusCode::Active);
            if active && !self.peerings.contains_key(id) && self.vpcs.contains_key(vpc) {
                wires.insert(id.clone(), [Network::Space, Network::Vpc(vpc.clone())]);
            }
        }
        wires
    }

    /// Whether a peering connects two VPCs of one Region, which references to groups need.
    pub(crate) fn is_within_a_region(&self, id: &VpcPeeringConnectionId) -> bool {
        let Some(peering) = self.peerings.get(id) else { return false };
        let region = |end: &Option<PeeringVpcInfo>| -> Option<Region> { end.as_ref()?.region.clone() };
        region(&peering.requester_vpc_info) == region(&peering.accepter_vpc_info)
    }

    fn network_of(&self, peering: &VpcPeeringConnectionId, end: &PeeringVpcInfo) -> Option<Network> {
        let vpc = end.vpc_id.as_ref()?;
        if self.vpcs.contains_key(vpc) {
            return Some(Network::Vpc(vpc.clone()));
        }
        let info = self.heroku.peering_info.as_ref()?;
        let listed = || {
            let mut peerings = self.heroku.peerings.iter().flatten();
            peerings.any(|it| it.pcx_id.as_ref() == Some(peering))
        };
        match &info.vpc_id {
            Some(space) => (space == vpc).then_some(Network::Space),
            None => listed().then_some(Network::Space),
        }
    }
}

/// The addresses of an interface, the primary one first.
pub(crate) fn addresses_of(interface: &NetworkInterface) -> Vec<IpAddr> {
    let primary = interface.private_ip_address.into_iter();
    let others = interface.private_ip_addresses.iter().filter_map(|it| it.private_ip_address);
    let version_six = interface.ipv6_addresses.iter().filter_map(|it| it.ipv6_address);
    let mut seen = BTreeSet::new();
    let all = primary.chain(others).map(IpAddr::V4).chain(version_six.map(IpAddr::V6));
    all.filter(|address| seen.insert(*address)).collect()
}

fn index<'a, Id: Ord, T>(
    into: &mut BTreeMap<Id, &'a T>,
    documents: &'a Option<Vec<T>>,
    id: impl Fn(&T) -> Id,
) {
    for document in documents.iter().flatten() {
        into.entry(id(document)).or_insert(document);
    }
}
