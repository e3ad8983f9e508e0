//! The table of rules: the enum, `peerscope rules`, the results of `peerscope check` and their documentation all
//! come from here.
//!
//! Source: Heroku Dev Center, "Private Space Peering" (last updated 2024-12-03), called the article; what it does not
//! state is derived from how AWS carries packets (VPC User Guide, VPC Peering Guide).

use core::fmt;

use serde::{Serialize, Serializer};

use crate::report::Severity;

/// What is known of a rule whatever the snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Which one it is.
    pub id: RuleId,
    /// Its name in JSON and on the command line.
    pub name: &'static str,
    /// How bad its violation is.
    pub severity: Severity,
    /// Where it comes from.
    pub origin: Origin,
    /// What is so where it holds.
    pub statement: &'static str,
    /// What has to be read to tell.
    pub inputs: &'static [Input],
    /// What mends its violation.
    pub fix: &'static str,
}

/// Where a rule comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Heroku's article states it.
    Stated,
    /// It follows from how AWS and Heroku work.
    Derived,
}

/// What a rule has to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The space itself.
    Space,
    /// What one has to know to peer with it.
    PeeringInfo,
    /// Its peerings.
    Peerings,
    /// Which dynos run where.
    SpaceTopology,
    /// The addresses that it calls the internet from.
    Nat,
    /// Its VPN connections.
    VpnConnections,
    /// The account's VPCs.
    Vpcs,
    /// Their route tables.
    RouteTables,
    /// Their security groups, and the interfaces that have them.
    SecurityGroups,
    /// Their network ACLs.
    NetworkAcls,
    /// The account's peerings.
    AwsPeerings,
    /// What a name stands for.
    Dns,
    /// A call to AWS that changes something, tried.
    Aws,
}

impl Input {
    /// What gives it: a command whose output is a document, or words.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::Space => "heroku spaces:info SPACE --json",
            Self::PeeringInfo => "heroku spaces:peering:info SPACE --json",
            Self::Peerings => "heroku spaces:peerings SPACE --json",
            Self::SpaceTopology => "heroku spaces:topology SPACE --json",
            Self::Nat => "GET /spaces/SPACE/nat",
            Self::VpnConnections => "heroku spaces:vpn:connections --space SPACE --json",
            Self::Vpcs => "aws ec2 describe-vpcs",
            Self::RouteTables => "aws ec2 describe-route-tables and describe-subnets",
            Self::SecurityGroups => "aws ec2 describe-security-groups and describe-network-interfaces",
            Self::NetworkAcls => "aws ec2 describe-network-acls",
            Self::AwsPeerings => "aws ec2 describe-vpc-peering-connections",
            Self::Dns => "the targets",
            Self::Aws => "a dry run of a call that changes something",
        }
    }
}

macro_rules! rules {
    ($($id:ident = $name:literal, $severity:ident, $origin:ident, inputs: [$($input:ident)*],
        $statement:literal, fix: $fix:literal;)+) => {
        /// A rule. The names are fixed; new ones may come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum RuleId {
            $(#[doc = $statement] $id,)+
        }

        /// Every rule, in the order in which they are checked.
        pub const RULES: &[Rule] = &[$(Rule {
            id: RuleId::$id,
            name: $name,
            severity: Severity::$severity,
            origin: Origin::$origin,
            statement: $statement,
            inputs: &[$(Input::$input,)*],
            fix: $fix,
        },)+];

        impl RuleId {
            /// What is known of it whatever the snapshot.
            #[must_use]
            pub fn rule(self) -> &'static Rule {
                // The table and the enum are made of the same list, in the same order.
                &RULES[self as usize]
            }
        }
    };
}

rules! {
    SpaceGenerationIsCedar = "HPS-GEN-01", Error, Stated, inputs: [Space],
        "The space is of the Cedar generation.",
        fix: "A space of the Fir generation cannot be peered. A new one of the Cedar generation can: heroku spaces:create --generation cedar.";
    SpaceIsAllocated = "HPS-SPC-02", Error, Derived, inputs: [Space],
        "The space is allocated.",
        fix: "Wait until it is: heroku spaces:wait SPACE.";
    VpcHasPrimaryCidr = "HPS-CIDR-01", Error, Stated, inputs: [Vpcs],
        "The VPC has a primary IPv4 CIDR.",
        fix: "Peer another VPC.";
    PrimaryCidrIsPrivate = "HPS-CIDR-02", Error, Stated, inputs: [Vpcs],
        "The VPC's primary CIDR lies wholly inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.",
        fix: "Peer another VPC: a primary CIDR cannot be changed. 100.64.0.0/10 is legal as a secondary CIDR only.";
    VpcDoesNotOverlapSpace = "HPS-CIDR-03", Error, Stated, inputs: [Vpcs PeeringInfo],
        "No CIDR of the VPC overlaps the space's.",
        fix: "Another VPC, or a new space with another network: heroku spaces:create --cidr 10.N.0.0/16.";
    VpcDoesNotOverlapUnavailable = "HPS-CIDR-04", Error, Stated, inputs: [Vpcs PeeringInfo Space],
        "No CIDR of the VPC overlaps the space's data CIDR or a block that Heroku lists as unavailable.",
        fix: "Another VPC, or a new space with another data network: heroku spaces:create --data-cidr 10.N.0.0/16.";
    VpcDoesNotOverlapDocker = "HPS-CIDR-05", Error, Stated, inputs: [Vpcs],
        "No CIDR of the VPC overlaps 172.17.0.0/16, which every space uses inside, also where the API does not list it.",
        fix: "Another VPC.";
    VpcDoesNotOverlapDefaults = "HPS-CIDR-06", Warning, Stated, inputs: [Vpcs PeeringInfo],
        "Where Heroku's own list is not at hand: no CIDR of the VPC overlaps a space's default networks (10.0.0.0/16, 10.1.0.0/16, 172.17.0.0/16).",
        fix: "Read the space's real networks: heroku spaces:peering:info SPACE.";
    VpcDoesNotOverlapOtherPeers = "HPS-CIDR-07", Error, Derived, inputs: [Vpcs Peerings VpnConnections],
        "No CIDR of the VPC overlaps that of another peering of the space, or a network that the space reaches over a VPN.",
        fix: "Another VPC, or end the other peering or VPN connection.";
    SpaceCidrIsForGood = "HPS-CIDR-08", Error, Derived, inputs: [Vpcs PeeringInfo Space],
        "The space's network and data network do not stand in the way: neither can be changed after the space was created.",
        fix: "A new space with other networks, to which the apps move.";
    CallerMayCreatePeering = "HPS-IAM-01", Info, Stated, inputs: [Aws],
        "The AWS identity may call ec2:CreateVpcPeeringConnection.",
        fix: "Allow ec2:CreateVpcPeeringConnection to whoever makes the peering. peerscope itself only reads.";
    RegionIsNamed = "HPS-RGN-01", Warning, Stated, inputs: [Vpcs PeeringInfo],
        "VPC and space lie in one Region, or the request for the peering names the space's.",
        fix: "Name the Region in the request (--peer-region); between Regions AWS's limits apply.";
    RequestIsForSpace = "HPS-PCX-01", Error, Stated, inputs: [AwsPeerings PeeringInfo],
        "The peering was asked of the space's own VPC, in its account and Region.",
        fix: "Delete it and ask anew, with the ids of heroku spaces:peering:info SPACE.";
    PeeringExists = "HPS-PCX-02", Error, Stated, inputs: [Peerings AwsPeerings],
        "The VPC has a peering with the space.",
        fix: "Ask for one: aws ec2 create-vpc-peering-connection, with the ids of heroku spaces:peering:info SPACE.";
    PeeringIsAccepted = "HPS-PCX-03", Error, Stated, inputs: [Peerings AwsPeerings],
        "The peering does not wait for acceptance; a request expires after seven days.",
        fix: "Accept it: heroku spaces:peerings:accept PCX --space SPACE.";
    PeeringIsProvisioned = "HPS-PCX-04", Warning, Derived, inputs: [Peerings AwsPeerings],
        "The peering is not on its way still: a request shows after 1 to 3 minutes, and an accepted one is active after up to 20.",
        fix: "Wait, and look again: heroku spaces:peerings SPACE.";
    PeeringIsAlive = "HPS-PCX-05", Error, Derived, inputs: [Peerings AwsPeerings],
        "The peering is not expired, failed, rejected or deleted.",
        fix: "Ask for a new one. Where it failed, look at the rules about CIDRs first.";
    PeeringIsCustomers = "HPS-PCX-06", Warning, Stated, inputs: [Peerings],
        "Heroku lists the active peering as customer-managed; `unknown` is seen there too.",
        fix: "Ask Heroku's support what it is.";
    StatusesAgree = "HPS-PCX-07", Warning, Derived, inputs: [Peerings AwsPeerings],
        "Heroku and AWS say the same of the peering's status.",
        fix: "Look again after some minutes; AWS's word counts.";
    HerokusPeeringsAreLeftAlone = "HPS-PCX-08", Info, Stated, inputs: [Peerings],
        "Peerings of Heroku's own, for its data services, are left alone.",
        fix: "Nothing is to be done: they are not the customer's.";
    PeeringQuotaHasRoom = "HPS-PCX-09", Warning, Stated, inputs: [Peerings],
        "The space has fewer than five peerings of customers, pending ones included.",
        fix: "Destroy one that is not used, or ask Heroku's support for more.";
    PeeringHasVpcsCidr = "HPS-PCX-10", Error, Derived, inputs: [Peerings Vpcs],
        "Heroku's entry of the peering has the VPC's primary CIDR.",
        fix: "Delete the peering and ask anew: it is with another network than it seems.";
    RouteToDynosExists = "HPS-RT-01", Error, Stated, inputs: [RouteTables PeeringInfo],
        "Every route table that serves a target's subnet has a route over the peering for all blocks that hold dynos.",
        fix: "A route for the space's whole network, or for each of its blocks: aws ec2 create-route.";
    EverySpaceBlockIsRouted = "HPS-RT-02", Warning, Stated, inputs: [RouteTables PeeringInfo],
        "Where a table has a route for each block of the space instead of one for its network, it has one for every block, each with just that destination.",
        fix: "Add the missing ones, or one route for the space's whole network.";
    CidrsAreCanonical = "HPS-RT-03", Warning, Derived, inputs: [RouteTables SecurityGroups NetworkAcls PeeringInfo],
        "No CIDR has host bits set: AWS takes 10.0.1.0/20 for 10.0.0.0/20.",
        fix: "Write the canonical block.";
    RoutesAreAlive = "HPS-RT-04", Error, Derived, inputs: [RouteTables AwsPeerings],
        "No route for the space's addresses is a blackhole, or leads over a peering that is not the one with the space.",
        fix: "Point it at the active peering: aws ec2 replace-route.";
    RouteIsNotShadowed = "HPS-RT-05", Error, Derived, inputs: [RouteTables PeeringInfo],
        "No longer or preferred route for addresses of the space takes them elsewhere than over the peering.",
        fix: "Point that route at the peering, or delete it.";
    TablesAreNamed = "HPS-RT-06", Info, Derived, inputs: [RouteTables],
        "It is said which route tables were looked at: a VPC has many.",
        fix: "Nothing is to be done.";
    GroupsAdmitDynos = "HPS-SG-01", Error, Stated, inputs: [SecurityGroups PeeringInfo],
        "The target's security groups together let its protocol and port in from every block that holds dynos.",
        fix: "aws ec2 authorize-security-group-ingress, for the missing blocks.";
    GroupsAdmitEveryDyno = "HPS-SG-02", Warning, Derived, inputs: [SecurityGroups PeeringInfo],
        "The target's security groups do not let in some blocks of dynos and others not: a dyno's block changes as it restarts.",
        fix: "aws ec2 authorize-security-group-ingress, for the missing blocks.";
    GroupsLetCallsOut = "HPS-SG-03", Error, Derived, inputs: [SecurityGroups PeeringInfo],
        "From the VPC to a dyno: the caller's security groups let its calls out.",
        fix: "aws ec2 authorize-security-group-egress.";
    GroupsDoNotNameNat = "HPS-SG-04", Warning, Derived, inputs: [SecurityGroups Nat],
        "No rule of the target's groups names the space's NAT addresses: over the peering dynos come from private ones.",
        fix: "Name the blocks of the dynos instead.";
    AclAdmitsDynos = "HPS-ACL-01", Error, Stated, inputs: [NetworkAcls PeeringInfo],
        "The network ACL of the target's subnet lets its protocol and port in from every block that holds dynos.",
        fix: "An entry that allows, before the one that denies: aws ec2 create-network-acl-entry --ingress.";
    AclLetsRepliesOut = "HPS-ACL-02", Error, Derived, inputs: [NetworkAcls PeeringInfo],
        "The network ACL, which is stateless, lets replies out to the client's ports: Linux's 32768-60999 (all of 1024-65535 is advised).",
        fix: "An entry that allows, before the one that denies: aws ec2 create-network-acl-entry --egress.";
    TargetIsInPrimaryCidr = "HPS-NET-01", Error, Stated, inputs: [Vpcs Dns],
        "The target's address is in its VPC's primary CIDR: no other is reachable from a space.",
        fix: "Move the target, or a proxy for it, into a subnet of the primary CIDR.";
    TargetIsInPeeredVpc = "HPS-NET-02", Error, Stated, inputs: [Vpcs Dns RouteTables],
        "The target is in the peered VPC itself: a peering carries nothing through a VPC.",
        fix: "A proxy or an internal network load balancer in the peered VPC, or a peering with the target's own.";
    TargetIsNoDataService = "HPS-NET-03", Error, Stated, inputs: [Space Peerings Dns],
        "No target called from the VPC is one of Heroku's data services: no peering reaches them.",
        fix: "PrivateLink (heroku data:privatelink:create), or mutual TLS (heroku data:mtls:create).";
    AppIsRoutedInternally = "HPS-NET-04", Warning, Stated, inputs: [Dns],
        "An app that the VPC calls by its domain is an internal one: any other is called over the internet.",
        fix: "A new app with internal routing: heroku apps:create --internal-routing --space SPACE.";
    DynoAddressIsKnown = "HPS-NET-05", Warning, Stated, inputs: [SpaceTopology],
        "No target is a dyno's address: it changes at every restart, and no public name follows it.",
        fix: "Internal routing, or read the address anew each time: GET /spaces/SPACE/topology.";
    TargetIsNotPublic = "HPS-NET-06", Warning, Derived, inputs: [Dns Nat],
        "No target of a dyno is a public address: it is called over the space's NAT and not over the peering.",
        fix: "Use the private address, or a name that has it inside the VPC.";
    InternalRoutingIsRouted = "HPS-NET-07", Error, Derived, inputs: [RouteTables PeeringInfo],
        "Where an app with internal routing is called, the VPC's tables have routes to all blocks of the space: its router may be in any.",
        fix: "One route for the space's whole network.";
    DestroyingIsPrinted = "HPS-DST-01", Info, Stated, inputs: [Peerings RouteTables],
        "How the peering would be ended is said and never done.",
        fix: "Nothing is to be done.";
    SamplesAreTolerated = "HPS-DOC-01", Info, Derived, inputs: [Peerings],
        "What Heroku's article shows inconsistently is read all the same: types `unknown` on active peerings, ids of nine digits, an expiry on active ones.",
        fix: "Nothing is to be done.";
}

impl RuleId {
    /// Its name: `HPS-RT-01`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.rule().name
    }

    /// The rule of a name, in whatever case it is written.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        RULES.iter().find(|rule| rule.name.eq_ignore_ascii_case(name)).map(|rule| rule.id)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for RuleId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, RuleId};

    #[test]
    fn every_rule_finds_its_own_entry_and_every_name_its_rule() {
        for rule in RULES {
            assert_eq!(rule.id.rule().name, rule.name);
            assert_eq!(RuleId::from_name(rule.name), Some(rule.id));
            assert!(!rule.inputs.is_empty(), "{rule:?}");
        }
    }
}
