//! Faults of the peering's state.

use peerscope_document::aws::{PeeringStatusCode, RouteState};
use peerscope_document::{MANIFEST_SCHEMA, Manifest};

use super::FaultKind;
use super::edit::{Lacking, documents, peerings, route_tables};
use crate::world::World;
use crate::world::make::peering_status;

/// When a request that nobody has accepted yet will end, and when one that came to nothing ended: after
/// and before [`TAKEN`].
const EXPIRES: &str = "2026-11-10T08:00:00.000Z";
const EXPIRED: &str = "2026-10-28T08:00:00.000Z";
/// When the documents were taken. A request that is pending for ever would be no document of AWS's.
const TAKEN: &str = "2026-11-03T09:14:07Z";

pub(super) fn apply(kind: FaultKind, world: &mut World) -> Lacking<()> {
    let code = match kind {
        FaultKind::PeeringPending => PeeringStatusCode::PendingAcceptance,
        FaultKind::PeeringExpired => PeeringStatusCode::Expired,
        FaultKind::PeeringRejected => PeeringStatusCode::Rejected,
        _ => PeeringStatusCode::Deleted,
    };
    let (own, space) = (world.site.peering.clone(), world.site.space.vpc.clone());
    // An earlier request that came to nothing would be as good a candidate as this one.
    for documents in documents(&mut world.snapshot) {
        if let Some(list) = &mut documents.vpc_peering_connections {
            list.retain(|it| {
                let accepter = it.accepter_vpc_info.as_ref().and_then(|side| side.vpc_id.as_ref());
                it.vpc_peering_connection_id == own || accepter != Some(&space)
            });
        }
    }
    let peering = peerings(&mut world.snapshot).find(|it| it.vpc_peering_connection_id == own);
    let peering = peering.ok_or("the world's peering")?;
    peering.status = Some(peering_status(code.clone()));
    if code != PeeringStatusCode::Deleted {
        // A requester does not see the blocks of a side that has not accepted.
        if let Some(accepter) = &mut peering.accepter_vpc_info {
            accepter.cidr_block = None;
            accepter.cidr_block_set.clear();
        }
        let pending = code == PeeringStatusCode::PendingAcceptance;
        peering.expiration_time = Some(if pending { EXPIRES } else { EXPIRED }.to_owned());
    }
    if let Some(list) = &mut world.snapshot.heroku.peerings {
        let vpc = &world.site.vpc;
        list.retain(|it| it.pcx_id.as_ref() == Some(&own) || it.aws_vpc_id.as_ref() != Some(vpc));
        for listed in list.iter_mut().filter(|it| it.pcx_id.as_ref() == Some(&own)) {
            listed.status = Some(code.clone());
            listed.expires = (code == PeeringStatusCode::PendingAcceptance).then(|| EXPIRES.to_owned());
        }
    }
    world.snapshot.manifest = Some(Manifest { schema: MANIFEST_SCHEMA.to_owned(), at: TAKEN.to_owned() });
    let tables = route_tables(&mut world.snapshot);
    for route in tables.flat_map(|table| &mut table.routes) {
        if route.vpc_peering_connection_id.as_ref() == Some(&own) {
            route.state = Some(RouteState::Blackhole);
        }
    }
    Ok(())
}
