//! Transit gateways and what is attached to them.

use aws_sdk_ec2::types;
use peerscope_document::aws::{
    TransitGateway, TransitGatewayAssociation, TransitGatewayAttachment, TransitGatewayVpcAttachment,
};

use super::{FromSdk, Unreadable, all, one, required, text, word};

impl FromSdk<types::TransitGateway> for TransitGateway {
    fn from_sdk(from: types::TransitGateway) -> Result<Self, Unreadable> {
        Ok(Self {
            transit_gateway_id: required(from.transit_gateway_id, "TransitGatewayId")?,
            owner_id: text(from.owner_id),
            state: word(from.state),
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::TransitGatewayAttachment> for TransitGatewayAttachment {
    fn from_sdk(from: types::TransitGatewayAttachment) -> Result<Self, Unreadable> {
        Ok(Self {
            transit_gateway_attachment_id: text(from.transit_gateway_attachment_id),
            transit_gateway_id: required(from.transit_gateway_id, "TransitGatewayId")?,
            transit_gateway_owner_id: text(from.transit_gateway_owner_id),
            resource_type: word(from.resource_type),
            resource_id: text(from.resource_id),
            state: word(from.state),
            association: one(from.association)?,
        })
    }
}

impl FromSdk<types::TransitGatewayAttachmentAssociation> for TransitGatewayAssociation {
    fn from_sdk(from: types::TransitGatewayAttachmentAssociation) -> Result<Self, Unreadable> {
        Ok(Self { transit_gateway_route_table_id: text(from.transit_gateway_route_table_id) })
    }
}

impl FromSdk<types::TransitGatewayVpcAttachment> for TransitGatewayVpcAttachment {
    fn from_sdk(from: types::TransitGatewayVpcAttachment) -> Result<Self, Unreadable> {
        Ok(Self {
            transit_gateway_attachment_id: text(from.transit_gateway_attachment_id),
            transit_gateway_id: required(from.transit_gateway_id, "TransitGatewayId")?,
            vpc_id: text(from.vpc_id),
            state: word(from.state),
        })
    }
}
