//! How long packets take, as it is shown.

use alloc::string::String;
use core::net::IpAddr;

use serde::Serialize;

/// The round trips of the probes of one address that were answered at the first attempt, by the kernel's clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatencyReport {
    /// The address.
    pub address: IpAddr,
    /// What was measured: `connects` (SYN to SYN-ACK), `echoes`, or `datagrams`, which hold the service's own time.
    pub of: &'static str,
    /// How many, 1 or more.
    pub probes: usize,
    /// The shortest, in seconds.
    pub min_seconds: f64,
    /// The one in the middle, or half way between the two in the middle, in seconds.
    pub median_seconds: f64,
    /// The longest, in seconds.
    pub max_seconds: f64,
    /// The first one, which went alone, in seconds; null where it was not answered at the first attempt.
    pub first_seconds: Option<f64>,
    /// The same in words.
    pub summary: String,
}
