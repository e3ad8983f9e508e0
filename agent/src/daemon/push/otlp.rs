//! Changes of verdicts as logs of OpenTelemetry: a fleet's explanations live where its logs do. OTLP over HTTP in its JSON
//! encoding (OpenTelemetry protocol specification 1.x, "OTLP/HTTP" and "JSON Protobuf Encoding").

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::report::{Diagnosis, Verdict};
use serde_json::{Value, json};

use super::super::client::{Client, Credential, Failed};
use super::super::configuration::{Document, OtlpLogsSection};
use super::super::metrics::word;
use super::super::url::encoded;
use super::queue::{Item, Queue};

/// The most records that wait.
const CAPACITY: u64 = 10_000;
/// The most records of a request.
pub(super) const MOST_RECORDS: usize = 100;
/// The longest attribute, in characters.
const LONGEST: usize = 8192;

/// Severities of the data model of logs.
const INFO: u8 = 9;
const WARN: u8 = 13;

/// Where changes of verdicts are told, if they are to be.
#[derive(Clone, Debug)]
pub(in super::super) struct VerdictLog {
    queue: Option<Arc<Queue<Arc<Value>>>>,
    /// What others find the daemon under.
    address: String,
}

impl VerdictLog {
    /// As it is configured.
    pub(in super::super) fn new(document: &Document) -> Self {
        let queue = document.otlp_logs.as_ref().map(|_| Arc::new(Queue::new(CAPACITY)));
        let address = document.external_url.as_ref().map_or_else(
            || format!("http://{}", document.listen.0),
            |url| url.0.to_string().trim_end_matches('/').to_string(),
        );
        Self { queue, address }
    }

    /// What waits to be told.
    pub(super) fn queue(&self) -> Option<Arc<Queue<Arc<Value>>>> {
        self.queue.clone()
    }

    /// Tells that the verdict of a path is another than before.
    pub(in super::super) fn tell(
        &self,
        path: &str,
        before: Option<Verdict>,
        diagnosis: &Diagnosis,
        at: Timestamp,
    ) {
        if let Some(queue) = &self.queue {
            let link = format!("{}/api/v1/paths/{}", self.address, encoded(path));
            let record = record(path, before, diagnosis, at, &link);
            queue.push(Arc::new(record), 1, at.as_millisecond());
        }
    }
}

fn record(path: &str, before: Option<Verdict>, diagnosis: &Diagnosis, at: Timestamp, link: &str) -> Value {
    let cause = diagnosis.causes.first();
    let fix = cause.and_then(|cause| cause.fixes.first());
    let attributes = [
        ("path", path.to_string()),
        ("verdict", word(&diagnosis.verdict)),
        ("before", before.map_or_else(|| "unknown".to_string(), |before| word(&before))),
        ("cause", cause.map(|cause| cause.code.name().to_string()).unwrap_or_default()),
        ("component_type", cause.map(|cause| word(&cause.component.component_type)).unwrap_or_default()),
        ("component", cause.and_then(|cause| cause.component.id.clone()).unwrap_or_default()),
        ("direction", cause.map(|cause| word(&cause.direction)).unwrap_or_default()),
        ("fix", fix.map(|fix| fix.command.clone()).unwrap_or_default()),
        ("link", link.to_string()),
    ];
    let told = attributes.iter().filter(|(_, value)| !value.is_empty());
    let attributes: Vec<Value> =
        told.map(|(name, value)| attribute(&format!("peerscope.{name}"), value)).collect();
    let (severity, text) =
        if diagnosis.verdict == Verdict::Reachable { (INFO, "INFO") } else { (WARN, "WARN") };
    let nanoseconds = at.as_nanosecond().to_string();
    json!({
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": severity,
        "severityText": text,
        "eventName": "peerscope.verdict_changed",
        "body": { "stringValue": cut(&diagnosis.summary) },
        "attributes": attributes,
    })
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": cut(value) } })
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// A collector of logs.
pub(super) struct Collector {
    client: Client,
}

impl Collector {
    /// As it is configured.
    ///
    /// # Errors
    /// Where a certificate, a key or an authority's file is none.
    pub(super) fn new(section: &OtlpLogsSection) -> Result<Self, String> {
        let headers = section.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Self { client: Client::new(&section.url, &section.tls, Credential::None, headers)? })
    }

    /// Sends records; how many of them the collector would not have.
    ///
    /// # Errors
    /// Where it did not take them.
    pub(super) fn send(
        &self,
        source: &str,
        records: &[Item<Arc<Value>>],
        within: Duration,
    ) -> Result<u64, Failed> {
        let version = env!("CARGO_PKG_VERSION");
        let records: Vec<&Value> = records.iter().map(|item| &*item.content).collect();
        let body = json!({ "resourceLogs": [{
            "resource": { "attributes": [
                attribute("service.name", "peerscope"),
                attribute("service.version", version),
                attribute("service.instance.id", source),
            ] },
            "scopeLogs": [{ "scope": { "name": "peerscope", "version": version }, "logRecords": records }],
        }] });
        let answer =
            self.client.post(body.to_string().as_bytes(), &[("Content-Type", "application/json")], within)?;
        Ok(rejected(&answer))
    }
}

/// How many records an answer says were not taken.
fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let count = &answer["partialSuccess"]["rejectedLogRecords"];
    // An integer of 64 bits is a string in this encoding; some write a number all the same.
    count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
