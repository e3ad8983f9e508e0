//! The gates that a flow must pass, from the topology alone.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Site;
use super::Ways;
use super::gate::{
    AddressOwner, AddressPlan, Assumed, CarrierGate, DataService, Direction, Gate, HostState, NetworkAclGate,
    PeeringGate, RouteGate, SecurityGroupGate, SpaceGeneration, SpaceVpn, Tracked, Undocumented,
    UnknownSender, VpcCidr,
};
use super::site::End;
use crate::topology::{NetworkId, Topology};

/// The gates between two sites.
#[derive(Debug, Default)]
pub struct Intended {
    /// In the order of the path: the way there, then the way back. A gate that is the same both ways
    /// (a peering) stands where the way there meets it.
    pub gates: Vec<Box<dyn Gate>>,
    /// The index of the first gate of the way back that lies past the crossing.
    pub crossing_back: Option<usize>,
}

/// The ordered gates of flows between two sites. State is ignored: a gate that is shut is listed like
/// an open one, and what lies past it too.
#[must_use]
pub fn intend(topology: &Topology, source: &Site, target: &Site) -> Intended {
    let crossing = source.network != target.network;
    let same_subnet = !crossing && source.subnet.is_some() && source.subnet == target.subnet;
    let peering = topology.intended_peering(&source.network, &target.network).map(|(id, _)| id.clone());
    let mut gates: Vec<Box<dyn Gate>> = Vec::new();
    if target.network == NetworkId::SpaceData && source.network != NetworkId::Space {
        // Nothing else on the way can matter: no setting of either side reaches there.
        gates.push(Box::new(DataService));
        return Intended { gates, crossing_back: None };
    }

    let ways = Ways::new(topology, source, target, peering.clone());
    let side = |site: &Site| match &site.network {
        NetworkId::Space | NetworkId::SpaceData => Side::Assumed,
        NetworkId::Vpc(vpc) if topology.vpc(vpc).is_some_and(|vpc| vpc.documented) => Side::Known,
        NetworkId::Vpc(vpc) if topology.subnets_of(vpc).next().is_some() => Side::Known,
        NetworkId::Vpc(_) => Side::Undocumented,
    };
    // An address that none of the VPC's subnets holds has no ACL and no route table: there is nothing
    // that the documents leave open.
    let in_no_subnet = |site: &Site| match (&site.subnet, &site.network) {
        (None, NetworkId::Vpc(vpc)) => topology.subnets_of(vpc).next().is_some(),
        _ => false,
    };
    // Where other interfaces of the VPC are known, an address without one is not in use, and sends nothing.
    let lacks_interfaces =
        |site: &Site| matches!(&site.network, NetworkId::Vpc(vpc) if !topology.knows_interfaces_of(vpc));
    let guarded = |site: &Site| !same_subnet && !in_no_subnet(site);
    let route = |site: &Site, towards: &Site, end: End, direction: Direction| -> Option<Box<dyn Gate>> {
        let judged = crossing && !in_no_subnet(site) && (peering.is_some() || ways.any(topology));
        let gate = || RouteGate::new(topology, site, towards, peering.clone(), end, direction, ways.clone());
        judged.then(|| Box::new(gate()) as Box<dyn Gate>)
    };
    let carriers = |direction: Direction| {
        let carriers = ways.carriers(topology, direction).into_iter();
        carriers
            .map(|one| Box::new(CarrierGate::new(one, ways.clone(), direction)) as Box<dyn Gate>)
            .collect::<Vec<_>>()
    };

    match side(source) {
        Side::Assumed => gates.push(Box::new(Assumed::new(Direction::Forward))),
        Side::Undocumented => gates.push(Box::new(Undocumented::new(source, End::Source))),
        Side::Known => {
            if source.interface.is_some() {
                gates.push(Box::new(SecurityGroupGate::new(topology, source, target, false)));
            } else if lacks_interfaces(source) {
                gates.push(Box::new(UnknownSender::new(source)));
            }
            if guarded(source) {
                gates.push(Box::new(NetworkAclGate::new(topology, source, true, Direction::Forward)));
            }
            gates.extend(route(source, target, End::Destination, Direction::Forward));
            gates.extend(carriers(Direction::Forward));
        }
    }
    if crossing {
        if [&source.network, &target.network].contains(&&NetworkId::Space) {
            gates.push(Box::new(SpaceGeneration));
            if ways.vpn_end().is_some() {
                gates.push(Box::new(SpaceVpn::new(ways.clone())));
            }
        }
        gates.push(Box::new(AddressPlan::new(&source.network, &target.network, ways.clone())));
        gates.push(Box::new(PeeringGate::new(topology, source, target, peering.clone(), ways.clone())));
        gates.push(Box::new(VpcCidr::of_target(source, target, ways.clone())));
    }
    match side(target) {
        Side::Assumed => gates.push(Box::new(Assumed::new(Direction::Forward))),
        Side::Undocumented => gates.push(Box::new(Undocumented::new(target, End::Destination))),
        Side::Known => {
            if guarded(target) {
                gates.push(Box::new(NetworkAclGate::new(topology, target, false, Direction::Forward)));
            }
            if let Some(interface) = &target.interface {
                gates.push(Box::new(SecurityGroupGate::new(topology, target, source, true)));
                gates.push(Box::new(HostState::new(interface)));
            } else {
                gates.push(Box::new(AddressOwner::new(target, crossing, ways.clone())));
            }
        }
    }

    if side(target) == Side::Known {
        gates.extend(target.interface.as_ref().map(|id| Box::new(Tracked::new(id)) as Box<dyn Gate>));
        if guarded(target) {
            gates.push(Box::new(NetworkAclGate::new(topology, target, true, Direction::Return)));
        }
        gates.extend(route(target, source, End::Source, Direction::Return));
        gates.extend(carriers(Direction::Return));
    } else if side(target) == Side::Assumed {
        gates.push(Box::new(Assumed::new(Direction::Return)));
    }
    let crossing_back = crossing.then_some(gates.len());
    if crossing && side(source) == Side::Known {
        gates.push(Box::new(VpcCidr::of_source(source, target, ways.clone())));
    }
    match side(source) {
        Side::Assumed => gates.push(Box::new(Assumed::new(Direction::Return))),
        Side::Undocumented => {}
        Side::Known => {
            if guarded(source) {
                gates.push(Box::new(NetworkAclGate::new(topology, source, false, Direction::Return)));
            }
            gates.extend(source.interface.as_ref().map(|id| Box::new(Tracked::new(id)) as Box<dyn Gate>));
        }
    }
    Intended { gates, crossing_back }
}

/// What is known of one side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Its documents are in the snapshot.
    Known,
    /// Heroku's: shown to nobody.
    Assumed,
    /// A VPC that only a peering names.
    Undocumented,
}
