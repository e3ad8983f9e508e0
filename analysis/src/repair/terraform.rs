//! Edits as Terraform: who manages a component there has to change it there, or the next run undoes the
//! mending.
//!
//! Every edit is a resource of its own (`aws_route`, `aws_network_acl_rule`,
//! `aws_vpc_security_group_ingress_rule`), beside whatever the configuration holds. What exists already
//! and is to change is imported first, since making it again would be refused. Names of resources and
//! arguments are those of the providers hashicorp/aws (version 5) and heroku/heroku (version 5).

mod block;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::IpProtocol;
use peerscope_document::id::{
    AccountId, NetworkAclId, RouteTableId, SecurityGroupId, VpcPeeringConnectionId,
};

use self::block::{Block, Value};
use super::command::{self, Instruction};
use super::edit::{Accepter, Edit, EntryPorts};
use super::new_peering::NewPeering;
use crate::report::Tool;
use crate::topology::{Peering, RouteDestination, Topology};

/// A plan as blocks of Terraform's language; `None` for an empty one. Where the peering `new` is made
/// beside this plan, or one is made by it, it is referred to by the resource that makes it.
#[must_use]
pub fn terraform(topology: &Topology, plan: &[Edit], new: Option<&NewPeering>) -> Option<Instruction> {
    let own = NewPeering::of(topology, plan);
    let new = new.or(own.as_ref());
    let writer = Writer { topology, new };
    let mut parts: Vec<String> = Vec::new();
    let mut inline: Vec<&'static str> = Vec::new();
    let mut imports = false;
    for edit in plan {
        let said = command::explained(topology, edit, new);
        let blocks = writer.blocks(edit);
        if blocks.is_empty() {
            continue;
        }
        imports |= blocks.iter().any(Block::is_import);
        let written: Vec<String> = blocks.iter().map(ToString::to_string).collect();
        parts.push(format!("# {}\n{}", one_line(&said), written.join("\n\n")));
        if let Some(whole) = written_inline(edit).filter(|whole| !inline.contains(whole)) {
            inline.push(whole);
        }
    }
    let first = plan.first()?;
    let mut explanation = "The same in Terraform.".to_string();
    if !inline.is_empty() {
        explanation.push_str(&format!(
            " Where yours is written inside {}, change it there instead.",
            inline.join(" or ")
        ));
    }
    if imports {
        explanation.push_str(
            " What is imported exists already: leave the import out where your configuration has it.",
        );
    }
    Some(Instruction {
        tool: Tool::Terraform,
        command: parts.join("\n\n"),
        explanation,
        undo: "# take these blocks out again, then\nterraform apply".to_string(),
        component: command::component(topology, first),
        ownership: command::ownership(topology, first, new),
    })
}

/// The resource whose own arguments may hold what the edit makes: the two must not be mixed.
fn written_inline(edit: &Edit) -> Option<&'static str> {
    match edit {
        Edit::CreateRoute { .. } | Edit::ReplaceRoute { .. } => Some("aws_route_table"),
        Edit::Authorize { .. } => Some("aws_security_group"),
        Edit::AllowInNetworkAcl { .. } => Some("aws_network_acl"),
        Edit::CreatePeering { .. } | Edit::AcceptPeering { .. } | Edit::ReplacePeering { .. } => None,
    }
}

struct Writer<'a> {
    topology: &'a Topology,
    new: Option<&'a NewPeering>,
}

impl Writer<'_> {
    fn blocks(&self, edit: &Edit) -> Vec<Block> {
        match edit {
            Edit::CreateRoute { table, destination, peering } => {
                Vec::from([self.route(table, &RouteDestination::Cidr(*destination), peering)])
            }
            Edit::ReplaceRoute { table, destination, peering, .. } => {
                self.existing_route(table, &RouteDestination::Cidr(*destination), peering)
            }
            Edit::Authorize { group, ingress, protocol, ports, cidr } => {
                Vec::from([rule(group, *ingress, *protocol, *ports, *cidr)])
            }
            Edit::AllowInNetworkAcl { acl, rule_number, egress, protocol, ports, cidr } => {
                Vec::from([entry(acl, *rule_number, *egress, *protocol, *ports, *cidr)])
            }
            Edit::CreatePeering { peering, accepter, .. } => {
                Vec::from([self.request(peering, Accepter::of(Some(accepter)))])
            }
            Edit::AcceptPeering { peering, accepter } => {
                self.acceptance(peering, *accepter).into_iter().collect()
            }
            Edit::ReplacePeering { peering, accepter, routes } => {
                let mut blocks = Vec::from([self.request(peering, *accepter)]);
                blocks.extend(self.acceptance(peering, *accepter));
                for (table, destination) in routes {
                    blocks.extend(self.existing_route(table, destination, peering));
                }
                blocks
            }
        }
    }

    fn peering(&self, id: &VpcPeeringConnectionId) -> Value {
        match self.made(id) {
            Some(_) => Value::Reference(format!("{}.id", made_anew(id))),
            None => Value::Text(id.to_string()),
        }
    }

    /// The peering of this name, where it is made.
    fn made(&self, id: &VpcPeeringConnectionId) -> Option<&Peering> {
        self.new.filter(|new| new.peering == *id).map(|new| &new.made)
    }

    /// Whether the request accepts itself, which takes one account and Region.
    fn accepts_itself(&self, id: &VpcPeeringConnectionId, accepter: Accepter) -> bool {
        accepter == Accepter::Account && self.made(id).is_some_and(is_in_one_place)
    }

    /// The request for a peering, as the resource of this name.
    fn request(&self, name: &VpcPeeringConnectionId, accepter: Accepter) -> Block {
        let mut block = Block::resource("aws_vpc_peering_connection", name.as_str());
        let Some(Peering { requester, accepter: other, .. }) = self.made(name) else { return block };
        let vpc = requester.vpc.as_ref().map_or_else(|| "VPC_ID".to_string(), ToString::to_string);
        block = block.with("vpc_id", Value::Text(vpc));
        if let Some(vpc) = &other.vpc {
            block = block.with("peer_vpc_id", Value::Text(vpc.to_string()));
        }
        if let Some(account) = &other.account {
            block = block.with("peer_owner_id", Value::Text(account.to_string()));
        }
        if let (Some(region), true) = (&other.region, other.region != requester.region) {
            block = block.with("peer_region", Value::Text(region.to_string()));
        }
        if self.accepts_itself(name, accepter) {
            block = block.with("auto_accept", Value::Bool(true));
        }
        block
    }

    fn route(
        &self,
        table: &RouteTableId,
        destination: &RouteDestination,
        peering: &VpcPeeringConnectionId,
    ) -> Block {
        let (argument, written) = match destination {
            RouteDestination::Cidr(cidr @ IpNet::V4(_)) => ("destination_cidr_block", cidr.to_string()),
            RouteDestination::Cidr(cidr @ IpNet::V6(_)) => ("destination_ipv6_cidr_block", cidr.to_string()),
            RouteDestination::PrefixList(list) => ("destination_prefix_list_id", list.to_string()),
        };
        Block::resource("aws_route", &format!("{table}_{written}"))
            .with("route_table_id", Value::Text(table.to_string()))
            .with(argument, Value::Text(written))
            .with("vpc_peering_connection_id", self.peering(peering))
    }

    /// A route that is there already and is to lead elsewhere.
    fn existing_route(
        &self,
        table: &RouteTableId,
        destination: &RouteDestination,
        peering: &VpcPeeringConnectionId,
    ) -> Vec<Block> {
        let written = match destination {
            RouteDestination::Cidr(cidr) => cidr.to_string(),
            RouteDestination::PrefixList(list) => list.to_string(),
        };
        let route = self.route(table, destination, peering);
        let import = Block::import(&route.address(), &format!("{table}_{written}"));
        Vec::from([import, route])
    }

    /// The acceptance of a peering; `None` where the request does it itself.
    fn acceptance(&self, name: &VpcPeeringConnectionId, accepter: Accepter) -> Option<Block> {
        if self.accepts_itself(name, accepter) {
            return None;
        }
        let id = self.peering(name);
        let peering = self.made(name).or_else(|| self.topology.peering(name));
        let block = match accepter {
            Accepter::Space => {
                let space = self.topology.space();
                let id_of_space = space.and_then(|space| space.id.clone().or_else(|| space.name.clone()));
                Block::resource("heroku_space_peering_connection_accepter", name.as_str())
                    .with("space", Value::Text(id_of_space.unwrap_or_else(|| "SPACE".to_string())))
                    .with("vpc_peering_connection_id", id)
            }
            Accepter::Account => {
                let block = Block::resource("aws_vpc_peering_connection_accepter", name.as_str());
                let block = match peering.and_then(other_account) {
                    Some(words) => {
                        block.noted(&words).with("provider", Value::Reference("aws.accepter".into()))
                    }
                    None => block,
                };
                block.with("vpc_peering_connection_id", id).with("auto_accept", Value::Bool(true))
            }
        };
        Some(block)
    }
}

/// Whether both sides are known to be of one account and in one Region.
fn is_in_one_place(Peering { requester, accepter, .. }: &Peering) -> bool {
    let same_account = requester.account.is_some() && requester.account == accepter.account;
    same_account && requester.region.is_some() && requester.region == accepter.region
}

/// Where the accepter needs a provider of its own: another account or Region than the requester's.
fn other_account(Peering { requester, accepter, .. }: &Peering) -> Option<String> {
    let account = accepter.account.as_ref().filter(|_| accepter.account != requester.account);
    let region = accepter.region.as_ref().filter(|_| accepter.region != requester.region);
    let account = account.map(|account: &AccountId| format!("account {account}"));
    let places: Vec<String> = account.into_iter().chain(region.map(ToString::to_string)).collect();
    (!places.is_empty())
        .then(|| format!("aws.accepter: a provider with this alias for {}", places.join(", ")))
}

/// The address of the resource that makes a peering.
fn made_anew(name: &VpcPeeringConnectionId) -> String {
    Block::resource("aws_vpc_peering_connection", name.as_str()).address()
}

fn rule(
    group: &SecurityGroupId,
    ingress: bool,
    protocol: IpProtocol,
    ports: EntryPorts,
    cidr: IpNet,
) -> Block {
    let (kind, way) = match ingress {
        true => ("aws_vpc_security_group_ingress_rule", "in"),
        false => ("aws_vpc_security_group_egress_rule", "out"),
    };
    let mut block = Block::resource(kind, &format!("{group}_{way}_{protocol}_{}_{cidr}", digits(ports)))
        .with("security_group_id", Value::Text(group.to_string()))
        .with(address_argument(cidr, "cidr_ipv4", "cidr_ipv6"), Value::Text(cidr.to_string()))
        .with("ip_protocol", Value::Text(protocol.to_string()));
    let range = match ports {
        EntryPorts::All => None,
        EntryPorts::Ports(range) => Some((i32::from(range.first()), i32::from(range.last()))),
        EntryPorts::Icmp(icmp_type, code) => Some((i32::from(icmp_type), code.map_or(-1, i32::from))),
    };
    if let Some((from, to)) = range {
        block = block.with("from_port", Value::Number(from)).with("to_port", Value::Number(to));
    }
    block
}

fn entry(
    acl: &NetworkAclId,
    rule_number: i32,
    egress: bool,
    protocol: IpProtocol,
    ports: EntryPorts,
    cidr: IpNet,
) -> Block {
    let protocol = match protocol {
        IpProtocol::ICMPV6 => "58".to_string(),
        other => other.to_string(),
    };
    let way = if egress { "out" } else { "in" };
    let block = Block::resource("aws_network_acl_rule", &format!("{acl}_{way}_{rule_number}"))
        .with("network_acl_id", Value::Text(acl.to_string()))
        .with("rule_number", Value::Number(rule_number))
        .with("egress", Value::Bool(egress))
        .with("protocol", Value::Text(protocol))
        .with("rule_action", Value::Text("allow".to_string()))
        .with(address_argument(cidr, "cidr_block", "ipv6_cidr_block"), Value::Text(cidr.to_string()));
    match ports {
        EntryPorts::All => block,
        EntryPorts::Ports(range) => block
            .with("from_port", Value::Number(range.first().into()))
            .with("to_port", Value::Number(range.last().into())),
        EntryPorts::Icmp(icmp_type, code) => block
            .with("icmp_type", Value::Number(icmp_type.into()))
            .with("icmp_code", Value::Number(code.map_or(-1, i32::from))),
    }
}

fn address_argument(cidr: IpNet, ipv4: &'static str, ipv6: &'static str) -> &'static str {
    match cidr {
        IpNet::V4(_) => ipv4,
        IpNet::V6(_) => ipv6,
    }
}

fn digits(ports: EntryPorts) -> String {
    match ports {
        EntryPorts::All => "all".to_string(),
        EntryPorts::Ports(range) => range.to_string(),
        EntryPorts::Icmp(icmp_type, _) => icmp_type.to_string(),
    }
}

/// Ids are outside data: a comment ends where its line does.
fn one_line(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}
