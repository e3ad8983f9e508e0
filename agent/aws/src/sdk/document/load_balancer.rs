//! Load balancers, and what is behind them.

use aws_sdk_elasticloadbalancingv2::types;
use peerscope_document::aws::{
    ForwardConfig, Listener, ListenerAction, LoadBalancer, LoadBalancerAddress, LoadBalancerState,
    LoadBalancerZone, TargetDescription, TargetGroup, TargetHealth, TargetHealthDescription,
    WeightedTargetGroup,
};
use peerscope_document::id::SecurityGroupId;

use super::{FromSdk, Unreadable, all, one, parsed, port, required, text, word};

impl FromSdk<types::LoadBalancer> for LoadBalancer {
    fn from_sdk(from: types::LoadBalancer) -> Result<Self, Unreadable> {
        let groups = from.security_groups.unwrap_or_default();
        Ok(Self {
            load_balancer_arn: required(from.load_balancer_arn, "LoadBalancerArn")?,
            load_balancer_name: text(from.load_balancer_name),
            dns_name: text(from.dns_name),
            scheme: as_text(from.scheme),
            vpc_id: text(from.vpc_id),
            state: one(from.state)?,
            load_balancer_type: word(from.r#type),
            availability_zones: all(from.availability_zones)?,
            security_groups: groups.into_iter().map(SecurityGroupId::from).collect(),
        })
    }
}

impl FromSdk<types::LoadBalancerState> for LoadBalancerState {
    fn from_sdk(from: types::LoadBalancerState) -> Result<Self, Unreadable> {
        Ok(Self { code: as_text(from.code), reason: text(from.reason) })
    }
}

impl FromSdk<types::AvailabilityZone> for LoadBalancerZone {
    fn from_sdk(from: types::AvailabilityZone) -> Result<Self, Unreadable> {
        Ok(Self {
            zone_name: text(from.zone_name),
            subnet_id: text(from.subnet_id),
            load_balancer_addresses: all(from.load_balancer_addresses)?,
        })
    }
}

impl FromSdk<types::LoadBalancerAddress> for LoadBalancerAddress {
    fn from_sdk(from: types::LoadBalancerAddress) -> Result<Self, Unreadable> {
        Ok(Self {
            ip_address: parsed(from.ip_address, "IpAddress")?,
            private_ipv4_address: parsed(from.private_ipv4_address, "PrivateIPv4Address")?,
            ipv6_address: parsed(from.ipv6_address, "IPv6Address")?,
        })
    }
}

impl FromSdk<types::Listener> for Listener {
    fn from_sdk(from: types::Listener) -> Result<Self, Unreadable> {
        Ok(Self {
            listener_arn: text(from.listener_arn),
            load_balancer_arn: text(from.load_balancer_arn),
            port: port(from.port, "Port")?,
            protocol: as_text(from.protocol),
            default_actions: all(from.default_actions)?,
        })
    }
}

impl FromSdk<types::Action> for ListenerAction {
    fn from_sdk(from: types::Action) -> Result<Self, Unreadable> {
        Ok(Self {
            action_type: as_text(from.r#type),
            target_group_arn: text(from.target_group_arn),
            forward_config: one(from.forward_config)?,
        })
    }
}

impl FromSdk<types::ForwardActionConfig> for ForwardConfig {
    fn from_sdk(from: types::ForwardActionConfig) -> Result<Self, Unreadable> {
        Ok(Self { target_groups: all(from.target_groups)? })
    }
}

impl FromSdk<types::TargetGroupTuple> for WeightedTargetGroup {
    fn from_sdk(from: types::TargetGroupTuple) -> Result<Self, Unreadable> {
        let weight = from.weight.map(|weight| {
            u32::try_from(weight).map_err(|_| Unreadable(format!("Weight: {weight} is not one")))
        });
        Ok(Self { target_group_arn: text(from.target_group_arn), weight: weight.transpose()? })
    }
}

impl FromSdk<types::TargetGroup> for TargetGroup {
    fn from_sdk(from: types::TargetGroup) -> Result<Self, Unreadable> {
        let balancers = from.load_balancer_arns.unwrap_or_default();
        Ok(Self {
            target_group_arn: required(from.target_group_arn, "TargetGroupArn")?,
            target_group_name: text(from.target_group_name),
            protocol: as_text(from.protocol),
            port: port(from.port, "Port")?,
            vpc_id: text(from.vpc_id),
            target_type: as_text(from.target_type),
            load_balancer_arns: balancers.into_iter().map(Into::into).collect(),
        })
    }
}

impl FromSdk<types::TargetHealthDescription> for TargetHealthDescription {
    fn from_sdk(from: types::TargetHealthDescription) -> Result<Self, Unreadable> {
        Ok(Self { target: one(from.target)?, target_health: one(from.target_health)? })
    }
}

impl FromSdk<types::TargetDescription> for TargetDescription {
    fn from_sdk(from: types::TargetDescription) -> Result<Self, Unreadable> {
        Ok(Self {
            id: from.id.unwrap_or_default(),
            port: port(from.port, "Port")?,
            availability_zone: text(from.availability_zone),
        })
    }
}

impl FromSdk<types::TargetHealth> for TargetHealth {
    fn from_sdk(from: types::TargetHealth) -> Result<Self, Unreadable> {
        Ok(Self {
            state: word(from.state),
            reason: as_text(from.reason),
            description: text(from.description),
        })
    }
}

/// A word of an enum of the SDK's that a document keeps as it came.
fn as_text(from: Option<impl AsRef<str>>) -> Option<String> {
    from.map(|word| word.as_ref().to_string()).filter(|word| !word.is_empty())
}
