//! `describe-security-group-rules`: the rules of groups one by one, each with an id of its own.
//!
//! It says what `describe-security-groups` says of the same groups, and less: a group without any rule
//! does not occur in it, and neither does a group's name or VPC.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{IpProtocol, Tag, UserIdGroupPair};
use crate::Cidr;
use crate::id::{AccountId, PrefixListId, SecurityGroupId};
use crate::tolerant::null_as_default;

/// A rule of a security group: one peer, by whichever of the four ways it is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroupRule {
    /// Its id, `sgr-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group_rule_id: Option<String>,
    /// The group that it is a rule of.
    pub group_id: SecurityGroupId,
    /// The account that owns the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_owner_id: Option<AccountId>,
    /// Whether it is for what goes out.
    pub is_egress: bool,
    /// The protocol.
    pub ip_protocol: IpProtocol,
    /// The lowest port, or ICMP's type; absent or -1 means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_port: Option<i32>,
    /// The highest port, or ICMP's code; absent or -1 means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_port: Option<i32>,
    /// The peer by IPv4 block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv4: Option<Cidr>,
    /// The peer by IPv6 block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_ipv6: Option<Cidr>,
    /// The peer by prefix list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list_id: Option<PrefixListId>,
    /// The peer by the group that its interface has; its description is the rule's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referenced_group_info: Option<UserIdGroupPair>,
    /// The owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}
