//! `describe-managed-prefix-lists`, `get-managed-prefix-list-entries` and `describe-prefix-lists`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::Cidr;
use crate::id::{AccountId, PrefixListId};

/// A prefix list. `describe-managed-prefix-lists` gives no entries, `get-managed-prefix-list-entries`
/// gives them without the list's id; a snapshot joins the two here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrefixList {
    /// Its id.
    pub prefix_list_id: PrefixListId,
    /// Its name: outside data, shown only after escaping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_list_name: Option<String>,
    /// The account that owns it, or `AWS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    /// The blocks, where `describe-prefix-lists` gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Vec<Cidr>>,
    /// The blocks, where `get-managed-prefix-list-entries` gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<PrefixListEntry>>,
}

impl PrefixList {
    /// Every block of the list, or `None` where no document gave its entries.
    #[must_use]
    pub fn blocks(&self) -> Option<Vec<Cidr>> {
        if self.cidrs.is_none() && self.entries.is_none() {
            return None;
        }
        let entries = self.entries.iter().flatten().map(|entry| entry.cidr);
        Some(self.cidrs.iter().flatten().copied().chain(entries).collect())
    }
}

/// An entry of a managed prefix list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrefixListEntry {
    /// The block.
    pub cidr: Cidr,
    /// The owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
