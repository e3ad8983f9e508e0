//! Ways between two VPCs beside the peering meant to join them.
//!
//! Between ordinary VPCs packets follow the route tables, whether or not there is a peering: over a
//! transit gateway, an appliance, a VPN. None of these is modelled, but that they are on the way is
//! known, and a peering that the packets do not take is nothing to them. From and to a Heroku space
//! nothing but a peering carries packets, and what Heroku lists as reached over a VPN of the space.

use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::{Route, RouteState, VpcEndpointType};
use peerscope_document::id::{RouteTableId, SubnetId, VpcPeeringConnectionId};

use super::gate::Direction;
use super::routing::{has_unlisted_destination, towards_block, won};
use super::site::{End, Site};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::topology::{GatewayKind, NetworkId, Peering, RouteTable, RouteTarget, Topology};

/// What may carry packets to another VPC beside a peering, and is not modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    /// What the route leads to.
    pub target: RouteTarget,
    /// What it would be if it stops the packets.
    pub code: CauseCode,
    /// Whether it certainly stops them.
    pub stops: bool,
}

/// The flows that a route hands to a carrier.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The carrier.
    pub carrier: Carrier,
    /// The route's index in its table.
    pub route: usize,
    /// The flows.
    pub flows: Flows,
}

/// What an active route leads to, where that may be another VPC. An internet gateway, a carrier gateway
/// and the endpoint of a service never lead to one.
fn carrier(topology: &Topology, route: &Route) -> Option<Carrier> {
    if route.state == Some(RouteState::Blackhole) {
        return None;
    }
    let target = RouteTarget::of(route);
    let (code, stops) = match &target {
        RouteTarget::Local | RouteTarget::Peering(_) => return None,
        RouteTarget::Other(_) => (CauseCode::UnsupportedComponent, false),
        RouteTarget::NetworkInterface(id) => {
            // An interface drops what is not for itself, unless its check is off.
            match topology.interface(id).and_then(|one| one.source_dest_check) {
                Some(false) => (CauseCode::UnsupportedComponent, false),
                checks => (CauseCode::EniSourceDestCheckRestriction, checks == Some(true)),
            }
        }
        RouteTarget::Instance(_) => (CauseCode::EniSourceDestCheckRestriction, false),
        RouteTarget::Gateway(kind, id) => match kind {
            GatewayKind::InternetGateway
            | GatewayKind::EgressOnlyInternetGateway
            | GatewayKind::CarrierGateway
            | GatewayKind::NatGateway => return None,
            GatewayKind::VpcEndpoint => {
                let of_type = topology.gateway(id).and_then(|one| one.endpoint_type.as_ref());
                if matches!(of_type, Some(VpcEndpointType::Gateway | VpcEndpointType::Interface)) {
                    return None;
                }
                (CauseCode::PathThroughGwlbNotChecked, false)
            }
            GatewayKind::TransitGateway => (CauseCode::TgwRtbRoutesAreUnknown, false),
            GatewayKind::VpnGateway | GatewayKind::LocalGateway | GatewayKind::CoreNetwork => {
                (CauseCode::UnsupportedComponent, false)
            }
        },
    };
    Some(Carrier { target, code, stops })
}

/// What a NAT gateway sends on is routed by the table of its own subnet, and may reach another VPC from
/// there (a private NAT gateway is made for that). It takes no packet back that it did not send.
fn behind_nat(topology: &Topology, route: &Route, flows: &Flows) -> Option<(Carrier, Flows)> {
    let target = RouteTarget::of(route);
    let RouteTarget::Gateway(GatewayKind::NatGateway, id) = &target else { return None };
    if route.state == Some(RouteState::Blackhole) {
        return None;
    }
    let subnet = topology.gateway(id)?.subnet.as_ref()?;
    let (_, table) = topology.effective_route_table(subnet)?;
    let leads_on = |(route, ..): &(&Route, usize, Flows)| {
        let over_peering = route.vpc_peering_connection_id.is_some();
        carrier(topology, route).is_some() || (over_peering && route.state != Some(RouteState::Blackhole))
    };
    let onward = won(topology, table, flows, End::Destination).into_iter().filter(leads_on);
    let flows = onward.fold(Flows::none(), |all, (.., flows)| all.union(&flows));
    let carrier = Carrier { target, code: CauseCode::UnsupportedComponent, stops: false };
    (!flows.is_empty()).then_some((carrier, flows))
}

/// One way between two VPCs: the table of the subnet that the packets leave.
#[derive(Clone, Debug)]
struct Way {
    /// The table; `None` where it is not known.
    table: Option<RouteTableId>,
    /// The network that the packets go to.
    towards: NetworkId,
    /// Which end of the flow the packets go to.
    end: End,
}

impl Way {
    fn new(topology: &Topology, subnet: Option<&SubnetId>, towards: &NetworkId, end: End) -> Self {
        let table = subnet.and_then(|subnet| topology.effective_route_table(subnet));
        Self { table: table.map(|(id, _)| id.clone()), towards: towards.clone(), end }
    }

    fn table<'a>(&self, topology: &'a Topology) -> Option<&'a RouteTable> {
        topology.route_table(self.table.as_ref()?)
    }

    /// The flows that routes hand to carriers.
    fn carried(&self, topology: &Topology, flows: &Flows) -> Vec<Carried> {
        let Some(table) = self.table(topology) else { return Vec::new() };
        let won = won(topology, table, flows, self.end).into_iter();
        let carried = won.filter_map(|(route, index, taken)| {
            let by_nat = || behind_nat(topology, route, &taken).filter(|_| self.end == End::Destination);
            let direct = carrier(topology, route).map(|carrier| (carrier, taken.clone()));
            let (carrier, flows) = direct.or_else(by_nat)?;
            Some(Carried { carrier, route: index, flows })
        });
        carried.collect()
    }

    /// The flows of which the table does not tell that nothing but a peering can take them.
    fn undecided(&self, topology: &Topology, flows: &Flows) -> Flows {
        let Some(table) = self.table(topology) else { return flows.clone() };
        let open = table
            .routes
            .iter()
            .any(|route| carrier(topology, route).is_some() && has_unlisted_destination(topology, route));
        if open { flows.clone() } else { Flows::none() }
    }

    fn over(&self, topology: &Topology, peering: &VpcPeeringConnectionId, flows: &Flows) -> Flows {
        let Some(table) = self.table(topology) else { return Flows::none() };
        let won = won(topology, table, flows, self.end).into_iter();
        let over = won.filter(|(route, ..)| route.vpc_peering_connection_id.as_ref() == Some(peering));
        over.fold(Flows::none(), |all, (.., flows)| all.union(&flows))
    }
}

/// How packets may travel beside the peering meant to join two networks. Between ordinary VPCs their tables
/// decide; a space reaches over its VPN what Heroku lists, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    ways: Option<(Way, Way)>,
    peering: Option<VpcPeeringConnectionId>,
    vpn: Option<Vpn>,
}

/// The networks that a space reaches over VPN connections of its own, as one end of the flows.
#[derive(Clone, Debug)]
struct Vpn {
    blocks: Vec<IpNet>,
    /// The blocks that an active peering carries instead: those of the VPC itself.
    peered: Vec<IpNet>,
    /// The end that is not the space.
    end: End,
}

impl Vpn {
    fn new(topology: &Topology, source: &Site, target: &Site, peering: Option<&Peering>) -> Option<Self> {
        let (vpc, end) = match (&source.network, &target.network) {
            (NetworkId::Space, NetworkId::Vpc(_)) => (&target.network, End::Destination),
            (NetworkId::Vpc(_), NetworkId::Space) => (&source.network, End::Source),
            _ => return None,
        };
        let blocks: Vec<IpNet> = topology.space()?.vpn_blocks.iter().map(|(block, _)| *block).collect();
        let peered =
            if peering.is_some_and(Peering::is_active) { topology.blocks_of(vpc) } else { Vec::new() };
        (!blocks.is_empty()).then_some(Self { blocks, peered, end })
    }

    fn carried(&self, flows: &Flows) -> Flows {
        let within = |blocks: &[IpNet], flows: &Flows| {
            let parts = blocks.iter().map(|block| towards_block(flows, self.end, *block));
            parts.fold(Flows::none(), |all, part| all.union(&part))
        };
        let over_vpn = within(&self.blocks, flows);
        over_vpn.difference(&within(&self.peered, &over_vpn))
    }
}

impl Ways {
    /// The ways between two sites, there and back.
    #[must_use]
    pub fn new(
        topology: &Topology,
        source: &Site,
        target: &Site,
        peering: Option<VpcPeeringConnectionId>,
    ) -> Self {
        let ordinary = matches!((&source.network, &target.network), (NetworkId::Vpc(one), NetworkId::Vpc(other)) if one != other);
        let there = Way::new(topology, source.subnet.as_ref(), &target.network, End::Destination);
        let back = Way::new(topology, target.subnet.as_ref(), &source.network, End::Source);
        let joining = peering.as_ref().and_then(|id| topology.peering(id));
        let vpn = Vpn::new(topology, source, target, joining);
        Self { ways: ordinary.then_some((there, back)), peering, vpn }
    }

    /// The flows that the table of one way hands to carriers.
    #[must_use]
    pub fn carried(&self, topology: &Topology, direction: Direction, flows: &Flows) -> Vec<Carried> {
        self.way(direction).map(|way| way.carried(topology, flows)).unwrap_or_default()
    }

    /// Every carrier that the table of one way has a route to.
    #[must_use]
    pub fn carriers(&self, topology: &Topology, direction: Direction) -> Vec<Carrier> {
        let table = self.way(direction).and_then(|way| way.table(topology));
        let mut found = Vec::new();
        for route in table.iter().flat_map(|table| &table.routes) {
            let nat = Carrier {
                target: RouteTarget::of(route),
                code: CauseCode::UnsupportedComponent,
                stops: false,
            };
            let is_nat = matches!(nat.target, RouteTarget::Gateway(GatewayKind::NatGateway, _));
            let one = carrier(topology, route).or(Some(nat).filter(|_| is_nat));
            found.extend(one.filter(|one| !found.contains(one)));
        }
        found
    }

    /// Whether a route leads to a carrier.
    #[must_use]
    pub fn takes(&self, topology: &Topology, route: &Route) -> bool {
        self.ways.is_some() && carrier(topology, route).is_some()
    }

    /// The table of one way.
    #[must_use]
    pub fn table<'a>(
        &self,
        topology: &'a Topology,
        direction: Direction,
    ) -> Option<(&'a RouteTableId, &'a RouteTable)> {
        let id = self.way(direction)?.table.as_ref()?;
        topology.route_tables().find(|(known, _)| *known == id)
    }

    fn way(&self, direction: Direction) -> Option<&Way> {
        let (there, back) = self.ways.as_ref()?;
        Some(match direction {
            Direction::Forward => there,
            Direction::Return => back,
        })
    }

    /// Whether a peering joins the two networks that is active.
    #[must_use]
    pub fn peering_is_active(&self, topology: &Topology) -> bool {
        self.peering.as_ref().and_then(|id| topology.peering(id)).is_some_and(Peering::is_active)
    }

    /// The flows that the peering would carry one way, if the table sent them over it: it is active, and
    /// they go to addresses of the other VPC itself.
    #[must_use]
    pub fn carried_by_peering(&self, topology: &Topology, direction: Direction, flows: &Flows) -> Flows {
        let Some(way) = self.way(direction).filter(|_| self.peering_is_active(topology)) else {
            return Flows::none();
        };
        let blocks = topology.blocks_of(&way.towards);
        let within = blocks.into_iter().map(|block| towards_block(flows, way.end, block));
        within.fold(Flows::none(), |all, part| all.union(&part))
    }

    /// The flows of which one way at least is a carrier's that does not certainly stop them.
    #[must_use]
    pub fn handed_on(&self, topology: &Topology, flows: &Flows) -> Flows {
        let Some((there, back)) = &self.ways else { return self.elsewhere(topology, flows) };
        let carried = [there, back].into_iter().flat_map(|way| way.carried(topology, flows));
        let open = carried.filter(|carried| !carried.carrier.stops);
        open.fold(Flows::none(), |all, carried| all.union(&carried.flows))
    }

    /// Of a space with VPN connections, the end that it may reach over them.
    #[must_use]
    pub fn vpn_end(&self) -> Option<End> {
        self.vpn.as_ref().map(|vpn| vpn.end)
    }

    /// Whether any table has a route to a carrier.
    #[must_use]
    pub fn any(&self, topology: &Topology) -> bool {
        let directions = [Direction::Forward, Direction::Return];
        directions.into_iter().any(|direction| !self.carriers(topology, direction).is_empty())
    }

    /// The flows that the tables send elsewhere than over the peering, one way at least, and over it
    /// neither way: what the peering is, or that there is none, is nothing to them.
    #[must_use]
    pub fn elsewhere(&self, topology: &Topology, flows: &Flows) -> Flows {
        if let Some(vpn) = &self.vpn {
            return vpn.carried(flows);
        }
        let Some((there, back)) = &self.ways else { return Flows::none() };
        let mut elsewhere = Flows::none();
        for way in [there, back] {
            for carried in way.carried(topology, flows) {
                elsewhere = elsewhere.union(&carried.flows);
            }
        }
        if let (Some(peering), false) = (&self.peering, elsewhere.is_empty()) {
            for way in [there, back] {
                elsewhere = elsewhere.difference(&way.over(topology, peering, &elsewhere));
            }
        }
        elsewhere
    }

    /// The flows that may travel elsewhere, for all that the documents tell: no table says that they
    /// cannot.
    #[must_use]
    pub fn undecided(&self, topology: &Topology, flows: &Flows) -> Flows {
        let Some((there, back)) = &self.ways else { return Flows::none() };
        back.undecided(topology, &there.undecided(topology, flows))
    }
}
