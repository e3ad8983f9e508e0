//! Gateways and endpoints that routes lead to.

use aws_sdk_ec2::types;
use peerscope_document::aws::{
    EgressOnlyInternetGateway, GatewayAttachment, InternetGateway, NatGateway, VpcEndpoint, VpnGateway,
};

use super::{FromSdk, Unreadable, all, required, text, word};

impl FromSdk<types::InternetGateway> for InternetGateway {
    fn from_sdk(from: types::InternetGateway) -> Result<Self, Unreadable> {
        Ok(Self {
            internet_gateway_id: required(from.internet_gateway_id, "InternetGatewayId")?,
            owner_id: text(from.owner_id),
            attachments: all(from.attachments)?,
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::EgressOnlyInternetGateway> for EgressOnlyInternetGateway {
    fn from_sdk(from: types::EgressOnlyInternetGateway) -> Result<Self, Unreadable> {
        Ok(Self {
            egress_only_internet_gateway_id: required(
                from.egress_only_internet_gateway_id,
                "EgressOnlyInternetGatewayId",
            )?,
            attachments: all(from.attachments)?,
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::InternetGatewayAttachment> for GatewayAttachment {
    fn from_sdk(from: types::InternetGatewayAttachment) -> Result<Self, Unreadable> {
        Ok(Self { state: word(from.state), vpc_id: text(from.vpc_id) })
    }
}

impl FromSdk<types::VpcAttachment> for GatewayAttachment {
    fn from_sdk(from: types::VpcAttachment) -> Result<Self, Unreadable> {
        Ok(Self { state: word(from.state), vpc_id: text(from.vpc_id) })
    }
}

impl FromSdk<types::NatGateway> for NatGateway {
    fn from_sdk(from: types::NatGateway) -> Result<Self, Unreadable> {
        Ok(Self {
            nat_gateway_id: required(from.nat_gateway_id, "NatGatewayId")?,
            vpc_id: text(from.vpc_id),
            subnet_id: text(from.subnet_id),
            state: word(from.state),
            connectivity_type: word(from.connectivity_type),
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::VpnGateway> for VpnGateway {
    fn from_sdk(from: types::VpnGateway) -> Result<Self, Unreadable> {
        Ok(Self {
            vpn_gateway_id: required(from.vpn_gateway_id, "VpnGatewayId")?,
            state: word(from.state),
            vpc_attachments: all(from.vpc_attachments)?,
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::VpcEndpoint> for VpcEndpoint {
    fn from_sdk(from: types::VpcEndpoint) -> Result<Self, Unreadable> {
        Ok(Self {
            vpc_endpoint_id: required(from.vpc_endpoint_id, "VpcEndpointId")?,
            vpc_endpoint_type: word(from.vpc_endpoint_type),
            vpc_id: text(from.vpc_id),
            service_name: text(from.service_name),
            state: word(from.state),
            owner_id: text(from.owner_id),
            tags: all(from.tags)?,
        })
    }
}
