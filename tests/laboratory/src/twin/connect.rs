//! What the kernel does to one connection: the truth that scenarios are held against.
//!
//! Plain sockets, deliberately not the project's own probes: those are among what is tested.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::{Host, Twin};
use crate::error::LaboratoryError;

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelOutcome {
    /// The handshake was completed.
    Connected,
    /// A datagram or an echo was answered.
    Answered,
    /// A reset came back, or word that a port is unreachable.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// The kernel reported something else: an ICMP error, or a refusal of its own, by its errno.
    Other(i32),
}

impl Twin<'_> {
    /// Connects by TCP from `host` to `target`, from `source_port` (0: any), and closes with FIN.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist or the socket cannot be made; what the network
    /// does is an outcome.
    pub fn connect(
        &self,
        host: &Host,
        source_port: u16,
        target: SocketAddr,
        timeout: Duration,
    ) -> Result<KernelOutcome, LaboratoryError> {
        self.namespace_of(host)?.within(|| connect(source_port, target, timeout))
    }
}

fn connect(
    source_port: u16,
    target: SocketAddr,
    timeout: Duration,
) -> Result<KernelOutcome, LaboratoryError> {
    Ok(connected(source_port, target, timeout)?.map_or_else(|outcome| outcome, |_| KernelOutcome::Connected))
}

/// A connection, or what became of it.
pub(super) fn connected(
    source_port: u16,
    target: SocketAddr,
    timeout: Duration,
) -> Result<Result<Socket, KernelOutcome>, LaboratoryError> {
    let system = |call: &str| {
        let call = format!("{call} for a connection to {target}");
        move |source: io::Error| LaboratoryError::system(call, source)
    };
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))
        .map_err(system("socket"))?;
    // A port that waits for an earlier connection's last packets may be used again.
    socket.set_reuse_address(true).map_err(system("SO_REUSEADDR"))?;
    let any = match target {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    socket.bind(&SocketAddr::new(any, source_port).into()).map_err(system("bind"))?;
    match socket.connect_timeout(&target.into(), timeout) {
        Ok(()) => Ok(Ok(socket)),
        Err(error) => match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::TimedOut, _) => Ok(Err(KernelOutcome::Silent)),
            (io::ErrorKind::ConnectionRefused, _) => Ok(Err(KernelOutcome::Refused)),
            (_, Some(errno)) => Ok(Err(KernelOutcome::Other(errno))),
            (_, None) => Err(system("connect")(error)),
        },
    }
}
