//! What is said once connected, and what the other side makes of it.
//!
//! "It connects, and then nothing happens" is a fault of its own: a proxy without a backend, a full server, a
//! path that drops large packets, the wrong port. A completed TCP handshake cannot tell them apart; the first
//! words of the protocol that was named can. They go no further than to where a credential would be needed.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Carried, Greeting, Observation, TlsFacts, TlsProblem};

/// What is to be spoken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Handshake {
    /// The protocol.
    pub protocol: ApplicationProtocol,
    /// Whether TLS comes first. PostgreSQL asks for it within its own protocol, so of that it says nothing.
    pub tls: bool,
    /// The host as it was named, by name or address, for protocols that name it too; an IPv6 address without
    /// brackets.
    pub host: String,
    /// Whether a MySQL's greeting is answered by a login without a name, rather than left. A connection that is
    /// left counts towards the server's block of its client; a login that is denied counts towards none, and is
    /// a line in the log. Of other protocols it says nothing.
    pub login: bool,
}

/// A protocol whose handshake is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ApplicationProtocol {
    /// PostgreSQL: its question whether TLS is offered, TLS where it is, and no startup message after it.
    Postgresql,
    /// MySQL and MariaDB: the server's greeting, and where that is asked for a login without a name, which the
    /// server answers.
    Mysql,
    /// Redis: PING, then QUIT.
    Redis,
    /// HTTP/1.1: HEAD of the root.
    Http,
    /// Kafka: ApiVersions.
    Kafka,
    /// TLS, and nothing in it.
    Tls,
}

impl ApplicationProtocol {
    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "PostgreSQL",
            Self::Mysql => "MySQL",
            Self::Redis => "Redis",
            Self::Http => "HTTP",
            Self::Kafka => "Kafka",
            Self::Tls => "TLS",
        }
    }
}

/// What became of one handshake: the packets' side of it, and what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandshakeObservation {
    /// What was spoken.
    pub handshake: Handshake,
    /// The packets' side: [`Connected`](crate::Outcome::Connected) where the other side answered in the
    /// protocol, [`ApplicationError`](crate::Outcome::ApplicationError) where it did anything else once
    /// connected.
    pub observation: Observation,
    /// What it did.
    pub reply: HandshakeReply,
}

/// The conversation of a handshake, beside the observation of its packets: observations are small and copied,
/// and what is said is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// The place of its packets' observation among those of the same run, from 0.
    pub observation: usize,
    /// What was spoken.
    pub handshake: Handshake,
    /// What the other side did.
    pub reply: HandshakeReply,
}

/// What the other side did once connected. By default nothing: it was not connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandshakeReply {
    /// How it ended; none where no connection was established.
    pub end: Option<HandshakeEnd>,
    /// What was seen of TLS, where its handshake was completed, or broke after the server had asked for a
    /// certificate of the client.
    pub tls: Option<TlsFacts>,
    /// From the connection's beginning to that end.
    pub took: Duration,
    /// How the packets of the conversation fared; none where there was none, or this system does not tell.
    #[serde(default)]
    pub carried: Option<Box<Carried>>,
}

/// How a handshake ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
#[non_exhaustive]
pub enum HandshakeEnd {
    /// In the protocol, at the point where a client would log in.
    Answered {
        /// With what.
        answer: ProtocolAnswer,
    },
    /// In the protocol, by an error of the server.
    Refused {
        /// The server's code for it: PostgreSQL's SQLSTATE, MySQL's number, the first word of Redis's error, Kafka's
        /// number.
        code: Option<ServerText>,
        /// In the server's own words.
        words: ServerText,
    },
    /// By bytes that are none of this protocol.
    AnotherProtocol {
        /// Whose they are, where they can be told.
        recognised: Option<RecognisedProtocol>,
        /// The first of them.
        first: Greeting,
    },
    /// TLS was not established.
    TlsFailed {
        /// Why.
        problem: TlsProblem,
    },
    /// Nothing more came.
    Silent {
        /// What was waited for.
        step: HandshakeStep,
        /// For how long.
        waited: Duration,
        /// How many bytes of an answer had come, too few to be one.
        received: u32,
        /// How many bytes of what was said the other side's system had not acknowledged by then: where it is
        /// none of them, they arrived, and it is the application that is silent. Absent where nothing was said,
        /// or this system does not tell.
        #[serde(default)]
        unacknowledged: Option<u32>,
    },
    /// The other side closed the connection before it had answered.
    Closed {
        /// What was waited for.
        step: HandshakeStep,
        /// How it closed.
        by: ClosedBy,
        /// How many bytes of an answer had come, too few to be one.
        received: u32,
    },
}

/// What a server answered that speaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "protocol")]
#[non_exhaustive]
pub enum ProtocolAnswer {
    /// PostgreSQL's one byte.
    Postgresql {
        /// Whether it offers TLS (`S`) or not (`N`).
        offers_tls: bool,
    },
    /// MySQL's greeting, and its answer to the login.
    Mysql {
        /// The server's version.
        version: ServerText,
        /// The number of the error by which the login without a name was denied, 1045 as a rule; none where it
        /// was let in, which is left at once, and where none was tried.
        denied: Option<u16>,
        /// Whether a login was tried.
        login: bool,
    },
    /// Redis's reply to PING.
    Redis {
        /// Whether it asks for a password first (`-NOAUTH`, `-NOPERM`), or answered `+PONG`.
        needs_password: bool,
    },
    /// HTTP's status line.
    Http {
        /// The status, 100 to 999.
        status: u16,
    },
    /// Kafka's response.
    Kafka {
        /// How many kinds of request the broker knows.
        apis: u32,
    },
    /// TLS was established, and nothing is spoken in it.
    Tls,
}

/// What is waited for in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HandshakeStep {
    /// The server's greeting: it speaks first.
    Greeting,
    /// The answer to whether TLS is offered.
    TlsOffer,
    /// The next message of TLS's handshake.
    Tls,
    /// The answer to a first request.
    Reply,
    /// The answer to the login without a name.
    Login,
}

impl HandshakeStep {
    /// What is waited for, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Greeting => "its greeting",
            Self::TlsOffer => "its answer to whether it offers TLS",
            Self::Tls => "its part of the TLS handshake",
            Self::Reply => "its reply",
            Self::Login => "its answer to a login without a name",
        }
    }
}

/// How the other side ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClosedBy {
    /// In order.
    Fin,
    /// By a reset.
    Reset,
}

/// A protocol as its first bytes show it, to somebody who expected another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RecognisedProtocol {
    /// `HTTP/`
    Http,
    /// `SSH-` (RFC 4253, section 4.2)
    Ssh,
    /// `220`, by which mail and file servers greet (RFC 5321, RFC 959)
    MailOrFtp,
    /// An alert or a handshake record (RFC 8446, section 5.1)
    Tls,
    /// Its greeting or error
    Mysql,
    /// A reply or an error
    Redis,
}

impl RecognisedProtocol {
    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::MailOrFtp => "SMTP or FTP",
            Self::Tls => "TLS",
            Self::Mysql => "MySQL",
            Self::Redis => "Redis",
        }
    }
}

/// How many bytes of a server's text are kept.
pub const SERVER_TEXT_KEPT: usize = 240;

/// What a server wrote for people, bounded; what is not UTF-8 in it is U+FFFD. It may hold anything, so whoever
/// shows it escapes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerText(String);

impl ServerText {
    /// Keeps the first [`SERVER_TEXT_KEPT`] of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let kept = bytes.get(..SERVER_TEXT_KEPT).unwrap_or(bytes);
        Self(String::from_utf8_lossy(kept).into_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
