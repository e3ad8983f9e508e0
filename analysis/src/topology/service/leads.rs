//! To which addresses a service's name leads, which depends on who asks.
//!
//! The name of what is public leads to its private address only for who asks within its VPC, or in a peered one where
//! the service's side allows it; and both VPCs need DNS support and DNS hostnames (Amazon RDS User Guide, "Hiding a DB
//! instance in a VPC from the internet"; Amazon VPC Peering Guide, "DNS resolution for a VPC peering connection").

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use peerscope_document::id::{VpcId, VpcPeeringConnectionId};

use super::{Service, ServiceKind};
use crate::topology::{NetworkId, Topology};

/// To which addresses a name leads, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To private ones; why, in a clause.
    Inside(String),
    /// To public ones, over the internet.
    Outside(Outside),
    /// The documents leave it open; what is missing, in a clause.
    Unknown(String),
}

/// Why a name leads to public addresses. Its words are a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The load balancer is internet-facing: whoever asks is led there.
    InternetFacing,
    /// Nothing joins the networks.
    NoPeering(NetworkId, VpcId),
    /// The side of the service's VPC does not allow DNS resolution from the other VPC.
    NotAllowed {
        /// The peering.
        peering: VpcPeeringConnectionId,
        /// The service's VPC.
        vpc: VpcId,
        /// Whether that VPC is the peering's requester.
        is_requester: bool,
    },
    /// DNS support of a VPC is off.
    SupportOff(VpcId),
    /// DNS hostnames of a VPC are off.
    HostnamesOff(VpcId),
}

impl fmt::Display for Outside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InternetFacing => {
                formatter.write_str("it is internet-facing, so its name leads there whoever asks")
            }
            Self::NoPeering(asker, vpc) => write!(formatter, "no peering joins {asker} with {vpc}"),
            Self::NotAllowed { peering, vpc, .. } => write!(
                formatter,
                "{vpc}'s side of {peering} does not allow DNS resolution from the other VPC"
            ),
            Self::SupportOff(vpc) => {
                write!(formatter, "{vpc} has DNS support switched off (enableDnsSupport)")
            }
            Self::HostnamesOff(vpc) => {
                write!(formatter, "{vpc} has DNS hostnames switched off (enableDnsHostnames)")
            }
        }
    }
}

impl Service {
    /// To which addresses its names lead for who asks in a network, with the Amazon DNS server of that network.
    #[must_use]
    pub fn leads(&self, topology: &Topology, asker: &NetworkId) -> Leads {
        match &self.kind {
            ServiceKind::LoadBalancer(balancer) => match balancer.is_internet_facing {
                Some(false) => Leads::Inside("it is an internal load balancer".to_string()),
                Some(true) => Leads::Outside(Outside::InternetFacing),
                None => Leads::Unknown("its Scheme is not in the snapshot".to_string()),
            },
            ServiceKind::Database(database) => match database.publicly_accessible {
                Some(false) => Leads::Inside("it is not publicly accessible".to_string()),
                Some(true) => self.public_name(topology, asker),
                None => {
                    Leads::Unknown("whether it is publicly accessible is not in the snapshot".to_string())
                }
            },
        }
    }

    /// The same of a name that leads outside unless DNS resolution is arranged for.
    fn public_name(&self, topology: &Topology, asker: &NetworkId) -> Leads {
        let Some(vpc) = &self.vpc else {
            return Leads::Unknown("the VPC of its subnet group is not in the snapshot".to_string());
        };
        let own = NetworkId::Vpc(vpc.clone());
        if *asker == own {
            return of_vpc(topology, vpc);
        }
        let needed = [of_peering(topology, asker, vpc), of_vpc(topology, vpc), of_asker(topology, asker)];
        // One that is known to be amiss outweighs what is not known.
        let is_outside = |leads: &&Leads| matches!(leads, Leads::Outside(_));
        let is_unknown = |leads: &&Leads| matches!(leads, Leads::Unknown(_));
        let [allowed, ..] = &needed;
        let decisive = needed.iter().find(is_outside).or_else(|| needed.iter().find(is_unknown));
        decisive.unwrap_or(allowed).clone()
    }
}

/// What the peering's options make of the public name of a service in a VPC.
fn of_peering(topology: &Topology, asker: &NetworkId, vpc: &VpcId) -> Leads {
    let own = NetworkId::Vpc(vpc.clone());
    let Some((id, peering)) = topology.intended_peering(asker, &own) else {
        return Leads::Outside(Outside::NoPeering(asker.clone(), vpc.clone()));
    };
    match peering.sides(&own).and_then(|(side, _)| side.names_lead_inside) {
        Some(true) => Leads::Inside(format!("{id} allows DNS resolution into {vpc}")),
        Some(false) => Leads::Outside(Outside::NotAllowed {
            peering: id.clone(),
            vpc: vpc.clone(),
            is_requester: peering.requester.network.as_ref() == Some(&own),
        }),
        None => Leads::Unknown(format!(
            "whether {vpc}'s side of {id} allows DNS resolution from the other VPC is not in the snapshot"
        )),
    }
}

/// What the DNS of the network makes of it in which the name is asked for.
fn of_asker(topology: &Topology, asker: &NetworkId) -> Leads {
    match asker {
        NetworkId::Vpc(asker) => of_vpc(topology, asker),
        NetworkId::Space | NetworkId::SpaceData => Leads::Unknown(
            "Heroku shows nobody whether the space's VPC has DNS support and DNS hostnames".to_string(),
        ),
    }
}

/// What a VPC's own DNS makes of it.
fn of_vpc(topology: &Topology, vpc: &VpcId) -> Leads {
    let dns = topology.vpc(vpc).map(|vpc| vpc.dns).unwrap_or_default();
    match (dns.answers, dns.names_hosts) {
        (Some(true), Some(true)) => Leads::Inside(format!("{vpc} has DNS support and DNS hostnames")),
        (Some(false), _) => Leads::Outside(Outside::SupportOff(vpc.clone())),
        (_, Some(false)) => Leads::Outside(Outside::HostnamesOff(vpc.clone())),
        _ => Leads::Unknown(format!(
            "the DNS attributes of {vpc} are not in the snapshot (aws ec2 describe-vpc-attribute)"
        )),
    }
}
