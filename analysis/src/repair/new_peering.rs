//! A peering whose id nobody knows before the commands are run: what needs it takes it from the shell that
//! made the peering.

use alloc::format;
use alloc::string::{String, ToString};

use peerscope_document::id::VpcPeeringConnectionId;

use super::edit::Edit;

/// A peering that a plan makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPeering {
    /// What edits call it: the id of the one that it replaces, or the name that a copy of the topology has
    /// for it.
    pub peering: VpcPeeringConnectionId,
    /// Which one it is of all that are made side by side, from 1: each has a variable of its own.
    pub number: usize,
}

impl NewPeering {
    /// The first of its kind.
    #[must_use]
    pub fn first(peering: &VpcPeeringConnectionId) -> Self {
        Self { peering: peering.clone(), number: 1 }
    }

    /// The peering that one of the edits makes, if any does.
    #[must_use]
    pub fn of<'a>(edits: impl IntoIterator<Item = &'a Edit>) -> Option<Self> {
        edits.into_iter().find_map(|edit| match edit {
            Edit::CreatePeering { peering, .. } | Edit::ReplacePeering { peering, .. } => {
                Some(Self::first(peering))
            }
            _ => None,
        })
    }

    /// The shell's variable that holds its id.
    #[must_use]
    pub fn variable(&self) -> String {
        match self.number {
            0 | 1 => "PCX".to_string(),
            number => format!("PCX{number}"),
        }
    }

    /// The id as a word of a command.
    #[must_use]
    pub fn expansion(&self) -> String {
        format!("\"${}\"", self.variable())
    }
}
