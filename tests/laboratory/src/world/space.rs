//! Heroku's documents of a world.

use peerscope_document::aws::PeeringStatusCode;
use peerscope_document::heroku::{
    Generation, HerokuDocuments, HerokuRegion, NamedReference, Peering, PeeringInfo, PeeringType, Space,
    SpaceTopology, TopologyApp, TopologyDyno, TopologyFormation,
};
use peerscope_document::id::VpcPeeringConnectionId;

use super::draw::{Draw, Lot};
use super::make::cidr;
use super::site::{Site, SpaceSite};

pub(crate) fn documents(site: &Site, own: &SpaceSite, draw: &mut Draw) -> HerokuDocuments {
    let mut peerings = vec![customer_peering(site, &site.peering, PeeringStatusCode::Active)];
    if draw.association.chance(20) {
        // Seen in Heroku's own documentation on peerings that work.
        peerings[0].peering_type = Some(PeeringType::Unknown);
    }
    peerings.extend(own_peerings(own, &mut draw.decoys));
    draw.order.shuffle(&mut peerings);
    HerokuDocuments {
        space: Some(space(site, own, &mut draw.decoys)),
        peering_info: Some(peering_info(site, own, &mut draw.order)),
        peerings: Some(peerings),
        topology: draw.decoys.chance(50).then(|| topology(site, &mut draw.decoys)),
        ..HerokuDocuments::default()
    }
}

/// The peering with the customer's VPC, as Heroku lists it.
pub(crate) fn customer_peering(
    site: &Site,
    id: &VpcPeeringConnectionId,
    status: PeeringStatusCode,
) -> Peering {
    Peering {
        pcx_id: Some(id.clone()),
        peering_type: Some(PeeringType::CustomerManaged),
        cidr_blocks: vec![cidr(site.block)],
        cidr_block: None,
        status: Some(status),
        aws_vpc_id: Some(site.vpc.clone()),
        aws_region: Some(site.region.clone()),
        aws_account_id: Some(site.owner.clone()),
        expires: None,
    }
}

/// Heroku's own, whose ids it masks.
fn own_peerings(space: &SpaceSite, lot: &mut Lot) -> Vec<Peering> {
    let own = |peering_type, status| Peering {
        pcx_id: None,
        peering_type: Some(peering_type),
        cidr_blocks: vec![cidr(space.data_block)],
        cidr_block: None,
        status: Some(status),
        aws_vpc_id: None,
        aws_region: None,
        aws_account_id: None,
        expires: None,
    };
    let mut peerings = vec![own(PeeringType::HerokuManaged, PeeringStatusCode::Active)];
    if lot.chance(40) {
        peerings.push(own(PeeringType::HerokuPostgresql, PeeringStatusCode::Active));
    }
    peerings
}

fn space(site: &Site, own: &SpaceSite, lot: &mut Lot) -> Space {
    let reference =
        |name: &str, lot: &mut Lot| NamedReference { id: Some(lot.uuid()), name: Some(name.to_owned()) };
    Space {
        id: Some(own.id.clone()),
        name: Some(own.name.to_owned()),
        state: Some("allocated".to_owned()),
        cidr: Some(cidr(site.remote.block)),
        data_cidr: Some(cidr(own.data_block)),
        generation: match lot.number(0, 2) {
            0 => None,
            1 => Some(Generation::Word("cedar".to_owned())),
            _ => Some(Generation::Object(reference("cedar", lot))),
        },
        region: Some(region_of(reference(
            match site.remote.region.as_str() {
                "us-west-2" => "oregon",
                "eu-west-1" => "dublin",
                "eu-central-1" => "frankfurt",
                "ap-northeast-1" => "tokyo",
                _ => "virginia",
            },
            lot,
        ))),
        team: Some(reference("acme", lot)),
        shield: Some(false),
        outbound_ips: None,
    }
}

fn region_of(NamedReference { id, name }: NamedReference) -> HerokuRegion {
    HerokuRegion { id, name, provider: None }
}

fn peering_info(site: &Site, own: &SpaceSite, order: &mut Lot) -> PeeringInfo {
    let mut dyno_blocks = site.remote.host_blocks.clone();
    let mut all_blocks = site.remote.all_blocks.clone();
    order.shuffle(&mut dyno_blocks);
    order.shuffle(&mut all_blocks);
    PeeringInfo {
        aws_account_id: Some(site.remote.owner.clone()),
        aws_region: Some(site.remote.region.clone()),
        vpc_id: Some(site.remote.vpc.clone()),
        vpc_cidr: Some(cidr(site.remote.block)),
        dyno_cidr_blocks: Some(dyno_blocks.into_iter().map(cidr).collect()),
        space_cidr_blocks: Some(all_blocks.into_iter().map(cidr).collect()),
        unavailable_cidr_blocks: Some(vec![cidr(own.data_block)]),
    }
}

fn topology(site: &Site, lot: &mut Lot) -> SpaceTopology {
    let dynos = site.remote.hosts.iter().zip(1..).map(|(address, number)| TopologyDyno {
        number: Some(number),
        private_ip: Some(*address),
        hostname: Some(format!("{number}.web.orders.app.localspace")),
    });
    let formation = TopologyFormation { process_type: Some("web".to_owned()), dynos: dynos.collect() };
    let app = TopologyApp {
        id: Some(lot.uuid()),
        domains: vec!["orders-1234.herokuapp.com".to_owned()],
        formation: vec![formation],
    };
    SpaceTopology { version: Some(1), apps: vec![app] }
}
