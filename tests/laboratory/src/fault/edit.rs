//! Finding documents in order to change them.

use ipnet::Ipv4Net;
use peerscope_document::Snapshot;
use peerscope_document::aws::{
    AwsDocuments, IpProtocol, NetworkAcl, NetworkInterface, RouteTable, RuleAction, SecurityGroup, Subnet,
    VpcPeeringConnection,
};
use peerscope_document::id::{NetworkInterfaceId, SubnetId, VpcId};

use crate::twin::estate::Estate;
use crate::world::World;
use crate::world::make::{entry, from_blocks, permission};

use super::Fault;

/// What a fault needs and did not find.
pub(super) type Lacking<T> = Result<T, String>;

pub(super) fn documents(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut AwsDocuments> {
    snapshot.aws.iter_mut().map(|collection| &mut collection.documents)
}

pub(super) fn route_tables(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut RouteTable> {
    documents(snapshot).flat_map(|documents| documents.route_tables.iter_mut().flatten())
}

pub(super) fn network_acls(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut NetworkAcl> {
    documents(snapshot).flat_map(|documents| documents.network_acls.iter_mut().flatten())
}

pub(super) fn security_groups(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut SecurityGroup> {
    documents(snapshot).flat_map(|documents| documents.security_groups.iter_mut().flatten())
}

pub(super) fn peerings(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut VpcPeeringConnection> {
    documents(snapshot).flat_map(|documents| documents.vpc_peering_connections.iter_mut().flatten())
}

/// Whether a peering has this VPC at one of its ends.
pub(super) fn ends_at(peering: &VpcPeeringConnection, vpc: &VpcId) -> bool {
    let ends = [&peering.requester_vpc_info, &peering.accepter_vpc_info];
    ends.into_iter().flatten().any(|end| end.vpc_id.as_ref() == Some(vpc))
}

/// A requester does not see the blocks of a side that has not accepted.
pub(super) fn hide_accepter(peering: &mut VpcPeeringConnection) {
    if let Some(accepter) = &mut peering.accepter_vpc_info {
        accepter.cidr_block = None;
        accepter.cidr_block_set.clear();
        accepter.ipv6_cidr_block_set.clear();
    }
}

/// Every document of an interface: its own, and the one inside its instance.
pub(super) fn interface_documents<'s>(
    snapshot: &'s mut Snapshot,
    id: &NetworkInterfaceId,
) -> impl Iterator<Item = &'s mut NetworkInterface> {
    documents(snapshot)
        .flat_map(|documents| {
            let instances = documents.reservations.iter_mut().flatten().flat_map(|it| &mut it.instances);
            let inside = instances.flat_map(|instance| &mut instance.network_interfaces);
            documents.network_interfaces.iter_mut().flatten().chain(inside)
        })
        .filter(move |interface| interface.network_interface_id == *id)
}

/// Lets the flow through to one more block, by the admitting group and the subnet's ACL: what a fault leads
/// elsewhere is stopped by nothing but the fault.
pub(super) fn admit(world: &mut World, block: Ipv4Net) -> Lacking<()> {
    let (admitting, port, leaves) =
        (world.site.admitting_group.clone(), world.site.port, world.site.requests_leave());
    let subnet = interface_subnet(world)?;
    let acl = serving_acl(world, &subnet)?;
    for (egress, ports) in [(leaves, (port, port)), (!leaves, (1024, 65535))] {
        let numbers = acl.entries.iter().filter(|entry| entry.egress == egress).map(|it| it.rule_number);
        let number = numbers.min().ok_or("an entry to come before")? - 1;
        acl.entries.push(entry(number, egress, RuleAction::Allow, IpProtocol::TCP, block, Some(ports)));
    }
    let group = security_groups(&mut world.snapshot).find(|group| group.group_id == admitting);
    let group = group.ok_or("the admitting group")?;
    let rules = if leaves { &mut group.ip_permissions_egress } else { &mut group.ip_permissions };
    rules.push(from_blocks(permission(IpProtocol::TCP, Some((port, port))), &[block]));
    Ok(())
}

/// The subnet that a fault is at, and what serves it: always read from the documents as they are.
pub(super) fn subnet(fault: &Fault, world: &World) -> Lacking<SubnetId> {
    match &fault.at {
        Some(path) => match world.role(path) {
            Ok(role) if role.component == "subnet" => Ok(SubnetId::from(role.id)),
            _ => Err(format!("a subnet of the role {path:?}")),
        },
        None => interface_subnet(world),
    }
}

/// The subnet of the customer's interface.
pub(super) fn interface_subnet(world: &World) -> Lacking<SubnetId> {
    let estate = Estate::new(&world.snapshot);
    let interface = estate.interfaces.get(&world.site.interface);
    interface
        .and_then(|interface| interface.subnet_id.clone())
        .ok_or_else(|| "the interface's subnet".to_owned())
}

/// The table that serves a subnet.
pub(super) fn serving_table<'w>(world: &'w mut World, subnet: &SubnetId) -> Lacking<&'w mut RouteTable> {
    let id =
        serving(world, subnet, |estate, subnet| Some(estate.route_table_of(subnet)?.route_table_id.clone()));
    let id = id.ok_or_else(|| format!("a route table for {subnet}"))?;
    route_tables(&mut world.snapshot)
        .find(|table| table.route_table_id == id)
        .ok_or_else(|| format!("a route table for {subnet}"))
}

/// The ACL that serves a subnet.
pub(super) fn serving_acl<'w>(world: &'w mut World, subnet: &SubnetId) -> Lacking<&'w mut NetworkAcl> {
    let id =
        serving(world, subnet, |estate, subnet| Some(estate.network_acl_of(subnet)?.network_acl_id.clone()));
    let id = id.ok_or_else(|| format!("a network ACL for {subnet}"))?;
    network_acls(&mut world.snapshot)
        .find(|acl| acl.network_acl_id == id)
        .ok_or_else(|| format!("a network ACL for {subnet}"))
}

fn serving<T>(
    world: &World,
    subnet: &SubnetId,
    find: impl FnOnce(&Estate<'_>, &Subnet) -> Option<T>,
) -> Option<T> {
    let estate = Estate::new(&world.snapshot);
    let subnet = estate.subnets.get(subnet)?;
    find(&estate, subnet)
}
