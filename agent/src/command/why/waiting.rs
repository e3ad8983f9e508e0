//! `--until-reachable`: somebody is mending, and wants to know when it holds.

use std::io::IsTerminal;
use std::thread;
use std::time::{Duration, Instant};

use peerscope_analysis::report::{Diagnosis, Verdict};
use serde::Serialize;

use super::{Asked, diagnose};
use crate::cli::{DiagnosisFormat, Keep, WhyArgs};
use crate::clock;
use crate::escape::escape;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::page;
use crate::text::{Style, show, wrapped};

/// The pause between two diagnoses.
const PAUSE: Duration = Duration::from_secs(2);
/// The same towards a MySQL, which blocks a client after 100 connects (its default) without a login.
const PAUSE_MYSQL: Duration = Duration::from_secs(60);
/// So that many diagnoses of three connects each are made towards a MySQL, and no more.
const DIAGNOSES_OF_MYSQL: usize = 20;

/// The last diagnosis, and what was before it.
#[derive(Serialize)]
struct Waited<'a> {
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
    waited: Before<'a>,
}

/// What stood in the way, and how long.
#[derive(Serialize)]
struct Before<'a> {
    seconds: f64,
    verdict: Option<Verdict>,
    summary: Option<&'a str>,
}

/// Diagnoses until the target is reachable.
pub(super) fn run(arguments: &WhyArgs, mut asked: Asked, style: &Style) -> Result<Status, Failure> {
    let begun = Instant::now();
    let pause = if asked.case.mysql { PAUSE_MYSQL } else { PAUSE };
    let mut first: Option<Diagnosis> = None;
    for count in 1.. {
        let (at, started) = (clock::now(), Instant::now());
        // What is being mended may be the name.
        if count > 1 && asked.case.lookup.is_some() {
            asked = super::asked(arguments, at, started)?;
        }
        let (machine, elapsed) = diagnose(asked.case.clone(), started)?;
        let diagnosis = machine.report(elapsed, at);
        if diagnosis.verdict != Verdict::Reachable {
            if std::io::stderr().is_terminal() {
                eprintln!(
                    "{}",
                    escape(&format!("{:.0} s: {}", begun.elapsed().as_secs_f64(), diagnosis.summary))
                );
            }
            if asked.case.mysql && count >= DIAGNOSES_OF_MYSQL {
                super::show_all(&diagnosis, arguments, style)?;
                return Ok(Status::from(diagnosis.verdict));
            }
            first.get_or_insert(diagnosis);
            thread::sleep(pause);
            continue;
        }
        if let Some(place) = &arguments.save {
            asked.evidence(&machine, at, elapsed).save(place)?;
        }
        if arguments.save == Some(Keep::StandardOutput) {
            return Ok(Status::Good);
        }
        conclude(arguments.case.format, &diagnosis, first.as_ref(), begun.elapsed(), style)?;
        return Ok(Status::Good);
    }
    Err(Failure::Internal("more diagnoses than can be counted".to_string()))
}

fn conclude(
    format: DiagnosisFormat,
    diagnosis: &Diagnosis,
    first: Option<&Diagnosis>,
    waited: Duration,
    style: &Style,
) -> Result<(), Failure> {
    let words = match first {
        None => "It was reachable from the start.".to_string(),
        Some(first) => format!("Mended after {:.0} s. Before: {}", waited.as_secs_f64(), first.summary),
    };
    match format {
        DiagnosisFormat::Json => {
            let before = Before {
                seconds: waited.as_secs_f64(),
                verdict: first.map(|first| first.verdict),
                summary: first.map(|first| first.summary.as_str()),
            };
            print_json(&Waited { diagnosis, waited: before })
        }
        DiagnosisFormat::Text => {
            show(diagnosis, format, style)?;
            print(&format!("\n{}", wrapped(&escape(&words), style.width, "", "")))
        }
        DiagnosisFormat::Markdown => print(&page::markdown(diagnosis, Some(&words))),
        DiagnosisFormat::Html => print(&page::html(diagnosis, Some(&words))),
    }
}
