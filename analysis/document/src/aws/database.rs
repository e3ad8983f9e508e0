//! `aws rds describe-db-instances` and `describe-db-clusters` (botocore's RDS model, API version 2014-10-31): which
//! name a database has, and where in a VPC it listens.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{DbClusterId, DbInstanceId, SecurityGroupId, SubnetId, VpcId};
use crate::tolerant::null_as_default;

/// A database instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DbInstance {
    /// Its name in its account and Region.
    #[serde(rename = "DBInstanceIdentifier")]
    pub db_instance_identifier: DbInstanceId,
    /// Its ARN, which names its Region and account.
    #[serde(rename = "DBInstanceArn", default, skip_serializing_if = "Option::is_none")]
    pub db_instance_arn: Option<String>,
    /// `postgres`, `mysql`, `aurora-postgresql` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// `available`, `stopped`, `rebooting` and others.
    #[serde(rename = "DBInstanceStatus", default, skip_serializing_if = "Option::is_none")]
    pub db_instance_status: Option<String>,
    /// Where it listens; absent while it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<DbEndpoint>,
    /// The zone that it is in now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// The subnets that its interface may be in.
    #[serde(rename = "DBSubnetGroup", default, skip_serializing_if = "Option::is_none")]
    pub db_subnet_group: Option<DbSubnetGroup>,
    /// The security groups of its interfaces.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub vpc_security_groups: Vec<VpcSecurityGroupMembership>,
    /// Whether its name leads to a public address for who asks from outside its VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publicly_accessible: Option<bool>,
    /// Whether another zone holds a standby, which takes over name and address.
    #[serde(rename = "MultiAZ", default, skip_serializing_if = "Option::is_none")]
    pub multi_az: Option<bool>,
    /// The cluster that it is a member of.
    #[serde(rename = "DBClusterIdentifier", default, skip_serializing_if = "Option::is_none")]
    pub db_cluster_identifier: Option<DbClusterId>,
}

/// Where a database instance listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DbEndpoint {
    /// Its DNS name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its TCP port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// The subnets that databases may be put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DbSubnetGroup {
    /// Its name.
    #[serde(rename = "DBSubnetGroupName", default, skip_serializing_if = "Option::is_none")]
    pub db_subnet_group_name: Option<String>,
    /// The VPC that all of them are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// The subnets.
    #[serde(default, deserialize_with = "null_as_default")]
    pub subnets: Vec<DbSubnet>,
}

/// A subnet of a database subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DbSubnet {
    /// The subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_identifier: Option<SubnetId>,
}

/// A security group of a database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcSecurityGroupMembership {
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_security_group_id: Option<SecurityGroupId>,
    /// `active`, `adding`, `removing` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A database cluster: Aurora's, or one over several zones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DbCluster {
    /// Its name in its account and Region.
    #[serde(rename = "DBClusterIdentifier")]
    pub db_cluster_identifier: DbClusterId,
    /// Its ARN, which names its Region and account.
    #[serde(rename = "DBClusterArn", default, skip_serializing_if = "Option::is_none")]
    pub db_cluster_arn: Option<String>,
    /// `aurora-postgresql`, `aurora-mysql` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// `available`, `stopped`, `failing-over` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The DNS name of the member that writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The DNS name of those that read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_endpoint: Option<String>,
    /// DNS names of members that the owner chose.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub custom_endpoints: Vec<String>,
    /// The TCP port of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The instances that serve it.
    #[serde(rename = "DBClusterMembers", default, deserialize_with = "null_as_default")]
    pub db_cluster_members: Vec<DbClusterMember>,
    /// The name of the subnets that its interfaces may be in.
    #[serde(rename = "DBSubnetGroup", default, skip_serializing_if = "Option::is_none")]
    pub db_subnet_group: Option<String>,
    /// The security groups of its interfaces.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub vpc_security_groups: Vec<VpcSecurityGroupMembership>,
    /// The same as an instance's; of clusters over several zones alone, Aurora says it of each member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publicly_accessible: Option<bool>,
}

/// An instance that serves a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DbClusterMember {
    /// The instance.
    #[serde(rename = "DBInstanceIdentifier", default, skip_serializing_if = "Option::is_none")]
    pub db_instance_identifier: Option<DbInstanceId>,
    /// Whether it is the one that writes.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_cluster_writer: bool,
}
