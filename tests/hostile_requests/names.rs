//! Names and labels from a configuration, from file_sd documents and from tags: whatever they hold, they are words wherever
//! they come out. (What a page makes of them is held by the daemon's own tests; here is where they come from.)

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::daemon::{Daemon, get, wait_for};

/// A terminal's commands, markup, the ends of a label, of a line, and of a log's value; text that is shown backwards.
const HOSTILE: &str =
    "\u{1b}]0;x\u{7}\u{9b}2J<script>alert(1)</script>\"} 1\n# TYPE x gauge\r\\\",a=\"b\u{202e}\u{2028}";
/// The same where a name may have it: without a slash and controls.
const NAME: &str = "<img src=x onerror=alert(1)>\"} 1\\\",path=\"b\u{202e}";

/// A label's value as Prometheus's text format has it, and what follows.
fn value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next().unwrap().1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                other => panic!("\\{other} is no escape: {text}"),
            },
            other => value.push(other),
        }
    }
    panic!("a value without an end: {text}")
}

/// The labels of each series, by the grammar of the text format alone.
fn exposition(page: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
    };
    let mut series = Vec::new();
    for line in page.split('\n').filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let name = comment.split(' ').nth(1).unwrap();
            assert!(
                (comment.starts_with("HELP ") || comment.starts_with("TYPE ")) && is_name(name),
                "{line:?}"
            );
            assert!(name.starts_with("peerscope_"), "{line:?}");
            continue;
        }
        let end = line.find(['{', ' ']).unwrap();
        let (name, mut rest) = line.split_at(end);
        assert!(is_name(name) && name.starts_with("peerscope_"), "{line:?}");
        let mut labels = BTreeMap::new();
        if let Some(inner) = rest.strip_prefix('{') {
            rest = inner;
            while !rest.starts_with('}') {
                let (label, after) = rest.trim_start_matches(',').split_once("=\"").unwrap();
                assert!(is_name(label), "{line:?}");
                let (value, after) = value(after);
                assert!(labels.insert(label.to_string(), value).is_none(), "{label} is twice: {line:?}");
                rest = after;
            }
            rest = &rest[1..];
        }
        assert!(rest.trim().parse::<f64>().is_ok(), "{line:?}");
        series.push((name.to_string(), labels));
    }
    series
}

/// Whether a person's terminal would do anything with it.
fn is_harmful(one: char) -> bool {
    one.is_control() && one != '\n' || matches!(one, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}')
}

fn outcome(log_format: &str) {
    let folder = tempfile::tempdir().unwrap();
    let found = json!([{
        "targets": ["tcp://127.0.0.1:2"],
        "labels": { "team": HOSTILE, "a\"} 1\n": "x", "path": "stolen", "__meta": "x", "<b>": "x", "": "x" },
    }]);
    let interface = json!({ "NetworkInterfaces": [{
        "NetworkInterfaceId": "eni-0123456789abcdef0",
        "VpcId": "vpc-0123456789abcdef0",
        "SubnetId": "subnet-0123456789abcdef0",
        "PrivateIpAddress": "127.0.0.1",
        "Groups": [],
        "TagSet": [{ "Key": "Name", "Value": HOSTILE }, { "Key": "role", "Value": "db" }],
    }] });
    fs::write(folder.path().join("found.json"), found.to_string()).unwrap();
    fs::create_dir(folder.path().join("snapshot")).unwrap();
    fs::write(folder.path().join("snapshot/interfaces.json"), interface.to_string()).unwrap();
    // JSON is YAML.
    let path = json!([{
        "name": NAME, "target": "tcp://127.0.0.1:1", "interval": "500ms", "timeout": "400ms",
        "labels": { "team": HOSTILE },
    }]);
    let shown = folder.path().display();
    let daemon = Daemon::start(&format!(
        "log_format: {log_format}\nsnapshot: {{paths: ['{shown}/snapshot']}}\npaths: {path}\ndiscovery:\n\
         - {{files: ['{shown}/found.json'], interval: 500ms, timeout: 400ms}}\n\
         - {{interfaces: {{tags: {{role: db}}, port: 3}}, interval: 500ms, timeout: 400ms}}\n"
    ));
    let names = wait_for("a verdict of each path", || {
        let paths: Value = serde_json::from_str(&get(&daemon.url("/api/v1/paths"))?).unwrap();
        let paths = paths["paths"].as_array().unwrap().clone();
        let is_told = paths.len() == 3 && paths.iter().all(|path| path["verdict"].is_string());
        is_told
            .then(|| paths.iter().map(|path| path["name"].as_str().unwrap().to_string()).collect::<Vec<_>>())
    });
    assert!(names.contains(&NAME.to_string()), "{names:?}");

    let page = get(&daemon.url("/metrics")).unwrap();
    let series = exposition(&page);
    let paths: Vec<_> = series.iter().filter(|(name, _)| name == "peerscope_path_up").collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    for (_, labels) in &paths {
        let keys: Vec<&str> = labels.keys().map(String::as_str).collect();
        assert!(matches!(keys[..], ["path", "team"] | ["interface", "path"]), "{keys:?}");
        assert!(labels.get("team").is_none_or(|team| team == HOSTILE), "{labels:?}");
        assert!(names.contains(&labels["path"]), "{labels:?}");
    }

    for url in ["/".to_string()].into_iter().chain(names.iter().map(|name| {
        let name: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("/paths/{name}")
    })) {
        let page = get(&daemon.url(&url)).unwrap();
        assert!(
            page.contains("</html>") && !page.contains("<img") && !page.contains("<script>alert"),
            "{page}"
        );
        assert!(!page.contains(is_harmful), "{url}: {page}");
    }

    let log = wait_for("all verdicts in the log", || {
        let log = daemon.said("log");
        (log.matches("verdict_changed").count() >= 3).then_some(log)
    });
    assert!(!log.contains(is_harmful), "{:?}", log.chars().find(|one| is_harmful(*one)));
    for line in log.lines() {
        match log_format {
            "json" => assert!(
                serde_json::from_str::<Value>(line).is_ok_and(|line| line["time"].is_string()),
                "{line}"
            ),
            _ => assert!(line.starts_with("time="), "{line}"),
        }
    }
}

#[test]
fn hostile_names_and_labels_are_words_in_metrics_pages_documents_and_the_log() {
    outcome("logfmt");
}

#[test]
fn hostile_names_and_labels_are_words_in_a_log_of_json_too() {
    outcome("json");
}
