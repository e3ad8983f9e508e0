//! Addresses that lead nowhere: of an interface in a secondary CIDR of its VPC, which Heroku does not
//! route, and of no interface at all.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use peerscope_document::aws::{NetworkAclAssociation, PeeringCidrBlock, PrivateIpAddress, Subnet};
use peerscope_document::id::SubnetId;

use super::edit::{
    Lacking, admit, documents, interface_documents, interface_subnet, peerings, route_tables, serving_acl,
    serving_table,
};
use crate::twin::estate::{Estate, addresses_of};
use crate::world::make::{cidr, cidr_association, explicit_association, local_route, named, peering_route};
use crate::world::{Lot, World};

pub(super) fn secondary(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let site = &world.site;
    let (vpc, owner, interface) = (site.vpc.clone(), site.owner.clone(), site.interface.clone());
    let zone = site.subnet().zone.clone();
    // 100.64.0.0/10 is legal as a secondary block, and often taken for it.
    let shared = Ipv4Net::new_assert([100, 64, 0, 0].into(), 10);
    let block = if lot.chance(50) { lot.part(shared, 18, &[]) } else { lot.block(20, &site.taken()) };
    let part = lot.part(block, 24, &[]);
    let address = lot.address(part, &[]);
    let subnet = SubnetId::from(lot.id("subnet"));

    // The new subnet is served by what served the old one.
    let old = interface_subnet(world)?;
    let table = serving_table(world, &old)?;
    if !table.associations.iter().any(|association| association.main) {
        table.associations.push(explicit_association(&subnet));
    }
    let acl = serving_acl(world, &old)?;
    acl.associations.push(NetworkAclAssociation { subnet_id: Some(subnet.clone()) });
    for table in route_tables(&mut world.snapshot).filter(|table| table.vpc_id == vpc) {
        table.routes.push(local_route(block));
    }

    for documents in documents(&mut world.snapshot) {
        let Some(vpc) = documents.vpcs.iter_mut().flatten().find(|it| it.vpc_id == vpc) else { continue };
        vpc.cidr_block_association_set.push(cidr_association(block));
        documents.subnets.get_or_insert_default().push(Subnet {
            subnet_id: subnet.clone(),
            vpc_id: vpc.vpc_id.clone(),
            cidr_block: Some(cidr(part)),
            ipv6_cidr_block_association_set: Vec::new(),
            availability_zone: Some(zone.clone()),
            owner_id: Some(owner.clone()),
            tags: named("db-extension"),
        });
        let instances = documents.reservations.iter_mut().flatten().flat_map(|it| &mut it.instances);
        for instance in instances {
            if instance.network_interfaces.iter().any(|it| it.network_interface_id == interface) {
                instance.private_ip_address = Some(address);
                instance.subnet_id = Some(subnet.clone());
            }
        }
    }
    for sides in peerings(&mut world.snapshot) {
        let sides = [&mut sides.requester_vpc_info, &mut sides.accepter_vpc_info].into_iter().flatten();
        for side in sides.filter(|side| side.vpc_id.as_ref() == Some(&vpc)) {
            side.cidr_block_set.push(PeeringCidrBlock { cidr_block: cidr(block) });
        }
    }
    for interface in interface_documents(&mut world.snapshot, &interface) {
        interface.subnet_id = Some(subnet.clone());
        interface.private_ip_address = Some(address);
        interface.private_ip_addresses =
            vec![PrivateIpAddress { private_ip_address: Some(address), primary: true }];
    }
    world.site.address = address;
    Ok(())
}

/// The target becomes one of the space's data services, which live in a network of their own.
pub(super) fn data_service(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let block = world.site.space().ok_or("a space")?.data_block;
    if !world.site.requests_leave() {
        return Err("a source in the customer's VPC".to_owned());
    }
    world.asked = Some(lot.address(block, &[]).into());
    admit(world, block)?;
    let subnet = interface_subnet(world)?;
    let route = peering_route(block, &world.site.peering);
    serving_table(world, &subnet)?.routes.push(route);
    Ok(())
}

/// The target becomes an address of the interface's subnet that nobody has: it was replaced, or the name
/// is stale.
pub(super) fn nobody(world: &mut World, lot: &mut Lot) -> Lacking<()> {
    if world.site.requests_leave() {
        return Err("a target in a subnet that the documents know".to_owned());
    }
    let subnet = interface_subnet(world)?;
    let estate = Estate::new(&world.snapshot);
    let block = estate.subnets.get(&subnet).and_then(|subnet| subnet.cidr_block).map(|it| it.network());
    let Some(IpNet::V4(block)) = block else { return Err("a block of the subnet".to_owned()) };
    world.site.address = unowned(world, block, lot);
    Ok(())
}

/// An address of a block that no interface has.
pub(super) fn unowned(world: &World, block: Ipv4Net, lot: &mut Lot) -> Ipv4Addr {
    let estate = Estate::new(&world.snapshot);
    let addresses = estate.interfaces.values().flat_map(|interface| addresses_of(interface));
    let taken: Vec<Ipv4Addr> = addresses
        .filter_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })
        .collect();
    lot.address(block, &taken)
}
