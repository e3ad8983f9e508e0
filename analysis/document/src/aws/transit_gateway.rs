//! `describe-transit-gateways`, `describe-transit-gateway-attachments` and
//! `describe-transit-gateway-vpc-attachments`. The routes of a transit gateway's own tables come from
//! other calls, which nothing here reads yet.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::id::{AccountId, GatewayId, VpcId};
use crate::tolerant::null_as_default;

/// A transit gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGateway {
    /// Its id.
    pub transit_gateway_id: GatewayId,
    /// The account that owns it; it may be shared with others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// `pending`, `available`, `modifying`, `deleting`, `deleted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// Something that is attached to a transit gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayAttachment {
    /// Its id, `tgw-attach-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_attachment_id: Option<String>,
    /// The transit gateway.
    pub transit_gateway_id: GatewayId,
    /// The account of the transit gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_owner_id: Option<AccountId>,
    /// `vpc`, `vpn`, `direct-connect-gateway`, `peering`, `connect` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// What is attached, by its id: of type `vpc`, a VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// `available` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The transit gateway's route table for what comes from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub association: Option<TransitGatewayAssociation>,
}

/// The route table of a transit gateway that serves an attachment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayAssociation {
    /// The table's id, `tgw-rtb-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_route_table_id: Option<String>,
}

/// A VPC that is attached to a transit gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransitGatewayVpcAttachment {
    /// Its id, `tgw-attach-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_attachment_id: Option<String>,
    /// The transit gateway.
    pub transit_gateway_id: GatewayId,
    /// The VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// `available` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}
