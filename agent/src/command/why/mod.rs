//! `peerscope why`: probe, correlate, explain.

mod replay;
mod waiting;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Case, Machine};
use peerscope_analysis::report::{Diagnosis, Gap, GapKind};
use peerscope_document::Snapshot;
use peerscope_probes::capabilities;

use crate::case::{
    Known, Resolved, baseline, case, documented_addresses, known_now, priors, source, unknown_name, vantage,
};
use crate::cli::{DiagnosisFormat, Keep, WhyArgs};
use crate::clock;
use crate::command::capabilities::CapabilityReport;
use crate::drive::drive;
use crate::dyno::Dyno;
use crate::evidence::{Evidence, SavedSource};
use crate::exit::{Failure, Status};
use crate::output::print;
use crate::resolve::{Limits, look_up, usable};
use crate::standpoint::{local_address, no_echo, one_off, own_ports, this_machine};
use crate::target::{Host, TargetUrl};
use crate::text::{Style, show, weighing};

/// How much of the deadline reading the accounts may take: the rest is the probes', which tell something without them.
const LIVE_SHARE: f64 = 0.4;

/// Diagnoses.
pub(crate) fn run(arguments: &WhyArgs, style: &Style) -> Result<Status, Failure> {
    if arguments.save == Some(Keep::StandardOutput)
        && (arguments.verbose || arguments.case.format != DiagnosisFormat::Text)
    {
        return Err(Failure::usage(
            "--save -: expected no --format and no --verbose beside it, since the evidence takes the report's place \
             on standard output (`peerscope why --replay -` shows one)",
        ));
    }
    if !arguments.replay.is_empty() {
        return replay::run(arguments, style);
    }
    let at = clock::now();
    let started = Instant::now();
    let asked = asked(arguments, at, started)?;
    if arguments.until_reachable {
        return waiting::run(arguments, asked, style);
    }
    let (machine, elapsed) = diagnose(asked.case.clone(), started)?;
    let diagnosis = machine.report(elapsed, at);
    if let Some(place) = &arguments.save {
        asked.evidence(&machine, at, elapsed).save(place)?;
    }
    show_all(&diagnosis, arguments, style)?;
    Ok(Status::from(diagnosis.verdict))
}

/// Shows a diagnosis, and where that was asked for what was weighed: of the formats JSON has it anyway, and what
/// is for others to read has no use for it. Where evidence went to standard output, nothing follows it.
fn show_all(diagnosis: &Diagnosis, arguments: &WhyArgs, style: &Style) -> Result<(), Failure> {
    if arguments.save == Some(Keep::StandardOutput) {
        return Ok(());
    }
    show(diagnosis, arguments.case.format, style)?;
    if arguments.verbose && arguments.case.format == DiagnosisFormat::Text {
        print(&weighing(diagnosis, style))?;
    }
    Ok(())
}

/// Runs one diagnosis to its end.
fn diagnose(case: Case, started: Instant) -> Result<(Machine, Duration), Failure> {
    let mut machine = Machine::new(case, fastrand::u64(..));
    drive(&mut machine, started)?;
    Ok((machine, started.elapsed()))
}

/// A case, and what of it goes into evidence.
struct Asked {
    case: Case,
    documents: Option<Snapshot>,
}

impl Asked {
    fn evidence(&self, machine: &Machine, at: Timestamp, elapsed: Duration) -> Evidence {
        let case = &self.case;
        Evidence {
            schema: Evidence::schema(),
            version: case.version.clone(),
            at,
            elapsed,
            target: case.target.input.clone(),
            addresses: case.target.addresses.clone(),
            lookup: case.lookup.clone(),
            source: SavedSource::from(&case.source),
            vantage: case.vantage,
            observations: machine.observations().to_vec(),
            spoken: machine.spoken().to_vec(),
            capabilities: capabilities().iter().map(CapabilityReport::from).collect(),
            gaps: case.gaps.clone(),
            snapshot: self.documents.clone(),
        }
    }
}

/// The case that the arguments describe.
fn asked(arguments: &WhyArgs, at: Timestamp, started: Instant) -> Result<Asked, Failure> {
    let target = TargetUrl::parse(&target_text(arguments)?).map_err(Failure::usage)?;
    let dyno = Dyno::here();
    let within = arguments.deadline.mul_f64(LIVE_SHARE);
    let mut known = known_now(&arguments.case.snapshot, &arguments.case.live, at, started, within)?
        .seen_from(dyno.as_ref(), at);
    known.baseline = baseline(&arguments.baseline)?;
    known.priors = priors(arguments.priors.as_deref())?;
    let (resolved, unasked) = resolved(arguments, &target, &known, started)?;
    known.gaps.extend(unasked);
    let addresses = &resolved.addresses;
    let here = addresses.first().and_then(|address| local_address(dyno.as_ref(), *address));
    let vantage = vantage(dyno.as_ref(), known.topology.as_ref(), here, addresses.first().copied());
    let source_ports = arguments.case.source_ports.unwrap_or_else(own_ports);
    let source = match &arguments.case.from {
        Some(from) => source(from, known.topology.as_ref(), dyno.as_ref(), source_ports)
            .map_err(|error| Failure::usage(format!("--from {error}")))?,
        None => this_machine(dyno.as_ref(), addresses, source_ports),
    };
    let probing = !arguments.no_probe;
    if probing {
        known.gaps.extend(no_echo(&target));
    }
    known.gaps.extend(dyno.as_ref().and_then(one_off));
    let documents = known.documents.take();
    let case = case(&target, resolved, source, vantage, known, probing, arguments.deadline);
    let case = Case { thorough: arguments.thorough, explore: arguments.explore, ..case };
    Ok(Asked { case, documents })
}

fn target_text(arguments: &WhyArgs) -> Result<String, Failure> {
    match (&arguments.target, &arguments.target_env) {
        (Some(target), _) => Ok(target.clone()),
        (None, Some(name)) => std::env::var(name).map_err(|_| {
            Failure::usage(format!("--target-env {name}: expected an environment variable that holds a URL"))
        }),
        (None, None) => Err(Failure::usage("why: expected TARGET or --target-env NAME")),
    }
}

/// The addresses to diagnose: pinned, documented, or the DNS's, and what of them is left out.
fn resolved(
    arguments: &WhyArgs,
    target: &TargetUrl,
    known: &Known,
    started: Instant,
) -> Result<(Resolved, Option<Gap>), Failure> {
    if let Some(address) = arguments.resolve {
        return Ok((vec![address].into(), None));
    }
    let documented = documented_addresses(target, known.topology.as_ref())
        .map_err(|problem| Failure::usage(format!("TARGET: {problem}")))?;
    let name = match (&target.host, documented) {
        (Host::Name(_), None) if arguments.no_probe => {
            let unknown = unknown_name(&target.host, known.topology.as_ref());
            return Err(Failure::usage(format!(
                "TARGET: {unknown}; --no-probe asks no DNS, so give its address"
            )));
        }
        // What an application connects to is what the DNS says, not what a tag is called.
        (Host::Name(name), _) if !arguments.no_probe => name,
        (_, documented) => return Ok((usable(documented.unwrap_or_default()).into(), None)),
    };
    let found = look_up(name, Limits::within(arguments.deadline), started)?;
    let gap = (found.more > 0).then(|| Gap {
        kind: GapKind::Scope,
        what: format!("{} more addresses of {name}", found.more),
        reason: "so many are not asked".to_string(),
        would_tell: "whether they can be reached too".to_string(),
    });
    Ok((Resolved { addresses: found.addresses, lookup: Some(found.lookup) }, gap))
}
