//! One try over loopback: a probe of the real engine, driven by the clock of this machine.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};
use peerscope_vocabulary::{DnsObservation, DnsQuestion, Observation, Outcome, ProbeRequest};

use super::PATIENCE;
use crate::engine::Engine;
use crate::error::ProbeError;
use crate::probe_engine::{EngineOptions, ProbeEngine};

/// Waiting for the kernel to do what it does soon.
pub(super) mod settle {
    use std::thread;
    use std::time::Duration;

    /// How often something is looked for.
    pub(in super::super) const ROUNDS: usize = 50;

    /// How long is waited between two looks: so that all of them take as long as one try may.
    pub(in super::super) fn pause() {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Why a sense is not available.
#[derive(Debug)]
pub(super) struct Failed(String);

impl Failed {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The probe came to something else than it should over loopback.
    pub(super) fn saw(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::LocalError { errno, .. } => {
                Self(format!("this system refuses: {}", Errno::from_raw(*errno).desc()))
            }
            other => Self(format!("over loopback the probe came to: {}", other.word())),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<ProbeError> for Failed {
    fn from(error: ProbeError) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Asks once and waits for what it came to.
pub(super) fn ask(options: EngineOptions, request: ProbeRequest) -> Result<Observation, Failed> {
    ask_while(options, request, || {})
}

/// Asks once, and between looks does what the other side has to do.
pub(super) fn ask_while(
    options: EngineOptions,
    request: ProbeRequest,
    serve: impl FnMut(),
) -> Result<Observation, Failed> {
    let mut engine = ProbeEngine::with(options)?;
    engine.submit(Duration::ZERO, &[request]);
    end_of(&mut engine, serve)
}

/// Asks a name server, and between looks does what it has to do.
pub(super) fn question_while(
    request: ProbeRequest,
    question: DnsQuestion,
    serve: impl FnMut(),
) -> Result<DnsObservation, Failed> {
    let mut engine = ProbeEngine::new()?;
    engine.ask(Duration::ZERO, request, question);
    let observation = end_of(&mut engine, serve)?;
    engine.answer(&observation).ok_or_else(|| Failed::new("the engine forgot the question"))
}

/// What the only probe of an engine, which was given to it just now, came to.
fn end_of(engine: &mut ProbeEngine, mut serve: impl FnMut()) -> Result<Observation, Failed> {
    let start = Instant::now();
    let mut observations = Vec::new();
    while start.elapsed() < PATIENCE * 2 {
        engine.poll(start.elapsed(), &mut observations);
        if let Some(observation) = observations.pop() {
            return Ok(observation);
        }
        serve();
        engine.wait(PATIENCE / 50)?;
    }
    Err(Failed::new("the probe did not end"))
}

/// The hop limit that a datagram arrives with after `send`; none where the system does not tell.
pub(super) fn received_hop_limit(
    server: &UdpSocket,
    send: impl FnOnce() -> Result<(), ProbeError>,
) -> Result<Option<i32>, Failed> {
    setsockopt(server, sockopt::Ipv4RecvTtl, &true).map_err(io::Error::from)?;
    server.set_read_timeout(Some(PATIENCE))?;
    send()?;
    let mut byte = [0; 1];
    let mut payload = [IoSliceMut::new(&mut byte)];
    let mut control = cmsg_space!(i32);
    let message =
        recvmsg::<SockaddrStorage>(server.as_raw_fd(), &mut payload, Some(&mut control), MsgFlags::empty())
            .map_err(io::Error::from)?;
    let mut parts = message.cmsgs().map_err(io::Error::from)?;
    Ok(parts.find_map(|part| match part {
        ControlMessageOwned::Ipv4Ttl(limit) => Some(limit),
        _ => None,
    }))
}
