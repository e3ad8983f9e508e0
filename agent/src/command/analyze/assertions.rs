//! `peerscope analyze --assert`: intended reachability held against a snapshot, for a pipeline that must not let
//! a change of it through unseen.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Expectation, Judgement, Machine, SourceSpec, Standing};
use peerscope_analysis::report::{Affects, Gap};

use super::assertion_file::{Assertion, place, read};
use super::report::{AssertionResult, AssertionsReport, Totals};
use super::{addresses, senders, without_packets};
use crate::case::{Known, Resolved};
use crate::cli::{CaseArgs, Format};
use crate::exit::{Failure, Status};
use crate::input_error::InputError;
use crate::output::{print, print_json, write_file};
use crate::target::TargetUrl;
use crate::text::{Style, assertions_text};

/// How what came out is shown.
pub(super) struct Shown<'a> {
    pub(super) format: Format,
    /// A file that it is written to as JUnit XML too.
    pub(super) junit: Option<&'a Path>,
    pub(super) style: &'a Style,
}

/// Holds what `file` asserts against what is known.
pub(super) fn run(
    file: &Path,
    shown: &Shown<'_>,
    known: Known,
    arguments: &CaseArgs,
    at: Timestamp,
) -> Result<Status, Failure> {
    let (assertions, mut errors) = read(file);
    let mut asked = Vec::new();
    for assertion in &assertions {
        match ask(file, assertion, &known, arguments) {
            Ok(paths) => asked.extend(paths),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if !errors.is_empty() {
        errors.sort_by_key(InputError::position);
        return Err(Failure::Input(errors));
    }
    let report = hold(file, asked, known, at);
    if let Some(to) = shown.junit {
        write_file(to, &super::junit::junit(&report))?;
    }
    match shown.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&assertions_text(&report, shown.style))?,
    }
    Ok(status(&report.totals))
}

/// A difference is certain whatever else cannot be told.
fn status(totals: &Totals) -> Status {
    match (totals.differs, totals.undetermined) {
        (0, 0) => Status::Good,
        (0, _) => Status::Undetermined,
        _ => Status::Bad,
    }
}

/// One path that is asserted, its ends found in the snapshot.
struct Asked<'a> {
    assertion: &'a Assertion,
    target: &'a TargetUrl,
    addresses: Resolved,
    source: SourceSpec,
}

/// The paths of an assertion, or everything of it that the snapshot does not know.
fn ask<'a>(
    file: &Path,
    assertion: &'a Assertion,
    known: &Known,
    arguments: &CaseArgs,
) -> Result<Vec<Asked<'a>>, Vec<InputError>> {
    let topology = known.topology.as_ref();
    let mut errors = Vec::new();
    let mut wrong = |at, key, problem: String| {
        errors.push(InputError::new(file, problem).at(at).in_place(place(assertion.number, key)));
    };
    let ports = assertion.source_ports.or(arguments.source_ports);
    let source = senders(&assertion.from.value, topology, ports);
    let source = source.map_err(|problem| wrong(assertion.from.at, "from", problem)).ok();
    let mut asked = Vec::new();
    for target in &assertion.to {
        match addresses(&target.value, topology) {
            Ok(addresses) => asked.extend(source.clone().map(|source| Asked {
                assertion,
                target: &target.value,
                addresses,
                source,
            })),
            Err(problem) => wrong(target.at, "to", problem),
        }
    }
    if errors.is_empty() { Ok(asked) } else { Err(errors) }
}

fn hold(file: &Path, asked: Vec<Asked<'_>>, mut known: Known, at: Timestamp) -> AssertionsReport {
    let mut report = AssertionsReport {
        schema: "peerscope/assertions/1",
        version: env!("CARGO_PKG_VERSION"),
        at,
        file: file.to_string_lossy().into_owned(),
        results: Vec::new(),
        totals: Totals::default(),
        gaps: known.gaps.clone(),
        snapshot: known.snapshot.clone(),
    };
    for one in asked {
        let Asked { assertion, target, addresses, source } = one;
        let documents = std::mem::take(&mut known);
        let machine = Machine::new(without_packets(target, addresses, source, documents), 0);
        let (result, gaps) = held(assertion, &machine, at);
        for gap in gaps {
            if !report.gaps.contains(&gap) {
                report.gaps.push(gap);
            }
        }
        *match result.standing {
            Standing::Holds => &mut report.totals.holds,
            Standing::Differs => &mut report.totals.differs,
            Standing::Undetermined => &mut report.totals.undetermined,
        } += 1;
        report.results.push(result);
        // The next path is asked of the same documents, which are large.
        let case = machine.into_case();
        known = Known { topology: case.topology, ..Known::default() };
    }
    report
}

/// One path, and what could not be seen of it.
fn held(assertion: &Assertion, machine: &Machine, at: Timestamp) -> (AssertionResult, Vec<Gap>) {
    let started = Instant::now();
    let intended = assertion.intended.clone();
    let Judgement { mut standing, flows } = intended.expect.judge(&machine.opening());
    let diagnosis = machine.report(started.elapsed(), at);
    let is_open = intended.expect == Expectation::Blocked && standing == Standing::Differs;
    let otherwise = |code| diagnosis.causes.iter().all(|cause| cause.code != code);
    if standing == Standing::Holds && intended.cause.is_some_and(otherwise) {
        standing = Standing::Differs;
    }
    let passing = flows.sample().filter(|_| is_open);
    let let_through_by =
        passing.map(|flow| machine.paths_of(&flow)).filter(|paths| !paths.forward.is_empty());
    let result = AssertionResult {
        number: assertion.number,
        line: assertion.line,
        intended,
        target: diagnosis.target,
        source: diagnosis.source,
        standing,
        verdict: diagnosis.verdict,
        summary: diagnosis.summary,
        affects: Affects::from(&flows),
        causes: diagnosis.causes,
        let_through_by,
        elapsed_seconds: started.elapsed().as_secs_f64(),
    };
    (result, diagnosis.gaps)
}
