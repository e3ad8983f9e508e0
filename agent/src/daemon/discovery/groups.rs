//! Lists of targets in the form that Prometheus's file_sd and http_sd share: `[{"targets": […], "labels": {…}}]`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::configuration::{DiscoverySection, PathSection, is_label};
use super::path;
use crate::target::{TargetError, TargetUrl};

/// What is expected of such a list.
pub(super) const EXPECTED: &str = "expected a list of {\"targets\": [\"HOST:PORT\"], \"labels\": {…}}";

/// Targets, and the labels of all of them.
#[derive(Debug, Deserialize)]
pub(super) struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// A path for each target.
///
/// # Errors
/// Where one is no target: a list that is wrong in part is not taken in part.
pub(super) fn paths(section: &DiscoverySection, groups: &[Group]) -> Result<Vec<PathSection>, String> {
    let all = groups.iter().flat_map(|group| group.targets.iter().map(|target| (target, &group.labels)));
    all.map(|(target, labels)| of_target(section, target, labels)).collect()
}

fn of_target(
    section: &DiscoverySection,
    text: &str,
    labels: &BTreeMap<String, String>,
) -> Result<PathSection, String> {
    let target = TargetUrl::parse(text).map_err(TargetError::problem)?;
    // Those with two underscores are for relabelling, which is not done here.
    let labels = labels.iter().filter(|(name, _)| is_label(name));
    let labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
    Ok(path(section, target.shown(), target, labels))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_mysql_that_is_found_is_asked_no_oftener_than_one_that_is_written() {
        let section = serde_json::from_value(json!({ "files": ["x"], "interval": "1s" })).unwrap();
        for (target, seconds) in [("mysql://10.0.0.1", 60), ("10.0.0.1:3306", 3600), ("10.0.0.1:80", 1)] {
            let path = of_target(&section, target, &BTreeMap::new()).unwrap();
            assert_eq!(path.interval.0, Duration::from_secs(seconds), "{target}");
            assert!(path.timeout <= path.interval);
        }
    }
}
