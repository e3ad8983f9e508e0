//! What a TLS handshake showed.
//!
//! A certificate that nobody vouches for stops an application and no packet. So what is wrong with one is a fact
//! beside the handshake, which goes on regardless: nothing secret is ever sent through it.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ServerText;

/// What was seen of a TLS handshake that was completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFacts {
    /// The version that both sides speak.
    pub version: TlsVersion,
    /// How many certificates the server sent, its own included.
    pub certificates: u32,
    /// What the server's own certificate says, where it could be read.
    pub certificate: Option<CertificateFacts>,
    /// What is wrong with it, by the roots of this system, the name that was asked for and the calendar.
    pub doubt: Option<CertificateDoubt>,
    /// Whether the server asks for a certificate of the client, of which none was sent.
    pub asks_for_certificate: bool,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446
    #[serde(rename = "1.3")]
    Tls13,
}

impl TlsVersion {
    /// `TLS 1.2`, `TLS 1.3`
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}

/// How many names of a certificate are kept.
pub const CERTIFICATE_NAMES_KEPT: usize = 16;

/// What a certificate says of itself (RFC 5280, sections 4.1.2.5 and 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// When its validity begins, in seconds since 1970.
    pub not_before: i64,
    /// When it ends.
    pub not_after: i64,
    /// The names and addresses that it is for, the first [`CERTIFICATE_NAMES_KEPT`] of them.
    pub names: Vec<ServerText>,
}

/// Why an application that checks certificates refuses one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "doubt")]
#[non_exhaustive]
pub enum CertificateDoubt {
    /// Its validity is over.
    Expired,
    /// Its validity has not begun.
    NotYetValid,
    /// It is for other names than the one asked for.
    AnotherName,
    /// None of the system's roots vouches for it: its issuer is private, a certificate between is missing, or
    /// it vouches for itself.
    UnknownIssuer,
    /// This system has no roots to judge it by.
    NoRoots,
    /// Anything else.
    Other {
        /// In the library's words.
        words: ServerText,
    },
}

impl CertificateDoubt {
    /// The doubt in words, after "its certificate".
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Expired => "has expired",
            Self::NotYetValid => "is not valid yet",
            Self::AnotherName => "is for another name",
            Self::UnknownIssuer => "has an issuer that this system does not know",
            Self::NoRoots => "cannot be judged: this system has no root certificates",
            Self::Other { words } => words.as_str(),
        }
    }
}

/// Why a TLS handshake was not completed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
#[non_exhaustive]
pub enum TlsProblem {
    /// The server ended it by an alert (RFC 8446, section 6.2).
    Alert {
        /// Its number: 40 is handshake_failure, 70 protocol_version, 112 unrecognized_name.
        code: u8,
        /// Its name.
        name: ServerText,
    },
    /// Both sides have no version or cipher in common.
    Incompatible {
        /// In the library's words.
        words: ServerText,
    },
    /// The server broke the protocol, or said what this library does not take.
    Broken {
        /// In the library's words.
        words: ServerText,
    },
}
