//! Which paths a change broke, opened, or left blocked by something else.
//!
//! Between two snapshots of ten thousand interfaces nearly everything is as it was. So both matrices are made, which
//! cost little, and only where their rows differ [`reach`] is asked of both: exactly which sources and ports fare
//! otherwise, and what decides.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::id::NetworkInterfaceId;

use crate::cause::CauseCode;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use crate::matrix::{Blame, Matrix, MatrixQuery, matrix};
use crate::reach::{Answer, Blocker, Direction, reach};
use crate::report::{AffectedPart, Affects, Verdict};
use crate::topology::{ComponentId, NetworkId, Topology};

/// TCP's and UDP's numbers: other protocols have no ports.
const WITH_PORTS: [u8; 2] = [6, 17];

/// A path that fares otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// The network of the sources.
    pub source_network: NetworkId,
    /// The sources that fare otherwise, as the fewest CIDR blocks.
    pub sources: Vec<IpNet>,
    /// The network of the target.
    pub target_network: NetworkId,
    /// The interface that has the target's address, now or before.
    pub interface: Option<NetworkInterfaceId>,
    /// The target's address.
    pub address: IpAddr,
    /// The IP protocol number.
    pub protocol: u8,
    /// The ports; empty for protocols without.
    pub ports: Vec<PortRange>,
    /// From which ports of the client: all that were asked for, or fewer.
    pub source_ports: Vec<PortRange>,
    /// What was so.
    pub before: Verdict,
    /// What is so.
    pub after: Verdict,
    /// What decides: of what is blocked now, what blocks it; of what is open now, what blocked it. Where it is blocked
    /// before and after, what blocks it that did not, or else what blocked it that does no more.
    pub because: Vec<Decisive>,
}

/// Something that decides about a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decisive {
    /// What it is about.
    pub component: ComponentId,
    /// By what it stops packets, or stopped them.
    pub code: CauseCode,
    /// Which way they travel.
    pub direction: Option<Direction>,
    /// Whether it stops them now.
    pub stands: bool,
}

/// Every path that fares otherwise, by networks, address and protocol. `query` says which paths are of interest.
#[must_use]
pub fn path_changes(before: &Topology, after: &Topology, query: &MatrixQuery) -> Vec<PathChange> {
    let (old, new) = (matrix(before, query), matrix(after, query));
    let (old_rows, new_rows) = (rows(&old), rows(&new));
    let keys: BTreeSet<&Key<'_>> = old_rows.keys().chain(new_rows.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let pair = [old_rows.get(key), new_rows.get(key)];
        if pair[0] == pair[1] {
            continue;
        }
        // What a snapshot tells nothing of has not changed: that it is told of once alone is the caller's to say.
        let is_known =
            |topology: &Topology| [key.source, key.target].iter().all(|network| knows(topology, network));
        if !is_known(before) || !is_known(after) {
            continue;
        }
        let ports =
            pair.iter().flatten().flat_map(|rows| rows.iter()).flat_map(|row| row.ports.iter().copied());
        let comparison = Comparison { before, after, key, query };
        found.extend(comparison.changes(ports.collect()));
    }
    found
}

/// Whether a topology tells of a network.
fn knows(topology: &Topology, network: &NetworkId) -> bool {
    match network {
        NetworkId::Vpc(vpc) => topology.vpc(vpc).is_some_and(|vpc| vpc.documented),
        NetworkId::Space | NetworkId::SpaceData => topology.space().is_some(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'m> {
    source: &'m NetworkId,
    target: &'m NetworkId,
    address: IpAddr,
    protocol: u8,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row<'m> {
    ports: &'m [PortRange],
    sources: &'m [IpNet],
    blames: &'m [Blame],
}

/// The rows of each target, of each protocol and network that calls it.
fn rows(matrix: &Matrix) -> BTreeMap<Key<'_>, Vec<Row<'_>>> {
    let mut found: BTreeMap<Key<'_>, Vec<Row<'_>>> = BTreeMap::new();
    for entry in matrix.entries() {
        for target in &entry.targets {
            let key = Key {
                source: entry.source_network,
                target: entry.target_network,
                address: target.address,
                protocol: entry.protocol,
            };
            let row = Row { ports: entry.ports, sources: entry.sources, blames: entry.causes };
            found.entry(key).or_default().push(row);
        }
    }
    for rows in found.values_mut() {
        rows.sort_unstable();
    }
    found
}

/// One target, called from one network by one protocol, before and after.
struct Comparison<'a> {
    before: &'a Topology,
    after: &'a Topology,
    key: &'a Key<'a>,
    query: &'a MatrixQuery,
}

impl Comparison<'_> {
    fn changes(&self, ports: Vec<PortRange>) -> Vec<PathChange> {
        let asked = self.asked(ports);
        let [old, new] = [self.before, self.after].map(|topology| self.answer(topology, &asked));
        let (was, is) = (old.opening(), new.opening());
        let parts = |opening: crate::reach::Opening| {
            [
                (Verdict::Reachable, opening.admitted),
                (Verdict::Blocked, opening.blocked),
                (Verdict::Undetermined, opening.unknown),
            ]
        };
        let (was, is) = (parts(was), parts(is));
        let mut found = Vec::new();
        for (before, then) in &was {
            for (after, now) in &is {
                let common = then.intersection(now);
                if common.is_empty() {
                    continue;
                }
                let deciding = match (before, after) {
                    (Verdict::Blocked, Verdict::Blocked) => moved(&old, &new),
                    (before, after) if before == after => continue,
                    _ => deciding(&old, &new, *after),
                };
                for (flows, because) in divided(&common, &deciding) {
                    // What is blocked as before by all that blocks it has not changed.
                    if before != after || !because.is_empty() {
                        found.extend(self.change(&flows, [*before, *after], &because));
                    }
                }
            }
        }
        found
    }

    /// Everything that was or is asked: what calls may come from either network of the two times.
    fn asked(&self, ports: Vec<PortRange>) -> Flows {
        let mut sources: Vec<IpNet> = [self.before, self.after]
            .into_iter()
            .flat_map(|topology| senders(topology, self.key.source))
            .collect();
        sources.sort_unstable();
        sources.dedup();
        let sources = IpNet::aggregate(&sources);
        let destination = AddressRange::from(self.key.address);
        let has_ports = WITH_PORTS.contains(&self.key.protocol);
        let ports = match has_ports {
            true => PortRange::merged(ports),
            false => Vec::from([PortRange::echo_request(destination.family())]),
        };
        let source_ports = if has_ports { self.query.source_ports } else { PortRange::ALL };
        let of_family = sources
            .into_iter()
            .map(AddressRange::from)
            .filter(|range| range.family() == destination.family());
        let boxes = of_family.flat_map(|source| {
            ports.iter().map(move |ports| FlowBox {
                source,
                destination,
                protocol: ProtocolRange::single(self.key.protocol),
                source_ports,
                ports: *ports,
            })
        });
        boxes.collect()
    }

    fn answer(&self, topology: &Topology, flows: &Flows) -> Answer {
        reach(topology, self.key.source, self.key.target, flows)
    }

    /// Flows of which the same is so, one change for each product of sources and ports.
    fn change(&self, flows: &Flows, [before, after]: [Verdict; 2], because: &[Decisive]) -> Vec<PathChange> {
        let interface = [self.after, self.before]
            .into_iter()
            .find_map(|topology| topology.interface_in(self.key.target, self.key.address));
        let has_ports = WITH_PORTS.contains(&self.key.protocol);
        let of_part = |part: AffectedPart| PathChange {
            source_network: self.key.source.clone(),
            sources: part.sources,
            target_network: self.key.target.clone(),
            interface: interface.cloned(),
            address: self.key.address,
            protocol: self.key.protocol,
            ports: if has_ports { part.ports } else { Vec::new() },
            source_ports: if has_ports { part.source_ports } else { Vec::new() },
            before,
            after,
            because: because.to_vec(),
        };
        Affects::from(flows).parts.into_iter().map(of_part).collect()
    }
}

/// Who calls from a network: its dynos, or whatever is in it.
fn senders(topology: &Topology, network: &NetworkId) -> Vec<IpNet> {
    match (network, topology.space()) {
        (NetworkId::Space, Some(space)) if !space.dyno_blocks.is_empty() => space.dyno_blocks.clone(),
        _ => topology.blocks_of(network),
    }
}

/// What decides about flows that fare otherwise, each with the flows that it decides about.
fn deciding(old: &Answer, new: &Answer, after: Verdict) -> Vec<(Flows, Decisive)> {
    let all = |blockers: Vec<Blocker<'_>>, stands: bool| -> Vec<(Flows, Decisive)> {
        blockers.into_iter().map(|blocker| (blocker.flows.clone(), decides(&blocker, stands))).collect()
    };
    match after {
        Verdict::Reachable => [all(old.blockers(), false), all(old.unknowns(), false)].concat(),
        Verdict::Undetermined => all(new.unknowns(), true),
        Verdict::Blocked | Verdict::Impaired => all(new.blockers(), true),
    }
}

/// Of flows that are blocked before and after what blocks them that did not, and what blocked them that does no more.
fn moved(old: &Answer, new: &Answer) -> Vec<(Flows, Decisive)> {
    let (old, new) = (old.blockers(), new.blockers());
    let mut found = Vec::new();
    for (ones, others, stands) in [(&new, &old, true), (&old, &new, false)] {
        for one in ones {
            let own = decides(one, stands);
            let rest = match others.iter().find(|other| decides(other, stands) == own) {
                Some(other) => one.flows.difference(&other.flows),
                None => one.flows.clone(),
            };
            found.push((rest, own));
        }
    }
    found
}

/// The flows, divided by what decides about each.
fn divided(flows: &Flows, deciding: &[(Flows, Decisive)]) -> Vec<(Flows, Vec<Decisive>)> {
    let mut parts = Vec::from([(flows.clone(), Vec::new())]);
    for (decided, by) in deciding {
        let mut finer = Vec::new();
        for (part, so_far) in parts {
            let (inside, outside) = (part.intersection(decided), part.difference(decided));
            if !inside.is_empty() {
                finer.push((inside, [so_far.as_slice(), core::slice::from_ref(by)].concat()));
            }
            if !outside.is_empty() {
                finer.push((outside, so_far));
            }
        }
        parts = finer;
    }
    let mut merged: Vec<(Flows, Vec<Decisive>)> = Vec::new();
    for (flows, by) in parts {
        match merged.iter_mut().find(|(_, known)| *known == by) {
            Some((whole, _)) => *whole = whole.union(&flows),
            None => merged.push((flows, by)),
        }
    }
    merged
}

fn decides(blocker: &Blocker<'_>, stands: bool) -> Decisive {
    Decisive {
        component: blocker.component.clone(),
        code: blocker.code,
        direction: blocker.direction,
        stands,
    }
}
