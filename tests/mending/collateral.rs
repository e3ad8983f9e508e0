//! What a fix lets through beside what was asked, tried in the kernel.
//!
//! Between every dyno and every interface of the VPC, or every interface of two VPCs, both ways, on the
//! target's port and some others. Nobody needs to listen: a reset has passed every gate as well.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use libtest_mimic::Failed;
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, World};
use peerscope_laboratory::{Host, KernelOutcome};
use serde_json::Value;

/// Ports beside the target's own. Some companions of the world's groups and ACLs speak of them.
const PORTS: [u16; 3] = [22, 443, 8001];
/// Long enough for a second SYN where a busy machine lost the time for the first.
const SILENCE: Duration = Duration::from_millis(1600);
/// The ports connected from begin here: within what an ACL lets through in part, and others each time,
/// since a router remembers connections that were dropped.
const FIRST_SOURCE_PORT: u16 = 50_000;
const TCP: u64 = 6;

/// A connection that is tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Probe {
    from: Host,
    source: IpAddr,
    to: Host,
    target: SocketAddr,
}

/// Which connections pass.
pub(crate) struct Reach {
    passes: BTreeMap<Probe, bool>,
}

impl Reach {
    /// Tries every connection once. `round` is another one each time that a twin is measured.
    pub(crate) fn measure(stage: &Stage<'_>, round: u16) -> Result<Self, Failed> {
        let probes = probes(stage)?;
        let outcomes: Vec<Result<(Probe, bool), Failed>> = thread::scope(|scope| {
            let attempts: Vec<_> = probes
                .into_iter()
                .zip(FIRST_SOURCE_PORT + round * 1000..)
                .map(|(probe, port)| scope.spawn(move || attempt(stage, probe, port)))
                .collect();
            attempts.into_iter().map(|it| it.join().map_err(|_| Failed::from("a thread ended"))?).collect()
        });
        Ok(Self { passes: outcomes.into_iter().collect::<Result<_, Failed>>()? })
    }

    /// What opened without having been listed, was listed and did not open, or closed.
    pub(crate) fn differences(&self, after: &Self, listed: &[Opening]) -> Vec<String> {
        let mut wrong = Vec::new();
        for (probe, passed) in &self.passes {
            let passes = after.passes.get(probe).copied().unwrap_or(false);
            let is_listed = listed.iter().any(|opening| opening.holds(probe));
            let what = match (passed, passes, is_listed) {
                (false, true, false) => "opened, and is not in `opens`",
                (false, false, true) => "is in `opens`, and stays closed",
                (true, true, true) => "is in `opens`, and was open before",
                (true, false, _) => "was closed",
                _ => continue,
            };
            wrong
                .push(format!("{} ({}) to {} ({}) {what}", probe.from, probe.source, probe.to, probe.target));
        }
        wrong
    }
}

fn probes(stage: &Stage<'_>) -> Result<Vec<Probe>, Failed> {
    let world = &stage.world;
    let (sources, targets) = (hosts(world, "source.vpc"), hosts(world, "target.vpc"));
    let asked = world.target_address();
    let mut probes = Vec::new();
    let there = sources.iter().flat_map(|from| targets.iter().map(move |to| (from, to)));
    let back = targets.iter().flat_map(|from| sources.iter().map(move |to| (from, to)));
    for ((from, source), (to, address)) in there.chain(back) {
        for port in [asked.port()].into_iter().chain(PORTS) {
            let target = SocketAddr::new(*address, port);
            // What was asked for, which from the space is asked for every dyno.
            let is_asked = target == asked && (world.base() == Base::DynoToVpc || *from == world.source());
            if !is_asked {
                probes.push(Probe { from: from.clone(), source: *source, to: to.clone(), target });
            }
        }
    }
    probes.sort();
    probes.dedup();
    Ok(probes)
}

/// The interfaces of the VPC that has this role; where none has it, the dynos.
fn hosts(world: &World, role: &str) -> Vec<(Host, IpAddr)> {
    let Ok(vpc) = world.role(role) else {
        return world.dynos().into_iter().map(|address| (Host::Dyno(address), address)).collect();
    };
    let all = world.snapshot.aws.iter().flat_map(|it| it.documents.network_interfaces.iter().flatten());
    let interfaces = all.filter(|it| it.vpc_id.as_ref().is_some_and(|known| known.as_str() == vpc.id));
    let addressed = interfaces.filter_map(|it| {
        Some((Host::Interface(it.network_interface_id.clone()), IpAddr::V4(it.private_ip_address?)))
    });
    addressed.collect()
}

fn attempt(stage: &Stage<'_>, probe: Probe, source_port: u16) -> Result<(Probe, bool), Failed> {
    match stage.twin.connect(&probe.from, source_port, probe.target, SILENCE)? {
        KernelOutcome::Connected | KernelOutcome::Refused => Ok((probe, true)),
        KernelOutcome::Silent => Ok((probe, false)),
        other => Err(format!("{probe:?}: {other:?}").into()),
    }
}

/// An entry of `opens`.
pub(crate) struct Opening {
    component: String,
    calls: String,
    protocols: Vec<(u64, u64)>,
    parts: Vec<Part>,
}

struct Part {
    sources: Vec<IpNet>,
    source_ports: Vec<(u64, u64)>,
    destinations: Vec<IpNet>,
    ports: Vec<(u64, u64)>,
}

impl Opening {
    /// Reads the list of a fix.
    pub(crate) fn read(opens: &[Value]) -> Result<Vec<Self>, Failed> {
        let read = |opening: &Value| -> Result<Self, Failed> {
            let parts = opening["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
            Ok(Self {
                component: opening["component"]["id"].as_str().unwrap_or_default().to_owned(),
                calls: opening["calls"].as_str().unwrap_or_default().to_owned(),
                protocols: serde_json::from_value(opening["protocols"].clone())?,
                parts: parts.iter().map(part).collect::<Result<_, Failed>>()?,
            })
        };
        opens.iter().map(read).collect()
    }

    fn holds(&self, probe: &Probe) -> bool {
        let within = |ranges: &[(u64, u64)], value: u64| {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&value))
        };
        let blocks = |blocks: &[IpNet], address: IpAddr| blocks.iter().any(|block| block.contains(&address));
        let end = match self.calls.as_str() {
            "received" => &probe.to,
            "made" => &probe.from,
            _ => return false,
        };
        // Nobody sees Heroku's interfaces: the one that is named is the VPC's.
        let is_component = matches!(end, Host::Interface(id) if self.component == id.as_str());
        is_component
            && within(&self.protocols, TCP)
            && self.parts.iter().any(|part| {
                blocks(&part.sources, probe.source)
                    && blocks(&part.destinations, probe.target.ip())
                    && within(&part.ports, probe.target.port().into())
                    && within(&part.source_ports, FIRST_SOURCE_PORT.into())
            })
    }
}

fn part(part: &Value) -> Result<Part, Failed> {
    Ok(Part {
        sources: serde_json::from_value(part["sources"].clone())?,
        source_ports: serde_json::from_value(part["source_ports"].clone())?,
        destinations: serde_json::from_value(part["destinations"].clone())?,
        ports: serde_json::from_value(part["ports"].clone())?,
    })
}
