//! How an answer is written: its status, its media type, and the headers that each has.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::web;

/// What is said to whoever asks.
pub(super) type Answer = Response<Full<Bytes>>;

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Html,
    Text,
    /// Prometheus's text format.
    Metrics,
    /// JSON, by the name of its schema.
    Json(&'static str),
}

impl Body {
    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Self::Json(_) => "application/json",
        }
    }
}

/// Why there is no answer.
#[derive(Serialize, JsonSchema)]
pub(super) struct Problem {
    /// In words.
    error: String,
}

/// That whoever asks may not, or does not say who it is.
pub(super) fn unauthorized() -> Answer {
    let mut answer = problem(StatusCode::UNAUTHORIZED, "expected a name and a password that may ask here");
    let basic = HeaderValue::from_static("Basic realm=\"peerscope\", charset=\"UTF-8\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, basic);
    answer
}

/// That no path is called so.
pub(super) fn no_path() -> Answer {
    problem(StatusCode::NOT_FOUND, "no path has this name")
}

/// That another method is meant.
pub(super) fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "another method is expected here");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

/// Why there is no answer, in words.
pub(super) fn problem(status: StatusCode, what: &str) -> Answer {
    as_json(status, &Problem { error: what.to_string() })
}

/// A page, which may load and run what is its own alone.
pub(super) fn page(status: StatusCode, page: String) -> Answer {
    let mut answer = with_type(status, Body::Html, page.into_bytes());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(web::POLICY));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    answer
}

/// Plain words.
pub(super) fn text(status: StatusCode, text: &str) -> Answer {
    with_type(status, Body::Text, text.as_bytes().to_vec())
}

/// A document.
pub(super) fn as_json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => with_type(status, Body::Json(""), body),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written\n"),
    }
}

/// Bytes of a type.
pub(super) fn with_type(status: StatusCode, kind: Body, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind.media_type()));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}
