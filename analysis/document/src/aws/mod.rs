//! The output of `aws ec2 describe-*` (botocore's EC2 model, API version 2016-11-15), and of what of RDS and of Elastic
//! Load Balancing turns a name into interfaces.

mod database;
mod gateway;
mod interface;
mod load_balancer;
mod network_acl;
mod peering;
mod prefix_list;
mod protocol;
mod route_table;
mod security_group;
mod security_group_rule;
mod transit_gateway;
mod vpc;
mod vpc_attribute;
mod vpc_endpoint;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::AccountId;

pub use database::{
    DbCluster, DbClusterMember, DbEndpoint, DbInstance, DbSubnet, DbSubnetGroup, VpcSecurityGroupMembership,
};
pub use gateway::{EgressOnlyInternetGateway, GatewayAttachment, InternetGateway, NatGateway, VpnGateway};
pub use interface::{
    Attachment, Instance, InstanceState, InstanceStateName, Ipv6Address, NetworkInterface, PrivateIpAddress,
    Reservation,
};
pub use load_balancer::{
    ForwardConfig, Listener, ListenerAction, LoadBalancer, LoadBalancerAddress, LoadBalancerState,
    LoadBalancerType, LoadBalancerZone, TargetDescription, TargetGroup, TargetGroupHealth, TargetHealth,
    TargetHealthDescription, TargetHealthState, WeightedTargetGroup,
};
pub use network_acl::{
    IcmpTypeCode, NetworkAcl, NetworkAclAssociation, NetworkAclEntry, PortRange, RuleAction,
};
pub use peering::{
    PeeringCidrBlock, PeeringIpv6CidrBlock, PeeringOptions, PeeringStatus, PeeringStatusCode, PeeringVpcInfo,
    VpcPeeringConnection,
};
pub use prefix_list::{PrefixList, PrefixListEntry};
pub use protocol::{IpProtocol, NoProtocol};
pub use route_table::{AssociationState, Route, RouteOrigin, RouteState, RouteTable, RouteTableAssociation};
pub use security_group::{
    GroupIdentifier, IpPermission, IpRange, Ipv6Range, PrefixListIdentifier, SecurityGroup, UserIdGroupPair,
};
pub use security_group_rule::SecurityGroupRule;
pub use transit_gateway::{
    TransitGateway, TransitGatewayAssociation, TransitGatewayAttachment, TransitGatewayVpcAttachment,
};
pub use vpc::{CidrBlockAssociation, CidrBlockState, Ipv6CidrBlockAssociation, Subnet, Vpc};
pub use vpc_attribute::{AttributeBooleanValue, VpcAttribute};
pub use vpc_endpoint::{VpcEndpoint, VpcEndpointType};

/// Key and value that the owner put on a resource. Outside data: shown only after escaping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The tag's key, such as `Name` or `aws:cloudformation:stack-name`.
    #[serde(default, deserialize_with = "crate::tolerant::null_as_default")]
    pub key: String,
    /// The tag's value.
    #[serde(default, deserialize_with = "crate::tolerant::null_as_default")]
    pub value: String,
}

/// What one or several `describe-*` calls of one account and Region returned. `None` means that the
/// call was not made or not saved, which is a gap; an empty list means that there is none of the kind,
/// which is a fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AwsDocuments {
    /// `describe-vpcs`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpcs: Option<Vec<Vpc>>,
    /// `describe-subnets`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<Vec<Subnet>>,
    /// `describe-route-tables`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_tables: Option<Vec<RouteTable>>,
    /// `describe-security-groups`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_groups: Option<Vec<SecurityGroup>>,
    /// `describe-security-group-rules`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group_rules: Option<Vec<SecurityGroupRule>>,
    /// `describe-network-acls`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_acls: Option<Vec<NetworkAcl>>,
    /// `describe-vpc-peering-connections`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connections: Option<Vec<VpcPeeringConnection>>,
    /// `describe-network-interfaces`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_interfaces: Option<Vec<NetworkInterface>>,
    /// `describe-instances`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservations: Option<Vec<Reservation>>,
    /// `describe-managed-prefix-lists` or `describe-prefix-lists`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_lists: Option<Vec<PrefixList>>,
    /// `describe-internet-gateways`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internet_gateways: Option<Vec<InternetGateway>>,
    /// `describe-egress-only-internet-gateways`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_only_internet_gateways: Option<Vec<EgressOnlyInternetGateway>>,
    /// `describe-nat-gateways`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_gateways: Option<Vec<NatGateway>>,
    /// `describe-transit-gateways`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateways: Option<Vec<TransitGateway>>,
    /// `describe-transit-gateway-attachments`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_attachments: Option<Vec<TransitGatewayAttachment>>,
    /// `describe-transit-gateway-vpc-attachments`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_vpc_attachments: Option<Vec<TransitGatewayVpcAttachment>>,
    /// `describe-vpc-endpoints`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_endpoints: Option<Vec<VpcEndpoint>>,
    /// `describe-vpn-gateways`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_gateways: Option<Vec<VpnGateway>>,
    /// `describe-vpc-attribute`, one element an answer
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_attributes: Option<Vec<VpcAttribute>>,
    /// `aws rds describe-db-instances`
    #[serde(rename = "DBInstances", default, skip_serializing_if = "Option::is_none")]
    pub db_instances: Option<Vec<DbInstance>>,
    /// `aws rds describe-db-clusters`
    #[serde(rename = "DBClusters", default, skip_serializing_if = "Option::is_none")]
    pub db_clusters: Option<Vec<DbCluster>>,
    /// `aws elbv2 describe-load-balancers`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancers: Option<Vec<LoadBalancer>>,
    /// `aws elbv2 describe-listeners`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listeners: Option<Vec<Listener>>,
    /// `aws elbv2 describe-target-groups`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_groups: Option<Vec<TargetGroup>>,
    /// `aws elbv2 describe-target-health`, one element an answer
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group_health: Option<Vec<TargetGroupHealth>>,
}

impl AwsDocuments {
    /// The account that the documents are of, by the first that names its owner.
    #[must_use]
    pub fn owner(&self) -> Option<&AccountId> {
        let vpcs = self.vpcs.iter().flatten().filter_map(|vpc| vpc.owner_id.as_ref());
        let groups = self.security_groups.iter().flatten().filter_map(|group| group.owner_id.as_ref());
        let tables = self.route_tables.iter().flatten().filter_map(|table| table.owner_id.as_ref());
        let is_account = |id: &&AccountId| {
            !id.as_str().is_empty() && id.as_str().bytes().all(|byte| byte.is_ascii_digit())
        };
        vpcs.chain(groups).chain(tables).find(is_account)
    }
}
