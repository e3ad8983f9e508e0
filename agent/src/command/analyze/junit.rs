//! What a file asserts, as a JUnit report: what Jenkins, GitLab and their like show beside a change.
//!
//! A path that nobody can tell of is an error: a pipeline must not show it as good.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use peerscope_analysis::diagnose::{Expectation, Standing};

use super::report::{AssertionResult, AssertionsReport};
use crate::escape::escape_xml;
use crate::junit::{document, element};
use crate::text::{Style, asserted_path, assertion_text, what_holds_of};

/// The text of a failure, as wide as the pages that show it.
const STYLE: Style = Style { width: 100, colour: false };

/// Writes the report.
pub(super) fn junit(report: &AssertionsReport) -> String {
    let totals = &report.totals;
    let seconds: f64 = report.results.iter().map(|result| result.elapsed_seconds).sum();
    let counts = [
        ("tests", report.results.len().to_string()),
        ("failures", totals.differs.to_string()),
        ("errors", totals.undetermined.to_string()),
        ("time", time(seconds)),
    ];
    let mut suite = properties(report);
    for (result, name) in report.results.iter().zip(names(&report.results)) {
        suite.push_str(&case(report, result, name));
    }
    let gaps: Vec<String> =
        report.gaps.iter().map(|gap| format!("unseen: {}: {}\n", gap.what, gap.reason)).collect();
    if !gaps.is_empty() {
        suite.push_str(&element("system-out", &[], &escape_xml(&gaps.concat())));
    }
    let named = [("name", report.file.clone()), ("timestamp", report.at.to_string())];
    let suite = element("testsuite", &[&named[..], &counts[..]].concat(), &suite);
    let named = [("name", "peerscope analyze --assert".to_string())];
    document(&element("testsuites", &[&named[..], &counts[..]].concat(), &suite))
}

fn properties(report: &AssertionsReport) -> String {
    let snapshot = report.snapshot.as_ref().and_then(|snapshot| snapshot.at.clone());
    let all =
        [Some(("peerscope.version", report.version.to_string())), snapshot.map(|at| ("snapshot.at", at))];
    let properties = all
        .into_iter()
        .flatten()
        .map(|(name, value)| element("property", &[("name", name.to_string()), ("value", value)], ""));
    element("properties", &[], &properties.collect::<String>())
}

/// What each case is called: the same in every run, since readers follow a case by its name, and no two alike.
fn names(results: &[AssertionResult]) -> Vec<String> {
    let plain = |result: &AssertionResult| {
        let cause = result.intended.cause.map(|code| format!(" by {code}")).unwrap_or_default();
        format!("{} is {}{cause}", asserted_path(result), result.intended.expect.word())
    };
    let mut number: BTreeMap<String, usize> = BTreeMap::new();
    let names = results.iter().map(|result| {
        let name = plain(result);
        let number = number.entry(name.clone()).or_default();
        *number += 1;
        if *number == 1 { name } else { format!("{name}, {number}") }
    });
    names.collect()
}

fn case(report: &AssertionsReport, result: &AssertionResult, name: String) -> String {
    let attributes = [
        ("name", name),
        ("classname", class_name(&report.file)),
        ("file", report.file.clone()),
        ("line", result.line.to_string()),
        ("time", time(result.elapsed_seconds)),
    ];
    let kind = match (result.standing, result.intended.expect) {
        (Standing::Holds, _) => return element("testcase", &attributes, ""),
        (Standing::Undetermined, _) => "undetermined".to_string(),
        (Standing::Differs, Expectation::Blocked) if result.let_through_by.is_some() => {
            "let-through".to_string()
        }
        (Standing::Differs, _) => {
            result.causes.first().map_or_else(|| "blocked".to_string(), |cause| cause.code.to_string())
        }
    };
    let message = format!("{} {}", asserted_path(result), what_holds_of(result));
    let told = escape_xml(&assertion_text(result, &STYLE)).into_owned();
    let name = if result.standing == Standing::Undetermined { "error" } else { "failure" };
    element("testcase", &attributes, &element(name, &[("message", message), ("type", kind)], &told))
}

/// The file as a Java class, since readers divide at the dots: `network.reach` of `network/reach.toml`.
fn class_name(file: &str) -> String {
    let path = Path::new(file).with_extension("");
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    parts.collect::<Vec<_>>().join(".")
}

fn time(seconds: f64) -> String {
    format!("{seconds:.6}")
}
