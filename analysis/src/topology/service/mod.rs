//! What AWS runs behind network interfaces of a VPC and gives a DNS name to: databases and load balancers.
//!
//! Their interfaces are AWS's (requester-managed), and no document says whose they are: a load balancer's say so in
//! their descriptions, a database's only that they are some database's, so they are told by subnets, security groups
//! and zone. Where that leaves several, all of them are meant, and it is said.

mod database;
mod leads;
mod load_balancer;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::Snapshot;
use peerscope_document::aws::TargetHealthState;
use peerscope_document::id::{NetworkInterfaceId, TargetGroupArn, VpcId};

pub use leads::{Leads, Outside};

use super::{ComponentId, NetworkId, Ownership, Topology};

/// A database or a load balancer.
#[derive(Clone, Debug)]
pub struct Service {
    /// Which one.
    pub component: ComponentId,
    /// What it is.
    pub kind: ServiceKind,
    /// The VPC that it is in.
    pub vpc: Option<VpcId>,
    /// Its names.
    pub names: Vec<ServiceName>,
    /// Owner and place.
    pub ownership: Ownership,
}

/// A DNS name of a service.
#[derive(Clone, Debug)]
pub struct ServiceName {
    /// The name. Outside data.
    pub name: String,
    /// Which part of the service it leads to.
    pub member: Member,
    /// The interfaces that it leads to.
    pub interfaces: Vec<NetworkInterfaceId>,
    /// Whether these are its own, each of them; else some of them may be another's.
    pub is_certain: bool,
    /// Its addresses where no interface is documented, and its own document gives some.
    pub addresses: Vec<IpAddr>,
}

/// Which part of a service a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// All of it.
    Whole,
    /// The instance of a cluster that writes.
    Writer,
    /// Those that read.
    Readers,
    /// Some that the owner chose.
    Chosen,
}

/// What a service is.
#[derive(Clone, Debug)]
pub enum ServiceKind {
    /// A database instance or cluster.
    Database(Database),
    /// A load balancer.
    LoadBalancer(LoadBalancer),
}

/// A database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// `available` and others.
    pub status: Option<String>,
    /// The TCP port it listens on.
    pub port: Option<u16>,
    /// Whether its name leads to a public address for who asks from outside its VPC.
    pub publicly_accessible: Option<bool>,
}

/// A load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadBalancer {
    /// `active` and others.
    pub state: Option<String>,
    /// Whether its name leads to public addresses, whoever asks.
    pub is_internet_facing: Option<bool>,
    /// Whether, unless its owner says otherwise, each of its interfaces leads to targets in its own zone alone: network
    /// load balancers' do (Elastic Load Balancing, "Cross-zone load balancing").
    pub keeps_to_zones: bool,
    /// The zones that it is in.
    pub zones: Vec<String>,
    /// What it listens on; `None` where no document of listeners was read.
    pub listeners: Option<Vec<LoadBalancerListener>>,
}

/// What a load balancer listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancerListener {
    /// The port; gateway load balancers' have none.
    pub port: Option<u16>,
    /// `TCP`, `HTTP` and others.
    pub protocol: String,
    /// Where it leads to, unless a rule of it says otherwise.
    pub target_groups: Vec<TargetGroup>,
}

/// Where a listener leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Its name.
    pub name: Option<String>,
    /// Its targets; `None` where no document of their health was read.
    pub targets: Option<Vec<Target>>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// An instance's id, an address or an ARN.
    pub id: String,
    /// Its zone, where that is known; `all` takes from every one.
    pub zone: Option<String>,
    /// Its health.
    pub state: Option<TargetHealthState>,
    /// Why it is not healthy.
    pub reason: Option<String>,
}

impl Target {
    /// Whether it takes traffic; a group without checks calls none of its targets healthy.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        matches!(self.state, Some(TargetHealthState::Healthy | TargetHealthState::Unavailable))
    }
}

impl ServiceName {
    /// Where it leads to, as far as documents tell: every address, with its network.
    #[must_use]
    pub fn places(&self, topology: &Topology, vpc: Option<&VpcId>) -> Vec<(IpAddr, Option<NetworkId>)> {
        let interfaces = self.interfaces.iter().filter_map(|id| topology.interface(id));
        let owned = interfaces.flat_map(|one| {
            let network = one.vpc.clone().map(NetworkId::Vpc);
            one.addresses.iter().map(move |address| (*address, network.clone()))
        });
        let own = self.addresses.iter().map(|address| (*address, vpc.cloned().map(NetworkId::Vpc)));
        owned.chain(own).collect()
    }
}

/// All services of a snapshot, database instances before clusters.
pub(super) fn services(snapshot: &Snapshot, topology: &Topology) -> Vec<Service> {
    let mut services = Vec::new();
    let documents = || snapshot.aws.iter().map(|collection| &collection.documents);
    let databases = database::Interfaces::of(topology);
    for documents in documents() {
        services.extend(database::instances(documents, &databases));
    }
    for documents in documents() {
        services.extend(database::clusters(documents, &databases));
    }
    services.extend(load_balancer::load_balancers(snapshot, topology));
    services
}

/// Whose and where a resource is by its ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:…`.
fn ownership_of(arn: Option<&str>, name: Option<&str>) -> Ownership {
    let part = |index: usize| {
        let part = arn.and_then(|arn| arn.split(':').nth(index));
        part.filter(|part| !part.is_empty())
    };
    Ownership {
        region: part(3).map(Into::into),
        account: part(4).map(Into::into),
        name: name.map(Into::into),
        managed_by: None,
    }
}
