//! Asks a DNS server one question, and tells what it did.
//!
//! A resolver hides what a diagnosis needs: a closed port comes back as a time-out after twice the limit,
//! a server that lies as a name without addresses. So the question goes out of a connected socket of our
//! own, whose error queue says at once who refused it, and every way in which an answer can be wrong is
//! told apart. The bytes are read and written in [`message`], without a socket.
//!
//! ```text
//!           answer, ICMP, error ─────────────────────────────────▶ over
//!          │                                                        ▲
//!  Asking ─┤ half of the time silent: once more ──▶ Asking again ───┤ timeout
//!          │ FORMERR: once more, without EDNS                       │
//!          └ cut (TC) ──▶ Connecting ──▶ Reading ───────────────────┘ message, FIN, RST, timeout
//! ```
//! All of it ends at the request's timeout.

mod message;
mod stream;

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{
    DnsQuestion, DnsReply, DnsSaid, DnsTransport, Observation, Outcome, ProbeRequest,
};

use self::message::{Heard, Query};
use self::stream::{Progress, Stream};
use crate::departure::Departure;
use crate::error::{ProbeError, SystemCall};
use crate::flight::{Flight, Step, Stray};
use crate::socket::{DatagramSocket, Ends, Received, Transport, WallTime};
use crate::verdict;
use crate::watch::Interest;

/// The longest datagram.
const LONGEST: usize = 65_535;

/// How many datagrams are read in one go, so that a flood cannot hold the engine.
const READS: usize = 16;

/// What a server answers that does not know EDNS (RFC 6891, section 7): FORMERR, NOTIMP.
const CODES_WITHOUT_EDNS: [u16; 2] = [1, 4];

/// One question under way.
#[derive(Debug)]
pub(crate) struct Conversation {
    departure: Departure,
    query: Query,
    wire: Wire,
    end: Duration,
    /// When the question is sent once more, where it was not yet.
    again_at: Option<Duration>,
    retransmissions: u32,
    reply: DnsReply,
}

/// What is spoken through.
#[derive(Debug)]
enum Wire {
    Udp(DatagramSocket),
    Tcp(Stream),
}

impl Conversation {
    /// A question that leaves at `now`, under an id that nobody can guess.
    pub(crate) fn prepare(
        request: ProbeRequest,
        question: &DnsQuestion,
        id: u16,
        now: Duration,
    ) -> Result<Self, ProbeError> {
        let query = Query::new(id, question).ok_or(ProbeError::new(SystemCall::Request, Errno::EINVAL))?;
        let socket = DatagramSocket::prepare(Transport::Udp, Ends::of(&request)?)?;
        Ok(Self {
            departure: Departure::new(request, now, socket.local()),
            wire: Wire::Udp(socket),
            end: now.saturating_add(request.timeout),
            again_at: Some(now.saturating_add(request.timeout / 2)),
            query,
            retransmissions: 0,
            reply: DnsReply::default(),
        })
    }

    /// Reads datagrams up to the first that answers, then what ICMP brought.
    fn hear_datagrams(&mut self, now: Duration) -> Step {
        let mut buffer = vec![0; LONGEST];
        let mut error = None;
        for _ in 0..READS {
            let Wire::Udp(socket) = &self.wire else { return Step::Stay };
            match socket.receive(&mut buffer) {
                Received::Nothing => break,
                Received::Broken(errno) => error = Some(errno),
                Received::Packet(packet) => {
                    let bytes = buffer.get(..packet.length).unwrap_or_default();
                    match self.query.read(bytes) {
                        Heard::Another => self.reply.ignored = self.reply.ignored.saturating_add(1),
                        Heard::Cut => return self.turn_to_tcp(now),
                        Heard::Said(DnsSaid::Code { code })
                            if CODES_WITHOUT_EDNS.contains(&code) && self.query.drop_edns() =>
                        {
                            return match self.send() {
                                Ok(()) => Step::Stay,
                                Err(error) => self.over(now, error.outcome(), None),
                            };
                        }
                        Heard::Said(said) => return self.said(now, said, packet.length, packet.stamped_at),
                    }
                }
            }
        }
        let Wire::Udp(socket) = &self.wire else { return Step::Stay };
        let target = socket.target().ip();
        let queued = socket.take_icmp();
        let outcome = match (queued, error.or_else(|| socket.take_error())) {
            (Some(icmp), _) => verdict::of_datagram_icmp(icmp, target),
            (None, Some(errno)) => verdict::of_late_error(errno, target.is_ipv4()),
            (None, None) => return Step::Stay,
        };
        self.over(now, outcome, queued.and_then(|icmp| icmp.stamped_at))
    }

    fn send(&mut self) -> Result<(), ProbeError> {
        let Wire::Udp(socket) = &self.wire else { return Ok(()) };
        self.departure.leave();
        socket.send(self.query.bytes())
    }

    /// The same question by TCP; what is left of the timeout is all the time that it has.
    fn turn_to_tcp(&mut self, now: Duration) -> Step {
        self.reply.truncated = true;
        self.reply.transport = DnsTransport::Tcp;
        self.again_at = None;
        match Stream::open(self.departure.request) {
            Ok(stream) => {
                self.departure.local = stream.connection().local();
                self.wire = Wire::Tcp(stream);
                Step::Reopen
            }
            Err(error) => self.over(now, error.outcome(), None),
        }
    }

    fn hear_stream(&mut self, now: Duration, is_open: bool) -> Step {
        let Wire::Tcp(stream) = &mut self.wire else { return Step::Stay };
        match stream.hear(is_open, self.query.bytes()) {
            Progress::Waiting => Step::Stay,
            Progress::Asked => Step::Listen,
            Progress::Failed(outcome) => self.over(now, outcome, None),
            Progress::CutShort(length) => self.said(now, DnsSaid::CutShort, length, None),
            Progress::Message(message) => {
                let said = match self.query.read(&message) {
                    Heard::Said(said) => said,
                    // By TCP nothing is cut, and nobody else answers.
                    Heard::Cut => DnsSaid::CutShort,
                    Heard::Another => DnsSaid::Malformed,
                };
                self.said(now, said, message.len(), None)
            }
        }
    }

    fn said(&mut self, now: Duration, said: DnsSaid, length: usize, stamp: Option<WallTime>) -> Step {
        let outcome = match said {
            DnsSaid::Addresses { .. } => Outcome::Answered,
            _ => Outcome::DnsError,
        };
        self.reply.length = u32::try_from(length).unwrap_or(u32::MAX);
        self.reply.said = Some(said);
        self.over(now, outcome, stamp)
    }

    fn over(&self, now: Duration, outcome: Outcome, stamp: Option<WallTime>) -> Step {
        Step::Over(Some(self.observation(now, outcome, stamp)))
    }

    /// The round trip is that of the datagram that was answered; where it was sent twice, or TCP came
    /// after it, none is known.
    fn observation(&self, finished_at: Duration, outcome: Outcome, stamp: Option<WallTime>) -> Observation {
        let retransmissions = self.retransmissions;
        let stamp = stamp.filter(|_| retransmissions == 0);
        Observation { retransmissions, ..self.departure.observation(finished_at, outcome, stamp) }
    }
}

impl Flight for Conversation {
    fn request(&self) -> &ProbeRequest {
        &self.departure.request
    }

    fn deadline(&self) -> Duration {
        self.again_at.unwrap_or(self.end).min(self.end)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.wire {
            Wire::Udp(socket) => socket.as_fd(),
            Wire::Tcp(stream) => stream.as_fd(),
        }
    }

    fn interest(&self) -> Interest {
        match &self.wire {
            Wire::Udp(_) => Interest::Bytes,
            Wire::Tcp(_) => Interest::Handshake,
        }
    }

    fn begin(&mut self) -> Result<(), ProbeError> {
        self.send()
    }

    fn on_news(&mut self, now: Duration, is_open: bool, _strays: &mut Vec<Stray>) -> Step {
        match &self.wire {
            Wire::Udp(_) => self.hear_datagrams(now),
            Wire::Tcp(_) => self.hear_stream(now, is_open),
        }
    }

    fn on_deadline(&mut self, now: Duration) -> Step {
        if now >= self.end || self.again_at.is_none() {
            return self.over(now, Outcome::Timeout, None);
        }
        self.again_at = None;
        self.retransmissions += 1;
        // An error here is the network's answer to the first packet, which is read next, or this host's,
        // which let the first one go: then the silence stands.
        let _ = self.send();
        Step::Stay
    }

    fn on_cancel(&self) -> Step {
        Step::Over(None)
    }

    fn fail(&self, now: Duration, error: ProbeError) -> Option<Observation> {
        Some(self.observation(now, error.outcome(), None))
    }

    fn is_unreported(&self) -> bool {
        true
    }

    fn is_idle(&self) -> bool {
        false
    }

    /// A connection to a DNS server is ended by dropping it: nothing unread is left of an answer.
    fn close(&mut self, _now: Duration) -> Step {
        Step::Over(None)
    }

    fn take_reply(&mut self) -> Option<DnsReply> {
        Some(std::mem::take(&mut self.reply))
    }
}
