//! Peerings asked for, accepted and taken away again, by AWS's command line and Heroku's.

use alloc::format;
use alloc::string::{String, ToString};

use peerscope_document::id::{RouteTableId, VpcId, VpcPeeringConnectionId};

use super::{Written, destination_option, quoted, region_option};
use crate::repair::NewPeering;
use crate::repair::edit::Accepter;
use crate::repair::new_peering::variable;
use crate::repair::peering::{between, ends};
use crate::report::Tool;
use crate::topology::{ComponentId, NetworkId, Ownership, Peering, PeeringSide, RouteDestination, Topology};

/// What is true of every request that a space has to accept.
const SHOWS_LATE: &str = " A new request takes 1 to 3 minutes to show on Heroku's side.";

/// The request for a peering of two networks that have none; `None` where one of them has no id to ask for.
pub(crate) fn request_of_peering(
    topology: &Topology,
    source: &NetworkId,
    target: &NetworkId,
) -> Option<String> {
    let (requester, accepter) = ends(topology, source, target)?;
    Some(request(topology, &between(topology, requester, accepter)))
}

pub(super) fn create(
    topology: &Topology,
    requester: &VpcId,
    accepter: &NetworkId,
    new: Option<&NewPeering>,
) -> Written {
    let peering = between(topology, requester, accepter);
    Written {
        tool: Tool::Aws,
        command: kept(&request(topology, &peering), new),
        explanation: format!("Asks for a peering of {requester} with {accepter}: there is none."),
        undo: delete(&expansion(new), &region_option(&place(topology, &peering.requester))),
    }
}

pub(super) fn accept(
    topology: &Topology,
    id: &VpcPeeringConnectionId,
    accepter: Accepter,
    new: Option<&NewPeering>,
) -> Written {
    if let Some(new) = new {
        let (tool, command, by) = acceptance(topology, &new.made.accepter, &new.expansion(), accepter);
        let late = if accepter == Accepter::Space { SHOWS_LATE } else { "" };
        return Written {
            tool,
            command,
            explanation: format!("Accepts the new peering {by}.{late}"),
            undo: "# no acceptance can be taken back: deleting the new peering undoes it".to_string(),
        };
    }
    let side = topology.peering(id).map(|peering| peering.accepter.clone()).unwrap_or_default();
    let word = quoted(id);
    let (tool, command, by) = acceptance(topology, &side, &word, accepter);
    let undo = match accepter {
        Accepter::Space => {
            format!("heroku spaces:peerings:destroy {word} --space {} --confirm {word}", space_name(topology))
        }
        Accepter::Account => {
            delete(&word, &region_option(&topology.ownership(&ComponentId::VpcPeeringConnection(id.clone()))))
        }
    };
    Written { tool, command, explanation: format!("Accepts {id} {by}."), undo }
}

pub(super) fn replace(
    topology: &Topology,
    old: &VpcPeeringConnectionId,
    accepter: Accepter,
    routes: &[(RouteTableId, RouteDestination)],
    new: Option<&NewPeering>,
) -> Written {
    let id = expansion(new);
    let peering = topology.peering(old);
    let mut command = String::new();
    if let Some(peering) = peering {
        command.push_str(&kept(&request(topology, peering), new));
    }
    let side = peering.map(|peering| peering.accepter.clone()).unwrap_or_default();
    let (_, accept, _) = acceptance(topology, &side, &id, accepter);
    command.push_str(&format!("\n{accept}"));
    for (table, destination) in routes {
        let region = region_option(&topology.ownership(&ComponentId::RouteTable(table.clone())));
        let table = quoted(table);
        command.push_str(&format!(
            "\naws ec2 replace-route --route-table-id {table} {} --vpc-peering-connection-id {id}{region}",
            route_option(destination)
        ));
    }
    let late = if accepter == Accepter::Space { SHOWS_LATE } else { "" };
    let region = region_option(&topology.ownership(&ComponentId::VpcPeeringConnection(old.clone())));
    Written {
        tool: Tool::Aws,
        command,
        explanation: format!(
            "{old} cannot be revived: asks for a new peering, accepts it, and points the routes over {old} at it.{late}"
        ),
        undo: delete(&id, &region),
    }
}

/// The command that asks, run where the VPC is that asks.
fn request(topology: &Topology, peering: &Peering) -> String {
    let (requester, accepter) = (&peering.requester, &peering.accepter);
    let vpc = requester.vpc.as_ref().map_or_else(|| "VPC_ID".to_string(), quoted);
    let mut request = format!("aws ec2 create-vpc-peering-connection --vpc-id {vpc}");
    if let Some(vpc) = &accepter.vpc {
        request.push_str(&format!(" --peer-vpc-id {}", quoted(vpc)));
    }
    if let Some(account) = &accepter.account {
        request.push_str(&format!(" --peer-owner-id {}", quoted(account)));
    }
    let own = place(topology, requester);
    if let Some(region) = accepter.region.as_ref().filter(|region| own.region.as_ref() != Some(region)) {
        request.push_str(&format!(" --peer-region {}", quoted(region)));
    }
    request.push_str(&region_option(&own));
    request
}

/// The request, with the id of what it makes kept for the commands after it.
fn kept(request: &str, new: Option<&NewPeering>) -> String {
    let variable = variable(number(new));
    format!("{variable}=$({request} --query VpcPeeringConnection.VpcPeeringConnectionId --output text)")
}

/// The id of what the request makes, as a word of a command.
fn expansion(new: Option<&NewPeering>) -> String {
    format!("\"${}\"", variable(number(new)))
}

fn number(new: Option<&NewPeering>) -> usize {
    new.map_or(1, |new| new.number)
}

/// The command that accepts the peering of which this word is the id, the tool it needs, and who has to run it.
fn acceptance(
    topology: &Topology,
    side: &PeeringSide,
    id: &str,
    accepter: Accepter,
) -> (Tool, String, String) {
    match accepter {
        Accepter::Space => (
            Tool::Heroku,
            format!("heroku spaces:peerings:accept {id} --space {}", space_name(topology)),
            "on Heroku's side, as an admin of the space's team".to_string(),
        ),
        Accepter::Account => {
            let region = region_option(&Ownership { region: side.region.clone(), ..Ownership::default() });
            let account = side.account.as_ref().map(ToString::to_string);
            (
                Tool::Aws,
                format!("aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id {id}{region}"),
                format!("in account {}", account.unwrap_or_else(|| "of the accepter".to_string())),
            )
        }
    }
}

/// The command that deletes the peering of which this word is the id.
fn delete(id: &str, region: &str) -> String {
    format!("aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id {id}{region}")
}

/// Where a side is: its own word for its Region, else its VPC's.
fn place(topology: &Topology, side: &PeeringSide) -> Ownership {
    let of_vpc = || topology.ownership(&ComponentId::Vpc(side.vpc.clone()?)).region;
    Ownership { region: side.region.clone().or_else(of_vpc), ..Ownership::default() }
}

fn space_name(topology: &Topology) -> String {
    let name = topology.space().and_then(|space| space.name.clone().or_else(|| space.id.clone()));
    quoted(name.unwrap_or_else(|| "SPACE".to_string()))
}

fn route_option(destination: &RouteDestination) -> String {
    match destination {
        RouteDestination::Cidr(cidr) => destination_option(*cidr),
        RouteDestination::PrefixList(list) => format!("--destination-prefix-list-id {}", quoted(list)),
    }
}
