//! Putting a world's documents together.

use peerscope_document::aws::{AwsDocuments, PeeringStatusCode, Subnet, VpcPeeringConnection};
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::id::{VpcId, VpcPeeringConnectionId};
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

pub(crate) fn generate(site: &Site, draw: &mut Draw) -> Generated {
    let routing = routing(site, draw);
    let acls = network_acls(site, draw);
    let Groups { groups, prefix_lists } = groups(site, draw);
    let hosts = hosts(site, &groups, draw);
    let mut heroku = space::documents(site, draw);
    let mut peerings = peerings(site, &routing, draw);
    old_requests(site, &mut peerings, &mut heroku, &mut draw.decoys);
    draw.order.shuffle(&mut peerings);
    let documents = AwsDocuments {
        vpcs: Some(vec![vpc(&site.vpc, &site.owner, "production", &[site.block])]),
        subnets: Some(subnets(site)),
        route_tables: Some(routing.tables),
        security_groups: Some(groups),
        network_acls: Some(acls),
        vpc_peering_connections: Some(peerings),
        network_interfaces: Some(hosts.interfaces),
        reservations: Some(hosts.reservations),
        prefix_lists: Some(prefix_lists),
        ..AwsDocuments::default()
    };
    let double = unconcerned(site, draw);
    let mut aws = vec![AwsCollection { region: Some(site.region.clone()), documents }];
    if double.owner == site.owner && double.region == site.region {
        merge(&mut aws[0].documents, double.documents.clone());
    } else {
        let region = Some(double.region.clone());
        aws.push(AwsCollection { region, documents: double.documents.clone() });
    }
    draw.order.shuffle(&mut aws);
    for documents in aws.iter_mut().map(|collection| &mut collection.documents) {
        shuffle(documents, &mut draw.order);
    }
    let manifest = draw
        .decoys
        .chance(50)
        .then(|| Manifest { schema: MANIFEST_SCHEMA.to_owned(), at: "2026-11-03T09:14:07Z".to_owned() });
    Generated { snapshot: Snapshot { aws, heroku, manifest, sources: Vec::new() }, double }
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

/// A peering between the customer's VPC and the space.
pub(crate) fn space_peering(
    site: &Site,
    id: &VpcPeeringConnectionId,
    code: PeeringStatusCode,
    name: &str,
) -> VpcPeeringConnection {
    let customer = peering_side(&site.vpc, &site.owner, &site.region, &[site.block]);
    let heroku = peering_side(&site.space.vpc, &site.space.owner, &site.space.region, &[site.space.block]);
    peering(id, code, [customer, heroku], name)
}

fn peerings(site: &Site, routing: &Routing, draw: &mut Draw) -> Vec<VpcPeeringConnection> {
    let mut peerings = vec![space_peering(site, &site.peering, PeeringStatusCode::Active, "heroku")];
    let lot = &mut draw.addresses;
    let mut other = |id: &VpcPeeringConnectionId, code| {
        let block = lot.block(16, &[site.block, site.space.block]);
        let partner = (VpcId::from(lot.id("vpc")), lot.account().into());
        let customer = peering_side(&site.vpc, &site.owner, &site.region, &[site.block]);
        peering(id, code, [customer, peering_side(&partner.0, &partner.1, &site.region, &[block])], "partner")
    };
    peerings.extend(routing.other_peering.as_ref().map(|id| other(id, PeeringStatusCode::Active)));
    // A deleted peering is listed for some hours, then no more.
    let dead = routing.dead_peering.as_ref().filter(|_| draw.decoys.chance(50));
    peerings.extend(dead.map(|id| other(id, PeeringStatusCode::Deleted)));
    peerings
}

/// Earlier requests between the same two VPCs that came to nothing.
fn old_requests(
    site: &Site,
    peerings: &mut Vec<VpcPeeringConnection>,
    heroku: &mut HerokuDocuments,
    lot: &mut Lot,
) {
    for code in [PeeringStatusCode::Rejected, PeeringStatusCode::Expired, PeeringStatusCode::Deleted] {
        if !lot.chance(25) {
            continue;
        }
        let id = VpcPeeringConnectionId::from(lot.id("pcx"));
        peerings.push(space_peering(site, &id, code.clone(), "heroku-old"));
        if lot.chance(70) {
            let listed = space::customer_peering(site, &id, code);
            heroku.peerings.get_or_insert_default().push(listed);
        }
    }
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
