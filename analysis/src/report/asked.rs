//! What was asked beside the named port, why, and what came of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

use crate::cause::CauseCode;

/// One probe beside the named port.
#[derive(Clone, Debug, Serialize)]
pub struct AskedReport {
    /// Whom it asked.
    pub address: IpAddr,
    /// On which TCP port; null for an ICMP echo.
    pub port: Option<u16>,
    /// When it was sent, in seconds since the start; null where it was not, since nothing would have been learnt.
    pub after_seconds: Option<f64>,
    /// What its answer was expected to tell of the cause, in bits, by all that had been seen until then: 0 where all that
    /// could be the cause predicted the same.
    pub bits: f64,
    /// Whether an answer came; null where it was not sent.
    pub answered: Option<bool>,
    /// The same in a clause.
    pub text: String,
    /// Causes that nothing names any more since then.
    pub fell: Vec<CauseCode>,
}
