//! Names for the things that a cause can lie in.

use alloc::string::{String, ToString};
use core::net::IpAddr;

use peerscope_document::id::{
    DbClusterId, DbInstanceId, GatewayId, InstanceId, LoadBalancerArn, NetworkAclId, NetworkInterfaceId,
    RouteTableId, SecurityGroupId, SubnetId, VpcId, VpcPeeringConnectionId,
};
use serde::Serialize;

use super::GatewayKind;

/// The kind of a component, in AWS's words where it is AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the term of AWS or Heroku that it spells")]
pub enum ComponentType {
    SecurityGroup,
    NetworkAcl,
    RouteTable,
    VpcPeeringConnection,
    Vpc,
    Subnet,
    NetworkInterface,
    Instance,
    TransitGateway,
    NatGateway,
    InternetGateway,
    VpnGateway,
    LocalGateway,
    CarrierGateway,
    CoreNetwork,
    VpcEndpoint,
    LoadBalancer,
    Database,
    Host,
    Space,
    DnsName,
    Path,
}

impl ComponentType {
    /// The term in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::SecurityGroup => "security group",
            Self::NetworkAcl => "network ACL",
            Self::RouteTable => "route table",
            Self::VpcPeeringConnection => "VPC peering connection",
            Self::Vpc => "VPC",
            Self::Subnet => "subnet",
            Self::NetworkInterface => "network interface",
            Self::Instance => "instance",
            Self::TransitGateway => "transit gateway",
            Self::NatGateway => "NAT gateway",
            Self::InternetGateway => "internet gateway",
            Self::VpnGateway => "VPN gateway",
            Self::LocalGateway => "local gateway",
            Self::CarrierGateway => "carrier gateway",
            Self::CoreNetwork => "core network",
            Self::VpcEndpoint => "VPC endpoint",
            Self::LoadBalancer => "load balancer",
            Self::Database => "database",
            Self::Host => "host",
            Self::Space => "space",
            Self::DnsName => "name",
            Self::Path => "path",
        }
    }
}

/// One component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComponentId {
    /// A security group.
    SecurityGroup(SecurityGroupId),
    /// A network ACL.
    NetworkAcl(NetworkAclId),
    /// A route table.
    RouteTable(RouteTableId),
    /// A peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// A VPC.
    Vpc(VpcId),
    /// A subnet.
    Subnet(SubnetId),
    /// A network interface.
    NetworkInterface(NetworkInterfaceId),
    /// An instance.
    Instance(InstanceId),
    /// A gateway or an endpoint.
    Gateway(GatewayKind, GatewayId),
    /// A load balancer.
    LoadBalancer(LoadBalancerArn),
    /// A database instance.
    Database(DbInstanceId),
    /// A database cluster.
    DatabaseCluster(DbClusterId),
    /// A machine known by its address alone.
    Host(IpAddr),
    /// The Heroku Private Space.
    Space,
    /// A name in the DNS.
    DnsName(String),
    /// A component of a kind, which one is not known.
    Unknown(ComponentType),
}

impl ComponentId {
    /// Its kind.
    #[must_use]
    pub fn component_type(&self) -> ComponentType {
        match self {
            Self::SecurityGroup(_) => ComponentType::SecurityGroup,
            Self::NetworkAcl(_) => ComponentType::NetworkAcl,
            Self::RouteTable(_) => ComponentType::RouteTable,
            Self::VpcPeeringConnection(_) => ComponentType::VpcPeeringConnection,
            Self::Vpc(_) => ComponentType::Vpc,
            Self::Subnet(_) => ComponentType::Subnet,
            Self::NetworkInterface(_) => ComponentType::NetworkInterface,
            Self::Instance(_) => ComponentType::Instance,
            Self::Gateway(kind, _) => kind.component_type(),
            Self::LoadBalancer(_) => ComponentType::LoadBalancer,
            Self::Database(_) | Self::DatabaseCluster(_) => ComponentType::Database,
            Self::Host(_) => ComponentType::Host,
            Self::Space => ComponentType::Space,
            Self::DnsName(_) => ComponentType::DnsName,
            Self::Unknown(component_type) => *component_type,
        }
    }

    /// Its id as its owner writes it; the space's depends on the topology.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::SecurityGroup(id) => Some(id.to_string()),
            Self::NetworkAcl(id) => Some(id.to_string()),
            Self::RouteTable(id) => Some(id.to_string()),
            Self::VpcPeeringConnection(id) => Some(id.to_string()),
            Self::Vpc(id) => Some(id.to_string()),
            Self::Subnet(id) => Some(id.to_string()),
            Self::NetworkInterface(id) => Some(id.to_string()),
            Self::Instance(id) => Some(id.to_string()),
            Self::Gateway(_, id) => Some(id.to_string()),
            Self::LoadBalancer(arn) => Some(arn.to_string()),
            Self::Database(id) => Some(id.to_string()),
            Self::DatabaseCluster(id) => Some(id.to_string()),
            Self::Host(address) => Some(address.to_string()),
            Self::DnsName(name) => Some(name.clone()),
            Self::Space | Self::Unknown(_) => None,
        }
    }
}
