//! The words that the prober and the analyst share.
//!
//! `probes` asks the network and knows nothing of AWS; `analysis` thinks and opens no socket.
//! What passes between them is here: a [`ProbeRequest`] goes one way, an [`Observation`] the
//! other. Nothing here does anything, so that neither side can reach into the other through it.
#![no_std]

extern crate alloc;

mod dns;
mod handshake;
mod observation;
mod pace;
mod request;
mod segments;
mod tcp;
mod tls;

pub use dns::{
    ADDRESSES_KEPT, AddressRecord, DnsAddress, DnsObservation, DnsQuestion, DnsReply, DnsSaid, DnsTransport,
};
pub use handshake::{
    ApplicationProtocol, ClosedBy, Handshake, HandshakeEnd, HandshakeObservation, HandshakeReply,
    HandshakeStep, ProtocolAnswer, RecognisedProtocol, SERVER_TEXT_KEPT, ServerText, Spoken,
};
pub use observation::{Greeting, IcmpMessage, LocalRefusal, Observation, Outcome, UnreachableScope};
pub use pace::{BURST, BURST_WINDOW};
pub use request::{ProbeId, ProbeKind, ProbeRequest};
pub use segments::{Carried, SegmentLimits};
pub use tcp::TcpFacts;
pub use tls::{CERTIFICATE_NAMES_KEPT, CertificateDoubt, CertificateFacts, TlsFacts, TlsProblem, TlsVersion};
