//! The metrics of every path, made anew for each scrape from what is known then: a path that is gone leaves no series.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use peerscope_document::aws::PeeringStatusCode;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, Registry, TextEncoder};
use serde::Serialize;

use super::board::Board;
use super::push::{Counts, Dropped};
use super::watched::{ROUND_TRIPS, Status, Watched};
use crate::clock;

/// A family of metrics: the one place where its name, its kind and its help stand.
struct Family {
    name: &'static str,
    kind: MetricType,
    help: &'static str,
}

macro_rules! families {
    ($($constant:ident: $name:literal, $kind:ident, $help:literal;)+) => {
        $(const $constant: Family = Family { name: $name, kind: MetricType::$kind, help: $help };)+
        /// All of them.
        #[cfg(test)]
        const FAMILIES: &[Family] = &[$($constant,)+];
    };
}

families! {
    ATTEMPTS: "peerscope_probe_attempts_total", COUNTER, "Probes of a path, by what came of them.";
    ROUND_TRIP: "peerscope_probe_rtt_seconds", HISTOGRAM,
        "Round trips of answered probes, by the kernel's clock where it has one.";
    UP: "peerscope_path_up", GAUGE, "1 where the last probe connected and its handshake succeeded, else 0.";
    VERDICT: "peerscope_path_verdict", GAUGE, "1 for the verdict that holds of a path, 0 for the others.";
    CAUSE: "peerscope_path_cause", GAUGE, "1 for each cause that stands in the way of a path.";
    PRIMARY_CAUSE: "peerscope_path_primary_cause", GAUGE,
        "1 for the most probable cause of a path that is not reachable: one series a path.";
    CANARY: "peerscope_path_canary_up", GAUGE, "1 while the connection that stands to a path's canary port goes on, 0 otherwise.";
    CHANGED: "peerscope_path_verdict_changed_timestamp_seconds", GAUGE, "When the verdict of a path changed last.";
    DIAGNOSIS: "peerscope_path_diagnosis_seconds", GAUGE, "How long the last diagnosis of a path took.";
    SNAPSHOT_AGE: "peerscope_snapshot_age_seconds", GAUGE,
        "How old what is known of the configuration is, by provider.";
    VIOLATIONS: "peerscope_rule_violations", GAUGE,
        "How often a rule of a peering is violated by what is configured, by how bad that is.";
    PEERING: "peerscope_peering_status", GAUGE, "1 for the state that a peering is in, 0 for the others.";
    PEERING_EXPIRY: "peerscope_peering_expiry_timestamp_seconds", GAUGE,
        "When the request for a peering ends if nobody accepts it.";
    ANALYSIS: "peerscope_path_configuration_verdict", GAUGE,
        "1 for the verdict on a path by what is configured alone, whatever its probes say; 0 for the others.";
    COLLECT_ERRORS: "peerscope_collect_errors_total", COUNTER,
        "Readings of what is configured that failed, by provider, call and reason.";
    DISCOVERY_ERRORS: "peerscope_discovery_errors_total", COUNTER,
        "Looks for more paths that came to nothing, by where it was looked: files, http or interfaces.";
    MISSED: "peerscope_probe_missed_total", COUNTER, "Turns of paths that could not be kept.";
    WRITE_PENDING: "peerscope_remote_write_pending_samples", GAUGE, "Samples that wait for remote write.";
    WRITE_SENT: "peerscope_remote_write_sent_samples_total", COUNTER, "Samples that remote write's receiver took.";
    WRITE_DROPPED: "peerscope_remote_write_dropped_samples_total", COUNTER,
        "Samples that were not sent: the queue was full (overflow), or the receiver would not have them (rejected).";
    WRITE_FAILED: "peerscope_remote_write_failed_requests_total", COUNTER,
        "Requests of remote write that failed and were to be sent again.";
    WRITE_NEWEST: "peerscope_remote_write_sent_timestamp_seconds", GAUGE,
        "The time of the newest sample that remote write's receiver took.";
    LOGS_PENDING: "peerscope_otlp_logs_pending_records", GAUGE, "Changes of verdicts that wait for the collector of logs.";
    LOGS_SENT: "peerscope_otlp_logs_sent_records_total", COUNTER,
        "Changes of verdicts that the collector of logs took.";
    LOGS_DROPPED: "peerscope_otlp_logs_dropped_records_total", COUNTER,
        "Changes of verdicts that were not sent: the queue was full (overflow), or the collector would not have them (rejected).";
    LOGS_FAILED: "peerscope_otlp_logs_failed_requests_total", COUNTER,
        "Requests to the collector of logs that failed and were to be sent again.";
    DROPPED: "peerscope_history_dropped_total", COUNTER,
        "What the history could not take, since the disk did not, by kind.";
    BUILD: "peerscope_build_info", GAUGE, "1, with the version.";
}

/// The verdicts, of each of which a path has a series.
const VERDICTS: [&str; 4] = ["reachable", "blocked", "impaired", "undetermined"];

/// All families, as they are now.
pub(super) fn families(board: &Arc<Board>) -> Vec<MetricFamily> {
    Paths(Arc::clone(board)).collect()
}

/// The page of all metrics in Prometheus's text format.
pub(super) fn page(board: &Arc<Board>) -> Result<Vec<u8>, prometheus::Error> {
    let registry = Registry::new();
    registry.register(Box::new(Paths(Arc::clone(board))))?;
    let mut page = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut page)?;
    Ok(page)
}

/// Makes the families of what is on the board. Paths have labels of their own, so that one name has differing sets of
/// labels, which the library's vectors refuse.
struct Paths(Arc<Board>);

impl Collector for Paths {
    fn desc(&self) -> Vec<&Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Families::default();
        let board = &self.0;
        families.gauge(&BUILD, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        families.counter(&MISSED, &[], count(board.missed.load(Ordering::Relaxed)));
        let dropped = board.history.dropped();
        for (kind, dropped) in [("outcomes", dropped.outcomes), ("records", dropped.records)] {
            families.counter(&DROPPED, &[("kind", kind)], count(dropped));
        }
        if let Some(configured) = board.configured() {
            let age = clock::now().duration_since(configured.taken().unwrap_or(configured.at));
            families.gauge(&SNAPSHOT_AGE, &[("provider", "files")], age.as_secs_f64());
            for ((rule, severity), violations) in &configured.judged.violations {
                let labels = [("rule", rule.as_str()), ("severity", severity.as_str())];
                families.gauge(&VIOLATIONS, &labels, count(*violations));
            }
            for (pcx, (status, expires)) in &configured.judged.peerings {
                let known = PeeringStatusCode::KNOWN.iter().map(PeeringStatusCode::as_str);
                let other = (!known.clone().any(|known| known == status)).then_some(status.as_str());
                let states = known.chain(other.filter(|other| !other.is_empty()));
                families.states(&PEERING, states, status, |state| owned(&[("pcx", pcx), ("status", state)]));
                if let Some(expires) = expires {
                    families.gauge(&PEERING_EXPIRY, &[("pcx", pcx)], *expires);
                }
            }
        }
        for ((provider, call, reason), failed) in board.collect_errors() {
            let labels =
                [("provider", provider.as_str()), ("call", call.as_str()), ("reason", reason.as_str())];
            families.counter(&COLLECT_ERRORS, &labels, count(failed));
        }
        for (kind, failed) in board.undiscovered.all() {
            families.counter(&DISCOVERY_ERRORS, &[("kind", kind)], count(failed));
        }
        if let Some(counts) = board.pushed.samples.get() {
            families.pushed(counts, &[&WRITE_PENDING, &WRITE_SENT, &WRITE_DROPPED, &WRITE_FAILED]);
            if let Some(newest) = counts.newest() {
                families.gauge(&WRITE_NEWEST, &[], clock::seconds(newest));
            }
        }
        if let Some(counts) = board.pushed.records.get() {
            families.pushed(counts, &[&LOGS_PENDING, &LOGS_SENT, &LOGS_DROPPED, &LOGS_FAILED]);
        }
        for path in board.paths() {
            let status = path.status().clone();
            families.path(&path, &status);
        }
        families.made()
    }
}

/// Labels beside a path's own.
type With<'a> = dyn Fn(&[(&'static str, &str)]) -> Vec<(String, String)> + 'a;

#[derive(Default)]
struct Families(BTreeMap<&'static str, (MetricType, &'static str, Vec<Metric>)>);

impl Families {
    fn path(&mut self, path: &Watched, status: &Status) {
        let own: Vec<(&str, &str)> = std::iter::once(("path", path.section.name.0.as_str()))
            .chain(path.section.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .collect();
        let with = |more: &[(&'static str, &str)]| -> Vec<(String, String)> {
            let all = own.iter().chain(more);
            all.map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
        };
        for (result, probes) in &status.results {
            self.put(&ATTEMPTS, with(&[("result", result.word())]), |metric| {
                metric.set_counter(counter(count(*probes)))
            });
        }
        self.put(&ROUND_TRIP, with(&[]), |metric| metric.set_histogram(histogram(status)));
        if let Some(last) = status.last {
            self.put(&UP, with(&[]), |metric| {
                metric.set_gauge(gauge(f64::from(u8::from(last.result.is_up()))))
            });
        }
        if let Some(goes_on) = status.canary {
            self.put(&CANARY, with(&[]), |metric| metric.set_gauge(gauge(f64::from(u8::from(goes_on)))));
        }
        if let Some(verdict) = status.verdict {
            let verdict = word(&verdict);
            self.states(&VERDICT, VERDICTS, &verdict, |known| with(&[("verdict", known)]));
            if verdict != "reachable" {
                self.causes(status, &with);
            }
        }
        if let Some(analysis) = &status.analysis {
            let verdict = word(&analysis.verdict);
            self.states(&ANALYSIS, VERDICTS, &verdict, |known| with(&[("verdict", known)]));
        }
        if let Some(changed) = status.changed {
            self.put(&CHANGED, with(&[]), |metric| metric.set_gauge(gauge(clock::seconds(changed))));
        }
        if let Some(took) = status.diagnosis_took {
            self.put(&DIAGNOSIS, with(&[]), |metric| metric.set_gauge(gauge(took.as_secs_f64())));
        }
    }

    fn causes(&mut self, status: &Status, with: &With<'_>) {
        let Some(diagnosis) = &status.diagnosis else { return };
        let mut seen = Vec::new();
        for (index, cause) in diagnosis.causes.iter().enumerate() {
            let (component_type, direction) = (word(&cause.component.component_type), word(&cause.direction));
            let component = cause.component.id.as_deref().unwrap_or_default();
            let labels = [
                ("code", cause.code.name()),
                ("component_type", component_type.as_str()),
                ("component", component),
                ("direction", direction.as_str()),
            ];
            let status = word(&cause.status);
            let one = with(&[labels[0], labels[1], labels[2], labels[3], ("status", status.as_str())]);
            // Two causes may be told apart by what they affect alone, which is no label.
            if !seen.contains(&one) {
                seen.push(one.clone());
                self.put(&CAUSE, one, |metric| metric.set_gauge(gauge(1.0)));
            }
            if index == 0 {
                self.put(&PRIMARY_CAUSE, with(&labels), |metric| metric.set_gauge(gauge(1.0)));
            }
        }
    }

    /// A series for each state: 1 for the one that holds, 0 for the others.
    fn states<'s>(
        &mut self,
        family: &Family,
        states: impl IntoIterator<Item = &'s str>,
        holds: &str,
        labels: impl Fn(&str) -> Vec<(String, String)>,
    ) {
        for state in states {
            let value = f64::from(u8::from(state == holds));
            self.put(family, labels(state), |metric| metric.set_gauge(gauge(value)));
        }
    }

    fn pushed(&mut self, counts: &Counts, [pending, sent, dropped, failed]: &[&Family; 4]) {
        self.gauge(pending, &[], count(counts.pending()));
        self.counter(sent, &[], count(counts.sent()));
        for why in Dropped::ALL {
            self.counter(dropped, &[("reason", why.word())], count(counts.dropped(why)));
        }
        self.counter(failed, &[], count(counts.failed()));
    }

    fn gauge(&mut self, family: &Family, labels: &[(&str, &str)], value: f64) {
        self.put(family, owned(labels), |metric| metric.set_gauge(gauge(value)));
    }

    fn counter(&mut self, family: &Family, labels: &[(&str, &str)], value: f64) {
        self.put(family, owned(labels), |metric| metric.set_counter(counter(value)));
    }

    fn put(&mut self, family: &Family, labels: Vec<(String, String)>, set: impl FnOnce(&mut Metric)) {
        let pair = |(name, value): (String, String)| {
            let mut pair = LabelPair::default();
            pair.set_name(name);
            pair.set_value(value);
            pair
        };
        let mut metric = Metric::from_label(labels.into_iter().map(pair).collect());
        set(&mut metric);
        let entry = self.0.entry(family.name).or_insert_with(|| (family.kind, family.help, Vec::new()));
        entry.2.push(metric);
    }

    fn made(self) -> Vec<MetricFamily> {
        let made = self.0.into_iter().map(|(name, (kind, help, metrics))| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_string());
            family.set_help(help.to_string());
            family.set_field_type(kind);
            family.set_metric(metrics);
            family
        });
        made.collect()
    }
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

/// The word that JSON has for a value of an enum; none for nothing.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a counter of Prometheus is a float; it is exact up to 2^53")]
fn count(count: u64) -> f64 {
    count as f64
}

fn gauge(value: f64) -> Gauge {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    gauge
}

fn counter(value: f64) -> Counter {
    let mut counter = Counter::default();
    counter.set_value(value);
    counter
}

fn histogram(status: &Status) -> Histogram {
    let mut histogram = Histogram::default();
    let mut below = 0;
    let buckets = ROUND_TRIPS.iter().zip(&status.round_trips).map(|(bound, inside)| {
        below += inside;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(status.round_trips.iter().sum());
    histogram.set_sample_sum(status.round_trips_sum);
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_as_prometheus_has_it() {
        for family in FAMILIES {
            assert!(family.name.starts_with("peerscope_") && family.help.ends_with('.'), "{}", family.name);
            assert_eq!(
                family.name.ends_with("_total"),
                family.kind == MetricType::COUNTER,
                "{}",
                family.name
            );
        }
    }
}
