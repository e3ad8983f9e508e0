//! `describe-network-acls`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{IpProtocol, Tag};
use crate::Cidr;
use crate::id::{AccountId, NetworkAclId, SubnetId, VpcId};
use crate::tolerant::{null_as_default, open_enum};

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAcl {
    /// Its id.
    pub network_acl_id: NetworkAclId,
    /// The VPC it is part of.
    pub vpc_id: VpcId,
    /// Whether it serves the VPC's subnets that have no other.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_default: bool,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// The subnets that use it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub associations: Vec<NetworkAclAssociation>,
    /// Its entries, in no particular order.
    #[serde(default, deserialize_with = "null_as_default")]
    pub entries: Vec<NetworkAclEntry>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// A subnet that uses an ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAclAssociation {
    /// The subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<SubnetId>,
}

open_enum! {
    /// What an entry does to what it matches.
    pub enum RuleAction {
        /// Lets it through.
        Allow = "allow",
        /// Drops it.
        Deny = "deny",
    }
}

/// An entry of an ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAclEntry {
    /// 1 to 32766, ascending; 32767 and, for IPv6, 32768 are the final deny.
    pub rule_number: i32,
    /// Whether it is for packets that leave the subnet.
    #[serde(default, deserialize_with = "null_as_default")]
    pub egress: bool,
    /// What it does.
    pub rule_action: RuleAction,
    /// The protocol it matches.
    pub protocol: IpProtocol,
    /// The IPv4 block of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Cidr>,
    /// The IPv6 block of the other side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_cidr_block: Option<Cidr>,
    /// The packet's destination ports; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_range: Option<PortRange>,
    /// ICMP's type and code; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type_code: Option<IcmpTypeCode>,
}

/// A range of destination ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortRange {
    /// The lowest; absent or -1 means 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i32>,
    /// The highest; absent or -1 means 65535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i32>,
}

/// ICMP's type and code, -1 for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IcmpTypeCode {
    /// The type.
    #[serde(rename = "Type", default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<i32>,
    /// The code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
}
