//! VPC peering connections.

use aws_sdk_ec2::types;
use aws_smithy_types::date_time::Format;
use peerscope_document::aws::{
    PeeringCidrBlock, PeeringIpv6CidrBlock, PeeringOptions, PeeringStatus, PeeringVpcInfo,
    VpcPeeringConnection,
};

use super::{FromSdk, Unreadable, all, one, parsed, required, required_parsed, text, word};

impl FromSdk<types::VpcPeeringConnection> for VpcPeeringConnection {
    fn from_sdk(from: types::VpcPeeringConnection) -> Result<Self, Unreadable> {
        Ok(Self {
            vpc_peering_connection_id: required(from.vpc_peering_connection_id, "VpcPeeringConnectionId")?,
            status: one(from.status)?,
            requester_vpc_info: one(from.requester_vpc_info)?,
            accepter_vpc_info: one(from.accepter_vpc_info)?,
            expiration_time: from.expiration_time.and_then(|time| time.fmt(Format::DateTime).ok()),
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::VpcPeeringConnectionStateReason> for PeeringStatus {
    fn from_sdk(from: types::VpcPeeringConnectionStateReason) -> Result<Self, Unreadable> {
        Ok(Self { code: word(from.code), message: text(from.message) })
    }
}

impl FromSdk<types::VpcPeeringConnectionVpcInfo> for PeeringVpcInfo {
    fn from_sdk(from: types::VpcPeeringConnectionVpcInfo) -> Result<Self, Unreadable> {
        Ok(Self {
            vpc_id: text(from.vpc_id),
            owner_id: text(from.owner_id),
            region: text(from.region),
            cidr_block: parsed(from.cidr_block, "CidrBlock")?,
            cidr_block_set: all(from.cidr_block_set)?,
            ipv6_cidr_block_set: all(from.ipv6_cidr_block_set)?,
            peering_options: one(from.peering_options)?,
        })
    }
}

impl FromSdk<types::CidrBlock> for PeeringCidrBlock {
    fn from_sdk(from: types::CidrBlock) -> Result<Self, Unreadable> {
        Ok(Self { cidr_block: required_parsed(from.cidr_block, "CidrBlock")? })
    }
}

impl FromSdk<types::Ipv6CidrBlock> for PeeringIpv6CidrBlock {
    fn from_sdk(from: types::Ipv6CidrBlock) -> Result<Self, Unreadable> {
        Ok(Self { ipv6_cidr_block: required_parsed(from.ipv6_cidr_block, "Ipv6CidrBlock")? })
    }
}

impl FromSdk<types::VpcPeeringConnectionOptionsDescription> for PeeringOptions {
    fn from_sdk(from: types::VpcPeeringConnectionOptionsDescription) -> Result<Self, Unreadable> {
        Ok(Self { allow_dns_resolution_from_remote_vpc: from.allow_dns_resolution_from_remote_vpc })
    }
}
