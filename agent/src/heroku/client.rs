//! Asks until there is an answer, or no time.

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::access::Access;
use super::error::{CallError, ErrorKind};
use super::token::TokenSource;
use super::transport::{Answer, Broken, Http, Request, Transport};

/// How often one page is asked for.
const ATTEMPTS: u32 = 5;
/// How long a first repetition waits at most; each later one twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(400);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// What a used-up account waits for at least: a request comes back in 0.8 s.
const REFILL: Duration = Duration::from_secs(1);
/// From how many requests left on they are made at the pace in which they come back.
const SCARCE: u32 = 10;
/// How long one request may take, so that one that hangs is not all.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);
/// How many pages a list has at most; each has up to 200 elements.
const MOST_PAGES: u32 = 500;
/// How much of what Heroku said is shown.
const MOST_SAID: usize = 200;

/// Time and chance, so that tests need neither.
pub(super) trait Pace {
    /// The time since the start.
    fn now(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration);
    /// From 0 to 1.
    fn chance(&self) -> f64;
}

/// This machine's time and chance.
pub(super) struct RealPace(Instant);

impl Pace for RealPace {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }

    fn chance(&self) -> f64 {
        fastrand::f64()
    }
}

/// Asks the API, under one deadline for all calls.
pub(super) struct Client<T = Http, P = RealPace> {
    transport: T,
    pace: P,
    token: TokenSource,
    /// Since the pace's start.
    deadline: Duration,
    warnings: RefCell<Vec<String>>,
    requests: Cell<u32>,
    is_scarce: Cell<bool>,
}

impl Client {
    /// A client that asks for no longer than until `deadline` after `started`.
    pub(super) fn new(access: Access, started: Instant, deadline: Duration) -> Self {
        let token = access.token.source().clone();
        Self::with(Http::new(access), RealPace(started), token, deadline)
    }
}

impl<T, P> Client<T, P> {
    pub(super) fn with(transport: T, pace: P, token: TokenSource, deadline: Duration) -> Self {
        Self {
            transport,
            pace,
            token,
            deadline,
            warnings: RefCell::default(),
            requests: Cell::new(0),
            is_scarce: Cell::new(false),
        }
    }

    /// What the server warned of, each once.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.borrow().clone()
    }

    /// The number of requests since the last time this was asked.
    pub(super) fn take_requests(&self) -> u32 {
        self.requests.take()
    }
}

impl<T: Transport, P: Pace> Client<T, P> {
    /// Reads an object.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(super) fn object<D: DeserializeOwned>(&self, path: &str) -> Result<D, CallError> {
        let (answer, id) = self.page(path, None)?;
        read(&answer.body, '{', "a JSON object")
            .map_err(|expected| failed(path, &id, ErrorKind::Garbled(expected)))
    }

    /// Reads a list, all pages of it.
    ///
    /// # Errors
    /// Why it could not be read whole: half a list would tell of things that are there that they are not.
    pub(super) fn list<D: DeserializeOwned>(&self, path: &str) -> Result<Vec<D>, CallError> {
        let mut all = Vec::new();
        let mut range = "id ..; max=200".to_string();
        for _ in 0..MOST_PAGES {
            let (answer, id) = self.page(path, Some(&range))?;
            let elements: Vec<D> = read(&answer.body, '[', "a JSON list")
                .map_err(|expected| failed(path, &id, ErrorKind::Garbled(expected)))?;
            all.extend(elements);
            match answer.next_range {
                Some(next) if answer.status == 206 && next != range => range = next,
                Some(_) if answer.status == 206 => {
                    let expected = "expected each page of the list to name another one after it".to_string();
                    return Err(failed(path, &id, ErrorKind::Garbled(expected)));
                }
                _ => return Ok(all),
            }
        }
        let expected = format!("expected a list of no more than {MOST_PAGES} pages");
        Err(failed(path, "", ErrorKind::Garbled(expected)))
    }

    /// One page, asked for until it comes; with the request's id.
    fn page(&self, path: &str, range: Option<&str>) -> Result<(Answer, String), CallError> {
        let mut wait = FIRST_WAIT;
        let mut before = None;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let id = request_id();
            if self.is_scarce.get() {
                self.pace.sleep(REFILL.min(self.left()));
            }
            let left = self.left();
            if left.is_zero() {
                return Err(failed(path, &id, ErrorKind::Deadline(before)));
            }
            self.requests.set(self.requests.get() + 1);
            let answer = self.transport.get(Request { path, range, id: &id }, left.min(LONGEST_REQUEST));
            let (kind, asked_to_wait) = match answer {
                Ok(answer) => {
                    self.note(&answer);
                    match self.judge(&answer) {
                        None => return Ok((answer, id)),
                        Some(kind) => (kind, answer.retry_after),
                    }
                }
                Err(broken) => (of_broken(broken), None),
            };
            let is_limit = kind == ErrorKind::RateLimited;
            let may_pass = match &kind {
                ErrorKind::RateLimited | ErrorKind::Interrupted(_) | ErrorKind::Deadline(_) => true,
                ErrorKind::Status(status, _) => *status >= 500,
                _ => false,
            };
            if !may_pass || attempt >= ATTEMPTS {
                return Err(failed(path, &id, kind));
            }
            // Half of the wait is chance, so that many who were turned away together do not come back together.
            let chosen = wait.mul_f64(0.5 + self.pace.chance().clamp(0.0, 1.0) / 2.0);
            let chosen = chosen.max(asked_to_wait.unwrap_or_default());
            let chosen = if is_limit { chosen.max(REFILL) } else { chosen };
            if chosen >= self.left() {
                // To wait for the deadline tells nothing more.
                let kind = if is_limit { kind } else { ErrorKind::Deadline(Some(kind.to_string())) };
                return Err(failed(path, &id, kind));
            }
            if !matches!(kind, ErrorKind::Deadline(_)) {
                before = Some(kind.to_string());
            }
            self.pace.sleep(chosen);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_sub(self.pace.now())
    }

    /// Keeps what an answer says beside what was asked.
    fn note(&self, answer: &Answer) {
        if let Some(remaining) = answer.remaining {
            self.is_scarce.set(remaining <= SCARCE);
        }
        let mut warnings = self.warnings.borrow_mut();
        for warning in &answer.warnings {
            let warning = shortened(warning);
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }

    /// What is wrong with an answer by its status.
    fn judge(&self, answer: &Answer) -> Option<ErrorKind> {
        match answer.status {
            200 | 206 => None,
            401 => Some(ErrorKind::Unauthorized(self.token.clone())),
            403 => Some(ErrorKind::Forbidden(said(&answer.body))),
            404 => Some(ErrorKind::NotFound),
            429 => Some(ErrorKind::RateLimited),
            status @ 300..=399 => Some(ErrorKind::Redirected(status)),
            status => Some(ErrorKind::Status(status, said(&answer.body))),
        }
    }
}

fn of_broken(broken: Broken) -> ErrorKind {
    match broken {
        Broken::Nobody(why) => ErrorKind::Unreachable(why),
        Broken::Slow => ErrorKind::Deadline(None),
        Broken::Interrupted(why) => ErrorKind::Interrupted(why),
        Broken::TooLarge => ErrorKind::TooLarge,
    }
}

fn failed(path: &str, request_id: &str, kind: ErrorKind) -> CallError {
    CallError { call: format!("GET {path}"), kind, request_id: request_id.to_string() }
}

/// Reads JSON that begins with `first`. Where it cannot be read, says where and what was expected, and not what was
/// there: some answers hold keys.
fn read<D: DeserializeOwned>(body: &[u8], first: char, expected: &str) -> Result<D, String> {
    let start = body.iter().find(|byte| !byte.is_ascii_whitespace()).map(|byte| char::from(*byte));
    // A struct would be read from a list too, field by field.
    if start != Some(first) {
        return Err(format!("expected {expected}"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        if error.is_data() {
            format!("a value of another kind was expected at {path}")
        } else {
            format!("{expected} breaks off or is broken at line {}, column {}", error.line(), error.column())
        }
    })?;
    json.end().map_err(|_| format!("expected nothing after {expected}"))?;
    Ok(read)
}

/// What an error's body says: `forbidden: You do not have access`.
fn said(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        id: Option<String>,
        #[serde(default)]
        message: Option<String>,
    }
    let Said { id, message } = read(body, '{', "an error").ok()?;
    let parts: Vec<String> = id.into_iter().chain(message).collect();
    (!parts.is_empty()).then(|| shortened(&parts.join(": ")))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_SAID) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// A random UUID (RFC 9562, version 4).
fn request_id() -> String {
    let bits =
        (fastrand::u128(..) & !(0xf000_u128 << 64) & !(0xc000_u128 << 48)) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests;
