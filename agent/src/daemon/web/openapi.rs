//! The OpenAPI document of everything that the daemon answers, made of the table of routes.

use serde_json::{Map, Value, json};

use crate::daemon::answer::Body;
use crate::daemon::api::schemas;
use crate::daemon::blackbox::SCRAPE_TIMEOUT;
use crate::daemon::routes::{ROUTES, Route, UNAUTHORIZED, Verb};

/// What a diagnosis and the state of the snapshot look like: they are serialised from types of the analysis, which knows
/// nothing of schemas, and held against this by a test.
const WRITTEN: &str = include_str!("openapi/schemas.json");

/// The document.
pub(crate) fn openapi() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let operations = paths.entry(route.path).or_insert_with(|| json!({}));
        let method = match route.method {
            Verb::Get => "get",
            Verb::Post => "post",
        };
        if let Some(operations) = operations.as_object_mut() {
            operations.insert(method.to_string(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "peerscope run",
            "description": "What a daemon that watches paths across an AWS VPC peering knows of them. All times are UTC. Enums are open and fields may be added: readers tolerate what they do not know.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "security": [{}, { "basic": [] }],
        "components": {
            "schemas": all_schemas(),
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Where the configuration names a web_config_file with basic_auth_users.",
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters = Vec::new();
    if route.path.contains("{name}") {
        parameters.push(json!({
            "name": "name",
            "in": "path",
            "required": true,
            "description": "What the path is called.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 100 },
        }));
    }
    if route.path.contains("{id}") {
        parameters.push(json!({
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The id of a change of the verdict, as the history has it.",
            "schema": { "type": "integer" },
        }));
    }
    if route.path.ends_with("/history") {
        for (name, what) in
            [("from", "The beginning; otherwise a day before the end"), ("to", "The end; otherwise now")]
        {
            parameters.push(json!({
                "name": name,
                "in": "query",
                "description": format!("{what}. RFC 3339, or seconds since 1970."),
                "schema": { "type": ["string", "number"] },
            }));
        }
    }
    if route.path == "/paths/{name}" {
        parameters.push(json!({
            "name": "past",
            "in": "query",
            "description": "How much of the past is shown; otherwise the last probes.",
            "schema": { "type": "string", "enum": super::stretch::Stretch::ALL.map(super::stretch::Stretch::word) },
        }));
    }
    if route.path == "/" {
        parameters.push(json!({
            "name": "state",
            "in": "query",
            "description": "Only paths of this state.",
            "schema": { "type": "string", "enum": super::view::State::ALL.map(super::view::State::word) },
        }));
        parameters.push(json!({
            "name": "labels",
            "in": "query",
            "description": "Only paths with these labels, each by its own name: team=orders.",
            "style": "form",
            "explode": true,
            "schema": { "type": "object", "additionalProperties": { "type": "string" } },
        }));
    }
    if route.path == "/probe" {
        parameters.extend(probe());
    }
    let responses: Map<String, Value> = route
        .answers
        .iter()
        .chain([&UNAUTHORIZED])
        .map(|possible| {
            let schema = match possible.body {
                Body::Json(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
                _ => json!({ "type": "string" }),
            };
            let mut content = Map::new();
            content.insert(possible.body.media_type().to_string(), json!({ "schema": schema }));
            let answer = json!({ "description": possible.what, "content": content });
            (possible.status.as_str().to_string(), answer)
        })
        .collect();
    let mut operation = Map::new();
    operation.insert("summary".to_string(), json!(route.what));
    operation.insert("operationId".to_string(), json!(id(route)));
    if !parameters.is_empty() {
        operation.insert("parameters".to_string(), Value::Array(parameters));
    }
    operation.insert("responses".to_string(), Value::Object(responses));
    Value::Object(operation)
}

/// What is said with a question of the probe endpoint.
fn probe() -> [Value; 4] {
    [
        json!({
            "name": "target",
            "in": "query",
            "required": true,
            "description": "What is asked, as the module's kind writes it: HOST, HOST:PORT, or a URL.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 2048 },
        }),
        json!({
            "name": "module",
            "in": "query",
            "description": "How it is asked.",
            "schema": { "type": "string", "default": "http_2xx" },
        }),
        json!({
            "name": "debug",
            "in": "query",
            "description": "Whether what was done is told too.",
            "schema": { "type": "boolean", "default": false },
        }),
        json!({
            "name": SCRAPE_TIMEOUT,
            "in": "header",
            "description": "By when whoever asks needs an answer.",
            "schema": { "type": "number", "minimum": 0 },
        }),
    ]
}

/// `getApiV1PathsName`
fn id(route: &Route) -> String {
    let verb = match route.method {
        Verb::Get => "get",
        Verb::Post => "post",
    };
    let words = route.path.split(|one: char| !one.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.map(|word| word[..1].to_uppercase() + &word[1..]);
    let words: String = words.collect();
    format!("{verb}{}", if words.is_empty() { "StatusPage" } else { &words })
}

/// Every schema under its name. Those within others stand beside them.
fn all_schemas() -> Map<String, Value> {
    let mut all: Map<String, Value> = serde_json::from_str(WRITTEN).unwrap_or_default();
    for (name, mut schema) in schemas() {
        relocate(&mut schema);
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("$schema");
            if let Some(Value::Object(within)) = schema.remove("$defs") {
                all.extend(within);
            }
        }
        all.insert(name.to_string(), schema);
    }
    all
}

/// Has references point to where the schemas stand here.
fn relocate(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(reference) if key == "$ref" => {
                        *reference = reference.replace("#/$defs/", "#/components/schemas/");
                    }
                    other => relocate(other),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(relocate),
        _ => {}
    }
}
