//! `describe-vpc-attribute`: whether a VPC's own DNS answers, and gives names to its hosts.

use serde::{Deserialize, Serialize};

use crate::id::VpcId;

/// Attributes of a VPC. One call tells one of them, so what several say of the same VPC is taken together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcAttribute {
    /// The VPC.
    pub vpc_id: VpcId,
    /// Whether Amazon's DNS server answers in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_support: Option<AttributeBooleanValue>,
    /// Whether hosts with public addresses get public names, which lead to the private address inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_dns_hostnames: Option<AttributeBooleanValue>,
}

/// An attribute that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeBooleanValue {
    /// Whether it is on; absent tells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<bool>,
}
