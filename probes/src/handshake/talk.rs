//! A dialogue over a connection: its bytes, and how long an answer is waited for.

use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{ClosedBy, Greeting, Handshake, HandshakeEnd, HandshakeReply};

use super::{Dialogue, Turn, dialogue};
use crate::error::{ProbeError, SystemCall};
use crate::socket::{Connection, Heard};

/// How much is read in one go.
const READ_AT_ONCE: usize = 4096;

/// How often it is read in one go, so that a flood cannot hold the engine.
const READS: usize = 16;

/// Where a talk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Talked {
    /// An answer is waited for, until then.
    Until(Duration),
    /// It is over, and the farewell said.
    Over,
}

/// One dialogue under way.
#[derive(Debug)]
pub(crate) struct Talk {
    dialogue: Box<dyn Dialogue>,
    /// How long each answer is waited for.
    patience: Duration,
    /// What came since something was said last.
    received: Vec<u8>,
    /// The first bytes that came at all.
    first: Option<Greeting>,
    begun_at: Duration,
    said_at: Duration,
    reply: HandshakeReply,
}

impl Talk {
    /// A talk with a port that waits so long for each answer.
    pub(crate) fn prepare(handshake: &Handshake, port: u16, patience: Duration) -> Result<Self, ProbeError> {
        let unknown = ProbeError::new(SystemCall::Request, Errno::EPROTONOSUPPORT);
        Ok(Self {
            dialogue: dialogue(handshake, port).ok_or(unknown)?,
            patience,
            received: Vec::new(),
            first: None,
            begun_at: Duration::ZERO,
            said_at: Duration::ZERO,
            reply: HandshakeReply::default(),
        })
    }

    /// Says what is to be said first, on a connection that is established.
    pub(crate) fn begin(&mut self, connection: &Connection, now: Duration) {
        self.begun_at = now;
        let opening = self.dialogue.opening();
        self.say(connection, now, &opening);
    }

    /// Takes in what came.
    pub(crate) fn hear(&mut self, connection: &Connection, now: Duration) -> Talked {
        let mut buffer = [0; READ_AT_ONCE];
        for _ in 0..READS {
            match connection.read(&mut buffer) {
                Heard::Bytes(count) => {
                    self.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    self.first.get_or_insert_with(|| Greeting::new(&self.received));
                    match self.dialogue.hear(&self.received) {
                        Turn::Wait => {}
                        Turn::Say(bytes) => self.say(connection, now, &bytes),
                        Turn::Over { end, farewell } => {
                            // Who has broken the connection meanwhile needs no farewell.
                            let _ = connection.write(&farewell);
                            return self.over(now, end);
                        }
                    }
                }
                Heard::Nothing => break,
                Heard::End => return self.closed(now, ClosedBy::Fin),
                Heard::Broken(_) => return self.closed(now, ClosedBy::Reset),
            }
        }
        Talked::Until(self.said_at.saturating_add(self.patience))
    }

    /// Nothing came in time.
    pub(crate) fn give_up(&mut self, now: Duration) -> Talked {
        let (step, received) = (self.dialogue.step(), self.received());
        let waited = now.saturating_sub(self.said_at);
        self.over(now, HandshakeEnd::Silent { step, waited, received })
    }

    /// The other side closed.
    pub(crate) fn closed(&mut self, now: Duration, by: ClosedBy) -> Talked {
        let (step, received) = (self.dialogue.step(), self.received());
        self.over(now, HandshakeEnd::Closed { step, by, received })
    }

    /// Whether the other side answered in the protocol.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.reply.end, Some(HandshakeEnd::Answered { .. }))
    }

    /// The first bytes that came from it.
    pub(crate) fn first(&self) -> Option<Greeting> {
        self.first
    }

    /// What it did.
    pub(crate) fn take_reply(&mut self) -> HandshakeReply {
        std::mem::take(&mut self.reply)
    }

    /// So few bytes fit; where the connection broke, reading tells.
    fn say(&mut self, connection: &Connection, now: Duration, bytes: &[u8]) {
        self.received.clear();
        self.said_at = now;
        if !bytes.is_empty() {
            let _ = connection.write(bytes);
        }
    }

    fn over(&mut self, now: Duration, end: HandshakeEnd) -> Talked {
        self.reply = HandshakeReply { end: Some(end), took: now.saturating_sub(self.begun_at) };
        Talked::Over
    }

    fn received(&self) -> u32 {
        u32::try_from(self.received.len()).unwrap_or(u32::MAX)
    }
}
