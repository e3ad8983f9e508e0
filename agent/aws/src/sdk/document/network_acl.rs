//! Network ACLs.

use aws_sdk_ec2::types;
use peerscope_document::aws::{
    IcmpTypeCode, NetworkAcl, NetworkAclAssociation, NetworkAclEntry, PortRange, RuleAction,
};

use super::{FromSdk, Unreadable, all, one, parsed, required, required_parsed, text};

impl FromSdk<types::NetworkAcl> for NetworkAcl {
    fn from_sdk(from: types::NetworkAcl) -> Result<Self, Unreadable> {
        Ok(Self {
            network_acl_id: required(from.network_acl_id, "NetworkAclId")?,
            vpc_id: required(from.vpc_id, "VpcId")?,
            is_default: from.is_default.unwrap_or_default(),
            owner_id: text(from.owner_id),
            associations: all(from.associations)?,
            entries: all(from.entries)?,
            tags: all(from.tags)?,
        })
    }
}

impl FromSdk<types::NetworkAclAssociation> for NetworkAclAssociation {
    fn from_sdk(from: types::NetworkAclAssociation) -> Result<Self, Unreadable> {
        Ok(Self { subnet_id: text(from.subnet_id) })
    }
}

impl FromSdk<types::NetworkAclEntry> for NetworkAclEntry {
    fn from_sdk(from: types::NetworkAclEntry) -> Result<Self, Unreadable> {
        let missing = |name: &str| Unreadable(format!("expected {name}, found none"));
        Ok(Self {
            rule_number: from.rule_number.ok_or_else(|| missing("RuleNumber"))?,
            egress: from.egress.ok_or_else(|| missing("Egress"))?,
            rule_action: from
                .rule_action
                .map(|action| RuleAction::from(action.as_str()))
                .ok_or_else(|| missing("RuleAction"))?,
            protocol: required_parsed(from.protocol, "Protocol")?,
            cidr_block: parsed(from.cidr_block, "CidrBlock")?,
            ipv6_cidr_block: parsed(from.ipv6_cidr_block, "Ipv6CidrBlock")?,
            port_range: one(from.port_range)?,
            icmp_type_code: one(from.icmp_type_code)?,
        })
    }
}

impl FromSdk<types::PortRange> for PortRange {
    fn from_sdk(from: types::PortRange) -> Result<Self, Unreadable> {
        Ok(Self { from: from.from, to: from.to })
    }
}

impl FromSdk<types::IcmpTypeCode> for IcmpTypeCode {
    fn from_sdk(from: types::IcmpTypeCode) -> Result<Self, Unreadable> {
        Ok(Self { icmp_type: from.r#type, code: from.code })
    }
}
