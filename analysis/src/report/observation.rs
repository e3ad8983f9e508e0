//! What a probe asked and saw, as it is shown.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use jiff::Timestamp;
use peerscope_vocabulary::{
    ApplicationProtocol, CertificateDoubt, HandshakeStep, ProbeKind, ProtocolAnswer, TlsVersion,
};
use serde::Serialize;

use crate::diagnose::AddressScope;

/// What one probe saw.
#[derive(Clone, Debug, Serialize)]
pub struct ObservationReport {
    /// When it was sent.
    pub at: Timestamp,
    /// What was asked.
    pub request: RequestReport,
    /// The outcome's word.
    pub result: &'static str,
    /// The round-trip time by the kernel's clock.
    pub rtt_seconds: Option<f64>,
    /// What the outcome says, in words.
    pub reason: Option<String>,
    /// Who sent the ICMP message that it rests on.
    pub from: Option<IpAddr>,
    /// More of it.
    pub detail: Option<String>,
    /// What a DNS server said, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsReport>,
    /// What came of an application's handshake, where one was spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<HandshakeReport>,
    /// What TCP's counters tell of the connection, where they tell of more than that it stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpReport>,
}

/// What TCP's counters tell of a connection.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TcpReport {
    /// Where the handshake took several attempts: how old the SYN was whose timestamp the answer carried, in seconds. A
    /// second or more: an earlier one than the last had arrived, and answers were lost. Null where nobody tells.
    pub answered_syn_age_seconds: Option<f64>,
    /// How many times the SYN was answered again although the connection stood.
    pub repeated_answers: u32,
    /// How many segments after the SYN were sent again.
    pub resent: u32,
    /// How many of them the other side had got before.
    pub resent_in_vain: u32,
    /// Whether all that was sent was acknowledged at last; null where that was not waited for.
    pub acknowledged: Option<bool>,
}

/// What came of an application's handshake.
#[derive(Clone, Debug, Serialize)]
pub struct HandshakeReport {
    /// The protocol that was spoken.
    pub protocol: ApplicationProtocol,
    /// How it ended: `answered`, `refused`, `another-protocol`, `tls-failed`, `silent`, `closed`; null where no connection was
    /// established.
    pub end: Option<&'static str>,
    /// What was waited for when it ended without an answer: `greeting`, `tls-offer`, `tls`, `reply`,
    /// `login`.
    pub step: Option<HandshakeStep>,
    /// What the server answered, where it did.
    pub answer: Option<ProtocolAnswer>,
    /// The server's code for its refusal, or the number of its TLS alert.
    pub code: Option<String>,
    /// The server's own words, as they came; of TLS, the alert's name, or what the library says.
    pub words: Option<String>,
    /// Of a silence: how many bytes of what was said the other side's system had not acknowledged; absent where
    /// nothing was said or this system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unacknowledged_bytes: Option<u32>,
    /// Of a conversation that was made long: how its packets fared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried: Option<CarriedReport>,
    /// What was seen of TLS, where its handshake was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsReport>,
    /// From the established connection to the end, in seconds.
    pub seconds: f64,
}

/// How the packets of a conversation fared, by the kernel's account.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CarriedReport {
    /// How many bytes were said.
    pub said_bytes: u32,
    /// How many of them were not acknowledged.
    pub unacknowledged_bytes: u32,
    /// How many segments were sent again.
    pub resent: u32,
    /// The largest packet that was sent, in bytes, IP header included.
    pub largest_packet_bytes: u32,
    /// The largest packet that came, where it was larger than what the kernel takes for granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_received_bytes: Option<u32>,
    /// How many bytes of answers came.
    pub received_bytes: u32,
    /// How many segments came although what belongs before them had not.
    pub out_of_order: u32,
}

/// What was seen of a completed TLS handshake.
#[derive(Clone, Debug, Serialize)]
pub struct TlsReport {
    /// `1.2`, `1.3`
    pub version: TlsVersion,
    /// How many certificates the server sent.
    pub certificates: u32,
    /// The names and addresses that its own is for, the first 16 of them.
    pub names: Vec<String>,
    /// When its validity begins.
    pub not_before: Option<Timestamp>,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// Why an application that checks it refuses it, by its word; absent where none would.
    #[serde(flatten)]
    pub doubt: Option<CertificateDoubt>,
    /// Whether the server asks for a certificate of the client.
    pub asks_for_certificate: bool,
}

/// What a DNS server said to one question.
#[derive(Clone, Debug, Serialize)]
pub struct DnsReport {
    /// The kind of answer: `addresses`, `no-address`, `no-such-name`, `referral`, `code`, `alias-loop`,
    /// `alias-chain`, `malformed`, `cut-short`; null where none came.
    pub said: Option<&'static str>,
    /// The response code: 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED (RFC 1035, section 4.1.1).
    pub code: Option<u16>,
    /// The addresses, the first 64 of them.
    pub addresses: Vec<DnsAddressReport>,
    /// How many there are.
    pub count: u32,
    /// The names that the one asked for is an alias of, in their order.
    pub aliases: Vec<String>,
    /// Whether the answer by UDP was cut, so that TCP was tried.
    pub truncated: bool,
    /// The length of the message.
    pub bytes: u32,
    /// How many datagrams were passed over that answer another question.
    pub ignored: u32,
    /// From the question to the end, in seconds, TCP and repetition included.
    pub seconds: f64,
}

/// One address that a DNS server gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DnsAddressReport {
    /// The address.
    pub address: IpAddr,
    /// Whom it is for.
    pub scope: AddressScope,
    /// For how many seconds it may be kept.
    pub ttl_seconds: u32,
}

/// What a probe asked.
#[derive(Clone, Debug, Serialize)]
pub struct RequestReport {
    /// The kind of packet.
    pub kind: ProbeKind,
    /// `tcp`, `udp`, `icmp`
    pub protocol: &'static str,
    /// The source address.
    pub source: Option<IpAddr>,
    /// The source port.
    pub source_port: Option<u16>,
    /// The address asked.
    pub address: IpAddr,
    /// The port asked.
    pub port: u16,
    /// The name that a DNS server was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kind of record: `A`, `AAAA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_type: Option<&'static str>,
    /// Of a packet that was to arrive whole or not at all: its length in bytes, IP header included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_bytes: Option<u32>,
    /// Of a conversation that was made long.
    #[serde(flatten)]
    pub long: Option<LongRequestReport>,
}

/// What a conversation that was made long asked.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LongRequestReport {
    /// How long its first request is at the least, in bytes.
    pub request_bytes: u16,
    /// The largest packets that both ends were held to, IP header included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_to_bytes: Option<u16>,
    /// The largest packets that this end alone was held to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said_in_bytes: Option<u16>,
}
