//! A peering connection as the services have it, from all that list it, and what follows when its state
//! changes: AWS tells Heroku, routes over it die or live again, references through it go stale or hold.

use peerscope_document::Snapshot;
use peerscope_document::aws::{PeeringStatusCode, PeeringVpcInfo, RouteState};
use peerscope_document::id::{AccountId, Region, VpcId};

use super::error::Refusal;
use super::places::{absent, documents, peerings_mut, region_of, route_tables_mut, security_groups_mut};
use crate::world::make::peering_status;

/// A connection.
pub(super) struct Connection {
    pub(super) status: Option<PeeringStatusCode>,
    pub(super) requester: Side,
    pub(super) accepter: Side,
    /// Whether Heroku lists it.
    pub(super) is_at_heroku: bool,
}

/// One side of it, as far as any document tells.
#[derive(Default)]
pub(super) struct Side {
    pub(super) vpc: Option<VpcId>,
    pub(super) owner: Option<AccountId>,
    pub(super) region: Option<Region>,
}

impl Side {
    fn merge(&mut self, info: Option<&PeeringVpcInfo>) {
        let Some(info) = info else { return };
        self.vpc = self.vpc.take().or_else(|| info.vpc_id.clone());
        self.owner = self.owner.take().or_else(|| info.owner_id.clone());
        self.region = self.region.take().or_else(|| info.region.clone());
    }
}

impl Connection {
    pub(super) fn find(snapshot: &Snapshot, id: &str) -> Result<Self, Refusal> {
        let mut found =
            Self { status: None, requester: Side::default(), accepter: Side::default(), is_at_heroku: false };
        let mut is_known = false;
        let peerings = documents(snapshot).flat_map(|it| it.vpc_peering_connections.iter().flatten());
        for peering in peerings.filter(|it| it.vpc_peering_connection_id.as_str() == id) {
            is_known = true;
            let code = peering.status.as_ref().and_then(|status| status.code.clone());
            found.status = found.status.or(code);
            found.requester.merge(peering.requester_vpc_info.as_ref());
            found.accepter.merge(peering.accepter_vpc_info.as_ref());
        }
        let listed = snapshot.heroku.peerings.iter().flatten();
        for peering in listed.filter(|it| it.pcx_id.as_ref().is_some_and(|known| known.as_str() == id)) {
            is_known = true;
            found.is_at_heroku = true;
            // Heroku never asks, it is asked.
            found.status = found.status.or_else(|| peering.status.clone());
            found.requester.vpc = found.requester.vpc.or_else(|| peering.aws_vpc_id.clone());
            found.requester.owner = found.requester.owner.or_else(|| peering.aws_account_id.clone());
            found.requester.region = found.requester.region.or_else(|| peering.aws_region.clone());
            found.accepter = found.accepter.or_space(snapshot);
        }
        if !is_known {
            return Err(absent("InvalidVpcPeeringConnectionID.NotFound", "vpcPeeringConnection", id));
        }
        for side in [&mut found.requester, &mut found.accepter] {
            side.region = side.region.take().or_else(|| region_of(snapshot, side.vpc.as_ref()?));
        }
        Ok(found)
    }

    pub(super) fn sides(&self) -> impl Iterator<Item = &Side> {
        [&self.requester, &self.accepter].into_iter()
    }

    /// Whether it was Heroku that was asked.
    pub(super) fn is_for_heroku(&self, snapshot: &Snapshot) -> bool {
        match (space_vpc(snapshot), &self.accepter.vpc) {
            (Some(space), Some(accepter)) => space == accepter,
            _ => self.is_at_heroku,
        }
    }

    /// Whether it takes up the place of its two VPCs' only connection.
    pub(super) fn is_alive(&self) -> bool {
        matches!(
            self.status,
            Some(
                PeeringStatusCode::InitiatingRequest
                    | PeeringStatusCode::PendingAcceptance
                    | PeeringStatusCode::Provisioning
                    | PeeringStatusCode::Active
            )
        )
    }
}

impl Side {
    fn or_space(self, snapshot: &Snapshot) -> Self {
        let Some(info) = &snapshot.heroku.peering_info else { return self };
        Self {
            vpc: self.vpc.or_else(|| info.vpc_id.clone()),
            owner: self.owner.or_else(|| info.aws_account_id.clone()),
            region: self.region.or_else(|| info.aws_region.clone()),
        }
    }
}

/// The VPC of the space, where Heroku says it.
pub(super) fn space_vpc(snapshot: &Snapshot) -> Option<&VpcId> {
    snapshot.heroku.peering_info.as_ref()?.vpc_id.as_ref()
}

/// Refuses a step that the state does not allow.
pub(super) fn transition(id: &str, from: Option<&PeeringStatusCode>, to: &str) -> Refusal {
    let from = from.map_or("an unknown state", PeeringStatusCode::as_str);
    let message = format!("Invalid state transition for {id}, attempted to transition from {from} to {to}");
    Refusal::service("InvalidStateTransition", message)
}

/// Gives the connection another state, everywhere.
pub(super) fn set_status(snapshot: &mut Snapshot, id: &str, code: &PeeringStatusCode) {
    for peering in peerings_mut(snapshot).filter(|it| it.vpc_peering_connection_id.as_str() == id) {
        peering.status = Some(peering_status(code.clone()));
        peering.expiration_time = None;
    }
    let listed = snapshot.heroku.peerings.iter_mut().flatten();
    for peering in listed.filter(|it| it.pcx_id.as_ref().is_some_and(|known| known.as_str() == id)) {
        peering.status = Some(code.clone());
        peering.expires = None;
    }
    let is_active = *code == PeeringStatusCode::Active;
    for route in route_tables_mut(snapshot).flat_map(|table| &mut table.routes) {
        if route.vpc_peering_connection_id.as_ref().is_some_and(|over| over.as_str() == id) {
            route.state = Some(if is_active { RouteState::Active } else { RouteState::Blackhole });
        }
    }
    for group in security_groups_mut(snapshot) {
        let permissions = group.ip_permissions.iter_mut().chain(&mut group.ip_permissions_egress);
        for pair in permissions.flat_map(|permission| &mut permission.user_id_group_pairs) {
            if pair.vpc_peering_connection_id.as_ref().is_some_and(|through| through.as_str() == id) {
                pair.peering_status = Some(code.as_str().to_owned());
            }
        }
    }
}
