//! Which paths a change broke or opened, held against single questions: in the laboratory's worlds, before a fault and
//! after, a flow is among the changed paths if and only if it fares otherwise.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::change::{PathChange, changes, path_changes};
use peerscope_analysis::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::matrix::MatrixQuery;
use peerscope_analysis::reach::reach;
use peerscope_analysis::report::Verdict;
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::world::{Base, Vary, World};

const WORLDS: u64 = 8;
const VARIED: [Vary; 4] = [Vary::Addresses, Vary::Association, Vary::RuleOrder, Vary::Decoys];

/// Changes of configuration that cut the flow that a world is about.
const CUTTING: [FaultKind; 14] = [
    FaultKind::RouteMissing,
    FaultKind::RouteMissingForOwnBlock,
    FaultKind::RouteBlackhole,
    FaultKind::MoreSpecificRoute,
    FaultKind::GroupWithoutRule,
    FaultKind::GroupEmpty,
    FaultKind::GroupWrongPort,
    FaultKind::GroupWrongDynoBlock,
    FaultKind::NetworkAclDenyLowerNumber,
    FaultKind::NetworkAclNoReturnPorts,
    FaultKind::NetworkAclDenyReplies,
    FaultKind::PeeringPending,
    FaultKind::PeeringDeleted,
    FaultKind::PeeringMissing,
];

fn linux() -> PortRange {
    PortRange::new(32_768, 60_999).expect("a range")
}

fn compared(before: &World, after: &World) -> Vec<PathChange> {
    let [before, after] = [before, after].map(|world| Topology::from(&world.snapshot));
    path_changes(&before, &after, &MatrixQuery::everything(linux()))
}

/// What a topology does to one flow of TCP.
fn verdict(
    topology: &Topology,
    [source, target]: [&NetworkId; 2],
    from: IpAddr,
    source_port: u16,
    to: IpAddr,
    port: u16,
) -> Verdict {
    let flows: Flows = core::iter::once(FlowBox {
        source: AddressRange::from(from),
        destination: AddressRange::from(to),
        protocol: ProtocolRange::single(6),
        source_ports: PortRange::single(source_port),
        ports: PortRange::single(port),
    })
    .collect();
    let opening = reach(topology, source, target, &flows).opening();
    match (opening.admitted.is_empty(), opening.blocked.is_empty()) {
        (false, _) => Verdict::Reachable,
        (_, false) => Verdict::Blocked,
        _ => Verdict::Undetermined,
    }
}

fn holds(
    change: &PathChange,
    [source, target]: [&NetworkId; 2],
    from: IpAddr,
    source_port: u16,
    to: IpAddr,
    port: u16,
) -> bool {
    change.source_network == *source
        && change.target_network == *target
        && change.address == to
        && change.protocol == 6
        && change.sources.iter().any(|block| block.contains(&from))
        && change.source_ports.iter().any(|ports| ports.contains(source_port))
        && change.ports.iter().any(|ports| ports.contains(port))
}

/// Some addresses that call from a network: of each block the first ones, the last, and those of interfaces.
fn callers(topology: &Topology, network: &NetworkId) -> Vec<IpAddr> {
    match network {
        NetworkId::Vpc(vpc) => {
            topology.interfaces_of(vpc).flat_map(|(_, one)| one.addresses.clone()).collect()
        }
        _ => {
            let blocks = topology.space().map(|space| space.dyno_blocks.clone()).unwrap_or_default();
            let ends = |block: &IpNet| [block.network(), block.broadcast()];
            blocks.iter().flat_map(ends).collect()
        }
    }
}

#[test]
fn a_flow_is_among_the_changed_paths_if_and_only_if_it_fares_otherwise() {
    let mut asked = 0;
    let mut differing = 0;
    for kind in CUTTING {
        for seed in 0..WORLDS {
            let before = World::generate(Base::DynoToVpc, &VARIED, seed);
            let mut after = World::generate(Base::DynoToVpc, &VARIED, seed);
            if Fault::new(kind).apply(&mut after).is_err() {
                continue;
            }
            let found = compared(&before, &after);
            let [old, new] = [&before, &after].map(|world| Topology::from(&world.snapshot));
            let ports: BTreeSet<u16> = found
                .iter()
                .flat_map(|one| &one.ports)
                .flat_map(|ports| [ports.first(), ports.last()])
                .chain([before.target_address().port(), 22])
                .collect();
            let vpcs: Vec<NetworkId> = new.vpcs().map(|(id, _)| NetworkId::Vpc(id.clone())).collect();
            for source in vpcs.iter().chain([&NetworkId::Space]) {
                for target in vpcs.iter().filter(|target| *target != source) {
                    let joined = [&old, &new]
                        .iter()
                        .any(|topology| topology.intended_peering(source, target).is_some());
                    let NetworkId::Vpc(vpc) = target else { continue };
                    let targets: Vec<IpAddr> =
                        new.interfaces_of(vpc).flat_map(|(_, one)| one.addresses.clone()).collect();
                    for from in callers(&new, source).into_iter().filter(|_| joined) {
                        for to in targets.iter().filter(|to| to.is_ipv4() == from.is_ipv4()) {
                            for (port, source_port) in
                                ports.iter().flat_map(|port| [(*port, 32_768), (*port, 60_999)])
                            {
                                let pair = [source, target];
                                let [was, is] = [&old, &new]
                                    .map(|topology| verdict(topology, pair, from, source_port, *to, port));
                                let own: Vec<&PathChange> = found
                                    .iter()
                                    .filter(|one| holds(one, pair, from, source_port, *to, port))
                                    .collect();
                                asked += 1;
                                let context = format!(
                                    "{kind:?} {seed}: {source} {from}:{source_port} → {target} {to}:{port}"
                                );
                                if was == is {
                                    assert!(
                                        own.iter().all(|one| one.before == one.after),
                                        "{context}: {was:?}, {own:#?}"
                                    );
                                } else {
                                    differing += 1;
                                    assert_eq!(own.len(), 1, "{context}: {was:?} {is:?}, {own:#?}");
                                    assert_eq!((own[0].before, own[0].after), (was, is), "{context}");
                                    assert!(!own[0].because.is_empty(), "{context}");
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(asked > 1_000 && differing > 100, "{differing} of {asked}");
}

#[test]
fn the_flow_that_a_world_is_about_broke_and_is_opened_by_going_back() {
    for kind in CUTTING {
        for seed in 0..WORLDS {
            let before = World::generate(Base::DynoToVpc, &VARIED, seed);
            let mut after = World::generate(Base::DynoToVpc, &VARIED, seed);
            if Fault::new(kind).apply(&mut after).is_err() {
                continue;
            }
            let (from, to) = (before.source_address(), before.target_address());
            let of = |changes: Vec<PathChange>| -> Vec<(Verdict, Verdict)> {
                let own = changes.into_iter().filter(|one| {
                    one.address == to.ip()
                        && one.protocol == 6
                        && one.source_network == NetworkId::Space
                        && one.sources.iter().any(|block| block.contains(&from))
                        && one.ports.iter().any(|ports| ports.contains(to.port()))
                });
                own.map(|one| (one.before, one.after)).collect()
            };
            let broke = of(compared(&before, &after));
            assert!(broke.contains(&(Verdict::Reachable, Verdict::Blocked)), "{kind:?} {seed}: {broke:?}");
            let opened = of(compared(&after, &before));
            assert!(opened.contains(&(Verdict::Blocked, Verdict::Reachable)), "{kind:?} {seed}: {opened:?}");
            let [old, new] = [&before, &after].map(|world| Topology::from(&world.snapshot));
            assert!(!changes(&old, &new).changes.is_empty(), "{kind:?} {seed}");
        }
    }
}

#[test]
fn what_is_alike_is_said_to_be() {
    for seed in 0..WORLDS {
        let world = World::generate(Base::VpcToVpc, &VARIED, seed);
        let topology = Topology::from(&world.snapshot);
        assert_eq!(compared(&world, &world), []);
        let changes = changes(&topology, &topology);
        assert!(changes.changes.is_empty() && changes.uncompared.is_empty(), "{changes:?}");
    }
}
