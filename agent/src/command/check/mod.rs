//! `peerscope check`: every rule of a peering with a Private Space, held against a snapshot.

mod junit;

use std::time::Instant;

use peerscope_analysis::check::{Check, CheckCase, CheckTarget, Outcome, check};
use peerscope_analysis::flow::{Family, PortRange};
use peerscope_analysis::topology::Topology;

use crate::case::{Known, documented_addresses, known_now, linux_source_ports, places_of, unknown_name};
use crate::cli::{CheckArgs, CheckFormat};
use crate::clock;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json, write_file};
use crate::page;
use crate::target::{Host, TargetUrl};
use crate::text::{Style, check_text};

/// The suffix of the domain that every app has: what it stands for is no matter of the snapshot's.
const APP_DOMAIN: &str = ".herokuapp.com";

/// Checks.
pub(crate) fn run(arguments: &CheckArgs, style: &Style) -> Result<Status, Failure> {
    let (started, at) = (Instant::now(), clock::now());
    let targets: Vec<TargetUrl> = arguments
        .target
        .iter()
        .map(|text| TargetUrl::parse(text))
        .collect::<Result<_, _>>()
        .map_err(Failure::usage)?;
    if arguments.snapshot.is_empty() && !arguments.live.live {
        return Err(Failure::usage("check: expected --snapshot PATH, the documents to check, or --live"));
    }
    let known = known_now(&arguments.snapshot, &arguments.live, at, started, arguments.deadline)?;
    let Known { documents, topology, snapshot, gaps, .. } = known;
    let (Some(documents), Some(topology)) = (documents, topology) else {
        let unread = gaps.last().map(|gap| gap.reason.clone()).unwrap_or_default();
        return Err(Failure::usage(format!("--live: {unread}")));
    };
    let targets = targets.iter().map(|target| checked(target, &topology)).collect::<Result<_, _>>()?;
    let check = check(&CheckCase {
        version: env!("CARGO_PKG_VERSION").to_string(),
        at,
        documents: &documents,
        topology: &topology,
        snapshot,
        targets,
        source_ports: arguments.source_ports.unwrap_or_else(linux_source_ports),
        gaps,
    });
    if let Some(file) = &arguments.junit {
        write_file(file, &junit::junit(&check))?;
    }
    match arguments.format {
        CheckFormat::Text => print(&check_text(&check, arguments.verbose, style))?,
        CheckFormat::Json => print_json(&check)?,
        CheckFormat::Markdown => print(&page::check_markdown(&check))?,
    }
    Ok(Status::from(&check))
}

impl From<&Check> for Status {
    fn from(check: &Check) -> Self {
        match check.outcome() {
            Outcome::Kept => Self::Good,
            Outcome::Violated => Self::Bad,
            Outcome::Unchecked => Self::Undetermined,
        }
    }
}

/// A target as the rules are applied to it.
///
/// # Errors
/// Where the documents do not know it.
pub(crate) fn checked(target: &TargetUrl, topology: &Topology) -> Result<CheckTarget, Failure> {
    let name = match &target.host {
        Host::Name(name) => Some(name.clone()),
        _ => None,
    };
    let known = documented_addresses(target, Some(topology))
        .map_err(|error| Failure::usage(format!("--target: {error}")))?;
    let is_app = || name.as_ref().is_some_and(|name| name.to_ascii_lowercase().ends_with(APP_DOMAIN));
    let addresses = match known {
        Some(addresses) => addresses,
        None if is_app() => Vec::new(),
        None => {
            let unknown = unknown_name(&target.host, Some(topology));
            return Err(Failure::usage(format!(
                "--target: {unknown}; check asks no DNS, so give its address"
            )));
        }
    };
    let places = places_of(&target.host, topology).unwrap_or_default();
    let network =
        |address| places.iter().find(|(known, _)| *known == address).and_then(|(_, network)| network.clone());
    let ipv6 = addresses.first().is_some_and(|address| address.is_ipv6());
    let family = if ipv6 { Family::V6 } else { Family::V4 };
    Ok(CheckTarget {
        input: target.shown(),
        name,
        addresses: addresses.into_iter().map(|address| (address, network(address))).collect(),
        protocol: target.scheme.protocol_number(ipv6),
        ports: target.port.map_or(PortRange::echo_request(family), PortRange::single),
    })
}
