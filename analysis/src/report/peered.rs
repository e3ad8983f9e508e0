//! The peering that packets take, as whoever has to act on its other side knows it: by its id, and by the account, VPC,
//! Region and blocks of each side.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::id::VpcPeeringConnectionId;
use serde::Serialize;

use super::Component;
use crate::diagnose::shown;
use crate::topology::{ComponentId, NetworkId, PeeringSide, Topology};

/// A peering and both its sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeeredReport {
    /// The peering connection.
    pub component: Component,
    /// Its state, in AWS's word; null where no document says it.
    pub state: Option<String>,
    /// Who asked for it.
    pub requester: SideReport,
    /// Who was asked.
    pub accepter: SideReport,
}

/// One side of a peering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SideReport {
    /// The space, or the VPC; null where no document says which.
    pub network: Option<Component>,
    /// The VPC, also where that is the space's own; null where no document says it.
    pub vpc: Option<String>,
    /// The account that owns it.
    pub account: Option<String>,
    /// Its Region.
    pub region: Option<String>,
    /// Its blocks, the primary one first.
    pub cidrs: Vec<IpNet>,
}

impl PeeredReport {
    /// A peering of the topology; `None` where it has none of this id.
    pub(crate) fn of(topology: &Topology, id: &VpcPeeringConnectionId) -> Option<Self> {
        let peering = topology.peering(id)?;
        Some(Self {
            component: shown(Some(topology), &ComponentId::VpcPeeringConnection(id.clone())),
            state: peering.status.as_ref().map(|status| status.as_str().to_string()),
            requester: SideReport::of(topology, &peering.requester),
            accepter: SideReport::of(topology, &peering.accepter),
        })
    }
}

impl SideReport {
    fn of(topology: &Topology, side: &PeeringSide) -> Self {
        let network = side.network.as_ref().and_then(|network| match network {
            NetworkId::Vpc(vpc) => Some(shown(Some(topology), &ComponentId::Vpc(vpc.clone()))),
            NetworkId::Space => Some(shown(Some(topology), &ComponentId::Space)),
            NetworkId::SpaceData => None,
        });
        let known = |of: fn(&Component) -> &Option<String>| network.as_ref().and_then(|one| of(one).clone());
        let vpc = side.vpc.as_ref().or(match &side.network {
            Some(NetworkId::Vpc(vpc)) => Some(vpc),
            _ => None,
        });
        let mut cidrs = side.cidrs.clone();
        if let (true, Some(network)) = (cidrs.is_empty(), &side.network) {
            cidrs = topology.blocks_of(network);
        }
        Self {
            vpc: vpc.map(|vpc| vpc.as_str().into()),
            account: side
                .account
                .as_ref()
                .map(|one| one.as_str().into())
                .or_else(|| known(|one| &one.account)),
            region: side.region.as_ref().map(|one| one.as_str().into()).or_else(|| known(|one| &one.region)),
            cidrs,
            network,
        }
    }
}
