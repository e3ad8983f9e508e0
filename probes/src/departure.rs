//! When a probe left, and from where: what every observation is measured from.

use std::net::SocketAddr;
use std::time::Duration;

use peerscope_vocabulary::{Observation, Outcome, ProbeRequest};

use crate::flight::unmeasured;
use crate::socket::WallTime;

/// The departure of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    pub(crate) request: ProbeRequest,
    /// The same moment by the engine's clock and by the kernel's.
    at: Duration,
    at_wall: WallTime,
    /// The address and port that it left from, where that is known.
    pub(crate) local: Option<SocketAddr>,
}

impl Departure {
    /// A request that leaves at `now`.
    pub(crate) fn new(request: ProbeRequest, now: Duration, local: Option<SocketAddr>) -> Self {
        Self { request, at: now, at_wall: WallTime::now(), local }
    }

    /// Its packet is handed to the kernel now: round trips count from here.
    pub(crate) fn leave(&mut self) {
        self.at_wall = WallTime::now();
    }

    /// What it came to. The round trip is from just before the packet was handed to the kernel until the kernel took
    /// in what answered it, where that was stamped.
    pub(crate) fn observation(
        &self,
        finished_at: Duration,
        outcome: Outcome,
        stamped_at: Option<WallTime>,
    ) -> Observation {
        let longest = finished_at.saturating_sub(self.at);
        Observation {
            local: self.local,
            rtt: stamped_at.and_then(|stamp| self.at_wall.until(stamp, longest)),
            ..unmeasured(self.request, self.at, finished_at, outcome)
        }
    }
}
