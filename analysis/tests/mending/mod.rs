//! Faults to put into healthy worlds, and edits made on documents, as AWS would make them.

mod edits;
mod faults;

pub(crate) use edits::apply;
pub(crate) use faults::{Fault, of_space, of_two_vpcs, without_peering};
