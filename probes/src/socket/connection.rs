//! One TCP connection that asks and does no harm.
//!
//! It is opened without waiting, so that several are in flight from one thread; it keeps the error
//! queue until the handshake is over; and it offers no way to end an open connection but in order.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

use super::ends::Ends;
use super::error_queue::{QueuedIcmp, take_first_icmp};
use super::option::{Measurement, measure, set_syn_retries, unacknowledged};
use super::stamp::stamp_received;
use crate::error::{ProbeError, SystemCall};

/// What reading found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// The other side has finished (FIN).
    End,
    /// The connection broke.
    Broken(Errno),
}

/// A non-blocking TCP socket on its way to one target.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    ends: Ends,
}

impl Connection {
    /// Makes and binds the socket; sends nothing. The kernel is told to try for longer than `patience`.
    pub(crate) fn prepare(ends: Ends, patience: Duration) -> Result<Self, ProbeError> {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(ends.target), kind, Some(Protocol::TCP))
            .map_err(|error| ProbeError::from_io(SystemCall::Socket, &error))?;
        ends.report_icmp(&socket, true)?;
        // A kernel without timestamps costs the round trip of ICMP errors, not the probe.
        let _ = stamp_received(&socket);
        set_syn_retries(&socket, syn_retries(patience))?;
        ends.limit_segments(&socket)?;
        if ends.piece().is_some() {
            socket
                .set_tcp_nodelay(true)
                .map_err(|error| ProbeError::from_io(SystemCall::SetOption, &error))?;
        }
        ends.apply(&socket)?;
        Ok(Self { socket, ends })
    }

    /// Sends the SYN. An error is this host's own: no packet left it.
    pub(crate) fn connect(&self) -> Result<(), ProbeError> {
        match self.socket.connect(&SockAddr::from(self.ends.target)) {
            Ok(()) => Ok(()),
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::EINPROGRESS | Errno::EINTR) => Ok(()),
                _ => Err(ProbeError::from_io(SystemCall::Connect, &error)),
            },
        }
    }

    /// The source address and port, once both are settled.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        let local = self.socket.local_addr().ok()?.as_socket()?;
        (!local.ip().is_unspecified() && local.port() != 0).then_some(local)
    }

    /// Whether the kernel's addresses are IPv4's.
    pub(crate) fn is_ipv4(&self) -> bool {
        self.ends.target.is_ipv4()
    }

    /// Takes the pending error of the socket (`SO_ERROR`, socket(7)), which clears it.
    pub(crate) fn take_error(&self) -> Option<Errno> {
        let error = match self.socket.take_error() {
            Ok(pending) => pending?,
            Err(error) => error,
        };
        Some(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }

    /// Takes the first ICMP error that came for this connection.
    pub(crate) fn take_icmp(&self) -> Option<QueuedIcmp> {
        take_first_icmp(&self.socket)
    }

    /// After the handshake ICMP errors are hints, not verdicts (RFC 1122, section 4.2.3.9), but with
    /// the error queue on the kernel would break the connection over them.
    pub(crate) fn ignore_icmp(&self) {
        // Switching an option off that was switched on before does not fail; if it did, the queue
        // would stay as it was, and the deadline of the stage still ends it.
        let _ = self.ends.report_icmp(&self.socket, false);
    }

    /// What the kernel's clock and counters say.
    pub(crate) fn measure(&self) -> Measurement {
        measure(&self.socket)
    }

    /// How many bytes that were written the other side's system has not acknowledged, where this one tells.
    pub(crate) fn unacknowledged(&self) -> Option<u32> {
        unacknowledged(&self.socket)
    }

    /// Has the kernel ask for a sign of life where nothing was heard for `idle`, and again each `interval`; after
    /// `retries` without an answer it gives the connection up (`SO_KEEPALIVE`, tcp(7)). Whole seconds. On a connection
    /// that stands a new `idle` counts from what was heard last.
    pub(crate) fn keep_alive(
        &self,
        idle: Duration,
        interval: Duration,
        retries: u32,
    ) -> Result<(), ProbeError> {
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(retries);
        self.socket
            .set_tcp_keepalive(&keepalive)
            .map_err(|error| ProbeError::from_io(SystemCall::SetOption, &error))
    }

    /// Reads what is there, without waiting.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Heard {
        loop {
            match (&self.socket).read(buffer) {
                Ok(0) => return Heard::End,
                Ok(count) => return Heard::Bytes(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Heard::Nothing,
                Err(error) => {
                    return Heard::Broken(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw));
                }
            }
        }
    }

    /// Writes all of so few bytes that an empty buffer takes them at once; in pieces, where that was asked for, which
    /// the kernel never joins (`MSG_EOR`, as Linux's TCP has it since 4.7).
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Errno> {
        let flags = if self.ends.piece().is_some() { libc::MSG_EOR } else { 0 };
        for piece in bytes.chunks(self.ends.piece().unwrap_or(bytes.len()).max(1)) {
            match self.socket.send_with_flags(piece, flags | libc::MSG_NOSIGNAL) {
                Ok(count) if count == piece.len() => {}
                Ok(_) => return Err(Errno::ENOBUFS),
                Err(error) => return Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
            }
        }
        Ok(())
    }

    /// What IP's and TCP's headers take of a packet; of TCP's options a segment's size tells.
    pub(crate) fn headers(&self) -> u32 {
        self.ends.headers()
    }

    /// Sends the FIN.
    pub(crate) fn finish_writing(&self) {
        // It fails only where the other side has broken the connection, and then there is nothing to end.
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// So many retransmissions that the kernel outlasts `patience` under any schedule: the gaps between
/// SYNs are a second or more (RFC 6298, section 2; Linux's linear and doubling gaps likewise), so one
/// retransmission a second and two to spare suffice. The engine ends the attempt long before.
fn syn_retries(patience: Duration) -> u8 {
    u8::try_from(patience.as_secs().saturating_add(2)).unwrap_or(u8::MAX).min(127)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_outlasts_every_timeout() {
        assert_eq!(syn_retries(Duration::ZERO), 2);
        assert_eq!(syn_retries(Duration::from_millis(2900)), 4);
        assert_eq!(syn_retries(Duration::from_secs(100)), 102);
        assert_eq!(syn_retries(Duration::MAX), 127);
    }
}
