//! Joins the documents of all accounts and Regions into one topology.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::Snapshot;
use peerscope_document::aws::{self, Tag};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::id::{AccountId, Region, VpcId};

use super::gateway::gateways_of_routes;
use super::security_group::ListedRules;
use super::space::is_data_service;
use super::{
    Instance, NetworkAcl, NetworkId, NetworkInterface, Omission, Ownership, Peering, PeeringSide, PrefixList,
    RouteTable, SecurityGroup, Space, Subnet, Topology, Vpc, VpcDns, region, service, tags,
};

impl From<&Snapshot> for Topology {
    fn from(snapshot: &Snapshot) -> Self {
        let mut topology = Self { space: Space::from_documents(&snapshot.heroku), ..Self::default() };
        let mut folders = BTreeMap::new();
        let mut rules = ListedRules::default();
        for collection in &snapshot.aws {
            topology.add(&collection.documents, collection.region.as_ref(), &mut folders);
            rules.add(collection.documents.security_group_rules.as_deref().unwrap_or_default());
        }
        rules.join(&mut topology.security_groups, &mut topology.omissions);
        topology.add_heroku_peerings(&snapshot.heroku);
        topology.name_peered_networks();
        topology.add_unlisted_peerings();
        topology.place(&folders);
        topology.add_dns(snapshot);
        topology.index();
        topology.services = service::services(snapshot, &topology).into();
        topology
    }
}

/// The VPCs that documents of one account and Region are about.
fn vpcs_of(documents: &aws::AwsDocuments) -> BTreeSet<VpcId> {
    let vpcs = documents.vpcs.iter().flatten().map(|vpc| &vpc.vpc_id);
    let subnets = documents.subnets.iter().flatten().map(|subnet| &subnet.vpc_id);
    let tables = documents.route_tables.iter().flatten().map(|table| &table.vpc_id);
    let acls = documents.network_acls.iter().flatten().map(|acl| &acl.vpc_id);
    let groups = documents.security_groups.iter().flatten().filter_map(|group| group.vpc_id.as_ref());
    let interfaces = documents.network_interfaces.iter().flatten().filter_map(|one| one.vpc_id.as_ref());
    vpcs.chain(subnets).chain(tables).chain(acls).chain(groups).chain(interfaces).cloned().collect()
}

/// The Region that a folder's name gave each VPC.
type RegionByFolder = BTreeMap<VpcId, Region>;

impl Topology {
    fn add(&mut self, documents: &aws::AwsDocuments, folder: Option<&Region>, folders: &mut RegionByFolder) {
        for vpc in documents.vpcs.iter().flatten() {
            if let Some(region) = folder {
                folders.insert(vpc.vpc_id.clone(), region.clone());
            }
            self.vpcs.insert(vpc.vpc_id.clone(), vpc_from(vpc));
        }
        for subnet in documents.subnets.iter().flatten() {
            let entry = self.vpcs.entry(subnet.vpc_id.clone()).or_default();
            let zone = subnet.availability_zone.as_deref().and_then(region::of_availability_zone);
            entry.ownership.region = entry.ownership.region.take().or(zone);
            self.subnets.insert(subnet.subnet_id.clone(), subnet_from(subnet));
        }
        for table in documents.route_tables.iter().flatten() {
            self.route_tables.insert(table.route_table_id.clone(), route_table_from(table));
        }
        for group in documents.security_groups.iter().flatten() {
            self.security_groups.insert(group.group_id.clone(), SecurityGroup::from_document(group).into());
        }
        for acl in documents.network_acls.iter().flatten() {
            if acl.is_default {
                self.default_network_acl_of.insert(acl.vpc_id.clone(), acl.network_acl_id.clone());
            }
            self.network_acls.insert(acl.network_acl_id.clone(), network_acl_from(acl));
        }
        for interface in documents.network_interfaces.iter().flatten() {
            let id = interface.network_interface_id.clone();
            self.interfaces.insert(id, interface_from(interface, None));
        }
        for reservation in documents.reservations.iter().flatten() {
            for instance in &reservation.instances {
                self.add_instance(instance, reservation.owner_id.as_ref());
            }
        }
        for list in documents.prefix_lists.iter().flatten() {
            self.add_prefix_list(list);
        }
        self.add_gateways(documents);
        if documents.vpc_peering_connections.is_some() {
            let beside = vpcs_of(documents);
            self.peerings_listed.of_all |= beside.is_empty();
            self.peerings_listed.of_vpcs.extend(beside);
        }
        for peering in documents.vpc_peering_connections.iter().flatten() {
            self.add_peering(peering);
        }
    }

    fn add_instance(&mut self, instance: &aws::Instance, owner: Option<&AccountId>) {
        for interface in &instance.network_interfaces {
            // describe-network-interfaces says more; what describe-instances says stands in for it.
            let known = self.interfaces.entry(interface.network_interface_id.clone());
            let known = known.or_insert_with(|| interface_from(interface, owner));
            known.instance = Some(instance.instance_id.clone());
            known.ownership.name = known.ownership.name.take().or_else(|| tags::name(&instance.tags));
        }
        let interfaces = instance.network_interfaces.iter().map(|one| one.network_interface_id.clone());
        self.instances.insert(
            instance.instance_id.clone(),
            Instance {
                state: instance.state.as_ref().and_then(|state| state.name.clone()),
                interfaces: interfaces.collect(),
                ownership: ownership(owner, &instance.tags),
            },
        );
    }

    fn add_prefix_list(&mut self, list: &aws::PrefixList) {
        let blocks = list.blocks().map(|blocks| blocks.iter().map(|block| block.network()).collect());
        let entry = self.prefix_lists.entry(list.prefix_list_id.clone()).or_insert_with(|| PrefixList {
            blocks: None,
            ownership: ownership(list.owner_id.as_ref(), &[]),
        });
        entry.blocks = blocks.or(entry.blocks.take());
        entry.ownership.name = entry.ownership.name.take().or_else(|| list.prefix_list_name.clone());
    }

    /// A connection between two accounts is listed in both, and between two Regions in both: it is one.
    fn add_peering(&mut self, document: &aws::VpcPeeringConnection) {
        let entry =
            self.peerings.entry(document.vpc_peering_connection_id.clone()).or_insert_with(|| Peering {
                status: None,
                status_message: None,
                heroku_status: None,
                seen_by_aws: true,
                is_for_data: false,
                expires: document.expiration_time.clone(),
                requester: PeeringSide::default(),
                accepter: PeeringSide::default(),
                ownership: ownership(None, &document.tags),
            });
        if let Some(status) = &document.status {
            entry.status = status.code.clone().or(entry.status.take());
            entry.status_message = status.message.clone().or(entry.status_message.take());
        }
        if let Some(info) = &document.requester_vpc_info {
            entry.requester.merge(info);
        }
        if let Some(info) = &document.accepter_vpc_info {
            entry.accepter.merge(info);
        }
    }

    fn add_heroku_peerings(&mut self, documents: &HerokuDocuments) {
        self.peerings_listed.of_space |= documents.peerings.is_some();
        for listed in documents.peerings.iter().flatten() {
            // Heroku's own peerings are masked: nothing of theirs can be matched.
            let Some(id) = listed.pcx_id.clone() else { continue };
            if let (Some(space), Some(known)) = (&mut self.space, self.peerings.get(&id)) {
                // Of a connection that AWS lists too, the side that is not the customer's is the space.
                let sides = [&known.requester.vpc, &known.accepter.vpc];
                if space.vpc.is_none() && listed.aws_vpc_id.is_some() && sides.contains(&&listed.aws_vpc_id) {
                    space.vpc = sides.into_iter().find(|side| **side != listed.aws_vpc_id).cloned().flatten();
                }
            }
            let space = self.space.as_ref();
            let entry = self.peerings.entry(id).or_insert_with(|| Peering {
                status: listed.status.clone(),
                status_message: None,
                heroku_status: None,
                seen_by_aws: false,
                is_for_data: false,
                expires: listed.expires.clone(),
                requester: PeeringSide {
                    network: None,
                    vpc: listed.aws_vpc_id.clone(),
                    account: listed.aws_account_id.clone(),
                    region: listed.aws_region.clone(),
                    cidrs: listed
                        .cidr_blocks
                        .iter()
                        .chain(&listed.cidr_block)
                        .map(|cidr| cidr.network())
                        .collect(),
                    names_lead_inside: None,
                },
                accepter: PeeringSide {
                    network: Some(NetworkId::Space),
                    vpc: space.and_then(|space| space.vpc.clone()),
                    account: space.and_then(|space| space.account.clone()),
                    region: space.and_then(|space| space.region.clone()),
                    cidrs: space.and_then(|space| space.cidr).into_iter().collect(),
                    names_lead_inside: None,
                },
                ownership: Ownership::default(),
            });
            entry.heroku_status = listed.status.clone();
            entry.is_for_data = is_data_service(listed);
            entry.status = entry.status.take().or_else(|| listed.status.clone());
        }
    }

    /// Gives each side of a peering its network; VPCs that only a peering names become known by it.
    fn name_peered_networks(&mut self) {
        let space_vpc = self.space.as_ref().and_then(|space| space.vpc.clone());
        for peering in self.peerings.values_mut() {
            for side in [&mut peering.requester, &mut peering.accepter] {
                let Some(vpc) = side.vpc.clone() else { continue };
                if let (Some(space), true) = (&mut self.space, Some(&vpc) == space_vpc.as_ref()) {
                    side.network = Some(NetworkId::Space);
                    space.cidr = space.cidr.or(side.cidrs.first().copied());
                    space.account = space.account.take().or_else(|| side.account.clone());
                    space.region = space.region.take().or_else(|| side.region.clone());
                    continue;
                }
                side.network = Some(NetworkId::Vpc(vpc.clone()));
                let known = self.vpcs.entry(vpc).or_default();
                if known.cidrs.is_empty() {
                    known.primary = side.cidrs.first().copied();
                    known.cidrs = side.cidrs.clone();
                }
                known.ownership.account = known.ownership.account.take().or_else(|| side.account.clone());
                known.ownership.region = known.ownership.region.take().or_else(|| side.region.clone());
            }
        }
    }

    /// What the VPCs' own DNS does: one document tells one of its attributes.
    fn add_dns(&mut self, snapshot: &Snapshot) {
        let documents = snapshot.aws.iter().map(|collection| &collection.documents);
        for attribute in documents.flat_map(|documents| documents.vpc_attributes.iter().flatten()) {
            let Some(vpc) = self.vpcs.get_mut(&attribute.vpc_id) else { continue };
            let support = attribute.enable_dns_support.and_then(|support| support.value);
            let hostnames = attribute.enable_dns_hostnames.and_then(|hostnames| hostnames.value);
            vpc.dns = VpcDns {
                answers: vpc.dns.answers.or(support),
                names_hosts: vpc.dns.names_hosts.or(hostnames),
            };
        }
    }

    /// Gives every resource the Region and, where it names none, the account of its VPC.
    fn place(&mut self, folders: &RegionByFolder) {
        for (id, region) in folders {
            if let Some(vpc) = self.vpcs.get_mut(id) {
                vpc.ownership.region = vpc.ownership.region.take().or_else(|| Some(region.clone()));
            }
        }
        let vpcs = &self.vpcs;
        let settle = |ownership: &mut Ownership, vpc: Option<&VpcId>| {
            let Some(vpc) = vpc.and_then(|vpc| vpcs.get(vpc)) else { return };
            ownership.region = ownership.region.take().or_else(|| vpc.ownership.region.clone());
            ownership.account = ownership.account.take().or_else(|| vpc.ownership.account.clone());
        };
        for subnet in self.subnets.values_mut() {
            settle(&mut subnet.ownership, Some(&subnet.vpc));
        }
        for table in self.route_tables.values_mut() {
            settle(&mut table.ownership, Some(&table.vpc));
        }
        for group in self.security_groups.values_mut() {
            let group = &mut **group;
            settle(&mut group.ownership, group.vpc.as_ref());
        }
        for acl in self.network_acls.values_mut() {
            settle(&mut acl.ownership, Some(&acl.vpc));
        }
        for (id, gateway) in gateways_of_routes(&self.route_tables) {
            let known = self.gateways.entry(id).or_default();
            known.vpc = known.vpc.take().or(gateway.vpc);
            known.ownership.region = known.ownership.region.take().or(gateway.ownership.region);
        }
        for gateway in self.gateways.values_mut() {
            settle(&mut gateway.ownership, gateway.vpc.as_ref());
        }
        for interface in self.interfaces.values() {
            // A subnet that no document describes is known by what is in it.
            if let (Some(subnet), Some(vpc)) = (&interface.subnet, &interface.vpc) {
                self.subnets.entry(subnet.clone()).or_insert_with(|| Subnet {
                    vpc: vpc.clone(),
                    cidrs: Vec::new(),
                    ownership: interface.ownership.clone(),
                });
            }
        }
        for interface in self.interfaces.values_mut() {
            let of_subnet = interface.subnet.as_ref().and_then(|id| self.subnets.get(id));
            interface.vpc = interface.vpc.take().or_else(|| of_subnet.map(|subnet| subnet.vpc.clone()));
            settle(&mut interface.ownership, interface.vpc.as_ref());
            // A group that only its rules tell of is where the interfaces are that have it.
            for id in &interface.security_groups {
                if let Some(group) = self.security_groups.get_mut(id).filter(|group| group.vpc.is_none()) {
                    settle(&mut group.ownership, interface.vpc.as_ref());
                }
            }
        }
        let unplaced = self.vpcs.iter().filter(|(_, vpc)| vpc.documented && vpc.ownership.region.is_none());
        self.omissions.extend(unplaced.map(|(id, _)| Omission {
            what: alloc::format!("the Region of {id}"),
            reason: "no availability zone, peering or folder name in the snapshot gives it".to_string(),
            would_tell: "where the commands that mend are to be run".to_string(),
        }));
    }

    fn index(&mut self) {
        for (id, table) in self.route_tables.iter() {
            for subnet in &table.subnets {
                self.route_table_of.insert(subnet.clone(), id.clone());
            }
            if table.main {
                self.main_route_table_of.insert(table.vpc.clone(), id.clone());
            }
        }
        for (id, acl) in self.network_acls.iter() {
            for subnet in &acl.subnets {
                self.network_acl_of.insert(subnet.clone(), id.clone());
            }
        }
        for (id, subnet) in self.subnets.iter() {
            self.subnets_of.entry(subnet.vpc.clone()).or_default().push(id.clone());
        }
        for (id, interface) in self.interfaces.iter() {
            for address in &interface.addresses {
                self.by_address.entry(*address).or_default().push(id.clone());
                if let Some(vpc) = &interface.vpc {
                    let owned = self.owned_in.entry(vpc.clone()).or_default();
                    owned.entry(*address).or_insert_with(|| id.clone());
                }
            }
            for group in &interface.security_groups {
                self.by_security_group.entry(group.clone()).or_default().push(id.clone());
            }
            if let Some(vpc) = &interface.vpc {
                self.interfaces_of.entry(vpc.clone()).or_default().push(id.clone());
            }
        }
    }
}

fn ownership(account: Option<&AccountId>, tags: &[Tag]) -> Ownership {
    Ownership {
        account: account.cloned(),
        region: None,
        name: tags::name(tags),
        managed_by: tags::managed_by(tags),
    }
}

fn vpc_from(document: &aws::Vpc) -> Vpc {
    let primary = document.cidr_block.map(|cidr| cidr.network());
    let mut cidrs: Vec<IpNet> = primary.into_iter().collect();
    let secondary = document.cidr_block_association_set.iter();
    let secondary =
        secondary.filter(|one| one.cidr_block_state.as_ref().is_none_or(aws::CidrBlockState::is_associated));
    cidrs.extend(secondary.map(|one| one.cidr_block.network()).filter(|cidr| Some(*cidr) != primary));
    cidrs.extend(ipv6_blocks(&document.ipv6_cidr_block_association_set));
    Vpc {
        documented: true,
        primary,
        cidrs,
        dns: VpcDns::default(),
        ownership: ownership(document.owner_id.as_ref(), &document.tags),
    }
}

fn subnet_from(document: &aws::Subnet) -> Subnet {
    let mut cidrs: Vec<IpNet> = document.cidr_block.iter().map(peerscope_document::Cidr::network).collect();
    cidrs.extend(ipv6_blocks(&document.ipv6_cidr_block_association_set));
    Subnet {
        vpc: document.vpc_id.clone(),
        cidrs,
        ownership: Ownership {
            region: document.availability_zone.as_deref().and_then(region::of_availability_zone),
            ..ownership(document.owner_id.as_ref(), &document.tags)
        },
    }
}

fn ipv6_blocks(associations: &[aws::Ipv6CidrBlockAssociation]) -> impl Iterator<Item = IpNet> {
    let in_use = |one: &&aws::Ipv6CidrBlockAssociation| {
        one.ipv6_cidr_block_state.as_ref().is_none_or(aws::CidrBlockState::is_associated)
    };
    associations.iter().filter(in_use).map(|one| one.ipv6_cidr_block.network())
}

fn route_table_from(document: &aws::RouteTable) -> RouteTable {
    let in_force = document.associations.iter().filter(|association| association.is_in_force());
    RouteTable {
        vpc: document.vpc_id.clone(),
        routes: document.routes.clone(),
        main: in_force.clone().any(|association| association.main),
        subnets: in_force.filter_map(|association| association.subnet_id.clone()).collect(),
        ownership: ownership(document.owner_id.as_ref(), &document.tags),
    }
}

fn network_acl_from(document: &aws::NetworkAcl) -> NetworkAcl {
    let mut entries = document.entries.clone();
    entries.sort_by_key(|entry| entry.rule_number);
    NetworkAcl {
        vpc: document.vpc_id.clone(),
        entries,
        subnets: document
            .associations
            .iter()
            .filter_map(|association| association.subnet_id.clone())
            .collect(),
        ownership: ownership(document.owner_id.as_ref(), &document.tags),
    }
}

fn interface_from(document: &aws::NetworkInterface, owner: Option<&AccountId>) -> NetworkInterface {
    let mut addresses: Vec<IpAddr> = Vec::new();
    let ipv4 = document.private_ip_address.into_iter();
    let ipv4 = ipv4.chain(document.private_ip_addresses.iter().filter_map(|one| one.private_ip_address));
    let ipv6 = document.ipv6_addresses.iter().filter_map(|one| one.ipv6_address);
    for address in ipv4.map(IpAddr::V4).chain(ipv6.map(IpAddr::V6)) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let mut ownership = ownership(document.owner_id.as_ref().or(owner), &document.tag_set);
    ownership.name = ownership.name.or_else(|| document.description.clone().filter(|text| !text.is_empty()));
    ownership.region = document.availability_zone.as_deref().and_then(region::of_availability_zone);
    NetworkInterface {
        vpc: document.vpc_id.clone(),
        subnet: document.subnet_id.clone(),
        addresses,
        security_groups: document.groups.iter().map(|group| group.group_id.clone()).collect(),
        instance: document.attachment.as_ref().and_then(|attachment| attachment.instance_id.clone()),
        description: document.description.clone().filter(|text| !text.is_empty()),
        zone: document.availability_zone.clone(),
        interface_type: document.interface_type.clone(),
        source_dest_check: document.source_dest_check,
        ownership,
    }
}
