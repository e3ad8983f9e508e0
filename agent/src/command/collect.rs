//! `peerscope collect`: reads the accounts, writes a snapshot directory.

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use peerscope_document::id::{AccountId, Region};
use peerscope_document::{CollectedCall, CollectedSpace, CollectionGap, Manifest, Snapshot};
use serde::Serialize;

use crate::cli::{CollectArgs, Format, PolicyForm};
use crate::clock;
use crate::collect::{NotRead, NotReplaced, SnapshotWriter, Wanted, read_accounts, redact, write_snapshot};
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
    accounts: &'a [AccountId],
    regions: &'a [Region],
    calls: &'a [CollectedCall],
    gaps: &'a [CollectionGap],
    files: Vec<String>,
    elapsed_seconds: f64,
}

/// Collects.
pub(crate) fn run(arguments: &CollectArgs, _: &Style) -> Result<Status, Failure> {
    let Some(output) = &arguments.output else {
        print(&policy(arguments.iam_policy.unwrap_or(PolicyForm::Json)))?;
        return Ok(Status::Good);
    };
    let (started, at) = (Instant::now(), clock::now());
    // Whether it may be written is known before anybody is asked.
    let mut writer = SnapshotWriter::begin(output).map_err(not_written)?;
    let snapshot = read(arguments, started, at)?;
    let snapshot = if arguments.redact {
        redact(&snapshot, fastrand::Rng::new()).map_err(Failure::Internal)?.0
    } else {
        snapshot
    };
    let files = write(&snapshot, &mut writer, output)?;
    let manifest = snapshot.manifest.clone().unwrap_or_default();
    writer.finish(manifest.clone()).map_err(not_written)?;
    for gap in &manifest.gaps {
        eprintln!("peerscope: not read: {}: {}", escape(&gap.what), escape(&gap.reason));
    }
    let report = CollectReport {
        schema: "peerscope/collect/1",
        version: env!("CARGO_PKG_VERSION"),
        at: &manifest.at,
        output: escape_os(output.as_os_str()),
        spaces: &manifest.spaces,
        accounts: &manifest.accounts,
        regions: &manifest.regions,
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

fn policy(form: PolicyForm) -> String {
    match form {
        PolicyForm::Json => format!("{}\n", peerscope_aws::iam_policy()),
        PolicyForm::Terraform => peerscope_aws::iam_policy_terraform(),
    }
}

/// Reads what there are credentials for; what there are none for is a gap of the manifest.
fn read(arguments: &CollectArgs, started: Instant, at: Timestamp) -> Result<Snapshot, Failure> {
    let CollectArgs { accounts, only, deadline, .. } = arguments;
    let mut live = read_accounts(Wanted { accounts, only: *only, started, deadline: *deadline, at });
    let Some(snapshot) = live.snapshot() else {
        let reasons: Vec<String> = live.unread().map(NotRead::reason).collect();
        return Err(Failure::usage(format!("collect: {}", reasons.join("; "))));
    };
    let mut manifest = snapshot.manifest.unwrap_or_default();
    manifest.gaps.extend(live.unread().map(NotRead::collection_gap));
    Ok(Snapshot { manifest: Some(manifest), ..snapshot })
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
    let requests: u32 = report.calls.iter().map(|call| call.requests).sum();
    let gaps = match report.gaps.len() {
        0 => "nothing is missing".to_string(),
        1 => "1 gap".to_string(),
        several => format!("{several} gaps"),
    };
    // Writing to a String cannot fail.
    _ = writeln!(
        text,
        "Wrote {} documents of {} to {}: {requests} requests, {gaps}.",
        report.files.len(),
        whose(manifest),
        report.output
    );
    text
}

/// Whose documents were read: `the space orders, and of account 111122223333 in us-east-1`.
fn whose(manifest: &Manifest) -> String {
    let spaces = manifest
        .spaces
        .iter()
        .map(|space| format!("the space {}", escape(space.name.as_deref().unwrap_or("without a name"))));
    let regions: Vec<&str> = manifest.regions.iter().map(Region::as_str).collect();
    let accounts = manifest.accounts.iter().map(|account| format!("account {}", escape(account.as_str())));
    let mut whose: Vec<String> = spaces.chain(accounts).collect();
    if let (Some(last), false) = (whose.last_mut(), manifest.accounts.is_empty()) {
        last.push_str(&format!(" in {}", escape(&regions.join(", "))));
    }
    whose.join(" and ")
}
