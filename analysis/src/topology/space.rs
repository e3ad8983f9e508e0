//! The Heroku Private Space, as far as Heroku shows it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::heroku::{App, HerokuDocuments, HerokuRegion, Peering, PeeringType, TopologyApp};
use peerscope_document::id::{AccountId, Region, VpcId};

/// The space. Its routes, groups and ACLs are Heroku's and shown to nobody: they are assumed to admit.
#[derive(Clone, Debug, Default)]
pub struct Space {
    /// Its name.
    pub name: Option<String>,
    /// Its UUID.
    pub id: Option<String>,
    /// The VPC it lives in, in Heroku's account.
    pub vpc: Option<VpcId>,
    /// Heroku's account for it.
    pub account: Option<AccountId>,
    /// Its AWS Region.
    pub region: Option<Region>,
    /// Its network.
    pub cidr: Option<IpNet>,
    /// The network of Heroku's data services.
    pub data_cidr: Option<IpNet>,
    /// The networks of Heroku's data services: the space's own, and those of Heroku's peerings for them.
    pub data_blocks: Vec<IpNet>,
    /// The subnets that dynos live in, by peering-info, else by the topology; empty where neither says.
    pub dyno_blocks: Vec<IpNet>,
    /// Whether `dyno_blocks` is Heroku's own list.
    pub dyno_blocks_listed: bool,
    /// Everything that a peered VPC should route to the space.
    pub space_blocks: Vec<IpNet>,
    /// Blocks that a peered VPC must not overlap, beside the space's own.
    pub unavailable_blocks: Vec<IpNet>,
    /// The dynos that ran when the snapshot was taken.
    pub dynos: Vec<Dyno>,
    /// The addresses that the space calls the internet from.
    pub nat_sources: Vec<IpAddr>,
    /// The networks that the space reaches over VPN connections of its own, with each one's name.
    pub vpn_blocks: Vec<(IpNet, String)>,
    /// Its generation, where Heroku says it.
    pub generation: Option<String>,
}

/// A dyno: its address changes at every restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dyno {
    /// Its address.
    pub address: IpAddr,
    /// What people call it: `web.1 of orders`. Outside data.
    pub name: Option<String>,
    /// Its name inside the space.
    pub hostname: Option<String>,
}

/// The suffix of the domain that every app has, before which its name stands.
const APP_DOMAIN: &str = ".herokuapp.com";

impl Space {
    /// The space that Heroku's documents describe; `None` where there are none.
    pub(super) fn from_documents(documents: &HerokuDocuments) -> Option<Self> {
        let HerokuDocuments { space, peering_info, peerings, topology, nat, vpn_connections, apps, region } =
            documents;
        if *documents == HerokuDocuments::default() {
            return None;
        }
        let mut result = Self::default();
        if let Some(space) = space {
            result.name = space.name.clone();
            result.id = space.id.clone();
            result.cidr = space.cidr.map(|cidr| cidr.network());
            result.data_cidr = space.data_cidr.map(|cidr| cidr.network());
            result.generation = space.generation.as_ref().map(|generation| generation.name().into());
        }
        if let Some(info) = peering_info {
            result.vpc = info.vpc_id.clone();
            result.account = info.aws_account_id.clone();
            result.region = info.aws_region.clone();
            result.cidr = info.vpc_cidr.map(|cidr| cidr.network()).or(result.cidr);
            result.space_blocks = networks(info.space_cidr_blocks.as_deref());
            result.dyno_blocks = networks(info.dyno_cidr_blocks.as_deref());
            result.unavailable_blocks = networks(info.unavailable_cidr_blocks.as_deref());
            result.dyno_blocks_listed = !result.dyno_blocks.is_empty();
        }
        let named = space.as_ref().and_then(|space| space.region.as_ref());
        let regions = named.into_iter().chain(region);
        result.region =
            result.region.or_else(|| regions.filter_map(HerokuRegion::aws_region).next().cloned());
        result.data_blocks = result.data_cidr.into_iter().collect();
        for peering in peerings.iter().flatten().filter(|peering| is_data_service(peering)) {
            let blocks = peering.cidr_blocks.iter().chain(&peering.cidr_block).map(|cidr| cidr.network());
            result.data_blocks.extend(blocks);
        }
        result.data_blocks.sort_unstable();
        result.data_blocks.dedup();
        result.dynos = topology
            .iter()
            .flat_map(|topology| &topology.apps)
            .flat_map(|app| dynos(app, name_of(app, apps.as_deref())))
            .collect();
        let outbound = space.as_ref().and_then(|space| space.outbound_ips.as_ref());
        let sources = nat.iter().chain(outbound).flat_map(|nat| &nat.sources);
        result.nat_sources = sources.copied().map(IpAddr::V4).collect();
        result.nat_sources.sort_unstable();
        result.nat_sources.dedup();
        for connection in vpn_connections.iter().flatten().filter(|one| one.is_there()) {
            let name = connection.name.clone().or_else(|| connection.id.clone()).unwrap_or_default();
            let blocks = connection.routable_cidrs.iter().map(|cidr| (cidr.network(), name.clone()));
            result.vpn_blocks.extend(blocks);
        }
        if !result.dyno_blocks_listed {
            let holds_dyno = |block: &&IpNet| result.dynos.iter().any(|dyno| block.contains(&dyno.address));
            result.dyno_blocks = result.space_blocks.iter().filter(holds_dyno).copied().collect();
        }
        Some(result)
    }

    /// Whether the address is one of the space's network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.cidr
            .iter()
            .chain(&self.dyno_blocks)
            .chain(&self.space_blocks)
            .any(|block| block.contains(&address))
    }
}

/// The name of an app of the topology: by its own document, else by the domain that every app has. An app that was
/// renamed keeps its old domain.
fn name_of<'a>(app: &'a TopologyApp, apps: Option<&'a [App]>) -> Option<&'a str> {
    let known = apps.unwrap_or_default().iter().find(|known| known.id.is_some() && known.id == app.id);
    let named = known.and_then(|known| known.name.as_deref());
    named.or_else(|| app.domains.iter().find_map(|domain| domain.strip_suffix(APP_DOMAIN)))
}

/// The dynos of an app, each with the name that Heroku's commands show.
fn dynos<'a>(app: &'a TopologyApp, app_name: Option<&'a str>) -> impl Iterator<Item = Dyno> + 'a {
    app.formation.iter().flat_map(move |formation| {
        formation.dynos.iter().filter_map(move |dyno| {
            let process = formation.process_type.as_deref().zip(dyno.number);
            let process = process.map(|(process, number)| format!("{process}.{number}"));
            let name = match (process, app_name) {
                (Some(process), Some(app)) => Some(format!("{process} of {app}")),
                (process, _) => process,
            };
            let address = IpAddr::V4(dyno.private_ip?);
            Some(Dyno { address, name, hostname: dyno.hostname.clone() })
        })
    })
}

/// Whether a peering is Heroku's own for a data service. `heroku-managed` is the older word for all.
pub(super) fn is_data_service(peering: &Peering) -> bool {
    !matches!(
        peering.peering_type,
        None | Some(PeeringType::CustomerManaged | PeeringType::Unknown | PeeringType::Other(_))
    )
}

fn networks(cidrs: Option<&[peerscope_document::Cidr]>) -> Vec<IpNet> {
    cidrs.unwrap_or_default().iter().map(peerscope_document::Cidr::network).collect()
}
