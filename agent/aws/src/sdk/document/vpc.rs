//! VPCs and subnets.

use aws_sdk_ec2::types;
use peerscope_document::aws::{CidrBlockAssociation, CidrBlockState, Ipv6CidrBlockAssociation, Subnet, Vpc};

use super::{FromSdk, Unreadable, all, one, parsed, required, required_parsed, text};

impl FromSdk<types::Vpc> for Vpc {
    fn from_sdk(from: types::Vpc) -> Result<Self, Unreadable> {
        Ok(Self {
            vpc_id: required(from.vpc_id, "VpcId")?,
            cidr_block: parsed(from.cidr_block, "CidrBlock")?,
            cidr_block_association_set: all(from.cidr_block_association_set)?,
            ipv6_cidr_block_association_set: all(from.ipv6_cidr_block_association_set)?,
            owner_id: text(from.owner_id),
            is_default: from.is_default.unwrap_or_default(),
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::VpcCidrBlockAssociation> for CidrBlockAssociation {
    fn from_sdk(from: types::VpcCidrBlockAssociation) -> Result<Self, Unreadable> {
        Ok(Self {
            cidr_block: required_parsed(from.cidr_block, "CidrBlock")?,
            cidr_block_state: one(from.cidr_block_state)?,
        })
    }
}

impl FromSdk<types::VpcIpv6CidrBlockAssociation> for Ipv6CidrBlockAssociation {
    fn from_sdk(from: types::VpcIpv6CidrBlockAssociation) -> Result<Self, Unreadable> {
        Ok(Self {
            ipv6_cidr_block: required_parsed(from.ipv6_cidr_block, "Ipv6CidrBlock")?,
            ipv6_cidr_block_state: one(from.ipv6_cidr_block_state)?,
        })
    }
}

impl FromSdk<types::VpcCidrBlockState> for CidrBlockState {
    fn from_sdk(from: types::VpcCidrBlockState) -> Result<Self, Unreadable> {
        Ok(Self { state: from.state.map(|state| state.as_str().to_string()).unwrap_or_default() })
    }
}

impl FromSdk<types::Subnet> for Subnet {
    fn from_sdk(from: types::Subnet) -> Result<Self, Unreadable> {
        Ok(Self {
            subnet_id: required(from.subnet_id, "SubnetId")?,
            vpc_id: required(from.vpc_id, "VpcId")?,
            cidr_block: parsed(from.cidr_block, "CidrBlock")?,
            ipv6_cidr_block_association_set: all(from.ipv6_cidr_block_association_set)?,
            availability_zone: text(from.availability_zone),
            owner_id: text(from.owner_id),
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::SubnetIpv6CidrBlockAssociation> for Ipv6CidrBlockAssociation {
    fn from_sdk(from: types::SubnetIpv6CidrBlockAssociation) -> Result<Self, Unreadable> {
        let state = |state: types::SubnetCidrBlockState| CidrBlockState {
            state: state.state.map(|state| state.as_str().to_string()).unwrap_or_default(),
        };
        Ok(Self {
            ipv6_cidr_block: required_parsed(from.ipv6_cidr_block, "Ipv6CidrBlock")?,
            ipv6_cidr_block_state: from.ipv6_cidr_block_state.map(state),
        })
    }
}
