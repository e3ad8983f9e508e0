//! Peering connections, as AWS and Heroku list them.

use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{PeeringStatusCode, PeeringVpcInfo};
use peerscope_document::id::{AccountId, Region, VpcId};

use super::{NetworkId, Ownership};

/// A peering connection.
#[derive(Clone, Debug)]
pub struct Peering {
    /// Its state: AWS's word where AWS was asked, else Heroku's.
    pub status: Option<PeeringStatusCode>,
    /// AWS's explanation of the state.
    pub status_message: Option<alloc::string::String>,
    /// Heroku's word, where Heroku lists it. Where the two disagree AWS's counts (HPS-PCX-07).
    pub heroku_status: Option<PeeringStatusCode>,
    /// Whether AWS's documents list it.
    pub seen_by_aws: bool,
    /// Whether it joins a space with Heroku's own data services.
    pub is_for_data: bool,
    /// When a request that nobody accepts ends (RFC 3339).
    pub expires: Option<alloc::string::String>,
    /// Who asked.
    pub requester: PeeringSide,
    /// Who was asked.
    pub accepter: PeeringSide,
    /// Name and tool by its tags.
    pub ownership: Ownership,
}

/// One side of a peering connection.
#[derive(Clone, Debug, Default)]
pub struct PeeringSide {
    /// The side's network; `None` where no document says it.
    pub network: Option<NetworkId>,
    /// The side's VPC, also where that is the space's.
    pub vpc: Option<VpcId>,
    /// The side's account.
    pub account: Option<AccountId>,
    /// The side's Region.
    pub region: Option<Region>,
    /// The side's blocks, the primary one first.
    pub cidrs: Vec<IpNet>,
    /// Whether public DNS names of hosts in this side's VPC lead to private addresses for who asks in the other.
    pub names_lead_inside: Option<bool>,
}

impl Peering {
    /// Whether packets may cross it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == Some(PeeringStatusCode::Active)
    }

    /// Whether it joins the two networks, in either order.
    #[must_use]
    pub fn joins(&self, one: &NetworkId, other: &NetworkId) -> bool {
        let sides = (self.requester.network.as_ref(), self.accepter.network.as_ref());
        sides == (Some(one), Some(other)) || sides == (Some(other), Some(one))
    }

    /// How near its state is to active: the intended peering is the nearest one.
    #[must_use]
    pub fn nearness(&self) -> u8 {
        match self.status {
            Some(PeeringStatusCode::Active) => 7,
            Some(PeeringStatusCode::Provisioning) => 6,
            Some(PeeringStatusCode::PendingAcceptance) => 5,
            Some(PeeringStatusCode::InitiatingRequest) => 4,

            Some(PeeringStatusCode::Expired) => 2,
            Some(PeeringStatusCode::Failed | PeeringStatusCode::Rejected) => 1,
            Some(PeeringStatusCode::Deleting | PeeringStatusCode::Deleted) => 0,
            // A state that is not known may be any.
            None | Some(_) => 3,
        }
    }

    /// The side of the network, and the other one.
    #[must_use]
    pub fn sides(&self, network: &NetworkId) -> Option<(&PeeringSide, &PeeringSide)> {
        if self.requester.network.as_ref() == Some(network) {
            Some((&self.requester, &self.accepter))
        } else if self.accepter.network.as_ref() == Some(network) {
            Some((&self.accepter, &self.requester))
        } else {
            None
        }
    }
}

impl PeeringSide {
    /// What one side's view of the connection says of a side; the other side's view may say more.
    pub(super) fn merge(&mut self, info: &PeeringVpcInfo) {
        self.vpc = self.vpc.take().or_else(|| info.vpc_id.clone());
        self.account = self.account.take().or_else(|| info.owner_id.clone());
        self.region = self.region.take().or_else(|| info.region.clone());
        let options = info.peering_options;
        self.names_lead_inside = self
            .names_lead_inside
            .or(options.and_then(|options| options.allow_dns_resolution_from_remote_vpc));
        let primary = info.cidr_block.iter();
        let all = info.cidr_block_set.iter().map(|block| &block.cidr_block);
        let ipv6 = info.ipv6_cidr_block_set.iter().map(|block| &block.ipv6_cidr_block);
        for cidr in primary.chain(all).chain(ipv6) {
            if !self.cidrs.contains(&cidr.network()) {
                self.cidrs.push(cidr.network());
            }
        }
    }
}
