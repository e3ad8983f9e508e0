//! What the network answered.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ProbeId, ProbeRequest, TcpFacts};

/// What became of one [`ProbeRequest`]. Times count from the start of the run, so that a run can be
/// replayed; the calendar time is known to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The request that this answers.
    pub request: ProbeRequest,
    /// When the first packet was handed to the kernel.
    pub sent_at: Duration,
    /// When the outcome was known.
    pub finished_at: Duration,
    /// The address and port that the kernel used as source, where one was bound. ICMP has port 0.
    pub local: Option<SocketAddr>,
    /// What happened.
    pub outcome: Outcome,
    /// The round-trip time by the kernel's own clock, else none: wall time under load is wrong by
    /// milliseconds. Of a handshake it is TCP_INFO's `tcpi_rtt`, unless the answer may be to an earlier SYN
    /// than the last, or a second answer: that time is no round trip ([`TcpFacts::answered_syn_age`]). Where an echo,
    /// a datagram or an ICMP error answered, it ends with the kernel's receive timestamp (SO_TIMESTAMPING).
    pub rtt: Option<Duration>,
    /// How many times the kernel sent the request again (TCP_INFO's `tcpi_total_retrans`); echoes and
    /// datagrams are never resent.
    pub retransmissions: u32,
    /// What the other side said first, where [`ProbeRequest::greeting_wait`] asked to listen; of an
    /// application's handshake, where it said anything.
    pub greeting: Option<Greeting>,
    /// The largest packet for this path in bytes, IP header included, where the kernel tells. Of an established
    /// connection: what this machine sends in it at the most, as both ends agreed (the MSS). Where
    /// [`ProbeRequest::dont_fragment`] was set: what the ICMP message names that says the packet is too large, else
    /// what this machine's link, routes and earlier messages allow (`IP_MTU`, ip(7)). None where no packet left.
    #[serde(default)]
    pub largest_packet: Option<u32>,
    /// What TCP's counters tell of a connection that was established. None of other probes, and in evidence
    /// that was saved before it was looked at.
    #[serde(default)]
    pub tcp: Option<TcpFacts>,
}

impl Observation {
    /// An outcome of which nothing else is known: neither times nor what the kernel counted.
    #[must_use]
    pub fn bare(request: ProbeRequest, outcome: Outcome) -> Self {
        Self {
            request,
            sent_at: Duration::ZERO,
            finished_at: Duration::ZERO,
            local: None,
            outcome,
            rtt: None,
            retransmissions: 0,
            greeting: None,
            largest_packet: None,
            tcp: None,
        }
    }

    /// The id of the request that this answers.
    #[must_use]
    pub fn id(&self) -> ProbeId {
        self.request.id
    }

    /// Whether the target itself answered: packets pass both ways, whatever the answer says. Another's
    /// ICMP is no answer; the target's own port-unreachable is one, to any protocol.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        match self.outcome {
            Outcome::Connected
            | Outcome::ApplicationError
            | Outcome::Refused
            | Outcome::Reset
            | Outcome::Echo
            | Outcome::Answered => true,
            Outcome::Prohibited { icmp } => {
                icmp.is_port_unreachable(self.request.address.to_canonical().is_ipv4())
                    && icmp.from == Some(self.request.address.to_canonical())
            }
            _ => false,
        }
    }
}

/// The outcome of a probe. Each has a different set of possible causes, so none is folded into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
#[non_exhaustive]
pub enum Outcome {
    /// The handshake completed.
    Connected,
    /// The target itself answered with RST to the SYN (an empty error queue tells it from an ICMP
    /// port-unreachable), or with its own ICMP port-unreachable to a datagram: the path is open in both
    /// directions, nothing listens.
    Refused,
    /// Established, then reset by the other side before the probe closed it.
    Reset,
    /// The target answered an echo request.
    Echo,
    /// A datagram came back from the address and port that was asked. Of a DNS question: addresses did.
    Answered,
    /// A DNS server answered, but not with addresses: what it said instead is in its
    /// [`DnsReply`](crate::DnsReply).
    DnsError,
    /// The handshake completed, but that of the application's protocol came to no answer in it: what the other
    /// side did instead is in its [`HandshakeReply`](crate::HandshakeReply).
    ApplicationError,
    /// Nothing came back within the timeout. Of a datagram this says nothing by itself: most services
    /// are silent towards what they do not understand.
    Timeout,
    /// A firewall or host said so by ICMP: administratively prohibited (IPv4 codes 9, 10, 13; IPv6
    /// codes 1, 5, 6), or port unreachable where only a filter's REJECT sends it: as a reply to TCP or
    /// to an echo request, or from another than the target.
    Prohibited {
        /// The message and its sender.
        icmp: IcmpMessage,
    },
    /// A router or host said by ICMP that it cannot deliver.
    Unreachable {
        /// What cannot be reached.
        scope: UnreachableScope,
        /// The message and its sender.
        icmp: IcmpMessage,
    },
    /// The packet outlived its hops (ICMP time exceeded).
    TimeExceeded {
        /// The message and its sender.
        icmp: IcmpMessage,
    },
    /// This host refused to send: no packet left it.
    LocalError {
        /// Why.
        refusal: LocalRefusal,
        /// The system's error number (`errno`).
        errno: i32,
    },
}

impl Outcome {
    /// The word for this outcome in JSON and metrics (`peerscope_probe_attempts_total{result}`).
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Echo => "echo",
            Self::Answered => "answered",
            Self::DnsError => "dns_error",
            Self::ApplicationError => "app_error",
            Self::Timeout => "timeout",
            Self::Prohibited { .. } => "prohibited",
            Self::Unreachable { .. } | Self::TimeExceeded { .. } => "unreachable",
            Self::LocalError { .. } => "local_error",
        }
    }

    /// The ICMP message that this outcome rests on, where one arrived.
    #[must_use]
    pub fn icmp(&self) -> Option<IcmpMessage> {
        match *self {
            Self::Prohibited { icmp } | Self::Unreachable { icmp, .. } | Self::TimeExceeded { icmp } => {
                Some(icmp)
            }
            _ => None,
        }
    }
}

/// What an ICMP destination-unreachable names as out of reach (RFC 792, RFC 4443 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreachableScope {
    /// The router has no route (IPv4 code 0, IPv6 code 0).
    Network,
    /// The last router got no answer from the host itself (IPv4 code 1, IPv6 code 3).
    Host,
    /// The host does not speak the protocol (IPv4 code 2).
    Protocol,
    /// The packet is too large for the next link (IPv4 code 4, IPv6 type 2).
    TooBig,
    /// Any other code.
    Other,
}

/// An ICMP or ICMPv6 error as the socket's error queue gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcmpMessage {
    /// The type of the message.
    pub icmp_type: u8,
    /// The code of the message.
    pub code: u8,
    /// Who sent it, where the kernel knew. This host's own address where its own firewall rejected.
    pub from: Option<IpAddr>,
}

impl IcmpMessage {
    /// Whether this says that nothing listens on a port (type 3 code 3; ICMPv6 type 1 code 4).
    #[must_use]
    pub fn is_port_unreachable(&self, is_ipv4: bool) -> bool {
        let expected = if is_ipv4 { (3, 3) } else { (1, 4) };
        (self.icmp_type, self.code) == expected
    }
}

/// Why this host itself sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalRefusal {
    /// No route to the destination (ENETUNREACH at once, empty error queue), or an `unreachable` route.
    NoRoute,
    /// A `prohibit` or `blackhole` route, or a local packet filter (EACCES, EPERM, EINVAL).
    Policy,
    /// The source address or port is not to be had (EADDRINUSE, EADDRNOTAVAIL; EACCES of a low port).
    AddressUnavailable,
    /// Descriptors, memory or buffers ran out (EMFILE, ENFILE, ENOBUFS, ENOMEM).
    Resources,
    /// The packet is larger than this machine's link takes (EMSGSIZE).
    TooLarge,
    /// The system has no such feature (EAFNOSUPPORT, ENOPROTOOPT).
    Unsupported,
    /// This process may not send such packets (EACCES or EPERM of every kind of socket that could: no
    /// ICMP in most containers and in dynos). It says nothing of the target.
    NotPermitted,
    /// Any other error of the system.
    Other,
}

/// The first bytes that a server sent unasked, at most 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    bytes: [u8; 32],
    length: u8,
}

impl Greeting {
    /// Keeps the first 32 of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut kept = [0; 32];
        let length = bytes.len().min(kept.len());
        kept[..length].copy_from_slice(&bytes[..length]);
        Self { bytes: kept, length: length as u8 }
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length).min(self.bytes.len())]
    }

    /// Whether this is how MySQL and MariaDB open a connection: a three-byte length, sequence number
    /// 0 and protocol version 10 or 9, or an error packet (0xff) such as "Host is blocked" (MySQL
    /// Internals, "Protocol::HandshakeV10").
    #[must_use]
    pub fn is_mysql(&self) -> bool {
        matches!(self.bytes(), [_, _, 0, 0, 9 | 10 | 0xff, ..])
    }
}
