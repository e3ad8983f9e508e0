//! Putting a world's documents together.

use std::iter;

use peerscope_document::aws::{AwsDocuments, PeeringStatusCode, Subnet, VpcPeeringConnection};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::id::{AccountId, Region, VpcId, VpcPeeringConnectionId};
use peerscope_document::{AwsCollection, MANIFEST_SCHEMA, Manifest, Snapshot};

use super::draw::{Draw, Lot};
use super::filtering::{Groups, groups, network_acls};
use super::hosts::hosts;
use super::make::{cidr, named, peering, peering_side, vpc};
use super::routing::{Routing, routing};
use super::site::Site;
use super::space;
use super::unconcerned::{Unconcerned, unconcerned};

/// A world's documents, and an interface of the unconcerned VPC that has an address of the concerned.
pub(crate) struct Generated {
    pub(crate) snapshot: Snapshot,
    pub(crate) double: Unconcerned,
}

/// The documents of a customer's VPC and of the space that it is peered with, or of `other`, its VPC at the
/// other end.
pub(crate) fn generate(site: &Site, other: Option<&Site>, draw: &mut Draw) -> Generated {
    let mut heroku = HerokuDocuments::default();
    let mut collections: Vec<Collected> = Vec::new();
    let mut shared = Vec::new();
    for (index, site) in iter::once(site).chain(other).enumerate() {
        let (documents, dead_and_other) = customer(site, &mut heroku, draw);
        add(&mut collections, &site.owner, &site.region, documents);
        add_peerings(&mut collections, site, dead_and_other);
        if index == 0 {
            shared = own_peerings(site, &mut heroku, draw);
        }
        add_peerings(&mut collections, site, shared.clone());
    }
    let double = unconcerned(site, draw);
    add(&mut collections, &double.owner, &double.region, double.documents.clone());
    let collected =
        collections.into_iter().map(|it| AwsCollection { region: Some(it.region), documents: it.documents });
    let mut aws: Vec<AwsCollection> = collected.collect();
    draw.order.shuffle(&mut aws);
    for documents in aws.iter_mut().map(|collection| &mut collection.documents) {
        shuffle(documents, &mut draw.order);
    }
    let manifest = draw.decoys.chance(50).then(|| Manifest {
        schema: MANIFEST_SCHEMA.to_owned(),
        at: "2026-11-03T09:14:07Z".to_owned(),
        ..Manifest::default()
    });
    Generated { snapshot: Snapshot { aws, heroku, manifest, sources: Vec::new() }, double }
}

/// What one account lists in one Region.
struct Collected {
    owner: AccountId,
    region: Region,
    documents: AwsDocuments,
}

fn add(collections: &mut Vec<Collected>, owner: &AccountId, region: &Region, documents: AwsDocuments) {
    match collections.iter_mut().find(|it| it.owner == *owner && it.region == *region) {
        Some(known) => merge(&mut known.documents, documents),
        None => collections.push(Collected { owner: owner.clone(), region: region.clone(), documents }),
    }
}

/// Both ends of a peering list it; an account that has both lists it once.
fn add_peerings(collections: &mut [Collected], site: &Site, peerings: Vec<VpcPeeringConnection>) {
    let is_own = |it: &&mut Collected| it.owner == site.owner && it.region == site.region;
    let Some(own) = collections.iter_mut().find(is_own) else { return };
    let listed = own.documents.vpc_peering_connections.get_or_insert_default();
    for peering in peerings {
        if !listed.iter().any(|it| it.vpc_peering_connection_id == peering.vpc_peering_connection_id) {
            listed.push(peering);
        }
    }
}

/// One VPC of the customer, without the peerings with the other side; those with others apart.
fn customer(
    site: &Site,
    heroku: &mut HerokuDocuments,
    draw: &mut Draw,
) -> (AwsDocuments, Vec<VpcPeeringConnection>) {
    let routing = routing(site, draw);
    let acls = network_acls(site, draw);
    let Groups { groups, prefix_lists } = groups(site, draw);
    let hosts = hosts(site, &groups, draw);
    if let Some(space) = site.space() {
        *heroku = space::documents(site, space, draw);
    }
    let documents = AwsDocuments {
        vpcs: Some(vec![vpc(&site.vpc, &site.owner, "production", &site.networks())]),
        subnets: Some(subnets(site)),
        route_tables: Some(routing.tables.clone()),
        security_groups: Some(groups),
        network_acls: Some(acls),
        vpc_peering_connections: Some(Vec::new()),
        network_interfaces: Some(hosts.interfaces),
        reservations: Some(hosts.reservations),
        prefix_lists: Some(prefix_lists),
        ..AwsDocuments::default()
    };
    (documents, other_peerings(site, &routing, draw))
}

fn subnets(site: &Site) -> Vec<Subnet> {
    let of = |subnet: &super::site::SubnetSite| Subnet {
        subnet_id: subnet.id.clone(),
        vpc_id: site.vpc.clone(),
        cidr_block: Some(cidr(subnet.block)),
        ipv6_cidr_block_association_set: Vec::new(),
        availability_zone: Some(subnet.zone.clone()),
        owner_id: Some(site.owner.clone()),
        tags: named(subnet.name),
    };
    site.subnets.iter().map(of).collect()
}

/// A peering between the customer's VPC and the other side.
pub(crate) fn own_peering(
    site: &Site,
    id: &VpcPeeringConnectionId,
    code: PeeringStatusCode,
    name: &str,
) -> VpcPeeringConnection {
    let customer = peering_side(&site.vpc, &site.owner, &site.region, &site.networks());
    let other = &site.remote;
    let other = peering_side(&other.vpc, &other.owner, &other.region, &other.networks());
    peering(id, code, [customer, other], name)
}

/// Peerings of the customer's VPC with third networks.
fn other_peerings(site: &Site, routing: &Routing, draw: &mut Draw) -> Vec<VpcPeeringConnection> {
    let lot = &mut draw.addresses;
    let mut other = |id: &VpcPeeringConnectionId, code| {
        let block = lot.block(16, &site.taken());
        let partner = (VpcId::from(lot.id("vpc")), lot.account().into());
        let customer = peering_side(&site.vpc, &site.owner, &site.region, &site.networks());
        peering(id, code, [customer, peering_side(&partner.0, &partner.1, &site.region, &[block])], "partner")
    };
    let mut peerings = Vec::new();
    peerings.extend(routing.other_peering.as_ref().map(|id| other(id, PeeringStatusCode::Active)));
    // A deleted peering is listed for some hours, then no more.
    let dead = routing.dead_peering.as_ref().filter(|_| draw.decoys.chance(50));
    peerings.extend(dead.map(|id| other(id, PeeringStatusCode::Deleted)));
    peerings
}

/// The world's peering, and earlier requests between the same two networks that came to nothing.
fn own_peerings(site: &Site, heroku: &mut HerokuDocuments, draw: &mut Draw) -> Vec<VpcPeeringConnection> {
    let name = if site.space().is_some() { "heroku" } else { "orders-to-billing" };
    let mut peerings = vec![own_peering(site, &site.peering, PeeringStatusCode::Active, name)];
    let lot = &mut draw.decoys;
    for code in [PeeringStatusCode::Rejected, PeeringStatusCode::Expired, PeeringStatusCode::Deleted] {
        if !lot.chance(25) {
            continue;
        }
        let id = VpcPeeringConnectionId::from(lot.id("pcx"));
        peerings.push(own_peering(site, &id, code.clone(), &format!("{name}-old")));
        if site.space().is_some() && lot.chance(70) {
            let listed = space::customer_peering(site, &id, code);
            heroku.peerings.get_or_insert_default().push(listed);
        }
    }
    peerings
}

/// Adds the documents of one collection to another's.
pub(crate) fn merge(into: &mut AwsDocuments, from: AwsDocuments) {
    fn extend<T>(into: &mut Option<Vec<T>>, from: Option<Vec<T>>) {
        into.get_or_insert_default().extend(from.into_iter().flatten());
    }
    extend(&mut into.vpcs, from.vpcs);
    extend(&mut into.subnets, from.subnets);
    extend(&mut into.route_tables, from.route_tables);
    extend(&mut into.security_groups, from.security_groups);
    extend(&mut into.network_acls, from.network_acls);
    extend(&mut into.vpc_peering_connections, from.vpc_peering_connections);
    extend(&mut into.network_interfaces, from.network_interfaces);
    extend(&mut into.reservations, from.reservations);
    extend(&mut into.prefix_lists, from.prefix_lists);
}

fn shuffle(documents: &mut AwsDocuments, order: &mut Lot) {
    let AwsDocuments {
        vpcs,
        subnets,
        route_tables,
        security_groups,
        network_acls,
        vpc_peering_connections,
        network_interfaces,
        reservations,
        prefix_lists,
        // No world has them.
        ..
    } = documents;
    vpcs.iter_mut().for_each(|list| order.shuffle(list));
    subnets.iter_mut().for_each(|list| order.shuffle(list));
    route_tables.iter_mut().for_each(|list| order.shuffle(list));
    security_groups.iter_mut().for_each(|list| order.shuffle(list));
    network_acls.iter_mut().for_each(|list| order.shuffle(list));
    vpc_peering_connections.iter_mut().for_each(|list| order.shuffle(list));
    network_interfaces.iter_mut().for_each(|list| order.shuffle(list));
    reservations.iter_mut().for_each(|list| order.shuffle(list));
    prefix_lists.iter_mut().for_each(|list| order.shuffle(list));
}
