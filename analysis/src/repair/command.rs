//! Edits as the commands that make them.

mod peering;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use ipnet::IpNet;
use peerscope_document::aws::IpProtocol;
use peerscope_document::id::{Region, VpcPeeringConnectionId};

pub(crate) use self::peering::request_of_peering;
use super::edit::{Accepter, Edit, EntryPorts};
use super::new_peering::NewPeering;
use crate::flow::PortRange;
use crate::report::Tool;
use crate::topology::{ComponentId, ComponentType, Ownership, PeeringSide, Topology};

/// A plan as something to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// The tool of the first command.
    pub tool: Tool,
    /// The commands, one a line.
    pub command: String,
    /// What they do, in one sentence.
    pub explanation: String,
    /// The commands that undo it, one a line; a comment where nothing does. Never empty.
    pub undo: String,
    /// The component that they change.
    pub component: ComponentId,
    /// In which account and Region they are run, and whose hand manages what they change.
    pub ownership: Ownership,
}

/// The commands of a plan, in the order to run them; `None` for an empty one. Where the peering `new` is
/// made beside this plan, or one is made by it, its id is known only to the shell that made it.
#[must_use]
pub fn instruction(topology: &Topology, plan: &[Edit], new: Option<&NewPeering>) -> Option<Instruction> {
    let own = NewPeering::of(topology, plan);
    let new = new.or(own.as_ref());
    let mut steps = plan.iter().map(|edit| one(topology, edit, new));
    let mut whole = steps.next()?;
    for step in steps {
        whole.command = format!("{}\n{}", whole.command, step.command);
        // Undoing goes backwards.
        whole.undo = format!("{}\n{}", step.undo, whole.undo);
        whole.explanation = format!("{} {}", whole.explanation, said_elsewhere(&whole, &step));
    }
    Some(whole)
}

/// What a step does, and in which account where that is not the first step's.
fn said_elsewhere(whole: &Instruction, step: &Instruction) -> String {
    let account =
        step.ownership.account.as_ref().filter(|_| step.ownership.account != whole.ownership.account);
    match account {
        Some(account) if !step.explanation.contains(account.as_str()) => {
            format!("In account {account}: {}", step.explanation)
        }
        _ => step.explanation.clone(),
    }
}

/// What an edit does, in one sentence.
pub(super) fn explained(topology: &Topology, edit: &Edit, new: Option<&NewPeering>) -> String {
    one(topology, edit, new).explanation
}

/// The component that an edit changes.
pub(super) fn component(topology: &Topology, edit: &Edit) -> ComponentId {
    match edit {
        Edit::CreateRoute { table, .. } | Edit::ReplaceRoute { table, .. } => {
            ComponentId::RouteTable(table.clone())
        }
        Edit::Authorize { group, .. } => ComponentId::SecurityGroup(group.clone()),
        Edit::AllowInNetworkAcl { acl, .. } => ComponentId::NetworkAcl(acl.clone()),
        // Nobody knows its id before it is there.
        Edit::CreatePeering { peering, .. } | Edit::AcceptPeering { peering, .. }
            if topology.peering(peering).is_none() =>
        {
            ComponentId::Unknown(ComponentType::VpcPeeringConnection)
        }
        Edit::CreatePeering { peering, .. }
        | Edit::AcceptPeering { peering, .. }
        | Edit::ReplacePeering { peering, .. } => ComponentId::VpcPeeringConnection(peering.clone()),
    }
}

/// Where an edit is made, and whose hand manages what it changes. What is not there yet nobody manages: it
/// is asked for where the one VPC is, and accepted where the other is, or with Heroku.
pub(super) fn ownership(topology: &Topology, edit: &Edit, new: Option<&NewPeering>) -> Ownership {
    let made =
        |peering: &VpcPeeringConnectionId| new.filter(|new| new.peering == *peering).map(|new| &new.made);
    let side = match edit {
        Edit::CreatePeering { peering, .. } => made(peering).map(|made| &made.requester),
        Edit::AcceptPeering { peering, accepter: Accepter::Account } => {
            made(peering).map(|made| &made.accepter)
        }
        _ => None,
    };
    match side {
        Some(PeeringSide { account, region, .. }) => {
            Ownership { account: account.clone(), region: region.clone(), ..Ownership::default() }
        }
        None => topology.ownership(&component(topology, edit)),
    }
}

/// The words of an edit, before it is said where they belong.
struct Written {
    tool: Tool,
    command: String,
    explanation: String,
    undo: String,
}

fn one(topology: &Topology, edit: &Edit, new: Option<&NewPeering>) -> Instruction {
    let ownership = ownership(topology, edit, new);
    let Written { tool, command, explanation, undo } = written(topology, edit, &ownership, new);
    Instruction { tool, command, explanation, undo, component: component(topology, edit), ownership }
}

fn written(topology: &Topology, edit: &Edit, owner: &Ownership, new: Option<&NewPeering>) -> Written {
    let new = |peering: &VpcPeeringConnectionId| new.filter(|new| new.peering == *peering);
    let id = |peering: &VpcPeeringConnectionId| match new(peering) {
        Some(new) => new.expansion(),
        None => quoted(peering),
    };
    let said = |peering: &VpcPeeringConnectionId| match new(peering) {
        Some(_) => "the new peering".to_string(),
        None => peering.to_string(),
    };
    let region = region_option(owner);
    match edit {
        Edit::CreateRoute { table, destination, peering } => {
            let route = format!("--route-table-id {} {}", quoted(table), destination_option(*destination));
            Written {
                tool: Tool::Aws,
                command: format!(
                    "aws ec2 create-route {route} --vpc-peering-connection-id {}{region}",
                    id(peering)
                ),
                explanation: format!("Adds to {table} the route {destination} over {}.", said(peering)),
                undo: format!("aws ec2 delete-route {route}{region}"),
            }
        }
        Edit::ReplaceRoute { table, destination, peering, previous } => {
            let replace = |target: &str| {
                let destination = destination_option(*destination);
                let table = quoted(table);
                format!("aws ec2 replace-route --route-table-id {table} {destination} {target}{region}")
            };
            let undo = match previous {
                Some((option, id)) => replace(&format!("{option} {}", quoted(id))),
                None => remark(&format!(
                    "{table}'s route {destination} led to nothing that exists: there is nothing to go back to"
                )),
            };
            Written {
                tool: Tool::Aws,
                command: replace(&format!("--vpc-peering-connection-id {}", id(peering))),
                explanation: format!("Points {table}'s route {destination} at {}.", said(peering)),
                undo,
            }
        }
        Edit::Authorize { group, ingress, protocol, ports, cidr } => {
            let way = if *ingress { "ingress" } else { "egress" };
            let permission = format!("--group-id {} {}", quoted(group), permission(*protocol, *ports, *cidr));
            let towards = if *ingress { "from" } else { "to" };
            Written {
                tool: Tool::Aws,
                command: format!("aws ec2 authorize-security-group-{way} {permission}{region}"),
                explanation: format!(
                    "Lets {}{} {towards} {cidr} through {group}.",
                    words(*protocol),
                    port_words(*ports)
                ),
                undo: format!("aws ec2 revoke-security-group-{way} {permission}{region}"),
            }
        }
        Edit::AllowInNetworkAcl { acl, rule_number, egress, protocol, ports, cidr } => {
            let way = if *egress { "egress" } else { "ingress" };
            let entry = entry(*protocol, *ports, *cidr);
            let towards = if *egress { "to" } else { "from" };
            let id = quoted(acl);
            let identity = format!("--network-acl-id {id} --rule-number {rule_number} --{way}");
            Written {
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
            }
        }
        Edit::CreatePeering { peering, requester, accepter } => {
            peering::create(topology, requester, accepter, new(peering))
        }
        Edit::AcceptPeering { peering, accepter } => {
            peering::accept(topology, peering, *accepter, new(peering))
        }
        Edit::ReplacePeering { peering, accepter, routes } => {
            peering::replace(topology, peering, *accepter, routes, new(peering))
        }
    }
}

/// The Region as a command takes it, where it is known.
pub(crate) fn region_option(ownership: &Ownership) -> String {
    ownership
        .region
        .as_ref()
        .map(|region: &Region| format!(" --region {}", quoted(region)))
        .unwrap_or_default()
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
pub(crate) fn quoted(word: impl fmt::Display) -> String {
    let word = word.to_string();
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A line that a shell passes over, whatever stands in it.
fn remark(text: &str) -> String {
    let line = text.replace(|character: char| character.is_control(), " ");
    format!("# {line}")
}
