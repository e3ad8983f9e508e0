//! `peerscope rules`: the table of peering rules for people.

use std::fmt::Write;

use peerscope_analysis::rule::{Origin, RULES, Rule, RuleId};
use serde_json::json;

use crate::cli::{Format, RulesArgs};
use crate::escape::escape;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::text::{Style, severity_word, wrapped};

/// The margin of what a rule says.
const MARGIN: &str = "             ";

/// Lists all rules, or describes one.
pub(crate) fn run(arguments: &RulesArgs, style: &Style) -> Result<Status, Failure> {
    let rules: Vec<&Rule> = match &arguments.rule {
        None => RULES.iter().collect(),
        Some(name) => vec![find(name)?.rule()],
    };
    if arguments.format == Format::Json {
        let rules: Vec<_> = rules.iter().map(|rule| as_json(rule)).collect();
        print_json(&json!({ "schema": "peerscope/rules/1", "rules": rules }))?;
        return Ok(Status::Good);
    }
    let mut text = String::new();
    for rule in rules {
        let heading = format!("{:<13}{}", rule.name, severity_word(rule.severity));
        let _ = writeln!(text, "{}", heading.replacen(rule.name, &style.strong(rule.name), 1));
        text.push_str(&wrapped(rule.statement, style.width, MARGIN, MARGIN));
        if arguments.rule.is_some() {
            describe(&mut text, rule, style);
        }
    }
    print(&text)?;
    Ok(Status::Good)
}

fn describe(text: &mut String, rule: &Rule, style: &Style) {
    let inputs: Vec<&str> = rule.inputs.iter().map(|input| input.source()).collect();
    let origin = match rule.origin {
        Origin::Stated => "Heroku's article states it (Dev Center, \"Private Space Peering\").",
        Origin::Derived => "It follows from how AWS and Heroku carry packets.",
    };
    for (label, words) in
        [("Told by", inputs.join("; ")), ("Mended by", rule.fix.into()), ("Source", origin.into())]
    {
        text.push_str(&wrapped(&words, style.width, &format!("{label:<13}"), MARGIN));
    }
}

/// The rule of a name, or the nearest names.
fn find(name: &str) -> Result<RuleId, Failure> {
    RuleId::from_name(name).ok_or_else(|| {
        let wanted = name.to_ascii_uppercase();
        let family = |rule: &&Rule| {
            rule.name.rsplit_once('-').is_some_and(|(family, _)| wanted.contains(&family[4..]))
        };
        let near: Vec<&str> = RULES.iter().filter(family).map(|rule| rule.name).collect();
        let shown: String = escape(name).chars().take(48).collect();
        let near = if near.is_empty() { "see `peerscope rules`".to_string() } else { near.join(", ") };
        Failure::usage(format!("RULE: {shown:?} is no rule; expected one of the table: {near}"))
    })
}

fn as_json(rule: &Rule) -> serde_json::Value {
    let inputs: Vec<&str> = rule.inputs.iter().map(|input| input.source()).collect();
    json!({
        "rule": rule.name,
        "severity": rule.severity,
        "origin": rule.origin,
        "statement": rule.statement,
        "inputs": inputs,
        "fix": rule.fix,
    })
}
