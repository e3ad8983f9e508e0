//! Bringing a peering to life: accepting it, asking anew, or asking for the first time.

use alloc::format;
use alloc::vec::Vec;

use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::id::{VpcId, VpcPeeringConnectionId};

use super::edit::{Accepter, Edit};
use crate::topology::{ComponentId, NetworkId, Ownership, Peering, PeeringSide, Topology};

/// The plan for a peering that is not active; empty where waiting is all that helps, or nothing does.
pub(crate) fn peering_plans(
    topology: &Topology,
    id: &VpcPeeringConnectionId,
    peering: &Peering,
) -> Vec<Vec<Edit>> {
    let accepter = Accepter::of(peering.accepter.network.as_ref());
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

/// Who asks whom for a peering of two networks: the customer's VPC a space, never the other way round; of
/// two VPCs the source's the target's. `None` where one of them has no id to ask for.
pub(super) fn ends<'a>(
    topology: &Topology,
    source: &'a NetworkId,
    target: &'a NetworkId,
) -> Option<(&'a VpcId, &'a NetworkId)> {
    let (requester, accepter) = match (source, target) {
        (NetworkId::Space, NetworkId::Vpc(vpc)) => (vpc, source),
        (NetworkId::Vpc(vpc), NetworkId::Space | NetworkId::Vpc(_)) if source != target => (vpc, target),
        _ => return None,
    };
    side(topology, accepter).vpc.is_some().then_some((requester, accepter))
}

/// The plan that makes a peering of two networks that have none: one asks, the other accepts.
pub(crate) fn creation(topology: &Topology, source: &NetworkId, target: &NetworkId) -> Option<Vec<Edit>> {
    let (requester, accepter) = ends(topology, source, target)?;
    let peering: VpcPeeringConnectionId = format!("{requester}_{}", side(topology, accepter).vpc?).into();
    Some(Vec::from([
        Edit::CreatePeering {
            peering: peering.clone(),
            requester: requester.clone(),
            accepter: accepter.clone(),
        },
        Edit::AcceptPeering { peering, accepter: Accepter::of(Some(accepter)) },
    ]))
}

/// The peering as it is once it was asked for.
pub(super) fn between(topology: &Topology, requester: &VpcId, accepter: &NetworkId) -> Peering {
    Peering {
        status: Some(PeeringStatusCode::PendingAcceptance),
        status_message: None,
        heroku_status: None,
        seen_by_aws: false,
        is_for_data: false,
        expires: None,
        requester: side(topology, &NetworkId::Vpc(requester.clone())),
        accepter: side(topology, accepter),
        ownership: Ownership::default(),
    }
}

fn side(topology: &Topology, network: &NetworkId) -> PeeringSide {
    let (vpc, ownership) = match network {
        NetworkId::Vpc(vpc) => (Some(vpc.clone()), topology.ownership(&ComponentId::Vpc(vpc.clone()))),
        NetworkId::Space | NetworkId::SpaceData => {
            let space = topology.space();
            (space.and_then(|space| space.vpc.clone()), topology.ownership(&ComponentId::Space))
        }
    };
    PeeringSide {
        network: Some(network.clone()),
        vpc,
        account: ownership.account,
        region: ownership.region,
        cidrs: topology.blocks_of(network),
        names_lead_inside: None,
    }
}
