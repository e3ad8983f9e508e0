//! The configuration of the daemon, read whole before any of it takes effect. A daemon that starts with half of what was
//! meant watches half of the paths, and nobody knows; so every mistake is told in one run, each with its line and column,
//! and nothing is started, or changed, before there is none.

mod discovery;
mod hold;
mod model;
pub(crate) mod modules;
mod push;
mod request;
mod secret;
mod values;
mod web;
mod yaml;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use peerscope_analysis::diagnose::MYSQL_PORTS;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use self::model::{
    BasicAuthSection, DiscoverySection, Document, InterfaceSelector, LogFormat, OtlpLogsSection, PathSection,
    ProbeEndpointSection, REFRESH, RemoteWriteSection, RetentionSection, SnapshotSection, TlsSection,
    interval, timeout,
};
pub(crate) use self::secret::Secret;
pub(crate) use self::values::{Block, HttpUrl, PathName, Span, Target, leads_to_a_host};
use self::yaml::{Content, Node, Wrong};
use crate::daemon::access::Access;
use crate::input_error::InputError;
use crate::input_file::read_text;
use crate::target::TargetUrl;

/// The shortest interval of any path: ten connects a second is what one host may get from all of them together.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// The shortest of a MySQL path whose server is logged in to with no name: each leaves a line of a denied login.
const SHORTEST_OF_MYSQL: Duration = Duration::from_secs(60);
/// The shortest of a path to a MySQL's port that is left before a login: 100 of those and the server shuts this host
/// out (MySQL reference manual, "max_connect_errors"). An hour apart, a login of the application comes between.
pub(crate) const SHORTEST_OF_MYSQL_UNSPOKEN: Duration = Duration::from_secs(3600);
/// The shortest time that history is kept: it is deleted by the hour.
const SHORTEST_AGE: Duration = Duration::from_secs(3600);
/// The least room that it is kept in: the tables themselves take a tenth of it.
const SMALLEST_SIZE: u64 = 1 << 20;
/// Labels that series have anyway.
const RESERVED: &[&str] = &[
    "path",
    "result",
    "verdict",
    "code",
    "component_type",
    "component",
    "direction",
    "status",
    "le",
    "quantile",
    "instance",
    "job",
];

/// What is wrong, each with its place in the tree.
type Mistakes = Vec<(String, Wrong)>;

/// The JSON Schema of a configuration, for editors and for what writes one.
pub(crate) fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    if let Some(map) = schema.as_object_mut() {
        map.insert("$id".to_string(), Value::from("peerscope/configuration/1"));
    }
    schema
}

/// Reads a configuration.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub(crate) fn read(file: &Path) -> Result<Document, Vec<InputError>> {
    let text = read_text(file, "configuration").map_err(|error| vec![error])?;
    parse(file, &text, &|name| env::var(name).ok())
}

/// Reads the file of `web_config_file` by itself.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read_web(file: &Path) -> Result<Access, Vec<InputError>> {
    web::read(file, &|name| env::var(name).ok())
}

fn parse(
    file: &Path,
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Document, Vec<InputError>> {
    let (mut document, root): (Document, Node) = tree(file, text, environment, &[])?;
    let wrong = contradictions(&document, &root);
    if !wrong.is_empty() {
        return Err(errors(file, wrong));
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    document.snapshot.paths.iter_mut().for_each(|path| *path = beside(folder, path));
    discovery::files(&mut document).for_each(|path| *path = beside(folder, path));
    document.probe_endpoint.modules_file.iter_mut().for_each(|path| *path = beside(folder, path));
    push::files(&mut document).for_each(|path| *path = beside(folder, path));
    document.web_config_file.iter_mut().for_each(|path| *path = beside(folder, path));
    if let Some(web) = &document.web_config_file {
        document.access = Arc::new(web::read(web, environment)?);
    }
    // Whatever it is called it is a file: SQLite would take ":memory:" by itself for something else.
    let file = |path: &PathBuf| std::path::absolute(beside(folder, path)).ok();
    document.history = document.history.as_ref().and_then(file);
    Ok(document)
}

/// The tree of a text, held against what is to be made of it, and that. What is below the keys in `secret` is shown to
/// nobody.
///
/// # Errors
/// Everything that is wrong with it.
fn tree<T: JsonSchema + DeserializeOwned>(
    file: &Path,
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    secret: &[&str],
) -> Result<(T, Node), Vec<InputError>> {
    let (mut root, mut wrong) = not_empty(file, yaml::parse(text, environment), "a configuration")?;
    if let Content::Map(entries) = &mut root.content {
        let hidden = entries.iter_mut().filter(|(key, _)| secret.contains(&key.name.as_str()));
        hidden.for_each(|(_, value)| value.hide());
    }
    let held = hold::hold(&schemars::schema_for!(T).to_value(), &root);
    wrong.extend(held.wrong);
    if !wrong.is_empty() {
        return Err(errors(file, wrong));
    }
    let made = serde_json::from_value(held.value)
        .map_err(|error| vec![InputError::new(file, format!("expected a configuration: {error}"))])?;
    Ok((made, root))
}

/// The tree that was read of a file, and what is wrong with it so far, at no place of its own.
///
/// # Errors
/// Where there is no tree.
fn not_empty(
    file: &Path,
    (root, wrong): (Option<Node>, Vec<Wrong>),
    expected: &str,
) -> Result<(Node, Mistakes), Vec<InputError>> {
    let wrong: Mistakes = wrong.into_iter().map(|one| (String::new(), one)).collect();
    match root {
        Some(root) => Ok((root, wrong)),
        None if wrong.is_empty() => Err(vec![InputError::expected(file, expected, "an empty file")]),
        None => Err(errors(file, wrong)),
    }
}

/// A path as the file's own folder sees it.
fn beside(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path)
}

fn errors(file: &Path, wrong: Mistakes) -> Vec<InputError> {
    let mut wrong = wrong;
    wrong.sort_by_key(|(_, one)| one.position);
    let each = wrong.into_iter().map(|(place, one)| {
        let place = (!place.is_empty()).then_some(place);
        InputError::new(file, one.problem).at(one.position).in_place(place)
    });
    each.collect()
}

/// What no single value shows: that two of them do not go together.
fn contradictions(document: &Document, root: &Node) -> Mistakes {
    let mut wrong = Vec::new();
    let mut say = |place: String, at: Option<&Node>, problem: String| {
        let position = at.map_or(root.position, |node| node.position);
        wrong.push((place, Wrong { position, problem }));
    };
    let retention = find(root, "history_retention");
    let kept = |key: &str| retention.and_then(|retention| find(retention, key));
    if let Some(age) = document.history_retention.age.filter(|age| age.0 < SHORTEST_AGE) {
        let problem = format!("expected {} or more, found {}", seconds(SHORTEST_AGE), seconds(age.0));
        say("history_retention.age".to_string(), kept("age"), problem);
    }
    if let Some(size) = document.history_retention.size.filter(|size| size.0 < SMALLEST_SIZE) {
        let problem = format!("expected 1MiB or more, found {} bytes", size.0);
        say("history_retention.size".to_string(), kept("size"), problem);
    }
    let mut names: BTreeMap<&PathName, usize> = BTreeMap::new();
    let nodes = find(root, "paths");
    for (index, path) in document.paths.iter().enumerate() {
        let node = nodes.and_then(|paths| element(paths, index));
        let of = |key: &str| node.and_then(|node| find(node, key)).or(node);
        let place = |key: &str| format!("paths[{index}].{key}");
        if let Some(first) = names.insert(&path.name, index) {
            let problem = format!("expected a name that no other path has, found that of paths[{first}]");
            say(place("name"), of("name"), problem);
        }
        let shortest = shortest_interval(&path.target.0);
        if path.interval.0 < shortest {
            let found = seconds(path.interval.0);
            let problem = format!("expected {} or more{}, found {found}", seconds(shortest), why(shortest));
            say(place("interval"), of("interval"), problem);
        }
        if path.timeout.0 > path.interval.0 {
            let problem = format!(
                "expected no more than the interval of {}, found {}",
                seconds(path.interval.0),
                seconds(path.timeout.0)
            );
            say(place("timeout"), of("timeout"), problem);
        }
        let is_mysql = |port: &u16| {
            MYSQL_PORTS.contains(port) || (path.target.0.is_mysql() && path.target.0.port == Some(*port))
        };
        if let Some(port) = path.canary.filter(is_mysql) {
            let problem = format!(
                "expected a port that is no MySQL's, which shuts this host out for connections without a login, found {port}"
            );
            say(place("canary"), of("canary"), problem);
        }
        for label in path.labels.keys().filter(|label| !is_label(label)) {
            let at = of("labels").and_then(|labels| find(labels, label)).or(node);
            say(place("labels"), at, unfit_label(label));
        }
    }
    discovery::contradictions(document, root, &mut say);
    push::contradictions(document, root, &mut say);
    wrong
}

fn unfit_label(label: &str) -> String {
    let reserved = RESERVED.join(", ");
    format!(
        "expected a label of letters, digits and _ that is none of the series' own ({reserved}), found {label:?}"
    )
}

/// The shortest interval at which a target may be asked, whoever names it.
pub(crate) fn shortest_interval(target: &TargetUrl) -> Duration {
    match (target.is_mysql(), target.handshake()) {
        (true, Some(_)) => SHORTEST_OF_MYSQL,
        (true, None) => SHORTEST_OF_MYSQL_UNSPOKEN,
        (false, _) => SHORTEST_INTERVAL,
    }
}

fn why(shortest: Duration) -> &'static str {
    match shortest {
        SHORTEST_OF_MYSQL => " for a MySQL, which notes each probe as a denied login",
        SHORTEST_OF_MYSQL_UNSPOKEN => {
            " for a MySQL's port, since 100 connections without a login shut this host out (mysql:// may be asked every 60 s)"
        }
        _ => "",
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// Whether a label may stand beside those that series have (Prometheus, "Data model").
pub(crate) fn is_label(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !name.starts_with("__")
        && !RESERVED.contains(&name)
}

fn find<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Content::Map(entries) = &node.content else { return None };
    entries.iter().find(|(name, _)| name.name == key).map(|(_, value)| value)
}

fn element(node: &Node, index: usize) -> Option<&Node> {
    let Content::List(elements) = &node.content else { return None };
    elements.get(index)
}

#[cfg(test)]
mod tests;
