//! Security groups.

use aws_sdk_ec2::types;
use peerscope_document::aws::{
    GroupIdentifier, IpPermission, IpRange, Ipv6Range, PrefixListIdentifier, SecurityGroup, UserIdGroupPair,
};

use super::{FromSdk, Unreadable, all, required, required_parsed, text};

impl FromSdk<types::SecurityGroup> for SecurityGroup {
    fn from_sdk(from: types::SecurityGroup) -> Result<Self, Unreadable> {
        Ok(Self {
            group_id: required(from.group_id, "GroupId")?,
            group_name: from.group_name.unwrap_or_default(),
            vpc_id: text(from.vpc_id),
            owner_id: text(from.owner_id),
            ip_permissions: all(from.ip_permissions)?,
            ip_permissions_egress: all(from.ip_permissions_egress)?,
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::IpPermission> for IpPermission {
    fn from_sdk(from: types::IpPermission) -> Result<Self, Unreadable> {
        Ok(Self {
            ip_protocol: required_parsed(from.ip_protocol, "IpProtocol")?,
            from_port: from.from_port,
            to_port: from.to_port,
            ip_ranges: all(from.ip_ranges)?,
            ipv6_ranges: all(from.ipv6_ranges)?,
            prefix_list_ids: all(from.prefix_list_ids)?,
            user_id_group_pairs: all(from.user_id_group_pairs)?,
        })
    }
}

impl FromSdk<types::IpRange> for IpRange {
    fn from_sdk(from: types::IpRange) -> Result<Self, Unreadable> {
        Ok(Self { cidr_ip: required_parsed(from.cidr_ip, "CidrIp")?, description: text(from.description) })
    }
}

impl FromSdk<types::Ipv6Range> for Ipv6Range {
    fn from_sdk(from: types::Ipv6Range) -> Result<Self, Unreadable> {
        Ok(Self {
            cidr_ipv6: required_parsed(from.cidr_ipv6, "CidrIpv6")?,
            description: text(from.description),
        })
    }
}

impl FromSdk<types::PrefixListId> for PrefixListIdentifier {
    fn from_sdk(from: types::PrefixListId) -> Result<Self, Unreadable> {
        Ok(Self {
            prefix_list_id: required(from.prefix_list_id, "PrefixListId")?,
            description: text(from.description),
        })
    }
}

impl FromSdk<types::UserIdGroupPair> for UserIdGroupPair {
    fn from_sdk(from: types::UserIdGroupPair) -> Result<Self, Unreadable> {
        Ok(Self {
            group_id: text(from.group_id),
            user_id: text(from.user_id),
            vpc_id: text(from.vpc_id),
            vpc_peering_connection_id: text(from.vpc_peering_connection_id),
            peering_status: text(from.peering_status),
            description: text(from.description),
        })
    }
}

impl FromSdk<types::GroupIdentifier> for GroupIdentifier {
    fn from_sdk(from: types::GroupIdentifier) -> Result<Self, Unreadable> {
        Ok(Self { group_id: required(from.group_id, "GroupId")?, group_name: text(from.group_name) })
    }
}
