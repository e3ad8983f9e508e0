//! A check as a JUnit report: a test case for each rule and thing that it looked at.
//!
//! Of the two shapes that pipelines take, SARIF says in which line of which file of the repository something is wrong.
//! A rule is about what is in two accounts, and the line of Terraform that made it is known to nobody here: GitHub
//! would show every result at a line that is made up, and most other systems not at all. JUnit needs no line, and
//! Jenkins, GitLab, GitHub's own actions, Azure and CircleCI all show it beside the change. So a violated rule of
//! severity error is a failure; what could not be checked is skipped, with the reason, or an error where nothing else
//! tells of a rule of severity error, so that a pipeline does not show it as good. Warnings fail nothing: they are
//! said in the output of their case.

use std::collections::BTreeMap;

use peerscope_analysis::check::{Check, RuleResult, RuleStatus};
use peerscope_analysis::report::Severity;

use crate::escape::escape_xml;
use crate::junit::{document, element};
use crate::text::{Style, result_text, severity_word};

/// The text of a failure, as wide as the pages that show it.
const STYLE: Style = Style { width: 100, colour: false };

/// What becomes of one result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Warned,
    Failed,
    Skipped,
    Errored,
}

/// Writes the report.
pub(super) fn junit(check: &Check) -> String {
    let kinds: Vec<Kind> = check.results.iter().map(|result| kind(check, result)).collect();
    let count = |kind: Kind| kinds.iter().filter(|one| **one == kind).count().to_string();
    let counts = [
        ("tests", check.results.len().to_string()),
        ("failures", count(Kind::Failed)),
        ("errors", count(Kind::Errored)),
        ("skipped", count(Kind::Skipped)),
    ];
    let snapshot = check.snapshot.as_ref().and_then(|snapshot| snapshot.at.clone());
    let properties =
        [Some(("peerscope.version", check.version.clone())), snapshot.map(|at| ("snapshot.at", at))];
    let properties = properties.into_iter().flatten();
    let properties: String = properties
        .map(|(name, value)| element("property", &[("name", name.to_string()), ("value", value)], ""))
        .collect();
    let mut suite = element("properties", &[], &properties);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (result, kind) in check.results.iter().zip(&kinds) {
        suite.push_str(&case(result, *kind, &mut seen));
    }
    let gaps: Vec<String> =
        check.gaps.iter().map(|gap| format!("unseen: {}: {}\n", gap.what, gap.reason)).collect();
    if !gaps.is_empty() {
        suite.push_str(&element("system-out", &[], &escape_xml(&gaps.concat())));
    }
    let named = [("name", "peerscope check".to_string()), ("timestamp", check.at.to_string())];
    let suite = element("testsuite", &[&named[..], &counts[..]].concat(), &suite);
    document(&element("testsuites", &[&named[..1], &counts[..]].concat(), &suite))
}

fn kind(check: &Check, result: &RuleResult) -> Kind {
    match (result.status, result.severity) {
        (RuleStatus::Pass, _) => Kind::Passed,
        (RuleStatus::Violation, Severity::Error) => Kind::Failed,
        (RuleStatus::Violation, _) => Kind::Warned,
        (RuleStatus::NotChecked, Severity::Error) => {
            let mut others = check.results.iter().filter(|one| one.rule == result.rule);
            if others.all(|one| one.status == RuleStatus::NotChecked) { Kind::Errored } else { Kind::Skipped }
        }
        (RuleStatus::NotChecked, _) => Kind::Skipped,
    }
}

/// One case. Readers follow it by its name, so the name is the rule and the thing, and no two are alike.
fn case(result: &RuleResult, kind: Kind, seen: &mut BTreeMap<String, usize>) -> String {
    let ids = result.components.iter().filter_map(|component| component.id.as_deref());
    let mut name = result.rule.name().to_string();
    for id in ids.take(3) {
        name.push(' ');
        name.push_str(id);
    }
    let number = seen.entry(name.clone()).or_default();
    *number += 1;
    if *number > 1 {
        name.push_str(&format!(", {number}"));
    }
    let family = result.rule.name().rsplit_once('-').map_or(result.rule.name(), |(family, _)| family);
    let attributes = [("name", name), ("classname", format!("peerscope.check.{family}"))];
    let told = escape_xml(&result_text(result, &STYLE)).into_owned();
    let message = [("message", result.message.clone()), ("type", severity_word(result.severity).to_string())];
    let content = match kind {
        Kind::Passed => String::new(),
        Kind::Warned => element("system-out", &[], &told),
        Kind::Failed => element("failure", &message, &told),
        Kind::Skipped => element("skipped", &message[..1], ""),
        Kind::Errored => element("error", &message, &told),
    };
    element("testcase", &attributes, &content)
}
