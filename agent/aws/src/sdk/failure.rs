//! Why a call told nothing, each reason in a sentence that says what to do.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::interceptors::context;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::document::Unreadable;
use crate::call::Call;

/// Why a call told nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// A policy does not allow it; AWS's own words.
    Denied(String),
    /// The credentials were good once.
    Expired,
    /// AWS does not know the credentials, or their signature is wrong.
    NotValid(String),
    /// The Region is not enabled for the account.
    RegionNotEnabled,
    /// AWS was asked too often, until no attempt was left.
    Throttled,
    /// Another error of AWS's: its code, and its words.
    Said(String, String),
    /// Nobody was reached, or the connection broke.
    Unreachable(String),
    /// There are no credentials, or none could be had.
    NoCredentials(String),
    /// No answer in time.
    Deadline,
    /// The answer was not what it should be.
    Garbled(String),
}

impl Failure {
    /// Whether somebody does not allow it.
    pub(super) fn is_permission(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Expired | Self::NotValid(_) | Self::NoCredentials(_))
    }

    /// Whether every other call of the same credentials fails too.
    pub(super) fn is_of_credentials(&self) -> bool {
        matches!(self, Self::Expired | Self::NotValid(_) | Self::NoCredentials(_))
    }

    /// How an attempt failed, after which the SDK may make another.
    pub(super) fn of_attempt(
        error: &OrchestratorError<context::Error>,
        response: Option<&HttpResponse>,
    ) -> Option<Self> {
        if let Some(connector) = error.as_connector_error() {
            return Some(without_connection(connector));
        }
        let response = response.filter(|response| !response.status().is_success())?;
        // The error itself is of the operation's own type, which is not known here; its code stands in the answer.
        let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default());
        let element = |name: &str| body.split_once(&format!("<{name}>"))?.1.split_once(&format!("</{name}>"));
        let text = |name: &str| element(name).map(|(text, _)| text);
        Some(said(text("Code"), text("Message"), response.status().as_u16()))
    }

    /// The same where the deadline came before the SDK gave up.
    pub(super) fn until_the_deadline(self) -> Self {
        match self {
            Self::Unreachable(why) => Self::Unreachable(format!("{why}, until the deadline")),
            Self::Said(code, said) if said.is_empty() => Self::Said(code, "until the deadline".to_string()),
            Self::Said(code, said) => {
                Self::Said(code, format!("{} (until the deadline)", said.trim_end_matches('.')))
            }
            other => other,
        }
    }

    /// A word for lists of calls.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Denied(_) => "denied".to_string(),
            Self::Expired => "expired".to_string(),
            Self::NotValid(_) => "credentials not valid".to_string(),
            Self::RegionNotEnabled => "Region not enabled".to_string(),
            Self::Throttled => "throttled".to_string(),
            Self::Said(code, _) => code.clone(),
            Self::Unreachable(_) => "unreachable".to_string(),
            Self::NoCredentials(_) => "no credentials".to_string(),
            Self::Deadline => "deadline".to_string(),
            Self::Garbled(_) => "not understood".to_string(),
        }
    }

    /// Why, where a call is known: a denial names the action that a policy would have to allow.
    pub(super) fn reason(&self, call: Call) -> String {
        match self {
            Self::Denied(said) => format!("the action {call} is not allowed ({said})"),
            other => format!("{call}: {other}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(said) => write!(formatter, "not allowed ({said})"),
            Self::Expired => formatter
                .write_str("the credentials have expired: log in again (`aws sso login`), or get new ones"),
            Self::NotValid(said) => write!(formatter, "AWS does not take the credentials ({said})"),
            Self::RegionNotEnabled => formatter.write_str("the Region is not enabled for this account"),
            Self::Throttled => formatter.write_str("AWS answered again and again that it is asked too often"),
            Self::Said(code, said) if said.is_empty() => write!(formatter, "AWS answered {code}"),
            Self::Said(code, said) => write!(formatter, "AWS answered {code}: {said}"),
            Self::Unreachable(why) => write!(formatter, "AWS cannot be reached: {why}"),
            Self::NoCredentials(why) => formatter.write_str(why),
            Self::Deadline => formatter.write_str("no answer came in the time that --deadline leaves"),
            Self::Garbled(why) => write!(formatter, "the answer is not what it should be: {why}"),
        }
    }
}

impl From<Unreadable> for Failure {
    fn from(unreadable: Unreadable) -> Self {
        Self::Garbled(unreadable.to_string())
    }
}

impl<E: ProvideErrorMetadata + Error + 'static> From<SdkError<E, HttpResponse>> for Failure {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                if status < 300 {
                    // No error of AWS's: an answer that is none, as a captive portal gives.
                    return Self::Garbled(chain(service.err()));
                }
                said(service.err().code(), service.err().message(), status)
            }
            SdkError::TimeoutError(_) => Self::Unreachable("no answer, at any attempt".to_string()),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(connector) => without_connection(connector),
                None => Self::Unreachable(chain(&error)),
            },
            SdkError::ResponseError(response) => match response.raw().status().as_u16() {
                // A proxy's page, or an answer that broke off.
                status if status >= 300 => Self::Said(format!("status {status}"), String::new()),
                _ => Self::Garbled(chain(&error)),
            },
            _ => Self::Unreachable(chain(&error)),
        }
    }
}

/// An error in AWS's words (EC2 API reference, "Error codes"; IAM's and STS's "Common errors").
fn said(code: Option<&str>, message: Option<&str>, status: u16) -> Failure {
    let message = short(message.unwrap_or_default());
    let Some(code) = code.filter(|code| !code.is_empty()) else {
        return Failure::Said(format!("status {status}"), message);
    };
    match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => Failure::Denied(message),
        "RequestExpired" | "ExpiredToken" | "ExpiredTokenException" => Failure::Expired,
        "AuthFailure"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => Failure::NotValid(format!("{code}: {message}")),
        "OptInRequired" | "RegionDisabledException" => Failure::RegionNotEnabled,
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "SlowDown"
        | "Client.RequestLimitExceeded" => Failure::Throttled,
        other => Failure::Said(other.to_string(), message),
    }
}

fn without_connection(error: &aws_smithy_runtime_api::client::result::ConnectorError) -> Failure {
    // What a provider of credentials came to is sent as a failure to send.
    let mut source: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = source {
        if let Some(credentials) = inner.downcast_ref::<CredentialsError>() {
            return Failure::from(credentials);
        }
        source = inner.source();
    }
    Failure::Unreachable(chain(error))
}

impl From<&CredentialsError> for Failure {
    fn from(error: &CredentialsError) -> Self {
        match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::NoCredentials(NONE_FOUND.to_string()),
            other => {
                // What STS or SSO said lies within, in its own types.
                let text = chain(other);
                match text {
                    text if text.contains("ExpiredToken") || text.contains("token has expired") => {
                        Self::Expired
                    }
                    text => Self::NoCredentials(format!("the credentials could not be had: {text}")),
                }
            }
        }
    }
}

/// What is said where there are no credentials at all.
const NONE_FOUND: &str = "no credentials of AWS were found: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (AWS_PROFILE or --aws-profile; `aws configure sso` makes one), or a role of the container or the instance";

/// What wrappers of errors say, and what lies within says better.
const WRAPPERS: [&str; 5] =
    ["dispatch failure", "io error", "client error (Connect)", "dns error", "failed to perform DNS lookup"];

/// An error and what is behind it, each once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let is_wrapper = WRAPPERS.contains(&text.as_str()) && error.source().is_some();
        if !text.is_empty() && !is_wrapper && !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    short(&parts.join(": "))
}

/// AWS's words without what only it can read, in a line that a terminal holds.
fn short(text: &str) -> String {
    let text = text.split("Encoded authorization failure message").next().unwrap_or_default();
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
