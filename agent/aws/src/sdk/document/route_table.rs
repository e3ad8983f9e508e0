//! Route tables.

use aws_sdk_ec2::types;
use peerscope_document::aws::{AssociationState, Route, RouteTable, RouteTableAssociation};

use super::{FromSdk, Unreadable, all, parsed, required, text, word};

impl FromSdk<types::RouteTable> for RouteTable {
    fn from_sdk(from: types::RouteTable) -> Result<Self, Unreadable> {
        Ok(Self {
            route_table_id: required(from.route_table_id, "RouteTableId")?,
            vpc_id: required(from.vpc_id, "VpcId")?,
            owner_id: text(from.owner_id),
            associations: all(from.associations)?,
            routes: all(from.routes)?,
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::RouteTableAssociation> for RouteTableAssociation {
    fn from_sdk(from: types::RouteTableAssociation) -> Result<Self, Unreadable> {
        let state = |state: types::RouteTableAssociationState| AssociationState {
            state: state.state.map(|state| state.as_str().to_string()).unwrap_or_default(),
        };
        Ok(Self {
            main: from.main.unwrap_or_default(),
            subnet_id: text(from.subnet_id),
            gateway_id: text(from.gateway_id),
            association_state: from.association_state.map(state),
        })
    }
}

impl FromSdk<types::Route> for Route {
    fn from_sdk(from: types::Route) -> Result<Self, Unreadable> {
        Ok(Self {
            destination_cidr_block: parsed(from.destination_cidr_block, "DestinationCidrBlock")?,
            destination_ipv6_cidr_block: parsed(
                from.destination_ipv6_cidr_block,
                "DestinationIpv6CidrBlock",
            )?,
            destination_prefix_list_id: text(from.destination_prefix_list_id),
            gateway_id: text(from.gateway_id),
            instance_id: text(from.instance_id),
            nat_gateway_id: text(from.nat_gateway_id),
            transit_gateway_id: text(from.transit_gateway_id),
            local_gateway_id: text(from.local_gateway_id),
            carrier_gateway_id: text(from.carrier_gateway_id),
            egress_only_internet_gateway_id: text(from.egress_only_internet_gateway_id),
            network_interface_id: text(from.network_interface_id),
            vpc_peering_connection_id: text(from.vpc_peering_connection_id),
            core_network_arn: text(from.core_network_arn),
            state: word(from.state),
            origin: word(from.origin),
        })
    }
}
