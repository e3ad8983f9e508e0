//! What a diagnosis is given to read, where that is not the truth.
//!
//! Snapshots are taken before things break, or after they were mended, or by somebody who may not read
//! everything. The kernel does what the true documents say; these are what the tool gets to see.

use peerscope_document::aws::AwsDocuments;
use peerscope_document::id::VpcId;
use serde::{Deserialize, Serialize};

use super::Scenario;
use crate::fault::FaultError;
use crate::world::World;
use crate::world::site::Site;

/// The documents that a diagnosis is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// From when they are.
    #[serde(default)]
    pub snapshot: GivenSnapshot,
    /// Kinds of documents that they lack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<DocumentKind>,
}

/// From when the given documents are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GivenSnapshot {
    /// From now: they are the truth, as far as they go.
    #[default]
    True,
    /// From before the faults: they show a healthy world.
    BeforeFault,
    /// From before the mending: they show the faults, and the kernel has none.
    BeforeMending,
    /// There are none.
    None,
}

/// A kind of document that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DocumentKind {
    /// `describe-vpcs`
    Vpcs,
    /// `describe-subnets`
    Subnets,
    /// `describe-route-tables`
    RouteTables,
    /// `describe-security-groups`
    SecurityGroups,
    /// `describe-network-acls`
    NetworkAcls,
    /// `describe-vpc-peering-connections`
    VpcPeeringConnections,
    /// `describe-network-interfaces`, and `describe-instances` too, which would stand in for it.
    NetworkInterfaces,
    /// `describe-prefix-lists`, with the entries of managed ones.
    PrefixLists,
    /// The space itself.
    #[serde(rename = "space")]
    Space,
    /// The space's peering-info.
    #[serde(rename = "peering-info")]
    PeeringInfo,
    /// The space's peerings.
    #[serde(rename = "peerings")]
    Peerings,
    /// The space's topology.
    #[serde(rename = "topology")]
    Topology,
    /// Whatever there is of the source's VPC, of two: another account's.
    #[serde(rename = "source-vpc")]
    SourceVpc,
    /// The same of the target's VPC.
    #[serde(rename = "target-vpc")]
    TargetVpc,
}

impl Scenario {
    /// The world whose documents a diagnosis is given for this seed; none where it is given none.
    ///
    /// # Errors
    /// [`FaultError`] where a fault cannot be put into the world.
    pub fn given(&self, seed: u64) -> Result<Option<World>, FaultError> {
        let mut world = match self.given.snapshot {
            GivenSnapshot::None => return Ok(None),
            GivenSnapshot::True => self.world(seed)?,
            GivenSnapshot::BeforeFault => self.healthy(seed)?,
            GivenSnapshot::BeforeMending => self.broken(seed)?,
        };
        self.given.without.iter().for_each(|kind| kind.take_from(&mut world));
        Ok(Some(world))
    }
}

impl DocumentKind {
    /// Takes every document of this kind out of a world's snapshot.
    fn take_from(self, world: &mut World) {
        let mut aws = std::mem::take(&mut world.snapshot.aws);
        for documents in aws.iter_mut().map(|collection| &mut collection.documents) {
            match self {
                Self::Vpcs => documents.vpcs = None,
                Self::Subnets => documents.subnets = None,
                Self::RouteTables => documents.route_tables = None,
                Self::SecurityGroups => documents.security_groups = None,
                Self::NetworkAcls => documents.network_acls = None,
                Self::VpcPeeringConnections => documents.vpc_peering_connections = None,
                Self::NetworkInterfaces => {
                    documents.network_interfaces = None;
                    documents.reservations = None;
                }
                Self::PrefixLists => documents.prefix_lists = None,
                Self::SourceVpc => take_vpc(documents, world.site_that(true)),
                Self::TargetVpc => take_vpc(documents, world.site_that(false)),
                Self::Space | Self::PeeringInfo | Self::Peerings | Self::Topology => {}
            }
        }
        world.snapshot.aws = aws;
        let heroku = &mut world.snapshot.heroku;
        match self {
            Self::Space => heroku.space = None,
            Self::PeeringInfo => heroku.peering_info = None,
            Self::Peerings => heroku.peerings = None,
            Self::Topology => heroku.topology = None,
            _ => {}
        }
    }
}

/// Takes all documents of one VPC out of a collection; peerings name both ends, and stay.
fn take_vpc(documents: &mut AwsDocuments, site: Option<&Site>) {
    let Some(site) = site else { return };
    let is_other = |vpc: Option<&VpcId>| vpc != Some(&site.vpc);
    documents.vpcs.iter_mut().for_each(|list| list.retain(|it| it.vpc_id != site.vpc));
    documents.subnets.iter_mut().for_each(|list| list.retain(|it| it.vpc_id != site.vpc));
    documents.route_tables.iter_mut().for_each(|list| list.retain(|it| it.vpc_id != site.vpc));
    documents.network_acls.iter_mut().for_each(|list| list.retain(|it| it.vpc_id != site.vpc));
    documents.security_groups.iter_mut().for_each(|list| list.retain(|it| is_other(it.vpc_id.as_ref())));
    documents.network_interfaces.iter_mut().for_each(|list| list.retain(|it| is_other(it.vpc_id.as_ref())));
    for reservation in documents.reservations.iter_mut().flatten() {
        reservation.instances.retain(|it| is_other(it.vpc_id.as_ref()));
    }
}
