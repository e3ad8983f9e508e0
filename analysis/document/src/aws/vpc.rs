//! `describe-vpcs` and `describe-subnets`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::Cidr;
use crate::id::{AccountId, SubnetId, VpcId};
use crate::tolerant::null_as_default;

/// A VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Vpc {
    /// Its id.
    pub vpc_id: VpcId,
    /// The primary IPv4 CIDR: the only one that Heroku's side routes over a peering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Cidr>,
    /// All IPv4 CIDRs, the primary one among them.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub cidr_block_association_set: Vec<CidrBlockAssociation>,
    /// All IPv6 CIDRs.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_association_set: Vec<Ipv6CidrBlockAssociation>,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// Whether it is the Region's default VPC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub is_default: bool,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// One IPv4 CIDR of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CidrBlockAssociation {
    /// The block.
    pub cidr_block: Cidr,
    /// Whether it is in use; absent means it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_block_state: Option<CidrBlockState>,
}

/// One IPv6 CIDR of a VPC or subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ipv6CidrBlockAssociation {
    /// The block.
    pub ipv6_cidr_block: Cidr,
    /// Whether it is in use; absent means it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_cidr_block_state: Option<CidrBlockState>,
}

/// The state of a CIDR's association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CidrBlockState {
    /// `associated`, `associating`, `disassociated`, `failed` and others.
    #[serde(default, deserialize_with = "null_as_default")]
    pub state: String,
}

impl CidrBlockState {
    /// Whether the block is in use; `associated`, or a state that says nothing.
    #[must_use]
    pub fn is_associated(&self) -> bool {
        matches!(self.state.as_str(), "associated" | "")
    }
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subnet {
    /// Its id.
    pub subnet_id: SubnetId,
    /// The VPC it is part of.
    pub vpc_id: VpcId,
    /// Its IPv4 block; absent in an IPv6-only subnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr_block: Option<Cidr>,
    /// Its IPv6 blocks.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ipv6_cidr_block_association_set: Vec<Ipv6CidrBlockAssociation>,
    /// Its availability zone, from which the Region can be derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
    /// The account that owns it (a shared subnet's is another than the interface's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}
