//! `peerscope probe`: probes alone, as one would use fping or tcping.

mod acquaintance;
mod run;
mod schedule;
mod tally;
mod targets;
mod words;

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use peerscope_analysis::diagnose::dns_report;
use peerscope_analysis::report::{DnsReport, HandshakeReport};
use peerscope_probes::{EchoSockets, echo_permitted};
use peerscope_vocabulary::{DnsObservation, ProbeKind};
use serde::Serialize;

use self::run::{Outcomes, Run};
use self::tally::{RoundTrip, Tally};
use self::targets::Aim;
use crate::cli::{EngineChoice, ProbeArgs, ProbeFormat};
use crate::clock;
use crate::escape::escape;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::text::Style;

pub(crate) use self::words::milliseconds;

/// The result of a name that has no address, as metrics have it.
const DNS_ERROR: &str = "dns_error";

/// The document.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    version: &'static str,
    at: Timestamp,
    targets: Vec<TargetReport>,
    totals: Totals,
}

/// One address of one target.
#[derive(Serialize)]
struct TargetReport {
    target: String,
    address: Option<IpAddr>,
    sent: u64,
    received: u64,
    late: u64,
    duplicates: u64,
    results: BTreeMap<&'static str, u64>,
    rtt_seconds: Option<RoundTrip>,
    /// Why the last probe that was not answered was not.
    reason: Option<String>,
    /// Whether probes were held back because the target is a MySQL.
    limited: bool,
    /// What a DNS server said last, to each question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns: Vec<SaidReport>,
    /// What came of the last handshake, where the target names a protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    handshake: Option<SpokenReport>,
}

/// What came of a handshake, and the same in a sentence.
#[derive(Serialize)]
struct SpokenReport {
    #[serde(flatten)]
    handshake: HandshakeReport,
    summary: Option<String>,
}

/// What a DNS server said to one question.
#[derive(Serialize)]
struct SaidReport {
    record_type: &'static str,
    result: &'static str,
    #[serde(flatten)]
    dns: Option<DnsReport>,
    /// The same in a sentence.
    reason: Option<String>,
}

/// All targets together.
#[derive(Serialize)]
struct Totals {
    sent: u64,
    received: u64,
    late: u64,
    duplicates: u64,
    elapsed_seconds: f64,
    engine: &'static str,
}

/// Probes and reports.
pub(crate) fn run(arguments: &ProbeArgs, style: &Style) -> Result<Status, Failure> {
    let aims = targets::aims(&arguments.target, arguments.targets.as_deref())?;
    let (sockets, engine) = sockets(arguments.engine, &aims)?;
    for aim in &aims {
        if let (Err(reason), ProbeFormat::Jsonl) = (&aim.at, arguments.format) {
            // No observation can say it.
            eprintln!("{}", escape(&format!("peerscope: {}: {reason}", aim.target)));
        }
    }
    let at = clock::now();
    let is_streaming = arguments.format == ProbeFormat::Jsonl;
    let outcomes = Run::new(arguments, &aims, sockets, at, is_streaming)?.finish()?;
    let report = report(aims, outcomes, at, engine);
    match arguments.format {
        ProbeFormat::Text => print(&words::text(&report, style))?,
        ProbeFormat::Json => print_json(&report)?,
        ProbeFormat::Jsonl => {}
    }
    let all_answered = report.targets.iter().all(|target| target.received > 0);
    Ok(if all_answered { Status::Good } else { Status::Bad })
}

/// By which sockets echo requests are sent, and what that is called in the report.
fn sockets(choice: EngineChoice, aims: &[Aim]) -> Result<(EchoSockets, &'static str), Failure> {
    let kinds = || aims.iter().filter_map(|aim| aim.at.as_ref().ok()).map(|at| at.kind);
    let any_echo = kinds().any(|kind| kind == ProbeKind::IcmpEcho);
    let all_echo = kinds().all(|kind| kind == ProbeKind::IcmpEcho);
    let called = |is_raw: bool| match (is_raw && any_echo, all_echo) {
        (false, _) => "connect",
        (true, true) => "raw",
        (true, false) => "connect, raw",
    };
    match choice {
        EngineChoice::Raw => {
            echo_permitted(EchoSockets::Raw).map_err(|error| {
                Failure::usage(format!("--engine raw: raw sockets are not permitted here ({error})"))
            })?;
            if !all_echo {
                return Err(Failure::usage(
                    "--engine raw: expected icmp://HOST alone; TCP and UDP go through ordinary sockets",
                ));
            }
            Ok((EchoSockets::Raw, called(true)))
        }
        EngineChoice::Connect => Ok((EchoSockets::Ping, called(false))),
        EngineChoice::Auto => {
            let is_raw =
                echo_permitted(EchoSockets::Ping).is_err() && echo_permitted(EchoSockets::Raw).is_ok();
            Ok((EchoSockets::PingElseRaw, called(is_raw)))
        }
    }
}

fn report(aims: Vec<Aim>, outcomes: Outcomes, at: Timestamp, engine: &'static str) -> Report {
    let sum = |part: fn(&Tally) -> u64| outcomes.tallies.iter().map(part).sum();
    let totals = Totals {
        sent: sum(|tally| tally.sent),
        received: sum(|tally| tally.received),
        late: sum(|tally| tally.late),
        duplicates: sum(|tally| tally.duplicates),
        elapsed_seconds: outcomes.elapsed.as_secs_f64(),
        engine,
    };
    let targets = aims.into_iter().zip(outcomes.tallies).map(|(aim, tally)| target(aim, tally, at)).collect();
    Report { schema: "peerscope/probe/1", version: env!("CARGO_PKG_VERSION"), at, targets, totals }
}

fn target(aim: Aim, tally: Tally, at: Timestamp) -> TargetReport {
    let dns = tally.lookup.iter().map(|one| said(one, at)).collect();
    let rtt_seconds = tally.round_trip();
    let (address, results, reason) = match aim.at {
        Ok(destination) => (Some(destination.address), tally.results, tally.reason),
        Err(reason) => (None, BTreeMap::from([(DNS_ERROR, 1)]), Some(reason)),
    };
    TargetReport {
        target: aim.target,
        address,
        sent: tally.sent,
        received: tally.received,
        late: tally.late,
        duplicates: tally.duplicates,
        results,
        rtt_seconds,
        reason,
        limited: tally.is_limited,
        dns,
        handshake: tally.handshake.map(|(handshake, summary)| SpokenReport { handshake, summary }),
    }
}

fn said(one: &DnsObservation, at: Timestamp) -> SaidReport {
    let report = dns_report(one, at);
    SaidReport {
        record_type: one.question.record_type.name(),
        result: report.result,
        dns: report.dns,
        reason: report.reason,
    }
}
