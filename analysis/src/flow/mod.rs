//! Sets of flows.
//!
//! A question such as "which dynos reach the database, from which ports" has a set as its answer, and
//! rules are sets too. A flow is a point in five dimensions; a set of flows is a union of boxes. All
//! flows are written as the initiator sees them, replies too: the gates on the way back read a box with
//! its two ends exchanged, so that blocked parts of both directions can be compared and joined.

mod address_range;
mod dimension;
mod first_match;
mod flow_box;
mod meeting;
mod port_range;
mod projection;
mod set;

pub use address_range::{AddressRange, Family};
pub(crate) use first_match::{FirstMatch, first_match};
pub use flow_box::{Flow, FlowBox};
pub use port_range::{PortRange, ProtocolRange};
pub use projection::{cidr_words, range_words};
pub use set::Flows;
