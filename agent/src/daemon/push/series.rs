//! Series of families, named and labelled as a scrape would have them.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::wire::Label;

/// The labels of a series, in the order of their names.
pub(super) type Labels = Vec<Label>;

/// Every series of families with its value. A label that a series has not gets the value given here.
pub(super) fn series(families: &[MetricFamily], external: &[(&str, &str)]) -> Vec<(Labels, f64)> {
    let mut found = Vec::new();
    for family in families {
        let name = family.name();
        for metric in family.get_metric() {
            let mut put = |suffix: &str, bound: Option<&str>, value: f64| {
                found.push((labels(&format!("{name}{suffix}"), metric, bound, external), value));
            };
            match family.get_field_type() {
                MetricType::COUNTER => put("", None, metric.get_counter().get_value()),
                MetricType::GAUGE => put("", None, metric.get_gauge().get_value()),
                MetricType::HISTOGRAM => {
                    let histogram = metric.get_histogram();
                    #[expect(clippy::cast_precision_loss, reason = "a sample is a float")]
                    let count = |count: u64| count as f64;
                    for bucket in histogram.get_bucket() {
                        let bound = bucket.upper_bound().to_string();
                        put("_bucket", Some(&bound), count(bucket.cumulative_count()));
                    }
                    put("_bucket", Some("+Inf"), count(histogram.get_sample_count()));
                    put("_sum", None, histogram.get_sample_sum());
                    put("_count", None, count(histogram.get_sample_count()));
                }
                // The daemon has none of the others.
                MetricType::SUMMARY | MetricType::UNTYPED => {}
            }
        }
    }
    found
}

fn labels(name: &str, metric: &Metric, bound: Option<&str>, external: &[(&str, &str)]) -> Labels {
    let own = metric.get_label().iter().map(|pair| (pair.name(), pair.value()));
    let own: Vec<(&str, &str)> =
        own.chain([("__name__", name)]).chain(bound.map(|bound| ("le", bound))).collect();
    let added = external.iter().copied().filter(|(name, _)| !own.iter().any(|(known, _)| known == name));
    let all = own.iter().copied().chain(added);
    // An empty label is the same as none, and none is what is sent.
    let told = all.filter(|(_, value)| !value.is_empty());
    let mut labels: Labels =
        told.map(|(name, value)| Label { name: name.to_string(), value: value.to_string() }).collect();
    labels.sort();
    labels
}
