//! `describe-vpc-endpoints`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::id::{AccountId, GatewayId, VpcId};
use crate::tolerant::{null_as_default, open_enum};

open_enum! {
    /// What an endpoint does with packets.
    pub enum VpcEndpointType {
        /// Leads to a service through network interfaces of the VPC.
        Interface = "Interface",
        /// Leads to a service of AWS by routes for its prefix list.
        Gateway = "Gateway",
        /// Leads through appliances behind a gateway load balancer, and back.
        GatewayLoadBalancer = "GatewayLoadBalancer",
    }
}

/// A VPC endpoint. Those of gateways and of gateway load balancers are what routes lead to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcEndpoint {
    /// Its id.
    pub vpc_endpoint_id: GatewayId,
    /// Its type; absent means a gateway's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_endpoint_type: Option<VpcEndpointType>,
    /// The VPC it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// The service that it leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// `available` and others; the words differ in case between calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}
