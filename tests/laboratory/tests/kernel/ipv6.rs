//! IPv6: filtered and routed by fields, numbers and defaults of its own.

use std::net::IpAddr;

use libtest_mimic::Failed;
use peerscope_laboratory::world::{Base, Vary, World};
use peerscope_laboratory::{Enclosure, GateKind, KernelOutcome, ListenerKind, Twin};

use super::{ANSWER, SILENCE, expect};

/// Within the customer's VPC: Heroku's peerings carry IPv4 alone.
pub(super) fn within_the_vpc(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let vary: Vec<Vary> = Vary::ALL.into_iter().chain([Vary::Ipv6]).collect();
    for (seed, base) in (0..4).flat_map(|seed| [(seed, Base::DynoToVpc), (seed, Base::VpcToDyno)]) {
        let world = World::generate(base, &vary, seed);
        let (own, neighbour) = (world.version_six_address(), world.neighbour());
        let (Some(own), Some(neighbour)) = (own, neighbour) else { return Err(format!("{world:?}").into()) };
        let port = world.target_address().port();
        let interface = if base == Base::DynoToVpc { world.target() } else { world.source() };
        let mut twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
        let _listener = twin.listen(&interface, port, ListenerKind::Silent)?;
        let outcome = twin.connect(&neighbour, 0, (own, port).into(), ANSWER)?;
        let dropped = twin.dropped()?;
        let said = format!("{world:?}: {outcome:?} {dropped:?}");
        expect(outcome == KernelOutcome::Connected && dropped.is_empty(), said)?;
        // An address of the same /64 that nobody has, and one that no route is for.
        let nobody = match own {
            IpAddr::V6(own) => IpAddr::from((u128::from(own) ^ 1).to_be_bytes()),
            IpAddr::V4(own) => own.into(),
        };
        let mut closed = World::generate(base, &vary, seed);
        let entries = |acl: &mut peerscope_document::aws::NetworkAcl| {
            acl.entries.retain(|entry| entry.ipv6_cidr_block.is_none());
        };
        let collections = closed.snapshot.aws.iter_mut();
        collections.flat_map(|it| it.documents.network_acls.iter_mut().flatten()).for_each(entries);
        for (address, kind, snapshot) in
            [(nobody, GateKind::Route, &world.snapshot), (own, GateKind::NetworkAclEgress, &closed.snapshot)]
        {
            twin.rebuild(snapshot)?;
            let outcome = twin.connect(&neighbour, 0, (address, port).into(), SILENCE)?;
            let dropped = twin.dropped()?;
            let right = matches!(dropped.as_slice(), [only] if only.gate.kind == kind);
            expect(outcome == KernelOutcome::Silent && right, format!("{kind:?}: {outcome:?} {dropped:?}"))?;
        }
    }
    Ok(())
}
