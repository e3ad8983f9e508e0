//! The metrics of one question.

use std::collections::BTreeMap;

use prometheus::TextEncoder;
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};

/// The labels of a series.
type Labels = Vec<(&'static str, String)>;

/// Gauges by their names, each with its help and the series that it has.
#[derive(Default)]
pub(super) struct Page(BTreeMap<&'static str, (&'static str, BTreeMap<Labels, f64>)>);

impl Page {
    /// Says a value; what was said of it before holds no more.
    pub(super) fn put(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.with(name, help, Vec::new(), value);
    }

    /// The same of a series with labels.
    pub(super) fn with(&mut self, name: &'static str, help: &'static str, labels: Labels, value: f64) {
        self.0.entry(name).or_insert_with(|| (help, BTreeMap::new())).1.insert(labels, value);
    }

    /// Says all that another one says.
    pub(super) fn add(&mut self, other: Self) {
        for (name, (help, series)) in other.0 {
            self.0.entry(name).or_insert_with(|| (help, BTreeMap::new())).1.extend(series);
        }
    }

    /// In Prometheus's text format.
    pub(super) fn text(&self) -> String {
        let families: Vec<MetricFamily> =
            self.0.iter().map(|(name, (help, series))| family(name, help, series)).collect();
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}

fn family(name: &str, help: &str, series: &BTreeMap<Labels, f64>) -> MetricFamily {
    let metric = |(labels, value): (&Labels, &f64)| {
        let pair = |(name, value): &(&'static str, String)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_string());
            pair.set_value(value.clone());
            pair
        };
        let mut metric = Metric::from_label(labels.iter().map(pair).collect());
        let mut gauge = Gauge::default();
        gauge.set_value(*value);
        metric.set_gauge(gauge);
        metric
    };
    let mut family = MetricFamily::default();
    family.set_name(name.to_string());
    family.set_help(help.to_string());
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(series.iter().map(metric).collect());
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_label_leaves_its_place() {
        let mut page = Page::default();
        page.with("probe_a", "A.", vec![("phase", "a\"\n} 1\\".to_string())], 0.5);
        assert_eq!(
            page.text(),
            "# HELP probe_a A.\n# TYPE probe_a gauge\nprobe_a{phase=\"a\\\"\\n} 1\\\\\"} 0.5\n"
        );
    }
}
