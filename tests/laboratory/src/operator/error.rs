//! Who refused a command, and in which words. A command may be wrong in three ways that a user would meet
//! in this order: their shell does not take it, the tool does not, the service does not.

use std::fmt;

use super::shell::Command;

/// A command that could not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorError {
    /// The line that it begins on, from 1.
    pub line: usize,
    /// The command, its variables expanded where it came so far.
    pub command: String,
    /// Who refused it, and why.
    pub refusal: Refusal,
}

/// Why a command could not be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It is no shell that this operator reads.
    Shell(String),
    /// The command line tool has no such command or option, or not so.
    Usage(String),
    /// The service does not take it.
    Service {
        /// AWS's code of the error, or the id of Heroku's.
        code: &'static str,
        /// The rest, which names the resource.
        message: String,
    },
}

impl OperatorError {
    pub(super) fn new(command: &Command, refusal: Refusal) -> Self {
        Self { line: command.line, command: command.text.clone(), refusal }
    }

    /// The code of the service's error, where a service refused.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self.refusal {
            Refusal::Service { code, .. } => Some(code),
            Refusal::Shell(_) | Refusal::Usage(_) => None,
        }
    }
}

impl Refusal {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(super) fn service(code: &'static str, message: impl Into<String>) -> Self {
        Self::Service { code, message: message.into() }
    }

    /// What was expected in its place, where the words of the refusal do not say so themselves.
    #[must_use]
    pub fn expected(&self) -> Option<&'static str> {
        match self {
            Self::Shell(_) => Some("a command that any shell reads as it looks"),
            // These name the option, or those that there are.
            Self::Usage(_) => None,
            Self::Service { .. } => Some("a command that the service would carry out on this snapshot"),
        }
    }

    /// A value that AWS has no use for.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::service("InvalidParameterValue", message)
    }

    /// A value without which AWS cannot go on.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self::service("MissingParameter", message)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(message) | Self::Usage(message) => formatter.write_str(message),
            Self::Service { code, message } => write!(formatter, "{code}: {message}"),
        }
    }
}

impl fmt::Display for OperatorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: `{}`: {}", self.line, self.command, self.refusal)
    }
}

impl std::error::Error for OperatorError {}
