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
fn verbose_tells_what_was_thought_of_and_what_made_it_fall() {
    let evidence = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/documents/evidence/silent-port-of-a-live-host.json");
    let evidence = evidence.to_str().expect("the path is UTF-8");
    let text = text(&["why", "--verbose", "--replay", evidence]);
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

/// Without the last section: it holds version, time and age.
fn without_origin(text: &str) -> String {
    let (kept, last) = text.split_once("### How this was obtained\n").expect("a last section");
    assert!(
        last.contains("- By peerscope `") && last.contains("- Snapshot of `2026-11-20T08:00:00Z`, "),
        "{last}"
    );
    kept.trim_end().to_string()
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
    kept.to_string()
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
