//! A second VPC that has nothing to do with the flow, and the same private addresses as what has: a tool
//! that looks an address up without asking in which network ends here.

use ipnet::Ipv4Net;
use peerscope_document::aws::{
    AwsDocuments, IpProtocol, NetworkAclAssociation, PeeringStatusCode, RouteTable, Subnet,
};
use peerscope_document::id::{
    AccountId, NetworkInterfaceId, Region, SubnetId, VpcId, VpcPeeringConnectionId,
};

use super::draw::{Draw, Lot};
use super::hosts::interface;
use super::make::{
    anywhere, default_acl, from_blocks, group, main_association, named, peering, peering_route, peering_side,
    permission, route_table, vpc,
};
use super::site::Site;

/// The documents of the second VPC, and of a third that it is peered with in some worlds.
pub(crate) struct Unconcerned {
    pub(crate) region: Region,
    pub(crate) owner: AccountId,
    pub(crate) documents: AwsDocuments,
    /// An interface with the address of the world's own, or of its dyno.
    pub(crate) double: NetworkInterfaceId,
}

pub(crate) fn unconcerned(site: &Site, draw: &mut Draw) -> Unconcerned {
    let is_like_the_remote = draw.association.chance(40);
    let lot = &mut draw.addresses;
    let owner = if lot.chance(50) { site.owner.clone() } else { AccountId::from(lot.account()) };
    let elsewhere = Region::from(lot.pick(["us-east-1", "sa-east-1", "eu-west-1"]));
    let region = if lot.chance(50) { site.region.clone() } else { elsewhere };
    let (block, subnet, address) = if is_like_the_remote {
        (site.remote.block, site.remote.host_blocks[0], site.remote.hosts[0])
    } else {
        (site.block, site.subnet().block, site.address)
    };
    // Where the flow's hosts lie in a secondary CIDR, these do in a primary one.
    let secondary = if is_like_the_remote { site.remote.secondary } else { site.secondary };
    let block = secondary.filter(|secondary| secondary.contains(&subnet)).unwrap_or(block);
    let mut documents = empty();
    let vpc_id = VpcId::from(lot.id("vpc"));
    let double = NetworkInterfaceId::from(lot.id("eni"));
    let other = NetworkInterfaceId::from(lot.id("eni"));
    let second = lot.address(subnet, &[address]);
    let place = Place { owner: &owner, region: &region, vpc: &vpc_id, block, subnet };
    let hosts = [(double.clone(), address), (other, second)];
    let mut tables = vec![small_vpc(&mut documents, &place, "staging", &hosts, &mut draw.addresses)];

    if draw.decoys.chance(60) {
        let lot = &mut draw.addresses;
        let third_block = lot.block(20, &[block]);
        let third_vpc = VpcId::from(lot.id("vpc"));
        let pcx = VpcPeeringConnectionId::from(lot.id("pcx"));
        let subnet = lot.part(third_block, 26, &[]);
        let host = (NetworkInterfaceId::from(lot.id("eni")), lot.address(subnet, &[]));
        let third = Place { vpc: &third_vpc, block: third_block, subnet, ..place };
        tables.push(small_vpc(&mut documents, &third, "staging-tools", &[host], lot));
        let sides = [(&vpc_id, block), (&third_vpc, third_block)]
            .map(|(vpc, block)| peering_side(vpc, &owner, &region, &[block]));
        tables[0].routes.push(peering_route(third_block, &pcx));
        tables[1].routes.push(peering_route(block, &pcx));
        let connection = peering(&pcx, PeeringStatusCode::Active, sides, "staging-tools");
        documents.vpc_peering_connections.get_or_insert_default().push(connection);
    }
    documents.route_tables = Some(tables);
    Unconcerned { region, owner, documents, double }
}

/// Documents with a list of each kind that a world has, so that nothing of them counts as missing.
pub(crate) fn empty() -> AwsDocuments {
    AwsDocuments {
        vpcs: Some(Vec::new()),
        subnets: Some(Vec::new()),
        route_tables: Some(Vec::new()),
        security_groups: Some(Vec::new()),
        network_acls: Some(Vec::new()),
        vpc_peering_connections: Some(Vec::new()),
        network_interfaces: Some(Vec::new()),
        reservations: Some(Vec::new()),
        prefix_lists: Some(Vec::new()),
        ..AwsDocuments::default()
    }
}

/// Where a small VPC is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) owner: &'a AccountId,
    pub(crate) region: &'a Region,
    pub(crate) vpc: &'a VpcId,
    pub(crate) block: Ipv4Net,
    pub(crate) subnet: Ipv4Net,
}

/// A VPC of one subnet in which everything is open; its main table comes back.
pub(crate) fn small_vpc(
    documents: &mut AwsDocuments,
    place: &Place<'_>,
    name: &str,
    hosts: &[(NetworkInterfaceId, std::net::Ipv4Addr)],
    lot: &mut Lot,
) -> RouteTable {
    let subnet_id = SubnetId::from(lot.id("subnet"));
    let zone = format!("{}b", place.region);
    let mut table = route_table(lot.id("rtb"), place.vpc, place.owner, name, place.block);
    table.associations.push(main_association());
    let mut acl = default_acl(lot.id("acl"), place.vpc, place.owner);
    acl.associations.push(NetworkAclAssociation { subnet_id: Some(subnet_id.clone()) });
    let mut open = group(&lot.id("sg").into(), place.vpc, place.owner, "open");
    open.ip_permissions.push(from_blocks(permission(IpProtocol::All, None), &[anywhere()]));
    for (id, address) in hosts {
        let spot = (subnet_id.clone(), place.vpc.clone(), zone.clone());
        let interface = interface(id.clone(), place.owner, spot, *address, &[&open]);
        documents.network_interfaces.get_or_insert_default().push(interface);
    }
    documents.vpcs.get_or_insert_default().push(vpc(place.vpc, place.owner, name, &[place.block]));
    documents.subnets.get_or_insert_default().push(subnet(subnet_id, place, name, zone));
    documents.network_acls.get_or_insert_default().push(acl);
    documents.security_groups.get_or_insert_default().push(open);
    table
}

fn subnet(id: SubnetId, place: &Place<'_>, name: &str, zone: String) -> Subnet {
    Subnet {
        subnet_id: id,
        vpc_id: place.vpc.clone(),
        cidr_block: Some(super::make::cidr(place.subnet)),
        ipv6_cidr_block_association_set: Vec::new(),
        availability_zone: Some(zone),
        owner_id: Some(place.owner.clone()),
        tags: named(name),
    }
}

#[cfg(test)]
mod tests {
    use crate::world::{Base, Vary, World};

    /// AWS lets nobody make another one.
    #[test]
    fn every_subnet_lies_in_its_vpc() {
        for extra in [Vary::SecondaryCidrs, Vary::Ipv6, Vary::Temptations] {
            let vary: Vec<Vary> = Vary::ALL.into_iter().chain([extra]).collect();
            let bases = [Base::DynoToVpc, Base::VpcToDyno, Base::VpcToVpc].into_iter();
            for (base, seed) in bases.flat_map(|base| (0..10).map(move |seed| (base, seed))) {
                let world = World::generate(base, &vary, seed);
                let all = || world.snapshot.aws.iter().map(|it| &it.documents);
                for subnet in all().flat_map(|it| it.subnets.iter().flatten()) {
                    let mut vpcs = all().flat_map(|it| it.vpcs.iter().flatten());
                    let vpc = vpcs.find(|it| it.vpc_id == subnet.vpc_id).unwrap();
                    let mut blocks = vpc.cidr_block_association_set.iter().map(|it| it.cidr_block.network());
                    let block = subnet.cidr_block.unwrap().network();
                    assert!(blocks.any(|it| it.contains(&block)), "{world:?}: {}", subnet.subnet_id);
                }
            }
        }
    }
}
