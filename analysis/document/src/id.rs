//! Identifiers as types of their own, so that a subnet's id is never looked up among VPCs.
//!
//! No pattern is demanded of them: AWS has had 8 and 17 hexadecimal digits, Heroku's own examples use
//! others, and an id that nothing refers to does no harm.

use alloc::string::String;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident,)+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(Arc<str>);

            impl $name {
                /// The id as its service writes it.
                #[must_use]
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl From<&str> for $name {
                fn from(text: &str) -> Self {
                    Self(Arc::from(text))
                }
            }

            impl From<String> for $name {
                fn from(text: String) -> Self {
                    Self(Arc::from(text))
                }
            }

            impl Borrow<str> for $name {
                fn borrow(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str(&self.0)
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Debug::fmt(&*self.0, formatter)
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.serialize_str(&self.0)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Ok(Self(Arc::from(String::deserialize(deserializer)?)))
                }
            }
        )+
    };
}

id! {
    /// `vpc-…`
    VpcId,
    /// `subnet-…`
    SubnetId,
    /// `rtb-…`
    RouteTableId,
    /// `sg-…`
    SecurityGroupId,
    /// `acl-…`
    NetworkAclId,
    /// `pcx-…`
    VpcPeeringConnectionId,
    /// `eni-…`
    NetworkInterfaceId,
    /// `i-…`
    InstanceId,
    /// `pl-…`
    PrefixListId,
    /// What a route may lead to beside the above: `igw-…`, `eigw-…`, `nat-…`, `tgw-…`, `vgw-…`, `vpce-…`,
    /// `lgw-…`, `cagw-…`, or a core network's ARN.
    GatewayId,
    /// The identifier of an RDS instance, which its owner chose.
    DbInstanceId,
    /// The identifier of an RDS cluster, which its owner chose.
    DbClusterId,
    /// `arn:…:loadbalancer/app/NAME/ID` or `…/net/NAME/ID`
    LoadBalancerArn,
    /// `arn:…:targetgroup/NAME/ID`
    TargetGroupArn,
    /// Twelve digits; leading zeros count, so it is text.
    AccountId,
    /// `us-east-1` and so on.
    Region,
}
