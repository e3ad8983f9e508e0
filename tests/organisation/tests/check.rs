//! A check of many targets against a diagnosis of each: what mends a target is the same, and what is opened beside it is
//! what the diagnosis says, but for what the other targets of the same result ask for.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::check::{Check, CheckCase, CheckTarget, RuleResult, RuleStatus, check};
use peerscope_analysis::diagnose::{Case, Machine, SourceSpec};
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{CauseReport, CauseStatus, Fix, Target};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::Snapshot;
use peerscope_organisation::{Size, organisation};

const PORTS: [u16; 3] = [22, 443, 5432];
const SIZE: Size = Size { interfaces: 24, groups: 5, rules: 14, vpcs: 2, peerings: 2 };

fn client() -> PortRange {
    PortRange::new(32768, 60999).unwrap()
}

/// Every interface of a VPC that is peered with the space, at each port.
fn targets(topology: &Topology) -> Vec<(String, IpAddr, NetworkId, u16)> {
    let interfaces = topology.interfaces().filter_map(|(id, one)| {
        let network = NetworkId::Vpc(one.vpc.clone()?);
        topology.intended_peering(&NetworkId::Space, &network)?;
        Some((id.as_str().to_string(), *one.addresses.first()?, network))
    });
    interfaces
        .flat_map(|(id, address, network)| PORTS.map(|port| (id.clone(), address, network.clone(), port)))
        .collect()
}

fn checked(documents: &Snapshot, topology: &Topology) -> Check {
    let target = |(id, address, network, port): (String, IpAddr, NetworkId, u16)| CheckTarget {
        input: format!("tcp://{id}:{port}"),
        name: None,
        addresses: vec![(address, Some(network))],
        protocol: 6,
        ports: PortRange::single(port),
    };
    check(&CheckCase {
        version: String::new(),
        at: Timestamp::UNIX_EPOCH,
        documents,
        topology,
        snapshot: None,
        targets: targets(topology).into_iter().map(target).collect(),
        source_ports: client(),
        gaps: Vec::new(),
    })
}

/// What the whole diagnosis of one target names.
fn diagnosed(topology: &Topology, address: IpAddr, network: &NetworkId, port: u16) -> Vec<CauseReport> {
    let blocks = &topology.space().unwrap().dyno_blocks;
    let target = Target {
        input: String::new(),
        protocol: "tcp",
        host: address.to_string(),
        addresses: vec![address],
        port: Some(port),
    };
    let source = SourceSpec {
        input: "space".to_string(),
        ranges: blocks.iter().copied().map(AddressRange::from).collect(),
        network: Some(NetworkId::Space),
        source_ports: client(),
    };
    let case = Case {
        target_networks: vec![(address, network.clone())],
        ..Case::of_documents(target, 6, source, Some(topology.clone()))
    };
    let causes = Machine::new(case, 0).report(Duration::ZERO, Timestamp::UNIX_EPOCH).causes;
    causes.into_iter().filter(|cause| cause.status == CauseStatus::Established).collect()
}

fn ids(result: &RuleResult) -> BTreeSet<String> {
    result.components.iter().filter_map(|one| one.id.clone()).collect()
}

/// What is opened, by interface: the ports and from where.
fn opens(fix: &Fix) -> BTreeMap<(String, String), String> {
    let one = |opened: &peerscope_analysis::report::OpenedReport| {
        let key = (opened.component.id.clone().unwrap_or_default(), format!("{:?}", opened.calls));
        (key, format!("{:?}", opened.flows))
    };
    fix.opens.iter().map(one).collect()
}

#[test]
fn many_targets_are_mended_as_each_of_them_is_by_itself() {
    let (mut shut, mut shared) = (0, 0);
    for seed in 1..=3 {
        let documents = organisation(&SIZE, seed);
        let topology = Topology::from(&documents);
        let check = checked(&documents, &topology);
        let violations: Vec<&RuleResult> = check
            .results
            .iter()
            .filter(|one| one.status == RuleStatus::Violation && one.rule.name() == "HPS-SG-01")
            .collect();
        let mut told: BTreeSet<(usize, String)> = BTreeSet::new();
        for (id, address, network, port) in targets(&topology) {
            let causes = diagnosed(&topology, address, &network, port);
            let own = causes.iter().filter(|cause| cause.component.id.as_ref() == Some(&id));
            for cause in own {
                shut += 1;
                let fix = cause.fixes.first().unwrap();
                let of_target = |(_, result): &(usize, &&RuleResult)| {
                    let same = result.fixes.first().is_some_and(|one| one.command == fix.command);
                    same && ids(result).contains(&id)
                };
                let mut found = violations.iter().enumerate().filter(of_target);
                let (number, result) =
                    found.next().unwrap_or_else(|| panic!("seed {seed}: {id}:{port}: {}", fix.command));
                assert!(told.insert((number, id.clone())), "seed {seed}: {id}:{port} is told twice");
                let said = result.fixes.first().unwrap();
                assert_eq!(said.verified, fix.verified);
                let others = ids(result);
                shared += usize::from(others.len() > 1);
                let mut expected = opens(fix);
                expected.retain(|(id, _), _| !others.contains(id));
                let mut said = opens(said);
                said.retain(|(id, _), _| !others.contains(id));
                assert_eq!(said, expected, "seed {seed}: {id}:{port}");
                // What could be done instead mends every target of the result.
                for instead in &result.fixes {
                    let is_same = |one: &Fix| one.tool == instead.tool && one.command == instead.command;
                    assert!(cause.fixes.iter().any(is_same), "seed {seed}: {id}:{port}: {}", instead.command);
                }
            }
        }
        let said: usize = violations.iter().map(|result| ids(result).len()).sum();
        assert_eq!(said, told.len(), "seed {seed}: more is said than the diagnoses say");
    }
    assert!(shut > 40 && shared > 20, "{shut} {shared}");
}
