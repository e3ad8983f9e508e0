//! What a probe under way has in common with every other, whatever its packets are.
//!
//! The engine knows deadlines, descriptors and caps; a flight knows its protocol. Between them are
//! the calls of [`Flight`] and the [`Step`]s that answer them, so that a new kind of probe is one more
//! implementation and no change of the engine.

use std::fmt::Debug;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use peerscope_vocabulary::{DnsReply, HandshakeReply, Observation, Outcome, ProbeId, ProbeRequest};

use crate::error::ProbeError;
use crate::watch::Interest;

/// What the engine has to do with a flight now.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing: it goes on as it is, until the flight's deadline.
    Stay,
    /// Watch it for bytes instead of the handshake's end.
    Listen,
    /// It has another socket now, a connection that has begun: watch that, and count it as begun.
    Reopen,
    /// Hand out the observation; the flight stays to hear what comes too late or twice.
    Report(Observation),
    /// Hand out the observation, where there is one, and let it close in order.
    Close(Option<Observation>),
    /// Hand out the observation, where there is one, and drop it.
    Over(Option<Observation>),
}

/// An answer to a probe whose observation was handed out before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The request that it answers.
    pub id: ProbeId,
    /// What is unexpected about it.
    pub kind: StrayKind,
    /// When it was seen, on the scale of the engine's `now`.
    pub at: Duration,
}

/// What is unexpected about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StrayKind {
    /// It came after the timeout.
    Late,
    /// It came once more.
    Duplicate,
}

/// A request whose socket exists.
pub(crate) trait Flight: Debug {
    /// What was asked.
    fn request(&self) -> &ProbeRequest;

    /// When the present stage ends by itself.
    fn deadline(&self) -> Duration;

    /// The socket, for the watch.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// What the socket is watched for at first.
    fn interest(&self) -> Interest;

    /// Sends the first packet.
    fn begin(&mut self) -> Result<(), ProbeError>;

    /// The socket has news; `is_open` as epoll gave it. Answers that nobody waits for go to `strays`.
    fn on_news(&mut self, now: Duration, is_open: bool, strays: &mut Vec<Stray>) -> Step;

    /// The deadline has passed.
    fn on_deadline(&mut self, now: Duration) -> Step;

    /// Nobody wants the answer any more.
    fn on_cancel(&self) -> Step;

    /// Ends it with an error of this host, where it was not reported yet.
    fn fail(&self, now: Duration, error: ProbeError) -> Option<Observation>;

    /// Whether the outcome is still to be reported.
    fn is_unreported(&self) -> bool;

    /// Whether it is reported and owes the other side nothing: it may be dropped at any time.
    fn is_idle(&self) -> bool;

    /// Ends the exchange in order. `Stay` where that needs the other side.
    fn close(&mut self, now: Duration) -> Step;

    /// What a DNS server said, once the observation is handed out.
    fn take_reply(&mut self) -> Option<DnsReply> {
        None
    }

    /// What the other side of an application's handshake did, once the observation is handed out.
    fn take_handshake(&mut self) -> Option<HandshakeReply> {
        None
    }
}

/// The observation of a request that never left this host.
pub(crate) fn refused_here(request: ProbeRequest, now: Duration, error: ProbeError) -> Observation {
    unmeasured(request, now, now, error.outcome())
}

/// An observation without source, times and counters.
pub(crate) fn unmeasured(
    request: ProbeRequest,
    sent_at: Duration,
    finished_at: Duration,
    outcome: Outcome,
) -> Observation {
    Observation { sent_at, finished_at, ..Observation::bare(request, outcome) }
}
