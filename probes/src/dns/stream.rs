//! The question by TCP, after an answer by UDP that is cut.
//!
//! A message follows its length in two bytes (RFC 1035, section 4.2.2). The server may refuse, stay
//! silent, or end in the middle; each is told apart.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{Outcome, ProbeRequest};

use crate::error::ProbeError;
use crate::socket::{Connection, Ends, Heard};
use crate::verdict;

/// How much is read in one go.
const READ_AT_ONCE: usize = 16_384;

/// The bytes that say how long a message is.
const PREFIX: usize = 2;

/// What came of the connection so far.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing new.
    Waiting,
    /// The handshake is over and the question sent: bytes are waited for.
    Asked,
    /// The whole message.
    Message(Vec<u8>),
    /// The other side finished before that, after so many bytes.
    CutShort(usize),
    /// It broke, or was never established.
    Failed(Outcome),
}

/// A connection to a DNS server.
#[derive(Debug)]
pub(super) struct Stream {
    connection: Connection,
    is_established: bool,
    received: Vec<u8>,
}

impl Stream {
    /// Sends the SYN, from whichever port is free.
    pub(super) fn open(request: ProbeRequest) -> Result<Self, ProbeError> {
        let ends = Ends::of(&ProbeRequest { source_port: None, ..request })?;
        let connection = Connection::prepare(ends, request.timeout.max(Duration::from_secs(1)))?;
        connection.connect()?;
        Ok(Self { connection, is_established: false, received: Vec::new() })
    }

    /// The connection itself.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Takes in news. `query` is what is asked once the handshake is over.
    pub(super) fn hear(&mut self, is_open: bool, query: &[u8]) -> Progress {
        if self.is_established { self.read() } else { self.shake_hands(is_open, query) }
    }

    fn shake_hands(&mut self, is_open: bool, query: &[u8]) -> Progress {
        let error = self.connection.take_error();
        if is_open && error.is_none() {
            self.connection.ignore_icmp();
            self.is_established = true;
            let length = u16::try_from(query.len()).unwrap_or(u16::MAX);
            return match self.connection.write(&[&length.to_be_bytes(), query].concat()) {
                Ok(()) => Progress::Asked,
                Err(errno) => Progress::Failed(broken(errno, self.connection.is_ipv4())),
            };
        }
        let is_ipv4 = self.connection.is_ipv4();
        match (self.connection.take_icmp(), error) {
            (Some(icmp), _) => Progress::Failed(verdict::of_icmp(icmp)),
            (None, Some(errno)) => Progress::Failed(broken(errno, is_ipv4)),
            (None, None) => Progress::Waiting,
        }
    }

    fn read(&mut self) -> Progress {
        let mut buffer = [0; READ_AT_ONCE];
        loop {
            match self.connection.read(&mut buffer) {
                Heard::Nothing => return Progress::Waiting,
                Heard::End => return Progress::CutShort(self.received.len().saturating_sub(PREFIX)),
                Heard::Broken(errno) => {
                    return Progress::Failed(broken(errno, self.connection.is_ipv4()));
                }
                Heard::Bytes(count) => {
                    self.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    if let Some(message) = whole(&self.received) {
                        self.connection.finish_writing();
                        return Progress::Message(message.to_vec());
                    }
                }
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

/// The message, once all of it is there.
fn whole(received: &[u8]) -> Option<&[u8]> {
    let (prefix, rest) = received.split_at_checked(PREFIX)?;
    let length = u16::from_be_bytes(prefix.try_into().ok()?);
    rest.get(..usize::from(length))
}

/// After the handshake a reset is the server's own; before it, it is a refusal.
fn broken(errno: Errno, is_ipv4: bool) -> Outcome {
    match errno {
        Errno::ECONNRESET | Errno::EPIPE => Outcome::Reset,
        other => verdict::of_late_error(other, is_ipv4),
    }
}
