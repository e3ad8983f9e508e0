//! Every call that is made of AWS, each once: the policy, the gaps and the manifest take their words from here.

use std::fmt;

/// A service of AWS, by its prefix in IAM's actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon EC2, which VPCs are a part of.
    Ec2,
    /// Elastic Load Balancing, version 2: application, network and gateway load balancers.
    ElasticLoadBalancing,
    /// Amazon RDS, Aurora among it.
    Rds,
}

impl Service {
    /// The prefix of its actions.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::ElasticLoadBalancing => "elasticloadbalancing",
            Self::Rds => "rds",
        }
    }
}

macro_rules! calls {
    ($($call:ident: $service:ident, $what:literal, $would_tell:literal;)+) => {
        /// A call, named as AWS names the operation and IAM the action. All of them read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is the operation of AWS's API that it is named after")]
        pub enum Call { $($call,)+ }

        impl Call {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$call,)+];

            /// The operation's name.
            #[must_use]
            pub fn operation(self) -> &'static str {
                match self { $(Self::$call => stringify!($call),)+ }
            }

            /// Whose it is.
            #[must_use]
            pub fn service(self) -> Service {
                match self { $(Self::$call => Service::$service,)+ }
            }

            /// What it reads, in the plural.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$call => $what,)+ }
            }

            /// What is left undecided without it.
            #[must_use]
            pub fn would_tell(self) -> &'static str {
                match self { $(Self::$call => $would_tell,)+ }
            }
        }
    };
}

calls! {
    DescribeVpcs: Ec2, "VPCs", "which blocks each VPC has, and which of them a peering reaches";
    DescribeVpcPeeringConnections: Ec2, "VPC peering connections",
        "which peerings there are, and whether each is active";
    DescribeSubnets: Ec2, "subnets", "which subnet an address lies in, and so which network ACL and route table hold";
    DescribeRouteTables: Ec2, "route tables", "whether there is a way, and one back";
    DescribeSecurityGroups: Ec2, "security groups", "what the groups of the two ends let through";
    DescribeNetworkAcls: Ec2, "network ACLs", "what the subnets let in and out";
    DescribeNetworkInterfaces: Ec2, "network interfaces", "who owns an address, and with which security groups";
    DescribeInstances: Ec2, "instances", "which instance an interface belongs to, and whether it runs";
    DescribeManagedPrefixLists: Ec2, "prefix lists", "what the prefix lists in rules and routes are";
    GetManagedPrefixListEntries: Ec2, "entries of prefix lists",
        "which blocks the prefix lists in rules and routes stand for";
    DescribeVpcAttribute: Ec2, "DNS attributes of VPCs", "whether the DNS of each VPC answers, and gives hosts names";
    DescribeInternetGateways: Ec2, "internet gateways", "which internet gateways routes lead to";
    DescribeEgressOnlyInternetGateways: Ec2, "egress-only internet gateways",
        "which egress-only internet gateways routes lead to";
    DescribeNatGateways: Ec2, "NAT gateways", "which NAT gateways routes lead to, and whether they work";
    DescribeTransitGateways: Ec2, "transit gateways", "which transit gateways routes lead to";
    DescribeTransitGatewayAttachments: Ec2, "attachments of transit gateways",
        "what the transit gateways join the VPCs with";
    DescribeTransitGatewayVpcAttachments: Ec2, "VPC attachments of transit gateways",
        "which VPCs the transit gateways join";
    DescribeVpcEndpoints: Ec2, "VPC endpoints", "which endpoints routes lead to, and who owns some addresses";
    DescribeVpnGateways: Ec2, "virtual private gateways", "which virtual private gateways routes lead to";
    DescribeDBInstances: Rds, "RDS instances", "which database has which name, and whether it is available";
    DescribeDBClusters: Rds, "RDS clusters", "which cluster has which name, and which instance writes";
    DescribeLoadBalancers: ElasticLoadBalancing, "load balancers", "which load balancer has which name";
    DescribeListeners: ElasticLoadBalancing, "listeners of load balancers",
        "on which ports the load balancers listen";
    DescribeTargetGroups: ElasticLoadBalancing, "target groups", "where the load balancers lead to";
    DescribeTargetHealth: ElasticLoadBalancing, "the health of targets",
        "whether there is a healthy target behind a load balancer";
}

impl fmt::Display for Call {
    /// The action as a policy of IAM names it: `ec2:DescribeVpcs`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.service().prefix(), self.operation())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_reads_and_nothing_else() {
        for call in Call::ALL {
            let operation = call.operation();
            assert!(operation.starts_with("Describe") || operation.starts_with("Get"), "{call}");
            assert!(!call.would_tell().ends_with('.'), "{call}");
        }
        assert_eq!(Call::DescribeListeners.to_string(), "elasticloadbalancing:DescribeListeners");
    }
}
