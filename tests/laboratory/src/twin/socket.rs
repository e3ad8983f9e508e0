//! Sockets that other processes hold copies of.
//!
//! A process that another thread is about to start holds copies of all sockets until it has become another
//! program. A socket that is closed meanwhile lives on in it for some milliseconds: its port is taken, and a
//! listening one still accepts.

use std::io;
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// How long a port may stay taken after it was closed.
const CLOSING: Duration = Duration::from_secs(5);

/// Binds a socket to a port that may have been closed just now.
pub(crate) fn bind_when_free<T>(bind: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let start = Instant::now();
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && start.elapsed() < CLOSING => {
                thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

/// Ends listening for every copy of the socket.
pub(crate) fn stop_listening(listener: &TcpListener) {
    // What is not listening any more needs no end.
    let _ = SockRef::from(listener).shutdown(Shutdown::Both);
}
