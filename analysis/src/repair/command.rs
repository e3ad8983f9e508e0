//! Edits as the commands that make them.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::IpProtocol;
use peerscope_document::id::{Region, RouteTableId, VpcPeeringConnectionId};

use super::edit::{Accepter, Edit, EntryPorts};
use crate::flow::PortRange;
use crate::report::Tool;
use crate::topology::{ComponentId, Ownership, RouteDestination, Topology};

/// A plan as something to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The tool of the first command.
    pub tool: Tool,
    /// The commands, one a line.
    pub command: String,
    /// What they do, in one sentence.
    pub explanation: String,
    /// The commands that undo it, one a line.
    pub undo: String,
    /// The component that they change, which says in which account and Region they are run.
    pub component: ComponentId,
}

/// The commands of a plan, in the order to run them; `None` for an empty one. Where the peering
/// `replaced` is made anew beside this plan, its new id is known only to the shell that made it.
#[must_use]
pub fn instruction(
    topology: &Topology,
    plan: &[Edit],
    replaced: Option<&VpcPeeringConnectionId>,
) -> Option<Instruction> {
    let mut steps = plan.iter().map(|edit| one(topology, edit, replaced));
    let mut whole = steps.next()?;
    for step in steps {
        whole.command = format!("{}\n{}", whole.command, step.command);
        // Undoing goes backwards.
        whole.undo = format!("{}\n{}", step.undo, whole.undo);
        whole.explanation = format!("{} {}", whole.explanation, step.explanation);
    }
    Some(whole)
}

/// What an edit does, in one sentence.
pub(super) fn explained(
    topology: &Topology,
    edit: &Edit,
    replaced: Option<&VpcPeeringConnectionId>,
) -> String {
    one(topology, edit, replaced).explanation
}

/// The component that an edit changes.
pub(super) fn component(edit: &Edit) -> ComponentId {
    match edit {
        Edit::CreateRoute { table, .. } | Edit::ReplaceRoute { table, .. } => {
            ComponentId::RouteTable(table.clone())
        }
        Edit::Authorize { group, .. } => ComponentId::SecurityGroup(group.clone()),
        Edit::AllowInNetworkAcl { acl, .. } => ComponentId::NetworkAcl(acl.clone()),
        Edit::AcceptPeering { peering, .. } | Edit::ReplacePeering { peering, .. } => {
            ComponentId::VpcPeeringConnection(peering.clone())
        }
    }
}

fn one(topology: &Topology, edit: &Edit, replaced: Option<&VpcPeeringConnectionId>) -> Instruction {
    let written = |peering: &VpcPeeringConnectionId| match replaced == Some(peering) {
        true => "\"$PCX\"".to_string(),
        false => peering.to_string(),
    };
    let said = |peering: &VpcPeeringConnectionId| match replaced == Some(peering) {
        true => "the new peering".to_string(),
        false => peering.to_string(),
    };
    match edit {
        Edit::CreateRoute { table, destination, peering } => {
            let component = component(edit);
            let region = region_option(&topology.ownership(&component));
            let destination_option = destination_option(*destination);
            let option = written(peering);
            Instruction {
                tool: Tool::Aws,
                command: format!(
                    "aws ec2 create-route --route-table-id {table} {destination_option} --vpc-peering-connection-id {option}{region}"
                ),
                explanation: format!("Adds to {table} the route {destination} over {}.", said(peering)),
                undo: format!("aws ec2 delete-route --route-table-id {table} {destination_option}{region}"),
                component,
            }
        }
        Edit::ReplaceRoute { table, destination, peering, previous } => {
            let component = component(edit);
            let region = region_option(&topology.ownership(&component));
            let replace = |target: &str| {
                let destination = destination_option(*destination);
                format!("aws ec2 replace-route --route-table-id {table} {destination} {target}{region}")
            };
            let undo = match previous {
                Some((option, id)) => replace(&format!("{option} {}", quoted(id))),
                None => format!(
                    "# {table}'s route {destination} led to nothing that exists: there is nothing to go back to"
                ),
            };
            Instruction {
                tool: Tool::Aws,
                command: replace(&format!("--vpc-peering-connection-id {}", written(peering))),
                explanation: format!("Points {table}'s route {destination} at {}.", said(peering)),
                undo,
                component,
            }
        }
        Edit::Authorize { group, ingress, protocol, ports, cidr } => {
            let component = component(edit);
            let region = region_option(&topology.ownership(&component));
            let way = if *ingress { "ingress" } else { "egress" };
            let permission = permission(*protocol, *ports, *cidr);
            let towards = if *ingress { "from" } else { "to" };
            Instruction {
                tool: Tool::Aws,
                command: format!(
                    "aws ec2 authorize-security-group-{way} --group-id {group} {permission}{region}"
                ),
                explanation: format!(
                    "Lets {}{} {towards} {cidr} through {group}.",
                    words(*protocol),
                    port_words(*ports)
                ),
                undo: format!("aws ec2 revoke-security-group-{way} --group-id {group} {permission}{region}"),
                component,
            }
        }
        Edit::AllowInNetworkAcl { acl, rule_number, egress, protocol, ports, cidr } => {
            let component = component(edit);
            let region = region_option(&topology.ownership(&component));
            let way = if *egress { "egress" } else { "ingress" };
            let entry = entry(*protocol, *ports, *cidr);
            let towards = if *egress { "to" } else { "from" };
            let identity = format!("--network-acl-id {acl} --rule-number {rule_number} --{way}");
            Instruction {
                tool: Tool::Aws,
                command: format!(
                    "aws ec2 create-network-acl-entry {identity} --rule-action allow {entry}{region}"
                ),
                explanation: format!(
                    "Adds entry #{rule_number} to {acl}: allow {}{} {towards} {cidr}.",
                    words(*protocol),
                    port_words(*ports)
                ),
                undo: format!("aws ec2 delete-network-acl-entry {identity}{region}"),
                component,
            }
        }
        Edit::AcceptPeering { peering, accepter } => accept(topology, peering, *accepter),
        Edit::ReplacePeering { peering, accepter, routes } => {
            replace_peering(topology, peering, *accepter, routes)
        }
    }
}

fn accept(topology: &Topology, peering: &VpcPeeringConnectionId, accepter: Accepter) -> Instruction {
    let component = ComponentId::VpcPeeringConnection(peering.clone());
    let (tool, command, by) = accept_command(topology, peering, &peering.to_string(), accepter);
    let undo = match accepter {
        Accepter::Space => {
            format!(
                "heroku spaces:peerings:destroy {peering} --space {} --confirm {peering}",
                space_name(topology)
            )
        }
        Accepter::Account => format!(
            "aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id {peering}{}",
            region_option(&topology.ownership(&component))
        ),
    };
    Instruction { tool, command, explanation: format!("Accepts {peering} {by}."), undo, component }
}

/// The command that accepts, the tool it needs, and who has to run it.
fn accept_command(
    topology: &Topology,
    peering: &VpcPeeringConnectionId,
    written: &str,
    accepter: Accepter,
) -> (Tool, String, String) {
    match accepter {
        Accepter::Space => (
            Tool::Heroku,
            format!("heroku spaces:peerings:accept {written} --space {}", space_name(topology)),
            "on Heroku's side, as an admin of the space's team".to_string(),
        ),
        Accepter::Account => {
            let side = topology.peering(peering).map(|peering| &peering.accepter);
            let region =
                side.and_then(|side| side.region.as_ref()).map(|region| format!(" --region {region}"));
            let account = side.and_then(|side| side.account.as_ref()).map(ToString::to_string);
            (
                Tool::Aws,
                format!(
                    "aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id {written}{}",
                    region.unwrap_or_default()
                ),
                format!("in account {}", account.unwrap_or_else(|| "of the accepter".to_string())),
            )
        }
    }
}

fn replace_peering(
    topology: &Topology,
    old: &VpcPeeringConnectionId,
    accepter: Accepter,
    routes: &[(RouteTableId, RouteDestination)],
) -> Instruction {
    let component = ComponentId::VpcPeeringConnection(old.clone());
    let mut command = String::new();
    if let Some(peering) = topology.peering(old) {
        let (requester, target) = (&peering.requester, &peering.accepter);
        let vpc = requester.vpc.as_ref().map_or_else(|| "VPC_ID".to_string(), ToString::to_string);
        let mut request = format!("PCX=$(aws ec2 create-vpc-peering-connection --vpc-id {vpc}");
        if let Some(vpc) = &target.vpc {
            request.push_str(&format!(" --peer-vpc-id {vpc}"));
        }
        if let Some(account) = &target.account {
            request.push_str(&format!(" --peer-owner-id {account}"));
        }
        if let (Some(other), true) = (&target.region, target.region != requester.region) {
            request.push_str(&format!(" --peer-region {other}"));
        }
        request.push_str(&region_option(&topology.ownership(&component)));
        request.push_str(" --query VpcPeeringConnection.VpcPeeringConnectionId --output text)");
        command.push_str(&request);
    }
    let (_, accept, _) = accept_command(topology, old, "\"$PCX\"", accepter);
    command.push_str(&format!("\n{accept}"));
    for (table, destination) in routes {
        let region = region_option(&topology.ownership(&ComponentId::RouteTable(table.clone())));
        command.push_str(&format!(
            "\naws ec2 replace-route --route-table-id {table} {} --vpc-peering-connection-id \"$PCX\"{region}",
            route_option(destination)
        ));
    }
    Instruction {
        tool: Tool::Aws,
        command,
        explanation: format!(
            "{old} cannot be revived: asks for a new peering, accepts it, and points the routes over {old} at it. A new request takes 1 to 3 minutes to show on Heroku's side."
        ),
        undo: format!(
            "aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id \"$PCX\"{}",
            region_option(&topology.ownership(&component))
        ),
        component,
    }
}

fn space_name(topology: &Topology) -> String {
    let name = topology.space().and_then(|space| space.name.clone().or_else(|| space.id.clone()));
    quoted(&name.unwrap_or_else(|| "SPACE".to_string()))
}

fn region_option(ownership: &Ownership) -> String {
    ownership
        .region
        .as_ref()
        .map(|region: &Region| format!(" --region {}", quoted(region.as_str())))
        .unwrap_or_default()
}

fn route_option(destination: &RouteDestination) -> String {
    match destination {
        RouteDestination::Cidr(cidr) => destination_option(*cidr),
        RouteDestination::PrefixList(list) => format!("--destination-prefix-list-id {list}"),
    }
}

fn destination_option(destination: IpNet) -> String {
    match destination {
        IpNet::V4(cidr) => format!("--destination-cidr-block {cidr}"),
        IpNet::V6(cidr) => format!("--destination-ipv6-cidr-block {cidr}"),
    }
}

fn permission(protocol: IpProtocol, ports: EntryPorts, cidr: IpNet) -> String {
    if let (IpNet::V4(cidr), EntryPorts::Ports(_)) = (cidr, ports) {
        return format!("--protocol {protocol} --port {} --cidr {cidr}", dashed(ports));
    }
    let range = match ports {
        EntryPorts::All => String::new(),
        EntryPorts::Ports(range) => format!(",FromPort={},ToPort={}", range.first(), range.last()),
        EntryPorts::Icmp(icmp_type, code) => format!(",FromPort={icmp_type},ToPort={}", icmp_code(code)),
    };
    let block = match cidr {
        IpNet::V4(cidr) => format!("IpRanges=[{{CidrIp={cidr}}}]"),
        IpNet::V6(cidr) => format!("Ipv6Ranges=[{{CidrIpv6={cidr}}}]"),
    };
    format!("--ip-permissions 'IpProtocol={protocol}{range},{block}'")
}

fn dashed(ports: EntryPorts) -> String {
    match ports {
        EntryPorts::Ports(range) => range.to_string(),
        EntryPorts::All | EntryPorts::Icmp(..) => "-1".to_string(),
    }
}

fn entry(protocol: IpProtocol, ports: EntryPorts, cidr: IpNet) -> String {
    // The API takes numbers here, and these three names (CreateNetworkAclEntry).
    let protocol = match protocol {
        IpProtocol::ICMPV6 => "58".to_string(),
        other => other.to_string(),
    };
    let mut options = Vec::from([format!("--protocol {protocol}")]);
    match ports {
        EntryPorts::Ports(range) => {
            options.push(format!("--port-range From={},To={}", range.first(), range.last()))
        }
        EntryPorts::Icmp(icmp_type, code) => {
            options.push(format!("--icmp-type-code Type={icmp_type},Code={}", icmp_code(code)));
        }
        EntryPorts::All => {}
    }
    options.push(match cidr {
        IpNet::V4(cidr) => format!("--cidr-block {cidr}"),
        IpNet::V6(cidr) => format!("--ipv6-cidr-block {cidr}"),
    });
    options.join(" ")
}

/// AWS writes -1 for any code.
fn icmp_code(code: Option<u8>) -> i16 {
    code.map_or(-1, i16::from)
}

fn words(protocol: IpProtocol) -> String {
    match protocol {
        IpProtocol::All => "all traffic".to_string(),
        other => other.to_string(),
    }
}

fn port_words(ports: EntryPorts) -> String {
    match ports {
        EntryPorts::All | EntryPorts::Ports(PortRange::ALL) => String::new(),
        EntryPorts::Ports(range) => format!(" {range}"),
        EntryPorts::Icmp(icmp_type, _) => format!(" type {icmp_type}"),
    }
}

/// A word for a POSIX shell. Ids and names are outside data and could hold anything.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
