//! A peering whose id nobody knows before the commands are run: what needs it takes it from the shell that
//! made the peering.

use alloc::format;
use alloc::string::{String, ToString};

use peerscope_document::id::VpcPeeringConnectionId;

use super::edit::Edit;
use super::peering::between;
use crate::topology::{Peering, Topology};

/// A peering that a plan makes.
#[derive(Clone, Debug)]
pub struct NewPeering {
    /// What edits call it: the id of the one that it replaces, or the name that a copy of the topology has
    /// for it.
    pub peering: VpcPeeringConnectionId,
    /// Which one it is of all that are made side by side, from 1: each has a variable of its own.
    pub number: usize,
    /// Both of its sides.
    pub made: Peering,
}

impl NewPeering {
    /// The peering that one of the edits makes, if any does.
    #[must_use]
    pub fn of<'a>(topology: &Topology, edits: impl IntoIterator<Item = &'a Edit>) -> Option<Self> {
        edits.into_iter().find_map(|edit| {
            let (peering, made) = match edit {
                Edit::CreatePeering { peering, requester, accepter } => {
                    (peering, between(topology, requester, accepter))
                }
                Edit::ReplacePeering { peering, .. } => (peering, topology.peering(peering)?.clone()),
                _ => return None,
            };
            Some(Self { peering: peering.clone(), number: 1, made })
        })
    }

    /// The id as a word of a command.
    #[must_use]
    pub fn expansion(&self) -> String {
        format!("\"${}\"", variable(self.number))
    }
}

/// The shell's variable that holds the id of the peering of this number.
pub(super) fn variable(number: usize) -> String {
    match number {
        0 | 1 => "PCX".to_string(),
        number => format!("PCX{number}"),
    }
}
