//! Services on a twin's hosts that are asked by UDP.

use std::io::{self, PipeWriter};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

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
    // Dropped first: the thread ends when the pipe closes.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
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
        let (end, stop) = io::pipe().map_err(system)?;
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        let thread =
            thread::Builder::new().spawn(move || serve(&socket, &end, kind, &count)).map_err(system)?;
        Ok(DatagramService { received, stop: Some(stop), thread: Some(thread) })
    }
}

impl DatagramService {
    /// How many datagrams came.
    #[must_use]
    pub fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

impl Drop for DatagramService {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves until `end` is closed at its other side.
fn serve(socket: &UdpSocket, end: &impl AsFd, kind: DatagramServiceKind, received: &AtomicUsize) {
    loop {
        let mut polled = [end.as_fd(), socket.as_fd()].map(|source| PollFd::new(source, PollFlags::POLLIN));
        match poll(&mut polled, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        if polled[0].any().unwrap_or(true) {
            return;
        }
        let mut buffer = [0; 4096];
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            received.fetch_add(1, Ordering::Relaxed);
            if kind == DatagramServiceKind::Echoing {
                // Who asked may be gone.
                let _ = socket.send_to(&buffer[..length], client);
            }
        }
    }
}
