//! Documents changed at random: neither healthy nor of one fault, as real estates are.
//!
//! Each change is one that AWS would accept, so that a twin and an engine can be asked about the result. A
//! change is drawn from a seed of its own: leaving one out leaves the others what they are, which is what
//! shrinking needs.

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv6Net};
use peerscope_document::Snapshot;
use peerscope_document::aws::{
    AwsDocuments, IcmpTypeCode, IpPermission, IpProtocol, NetworkAcl, NetworkAclEntry, PeeringStatusCode,
    Route, RouteState, RouteTable, RuleAction, SecurityGroup,
};
use peerscope_document::id::{SecurityGroupId, VpcId, VpcPeeringConnectionId};

use super::World;
use super::draw::Lot;
use super::make::{
    anywhere, cidr, entry, from_blocks, from_group, group_identifier, peering_route, peering_status,
    permission, static_route,
};
use crate::twin::estate::addresses_of;

impl World {
    /// Makes one random change for each of these seeds, in their order, and sets the states of routes right.
    pub fn scramble(&mut self, changes: &[u64]) {
        let known = Known::of(self);
        for seed in changes {
            known.change(&mut self.snapshot, &mut Lot::new(*seed));
        }
        settle(&mut self.snapshot);
    }

    /// A port that rules of scrambled worlds speak of, by lot.
    #[must_use]
    pub fn some_port(&self, seed: u64) -> u16 {
        some_port(self.site.port, &mut Lot::new(seed))
    }
}

fn some_port(own: u16, lot: &mut Lot) -> u16 {
    let any = u16::try_from(lot.number(1, 65535)).unwrap_or(own);
    lot.pick([own, own, own, 443, 22, 8000, any])
}

/// What a rule lets through or denies.
enum Service {
    /// A protocol, and its ports where it has any.
    Ports(IpProtocol, Option<(u16, u16)>),
    /// A type of ICMP's or ICMPv6's messages, or -1 for all.
    Icmp(IpProtocol, i32),
}

/// What changes speak of.
struct Known {
    port: u16,
    blocks: Vec<IpNet>,
    networks: Vec<(VpcId, Vec<IpNet>)>,
    peerings: Vec<VpcPeeringConnectionId>,
    groups: Vec<SecurityGroupId>,
}

impl Known {
    fn of(world: &World) -> Self {
        let all = || world.snapshot.aws.iter().map(|it| &it.documents);
        let networks: Vec<(VpcId, Vec<IpNet>)> = all()
            .flat_map(|it| it.vpcs.iter().flatten())
            .map(|vpc| {
                let four = vpc.cidr_block_association_set.iter().map(|it| it.cidr_block);
                let six = vpc.ipv6_cidr_block_association_set.iter().map(|it| it.ipv6_cidr_block);
                (vpc.vpc_id.clone(), four.chain(six).map(|block| block.network()).collect())
            })
            .collect();
        let subnets = all().flat_map(|it| it.subnets.iter().flatten()).flat_map(|it| {
            let six = it.ipv6_cidr_block_association_set.iter().map(|it| it.ipv6_cidr_block);
            it.cidr_block.into_iter().chain(six).map(|block| block.network())
        });
        let hosts = all().flat_map(|it| it.network_interfaces.iter().flatten());
        let hosts = hosts.flat_map(addresses_of).map(IpNet::from);
        let remote = &world.site.remote;
        let far = remote.all_blocks.iter().copied().chain(remote.networks()).map(IpNet::V4);
        let dynos = world.dynos().into_iter().map(IpNet::from);
        let own = networks.iter().flat_map(|(_, blocks)| blocks.clone());
        let blocks: BTreeSet<IpNet> = own.chain(subnets).chain(hosts).chain(far).chain(dynos).collect();
        let peerings = all().flat_map(|it| it.vpc_peering_connections.iter().flatten());
        let peerings: BTreeSet<_> = peerings.map(|it| it.vpc_peering_connection_id.clone()).collect();
        let groups = all().flat_map(|it| it.security_groups.iter().flatten());
        Self {
            port: world.site.port,
            blocks: blocks.into_iter().collect(),
            peerings: peerings.into_iter().collect(),
            groups: groups.map(|it| it.group_id.clone()).collect(),
            networks,
        }
    }

    fn change(&self, snapshot: &mut Snapshot, lot: &mut Lot) {
        let which = lot.number(0, 9);
        let mut documents: Vec<&mut AwsDocuments> =
            snapshot.aws.iter_mut().map(|it| &mut it.documents).collect();
        lot.shuffle(&mut documents);
        let Some(documents) = documents.into_iter().next() else { return };
        match which {
            0..=2 => one_of(&mut documents.route_tables, lot, |table, lot| self.route(table, lot)),
            3..=5 => one_of(&mut documents.network_acls, lot, |acl, lot| self.acl(acl, lot)),
            6..=7 => one_of(&mut documents.security_groups, lot, |group, lot| self.group(group, lot)),
            8 => self.membership(documents, lot),
            _ => one_of(&mut documents.vpc_peering_connections, lot, |peering, lot| {
                if lot.chance(40) {
                    peering.status = Some(peering_status(PeeringStatusCode::Deleted));
                }
            }),
        }
    }

    fn block(&self, lot: &mut Lot) -> IpNet {
        let block = choose(&self.blocks, lot).copied().unwrap_or_default();
        if lot.chance(15) {
            return match block {
                IpNet::V4(_) => anywhere().into(),
                IpNet::V6(_) => Ipv6Net::default().into(),
            };
        }
        // Now and then a part of it, or what holds it.
        let length = match lot.number(0, 5) {
            0 => (block.prefix_len() + 1).min(block.max_prefix_len()),
            1 => block.prefix_len().saturating_sub(1),
            _ => block.prefix_len(),
        };
        IpNet::new(block.addr(), length).map_or(block, |block| block.trunc())
    }

    fn route(&self, table: &mut RouteTable, lot: &mut Lot) {
        let is_local = |route: &Route| route.gateway_id.as_deref() == Some("local");
        if lot.chance(40) {
            let places: Vec<usize> =
                (0..table.routes.len()).filter(|it| !is_local(&table.routes[*it])).collect();
            if let Some(place) = choose(&places, lot) {
                table.routes.remove(*place);
            }
            return;
        }
        let destination = self.block(lot);
        let own = self.networks.iter().find(|(vpc, _)| *vpc == table.vpc_id);
        // A route into the VPC itself has other rules.
        let is_inside =
            own.is_some_and(|(_, blocks)| blocks.iter().any(|block| block.contains(&destination)));
        let is_taken = table.routes.iter().any(|it| {
            [it.destination_cidr_block, it.destination_ipv6_cidr_block].contains(&Some(cidr(destination)))
        });
        if is_inside || is_taken {
            return;
        }
        let route = match choose(&self.peerings, lot).filter(|_| lot.chance(80)) {
            Some(peering) => peering_route(destination, peering),
            None => Route { nat_gateway_id: Some(lot.id("nat")), ..static_route(destination) },
        };
        table.routes.push(route);
    }

    fn acl(&self, acl: &mut NetworkAcl, lot: &mut Lot) {
        let egress = lot.chance(50);
        if lot.chance(20) {
            acl.entries.retain(|it| it.rule_number >= 32767 || it.egress != egress || !lot.chance(30));
            return;
        }
        let number = i32::try_from(lot.number(1, 400)).unwrap_or(1);
        if acl.entries.iter().any(|it| it.egress == egress && it.rule_number == number) {
            return;
        }
        let action = if lot.chance(50) { RuleAction::Allow } else { RuleAction::Deny };
        let block = self.block(lot);
        let entry = match self.service(block, lot) {
            Service::Ports(protocol, ports) => entry(number, egress, action, protocol, block, ports),
            Service::Icmp(protocol, kind) => NetworkAclEntry {
                icmp_type_code: Some(IcmpTypeCode { icmp_type: Some(kind), code: Some(-1) }),
                ..entry(number, egress, action, protocol, block, None)
            },
        };
        acl.entries.push(entry);
    }

    /// What a rule about a block is about: a port, the ports of replies, or others; an echo or its reply.
    fn service(&self, block: IpNet, lot: &mut Lot) -> Service {
        let port = some_port(self.port, lot);
        let ports =
            lot.pick([(port, port), (1024, 65535), (32768, 60999), (49152, 65535), (0, 1023), (0, 65535)]);
        // Rules of the one ICMP for blocks of the other AWS takes, and they match nothing.
        let (icmp, kinds) = match block {
            IpNet::V4(_) => (IpProtocol::ICMP, [-1, 8, 0, 3]),
            IpNet::V6(_) => (IpProtocol::ICMPV6, [-1, 128, 129, 1]),
        };
        match lot.number(0, 9) {
            0 => Service::Ports(IpProtocol::All, None),
            1 => Service::Icmp(icmp, lot.pick(kinds)),
            2..=3 => Service::Ports(IpProtocol::UDP, Some(ports)),
            _ => Service::Ports(IpProtocol::TCP, Some(ports)),
        }
    }

    fn group(&self, group: &mut SecurityGroup, lot: &mut Lot) {
        let owner = group.owner_id.clone();
        let is_ingress = lot.chance(60);
        let rules = if is_ingress { &mut group.ip_permissions } else { &mut group.ip_permissions_egress };
        if lot.chance(30) && !rules.is_empty() {
            let place = lot.number(0, u32::try_from(rules.len() - 1).unwrap_or(0)) as usize;
            rules.remove(place);
            return;
        }
        let block = self.block(lot);
        let rule = match self.service(block, lot) {
            Service::Ports(protocol, ports) => permission(protocol, ports),
            Service::Icmp(protocol, kind) => {
                IpPermission { from_port: Some(kind), to_port: Some(-1), ..permission(protocol, None) }
            }
        };
        let rule = match (choose(&self.groups, lot).filter(|_| lot.chance(35)), owner) {
            (Some(other), Some(owner)) => from_group(rule, other, &owner),
            _ => from_blocks(rule, &[block]),
        };
        rules.push(rule);
    }

    /// An interface gets one more group of its VPC, or loses one of several.
    fn membership(&self, documents: &mut AwsDocuments, lot: &mut Lot) {
        let groups: Vec<SecurityGroup> = documents.security_groups.iter().flatten().cloned().collect();
        one_of(&mut documents.network_interfaces, lot, |interface, lot| {
            let own: Vec<&SecurityGroup> = groups.iter().filter(|it| it.vpc_id == interface.vpc_id).collect();
            match choose(&own, lot) {
                Some(group) if interface.groups.iter().all(|it| it.group_id != group.group_id) => {
                    interface.groups.push(group_identifier(group));
                }
                _ if interface.groups.len() > 1 => {
                    interface.groups.pop();
                }
                _ => {}
            }
        });
    }
}

/// A route to a peering that is not active is a blackhole, and Heroku's list says what AWS's does.
fn settle(snapshot: &mut Snapshot) {
    let is_active = |status: Option<&PeeringStatusCode>| status == Some(&PeeringStatusCode::Active);
    let all = snapshot.aws.iter().flat_map(|it| it.documents.vpc_peering_connections.iter().flatten());
    let mut active = BTreeSet::new();
    let mut dead = BTreeSet::new();
    for peering in all {
        let code = peering.status.as_ref().and_then(|it| it.code.as_ref());
        let list = if is_active(code) { &mut active } else { &mut dead };
        list.insert(peering.vpc_peering_connection_id.clone());
    }
    // Two accounts list one peering: it is dead for both.
    active.retain(|id| !dead.contains(id));
    for documents in snapshot.aws.iter_mut().map(|it| &mut it.documents) {
        for peering in documents.vpc_peering_connections.iter_mut().flatten() {
            let was_active = is_active(peering.status.as_ref().and_then(|it| it.code.as_ref()));
            if was_active && !active.contains(&peering.vpc_peering_connection_id) {
                peering.status = Some(peering_status(PeeringStatusCode::Deleted));
            }
        }
        for route in documents.route_tables.iter_mut().flatten().flat_map(|it| &mut it.routes) {
            if let Some(id) = &route.vpc_peering_connection_id {
                let state = if active.contains(id) { RouteState::Active } else { RouteState::Blackhole };
                route.state = Some(state);
            }
        }
    }
    for listed in snapshot.heroku.peerings.iter_mut().flatten() {
        if listed.pcx_id.as_ref().is_some_and(|id| dead.contains(id)) && is_active(listed.status.as_ref()) {
            listed.status = Some(PeeringStatusCode::Deleted);
        }
    }
}

fn one_of<T>(list: &mut Option<Vec<T>>, lot: &mut Lot, work: impl FnOnce(&mut T, &mut Lot)) {
    let Some(list) = list.as_mut().filter(|list| !list.is_empty()) else { return };
    let place = lot.number(0, u32::try_from(list.len() - 1).unwrap_or(0)) as usize;
    if let Some(item) = list.get_mut(place) {
        work(item, lot);
    }
}

fn choose<'a, T>(list: &'a [T], lot: &mut Lot) -> Option<&'a T> {
    if list.is_empty() {
        return None;
    }
    list.get(lot.number(0, u32::try_from(list.len() - 1).unwrap_or(0)) as usize)
}
