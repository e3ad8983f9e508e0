//! What a person does about a setting for which the model knows no edit: where nothing can be changed,
//! or where somebody has to look first.

use alloc::format;
use alloc::string::{String, ToString};

use super::case::{Case, Question};
use super::show;
use crate::cause::CauseCode;
use crate::reach::Blocker;
use crate::report::{Fix, Tool};
use crate::topology::{ComponentId, NetworkId, Topology};

/// What a person does where the model knows no edit.
pub(super) fn by_hand(case: &Case, question: &Question, blocker: &Blocker<'_>) -> Fix {
    let topology = case.topology.as_ref();
    let address = question.address;
    let (tool, command, explanation) = match blocker.code {
        CauseCode::PeeringNotActive => {
            let id = blocker.component.id().unwrap_or_default();
            (
                Tool::Aws,
                format!("aws ec2 describe-vpc-peering-connections --vpc-peering-connection-ids {id} --query 'VpcPeeringConnections[].Status'"),
                "Shows the state again: provisioning takes up to 20 minutes. A failed peering has overlapping CIDRs and needs another VPC or another space.".to_string(),
            )
        }
        CauseCode::PeeringMissing => create_peering(topology, question),
        CauseCode::SecondaryCidrUnreachable => {
            let primary = primary_cidr(topology, question).unwrap_or_else(|| "the primary CIDR".to_string());
            (
                Tool::Manual,
                String::new(),
                format!(
                    "No setting makes a secondary CIDR reachable from a space. Give the target an address in {primary}, or put a proxy or a network load balancer there that forwards to {address}."
                ),
            )
        }
        CauseCode::TransitivePeering => (
            Tool::Manual,
            String::new(),
            format!(
                "No setting makes a peering carry packets through a VPC. Peer with the network of {address} itself, or put a proxy or a network load balancer into the peered VPC."
            ),
        ),
        CauseCode::UnknownDestination => (
            Tool::Aws,
            format!(
                "aws ec2 describe-network-interfaces --filters Name=addresses.private-ip-address,Values={address}"
            ),
            format!(
                "Shows whether anything owns {address} by now. If not, correct the address: the host was replaced, or the name is stale."
            ),
        ),
        CauseCode::EniSourceDestCheckRestriction => {
            let id = blocker.component.id().unwrap_or_default();
            (
                Tool::Aws,
                format!(
                    "aws ec2 modify-network-interface-attribute --network-interface-id {id} --no-source-dest-check"
                ),
                format!(
                    "Only where {id} is an appliance that is meant to forward: what it then does is its own matter. Else correct the route that leads to it."
                ),
            )
        }
        CauseCode::HostSilent => start_instance(topology, blocker),
        _ => (Tool::Manual, String::new(), blocker.code.cause().fix.to_string()),
    };
    show::fix(topology, &blocker.component, tool, command, explanation)
}

fn primary_cidr(topology: Option<&Topology>, question: &Question) -> Option<String> {
    let (_, NetworkId::Vpc(vpc)) = question.networks.as_ref()? else { return None };
    Some(topology?.vpc(vpc)?.primary?.to_string())
}

/// The command that starts the instance behind an interface.
fn start_instance(topology: Option<&Topology>, blocker: &Blocker<'_>) -> (Tool, String, String) {
    let ComponentId::NetworkInterface(id) = &blocker.component else {
        return (Tool::Manual, String::new(), blocker.code.cause().fix.to_string());
    };
    let instance = topology.and_then(|topology| topology.interface(id)?.instance.as_ref());
    let command = instance.map(|id| format!("aws ec2 start-instances --instance-ids {id}"));
    (Tool::Aws, command.unwrap_or_default(), "Starts the instance.".to_string())
}

/// The request for a peering between the space and the target's VPC.
fn create_peering(topology: Option<&Topology>, question: &Question) -> (Tool, String, String) {
    let explanation = "Asks for a peering; after a minute or two have it accepted (heroku spaces:peerings:accept), then add routes to the space's network.";
    let command = topology.zip(question.networks.as_ref()).and_then(|(topology, networks)| {
        let (NetworkId::Space, NetworkId::Vpc(vpc)) = networks else { return None };
        let space = topology.space()?;
        let mut command = format!(
            "aws ec2 create-vpc-peering-connection --vpc-id {vpc} --peer-vpc-id {}",
            space.vpc.as_ref()?
        );
        if let Some(account) = &space.account {
            command.push_str(&format!(" --peer-owner-id {account}"));
        }
        if let Some(region) = &space.region {
            command.push_str(&format!(" --peer-region {region}"));
        }
        Some(command)
    });
    (Tool::Aws, command.unwrap_or_default(), explanation.to_string())
}
