//! Peerings that no document lists, and routes lead over.
//!
//! Who may not list the peering connections of an account often has its route tables, and a route names its
//! peering. What lies at the other end is told by the other end's own routes, else by the one network that has
//! the addresses. A route over a peering that is not active has the state `blackhole` (Amazon VPC Peering Guide,
//! "Update your route tables for a VPC peering connection"), so one that is active tells that the peering is. Blackholes
//! tell nothing: they stay for ever, and the peering meant may be another.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{PeeringStatusCode, RouteState};
use peerscope_document::id::{VpcId, VpcPeeringConnectionId};

use super::{NetworkId, Ownership, Peering, PeeringSide, RouteDestination, Topology};

/// What the routes over one peering tell of it.
#[derive(Default)]
struct Told {
    /// The VPCs whose tables have them.
    vpcs: BTreeSet<VpcId>,
    destinations: Vec<IpNet>,
}

impl Topology {
    /// Adds the peerings that routes of VPCs lead over whose peerings nobody lists.
    pub(super) fn add_unlisted_peerings(&mut self) {
        let mut told: BTreeMap<VpcPeeringConnectionId, Told> = BTreeMap::new();
        for table in self.route_tables.values() {
            if self.lists_peerings_of(&NetworkId::Vpc(table.vpc.clone())) {
                continue;
            }
            for route in &table.routes {
                let Some(id) = &route.vpc_peering_connection_id else { continue };
                if self.peerings.contains_key(id) || route.state != Some(RouteState::Active) {
                    continue;
                }
                let told = told.entry(id.clone()).or_default();
                told.vpcs.insert(table.vpc.clone());
                if let Some(RouteDestination::Cidr(block)) = RouteDestination::of(route) {
                    told.destinations.push(block);
                }
            }
        }
        for (id, told) in told {
            let Some(peering) = self.unlisted(&told) else { continue };
            self.peerings.insert(id, peering);
        }
    }

    /// The peering, where its two ends can be told.
    fn unlisted(&self, told: &Told) -> Option<Peering> {
        let mut vpcs = told.vpcs.iter().cloned().map(NetworkId::Vpc);
        let (one, other) = (vpcs.next()?, vpcs.next());
        let other = other.or_else(|| self.other_end(&one, &told.destinations))?;
        let side = |network: NetworkId| {
            let vpc = match &network {
                NetworkId::Vpc(vpc) => Some(vpc.clone()),
                NetworkId::Space | NetworkId::SpaceData => None,
            };
            PeeringSide {
                cidrs: self.blocks_of(&network),
                network: Some(network),
                vpc,
                ..PeeringSide::default()
            }
        };
        Some(Peering {
            status: Some(PeeringStatusCode::Active),
            status_message: None,
            heroku_status: None,
            seen_by_aws: false,
            is_for_data: false,
            expires: None,
            requester: side(one),
            accepter: side(other),
            ownership: Ownership::default(),
        })
    }

    /// The one network that has the addresses that these routes are for, and whose peerings nobody lists either.
    fn other_end(&self, one: &NetworkId, destinations: &[IpNet]) -> Option<NetworkId> {
        let vpcs = self.vpcs.keys().cloned().map(NetworkId::Vpc);
        let networks = vpcs.chain(self.space.is_some().then_some(NetworkId::Space));
        let mut fitting = networks.filter(|network| {
            let meets =
                |block: &IpNet| destinations.iter().any(|to| to.contains(block) || block.contains(to));
            network != one && !self.lists_peerings_of(network) && self.blocks_of(network).iter().any(meets)
        });
        let found = fitting.next()?;
        // Of several nothing tells which is meant.
        fitting.next().is_none().then_some(found)
    }
}
