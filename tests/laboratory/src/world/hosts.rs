//! The network interfaces and instances of the customer's VPC.

use std::net::Ipv4Addr;

use peerscope_document::aws::{
    Attachment, Instance, InstanceState, InstanceStateName, NetworkInterface, PrivateIpAddress, Reservation,
    SecurityGroup,
};
use peerscope_document::id::{AccountId, NetworkInterfaceId, SubnetId, VpcId};

use super::draw::Draw;
use super::filtering::COMPANIONS;
use super::make::{group_identifier, named};
use super::site::{Site, SubnetSite};

/// Interfaces, and the instances that some of them belong to.
#[derive(Default)]
pub(crate) struct Hosts {
    pub(crate) interfaces: Vec<NetworkInterface>,
    pub(crate) reservations: Vec<Reservation>,
}

pub(crate) fn hosts(site: &Site, groups: &[SecurityGroup], draw: &mut Draw) -> Hosts {
    let mut hosts = Hosts::default();
    let of = |name: &'static str| groups.iter().filter(move |group| group.group_name == name);
    let mut own: Vec<&SecurityGroup> = of("orders").collect();
    for companion in COMPANIONS {
        if draw.decoys.chance(40) {
            own.extend(of(companion));
        }
    }
    draw.order.shuffle(&mut own);
    let place = |subnet: &SubnetSite| (subnet.id.clone(), site.vpc.clone(), subnet.zone.clone());
    let mut interface =
        interface(site.interface.clone(), &site.owner, place(site.subnet()), site.address, &own);
    if draw.association.chance(50) {
        interface.description = Some("RDSNetworkInterface".to_owned());
        interface.tag_set = named("orders-db");
        hosts.interfaces.push(interface);
    } else {
        hosts.instance(interface, &site.owner, "orders-db", draw);
    }

    let mut taken = vec![site.address];
    for (index, name) in ["app-1", "bastion", "worker-1", "app-2", "spare"].into_iter().enumerate() {
        if index >= 3 && !draw.decoys.chance(50) {
            continue;
        }
        let subnet = &site.subnets[index % site.subnets.len()];
        let address = draw.addresses.address(subnet.block, &taken);
        taken.push(address);
        let groups: Vec<&SecurityGroup> = match name {
            "bastion" => of("bastion").collect(),
            // Many groups, none of which matters.
            "spare" => groups.iter().take(5).collect(),
            _ => of("app").chain(of("default")).collect(),
        };
        let id = NetworkInterfaceId::from(draw.addresses.id("eni"));
        let interface = self::interface(id, &site.owner, place(subnet), address, &groups);
        if name == "spare" || draw.association.chance(30) {
            hosts.interfaces.push(NetworkInterface { tag_set: named(name), ..interface });
        } else {
            hosts.instance(interface, &site.owner, name, draw);
        }
    }
    draw.order.shuffle(&mut hosts.interfaces);
    draw.order.shuffle(&mut hosts.reservations);
    hosts
}

/// An interface with one address. `place` is its subnet, VPC and availability zone.
pub(crate) fn interface(
    id: NetworkInterfaceId,
    owner: &AccountId,
    place: (SubnetId, VpcId, String),
    address: Ipv4Addr,
    groups: &[&SecurityGroup],
) -> NetworkInterface {
    let (subnet, vpc, zone) = place;
    NetworkInterface {
        network_interface_id: id,
        subnet_id: Some(subnet),
        vpc_id: Some(vpc),
        owner_id: Some(owner.clone()),
        availability_zone: Some(zone),
        description: Some(String::new()),
        interface_type: Some("interface".to_owned()),
        groups: groups.iter().map(|group| group_identifier(group)).collect(),
        private_ip_address: Some(address),
        private_ip_addresses: vec![PrivateIpAddress { private_ip_address: Some(address), primary: true }],
        ipv6_addresses: Vec::new(),
        attachment: None,
        source_dest_check: Some(true),
        status: Some("in-use".to_owned()),
        tag_set: Vec::new(),
    }
}

impl Hosts {
    /// Adds an interface together with a running instance that it belongs to.
    fn instance(&mut self, interface: NetworkInterface, owner: &AccountId, name: &str, draw: &mut Draw) {
        let instance_id = draw.addresses.id("i");
        let attachment =
            Attachment { instance_id: Some(instance_id.clone().into()), status: Some("attached".to_owned()) };
        let interface = NetworkInterface { attachment: Some(attachment), ..interface };
        let instance = Instance {
            instance_id: instance_id.into(),
            state: Some(InstanceState { name: Some(InstanceStateName::Running) }),
            subnet_id: interface.subnet_id.clone(),
            vpc_id: interface.vpc_id.clone(),
            private_ip_address: interface.private_ip_address,
            network_interfaces: vec![interface.clone()],
            tags: named(name),
        };
        self.reservations.push(Reservation { owner_id: Some(owner.clone()), instances: vec![instance] });
        self.interfaces.push(interface);
    }
}
