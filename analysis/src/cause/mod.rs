//! Every cause that can be named, defined once.

mod table;

pub use table::{CAUSES, Cause, CauseCode};
