//! Prefix lists and their entries.

use aws_sdk_ec2::types;
use peerscope_document::aws::{PrefixList, PrefixListEntry};

use super::{FromSdk, Unreadable, required, required_parsed, text};

impl FromSdk<types::ManagedPrefixList> for PrefixList {
    fn from_sdk(from: types::ManagedPrefixList) -> Result<Self, Unreadable> {
        Ok(Self {
            prefix_list_id: required(from.prefix_list_id, "PrefixListId")?,
            prefix_list_name: text(from.prefix_list_name),
            owner_id: text(from.owner_id),
            cidrs: None,
            entries: None,
        })
    }
}

impl FromSdk<types::PrefixListEntry> for PrefixListEntry {
    fn from_sdk(from: types::PrefixListEntry) -> Result<Self, Unreadable> {
        Ok(Self { cidr: required_parsed(from.cidr, "Cidr")?, description: text(from.description) })
    }
}
