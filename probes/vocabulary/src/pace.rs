//! How many probes an address is asked with at once: the manners of the contract.
//!
//! The engine keeps them whoever asks; who chooses what to ask next has to know what has to wait.

use core::time::Duration;

/// The most probes of one address that begin within any [`BURST_WINDOW`].
pub const BURST: usize = 5;

/// The span in which at most [`BURST`] probes of one address begin.
pub const BURST_WINDOW: Duration = Duration::from_millis(500);
