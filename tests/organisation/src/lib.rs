//! Synthetic organisations: the documents of a Private Space and of many VPCs that are peered with it and
//! with each other, of any size, the same for the same seed.
//!
//! Speed is claimed for estates that nobody may publish, so they are made up here as large companies have
//! them: each VPC with four tiers in three availability zones, a route table a tier, ACLs of its own on two
//! tiers; groups whose rules name blocks of peered networks, other groups of the VPC and prefix lists;
//! interfaces in one to five groups each, by lot, so that hardly two share the same set. Some routes are
//! missing and some rules too narrow: an engine has to find what is blocked, not only that all is open.
//!
//! The binary of this crate writes one as files: `peerscope-organisation --interfaces 10000 -o DIR`.

mod filters;
mod networks;

use fastrand::Rng;
use peerscope_document::aws::AwsDocuments;
use peerscope_document::heroku::HerokuDocuments;
use peerscope_document::{AwsCollection, Snapshot};

/// How large an organisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Network interfaces, over all VPCs.
    pub interfaces: usize,
    /// Security groups, over all VPCs.
    pub groups: usize,
    /// Rules in each group, both directions together.
    pub rules: usize,
    /// VPCs; 1 to 200.
    pub vpcs: usize,
    /// Peerings, those with the space among them: at most one a pair of networks.
    pub peerings: usize,
}

impl Size {
    /// The size that peerscope's speed is promised for.
    pub const LARGE: Self = Self { interfaces: 10_000, groups: 500, rules: 50, vpcs: 20, peerings: 50 };

    /// The same shape for another number of interfaces.
    #[must_use]
    pub fn of_interfaces(interfaces: usize) -> Self {
        let share = |of: usize, least: usize| (of * interfaces / Self::LARGE.interfaces).max(least);
        Self {
            interfaces,
            groups: share(Self::LARGE.groups, 10),
            rules: Self::LARGE.rules,
            vpcs: share(Self::LARGE.vpcs, 2),
            peerings: share(Self::LARGE.peerings, 2),
        }
    }
}

/// The documents of an organisation of this size.
#[must_use]
pub fn organisation(size: &Size, seed: u64) -> Snapshot {
    let mut lot = Rng::with_seed(seed);
    let networks = networks::networks(size, &mut lot);
    let documents = AwsDocuments {
        vpcs: Some(networks.vpc_documents()),
        subnets: Some(networks.subnet_documents()),
        route_tables: Some(networks.route_tables(&mut lot)),
        network_acls: Some(filters::network_acls(&networks, &mut lot)),
        security_groups: Some(filters::security_groups(&networks, size, &mut lot)),
        network_interfaces: Some(filters::interfaces(&networks, size, &mut lot)),
        prefix_lists: Some(filters::prefix_lists(&networks)),
        vpc_peering_connections: Some(networks.peering_documents()),
        reservations: Some(Vec::new()),
        ..AwsDocuments::default()
    };
    let heroku = HerokuDocuments {
        space: Some(networks::space()),
        peering_info: Some(networks::peering_info()),
        ..HerokuDocuments::default()
    };
    Snapshot { aws: vec![AwsCollection { region: None, documents }], heroku, ..Snapshot::default() }
}
