//! What may be said with a question, for those who write clients: the OpenAPI document tells it.

use serde_json::{Value, json};

use super::blackbox::SCRAPE_TIMEOUT;
use super::web::{states, stretches};

/// Something that is said with a question.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: Place,
    /// What it is, in a sentence.
    pub(super) what: &'static str,
    pub(super) is_required: bool,
    /// What it may be, as a JSON Schema.
    pub(super) schema: fn() -> Value,
}

/// Where it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    /// As OpenAPI calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

/// In the place of `{name}`.
pub(super) const NAME: Parameter = Parameter {
    name: "name",
    place: Place::Path,
    what: "What the path is called.",
    is_required: true,
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": 100 }),
};

/// In the place of `{id}`.
pub(super) const ID: Parameter = Parameter {
    name: "id",
    place: Place::Path,
    what: "The id of a change of the verdict, as the history has it.",
    is_required: true,
    schema: || json!({ "type": "integer" }),
};

/// From when a history is told.
pub(super) const FROM: Parameter =
    query("from", "The beginning; otherwise a day before the end. RFC 3339, or seconds since 1970.", time);

/// Until when.
pub(super) const TO: Parameter =
    query("to", "The end; otherwise now. RFC 3339, or seconds since 1970.", time);

/// How much of the past a page shows.
pub(super) const PAST: Parameter = query(
    "past",
    "How much of the past is shown; otherwise the last probes.",
    || json!({ "type": "string", "enum": stretches() }),
);

/// Which paths are shown.
pub(super) const FILTER: [Parameter; 2] = [
    query("state", "Only paths of this state.", || json!({ "type": "string", "enum": states() })),
    query(
        "labels",
        "Only paths with these labels, each by its own name: team=orders.",
        || json!({ "type": "object", "additionalProperties": { "type": "string" } }),
    ),
];

/// What is said with a question of the probe endpoint.
pub(super) const PROBE: [Parameter; 4] = [
    Parameter {
        is_required: true,
        ..query(
            "target",
            "What is asked, as the module's kind writes it: HOST, HOST:PORT, or a URL.",
            || json!({ "type": "string", "minLength": 1, "maxLength": 2048 }),
        )
    },
    query("module", "How it is asked.", || json!({ "type": "string", "default": "http_2xx" })),
    query("debug", "Whether what was done is told too.", || json!({ "type": "boolean", "default": false })),
    Parameter {
        place: Place::Header,
        ..query(
            SCRAPE_TIMEOUT,
            "By when whoever asks needs an answer.",
            || json!({ "type": "number", "minimum": 0 }),
        )
    },
];

const fn query(name: &'static str, what: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter { name, place: Place::Query, what, is_required: false, schema }
}

fn time() -> Value {
    json!({ "type": ["string", "number"] })
}
