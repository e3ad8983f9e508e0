//! The networks of an organisation: VPCs with their subnets, the peerings between them, the routes.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use fastrand::Rng;
use peerscope_document::Cidr;
use peerscope_document::aws::{
    CidrBlockAssociation, PeeringCidrBlock, PeeringStatus, PeeringStatusCode, PeeringVpcInfo, Route,
    RouteOrigin, RouteState, RouteTable, RouteTableAssociation, Subnet, Vpc, VpcPeeringConnection,
};
use peerscope_document::heroku::{PeeringInfo, Space};

use crate::Size;

/// The tiers of a VPC, each with a route table of its own.
const TIERS: [&str; 4] = ["web", "app", "db", "batch"];
/// The zones that each tier has a subnet in.
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
/// How many VPCs are peered with the space: Heroku's limit.
const WITH_THE_SPACE: usize = 5;
/// Of 100 routes over a peering, so many were forgotten.
const FORGOTTEN: u32 = 5;

/// The second octet of the first VPC's block: 10.0 is the space's, 10.1 Heroku's.
const FIRST_BLOCK: usize = 20;

/// The VPCs and what joins them.
pub(crate) struct Networks {
    /// The number of VPCs.
    pub(crate) vpcs: usize,
    /// Pairs of networks: the space is `None`.
    pub(crate) peerings: Vec<(Option<usize>, usize)>,
}

/// A subnet of a VPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) vpc: usize,
    pub(crate) tier: usize,
    pub(crate) zone: usize,
}

impl Place {
    /// Every subnet of a VPC.
    pub(crate) fn of_vpc(vpc: usize) -> impl Iterator<Item = Self> {
        (0..TIERS.len()).flat_map(move |tier| (0..ZONES.len()).map(move |zone| Self { vpc, tier, zone }))
    }

    fn number(self) -> usize {
        self.tier * ZONES.len() + self.zone
    }

    pub(crate) fn id(self) -> String {
        format!("subnet-{:04x}{:02x}", self.vpc, self.number())
    }

    pub(crate) fn zone(self) -> &'static str {
        ZONES[self.zone]
    }

    /// The block, a /20.
    pub(crate) fn block(self) -> Cidr {
        cidr(Ipv4Addr::new(10, octet(self.vpc), octet_of(self.number() * 16), 0), 20)
    }

    /// The address of a number below 4,000.
    pub(crate) fn address(self, number: usize) -> Ipv4Addr {
        let host = number + 10;
        let third = self.number() * 16 + host / 256;
        Ipv4Addr::new(10, octet(self.vpc), octet_of(third), octet_of(host % 256))
    }
}

fn octet(vpc: usize) -> u8 {
    octet_of(FIRST_BLOCK + vpc)
}

fn octet_of(number: usize) -> u8 {
    u8::try_from(number % 256).unwrap_or_default()
}

pub(crate) fn cidr(address: Ipv4Addr, length: u8) -> Cidr {
    format!("{address}/{length}").parse().unwrap_or_else(|_| unreachable!("an address and a short prefix"))
}

/// The block of a VPC, a /16.
pub(crate) fn vpc_block(vpc: usize) -> Cidr {
    cidr(Ipv4Addr::new(10, octet(vpc), 0, 0), 16)
}

/// The block of the space, and the blocks of its dynos.
pub(crate) fn space_block() -> Cidr {
    cidr(Ipv4Addr::new(10, 0, 0, 0), 16)
}

pub(crate) fn dyno_blocks() -> [Cidr; 2] {
    [128, 144].map(|third| cidr(Ipv4Addr::new(10, 0, third, 0), 20))
}

pub(crate) fn vpc_id(vpc: usize) -> String {
    format!("vpc-{vpc:08x}")
}

const SPACE_VPC: &str = "vpc-5face000";

pub(crate) fn space() -> Space {
    Space {
        name: Some("orders-space".into()),
        state: Some("allocated".into()),
        cidr: Some(space_block()),
        ..Space::default()
    }
}

pub(crate) fn peering_info() -> PeeringInfo {
    PeeringInfo {
        vpc_id: Some(SPACE_VPC.into()),
        vpc_cidr: Some(space_block()),
        dyno_cidr_blocks: Some(dyno_blocks().to_vec()),
        space_cidr_blocks: Some(dyno_blocks().to_vec()),
        ..PeeringInfo::default()
    }
}

/// Peers the first VPCs with the space and others by lot.
pub(crate) fn networks(size: &Size, lot: &mut Rng) -> Networks {
    let vpcs = size.vpcs.clamp(1, 200);
    let mut pairs: BTreeSet<(Option<usize>, usize)> =
        (0..vpcs.min(WITH_THE_SPACE).min(size.peerings)).map(|vpc| (None, vpc)).collect();
    let possible = vpcs * (vpcs - 1) / 2 + pairs.len();
    while pairs.len() < size.peerings.min(possible) {
        let (one, other) = (lot.usize(..vpcs), lot.usize(..vpcs));
        if one != other {
            pairs.insert((Some(one.min(other)), one.max(other)));
        }
    }
    Networks { vpcs, peerings: pairs.into_iter().collect() }
}

impl Networks {
    /// What a VPC is peered with, and by which peering.
    pub(crate) fn peers(&self, vpc: usize) -> impl Iterator<Item = (Option<usize>, String)> {
        self.peerings.iter().enumerate().filter_map(move |(index, (one, other))| {
            let id = peering_id(index);
            match (one, other) {
                (one, other) if *other == vpc => Some((*one, id)),
                (Some(one), other) if *one == vpc => Some((Some(*other), id)),
                _ => None,
            }
        })
    }

    pub(crate) fn vpc_documents(&self) -> Vec<Vpc> {
        let document = |vpc| Vpc {
            vpc_id: vpc_id(vpc).into(),
            cidr_block: Some(vpc_block(vpc)),
            cidr_block_association_set: vec![CidrBlockAssociation {
                cidr_block: vpc_block(vpc),
                cidr_block_state: None,
            }],
            ipv6_cidr_block_association_set: Vec::new(),
            owner_id: Some("111122223333".into()),
            is_default: false,
            tags: Vec::new(),
        };
        (0..self.vpcs).map(document).collect()
    }

    pub(crate) fn subnet_documents(&self) -> Vec<Subnet> {
        let document = |place: Place| Subnet {
            subnet_id: place.id().into(),
            vpc_id: vpc_id(place.vpc).into(),
            cidr_block: Some(place.block()),
            ipv6_cidr_block_association_set: Vec::new(),
            availability_zone: Some(place.zone().into()),
            owner_id: Some("111122223333".into()),
            tags: Vec::new(),
        };
        (0..self.vpcs).flat_map(Place::of_vpc).map(document).collect()
    }

    /// A main table without routes to peers, and one a tier with most of them.
    pub(crate) fn route_tables(&self, lot: &mut Rng) -> Vec<RouteTable> {
        let mut tables = Vec::new();
        for vpc in 0..self.vpcs {
            let local = route(vpc_block(vpc), |route| route.gateway_id = Some("local".into()));
            let table = |id: String, routes, associations| RouteTable {
                route_table_id: id.into(),
                vpc_id: vpc_id(vpc).into(),
                owner_id: None,
                associations,
                routes,
                tags: Vec::new(),
            };
            let main = RouteTableAssociation { main: true, ..RouteTableAssociation::default() };
            tables.push(table(format!("rtb-{vpc:04x}ff"), vec![local.clone()], vec![main]));
            for (tier, _) in TIERS.iter().enumerate() {
                let mut routes = vec![local.clone()];
                for (peer, peering) in self.peers(vpc).filter(|_| lot.u32(..100) >= FORGOTTEN) {
                    let block = peer.map_or_else(space_block, vpc_block);
                    routes.push(route(block, |route| {
                        route.vpc_peering_connection_id = Some(peering.as_str().into());
                    }));
                }
                let default = cidr(Ipv4Addr::UNSPECIFIED, 0);
                routes.push(route(default, |route| route.nat_gateway_id = Some(format!("nat-{vpc:08x}"))));
                let subnets = Place::of_vpc(vpc).filter(|place| place.tier == tier);
                let associations = subnets.map(|place| RouteTableAssociation {
                    subnet_id: Some(place.id().into()),
                    ..RouteTableAssociation::default()
                });
                tables.push(table(format!("rtb-{vpc:04x}{tier:02x}"), routes, associations.collect()));
            }
        }
        tables
    }

    pub(crate) fn peering_documents(&self) -> Vec<VpcPeeringConnection> {
        let side = |vpc: Option<usize>| {
            let block = vpc.map_or_else(space_block, vpc_block);
            PeeringVpcInfo {
                vpc_id: Some(vpc.map_or_else(|| SPACE_VPC.to_string(), vpc_id).into()),
                cidr_block: Some(block),
                cidr_block_set: vec![PeeringCidrBlock { cidr_block: block }],
                ..PeeringVpcInfo::default()
            }
        };
        let document = |(index, (one, other)): (usize, &(Option<usize>, usize))| VpcPeeringConnection {
            vpc_peering_connection_id: peering_id(index).into(),
            status: Some(PeeringStatus { code: Some(PeeringStatusCode::Active), message: None }),
            requester_vpc_info: Some(side(Some(*other))),
            accepter_vpc_info: Some(side(*one)),
            expiration_time: None,
            tags: Vec::new(),
        };
        self.peerings.iter().enumerate().map(document).collect()
    }
}

fn peering_id(index: usize) -> String {
    format!("pcx-{index:08x}")
}

fn route(destination: Cidr, target: impl FnOnce(&mut Route)) -> Route {
    let mut route = Route {
        destination_cidr_block: Some(destination),
        state: Some(RouteState::Active),
        origin: Some(RouteOrigin::CreateRoute),
        ..Route::default()
    };
    target(&mut route);
    route
}
