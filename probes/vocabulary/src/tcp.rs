//! What TCP's own counters tell of one connection beside its round trip.
//!
//! A SYN that was answered only after it was sent again was lost, or its answer was, or nobody took it; from the
//! client's end these are one wait. What the answer itself carries, and what happened to the packets after it, tells
//! them apart without any privilege.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// What was seen of the segments of a connection that was established.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpFacts {
    /// Of a handshake that took more than one attempt: how old the SYN was, when an answer came, whose timestamp that answer
    /// carried (RFC 7323, section 3). Linux answers with the timestamp of the first SYN that it took, however often it
    /// is repeated, so an age of a second or more says that an earlier one than the last had arrived and that answers
    /// to it were lost; less than a second, that the last one is the first that was taken, or that the other side
    /// keeps nothing of a SYN (SYN cookies). In whole milliseconds. The other side's own second answer, which it sends
    /// after a second, may come before the SYN is sent again: then this is the age of the only one. None where an
    /// answer came within a second, or where one of the ends uses no timestamps.
    #[serde(default)]
    pub answered_syn_age: Option<Duration>,
    /// How many segments came, after the first answer, that carry nothing and acknowledge nothing of what was said:
    /// the other side answers the SYN once more, as a system does that has not taken the client's acknowledgement.
    /// Linux does so a second after the first answer, and again 2 s after that; where something was acknowledged
    /// there are none. At most `u32::MAX`.
    #[serde(default)]
    pub repeated_answers: u32,
    /// How many of this side's segments after its SYN (data and FIN) were sent again.
    #[serde(default)]
    pub resent: u32,
    /// How many segments the other side says it had already got when they came again (D-SACK, RFC 2883): their
    /// acknowledgement was lost, or late.
    #[serde(default)]
    pub resent_in_vain: u32,
    /// Whether all that was sent after the SYN, the FIN included, was acknowledged when this was read; none where
    /// nothing had been sent, or where it was not waited for.
    #[serde(default)]
    pub is_acknowledged: Option<bool>,
}
