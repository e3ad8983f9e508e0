//! The table of causes: the enum, its JSON, `peerscope explain`, and later alert texts and the
//! documentation all come from here.

use core::fmt;

use serde::{Serialize, Serializer};

use crate::topology::ComponentType;

/// What is known of a code whatever the case.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// The code.
    pub code: CauseCode,
    /// Its name in JSON and on the command line.
    pub name: &'static str,
    /// The code that AWS Reachability Analyzer uses for it, where it has one.
    pub aws_code: Option<&'static str>,
    /// The kind of component that it lies in.
    pub component: ComponentType,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// What shows it.
    pub evidence: &'static str,
    /// What mends it.
    pub fix: &'static str,
}

macro_rules! causes {
    ($($(#[$meta:meta])* $code:ident = $name:literal, aws: $aws:expr, component: $component:ident,
        meaning: $meaning:literal, evidence: $evidence:literal, fix: $fix:literal;)+) => {
        /// A cause. The names are fixed; new ones may come, so readers tolerate what they do not know.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum CauseCode {
            $(#[doc = $meaning] $code,)+
        }

        /// Every cause, in the order in which they are explained.
        pub const CAUSES: &[Cause] = &[$(Cause {
            code: CauseCode::$code,
            name: $name,
            aws_code: $aws,
            component: ComponentType::$component,
            meaning: $meaning,
            evidence: $evidence,
            fix: $fix,
        },)+];

        impl CauseCode {
            /// What is known of it whatever the case.
            #[must_use]
            pub fn cause(self) -> &'static Cause {
                // The table and the enum are made of the same list, in the same order.
                &CAUSES[self as usize]
            }
        }
    };
}

causes! {
    NoRouteToDestination = "NO_ROUTE_TO_DESTINATION", aws: Some("NO_ROUTE_TO_DESTINATION"), component: RouteTable,
        meaning: "The effective route table of the subnet has no route over the peering for these addresses.",
        evidence: "The routes of the table that really serves the subnet: the one associated with it, else its VPC's main one. A shorter route that catches the packets (0.0.0.0/0) does not count as a way there.",
        fix: "Add a route over the peering to that table: for the space's whole network, or for each of its blocks.";
    BadStateRoute = "BAD_STATE_ROUTE", aws: Some("BAD_STATE_ROUTE"), component: RouteTable,
        meaning: "The route for these addresses leads to a dead or wrong peering, while the intended one is active.",
        evidence: "The winning route's target and state (blackhole), beside the state of the intended peering. It is what a peering leaves that was deleted and made anew under another id.",
        fix: "Point the route at the active peering (replace-route).";
    MoreSpecificRoute = "MORE_SPECIFIC_ROUTE", aws: Some("MORE_SPECIFIC_ROUTE"), component: RouteTable,
        meaning: "A route over the peering exists, but a longer prefix in the same table takes these packets elsewhere.",
        evidence: "Both routes of the effective table: the longest prefix wins whatever its target.",
        fix: "Point the longer route at the peering, or delete it.";
    HigherPriorityRoute = "HIGHER_PRIORITY_ROUTE", aws: Some("HIGHER_PRIORITY_ROUTE"), component: RouteTable,
        meaning: "A route over the peering exists, but a route of the same prefix and a higher priority takes these packets elsewhere.",
        evidence: "Both routes of the effective table: at equal length static beats prefix list beats propagated.",
        fix: "Replace the winning route, or add a static one over the peering.";
    EniSgRulesMismatch = "ENI_SG_RULES_MISMATCH", aws: Some("ENI_SG_RULES_MISMATCH"), component: NetworkInterface,
        meaning: "No rule of any security group of the network interface lets these packets through.",
        evidence: "The rules of all its groups together; one that allows would be enough.",
        fix: "Add a rule for the missing blocks and port to one of its groups.";
    SgHasNoRules = "SG_HAS_NO_RULES", aws: Some("SG_HAS_NO_RULES"), component: NetworkInterface,
        meaning: "None of the network interface's security groups has any rule in this direction.",
        evidence: "Every group of the interface is empty in this direction.",
        fix: "Add a rule to one of its groups.";
    UnknownPeeredSgs = "UNKNOWN_PEERED_SGS", aws: Some("UNKNOWN_PEERED_SGS"), component: SecurityGroup,
        meaning: "A rule refers to a security group of a VPC that the snapshot does not hold, so who is meant is not known.",
        evidence: "The reference, and the absence of that VPC's documents.",
        fix: "Add the other VPC's network interfaces (and their security groups) to the snapshot.";
    SubnetAclRestriction = "SUBNET_ACL_RESTRICTION", aws: Some("SUBNET_ACL_RESTRICTION"), component: NetworkAcl,
        meaning: "The network ACL of the subnet drops these packets, or the replies to them.",
        evidence: "The first entry that matches, by ascending number. An ACL is stateless: the replies need an outbound entry for the client's ports (Linux: 32768-60999).",
        fix: "Add an entry that allows, with a free number before the one that denies.";
    UnknownDestination = "UNKNOWN_DESTINATION", aws: Some("UNKNOWN_DESTINATION"), component: Subnet,
        meaning: "No network interface owns the target's address.",
        evidence: "The network interfaces of the VPC, none of which has the address.",
        fix: "Correct the address: the host was replaced, or the name is stale.";
    PeeringMissing = "PEERING_MISSING", aws: Some("DISCONNECTED_VPCS"), component: VpcPeeringConnection,
        meaning: "There is no VPC peering connection between the two networks.",
        evidence: "The listed peerings, none of which joins the two.",
        fix: "Create one, and have it accepted on the other side.";
    PeeringPendingAcceptance = "PEERING_PENDING_ACCEPTANCE", aws: None, component: VpcPeeringConnection,
        meaning: "The peering was asked for and waits to be accepted; it expires after seven days.",
        evidence: "Its status, pending-acceptance. Routes over it show as blackhole, which is a consequence.",
        fix: "Accept it: heroku spaces:peerings:accept, or accept-vpc-peering-connection.";
    PeeringNotActive = "PEERING_NOT_ACTIVE", aws: None, component: VpcPeeringConnection,
        meaning: "The peering is provisioning, failed, expired, rejected or deleted.",
        evidence: "Its status. Routes over it show as blackhole, which is a consequence.",
        fix: "While it is provisioning, wait; otherwise ask for a new one. A failed one has overlapping CIDRs most of the time.";
    CidrOverlap = "CIDR_OVERLAP", aws: None, component: Vpc,
        meaning: "The VPC's addresses overlap those of the space, so the two cannot be peered.",
        evidence: "The CIDRs of both sides: any overlap, of secondary blocks too, makes a request fail. 172.17.0.0/16 and the space's data network are reserved as well.",
        fix: "Use another VPC, or create a space with another --cidr; neither can be changed afterwards.";
    NotRfc1918 = "NOT_RFC1918", aws: None, component: Vpc,
        meaning: "The VPC's primary CIDR is not a private one (RFC 1918), which peering with a space demands.",
        evidence: "The primary CIDR: it must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.",
        fix: "Use a VPC whose primary CIDR is private.";
    GenerationUnsupported = "GENERATION_UNSUPPORTED", aws: None, component: Space,
        meaning: "The space is of the Fir generation, which cannot be peered.",
        evidence: "The space's generation, as Heroku gives it.",
        fix: "Use a space of the Cedar generation (heroku spaces:create --generation cedar).";
    DataServiceUnreachable = "DATA_SERVICE_UNREACHABLE", aws: None, component: Space,
        meaning: "The target is one of Heroku's data services, which no customer's peering reaches.",
        evidence: "The target lies in the space's data network, which is behind the space, not in it.",
        fix: "Use heroku data:privatelink:create (same Region), or mutual TLS with an allow list (heroku data:mtls:create).";
    ResolvesToPublicAddress = "RESOLVES_TO_PUBLIC_ADDRESS", aws: None, component: DnsName,
        meaning: "The name stands for a public address here, so packets take the way over the internet, not over the peering.",
        evidence: "The answer of this machine's resolver. Across a peering, a public name becomes a private address only where DNS resolution is allowed for the peering and both VPCs have DNS hostnames and support.",
        fix: "Allow DNS resolution from the remote VPC on the peering (modify-vpc-peering-connection-options), or use a name that holds the private address.";
    NameNotResolved = "NAME_NOT_RESOLVED", aws: None, component: DnsName,
        meaning: "The name has no address here.",
        evidence: "What this machine's resolver gives, and what each of its name servers says or does when it is asked by itself. Names of a private hosted zone are unknown in a space; names of a space (localspace) are unknown in a VPC.",
        fix: "Publish the private address under a public name, or use the address itself.";
    SecondaryCidrUnreachable = "SECONDARY_CIDR_UNREACHABLE", aws: Some("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"), component: Vpc,
        meaning: "The target lies in a secondary CIDR of its VPC; from a Private Space only the primary one is reachable.",
        evidence: "The VPC's CIDRs, and that Heroku routes the primary one alone.",
        fix: "Move the target into the primary CIDR, or put a proxy or network load balancer there.";
    TransitivePeering = "TRANSITIVE_PEERING", aws: Some("PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"), component: Vpc,
        meaning: "The target lies in a network behind the peered VPC; a peering does not carry packets through a VPC.",
        evidence: "The peered VPC's CIDRs, none of which holds the target.",
        fix: "Peer with the target's own network, or put a proxy or network load balancer into the peered VPC.";
    EniSourceDestCheckRestriction = "ENI_SOURCE_DEST_CHECK_RESTRICTION", aws: Some("ENI_SOURCE_DEST_CHECK_RESTRICTION"), component: NetworkInterface,
        meaning: "A route hands the packets to a network interface that drops what is not for its own addresses.",
        evidence: "The route of the effective table, and the interface's source/destination check, which is on unless it was turned off.",
        fix: "Turn the check off where the interface is an appliance's (modify-network-interface-attribute --no-source-dest-check); else correct the route.";
    TgwRtbRoutesAreUnknown = "TGW_RTB_ROUTES_ARE_UNKNOWN", aws: Some("TGW_RTB_ROUTES_ARE_UNKNOWN"), component: TransitGateway,
        meaning: "A route hands the packets to a transit gateway, and where its own route tables send them is not known.",
        evidence: "The route of the effective table. Attachments and tables of transit gateways are not modelled.",
        fix: "Look at the transit gateway's route table for the VPC's attachment (search-transit-gateway-routes).";
    PathThroughGwlbNotChecked = "PATH_THROUGH_GWLB_NOT_CHECKED", aws: Some("PATH_THROUGH_GWLB_NOT_CHECKED"), component: VpcEndpoint,
        meaning: "A route hands the packets to the endpoint of a gateway load balancer, and what the appliances behind it do with them is not known.",
        evidence: "The route of the effective table.",
        fix: "Look at the rules and logs of the appliances behind the gateway load balancer.";
    UnsupportedComponent = "UNSUPPORTED_COMPONENT", aws: Some("UNSUPPORTED_COMPONENT"), component: VpnGateway,
        meaning: "The packets take a way that is not modelled: a VPN, an appliance, a core network.",
        evidence: "The route of the effective table, or Heroku's list of what the space reaches over a VPN.",
        fix: "Look at what lies behind the component, from its own side.";
    PortClosed = "PORT_CLOSED", aws: None, component: NetworkInterface,
        meaning: "The host answers, and refuses: nothing listens on this port.",
        evidence: "A TCP reset in reply to the SYN. It proves that route, security group and network ACL let packets through, both ways.",
        fix: "Start the service, or have it listen on the host's private address rather than on 127.0.0.1 alone.";
    HostSilent = "HOST_SILENT", aws: None, component: NetworkInterface,
        meaning: "The configuration lets the packets through, and nothing at all comes back from the host.",
        evidence: "Silence, where no setting accounts for it: the host is stopped, or its own firewall drops everything.",
        fix: "See that the host runs; look at its own firewall (nft list ruleset, iptables -S).";
    HostFirewall = "HOST_FIREWALL", aws: None, component: NetworkInterface,
        meaning: "The host's own firewall drops packets to this port.",
        evidence: "This port is silent while the host otherwise lives, and no setting of AWS accounts for it.",
        fix: "Open the port in the host's firewall (nft list ruleset, iptables -S, ufw status).";
    FirewallReject = "FIREWALL_REJECT", aws: None, component: NetworkInterface,
        meaning: "A firewall on the way rejects the packets and says so by ICMP.",
        evidence: "An ICMP message and its sender. Security groups and network ACLs drop silently, so it is neither.",
        fix: "Open the port in the firewall of the sender.";
    LocalNoRoute = "LOCAL_NO_ROUTE", aws: None, component: Host,
        meaning: "This machine has no route to the target: no packet left it.",
        evidence: "The system's refusal at once (ENETUNREACH, EHOSTUNREACH), without any ICMP message.",
        fix: "Add a route on this machine (ip route get ADDRESS shows what it would do).";
    LocalPolicy = "LOCAL_POLICY", aws: None, component: Host,
        meaning: "This machine's own policy forbids the packets: no packet left it.",
        evidence: "The system's refusal at once (EACCES, EPERM, EINVAL), or an ICMP prohibition from its own address.",
        fix: "Look at this machine's own firewall and prohibit routes (nft list ruleset, ip route).";
    PacketLoss = "PACKET_LOSS", aws: None, component: Path,
        meaning: "Some packets are lost on the way, whichever port they come from.",
        evidence: "Connections that needed retransmissions, or some that succeed and some that do not, with no pattern in them. The direction by the timestamp that comes back: that of an earlier SYN than the last proves that answers were lost. A host whose queue is full drops SYNs too, so that SYNs alone leave both.",
        fix: "Measure from both ends; look for an overloaded host or a limit of its instance type.";
    Latency = "LATENCY", aws: None, component: Path,
        meaning: "Answers take longer than such a path lets expect, or unevenly long. It stops nothing, so it is a finding and never a cause.",
        evidence: "Round trips of probes that were answered at the first attempt, by the kernel's clock: a median of 10 ms or more where both ends are in one Region, a first packet that is much slower than those that follow, or round trips that vary widely.",
        fix: "See which way the packets take (peerscope trace), and whether an end is busy or an instance has spent its network credits.";
    HostOverloaded = "HOST_OVERLOADED", aws: None, component: NetworkInterface,
        meaning: "The host is overloaded: its service takes connections late or not at all, or says that it has none left.",
        evidence: "The service's own words (PostgreSQL 53300, MySQL 1040, Redis max number of clients). Or signs of a full queue of connections that wait to be taken (the listener's backlog): connects that come about only after the SYN was sent again; a connection that stands while its SYN is answered again and nothing said in it is acknowledged; or silence of this port alone. Loss or a firewall may look the same, and then it is a candidate beside them.",
        fix: "Where the service says it, see who holds its connections. Else, on the host, ss -ltn shows the queue (Recv-Q beside Send-Q): mend what keeps the service from taking connections, or give it a longer queue (listen's backlog, net.core.somaxconn).";
    PathMtuBlackhole = "PATH_MTU_BLACKHOLE", aws: None, component: Path,
        meaning: "Large packets are lost on the way, and small ones pass: a link takes smaller ones only, and nobody says so.",
        evidence: "Echoes that may not be divided (why --thorough): small ones are answered, larger ones, which this machine's own link takes, are not, time and again. Or a connection and small answers come about, and an answer of several full packets (a server's certificates) does not. Which way it is a connection tells: bytes that are not acknowledged are lost on the way there, a large answer that does not come on the way back.",
        fix: "Let ICMP fragmentation needed (type 3 code 4; ICMPv6 type 2) through both ways, or set a smaller MTU or MSS at the ends (ip route change ... advmss).";
    ApplicationSilent = "APPLICATION_SILENT", aws: None, component: NetworkInterface,
        meaning: "The connection is taken, and the application does not answer: it says nothing, or closes without a word.",
        evidence: "The handshake of the protocol that was named: what was waited for and how long, and whether the host's system acknowledged what it was sent. Route, security group and network ACL let the connection through, both ways.",
        fix: "Look at the service itself: whether it hangs (ss -ltnp shows connections that nobody takes), what its log says, and behind a proxy or balancer whether a backend is healthy.";
    ApplicationError = "APPLICATION_ERROR", aws: None, component: NetworkInterface,
        meaning: "The connection is taken, and what answers refuses before any login, or is not the application that was named.",
        evidence: "The server's own words and code, or its first bytes where they are of another protocol.",
        fix: "Do what the server's words ask for, or correct the port or the scheme.";
    TlsFailed = "TLS_FAILED", aws: None, component: NetworkInterface,
        meaning: "The connection is taken, and TLS is not established, or its certificate is one that clients refuse.",
        evidence: "The server's alert, its bytes where they are no TLS, or what is wrong with its certificate: its validity, its names, or an issuer that this machine's roots do not vouch for.",
        fix: "Renew or replace the certificate, connect by a name that it holds, give the client the issuer's root, or have both sides speak the same versions.";
    ConfigurationDisagrees = "CONFIGURATION_DISAGREES", aws: None, component: Path,
        meaning: "Packets do what the snapshot says they cannot, or the other way round: it is stale or incomplete.",
        evidence: "The observation beside the setting that contradicts it.",
        fix: "Take a fresh snapshot.";
}

impl CauseCode {
    /// The name in JSON and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.cause().name
    }

    /// The cause of a name, in whatever case it is written.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        CAUSES.iter().find(|cause| cause.name.eq_ignore_ascii_case(name)).map(|cause| cause.code)
    }
}

impl fmt::Display for CauseCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for CauseCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{CAUSES, CauseCode};

    #[test]
    fn every_code_finds_its_own_entry_and_every_name_its_code() {
        for cause in CAUSES {
            assert_eq!(cause.code.cause().name, cause.name);
            assert_eq!(CauseCode::from_name(cause.name), Some(cause.code));
        }
    }
}
