//! `peerscope collect`: reads the accounts, writes a snapshot directory.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use peerscope_document::{CollectedCall, CollectedSpace, CollectionGap, Manifest, Snapshot};
use serde::Serialize;

use crate::cli::{CollectArgs, Format};
use crate::clock;
use crate::collect::{NotReplaced, SnapshotWriter, Wanted, read_heroku, redact, write_snapshot};
use crate::escape::{escape, escape_os};
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::text::Style;

/// What a collection came to.
#[derive(Debug, Serialize)]
struct CollectReport<'a> {
    schema: &'static str,
    version: &'static str,
    at: &'a str,
    output: String,
    spaces: &'a [CollectedSpace],
    calls: &'a [CollectedCall],
    gaps: &'a [CollectionGap],
    files: Vec<String>,
    elapsed_seconds: f64,
}

/// Collects.
pub(crate) fn run(arguments: &CollectArgs, _: &Style) -> Result<Status, Failure> {
    let (started, at) = (Instant::now(), clock::now());
    let wanted = Wanted { space: arguments.space.as_deref(), started, deadline: arguments.deadline, at };
    // Whether it may be written is known before anybody is asked.
    let mut writer = SnapshotWriter::begin(&arguments.output).map_err(not_written)?;
    let snapshot = read_heroku(wanted).map_err(|why| Failure::usage(format!("collect: {}", why.reason())))?;
    let snapshot = if arguments.redact {
        redact(&snapshot, fastrand::Rng::new()).map_err(Failure::Internal)?.0
    } else {
        snapshot
    };
    let files = write(&snapshot, &mut writer, &arguments.output)?;
    let manifest = snapshot.manifest.clone().unwrap_or_default();
    writer.finish(manifest.clone()).map_err(not_written)?;
    for gap in &manifest.gaps {
        eprintln!("peerscope: not read: {}: {}", escape(&gap.what), escape(&gap.reason));
    }
    let report = CollectReport {
        schema: "peerscope/collect/1",
        version: env!("CARGO_PKG_VERSION"),
        at: &manifest.at,
        output: escape_os(arguments.output.as_os_str()),
        spaces: &manifest.spaces,
        calls: &manifest.calls,
        gaps: &manifest.gaps,
        files,
        elapsed_seconds: started.elapsed().as_secs_f64(),
    };
    match arguments.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&text(&report, &manifest))?,
    }
    Ok(Status::Good)
}

/// Writes the documents; their names.
fn write(snapshot: &Snapshot, writer: &mut SnapshotWriter, output: &Path) -> Result<Vec<String>, Failure> {
    write_snapshot(snapshot, writer)
        .map_err(|error| not_written(NotReplaced::Io(output.to_path_buf(), error)))?;
    Ok(writer.files().map(str::to_string).collect())
}

fn not_written(why: NotReplaced) -> Failure {
    Failure::Usage(format!("collect: {why}"))
}

fn text(report: &CollectReport<'_>, manifest: &Manifest) -> String {
    let mut text = String::new();
    let space = manifest.spaces.first().and_then(|space| space.name.as_deref()).unwrap_or("without a name");
    let requests: u32 = report.calls.iter().map(|call| call.requests).sum();
    let gaps = match report.gaps.len() {
        0 => "nothing is missing".to_string(),
        1 => "1 gap".to_string(),
        several => format!("{several} gaps"),
    };
    // Writing to a String cannot fail.
    _ = writeln!(
        text,
        "Wrote {} documents of the space {} to {}: {requests} requests, {gaps}.",
        report.files.len(),
        escape(space),
        report.output
    );
    text
}
