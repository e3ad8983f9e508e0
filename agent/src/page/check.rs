//! A check for whoever has to act: what is broken first, by the account whose owner can mend it; then warnings; then what
//! could not be checked, and why.

use std::collections::BTreeMap;

use peerscope_analysis::check::{Check, Outcome, RuleResult, RuleStatus};
use peerscope_analysis::report::{Fix, Severity, Tool};
use peerscope_analysis::rule::RuleId;

use super::connection;
use super::content::{gaps, list, without_blanks};
use super::deeds::Deed;
use super::hops::{called, id_and_name};
use super::sentence::{sentence, whole_sentence};
use super::{Block, Page, Section, Span, Tone, code, plain, strong};
use crate::escape::escape;
use crate::text::words::snapshot_words;
use crate::text::{check_counts, unchecked_reasons};

/// How many violations of one rule are told of one owner.
const TOLD: usize = 10;
/// How many things that a rule is about are named.
const NAMED: usize = 8;

/// Puts a page together.
pub(super) fn page(check: &Check) -> Page {
    let (tone, word) = match check.outcome() {
        Outcome::Kept => (Tone::Good, "KEPT"),
        Outcome::Violated => (Tone::Bad, "VIOLATED"),
        Outcome::Unchecked => (Tone::Doubtful, "UNCHECKED"),
    };
    let counted = match check.outcome() {
        Outcome::Kept => "kept",
        Outcome::Violated => "violated",
        Outcome::Unchecked => "none of severity error is violated, and not all could be checked",
    };
    // A remedy is told once, wherever it is first needed.
    let mut told: Vec<&RuleResult> = Vec::new();
    let sections = [
        ("connection", "The connection", connection::of_check(check)),
        ("broken", "What is broken", of_severity(check, Severity::Error, &mut told)),
        ("warnings", "Warnings", of_severity(check, Severity::Warning, &mut told)),
        ("notes", "Notes", of_severity(check, Severity::Info, &mut told)),
        ("unchecked", "What could not be checked", unchecked(check)),
        ("unknown", "What is not known", gaps(&check.gaps)),
        ("origin", "How this was obtained", origin(check)),
    ];
    let sections = sections.into_iter().map(|(id, title, blocks)| {
        let blocks = blocks.into_iter().filter_map(without_blanks).collect();
        Section { id, title, blocks }
    });
    Page {
        tone,
        word,
        title: vec![plain("the rules of a peering with a Private Space")],
        summary: whole_sentence(&format!("{counted}: {}", check_counts(check))),
        remark: Vec::new(),
        sections: sections.filter(|section| !section.blocks.is_empty()).collect(),
    }
}

/// Who can mend something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Account(String),
    /// The team that the space belongs to.
    Space,
    /// No document says who.
    Nobody,
}

impl Owner {
    fn of(result: &RuleResult) -> Self {
        let fix = best(result);
        if fix.is_some_and(|fix| fix.tool == Tool::Heroku) {
            return Self::Space;
        }
        let accounts = result.components.iter().filter_map(|component| component.account.as_ref());
        let account = fix.and_then(|fix| fix.account.as_ref()).or_else(|| accounts.into_iter().next());
        account.map_or(Self::Nobody, |account| Self::Account(account.clone()))
    }

    fn heading(&self) -> Vec<Span> {
        match self {
            Self::Account(account) => {
                vec![plain("For who owns account "), code(escape(account))]
            }
            Self::Space => vec![plain("For the space's team at Heroku")],
            Self::Nobody => vec![plain("For an owner that no document names")],
        }
    }
}

/// What a person does, of all that would mend it.
fn best(result: &RuleResult) -> Option<&Fix> {
    result.fixes.iter().find(|fix| fix.tool != Tool::Terraform)
}

/// All violations of a severity, by who has to act.
fn of_severity<'a>(check: &'a Check, severity: Severity, told: &mut Vec<&'a RuleResult>) -> Vec<Block> {
    let mut by_owner: BTreeMap<Owner, Vec<&RuleResult>> = BTreeMap::new();
    let violated = check.results.iter().filter(|one| one.status == RuleStatus::Violation);
    for result in violated.filter(|one| one.severity == severity) {
        by_owner.entry(Owner::of(result)).or_default().push(result);
    }
    let mut blocks = Vec::new();
    for (owner, results) in by_owner {
        blocks.push(Block::Heading(owner.heading()));
        let mut of_rule: BTreeMap<RuleId, usize> = BTreeMap::new();
        for result in results {
            let nth = of_rule.entry(result.rule).or_default();
            *nth += 1;
            if *nth <= TOLD {
                blocks.extend(violation(result, told));
                told.push(result);
            }
        }
        for (rule, count) in of_rule.into_iter().filter(|(_, count)| *count > TOLD) {
            let words =
                format!(" is violated by {} more, which are in the JSON of this check.", count - TOLD);
            blocks.push(Block::Paragraph(vec![strong(rule.name()), plain(words)]));
        }
    }
    blocks
}

/// One violation: the rule, what it is about, what was seen, what mends it.
fn violation(result: &RuleResult, told: &[&RuleResult]) -> Vec<Block> {
    let mut rule = vec![strong(result.rule.name()), plain(": ")];
    rule.extend(whole_sentence(result.rule.rule().statement));
    let mut words = Vec::new();
    for (index, component) in result.components.iter().take(NAMED).enumerate() {
        words.extend((index > 0).then(|| plain(", ")));
        let (id, name) = id_and_name(component);
        words.extend(called(component.component_type.words(), id.as_deref(), name.as_deref()));
    }
    if result.components.len() > NAMED {
        words.push(plain(format!(" and {} more", result.components.len() - NAMED)));
    }
    if !result.components.is_empty() {
        words.push(plain(": "));
    }
    words.extend(sentence(&result.message));
    let mut blocks = vec![Block::Paragraph(rule), Block::Paragraph(words)];
    let Some(fix) = best(result) else {
        let words = whole_sentence(result.rule.rule().fix);
        blocks.push(Block::Paragraph([vec![plain("To mend it: ")], words].concat()));
        return blocks;
    };
    let same = |other: &&&RuleResult| {
        best(other)
            .is_some_and(|other| (&other.command, &other.explanation) == (&fix.command, &fix.explanation))
    };
    if let Some(other) = told.iter().find(same) {
        let words = format!("What mends {} above mends this too.", other.rule);
        blocks.push(Block::Paragraph(vec![plain(words)]));
        return blocks;
    }
    let is_terraform =
        fix.managed_by.as_ref().is_some_and(|hand| hand.to_ascii_lowercase().contains("terraform"));
    let terraform = result.fixes.iter().find(|fix| fix.tool == Tool::Terraform && is_terraform);
    let explained = whole_sentence(&fix.explanation);
    blocks.push(Block::Paragraph([vec![plain("To mend it: ")], explained].concat()));
    blocks.extend(Deed::of_fix(fix, terraform).blocks());
    blocks
}

fn unchecked(check: &Check) -> Vec<Block> {
    let (reasons, more) = unchecked_reasons(check);
    let mut lines: Vec<Vec<Span>> = reasons
        .into_iter()
        .map(|(reason, rules)| {
            [vec![strong(rules.join(", ")), plain(": ")], whole_sentence(&reason)].concat()
        })
        .collect();
    if more > 0 {
        lines.push(vec![plain(format!("{more} more, which are in the JSON of this check."))]);
    }
    list(lines)
}

fn origin(check: &Check) -> Vec<Block> {
    list(vec![
        sentence(&format!("By peerscope {}, at {} (UTC), from documents alone", check.version, check.at)),
        whole_sentence(&snapshot_words(check.snapshot.as_ref())),
    ])
}
