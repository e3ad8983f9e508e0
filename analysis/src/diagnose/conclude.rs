//! The verdict and its causes, from the observations and the answers of the configuration.
//!
//! Packets outrank configuration, each for its own source address, source port and destination; for
//! the rest of what was asked configuration speaks. What a packet contradicts is no cause any more, and
//! is said to disagree.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use jiff::{SignedDuration, Timestamp};
use peerscope_vocabulary::Observation;

use super::case::{Case, Question};
use super::causes::{answered, configured};
use super::findings::{findings, gaps};
use super::fixes::fixes;
use super::observed::{self, Shows, passes, reason, seconds, shows};
use super::{changed, loss, naming, path, show, silence};
use crate::cause::CauseCode;
use crate::flow::{FlowBox, Flows, PortRange};
use crate::reach::Blocker;
use crate::report::{
    CauseReport, CauseStatus, Diagnosis, Finding, Gap, NextProbe, ObservationReport, Paths, RequestReport,
    SCHEMA, Severity, Source, Verdict,
};
use crate::topology::ComponentType;

/// What came out for one address.
#[derive(Default)]
struct Conclusion {
    verdict: Option<Verdict>,
    causes: Vec<CauseReport>,
    findings: Vec<Finding>,
    gaps: Vec<Gap>,
    paths: Paths,
    next_probe: Option<NextProbe>,
    summary: String,
}

/// Puts the report together.
pub(super) fn conclude(
    case: &Case,
    questions: &[&Question],
    observations: &[Observation],
    lost: &[Gap],
    now: Duration,
    at: Timestamp,
) -> Diagnosis {
    let unresolved = naming::unresolved(case);
    let mut whole = merge(case, questions.iter().map(|question| one(case, question, observations)).collect());
    if let Some(cause) = unresolved {
        whole.verdict = Some(Verdict::Blocked);
        whole.summary.clone_from(&cause.summary);
        whole.causes = Vec::from([cause]);
    }
    let single = case.source.ranges.iter().all(|range| range.is_single());
    let mut gaps = case.gaps.clone();
    gaps.extend(whole.gaps);
    gaps.extend(lost.iter().cloned());
    Diagnosis {
        schema: SCHEMA,
        version: case.version.clone(),
        at,
        target: case.target.clone(),
        source: Source {
            input: case.source.input.clone(),
            addresses: if single {
                case.source.ranges.iter().map(|range| range.first()).collect()
            } else {
                Vec::new()
            },
            cidrs: if single {
                Vec::new()
            } else {
                case.source.ranges.iter().flat_map(|range| range.cidrs()).collect()
            },
            source_ports: Vec::from([case.source.source_ports]),
        },
        vantage: case.vantage,
        verdict: whole.verdict.unwrap_or(Verdict::Undetermined),
        summary: whole.summary,
        causes: whole.causes,
        paths: whole.paths,
        observations: observations.iter().map(|observation| observation_report(observation, at)).collect(),
        findings: whole.findings,
        gaps,
        next_probe: whole.next_probe,
        snapshot: case.snapshot.clone(),
        elapsed_seconds: now.as_secs_f64(),
    }
}

/// The conclusion for one address.
fn one(case: &Case, question: &Question, observations: &[Observation]) -> Conclusion {
    let ours: Vec<&Observation> =
        observations.iter().filter(|one| one.request.address == question.address).collect();
    // A probe from elsewhere is shown, and decides nothing. Where this machine had no address to send
    // from, its own refusal counts as that of the source.
    let from_source = |one: &&&Observation| {
        let source = one.local.map(|local| local.ip()).or(one.request.source);
        source.map_or_else(
            || is_local(shows(one)),
            |source| case.source.ranges.iter().any(|range| range.contains(source)),
        )
    };
    let deciding: Vec<&Observation> =
        ours.iter().filter(from_source).filter(|one| shows(one) != Shows::Nothing).copied().collect();
    let flow_of = |one: &Observation| FlowBox::from(observed::flow(one, case.protocol));
    let passing: Flows = deciding.iter().filter(|one| passes(one)).map(|one| flow_of(one)).collect();
    let silent: Flows =
        deciding.iter().filter(|one| shows(one) == Shows::Silence).map(|one| flow_of(one)).collect();
    let observed = words_of(&deciding);

    let blockers = question.answer.as_ref().map(crate::reach::Answer::blockers).unwrap_or_default();
    let contradicted: Vec<&Blocker<'_>> =
        blockers.iter().filter(|blocker| !blocker.flows.intersection(&passing).is_empty()).collect();
    let standing: Vec<Blocker<'_>> =
        blockers.iter().filter_map(|blocker| uncontradicted(blocker, &passing)).collect();
    let blocked = standing.iter().fold(Flows::none(), |all, blocker| all.union(&blocker.flows));
    let blocked = blocked.intersection(&question.asked);

    let mut causes = answered(case, question, &deciding);
    let mut from_configuration: Vec<CauseReport> = Vec::new();
    if let Some(topology) = &case.topology {
        let explained = |blocker: &Blocker<'_>| configured(topology, question, blocker, &silent, &observed);
        from_configuration = standing.iter().map(explained).collect();
        for (cause, fixes) in
            from_configuration.iter_mut().zip(fixes(case, question, &standing.iter().collect::<Vec<_>>()))
        {
            cause.fixes = fixes;
        }
        // A peering comes first: what is mended beside it may need the id that mending it gives.
        from_configuration
            .sort_by_key(|cause| cause.component.component_type != ComponentType::VpcPeeringConnection);
    }
    // Where no packet leaves this machine, its own refusal comes first; else the path's settings do.
    if causes.iter().any(|cause| matches!(cause.code, CauseCode::LocalNoRoute | CauseCode::LocalPolicy)) {
        causes.extend(from_configuration);
    } else {
        from_configuration.extend(causes);
        causes = from_configuration;
    }

    let public = naming::is_public(case, question);
    let unexplained = if public { Flows::none() } else { silent.difference(&blocked) };
    let mixed = !passing.is_empty();
    if !unexplained.is_empty() {
        let candidates = if mixed {
            loss::causes(case, question, &deciding, &unexplained, &observed)
        } else {
            let silent = if blocked.is_empty() { &question.asked } else { &unexplained };
            silence::candidates(case, question, silent, &observed)
        };
        causes.extend(candidates);
    } else if loss::is_certain(&deciding) {
        causes.extend(loss::causes(case, question, &deciding, &unexplained, &observed));
    }

    changed::weigh(case, &mut causes);
    let verdict = verdict(case, question, &deciding, &blocked);
    if public && verdict != Verdict::Reachable {
        causes.insert(0, naming::public(case, question, &observed));
    }
    if verdict == Verdict::Reachable {
        causes.clear();
    }
    let mut conclusion = Conclusion {
        verdict: Some(verdict),
        findings: contradicted.iter().map(|blocker| disagreement(case, blocker, &observed)).collect(),
        gaps: gaps(case, question),
        next_probe: silence::next_probe(case, question, &causes),
        summary: summary(case, question, verdict, &causes, &observed),
        ..Conclusion::default()
    };
    if !unexplained.is_empty() && question.answer.is_some() && !loss::is_certain(&deciding) {
        conclusion.findings.push(lost_although_open(case, question, &observed));
    }
    conclusion.findings.extend(retransmission(&deciding, &case.target.input));
    if public && verdict == Verdict::Reachable {
        conclusion.findings.push(naming::public_finding(case, question));
    }
    conclusion.findings.extend(findings(case, question));
    if let (Some(topology), Some(answer)) = (&case.topology, &question.answer) {
        let shown = silent.sample().or_else(|| blocked.sample()).or_else(|| passing.sample());
        if let Some(flow) = shown.or_else(|| question.asked.sample()) {
            conclusion.paths = path::paths(topology, answer, &flow);
        }
    }
    conclusion.causes = causes;
    conclusion
}

/// What a blocker still stops where packets that it should have stopped came through: nothing between
/// their two ends; for the rest of the set configuration speaks.
fn uncontradicted<'a>(blocker: &Blocker<'a>, passing: &Flows) -> Option<Blocker<'a>> {
    let mut rest = blocker.flows.clone();
    for flow in passing.intersection(&blocker.flows).boxes() {
        rest.remove(&FlowBox { source_ports: PortRange::ALL, ..*flow });
    }
    (!rest.is_empty()).then(|| Blocker { flows: rest, ..blocker.clone() })
}

fn is_local(shows: Shows) -> bool {
    matches!(shows, Shows::LocalNoRoute | Shows::LocalPolicy)
}

/// The verdict of one address.
fn verdict(case: &Case, question: &Question, deciding: &[&Observation], blocked: &Flows) -> Verdict {
    let count = |wanted: Shows| deciding.iter().filter(|one| shows(one) == wanted).count();
    let connected = count(Shows::Connected);
    if !deciding.is_empty() {
        return match (connected, connected == deciding.len()) {
            (0, _) => Verdict::Blocked,
            (_, false) => Verdict::Impaired,
            (_, true) if blocked.is_empty() && !loss::is_certain(deciding) => Verdict::Reachable,
            (_, true) => Verdict::Impaired,
        };
    }
    let Some(answer) = &question.answer else { return Verdict::Undetermined };
    let opening = answer.opening();
    let _ = case;
    match (opening.admitted.is_empty(), opening.blocked.is_empty(), opening.unknown.is_empty()) {
        (false, true, true) => Verdict::Reachable,
        (true, false, true) => Verdict::Blocked,
        (false, false, _) => Verdict::Impaired,
        _ => Verdict::Undetermined,
    }
}

/// What the probes saw, in one clause.
fn words_of(deciding: &[&Observation]) -> String {
    let total = deciding.len();
    let mut clauses: Vec<String> = Vec::new();
    let connects = |count: usize| match (count, total) {
        (1, 1) => "the connect".to_string(),
        _ => format!("{count} of {total} connects"),
    };
    let ports = |wanted: Shows| {
        let mut ports: Vec<u16> = deciding
            .iter()
            .filter(|one| shows(one) == wanted)
            .filter_map(|one| one.request.source_port)
            .collect();
        ports.sort_unstable();
        match (ports.first(), ports.last()) {
            (Some(first), Some(last)) if first != last => format!(", from source ports {first} to {last},"),
            (Some(first), _) => format!(", from source port {first},"),
            _ => String::new(),
        }
    };
    let group = |wanted: Shows| deciding.iter().filter(move |one| shows(one) == wanted);
    let connected = group(Shows::Connected).count();
    if connected > 0 {
        let fastest = group(Shows::Connected).filter_map(|one| one.rtt).min();
        let rtt = fastest.map(|rtt| format!(" in {}", seconds(rtt))).unwrap_or_default();
        clauses.push(format!("{} succeeded{rtt}", connects(connected)));
    }
    let silent = group(Shows::Silence).count();
    if silent > 0 {
        let longest = group(Shows::Silence).map(|one| one.finished_at.saturating_sub(one.sent_at)).max();
        let waited = seconds(longest.unwrap_or_default());
        clauses.push(format!("{}{} got no answer in {waited}", connects(silent), ports(Shows::Silence)));
    }
    for (wanted, words) in [
        (Shows::Refused, "was refused by the target itself"),
        (Shows::Prohibited, "was prohibited by ICMP"),
        (Shows::Unreachable, "was reported undeliverable by ICMP"),
        (Shows::LocalPolicy, "was forbidden by this machine itself"),
        (Shows::LocalNoRoute, "found no route on this machine"),
    ] {
        let count = group(wanted).count();
        if count > 0 {
            clauses.push(format!("{} {words}", connects(count)));
        }
    }
    clauses.join("; ")
}

/// A setting that packets contradict.
fn disagreement(case: &Case, blocker: &Blocker<'_>, observed: &str) -> Finding {
    let topology = case.topology.as_ref();
    let explanation =
        topology.zip(blocker.parts.first()).map(|(topology, part)| blocker.gate.explain(topology, part));
    let summary = explanation.map(|explanation| explanation.summary).unwrap_or_default();
    Finding {
        rule: CauseCode::ConfigurationDisagrees.name().to_string(),
        severity: Severity::Warning,
        message: format!(
            "By the snapshot this is blocked: {summary} But {observed}. The snapshot is stale or incomplete."
        ),
        components: Vec::from([show::component(topology, &blocker.component)]),
    }
}

/// Packets that are lost although every setting of the snapshot lets them through.
fn lost_although_open(case: &Case, question: &Question, observed: &str) -> Finding {
    let topology = case.topology.as_ref();
    let gates = question.answer.iter().flat_map(|answer| &answer.segments).flat_map(|segment| &segment.gates);
    let settings = gates.filter(|evaluated| evaluated.gate.if_shut().is_some());
    let mut components = Vec::new();
    for evaluated in settings {
        let component = show::component(topology, &evaluated.gate.component());
        if !components.contains(&component) {
            components.push(component);
        }
    }
    Finding {
        rule: CauseCode::ConfigurationDisagrees.name().to_string(),
        severity: Severity::Warning,
        message: format!(
            "By the snapshot nothing stops packets to {}, but {observed}: what stops them is not in the snapshot, or was changed since.",
            question.address
        ),
        components,
    }
}

/// A connection that came about only after a packet was sent again.
fn retransmission(deciding: &[&Observation], target: &str) -> Option<Finding> {
    let again = loss::repeated(deciding);
    (again > 0 && !loss::is_certain(deciding)).then(|| Finding {
        rule: CauseCode::PacketLoss.name().to_string(),
        severity: Severity::Warning,
        message: format!(
            "{again} of {} connects to {target} succeeded only after the SYN was sent again: a packet was lost, or a host is overloaded.",
            deciding.len()
        ),
        components: Vec::new(),
    })
}

/// One sentence that a person can act on.
fn summary(
    case: &Case,
    question: &Question,
    verdict: Verdict,
    causes: &[CauseReport],
    observed: &str,
) -> String {
    let address = question.address;
    let what = match case.target.port {
        Some(port) => format!("{} {address}:{port}", case.target.protocol),
        None => format!("{} {address}", case.target.protocol),
    };
    let established: Vec<&CauseReport> =
        causes.iter().filter(|cause| cause.status == CauseStatus::Established).collect();
    let more = |count: usize| match count {
        0 => String::new(),
        1 => " One more cause stands in the way.".to_string(),
        count => format!(" {count} more causes stand in the way."),
    };
    match (verdict, established.first()) {
        (Verdict::Reachable, _) if observed.is_empty() => {
            format!("The configuration lets {what} through, both ways.")
        }
        (Verdict::Reachable, _) => format!("{what} is reachable: {observed}."),
        (_, Some(first)) => format!("{}{}", first.summary, more(established.len() - 1)),
        (Verdict::Undetermined, None) if question.answer.is_none() => {
            format!("Nothing is known of the path to {what}: no packet was sent and no document tells.")
        }
        (Verdict::Undetermined, None) => format!("The snapshot does not tell whether {what} is let through."),
        (_, None) if causes.is_empty() => format!("{what}: {observed}."),
        (_, None) => {
            let names: Vec<String> = causes.iter().take(3).map(|cause| cause.code.to_string()).collect();
            format!(
                "{what}: {observed}. What stands in the way is one of several: most likely {}.",
                names.join(", then ")
            )
        }
    }
}

/// One conclusion for all addresses of a name.
fn merge(case: &Case, mut conclusions: Vec<Conclusion>) -> Conclusion {
    if conclusions.len() == 1 {
        return conclusions.swap_remove(0);
    }
    let mut whole = Conclusion::default();
    let verdicts: Vec<Verdict> = conclusions.iter().filter_map(|one| one.verdict).collect();
    let all = |verdict: Verdict| !verdicts.is_empty() && verdicts.iter().all(|one| *one == verdict);
    whole.verdict = Some(if all(Verdict::Reachable) {
        Verdict::Reachable
    } else if all(Verdict::Blocked) {
        Verdict::Blocked
    } else if verdicts.iter().any(|one| matches!(one, Verdict::Reachable | Verdict::Impaired)) {
        Verdict::Impaired
    } else {
        Verdict::Undetermined
    });
    // The address that fails is the one to speak of.
    conclusions.sort_by_key(|one| one.verdict == Some(Verdict::Reachable));
    if let Some(first) = conclusions.first_mut() {
        whole.paths = core::mem::take(&mut first.paths);
        whole.summary = match whole.verdict {
            Some(Verdict::Impaired) => format!(
                "{} has {} addresses, and they do not fare alike. {}",
                case.target.host,
                verdicts.len(),
                first.summary
            ),
            _ => first.summary.clone(),
        };
        whole.next_probe = first.next_probe.take();
    }
    for one in conclusions {
        whole.causes.extend(one.causes);
        for finding in one.findings {
            if !whole.findings.contains(&finding) {
                whole.findings.push(finding);
            }
        }
        for gap in one.gaps {
            if !whole.gaps.contains(&gap) {
                whole.gaps.push(gap);
            }
        }
    }
    whole
}

/// An observation as reports show it. `at` is the calendar time of the start of the run.
#[must_use]
pub fn observation_report(observation: &Observation, at: Timestamp) -> ObservationReport {
    let sent = SignedDuration::try_from(observation.sent_at).ok().and_then(|sent| at.checked_add(sent).ok());
    let request = &observation.request;
    let detail = match observation.retransmissions {
        0 => None,
        1 => Some("1 retransmission".to_string()),
        count => Some(format!("{count} retransmissions")),
    };
    ObservationReport {
        at: sent.unwrap_or(at),
        request: RequestReport {
            kind: request.kind,
            protocol: request.kind.protocol(),
            source: observation.local.map(|local| local.ip()).or(request.source),
            source_port: observation.local.map(|local| local.port()).or(request.source_port),
            address: request.address,
            port: request.port,
        },
        result: observation.outcome.word(),
        rtt_seconds: observation.rtt.map(|rtt| rtt.as_secs_f64()),
        reason: reason(observation),
        from: observation.outcome.icmp().and_then(|icmp| icmp.from),
        detail,
    }
}
