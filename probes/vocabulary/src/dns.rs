//! What is asked of a DNS server, and what it said.
//!
//! A resolver tells whether a name has addresses; a diagnosis needs to know which server did what: a
//! closed port, a firewall, silence and a lie are different faults, and have different owners.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::Observation;

/// One question to a DNS server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DnsQuestion {
    /// The full name, in ASCII. A dot at its end changes nothing: no search list is applied.
    pub name: String,
    /// Which kind of address is asked for.
    pub record_type: AddressRecord,
}

/// The records that hold addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AddressRecord {
    /// IPv4 (RFC 1035, section 3.4.1).
    A,
    /// IPv6 (RFC 3596, section 2.1).
    #[serde(rename = "AAAA")]
    Aaaa,
}

impl AddressRecord {
    /// Both, in the order in which they are asked for.
    pub const ALL: [Self; 2] = [Self::A, Self::Aaaa];

    /// The type's mnemonic: `A`, `AAAA`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        }
    }

    /// `IPv4`, `IPv6`
    #[must_use]
    pub fn family(self) -> &'static str {
        match self {
            Self::A => "IPv4",
            Self::Aaaa => "IPv6",
        }
    }
}

/// What became of one question to one server: the packets' side of it, and what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsObservation {
    /// The question.
    pub question: DnsQuestion,
    /// The packets' side: the server is the address that is asked, and the outcome
    /// [`Answered`](crate::Outcome::Answered) where it gave addresses,
    /// [`DnsError`](crate::Outcome::DnsError) where it said anything else.
    pub observation: Observation,
    /// What was said, and how.
    pub reply: DnsReply,
}

/// What a server said to one question, and how. By default nothing, by UDP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsReply {
    /// What it said; none where no answer to this question came.
    pub said: Option<DnsSaid>,
    /// The transport that the end of the conversation used.
    pub transport: DnsTransport,
    /// Whether the answer by UDP said that it is cut (the bit TC), so that TCP was tried.
    pub truncated: bool,
    /// How many bytes the message had.
    pub length: u32,
    /// How many datagrams came from the server that answer another question, or none: they were passed
    /// over. One from any other address never reaches the socket, which is connected.
    pub ignored: u32,
}

/// By what a conversation with a DNS server goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DnsTransport {
    /// RFC 1035, section 4.2.1
    #[default]
    Udp,
    /// RFC 7766
    Tcp,
}

impl DnsTransport {
    /// `UDP`, `TCP`
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// What a DNS server said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "said")]
#[non_exhaustive]
pub enum DnsSaid {
    /// The name has addresses.
    Addresses {
        /// They, without repetition, in the server's order; the first [`ADDRESSES_KEPT`] of them.
        addresses: Vec<DnsAddress>,
        /// How many there are.
        count: u32,
        /// The names that the question's is an alias of, in their order (CNAME).
        aliases: Vec<String>,
    },
    /// The name exists, and has no address of that kind (RFC 2308, section 2.2).
    NoAddress {
        /// The names that the question's is an alias of, in their order.
        aliases: Vec<String>,
    },
    /// The name does not exist (NXDOMAIN).
    NoSuchName,
    /// Ask others: the server knows nothing of the name and asks nobody for it.
    Referral,
    /// Any other response code: 2 is SERVFAIL, 5 is REFUSED.
    Code {
        /// The code, with the upper bits that EDNS adds (RFC 6895, section 2.3).
        code: u16,
    },
    /// Aliases that lead back to one of them.
    AliasLoop {
        /// The names, up to the one that comes again.
        aliases: Vec<String>,
    },
    /// More aliases of aliases than anybody follows.
    AliasChain {
        /// How many were followed.
        followed: u32,
    },
    /// Bytes that are no DNS message, or one with names that point into themselves.
    Malformed,
    /// A message that ends before it is complete.
    CutShort,
}

/// How many addresses of an answer are kept.
pub const ADDRESSES_KEPT: usize = 64;

/// One address of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsAddress {
    /// The address.
    pub address: IpAddr,
    /// For how many seconds it may be kept.
    pub ttl_seconds: u32,
}
