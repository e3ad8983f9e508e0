//! `peerscope rehearse`: a snapshot as namespaces of this machine, real packets through them, and what an edit
//! of the snapshot changes for them.
//!
//! The analysis says what a configuration must do; here Linux does it, by its own routing, filtering and
//! connection tracking. Where the two differ, one of them is wrong, and that is said first. Everything stands in
//! namespaces and on a tmpfs of this process, so that nothing is left of it however it ends.

mod cast;
mod edit;
mod ends;
mod limits;
mod opinion;
mod perform;
mod report;

use std::net::IpAddr;
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use peerscope_analysis::report::Gap;
use peerscope_analysis::topology::Topology;
use peerscope_document::Snapshot;
use peerscope_laboratory::{Enclosure, Host, LaboratoryError, Twin};

use crate::case::{Known, linux_source_ports, source};
use crate::cli::{Format, RehearseArgs};
use crate::clock;
use crate::dyno::Dyno;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::snapshot;
use crate::target::TargetUrl;
use crate::text::{Style, rehearsal_text};

use cast::{Cast, Question, scope};
use perform::{Ports, perform};
use report::groups;

pub(crate) use opinion::NamedCause;
#[cfg(test)]
pub(crate) use opinion::Opinion;
pub(crate) use perform::Fate;
#[cfg(test)]
pub(crate) use report::Totals;
pub(crate) use report::{Change, End, Group, RehearsalReport, Told};

/// Rehearses. Must run before the process has a second thread.
pub(crate) fn run(arguments: &RehearseArgs, style: &Style) -> Result<Status, Failure> {
    let (started, at) = (Instant::now(), clock::now());
    let loaded = snapshot::load(&arguments.snapshot).map_err(Failure::Input)?;
    let known = Known::from_documents(loaded, at);
    let (Some(before), Some(topology)) = (&known.documents, &known.topology) else {
        return Err(Failure::Internal("a snapshot without documents".to_string()));
    };
    let after = arguments.edit.as_deref().map(|file| edit::edited(before, file)).transpose()?;
    let edited = after.as_ref().map(Topology::from);
    let question = question(arguments, topology)?;
    let topologies: Vec<&Topology> = [topology].into_iter().chain(&edited).collect();
    let mut cast = Cast::new(&question, &topologies, &limits::described_groups(before))?;
    let mut gaps = known.gaps.clone();
    gaps.append(&mut cast.gaps);
    gaps.extend(limits::limits(before));

    let snapshots: Vec<&Snapshot> = [before].into_iter().chain(&after).collect();
    let runs = if cast.flows.is_empty() { Vec::new() } else { play(&snapshots, &mut cast, &mut gaps)? };
    let mut told = runs.into_iter().zip(&topologies).map(|((fates, ports), topology)| {
        let opinions = opinion::opinions(topology, &cast, &ports);
        fates.into_iter().zip(opinions).map(|(kernel, analysis)| Told { kernel, analysis }).collect()
    });
    let before: Vec<Told> = told.next().unwrap_or_default();
    let after: Option<Vec<Told>> = told.next();
    let (groups, totals) = groups(&cast, &before, after.as_deref());
    let report = RehearsalReport {
        schema: "peerscope/rehearsal/1",
        version: env!("CARGO_PKG_VERSION"),
        at,
        edit: arguments.edit.as_ref().map(|file| file.to_string_lossy().into_owned()),
        source_ports: question.source_ports,
        hosts: cast.hosts().len(),
        totals,
        groups,
        gaps,
        snapshot: known.snapshot.clone(),
        elapsed_seconds: started.elapsed().as_secs_f64(),
    };
    match arguments.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&rehearsal_text(&report, style))?,
    }
    Ok(Status::Good)
}

fn question(arguments: &RehearseArgs, topology: &Topology) -> Result<Question, Failure> {
    let source_ports = arguments.source_ports.unwrap_or_else(linux_source_ports);
    let from = arguments.from.as_deref().map(|from| {
        source(from, Some(topology), Dyno::here().as_ref(), source_ports)
            .map_err(|error| Failure::usage(format!("--from {error}")))
    });
    let to = arguments.to.as_deref().map(TargetUrl::parse).transpose().map_err(Failure::usage)?;
    if to.as_ref().is_some_and(|target| target.scheme.protocol() == "udp") {
        return Err(Failure::usage("--to: expected tcp://HOST:PORT or HOST; only TCP is rehearsed"));
    }
    Ok(Question { from: from.transpose()?, to, source_ports })
}

/// Why the laboratory failed: for want of descriptors, which the user can change, or otherwise.
fn failed(error: LaboratoryError) -> Failure {
    match &error {
        LaboratoryError::System { source, .. } if source.raw_os_error() == Some(nix::libc::EMFILE) => {
            Failure::Usage(format!("rehearse: {error}; narrow it by --from and --to, or raise ulimit -n"))
        }
        _ => Failure::Internal(format!("rehearse: {error}")),
    }
}

/// What became of the flows, and the client's port of each, once for each snapshot.
type Runs = Vec<(Vec<Fate>, Vec<u16>)>;

/// Builds the twin and sends the packets, once for each snapshot.
fn play(snapshots: &[&Snapshot], cast: &mut Cast, gaps: &mut Vec<Gap>) -> Result<Runs, Failure> {
    let enclosure = Enclosure::enter().map_err(|error| Failure::Usage(format!("rehearse: {error}")))?;
    more_descriptors();
    let hosts = cast.hosts();
    let dynos: Vec<IpAddr> = hosts
        .iter()
        .filter_map(|host| match host {
            Host::Dyno(address) => Some(*address),
            Host::Interface(_) => None,
        })
        .collect();
    let mut snapshots = snapshots.iter().map(|snapshot| limits::with_only(snapshot, &hosts));
    let Some(first) = snapshots.next() else { return Ok(Vec::new()) };
    let mut twin = Twin::build(&enclosure, &first, &dynos).map_err(failed)?;
    leave_out(cast, &twin, gaps);
    let mut ports = Ports::default();
    let mut runs = vec![perform(&twin, cast, &mut ports).map_err(failed)?];
    for snapshot in snapshots {
        if cast.flows.iter().all(Ports::suffice) {
            twin.rebuild(&snapshot).map_err(failed)?;
        } else {
            drop(twin);
            twin = Twin::build(&enclosure, &snapshot, &dynos).map_err(failed)?;
        }
        runs.push(perform(&twin, cast, &mut ports).map_err(failed)?);
    }
    Ok(runs)
}

/// Leaves out the flows of hosts that the twin does not have.
fn leave_out(cast: &mut Cast, twin: &Twin<'_>, gaps: &mut Vec<Gap>) {
    let standing: std::collections::BTreeSet<&Host> = twin.hosts().map(|(host, _)| host).collect();
    let missing: Vec<String> =
        cast.hosts().iter().filter(|host| !standing.contains(host)).map(ToString::to_string).collect();
    if missing.is_empty() {
        return;
    }
    let stands = |host: Option<&Host>| host.is_some_and(|host| standing.contains(host));
    let (senders, receivers) = (&cast.senders, &cast.receivers);
    cast.flows.retain(|flow| {
        let receiver = receivers.get(flow.receiver).map(|receiver| &receiver.host);
        stands(senders.get(flow.sender).map(|sender| &sender.host)) && stands(receiver)
    });
    gaps.push(scope(
        format!(
            "{} hosts ({}, …)",
            missing.len(),
            missing.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
        ),
        "the twin has no place for them".to_string(),
        "what becomes of their packets",
    ));
}

/// Every connection under way, and every port that is listened on, holds a descriptor. Where no more are to be
/// had, the laboratory says so when it runs out.
fn more_descriptors() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}
