//! Network interfaces and instances.

use aws_sdk_ec2::types;
use peerscope_document::aws::{
    Attachment, Instance, InstanceState, Ipv6Address, NetworkInterface, PrivateIpAddress, Reservation,
};

use super::{FromSdk, Unreadable, all, one, parsed, required, text, word};

impl FromSdk<types::NetworkInterface> for NetworkInterface {
    fn from_sdk(from: types::NetworkInterface) -> Result<Self, Unreadable> {
        Ok(Self {
            network_interface_id: required(from.network_interface_id, "NetworkInterfaceId")?,
            subnet_id: text(from.subnet_id),
            vpc_id: text(from.vpc_id),
            owner_id: text(from.owner_id),
            availability_zone: text(from.availability_zone),
            description: text(from.description),
            interface_type: word(from.interface_type),
            groups: all(from.groups)?,
            private_ip_address: parsed(from.private_ip_address, "PrivateIpAddress")?,
            private_ip_addresses: all(from.private_ip_addresses)?,
            ipv6_addresses: all(from.ipv6_addresses)?,
            attachment: one(from.attachment)?,
            source_dest_check: from.source_dest_check,
            status: word(from.status),
            tag_set: all(from.tag_set)?,
        })
    }
}

impl FromSdk<types::NetworkInterfacePrivateIpAddress> for PrivateIpAddress {
    fn from_sdk(from: types::NetworkInterfacePrivateIpAddress) -> Result<Self, Unreadable> {
        Ok(Self {
            private_ip_address: parsed(from.private_ip_address, "PrivateIpAddress")?,
            primary: from.primary.unwrap_or_default(),
        })
    }
}

impl FromSdk<types::NetworkInterfaceIpv6Address> for Ipv6Address {
    fn from_sdk(from: types::NetworkInterfaceIpv6Address) -> Result<Self, Unreadable> {
        Ok(Self { ipv6_address: parsed(from.ipv6_address, "Ipv6Address")? })
    }
}

impl FromSdk<types::NetworkInterfaceAttachment> for Attachment {
    fn from_sdk(from: types::NetworkInterfaceAttachment) -> Result<Self, Unreadable> {
        Ok(Self { instance_id: text(from.instance_id), status: word(from.status) })
    }
}

impl FromSdk<types::Reservation> for Reservation {
    fn from_sdk(from: types::Reservation) -> Result<Self, Unreadable> {
        Ok(Self { owner_id: text(from.owner_id), instances: all(from.instances)? })
    }
}

impl FromSdk<types::Instance> for Instance {
    fn from_sdk(from: types::Instance) -> Result<Self, Unreadable> {
        let state = |state: types::InstanceState| InstanceState { name: word(state.name) };
        Ok(Self {
            instance_id: required(from.instance_id, "InstanceId")?,
            state: from.state.map(state),
            subnet_id: text(from.subnet_id),
            vpc_id: text(from.vpc_id),
            private_ip_address: parsed(from.private_ip_address, "PrivateIpAddress")?,
            network_interfaces: all(from.network_interfaces)?,
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::InstanceNetworkInterface> for NetworkInterface {
    /// What an instance tells of its interface: no availability zone and no tags.
    fn from_sdk(from: types::InstanceNetworkInterface) -> Result<Self, Unreadable> {
        // The instance is the one around it, and so not said again.
        let attachment = |attachment: types::InstanceNetworkInterfaceAttachment| Attachment {
            instance_id: None,
            status: word(attachment.status),
        };
        Ok(Self {
            network_interface_id: required(from.network_interface_id, "NetworkInterfaceId")?,
            subnet_id: text(from.subnet_id),
            vpc_id: text(from.vpc_id),
            owner_id: text(from.owner_id),
            availability_zone: None,
            description: text(from.description),
            interface_type: text(from.interface_type),
            groups: all(from.groups)?,
            private_ip_address: parsed(from.private_ip_address, "PrivateIpAddress")?,
            private_ip_addresses: all(from.private_ip_addresses)?,
            ipv6_addresses: all(from.ipv6_addresses)?,
            attachment: from.attachment.map(attachment),
            source_dest_check: from.source_dest_check,
            status: word(from.status),
            tag_set: Vec::new(),
        })
    }
}

impl FromSdk<types::InstancePrivateIpAddress> for PrivateIpAddress {
    fn from_sdk(from: types::InstancePrivateIpAddress) -> Result<Self, Unreadable> {
        Ok(Self {
            private_ip_address: parsed(from.private_ip_address, "PrivateIpAddress")?,
            primary: from.primary.unwrap_or_default(),
        })
    }
}

impl FromSdk<types::InstanceIpv6Address> for Ipv6Address {
    fn from_sdk(from: types::InstanceIpv6Address) -> Result<Self, Unreadable> {
        Ok(Self { ipv6_address: parsed(from.ipv6_address, "Ipv6Address")? })
    }
}
