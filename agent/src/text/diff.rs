//! What differs between two snapshots as text: the paths that broke first, each with what became of what decides;
//! then what opened, what is blocked by something else, and everything that changed.

use peerscope_analysis::change::ChangeKind;
use peerscope_analysis::report::Verdict;

use super::Style;
use super::diagnosis::{list, section};
use super::layout::{MARGIN, wrapped};
use super::words::{name, snapshot_words};
use crate::command::diff::{ChangeReport, DiffReport, PathReport};
use crate::escape::escape;

/// How many targets of one change are named.
const NAMED: usize = 3;
/// How many changes of one kind are told.
const TOLD: usize = 40;

/// What became of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Broke,
    Opened,
    Moved,
    Unclear,
}

const TURNS: [(Turn, &str); 4] =
    [(Turn::Broke, "Broke"), (Turn::Unclear, "Unclear"), (Turn::Moved, "Moved"), (Turn::Opened, "Opened")];

/// Writes the report.
pub(crate) fn text(report: &DiffReport, style: &Style) -> String {
    let mut text = headline(report, style);
    for (turn, label) in TURNS {
        for group in groups(report, turn) {
            section(&mut text, &group_text(&group, label, style));
        }
    }
    let of_kind = |kind: ChangeKind| report.changes.iter().filter(move |change| change.kind == kind);
    for (kind, label) in
        [(ChangeKind::Changed, "Changed"), (ChangeKind::Added, "Added"), (ChangeKind::Removed, "Removed")]
    {
        let all = of_kind(kind).count();
        let mut lines: Vec<String> =
            of_kind(kind).take(TOLD).map(|change| change_words(change, kind)).collect();
        if all > TOLD {
            lines.push(format!("and {} more (--format json has all)", all - TOLD));
        }
        section(&mut text, &list(label, lines.into_iter(), style));
    }
    let gaps = report.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.reason));
    section(&mut text, &list("Unseen", gaps, style));
    let (before, after) = (snapshot_words(report.before.as_ref()), snapshot_words(report.after.as_ref()));
    let provenance = format!("peerscope {}; before: {before}; after: {after}", report.version);
    let provenance = wrapped(&escape(&provenance), style.width, "", "");
    section(
        &mut text,
        &provenance.lines().map(|line| format!("{}\n", style.faint(line))).collect::<String>(),
    );
    text
}

fn turn(path: &PathReport) -> Turn {
    match (path.before, path.after) {
        (_, Verdict::Reachable) => Turn::Opened,
        (_, Verdict::Undetermined) => Turn::Unclear,
        (Verdict::Blocked, Verdict::Blocked) => Turn::Moved,
        _ => Turn::Broke,
    }
}

/// How many paths fare how, and the worst of them.
fn headline(report: &DiffReport, style: &Style) -> String {
    let count = |wanted: Turn| report.paths.iter().filter(|path| turn(path) == wanted).count();
    let (broke, opened) = (count(Turn::Broke), count(Turn::Opened));
    let changes = match report.changes.len() {
        0 => "nothing that decides about packets differs".to_string(),
        1 => "one change".to_string(),
        count => format!("{count} changes"),
    };
    if report.paths.is_empty() {
        let line = format!("SAME  no path fares otherwise; {changes}");
        return wrapped(&line, style.width, "", "      ").replacen("SAME", &style.good("SAME"), 1);
    }
    let words = [
        (broke, "broke"),
        (count(Turn::Unclear), "nobody can tell of any more"),
        (count(Turn::Moved), "blocked by something else"),
        (opened, "opened"),
    ];
    let said: Vec<String> = words
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} path{} {word}", if *count == 1 { "" } else { "s" }))
        .collect();
    let line = format!("CHANGED  {}; {changes}", said.join(", "));
    let colour = if broke > 0 { Style::bad } else { Style::doubtful };
    let mut text =
        wrapped(&line, style.width, "", "         ").replacen("CHANGED", &colour(style, "CHANGED"), 1);
    let worst = TURNS.iter().find_map(|(wanted, _)| report.paths.iter().find(|path| turn(path) == *wanted));
    if let Some(worst) = worst {
        text.push_str(&wrapped(&escape(&sentence(worst)), style.width, "", ""));
    }
    text
}

/// One path in a sentence.
fn sentence(path: &PathReport) -> String {
    let because =
        because_words(path).into_iter().next().map(|because| format!("; {because}")).unwrap_or_default();
    format!(
        "{} to {}: was {}, is {}{because}.",
        asked(path),
        target(path),
        word(path.before),
        word(path.after)
    )
}

/// Paths that fare alike but for their targets.
fn groups(report: &DiffReport, wanted: Turn) -> Vec<Vec<&PathReport>> {
    let mut groups: Vec<Vec<&PathReport>> = Vec::new();
    for path in report.paths.iter().filter(|path| turn(path) == wanted) {
        let is_alike = |group: &&mut Vec<&PathReport>| {
            group.first().is_some_and(|first| {
                first.source == path.source
                    && first.target.ports == path.target.ports
                    && first.target.protocol == path.target.protocol
                    && first.before == path.before
                    && because_words(first) == because_words(path)
            })
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.push(path),
            None => groups.push(vec![path]),
        }
    }
    groups
}

fn group_text(group: &[&PathReport], label: &str, style: &Style) -> String {
    let Some(first) = group.first() else { return String::new() };
    let targets: Vec<String> = group.iter().take(NAMED).map(|path| target(path)).collect();
    let more = match group.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let line = format!("{} to {}{more}", asked(first), targets.join(", "));
    let mut text = list(label, [line].into_iter(), style);
    let was = format!("was {}, is {}", word(first.before), word(first.after));
    for line in [was].into_iter().chain(because_words(first)) {
        text.push_str(&wrapped(&escape(&line), style.width, MARGIN, MARGIN));
    }
    text
}

/// What is called, and by whom: `tcp 5432 from 10.0.144.0/20 (space orders)`.
fn asked(path: &PathReport) -> String {
    let ports: Vec<String> = path.target.ports.iter().map(ToString::to_string).collect();
    let ports = if ports.is_empty() { String::new() } else { format!(" {}", ports.join(", ")) };
    let sources: Vec<String> = path.source.cidrs.iter().map(ToString::to_string).collect();
    format!("{}{ports} from {} ({})", path.target.protocol, sources.join(", "), path.source.network)
}

fn target(path: &PathReport) -> String {
    match &path.target.component.id {
        Some(id) if *id == path.target.address.to_string() => id.clone(),
        _ => format!("{} ({})", name(&path.target.component), path.target.address),
    }
}

/// What decides, and what became of it.
fn because_words(path: &PathReport) -> Vec<String> {
    let words = path.because.iter().map(|because| {
        // Of an interface each target has its own.
        let is_own = because.component == path.target.component;
        let of = if is_own { "its groups".to_string() } else { name(&because.component) };
        let changed = match because.changes.is_empty() {
            true => String::new(),
            false => format!(": {}", because.changes.join(", ")),
        };
        let verb = match (because.stands, is_own) {
            (true, true) => "stop it",
            (true, false) => "stops it",
            (false, _) => "stopped it",
        };
        format!("{of} {verb} ({}){changed}", because.code)
    });
    words.collect()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reachable => "reachable",
        Verdict::Blocked => "blocked",
        Verdict::Impaired => "impaired",
        Verdict::Undetermined => "undetermined",
    }
}

fn change_words(change: &ChangeReport, kind: ChangeKind) -> String {
    match kind {
        ChangeKind::Changed => format!("{} {}", name(&change.component), change.text),
        ChangeKind::Added | ChangeKind::Removed => {
            format!("{} {}", change.component.component_type.words(), name(&change.component))
        }
    }
}
