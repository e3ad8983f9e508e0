//! The matrix against single questions: what an entry says of its sources, targets and ports is what
//! `reach` says of each of them, and every question has one entry.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use fastrand::Rng;
use ipnet::IpNet;
use peerscope_analysis::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::matrix::{Entry, MatrixQuery, matrix};
use peerscope_analysis::reach::{Answer, reach};
use peerscope_analysis::report::Verdict;
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_organisation::{Size, organisation};

fn client() -> PortRange {
    PortRange::new(32768, 60999).unwrap()
}

fn size() -> Size {
    Size { interfaces: 90, groups: 24, rules: 12, vpcs: 4, peerings: 6 }
}

/// One port of one interface, asked from one address.
fn ask(topology: &Topology, entry: &Entry<'_>, source: IpAddr, target: IpAddr, port: u16) -> Answer {
    let has_ports = !entry.ports.is_empty();
    let flows = FlowBox {
        source: AddressRange::from(source),
        destination: AddressRange::from(target),
        protocol: ProtocolRange::single(entry.protocol),
        source_ports: if has_ports { client() } else { PortRange::ALL },
        ports: if has_ports { PortRange::single(port) } else { PortRange::icmp(8, Some(0)) },
    };
    reach(topology, entry.source_network, entry.target_network, &Flows::from(flows))
}

fn verdict(answer: &Answer) -> Verdict {
    let opening = answer.opening();
    let is = |flows: &Flows| !flows.is_empty();
    match (is(&opening.admitted), is(&opening.blocked), is(&opening.unknown)) {
        (_, false, false) => Verdict::Reachable,
        (false, true, false) => Verdict::Blocked,
        (true, true, _) => Verdict::Impaired,
        _ => Verdict::Undetermined,
    }
}

fn codes(answer: &Answer) -> BTreeSet<String> {
    let blockers = answer.blockers().into_iter().chain(answer.unknowns());
    blockers.map(|one| format!("{} {:?}", one.code.name(), one.direction)).collect()
}

fn addresses(topology: &Topology, entry: &Entry<'_>) -> Vec<IpAddr> {
    let within = |address: &IpAddr| entry.sources.iter().any(|block| block.contains(address));
    match entry.source_network {
        NetworkId::Vpc(vpc) => {
            let own = topology.interfaces().filter(|(_, one)| one.vpc.as_ref() == Some(vpc));
            own.flat_map(|(_, one)| one.addresses.clone()).filter(within).collect()
        }
        _ => entry.sources.iter().flat_map(|block: &IpNet| [block.network(), block.broadcast()]).collect(),
    }
}

#[test]
fn each_entry_says_what_single_questions_say() {
    for seed in 0..4 {
        let topology = Topology::from(&organisation(&size(), seed));
        let matrix = matrix(&topology, &MatrixQuery { within: true, ..MatrixQuery::everything(client()) });
        let entries: Vec<Entry<'_>> = matrix.entries().collect();
        let mut lot = Rng::with_seed(seed);
        assert!(entries.len() > 20, "{}", entries.len());
        for verdict in [Verdict::Reachable, Verdict::Blocked] {
            assert!(entries.iter().any(|entry| entry.verdict == verdict), "seed {seed}: {verdict:?}");
        }
        for entry in &entries {
            let sources = addresses(&topology, entry);
            assert!(!sources.is_empty() && !entry.targets.is_empty(), "{entry:?}");
            for _ in 0..3 {
                let source = sources[lot.usize(..sources.len())];
                let target = entry.targets[lot.usize(..entry.targets.len())].address;
                let range = entry.ports.get(lot.usize(..entry.ports.len().max(1)));
                let port = range.map_or(0, |range| lot.u16(range.first()..=range.last()));
                let answer = ask(&topology, entry, source, target, port);
                let context = format!("seed {seed}: {source} to {target} port {port}: {entry:?}");
                assert_eq!(verdict(&answer), entry.verdict, "{context}");
                let causes = entry.causes.iter();
                let causes: BTreeSet<String> =
                    causes.map(|cause| format!("{} {:?}", cause.code.name(), cause.direction)).collect();
                assert_eq!(codes(&answer), causes, "{context}");
            }
        }
    }
}

#[test]
fn every_pair_is_in_one_entry_for_each_open_port() {
    for seed in 0..3 {
        let topology = Topology::from(&organisation(&size(), seed));
        let matrix = matrix(&topology, &MatrixQuery { within: true, ..MatrixQuery::everything(client()) });
        let entries: Vec<Entry<'_>> = matrix.entries().collect();
        let mut lot = Rng::with_seed(seed);
        let interfaces: Vec<_> = topology.interfaces().collect();
        for _ in 0..400 {
            let (_, source) = interfaces[lot.usize(..interfaces.len())];
            let (id, target) = interfaces[lot.usize(..interfaces.len())];
            let networks = [source, target].map(|one| NetworkId::Vpc(one.vpc.clone().unwrap()));
            let joined =
                networks[0] == networks[1] || topology.intended_peering(&networks[0], &networks[1]).is_some();
            let of_target: Vec<&Entry<'_>> = entries
                .iter()
                .filter(|entry| entry.protocol == 6 && entry.targets.iter().any(|known| known.id == *id))
                .collect();
            let ports: Vec<PortRange> =
                of_target.iter().flat_map(|entry| entry.ports.iter().copied()).collect();
            let Some(range) = ports.get(lot.usize(..ports.len().max(1))) else { continue };
            let port = lot.u16(range.first()..=range.last());
            let of_pair = of_target.iter().filter(|entry| {
                *entry.source_network == networks[0]
                    && entry.sources.iter().any(|block| block.contains(&source.addresses[0]))
                    && entry.ports.iter().any(|range| range.contains(port))
            });
            assert_eq!(of_pair.count(), usize::from(joined), "seed {seed}: {source:?} to {id} port {port}");
        }
    }
}
