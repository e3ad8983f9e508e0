//! Very many datagrams and echoes at once, each with whether it was answered.
//!
//! What a network does to one protocol says little of another: rules name protocols, and what comes back of a
//! datagram or an echo is a packet of its own kind, which stateless rules judge anew.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use pnet_packet::icmp::{IcmpPacket, IcmpTypes, checksum};
use socket2::{Domain, Protocol, Socket, Type};

use super::flows::{Call, refusal};
use super::readiness::{patience, ready};
use super::{FlowProtocol, KernelOutcome, Twin};
use crate::error::LaboratoryError;

/// What a message carries.
const WORDS: &[u8] = b"peerscope";
/// The length of an IPv4 header without options, which a raw socket is given with what it receives.
const IPV4_HEADER: usize = 20;
/// That of an IPv6 header.
const IPV6_HEADER: usize = 40;
/// That of UDP's header, and of an echo's.
const HEADER: usize = 8;
/// The types of ICMPv6's echo (RFC 4443, section 4).
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

impl Twin<'_> {
    /// Sends one message for each call, side by side: a datagram, or an echo request whose identifier is the
    /// source's port. What nothing comes back of for `silence` is silent. At UDP something must answer
    /// ([`Twin::serve_datagrams`]); echoes every host answers.
    ///
    /// # Errors
    /// [`LaboratoryError`] where a host does not exist, a socket cannot be made, or the protocol has no single
    /// messages (TCP: [`Twin::call_all`]); what the network does is an outcome. The outcomes are in the order of
    /// the calls.
    pub fn exchange_all(
        &self,
        protocol: FlowProtocol,
        calls: &[Call],
        silence: Duration,
    ) -> Result<Vec<KernelOutcome>, LaboratoryError> {
        self.by_each_host(calls, |calls| exchange_from_here(protocol, calls, WORDS, silence))
    }

    /// The same with packets of this length, IP header included. By Linux's default they may not be divided until the
    /// sender has heard that they are too large (`IP_PMTUDISC_WANT`, ip(7)): that is [`KernelOutcome::Other`]
    /// with EMSGSIZE.
    ///
    /// # Errors
    /// As [`Twin::exchange_all`].
    pub fn exchange_of_length(
        &self,
        protocol: FlowProtocol,
        calls: &[Call],
        length: usize,
        silence: Duration,
    ) -> Result<Vec<KernelOutcome>, LaboratoryError> {
        self.by_each_host(calls, |calls| {
            let is_ipv4 = calls.iter().all(|(_, call)| call.target.is_ipv4());
            let words =
                vec![0; length.saturating_sub(if is_ipv4 { IPV4_HEADER } else { IPV6_HEADER } + HEADER)];
            exchange_from_here(protocol, calls, &words, silence)
        })
    }
}

/// A message that was sent.
struct Pending<'c> {
    index: usize,
    call: &'c Call,
    socket: Socket,
}

/// Sends from the calling thread's namespace.
fn exchange_from_here(
    protocol: FlowProtocol,
    calls: &[(usize, &Call)],
    words: &[u8],
    silence: Duration,
) -> Result<Vec<(usize, KernelOutcome)>, LaboratoryError> {
    let mut pending = Vec::new();
    let mut ended = Vec::new();
    for &(index, call) in calls {
        let socket = socket(protocol, call)?;
        match socket.send(&message(protocol, call, words)) {
            Ok(_) => pending.push(Pending { index, call, socket }),
            Err(error) => ended.push((index, refusal(error.raw_os_error().unwrap_or_default()))),
        }
    }
    let start = Instant::now();
    while !pending.is_empty() {
        let left = silence.saturating_sub(start.elapsed());
        if left.is_zero() {
            break;
        }
        let polled: Vec<PollFd<'_>> =
            pending.iter().map(|one| PollFd::new(one.socket.as_fd(), PollFlags::POLLIN)).collect();
        let ready = ready(polled, patience(left))?;
        let mut flags = ready.into_iter();
        pending.retain_mut(|one| {
            let outcome = if flags.next() == Some(true) { one.outcome(protocol) } else { None };
            outcome.map(|outcome| ended.push((one.index, outcome))).is_none()
        });
    }
    ended.extend(pending.iter().map(|one| (one.index, KernelOutcome::Silent)));
    Ok(ended)
}

/// A socket that sends to the call's target, and is given what comes from there alone.
fn socket(protocol: FlowProtocol, call: &Call) -> Result<Socket, LaboratoryError> {
    let system = |what: &'static str| {
        move |source: io::Error| {
            LaboratoryError::system(format!("{what} for {} to {}", call.source, call.target), source)
        }
    };
    let (kind, number) = match (protocol, call.target.ip()) {
        (FlowProtocol::Udp, _) => (Type::DGRAM, Protocol::UDP),
        (FlowProtocol::Echo, IpAddr::V4(_)) => (Type::RAW, Protocol::ICMPV4),
        (FlowProtocol::Echo, IpAddr::V6(_)) => (Type::RAW, Protocol::ICMPV6),
        (FlowProtocol::Tcp, _) => {
            return Err(system("a single message")(io::Error::from(io::ErrorKind::Unsupported)));
        }
    };
    // A raw socket has no ports.
    let end = |end: SocketAddr| match protocol {
        FlowProtocol::Echo => SocketAddr::new(end.ip(), 0),
        FlowProtocol::Tcp | FlowProtocol::Udp => end,
    };
    let socket =
        Socket::new(Domain::for_address(call.target), kind, Some(number)).map_err(system("socket"))?;
    socket.set_nonblocking(true).map_err(system("O_NONBLOCK"))?;
    socket.bind(&end(call.source).into()).map_err(system("bind"))?;
    socket.connect(&end(call.target).into()).map_err(system("connect"))?;
    Ok(socket)
}

fn message(protocol: FlowProtocol, call: &Call, words: &[u8]) -> Vec<u8> {
    let [high, low] = call.source.port().to_be_bytes();
    // Type, code, checksum, identifier, sequence number (RFC 792).
    let echo = |kind: u8| [&[kind, 0, 0, 0, high, low, 0, 1], words].concat();
    match (protocol, call.target) {
        (FlowProtocol::Echo, SocketAddr::V4(_)) => {
            let mut message = echo(IcmpTypes::EchoRequest.0);
            let checksum = IcmpPacket::new(&message).map(|packet| checksum(&packet));
            message.splice(2..4, checksum.unwrap_or_default().to_be_bytes());
            message
        }
        // The kernel puts the checksum in, which covers addresses here.
        (FlowProtocol::Echo, SocketAddr::V6(_)) => echo(ECHO_REQUEST_V6),
        (FlowProtocol::Tcp | FlowProtocol::Udp, _) => words.to_vec(),
    }
}

impl Pending<'_> {
    /// Takes what came; the outcome, where that is the end.
    fn outcome(&mut self, protocol: FlowProtocol) -> Option<KernelOutcome> {
        let mut buffer = [0; 256];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(length) => {
                    let is_own = protocol != FlowProtocol::Echo || self.is_reply(buffer.get(..length)?);
                    if is_own {
                        return Some(KernelOutcome::Answered);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => return Some(refusal(error.raw_os_error().unwrap_or_default())),
            }
        }
    }

    /// Whether a raw socket was given the reply to this echo: it is given all ICMP of the target's.
    fn is_reply(&self, packet: &[u8]) -> bool {
        let (message, kind) = match self.call.target {
            SocketAddr::V4(_) => (packet.get(IPV4_HEADER..), IcmpTypes::EchoReply.0),
            SocketAddr::V6(_) => (Some(packet), ECHO_REPLY_V6),
        };
        let [high, low] = self.call.source.port().to_be_bytes();
        message.is_some_and(|it| it.first() == Some(&kind) && it.get(4..6) == Some(&[high, low]))
    }
}
