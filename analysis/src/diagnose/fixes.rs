//! What mends each established cause: the plan with the least collateral, proven with the others.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_document::id::VpcPeeringConnectionId;

use super::case::{Case, Question};
use super::show;
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::reach::{Blocker, reach};
use crate::repair::{Edit, Opened, instruction, newly_open};
use crate::report::{Affects, Fix, OpenedReport, Tool};
use crate::topology::{ComponentId, NetworkId, Ownership, Topology};

/// The fixes of each blocker, in the order given.
pub(super) fn fixes(case: &Case, question: &Question, blockers: &[&Blocker<'_>]) -> Vec<Vec<Fix>> {
    let (Some(topology), Some((source, target))) = (&case.topology, &question.networks) else {
        return blockers.iter().map(|_| Vec::new()).collect();
    };
    let bench = Bench { topology, source, target, served: &question.served, asked: &question.asked };
    let plans: Vec<Vec<Vec<Edit>>> =
        blockers.iter().map(|blocker| blocker.repairs(topology, &question.served)).collect();
    let firsts: Vec<&[Edit]> =
        plans.iter().map(|plans| plans.first().map_or(&[][..], Vec::as_slice)).collect();
    // What a plan opens shows only where nothing else stands in the way.
    let ranked: Vec<Vec<(Vec<Opened>, &[Edit])>> = plans
        .iter()
        .enumerate()
        .map(|(index, plans)| {
            let others = bench.with(&except(&firsts, index));
            let mut ranked: Vec<(Vec<Opened>, &[Edit])> =
                plans.iter().map(|plan| (bench.opened(&others, plan), plan.as_slice())).collect();
            ranked.sort_by_key(|(opened, plan)| (opened.len(), plan.len()));
            ranked
        })
        .collect();
    let chosen: Vec<&[Edit]> =
        ranked.iter().map(|ranked| ranked.first().map_or(&[][..], |(_, plan)| *plan)).collect();
    let replaced = chosen.iter().flat_map(|plan| plan.iter()).find_map(|edit| match edit {
        Edit::ReplacePeering { peering, .. } => Some(peering),
        _ => None,
    });
    let results = ranked.into_iter().enumerate().map(|(index, ranked)| {
        let others = except(&chosen, index);
        let base = bench.with(&others);
        let fix = |(_, plan): (Vec<Opened>, &[Edit])| {
            let mut together = others.clone();
            together.extend(plan.iter());
            let verified = bench.is_reachable(&bench.with(&together));
            fix(topology, plan, replaced, &bench.opened(&base, plan), verified)
        };
        let mut fixes: Vec<Fix> = ranked.into_iter().filter_map(fix).collect();
        if fixes.is_empty() {
            fixes.push(by_hand(case, question, blockers[index]));
        }
        fixes
    });
    results.collect()
}

/// The edits of every plan but one.
fn except<'a>(plans: &[&'a [Edit]], index: usize) -> Vec<&'a Edit> {
    let others = plans.iter().enumerate().filter(|(other, _)| *other != index);
    others.flat_map(|(_, plan)| plan.iter()).collect()
}

/// What plans are tried on.
struct Bench<'a> {
    topology: &'a Topology,
    source: &'a NetworkId,
    target: &'a NetworkId,
    served: &'a Flows,
    asked: &'a Flows,
}

impl Bench<'_> {
    fn with(&self, edits: &[&Edit]) -> Topology {
        let mut copy = self.topology.clone();
        for edit in edits {
            edit.apply(&mut copy);
        }
        copy
    }

    fn opened(&self, before: &Topology, plan: &[Edit]) -> Vec<Opened> {
        let mut after = before.clone();
        for edit in plan {
            edit.apply(&mut after);
        }
        newly_open(before, &after, plan, self.source, self.target, self.served)
    }

    /// Whether the analysis comes out reachable. Of a block of a VPC only the machines in it are asked
    /// about, so what counts is the answer's flows.
    fn is_reachable(&self, topology: &Topology) -> bool {
        let opening = reach(topology, self.source, self.target, self.asked).opening();
        !opening.admitted.is_empty() && opening.blocked.is_empty() && opening.unknown.is_empty()
    }
}

fn fix(
    topology: &Topology,
    plan: &[Edit],
    replaced: Option<&VpcPeeringConnectionId>,
    opened: &[Opened],
    verified: bool,
) -> Option<Fix> {
    let instruction = instruction(topology, plan, replaced)?;
    let owner = topology.ownership(&instruction.component);
    let opens = opened.iter().map(|opened| OpenedReport {
        component: show::component(Some(topology), &ComponentId::NetworkInterface(opened.interface.clone())),
        protocols: protocols(&opened.flows),
        flows: Affects::from(&opened.flows),
    });
    Some(Fix {
        tool: instruction.tool,
        command: instruction.command,
        explanation: instruction.explanation,
        undo: instruction.undo,
        opens: opens.collect(),
        managed_by: owner.managed_by,
        account: owner.account.map(|account| account.as_str().into()),
        region: owner.region.map(|region| region.as_str().into()),
        verified,
    })
}

fn protocols(flows: &Flows) -> Vec<crate::flow::ProtocolRange> {
    let mut protocols: Vec<_> = flows.boxes().iter().map(|flows| flows.protocol).collect();
    protocols.sort_unstable();
    protocols.dedup();
    protocols
}

/// What a person does where the model knows no edit.
fn by_hand(case: &Case, question: &Question, blocker: &Blocker<'_>) -> Fix {
    let topology = case.topology.as_ref();
    let owner: Ownership =
        topology.map(|topology| topology.ownership(&blocker.component)).unwrap_or_default();
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
        CauseCode::HostSilent => start_instance(topology, blocker),
        _ => (Tool::Manual, String::new(), blocker.code.cause().fix.to_string()),
    };
    Fix {
        tool,
        command,
        explanation,
        undo: String::new(),
        opens: Vec::new(),
        managed_by: owner.managed_by,
        account: owner.account.map(|account| account.as_str().into()),
        region: owner.region.map(|region| region.as_str().into()),
        verified: false,
    }
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
