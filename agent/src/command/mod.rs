//! The commands, one file each.

pub(crate) mod analyze;
#[cfg(feature = "laboratory")]
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod why;
