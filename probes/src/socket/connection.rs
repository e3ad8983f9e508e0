//! One TCP connection that asks and does no harm.
//!
//! It is opened without waiting, so that several are in flight from one thread; it keeps the error
//! queue until the handshake is over; and it offers no way to end an open connection but in order.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::error_queue::{QueuedIcmp, take_first_icmp};
use super::option::{Measurement, measure, set_bind_address_without_port, set_syn_retries};
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
    target: SocketAddr,
}

impl Connection {
    /// Makes and binds the socket; sends nothing.
    ///
    /// `SO_REUSEADDR` lets a port be bound that another flow left in TIME_WAIT, or that a probe of
    /// another target uses at this moment: flows are told apart by all four of addresses and ports.
    pub(crate) fn prepare(
        target: SocketAddr,
        source: Option<IpAddr>,
        source_port: Option<u16>,
        patience: Duration,
    ) -> Result<Self, ProbeError> {
        if target.port() == 0 || source_port == Some(0) {
            return Err(ProbeError::new(SystemCall::Request, Errno::EINVAL));
        }
        let source = source.map(|address| address.to_canonical());
        if source.is_some_and(|address| address.is_ipv4() != target.is_ipv4()) {
            return Err(ProbeError::new(SystemCall::Request, Errno::EAFNOSUPPORT));
        }
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))
            .map_err(|error| ProbeError::from_io(SystemCall::Socket, &error))?;
        let connection = Self { socket, target };
        connection.report_icmp(true).map_err(|errno| ProbeError::new(SystemCall::SetOption, errno))?;
        set_syn_retries(&connection.socket, syn_retries(patience))?;
        connection.bind(source, source_port)?;
        Ok(connection)
    }

    fn bind(&self, source: Option<IpAddr>, source_port: Option<u16>) -> Result<(), ProbeError> {
        if source.is_none() && source_port.is_none() {
            return Ok(());
        }
        if source_port.is_some() {
            self.socket
                .set_reuse_address(true)
                .map_err(|error| ProbeError::from_io(SystemCall::SetOption, &error))?;
        } else {
            // Without it the port is merely chosen earlier, among fewer.
            let _ = set_bind_address_without_port(&self.socket);
        }
        let any: IpAddr =
            if self.target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let local = SocketAddr::new(source.unwrap_or(any), source_port.unwrap_or(0));
        self.socket
            .bind(&SockAddr::from(local))
            .map_err(|error| ProbeError::from_io(SystemCall::Bind, &error))
    }

    /// Sends the SYN. An error is this host's own: no packet left it.
    pub(crate) fn connect(&self) -> Result<(), ProbeError> {
        match self.socket.connect(&SockAddr::from(self.target)) {
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
        self.target.is_ipv4()
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
        let _ = self.report_icmp(false);
    }

    fn report_icmp(&self, report: bool) -> nix::Result<()> {
        if self.target.is_ipv4() {
            setsockopt(&self.socket, sockopt::Ipv4RecvErr, &report)
        } else {
            setsockopt(&self.socket, sockopt::Ipv6RecvErr, &report)
        }
    }

    /// What the kernel's clock and counters say.
    pub(crate) fn measure(&self) -> Measurement {
        measure(&self.socket)
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
