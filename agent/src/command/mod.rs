//! The commands, one file each.

pub(crate) mod analyze;
pub(crate) mod capabilities;
pub(crate) mod check;
pub(crate) mod collect;
#[cfg(feature = "laboratory")]
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod matrix;
pub(crate) mod probe;
#[cfg(feature = "laboratory")]
pub(crate) mod rehearse;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod trace;
pub(crate) mod why;
