//! Asks the network, without privileges.
//!
//! peerscope must measure what happens to real packets from where nobody has rights: a dyno, a
//! container, a locked-down host. So everything here works with plain sockets, and what a raw socket
//! would show is won from what Linux tells any user: the socket's error queue (`IP_RECVERR`, ip(7)),
//! which carries the ICMP message and its sender, and `TCP_INFO` (tcp(7)), which carries the round
//! trip and the retransmissions by the kernel's own clock.
//!
//! A [`ProbeRequest`](peerscope_vocabulary::ProbeRequest) goes in, an
//! [`Observation`](peerscope_vocabulary::Observation) comes out. Nothing here knows AWS, Heroku or
//! why it was asked. Nor does it read a clock: an [`Engine`] is told the time, and its driver
//! sleeps. (The validity of a certificate is held against the calendar, by the library that speaks TLS.) Only [`capabilities`] drives an engine itself, over loopback.
//!
//! ```
//! use std::net::TcpListener;
//! use std::time::{Duration, Instant};
//!
//! use peerscope_probes::{ProbeEngine, Engine};
//! use peerscope_vocabulary::{Outcome, ProbeId, ProbeKind, ProbeRequest, SegmentLimits};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let target = TcpListener::bind("127.0.0.1:0")?;
//! let request = ProbeRequest {
//!     id: ProbeId(1),
//!     kind: ProbeKind::TcpConnect,
//!     source: None,
//!     source_port: None,
//!     address: target.local_addr()?.ip(),
//!     port: target.local_addr()?.port(),
//!     hop_limit: None,
//!     payload_length: 0,
//!     dont_fragment: false,
//!     segments: SegmentLimits::default(),
//!     timeout: Duration::from_secs(1),
//!     greeting_wait: Duration::ZERO,
//! };
//!
//! let start = Instant::now();
//! let mut engine = ProbeEngine::new()?;
//! let mut observations = Vec::new();
//! engine.submit(start.elapsed(), &[request]);
//! let observation = loop {
//!     engine.poll(start.elapsed(), &mut observations);
//!     if let Some(observation) = observations.pop() {
//!         break observation;
//!     }
//!     let wake_at = engine.wake_at().ok_or("nothing is under way")?;
//!     engine.wait(wake_at.saturating_sub(start.elapsed()))?;
//! };
//! assert_eq!(observation.outcome, Outcome::Connected);
//! # Ok(())
//! # }
//! ```
//!
//! A DNS server is asked by [`ProbeEngine::ask`]; what it said lies beside the observation
//! ([`ProbeEngine::answer`]). An application's protocol is spoken by [`ProbeEngine::speak`], and what came of it
//! lies beside likewise ([`ProbeEngine::spoken`]).
//!
//! Manners are kept here, below everyone who could forget them: see [`ProbeEngine`].

mod canary;
mod capability;
mod connect;
mod departure;
mod dns;
mod engine;
mod error;
mod exchange;
mod flight;
mod handshake;
mod local;
mod pace;
mod probe_engine;
mod socket;
mod verdict;
mod watch;

pub use canary::{Canary, CanaryEnd, CanaryState};
pub use capability::{Capability, capabilities};
pub use connect::{CLOSING_LIMIT, DRAIN_LIMIT};
pub use engine::Engine;
pub use error::{ProbeError, SystemCall};
pub use exchange::EchoSockets;
pub use flight::{Stray, StrayKind};
pub use handshake::{certificate_facts, system_roots};
pub use local::{DEFAULT_EPHEMERAL_PORTS, echo_permitted, ephemeral_port_range, source_address};
pub use pace::{Pace, QUEUE_LIMIT};
pub use peerscope_vocabulary::{BURST, BURST_WINDOW};
pub use probe_engine::{EngineOptions, ProbeEngine};
