//! How commands end: the one place where outcomes become exit statuses.

use std::fmt;
use std::process::ExitCode;

use peerscope_analysis::report::Verdict;

use crate::escape::escape;
use crate::input_error::InputError;

/// Exit statuses, as the contract has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Reachable, or done.
    Good = 0,
    /// Blocked or impaired.
    Bad = 1,
    /// Wrong usage or unreadable input.
    Usage = 2,
    /// Neither packets nor the model decide.
    Undetermined = 3,
    /// An internal failure.
    Internal = 4,
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Reachable => Self::Good,
            Verdict::Blocked | Verdict::Impaired => Self::Bad,
            Verdict::Undetermined => Self::Undetermined,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command could not do its work. Each line of its `Display` is one thing that is wrong.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Arguments that make no sense.
    Usage(String),
    /// Files that cannot be read or parsed.
    Input(Vec<InputError>),
    /// Something that should not happen.
    Internal(String),
}

impl Failure {
    /// The exit status.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Usage(_) | Self::Input(_) => Status::Usage,
            Self::Internal(_) => Status::Internal,
        }
    }

    /// Wrong usage, in one line.
    pub(crate) fn usage(error: impl fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(line) | Self::Internal(line) => write!(formatter, "peerscope: {}", escape(line)),
            Self::Input(errors) => {
                let lines: Vec<String> = errors.iter().map(|error| format!("peerscope: {error}")).collect();
                formatter.write_str(&lines.join("\n"))
            }
        }
    }
}
