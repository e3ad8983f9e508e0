//! A diagnosis as text, most important first: verdict and cause, the picture, why, how to mend it, what
//! else is wrong, what could not be seen.

use std::fmt::Write;

use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, SnapshotReport, VantageKind, Verdict};
use peerscope_analysis::topology::ComponentType;
use peerscope_vocabulary::ProbeKind;

use super::layout::{MARGIN, wrapped};
use super::picture::{name, picture};
use super::{Style, mending};
use crate::escape::escape;

/// Writes the diagnosis.
pub(crate) fn text(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut text = String::new();
    text.push_str(&headline(diagnosis, style));
    text.push_str(&wrapped(&escape(&diagnosis.summary), style.width, "", ""));
    section(&mut text, &picture(diagnosis, style));
    let plan = diagnosis.plan.as_ref().filter(|plan| mending::is_worth_telling(plan));
    for cause in &diagnosis.causes {
        let several = diagnosis.causes.len() > 1;
        // What a common plan mends is told once, there.
        let is_planned = plan.is_some_and(|plan| mending::is_in(plan, cause));
        let mut part = cause_text(cause, several, style);
        part.push_str(&mending::fixes(cause, is_planned, style));
        section(&mut text, &part);
    }
    if let Some(plan) = plan {
        section(&mut text, &mending::plan(plan, &diagnosis.causes, style));
    }
    section(&mut text, &observations(diagnosis, style));
    section(
        &mut text,
        &list("Also", diagnosis.findings.iter().map(|one| format!("{} ({})", one.message, one.rule)), style),
    );
    let gaps = diagnosis.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.reason));
    section(&mut text, &list("Unseen", gaps, style));
    if let Some(next) = &diagnosis.next_probe {
        section(&mut text, &list("Next", [format!("{}: {}", next.what, next.how)].into_iter(), style));
    }
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
    let (word, coloured): (&str, fn(&Style, &str) -> String) = match diagnosis.verdict {
        Verdict::Reachable => ("REACHABLE", Style::good),
        Verdict::Blocked => ("BLOCKED", Style::bad),
        Verdict::Impaired => ("IMPAIRED", Style::bad),
        Verdict::Undetermined => ("UNDETERMINED", Style::doubtful),
    };
    let source = &diagnosis.source;
    let places: Vec<String> = source
        .addresses
        .iter()
        .map(ToString::to_string)
        .chain(source.cidrs.iter().map(ToString::to_string))
        .collect();
    let dyno = diagnosis.vantage.kind == VantageKind::Dyno && diagnosis.source.input == "this machine";
    let from = match (source.input.as_str(), dyno) {
        ("space", _) => format!("the space ({})", places.join(", ")),
        (_, true) => format!("dyno {}", places.join(", ")),
        _ => places.join(", "),
    };
    let addresses = &diagnosis.target.addresses;
    let mut to = match (addresses.first(), diagnosis.target.port) {
        (Some(address), Some(port)) => {
            format!("{} {}", diagnosis.target.protocol, std::net::SocketAddr::new(*address, port))
        }
        (Some(address), None) => format!("{} {address}", diagnosis.target.protocol),
        (None, _) => diagnosis.target.host.clone(),
    };
    if addresses.len() > 1 {
        let _ = write!(to, " and {} more", addresses.len() - 1);
    }
    let is_named = addresses.first().is_some_and(|address| address.to_string() != diagnosis.target.host);
    let mut known_as: Vec<String> = is_named.then(|| diagnosis.target.host.clone()).into_iter().collect();
    known_as.extend(target_interface(diagnosis));
    if !known_as.is_empty() {
        let _ = write!(to, " ({})", known_as.join(", "));
    }
    let indent = " ".repeat(word.len() + 2);
    let line = wrapped(&escape(&format!("{word}  {from} → {to}")), style.width, "", &indent);
    line.replacen(word, &coloured(style, word), 1)
}

/// The interface that the way there ends at.
fn target_interface(diagnosis: &Diagnosis) -> Option<String> {
    let last = &diagnosis.paths.forward.last()?.component;
    (last.component_type == ComponentType::NetworkInterface).then(|| name(last))
}

/// One cause and its evidence.
fn cause_text(cause: &CauseReport, several: bool, style: &Style) -> String {
    let mut text = String::new();
    let sure = match (cause.status, cause.confidence) {
        (CauseStatus::Established, _) => "certain",
        (CauseStatus::Candidate, confidence) if confidence >= 0.5 => "likely",
        (CauseStatus::Candidate, _) => "possible",
    };
    let way = match cause.direction {
        Some(peerscope_analysis::reach::Direction::Forward) => ", on the way there",
        Some(peerscope_analysis::reach::Direction::Return) => ", on the way back",
        None => "",
    };
    let code = cause.code.name();
    let heading = format!("{code} {} ({sure}{way})", name(&cause.component));
    text.push_str(&wrapped(&escape(&heading), style.width, "", MARGIN).replacen(
        code,
        &style.strong(code),
        1,
    ));
    if several {
        text.push_str(&wrapped(&escape(&cause.summary), style.width, MARGIN, MARGIN));
    }
    let candidate = cause.status == CauseStatus::Candidate;
    for (index, evidence) in cause.evidence.iter().enumerate().filter(|_| !candidate) {
        let label = if index == 0 { "Because " } else { "        " };
        let sign = if evidence.supports { '+' } else { '−' };
        text.push_str(&wrapped(&escape(&evidence.text), style.width, &format!("{label}{sign} "), MARGIN));
    }
    if !candidate && !cause.evidence.iter().any(|evidence| !evidence.supports) {
        text.push_str(&format!("        {}\n", style.faint("− nothing speaks against it")));
    }
    text
}

/// What the probes saw, a line each way of ending.
fn observations(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut groups: Vec<(String, usize, Vec<u16>)> = Vec::new();
    let (names, packets): (Vec<_>, Vec<_>) =
        diagnosis.observations.iter().partition(|observation| observation.request.kind == ProbeKind::Dns);
    for observation in packets {
        let mut words = observation.result.to_string();
        if let Some(reason) = &observation.reason {
            let _ = write!(words, ": {reason}");
        }
        let port = observation.request.source_port;
        match groups.iter_mut().find(|(known, ..)| *known == words) {
            Some((_, count, ports)) => {
                *count += 1;
                ports.extend(port);
            }
            None => groups.push((words, 1, port.into_iter().collect())),
        }
    }
    let lines = groups.into_iter().map(|(words, count, mut ports)| {
        ports.sort_unstable();
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let from =
            if ports.is_empty() { String::new() } else { format!(" (from port {})", ports.join(", ")) };
        format!("{count} × {words}{from}")
    });
    // Where the name itself is a cause, its evidence says all of this.
    let is_said =
        diagnosis.causes.iter().any(|cause| cause.component.component_type == ComponentType::DnsName);
    let names = names.into_iter().filter(|_| !is_said).filter_map(|observation| observation.reason.clone());
    list("Names", names, style) + &list("Probes", lines, style)
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

/// When the documents were taken.
pub(super) fn snapshot_words(snapshot: Option<&SnapshotReport>) -> String {
    match snapshot.map(|snapshot| (&snapshot.at, snapshot.age_seconds)) {
        None => "no snapshot".to_string(),
        Some((Some(at), Some(age))) => format!("snapshot of {at}, {} old", age_words(age)),
        Some(_) => "snapshot of unknown age (it has no manifest.json)".to_string(),
    }
}

fn age_words(seconds: i64) -> String {
    match seconds {
        i64::MIN..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
