//! From arguments and documents to the case that is diagnosed.

mod standing;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use jiff::Timestamp;
use peerscope_analysis::diagnose::{Baseline, Case, Lookup, Priors, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::reach::pair_networks;
use peerscope_analysis::report::{Gap, GapKind, SnapshotReport, Target, Vantage, VantageKind};
use peerscope_analysis::topology::{NetworkId, NetworkInterface, Topology};
use peerscope_document::Snapshot;
use peerscope_probes::{EchoSockets, echo_permitted};
use peerscope_vocabulary::Handshake;

use crate::cli::{CaseArgs, LiveArgs};
use crate::collect::{NotRead, Wanted, credentials_seen, merge, read_accounts, report_gap};
use crate::dyno::Dyno;
use crate::escape::escape;
use crate::exit::Failure;
use crate::priors_file;
use crate::snapshot::{self, Loaded, Note};
use crate::target::{Host, TargetUrl, is_aws_id};

/// The client's ports where a case does not say: Linux's default range, which dynos have.
pub(crate) fn linux_source_ports() -> PortRange {
    PortRange::new(32768, 60999).unwrap_or(PortRange::ALL)
}

/// What is known before the first packet, from documents.
#[derive(Default)]
pub(crate) struct Known {
    /// The documents themselves.
    pub(crate) documents: Option<Snapshot>,
    /// What was configured earlier, where that was given.
    pub(crate) baseline: Option<Baseline>,
    /// How likely each cause of a silence is, where that was given.
    pub(crate) priors: Priors,
    /// The topology, where a snapshot was given.
    pub(crate) topology: Option<Topology>,
    /// The snapshot's own data.
    pub(crate) snapshot: Option<SnapshotReport>,
    /// What was passed over.
    pub(crate) gaps: Vec<Gap>,
}

/// Reads the snapshots that the arguments name, and with `--live` the accounts, in no longer than `within` after
/// `started`. What cannot be read there is a gap: probes still tell something.
///
/// # Errors
/// Every path that cannot be read and every document that cannot be parsed.
pub(crate) fn known_now(
    paths: &[PathBuf],
    arguments: &LiveArgs,
    at: Timestamp,
    started: Instant,
    within: Duration,
) -> Result<Known, Failure> {
    // What was given wrongly is said before anybody is asked.
    let loaded = loaded(paths)?;
    let mut gaps = Vec::new();
    let live = if arguments.live {
        let wanted = Wanted { accounts: &arguments.accounts, only: None, started, deadline: within, at };
        let mut live = read_accounts(wanted);
        gaps.extend(live.unread().map(NotRead::gap));
        live.snapshot()
    } else {
        gaps.extend(credentials_seen());
        None
    };
    let loaded = match (live, loaded) {
        (Some(live), Some(Loaded { snapshot, notes })) => {
            Some(Loaded { snapshot: merge(live, snapshot), notes })
        }
        (Some(snapshot), None) => Some(Loaded { snapshot, notes: Vec::new() }),
        (None, loaded) => loaded,
    };
    let mut known = loaded.map_or_else(Known::default, |loaded| Known::from_documents(loaded, at));
    known.gaps.extend(gaps);
    Ok(known)
}

/// Reads the snapshots that the arguments name.
///
/// # Errors
/// As [`known_now`].
pub(crate) fn known(arguments: &CaseArgs, at: Timestamp) -> Result<Known, Failure> {
    Ok(loaded(&arguments.snapshot)?.map_or_else(Known::default, |loaded| Known::from_documents(loaded, at)))
}

fn loaded(paths: &[PathBuf]) -> Result<Option<Loaded>, Failure> {
    if paths.is_empty() {
        return Ok(None);
    }
    snapshot::load(paths).map(Some).map_err(Failure::Input)
}

/// Reads snapshots.
///
/// # Errors
/// As [`known_now`].
pub(crate) fn known_of(paths: &[PathBuf], at: Timestamp) -> Result<Known, Failure> {
    Ok(Known::from_documents(snapshot::load(paths).map_err(Failure::Input)?, at))
}

/// What was configured earlier, from the snapshots of `--baseline`.
///
/// # Errors
/// As [`known`].
pub(crate) fn baseline(paths: &[PathBuf]) -> Result<Option<Baseline>, Failure> {
    if paths.is_empty() {
        return Ok(None);
    }
    let loaded = snapshot::load(paths).map_err(Failure::Input)?;
    Ok(Some(Topology::from(&loaded.snapshot).into()))
}

/// How likely each cause of a silence is, by the file of `--priors`, else by peerscope's own judgement.
///
/// # Errors
/// Everything that is wrong with the file.
pub(crate) fn priors(file: Option<&Path>) -> Result<Priors, Failure> {
    file.map_or_else(|| Ok(Priors::default()), priors_file::read)
}

impl Known {
    /// What loaded documents tell.
    pub(crate) fn from_documents(loaded: Loaded, at: Timestamp) -> Self {
        let unread = loaded.snapshot.manifest.iter().flat_map(|manifest| &manifest.gaps);
        Self {
            topology: Some(Topology::from(&loaded.snapshot)),
            snapshot: Some(snapshot_report(&loaded.snapshot, at)),
            gaps: unread.map(report_gap).chain(loaded.notes.iter().map(gap)).collect(),
            documents: Some(loaded.snapshot),
            baseline: None,
            priors: Priors::default(),
        }
    }

    /// The same with other documents in place of those it has.
    fn with_documents(self, documents: Snapshot, at: Timestamp) -> Self {
        Self {
            topology: Some(Topology::from(&documents)),
            snapshot: Some(snapshot_report(&documents, at)),
            documents: Some(documents),
            ..self
        }
    }

    /// What saved documents tell.
    pub(crate) fn from_saved(snapshot: Snapshot, at: Timestamp) -> Self {
        Self::from_documents(Loaded { snapshot, notes: Vec::new() }, at)
    }
}

fn gap(note: &Note) -> Gap {
    let file = note.file.to_string_lossy();
    Gap {
        kind: GapKind::Document,
        what: format!("{} in {file}", note.what),
        reason: note.reason.clone(),
        would_tell: note.would_tell.to_string(),
    }
}

fn snapshot_report(snapshot: &Snapshot, at: Timestamp) -> SnapshotReport {
    let taken: Option<Timestamp> = snapshot.manifest.as_ref().and_then(|manifest| manifest.at.parse().ok());
    SnapshotReport {
        at: taken.map(|taken| taken.to_string()),
        age_seconds: taken.map(|taken| at.duration_since(taken).as_secs()),
        sources: snapshot.sources.clone(),
    }
}

/// The addresses of a target that documents or its own text give; `None` for a name that only the DNS
/// can know.
///
/// # Errors
/// Where an AWS id is not in the snapshot, in one line.
pub(crate) fn documented_addresses(
    target: &TargetUrl,
    topology: Option<&Topology>,
) -> Result<Option<Vec<IpAddr>>, String> {
    let addresses = |host: &Host| -> Option<Vec<IpAddr>> {
        let places = places_of(host, topology?)?;
        (!places.is_empty()).then(|| places.into_iter().map(|(address, _)| address).collect())
    };
    match &target.host {
        Host::Address(address) => Ok(Some(vec![*address])),
        Host::AwsId(id) => addresses(&target.host).map(Some).ok_or_else(|| unknown_id(id)),
        Host::Name(_) => Ok(addresses(&target.host)),
    }
}

fn unknown_id(id: &str) -> String {
    format!("{id} is not in the snapshot; expected the id of an instance or network interface that is")
}

/// The interfaces of an instance, or the one of an interface's id.
fn interfaces_of<'a>(id: &str, topology: &'a Topology) -> Option<Vec<&'a NetworkInterface>> {
    let found = match topology.interfaces().find(|(known, _)| known.as_str() == id) {
        Some((_, interface)) => vec![interface],
        None => {
            let (_, instance) = topology.instances().find(|(known, _)| known.as_str() == id)?;
            instance.interfaces.iter().filter_map(|one| topology.interface(one)).collect()
        }
    };
    Some(found)
}

/// What the snapshot knows a host by its id or name: every address of it, since like a name's all of them are
/// diagnosed, and the network that each lies in. `None` for an address, and for what is not known.
pub(crate) fn places_of(host: &Host, topology: &Topology) -> Option<Vec<(IpAddr, Option<NetworkId>)>> {
    let of = |interfaces: Vec<&NetworkInterface>| {
        let places = interfaces.into_iter().flat_map(|one| {
            let network = one.vpc.clone().map(NetworkId::Vpc);
            one.addresses.iter().map(move |address| (*address, network.clone()))
        });
        places.collect()
    };
    match host {
        Host::Address(_) => None,
        Host::AwsId(id) => interfaces_of(id, topology).map(of),
        Host::Name(name) => match &interfaces_named(name, topology)[..] {
            [interface] => Some(of(vec![interface])),
            // A name that several have says nothing.
            [_, _, ..] => None,
            [] => {
                let mut dynos = topology.space().into_iter().flat_map(|space| &space.dynos);
                let dyno = dynos.find(|dyno| dyno.hostname.as_deref() == Some(name));
                let of_dyno = dyno.map(|dyno| vec![(dyno.address, Some(NetworkId::Space))]);
                let of_service = || {
                    let (service, known) = topology.service_named(name)?;
                    Some(known.places(topology, service.vpc.as_ref()))
                };
                of_dyno.or_else(of_service)
            }
        },
    }
}

/// The interfaces that have a name as their `Name`.
fn interfaces_named<'a>(name: &str, topology: &'a Topology) -> Vec<&'a NetworkInterface> {
    let named = |interface: &&NetworkInterface| interface.ownership.name.as_deref() == Some(name);
    topology.interfaces().map(|(_, interface)| interface).filter(named).collect()
}

/// The addresses that an instance or interface calls from, and the VPC that they are in: of an instance
/// with interfaces in several VPCs, those in its primary interface's.
fn callers_of(id: &str, topology: Option<&Topology>) -> Option<(Vec<IpAddr>, Option<NetworkId>)> {
    let interfaces = interfaces_of(id, topology?)?;
    let vpc = interfaces.first()?.vpc.as_ref();
    let own = interfaces.iter().filter(|one| one.vpc.as_ref() == vpc);
    let addresses: Vec<IpAddr> = own.flat_map(|one| &one.addresses).copied().collect();
    (!addresses.is_empty()).then(|| (addresses, vpc.cloned().map(NetworkId::Vpc)))
}

/// The source of a case.
///
/// # Errors
/// Where SOURCE cannot be read, or names what is not in the snapshot or not here: the text and what was
/// expected of it, to be put after the place that it was written in.
pub(crate) fn source(
    text: &str,
    topology: Option<&Topology>,
    dyno: Option<&Dyno>,
    source_ports: PortRange,
) -> Result<SourceSpec, String> {
    let spec = |ranges: Vec<AddressRange>, network: Option<NetworkId>| SourceSpec {
        input: text.to_string(),
        ranges,
        network,
        source_ports,
    };
    match text {
        "space" => {
            let space = topology.and_then(Topology::space);
            let space = space.ok_or_else(|| {
                "space: expected a snapshot with Heroku's documents of the space (peering-info)".to_string()
            })?;
            let blocks = if space.dyno_blocks.is_empty() {
                space.cidr.into_iter().collect()
            } else {
                space.dyno_blocks.clone()
            };
            if blocks.is_empty() {
                return Err(
                    "space: expected the space's peering-info in the snapshot, which lists its blocks"
                        .to_string(),
                );
            }
            Ok(spec(blocks.into_iter().map(AddressRange::from).collect(), Some(NetworkId::Space)))
        }
        "dyno" => {
            let address = dyno.and_then(|dyno| dyno.private_address);
            let address = address.ok_or_else(|| {
                "dyno: expected to run in a dyno of a Private Space (HEROKU_PRIVATE_IP is not set)"
                    .to_string()
            })?;
            Ok(spec(vec![AddressRange::from(address)], Some(NetworkId::Space)))
        }
        id if is_aws_id(id) => {
            let (addresses, network) = callers_of(id, topology).ok_or_else(|| unknown_id(id))?;
            Ok(spec(addresses.into_iter().map(AddressRange::from).collect(), network))
        }
        other => {
            let range = match other.parse::<IpAddr>() {
                Ok(address) => Some(AddressRange::from(address)),
                Err(_) => other.parse::<IpNet>().ok().map(|network| AddressRange::from(network.trunc())),
            };
            let range = range.ok_or_else(|| {
                let shown: String = escape(other).chars().take(48).collect();
                format!("{shown:?}: expected an address, a CIDR, i-…, eni-…, space or dyno")
            })?;
            Ok(spec(vec![range], None))
        }
    }
}

/// Where this process stands, `address` being its address towards the target.
pub(crate) fn vantage(
    dyno: Option<&Dyno>,
    topology: Option<&Topology>,
    address: Option<IpAddr>,
    target: Option<IpAddr>,
) -> Vantage {
    let kind = match (dyno, topology, address) {
        (Some(_), _, _) => VantageKind::Dyno,
        (None, Some(topology), Some(address)) => {
            let networks = topology.networks_of(address);
            let pair = target.and_then(|target| pair_networks(topology, &networks, address, target));
            let chosen = pair.map(|(source, _)| source).or_else(|| networks.first().cloned());
            match chosen {
                None => VantageKind::Outside,
                Some(network) if topology.interface_in(&network, address).is_some() => VantageKind::VpcHost,
                Some(_) => VantageKind::Unknown,
            }
        }
        _ => VantageKind::Unknown,
    };
    Vantage { kind, address }
}

/// What a target's host stands for.
pub(crate) struct Resolved {
    /// Its addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// What the DNS said, where it was asked.
    pub(crate) lookup: Option<Lookup>,
}

impl From<Vec<IpAddr>> for Resolved {
    /// Addresses that the DNS was not asked for.
    fn from(addresses: Vec<IpAddr>) -> Self {
        Self { addresses, lookup: None }
    }
}

/// Why nothing is said of a target in the other family than the source's.
fn other_family(target: IpAddr, source: &SourceSpec) -> Gap {
    let (own, other) = if target.is_ipv6() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
    let reason = match source.network {
        Some(NetworkId::Space) => {
            format!("Heroku's documents give a space {own} blocks alone, and nothing of {other} in it")
        }
        _ => format!("{} is {own} alone", escape(&source.input)),
    };
    Gap {
        kind: GapKind::Scope,
        what: format!("the source's {other} address towards {target}"),
        reason,
        would_tell: format!("whether the source has a way to {other} at all"),
    }
}

/// What is to be given where the snapshot has no address for a name.
pub(crate) fn unknown_name(host: &Host, topology: Option<&Topology>) -> String {
    let service = match host {
        Host::Name(name) => topology.and_then(|topology| topology.service_named(name)),
        _ => None,
    };
    match service {
        Some(_) => format!(
            "the snapshot knows {host}, and none of its interfaces (aws ec2 describe-network-interfaces tells of them)"
        ),
        None => format!("the snapshot knows no host {host}"),
    }
}

/// What a diagnosis speaks once connected. A MySQL is left at its greeting: that counts as much towards its block as
/// the bare connect in whose place it stands, and leaves no denied login in its log.
fn handshake(target: &TargetUrl, address: Option<&IpAddr>) -> Option<Handshake> {
    let handshake = Handshake { login: false, ..target.handshake()? };
    match (&target.host, address) {
        // Servers know nothing of AWS's ids.
        (Host::AwsId(_), Some(address)) => Some(Handshake { host: address.to_string(), ..handshake }),
        _ => Some(handshake),
    }
}

/// A case, less what differs between commands.
pub(crate) fn case(
    target: &TargetUrl,
    resolved: Resolved,
    source: SourceSpec,
    vantage: Vantage,
    known: Known,
    probing: bool,
    deadline: Duration,
) -> Case {
    let Resolved { mut addresses, lookup } = resolved;
    let mut known = known;
    let speaks =
        |address: &IpAddr| source.ranges.iter().any(|range| range.first().is_ipv4() == address.is_ipv4());
    if addresses.iter().any(speaks) {
        addresses.retain(speaks);
    } else if let (Some(address), false) = (addresses.first(), source.ranges.is_empty()) {
        known.gaps.push(other_family(*address, &source));
    }
    let aliases = lookup.iter().flat_map(Lookup::aliases).map(|name| Host::Name(name.to_string()));
    let names: Vec<Host> = [target.host.clone()].into_iter().chain(aliases).collect();
    let of_name = |topology: &Topology| names.iter().find_map(|name| places_of(name, topology));
    let places = known.topology.as_ref().and_then(of_name).into_iter().flatten();
    let target_networks = places.filter_map(|(address, network)| Some((address, network?))).collect();
    let ipv6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let handshake = handshake(target, addresses.first());
    Case {
        version: env!("CARGO_PKG_VERSION").to_string(),
        target: Target {
            input: target.shown(),
            protocol: target.scheme.protocol(),
            host: target.host.to_string(),
            addresses,
            port: target.port,
        },
        lookup,
        protocol: target.scheme.protocol_number(ipv6),
        source,
        vantage,
        target_networks,
        topology: known.topology,
        baseline: known.baseline,
        snapshot: known.snapshot,
        gaps: known.gaps,
        probing,
        echo: probing && echo_permitted(EchoSockets::PingElseRaw).is_ok(),
        mysql: target.is_mysql(),
        handshake,
        thorough: false,
        explore: false,
        deadline,
        priors: known.priors,
        standing: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
