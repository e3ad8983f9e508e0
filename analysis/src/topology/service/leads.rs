//! To which addresses a service's name leads, which depends on who asks.
//!
//! The name of what is public leads to its private address only for who asks within its VPC, or in a peered one where
//! the service's side allows it; and both VPCs need DNS support and DNS hostnames (Amazon RDS User Guide, "Hiding a DB
//! instance in a VPC from the internet"; Amazon VPC Peering Guide, "DNS resolution for a VPC peering connection").

use alloc::format;
use alloc::string::{String, ToString};

use peerscope_document::id::VpcId;

use super::{Service, ServiceKind};
use crate::topology::{NetworkId, Topology};

/// To which addresses a name leads, and why, in a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To private ones.
    Inside(String),
    /// To public ones, over the internet.
    Outside(String),
    /// The documents leave it open; what is missing.
    Unknown(String),
}

impl Service {
    /// To which addresses its names lead for who asks in a network, with the Amazon DNS server of that network.
    #[must_use]
    pub fn leads(&self, topology: &Topology, asker: &NetworkId) -> Leads {
        match &self.kind {
            ServiceKind::LoadBalancer(balancer) => match balancer.is_internet_facing {
                Some(false) => Leads::Inside("it is an internal load balancer".to_string()),
                Some(true) => {
                    Leads::Outside("it is internet-facing, so its name leads there whoever asks".to_string())
                }
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
            return of_vpc(topology, vpc)
                .unwrap_or_else(|| Leads::Inside(format!("{vpc} resolves it to its private address")));
        }
        let Some((id, peering)) = topology.intended_peering(asker, &own) else {
            return Leads::Outside(format!("no peering joins {asker} with {vpc}"));
        };
        let side = peering.sides(&own).and_then(|(side, _)| side.names_lead_inside);
        match side {
            Some(false) => {
                return Leads::Outside(format!(
                    "{vpc}'s side of {id} does not allow DNS resolution from the other VPC"
                ));
            }
            None => {
                return Leads::Unknown(format!(
                    "whether {vpc}'s side of {id} allows DNS resolution from the other VPC is not in the snapshot"
                ));
            }
            Some(true) => {}
        }
        let askers = match asker {
            NetworkId::Vpc(asker) => of_vpc(topology, asker),
            NetworkId::Space | NetworkId::SpaceData => Some(Leads::Unknown(
                "Heroku shows nobody whether the space's VPC has DNS support and DNS hostnames".to_string(),
            )),
        };
        // What is known to be off outweighs what is not known.
        match (of_vpc(topology, vpc), askers) {
            (Some(Leads::Outside(why)), _) | (_, Some(Leads::Outside(why))) => Leads::Outside(why),
            (Some(open), _) | (None, Some(open)) => open,
            (None, None) => Leads::Inside(format!("{id} allows DNS resolution into {vpc}")),
        }
    }
}

/// What a VPC's own DNS makes of a public name, where it is not that it leads inside.
fn of_vpc(topology: &Topology, vpc: &VpcId) -> Option<Leads> {
    let dns = topology.vpc(vpc).map(|vpc| vpc.dns).unwrap_or_default();
    match (dns.answers, dns.names_hosts) {
        (Some(true), Some(true)) => None,
        (Some(false), _) => Some(Leads::Outside(format!("{vpc} has DNS support switched off"))),
        (_, Some(false)) => Some(Leads::Outside(format!("{vpc} has DNS hostnames switched off"))),
        _ => Some(Leads::Unknown(format!(
            "the DNS attributes of {vpc} are not in the snapshot (aws ec2 describe-vpc-attribute)"
        ))),
    }
}
