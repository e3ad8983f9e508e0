//! Listeners on a twin's hosts.

use std::io::{self, PipeWriter, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

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
}

/// A listening socket on a host. It is closed, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct Listener {
    accepted: Arc<AtomicUsize>,
    // Dropped first: the thread ends when the pipe closes.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
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
        let (end, stop) = io::pipe().map_err(system)?;
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        let thread = thread::Builder::new()
            .spawn(move || {
                serve(&listener, &end, &kind, &count);
                stop_listening(&listener);
            })
            .map_err(system)?;
        Ok(Listener { accepted, stop: Some(stop), thread: Some(thread) })
    }
}

impl Listener {
    /// How many connections it has accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves all connections by one thread until `end` is closed at its other side.
fn serve(listener: &TcpListener, end: &impl AsFd, kind: &ListenerKind, accepted: &AtomicUsize) {
    let mut open: Vec<TcpStream> = Vec::new();
    loop {
        let sources = [end.as_fd(), listener.as_fd()].into_iter().chain(open.iter().map(AsFd::as_fd));
        let mut polled: Vec<PollFd<'_>> =
            sources.map(|source| PollFd::new(source, PollFlags::POLLIN)).collect();
        match poll(&mut polled, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => continue,
            Err(_) => return,
            Ok(_) => {}
        }
        let ready: Vec<bool> = polled.iter().map(|it| it.any().unwrap_or(true)).collect();
        drop(polled);
        if ready.first() == Some(&true) {
            return;
        }
        let mut flags = ready.iter().skip(2);
        open.retain_mut(|stream| flags.next() != Some(&true) || is_open(stream));
        while let Ok((mut stream, _)) = listener.accept() {
            accepted.fetch_add(1, Ordering::Relaxed);
            let greeted = match kind {
                ListenerKind::Silent => Ok(()),
                ListenerKind::Greeting(bytes) => stream.write_all(bytes),
            };
            if greeted.is_ok() && stream.set_nonblocking(true).is_ok() {
                open.push(stream);
            }
        }
    }
}

/// Reads what is there; false when the other side has closed.
fn is_open(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
