//! Many flows side by side: each has its own outcome, gate and direction.

use std::net::SocketAddr;
use std::time::Duration;

use libtest_mimic::Failed;
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::world::{Base, Vary, World};
use peerscope_laboratory::{Call, Direction, Enclosure, GateKind, KernelOutcome, Twin};

use super::expect;

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
