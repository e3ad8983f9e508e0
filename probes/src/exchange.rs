//! Asks with one packet: an ICMP echo request, or a UDP datagram.
//!
//! Neither has a handshake, so neither is resent, and silence proves little. What makes them worth
//! sending is what comes back all the same: a reply with the kernel's timestamp, or the ICMP error of
//! whoever stopped the packet, which the error queue of the socket gives to any user.
//!
//! ```text
//!          reply, ICMP, error
//! Waiting ───────────────────▶ over, or Answered ── once more: Duplicate
//!    └──── timeout ──────────▶ over, or Overdue ─── after all: Late ──▶ Answered
//! ```
//! `Answered` and `Overdue` exist only where the engine was told to listen on.

mod echo;

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{Observation, Outcome, ProbeRequest};

use self::echo::Echo;
pub(crate) use self::echo::{Cookie, Cookies};
use crate::departure::Departure;
use crate::error::{ProbeError, SystemCall};
use crate::flight::{Flight, Step, Stray, StrayKind};
use crate::socket::{DatagramSocket, Ends, Packet, QueuedIcmp, Received, Transport, WallTime};
use crate::verdict;
use crate::watch::Interest;

/// The longest IPv4 header, the ICMP header and the cookie fit; of a datagram's payload nothing is needed.
const READ_AT_ONCE: usize = 128;

/// How many packets are read in one go, so that a flood cannot hold the engine.
const READS: usize = 16;

/// By which sockets echo requests may be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EchoSockets {
    /// A ping socket; where none is to be had, a raw socket.
    #[default]
    PingElseRaw,
    /// Ping sockets alone (icmp(7), `ping_group_range`).
    Ping,
    /// Raw sockets alone (raw(7)): for root, or with CAP_NET_RAW.
    Raw,
}

/// What was asked, and so what counts as an answer.
#[derive(Clone, Copy, Debug)]
enum Question {
    Datagram,
    Echo(Echo),
}

/// Where an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// Reported as a timeout, and still listened for.
    Overdue,
    /// Answered, and listened for once more.
    Answered,
}

/// One packet sent, and what came back.
#[derive(Debug)]
pub(crate) struct Exchange {
    departure: Departure,
    socket: DatagramSocket,
    question: Question,
    deadline: Duration,
    late_limit: Duration,
    stage: Stage,
}

impl Exchange {
    /// A datagram that leaves at `now`.
    pub(crate) fn datagram(
        request: ProbeRequest,
        now: Duration,
        late_limit: Duration,
    ) -> Result<Self, ProbeError> {
        let socket = DatagramSocket::prepare(Transport::Udp, Ends::of(&request)?)?;
        Ok(Self::new(request, socket, Question::Datagram, now, late_limit))
    }

    /// An echo request that leaves at `now`. `number` and `cookie` tell its reply from any other's.
    pub(crate) fn echo(
        request: ProbeRequest,
        now: Duration,
        late_limit: Duration,
        sockets: EchoSockets,
        (number, cookie): (u64, Cookie),
    ) -> Result<Self, ProbeError> {
        let ends = Ends::of(&request)?;
        let (transport, socket) = match sockets {
            EchoSockets::Ping => (Transport::Ping, DatagramSocket::prepare(Transport::Ping, ends)?),
            EchoSockets::Raw => (Transport::RawIcmp, DatagramSocket::prepare(Transport::RawIcmp, ends)?),
            EchoSockets::PingElseRaw => match DatagramSocket::prepare(Transport::Ping, ends) {
                Ok(socket) => (Transport::Ping, socket),
                // The ping socket's error is the one to tell of: it is what an ordinary user needs.
                Err(error) if error.call == SystemCall::Socket => {
                    let raw = DatagramSocket::prepare(Transport::RawIcmp, ends);
                    (Transport::RawIcmp, raw.map_err(|raw| if raw.call == error.call { error } else { raw })?)
                }
                Err(error) => return Err(error),
            },
        };
        let echo = Echo::new(transport, ends.target.is_ipv4(), number, cookie);
        Ok(Self::new(request, socket, Question::Echo(echo), now, late_limit))
    }

    fn new(
        request: ProbeRequest,
        socket: DatagramSocket,
        question: Question,
        now: Duration,
        late_limit: Duration,
    ) -> Self {
        Self {
            departure: Departure::new(request, now, socket.local()),
            socket,
            question,
            deadline: now.saturating_add(request.timeout),
            late_limit,
            stage: Stage::Waiting,
        }
    }

    fn observation(&self, now: Duration, outcome: Outcome, stamped_at: Option<WallTime>) -> Observation {
        let largest_packet = self.socket.largest_packet();
        Observation { largest_packet, ..self.departure.observation(now, outcome, stamped_at) }
    }

    /// Reads replies up to the first that answers. Errors that were pending are given beside it.
    fn read(&self) -> (Option<Packet>, Option<Errno>) {
        let mut error = None;
        let mut buffer = [0; READ_AT_ONCE];
        for _ in 0..READS {
            match self.socket.receive(&mut buffer) {
                Received::Nothing => break,
                Received::Broken(errno) => error = Some(errno),
                Received::Packet(packet) => {
                    let bytes = buffer.get(..packet.length).unwrap_or_default();
                    if self.is_answer(packet, bytes) {
                        return (Some(packet), error);
                    }
                }
            }
        }
        (None, error)
    }

    /// A host answers from the address that was asked (RFC 1122, section 3.2.2.6). Of a UDP socket the
    /// kernel sees to it; a ping socket takes a reply of anybody's with its identifier.
    fn is_answer(&self, packet: Packet, bytes: &[u8]) -> bool {
        match &self.question {
            Question::Datagram => true,
            Question::Echo(echo) => {
                packet.from == Some(self.socket.target().ip()) && echo.is_answered_by(bytes)
            }
        }
    }

    fn wait(&mut self, now: Duration) -> Step {
        let (reply, error) = self.read();
        if let Some(packet) = reply {
            let outcome = match self.question {
                Question::Datagram => Outcome::Answered,
                Question::Echo(_) => Outcome::Echo,
            };
            let observation = self.observation(now, outcome, packet.stamped_at);
            return self.report(Stage::Answered, now, observation);
        }
        let queued = self.take_icmp();
        let target = self.socket.target().ip();
        let outcome = match (queued, self.question) {
            (Some(icmp), Question::Datagram) => verdict::of_datagram_icmp(icmp, target),
            (Some(icmp), Question::Echo(_)) => verdict::of_icmp(icmp),
            (None, _) => match error.or_else(|| self.socket.take_error()) {
                Some(errno) if self.socket.has_errors_of_its_own() => {
                    verdict::of_late_error(errno, target.is_ipv4())
                }
                _ => return Step::Stay,
            },
        };
        // What the ICMP error answered will not be answered again.
        let stamped_at = queued.and_then(|icmp| icmp.stamped_at);
        let observation = self.observation(now, outcome, stamped_at);
        let named = queued.and_then(|icmp| icmp.mtu);
        Step::Over(Some(Observation { largest_packet: named.or(observation.largest_packet), ..observation }))
    }

    fn take_icmp(&self) -> Option<QueuedIcmp> {
        match &self.question {
            Question::Datagram => self.socket.take_icmp(),
            Question::Echo(echo) => self.socket.take_icmp_where(|quoted| echo.is_quoted_by(quoted)),
        }
    }

    fn listen_on(&mut self, now: Duration, strays: &mut Vec<Stray>) -> Step {
        // Errors that come late change nothing, but unread they would be news for ever.
        while self.take_icmp().is_some() {}
        let _ = self.socket.take_error();
        for _ in 0..READS {
            if self.read().0.is_none() {
                break;
            }
            let kind = if self.stage == Stage::Overdue { StrayKind::Late } else { StrayKind::Duplicate };
            self.stage = Stage::Answered;
            strays.push(Stray { id: self.departure.request.id, kind, at: now });
        }
        Step::Stay
    }

    fn report(&mut self, next: Stage, now: Duration, observation: Observation) -> Step {
        if self.late_limit.is_zero() {
            return Step::Over(Some(observation));
        }
        self.stage = next;
        self.deadline = now.saturating_add(self.late_limit);
        Step::Report(observation)
    }
}

impl Flight for Exchange {
    fn request(&self) -> &ProbeRequest {
        &self.departure.request
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn interest(&self) -> Interest {
        Interest::Bytes
    }

    fn begin(&mut self) -> Result<(), ProbeError> {
        let packet = match &self.question {
            Question::Datagram => vec![0; usize::from(self.departure.request.payload_length)],
            Question::Echo(echo) => echo.request(self.departure.request.payload_length),
        };
        self.departure.leave();
        self.socket.send(&packet)
    }

    fn on_news(&mut self, now: Duration, _is_open: bool, strays: &mut Vec<Stray>) -> Step {
        match self.stage {
            Stage::Waiting => self.wait(now),
            Stage::Overdue | Stage::Answered => self.listen_on(now, strays),
        }
    }

    fn on_deadline(&mut self, now: Duration) -> Step {
        match self.stage {
            Stage::Waiting => {
                let observation = self.observation(now, Outcome::Timeout, None);
                self.report(Stage::Overdue, now, observation)
            }
            Stage::Overdue | Stage::Answered => Step::Over(None),
        }
    }

    fn on_cancel(&self) -> Step {
        Step::Over(None)
    }

    fn fail(&self, now: Duration, error: ProbeError) -> Option<Observation> {
        self.is_unreported().then(|| self.observation(now, error.outcome(), None))
    }

    fn is_unreported(&self) -> bool {
        self.stage == Stage::Waiting
    }

    fn is_idle(&self) -> bool {
        !self.is_unreported()
    }

    /// There is nothing to end.
    fn close(&mut self, _now: Duration) -> Step {
        Step::Over(None)
    }
}
