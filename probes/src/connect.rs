//! Asks by connecting, as an application would: one probe, from its SYN until its connection is closed.
//!
//! The one probe that any process may send, that every firewall treats as the real thing, and whose
//! failures the kernel explains to its sender: a TCP handshake from an ordinary socket.
//!
//! ```text
//!             ICMP, RST, error, timeout                          RST
//! Connecting ───────────────────────────▶ over      Listening ─────────▶ over
//!   │ │ SYN-ACK, greeting_wait > 0                      │ first byte, FIN, greeting_wait over
//!   │ ├──────────────────────────────▶ Listening        ▼
//!   │ └─ SYN-ACK, greeting_wait = 0 ──────────────▶ Closing ── FIN or RST of the other side, limit ──▶ over
//!   │ timeout, where late answers are wanted            ▲
//!   └──────────────────────────────▶ Overdue ───────────┘ SYN-ACK after all
//! ```
//! Where an application's protocol is to be spoken, `Talking` stands in the place of `Listening`: it ends with
//! that protocol's handshake.
//!
//! Where the SYN or its answer had to be sent again, `Finishing` comes before `Closing`: the FIN goes out as ever, and what becomes of
//! it is waited for before the observation is handed out: whether a path that loses SYNs loses other packets too.
//!
//! The observation is handed out on the way into `Closing` or `Overdue`, or straight to the end.
//! `Closing` exists because Linux answers with RST where close(2) meets bytes unread or bytes that come
//! later: the FIN goes out, and what still arrives is read and thrown away until the other side has
//! finished too.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{
    ClosedBy, Greeting, Handshake as Spoken, HandshakeReply, Observation, Outcome, ProbeRequest, TcpFacts,
};

use crate::departure::Departure;
use crate::error::ProbeError;
use crate::flight::{Flight, Step, Stray, StrayKind};
use crate::handshake::{Talk, Talked};
use crate::socket::{Connection, Ends, Heard, Measurement, QueuedIcmp};
use crate::verdict;
use crate::watch::Interest;

/// How long a connection that was closed on this side is kept so that the other side may finish.
pub const CLOSING_LIMIT: Duration = Duration::from_secs(2);

/// How many bytes are read and thrown away meanwhile.
pub const DRAIN_LIMIT: usize = 64 * 1024;

/// How long a FIN is waited for where the handshake took more than one attempt: Linux sends it a second and a third time within
/// this (200 ms after the first, its least timeout, and twice that after the second).
const FINISHING: Duration = Duration::from_millis(750);

/// A SYN is not sent again sooner than this (RFC 6298, section 2), so an answer to one that is younger is to the last; nor is the answer to one.
const LEAST_GAP: Duration = Duration::from_secs(1);

/// Enough for any greeting; what does not fit is drained later.
const READ_AT_ONCE: usize = 4096;

/// What was known when the handshake was complete.
#[derive(Clone, Copy, Debug)]
struct Handshake {
    at: Duration,
    measurement: Measurement,
}

impl Handshake {
    /// Whether a SYN or its answer had to be sent again: by this side, or by the other one, whose own second answer
    /// may come before this side's second SYN is due.
    fn took_several(&self) -> bool {
        let Measurement { rtt, retransmissions, .. } = self.measurement;
        retransmissions > 0 || rtt.is_some_and(|rtt| rtt >= LEAST_GAP)
    }
}

/// Where a connect is.
#[derive(Debug)]
enum Stage {
    Connecting,
    /// Established, and not reported yet.
    Listening(Handshake),
    /// Established, and a protocol is spoken; not reported yet.
    Talking(Handshake),
    /// Established after its SYN had been sent again, and finished on this side; not reported yet.
    Finishing(Handshake),
    /// Reported as a timeout, and still listened for.
    Overdue,
    /// Finished on this side, with so many bytes thrown away.
    Closing {
        drained: usize,
    },
}

/// A TCP handshake under way.
#[derive(Debug)]
pub(crate) struct Connect {
    departure: Departure,
    connection: Connection,
    deadline: Duration,
    late_limit: Duration,
    stage: Stage,
    /// What is spoken once connected, where anything is.
    talk: Option<Talk>,
}

impl Connect {
    /// A handshake whose SYN leaves at `now`. For `late_limit` after its timeout it is still listened for.
    pub(crate) fn prepare(
        request: ProbeRequest,
        now: Duration,
        late_limit: Duration,
    ) -> Result<Self, ProbeError> {
        let patience = request.timeout.saturating_add(late_limit);
        let connection = Connection::prepare(Ends::of(&request)?, patience)?;
        let deadline = now.saturating_add(request.timeout);
        Ok(Self {
            departure: Departure::new(request, now, None),
            connection,
            deadline,
            late_limit,
            stage: Stage::Connecting,
            talk: None,
        })
    }

    /// The same, to speak a protocol once connected. Each answer is waited for as long as
    /// [`ProbeRequest::greeting_wait`] says.
    pub(crate) fn speaking(self, spoken: &Spoken) -> Result<Self, ProbeError> {
        let talk = Talk::prepare(spoken, &self.departure.request)?;
        Ok(Self { talk: Some(talk), ..self })
    }

    fn shake_hands(&mut self, now: Duration, is_open: bool) -> Step {
        let error = self.connection.take_error();
        match error {
            // RST before SYN-ACK is ECONNREFUSED; these two are RST and FIN-then-RST after it.
            Some(Errno::ECONNRESET) => self.establish(now, true),
            Some(Errno::EPIPE) => self.establish(now, false),
            // Whatever a router said about an earlier SYN: it got through.
            _ if is_open => self.establish(now, false),
            // ICMP that comes while the kernel still works on connect(2), as that of this host's own
            // firewall does, is queued but does not end the attempt. It counts all the same.
            _ => match (self.connection.take_icmp(), error) {
                (Some(icmp), _) => Step::Over(Some(self.rejected(now, icmp))),
                (None, Some(errno)) => {
                    let outcome = verdict::of_late_error(errno, self.connection.is_ipv4());
                    Step::Over(Some(self.failed(now, outcome)))
                }
                (None, None) => Step::Stay,
            },
        }
    }

    /// After the timeout: an answer is noted, and what it opened is closed in order.
    fn hear_late(&mut self, now: Duration, is_open: bool, strays: &mut Vec<Stray>) -> Step {
        let late = Stray { id: self.departure.request.id, kind: StrayKind::Late, at: now };
        let error = self.connection.take_error();
        if is_open {
            strays.push(late);
            self.connection.ignore_icmp();
            return Step::Close(None);
        }
        match (self.connection.take_icmp(), error) {
            (None, None) => Step::Stay,
            (None, Some(Errno::ECONNREFUSED)) => {
                strays.push(late);
                Step::Over(None)
            }
            _ => Step::Over(None),
        }
    }

    fn establish(&mut self, now: Duration, was_reset: bool) -> Step {
        let handshake = Handshake { at: now, measurement: self.connection.measure() };
        self.connection.ignore_icmp();
        if let Some(talk) = &mut self.talk {
            talk.begin(&self.connection, now);
            self.deadline = talk.patient_until();
            self.stage = Stage::Talking(handshake);
            return if was_reset { self.talk(now, handshake, true) } else { Step::Listen };
        }
        if self.departure.request.greeting_wait.is_zero() {
            return if was_reset {
                Step::Over(Some(self.reset(now, handshake)))
            } else {
                self.finish(now, handshake)
            };
        }
        self.stage = Stage::Listening(handshake);
        self.deadline = now.saturating_add(self.departure.request.greeting_wait);
        match self.listen(now, handshake, was_reset) {
            Step::Stay => Step::Listen,
            other => other,
        }
    }

    /// Ends a connection on which nothing was said.
    fn finish(&mut self, now: Duration, handshake: Handshake) -> Step {
        if !handshake.took_several() {
            return Step::Close(Some(self.connected(handshake)));
        }
        self.connection.finish_writing();
        self.stage = Stage::Finishing(handshake);
        self.deadline = now.saturating_add(FINISHING);
        match self.await_end(handshake) {
            Step::Stay => Step::Listen,
            other => other,
        }
    }

    /// Waits until the other side has finished too: most do as soon as they see the FIN.
    fn await_end(&mut self, handshake: Handshake) -> Step {
        let mut buffer = [0; READ_AT_ONCE];
        let mut drained = 0;
        while drained < DRAIN_LIMIT {
            match self.connection.read(&mut buffer) {
                Heard::Bytes(count) => drained += count,
                Heard::Nothing => return Step::Stay,
                Heard::End | Heard::Broken(_) => break,
            }
        }
        Step::Close(Some(self.connected(handshake)))
    }

    /// A greeting that came before the RST is heard: Linux keeps what was received.
    fn listen(&mut self, now: Duration, handshake: Handshake, was_reset: bool) -> Step {
        let mut buffer = [0; READ_AT_ONCE];
        match self.connection.read(&mut buffer) {
            Heard::Bytes(count) => {
                let greeting = buffer.get(..count).map(Greeting::new);
                Step::Close(Some(Observation { greeting, ..self.connected(handshake) }))
            }
            _ if was_reset => Step::Over(Some(self.reset(now, handshake))),
            Heard::Nothing => Step::Stay,
            Heard::End => Step::Close(Some(self.connected(handshake))),
            Heard::Broken(Errno::ECONNRESET) => Step::Over(Some(self.reset(now, handshake))),
            // The handshake did complete; what broke the connection since is not what was asked.
            Heard::Broken(_) => Step::Over(Some(self.connected(handshake))),
        }
    }

    /// What came before a reset is heard too, in one go.
    fn talk(&mut self, now: Duration, handshake: Handshake, was_reset: bool) -> Step {
        let Some(talk) = &mut self.talk else { return Step::Stay };
        match talk.hear(&self.connection, now) {
            Talked::Until(_) if was_reset => {
                talk.closed(now, ClosedBy::Reset);
                Step::Over(Some(self.spoken(handshake)))
            }
            Talked::Until(until) => {
                self.deadline = until;
                Step::Stay
            }
            Talked::Over => Step::Close(Some(self.spoken(handshake))),
        }
    }

    fn drain(&mut self) -> Step {
        let Stage::Closing { drained } = &mut self.stage else { return Step::Stay };
        let mut buffer = [0; READ_AT_ONCE];
        while *drained < DRAIN_LIMIT {
            match self.connection.read(&mut buffer) {
                Heard::Bytes(count) => *drained += count,
                Heard::Nothing => return Step::Stay,
                Heard::End | Heard::Broken(_) => return Step::Over(None),
            }
        }
        Step::Over(None)
    }

    fn connected(&self, handshake: Handshake) -> Observation {
        self.established(handshake.at, Outcome::Connected, handshake)
    }

    /// An observation of a connection that was established, with what its segments tell up to now.
    fn established(&self, finished_at: Duration, outcome: Outcome, handshake: Handshake) -> Observation {
        let (then, now) = (handshake.measurement, self.connection.measure());
        let answered_syn_age = then.rtt.filter(|_| handshake.took_several());
        // What acknowledges nothing and carries nothing is the answer to the SYN once more.
        let is_mute = now.data_segments_in == 0
            && !now.other_side_has_finished
            && now.acknowledged_bytes.is_some()
            && now.acknowledged_bytes == then.acknowledged_bytes
            // A second SYN has an answer of its own, though the first one's may have come.
            && (now.unacknowledged_segments > 0 || !handshake.took_several());
        let again = now.segments_in.saturating_sub(then.segments_in);
        let has_sent = matches!(self.stage, Stage::Finishing(_) | Stage::Talking(_));
        let tcp = TcpFacts {
            answered_syn_age,
            repeated_answers: if is_mute { again } else { 0 },
            resent: now.retransmissions.saturating_sub(then.retransmissions),
            resent_in_vain: now.arrived_twice,
            is_acknowledged: has_sent.then_some(now.unacknowledged_segments == 0),
        };
        let rtt = then.rtt.filter(|rtt| *rtt < LEAST_GAP);
        let measurement = Measurement { rtt, ..then };
        Observation { tcp: Some(tcp), ..self.observation(finished_at, outcome, measurement) }
    }

    /// The end of a talk.
    fn spoken(&self, handshake: Handshake) -> Observation {
        let is_answered = self.talk.as_ref().is_some_and(Talk::is_answered);
        let outcome = if is_answered { Outcome::Connected } else { Outcome::ApplicationError };
        let greeting = self.talk.as_ref().and_then(Talk::first);
        Observation { greeting, ..self.established(handshake.at, outcome, handshake) }
    }

    fn reset(&self, now: Duration, handshake: Handshake) -> Observation {
        self.established(now, Outcome::Reset, handshake)
    }

    /// The end of an attempt whose handshake did not complete, and that so has neither a round trip nor anything agreed.
    fn failed(&self, now: Duration, outcome: Outcome) -> Observation {
        let measurement = Measurement { rtt: None, largest_segment: None, ..self.connection.measure() };
        self.observation(now, outcome, measurement)
    }

    /// The end by an ICMP error, whose round trip is known unless it may answer another SYN than the first.
    fn rejected(&self, now: Duration, icmp: QueuedIcmp) -> Observation {
        let retransmissions = self.connection.measure().retransmissions;
        let stamp = icmp.stamped_at.filter(|_| retransmissions == 0);
        Observation { retransmissions, ..self.departure.observation(now, verdict::of_icmp(icmp), stamp) }
    }

    fn observation(&self, finished_at: Duration, outcome: Outcome, measurement: Measurement) -> Observation {
        let headers = self.connection.headers();
        Observation {
            rtt: measurement.rtt,
            retransmissions: measurement.retransmissions,
            largest_packet: measurement.largest_segment.map(|segment| segment + headers),
            ..self.departure.observation(finished_at, outcome, None)
        }
    }
}

impl Flight for Connect {
    fn request(&self) -> &ProbeRequest {
        &self.departure.request
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }

    fn interest(&self) -> Interest {
        Interest::Handshake
    }

    fn begin(&mut self) -> Result<(), ProbeError> {
        self.departure.leave();
        self.connection.connect()?;
        self.departure.local = self.connection.local();
        Ok(())
    }

    fn on_news(&mut self, now: Duration, is_open: bool, strays: &mut Vec<Stray>) -> Step {
        match self.stage {
            Stage::Connecting => self.shake_hands(now, is_open),
            Stage::Listening(handshake) => self.listen(now, handshake, false),
            Stage::Talking(handshake) => self.talk(now, handshake, false),
            Stage::Finishing(handshake) => self.await_end(handshake),
            Stage::Overdue => self.hear_late(now, is_open, strays),
            Stage::Closing { .. } => self.drain(),
        }
    }

    fn on_deadline(&mut self, now: Duration) -> Step {
        match self.stage {
            Stage::Connecting if self.late_limit.is_zero() => {
                Step::Over(Some(self.failed(now, Outcome::Timeout)))
            }
            Stage::Connecting => {
                self.stage = Stage::Overdue;
                self.deadline = now.saturating_add(self.late_limit);
                Step::Report(self.failed(now, Outcome::Timeout))
            }
            Stage::Listening(handshake) => self.finish(now, handshake),
            Stage::Finishing(handshake) => Step::Close(Some(self.connected(handshake))),
            Stage::Talking(handshake) => {
                if let Some(talk) = &mut self.talk {
                    talk.give_up(&self.connection, now);
                }
                Step::Close(Some(self.spoken(handshake)))
            }
            Stage::Overdue | Stage::Closing { .. } => Step::Over(None),
        }
    }

    /// The handshake may be complete unseen, so this closes too.
    fn on_cancel(&self) -> Step {
        if self.is_unreported() { Step::Close(None) } else { Step::Stay }
    }

    fn fail(&self, now: Duration, error: ProbeError) -> Option<Observation> {
        match self.stage {
            Stage::Connecting => Some(self.failed(now, error.outcome())),
            Stage::Listening(handshake) | Stage::Finishing(handshake) => Some(self.connected(handshake)),
            Stage::Talking(handshake) => Some(self.established(handshake.at, error.outcome(), handshake)),
            Stage::Overdue | Stage::Closing { .. } => None,
        }
    }

    fn is_unreported(&self) -> bool {
        matches!(
            self.stage,
            Stage::Connecting | Stage::Listening(_) | Stage::Talking(_) | Stage::Finishing(_)
        )
    }

    fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Overdue)
    }

    /// Sends the FIN and begins to drain. `Stay` where the other side has not finished yet. An
    /// attempt that is not established ends at once, without a packet (shutdown(2) in SYN-SENT).
    fn close(&mut self, now: Duration) -> Step {
        self.connection.finish_writing();
        self.deadline = now.saturating_add(CLOSING_LIMIT);
        self.stage = Stage::Closing { drained: 0 };
        self.drain()
    }

    fn take_handshake(&mut self) -> Option<HandshakeReply> {
        self.talk.as_mut().map(Talk::take_reply)
    }
}
