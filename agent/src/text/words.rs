//! The words that every text of a diagnosis shares, whatever it is written for: a terminal, a ticket, a page.
//!
//! One source for each: what is "certain" on a terminal must not be "likely" in the ticket about it.

use std::fmt::Write;
use std::net::SocketAddr;

use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{
    Calls, CauseReport, CauseStatus, Component, Diagnosis, Fix, HypothesisReport, LatencyReport,
    ObservationReport, OpenedReport, PlanStep, SnapshotReport, Tool, VantageKind, Verdict,
};
use peerscope_analysis::topology::ComponentType;
use peerscope_vocabulary::ProbeKind;

use super::layout::cut;
use crate::escape::escape;

/// What is proven of a fix.
pub(crate) const PROOF_OF_FIX: &str =
    "proven on the model: with it, and the first fix of every other cause, this path is reachable";
/// What is proven of a plan.
pub(crate) const PROOF_OF_PLAN: &str = "proven on the model: with all of them, this path is reachable";

/// The verdict in capitals.
pub(crate) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reachable => "REACHABLE",
        Verdict::Blocked => "BLOCKED",
        Verdict::Impaired => "IMPAIRED",
        Verdict::Undetermined => "UNDETERMINED",
    }
}

/// The source's addresses and blocks.
pub(crate) fn places(diagnosis: &Diagnosis) -> Vec<String> {
    let source = &diagnosis.source;
    let addresses = source.addresses.iter().map(ToString::to_string);
    addresses.chain(source.cidrs.iter().map(ToString::to_string)).collect()
}

/// Who connects.
pub(crate) fn from(diagnosis: &Diagnosis) -> String {
    let input = diagnosis.source.input.as_str();
    let dyno = diagnosis.vantage.kind == VantageKind::Dyno && input == "this machine";
    let places = places(diagnosis).join(", ");
    match (input, dyno) {
        ("space", _) => format!("the space ({places})"),
        (_, true) => format!("dyno {places}"),
        _ => places,
    }
}

/// To what, with all that it is called.
pub(crate) fn to(diagnosis: &Diagnosis) -> String {
    let target = &diagnosis.target;
    let mut to = match target.addresses.first() {
        Some(_) => format!("{} {}", target.protocol, end_of_target(diagnosis)),
        None => target.host.clone(),
    };
    if target.addresses.len() > 1 {
        let _ = write!(to, " and {} more", target.addresses.len() - 1);
    }
    let is_named = target.addresses.first().is_some_and(|address| address.to_string() != target.host);
    let interface = target_interface(diagnosis);
    let is_told = interface.is_some_and(|one| one.id.as_ref() == Some(&target.host));
    let mut known_as: Vec<String> = (is_named && !is_told).then(|| target.host.clone()).into_iter().collect();
    known_as.extend(interface.map(name));
    if !known_as.is_empty() {
        let _ = write!(to, " ({})", known_as.join(", "));
    }
    to
}

/// The interface that the way there ends at.
fn target_interface(diagnosis: &Diagnosis) -> Option<&Component> {
    let last = &diagnosis.paths.forward.last()?.component;
    (last.component_type == ComponentType::NetworkInterface).then_some(last)
}

/// The target's first address and its port; of a name without one the name. Outside data.
pub(crate) fn end_of_target(diagnosis: &Diagnosis) -> String {
    match (diagnosis.target.addresses.first(), diagnosis.target.port) {
        (Some(address), Some(port)) => SocketAddr::new(*address, port).to_string(),
        (Some(address), None) => address.to_string(),
        (None, _) => diagnosis.target.host.clone(),
    }
}

/// How sure it is that one of these is a cause, as a band: no text shows decimals.
pub(crate) fn certainty(causes: &[&CauseReport]) -> &'static str {
    let confidence: f64 = causes.iter().map(|cause| cause.confidence).sum();
    let status = causes.first().map_or(CauseStatus::Candidate, |cause| cause.status);
    match (status, confidence) {
        (CauseStatus::Established, _) => "certain",
        (CauseStatus::Candidate, confidence) if confidence >= LIKELY => "likely",
        (CauseStatus::Candidate, _) => "possible",
    }
}

/// From this on a candidate is called likely.
const LIKELY: f64 = 0.5;
/// Of two things that may be wrong at once, from this on a report says so by itself.
const WORTH_TELLING: f64 = 0.05;

/// Each two things that may be wrong together, and how sure that is.
pub(crate) fn together(diagnosis: &Diagnosis) -> Vec<(&HypothesisReport, &'static str)> {
    let pairs = diagnosis.hypotheses.iter().filter(|one| !one.together_with.is_empty() && !one.fell);
    let told = pairs.filter(|one| one.confidence >= WORTH_TELLING);
    told.map(|one| (one, if one.confidence >= LIKELY { "likely" } else { "possible" })).collect()
}

/// What a hypothesis is of, and where: one thing, or two together.
pub(crate) fn both(one: &HypothesisReport) -> String {
    let place = |code: CauseCode, component: &Component, direction: Option<Direction>| {
        let way = way(direction).map(|way| format!(", {way}")).unwrap_or_default();
        format!("{code} {}{way}", name(component))
    };
    let mut words = place(one.code, &one.component, one.direction);
    for also in &one.together_with {
        let _ = write!(words, " and {}", place(also.code, &also.component, also.direction));
    }
    if !one.together_with.is_empty() {
        words.push_str(" together");
    }
    words
}

/// Which way the packets travel that a cause stops.
pub(crate) fn way(direction: Option<Direction>) -> Option<&'static str> {
    direction.map(|direction| match direction {
        Direction::Forward => "on the way there",
        Direction::Return => "on the way back",
    })
}

/// What name servers said, a sentence each. Where the name itself is a cause, its evidence says all of this.
pub(crate) fn names_seen(diagnosis: &Diagnosis) -> Vec<String> {
    let is_said =
        diagnosis.causes.iter().any(|cause| cause.component.component_type == ComponentType::DnsName);
    let names =
        diagnosis.observations.iter().filter(|observation| observation.request.kind == ProbeKind::Dns);
    names.filter(|_| !is_said).filter_map(|observation| observation.reason.clone()).collect()
}

/// What the probes saw, a line each way of ending.
pub(crate) fn packets_seen(diagnosis: &Diagnosis) -> Vec<String> {
    let mut groups: Vec<(String, usize, Vec<u16>)> = Vec::new();
    let packets =
        diagnosis.observations.iter().filter(|observation| observation.request.kind != ProbeKind::Dns);
    for observation in packets {
        let words = ending(observation);
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
        let from = from_ports(&ports);
        format!("{count} × {words}{from}")
    });
    lines.collect()
}

/// How long answers took, a line an address; which one is said where there are several.
pub(crate) fn latency_seen(diagnosis: &Diagnosis) -> Vec<String> {
    let line = |one: &LatencyReport| match diagnosis.latency.len() {
        1 => format!("round trips: {}", one.summary),
        _ => format!("round trips to {}: {}", one.address, one.summary),
    };
    diagnosis.latency.iter().map(line).collect()
}

/// How a probe ended, in a clause.
fn ending(observation: &ObservationReport) -> String {
    let reason = observation.reason.as_deref();
    let probe = match observation.request.kind {
        ProbeKind::IcmpEcho => "ICMP echo, ",
        ProbeKind::Udp => "datagram, ",
        _ => "",
    };
    // The reasons of these say all of it.
    let words = match (observation.result, reason) {
        ("timeout" | "app_error", Some(reason)) => reason.to_string(),
        ("timeout", None) => "no answer".to_string(),
        ("echo", None) => "answered".to_string(),
        (result, Some(reason)) => format!("{result}: {reason}"),
        (result, None) => result.to_string(),
    };
    format!("{probe}{words}")
}

/// The ports of a few probes, or how many they were and where they lay.
fn from_ports(ports: &[u16]) -> String {
    const SHOWN: usize = 8;
    match ports {
        [] => String::new(),
        [one] => format!(" (from port {one})"),
        [first, .., last] if ports.len() > SHOWN => {
            format!(" (from {} ports, {first} to {last})", ports.len())
        }
        several => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!(" (from ports {})", several.join(", "))
        }
    }
}

/// When the documents were taken.
pub(crate) fn snapshot_words(snapshot: Option<&SnapshotReport>) -> String {
    match snapshot.map(|snapshot| (&snapshot.at, snapshot.age_seconds)) {
        None => "no snapshot".to_string(),
        Some((Some(at), Some(age))) => format!("snapshot of {at}, {} old", age_words(age)),
        Some(_) => "snapshot of unknown age (it has no manifest.json)".to_string(),
    }
}

pub(crate) fn age_words(seconds: i64) -> String {
    match seconds {
        i64::MIN..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What to do about the tool that manages a component.
pub(crate) fn hand_words(hand: &str) -> String {
    // A stack knows nothing of a change made beside it.
    match hand.starts_with("CloudFormation") {
        true => format!("managed by {hand}: change its template too, or its next update may undo this"),
        false => format!("managed by {hand}: change it there, or run this"),
    }
}

/// A cause's fix in Terraform, where that is what manages the component.
pub(crate) fn terraform_of<'a>(cause: &'a CauseReport, hand: Option<&str>) -> Option<&'a Fix> {
    let is_terraform = hand.is_some_and(|hand| hand.to_ascii_lowercase().contains("terraform"));
    cause.fixes.iter().find(|fix| fix.tool == Tool::Terraform && is_terraform)
}

/// What a step needs from an earlier one that is run in another account, and so mostly in another shell: a new
/// peering's id.
pub(crate) fn brought(steps: &[PlanStep], step: &PlanStep) -> Option<String> {
    let account = step.account.as_ref()?;
    let earlier = steps.iter().take_while(|earlier| !std::ptr::eq(*earlier, step));
    let mut makers = earlier.filter_map(|maker| {
        let (variable, _) = maker.command.split_once("=$(")?;
        maker.account.as_ref().filter(|other| *other != account).map(|other| (variable, other))
    });
    let (variable, other) =
        makers.find(|(variable, _)| step.command.contains(&format!("\"${variable}\"")))?;
    Some(format!(
        "in another shell set {variable} first, to what it is in that of account {other} (echo ${variable})"
    ))
}

/// Commands keep their line feeds; everything else in them is escaped.
pub(crate) fn escape_lines(commands: &str) -> String {
    commands.lines().map(|line| escape(line).into_owned()).collect::<Vec<_>>().join("\n")
}

/// What else a fix opens, in one clause.
pub(crate) fn opens(opened: &[OpenedReport]) -> String {
    const SHOWN: usize = 4;
    if opened.is_empty() {
        return "opens nothing else".to_string();
    }
    let mut parts: Vec<String> = opened.iter().take(SHOWN).map(opening).collect();
    if opened.len() > SHOWN {
        parts.push(format!("{} more", opened.len() - SHOWN));
    }
    format!("also opens: {}", parts.join("; "))
}

/// `calls to eni-1 on port 22`, `calls by eni-1 to 10.0.0.0/16 on all ports`.
fn opening(one: &OpenedReport) -> String {
    const SHOWN: usize = 3;
    let ports: Vec<String> = one.flows.ports.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if one.flows.ports.len() > SHOWN { " and more" } else { "" };
    let ports = match &ports[..] {
        [all] if all == "0-65535" => "all ports".to_string(),
        [single] if !single.contains('-') => format!("port {single}"),
        several => format!("ports {}{more}", several.join(", ")),
    };
    let interface = escape(&name(&one.component)).into_owned();
    match one.calls {
        Calls::Received => format!("calls to {interface} on {ports}"),
        Calls::Made => {
            let to: Vec<String> =
                one.flows.destinations.iter().take(SHOWN).map(ToString::to_string).collect();
            let more = if one.flows.destinations.len() > SHOWN { " and more" } else { "" };
            format!("calls by {interface} to {}{more} on {ports}", to.join(", "))
        }
    }
}

/// A component as a hop: its id, and its name where it has one. People, and Heroku's commands, call a space by
/// its name.
pub(crate) fn name(component: &Component) -> String {
    let (id, name) = (component.id.as_deref(), component.name.as_deref());
    if let Some(space) = name.or(id).filter(|_| component.component_type == ComponentType::Space) {
        return format!("space {}", escape(space));
    }
    let shown = id.map_or_else(|| component.component_type.words().into(), escape);
    match name {
        Some(name) if id != Some(name) => format!("{shown} \"{}\"", cut(&escape(name), 24)),
        _ => shown.into_owned(),
    }
}
