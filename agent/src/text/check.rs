//! A check as text: what is violated first, the worst of it, each with what mends it; then what could not be
//! checked, and what holds.

use std::collections::BTreeMap;

use peerscope_analysis::check::{Check, Outcome, RuleResult, RuleStatus};
use peerscope_analysis::report::{Severity, Tool};
use peerscope_analysis::rule::{RULES, RuleId};

use super::diagnosis::{list, section};
use super::layout::{MARGIN, wrapped};
use super::words::{name, snapshot_words};
use super::{Style, mending};
use crate::escape::escape;

/// How many things one rule could not be checked of are named.
const NAMED: usize = 3;

/// How many violations of one rule are told.
const TOLD: usize = 10;

/// Writes the check; `verbose` says of rules that hold what was seen.
pub(crate) fn text(check: &Check, verbose: bool, style: &Style) -> String {
    let mut text = headline(check, style);
    let mut told: Vec<&RuleResult> = Vec::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Info] {
        let violated = check.results.iter().filter(|one| one.status == RuleStatus::Violation);
        let mut of_rule: BTreeMap<RuleId, usize> = BTreeMap::new();
        for result in violated.filter(|one| one.severity == severity) {
            let nth = of_rule.entry(result.rule).or_default();
            *nth += 1;
            if *nth > TOLD {
                continue;
            }
            let mut part = seen_text(result, style);
            match told.iter().find(|other| has_same_fix(other, result)) {
                Some(other) => {
                    let words = format!("as {} above", other.rule);
                    part.push_str(&list("Mend", [words].into_iter(), style));
                }
                None => part.push_str(&mending_text(result, style)),
            }
            section(&mut text, &part);
            told.push(result);
        }
        for (rule, count) in of_rule.into_iter().filter(|(_, count)| *count > TOLD) {
            let more = format!("{} more (--format json has all)", count - TOLD);
            section(&mut text, &list(rule.name(), [more].into_iter(), style));
        }
    }
    section(&mut text, &unchecked(check, style));
    section(&mut text, &holding(check, verbose, style));
    let gaps = check.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.reason));
    section(&mut text, &list("Unseen", gaps, style));
    let snapshot = snapshot_words(check.snapshot.as_ref());
    let provenance = wrapped(
        &escape(&format!("peerscope {}, {}, {snapshot}", check.version, check.at)),
        style.width,
        "",
        "",
    );
    section(
        &mut text,
        &provenance.lines().map(|line| format!("{}\n", style.faint(line))).collect::<String>(),
    );
    text
}

/// The severity's word.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// How many rules are violated and were not checked, in words.
pub(crate) fn counts(check: &Check) -> String {
    let rules = |wanted: &dyn Fn(&RuleResult) -> bool| -> usize {
        let mut found: Vec<RuleId> =
            check.results.iter().filter(|one| wanted(one)).map(|one| one.rule).collect();
        found.dedup();
        found.len()
    };
    let violated = |severity: Severity| {
        rules(&|one: &RuleResult| one.status == RuleStatus::Violation && one.severity == severity)
    };
    let (errors, warnings) = (violated(Severity::Error), violated(Severity::Warning));
    let unchecked = wholly_unchecked(check).len();
    let all = RULES.len();
    let mut said = Vec::new();
    if errors > 0 {
        said.push(format!("{errors} of {all} rules"));
    }
    if warnings > 0 {
        said.push(format!("{warnings} warning{}", if warnings == 1 { "" } else { "s" }));
    }
    if unchecked > 0 {
        said.push(format!("{unchecked} not checked"));
    }
    if errors == 0 && unchecked == 0 {
        said.insert(0, format!("all {all} rules"));
    }
    said.join(", ")
}

/// How many rules are violated, and the first.
fn headline(check: &Check, style: &Style) -> String {
    let (word, shown) = match check.outcome() {
        Outcome::Kept => ("KEPT", style.good("KEPT")),
        Outcome::Violated => ("VIOLATED", style.bad("VIOLATED")),
        Outcome::Unchecked => ("UNCHECKED", style.doubtful("UNCHECKED")),
    };
    let line = format!("{word}  {}", counts(check));
    let mut text = wrapped(&line, style.width, "", &" ".repeat(word.len() + 2)).replacen(word, &shown, 1);
    let worst = check
        .results
        .iter()
        .filter(|one| one.status == RuleStatus::Violation)
        .min_by_key(|one| (one.severity == Severity::Info, one.severity == Severity::Warning));
    let first = worst.or_else(|| {
        let first =
            wholly_unchecked(check).into_iter().find(|rule| rule.rule().severity == Severity::Error)?;
        check.results.iter().find(|one| one.rule == first).filter(|_| check.outcome() == Outcome::Unchecked)
    });
    if let Some(first) = first {
        let said = match first.status {
            RuleStatus::NotChecked => format!("{} could not be checked: {}", first.rule, first.message),
            _ => first.message.clone(),
        };
        text.push_str(&wrapped(&escape(&said), style.width, "", ""));
    }
    text
}

/// The rules that could not be checked of anything.
fn wholly_unchecked(check: &Check) -> Vec<RuleId> {
    let is_unchecked = |rule: &RuleId| {
        let mut own = check.results.iter().filter(|one| one.rule == *rule);
        own.all(|one| one.status == RuleStatus::NotChecked)
    };
    RULES.iter().map(|rule| rule.id).filter(is_unchecked).collect()
}

/// One violation, or what could not be checked: the rule, what it is about, what was seen, what mends it.
pub(crate) fn result_text(result: &RuleResult, style: &Style) -> String {
    seen_text(result, style) + &mending_text(result, style)
}

fn seen_text(result: &RuleResult, style: &Style) -> String {
    let about: Vec<String> = result.components.iter().map(name).collect();
    let rule = result.rule.name();
    let heading = format!("{rule}  {}  {}", severity_word(result.severity), about.join(", "));
    let mut text = wrapped(&escape(&heading), style.width, "", MARGIN).replacen(rule, &style.strong(rule), 1);
    text.push_str(&wrapped(&escape(&result.message), style.width, MARGIN, MARGIN));
    text
}

fn mending_text(result: &RuleResult, style: &Style) -> String {
    let best = result.fixes.iter().find(|fix| fix.tool != Tool::Terraform);
    match (best, result.status) {
        (Some(fix), _) => mending::fix(fix, style),
        (None, RuleStatus::Violation) => {
            list("Mend", [result.rule.rule().fix.to_string()].into_iter(), style)
        }
        (None, _) => String::new(),
    }
}

/// Whether two violations have one remedy.
fn has_same_fix(one: &RuleResult, other: &RuleResult) -> bool {
    let pair = one.fixes.first().zip(other.fixes.first());
    pair.is_some_and(|(one, other)| one.command == other.command && one.explanation == other.explanation)
}

/// What could not be checked, a line each reason.
fn unchecked(check: &Check, style: &Style) -> String {
    let (reasons, more) = unchecked_reasons(check);
    let mut lines: Vec<String> =
        reasons.iter().map(|(reason, rules)| format!("{}: {reason}", rules.join(", "))).collect();
    if more > 0 {
        lines.push(format!("and {more} more (--format json has all)"));
    }
    list("Unchecked", lines.into_iter(), style)
}

/// Why rules could not be checked, each reason with the rules, a few of each rule; and how many more there are.
pub(crate) fn unchecked_reasons(check: &Check) -> (Vec<(String, Vec<&'static str>)>, usize) {
    let mut reasons: Vec<(String, Vec<&'static str>)> = Vec::new();
    let mut left: BTreeMap<RuleId, usize> = BTreeMap::new();
    for result in check.results.iter().filter(|one| one.status == RuleStatus::NotChecked) {
        let rule = result.rule.name();
        match reasons.iter_mut().find(|(reason, _)| *reason == result.message) {
            Some((_, rules)) if rules.contains(&rule) => {}
            Some((_, rules)) => rules.push(rule),
            None => {
                let named = left.entry(result.rule).or_default();
                *named += 1;
                if *named <= NAMED {
                    reasons.push((result.message.clone(), vec![rule]));
                }
            }
        }
    }
    let more = left.values().map(|count| count.saturating_sub(NAMED)).sum();
    (reasons, more)
}

/// What holds.
fn holding(check: &Check, verbose: bool, style: &Style) -> String {
    let passing = check.results.iter().filter(|one| one.status == RuleStatus::Pass);
    if verbose {
        return list("Kept", passing.map(|one| format!("{}: {}", one.rule, one.message)), style);
    }
    let mut rules: Vec<&str> = Vec::new();
    for rule in RULES {
        let mut own = check.results.iter().filter(|one| one.rule == rule.id).peekable();
        let kept = own.peek().is_some()
            && own.clone().any(|one| one.status == RuleStatus::Pass)
            && own.all(|one| one.status != RuleStatus::Violation);
        if kept {
            rules.push(rule.name);
        }
    }
    if rules.is_empty() {
        return String::new();
    }
    list("Kept", [rules.join(" ")].into_iter(), style)
}
