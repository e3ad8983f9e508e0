//! A dialogue over a connection: its bytes, encrypted where that is asked for, and how long an answer is waited
//! for.

use std::net::IpAddr;
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{
    Carried, ClosedBy, Greeting, Handshake, HandshakeEnd, HandshakeReply, HandshakeStep, ProbeRequest,
    ServerText, TlsProblem,
};

use super::tls::{Fed, Secured};
use super::{Dialogue, Turn, dialogue};
use crate::error::{ProbeError, SystemCall};
use crate::socket::{Connection, Heard, Measurement};

/// How much is read in one go.
const READ_AT_ONCE: usize = 4096;

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
    /// Whether TLS comes first.
    is_secure: bool,
    host: String,
    address: IpAddr,
    /// The encryption, once it has begun.
    secured: Option<Secured>,
    /// How long each answer is waited for.
    patience: Duration,
    /// What came in clear since something was said last.
    received: Vec<u8>,
    /// How many bytes came since then.
    count: usize,
    /// How long TLS's first message is to be at the least.
    padding: usize,
    /// What the kernel told of the connection when it was established.
    began: Measurement,
    /// How many bytes were said, and how many came, in all.
    said: usize,
    heard: usize,
    /// The first bytes that came at all.
    first: Option<Greeting>,
    /// Whether anything was said.
    has_said: bool,
    begun_at: Duration,
    said_at: Duration,
    reply: HandshakeReply,
}

impl Talk {
    /// A talk with whom the request names, which waits for each answer as long as its greeting is waited for.
    pub(crate) fn prepare(handshake: &Handshake, request: &ProbeRequest) -> Result<Self, ProbeError> {
        let unknown = ProbeError::new(SystemCall::Request, Errno::EPROTONOSUPPORT);
        let padding = usize::from(request.payload_length);
        Ok(Self {
            dialogue: dialogue(handshake, request.port, padding).ok_or(unknown)?,
            padding,
            began: Measurement::default(),
            said: 0,
            heard: 0,
            is_secure: handshake.tls,
            host: handshake.host.clone(),
            address: request.address,
            secured: None,
            patience: request.greeting_wait,
            received: Vec::new(),
            count: 0,
            first: None,
            has_said: false,
            begun_at: Duration::ZERO,
            said_at: Duration::ZERO,
            reply: HandshakeReply::default(),
        })
    }

    /// Says what is to be said first, on a connection that is established.
    pub(crate) fn begin(&mut self, connection: &Connection, now: Duration) {
        self.begun_at = now;
        self.began = connection.measure();
        let first = if self.is_secure { Turn::Secure } else { Turn::Say(self.dialogue.opening()) };
        self.turn(connection, now, first);
    }

    /// Takes in what came, as much as is read in one go: what answers a thing said now is for the next time, whose
    /// clock it is measured by.
    pub(crate) fn hear(&mut self, connection: &Connection, now: Duration) -> Talked {
        let mut buffer = [0; READ_AT_ONCE];
        match connection.read(&mut buffer) {
            Heard::Bytes(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                self.first.get_or_insert_with(|| Greeting::new(bytes));
                self.count += count;
                self.heard += count;
                // Before anything more is said, which nobody can have acknowledged.
                self.account(connection);
                self.take(connection, now, bytes);
            }
            Heard::Nothing => {}
            Heard::End => {
                self.account(connection);
                return self.closed(now, ClosedBy::Fin);
            }
            Heard::Broken(_) => return self.closed(now, ClosedBy::Reset),
        }
        if self.reply.end.is_some() { Talked::Over } else { Talked::Until(self.patient_until()) }
    }

    /// Until when the next answer is waited for.
    pub(crate) fn patient_until(&self) -> Duration {
        self.said_at.saturating_add(self.patience)
    }

    /// Nothing came in time.
    pub(crate) fn give_up(&mut self, connection: &Connection, now: Duration) -> Talked {
        self.account(connection);
        let (step, received) = (self.step(), self.received());
        let waited = now.saturating_sub(self.said_at);
        let unacknowledged = connection.unacknowledged().filter(|_| self.has_said);
        self.over(now, HandshakeEnd::Silent { step, waited, received, unacknowledged })
    }

    /// The other side closed.
    pub(crate) fn closed(&mut self, now: Duration, by: ClosedBy) -> Talked {
        let (step, received) = (self.step(), self.received());
        let end = if by == ClosedBy::Fin { self.dialogue.closed(&self.received) } else { None };
        self.over(now, end.unwrap_or(HandshakeEnd::Closed { step, by, received }))
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

    /// Notes how the packets fared so far.
    fn account(&mut self, connection: &Connection) {
        let (began, now) = (self.began, connection.measure());
        let packet = |segment: Option<u32>| segment.map(|segment| segment + connection.headers());
        let largest = packet(began.largest_segment).zip(packet(now.largest_segment));
        let Some(((largest, largest_at_end), unacknowledged)) = largest.zip(connection.unacknowledged())
        else {
            return;
        };
        let count = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        self.reply.carried = Some(Box::new(Carried {
            said: count(self.said),
            unacknowledged,
            resent: now.retransmissions.saturating_sub(began.retransmissions),
            largest,
            largest_at_end,
            is_told: began.path_mtu.zip(now.path_mtu).is_some_and(|(began, now)| now < began),
            largest_received: packet(now.largest_received),
            received: count(self.heard),
            out_of_order: now.out_of_order,
        }));
    }

    fn step(&self) -> HandshakeStep {
        match &self.secured {
            Some(secured) if secured.is_handshaking() => HandshakeStep::Tls,
            _ => self.dialogue.step(),
        }
    }

    /// Takes in bytes as they came over the wire.
    fn take(&mut self, connection: &Connection, now: Duration, bytes: &[u8]) {
        let Some(secured) = &mut self.secured else {
            self.received.extend_from_slice(bytes);
            let turn = self.dialogue.hear(&self.received);
            return self.turn(connection, now, turn);
        };
        let was_handshaking = secured.is_handshaking();
        let fed = secured.feed(bytes);
        // The alert that an error calls for goes out too; where the connection broke, reading tells.
        put(connection, &mut self.said, &secured.outgoing());
        match fed {
            Fed::Failed(end) => {
                // A server that refuses a client without a certificate does so before TLS 1.2 is complete.
                if secured.was_asked() && self.reply.tls.is_none() {
                    self.reply.tls = secured.facts();
                }
                self.over(now, end);
            }
            Fed::Plain(plain) => {
                if was_handshaking && !secured.is_handshaking() {
                    self.reply.tls = secured.facts();
                    let turn = self.dialogue.secured();
                    self.turn(connection, now, turn);
                }
                if !plain.is_empty() && self.reply.end.is_none() {
                    self.received.extend_from_slice(&plain);
                    let turn = self.dialogue.hear(&self.received);
                    self.turn(connection, now, turn);
                }
            }
        }
    }

    fn turn(&mut self, connection: &Connection, now: Duration, turn: Turn) {
        match turn {
            Turn::Wait => {}
            Turn::Say(bytes) => {
                self.wait_anew(now);
                self.say(connection, &bytes);
            }
            Turn::Secure => {
                self.wait_anew(now);
                match Secured::begin(&self.host, self.address, self.padding) {
                    Some(mut secured) => {
                        self.has_said = true;
                        put(connection, &mut self.said, &secured.outgoing());
                        self.secured = Some(secured);
                    }
                    None => {
                        let words = ServerText::new(b"the library could not begin");
                        self.over(now, HandshakeEnd::TlsFailed { problem: TlsProblem::Broken { words } });
                    }
                }
            }
            Turn::Over { end, farewell } => {
                self.say(connection, &farewell);
                if let Some(secured) = &mut self.secured {
                    secured.end();
                    put(connection, &mut self.said, &secured.outgoing());
                }
                self.over(now, end);
            }
        }
    }

    /// So few bytes fit; where the connection broke, reading tells.
    fn say(&mut self, connection: &Connection, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.has_said = true;
        let outgoing = match &mut self.secured {
            None => bytes.to_vec(),
            Some(secured) => {
                secured.say(bytes);
                secured.outgoing()
            }
        };
        put(connection, &mut self.said, &outgoing);
    }

    fn wait_anew(&mut self, now: Duration) {
        self.received.clear();
        self.count = 0;
        self.said_at = now;
    }

    fn over(&mut self, now: Duration, end: HandshakeEnd) -> Talked {
        self.reply.end = Some(end);
        self.reply.took = now.saturating_sub(self.begun_at);
        Talked::Over
    }

    fn received(&self) -> u32 {
        u32::try_from(self.count).unwrap_or(u32::MAX)
    }
}

/// Hands bytes to the kernel; where the connection broke, reading tells.
fn put(connection: &Connection, said: &mut usize, bytes: &[u8]) {
    *said += bytes.len();
    let _ = connection.write(bytes);
}
