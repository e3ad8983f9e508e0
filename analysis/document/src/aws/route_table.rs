//! `describe-route-tables`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::Cidr;
use crate::id::{
    AccountId, InstanceId, NetworkInterfaceId, PrefixListId, RouteTableId, SubnetId, VpcId,
    VpcPeeringConnectionId,
};
use crate::tolerant::{null_as_default, open_enum};

/// A route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RouteTable {
    /// Its id.
    pub route_table_id: RouteTableId,
    /// The VPC it is part of.
    pub vpc_id: VpcId,
    /// The account that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// The subnets and gateways that use it; the VPC's main table has an association with `Main`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub associations: Vec<RouteTableAssociation>,
    /// Its routes, in no particular order.
    #[serde(default, deserialize_with = "null_as_default")]
    pub routes: Vec<Route>,
    /// Its tags.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// Who uses a route table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RouteTableAssociation {
    /// Whether the table is the VPC's main one: it serves every subnet without an explicit association.
    #[serde(default, deserialize_with = "null_as_default")]
    pub main: bool,
    /// The subnet, in an explicit association.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<SubnetId>,
    /// The internet or virtual private gateway, in an edge association.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<String>,
    /// Whether the association is in force; absent means it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub association_state: Option<AssociationState>,
}

/// The state of an association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssociationState {
    /// `associated`, `associating`, `disassociating`, `disassociated`, `failed`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub state: String,
}

impl RouteTableAssociation {
    /// Whether the association is in force: `associated`, or no state given.
    #[must_use]
    pub fn is_in_force(&self) -> bool {
        self.association_state.as_ref().is_none_or(|state| matches!(state.state.as_str(), "associated" | ""))
    }
}

open_enum! {
    /// Whether a route's target can take packets.
    pub enum RouteState {
        /// It can.
        Active = "active",
        /// The target is gone, detached, or a peering connection that is not active.
        Blackhole = "blackhole",
        /// A propagated route that a limit of the table left out.
        Filtered = "filtered",
    }
}

open_enum! {
    /// How a route came into its table.
    pub enum RouteOrigin {
        /// With the table: the local route.
        CreateRouteTable = "CreateRouteTable",
        /// By hand: a static route.
        CreateRoute = "CreateRoute",
        /// From a virtual private gateway: a propagated route.
        EnableVgwRoutePropagation = "EnableVgwRoutePropagation",
        /// From a route server: a propagated route.
        Advertisement = "Advertisement",
    }
}

/// A route: one destination, and one of the targets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "each target's field is the id that its name says")]
pub struct Route {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_cidr_block: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_ipv6_cidr_block: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_prefix_list_id: Option<PrefixListId>,
    /// `local`, `igw-…`, `vgw-…`, or `vpce-…` of a gateway endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<InstanceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nat_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_only_internet_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<NetworkInterfaceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_peering_connection_id: Option<VpcPeeringConnectionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_network_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RouteState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<RouteOrigin>,
}
