//! What turns a name into interfaces: databases, load balancers with what is behind them, and the DNS of VPCs. All of it
//! beside the network itself: a Region is read without, where a policy allows none of it.
//!
//! RDS and Elastic Load Balancing know no filter by VPC: what lies in none that is read is sorted out here.

use std::collections::BTreeSet;
use std::future::Future;

use aws_sdk_ec2::types::VpcAttributeName;
use futures_util::future::join_all;
use peerscope_document::aws::{
    AttributeBooleanValue, AwsDocuments, DbCluster, DbInstance, Listener, LoadBalancer, TargetGroup,
    TargetGroupHealth, VpcAttribute,
};
use peerscope_document::id::{DbClusterId, LoadBalancerArn, SecurityGroupId, VpcId};
use tokio::join;

use super::document::{all, pages};
use super::failure::Failure;
use super::region::Reader;
use super::scope::Scope;
use crate::call::Call;

/// The most that a page may hold, by the API references of RDS and of Elastic Load Balancing.
const PAGE_OF_DATABASES: i32 = 100;
const PAGE_OF_LOAD_BALANCERS: i32 = 400;

impl Reader {
    /// The documents of names, of what is read.
    pub(super) async fn names(&self, scope: &Scope, vpcs: &[VpcId]) -> AwsDocuments {
        let (vpc_attributes, (db_instances, db_clusters), balancers) =
            join!(self.vpc_attributes(vpcs), self.databases(), self.load_balancers(scope));
        AwsDocuments { vpc_attributes, db_instances, db_clusters, ..balancers }
    }

    async fn vpc_attributes(&self, vpcs: &[VpcId]) -> Option<Vec<VpcAttribute>> {
        if vpcs.is_empty() {
            return None;
        }
        every(vpcs.iter().map(|vpc| async move {
            let (support, hostnames) = join!(
                self.vpc_attribute(vpc, VpcAttributeName::EnableDnsSupport),
                self.vpc_attribute(vpc, VpcAttributeName::EnableDnsHostnames),
            );
            Some(VpcAttribute { enable_dns_hostnames: hostnames?.enable_dns_hostnames, ..support? })
        }))
        .await
    }

    async fn vpc_attribute(&self, vpc: &VpcId, name: VpcAttributeName) -> Option<VpcAttribute> {
        let request = self.ec2.describe_vpc_attribute().vpc_id(vpc.as_str()).attribute(name);
        let asked = async {
            let answer = request.send().await.map_err(Failure::from)?;
            let value = |value: Option<aws_sdk_ec2::types::AttributeBooleanValue>| {
                value.map(|value| AttributeBooleanValue { value: value.value })
            };
            Ok(VpcAttribute {
                vpc_id: vpc.clone(),
                enable_dns_support: value(answer.enable_dns_support),
                enable_dns_hostnames: value(answer.enable_dns_hostnames),
            })
        };
        self.asking.ask(Call::DescribeVpcAttribute, asked).await
    }

    async fn databases(&self) -> (Option<Vec<DbInstance>>, Option<Vec<DbCluster>>) {
        let instances = self.rds.describe_db_instances().max_records(PAGE_OF_DATABASES).into_paginator();
        let clusters = self.rds.describe_db_clusters().max_records(PAGE_OF_DATABASES).into_paginator();
        join!(
            self.asking.ask(Call::DescribeDBInstances, pages!(instances, db_instances)),
            self.asking.ask(Call::DescribeDBClusters, pages!(clusters, db_clusters)),
        )
    }

    async fn load_balancers(&self, scope: &Scope) -> AwsDocuments {
        let elb = &self.elb;
        let request = elb.describe_load_balancers().page_size(PAGE_OF_LOAD_BALANCERS).into_paginator();
        let asked = pages!(request, load_balancers);
        let listed: Option<Vec<LoadBalancer>> = self.asking.ask(Call::DescribeLoadBalancers, asked).await;
        let Some(mut load_balancers) = listed else { return AwsDocuments::default() };
        load_balancers.retain(|balancer| scope.may_hold(balancer.vpc_id.as_ref()));
        let arns: BTreeSet<&LoadBalancerArn> =
            load_balancers.iter().map(|balancer| &balancer.load_balancer_arn).collect();
        let of_each =
            every(load_balancers.iter().map(|balancer| self.listeners(&balancer.load_balancer_arn)));
        let (listeners, target_groups) = join!(of_each, self.target_groups(&arns));
        let listeners = listeners.map(|lists| lists.into_iter().flatten().collect());
        let groups = target_groups.as_deref().unwrap_or_default();
        // What is known of one group is true whatever is not known of another.
        let health = join_all(groups.iter().map(|group| self.target_health(group))).await;
        let target_group_health =
            target_groups.is_some().then(|| health.into_iter().flatten().collect::<Vec<_>>());
        AwsDocuments {
            load_balancers: Some(load_balancers),
            listeners,
            target_groups,
            target_group_health,
            ..AwsDocuments::default()
        }
    }

    async fn listeners(&self, of: &LoadBalancerArn) -> Option<Vec<Listener>> {
        let request = self.elb.describe_listeners().load_balancer_arn(of.as_str());
        let request = request.page_size(PAGE_OF_LOAD_BALANCERS).into_paginator();
        self.asking.ask(Call::DescribeListeners, pages!(request, listeners)).await
    }

    async fn target_groups(&self, of: &BTreeSet<&LoadBalancerArn>) -> Option<Vec<TargetGroup>> {
        if of.is_empty() {
            return Some(Vec::new());
        }
        let request = self.elb.describe_target_groups().page_size(PAGE_OF_LOAD_BALANCERS).into_paginator();
        let asked = pages!(request, target_groups);
        let mut groups: Vec<TargetGroup> = self.asking.ask(Call::DescribeTargetGroups, asked).await?;
        groups.retain(|group| group.load_balancer_arns.iter().any(|arn| of.contains(arn)));
        Some(groups)
    }

    async fn target_health(&self, of: &TargetGroup) -> Option<TargetGroupHealth> {
        let arn = &of.target_group_arn;
        // This one has no pages.
        let asked = async {
            let answer = self.elb.describe_target_health().target_group_arn(arn.as_str()).send().await;
            Ok(all(answer.map_err(Failure::from)?.target_health_descriptions)?)
        };
        let target_health_descriptions = self.asking.ask(Call::DescribeTargetHealth, asked).await?;
        Some(TargetGroupHealth { target_group_arn: Some(arn.clone()), target_health_descriptions })
    }
}

/// All of them, or none where one is missing: half a list would tell what is not true.
async fn every<T>(asked: impl Iterator<Item = impl Future<Output = Option<T>>>) -> Option<Vec<T>> {
    join_all(asked).await.into_iter().collect()
}

/// The databases that lie in a scope. A cluster names no VPC: it is where its members, its subnets or its groups are.
pub(super) fn databases_within(scope: &Scope, documents: &mut AwsDocuments) {
    if scope.is_everything() {
        return;
    }
    let groups: Option<BTreeSet<&SecurityGroupId>> =
        documents.security_groups.as_ref().map(|groups| groups.iter().map(|group| &group.group_id).collect());
    let Some(instances) = &mut documents.db_instances else {
        // Without its instances a cluster is known by its groups alone.
        if let (Some(clusters), Some(groups)) = (&mut documents.db_clusters, groups) {
            clusters.retain(|cluster| is_of(cluster, &groups));
        }
        return;
    };
    let vpc =
        |instance: &DbInstance| instance.db_subnet_group.as_ref().and_then(|group| group.vpc_id.clone());
    instances.retain(|instance| scope.may_hold(vpc(instance).as_ref()));
    let members: BTreeSet<&DbClusterId> =
        instances.iter().filter_map(|instance| instance.db_cluster_identifier.as_ref()).collect();
    let groups = groups.unwrap_or_default();
    if let Some(clusters) = &mut documents.db_clusters {
        clusters
            .retain(|cluster| members.contains(&cluster.db_cluster_identifier) || is_of(cluster, &groups));
    }
}

fn is_of(cluster: &DbCluster, groups: &BTreeSet<&SecurityGroupId>) -> bool {
    let own = cluster.vpc_security_groups.iter().filter_map(|group| group.vpc_security_group_id.as_ref());
    own.into_iter().any(|group| groups.contains(group))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn databases_of_other_vpcs_are_left_out() {
        let instance = |id: &str, vpc: &str, cluster: &str| json!({ "DBInstanceIdentifier": id, "DBClusterIdentifier": cluster, "DBSubnetGroup": { "VpcId": vpc } });
        let cluster = |id: &str, group: &str| json!({ "DBClusterIdentifier": id, "VpcSecurityGroups": [{ "VpcSecurityGroupId": group }] });
        let all: AwsDocuments = serde_json::from_value(json!({
            "SecurityGroups": [{ "GroupId": "sg-here", "VpcId": "vpc-here" }],
            "DBInstances": [instance("a", "vpc-here", "ca"), instance("b", "vpc-elsewhere", "cb")],
            "DBClusters": [cluster("ca", "sg-unknown"), cluster("cb", "sg-elsewhere"), cluster("cc", "sg-here")],
        }))
        .unwrap();
        let left = |vpcs: &[&str], documents: &AwsDocuments| {
            let scope = Scope::of(&vpcs.iter().map(|vpc| VpcId::from(*vpc)).collect(), &[]);
            let mut documents = documents.clone();
            databases_within(&scope, &mut documents);
            let instances = documents.db_instances.iter().flatten();
            let clusters = documents.db_clusters.iter().flatten();
            let instances = instances.map(|instance| instance.db_instance_identifier.to_string());
            instances
                .chain(clusters.map(|cluster| cluster.db_cluster_identifier.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(left(&["vpc-here"], &all), ["a", "ca", "cc"]);
        assert_eq!(left(&[], &all), ["a", "b", "ca", "cb", "cc"]);
        // Where the instances may not be read, the groups tell; where they may not either, nothing is left out.
        let without = |kinds: &[&str]| {
            let mut value = serde_json::to_value(&all).unwrap();
            kinds.iter().for_each(|kind| _ = value.as_object_mut().unwrap().remove(*kind));
            serde_json::from_value(value).unwrap()
        };
        assert_eq!(left(&["vpc-here"], &without(&["DBInstances"])), ["cc"]);
        assert_eq!(left(&["vpc-here"], &without(&["DBInstances", "SecurityGroups"])), ["ca", "cb", "cc"]);
    }
}
