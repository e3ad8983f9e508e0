//! Listeners whose queue of connections that wait to be taken is full, because their application takes none, or few.
//!
//! Linux keeps as many as the backlog and one more, drops each further SYN without a word, and counts it
//! (`TcpExtListenOverflows`). Nothing of this is in a filter, so no gate of a twin counts it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::socket::{bind_when_free, stop_listening};
use super::{Host, Twin};
use crate::error::LaboratoryError;

/// The backlog: room for one more.
const BACKLOG: i32 = 1;

/// How long a host may take to connect to itself.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often one connection is taken from a queue that drains...
const TURN: Duration = Duration::from_millis(1_200);
/// ...and how long its place is free, until the host itself takes it.
const ROOM: Duration = Duration::from_millis(500);

/// A queue that is full. The listener is closed, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct FullQueue(Filled);

/// A listener, and those that fill its queue.
#[derive(Debug)]
struct Filled {
    listener: TcpListener,
    waiting: Vec<TcpStream>,
}

impl Twin<'_> {
    /// Listens on every address of `host` at TCP `port`, takes no connection, and has the queue filled by connections
    /// of the host to itself.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist, the port is taken, or the queue cannot be filled.
    pub fn fill_queue(&self, host: &Host, port: u16) -> Result<FullQueue, LaboratoryError> {
        self.filled(host, port).map(FullQueue)
    }

    fn filled(&self, host: &Host, port: u16) -> Result<Filled, LaboratoryError> {
        let system = |source| LaboratoryError::system(format!("fill a queue on port {port}"), source);
        self.namespace_of(host)?.within(|| {
            let listener = bind_when_free(|| listen(port)).map_err(system)?;
            let waiting: io::Result<_> = (0..=BACKLOG).map(|_| wait_in_line(port, PATIENCE)).collect();
            Ok(Filled { listener, waiting: waiting.map_err(system)? })
        })
    }
}

/// A queue that is full most of the time: a connection is taken now and then. It ends when this is dropped.
#[derive(Debug)]
pub struct DrainingQueue {
    // Dropped first: the thread ends when nobody holds it.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Twin<'_> {
    /// The same, but one connection is taken every 1.2 s, and for half a second its place is anybody's.
    ///
    /// # Errors
    /// As [`Twin::fill_queue`].
    pub fn drain_queue(&self, host: &Host, port: u16) -> Result<DrainingQueue, LaboratoryError> {
        let namespace = self.namespace_of(host)?.clone();
        let Filled { listener, mut waiting } = self.filled(host, port)?;
        let (stop, stopped) = channel();
        let system = |source| LaboratoryError::system("start a thread", source);
        let work = move || {
            // A thread's sockets are those of the namespace that it entered.
            if namespace.enter().is_err() {
                return;
            }
            let goes_on = |time| stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            while goes_on(TURN - ROOM) {
                drop(listener.accept());
                if !goes_on(ROOM) {
                    break;
                }
                // Where somebody else was quicker it finds no room, and is given up at once.
                waiting.extend(wait_in_line(port, Duration::from_millis(50)));
            }
            stop_listening(&listener);
        };
        let thread = thread::Builder::new().spawn(work).map_err(system)?;
        Ok(DrainingQueue { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for DrainingQueue {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for FullQueue {
    fn drop(&mut self) {
        stop_listening(&self.0.listener);
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    // By Linux's default the one for IPv6 takes IPv4 too; where there is no IPv6, there is the other.
    let of = |domain: Domain, address: SocketAddr| {
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    of(Domain::IPV6, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
        .or_else(|_: io::Error| of(Domain::IPV4, SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))))
}

/// A connection that waits to be taken.
fn wait_in_line(port: u16, patience: Duration) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)
}
