//! Paths from files in the form of Prometheus's file_sd.

use std::path::{Path, PathBuf};

use super::super::configuration::{DiscoverySection, PathSection};
use super::groups::{self, Group};
use super::within_reason;
use crate::input_file::read_text;

/// What the files of some patterns name.
///
/// # Errors
/// Where one of them cannot be read, or holds anything else.
pub(super) fn found(section: &DiscoverySection, patterns: &[PathBuf]) -> Result<Vec<PathSection>, String> {
    let mut paths = Vec::new();
    for pattern in patterns {
        for file in matching(pattern)? {
            let text = read_text(&file, "targets").map_err(|error| error.to_string())?;
            let groups: Vec<Group> = serde_json::from_str(&text)
                .map_err(|error| format!("{}: {}: {error}", file.display(), groups::EXPECTED))?;
            let found = groups::paths(section, &groups);
            paths.extend(found.map_err(|why| format!("{}: {why}", file.display()))?);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

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
        let section: DiscoverySection =
            serde_json::from_value(json!({ "files": [folder.path().join("*.json")] })).unwrap();
        let paths = found(&section, &section.files).unwrap();
        let names: Vec<&str> = paths.iter().map(|path| path.name.0.as_str()).collect();
        assert_eq!(names, ["tcp:__10.0.0.1:80", "icmp:__10.0.0.2", "tcp:__10.0.0.1:80 (2)"]);
        assert_eq!(paths[0].labels, BTreeMap::from([("team".to_string(), "a".to_string())]));
        for wrong in ["", "{}", r#"[{"targets": ["ftp://x"]}]"#, r#"[{"targets": "x"}]"#] {
            write("b.json", wrong);
            let why = found(&section, &section.files).unwrap_err();
            assert!(why.contains("b.json: "), "{why}");
        }
    }
}
