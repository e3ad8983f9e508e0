//! A connection that stands and says nothing, to be asked whether it goes on.
//!
//! What stops new connections need not stop one that stands: a security group tracks connections, and one that it let in
//! outlives the rule. Routes, peerings and network ACLs judge every packet. So whether a connection goes on while new ones
//! are not answered tells the two apart. It costs a keepalive now and then (RFC 9293, section 3.8.4), an empty segment
//! that the other side's system acknowledges; no application sees it.
//!
//! A service may cut or log whoever connects and does not speak, so whoever uses this has named the port.

use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{ProbeId, ProbeKind, ProbeRequest};

use crate::error::ProbeError;
use crate::socket::{Connection, Ends, Heard};

/// How long the system tries to connect.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing is heard before a keepalive is sent, while nobody asks.
const RESTING: Duration = Duration::from_secs(15);
/// The same while somebody asks, and how soon one that was not answered is sent again.
const ASKING: Duration = Duration::from_secs(1);
/// How many keepalives in a row stay without an answer before the system gives the connection up.
const MOST_UNANSWERED: u32 = 120;
/// How much is read of what a service says unasked, at a time.
const READ: usize = 4096;

/// A connection that stands.
#[derive(Debug)]
pub struct Canary {
    connection: Connection,
    is_standing: bool,
}

/// How a [`Canary`] fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryState {
    /// It does not stand yet.
    Connecting,
    /// It stands.
    Standing {
        /// How many segments have come over it (`tcpi_segs_in`, Linux 4.2): one more is a sign of life. None where the
        /// kernel does not tell.
        segments: Option<u32>,
    },
    /// It is over.
    Ended(CanaryEnd),
}

/// Why a [`Canary`] is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryEnd {
    /// It was never taken.
    NotTaken,
    /// The other side has closed it, or broken it off.
    Closed,
    /// Nothing came back for minutes, and the system gave it up.
    Lost,
}

impl CanaryEnd {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotTaken => "not_taken",
            Self::Closed => "closed",
            Self::Lost => "lost",
        }
    }
}

impl Canary {
    /// Sends the SYN. That it may be sent now is for the caller to know ([`Pace::enter`](crate::Pace::enter)).
    ///
    /// # Errors
    /// The system call that failed; nothing was sent then.
    pub fn connect(target: SocketAddr) -> Result<Self, ProbeError> {
        let request =
            ProbeRequest::plain(ProbeId(0), ProbeKind::TcpConnect, target.ip(), target.port(), PATIENCE);
        let connection = Connection::prepare(Ends::of(&request)?, PATIENCE)?;
        connection.keep_alive(RESTING, ASKING, MOST_UNANSWERED)?;
        connection.connect()?;
        Ok(Self { connection, is_standing: false })
    }

    /// How it fares now. It does not wait.
    pub fn look(&mut self) -> CanaryState {
        if let Some(error) = self.connection.take_error() {
            return CanaryState::Ended(self.end(error));
        }
        let told = self.connection.measure();
        if !self.is_standing {
            if !told.is_established && !told.other_side_has_finished {
                return CanaryState::Connecting;
            }
            self.is_standing = true;
            self.connection.ignore_icmp();
        }
        let mut buffer = [0; READ];
        // One look reads so much and no more: who talks without end is heard again next time.
        match self.connection.read(&mut buffer) {
            Heard::Bytes(_) | Heard::Nothing => {
                CanaryState::Standing { segments: (told.segments_in > 0).then_some(told.segments_in) }
            }
            Heard::End => CanaryState::Ended(CanaryEnd::Closed),
            Heard::Broken(error) => CanaryState::Ended(self.end(error)),
        }
    }

    /// Has the other side asked for a sign of life within a second, and again each second while none comes.
    pub fn ask(&self) {
        self.keep_alive(ASKING);
    }

    /// Lets it rest again.
    pub fn rest(&self) {
        self.keep_alive(RESTING);
    }

    fn keep_alive(&self, idle: Duration) {
        // A system that took these options once takes them again; if it did not, keepalives would go on as before.
        let _ = self.connection.keep_alive(idle, ASKING, MOST_UNANSWERED);
    }

    fn end(&self, error: Errno) -> CanaryEnd {
        match (self.is_standing, error) {
            (false, _) => CanaryEnd::NotTaken,
            (true, Errno::ETIMEDOUT | Errno::EHOSTUNREACH | Errno::ENETUNREACH) => CanaryEnd::Lost,
            (true, _) => CanaryEnd::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::sleep;
    use std::time::Instant;

    use super::*;

    fn until(canary: &mut Canary, holds: impl Fn(CanaryState) -> bool) -> CanaryState {
        let begun = Instant::now();
        loop {
            let state = canary.look();
            if holds(state) || begun.elapsed() > Duration::from_secs(20) {
                return state;
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn segments(state: CanaryState) -> u32 {
        match state {
            CanaryState::Standing { segments: Some(segments) } => segments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_that_is_asked_gets_a_sign_of_life_within_two_seconds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut canary = Canary::connect(listener.local_addr().unwrap()).unwrap();
        let before = segments(until(&mut canary, |state| matches!(state, CanaryState::Standing { .. })));
        let begun = Instant::now();
        canary.ask();
        let after = until(&mut canary, |state| segments(state) > before);
        assert!(
            segments(after) > before && begun.elapsed() < Duration::from_secs(10),
            "{:?}",
            begun.elapsed()
        );
        canary.rest();
    }

    #[test]
    fn one_that_nobody_takes_or_that_is_closed_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut canary = Canary::connect(address).unwrap();
        let (taken, _) = listener.accept().unwrap();
        until(&mut canary, |state| matches!(state, CanaryState::Standing { .. }));
        drop(taken);
        let ended = |state| matches!(state, CanaryState::Ended(_));
        assert_eq!(until(&mut canary, ended), CanaryState::Ended(CanaryEnd::Closed));
        drop(listener);
        let mut refused = Canary::connect(address).unwrap();
        assert_eq!(until(&mut refused, ended), CanaryState::Ended(CanaryEnd::NotTaken));
    }
}
