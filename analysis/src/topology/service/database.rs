//! Databases and the interfaces that RDS made for them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use peerscope_document::aws::{AwsDocuments, DbCluster, DbInstance, VpcSecurityGroupMembership};
use peerscope_document::id::{NetworkInterfaceId, SecurityGroupId, SubnetId, VpcId};

use super::{Database, Member, Service, ServiceKind, ServiceName, ownership_of};
use crate::topology::{ComponentId, NetworkInterface, Topology};

/// What RDS says of every interface that it makes (Amazon RDS User Guide, "Working with a DB instance in a VPC").
const DESCRIPTION: &str = "RDSNetworkInterface";

/// The interfaces of all databases.
pub(super) struct Interfaces<'t>(Vec<(&'t NetworkInterfaceId, &'t NetworkInterface)>);

/// Where a database's interface is.
struct Place<'d> {
    vpc: Option<&'d VpcId>,
    subnets: BTreeSet<&'d SubnetId>,
    groups: BTreeSet<&'d SecurityGroupId>,
    /// The zone, where it has one interface alone.
    zone: Option<&'d str>,
}

impl<'t> Interfaces<'t> {
    pub(super) fn of(topology: &'t Topology) -> Self {
        let made = |(_, interface): &(&NetworkInterfaceId, &NetworkInterface)| {
            interface.description.as_deref() == Some(DESCRIPTION)
        };
        Self(topology.interfaces().filter(made).collect())
    }

    /// The interfaces that are where a database's is.
    fn at(&self, place: &Place<'_>) -> Vec<NetworkInterfaceId> {
        // Without anything that tells them apart, every database's would be meant.
        if place.vpc.is_none() && place.groups.is_empty() {
            return Vec::new();
        }
        let fits = |interface: &NetworkInterface| {
            let groups: BTreeSet<&SecurityGroupId> = interface.security_groups.iter().collect();
            let subnet = interface.subnet.as_ref();
            let zone = interface.zone.as_deref();
            (place.vpc.is_none() || interface.vpc.as_ref() == place.vpc)
                && (place.subnets.is_empty() || subnet.is_some_and(|subnet| place.subnets.contains(subnet)))
                && (place.groups.is_empty() || place.groups == groups)
                && (place.zone.is_none() || zone.is_none() || place.zone == zone)
        };
        self.0.iter().filter(|(_, interface)| fits(interface)).map(|(id, _)| (*id).clone()).collect()
    }
}

impl<'d> Place<'d> {
    fn of(instance: &'d DbInstance) -> Self {
        let group = instance.db_subnet_group.as_ref();
        let subnets = group.into_iter().flat_map(|group| &group.subnets);
        // A standby's interface lies in another zone, and which of the two serves may have changed since.
        let is_alone = instance.multi_az == Some(false);
        Self {
            vpc: group.and_then(|group| group.vpc_id.as_ref()),
            subnets: subnets.filter_map(|subnet| subnet.subnet_identifier.as_ref()).collect(),
            groups: groups_of(&instance.vpc_security_groups),
            zone: instance.availability_zone.as_deref().filter(|_| is_alone),
        }
    }
}

/// The groups that the interfaces have: all that are not being taken away.
fn groups_of(memberships: &[VpcSecurityGroupMembership]) -> BTreeSet<&SecurityGroupId> {
    let stays = |one: &&VpcSecurityGroupMembership| one.status.as_deref() != Some("removing");
    memberships.iter().filter(stays).filter_map(|one| one.vpc_security_group_id.as_ref()).collect()
}

pub(super) fn instances<'d>(
    documents: &'d AwsDocuments,
    interfaces: &'d Interfaces<'_>,
) -> impl Iterator<Item = Service> + 'd {
    documents.db_instances.iter().flatten().map(move |instance| {
        let place = Place::of(instance);
        let id = &instance.db_instance_identifier;
        let endpoint = instance.endpoint.as_ref();
        let name = endpoint.and_then(|endpoint| endpoint.address.clone());
        let found = interfaces.at(&place);
        let name = name.map(|name| ServiceName {
            name,
            member: Member::Whole,
            is_certain: found.len() == 1,
            interfaces: found,
            addresses: Vec::new(),
        });
        Service {
            component: ComponentId::Database(id.clone()),
            kind: ServiceKind::Database(Database {
                status: instance.db_instance_status.clone(),
                port: endpoint.and_then(|endpoint| endpoint.port).filter(|port| *port > 0),
                publicly_accessible: instance.publicly_accessible,
            }),
            vpc: place.vpc.cloned(),
            names: name.into_iter().collect(),
            ownership: ownership_of(instance.db_instance_arn.as_deref(), Some(id.as_str())),
        }
    })
}

pub(super) fn clusters<'d>(
    documents: &'d AwsDocuments,
    interfaces: &'d Interfaces<'_>,
) -> impl Iterator<Item = Service> + 'd {
    documents.db_clusters.iter().flatten().map(move |cluster| {
        let members = members(documents, cluster);
        let vpc = members.iter().find_map(|(instance, _)| instance.db_subnet_group.as_ref()?.vpc_id.clone());
        let id = &cluster.db_cluster_identifier;
        let of = |name: &str, member: Member, instances: Vec<&DbInstance>| {
            let found: Vec<Vec<NetworkInterfaceId>> =
                instances.iter().map(|instance| interfaces.at(&Place::of(instance))).collect();
            let is_certain = !found.is_empty() && found.iter().all(|one| one.len() == 1);
            let all: BTreeSet<NetworkInterfaceId> = found.into_iter().flatten().collect();
            // Two instances that are told to have the same interface are not told apart.
            let is_certain = is_certain && all.len() == instances.len();
            ServiceName {
                name: name.into(),
                member,
                interfaces: all.into_iter().collect(),
                is_certain,
                addresses: Vec::new(),
            }
        };
        let which = |wanted: Option<bool>| -> Vec<&DbInstance> {
            let chosen = members.iter().filter(|(_, writes)| wanted.is_none_or(|wanted| wanted == *writes));
            chosen.map(|(instance, _)| *instance).collect()
        };
        // Where nobody else reads, the reader's name leads to the writer.
        let readers = Some(which(Some(false))).filter(|readers| !readers.is_empty());
        let readers = readers.unwrap_or_else(|| which(Some(true)));
        let writer = cluster.endpoint.iter().map(|name| of(name, Member::Writer, which(Some(true))));
        let reader = cluster.reader_endpoint.iter().map(|name| of(name, Member::Readers, readers.clone()));
        let chosen = cluster
            .custom_endpoints
            .iter()
            .map(|name| ServiceName { is_certain: false, ..of(name, Member::Chosen, which(None)) });
        let names = writer.chain(reader).chain(chosen).collect();
        let of_members = members.iter().filter_map(|(instance, _)| instance.publicly_accessible);
        Service {
            component: ComponentId::DatabaseCluster(id.clone()),
            kind: ServiceKind::Database(Database {
                status: cluster.status.clone(),
                port: cluster.port.filter(|port| *port > 0),
                publicly_accessible: cluster.publicly_accessible.or_else(|| of_members.max()),
            }),
            vpc,
            names,
            ownership: ownership_of(cluster.db_cluster_arn.as_deref(), Some(id.as_str())),
        }
    })
}

/// The instances that serve a cluster, as far as they are documented, each with whether it writes.
fn members<'d>(documents: &'d AwsDocuments, cluster: &DbCluster) -> Vec<(&'d DbInstance, bool)> {
    let instances = documents.db_instances.iter().flatten();
    let member = |instance: &DbInstance| {
        let is_it = |id: &Option<_>| id.as_ref() == Some(&instance.db_instance_identifier);
        cluster.db_cluster_members.iter().find(|member| is_it(&member.db_instance_identifier))
    };
    instances.filter_map(|instance| Some((instance, member(instance)?.is_cluster_writer))).collect()
}
