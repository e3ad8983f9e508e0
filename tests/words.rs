//! The words: what a person reads, kept as snapshots so that a change of them is seen and meant.
//!
//! Times differ from run to run and are replaced. The layout is held for the width that text has without
//! a terminal.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use unicode_width::UnicodeWidthStr;

fn documents(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents").join(name)
}

fn text(arguments: &[&str]) -> String {
    text_given(arguments, &documents("orders-db"))
}

fn text_given(arguments: &[&str], snapshot: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(arguments)
        .arg("--snapshot")
        .arg(snapshot)
        .env_remove("DYNO")
        .env_remove("HEROKU_PRIVATE_IP")
        .output()
        .expect("the binary runs");
    String::from_utf8(output.stdout).expect("text is UTF-8")
}

/// Without the last part: it holds version, time and age.
fn without_provenance(text: &str) -> String {
    let (kept, last) = text.trim_end().rsplit_once("\n\n").expect("several parts");
    assert!(last.starts_with("peerscope "), "{last}");
    kept.to_string()
}

#[test]
fn the_whole_space_has_two_causes_and_each_its_command() {
    let text = text(&["analyze", "--to", "tcp://10.100.2.20:5432"]);
    insta::assert_snapshot!(without_provenance(&text));
}

#[test]
fn one_dyno_has_one_cause_and_hears_what_awaits_the_others() {
    let text = text(&["analyze", "--to", "postgres://10.100.2.20", "--from", "10.0.139.183"]);
    insta::assert_snapshot!(without_provenance(&text));
}

#[test]
fn verbose_tells_what_was_thought_of_and_what_made_it_fall() {
    let evidence = documents("evidence/silent-port-of-a-live-host.json");
    let evidence = evidence.to_str().expect("the path is UTF-8");
    let text = text(&["why", "--verbose", "--replay", evidence]);
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

/// Documents of which one is changed, where nothing else may be written to.
fn changed(file: &str, change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut places = vec![(documents("orders-db"), folder.path().to_path_buf())];
    while let Some((from, to)) = places.pop() {
        fs::create_dir_all(&to).expect("a folder");
        for entry in fs::read_dir(from).expect("documents").map(|entry| entry.expect("a file")) {
            let to = to.join(entry.file_name());
            match entry.path().is_dir() {
                true => places.push((entry.path(), to)),
                false => fs::write(&to, fs::read(entry.path()).expect("a file")).expect("a copy"),
            }
        }
    }
    let file = folder.path().join(file);
    let mut value = serde_json::from_slice(&fs::read(&file).expect("a document")).expect("JSON");
    change(&mut value);
    fs::write(&file, value.to_string()).expect("a document");
    folder
}

/// The example with the route that it lacks: every setting lets the dyno's packets through.
fn in_order() -> tempfile::TempDir {
    changed("us-east-1/route-tables.json", |tables| {
        let table = &mut tables["RouteTables"][1];
        assert_eq!(table["RouteTableId"], "rtb-0b1c00000000000db");
        let routes = table["Routes"].as_array_mut().expect("routes");
        routes
            .push(json!({"DestinationCidrBlock": "10.0.0.0/16", "State": "active", "Origin": "CreateRoute",
            "VpcPeeringConnectionId": "pcx-0111aaa111aaa1111"}));
    })
}

/// What is said where even the echo gets no answer.
fn silent(snapshot: &Path, format: &str) -> String {
    let evidence = documents("evidence/silent-port-of-a-live-host.json");
    let mut evidence: Value = serde_json::from_slice(&fs::read(evidence).expect("evidence")).expect("JSON");
    let echo = &mut evidence["observations"][0];
    assert_eq!(echo["request"]["kind"], "icmp-echo");
    echo["outcome"] = json!({"result": "timeout"});
    echo["rtt"] = Value::Null;
    echo["finished_at"] = json!({"secs": 2, "nanos": 0});
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), evidence.to_string()).expect("evidence");
    let replay = file.path().to_str().expect("the path is UTF-8");
    text_given(&["why", "--replay", replay, "--format", format], snapshot)
}

#[test]
fn a_silence_that_no_setting_accounts_for_is_one_list_of_what_to_look_at() {
    let snapshot = in_order();
    insta::assert_snapshot!(without_provenance(&silent(snapshot.path(), "text")));
}

#[test]
fn a_check_in_markdown_says_first_what_is_broken_and_by_whose_hand_it_is_mended() {
    let text = text(&["check", "--target", "tcp://10.100.2.20:5432", "--format", "markdown"]);
    insta::assert_snapshot!(without_origin(&text));
}

#[test]
fn in_markdown_each_thing_to_look_at_is_one_cause_and_what_all_share_is_told_once() {
    let snapshot = in_order();
    let text = silent(snapshot.path(), "markdown");
    assert_eq!(text.matches("- **For it:** 5 of 5 connects").count(), 1, "{text}");
    assert_eq!(text.matches(", route table `rtb-0b1c00000000000db`").count(), 1, "{text}");
    assert!(
        text.contains("which shows nothing that stops the packets; what was seen says otherwise."),
        "{text}"
    );
    insta::assert_snapshot!(without_origin(&text));
}

#[test]
fn a_page_counts_its_causes_as_the_ticket_does() {
    let snapshot = in_order();
    let headings = |text: &str, mark: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix(mark));
        let causes = lines.filter_map(|line| line.trim_start().strip_prefix("Cause "));
        causes.map(|cause| cause.replace('`', "")).collect()
    };
    let ticket = headings(&silent(snapshot.path(), "markdown"), "####");
    let page = headings(&words_of(&silent(snapshot.path(), "html")), "h3");
    assert_eq!(ticket.len(), 8, "{ticket:#?}");
    assert_eq!(ticket, page);
}

#[test]
fn what_the_snapshot_lacks_is_a_hop_that_names_its_cause() {
    let snapshot = changed("us-east-1/route-tables.json", |tables| tables["RouteTables"] = json!([]));
    let text = silent(snapshot.path(), "markdown");
    let cause = "BAD_STATE_ROUTE` or `MORE_SPECIFIC_ROUTE` or `HIGHER_PRIORITY_ROUTE`, route table";
    let heading = text.lines().find(|line| line.contains(cause)).expect("one heading");
    let number = heading.trim_start_matches("#### Cause ").split(':').next().expect("a number");
    assert!(text.contains(&format!("route table: **? not known** (cause {number})\n")), "{text}");
    let (_, next) =
        text.split_once("#### To find out more: read what the snapshot lacks").expect("what to do");
    assert!(
        next.split("###").next().is_some_and(|how| how.contains("`aws ec2 describe-route-tables`.")),
        "{text}"
    );
}

#[test]
fn a_missing_peering_is_marked_as_the_cause_at_both_hops() {
    let snapshot =
        changed("us-east-1/peering.json", |peerings| peerings["VpcPeeringConnections"] = json!([]));
    fs::write(snapshot.path().join("peerings.json"), "[]").expect("a document");
    let text = text_given(
        &["analyze", "--to", "tcp://10.100.2.20:5432", "--from", "10.0.139.183", "--format", "markdown"],
        snapshot.path(),
    );
    let hop = "VPC peering connection: **✗ stops the packets** (cause 1)";
    assert_eq!(text.matches(hop).count(), 2, "{text}");
    insta::assert_snapshot!(without_origin(&text));
}

/// Without the last section: it holds version, time and age.
fn without_origin(text: &str) -> String {
    let (kept, last) = text.split_once("### How this was obtained\n").expect("a last section");
    assert!(
        last.contains("- By peerscope `") && last.contains("- Snapshot of `2026-11-20T08:00:00Z`, "),
        "{last}"
    );
    without_age(kept.trim_end())
}

/// Without how old the documents are, which every day changes.
fn without_age(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let age = line.split_once(" (UTC), ").zip(line.split_once(" before this report"));
        match age {
            Some(((kept, _), (_, rest))) => format!("{kept} (UTC), AGE before this report{rest}"),
            None => line.to_string(),
        }
    });
    lines.collect()
}

#[test]
fn markdown_says_the_answer_then_what_to_do_then_why() {
    let text = text(&["analyze", "--to", "tcp://10.100.2.20:5432", "--format", "markdown"]);
    insta::assert_snapshot!(without_origin(&text));
}

#[test]
fn markdown_of_one_dyno_says_what_awaits_the_others() {
    let target = "postgres://10.100.2.20";
    let text = text(&["analyze", "--to", target, "--from", "10.0.139.183", "--format", "markdown"]);
    insta::assert_snapshot!(without_origin(&text));
}

/// What a page says, a line each element, in the order in which it is read.
fn words_of(html: &str) -> String {
    let page = scraper::Html::parse_document(html);
    let told = "title, h1, .summary, h2, h3, section p, li, pre, button, svg desc, svg text";
    let told = scraper::Selector::parse(told).expect("a selector");
    let lines = page.select(&told).map(|element| {
        let words: String = element.text().collect();
        format!("{:<7} {}\n", element.value().name(), words.trim().replace('\n', "\n        "))
    });
    let words: String = lines.collect();
    let (kept, last) = words.split_once("h2      How this was obtained\n").expect("a last section");
    assert!(last.contains("By peerscope ") && last.contains("Snapshot of 2026-11-20T08:00:00Z, "), "{last}");
    without_age(kept)
}

#[test]
fn a_page_says_the_same_and_draws_the_path() {
    let text = text(&["analyze", "--to", "tcp://10.100.2.20:5432", "--format", "html"]);
    insta::assert_snapshot!(words_of(&text));
}

#[test]
fn a_page_of_one_dyno_says_the_same() {
    let target = "postgres://10.100.2.20";
    let text = text(&["analyze", "--to", target, "--from", "10.0.139.183", "--format", "html"]);
    insta::assert_snapshot!(words_of(&text));
}

#[test]
fn the_matrix_has_a_line_for_what_fares_alike() {
    insta::assert_snapshot!(text(&["matrix", "--ports", "22"]));
}

#[test]
fn nothing_is_wider_than_eighty_columns() {
    for arguments in [
        &["analyze", "--to", "tcp://10.100.2.20:5432"][..],
        &["analyze", "--to", "tcp://10.100.1.99:22", "--from", "10.0.150.1"],
        &["analyze", "--to", "tcp://10.100.2.20:5432", "--from", "192.168.7.7"],
        &["analyze", "--to", "icmp://10.100.2.20"],
    ] {
        for line in text(arguments).lines() {
            assert!(line.width() <= 80, "{} columns: {line}", line.width());
        }
    }
}

#[test]
fn the_first_line_is_the_verdict_and_the_second_says_what_to_do() {
    let text = text(&["analyze", "--to", "tcp://10.100.2.20:5432", "--from", "10.0.139.183"]);
    let mut lines = text.lines();
    assert!(lines.next().unwrap_or_default().starts_with("BLOCKED  10.0.139.183 → tcp 10.100.2.20:5432"));
    assert!(lines.next().unwrap_or_default().contains("route table rtb-0b1c00000000000db"));
}
