//! `aws elbv2 describe-load-balancers`, `describe-listeners`, `describe-target-groups` and `describe-target-health`
//! (botocore's model of Elastic Load Balancing v2, API version 2015-12-01): which name a load balancer has, on which
//! ports it listens and whether anything healthy is behind it.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::id::{LoadBalancerArn, SecurityGroupId, SubnetId, TargetGroupArn, VpcId};
use crate::tolerant::{null_as_default, open_enum};

open_enum! {
    /// The kinds of load balancers.
    pub enum LoadBalancerType {
        /// HTTP and HTTPS.
        Application = "application",
        /// TCP, UDP and TLS.
        Network = "network",
        /// Appliances.
        Gateway = "gateway",
    }
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancer {
    /// Its ARN, which ends in `loadbalancer/app/NAME/ID` or `loadbalancer/net/NAME/ID`; the descriptions of its
    /// interfaces repeat the end of it.
    pub load_balancer_arn: LoadBalancerArn,
    /// Its name in its account and Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_name: Option<String>,
    /// Its DNS name.
    #[serde(rename = "DNSName", default, skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// `internet-facing` or `internal`: to what its name leads, whoever asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The VPC it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// Whether it is in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<LoadBalancerState>,
    /// What it balances.
    #[serde(rename = "Type", default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_type: Option<LoadBalancerType>,
    /// Where its interfaces are.
    #[serde(default, deserialize_with = "null_as_default")]
    pub availability_zones: Vec<LoadBalancerZone>,
    /// The security groups of its interfaces; a network load balancer may have none.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<SecurityGroupId>,
}

/// Whether a load balancer is in service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancerState {
    /// `active`, `provisioning`, `active_impaired`, `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// AWS's words on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A zone that a load balancer is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancerZone {
    /// The zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_name: Option<String>,
    /// The subnet of its interface there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<SubnetId>,
    /// The fixed addresses of a network load balancer there.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_addresses: Vec<LoadBalancerAddress>,
}

/// The fixed addresses of a network load balancer in a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancerAddress {
    /// An elastic address, which is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<IpAddr>,
    /// An address of the subnet.
    #[serde(rename = "PrivateIPv4Address", default, skip_serializing_if = "Option::is_none")]
    pub private_ipv4_address: Option<Ipv4Addr>,
    /// An IPv6 address of the subnet.
    #[serde(rename = "IPv6Address", default, skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<Ipv6Addr>,
}

/// What a load balancer listens on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listener {
    /// Its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_arn: Option<String>,
    /// The load balancer that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_arn: Option<LoadBalancerArn>,
    /// The port; absent at gateway load balancers, which take every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// What is done where no rule of the listener says otherwise.
    #[serde(default, deserialize_with = "null_as_default")]
    pub default_actions: Vec<ListenerAction>,
}

/// What a listener does with what comes in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListenerAction {
    /// `forward`, `redirect`, `fixed-response` and others.
    #[serde(rename = "Type", default, skip_serializing_if = "Option::is_none")]
    pub action_type: Option<String>,
    /// The target group, where there is one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group_arn: Option<TargetGroupArn>,
    /// All target groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_config: Option<ForwardConfig>,
}

/// The target groups that a listener forwards to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ForwardConfig {
    /// Each with its weight.
    #[serde(default, deserialize_with = "null_as_default")]
    pub target_groups: Vec<WeightedTargetGroup>,
}

/// A target group and its share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WeightedTargetGroup {
    /// The target group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group_arn: Option<TargetGroupArn>,
    /// Its share, 0 to 999; none gets nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// Targets that a listener may forward to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetGroup {
    /// Its ARN.
    pub target_group_arn: TargetGroupArn,
    /// Its name in its account and Region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group_name: Option<String>,
    /// `HTTP`, `TCP` and others; absent where the targets are functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The port of targets that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The VPC that the targets are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<VpcId>,
    /// `instance`, `ip`, `lambda`, `alb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<String>,
    /// The load balancers that lead to it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub load_balancer_arns: Vec<LoadBalancerArn>,
}

/// The health of a target group's targets. The answer of `describe-target-health` does not name the group that was
/// asked for: in a snapshot `TargetGroupArn` stands beside `TargetHealthDescriptions`, as one element of a list
/// `TargetGroupHealth` or as a document by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetGroupHealth {
    /// The target group that was asked for; absent in an answer as it came, which then tells of no group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group_arn: Option<TargetGroupArn>,
    /// Each target.
    #[serde(default, deserialize_with = "null_as_default")]
    pub target_health_descriptions: Vec<TargetHealthDescription>,
}

/// A target and its health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetHealthDescription {
    /// The target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetDescription>,
    /// Its health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_health: Option<TargetHealth>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetDescription {
    /// An instance's id, an address, or the ARN of a function or of a load balancer, by the group's type.
    #[serde(default, deserialize_with = "null_as_default")]
    pub id: String,
    /// The port it takes traffic on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Its zone; `all` takes from every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_zone: Option<String>,
}

open_enum! {
    /// The states of a target's health.
    pub enum TargetHealthState {
        /// Being registered, or first checked.
        Initial = "initial",
        /// Takes traffic.
        Healthy = "healthy",
        /// Does not answer as the check demands.
        Unhealthy = "unhealthy",
        /// Neither does it, and is not to be counted as unhealthy yet.
        UnhealthyDraining = "unhealthy.draining",
        /// In no target group that a listener uses, or in a zone that is not enabled, or stopped.
        Unused = "unused",
        /// Being deregistered.
        Draining = "draining",
        /// Not checked, as the group has no checks.
        Unavailable = "unavailable",
    }
}

/// The health of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TargetHealth {
    /// The state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TargetHealthState>,
    /// Why it is not healthy: `Target.Timeout`, `Target.FailedHealthChecks`, `Elb.InternalError` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// AWS's words on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
