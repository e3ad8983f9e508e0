//! What else a change lets through.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use peerscope_document::id::{NetworkInterfaceId, VpcId};

use super::Edit;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use crate::reach::{End, reach};
use crate::topology::{NetworkId, Topology};

/// Flows towards one interface that a change opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// The flows.
    pub flows: Flows,
}

/// Every flow of the same direction as `asked` that `edits` opened and nobody asked for: between the
/// other side and whichever interface of the customer's side the changed components serve, on any
/// protocol and port. `before` and `after` are the topology without and with the edits.
#[must_use]
pub fn newly_open(
    before: &Topology,
    after: &Topology,
    edits: &[Edit],
    source: &NetworkId,
    target: &NetworkId,
    asked: &Flows,
) -> Vec<Opened> {
    // What was asked for is a port, from whichever source port.
    let meant: Flows =
        asked.boxes().iter().map(|one| FlowBox { source_ports: PortRange::ALL, ..*one }).collect();
    let mut opened = Vec::new();
    for (id, end) in affected(before, edits, source, target) {
        let Some(interface) = before.interface(&id) else { continue };
        let others = other_end(before, if end == End::Source { target } else { source }, asked, end);
        let mut everything = Vec::new();
        for own in interface.addresses.iter().copied().map(AddressRange::from) {
            for other in others.iter().filter(|other| other.family() == own.family()) {
                let (source, destination) = if end == End::Source { (own, *other) } else { (*other, own) };
                everything.push(FlowBox {
                    source,
                    destination,
                    protocol: ProtocolRange::ALL,
                    source_ports: PortRange::ALL,
                    ports: PortRange::ALL,
                });
            }
        }
        let everything: Flows = everything.into_iter().collect();
        let beyond = everything.difference(&meant);
        let open = reach(after, source, target, &beyond).opening().admitted;
        if open.is_empty() {
            continue;
        }
        let new = open.difference(&reach(before, source, target, &open).opening().admitted);
        if !new.is_empty() {
            opened.push(Opened { interface: id, flows: new.normalised() });
        }
    }
    opened
}

/// The addresses at the other end of what an interface may newly send or get: the whole network that it calls
/// into or that calls it; of a space the dyno blocks that were asked about, which are all that call.
fn other_end(topology: &Topology, network: &NetworkId, asked: &Flows, end: End) -> Vec<AddressRange> {
    match (end, network) {
        (End::Source, NetworkId::Space) => {
            topology.blocks_of(network).into_iter().map(AddressRange::from).collect()
        }
        (End::Destination, NetworkId::Vpc(_)) => {
            topology.blocks_of(network).into_iter().map(AddressRange::from).collect()
        }
        (End::Source, _) => asked.destinations().into_iter().map(AddressRange::from).collect(),
        (End::Destination, _) => asked.sources().into_iter().map(AddressRange::from).collect(),
    }
}

/// The interfaces that the changed components serve, each with its end of the flows.
fn affected(
    topology: &Topology,
    edits: &[Edit],
    source: &NetworkId,
    target: &NetworkId,
) -> Vec<(NetworkInterfaceId, End)> {
    match target {
        NetworkId::Vpc(_) => {
            targets(topology, edits, source, target).into_iter().map(|id| (id, End::Destination)).collect()
        }
        // Nothing inside a space is known by itself: there the callers are what a change concerns.
        NetworkId::Space | NetworkId::SpaceData => {
            targets(topology, edits, target, source).into_iter().map(|id| (id, End::Source)).collect()
        }
    }
}

/// The interfaces of the target's network that the changed components serve. A component of the source's
/// own side decides about calls to all of them.
fn targets(
    topology: &Topology,
    edits: &[Edit],
    source: &NetworkId,
    target: &NetworkId,
) -> BTreeSet<NetworkInterfaceId> {
    let NetworkId::Vpc(vpc) = target else { return BTreeSet::new() };
    let all = || {
        let of_target = topology.interfaces().filter(|(_, one)| one.vpc.as_ref() == Some(vpc));
        of_target.map(|(id, _)| id.clone())
    };
    let is_sources = |of: Option<&VpcId>| matches!(source, NetworkId::Vpc(own) if Some(own) == of);
    let mut affected = BTreeSet::new();
    let in_subnets = |subnets: BTreeSet<_>| {
        topology
            .interfaces()
            .filter(move |(_, one)| one.subnet.as_ref().is_some_and(|subnet| subnets.contains(subnet)))
    };
    for edit in edits {
        match edit {
            // What the target's side lets out decides about no call to it; the source's, about all.
            Edit::Authorize { group, ingress: false, .. }
                if is_sources(topology.security_group(group).and_then(|group| group.vpc.as_ref())) =>
            {
                affected.extend(all());
            }
            Edit::Authorize { group, .. } => {
                affected.extend(topology.interfaces_of_security_group(group).iter().cloned());
            }
            Edit::AllowInNetworkAcl { acl, .. }
                if is_sources(topology.network_acl(acl).map(|acl| &acl.vpc)) =>
            {
                affected.extend(all());
            }
            Edit::AllowInNetworkAcl { acl, .. } => {
                let subnets = topology.subnets_of_network_acl(acl).collect();
                affected.extend(in_subnets(subnets).map(|(id, _)| id.clone()));
            }
            Edit::CreateRoute { table, .. } | Edit::ReplaceRoute { table, .. }
                if is_sources(topology.route_table(table).map(|table| &table.vpc)) =>
            {
                affected.extend(all());
            }
            Edit::CreateRoute { table, .. } | Edit::ReplaceRoute { table, .. } => {
                let subnets = topology.subnets_of_route_table(table).collect();
                affected.extend(in_subnets(subnets).map(|(id, _)| id.clone()));
            }
            Edit::AcceptPeering { .. } | Edit::ReplacePeering { .. } => affected.extend(all()),
        }
    }
    affected.retain(|id| topology.interface(id).is_some_and(|one| one.vpc.as_ref() == Some(vpc)));
    affected
}
