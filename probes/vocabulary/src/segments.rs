//! How large the packets of a connection are to be, and how they fared.
//!
//! A path that loses large packets in silence lets connections begin and stalls them. Where no echo passes, only a
//! connection tells of it: by what its other side's system acknowledged, and by what came of an answer.

use core::num::NonZero;

use serde::{Deserialize, Serialize};

/// The largest packets of a connection, in bytes, IP header included; none leaves them to both systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SegmentLimits {
    /// Of both ends: this one keeps to it, and announces it as the largest that it takes (`TCP_MAXSEG`, tcp(7)).
    pub both: Option<NonZero<u16>>,
    /// Of this end alone: what it says is handed to the kernel in pieces that are sent at once (`TCP_NODELAY`, tcp(7)) and
    /// never joined (`MSG_EOR`, as Linux's TCP has it since 4.7).
    pub own: Option<NonZero<u16>>,
}

/// How the packets of a conversation fared, by the kernel's own account (`TCP_INFO`, tcp(7)); what it does not tell is
/// zero or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Carried {
    /// How many bytes were said in all.
    pub said: u32,
    /// How many of them the other side's system has not acknowledged.
    pub unacknowledged: u32,
    /// How many segments were sent again, those of the connect apart (`tcpi_total_retrans`).
    pub resent: u32,
    /// The largest packet that this side would send when it began to speak, IP header included (`tcpi_snd_mss`).
    pub largest: u32,
    /// The same at the end: smaller where the kernel learnt that such packets do not pass.
    pub largest_at_end: u32,
    /// Whether an ICMP message taught it so (`tcpi_pmtu`), rather than its own search (`tcp_mtu_probing`).
    pub is_told: bool,
    /// The largest packet that came, IP header included (`tcpi_rcv_mss`); none where none was larger than what the
    /// kernel takes for granted.
    pub largest_received: Option<u32>,
    /// How many bytes of answers came in order.
    pub received: u32,
    /// How many segments came although what belongs before them had not (`tcpi_rcv_ooopack`).
    pub out_of_order: u32,
}
