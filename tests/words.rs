//! The words: what a person reads, kept as snapshots so that a change of them is seen and meant.
//!
//! Times differ from run to run and are replaced. The layout is held for the width that text has without
//! a terminal.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;

use unicode_width::UnicodeWidthStr;

fn text(arguments: &[&str]) -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
    let output = Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(arguments)
        .arg("--snapshot")
        .arg(example)
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
