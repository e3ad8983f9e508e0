//! One GET request and its answer. There is no other verb here, and nobody else holds the connection.

use std::io;
use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Timeout};

use super::access::Access;
use crate::resolve::ClientNames;
use crate::trust::tls_config;

/// More than the largest answer has by far; what is larger is no answer.
const LARGEST_ANSWER: u64 = 32 << 20;
/// The public API's version, which every call here has.
const ACCEPT: &str = "application/vnd.heroku+json; version=3";

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// The path, with its slash.
    pub(super) path: &'a str,
    /// Which part of a list.
    pub(super) range: Option<&'a str>,
    /// What the server's logs know the request by.
    pub(super) id: &'a str,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Where a list goes on.
    pub(super) next_range: Option<String>,
    /// How many requests the account has left.
    pub(super) remaining: Option<u32>,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// What the server warns of.
    pub(super) warnings: Vec<String>,
    /// The body.
    pub(super) body: Vec<u8>,
}

/// Why nothing came back, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// Nobody is there to be asked: to try again at once is of no use.
    Nobody(String),
    /// The time was over.
    Slow,
    /// The connection or the answer broke off.
    Interrupted(String),
    /// The answer was larger than any.
    TooLarge,
}

/// Whatever answers requests.
pub(super) trait Transport {
    /// Asks once, and waits no longer than `within`.
    fn get(&self, request: Request<'_>, within: Duration) -> Result<Answer, Broken>;
}

/// The API over HTTP.
pub(super) struct Http {
    agent: Agent,
    access: Access,
}

impl Http {
    pub(super) fn new(access: Access) -> Self {
        let is_encrypted = access.base.is_encrypted();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the token to whoever it names.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .https_only(is_encrypted)
            .user_agent(concat!("peerscope/", env!("CARGO_PKG_VERSION")));
        if is_encrypted {
            config = config.tls_config(tls_config(None, None));
        } else {
            // What is not encrypted stays on this machine.
            config = config.proxy(None);
        }
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), ClientNames::default());
        Self { agent, access }
    }
}

impl Transport for Http {
    fn get(&self, request: Request<'_>, within: Duration) -> Result<Answer, Broken> {
        let address = format!("{}{}", self.access.base.address(), request.path);
        let mut get = self
            .agent
            .get(address)
            .header("Authorization", self.access.token.authorization())
            .header("Accept", ACCEPT)
            .header("Accept-Expansion", "region")
            .header("Request-Id", request.id);
        if let Some(range) = request.range {
            get = get.header("Range", range);
        }
        let answer = get.config().timeout_global(Some(within)).build().call().map_err(broken)?;
        let (head, body) = answer.into_parts();
        let body = body.into_with_config().limit(LARGEST_ANSWER).read_to_vec().map_err(broken)?;
        let text = |name: &str| text_of(&head.headers, name).next();
        Ok(Answer {
            status: head.status.as_u16(),
            next_range: text("next-range"),
            remaining: text("ratelimit-remaining").and_then(|remaining| remaining.parse().ok()),
            retry_after: text("retry-after")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
            warnings: ["x-heroku-warning", "warning-message"]
                .into_iter()
                .flat_map(|name| text_of(&head.headers, name))
                .collect(),
            body,
        })
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = String> + 'a {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(|value| value.trim().to_string())
}

/// An error in words. None of ureq's own holds a header.
fn broken(error: ureq::Error) -> Broken {
    match error {
        ureq::Error::Timeout(Timeout::Resolve) => {
            Broken::Nobody("its name does not resolve in time".to_string())
        }
        ureq::Error::Timeout(_) => Broken::Slow,
        ureq::Error::HostNotFound => Broken::Nobody("its name does not resolve".to_string()),
        ureq::Error::BodyExceedsLimit(_) => Broken::TooLarge,
        // A certificate does not get better by asking again.
        ureq::Error::Io(error) if is_certificate(&error) => Broken::Nobody(format!("TLS: {error}")),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => Broken::Slow,
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotFound
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable => Broken::Nobody(error.to_string()),
            _ => Broken::Interrupted(error.to_string()),
        },
        ureq::Error::Rustls(error) => Broken::Nobody(format!("TLS: {error}")),
        other => Broken::Interrupted(other.to_string()),
    }
}

/// Whether the other side could not prove who it is.
fn is_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}
