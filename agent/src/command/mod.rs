//! The commands, one file each.

pub(crate) mod analyze;
pub(crate) mod explain;
pub(crate) mod why;
