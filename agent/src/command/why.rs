//! `peerscope why`: probe, correlate, explain.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use peerscope_analysis::diagnose::{Machine, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{Gap, GapKind};
use peerscope_analysis::topology::NetworkId;
use peerscope_probes::{ephemeral_port_range, source_address};

use crate::case::{Known, case, documented_addresses, known, source, vantage};
use crate::cli::WhyArgs;
use crate::clock;
use crate::drive::drive;
use crate::dyno::Dyno;
use crate::exit::{Failure, Status};
use crate::resolve;
use crate::target::{Host, TargetUrl};
use crate::text::{Style, show};

/// The longest that the DNS is waited for, within the deadline.
const DNS_LIMIT: Duration = Duration::from_secs(5);

/// Diagnoses.
pub(crate) fn run(arguments: &WhyArgs, style: &Style) -> Result<Status, Failure> {
    let (started, at) = (Instant::now(), clock::now());
    let target = TargetUrl::parse(&target_text(arguments)?).map_err(Failure::usage)?;
    let mut known = known(&arguments.case, at)?;
    let addresses = addresses(arguments, &target, &known)?;
    let dyno = Dyno::here();
    let here = addresses.first().and_then(|address| local_address(dyno.as_ref(), *address));
    let vantage = vantage(dyno.as_ref(), known.topology.as_ref(), here, addresses.first().copied());
    let source_ports = arguments.case.source_ports.unwrap_or_else(own_ports);
    let source = match &arguments.case.from {
        Some(from) => source(from, known.topology.as_ref(), dyno.as_ref(), source_ports)?,
        None => SourceSpec {
            input: "this machine".to_string(),
            ranges: own_addresses(dyno.as_ref(), &addresses).into_iter().map(AddressRange::from).collect(),
            network: dyno.as_ref().map(|_| NetworkId::Space),
            source_ports,
        },
    };
    let probing = !arguments.no_probe && target.scheme.protocol() == "tcp";
    if !probing && !arguments.no_probe {
        known.gaps.push(Gap {
            kind: GapKind::Probe,
            what: format!("{} probes", target.scheme.protocol()),
            reason: "this version sends TCP probes only".to_string(),
            would_tell: format!("what really happens to {} packets", target.scheme.protocol()),
        });
    }
    let case = case(&target, addresses, source, vantage, known, probing, arguments.deadline);
    let mut machine = Machine::new(case, fastrand::u64(..));
    drive(&mut machine, started)?;
    let diagnosis = machine.report(started.elapsed(), at);
    show(&diagnosis, arguments.case.format, style)?;
    Ok(Status::from(diagnosis.verdict))
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

/// The addresses to diagnose: pinned, documented, or the DNS's.
fn addresses(arguments: &WhyArgs, target: &TargetUrl, known: &Known) -> Result<Vec<IpAddr>, Failure> {
    if let Some(address) = arguments.resolve {
        return Ok(vec![address]);
    }
    let documented = documented_addresses(target, known.topology.as_ref())?;
    let name = match (&target.host, documented) {
        (Host::Name(name), None) => name,
        (Host::Name(name), Some(_)) if !arguments.no_probe => name,
        (_, Some(addresses)) => return Ok(addresses),
        (_, None) => return Ok(Vec::new()),
    };
    if arguments.no_probe {
        return Err(Failure::usage(format!(
            "TARGET: the snapshot knows no host {name}; --no-probe asks no DNS, so give its address"
        )));
    }
    let limit = DNS_LIMIT.min(arguments.deadline / 2);
    let found = resolve::addresses(name, limit)?;
    let found =
        found.map_err(|reason| Failure::usage(format!("TARGET: {name} has no address here: {reason}")))?;
    // IPv6 counts only where this host has a route.
    let usable: Vec<IpAddr> = found
        .iter()
        .copied()
        .filter(|address| address.is_ipv4() || source_address(*address).is_ok())
        .collect();
    Ok(if usable.is_empty() { found } else { usable })
}

/// This machine's address towards the target: a dyno's own where it can be used, else the kernel's choice.
fn local_address(dyno: Option<&Dyno>, target: IpAddr) -> Option<IpAddr> {
    let private =
        dyno.and_then(|dyno| dyno.private_address).filter(|address| address.is_ipv4() == target.is_ipv4());
    let usable = |address: &IpAddr| std::net::UdpSocket::bind((*address, 0)).is_ok();
    private.filter(usable).or_else(|| source_address(target).ok())
}

/// This machine's address towards each target, without repetition: one of each family at most, as a rule.
fn own_addresses(dyno: Option<&Dyno>, targets: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in targets.iter().filter_map(|target| local_address(dyno, *target)) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn own_ports() -> PortRange {
    let range = ephemeral_port_range();
    PortRange::new(*range.start(), *range.end()).unwrap_or(PortRange::ALL)
}
