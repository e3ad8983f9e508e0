//! The OpenAPI document of everything that the daemon answers, made of the table of routes.

use serde_json::{Map, Value, json};

use crate::daemon::answer::Body;
use crate::daemon::api::schemas;
use crate::daemon::parameters::Parameter;
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
    let parameters: Vec<Value> = route.parameters.iter().map(told).collect();
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

/// A parameter.
fn told(parameter: &Parameter) -> Value {
    let schema = (parameter.schema)();
    let mut told = Map::new();
    told.insert("name".to_string(), json!(parameter.name));
    told.insert("in".to_string(), json!(parameter.place.word()));
    if parameter.is_required {
        told.insert("required".to_string(), json!(true));
    }
    told.insert("description".to_string(), json!(parameter.what));
    // Each of its keys stands for itself.
    if schema["type"] == "object" {
        told.insert("style".to_string(), json!("form"));
        told.insert("explode".to_string(), json!(true));
    }
    told.insert("schema".to_string(), schema);
    Value::Object(told)
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
