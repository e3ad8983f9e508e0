//! Many flows side by side: each has its own outcome, gate and direction.

use std::net::SocketAddr;
use std::time::Duration;

use libtest_mimic::Failed;
use peerscope_laboratory::fault::{Fault, FaultKind, admit_echo};
use peerscope_laboratory::world::{Base, Vary, World};
use peerscope_laboratory::{
    Call, DatagramServiceKind, Direction, Enclosure, FlowProtocol, GateKind, KernelOutcome, Twin,
};

use super::{SILENCE, expect};

/// Hundreds of handshakes on a busy machine take their time.
const PATIENCE: Duration = Duration::from_millis(2500);

/// Flows that pass, that are stopped on the way there and that are stopped on the way back, all at once, by
/// IPv4 and between two networks with equal addresses.
pub(super) fn told_apart(enclosure: &'static Enclosure) -> Result<(), Failed> {
    for seed in 0..2 {
        let world = World::generate(Base::DynoToVpc, &Vary::ALL, seed);
        let mut broken = World::generate(Base::DynoToVpc, &Vary::ALL, seed);
        Fault::new(FaultKind::NetworkAclNoReturnPorts).apply(&mut broken)?;
        let target = world.target_address();
        let source = |port: u16| SocketAddr::new(world.source_address(), port);
        let mut twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
        let _answering = twin.answer(&world.target(), &[target.port()])?;
        let _double = twin.answer(&world.double(), &[target.port()])?;
        for (snapshot, first, passes) in [(&world.snapshot, 40000, true), (&broken.snapshot, 42000, false)] {
            twin.rebuild(snapshot)?;
            let other = SocketAddr::new(target.ip(), target.port() ^ 0x4000);
            let calls: Vec<Call> = (0..480)
                .map(|index: u16| Call {
                    host: world.source(),
                    source: source(first + index),
                    target: if index.is_multiple_of(3) { other } else { target },
                })
                .collect();
            let called = twin.call_all(&calls, PATIENCE)?;
            let lost = twin.lost_flows()?;
            expect(called.len() == calls.len(), "an outcome for each call")?;
            for (call, called) in calls.iter().zip(&called) {
                let gates: Vec<_> = lost
                    .iter()
                    .filter(|lost| (lost.source, lost.target) == (call.source, call.target))
                    .map(|lost| (lost.gate.kind, lost.direction))
                    .collect();
                let (outcome, expected) = match (call.target == target, passes) {
                    (true, true) => (KernelOutcome::Connected, vec![]),
                    (true, false) => {
                        (KernelOutcome::Silent, vec![(GateKind::NetworkAclEgress, Direction::Return)])
                    }
                    (false, _) => {
                        (KernelOutcome::Silent, vec![(GateKind::SecurityGroupIngress, Direction::Forward)])
                    }
                };
                let by = Some(world.target()).filter(|_| outcome == KernelOutcome::Connected);
                let right = called.outcome == outcome && called.by == by && gates == expected;
                expect(right, format!("{world:?}: {call:?} {called:?} {gates:?}"))?;
            }
        }
        // What was lost in the twin as it was before is forgotten, with equal rules too; but the target repeats
        // for a while the replies that do not arrive.
        twin.rebuild(&broken.snapshot)?;
        let lost = twin.lost_flows()?;
        let is_repeated = lost.iter().all(|lost| lost.direction == Direction::Return);
        expect(is_repeated, format!("a twin that was rebuilt has lost {lost:?}"))?;
    }
    Ok(())
}

/// Datagrams and echoes, by IPv4 and IPv6: answered, lost on the way there, and lost on the way back.
pub(super) fn of_other_protocols(enclosure: &'static Enclosure) -> Result<(), Failed> {
    for (base, extra, seed) in [
        (Base::DynoToVpc, None, 3),
        (Base::VpcToVpc, Some(Vary::Ipv6), 4),
        (Base::VpcToVpc, None, 5),
        (Base::VpcToDyno, None, 6),
    ] {
        let vary: Vec<Vary> = Vary::ALL.into_iter().chain(extra).collect();
        let world = |faults: &[FaultKind]| -> Result<World, Failed> {
            let mut world = World::generate(base, &vary, seed);
            admit_echo(&mut world)?;
            faults.iter().try_for_each(|kind| Fault::new(*kind).apply(&mut world))?;
            world.exchange_tcp_and_udp();
            Ok(world)
        };
        let sound = world(&[])?;
        let (target, source) = (sound.target_address(), sound.source_address());
        let mut twin = Twin::build(enclosure, &sound.snapshot, &sound.dynos())?;
        let _service = twin.serve_datagrams(&sound.target(), target.port(), DatagramServiceKind::Echoing)?;
        let calls = |first: u16, port: u16| -> Vec<Call> {
            let call = |index| Call {
                host: sound.source(),
                source: SocketAddr::new(source, first + index),
                target: SocketAddr::new(target.ip(), port),
            };
            (0..3).map(call).collect()
        };
        // A route that is missing stops what leaves the customer's VPC: of two the target's, whose replies they are.
        let without_route = match base {
            Base::VpcToDyno => Direction::Forward,
            Base::DynoToVpc | Base::VpcToVpc => Direction::Return,
        };
        for (index, protocol) in (0..).zip([FlowProtocol::Udp, FlowProtocol::Echo]) {
            let port = if protocol == FlowProtocol::Udp { target.port() } else { 0 };
            for (step, faults, gate, direction) in [
                (0, &[][..], None, Direction::Forward),
                (1, &[FaultKind::RouteMissing], Some(GateKind::Route), without_route),
            ] {
                twin.rebuild(&world(faults)?.snapshot)?;
                let calls = calls(40000 + index * 100 + step * 10, port);
                let silence = if gate.is_some() { SILENCE } else { PATIENCE };
                let outcomes = twin.exchange_all(protocol, &calls, silence)?;
                let lost = twin.lost_flows()?;
                for (call, outcome) in calls.iter().zip(&outcomes) {
                    let own: Vec<_> = lost
                        .iter()
                        .filter(|it| {
                            (it.protocol, it.source, it.target) == (protocol, call.source, call.target)
                        })
                        .map(|it| (it.gate.kind, it.direction))
                        .collect();
                    let right = match gate {
                        None => *outcome == KernelOutcome::Answered && own.is_empty(),
                        Some(gate) => *outcome == KernelOutcome::Silent && own == [(gate, direction)],
                    };
                    expect(
                        right,
                        format!("{sound:?} {protocol:?} {faults:?}: {outcome:?} {own:?} {lost:?}"),
                    )?;
                }
            }
        }
        twin.rebuild(&sound.snapshot)?;
        let outcomes =
            twin.exchange_all(FlowProtocol::Udp, &calls(41000, target.port() ^ 0x4000), SILENCE)?;
        let stopped = outcomes.iter().all(|outcome| *outcome == KernelOutcome::Silent);
        let lost = twin.lost_flows()?.iter().filter(|it| it.direction == Direction::Forward).count();
        expect(stopped && lost == 3, format!("{sound:?}: {outcomes:?}, lost {lost}"))?;
    }
    Ok(())
}
