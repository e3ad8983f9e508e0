//! A diagnosis as text, most important first: verdict and cause, the picture, why, how to mend it, what
//! else is wrong, what could not be seen.

use peerscope_analysis::report::{Diagnosis, Verdict};

use super::entry::{Entry, entries};
use super::layout::{MARGIN, wrapped};
use super::picture::picture;
use super::words::{
    both, from, latency_seen, name, names_seen, packets_seen, snapshot_words, to, together, verdict_word,
};
use super::{Style, mending};
use crate::escape::escape;

/// Writes the diagnosis.
pub(crate) fn text(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut text = String::new();
    text.push_str(&headline(diagnosis, style));
    text.push_str(&wrapped(&escape(&diagnosis.summary), style.width, "", ""));
    section(&mut text, &picture(diagnosis, style));
    let plan = diagnosis.plan.as_ref().filter(|plan| mending::is_worth_telling(plan));
    let entries = entries(diagnosis);
    // Settings that only a change could have broken are alike: what is to be said of them is said once.
    let alike = |one: &Entry<'_>, next: &Entry<'_>| {
        one.first().may_have_changed && next.first().may_have_changed && one.is_alternative_of(next)
    };
    for run in entries.chunk_by(alike) {
        let is_several = run.len() > 1;
        let mut part = String::new();
        if is_several {
            let words =
                "By the snapshot each of these lets the packets through; it may have been changed since:";
            part.push_str(&wrapped(words, style.width, "", ""));
        }
        for entry in run {
            let cause = entry.first();
            // What a common plan mends is told once, there.
            let is_planned = plan.is_some_and(|plan| mending::is_in(plan, cause));
            part.push_str(&cause_text(entry, entries.len() > 1 && !is_several, style));
            part.push_str(&mending::fixes(cause, is_planned, style));
        }
        section(&mut text, &part);
    }
    let pairs = together(diagnosis).into_iter().map(|(pair, sure)| format!("{} ({sure})", both(pair)));
    section(&mut text, &list("At once", pairs, style));
    if let Some(plan) = plan {
        section(&mut text, &mending::plan(plan, &diagnosis.causes, style));
    }
    if let Some(next) = &diagnosis.next_probe {
        section(&mut text, &list("Next", [format!("{}: {}", next.what, next.how)].into_iter(), style));
    }
    section(&mut text, &observations(diagnosis, style));
    section(
        &mut text,
        &list("Also", diagnosis.findings.iter().map(|one| format!("{} ({})", one.message, one.rule)), style),
    );
    let gaps = diagnosis.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.reason));
    section(&mut text, &list("Unseen", gaps, style));
    section(&mut text, &provenance(diagnosis, style));
    text
}

/// Adds a part after an empty line.
pub(super) fn section(text: &mut String, part: &str) {
    if !part.is_empty() {
        text.push('\n');
        text.push_str(part);
    }
}

/// The verdict, from where, to where.
fn headline(diagnosis: &Diagnosis, style: &Style) -> String {
    let word = verdict_word(diagnosis.verdict);
    let coloured = match diagnosis.verdict {
        Verdict::Reachable => Style::good,
        Verdict::Blocked | Verdict::Impaired => Style::bad,
        Verdict::Undetermined => Style::doubtful,
    };
    let (from, to) = (from(diagnosis), to(diagnosis));
    let indent = " ".repeat(word.len() + 2);
    let line = wrapped(&escape(&format!("{word}  {from} → {to}")), style.width, "", &indent);
    line.replacen(word, &coloured(style, word), 1)
}

/// One cause and its evidence, or what one component may be a cause by; `in_words` where no text beside says what it is.
fn cause_text(entry: &Entry<'_>, in_words: bool, style: &Style) -> String {
    let (mut text, cause) = (String::new(), entry.first());
    let (sure, way) = (entry.certainty(), entry.way().map(|way| format!(", {way}")).unwrap_or_default());
    let codes = entry.codes().join(" or ");
    let heading = format!("{codes} {} ({sure}{way})", name(entry.component()));
    let code = cause.code.name();
    text.push_str(&wrapped(&escape(&heading), style.width, "", MARGIN).replacen(
        code,
        &style.strong(code),
        1,
    ));
    if in_words {
        text.push_str(&wrapped(&escape(&cause.summary), style.width, MARGIN, MARGIN));
    }
    let established = !entry.is_candidate();
    for (index, evidence) in cause.evidence.iter().enumerate().filter(|_| established) {
        let label = if index == 0 { "Because " } else { "        " };
        let sign = if evidence.supports { '+' } else { '−' };
        text.push_str(&wrapped(&escape(&evidence.text), style.width, &format!("{label}{sign} "), MARGIN));
    }
    if established && !cause.evidence.iter().any(|evidence| !evidence.supports) {
        text.push_str(&format!("        {}\n", style.faint("− nothing speaks against it")));
    }
    text
}

/// What was asked and what came of it.
fn observations(diagnosis: &Diagnosis, style: &Style) -> String {
    list("Names", names_seen(diagnosis).into_iter(), style)
        + &list("Probes", packets_seen(diagnosis).into_iter().chain(latency_seen(diagnosis)), style)
}

pub(super) fn list(label: &str, lines: impl Iterator<Item = String>, style: &Style) -> String {
    let mut text = String::new();
    for line in lines {
        let first = if text.is_empty() { format!("{label:<10}") } else { MARGIN.to_string() };
        text.push_str(&wrapped(&escape(&line), style.width, &first, MARGIN));
    }
    text
}

/// Where this comes from, in one faint line.
fn provenance(diagnosis: &Diagnosis, style: &Style) -> String {
    let words = format!(
        "peerscope {}, {}, {}, {:.2} s",
        diagnosis.version,
        diagnosis.at,
        snapshot_words(diagnosis.snapshot.as_ref()),
        diagnosis.elapsed_seconds
    );
    wrapped(&escape(&words), style.width, "", "")
        .lines()
        .map(|line| format!("{}\n", style.faint(line)))
        .collect()
}
