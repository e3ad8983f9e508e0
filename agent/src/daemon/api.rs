//! What the JSON API tells of paths, of the configuration, and of what was.

use std::collections::BTreeMap;

use hyper::StatusCode;
use peerscope_analysis::report::Verdict;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, Problem, as_json, no_path, problem};
use super::board::Board;
use super::history::{PathHistory, Window};
use super::watched::Watched;
use crate::clock;

/// All paths.
#[derive(Serialize, JsonSchema)]
struct Paths {
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
    labels: BTreeMap<String, String>,
    /// How often it is asked.
    interval_seconds: f64,
    /// What holds; null before anything is known.
    #[schemars(with = "Option<String>", extend("enum" = ["reachable", "blocked", "impaired", "undetermined", null]))]
    verdict: Option<Verdict>,
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
pub(super) fn schemas() -> [(&'static str, Value); 3] {
    [
        ("PathHistory", schemars::schema_for!(PathHistory).to_value()),
        ("Paths", schemars::schema_for!(Paths).to_value()),
        ("Problem", schemars::schema_for!(Problem).to_value()),
    ]
}

/// All paths, each with what holds of it and its last probe.
pub(super) fn paths(board: &Board) -> Answer {
    let paths = board.paths().iter().map(|path| summary(path)).collect();
    let paths = Paths { schema: "peerscope/paths/1", source: board.source.clone(), paths };
    as_json(StatusCode::OK, &paths)
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

/// The last diagnosis of a path.
pub(super) fn diagnosis(board: &Board, name: &str) -> Answer {
    let Some(path) = board.path(name) else { return no_path() };
    let last = path.status().diagnosis.clone();
    match last {
        Some(diagnosis) => as_json(StatusCode::OK, &*diagnosis),
        None => {
            problem(StatusCode::NOT_FOUND, "the path has not been diagnosed: nothing was wrong with it yet")
        }
    }
}

/// What is known of the configuration: from where, how old, and what is missing.
pub(super) fn snapshot(board: &Board) -> Answer {
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

/// What is kept of a path within the time that a query names.
pub(super) fn history(board: &Board, name: &str, query: &str) -> Answer {
    if board.path(name).is_none() {
        return no_path();
    }
    match Window::of(Some(query), clock::now()) {
        Err(wrong) => problem(StatusCode::BAD_REQUEST, &wrong),
        Ok(window) => match board.history.path(name, window) {
            Ok(history) => as_json(StatusCode::OK, &history),
            Err(error) => unreadable(&error),
        },
    }
}

/// The diagnosis of a change of a verdict, by its id.
pub(super) fn earlier_diagnosis(board: &Board, name: &str, id: &str) -> Answer {
    let Ok(id) = id.parse() else {
        return problem(StatusCode::BAD_REQUEST, "expected the id of a verdict change, a whole number");
    };
    match board.history.diagnosis(name, id) {
        Ok(Some(diagnosis)) => as_json(StatusCode::OK, &diagnosis),
        Ok(None) => {
            problem(StatusCode::NOT_FOUND, "the path has no verdict change of this id with a diagnosis")
        }
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &rusqlite::Error) -> Answer {
    problem(StatusCode::SERVICE_UNAVAILABLE, &format!("the history cannot be read now: {error}"))
}
