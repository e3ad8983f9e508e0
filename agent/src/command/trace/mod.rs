//! `peerscope trace`: the hops on the way to a target, without privileges.
//!
//! Every router that a packet dies at says so to its sender, and Linux puts that into the error queue of
//! an ordinary socket. So the packets are those of the target's own protocol, which every filter treats
//! as the real thing.

mod sweep;
mod words;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::diagnose::observation_report;
use peerscope_analysis::report::Target;
use peerscope_probes::{Engine, ProbeEngine, ProbeError};
use peerscope_vocabulary::{Observation, ProbeId, ProbeRequest};
use serde::Serialize;

use self::sweep::{End, Hop, Reach, Sweep};
use crate::cli::{Format, TraceArgs};
use crate::clock;
use crate::destination::{Destination, addresses};
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::target::TargetUrl;
use crate::text::Style;

/// How long what is in flight when the target has answered may take to be answered too, and closed.
const CLOSING: Duration = Duration::from_millis(200);

/// What a reader has to know about hops that do not answer.
const ABOUT_SILENCE: &str = "Across a VPC peering AWS shows no hops: its routers neither answer nor count \
                             as one, so stars there mean nothing. Only the target's own answer does.";

/// The document.
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    version: &'static str,
    at: Timestamp,
    target: Target,
    /// The one of the target's addresses that was traced.
    address: IpAddr,
    /// The source address, where anything was sent.
    source: Option<IpAddr>,
    reached: bool,
    /// `reached`, `stopped` (somebody said that it goes no further), `lost` or `nothing-sent`.
    end: &'static str,
    summary: String,
    hops: Vec<HopReport>,
    notes: Vec<&'static str>,
    elapsed_seconds: f64,
}

/// One hop.
#[derive(Serialize)]
struct HopReport {
    /// How many hops away; null for the packet without a limit, sent where no hop was the target.
    hop: Option<u8>,
    /// Who answered.
    from: Option<IpAddr>,
    /// Whether that is the target itself.
    is_target: bool,
    /// The outcome's word; `time_exceeded` where the packet ended at this hop as it was meant to.
    result: &'static str,
    rtt_seconds: Option<f64>,
    /// How many packets it took.
    sent: u8,
    /// The source port of the last of them.
    source_port: Option<u16>,
    /// The outcome in words.
    reason: Option<String>,
}

/// Traces.
pub(crate) fn run(arguments: &TraceArgs, style: &Style) -> Result<Status, Failure> {
    let (started, at) = (Instant::now(), clock::now());
    let target = TargetUrl::parse(&arguments.target).map_err(Failure::usage)?;
    let found = addresses(&target.host, "trace")?
        .map_err(|reason| Failure::usage(format!("TARGET: {} has no address here: {reason}", target.host)))?;
    let address = found
        .first()
        .copied()
        .ok_or_else(|| Failure::usage(format!("TARGET: {} has no address here", target.host)))?;
    let destination = Destination::of(&target, address);
    let mut sweep = Sweep::new(destination.kind, arguments.max_hops);
    follow(&mut sweep, arguments, &destination, started)?;
    let report = report(&sweep, &target, found, &destination, at, started.elapsed());
    match arguments.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&words::text(&report, style))?,
    }
    Ok(match sweep.end() {
        End::Reached(_) => Status::Good,
        End::Stopped(_) | End::Lost => Status::Bad,
        End::NothingSent => Status::Undetermined,
    })
}

/// Carries the sweep's questions to the engine, and its answers back.
fn follow(
    sweep: &mut Sweep,
    arguments: &TraceArgs,
    destination: &Destination,
    started: Instant,
) -> Result<(), Failure> {
    let internal = |error: ProbeError| Failure::Internal(error.to_string());
    let mut engine = ProbeEngine::new().map_err(internal)?;
    let mut observations: Vec<Observation> = Vec::new();
    let mut asked: Vec<Reach> = Vec::new();
    while !sweep.is_over() {
        while let Some(reach) = sweep.next() {
            let id = ProbeId(u32::try_from(asked.len()).unwrap_or(u32::MAX));
            let hop_limit = match reach {
                Reach::Hop(limit) => Some(limit),
                Reach::Unlimited => None,
            };
            let request = destination.request(id, arguments.timeout);
            asked.push(reach);
            engine.submit(
                started.elapsed(),
                &[ProbeRequest { source: arguments.source, hop_limit, ..request }],
            );
        }
        engine.poll(started.elapsed(), &mut observations);
        if observations.is_empty() {
            let wake = engine.wake_at().unwrap_or_default();
            engine.wait(wake.saturating_sub(started.elapsed())).map_err(internal)?;
        }
        for observation in observations.drain(..) {
            let reach = usize::try_from(observation.id().0).ok().and_then(|place| asked.get(place));
            if let Some(reach) = reach {
                sweep.take(*reach, observation);
            }
        }
    }
    let end = started.elapsed() + CLOSING;
    while engine.unfinished() > 0 && started.elapsed() < end {
        engine.wait(end.saturating_sub(started.elapsed())).map_err(internal)?;
        engine.poll(started.elapsed(), &mut observations);
    }
    Ok(())
}

fn report(
    sweep: &Sweep,
    target: &TargetUrl,
    addresses: Vec<IpAddr>,
    destination: &Destination,
    at: Timestamp,
    elapsed: Duration,
) -> Report {
    let limited = sweep.hops().map(|(number, hop)| hop_report(Some(number.get()), hop, at));
    let unlimited = sweep.unlimited().map(|hop| hop_report(None, hop, at));
    let end = sweep.end();
    let hops: Vec<HopReport> = match end {
        End::NothingSent => Vec::new(),
        _ => limited.chain(unlimited).collect(),
    };
    let locals = sweep.hops().map(|(_, hop)| hop).chain(sweep.unlimited());
    let source = locals.filter_map(|hop| hop.seen?.local).map(|local| local.ip()).next();
    Report {
        schema: "peerscope/trace/1",
        version: env!("CARGO_PKG_VERSION"),
        at,
        target: Target {
            input: target.shown(),
            protocol: target.scheme.protocol(),
            host: target.host.to_string(),
            addresses,
            port: target.port,
        },
        address: destination.address,
        source,
        reached: matches!(end, End::Reached(_)),
        end: match end {
            End::Reached(_) => "reached",
            End::Stopped(_) => "stopped",
            End::Lost => "lost",
            End::NothingSent => "nothing-sent",
        },
        summary: words::summary(sweep, at),
        hops,
        notes: vec![ABOUT_SILENCE],
        elapsed_seconds: elapsed.as_secs_f64(),
    }
}

fn hop_report(number: Option<u8>, hop: &Hop, at: Timestamp) -> HopReport {
    let Some(seen) = hop.seen else {
        return HopReport {
            hop: number,
            from: None,
            is_target: false,
            result: "cancelled",
            rtt_seconds: None,
            sent: hop.asked,
            source_port: None,
            reason: None,
        };
    };
    let shown = observation_report(&seen, at);
    let from = shown.from.or(seen.is_answer().then_some(seen.request.address));
    let is_exceeded = matches!(seen.outcome, peerscope_vocabulary::Outcome::TimeExceeded { .. });
    // A reset has no time by the kernel's clock; here every answer is worth one.
    let wall = seen.finished_at.saturating_sub(seen.sent_at);
    let time = seen.rtt.or(from.map(|_| wall));
    HopReport {
        hop: number,
        from,
        is_target: from == Some(seen.request.address),
        result: if is_exceeded { "time_exceeded" } else { shown.result },
        rtt_seconds: time.map(|time| time.as_secs_f64()),
        sent: hop.asked,
        source_port: shown.request.source_port.filter(|port| *port != 0),
        reason: shown.reason,
    }
}
