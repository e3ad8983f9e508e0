//! Bringing a peering to life: accepting it, or asking anew.

use alloc::vec::Vec;

use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::id::VpcPeeringConnectionId;

use super::edit::{Accepter, Edit};
use crate::topology::{NetworkId, Peering, Topology};

/// The plan for a peering that is not active; empty where waiting is all that helps, or nothing does.
pub(crate) fn peering_plans(
    topology: &Topology,
    id: &VpcPeeringConnectionId,
    peering: &Peering,
) -> Vec<Vec<Edit>> {
    let accepter = match peering.accepter.network {
        Some(NetworkId::Space) => Accepter::Space,
        _ => Accepter::Account,
    };
    let overlap = peering
        .requester
        .cidrs
        .iter()
        .any(|one| peering.accepter.cidrs.iter().any(|other| one.contains(other) || other.contains(one)));
    let edit = match peering.status {
        Some(PeeringStatusCode::PendingAcceptance) => Edit::AcceptPeering { peering: id.clone(), accepter },
        Some(PeeringStatusCode::Failed) if overlap => return Vec::new(),
        Some(
            PeeringStatusCode::Failed
            | PeeringStatusCode::Expired
            | PeeringStatusCode::Rejected
            | PeeringStatusCode::Deleting
            | PeeringStatusCode::Deleted,
        ) => Edit::ReplacePeering { peering: id.clone(), accepter, routes: topology.routes_over_peering(id) },
        _ => return Vec::new(),
    };
    Vec::from([Vec::from([edit])])
}
