//! One request to somebody else's HTTP server, and whether it is of use to make it again. This is the one place of the
//! daemon that holds connections and secrets.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::http::request::Builder;
use ureq::http::uri::{Authority, Uri};
use ureq::http::{HeaderMap, Request, StatusCode};
use ureq::tls::{Certificate, ClientCert, PrivateKey, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, AsSendBody};

use super::configuration::{BasicAuthSection, HttpUrl, Secret, TlsSection};
use super::content::Watched;
use crate::clock;
use crate::resolve::ClientNames;
use crate::trust::tls_config;

/// The most that is read of the answer of who is sent something.
const LARGEST_RECEIPT: u64 = 64 << 10;
/// The most of an answer that is shown, in characters.
const SHOWN: usize = 200;

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The receiver will not have it, however often it is sent.
    Rejected(String),
    /// It may be taken later; how long the receiver asks to wait.
    Again(String, Option<Duration>),
}

impl Failed {
    /// Why.
    pub(super) fn why(&self) -> &str {
        let (Self::Rejected(why) | Self::Again(why, _)) = self;
        why
    }
}

/// By what this side proves who it is.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// Nothing.
    None,
    /// A user and a password.
    Basic(BasicAuthSection),
    /// A token.
    Token(Secret),
    /// A token in a file.
    TokenFile(PathBuf),
}

impl Credential {
    /// As it is configured.
    pub(super) fn of(
        basic: Option<&BasicAuthSection>,
        token: Option<&Secret>,
        token_file: Option<&Path>,
    ) -> Self {
        match (basic, token, token_file) {
            (Some(both), _, _) => Self::Basic(both.clone()),
            (None, Some(token), _) => Self::Token(token.clone()),
            (None, None, Some(file)) => Self::TokenFile(file.to_path_buf()),
            (None, None, None) => Self::None,
        }
    }
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) media_type: String,
    /// An error where it ended too soon, or is larger than is read.
    pub(super) body: Result<Vec<u8>, Failed>,
    secrets: Vec<String>,
}

impl Answer {
    /// Whether words about it may be shown: they hold nothing that is secret.
    pub(super) fn may_show(&self, words: &str) -> bool {
        !has_secret(words, &self.secrets)
    }
}

/// Makes requests to one server.
pub(super) struct Client {
    agent: Mutex<Agent>,
    tls: TlsSection,
    /// The files that `tls` names: certificates last for less long than a daemon runs.
    watched: Watched,
    url: HttpUrl,
    /// The URL that is asked.
    asked: Uri,
    /// The host of the URL, where the address says another, by whose name the certificate is checked.
    host: Option<String>,
    credential: Credential,
    /// Headers that are secret.
    headers: Vec<(String, Secret)>,
}

impl Client {
    /// For a server.
    ///
    /// # Errors
    /// Where a certificate, a key or an authority's file is none.
    pub(super) fn new(
        url: &HttpUrl,
        tls: &TlsSection,
        credential: Credential,
        headers: Vec<(String, Secret)>,
    ) -> Result<Self, String> {
        // Of a server that is asked in the clear nothing is read.
        let tls = if url.0.scheme_str() == Some("https") { tls.clone() } else { TlsSection::default() };
        let (mut address, mut host) = (url.0.clone(), None);
        if let Some(name) = &tls.server_name {
            host = address.authority().map(|authority| authority.as_str().to_string());
            address = named(&address, name).ok_or_else(|| format!("{name:?} is no name of a server"))?;
        }
        let watched = Watched::default();
        watched.note(&tls.files());
        let agent = Mutex::new(agent(url, &tls)?);
        let url = url.clone();
        Ok(Self { agent, tls, watched, asked: address, host, url, credential, headers })
    }

    /// What connections are made by: made anew where a file of a certificate, or of a key, has changed.
    fn agent(&self) -> Result<Agent, String> {
        let mut current = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        let content = self.watched.content(&self.tls.files());
        if self.watched.are_other(&content) {
            *current = agent(&self.url, &self.tls)?;
            self.watched.saw(content);
        }
        Ok(current.clone())
    }

    /// Sends once, and gives what came back.
    ///
    /// # Errors
    /// Where the receiver did not take it.
    pub(super) fn post(
        &self,
        body: &[u8],
        headers: &[(&str, &str)],
        within: Duration,
    ) -> Result<Vec<u8>, Failed> {
        let request = Request::post(&self.asked);
        self.ask(request, headers, body, LARGEST_RECEIPT, within)
            .map(|answer| answer.body.unwrap_or_default())
    }

    /// Asks once, and gives what was answered with success.
    ///
    /// # Errors
    /// Where nothing was.
    pub(super) fn get(
        &self,
        headers: &[(&str, &str)],
        largest: u64,
        within: Duration,
    ) -> Result<Answer, Failed> {
        self.ask(Request::get(&self.asked), headers, (), largest, within)
    }

    fn ask(
        &self,
        request: Builder,
        headers: &[(&str, &str)],
        body: impl AsSendBody,
        largest: u64,
        within: Duration,
    ) -> Result<Answer, Failed> {
        let again = |why: String| Failed::Again(format!("{}: {why}", self.url), None);
        let mut secrets: Vec<String> =
            self.headers.iter().map(|(_, secret)| secret.reveal().to_string()).collect();
        let mut request = request;
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.reveal());
        }
        if let Some(host) = &self.host {
            request = request.header("Host", host);
        }
        if let Some((authorization, secret)) = self.authorization()? {
            request = request.header("Authorization", &authorization);
            secrets.extend([authorization, secret]);
        }
        // What a header may hold was seen to where it was read.
        let request = request.body(body).map_err(|_| again("the request cannot be written".to_string()))?;
        let agent = self.agent().map_err(again)?;
        let request = agent.configure_request(request).timeout_global(Some(within)).build();
        let answer = agent.run(request).map_err(|error| again(words(error)))?;
        let (head, body) = answer.into_parts();
        let status = head.status;
        let largest = if status.is_success() { largest } else { LARGEST_RECEIPT };
        let body = body.into_with_config().limit(largest).read_to_vec();
        if status.is_success() {
            let media_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
            let media_type = media_type.unwrap_or_default().to_string();
            let body = body.map_err(|error| again(words(error)));
            return Ok(Answer { status, media_type, body, secrets });
        }
        let said = said(&body.unwrap_or_default(), &secrets);
        let why = format!("{}: the answer is {}{said}", self.url, status.as_u16());
        Err(if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            Failed::Again(why, retry_after(&head.headers, clock::now()))
        } else {
            Failed::Rejected(why)
        })
    }

    /// The header, and the secret in it.
    fn authorization(&self) -> Result<Option<(String, String)>, Failed> {
        let bearer = |token: String| Some((format!("Bearer {token}"), token));
        Ok(match &self.credential {
            Credential::None => None,
            Credential::Token(token) => bearer(token.reveal().to_string()),
            Credential::TokenFile(file) => bearer(read(file)?),
            Credential::Basic(BasicAuthSection { username, password, password_file }) => {
                let password = match (password, password_file) {
                    (Some(password), _) => password.reveal().to_string(),
                    (None, Some(file)) => read(file)?,
                    (None, None) => String::new(),
                };
                let both = BASE64.encode(format!("{username}:{password}").as_bytes());
                Some((format!("Basic {both}"), password))
            }
        })
    }
}

/// What a file holds for a header. It may be replaced at any time, and be gone while it is.
fn read(file: &Path) -> Result<String, Failed> {
    let again = |why: String| Failed::Again(format!("{}: {why}", file.display()), None);
    let text = std::fs::read_to_string(file).map_err(|error| again(error.to_string()))?;
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(again("expected one line with a secret".to_string()));
    }
    Ok(text.to_string())
}

/// What the receiver said, in one line; nothing where it says what is secret.
fn said(body: &[u8], secrets: &[String]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.is_empty() || has_secret(&text, secrets) {
        return String::new();
    }
    format!(": {}", line.chars().take(SHOWN).collect::<String>())
}

fn has_secret(text: &str, secrets: &[String]) -> bool {
    secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret.as_str()))
}

/// How long the receiver asks to wait: seconds, or a time (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(now)).ok()
}

/// The same URL with another name for its host.
fn named(url: &Uri, name: &str) -> Option<Uri> {
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let mut parts = url.clone().into_parts();
    parts.authority = Some(format!("{name}{port}").parse::<Authority>().ok()?);
    Uri::from_parts(parts).ok()
}

fn agent(url: &HttpUrl, tls: &TlsSection) -> Result<Agent, String> {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // A redirect would carry what is secret to whoever it names.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("peerscope/", env!("CARGO_PKG_VERSION")));
    let mut names = ClientNames::default();
    if url.0.scheme_str() == Some("https") {
        config = config.tls_config(tls_of(tls)?).https_only(true);
    }
    if tls.server_name.is_some() {
        names.instead = url.0.host().map(str::to_string);
        // A proxy would be asked for the other name.
        config = config.proxy(None);
    }
    Ok(Agent::with_parts(config.build(), DefaultConnector::default(), names))
}

fn tls_of(section: &TlsSection) -> Result<TlsConfig, String> {
    let authorities = section.ca_file.as_deref().map(certificates).transpose()?;
    let own = match (&section.cert_file, &section.key_file) {
        (Some(certificate), Some(key)) => {
            Some(ClientCert::new_with_certs(&certificates(certificate)?, private_key(key)?))
        }
        _ => None,
    };
    Ok(tls_config(authorities, own))
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let wrong = |_| format!("{}: expected certificates in PEM", file.display());
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(wrong)?.collect();
    let found = found.map_err(wrong)?;
    if found.is_empty() {
        return Err(format!("{}: expected certificates in PEM, found none", file.display()));
    }
    Ok(found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

fn private_key(file: &Path) -> Result<PrivateKey<'static>, String> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    PrivateKey::from_pem(&text).map_err(|_| format!("{}: expected a private key in PEM", file.display()))
}

/// An error in words, none of which is from a header or a URL.
fn words(error: ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_string(),
        ureq::Error::HostNotFound => "its name does not resolve".to_string(),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => "no answer in time".to_string(),
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        ureq::Error::Protocol(_) => "the answer is no HTTP".to_string(),
        ureq::Error::BodyExceedsLimit(_) => "the answer is larger than is read".to_string(),
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => {
            "the proxy cannot be used".to_string()
        }
        _ => "the connection failed".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_may_ask_to_wait_in_seconds_or_until_a_time() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let after = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Sat, 28 Nov 2026 12:01:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(after("Sat, 28 Nov 2026 11:00:00 GMT"), None);
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn what_a_receiver_says_is_one_line_and_never_what_is_secret() {
        let secrets = ["hunter2".to_string()];
        assert_eq!(said(b"\nout of order sample\nmore", &secrets), ": out of order sample");
        assert_eq!(said(b"user u, password hunter2", &secrets), "");
        assert_eq!(said(&[b'x'; 5000], &secrets).len(), 2 + SHOWN);
    }
}
