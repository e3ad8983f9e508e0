//! What the daemon says over HTTP. A client that is slow, or says what it should not, holds up nothing but its own
//! connection, and that not for long.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::board::{Board, Watched};
use super::metrics;
use super::reload::Reload;
use super::stop::Stop;
use crate::exit::Failure;

/// How many connections are held at a time; others wait to be taken.
const CONNECTIONS: usize = 256;
/// How long a client may take over its request's head.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may last.
const LONGEST: Duration = Duration::from_secs(300);

type Answer = Response<Full<Bytes>>;

/// Listens.
///
/// # Errors
/// Where the address cannot be had.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| Failure::usage(format!("run: cannot listen on {address}: {error}")))
}

/// Serves until all is to end.
///
/// # Errors
/// Where the system gives no runtime.
pub(super) fn run(
    listener: TcpListener,
    board: &Arc<Board>,
    reload: &Arc<Reload>,
    stop: &Stop,
) -> Result<(), Failure> {
    let internal = |error: std::io::Error| Failure::Internal(format!("HTTP: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(internal)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
            let accepted = loop {
                if stop.is_asked() {
                    return Ok(());
                }
                match timeout(Duration::from_millis(100), listener.accept()).await {
                    Ok(Ok((stream, _))) => break stream,
                    // Descriptors may have run out; they come back.
                    Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                    Err(_) => {}
                }
            };
            let (board, reload) = (Arc::clone(board), Arc::clone(reload));
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let answer = answer(&request, &board, &reload);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .max_headers(64)
                    .serve_connection(TokioIo::new(accepted), service);
                // How it ended is the client's business.
                _ = timeout(LONGEST, connection).await;
                drop(place);
            });
        }
    })
}

fn answer(request: &Request<Incoming>, board: &Arc<Board>, reload: &Reload) -> Answer {
    let path = request.uri().path();
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    match (path, is_read) {
        ("/-/reload", false) if request.method() == Method::POST => match reload.now() {
            Ok(()) => text(StatusCode::OK, "reloaded\n"),
            Err(errors) => text(StatusCode::BAD_REQUEST, &format!("{errors}\n")),
        },
        ("/-/reload", _) => not_allowed("POST"),
        (_, false) => not_allowed("GET, HEAD"),
        ("/-/healthy", _) => text(StatusCode::OK, "healthy\n"),
        ("/-/ready", _) if board.is_ready() => text(StatusCode::OK, "ready\n"),
        ("/-/ready", _) => text(StatusCode::SERVICE_UNAVAILABLE, "reading what is configured\n"),
        ("/metrics", _) => match metrics::page(board) {
            Ok(page) => with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        },
        ("/api/v1/paths", _) => {
            let paths: Vec<_> = board.paths().iter().map(|path| summary(path)).collect();
            as_json(
                StatusCode::OK,
                &json!({ "schema": "peerscope/paths/1", "source": board.source, "paths": paths }),
            )
        }
        ("/api/v1/snapshot", _) => match board.configured() {
            Some(configured) => as_json(
                StatusCode::OK,
                &json!({
                    "schema": "peerscope/snapshot-status/1",
                    "at": configured.at.to_string(),
                    "snapshot": configured.report,
                    "gaps": configured.gaps,
                }),
            ),
            None => problem(StatusCode::NOT_FOUND, "nothing that is configured was read"),
        },
        (path, _) => match path.strip_prefix("/api/v1/paths/").map(decoded) {
            Some(Some(name)) => match board.path(&name) {
                Some(path) => diagnosis(&path),
                None => problem(StatusCode::NOT_FOUND, "no path has this name"),
            },
            Some(None) => problem(StatusCode::BAD_REQUEST, "expected a name, percent-encoded in UTF-8"),
            None => problem(StatusCode::NOT_FOUND, "nothing is here"),
        },
    }
}

/// A path in a list.
#[derive(Serialize)]
struct Summary {
    name: String,
    target: String,
    labels: std::collections::BTreeMap<String, String>,
    interval_seconds: f64,
    verdict: Option<peerscope_analysis::report::Verdict>,
    since: Option<String>,
    summary: Option<String>,
    last: Option<LastProbe>,
}

#[derive(Serialize)]
struct LastProbe {
    at: String,
    result: &'static str,
    rtt_seconds: Option<f64>,
}

fn summary(path: &Watched) -> Summary {
    let status = path.status();
    Summary {
        name: path.section.name.0.clone(),
        target: path.section.target.0.shown(),
        labels: path.section.labels.clone(),
        interval_seconds: path.section.interval.0.as_secs_f64(),
        verdict: status.verdict,
        since: status.changed.map(|changed| changed.to_string()),
        summary: status.diagnosis.as_ref().map(|diagnosis| diagnosis.summary.clone()),
        last: status.last.map(|last| LastProbe {
            at: last.at.to_string(),
            result: last.result.word(),
            rtt_seconds: last.rtt.map(|rtt| rtt.as_secs_f64()),
        }),
    }
}

fn diagnosis(path: &Watched) -> Answer {
    let last = path.status().diagnosis.clone();
    match last {
        Some(diagnosis) => as_json(StatusCode::OK, &*diagnosis),
        None => {
            problem(StatusCode::NOT_FOUND, "the path has not been diagnosed: nothing was wrong with it yet")
        }
    }
}

/// A part of a URL's path as it was meant.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit =
            |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(rest.next())? * 16 + digit(rest.next())?);
    }
    String::from_utf8(bytes).ok()
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "another method is expected here");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn problem(status: StatusCode, what: &str) -> Answer {
    as_json(status, &json!({ "error": what }))
}

fn text(status: StatusCode, text: &str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", text.as_bytes().to_vec())
}

fn as_json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => with_type(status, "application/json", body),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written\n"),
    }
}

fn with_type(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}
