//! Where flows begin and end: an interface, or an address in a network.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::id::{NetworkInterfaceId, SubnetId};

use super::gate::between;
use super::routing::{candidates, towards_block};
use crate::flow::{AddressRange, FlowBox, Flows};
use crate::topology::{NetworkId, Topology};

/// Where a flow begins or ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The network.
    pub network: NetworkId,
    /// The subnet, in a VPC whose subnets are known.
    pub subnet: Option<SubnetId>,
    /// The interface, where one is known to own the address.
    pub interface: Option<NetworkInterfaceId>,
}

/// Which end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The initiator's.
    Source,
    /// The one it calls.
    Destination,
}

impl End {
    /// The addresses of this end.
    #[must_use]
    pub fn addresses(self, flows: &FlowBox) -> AddressRange {
        match self {
            Self::Source => flows.source,
            Self::Destination => flows.destination,
        }
    }

    /// The addresses of this end that occur, as the fewest CIDR blocks.
    #[must_use]
    pub fn cidrs(self, flows: &Flows) -> Vec<IpNet> {
        match self {
            Self::Source => flows.sources(),
            Self::Destination => flows.destinations(),
        }
    }

    /// The box with the addresses of this end replaced.
    #[must_use]
    pub fn with_addresses(self, flows: FlowBox, addresses: AddressRange) -> FlowBox {
        match self {
            Self::Source => FlowBox { source: addresses, ..flows },
            Self::Destination => FlowBox { destination: addresses, ..flows },
        }
    }

    /// The flows of the box whose addresses at this end lie in the range.
    #[must_use]
    pub fn restrict(self, flows: &FlowBox, addresses: AddressRange) -> Option<FlowBox> {
        Some(self.with_addresses(*flows, self.addresses(flows).intersection(addresses)?))
    }
}

/// Splits flows by the site of one end. In a VPC each interface is a site of its own, and what no
/// interface owns is one site a subnet; the space is one site, its inside being invisible.
pub(super) fn split(topology: &Topology, network: &NetworkId, flows: &Flows, end: End) -> Vec<(Site, Flows)> {
    let NetworkId::Vpc(vpc) = network else {
        return vec![(Site { network: network.clone(), subnet: None, interface: None }, flows.clone())];
    };
    let mut owned: BTreeMap<&NetworkInterfaceId, Vec<FlowBox>> = BTreeMap::new();
    let mut unowned: Vec<FlowBox> = Vec::new();
    for flows in flows.boxes() {
        let range = end.addresses(flows);
        let mut rest = Some(range);
        for (address, id) in topology.owned_in(vpc, range.first(), range.last()) {
            let address = AddressRange::from(address);
            owned.entry(id).or_default().push(end.with_addresses(*flows, address));
            // Addresses come in ascending order: what lies below is done with.
            let [below, above] = rest.map_or([None, None], |rest| rest.around(address));
            unowned.extend(below.map(|below| end.with_addresses(*flows, below)));
            rest = above;
        }
        unowned.extend(rest.map(|rest| end.with_addresses(*flows, rest)));
    }
    let site = |subnet: Option<SubnetId>, interface: Option<NetworkInterfaceId>| Site {
        network: network.clone(),
        subnet,
        interface,
    };
    // Interfaces answer for a whole block of sources; its unowned addresses send nothing, so they are
    // asked about only where no interface of the block is known.
    if end == End::Source && !owned.is_empty() {
        unowned.clear();
    }
    let mut sites: Vec<(Site, Flows)> = Vec::with_capacity(owned.len());
    for (id, boxes) in owned {
        let subnet = topology.interface(id).and_then(|interface| {
            let address = interface.addresses.first().copied();
            let around = || address.and_then(|address| topology.subnet_in(vpc, address)).cloned();
            interface.subnet.clone().or_else(around)
        });
        sites.push((site(subnet, Some(id.clone())), Flows::of_disjoint(boxes)));
    }
    let mut rest = Flows::of_disjoint(unowned);
    for (id, subnet) in topology.subnets_of(vpc) {
        if rest.is_empty() {
            break;
        }
        for cidr in &subnet.cidrs {
            let taken = towards_block(&rest, end, *cidr);
            if !taken.is_empty() {
                rest = rest.difference(&taken);
                sites.push((site(Some(id.clone()), None), taken));
            }
        }
    }
    if !rest.is_empty() {
        sites.push((site(None, None), rest));
    }
    sites
}

/// Which networks a pair of addresses is meant to lie in. Several networks may use the same private
/// addresses, so all pairs are weighed: a network that packets can cross to beats one that they
/// cannot, and an owned address beats an unowned one; so does one whose owner the source's route leads
/// towards, only to end at a VPC between. `sources` narrows the choice where the source's
/// network is known already (a dyno knows that it is one).
#[must_use]
pub fn pair_networks(
    topology: &Topology,
    sources: &[NetworkId],
    source: IpAddr,
    target: IpAddr,
) -> Option<(NetworkId, NetworkId)> {
    // The order of `sources` and of ids, so that the answer is stable.
    fitting_networks(topology, sources, &[], source, target).into_iter().next()
}

/// Every pair that fits as well as the one of [`pair_networks`], that one first: with more than one, which
/// is meant is not told by anything. `targets` narrows the choice as `sources` does; where it is empty, every
/// network that holds the target's address is meant.
#[must_use]
pub fn fitting_networks(
    topology: &Topology,
    sources: &[NetworkId],
    targets: &[NetworkId],
    source: IpAddr,
    target: IpAddr,
) -> Vec<(NetworkId, NetworkId)> {
    let mut targets = if targets.is_empty() { topology.networks_of(target) } else { targets.to_vec() };
    if targets.is_empty() {
        targets = behind_a_peering(topology, sources);
    }
    let next: Vec<Option<NetworkId>> =
        sources.iter().map(|one| across_the_route(topology, one, source, target)).collect();
    let towards = |one: &NetworkId| {
        let known = sources.iter().zip(&next).find(|(source, _)| *source == one);
        known.and_then(|(_, next)| next.as_ref())
    };
    let pairs = sources.iter().flat_map(|one| targets.iter().map(move |other| (one, other)));
    let weighed = pairs.map(|(one, other)| {
        let connected = if one == other {
            // Inside a space nothing is configured: that is meant only where nothing else can be.
            if *one == NetworkId::Space { 0 } else { 8 }
        } else if *other == NetworkId::SpaceData {
            8
        } else {
            topology.intended_peering(one, other).map_or(0, |(_, peering)| 1 + peering.nearness())
        };
        let source_owned = match one {
            NetworkId::Space => topology.space().is_some_and(|space| holds(&space.dyno_blocks, source)),
            NetworkId::SpaceData => false,
            NetworkId::Vpc(_) => topology.interface_in(one, source).is_some(),
        };
        let target_owned = match other {
            NetworkId::Space => topology.space().is_some_and(|space| holds(&space.dyno_blocks, target)),
            NetworkId::SpaceData => true,
            NetworkId::Vpc(_) => topology.interface_in(other, target).is_some(),
        };
        // The owner that a route leads towards is meant, though nothing carries the packets on from there.
        let led = connected == 0
            && target_owned
            && towards(one).is_some_and(|next| {
                let onward = topology.intended_peering(next, other);
                next != other && onward.is_some_and(|(_, peering)| peering.is_active())
            });
        // Of pairs that nothing connects, the one that a third network lies between is meant the sooner.
        let behind = connected == 0 && one != other && between(topology, one, other).is_some();
        ((connected > 0 || led, source_owned, target_owned, connected, behind), (one, other))
    });
    let mut heaviest = None;
    let mut fitting: Vec<(NetworkId, NetworkId)> = Vec::new();
    for (weight, (one, other)) in weighed {
        if heaviest.is_none_or(|heaviest| weight > heaviest) {
            fitting.clear();
            heaviest = Some(weight);
        }
        if heaviest == Some(weight) {
            fitting.push((one.clone(), other.clone()));
        }
    }
    fitting
}

/// The network across the peering that the route to an address leads over.
fn across_the_route(
    topology: &Topology,
    network: &NetworkId,
    source: IpAddr,
    target: IpAddr,
) -> Option<NetworkId> {
    let NetworkId::Vpc(vpc) = network else { return None };
    let (_, table) = topology.effective_route_table(topology.subnet_in(vpc, source)?)?;
    let mut candidates = candidates(topology, table).into_iter();
    let route = candidates.find(|one| one.destination.contains(&target))?.route;
    let peering = topology.peering(route.vpc_peering_connection_id.as_ref()?)?;
    let (_, other) = peering.sides(network).filter(|_| peering.is_active())?;
    other.network.clone()
}

/// Where no network holds the target's address: the networks peered with the sources, behind one of
/// which it is thought to be.
fn behind_a_peering(topology: &Topology, sources: &[NetworkId]) -> Vec<NetworkId> {
    let mut networks: Vec<NetworkId> = Vec::new();
    for (_, peering) in topology.peerings() {
        for source in sources {
            if let Some((_, other)) = peering.sides(source)
                && let Some(network) = &other.network
                && !networks.contains(network)
            {
                networks.push(network.clone());
            }
        }
    }
    networks
}

fn holds(blocks: &[IpNet], address: IpAddr) -> bool {
    blocks.iter().any(|block| block.contains(&address))
}
