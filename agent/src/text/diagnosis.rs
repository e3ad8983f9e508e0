//! A diagnosis as text, most important first: verdict and cause, the picture, why, how to mend it, what
//! else is wrong, what could not be seen.

use std::fmt::Write;

use peerscope_analysis::report::{
    CauseReport, CauseStatus, Diagnosis, Fix, OpenedReport, Tool, VantageKind, Verdict,
};
use peerscope_analysis::topology::ComponentType;
use peerscope_vocabulary::ProbeKind;

use super::Style;
use super::layout::{command, wrapped};
use super::picture::{name, picture};
use crate::escape::escape;

/// The margin of everything that belongs to a label.
const MARGIN: &str = "          ";

/// Writes the diagnosis.
pub(crate) fn text(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut text = String::new();
    text.push_str(&headline(diagnosis, style));
    text.push_str(&wrapped(&escape(&diagnosis.summary), style.width, "", ""));
    section(&mut text, &picture(diagnosis, style));
    for cause in &diagnosis.causes {
        let several = diagnosis.causes.len() > 1;
        section(&mut text, &cause_text(cause, several, style));
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
fn section(text: &mut String, part: &str) {
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

/// One cause: evidence, then what mends it.
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
    for (index, fix) in cause.fixes.iter().enumerate() {
        text.push_str(&fix_text(fix, index, style));
    }
    text
}

/// What to run, where, what it opens, how to undo it, and what is proven of it.
fn fix_text(fix: &Fix, index: usize, style: &Style) -> String {
    let label = if index == 0 { "Mend      " } else { "or        " };
    let mut text = wrapped(&escape(&fix.explanation), style.width, label, MARGIN);
    let place: Vec<String> = [
        fix.account.as_ref().map(|account| format!("account {account}")),
        fix.region.as_ref().map(|region| region.to_string()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let hand = fix.managed_by.as_ref().map(|hand| format!("managed by {hand}: change it there, or run this"));
    let mut run: Vec<String> = Vec::new();
    if fix.tool != Tool::Heroku && !place.is_empty() {
        run.push(format!("in {}", place.join(", ")));
    }
    run.extend(hand);
    if !run.is_empty() {
        text.push_str(&wrapped(&escape(&format!("{}:", run.join("; "))), style.width, MARGIN, MARGIN));
    }
    if !fix.command.is_empty() {
        text.push_str(&command(&escape_lines(&fix.command), style.width, "            "));
    }
    if fix.verified {
        text.push_str(&wrapped(
            "proven on the model: with it, and the first fix of every other cause, this path is reachable",
            style.width,
            MARGIN,
            MARGIN,
        ));
    }
    if fix.verified || !fix.opens.is_empty() {
        text.push_str(&wrapped(&opens(&fix.opens), style.width, MARGIN, MARGIN));
    }
    if !fix.undo.is_empty() {
        text.push_str(&wrapped("to undo it:", style.width, MARGIN, MARGIN));
        text.push_str(&command(&escape_lines(&fix.undo), style.width, "            "));
    }
    text
}

/// Commands keep their line feeds; everything else in them is escaped.
fn escape_lines(commands: &str) -> String {
    commands.lines().map(|line| escape(line).into_owned()).collect::<Vec<_>>().join("\n")
}

fn opens(opened: &[OpenedReport]) -> String {
    const SHOWN: usize = 4;
    if opened.is_empty() {
        return "opens nothing else".to_string();
    }
    let mut parts: Vec<String> = opened
        .iter()
        .take(SHOWN)
        .map(|one| {
            let ports: Vec<String> = one.flows.ports.iter().map(ToString::to_string).collect();
            let ports = if ports == ["0-65535"] {
                "all ports".to_string()
            } else {
                format!("port {}", ports.join(", "))
            };
            format!("{} {ports}", escape(&name(&one.component)))
        })
        .collect();
    if opened.len() > SHOWN {
        parts.push(format!("{} more", opened.len() - SHOWN));
    }
    format!("also opens: {}", parts.join("; "))
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

fn list(label: &str, lines: impl Iterator<Item = String>, style: &Style) -> String {
    let mut text = String::new();
    for line in lines {
        let first = if text.is_empty() { format!("{label:<10}") } else { MARGIN.to_string() };
        text.push_str(&wrapped(&escape(&line), style.width, &first, MARGIN));
    }
    text
}

/// Where this comes from, in one faint line.
fn provenance(diagnosis: &Diagnosis, style: &Style) -> String {
    let snapshot = match &diagnosis.snapshot {
        None => "no snapshot".to_string(),
        Some(snapshot) => match (&snapshot.at, snapshot.age_seconds) {
            (Some(at), Some(age)) => format!("snapshot of {at}, {} old", age_words(age)),
            _ => "snapshot of unknown age (it has no manifest.json)".to_string(),
        },
    };
    let words = format!(
        "peerscope {}, {}, {snapshot}, {:.2} s",
        diagnosis.version, diagnosis.at, diagnosis.elapsed_seconds
    );
    wrapped(&escape(&words), style.width, "", "")
        .lines()
        .map(|line| format!("{}\n", style.faint(line)))
        .collect()
}

fn age_words(seconds: i64) -> String {
    match seconds {
        i64::MIN..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
