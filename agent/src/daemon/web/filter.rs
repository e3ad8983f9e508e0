//! Which paths are asked for: `/?state=blocked&team=orders`.

use std::collections::{BTreeMap, BTreeSet};

use super::view::View;
use crate::daemon::url::{decoded_query, encoded};

/// Keys that are no label's. A label of one of these names is asked for as `label.NAME`, as any may be.
const OWN: [&str; 3] = ["state", "reload", "from"];
/// Before a label's name.
const LABEL: &str = "label.";

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// The word of a state.
    pub(super) state: Option<String>,
    /// Labels with their values.
    pub(super) labels: BTreeMap<String, String>,
    /// Whether the page is to reload itself.
    pub(super) reload: bool,
    /// How many are passed over.
    pub(super) from: usize,
}

impl Filter {
    /// Reads a query. A value of nothing asks for nothing: that is what a form sends of what was not chosen.
    pub(super) fn of(query: &str) -> Self {
        let mut filter = Self::default();
        for (key, value) in decoded_query(query).filter(|(_, value)| !value.is_empty()) {
            match key.as_str() {
                "state" => filter.state = Some(value),
                "reload" => filter.reload = true,
                "from" => filter.from = value.parse().unwrap_or(0),
                label => {
                    let label = label.strip_prefix(LABEL).unwrap_or(label).to_string();
                    filter.labels.insert(label, value);
                }
            }
        }
        filter
    }

    /// Whether all paths are asked for.
    pub(super) fn is_all(&self) -> bool {
        self.state.is_none() && self.labels.is_empty()
    }

    pub(super) fn admits(&self, view: &View) -> bool {
        let labels = &view.path.section.labels;
        self.state.as_ref().is_none_or(|state| *state == view.state.word())
            && self.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }

    /// Where the page of this filter is.
    pub(super) fn url(&self) -> String {
        let state = self.state.iter().map(|state| format!("state={}", encoded(state)));
        let labels =
            self.labels.iter().map(|(name, value)| format!("{}={}", encoded(&key(name)), encoded(value)));
        let reload = self.reload.then(|| "reload=1".to_string());
        let from = (self.from > 0).then(|| format!("from={}", self.from));
        let all: Vec<String> = state.chain(labels).chain(reload).chain(from).collect();
        if all.is_empty() { "/".to_string() } else { format!("/?{}", all.join("&")) }
    }

    /// The page of one label alone.
    pub(super) fn of_label(name: &str, value: &str) -> Self {
        Self { labels: BTreeMap::from([(name.to_string(), value.to_string())]), ..Self::default() }
    }
}

/// How a label is called in a query.
pub(super) fn key(label: &str) -> String {
    if OWN.contains(&label) { format!("{LABEL}{label}") } else { label.to_string() }
}

/// The values of every label.
pub(super) fn labels(views: &[View]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in views.iter().flat_map(|view| &view.path.section.labels) {
        labels.entry(name).or_default().insert(value);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_is_written() {
        for (query, url) in [
            ("", "/"),
            ("state=&team=", "/"),
            ("state=blocked&team=orders", "/?state=blocked&team=orders"),
            ("team=a+b%26c%3D%3Cd%3E", "/?team=a%20b%26c%3D%3Cd%3E"),
            ("label.state=x&reload=1", "/?label.state=x&reload=1"),
            ("from=250&label.team=x", "/?team=x&from=250"),
            ("from=-1&&=&%ff=1&team=%e2%80%ae", "/?team=%E2%80%AE"),
        ] {
            assert_eq!(Filter::of(query).url(), url, "{query}");
            assert_eq!(Filter::of(url.strip_prefix("/?").unwrap_or_default()), Filter::of(query), "{query}");
        }
    }
}
