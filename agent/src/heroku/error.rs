//! Why a call told nothing, each reason in a sentence that says what to do.

use std::fmt;

use super::token::TokenSource;

/// A call that told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallError {
    /// The call: `GET /spaces/orders/nat`.
    pub(crate) call: String,
    /// Why.
    pub(crate) kind: ErrorKind,
    /// What Heroku's support finds it by; the last request's where there were several.
    pub(crate) request_id: String,
}

/// Why a call told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// 401
    Unauthorized(TokenSource),
    /// 403, with what Heroku said.
    Forbidden(Option<String>),
    /// 404
    NotFound,
    /// 429, until the deadline or too often.
    RateLimited,
    /// Another status, with what Heroku said.
    Status(u16, Option<String>),
    /// A redirect, to which no token is carried.
    Redirected(u16),
    /// Nobody was reached.
    Unreachable(String),
    /// The answer broke off, again and again.
    Interrupted(String),
    /// No answer, or no whole one, in time; with what went wrong before, if anything did.
    Deadline(Option<String>),
    /// The answer was not what it should be: where, and what was expected. Never what was there, which may be secret.
    Garbled(String),
    /// The answer was larger than any.
    TooLarge,
}

impl ErrorKind {
    /// Whether somebody does not allow it.
    pub(crate) fn is_permission(&self) -> bool {
        matches!(self, Self::Unauthorized(_) | Self::Forbidden(_))
    }

    /// A word or a status for lists of calls.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Unauthorized(_) => "401".to_string(),
            Self::Forbidden(_) => "403".to_string(),
            Self::NotFound => "404".to_string(),
            Self::RateLimited => "429".to_string(),
            Self::Status(status, _) | Self::Redirected(status) => status.to_string(),
            Self::Unreachable(_) => "unreachable".to_string(),
            Self::Interrupted(_) => "interrupted".to_string(),
            Self::Deadline(_) => "deadline".to_string(),
            Self::Garbled(_) => "not understood".to_string(),
            Self::TooLarge => "too large".to_string(),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |said: &Option<String>| said.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
        match self {
            Self::Unauthorized(source) => write!(
                formatter,
                "Heroku does not take the token of {source} (401): it has expired or was revoked; `heroku authorizations:create -s read` makes a new one"
            ),
            Self::Forbidden(text) => write!(
                formatter,
                "Heroku does not allow it to this token (403{}): either its scope is too narrow (read is asked for; where that is not enough, global), or its account's role in the team is",
                said(text)
            ),
            Self::NotFound => {
                formatter.write_str("Heroku has nothing there, or nothing that this token may see (404)")
            }
            Self::RateLimited => formatter.write_str(
                "the account has used up its requests (429), of which about 75 come back each minute",
            ),
            Self::Status(status, text) => {
                write!(formatter, "Heroku answered with status {status}{}", said(text))
            }
            Self::Redirected(status) => {
                write!(formatter, "the answer is a redirect ({status}), to which no token is carried")
            }
            Self::Unreachable(why) => write!(formatter, "the API cannot be reached: {why}"),
            Self::Interrupted(why) => write!(formatter, "every answer broke off: {why}"),
            Self::Deadline(None) => formatter.write_str("no answer came before the deadline"),
            Self::Deadline(Some(before)) => {
                write!(formatter, "no answer came before the deadline; before that, {before}")
            }
            Self::Garbled(expected) => write!(formatter, "the answer is not what it should be: {expected}"),
            Self::TooLarge => formatter.write_str("the answer is larger than any of this kind"),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}, Request-Id {})", self.kind, self.call, self.request_id)
    }
}
