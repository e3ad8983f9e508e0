//! What was seen and concluded, in sentences.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::num::NonZero;

use jiff::{SignedDuration, Timestamp};
use peerscope_vocabulary::{Observation, ProbeKind, TcpFacts};

use super::case::{Case, Question};
use super::observed::{Shows, reason, seconds, shows, source_ports};
use super::seen::Seen;
use super::{application, hypothesis, naming, segments, sizes, unshown};
use crate::report::{
    CauseReport, CauseStatus, Gap, GapKind, LongRequestReport, ObservationReport, RequestReport, TcpReport,
    Verdict, together,
};

/// What the probes saw, in one clause.
pub(super) fn observed(deciding: &[&Observation]) -> String {
    let total = deciding.len();
    let mut clauses: Vec<String> = Vec::new();
    let (one, several) = nouns(deciding);
    let connects = |count: usize| match (count, total) {
        (1, 1) => format!("the {one}"),
        _ => format!("{count} of {total} {several}"),
    };
    let ports = |wanted: Shows| {
        let ports = source_ports(deciding, wanted);
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
        let did = if several == "connects" { "succeeded" } else { "came back" };
        let did = if several == "datagrams" { "were answered" } else { did };
        clauses.push(format!("{} {did}{rtt}", connects(connected)));
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

/// What the probes are called, one and several of them.
fn nouns(probes: &[&Observation]) -> (&'static str, &'static str) {
    match probes.first().map(|one| one.request.kind) {
        Some(ProbeKind::Udp) => ("datagram", "datagrams"),
        Some(ProbeKind::IcmpEcho) => ("echo", "echoes"),
        _ => ("connect", "connects"),
    }
}

/// What is not known where only datagrams without an answer were sent.
pub(super) fn unanswered(case: &Case, question: &Question, seen: &Seen<'_>) -> Option<Gap> {
    let mute = seen.mute.len();
    (mute > 0).then(|| Gap {
        kind: GapKind::Probe,
        what: format!("whether {} takes datagrams", case.destination_words(question.address)),
        reason: format!(
            "{}; most services are silent towards what they do not understand, so this says nothing",
            observed(&seen.mute)
        ),
        would_tell: "whether packets pass both ways".to_string(),
    })
}

/// One sentence that a person can act on.
pub(super) fn summary(
    case: &Case,
    question: &Question,
    verdict: Verdict,
    causes: &[CauseReport],
    seen: &Seen<'_>,
    sizes: Option<&str>,
) -> String {
    let what = case.destination_words(question.address);
    let observed = &seen.words;
    let established: Vec<&CauseReport> =
        causes.iter().filter(|cause| cause.status == CauseStatus::Established).collect();
    let more = |count: usize| match count {
        0 => String::new(),
        1 => " One more cause stands in the way.".to_string(),
        count => format!(" {count} more causes stand in the way."),
    };
    match (verdict, established.first()) {
        (Verdict::Reachable, _) if observed.is_empty() && seen.mute.is_empty() => {
            format!("The configuration lets {what} through, both ways.")
        }
        (Verdict::Reachable, _) if observed.is_empty() => format!(
            "The configuration lets {what} through, both ways; no answer came, which of UDP says nothing."
        ),
        (Verdict::Reachable, _) => {
            format!("{what} is reachable: {observed}{}.", sizes.unwrap_or_default())
        }
        (_, Some(first)) => {
            let unshown = match causes.iter().any(unshown::is_one) {
                true => " Something that no document shows is likely to stop packets too.",
                false => "",
            };
            format!("{}{}{unshown}", first.summary, more(established.len() - 1))
        }
        (Verdict::Undetermined, None) if !seen.mute.is_empty() => {
            let open = causes.first().map(|cause| format!(" {}", cause.summary)).unwrap_or_default();
            format!("{what}: {}, which of UDP says nothing by itself.{open}", self::observed(&seen.mute))
        }
        (Verdict::Undetermined, None) if question.answer.is_none() => {
            format!("Nothing is known of the path to {what}: no packet was sent and no document tells.")
        }
        (Verdict::Undetermined, None) => {
            let open = causes.first().map(|cause| format!(" {}", cause.summary)).unwrap_or_default();
            format!("The snapshot does not tell whether {what} is let through.{open}")
        }
        (_, None) if causes.is_empty() => format!("{what}: {observed}."),
        (_, None) => {
            let entries = together(causes);
            let others = match entries.len() {
                1 => String::new(),
                2 => " One other cause is possible.".to_string(),
                count => format!(" {} other causes are possible.", count - 1),
            };
            let first = entries.first().and_then(|entry| entry.first());
            let first = first.map(|cause| cause.summary.as_str()).unwrap_or_default();
            let unsaid = application::unsaid(&seen.spoken).map(|unsaid| format!("; {unsaid}"));
            let observed = format!("{observed}{}", unsaid.unwrap_or_default());
            // What shows nothing may be because it was not given: the gaps tell of that.
            let answer = question.answer.as_ref().filter(|_| !naming::is_public(case, question));
            let is_told = answer.is_some_and(|answer| answer.blockers().is_empty());
            let open = if is_told { " The snapshot shows nothing that stops the packets." } else { "" };
            let second = causes.iter().find(|cause| hypothesis::is_second(cause));
            match second {
                Some(second) => format!(
                    "{what}: {observed}.{open} Most likely, but not certain, two things together: {first} And: {}",
                    second.summary
                ),
                None => format!("{what}: {observed}.{open} Most likely, but not certain: {first}{others}"),
            }
        }
    }
}

/// An observation as reports show it. `at` is the calendar time of the start of the run.
#[must_use]
pub fn observation_report(observation: &Observation, at: Timestamp) -> ObservationReport {
    let sent = SignedDuration::try_from(observation.sent_at).ok().and_then(|sent| at.checked_add(sent).ok());
    let request = &observation.request;
    let detail = match observation.retransmissions {
        0 if sizes::is_of_size(request) => {
            Some(format!("a packet of {} bytes, not to be divided", sizes::packet_length(request)))
        }
        0 if segments::is_of_segments(request) => Some(segments::words(request)),
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
            source_port: observation
                .local
                .map(|local| local.port())
                .or(request.source_port)
                .filter(|port| *port > 0),
            address: request.address,
            port: request.port,
            name: None,
            record_type: None,
            packet_bytes: sizes::is_of_size(request).then(|| sizes::packet_length(request)),
            long: segments::is_of_segments(request).then(|| LongRequestReport {
                request_bytes: request.payload_length,
                held_to_bytes: request.segments.both.map(NonZero::get),
                said_in_bytes: request.segments.own.map(NonZero::get),
            }),
        },
        result: observation.outcome.word(),
        rtt_seconds: observation.rtt.map(|rtt| rtt.as_secs_f64()),
        reason: reason(observation),
        from: observation.outcome.icmp().and_then(|icmp| icmp.from),
        detail,
        dns: None,
        handshake: None,
        tcp: observation.tcp.filter(tells).map(|tcp| TcpReport {
            answered_syn_age_seconds: tcp.answered_syn_age.map(|age| age.as_secs_f64()),
            repeated_answers: tcp.repeated_answers,
            resent: tcp.resent,
            resent_in_vain: tcp.resent_in_vain,
            acknowledged: tcp.is_acknowledged,
        }),
    }
}

/// Whether TCP's counters tell of more than a connection that stood and was acknowledged.
fn tells(tcp: &TcpFacts) -> bool {
    *tcp != TcpFacts { is_acknowledged: tcp.is_acknowledged, ..TcpFacts::default() }
        || tcp.is_acknowledged == Some(false)
}
