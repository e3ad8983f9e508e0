//! What a person does about a setting for which the model knows no edit: where nothing can be changed,
//! or where somebody has to look first.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::alternatives::{Way, alternatives, request_of_peering};
use super::case::{Case, Question};
use super::show;
use crate::cause::CauseCode;
use crate::reach::Blocker;
use crate::repair::quoted;
use crate::report::{Fix, Tool};
use crate::topology::{ComponentId, NetworkId, Topology};

/// What a person does where the model knows no edit, best first.
pub(super) fn by_hand(case: &Case, question: &Question, blocker: &Blocker<'_>) -> Vec<Fix> {
    let topology = case.topology.as_ref();
    let mut ways = alternatives(case, question, blocker.code);
    if ways.is_empty() {
        ways.push(look_or_do(topology, question, blocker));
    }
    let fix = |(tool, command, explanation): Way| {
        show::fix(topology, &blocker.component, tool, command, explanation)
    };
    ways.into_iter().map(fix).collect()
}

fn look_or_do(topology: Option<&Topology>, question: &Question, blocker: &Blocker<'_>) -> Way {
    let address = question.address;
    match blocker.code {
        CauseCode::PeeringNotActive => {
            let id = quoted(blocker.component.id().unwrap_or_default());
            (
                Tool::Aws,
                format!("aws ec2 describe-vpc-peering-connections --vpc-peering-connection-ids {id} --query 'VpcPeeringConnections[].Status'"),
                "Shows the state again: provisioning takes up to 20 minutes. A failed peering has overlapping CIDRs and needs another VPC or another space.".to_string(),
            )
        }
        CauseCode::PeeringMissing => create_peering(topology, question),
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
                    "aws ec2 modify-network-interface-attribute --network-interface-id {} --no-source-dest-check",
                    quoted(&id)
                ),
                format!(
                    "Only where {id} is an appliance that is meant to forward: what it then does is its own matter. Else correct the route that leads to it."
                ),
            )
        }
        CauseCode::HostSilent => start_instance(topology, blocker),
        _ => (Tool::Manual, String::new(), blocker.code.cause().fix.to_string()),
    }
}

/// The command that starts the instance behind an interface.
fn start_instance(topology: Option<&Topology>, blocker: &Blocker<'_>) -> Way {
    let ComponentId::NetworkInterface(id) = &blocker.component else {
        return (Tool::Manual, String::new(), blocker.code.cause().fix.to_string());
    };
    let instance = topology.and_then(|topology| topology.interface(id)?.instance.as_ref());
    let command = instance.map(|id| format!("aws ec2 start-instances --instance-ids {}", quoted(id)));
    (Tool::Aws, command.unwrap_or_default(), "Starts the instance.".to_string())
}

/// The request for a peering between the two networks.
fn create_peering(topology: Option<&Topology>, question: &Question) -> Way {
    let space = question
        .networks
        .as_ref()
        .is_some_and(|(source, target)| [source, target].contains(&&NetworkId::Space));
    let explanation = match space {
        true => {
            "Asks for a peering; after a minute or two have it accepted (heroku spaces:peerings:accept), then add routes to the space's network."
        }
        false => {
            "Asks for a peering; have it accepted (aws ec2 accept-vpc-peering-connection), then add routes on both sides."
        }
    };
    let command = request_of_peering(topology, question);
    (Tool::Aws, command.unwrap_or_default(), format!("{}{explanation}", doubt(question)))
}

/// What is to be said first where other networks hold the same addresses.
fn doubt(question: &Question) -> String {
    let Some((source, target)) = question.networks.as_ref().filter(|_| !question.rivals.is_empty()) else {
        return String::new();
    };
    let rivals: Vec<String> =
        question.rivals.iter().map(|(one, other)| format!("{one} and {other}")).collect();
    format!(
        "The addresses fit {source} and {target}, and as well {}: nothing tells which are meant (machines named by their ids, as TARGET and --from, would). For the first: ",
        rivals.join(", or ")
    )
}
