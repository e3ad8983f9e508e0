//! `describe-vpc-peering-connections`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::Cidr;
use crate::id::{AccountId, Region, VpcId, VpcPeeringConnectionId};
use crate::tolerant::{null_as_default, open_enum};

/// A VPC peering connection, as either owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcPeeringConnection {
    /// Its id, the same on both sides.
    pub vpc_peering_connection_id: VpcPeeringConnectionId,
    /// Its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<PeeringStatus>,
    /// The VPC that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_vpc_info: Option<PeeringVpcInfo>,
    /// The VPC that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepter_vpc_info: Option<PeeringVpcInfo>,
    /// When a request that nobody accepts ends (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<String>,
    /// Its tags, each owner's own.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// The state of a peering connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeeringStatus {
    /// The state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<PeeringStatusCode>,
    /// AWS's words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

open_enum! {
    /// The states of a peering connection (VPC Peering Guide, "VPC peering connection lifecycle").
    /// Heroku's API uses the same words.
    pub enum PeeringStatusCode {
        /// The request is being made.
        InitiatingRequest = "initiating-request",
        /// The other side has seven days to accept.
        PendingAcceptance = "pending-acceptance",
        /// Accepted, not yet usable.
        Provisioning = "provisioning",
        /// Usable.
        Active = "active",
        /// The request could not be carried out; with overlapping CIDRs always.
        Failed = "failed",
        /// Nobody accepted in seven days.
        Expired = "expired",
        /// The other side declined.
        Rejected = "rejected",
        /// Being deleted.
        Deleting = "deleting",
        /// Deleted by either side; still listed for a while.
        Deleted = "deleted",
    }
}

/// One side of a peering connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeeringVpcInfo {
    /// The side's VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// The side's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// The side's Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The primary IPv4 CIDR; absent until the request is accepted, on the side that cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Cidr>,
    /// All IPv4 CIDRs.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub cidr_block_set: Vec<PeeringCidrBlock>,
    /// All IPv6 CIDRs.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_set: Vec<PeeringIpv6CidrBlock>,
    /// What the side's owner allows the other side; absent until the connection is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peering_options: Option<PeeringOptions>,
}

/// What the owner of a peering's side allows the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeeringOptions {
    /// Whether the public DNS names of hosts in this side's VPC lead to private addresses for who asks in the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_dns_resolution_from_remote_vpc: Option<bool>,
}

/// An IPv4 CIDR of a peering's side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeeringCidrBlock {
    /// The block.
    pub cidr_block: Cidr,
}

/// An IPv6 CIDR of a peering's side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeeringIpv6CidrBlock {
    /// The block.
    pub ipv6_cidr_block: Cidr,
}
