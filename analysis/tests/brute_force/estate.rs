//! Who owns what, by looking through the documents from the first to the last.

use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::Snapshot;
use peerscope_document::aws::{AwsDocuments, NetworkInterface, PeeringStatusCode, Subnet, Vpc};

use super::{Blocker, blocker};

/// A network: addresses are unique inside it and only there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The Heroku Private Space.
    Space,
    /// A VPC by its id.
    Vpc(String),
}

/// The documents of one moment.
pub(crate) struct Estate<'a> {
    pub(crate) snapshot: &'a Snapshot,
}

/// The peering that is meant to join two networks.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    pub(crate) id: String,
    pub(crate) status: PeeringStatusCode,
}

impl Joining {
    pub(crate) fn is_active(&self) -> bool {
        self.status == PeeringStatusCode::Active
    }

    /// What keeps it from carrying packets.
    pub(super) fn fault(&self) -> Option<Blocker> {
        let code = match self.status {
            PeeringStatusCode::Active => return None,
            PeeringStatusCode::PendingAcceptance => "PEERING_PENDING_ACCEPTANCE",
            _ => "PEERING_NOT_ACTIVE",
        };
        Some(blocker("vpc-peering-connection", &self.id, "both", code))
    }
}

/// The life of a peering, from what can still become active to what cannot.
const LIFE: [PeeringStatusCode; 9] = [
    PeeringStatusCode::Active,
    PeeringStatusCode::Provisioning,
    PeeringStatusCode::PendingAcceptance,
    PeeringStatusCode::InitiatingRequest,
    PeeringStatusCode::Expired,
    PeeringStatusCode::Failed,
    PeeringStatusCode::Rejected,
    PeeringStatusCode::Deleting,
    PeeringStatusCode::Deleted,
];

impl<'a> Estate<'a> {
    pub(super) fn aws(&self) -> impl Iterator<Item = &'a AwsDocuments> + use<'a> {
        self.snapshot.aws.iter().map(|collection| &collection.documents)
    }

    fn space_vpc(&self) -> Option<&'a str> {
        Some(self.snapshot.heroku.peering_info.as_ref()?.vpc_id.as_ref()?.as_str())
    }

    pub(super) fn vpc(&self, id: &str) -> Option<&'a Vpc> {
        self.aws().flat_map(|aws| aws.vpcs.iter().flatten()).find(|vpc| vpc.vpc_id.as_str() == id)
    }

    /// The interface of a VPC that has an address.
    pub(crate) fn owner(&self, vpc: &str, address: IpAddr) -> Option<&'a NetworkInterface> {
        let mut interfaces = self.aws().flat_map(|aws| aws.network_interfaces.iter().flatten());
        interfaces.find(|one| {
            one.vpc_id.as_ref().is_some_and(|id| id.as_str() == vpc) && addresses(one).contains(&address)
        })
    }

    /// The subnet of a place that an address lies in.
    pub(super) fn subnet_of(&self, place: &Place, address: IpAddr) -> Option<&'a str> {
        let Place::Vpc(vpc) = place else { return None };
        let mut subnets = self.aws().flat_map(|aws| aws.subnets.iter().flatten());
        let holds = |subnet: &&Subnet| {
            let ipv6 = subnet.ipv6_cidr_block_association_set.iter().map(|one| one.ipv6_cidr_block);
            let mut blocks = subnet.cidr_block.into_iter().chain(ipv6);
            subnet.vpc_id.as_str() == vpc && blocks.any(|block| block.network().contains(&address))
        };
        subnets.find(holds).map(|subnet| subnet.subnet_id.as_str())
    }

    /// Whether a VPC's own blocks hold an address.
    pub(super) fn has_addresses_around(&self, vpc: &str, address: IpAddr) -> bool {
        self.vpc(vpc).is_some_and(|vpc| {
            let ipv4 = vpc.cidr_block_association_set.iter().map(|one| one.cidr_block);
            let ipv6 = vpc.ipv6_cidr_block_association_set.iter().map(|one| one.ipv6_cidr_block);
            let mut blocks = vpc.cidr_block.into_iter().chain(ipv4).chain(ipv6);
            blocks.any(|block| block.network().contains(&address))
        })
    }

    /// The fault of an address that no interface has.
    pub(super) fn nobody_at(&self, vpc: &str, address: IpAddr) -> Blocker {
        match self.subnet_of(&Place::Vpc(vpc.to_string()), address) {
            Some(subnet) => blocker("subnet", subnet, "forward", "UNKNOWN_DESTINATION"),
            None => blocker("vpc", vpc, "forward", "UNKNOWN_DESTINATION"),
        }
    }

    /// The peering of two places that is active, else the one nearest to it.
    pub(super) fn intended_peering(&self, one: &Place, other: &Place) -> Option<Joining> {
        let vpc_of = |place: &Place| match place {
            Place::Space => self.space_vpc().map(str::to_string),
            Place::Vpc(vpc) => Some(vpc.clone()),
        };
        let wanted = (vpc_of(one)?, vpc_of(other)?);
        let listed = self.aws().flat_map(|aws| aws.vpc_peering_connections.iter().flatten());
        let joining = listed.filter_map(|peering| {
            let requester = peering.requester_vpc_info.as_ref()?.vpc_id.as_ref()?.as_str();
            let accepter = peering.accepter_vpc_info.as_ref()?.vpc_id.as_ref()?.as_str();
            let joins = (requester == wanted.0 && accepter == wanted.1)
                || (requester == wanted.1 && accepter == wanted.0);
            let status = peering.status.as_ref()?.code.clone()?;
            joins.then(|| Joining { id: peering.vpc_peering_connection_id.as_str().to_string(), status })
        });
        joining.min_by_key(|peering| LIFE.iter().position(|stage| *stage == peering.status))
    }

    /// The status of a peering that AWS lists.
    pub(super) fn peering_status(&self, id: &str) -> Option<String> {
        let mut listed = self.aws().flat_map(|aws| aws.vpc_peering_connections.iter().flatten());
        let found = listed.find(|peering| peering.vpc_peering_connection_id.as_str() == id)?;
        Some(found.status.as_ref()?.code.as_ref()?.as_str().to_string())
    }

    /// The blocks of a prefix list.
    pub(super) fn prefix_list(&self, id: &str) -> Vec<IpNet> {
        let lists = self.aws().flat_map(|aws| aws.prefix_lists.iter().flatten());
        let meant = lists.filter(|list| list.prefix_list_id.as_str() == id);
        meant
            .flat_map(|list| {
                let entries = list.entries.iter().flatten().map(|entry| entry.cidr);
                list.cidrs.iter().flatten().copied().chain(entries).collect::<Vec<_>>()
            })
            .map(|block| block.network())
            .collect()
    }
}

/// The addresses of an interface.
pub(super) fn addresses(interface: &NetworkInterface) -> Vec<IpAddr> {
    let more = interface.private_ip_addresses.iter().filter_map(|one| one.private_ip_address);
    let ipv6 = interface.ipv6_addresses.iter().filter_map(|one| one.ipv6_address);
    let ipv4 = interface.private_ip_address.into_iter().chain(more);
    ipv4.map(IpAddr::V4).chain(ipv6.map(IpAddr::V6)).collect()
}
