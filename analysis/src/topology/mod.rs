//! What exists and how it is connected: the documents, joined by id, immutable, indexed.
//!
//! Private addresses repeat between networks, so nothing is ever looked up by address alone: an
//! endpoint is an interface, or an address IN a network ([`NetworkId`]).

mod build;
mod component;
mod gateway;
mod lookup;
mod peering;
mod region;
mod security_group;
mod service;
mod shared;
mod space;
mod tags;
mod unlisted;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::aws::{InstanceStateName, NetworkAclEntry, Route};
use peerscope_document::id::{
    AccountId, GatewayId, InstanceId, NetworkAclId, NetworkInterfaceId, PrefixListId, Region, RouteTableId,
    SecurityGroupId, SubnetId, VpcId, VpcPeeringConnectionId,
};

use shared::Shared;

pub use component::{ComponentId, ComponentType};
pub use gateway::{Attachment, Gateway, GatewayKind, RouteTarget};
pub use peering::{Peering, PeeringSide};
pub use security_group::SecurityGroup;
pub use service::{
    Database, Leads, LoadBalancer, LoadBalancerListener, Member, Outside, Service, ServiceKind, ServiceName,
    Target, TargetGroup,
};
pub use space::{Dyno, Space};

/// A routing domain: addresses are unique inside it, and only there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkId {
    /// A VPC of the customer, or one that a peering names.
    Vpc(VpcId),
    /// The Heroku Private Space, whose inside is invisible.
    Space,
    /// Heroku's data services behind the space, which no customer's peering reaches.
    SpaceData,
}

/// Who owns a resource, where it is, and whose hand manages it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// The account.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// The value of the tag `Name`, or the resource's own name. Outside data.
    pub name: Option<String>,
    /// The tool that manages it by its tags, such as `CloudFormation stack network`.
    pub managed_by: Option<String>,
}

/// A VPC.
#[derive(Clone, Debug, Default)]
pub struct Vpc {
    /// Whether `describe-vpcs` gave it; else only a peering or another document names it.
    pub documented: bool,
    /// The primary IPv4 CIDR.
    pub primary: Option<IpNet>,
    /// All CIDRs in use, IPv4 and IPv6, the primary one first.
    pub cidrs: Vec<IpNet>,
    /// Its own DNS, as far as a document tells.
    pub dns: VpcDns,
    /// Owner and place.
    pub ownership: Ownership,
}

/// What a VPC's own DNS does (EC2, `DescribeVpcAttribute`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VpcDns {
    /// Whether it answers.
    pub answers: Option<bool>,
    /// Whether hosts with public addresses have public names, which lead to the private address inside.
    pub names_hosts: Option<bool>,
}

/// A subnet.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// Its VPC.
    pub vpc: VpcId,
    /// Its blocks, IPv4 and IPv6.
    pub cidrs: Vec<IpNet>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// What a route is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteDestination {
    /// A block.
    Cidr(IpNet),
    /// The blocks of a prefix list.
    PrefixList(PrefixListId),
}

impl RouteDestination {
    /// The destination of a route; `None` where the document gives none.
    #[must_use]
    pub fn of(route: &Route) -> Option<Self> {
        let cidr = route.destination_cidr_block.or(route.destination_ipv6_cidr_block);
        let list = || route.destination_prefix_list_id.clone().map(Self::PrefixList);
        cidr.map(|cidr| Self::Cidr(cidr.network())).or_else(list)
    }
}

/// A route table.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc: VpcId,
    /// Its routes in the order of the document.
    pub routes: Vec<Route>,
    /// Whether it is its VPC's main table.
    pub main: bool,
    /// The subnets associated with it explicitly.
    pub subnets: Vec<SubnetId>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// A network ACL.
#[derive(Clone, Debug)]
pub struct NetworkAcl {
    /// Its VPC.
    pub vpc: VpcId,
    /// Its entries, ascending by rule number.
    pub entries: Vec<NetworkAclEntry>,
    /// The subnets associated with it.
    pub subnets: Vec<SubnetId>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// A network interface.
#[derive(Clone, Debug, Default)]
pub struct NetworkInterface {
    /// Its VPC.
    pub vpc: Option<VpcId>,
    /// Its subnet.
    pub subnet: Option<SubnetId>,
    /// Its addresses, the primary one first.
    pub addresses: Vec<IpAddr>,
    /// Its security groups.
    pub security_groups: Vec<SecurityGroupId>,
    /// The instance it is attached to.
    pub instance: Option<InstanceId>,
    /// Its owner's or AWS's words on what it is for. Outside data.
    pub description: Option<String>,
    /// Its availability zone.
    pub zone: Option<String>,
    /// `nat_gateway`, `network_load_balancer` and others; absent for an ordinary one.
    pub interface_type: Option<String>,
    /// Whether it drops what is neither from nor to its own addresses; `None` where that is not said.
    pub source_dest_check: Option<bool>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// An instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Whether it runs.
    pub state: Option<InstanceStateName>,
    /// Its interfaces, the primary one first.
    pub interfaces: Vec<NetworkInterfaceId>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// A prefix list.
#[derive(Clone, Debug)]
pub struct PrefixList {
    /// Its blocks, or `None` where no document gave its entries.
    pub blocks: Option<Vec<IpNet>>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// Something that the documents leave open, beside what a question runs into by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omission {
    /// What is missing.
    pub what: String,
    /// Why it is missed.
    pub reason: String,
    /// What it would have told.
    pub would_tell: String,
}

/// Everything that the snapshot tells, joined. A copy costs little: what is not changed in it is shared.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    vpcs: Shared<BTreeMap<VpcId, Vpc>>,
    subnets: Shared<BTreeMap<SubnetId, Subnet>>,
    route_tables: Shared<BTreeMap<RouteTableId, RouteTable>>,
    security_groups: Shared<BTreeMap<SecurityGroupId, Shared<SecurityGroup>>>,
    network_acls: Shared<BTreeMap<NetworkAclId, NetworkAcl>>,
    peerings: Shared<BTreeMap<VpcPeeringConnectionId, Peering>>,
    interfaces: Shared<BTreeMap<NetworkInterfaceId, NetworkInterface>>,
    instances: Shared<BTreeMap<InstanceId, Instance>>,
    prefix_lists: Shared<BTreeMap<PrefixListId, PrefixList>>,
    gateways: Shared<BTreeMap<GatewayId, Gateway>>,
    space: Option<Space>,
    omissions: Shared<Vec<Omission>>,
    services: Shared<Vec<Service>>,
    /// Whose peerings are listed.
    peerings_listed: PeeringsListed,
    /// Interfaces by address; several networks may use the same one.
    by_address: Shared<BTreeMap<IpAddr, Vec<NetworkInterfaceId>>>,
    /// The same within each VPC, in the order of the addresses.
    owned_in: Shared<BTreeMap<VpcId, BTreeMap<IpAddr, NetworkInterfaceId>>>,
    subnets_of: Shared<BTreeMap<VpcId, Vec<SubnetId>>>,
    by_security_group: Shared<BTreeMap<SecurityGroupId, Vec<NetworkInterfaceId>>>,
    route_table_of: Shared<BTreeMap<SubnetId, RouteTableId>>,
    main_route_table_of: Shared<BTreeMap<VpcId, RouteTableId>>,
    network_acl_of: Shared<BTreeMap<SubnetId, NetworkAclId>>,
    default_network_acl_of: Shared<BTreeMap<VpcId, NetworkAclId>>,
    /// The interfaces of each VPC for which any interface document was read, ascending.
    interfaces_of: Shared<BTreeMap<VpcId, Vec<NetworkInterfaceId>>>,
}

/// Whose peerings some document lists, if only to say that there is none: an account's list tells nothing of
/// another account's.
#[derive(Clone, Debug, Default)]
struct PeeringsListed {
    /// Those of VPCs whose own documents lie beside such a list.
    of_vpcs: BTreeSet<VpcId>,
    /// Those of the space.
    of_space: bool,
    /// A list lies beside no VPC's documents: it is taken for that of all.
    of_all: bool,
}

impl fmt::Display for NetworkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vpc(id) => id.fmt(formatter),
            Self::Space => formatter.write_str("the space"),
            Self::SpaceData => formatter.write_str("Heroku's data services"),
        }
    }
}
