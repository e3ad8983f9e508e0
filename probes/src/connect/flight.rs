//! One probe, from its SYN until its connection is closed.
//!
//! ```text
//!             ICMP, RST, error, timeout                          RST
//! Connecting ───────────────────────────▶ over      Listening ─────────▶ over
//!     │ SYN-ACK, greeting_wait > 0                      │ first byte, FIN, greeting_wait over
//!     ├──────────────────────────────▶ Listening        ▼
//!     └─ SYN-ACK, greeting_wait = 0 ──────────────▶ Closing ── FIN or RST of the other side, limit ──▶ over
//! ```
//! The observation is handed out on the way into `Closing` or straight to the end. `Closing` exists
//! because Linux answers with RST where close(2) meets bytes unread or bytes that come later: the FIN
//! goes out, and what still arrives is read and thrown away until the other side has finished too.

use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{Greeting, Observation, Outcome, ProbeRequest};

use super::verdict;
use super::{CLOSING_LIMIT, DRAIN_LIMIT};
use crate::error::ProbeError;
use crate::socket::{Connection, Heard, Measurement};

/// Enough for any greeting; what does not fit is drained later.
const READ_AT_ONCE: usize = 4096;

/// What was known when the handshake was complete.
#[derive(Clone, Copy, Debug)]
struct Handshake {
    at: Duration,
    measurement: Measurement,
}

/// Where a flight is.
#[derive(Debug)]
enum Stage {
    Connecting,
    /// Established, and not reported yet.
    Listening(Handshake),
    /// Finished on this side, with so many bytes thrown away.
    Closing {
        drained: usize,
    },
}

/// What the engine has to do with a flight now.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing: it goes on as it is, until the flight's deadline.
    Stay,
    /// Watch it for bytes instead of the handshake's end.
    Listen,
    /// Hand out the observation, where there is one, and let it close in order.
    Close(Option<Observation>),
    /// Hand out the observation, where there is one, and drop it.
    Over(Option<Observation>),
}

/// A request whose socket exists.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) request: ProbeRequest,
    pub(super) connection: Connection,
    /// When the present stage ends by itself.
    pub(super) deadline: Duration,
    sent_at: Duration,
    local: Option<SocketAddr>,
    stage: Stage,
}

impl Flight {
    /// A flight whose SYN leaves at `now`.
    pub(super) fn new(request: ProbeRequest, connection: Connection, now: Duration) -> Self {
        let deadline = now.saturating_add(request.timeout);
        Self { request, connection, deadline, sent_at: now, local: None, stage: Stage::Connecting }
    }

    /// Sends the SYN.
    pub(super) fn begin(&mut self) -> Result<(), ProbeError> {
        self.connection.connect()?;
        self.local = self.connection.local();
        Ok(())
    }

    /// The socket has news; `is_open` as epoll gave it.
    pub(super) fn on_news(&mut self, now: Duration, is_open: bool) -> Step {
        match self.stage {
            Stage::Connecting => self.shake_hands(now, is_open),
            Stage::Listening(handshake) => self.listen(now, handshake, false),
            Stage::Closing { .. } => self.drain(),
        }
    }

    /// The deadline has passed.
    pub(super) fn on_deadline(&mut self, now: Duration) -> Step {
        match self.stage {
            Stage::Connecting => Step::Over(Some(self.failed(now, Outcome::Timeout))),
            Stage::Listening(handshake) => Step::Close(Some(self.connected(handshake))),
            Stage::Closing { .. } => Step::Over(None),
        }
    }

    /// Nobody wants the answer any more. The handshake may be complete unseen, so this closes too.
    pub(super) fn on_cancel(&self) -> Step {
        if self.is_unreported() { Step::Close(None) } else { Step::Stay }
    }

    /// Ends it with an error of this host, where it was not reported yet.
    pub(super) fn fail(&self, now: Duration, error: ProbeError) -> Option<Observation> {
        match self.stage {
            Stage::Connecting => Some(self.failed(now, error.outcome())),
            Stage::Listening(handshake) => Some(self.connected(handshake)),
            Stage::Closing { .. } => None,
        }
    }

    /// Whether the outcome is still to be reported.
    pub(super) fn is_unreported(&self) -> bool {
        !matches!(self.stage, Stage::Closing { .. })
    }

    /// Sends the FIN and begins to drain. `Stay` where the other side has not finished yet. An
    /// attempt that is not established ends at once, without a packet (shutdown(2) in SYN-SENT).
    pub(super) fn close(&mut self, now: Duration) -> Step {
        self.connection.finish_writing();
        self.deadline = now.saturating_add(CLOSING_LIMIT);
        self.stage = Stage::Closing { drained: 0 };
        self.drain()
    }

    fn shake_hands(&mut self, now: Duration, is_open: bool) -> Step {
        let error = self.connection.take_error();
        match error {
            // RST before SYN-ACK is ECONNREFUSED; these two are RST and FIN-then-RST after it.
            Some(Errno::ECONNRESET) => self.establish(now, true),
            Some(Errno::EPIPE) => self.establish(now, false),
            // Whatever a router said about an earlier SYN: it got through.
            _ if is_open => self.establish(now, false),
            // ICMP that comes while the kernel still works on connect(2), as that of this host's own
            // firewall does, is queued but does not end the attempt. It counts all the same.
            _ => {
                let outcome = match (self.connection.take_icmp(), error) {
                    (Some(icmp), _) => verdict::of_icmp(icmp),
                    (None, Some(errno)) => verdict::of_late_error(errno, self.connection.is_ipv4()),
                    (None, None) => return Step::Stay,
                };
                Step::Over(Some(self.failed(now, outcome)))
            }
        }
    }

    fn establish(&mut self, now: Duration, was_reset: bool) -> Step {
        let handshake = Handshake { at: now, measurement: self.connection.measure() };
        self.connection.ignore_icmp();
        if self.request.greeting_wait.is_zero() {
            return if was_reset {
                Step::Over(Some(self.reset(now, handshake)))
            } else {
                Step::Close(Some(self.connected(handshake)))
            };
        }
        self.stage = Stage::Listening(handshake);
        self.deadline = now.saturating_add(self.request.greeting_wait);
        match self.listen(now, handshake, was_reset) {
            Step::Stay => Step::Listen,
            other => other,
        }
    }

    /// A greeting that came before the RST is heard: Linux keeps what was received.
    fn listen(&mut self, now: Duration, handshake: Handshake, was_reset: bool) -> Step {
        let mut buffer = [0; READ_AT_ONCE];
        match self.connection.read(&mut buffer) {
            Heard::Bytes(count) => {
                let greeting = buffer.get(..count).map(Greeting::new);
                Step::Close(Some(Observation { greeting, ..self.connected(handshake) }))
            }
            _ if was_reset => Step::Over(Some(self.reset(now, handshake))),
            Heard::Nothing => Step::Stay,
            Heard::End => Step::Close(Some(self.connected(handshake))),
            Heard::Broken(Errno::ECONNRESET) => Step::Over(Some(self.reset(now, handshake))),
            // The handshake did complete; what broke the connection since is not what was asked.
            Heard::Broken(_) => Step::Over(Some(self.connected(handshake))),
        }
    }

    fn drain(&mut self) -> Step {
        let Stage::Closing { drained } = &mut self.stage else { return Step::Stay };
        let mut buffer = [0; READ_AT_ONCE];
        while *drained < DRAIN_LIMIT {
            match self.connection.read(&mut buffer) {
                Heard::Bytes(count) => *drained += count,
                Heard::Nothing => return Step::Stay,
                Heard::End | Heard::Broken(_) => return Step::Over(None),
            }
        }
        Step::Over(None)
    }

    fn connected(&self, handshake: Handshake) -> Observation {
        self.observation(handshake.at, Outcome::Connected, handshake.measurement)
    }

    fn reset(&self, now: Duration, handshake: Handshake) -> Observation {
        self.observation(now, Outcome::Reset, handshake.measurement)
    }

    /// The end of an attempt whose handshake did not complete, and that so has no round trip.
    fn failed(&self, now: Duration, outcome: Outcome) -> Observation {
        let measurement = Measurement { rtt: None, ..self.connection.measure() };
        self.observation(now, outcome, measurement)
    }

    fn observation(&self, finished_at: Duration, outcome: Outcome, measurement: Measurement) -> Observation {
        Observation {
            request: self.request,
            sent_at: self.sent_at,
            finished_at,
            local: self.local,
            outcome,
            rtt: measurement.rtt,
            retransmissions: measurement.retransmissions,
            greeting: None,
        }
    }
}
