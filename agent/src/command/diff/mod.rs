//! `peerscope diff`: what changed between two snapshots, and which paths fare otherwise by it.

mod report;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use peerscope_analysis::change::{PathChange, changes, path_changes};
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::matrix::MatrixQuery;
use peerscope_analysis::topology::Topology;

use crate::case::{Known, documented_addresses, known_of, linux_source_ports};
use crate::cli::{DiffArgs, Format};
use crate::clock;
use crate::command::matrix::network;
use crate::exit::{Failure, Status};
use crate::input_error::InputError;
use crate::output::{print, print_json};
use crate::target::TargetUrl;
use crate::text::{Style, diff_text};

pub(crate) use report::{ChangeReport, DiffReport, PathReport};

/// Compares.
pub(crate) fn run(arguments: &DiffArgs, style: &Style) -> Result<Status, Failure> {
    let at = clock::now();
    let targets: Vec<TargetUrl> = arguments
        .target
        .iter()
        .map(|text| TargetUrl::parse(text))
        .collect::<Result<_, _>>()
        .map_err(Failure::usage)?;
    let (old, new) = both(&arguments.old, &arguments.new, at)?;
    let (before, after) = (old.topology.unwrap_or_default(), new.topology.unwrap_or_default());
    let wanted =
        targets.iter().map(|target| Wanted::of(target, &before, &after)).collect::<Result<Vec<_>, _>>()?;
    let sources = arguments
        .from
        .iter()
        .map(|from| network(from, &after).or_else(|error| network(from, &before).map_err(|_| error)));
    let query = MatrixQuery {
        sources: sources.collect::<Result<_, _>>()?,
        targets: interfaces(&wanted, &before, &after),
        ports: arguments
            .ports
            .iter()
            .copied()
            .chain(wanted.iter().filter_map(|one| one.port).map(PortRange::single))
            .collect(),
        ..MatrixQuery::everything(arguments.source_ports.unwrap_or_else(linux_source_ports))
    };
    let mut paths = path_changes(&before, &after, &query);
    if !wanted.is_empty() {
        paths.retain(|path| wanted.iter().any(|one| one.is_of(path)));
    }
    let report = DiffReport::new(
        (&before, &after),
        (old.snapshot, new.snapshot),
        &changes(&before, &after),
        &paths,
        [old.gaps, new.gaps],
    );
    match arguments.format {
        Format::Text => print(&diff_text(&report, style))?,
        Format::Json => print_json(&report)?,
    }
    Ok(if report.paths.is_empty() { Status::Good } else { Status::Bad })
}

/// Both snapshots; everything that is wrong with either is said in one run.
fn both(old: &Path, new: &Path, at: jiff::Timestamp) -> Result<(Known, Known), Failure> {
    let read = |path: &Path| known_of(&[path.to_path_buf()], at);
    match (read(old), read(new)) {
        (Ok(old), Ok(new)) => Ok((old, new)),
        (Err(Failure::Input(one)), Err(Failure::Input(other))) => {
            let all: Vec<InputError> = one.into_iter().chain(other).collect();
            Err(Failure::Input(all))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// What `--target` narrows the paths to.
struct Wanted {
    addresses: BTreeSet<IpAddr>,
    protocol: u8,
    port: Option<u16>,
}

impl Wanted {
    fn of(target: &TargetUrl, before: &Topology, after: &Topology) -> Result<Self, Failure> {
        let known = |topology: &Topology| documented_addresses(target, Some(topology)).ok().flatten();
        let addresses: BTreeSet<IpAddr> = [before, after].into_iter().filter_map(known).flatten().collect();
        let Some(first) = addresses.first() else {
            return Err(Failure::usage(format!(
                "--target: neither snapshot knows the host {}; diff asks no DNS, so give its address",
                target.host
            )));
        };
        let protocol = target.scheme.protocol_number(first.is_ipv6());
        Ok(Self { addresses, protocol, port: target.port })
    }

    fn is_of(&self, path: &PathChange) -> bool {
        let is_port = self.port.is_none_or(|port| path.ports.iter().any(|ports| ports.contains(port)));
        self.addresses.contains(&path.address) && path.protocol == self.protocol && is_port
    }
}

/// The interfaces that have the addresses, before or after.
fn interfaces(
    wanted: &[Wanted],
    before: &Topology,
    after: &Topology,
) -> Vec<peerscope_document::id::NetworkInterfaceId> {
    let addresses = wanted.iter().flat_map(|one| one.addresses.iter().copied());
    let owners =
        addresses.flat_map(|address| [before, after].map(|topology| topology.interfaces_at(address)));
    let mut found: Vec<_> = owners.flatten().cloned().collect();
    found.sort_unstable();
    found.dedup();
    found
}
