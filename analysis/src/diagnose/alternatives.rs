//! What is left where no setting of either side can help: other ways to the same end, said plainly.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::{IpNet, Ipv4Net};

use super::case::{Case, Question};
use crate::cause::CauseCode;
use crate::repair::{self, quoted};
use crate::report::Tool;
use crate::topology::{NetworkId, Topology};

/// One way: the tool, the command where there is one, and what it is.
pub(super) type Way = (Tool, String, String);

/// The ways around something that cannot be configured, best first; empty for every other code.
pub(super) fn alternatives(case: &Case, question: &Question, code: CauseCode) -> Vec<Way> {
    let situation = Situation { topology: case.topology.as_ref(), question };
    match code {
        CauseCode::SecondaryCidrUnreachable => situation.secondary_cidr(),
        CauseCode::TransitivePeering => situation.transit(),
        CauseCode::DataServiceUnreachable => situation.data_service(),
        CauseCode::CidrOverlap => situation.overlap(),
        CauseCode::NotRfc1918 => situation.public_plan(),
        CauseCode::GenerationUnsupported => situation.generation(),
        _ => Vec::new(),
    }
}

/// The request for a peering between the networks of source and target; `None` where one of them has no
/// id to ask for.
pub(super) fn request_of_peering(topology: Option<&Topology>, question: &Question) -> Option<String> {
    let (topology, (source, target)) = topology.zip(question.networks.as_ref())?;
    repair::request_of_peering(topology, source, target)
}

struct Situation<'a> {
    topology: Option<&'a Topology>,
    question: &'a Question,
}

impl Situation<'_> {
    /// The VPC at the customer's side, or the target's where both are VPCs.
    fn vpc(&self) -> Option<String> {
        let (source, target) = self.question.networks.as_ref()?;
        [target, source].into_iter().find_map(|network| match network {
            NetworkId::Vpc(vpc) => Some(vpc.to_string()),
            NetworkId::Space | NetworkId::SpaceData => None,
        })
    }

    fn with_space(&self) -> bool {
        let networks = self.question.networks.as_ref();
        networks.is_some_and(|(source, target)| [source, target].contains(&&NetworkId::Space))
    }

    fn secondary_cidr(&self) -> Vec<Way> {
        let (address, vpc) = (self.question.address, self.vpc().unwrap_or_else(|| "the VPC".to_string()));
        let primary = self.primary().unwrap_or_else(|| "the primary CIDR".to_string());
        Vec::from([
            by_hand(format!(
                "No setting makes a secondary CIDR reachable from a space. Put a proxy or an internal network load balancer into a subnet of {primary} that forwards to {address}, and connect to that."
            )),
            by_hand(format!(
                "Move the target: give it an interface in a subnet of {primary}, the primary CIDR of {vpc}."
            )),
        ])
    }

    fn primary(&self) -> Option<String> {
        let (_, NetworkId::Vpc(vpc)) = self.question.networks.as_ref()? else { return None };
        Some(self.topology?.vpc(vpc)?.primary?.to_string())
    }

    fn transit(&self) -> Vec<Way> {
        let address = self.question.address;
        let mut ways = Vec::from([by_hand(format!(
            "No setting makes a peering carry packets through a VPC. Put a proxy or an internal network load balancer into the peered VPC that forwards to {address}, and connect to that."
        ))]);
        if let Some(command) = self.holder().and_then(|()| request_of_peering(self.topology, self.question)) {
            ways.push((
                Tool::Aws,
                command,
                format!(
                    "Peer with the network of {address} itself: have the request accepted, then add routes both ways."
                ),
            ));
        }
        if self.with_space() {
            ways.push(by_hand(format!(
                "Where {address} lies behind a VPN gateway of yours, connect the space to that by itself (heroku spaces:vpn:connect)."
            )));
        }
        ways
    }

    /// Whether the target's network is known to hold the address, and is not the one on the way.
    fn holder(&self) -> Option<()> {
        let (_, target) = self.question.networks.as_ref()?;
        let blocks = self.topology?.blocks_of(target);
        blocks.iter().any(|block| block.contains(&self.question.address)).then_some(())
    }

    fn data_service(&self) -> Vec<Way> {
        let source = self.question.networks.as_ref().and_then(|(source, _)| match source {
            NetworkId::Vpc(vpc) => {
                self.topology?.vpc(vpc).map(|one| (vpc.to_string(), one.ownership.clone()))
            }
            NetworkId::Space | NetworkId::SpaceData => None,
        });
        let account = source.as_ref().and_then(|(_, ownership)| ownership.account.as_ref());
        let account = account.map_or_else(|| "ACCOUNT_ID".to_string(), quoted);
        let vpc = source.as_ref().map_or("your VPC", |(vpc, _)| vpc.as_str());
        Vec::from([
            (
                Tool::Heroku,
                format!("heroku data:privatelink:create DATABASE --aws-account-id {account}:root --app APP"),
                format!(
                    "No peering reaches Heroku's data services. PrivateLink does, within one Region: then make an interface endpoint in {vpc} for the service name that heroku data:privatelink shows, and connect by the database's PrivateLink URL."
                ),
            ),
            (
                Tool::Heroku,
                "heroku data:mtls:create DATABASE --app APP".to_string(),
                format!(
                    "Mutual TLS over the internet, from any Region: allow the public addresses that {vpc} calls from (heroku data:mtls:ip-rules:create)."
                ),
            ),
        ])
    }

    fn overlap(&self) -> Vec<Way> {
        let vpc = self.vpc().unwrap_or_else(|| "the VPC".to_string());
        if !self.with_space() {
            return Vec::from([
                by_hand(format!(
                    "Overlapping networks cannot be peered. Offer the service by PrivateLink: an endpoint service behind a network load balancer in {vpc}, an interface endpoint in the other VPC; addresses may overlap there."
                )),
                by_hand("Move one side into a VPC whose CIDRs overlap none of the other's: a VPC's primary CIDR cannot be changed.".to_string()),
            ]);
        }
        let free = self
            .topology
            .and_then(free_block)
            .map_or_else(|| "10.N.0.0/16".to_string(), |block| block.to_string());
        Vec::from([
            by_hand(format!(
                "Overlapping networks cannot be peered, and neither CIDR can be changed afterwards. Put a proxy into a VPC that overlaps neither, peer that with the space and with {vpc}'s network where it can be, or move the target there."
            )),
            (
                Tool::Heroku,
                format!("heroku spaces:create --space NAME --team TEAM --generation cedar --cidr {free}"),
                format!(
                    "A new space with a CIDR that {vpc} does not use (and --data-cidr where that is what overlaps); the apps move there."
                ),
            ),
        ])
    }

    fn public_plan(&self) -> Vec<Way> {
        let vpc = self.vpc().unwrap_or_else(|| "the VPC".to_string());
        Vec::from([
            by_hand(format!(
                "Heroku peers only with a VPC whose primary CIDR is private (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16), and {vpc}'s cannot be changed. Put a proxy or an internal network load balancer into a VPC whose primary CIDR is private, peer that with the space and with {vpc}, and connect to that."
            )),
            by_hand("Move the target into a VPC whose primary CIDR is private.".to_string()),
        ])
    }

    fn generation(&self) -> Vec<Way> {
        Vec::from([
            (
                Tool::Heroku,
                "heroku spaces:create --space NAME --team TEAM --generation cedar".to_string(),
                "A space of the Fir generation cannot be peered: a new one of the Cedar generation can; the apps move there.".to_string(),
            ),
            by_hand("Over the internet: give the target a public address or load balancer, and let in the space's own outbound addresses alone (heroku spaces:info shows them).".to_string()),
        ])
    }
}

/// A network for a new space that nothing known overlaps.
pub(crate) fn free_block(topology: &Topology) -> Option<IpNet> {
    let mut taken: Vec<IpNet> = topology.vpcs().flat_map(|(_, vpc)| vpc.cidrs.iter().copied()).collect();
    if let Some(space) = topology.space() {
        taken.extend(space.cidr);
        taken.extend(&space.data_blocks);
        taken.extend(&space.unavailable_blocks);
    }
    let candidates = (0..=255).filter_map(|second| Ipv4Net::new([10, second, 0, 0].into(), 16).ok());
    candidates
        .map(IpNet::V4)
        .find(|block| taken.iter().all(|other| !other.contains(block) && !block.contains(other)))
}

fn by_hand(words: String) -> Way {
    (Tool::Manual, String::new(), words)
}
