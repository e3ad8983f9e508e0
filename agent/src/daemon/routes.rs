//! Everything that the daemon answers, as one table: what is asked is looked up in it, and the OpenAPI document is made of
//! it, so that neither can have what the other has not.

use std::pin::Pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode, Version};
use tokio::sync::Semaphore;

use super::answer::{Answer, Body, as_json, no_path, not_allowed, page, problem, text, with_type};
use super::blackbox::{self, Endpoint};
use super::board::Board;
use super::parameters::{FILTER, FROM, ID, NAME, PAST, PROBE, Parameter, TO};
use super::reload::Reload;
use super::url::{decoded, decoded_query};
use super::{api, metrics, web};
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
    /// What may be said with it.
    pub(super) parameters: &'static [Parameter],
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
        parameters: &FILTER,
        answers: &[possible(StatusCode::OK, "The page.", Body::Html)],
        answer: Answering::Beside(&WRITING, |asked| {
            page(StatusCode::OK, web::overview(&asked.daemon.board, &asked.query, clock::now()))
        }),
    },
    Route {
        path: "/paths/{name}",
        method: Verb::Get,
        what: "The page of a path.",
        parameters: &[NAME, PAST],
        answers: &[possible(StatusCode::OK, "The page.", Body::Html), NO_NAME, NO_PATH],
        answer: Answering::Beside(&READING, |asked| {
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
        parameters: &[],
        answers: &[possible(StatusCode::OK, "The paths.", Body::Json("Paths"))],
        answer: Answering::Beside(&WRITING, |asked| api::paths(&asked.daemon.board)),
    },
    Route {
        path: "/api/v1/paths/{name}",
        method: Verb::Get,
        what: "The last diagnosis of a path.",
        parameters: &[NAME],
        answers: &[
            possible(StatusCode::OK, "The diagnosis.", Body::Json("Diagnosis")),
            NO_NAME,
            possible(StatusCode::NOT_FOUND, "No path has this name, or it was not diagnosed yet.", PROBLEM),
        ],
        answer: Answering::Now(|asked| api::diagnosis(&asked.daemon.board, &asked.name)),
    },
    Route {
        path: "/api/v1/paths/{name}/history",
        method: Verb::Get,
        what: "What is kept of a path within a time: what its probes came to, changes of its verdict, and events.",
        parameters: &[NAME, FROM, TO],
        answers: &[
            possible(StatusCode::OK, "What is kept.", Body::Json("PathHistory")),
            possible(StatusCode::BAD_REQUEST, "The name or the query cannot be read.", PROBLEM),
            NO_PATH,
            UNREADABLE,
        ],
        answer: Answering::Beside(&READING, |asked| {
            api::history(&asked.daemon.board, &asked.name, &asked.query)
        }),
    },
    Route {
        path: "/api/v1/paths/{name}/history/{id}",
        method: Verb::Get,
        what: "The diagnosis of a change of a verdict, as it was told then.",
        parameters: &[NAME, ID],
        answers: &[
            possible(StatusCode::OK, "The diagnosis.", Body::Json("Diagnosis")),
            possible(StatusCode::BAD_REQUEST, "The name or the id cannot be read.", PROBLEM),
            possible(StatusCode::NOT_FOUND, "The path has no such change with a diagnosis.", PROBLEM),
            UNREADABLE,
        ],
        answer: Answering::Beside(&READING, |asked| {
            api::earlier_diagnosis(&asked.daemon.board, &asked.name, &asked.id)
        }),
    },
    Route {
        path: "/api/v1/snapshot",
        method: Verb::Get,
        what: "What is known of the configuration: from where, how old, and what is missing.",
        parameters: &[],
        answers: &[
            possible(StatusCode::OK, "What is known.", Body::Json("Snapshot")),
            possible(StatusCode::NOT_FOUND, "Nothing that is configured was read.", PROBLEM),
        ],
        answer: Answering::Beside(&WRITING, |asked| api::snapshot(&asked.daemon.board)),
    },
    Route {
        path: "/api/v1/openapi.json",
        method: Verb::Get,
        what: "This document.",
        parameters: &[],
        answers: &[possible(StatusCode::OK, "An OpenAPI document.", Body::Json("Document"))],
        answer: Answering::Beside(&WRITING, |_| as_json(StatusCode::OK, &web::openapi())),
    },
    Route {
        path: "/metrics",
        method: Verb::Get,
        what: "The metrics of every path, for Prometheus.",
        parameters: &[],
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
        parameters: &PROBE,
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
        parameters: &[],
        answers: &[possible(StatusCode::OK, "It does.", Body::Text)],
        answer: Answering::Now(|_| text(StatusCode::OK, "healthy\n")),
    },
    Route {
        path: "/-/ready",
        method: Verb::Get,
        what: "Whether what is configured was read, or tried to be.",
        parameters: &[],
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
        parameters: &[],
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

/// That a request does not say to whom it is. What follows on its connection may be anybody's.
fn no_host() -> Answer {
    let mut answer = problem(StatusCode::BAD_REQUEST, "expected one Host");
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
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
