//! Faults of the peering's state.

use peerscope_document::aws::{PeeringStatusCode, RouteState};
use peerscope_document::{MANIFEST_SCHEMA, Manifest};

use super::FaultKind;
use super::edit::{Lacking, documents, ends_at, hide_accepter, peerings, route_tables};
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
        FaultKind::PeeringProvisioning => PeeringStatusCode::Provisioning,
        FaultKind::PeeringFailed => PeeringStatusCode::Failed,
        FaultKind::PeeringDeleting => PeeringStatusCode::Deleting,
        _ => PeeringStatusCode::Deleted,
    };
    let (own, other) = (world.site.peering.clone(), world.site.remote.vpc.clone());
    // An earlier request that came to nothing would be as good a candidate as this one.
    for documents in documents(&mut world.snapshot) {
        if let Some(list) = &mut documents.vpc_peering_connections {
            list.retain(|it| it.vpc_peering_connection_id == own || !ends_at(it, &other));
        }
    }
    for peering in peerings(&mut world.snapshot).filter(|it| it.vpc_peering_connection_id == own) {
        peering.status = Some(peering_status(code.clone()));
        if matches!(
            code,
            PeeringStatusCode::Deleted | PeeringStatusCode::Deleting | PeeringStatusCode::Provisioning
        ) {
            continue;
        }
        hide_accepter(peering);
        if code != PeeringStatusCode::Failed {
            let pending = code == PeeringStatusCode::PendingAcceptance;
            peering.expiration_time = Some(if pending { EXPIRES } else { EXPIRED }.to_owned());
        }
    }
    if let Some(list) = &mut world.snapshot.heroku.peerings {
        let vpc = &world.site.vpc;
        list.retain(|it| it.pcx_id.as_ref() == Some(&own) || it.aws_vpc_id.as_ref() != Some(vpc));
        for listed in list.iter_mut().filter(|it| it.pcx_id.as_ref() == Some(&own)) {
            listed.status = Some(code.clone());
            listed.expires = (code == PeeringStatusCode::PendingAcceptance).then(|| EXPIRES.to_owned());
        }
    }
    world.snapshot.manifest =
        Some(Manifest { schema: MANIFEST_SCHEMA.to_owned(), at: TAKEN.to_owned(), ..Manifest::default() });
    let tables = route_tables(&mut world.snapshot);
    for route in tables.flat_map(|table| &mut table.routes) {
        if route.vpc_peering_connection_id.as_ref() == Some(&own) {
            route.state = Some(RouteState::Blackhole);
        }
    }
    Ok(())
}
