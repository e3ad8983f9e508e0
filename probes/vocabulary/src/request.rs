//! What is asked of the network.

use core::net::IpAddr;
use core::num::NonZero;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::SegmentLimits;

/// Numbers the requests of one diagnosis; the one who asks chooses it, the observation carries it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProbeId(pub u32);

/// What kind of packet asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProbeKind {
    /// A TCP three-way handshake, closed with FIN (RFC 9293, section 3.5).
    TcpConnect,
    /// An ICMP or ICMPv6 echo request (RFC 792, RFC 4443 section 4.1).
    IcmpEcho,
    /// One UDP datagram (RFC 768).
    Udp,
    /// One question to a DNS server, by UDP, and by TCP where the answer is said to be cut (RFC 1035). What
    /// is asked is a [`DnsQuestion`](crate::DnsQuestion) beside the request.
    Dns,
    /// A TCP handshake, and after it that of an application's protocol, to where a credential would be needed.
    /// Which one is a [`Handshake`](crate::Handshake) beside the request.
    Handshake,
}

impl ProbeKind {
    /// The transport's word in JSON: `tcp`, `icmp`, `udp`.
    #[must_use]
    pub fn protocol(self) -> &'static str {
        match self {
            Self::TcpConnect | Self::Handshake => "tcp",
            Self::IcmpEcho => "icmp",
            Self::Udp | Self::Dns => "udp",
        }
    }
}

/// One question to the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// Carried back by the observation.
    pub id: ProbeId,
    /// What kind of packet asks.
    pub kind: ProbeKind,
    /// The source address to bind; `None` leaves the choice to the kernel's routes.
    pub source: Option<IpAddr>,
    /// The source port to bind, 1 to 65535; `None` leaves the choice to the kernel. ICMP has none.
    pub source_port: Option<u16>,
    /// The address that is asked.
    pub address: IpAddr,
    /// The port that is asked, 1 to 65535; 0 for ICMP, which has none.
    pub port: u16,
    /// How many routers the packets may pass, and one more (IPv4's time to live, IPv6's hop limit);
    /// `None` leaves it to the system, whose default reaches everything.
    #[serde(default)]
    pub hop_limit: Option<NonZero<u8>>,
    /// How many bytes of zeros a datagram carries: none that a service could take for a request. An
    /// echo request carries so many bytes after its header, 8 at the least, which tell whose it is.
    /// Of an application's handshake: what is said first is made so long at the least, where the protocol has means that
    /// servers pass over. A bare connect ignores it.
    #[serde(default)]
    pub payload_length: u16,
    /// Whether the packet is to arrive whole or not at all: no router may divide it, and this machine sends it
    /// although it has heard of a smaller link (IPv4's "don't fragment" bit; `IP_PMTUDISC_PROBE`, ip(7)). Its
    /// observation then tells [`Observation::largest_packet`](crate::Observation). TCP ignores it, which sends so anyhow.
    #[serde(default)]
    pub dont_fragment: bool,
    /// How large the packets of a connection may be. TCP alone.
    #[serde(default)]
    pub segments: SegmentLimits,
    /// How long silence is waited for before it counts as an answer.
    pub timeout: Duration,
    /// How long an opened connection is kept to hear whether the other side speaks first, as MySQL
    /// does. Zero closes at once. It ends with the first byte. Of an application's handshake: how
    /// long each of the other side's answers is waited for. TCP alone.
    pub greeting_wait: Duration,
}

impl ProbeRequest {
    /// A question to an address and a port in which everything else is left to the system: its source, its hop limit, the
    /// sizes of its packets. Nothing is listened for once connected.
    #[must_use]
    pub fn plain(id: ProbeId, kind: ProbeKind, address: IpAddr, port: u16, timeout: Duration) -> Self {
        Self {
            id,
            kind,
            source: None,
            source_port: None,
            address,
            port,
            hop_limit: None,
            payload_length: 0,
            dont_fragment: false,
            segments: SegmentLimits::default(),
            timeout,
            greeting_wait: Duration::ZERO,
        }
    }
}
