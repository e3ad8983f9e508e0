//! One packet out, and what comes back for it: UDP, the kernel's ping sockets, and raw ICMP.
//!
//! Each probe has a socket of its own, connected to its target: so the kernel itself matches what
//! comes back, ICMP errors among it, and no answer to one probe can be taken for an answer to another.
//! A ping socket (icmp(7), `ping_group_range`) lets an ordinary user send echo requests and nothing
//! else; it is preferred to a raw socket, which is handed everybody's replies and errors, so that each
//! has to be looked at.

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrStorage, Timestamps, recvmsg};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::ends::Ends;
use super::error_queue::{QueuedIcmp, take_first_icmp, take_first_icmp_where};
use super::stamp::{WallTime, software_stamp, stamp_received};
use crate::error::{ProbeError, SystemCall};

/// How often a raw socket tries to send where others' errors come in between.
const SEND_ATTEMPTS: u8 = 4;

/// How the packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A UDP socket.
    Udp,
    /// A ping socket: the kernel writes the identifier and the checksum.
    Ping,
    /// A raw socket: IPv4 packets come with their IP header.
    RawIcmp,
}

/// A packet that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// How many bytes were read.
    pub(crate) length: usize,
    /// Who sent it.
    pub(crate) from: Option<IpAddr>,
    /// When the kernel took it in, by its calendar clock, where it says so.
    pub(crate) stamped_at: Option<WallTime>,
}

/// What reading found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A packet.
    Packet(Packet),
    /// Nothing yet.
    Nothing,
    /// An error that was pending; reading it cleared it.
    Broken(Errno),
}

/// A non-blocking socket, connected to one target.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    socket: Socket,
    ends: Ends,
    transport: Transport,
}

impl DatagramSocket {
    /// Makes, binds and connects the socket; sends nothing. The kernel's routes are asked here, so that
    /// an error of connect(2) is this host's own refusal.
    pub(crate) fn prepare(transport: Transport, ends: Ends) -> Result<Self, ProbeError> {
        let kind = match transport {
            Transport::Udp | Transport::Ping => Type::DGRAM,
            Transport::RawIcmp => Type::RAW,
        };
        let protocol = match transport {
            Transport::Udp => Protocol::UDP,
            Transport::Ping | Transport::RawIcmp if ends.target.is_ipv4() => Protocol::ICMPV4,
            Transport::Ping | Transport::RawIcmp => Protocol::ICMPV6,
        };
        let kind = kind.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(ends.target), kind, Some(protocol))
            .map_err(|error| ProbeError::from_io(SystemCall::Socket, &error))?;
        ends.report_icmp(&socket, true)?;
        // A kernel without timestamps costs the round-trip time, not the probe.
        let _ = stamp_received(&socket);
        ends.apply(&socket)?;
        ends.keep_whole(&socket)?;
        socket
            .connect(&SockAddr::from(ends.target))
            .map_err(|error| ProbeError::from_io(SystemCall::Connect, &error))?;
        Ok(Self { socket, ends, transport })
    }

    /// Sends the packet. An error is this host's own: its packet filter's, as a rule.
    ///
    /// A raw socket is handed the ICMP errors of everybody's packets to its target, and send(2) fails
    /// with an error that was pending: with such ones in the queue it is tried again.
    pub(crate) fn send(&self, packet: &[u8]) -> Result<(), ProbeError> {
        let mut attempts = 1;
        loop {
            match self.socket.send(packet) {
                Ok(_) => return Ok(()),
                Err(_) if attempts < SEND_ATTEMPTS && self.is_raw() && self.take_foreign_error() => {
                    attempts += 1;
                }
                Err(error) => return Err(ProbeError::from_io(SystemCall::Send, &error)),
            }
        }
    }

    fn is_raw(&self) -> bool {
        self.transport == Transport::RawIcmp
    }

    /// Before anything was sent every error in the queue is another's.
    fn take_foreign_error(&self) -> bool {
        take_first_icmp(&self.socket).is_some()
    }

    /// The source address, and the port of UDP.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        let local = self.socket.local_addr().ok()?.as_socket()?;
        let port = if self.ends.target.port() == 0 { 0 } else { local.port() };
        (!local.ip().is_unspecified()).then_some(SocketAddr::new(local.ip(), port))
    }

    /// How large a packet may be by what this machine knows of the way, where packets are to be kept whole.
    pub(crate) fn largest_packet(&self) -> Option<u32> {
        self.ends.largest_packet(&self.socket)
    }

    /// The address that is asked.
    pub(crate) fn target(&self) -> SocketAddr {
        self.ends.target
    }

    /// Takes one packet, without waiting. What does not fit into `buffer` is lost.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Received {
        receive(&self.socket, buffer)
    }

    /// Takes the first ICMP error that came for this socket and quotes a packet that `is_own`.
    pub(crate) fn take_icmp_where(&self, is_own: impl Fn(&[u8]) -> bool) -> Option<QueuedIcmp> {
        take_first_icmp_where(&self.socket, is_own)
    }

    /// The same for UDP and ping sockets, to which the kernel gives their own errors alone.
    pub(crate) fn take_icmp(&self) -> Option<QueuedIcmp> {
        take_first_icmp(&self.socket)
    }

    /// Whether an error number without a message is about this socket's packet. Of a raw socket it may
    /// be about anybody's.
    pub(crate) fn has_errors_of_its_own(&self) -> bool {
        !self.is_raw()
    }

    /// Takes the pending error of the socket (`SO_ERROR`, socket(7)), which clears it.
    pub(crate) fn take_error(&self) -> Option<Errno> {
        let error = match self.socket.take_error() {
            Ok(pending) => pending?,
            Err(error) => error,
        };
        Some(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }
}

impl AsFd for DatagramSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Takes one packet off any socket, without waiting.
pub(crate) fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Received {
    let mut control = cmsg_space!(Timestamps);
    let descriptor = socket.as_fd().as_raw_fd();
    loop {
        let mut payload = [IoSliceMut::new(buffer)];
        match recvmsg::<SockaddrStorage>(descriptor, &mut payload, Some(&mut control), MsgFlags::MSG_DONTWAIT)
        {
            Ok(message) => {
                let stamped_at = message
                    .cmsgs()
                    .ok()
                    .and_then(|mut messages| messages.find_map(|part| software_stamp(&part)));
                let from = message.address.as_ref().and_then(address);
                return Received::Packet(Packet { length: message.bytes, from, stamped_at });
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Received::Nothing,
            Err(errno) => return Received::Broken(errno),
        }
    }
}

fn address(address: &SockaddrStorage) -> Option<IpAddr> {
    let ipv4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    ipv4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
