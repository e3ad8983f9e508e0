//! Services on a twin's hosts that are asked by UDP.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::serving::{Service, Serving};
use super::socket::bind_when_free;
use super::{Host, Twin};
use crate::error::LaboratoryError;

/// What a service says to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramServiceKind {
    /// Nothing, as most do to what they do not understand.
    Mute,
    /// The same datagram (the echo service, RFC 862).
    Echoing,
}

/// A bound UDP socket on a host. It is closed when this is dropped.
#[derive(Debug)]
pub struct DatagramService {
    received: Arc<AtomicUsize>,
    _serving: Serving,
}

impl Twin<'_> {
    /// Takes datagrams on every address of `host` at UDP `port`.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist or the port is taken.
    pub fn serve_datagrams(
        &self,
        host: &Host,
        port: u16,
        kind: DatagramServiceKind,
    ) -> Result<DatagramService, LaboratoryError> {
        let system = |source| LaboratoryError::system("take datagrams", source);
        let socket = self.namespace_of(host)?.within(|| {
            // By Linux's default the one for IPv6 takes IPv4 too; where there is no IPv6, there is the other.
            let bind = || {
                UdpSocket::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
                    .or_else(|_| UdpSocket::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
            };
            bind_when_free(bind).map_err(system)
        })?;
        socket.set_nonblocking(true).map_err(system)?;
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        let service = Taking { socket, kind, received: count };
        Ok(DatagramService { received, _serving: Serving::start("take datagrams", service)? })
    }
}

impl DatagramService {
    /// How many datagrams came.
    #[must_use]
    pub fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

struct Taking {
    socket: UdpSocket,
    kind: DatagramServiceKind,
    received: Arc<AtomicUsize>,
}

impl Service for Taking {
    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.socket.as_fd()]
    }

    fn serve(&mut self, _ready: &[bool]) {
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = self.socket.recv_from(&mut buffer) {
            self.received.fetch_add(1, Ordering::Relaxed);
            if self.kind == DatagramServiceKind::Echoing {
                // Who asked may be gone.
                let _ = self.socket.send_to(&buffer[..length], client);
            }
        }
    }
}
