//! Holds a tree against the schema that the types give, and turns it into what they are made of. Every mistake is told,
//! in words that say what was expected.

use serde_json::{Map, Value};

use super::values::FORMATS;
use super::yaml::{Content, Key, Node, Scalar, Wrong};
use crate::input_error::Position;

/// What was made of a tree, and all that is wrong with it, each with its place in the structure.
pub(super) struct Held {
    /// The value; of no use where anything is wrong.
    pub(super) value: Value,
    /// What is wrong: the place in the structure, and the rest.
    pub(super) wrong: Vec<(String, Wrong)>,
}

/// Holds a tree against a schema.
pub(super) fn hold(schema: &Value, root: &Node) -> Held {
    let mut holder = Holder { definitions: schema.get("$defs"), wrong: Vec::new() };
    let value = holder.value(schema, root, "");
    Held { value, wrong: holder.wrong }
}

/// Removes the keys that a schema does not know, and says which: their places in the structure and in the text.
pub(super) fn prune(schema: &Value, root: &mut Node) -> Vec<(String, Position)> {
    let holder = Holder { definitions: schema.get("$defs"), wrong: Vec::new() };
    let mut removed = Vec::new();
    holder.prune(schema, root, "", &mut removed);
    removed
}

struct Holder<'a> {
    definitions: Option<&'a Value>,
    wrong: Vec<(String, Wrong)>,
}

impl<'a> Holder<'a> {
    fn value(&mut self, schema: &'a Value, node: &Node, place: &str) -> Value {
        let (schema, is_optional) = self.resolved(schema);
        if let Content::Scalar(scalar) = &node.content
            && scalar.is_null()
            && is_optional
        {
            return Value::Null;
        }
        match (kind(schema), &node.content) {
            ("object", Content::Map(entries)) => self.map(schema, entries, node.position, place),
            ("array", Content::List(elements)) => {
                let of = schema.get("items").unwrap_or(&Value::Null);
                let each = elements.iter().enumerate();
                each.map(|(index, element)| self.value(of, element, &format!("{place}[{index}]"))).collect()
            }
            ("string", Content::Scalar(scalar)) if !scalar.is_null() => {
                self.text(schema, scalar, node, place)
            }
            ("integer", Content::Scalar(scalar)) => self.integer(schema, scalar, node, place),
            ("boolean", Content::Scalar(scalar)) => match (scalar.is_plain, scalar.text.as_str()) {
                (true, "true" | "True" | "TRUE") => Value::Bool(true),
                (true, "false" | "False" | "FALSE") => Value::Bool(false),
                _ => self.unexpected(schema, node, place),
            },
            _ => self.unexpected(schema, node, place),
        }
    }

    fn prune(&self, schema: &'a Value, node: &mut Node, place: &str, removed: &mut Vec<(String, Position)>) {
        let (schema, _) = self.resolved(schema);
        match &mut node.content {
            Content::Map(entries) if kind(schema) == "object" => {
                let properties = schema.get("properties");
                let of_any = schema.get("additionalProperties").filter(|one| one.is_object());
                entries.retain_mut(|(key, value)| {
                    let within =
                        if place.is_empty() { key.name.clone() } else { format!("{place}.{}", key.name) };
                    match properties.and_then(|all| all.get(&key.name)).or(of_any) {
                        Some(held) => self.prune(held, value, &within, removed),
                        None => {
                            removed.push((within, key.position));
                            return false;
                        }
                    }
                    true
                });
            }
            Content::List(elements) => {
                let of = schema.get("items").unwrap_or(&Value::Null);
                for (index, element) in elements.iter_mut().enumerate() {
                    self.prune(of, element, &format!("{place}[{index}]"), removed);
                }
            }
            _ => {}
        }
    }

    /// The schema that a reference names, and whether nothing will do too.
    fn resolved(&self, schema: &'a Value) -> (&'a Value, bool) {
        let is_null = |one: &Value| one.get("type").and_then(Value::as_str) == Some("null");
        if let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) {
            let value = alternatives.iter().find(|one| !is_null(one)).unwrap_or(schema);
            return (self.resolved(value).0, alternatives.iter().any(is_null));
        }
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(name) = reference.and_then(|reference| reference.strip_prefix("#/$defs/"))
            && let Some(definition) = self.definitions.and_then(|definitions| definitions.get(name))
        {
            return self.resolved(definition);
        }
        let is_optional = schema
            .get("type")
            .and_then(Value::as_array)
            .is_some_and(|types| types.iter().any(|one| one.as_str() == Some("null")));
        (schema, is_optional)
    }

    /// Whether a section's values are to be shown to nobody.
    fn has_secret(&self, schema: &Value) -> bool {
        let properties = schema.get("properties").and_then(Value::as_object);
        let values = properties.into_iter().flat_map(|all| all.values());
        values.chain(schema.get("additionalProperties")).any(|value| {
            let name =
                |value: &Value| Some(value.get("$ref")?.as_str()?.trim_start_matches("#/$defs/").to_string());
            let several = value.get("anyOf").and_then(Value::as_array).into_iter().flatten();
            let named = several.chain([value]).filter_map(name);
            named.filter_map(|name| self.definitions?.get(&name)).any(|definition| {
                let format = definition.get("format").and_then(Value::as_str);
                FORMATS.iter().any(|known| known.is_secret && Some(known.name) == format)
            })
        })
    }

    fn map(&mut self, schema: &'a Value, entries: &[(Key, Node)], at: Position, place: &str) -> Value {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        // A map of names to values has no properties, and says what each value is.
        let of_any = schema.get("additionalProperties").filter(|one| one.is_object());
        let mut map = Map::new();
        for (key, value) in entries {
            let within = if place.is_empty() { key.name.clone() } else { format!("{place}.{}", key.name) };
            let held = schema.get("properties").and_then(|all| all.get(&key.name)).or(of_any);
            match held {
                Some(held) => {
                    let value = self.value(held, value, &within);
                    if !value.is_null() {
                        map.insert(key.name.clone(), value);
                    }
                }
                None => {
                    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                    let problem = format!("expected {}, found {:?}", one_of(&known), key.name);
                    self.wrong.push((place.to_string(), Wrong { position: key.position, problem }));
                }
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !entries.iter().any(|(key, _)| key.name == name) {
                let problem = format!("expected {name}, found none");
                self.wrong.push((place.to_string(), Wrong { position: at, problem }));
            }
        }
        Value::Object(map)
    }

    fn text(&mut self, schema: &Value, scalar: &Scalar, node: &Node, place: &str) -> Value {
        let words = words(schema);
        if !words.is_empty() && !words.contains(&scalar.text.as_str()) {
            return self.unexpected(schema, node, place);
        }
        let format = schema.get("format").and_then(Value::as_str);
        if let Some(format) = format.and_then(|name| FORMATS.iter().find(|format| format.name == name))
            && let Err(detail) = (format.check)(&scalar.text)
        {
            let detail =
                if detail.is_empty() || scalar.is_secret { String::new() } else { format!(" ({detail})") };
            let found = if format.is_secret { "another text".to_string() } else { found(node) };
            let problem = format!("expected {}, found {found}{detail}", format.expected);
            self.wrong.push((place.to_string(), Wrong { position: node.position, problem }));
        }
        Value::String(scalar.text.clone())
    }

    fn integer(&mut self, schema: &Value, scalar: &Scalar, node: &Node, place: &str) -> Value {
        let limit = |name: &str| schema.get(name).and_then(Value::as_i64);
        let number = scalar.text.parse::<i64>().ok().filter(|number| {
            limit("minimum").is_none_or(|minimum| *number >= minimum)
                && limit("maximum").is_none_or(|maximum| *number <= maximum)
        });
        match number {
            Some(number) => Value::from(number),
            None => self.unexpected(schema, node, place),
        }
    }

    fn unexpected(&mut self, schema: &Value, node: &Node, place: &str) -> Value {
        // Whoever gives a text where a section with a secret belongs may have given the secret.
        let found = match &node.content {
            Content::Scalar(scalar) if !scalar.is_null() && self.has_secret(schema) => "a text".to_string(),
            _ => found(node),
        };
        let problem = format!("expected {}, found {found}", expected(schema));
        self.wrong.push((place.to_string(), Wrong { position: node.position, problem }));
        Value::Null
    }
}

/// The words that a text may be, where it may not be any.
fn words(schema: &Value) -> Vec<&str> {
    let described = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let described = described.filter_map(|one| one.get("const")?.as_str());
    let plain = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    described.chain(plain.filter_map(Value::as_str)).collect()
}

fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        None if schema.get("oneOf").is_some() => "string",
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn expected(schema: &Value) -> String {
    let words = words(schema);
    if !words.is_empty() {
        return one_of(&words);
    }
    match kind(schema) {
        "object" => "a section of keys and values".to_string(),
        "array" => "a list".to_string(),
        "boolean" => "true or false".to_string(),
        "integer" => {
            let limit = |name: &str| schema.get(name).and_then(Value::as_i64);
            match (limit("minimum"), limit("maximum")) {
                (Some(minimum), Some(maximum)) => format!("a whole number from {minimum} to {maximum}"),
                (Some(minimum), None) => format!("a whole number, {minimum} or more"),
                _ => "a whole number".to_string(),
            }
        }
        _ => match schema.get("format").and_then(Value::as_str) {
            Some(name) => {
                FORMATS.iter().find(|format| format.name == name).map_or("text", |format| format.expected)
            }
            None => "text",
        }
        .to_string(),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_string(),
        [word] => (*word).to_string(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// What stands there, as far as it may be shown.
fn found(node: &Node) -> String {
    match &node.content {
        Content::List(_) => "a list".to_string(),
        Content::Map(_) => "a section of keys and values".to_string(),
        Content::Scalar(scalar) if scalar.is_null() => "nothing".to_string(),
        Content::Scalar(scalar) if scalar.is_secret => "a value that is not shown".to_string(),
        // A URL may hold a password, and where it is wrong nobody knows which part that is.
        Content::Scalar(scalar) if scalar.text.contains('@') => "a text with an @ in it".to_string(),
        Content::Scalar(scalar) => {
            let excerpt: String = scalar.text.chars().take(64).collect();
            format!("{excerpt:?}")
        }
    }
}
