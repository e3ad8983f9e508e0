//! Databases.

use aws_sdk_rds::types;
use peerscope_document::aws::{
    DbCluster, DbClusterMember, DbEndpoint, DbInstance, DbSubnet, DbSubnetGroup, VpcSecurityGroupMembership,
};

use super::{FromSdk, Unreadable, all, one, port, required, text};

impl FromSdk<types::DbInstance> for DbInstance {
    fn from_sdk(from: types::DbInstance) -> Result<Self, Unreadable> {
        Ok(Self {
            db_instance_identifier: required(from.db_instance_identifier, "DBInstanceIdentifier")?,
            db_instance_arn: text(from.db_instance_arn),
            engine: text(from.engine),
            db_instance_status: text(from.db_instance_status),
            endpoint: one(from.endpoint)?,
            availability_zone: text(from.availability_zone),
            db_subnet_group: one(from.db_subnet_group)?,
            vpc_security_groups: all(from.vpc_security_groups)?,
            publicly_accessible: from.publicly_accessible,
            multi_az: from.multi_az,
            db_cluster_identifier: text(from.db_cluster_identifier),
        })
    }
}

impl FromSdk<types::Endpoint> for DbEndpoint {
    fn from_sdk(from: types::Endpoint) -> Result<Self, Unreadable> {
        Ok(Self { address: text(from.address), port: port(from.port, "Port")? })
    }
}

impl FromSdk<types::DbSubnetGroup> for DbSubnetGroup {
    fn from_sdk(from: types::DbSubnetGroup) -> Result<Self, Unreadable> {
        Ok(Self {
            db_subnet_group_name: text(from.db_subnet_group_name),
            vpc_id: text(from.vpc_id),
            subnets: all(from.subnets)?,
        })
    }
}

impl FromSdk<types::Subnet> for DbSubnet {
    fn from_sdk(from: types::Subnet) -> Result<Self, Unreadable> {
        Ok(Self { subnet_identifier: text(from.subnet_identifier) })
    }
}

impl FromSdk<types::VpcSecurityGroupMembership> for VpcSecurityGroupMembership {
    fn from_sdk(from: types::VpcSecurityGroupMembership) -> Result<Self, Unreadable> {
        Ok(Self { vpc_security_group_id: text(from.vpc_security_group_id), status: text(from.status) })
    }
}

impl FromSdk<types::DbCluster> for DbCluster {
    fn from_sdk(from: types::DbCluster) -> Result<Self, Unreadable> {
        Ok(Self {
            db_cluster_identifier: required(from.db_cluster_identifier, "DBClusterIdentifier")?,
            db_cluster_arn: text(from.db_cluster_arn),
            engine: text(from.engine),
            status: text(from.status),
            endpoint: text(from.endpoint),
            reader_endpoint: text(from.reader_endpoint),
            custom_endpoints: from.custom_endpoints.unwrap_or_default(),
            port: port(from.port, "Port")?,
            db_cluster_members: all(from.db_cluster_members)?,
            db_subnet_group: text(from.db_subnet_group),
            vpc_security_groups: all(from.vpc_security_groups)?,
            publicly_accessible: from.publicly_accessible,
        })
    }
}

impl FromSdk<types::DbClusterMember> for DbClusterMember {
    fn from_sdk(from: types::DbClusterMember) -> Result<Self, Unreadable> {
        Ok(Self {
            db_instance_identifier: text(from.db_instance_identifier),
            is_cluster_writer: from.is_cluster_writer.unwrap_or_default(),
        })
    }
}
