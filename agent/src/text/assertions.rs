//! What a file asserts, held against a snapshot, as text: what differs first, each with what was meant, what
//! holds and for whom, what it lies in and what mends it; what holds comes last, a line each.

use std::net::SocketAddr;

use peerscope_analysis::diagnose::{Expectation, Standing};
use peerscope_analysis::report::{Action, Affects, CauseStatus, Paths, Step, Verdict};
use peerscope_analysis::topology::ComponentType;

use super::diagnosis::{list, section};
use super::layout::{MARGIN, wrapped};
use super::words::{name, snapshot_words};
use super::{Style, mending};
use crate::command::analyze::{AssertionResult, AssertionsReport};
use crate::escape::escape;

/// Writes the report.
pub(crate) fn text(report: &AssertionsReport, style: &Style) -> String {
    let mut text = headline(report, style);
    let of = |standing: Standing| report.results.iter().filter(move |result| result.standing == standing);
    for result in of(Standing::Differs).chain(of(Standing::Undetermined)) {
        section(&mut text, &result_text(result, style));
    }
    let kept = of(Standing::Holds)
        .map(|result| format!("line {}: {} is {}", result.line, path(result), result.intended.expect.word()));
    section(&mut text, &list("Holds", kept, style));
    let gaps = report.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.reason));
    section(&mut text, &list("Unseen", gaps, style));
    let snapshot = snapshot_words(report.snapshot.as_ref());
    let provenance = format!("peerscope {}, {}, {snapshot}", report.version, report.at);
    let provenance = wrapped(&escape(&provenance), style.width, "", "");
    section(
        &mut text,
        &provenance.lines().map(|line| format!("{}\n", style.faint(line))).collect::<String>(),
    );
    text
}

/// How many hold, and what the first that does not is about.
fn headline(report: &AssertionsReport, style: &Style) -> String {
    let (differs, undetermined) = (report.totals.differs, report.totals.undetermined);
    let all = report.results.len();
    let (word, shown, said) = match (differs, undetermined) {
        (0, 0) => ("HOLDS", style.good("HOLDS"), format!("all {all}")),
        (0, some) => ("UNDETERMINED", style.doubtful("UNDETERMINED"), format!("{some} of {all}")),
        (some, _) => ("DIFFERS", style.bad("DIFFERS"), format!("{some} of {all}")),
    };
    let paths = if all == 1 { "path" } else { "paths" };
    let more = match (differs, undetermined) {
        (0, _) | (_, 0) => String::new(),
        (_, some) => format!("; {some} undetermined"),
    };
    let line = format!("{word}  {said} asserted {paths} of {}{more}", report.file);
    let mut text =
        wrapped(&escape(&line), style.width, "", &" ".repeat(word.len() + 2)).replacen(word, &shown, 1);
    let worst = |standing: Standing| report.results.iter().find(|result| result.standing == standing);
    if let Some(first) = worst(Standing::Differs).or_else(|| worst(Standing::Undetermined)) {
        let said = format!("Line {}: {} {}", first.line, path(first), what_holds(first));
        text.push_str(&wrapped(&escape(&said), style.width, "", ""));
    }
    text
}

/// Who is to reach what, or not.
pub(crate) fn path(result: &AssertionResult) -> String {
    let target = match (result.target.addresses.first(), result.target.port) {
        (Some(address), Some(port)) => {
            format!("{} {}", result.target.protocol, SocketAddr::new(*address, port))
        }
        (Some(address), None) => format!("{} {address}", result.target.protocol),
        (None, _) => result.target.input.clone(),
    };
    let is_named =
        result.target.addresses.first().is_some_and(|address| address.to_string() != result.target.host);
    let named = if is_named { format!(" ({})", result.target.host) } else { String::new() };
    let more = match result.target.addresses.len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", several - 1),
    };
    format!("{} → {target}{more}{named}", result.source.input)
}

/// What was meant and what holds, as the end of a sentence.
pub(crate) fn what_holds(result: &AssertionResult) -> String {
    let part = if is_all(result) { "all of it" } else { "a part of it" };
    match (result.standing, result.intended.expect, result.intended.cause) {
        (Standing::Holds, expect, _) => format!("is {}, as it is meant to be.", expect.word()),
        (Standing::Differs, Expectation::Reachable, _) => {
            format!("is meant to be reachable, and {part} is blocked.")
        }
        (Standing::Differs, Expectation::Blocked, Some(code)) if result.let_through_by.is_none() => {
            format!("is blocked, as it is meant to be, but not by {code}.")
        }
        (Standing::Differs, Expectation::Blocked, _) => {
            format!("is meant to be blocked, and {part} is let through.")
        }
        (Standing::Undetermined, expect, _) => {
            format!("is meant to be {}, and the documents do not tell whether it is.", expect.word())
        }
    }
}

/// Whether what differs is the whole of what was asked.
fn is_all(result: &AssertionResult) -> bool {
    matches!(result.verdict, Verdict::Reachable | Verdict::Blocked)
}

/// One path: what was intended, what holds, what it lies in and what mends it.
pub(crate) fn result_text(result: &AssertionResult, style: &Style) -> String {
    let heading = format!("Line {}  {}", result.line, path(result));
    let mut text = wrapped(&escape(&heading), style.width, "", MARGIN);
    text =
        text.replacen(&format!("Line {}", result.line), &style.strong(&format!("Line {}", result.line)), 1);
    if let Some(comment) = &result.intended.comment {
        text.push_str(&list("Why", [comment.clone()].into_iter(), style));
    }
    let expect = match result.intended.cause {
        Some(code) => format!("{} by {code}", result.intended.expect.word()),
        None => format!("{}, from every source and port", result.intended.expect.word()),
    };
    text.push_str(&list("Intended", [expect].into_iter(), style));
    let holds = match (result.standing, result.intended.expect) {
        (Standing::Undetermined, _) => "nobody can tell",
        (_, Expectation::Blocked) if result.let_through_by.is_none() => "blocked",
        (_, Expectation::Blocked) => "let through",
        (_, Expectation::Reachable) => "blocked",
    };
    let parts = parts(&result.affects);
    let first = format!("{holds}{}{}", if parts.is_empty() { "" } else { ": " }, parts.join("; "));
    text.push_str(&list("Found", [first].into_iter(), style));
    let causes = result.causes.iter().map(|cause| {
        let maybe = if cause.status == CauseStatus::Candidate { " (possible)" } else { "" };
        format!("{} {}{maybe}: {}", cause.code, name(&cause.component), cause.summary)
    });
    let is_wanted = result.intended.expect == Expectation::Reachable
        || result.let_through_by.is_none()
        || result.standing == Standing::Undetermined;
    if is_wanted {
        let summary = Some(result.summary.clone()).filter(|_| result.causes.is_empty());
        text.push_str(&list("Because", causes.chain(summary), style));
        let firsts = result.causes.iter().filter(|cause| cause.status == CauseStatus::Established);
        let firsts = firsts.filter_map(|cause| cause.fixes.first());
        let mends = result.intended.expect == Expectation::Reachable;
        for fix in firsts.filter(|_| mends) {
            text.push_str(&mending::fix(fix, style));
        }
    }
    if let Some(paths) = &result.let_through_by {
        text.push_str(&list("By", letting_through(paths).into_iter(), style));
        let advice = "Any of these stops it, once it lets these packets through no more.";
        text.push_str(&wrapped(advice, style.width, MARGIN, MARGIN));
    }
    text
}

/// The settings that let a packet through, in the order of its way, each with its rule.
fn letting_through(paths: &Paths) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // A group that admits a connection admits its replies; a VPC's own addresses are nobody's setting.
    let stateless = |step: &&Step| step.component.component_type != ComponentType::NetworkInterface;
    let steps = paths.forward.iter().chain(paths.back.iter().filter(stateless));
    let settings = steps.filter(|step| step.component.component_type != ComponentType::Vpc);
    for step in settings.filter(|step| matches!(step.action, Action::Allowed | Action::Routed)) {
        let Some(rule) = &step.rule else { continue };
        let line = format!("{}: {rule}", name(&step.component));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// The products of a set of flows in words, the first of them where there are very many.
fn parts(affects: &Affects) -> Vec<String> {
    const SHOWN: usize = 6;
    let words = |list: Vec<String>| list.join(", ");
    let shown = affects.parts.iter().take(SHOWN).map(|part| {
        let sources = words(part.sources.iter().map(cidr).collect());
        let source_ports = words(part.source_ports.iter().map(ToString::to_string).collect());
        let destinations = words(part.destinations.iter().map(cidr).collect());
        let ports = words(part.ports.iter().map(ToString::to_string).collect());
        format!("from {sources} (source ports {source_ports}) to {destinations} port {ports}")
    });
    let mut parts: Vec<String> = shown.collect();
    if affects.parts.len() > SHOWN {
        parts.push(format!("and {} parts more", affects.parts.len() - SHOWN));
    }
    parts
}

fn cidr(block: &ipnet::IpNet) -> String {
    match block.prefix_len() == block.max_prefix_len() {
        true => block.addr().to_string(),
        false => block.to_string(),
    }
}
