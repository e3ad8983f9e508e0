//! `describe-security-groups`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{IpProtocol, Tag};
use crate::Cidr;
use crate::id::{AccountId, PrefixListId, SecurityGroupId, VpcId, VpcPeeringConnectionId};
use crate::tolerant::null_as_default;

/// A security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroup {
    /// Its id.
    pub group_id: SecurityGroupId,
    /// Its name: outside data, shown only after escaping.
    #[serde(default, deserialize_with = "null_as_default")]
    pub group_name: String,
    /// The VPC it was created in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// What may come in.
    #[serde(default, deserialize_with = "null_as_default")]
    pub ip_permissions: Vec<IpPermission>,
    /// What may go out.
    #[serde(default, deserialize_with = "null_as_default")]
    pub ip_permissions_egress: Vec<IpPermission>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// The rules of a group that share protocol and ports: the union of all its peers is let through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpPermission {
    /// The protocol.
    pub ip_protocol: IpProtocol,
    /// The lowest port, or ICMP's type; absent or -1 means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// The highest port, or ICMP's code; absent or -1 means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// Peers by IPv4 block.
    #[serde(default, deserialize_with = "null_as_default")]
    pub ip_ranges: Vec<IpRange>,
    /// Peers by IPv6 block.
    #[serde(default, deserialize_with = "null_as_default")]
    pub ipv6_ranges: Vec<Ipv6Range>,
    /// Peers by prefix list.
    #[serde(default, deserialize_with = "null_as_default")]
    pub prefix_list_ids: Vec<PrefixListIdentifier>,
    /// Peers by the group that their interface has.
    #[serde(default, deserialize_with = "null_as_default")]
    pub user_id_group_pairs: Vec<UserIdGroupPair>,
}

/// A peer by IPv4 block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpRange {
    /// The block.
    pub cidr_ip: Cidr,
    /// The owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A peer by IPv6 block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ipv6Range {
    /// The block.
    pub cidr_ipv6: Cidr,
    /// The owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A peer by prefix list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrefixListIdentifier {
    /// The list's id.
    pub prefix_list_id: PrefixListId,
    /// The owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A peer by group: the interfaces that have it, in the same VPC or across an active peering of the
/// same Region. `describe-security-group-rules` calls the same shape `ReferencedSecurityGroup`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserIdGroupPair {
    /// The group's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<SecurityGroupId>,
    /// The account of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<AccountId>,
    /// The VPC of the group, for a reference through a peering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// The peering that the reference goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
    /// `active`, or what became of the peering; a stale reference matches nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peering_status: Option<String>,
    /// The owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A group as an interface or instance names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupIdentifier {
    /// The group's id.
    pub group_id: SecurityGroupId,
    /// The group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
}
