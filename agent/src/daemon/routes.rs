//! Everything that the daemon answers, as one table: what is asked is looked up in it, and the OpenAPI document is made of
//! it, so that neither can have what the other has not.

use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Version};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::sync::Semaphore;

use super::answer::{Answer, Body, Problem, as_json, not_allowed, page, problem, text, with_type};
use super::blackbox::{self, Endpoint};
use super::board::{Board, Watched};
use super::history::{PathHistory, Window};
use super::reload::Reload;
use super::url::{decoded, decoded_query};
use super::{metrics, web};
use crate::clock;

/// Who reads the disk: so many at a time.
static READING: Semaphore = Semaphore::const_new(4);
/// Who writes out all that is known: so many at a time, whatever the disk does.
static WRITING: Semaphore = Semaphore::const_new(2);

/// Whoever knows what is asked for.
pub(super) struct Daemon {
    pub(super) board: Arc<Board>,
    pub(super) reload: Arc<Reload>,
    pub(super) probing: Arc<Endpoint>,
}

/// What is asked.
struct Asked {
    daemon: Arc<Daemon>,
    /// What stands in the place of `{name}`.
    name: String,
    /// What stands in the place of `{id}`.
    id: String,
    query: String,
    headers: HeaderMap,
}

/// How something is answered.
#[derive(Clone, Copy)]
enum Answering {
    /// By what is known.
    Now(fn(&Asked) -> Answer),
    /// By work that takes its time, which so many do at a time, beside everything else that is asked.
    Beside(&'static Semaphore, fn(&Asked) -> Answer),
    /// By what is found out; others are served meanwhile.
    Later(fn(&Asked) -> Sought),
}

/// An answer that is being found out.
pub(super) type Sought = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// An answer, now or later.
pub(super) enum Promised {
    Given(Answer),
    Sought(Sought),
}

/// Something that can be asked for.
pub(super) struct Route {
    /// Where, with `{name}` for a name and `{id}` for a number.
    pub(super) path: &'static str,
    pub(super) method: Verb,
    /// What it is, in a sentence.
    pub(super) what: &'static str,
    /// What may be answered.
    pub(super) answers: &'static [Possible],
    answer: Answering,
}

/// How something is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// GET, and HEAD.
    Get,
    Post,
}

/// An answer that may be given.
pub(super) struct Possible {
    pub(super) status: StatusCode,
    pub(super) what: &'static str,
    pub(super) body: Body,
}

const fn possible(status: StatusCode, what: &'static str, body: Body) -> Possible {
    Possible { status, what, body }
}

const PROBLEM: Body = Body::Json("Problem");
const NO_NAME: Possible =
    possible(StatusCode::BAD_REQUEST, "The name is not percent-encoded UTF-8.", PROBLEM);
const NO_PATH: Possible = possible(StatusCode::NOT_FOUND, "No path has this name.", PROBLEM);

const UNREADABLE: Possible =
    possible(StatusCode::SERVICE_UNAVAILABLE, "The history cannot be read now.", PROBLEM);

/// What any of them may answer.
pub(super) const UNAUTHORIZED: Possible = possible(
    StatusCode::UNAUTHORIZED,
    "The configuration says who may ask, and this was not one of them.",
    PROBLEM,
);

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    Route {
        path: "/",
        method: Verb::Get,
        what: "The status page: all paths, or those of a state and labels that the query names.",
        answers: &[possible(StatusCode::OK, "The page.", Body::Html)],
        answer: Answering::Beside(&WRITING, |asked| {
            page(StatusCode::OK, web::overview(&asked.daemon.board, &asked.query, clock::now()))
        }),
    },
    Route {
        path: "/paths/{name}",
        method: Verb::Get,
        what: "The page of a path.",
        answers: &[possible(StatusCode::OK, "The page.", Body::Html), NO_NAME, NO_PATH],
        answer: Answering::Now(|asked| {
            match web::path(&asked.daemon.board, &asked.name, &asked.query, clock::now()) {
                Some(text) => page(StatusCode::OK, text),
                None => no_path(),
            }
        }),
    },
    Route {
        path: "/api/v1/paths",
        method: Verb::Get,
        what: "All paths, each with what holds of it and its last probe.",
        answers: &[possible(StatusCode::OK, "The paths.", Body::Json("Paths"))],
        answer: Answering::Beside(&WRITING, |asked| {
            let paths = asked.daemon.board.paths().iter().map(|path| summary(path)).collect();
            let paths =
                Paths { schema: "peerscope/paths/1", source: asked.daemon.board.source.clone(), paths };
            as_json(StatusCode::OK, &paths)
        }),
    },
    Route {
        path: "/api/v1/paths/{name}",
        method: Verb::Get,
        what: "The last diagnosis of a path.",
        answers: &[
            possible(StatusCode::OK, "The diagnosis.", Body::Json("Diagnosis")),
            NO_NAME,
            possible(StatusCode::NOT_FOUND, "No path has this name, or it was not diagnosed yet.", PROBLEM),
        ],
        answer: Answering::Now(|asked| {
            asked.daemon.board.path(&asked.name).map_or_else(no_path, |path| diagnosis(&path))
        }),
    },
    Route {
        path: "/api/v1/paths/{name}/history",
        method: Verb::Get,
        what: "What is kept of a path within a time: what its probes came to, changes of its verdict, and events.",
        answers: &[
            possible(StatusCode::OK, "What is kept.", Body::Json("PathHistory")),
            possible(StatusCode::BAD_REQUEST, "The name or the query cannot be read.", PROBLEM),
            NO_PATH,
            UNREADABLE,
        ],
        answer: Answering::Beside(&READING, history),
    },
    Route {
        path: "/api/v1/paths/{name}/history/{id}",
        method: Verb::Get,
        what: "The diagnosis of a change of a verdict, as it was told then.",
        answers: &[
            possible(StatusCode::OK, "The diagnosis.", Body::Json("Diagnosis")),
            possible(StatusCode::BAD_REQUEST, "The name or the id cannot be read.", PROBLEM),
            possible(StatusCode::NOT_FOUND, "The path has no such change with a diagnosis.", PROBLEM),
            UNREADABLE,
        ],
        answer: Answering::Beside(&READING, earlier_diagnosis),
    },
    Route {
        path: "/api/v1/snapshot",
        method: Verb::Get,
        what: "What is known of the configuration: from where, how old, and what is missing.",
        answers: &[
            possible(StatusCode::OK, "What is known.", Body::Json("Snapshot")),
            possible(StatusCode::NOT_FOUND, "Nothing that is configured was read.", PROBLEM),
        ],
        answer: Answering::Beside(&WRITING, |asked| snapshot(&asked.daemon.board)),
    },
    Route {
        path: "/api/v1/openapi.json",
        method: Verb::Get,
        what: "This document.",
        answers: &[possible(StatusCode::OK, "An OpenAPI document.", Body::Json("Document"))],
        answer: Answering::Beside(&WRITING, |_| as_json(StatusCode::OK, &web::openapi())),
    },
    Route {
        path: "/metrics",
        method: Verb::Get,
        what: "The metrics of every path, for Prometheus.",
        answers: &[
            possible(StatusCode::OK, "The metrics.", Body::Metrics),
            possible(StatusCode::INTERNAL_SERVER_ERROR, "They cannot be written.", Body::Text),
        ],
        answer: Answering::Beside(&WRITING, |asked| match metrics::page(&asked.daemon.board) {
            Ok(page) => with_type(StatusCode::OK, Body::Metrics, page),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        }),
    },
    Route {
        path: "/probe",
        method: Verb::Get,
        what: "Asks a target now, as blackbox_exporter does.",
        answers: &[
            possible(StatusCode::OK, "What came of it, for Prometheus.", Body::Metrics),
            possible(
                StatusCode::BAD_REQUEST,
                "The question makes no sense, or its module is not supported.",
                Body::Text,
            ),
            possible(StatusCode::FORBIDDEN, "The target may not be reached from here.", Body::Text),
            possible(StatusCode::TOO_MANY_REQUESTS, "A MySQL may not be asked that often.", Body::Text),
            possible(StatusCode::INTERNAL_SERVER_ERROR, "The question was not asked.", Body::Text),
            possible(StatusCode::SERVICE_UNAVAILABLE, "As many questions are asked as can be.", Body::Text),
        ],
        answer: Answering::Later(|asked| {
            let timeout = asked.headers.get(blackbox::SCRAPE_TIMEOUT);
            let timeout = timeout.map(|timeout| timeout.to_str().unwrap_or_default().to_string());
            let (probing, query) = (Arc::clone(&asked.daemon.probing), asked.query.to_string());
            Box::pin(async move {
                let (status, page) = probing.answer(&query, timeout.as_deref()).await;
                let kind = if status == StatusCode::OK { Body::Metrics } else { Body::Text };
                with_type(status, kind, page.into_bytes())
            })
        }),
    },
    Route {
        path: "/-/healthy",
        method: Verb::Get,
        what: "Whether the daemon runs.",
        answers: &[possible(StatusCode::OK, "It does.", Body::Text)],
        answer: Answering::Now(|_| text(StatusCode::OK, "healthy\n")),
    },
    Route {
        path: "/-/ready",
        method: Verb::Get,
        what: "Whether what is configured was read, or tried to be.",
        answers: &[
            possible(StatusCode::OK, "It was.", Body::Text),
            possible(StatusCode::SERVICE_UNAVAILABLE, "Not yet.", Body::Text),
        ],
        answer: Answering::Now(|asked| match asked.daemon.board.is_ready() {
            true => text(StatusCode::OK, "ready\n"),
            false => text(StatusCode::SERVICE_UNAVAILABLE, "reading what is configured\n"),
        }),
    },
    Route {
        path: "/-/reload",
        method: Verb::Post,
        what: "Has the daemon take its configuration file anew: whole, or not at all.",
        answers: &[
            possible(StatusCode::OK, "It was taken.", Body::Text),
            possible(StatusCode::BAD_REQUEST, "Everything that is wrong with it, a line each.", Body::Text),
        ],
        answer: Answering::Now(|asked| match asked.daemon.reload.now() {
            Ok(()) => text(StatusCode::OK, "reloaded\n"),
            Err(errors) => text(StatusCode::BAD_REQUEST, &format!("{errors}\n")),
        }),
    },
];

/// Answers a request.
pub(super) fn answer(request: &Request<Incoming>, daemon: &Arc<Daemon>) -> Promised {
    // RFC 9112, section 3.2: whoever stands between may have gone by another.
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts > 1 || hosts == 0 && request.version() == Version::HTTP_11 {
        return Promised::Given(no_host());
    }
    let (method, path) = (request.method(), request.uri().path());
    let query = request.uri().query().unwrap_or_default();
    let Some((route, places)) = ROUTES.iter().find_map(|route| Some((route, places(route.path, path)?)))
    else {
        return Promised::Given(problem(StatusCode::NOT_FOUND, "nothing is here"));
    };
    let (is_meant, allowed) = match route.method {
        Verb::Get => (*method == Method::GET || *method == Method::HEAD, "GET, HEAD"),
        Verb::Post => (*method == Method::POST, "POST"),
    };
    if !is_meant {
        return Promised::Given(not_allowed(allowed));
    }
    // Browsers make folders of the names `.` and `..`, which the query can hold.
    let asked_for = || decoded_query(query).find(|(key, _)| key == "name").map(|(_, name)| name);
    let mut places = places.into_iter();
    let name = match places.next().unwrap_or_default() {
        "" => Some(asked_for().unwrap_or_default()),
        name => decoded(name),
    };
    let Some(name) = name else {
        return Promised::Given(problem(
            StatusCode::BAD_REQUEST,
            "expected a name, percent-encoded in UTF-8",
        ));
    };
    let id = places.next().unwrap_or_default().to_string();
    let (daemon, headers) = (Arc::clone(daemon), request.headers().clone());
    let asked = Asked { daemon, name, id, query: query.to_string(), headers };
    match route.answer {
        Answering::Now(answer) => Promised::Given(answer(&asked)),
        Answering::Later(answer) => Promised::Sought(answer(&asked)),
        Answering::Beside(places, answer) => Promised::Sought(Box::pin(async move {
            let place = places.acquire().await;
            let work = move || {
                // Until it is done, whether or not whoever asked still waits for it.
                let _place = place;
                answer(&asked)
            };
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|_| text(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be made\n"))
        })),
    }
}

/// What stands in the places of `{name}` and `{id}`, one after the other; none where a path is another's.
fn places<'a>(route: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (wanted, mut told) = (route.split('/'), path.split('/'));
    let mut places = Vec::new();
    for part in wanted {
        match (part.starts_with('{'), told.next()?) {
            (true, place) => places.push(place),
            (false, same) if same == part => {}
            (false, _) => return None,
        }
    }
    told.next().is_none().then_some(places)
}

/// All paths.
#[derive(Serialize, JsonSchema)]
pub(super) struct Paths {
    /// `peerscope/paths/1`
    schema: &'static str,
    /// What this daemon is called.
    source: String,
    /// The paths, by name.
    paths: Vec<PathSummary>,
}

/// A path in a list.
#[derive(Serialize, JsonSchema)]
struct PathSummary {
    /// What it is called.
    name: String,
    /// What is asked, without credentials.
    target: String,
    /// The labels of its series.
    labels: std::collections::BTreeMap<String, String>,
    /// How often it is asked.
    interval_seconds: f64,
    /// What holds; null before anything is known.
    #[schemars(with = "Option<String>", extend("enum" = ["reachable", "blocked", "impaired", "undetermined", null]))]
    verdict: Option<peerscope_analysis::report::Verdict>,
    /// Since when, in RFC 3339.
    since: Option<String>,
    /// The last diagnosis in a sentence.
    summary: Option<String>,
    /// The last probe.
    last: Option<LastProbe>,
}

/// A probe.
#[derive(Serialize, JsonSchema)]
struct LastProbe {
    /// When it was answered, or given up, in RFC 3339.
    at: String,
    /// What it came to: connected, refused, timeout and so on, as in the metrics.
    result: &'static str,
    /// The round trip.
    rtt_seconds: Option<f64>,
}

/// The schemas that are made of types.
pub(super) fn schemas() -> [(&'static str, serde_json::Value); 3] {
    [
        ("PathHistory", schemars::schema_for!(PathHistory).to_value()),
        ("Paths", schemars::schema_for!(Paths).to_value()),
        ("Problem", schemars::schema_for!(Problem).to_value()),
    ]
}

fn summary(path: &Watched) -> PathSummary {
    let status = path.status();
    PathSummary {
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

fn snapshot(board: &Board) -> Answer {
    match board.configured() {
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
    }
}

fn history(asked: &Asked) -> Answer {
    if asked.daemon.board.path(&asked.name).is_none() {
        return no_path();
    }
    match Window::of(Some(&asked.query), clock::now()) {
        Err(wrong) => problem(StatusCode::BAD_REQUEST, &wrong),
        Ok(window) => match asked.daemon.board.history.path(&asked.name, window) {
            Ok(history) => as_json(StatusCode::OK, &history),
            Err(error) => unreadable(&error),
        },
    }
}

fn earlier_diagnosis(asked: &Asked) -> Answer {
    let Ok(id) = asked.id.parse() else {
        return problem(StatusCode::BAD_REQUEST, "expected the id of a verdict change, a whole number");
    };
    match asked.daemon.board.history.diagnosis(&asked.name, id) {
        Ok(Some(diagnosis)) => as_json(StatusCode::OK, &diagnosis),
        Ok(None) => {
            problem(StatusCode::NOT_FOUND, "the path has no verdict change of this id with a diagnosis")
        }
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &rusqlite::Error) -> Answer {
    problem(UNREADABLE.status, &format!("the history cannot be read now: {error}"))
}

/// That a request does not say to whom it is. What follows on its connection may be anybody's.
fn no_host() -> Answer {
    let mut answer = problem(StatusCode::BAD_REQUEST, "expected one Host");
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn no_path() -> Answer {
    problem(StatusCode::NOT_FOUND, "no path has this name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        for (route, path, name) in [
            ("/", "/", Some(&[] as &[&str])),
            ("/", "/x", None),
            ("/paths/{name}", "/paths/orders-db", Some(&["orders-db"])),
            ("/paths/{name}", "/paths/", Some(&[""])),
            ("/paths/{name}", "/paths", None),
            ("/paths/{name}", "/paths/a/b", None),
            ("/paths/{name}", "/paths/a%2Fb", Some(&["a%2Fb"])),
            ("/x/{name}/history", "/x/a/history", Some(&["a"])),
            ("/x/{name}/history", "/x/history", None),
            ("/x/{name}/history/{id}", "/x/a/history/7", Some(&["a", "7"])),
            ("/x/{name}/history/{id}", "/x/a/history/7/8", None),
        ] {
            assert_eq!(places(route, path).as_deref(), name, "{route} {path}");
        }
    }

    #[test]
    fn no_two_routes_are_one() {
        for (index, route) in ROUTES.iter().enumerate() {
            let path = route.path.replace("{name}", "x").replace("{id}", "7");
            let found = ROUTES.iter().position(|other| places(other.path, &path).is_some());
            assert_eq!(found, Some(index), "{}", route.path);
        }
    }
}
