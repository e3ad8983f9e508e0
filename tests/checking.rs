//! `peerscope check`, through the binary: each rule is broken by itself, in a snapshot that keeps all others, and is
//! named; nothing else is.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "checking/documents.rs"]
mod documents;
#[path = "checking/rows.rs"]
mod rows;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use documents::Documents;
use rows::{NEVER_VIOLATED, ROWS};

fn peerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(arguments)
        .env_remove("DYNO")
        .env_remove("HEROKU_PRIVATE_IP")
        .output()
        .expect("the binary runs")
}

fn checked(documents: &Documents, more: &[&str]) -> (Value, Option<i32>) {
    let folder = tempfile::tempdir().expect("a folder");
    documents.write(folder.path());
    let path = folder.path().to_str().expect("a path of characters");
    let output = peerscope(&[&["check", "--format", "json", "--snapshot", path], more].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    (
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{said}")),
        output.status.code(),
    )
}

fn results<'c>(check: &'c Value, status: &str) -> Vec<&'c Value> {
    let all = check["results"].as_array().expect("results");
    all.iter().filter(|one| one["status"] == status).collect()
}

/// `HPS-RT-01 error`, each once.
fn violated(check: &Value) -> BTreeSet<String> {
    let word = |one: &&Value| format!("{} {}", text(&one["rule"]), text(&one["severity"]));
    results(check, "violation").iter().map(word).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn rules() -> Vec<String> {
    let output = peerscope(&["rules", "--format", "json"]);
    let rules: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    rules["rules"].as_array().expect("rules").iter().map(|rule| text(&rule["rule"]).to_string()).collect()
}

/// 3 where some rule of severity error could be checked of nothing.
fn status_without_errors(check: &Value) -> i32 {
    let is_told = |rule: &Value| results(check, "pass").iter().any(|other| other["rule"] == *rule);
    let mut unchecked = results(check, "not-checked").into_iter().filter(|one| one["severity"] == "error");
    if unchecked.any(|one| !is_told(&one["rule"])) { 3 } else { 0 }
}

#[test]
fn a_snapshot_that_keeps_every_rule_is_accused_of_nothing() {
    let (check, status) = checked(&Documents::healthy(), &[]);
    assert_eq!(violated(&check), BTreeSet::new());
    assert_eq!(status, Some(0));
    let unchecked: BTreeSet<&str> =
        results(&check, "not-checked").iter().map(|one| text(&one["rule"])).collect();
    assert_eq!(unchecked, BTreeSet::from(["HPS-IAM-01"]));
}

#[test]
fn each_rule_is_named_where_it_is_broken_and_no_other() {
    for row in ROWS {
        let mut documents = Documents::healthy();
        (row.edit)(&mut documents);
        let (check, status) = checked(&documents, row.flags);
        let expected: BTreeSet<String> = row.violated.iter().map(|one| (*one).to_string()).collect();
        assert_eq!(violated(&check), expected, "{}", row.name);
        let is_error = row.violated.iter().any(|one| one.ends_with(" error"));
        let expected = if is_error { 1 } else { status_without_errors(&check) };
        assert_eq!(status, Some(expected), "{}", row.name);
        let messages: Vec<&str> =
            results(&check, "violation").iter().map(|one| text(&one["message"])).collect();
        for part in row.says {
            assert!(
                messages.iter().any(|message| message.contains(part)),
                "{}: {part:?} in {messages:#?}",
                row.name
            );
        }
        let commands: Vec<&str> = results(&check, "violation")
            .iter()
            .flat_map(|one| one["fixes"].as_array().into_iter().flatten())
            .map(|fix| text(&fix["command"]))
            .collect();
        for part in row.mends {
            assert!(
                commands.iter().any(|command| command.contains(part)),
                "{}: {part:?} in {commands:#?}",
                row.name
            );
        }
    }
}

#[test]
fn every_rule_of_the_table_is_in_every_check_and_broken_by_some_row() {
    let rules = rules();
    let all: BTreeSet<&str> = rules.iter().map(String::as_str).collect();
    let (check, _) = checked(&Documents::healthy(), &[]);
    let every = check["results"].as_array().expect("results");
    let named: BTreeSet<&str> = every.iter().map(|one| text(&one["rule"])).collect();
    assert_eq!(named, all, "once at least, each");
    let broken = ROWS.iter().flat_map(|row| row.violated).filter_map(|one| one.split(' ').next());
    let covered: BTreeSet<&str> = broken.chain(NEVER_VIOLATED.iter().copied()).collect();
    assert_eq!(covered, all);
}

/// What a rule has to read is taken away: then it is not checked, and says what is missing; it never passes.
#[test]
fn no_rule_passes_where_what_it_reads_is_missing() {
    for (files, rules) in [
        (&["space.json"][..], &["HPS-GEN-01", "HPS-SPC-02"][..]),
        (
            &["peering-info.json", "space.json", "aws/peering.json"],
            &["HPS-CIDR-03", "HPS-CIDR-08", "HPS-SG-01", "HPS-RT-01"],
        ),
        (&["peerings.json"], &["HPS-CIDR-07", "HPS-PCX-06", "HPS-PCX-07", "HPS-PCX-09", "HPS-PCX-10"]),
        (&["peerings.json", "aws/peering.json"], &["HPS-PCX-01"]),
        (&["aws/vpcs.json"], &["HPS-CIDR-01", "HPS-CIDR-02", "HPS-CIDR-03", "HPS-NET-01", "HPS-PCX-10"]),
        (
            &["aws/route-tables.json"],
            &["HPS-RT-01", "HPS-RT-02", "HPS-RT-04", "HPS-RT-05", "HPS-RT-06", "HPS-NET-07"],
        ),
        (&["aws/network-acls.json"], &["HPS-ACL-01", "HPS-ACL-02"]),
        (&["aws/security-groups.json"], &["HPS-SG-01", "HPS-SG-02", "HPS-SG-04"]),
        (&["aws/network-interfaces.json"], &["HPS-SG-01", "HPS-SG-02"]),
        (&["nat.json"], &["HPS-SG-04"]),
    ] {
        let mut documents = Documents::healthy();
        files.iter().for_each(|file| documents.remove(file));
        let (check, status) = checked(&documents, &["--target", "tcp://10.100.2.20:5432"]);
        for rule in rules {
            let passes = results(&check, "pass").into_iter().any(|one| one["rule"] == *rule);
            assert!(!passes, "{rule} without {files:?}: {:#?}", results(&check, "pass"));
            let own: Vec<&Value> =
                results(&check, "not-checked").into_iter().filter(|one| one["rule"] == *rule).collect();
            assert!(!own.is_empty(), "{rule} without {files:?}");
            assert!(own.iter().all(|one| !text(&one["message"]).is_empty()), "{rule} without {files:?}");
        }
        let is_error = results(&check, "not-checked").iter().any(|one| {
            one["severity"] == "error"
                && !results(&check, "pass").iter().any(|other| other["rule"] == one["rule"])
        });
        assert_eq!(status, Some(if is_error { 3 } else { 0 }), "{files:?}: {:#?}", violated(&check));
    }
}

#[test]
fn ordinary_vpcs_without_a_space_are_not_passed_by_silence() {
    let mut documents = Documents::healthy();
    ["space.json", "peering-info.json", "peerings.json", "nat.json"]
        .iter()
        .for_each(|file| documents.remove(file));
    let (check, status) = checked(&documents, &[]);
    assert_eq!((violated(&check), status), (BTreeSet::new(), Some(3)));
    let passing: BTreeSet<&str> = results(&check, "pass").iter().map(|one| text(&one["rule"])).collect();
    assert!(
        !passing.iter().any(|rule| rule.starts_with("HPS-SG") || rule.starts_with("HPS-PCX")),
        "{passing:?}"
    );
}

#[test]
fn a_pipeline_gets_a_case_for_each_result_and_an_error_for_what_nobody_could_check() {
    let mut documents = Documents::healthy();
    documents.remove("aws/network-acls.json");
    documents.at("aws/route-tables.json", "/RouteTables/1/Routes").as_array_mut().expect("routes").pop();
    let folder = tempfile::tempdir().expect("a folder");
    documents.write(&folder.path().join("snapshot"));
    let (snapshot, report) = (folder.path().join("snapshot"), folder.path().join("check.xml"));
    let (snapshot, report) = (snapshot.to_str().expect("a path"), report.to_str().expect("a path"));
    let output = peerscope(&["check", "--format", "json", "--snapshot", snapshot, "--junit", report]);
    assert_eq!(output.status.code(), Some(1));
    let check: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let xml = fs::read_to_string(report).expect("a report");
    let parsed = roxmltree::Document::parse(&xml).expect("XML");
    let suite = parsed.descendants().find(|node| node.has_tag_name("testsuite")).expect("a suite");
    let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
    assert_eq!(cases.len(), check["results"].as_array().expect("results").len());
    let names: BTreeSet<&str> = cases.iter().filter_map(|case| case.attribute("name")).collect();
    assert_eq!(names.len(), cases.len(), "no two alike");
    let of = |tag: &str| -> BTreeSet<&str> {
        let with = cases.iter().filter(|case| case.children().any(|child| child.has_tag_name(tag)));
        with.filter_map(|case| case.attribute("name")?.split(' ').next()).collect()
    };
    assert_eq!(of("failure"), BTreeSet::from(["HPS-RT-01"]));
    assert_eq!(of("error"), BTreeSet::from(["HPS-ACL-01", "HPS-ACL-02"]));
    assert!(of("skipped").contains("HPS-IAM-01"));
    for (attribute, tag) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
        let count = cases.iter().filter(|case| case.children().any(|child| child.has_tag_name(tag))).count();
        assert_eq!(suite.attribute(attribute), Some(count.to_string().as_str()));
    }
}

#[test]
fn what_is_wrong_with_the_arguments_is_said_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    Documents::healthy().write(folder.path());
    let snapshot = folder.path().to_str().expect("a path");
    for (arguments, said) in [
        (&["check"][..], "expected --snapshot PATH"),
        (&["check", "--snapshot", snapshot, "--target", "ftp://10.0.0.1"], "unknown scheme"),
        (&["check", "--snapshot", snapshot, "--target", "tcp://db.example.com:5432"], "check asks no DNS"),
        (
            &["check", "--snapshot", snapshot, "--target", "tcp://eni-0123456789abcdef0:1"],
            "is not in the snapshot",
        ),
        (&["rules", "HPS-RT-99"], "expected one of the table: HPS-RT-01"),
        (&["rules", "\u{1b}[31mred"], "is no rule"),
    ] {
        let output = peerscope(arguments);
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {line}");
        assert!(
            line.lines().count() == 1 && line.contains(said) && !line.contains('\u{1b}'),
            "{arguments:?}: {line}"
        );
    }
}
