//! Paths that nobody wrote into the configuration: from documents in the forms of Prometheus's file_sd, and from what is
//! configured in AWS ("every interface with the tag role=db, port 5432"), so that a new host is watched without an edit.
//!
//! What cannot be read now leaves what was found before: a file that is just being written must not end the watch of its
//! paths.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use peerscope_document::Snapshot;
use peerscope_document::aws::Tag;
use peerscope_document::id::InstanceId;
use serde::Deserialize;

use super::Shared;
use super::configuration::{
    DiscoverySection, InterfaceSelector, PathName, PathSection, Span, Target, interval, is_label,
    shortest_interval, timeout,
};
use crate::input_file::read_text;
use crate::target::TargetUrl;

/// How often files are looked at where nothing is said.
const EVERY: Duration = Duration::from_secs(60);
/// The longest sleep: so soon a snapshot that has changed shows in what is watched.
const NAP: Duration = Duration::from_secs(1);
/// The most paths of one source: more is a mistake, and would crowd out the others.
const MOST: usize = 10_000;

/// A group of a file_sd document.
#[derive(Debug, Deserialize)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// Where it is looked, and what came of it.
struct Source<'a> {
    section: &'a DiscoverySection,
    looked: Option<Instant>,
    /// What was said of it, where that was not as it should be: the same is said once, not each minute.
    said: Option<String>,
}

/// Looks until all is to end.
pub(super) fn run(shared: &Shared, sections: &[DiscoverySection]) {
    let mut sources: Vec<Source<'_>> =
        sections.iter().map(|section| Source { section, looked: None, said: None }).collect();
    let mut revision = None;
    loop {
        let configured = shared.board.configured();
        let now = configured.as_ref().map(|configured| configured.revision);
        let is_changed = now != revision;
        revision = now;
        for (index, source) in sources.iter_mut().enumerate() {
            let section = source.section;
            let every = section.refresh.map_or(EVERY, |refresh| refresh.0);
            let is_due = source.looked.is_none_or(|looked| looked.elapsed() >= every);
            if !(is_due || is_changed && section.interfaces.is_some()) {
                continue;
            }
            source.looked = Some(Instant::now());
            let found = match (&section.files[..], &section.interfaces, &configured) {
                (files @ [_, ..], ..) => from_files(section, files),
                (_, Some(selector), Some(configured)) => {
                    Ok(selected(section, selector, &configured.documents))
                }
                // Nothing is known yet of what is configured.
                _ => continue,
            };
            let failed = match found {
                Ok(paths) => {
                    shared.board.discover(index, paths);
                    None
                }
                Err(why) => Some(why),
            };
            if let Some(why) = failed.as_ref().filter(|_| failed != source.said) {
                shared.log.warn("discovery_failed", &[("error", why)]);
            }
            source.said = failed;
        }
        if shared.stop.sleep(NAP) {
            return;
        }
    }
}

fn from_files(section: &DiscoverySection, patterns: &[PathBuf]) -> Result<Vec<PathSection>, String> {
    let mut paths = Vec::new();
    for pattern in patterns {
        for file in matching(pattern)? {
            let text = read_text(&file, "targets").map_err(|error| error.to_string())?;
            let groups: Vec<Group> = serde_json::from_str(&text).map_err(|error| {
                format!(
                    "{}: expected a list of {{\"targets\": [\"HOST:PORT\"], \"labels\": {{…}}}}: {error}",
                    file.display()
                )
            })?;
            for group in groups {
                for target in &group.targets {
                    paths.push(
                        of_target(section, target, &group.labels)
                            .map_err(|why| format!("{}: {why}", file.display()))?,
                    );
                }
            }
        }
    }
    within_reason(paths)
}

/// The files of a pattern, whose last part may hold one `*`, as Prometheus has it.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>, String> {
    let name = pattern.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((start, end)) = name.split_once('*') else { return Ok(vec![pattern.to_path_buf()]) };
    let folder = pattern.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let fits = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        })
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(fits).collect();
    files.sort();
    Ok(files)
}

fn of_target(
    section: &DiscoverySection,
    text: &str,
    labels: &BTreeMap<String, String>,
) -> Result<PathSection, String> {
    let target = TargetUrl::parse(text).map_err(|error| error.to_string())?;
    // Those with two underscores are for relabelling, which is not done here.
    let labels = labels.iter().filter(|(name, _)| is_label(name));
    Ok(path(
        section,
        target.shown(),
        target,
        labels.map(|(name, value)| (name.clone(), value.clone())).collect(),
    ))
}

/// The interfaces that have all the tags, or whose instance has, each at its primary address.
fn selected(
    section: &DiscoverySection,
    selector: &InterfaceSelector,
    snapshot: &Snapshot,
) -> Vec<PathSection> {
    let instances: BTreeMap<&InstanceId, &Vec<Tag>> = snapshot
        .aws
        .iter()
        .flat_map(|collection| collection.documents.reservations.iter().flatten())
        .flat_map(|reservation| &reservation.instances)
        .map(|instance| (&instance.instance_id, &instance.tags))
        .collect();
    let interfaces =
        snapshot.aws.iter().flat_map(|collection| collection.documents.network_interfaces.iter().flatten());
    let mut paths: Vec<PathSection> = Vec::new();
    for interface in interfaces {
        let instance = interface.attachment.as_ref().and_then(|attachment| attachment.instance_id.as_ref());
        let of_instance = instance.and_then(|id| instances.get(id)).into_iter().copied().flatten();
        let tags: Vec<&Tag> = interface.tag_set.iter().chain(of_instance).collect();
        let tagged = |key: &str| tags.iter().find(|tag| tag.key == key).map(|tag| tag.value.as_str());
        let is_in = selector
            .vpc
            .as_ref()
            .is_none_or(|vpc| interface.vpc_id.as_ref().is_some_and(|own| own.as_str() == vpc));
        let is_meant = is_in && selector.tags.iter().all(|(key, value)| tagged(key) == Some(value));
        let Some(address) = interface.private_ip_address.filter(|_| is_meant) else { continue };
        let scheme = selector.scheme.as_deref().unwrap_or("tcp");
        let Ok(target) = TargetUrl::parse(&format!("{scheme}://{address}:{}", selector.port)) else {
            continue;
        };
        let id = interface.network_interface_id.to_string();
        let name = tagged("Name").filter(|name| !name.is_empty()).unwrap_or(&id);
        let labels = BTreeMap::from([("interface".to_string(), id.clone())]);
        paths.push(path(section, format!("{name}:{}", selector.port), target, labels));
    }
    // In an order that does not hang on that of the documents, so that the same host keeps its name.
    paths.sort_by(|one, other| (&one.name, &one.labels).cmp(&(&other.name, &other.labels)));
    paths.dedup();
    paths.truncate(MOST);
    distinct(paths)
}

fn path(
    section: &DiscoverySection,
    name: String,
    target: TargetUrl,
    labels: BTreeMap<String, String>,
) -> PathSection {
    let mut labels = labels;
    labels.extend(section.labels.clone());
    // What a tag says may hold anything; a name is a part of URLs.
    let name: String =
        name.chars().map(|one| if one.is_control() || one == '/' { '_' } else { one }).take(90).collect();
    // Nobody has looked at what was found: what may not be asked that often is asked as often as it may.
    let interval = section.interval.unwrap_or_else(interval).max(Span(shortest_interval(&target)));
    let timeout = section.timeout.unwrap_or_else(timeout).min(interval);
    PathSection { name: PathName(name), target: Target(target), interval, timeout, canary: None, labels }
}

fn within_reason(paths: Vec<PathSection>) -> Result<Vec<PathSection>, String> {
    if paths.len() > MOST {
        return Err(format!("expected at most {MOST} targets of one source, found {}", paths.len()));
    }
    Ok(distinct(paths))
}

/// The same with each name once: those of the same name get a number.
fn distinct(mut paths: Vec<PathSection>) -> Vec<PathSection> {
    let mut names = BTreeSet::new();
    for path in &mut paths {
        let plain = path.name.0.clone();
        let mut number = 2;
        while !names.insert(path.name.clone()) {
            path.name = PathName(format!("{plain} ({number})"));
            number += 1;
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use peerscope_document::AwsCollection;
    use serde_json::json;

    use super::*;

    fn section(yaml: serde_json::Value) -> DiscoverySection {
        serde_json::from_value(yaml).unwrap()
    }

    #[test]
    fn interfaces_are_chosen_by_their_tags_and_their_instances() {
        let documents = serde_json::from_value(json!({
            "NetworkInterfaces": [
                { "NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.0.1",
                  "TagSet": [{ "Key": "role", "Value": "db" }, { "Key": "Name", "Value": "orders/db" }] },
                { "NetworkInterfaceId": "eni-2", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.0.2",
                  "Attachment": { "InstanceId": "i-1" } },
                { "NetworkInterfaceId": "eni-3", "VpcId": "vpc-2", "PrivateIpAddress": "10.1.0.3",
                  "TagSet": [{ "Key": "role", "Value": "db" }, { "Key": "Name", "Value": "orders/db" }] },
                { "NetworkInterfaceId": "eni-4", "VpcId": "vpc-1", "PrivateIpAddress": "10.0.0.4",
                  "TagSet": [{ "Key": "role", "Value": "web" }] },
            ],
            "Reservations": [{ "Instances": [{ "InstanceId": "i-1", "Tags": [{ "Key": "role", "Value": "db" }] }] }],
        }))
        .unwrap();
        let collection = AwsCollection { region: Some("us-east-1".into()), documents };
        let snapshot = Snapshot { aws: vec![collection], ..Snapshot::default() };
        let found = |selector: serde_json::Value| -> Vec<(String, String)> {
            let section = section(json!({ "interfaces": selector, "labels": { "team": "orders" } }));
            let paths = selected(&section, section.interfaces.as_ref().unwrap(), &snapshot);
            assert!(paths.iter().all(|path| path.labels["team"] == "orders"));
            paths.into_iter().map(|path| (path.name.0, path.target.0.shown())).collect()
        };
        let pair = |name: &str, target: &str| (name.to_string(), target.to_string());
        assert_eq!(
            found(json!({ "tags": { "role": "db" }, "port": 5432, "scheme": "postgres" })),
            [
                pair("eni-2:5432", "postgres://10.0.0.2:5432"),
                pair("orders_db:5432", "postgres://10.0.0.1:5432"),
                pair("orders_db:5432 (2)", "postgres://10.1.0.3:5432"),
            ]
        );
        assert_eq!(
            found(json!({ "tags": { "role": "db" }, "vpc": "vpc-2", "port": 80 })),
            [pair("orders_db:80", "tcp://10.1.0.3:80")]
        );
        assert_eq!(found(json!({ "tags": { "role": "cache" }, "port": 80 })), []);
    }

    #[test]
    fn a_mysql_that_is_found_is_asked_no_oftener_than_one_that_is_written() {
        let section = section(json!({ "files": ["x"], "interval": "1s" }));
        for (target, seconds) in [("mysql://10.0.0.1", 60), ("10.0.0.1:3306", 3600), ("10.0.0.1:80", 1)] {
            let path = of_target(&section, target, &BTreeMap::new()).unwrap();
            assert_eq!(path.interval.0, Duration::from_secs(seconds), "{target}");
            assert!(path.timeout <= path.interval);
        }
    }

    #[test]
    fn files_of_targets_are_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "a.json",
            r#"[{"targets": ["10.0.0.1:80", "icmp://10.0.0.2"], "labels": {"team": "a", "__meta_x": "y", "path": "no"}}]"#,
        );
        write("b.json", r#"[{"targets": ["10.0.0.1:80"]}]"#);
        write("c.yml", "not read");
        let section = section(json!({ "files": [folder.path().join("*.json")] }));
        let paths = from_files(&section, &section.files).unwrap();
        let names: Vec<&str> = paths.iter().map(|path| path.name.0.as_str()).collect();
        assert_eq!(names, ["tcp:__10.0.0.1:80", "icmp:__10.0.0.2", "tcp:__10.0.0.1:80 (2)"]);
        assert_eq!(paths[0].labels, BTreeMap::from([("team".to_string(), "a".to_string())]));
        for wrong in ["", "{}", r#"[{"targets": ["ftp://x"]}]"#, r#"[{"targets": "x"}]"#] {
            write("b.json", wrong);
            let why = from_files(&section, &section.files).unwrap_err();
            assert!(why.contains("b.json: "), "{why}");
        }
    }
}
