//! Listeners on a twin's hosts.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::serving::{Service, Serving};
use super::socket::{bind_when_free, stop_listening};
use super::{Host, Twin};
use crate::error::LaboratoryError;

/// What a listener does with a connection before it waits for the other side to close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// Says nothing.
    Silent,
    /// Sends these bytes at once, as MySQL and SSH do.
    Greeting(Vec<u8>),
    /// Sends these bytes when it first hears anything.
    Replying(Vec<u8>),
    /// Closes, as a balancer does that has no backend.
    Closing,
}

/// A listening socket on a host. It is closed, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct Listener {
    accepted: Arc<AtomicUsize>,
    _serving: Serving,
}

impl Twin<'_> {
    /// Listens on every address of `host` at TCP `port`.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist or the port is taken.
    pub fn listen(&self, host: &Host, port: u16, kind: ListenerKind) -> Result<Listener, LaboratoryError> {
        let listener = self.namespace_of(host)?.within(|| {
            // By Linux's default the one for IPv6 takes IPv4 too; where there is no IPv6, there is the other.
            let bind = || {
                TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
                    .or_else(|_| TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
            };
            bind_when_free(bind)
                .map_err(|source| LaboratoryError::system(format!("listen on port {port}"), source))
        })?;
        let system = |source| LaboratoryError::system("start a listener", source);
        listener.set_nonblocking(true).map_err(system)?;
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let service = Listening { listener, open: Vec::new(), kind, accepted: count };
        Ok(Listener { accepted, _serving: Serving::start("start a listener", service)? })
    }
}

impl Listener {
    /// How many connections it has accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// Serves all connections by one thread.
struct Listening {
    listener: TcpListener,
    open: Vec<Open>,
    kind: ListenerKind,
    accepted: Arc<AtomicUsize>,
}

/// A connection, and what is still to be replied.
struct Open {
    stream: TcpStream,
    reply: Vec<u8>,
}

impl Service for Listening {
    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        let open = self.open.iter().map(|open| open.stream.as_fd());
        [self.listener.as_fd()].into_iter().chain(open).collect()
    }

    fn serve(&mut self, ready: &[bool]) {
        let mut flags = ready.iter().skip(1);
        self.open.retain_mut(|open| flags.next() != Some(&true) || is_open(open));
        while let Ok((mut stream, _)) = self.listener.accept() {
            self.accepted.fetch_add(1, Ordering::Relaxed);
            let (greeting, reply): (&[u8], &[u8]) = match &self.kind {
                ListenerKind::Silent => (&[], &[]),
                ListenerKind::Greeting(bytes) => (bytes, &[]),
                ListenerKind::Replying(bytes) => (&[], bytes),
                ListenerKind::Closing => continue,
            };
            if stream.write_all(greeting).is_ok() && stream.set_nonblocking(true).is_ok() {
                self.open.push(Open { stream, reply: reply.to_vec() });
            }
        }
    }

    fn end(&self) {
        stop_listening(&self.listener);
    }
}

/// Reads what is there, and replies to it; false when the other side has closed.
fn is_open(Open { stream, reply }: &mut Open) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            // So few bytes fit into an empty buffer.
            Ok(_) => drop(stream.write_all(&std::mem::take(reply))),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
