//! Repairs: edits that open what is blocked, proven on a copy.
//!
//! A gate proposes plans; each is applied to a copy of the topology together with the plans for the
//! other causes, and `reach` is asked again. What else it opens is found the same way, so that a
//! command is never recommended without its price.

mod collateral;
mod command;
mod edit;
mod network_acl;
mod new_peering;
mod peering;
mod quota;
mod route;
mod security_group;
mod terraform;
mod widened;

pub use collateral::{Collateral, Opened, newly_open, volume};
pub use command::{Instruction, instruction};
pub(crate) use command::{quoted, region_option, request_of_peering};
pub use edit::{Accepter, Edit, EntryPorts};
pub(crate) use network_acl::network_acl_plans;
pub use new_peering::NewPeering;
pub(crate) use peering::{creation, peering_plans};
pub use quota::{Fill, fills};
pub(crate) use route::route_plans;
pub(crate) use security_group::security_group_plans;
pub use terraform::terraform;
pub(crate) use widened::widened;
