//! What routes lead to: peerings, interfaces, and gateways of all kinds. Gateways are named and placed;
//! what they do with packets is not modelled, but for those that certainly lead to no other VPC.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use peerscope_document::aws::{AwsDocuments, GatewayAttachment, Route, Tag, VpcEndpointType};
use peerscope_document::id::{
    AccountId, GatewayId, InstanceId, NetworkInterfaceId, RouteTableId, SubnetId, VpcId,
    VpcPeeringConnectionId,
};

use super::{ComponentId, ComponentType, Ownership, RouteTable, Topology, tags};

/// The kinds of gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the term of AWS that it spells")]
pub enum GatewayKind {
    InternetGateway,
    EgressOnlyInternetGateway,
    NatGateway,
    TransitGateway,
    VpnGateway,
    VpcEndpoint,
    LocalGateway,
    CarrierGateway,
    CoreNetwork,
}

/// A gateway, as far as documents tell of it.
#[derive(Clone, Debug, Default)]
pub struct Gateway {
    /// The VPC that it is in or attached to; a transit gateway's are its attachments.
    pub vpc: Option<VpcId>,
    /// The subnet it is in, of a NAT gateway.
    pub subnet: Option<SubnetId>,
    /// Of a VPC endpoint, what kind of service it leads to.
    pub endpoint_type: Option<VpcEndpointType>,
    /// Of a transit gateway, what is attached to it.
    pub attachments: Vec<Attachment>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// Something that is attached to a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What is attached.
    pub resource: String,
    /// `available` and others.
    pub state: Option<String>,
    /// The transit gateway's route table for what comes from it, `tgw-rtb-…`.
    pub route_table: Option<String>,
}

/// What a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTarget {
    /// The VPC itself.
    Local,
    /// A peering.
    Peering(VpcPeeringConnectionId),
    /// A network interface: of an appliance.
    NetworkInterface(NetworkInterfaceId),
    /// An instance, where its interface is not given.
    Instance(InstanceId),
    /// A gateway or an endpoint.
    Gateway(GatewayKind, GatewayId),
    /// Something of a kind that is not known, with its id where the document gives one.
    Other(Option<String>),
}

impl RouteTarget {
    /// The target of a route.
    #[must_use]
    pub fn of(route: &Route) -> Self {
        let gateway = |kind: GatewayKind, id: &Option<String>| {
            id.as_deref().map(|id| Self::Gateway(kind, GatewayId::from(id)))
        };
        let peering = route.vpc_peering_connection_id.clone().map(Self::Peering);
        let interface = || route.network_interface_id.clone().map(Self::NetworkInterface);
        peering
            .or_else(interface)
            .or_else(|| route.instance_id.clone().map(Self::Instance))
            .or_else(|| route.gateway_id.as_deref().map(Self::by_gateway_id))
            .or_else(|| gateway(GatewayKind::NatGateway, &route.nat_gateway_id))
            .or_else(|| gateway(GatewayKind::TransitGateway, &route.transit_gateway_id))
            .or_else(|| gateway(GatewayKind::LocalGateway, &route.local_gateway_id))
            .or_else(|| gateway(GatewayKind::CarrierGateway, &route.carrier_gateway_id))
            .or_else(|| {
                gateway(GatewayKind::EgressOnlyInternetGateway, &route.egress_only_internet_gateway_id)
            })
            .or_else(|| gateway(GatewayKind::CoreNetwork, &route.core_network_arn))
            .unwrap_or(Self::Other(None))
    }

    /// `GatewayId` holds several kinds, told apart by their prefix.
    fn by_gateway_id(id: &str) -> Self {
        let kind = match id.split('-').next() {
            _ if id == "local" => return Self::Local,
            Some("igw") => GatewayKind::InternetGateway,
            Some("vgw") => GatewayKind::VpnGateway,
            Some("vpce") => GatewayKind::VpcEndpoint,
            Some("eigw") => GatewayKind::EgressOnlyInternetGateway,
            Some("nat") => GatewayKind::NatGateway,
            Some("tgw") => GatewayKind::TransitGateway,
            Some("lgw") => GatewayKind::LocalGateway,
            Some("cagw") => GatewayKind::CarrierGateway,
            _ => return Self::Other(Some(id.to_string())),
        };
        Self::Gateway(kind, GatewayId::from(id))
    }

    /// The target as a component.
    #[must_use]
    pub fn component(&self) -> ComponentId {
        match self {
            Self::Local => ComponentId::Unknown(ComponentType::Vpc),
            Self::Other(_) => ComponentId::Unknown(ComponentType::Path),
            Self::Peering(id) => ComponentId::VpcPeeringConnection(id.clone()),
            Self::NetworkInterface(id) => ComponentId::NetworkInterface(id.clone()),
            Self::Instance(id) => ComponentId::Instance(id.clone()),
            Self::Gateway(kind, id) => ComponentId::Gateway(*kind, id.clone()),
        }
    }
}

impl fmt::Display for RouteTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => formatter.write_str("local"),
            Self::Peering(id) => id.fmt(formatter),
            Self::NetworkInterface(id) => id.fmt(formatter),
            Self::Instance(id) => id.fmt(formatter),
            Self::Gateway(_, id) => id.fmt(formatter),
            Self::Other(Some(id)) => formatter.write_str(id),
            Self::Other(None) => formatter.write_str("an unknown target"),
        }
    }
}

impl GatewayKind {
    /// The kind as reports name it. An egress-only internet gateway is an internet gateway for them.
    #[must_use]
    pub fn component_type(self) -> ComponentType {
        match self {
            Self::InternetGateway | Self::EgressOnlyInternetGateway => ComponentType::InternetGateway,
            Self::NatGateway => ComponentType::NatGateway,
            Self::TransitGateway => ComponentType::TransitGateway,
            Self::VpnGateway => ComponentType::VpnGateway,
            Self::VpcEndpoint => ComponentType::VpcEndpoint,
            Self::LocalGateway => ComponentType::LocalGateway,
            Self::CarrierGateway => ComponentType::CarrierGateway,
            Self::CoreNetwork => ComponentType::CoreNetwork,
        }
    }
}

impl Topology {
    /// Adds the gateways of one collection. A gateway that several accounts share is in several.
    pub(super) fn add_gateways(&mut self, documents: &AwsDocuments) {
        for one in documents.internet_gateways.iter().flatten() {
            let entry = self.gateway_entry(&one.internet_gateway_id, one.owner_id.as_ref(), &one.tags);
            entry.vpc = entry.vpc.take().or_else(|| attached(&one.attachments));
        }
        for one in documents.egress_only_internet_gateways.iter().flatten() {
            let entry = self.gateway_entry(&one.egress_only_internet_gateway_id, None, &one.tags);
            entry.vpc = entry.vpc.take().or_else(|| attached(&one.attachments));
        }
        for one in documents.nat_gateways.iter().flatten() {
            let entry = self.gateway_entry(&one.nat_gateway_id, None, &one.tags);
            entry.vpc = entry.vpc.take().or_else(|| one.vpc_id.clone());
            entry.subnet = entry.subnet.take().or_else(|| one.subnet_id.clone());
        }
        for one in documents.vpn_gateways.iter().flatten() {
            let entry = self.gateway_entry(&one.vpn_gateway_id, None, &one.tags);
            entry.vpc = entry.vpc.take().or_else(|| attached(&one.vpc_attachments));
        }
        for one in documents.vpc_endpoints.iter().flatten() {
            let entry = self.gateway_entry(&one.vpc_endpoint_id, one.owner_id.as_ref(), &one.tags);
            entry.vpc = entry.vpc.take().or_else(|| one.vpc_id.clone());
            let of_type = one.vpc_endpoint_type.clone().unwrap_or(VpcEndpointType::Gateway);
            entry.endpoint_type = Some(of_type);
        }
        for one in documents.transit_gateways.iter().flatten() {
            self.gateway_entry(&one.transit_gateway_id, one.owner_id.as_ref(), &one.tags);
        }
        for one in documents.transit_gateway_attachments.iter().flatten() {
            let table = one.association.as_ref().and_then(|one| one.transit_gateway_route_table_id.clone());
            let resource = one.resource_id.clone().or_else(|| one.resource_type.clone());
            let owner = one.transit_gateway_owner_id.as_ref();
            self.attach(&one.transit_gateway_id, owner, resource, one.state.clone(), table);
        }
        for one in documents.transit_gateway_vpc_attachments.iter().flatten() {
            let resource = one.vpc_id.as_ref().map(ToString::to_string);
            self.attach(&one.transit_gateway_id, None, resource, one.state.clone(), None);
        }
    }

    fn gateway_entry(&mut self, id: &GatewayId, owner: Option<&AccountId>, tags: &[Tag]) -> &mut Gateway {
        let entry = self.gateways.entry(id.clone()).or_default();
        let ownership = &mut entry.ownership;
        ownership.account = ownership.account.take().or_else(|| owner.cloned());
        ownership.name = ownership.name.take().or_else(|| tags::name(tags));
        ownership.managed_by = ownership.managed_by.take().or_else(|| tags::managed_by(tags));
        entry
    }

    /// The two documents about attachments tell of the same ones.
    fn attach(
        &mut self,
        gateway: &GatewayId,
        owner: Option<&AccountId>,
        resource: Option<String>,
        state: Option<String>,
        route_table: Option<String>,
    ) {
        let entry = self.gateway_entry(gateway, owner, &[]);
        let Some(resource) = resource else { return };
        match entry.attachments.iter_mut().find(|known| known.resource == resource) {
            Some(known) => {
                known.state = known.state.take().or(state);
                known.route_table = known.route_table.take().or(route_table);
            }
            None => entry.attachments.push(Attachment { resource, state, route_table }),
        }
    }
}

/// The VPC that a gateway is attached to; else the one that it is about to be, or was.
fn attached(attachments: &[GatewayAttachment]) -> Option<VpcId> {
    let holds = |one: &&GatewayAttachment| {
        one.state.as_deref().is_none_or(|state| matches!(state, "available" | "attached"))
    };
    let found = attachments.iter().find(holds).or_else(|| attachments.first());
    found.and_then(|one| one.vpc_id.clone())
}

/// The gateways that routes lead to, placed by the tables: a transit gateway or core network may be
/// another account's, but is of the Region; the others are the VPC's own.
pub(super) fn gateways_of_routes(
    tables: &BTreeMap<RouteTableId, RouteTable>,
) -> BTreeMap<GatewayId, Gateway> {
    let mut found = BTreeMap::new();
    for table in tables.values() {
        for route in &table.routes {
            let RouteTarget::Gateway(kind, id) = RouteTarget::of(route) else { continue };
            let shared = matches!(kind, GatewayKind::TransitGateway | GatewayKind::CoreNetwork);
            found.entry(id).or_insert_with(|| Gateway {
                vpc: Some(table.vpc.clone()).filter(|_| !shared),
                ownership: Ownership { region: table.ownership.region.clone(), ..Ownership::default() },
                ..Gateway::default()
            });
        }
    }
    found
}
