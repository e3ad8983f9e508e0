//! Load balancers, the interfaces that they have in each zone, and the targets behind them.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use peerscope_document::Snapshot;
use peerscope_document::aws::{self, AwsDocuments, LoadBalancerType};
use peerscope_document::id::{InstanceId, LoadBalancerArn, TargetGroupArn};

use super::{
    LoadBalancer, LoadBalancerListener, Member, Service, ServiceKind, ServiceName, Target, TargetGroup,
    ownership_of,
};
use crate::topology::{ComponentId, Topology};

pub(super) fn load_balancers(snapshot: &Snapshot, topology: &Topology) -> Vec<Service> {
    let documents = || snapshot.aws.iter().map(|collection| &collection.documents);
    let balancers = documents().flat_map(|documents| documents.load_balancers.iter().flatten());
    balancers.map(|balancer| service(balancer, snapshot, topology)).collect()
}

fn service(balancer: &aws::LoadBalancer, snapshot: &Snapshot, topology: &Topology) -> Service {
    let arn = &balancer.load_balancer_arn;
    let interfaces: Vec<_> = match description(arn) {
        Some(description) => topology
            .interfaces()
            .filter(|(_, interface)| interface.description.as_ref() == Some(&description))
            .map(|(id, _)| id.clone())
            .collect(),
        None => Vec::new(),
    };
    let fixed = balancer.availability_zones.iter().flat_map(|zone| &zone.load_balancer_addresses);
    let addresses = fixed.flat_map(|one| {
        let ipv4 = one.private_ipv4_address.map(IpAddr::V4);
        ipv4.into_iter().chain(one.ipv6_address.map(IpAddr::V6))
    });
    let addresses = match interfaces.is_empty() {
        true => addresses.collect(),
        false => Vec::new(),
    };
    let name = balancer.dns_name.clone().map(|name| ServiceName {
        name,
        member: Member::Whole,
        interfaces,
        is_certain: true,
        addresses,
    });
    let zones = balancer.availability_zones.iter().filter_map(|zone| zone.zone_name.clone());
    Service {
        component: ComponentId::LoadBalancer(arn.clone()),
        kind: ServiceKind::LoadBalancer(LoadBalancer {
            state: balancer.state.as_ref().and_then(|state| state.code.clone()),
            is_internet_facing: balancer.scheme.as_deref().map(|scheme| scheme == "internet-facing"),
            keeps_to_zones: balancer.load_balancer_type == Some(LoadBalancerType::Network),
            zones: zones.collect(),
            listeners: listeners(arn, snapshot, topology),
        }),
        vpc: balancer.vpc_id.clone(),
        names: name.into_iter().collect(),
        ownership: ownership_of(Some(arn.as_str()), balancer.load_balancer_name.as_deref()),
    }
}

/// What its interfaces are described as: `ELB app/NAME/ID`, by the end of the ARN (Elastic Load Balancing, "Network
/// interfaces for your load balancer").
fn description(arn: &LoadBalancerArn) -> Option<alloc::string::String> {
    let (_, own) = arn.as_str().split_once(":loadbalancer/")?;
    Some(format!("ELB {own}"))
}

/// Its listeners. Who saved some has perhaps not saved those of every load balancer.
fn listeners(
    arn: &LoadBalancerArn,
    snapshot: &Snapshot,
    topology: &Topology,
) -> Option<Vec<LoadBalancerListener>> {
    let documents = || snapshot.aws.iter().map(|collection| &collection.documents);
    let own = documents().flat_map(|documents| documents.listeners.iter().flatten());
    let own = own.filter(|listener| listener.load_balancer_arn.as_ref() == Some(arn));
    let all: Vec<LoadBalancerListener> = own
        .map(|listener| LoadBalancerListener {
            port: listener.port,
            protocol: listener.protocol.clone().unwrap_or_default(),
            target_groups: groups_of(listener).map(|group| target_group(group, snapshot, topology)).collect(),
        })
        .collect();
    (!all.is_empty()).then_some(all)
}

/// The groups that get something of what comes in.
fn groups_of(listener: &aws::Listener) -> impl Iterator<Item = &TargetGroupArn> {
    listener.default_actions.iter().flat_map(|action| {
        let weighted = action.forward_config.iter().flat_map(|config| &config.target_groups);
        let some = weighted.filter(|group| group.weight != Some(0));
        let several: Vec<&TargetGroupArn> =
            some.filter_map(|group| group.target_group_arn.as_ref()).collect();
        match several.is_empty() {
            true => action.target_group_arn.iter().collect(),
            false => several,
        }
    })
}

fn target_group(arn: &TargetGroupArn, snapshot: &Snapshot, topology: &Topology) -> TargetGroup {
    let documents = || snapshot.aws.iter().map(|collection| &collection.documents);
    let mut groups =
        documents().flat_map(|documents: &AwsDocuments| documents.target_groups.iter().flatten());
    let group = groups.find(|group| group.target_group_arn == *arn);
    let health = documents().flat_map(|documents| documents.target_group_health.iter().flatten());
    let mut targets = None;
    for health in health.filter(|health| health.target_group_arn.as_ref() == Some(arn)) {
        let all = health.target_health_descriptions.iter().map(|described| target(described, topology));
        targets.get_or_insert_with(Vec::new).extend(all);
    }
    TargetGroup { arn: arn.clone(), name: group.and_then(|group| group.target_group_name.clone()), targets }
}

fn target(described: &aws::TargetHealthDescription, topology: &Topology) -> Target {
    let target = described.target.as_ref();
    let health = described.target_health.as_ref();
    let id = target.map(|target| target.id.clone()).unwrap_or_default();
    let zone = target.and_then(|target| target.availability_zone.clone());
    // Of instances the answer names no zone.
    let of_instance = || {
        let instance = topology.instance(&InstanceId::from(id.as_str()))?;
        instance.interfaces.iter().find_map(|one| topology.interface(one)?.zone.clone())
    };
    Target {
        zone: zone.or_else(of_instance),
        state: health.and_then(|health| health.state.clone()),
        reason: health.and_then(|health| health.reason.clone()).filter(|reason| !reason.is_empty()),
        id: id.to_string(),
    }
}
