//! `peerscope analyze`: what the configuration alone does to a path, or to each that a file asserts.

mod assertion_file;
mod assertions;
mod junit;
mod report;

use std::time::{Duration, Instant};

use peerscope_analysis::diagnose::{Case, Machine, SourceSpec};
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::topology::Topology;

use crate::case::{
    Known, Resolved, case, documented_addresses, known_now, linux_source_ports, source, unknown_name, vantage,
};
use crate::cli::{AnalyzeArgs, DiagnosisFormat, Format};
use crate::clock;
use crate::dyno::Dyno;
use crate::exit::{Failure, Status};
use crate::target::TargetUrl;
use crate::text::{Style, show};

pub(crate) use report::{AssertionResult, AssertionsReport, Intended};

/// Analyses.
pub(crate) fn run(arguments: &AnalyzeArgs, style: &Style) -> Result<Status, Failure> {
    let (started, at) = (Instant::now(), clock::now());
    let target = arguments.to.as_deref().map(TargetUrl::parse).transpose().map_err(Failure::usage)?;
    if arguments.case.snapshot.is_empty() && !arguments.case.live.live {
        return Err(Failure::usage("analyze: expected --snapshot PATH, the documents to analyse, or --live"));
    }
    let format = arguments.assert.as_ref().map(|_| assertions_format(arguments.case.format)).transpose()?;
    let known = known_now(&arguments.case.snapshot, &arguments.case.live, at, started, arguments.deadline)?;
    if let (None, Some(unread)) = (&known.topology, known.gaps.last()) {
        return Err(Failure::usage(format!("analyze --live: {}", unread.reason)));
    }
    let known = known.seen_from(Dyno::here().as_ref(), at);
    match (arguments.assert.as_deref().zip(format), target) {
        (Some((file, format)), _) => {
            let shown = assertions::Shown { format, junit: arguments.junit.as_deref(), style };
            assertions::run(file, &shown, known, &arguments.case, at)
        }
        (None, Some(target)) => {
            let case = analysed(&target, known, arguments.case.from.as_deref(), arguments.case.source_ports)?;
            let diagnosis = Machine::new(case, 0).report(started.elapsed(), at);
            show(&diagnosis, arguments.case.format, style)?;
            Ok(Status::from(diagnosis.verdict))
        }
        (None, None) => Err(Failure::usage("analyze: expected --to TARGET or --assert FILE")),
    }
}

/// How a file's assertions are shown: they are no diagnosis, and have no page.
fn assertions_format(format: DiagnosisFormat) -> Result<Format, Failure> {
    match format {
        DiagnosisFormat::Text => Ok(Format::Text),
        DiagnosisFormat::Json => Ok(Format::Json),
        DiagnosisFormat::Markdown | DiagnosisFormat::Html => {
            Err(Failure::usage("analyze: expected --format text or json with --assert"))
        }
    }
}

/// The case of an analysis without packets.
fn analysed(
    target: &TargetUrl,
    known: Known,
    from: Option<&str>,
    source_ports: Option<PortRange>,
) -> Result<Case, Failure> {
    let topology = known.topology.as_ref();
    let addresses =
        addresses(target, topology).map_err(|problem| Failure::usage(format!("TARGET: {problem}")))?;
    let has_space = topology.and_then(Topology::space).is_some();
    let from = match (from, has_space) {
        (Some(from), _) => from,
        (None, true) => "space",
        (None, false) => {
            return Err(Failure::usage(
                "analyze: expected --from SOURCE, since the snapshot holds no Heroku space",
            ));
        }
    };
    let source =
        senders(from, topology, source_ports).map_err(|error| Failure::usage(format!("--from {error}")))?;
    Ok(without_packets(target, addresses, source, known))
}

/// The addresses of a target as the snapshot has them.
fn addresses(target: &TargetUrl, topology: Option<&Topology>) -> Result<Resolved, String> {
    let documented = documented_addresses(target, topology)?;
    documented.map(Resolved::from).ok_or_else(|| {
        let unknown = unknown_name(&target.host, topology);
        format!("{unknown}; analyze asks no DNS, so give its address")
    })
}

/// Who sends, by Linux's ports where none are given.
fn senders(
    from: &str,
    topology: Option<&Topology>,
    source_ports: Option<PortRange>,
) -> Result<SourceSpec, String> {
    let source_ports = source_ports.unwrap_or_else(linux_source_ports);
    source(from, topology, Dyno::here().as_ref(), source_ports)
}

fn without_packets(target: &TargetUrl, addresses: Resolved, source: SourceSpec, known: Known) -> Case {
    let dyno = Dyno::here();
    let here = dyno.as_ref().and_then(|dyno| dyno.private_address);
    let vantage = vantage(dyno.as_ref(), known.topology.as_ref(), here, None);
    case(target, addresses, source, vantage, known, false, Duration::from_secs(10))
}

/// Runs a whole analysis; nothing where source or target is not known.
#[cfg(test)]
pub(crate) fn diagnosis_for_test(
    loaded: &crate::snapshot::Loaded,
    from: &str,
    target: &str,
) -> Option<peerscope_analysis::report::Diagnosis> {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let target = TargetUrl::parse(target).unwrap();
    let case = analysed(&target, Known::from_documents(loaded.clone(), at), Some(from), None).ok()?;
    Some(Machine::new(case, 0).report(Duration::ZERO, at))
}

/// The same, written as text and JSON.
#[cfg(test)]
pub(crate) fn report_for_test(
    loaded: &crate::snapshot::Loaded,
    from: &str,
    target: &str,
) -> Option<(String, String)> {
    let diagnosis = diagnosis_for_test(loaded, from, target)?;
    let json = serde_json::to_string(&diagnosis).unwrap();
    let text = crate::text::diagnosis_text(&diagnosis, &Style { width: 80, colour: false });
    let is_plain = |character: char| character == '\n' || !character.is_control();
    assert!(text.chars().all(is_plain), "{text:?}");
    Some((text, json))
}
