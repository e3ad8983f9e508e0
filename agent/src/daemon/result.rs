//! What one probe came to, in the words of the metrics.

use peerscope_vocabulary::Outcome;

/// What a probe came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ProbeResult {
    /// The target answered, in its protocol where one is spoken.
    Connected,
    /// Nothing listens there.
    Refused,
    /// Silence.
    Timeout,
    /// A firewall said no.
    Prohibited,
    /// A router, or this host, has no way.
    Unreachable,
    /// The connection was cut once it stood.
    Reset,
    /// The name has no address.
    DnsError,
    /// This host let nothing out.
    LocalError,
    /// The connection stood, and the protocol that was named was not spoken.
    AppError,
}

impl ProbeResult {
    /// All of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Connected,
        Self::Refused,
        Self::Timeout,
        Self::Prohibited,
        Self::Unreachable,
        Self::Reset,
        Self::DnsError,
        Self::LocalError,
        Self::AppError,
    ];

    /// The value of the label `result`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Prohibited => "prohibited",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::DnsError => "dns_error",
            Self::LocalError => "local_error",
            Self::AppError => "app_error",
        }
    }

    /// Whether the path is up.
    pub(crate) fn is_up(self) -> bool {
        self == Self::Connected
    }
}

impl From<Outcome> for ProbeResult {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Connected | Outcome::Echo | Outcome::Answered => Self::Connected,
            Outcome::Refused => Self::Refused,
            Outcome::Reset => Self::Reset,
            Outcome::DnsError => Self::DnsError,
            Outcome::ApplicationError => Self::AppError,
            Outcome::Timeout => Self::Timeout,
            Outcome::Prohibited { .. } => Self::Prohibited,
            Outcome::Unreachable { .. } | Outcome::TimeExceeded { .. } => Self::Unreachable,
            Outcome::LocalError { .. } => Self::LocalError,
            // What this knows no word for did not come to an answer.
            _ => Self::Timeout,
        }
    }
}
