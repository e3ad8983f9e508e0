//! An edit as AWS's calls change the documents, with their refusals: what a plan does in the engine is
//! held against this.

use ipnet::IpNet;
use peerscope_analysis::repair::{Edit, EntryPorts};
use peerscope_analysis::topology::{NetworkId, RouteDestination};
use peerscope_document::aws::{IpProtocol, Route, RouteOrigin, RouteState};
use peerscope_document::id::{VpcId, VpcPeeringConnectionId};

use crate::documents::World;
use crate::documents::rules::{entry, permission, route};

/// Makes the change; an error is what AWS would refuse it with.
pub(crate) fn apply(world: &mut World, edit: &Edit) -> Result<(), String> {
    match edit {
        Edit::CreateRoute { table, destination, peering } => {
            let made = over(*destination, peering);
            let routes = world.routes(table.as_str());
            if routes.iter().any(|one| is_static(one) && has_destination(one, &made)) {
                return Err(format!("RouteAlreadyExists: {destination} in {table}"));
            }
            routes.push(made);
        }
        Edit::ReplaceRoute { table, destination, peering, .. } => {
            let made = over(*destination, peering);
            let routes = world.routes(table.as_str());
            let Some(known) = routes.iter_mut().find(|one| is_static(one) && has_destination(one, &made))
            else {
                return Err(format!("no route {destination} in {table} to replace"));
            };
            if known.gateway_id.as_deref() == Some("local") {
                return Err(format!("the local route of {table} cannot lead to a peering"));
            }
            *known = made;
        }
        Edit::Authorize { group, ingress, protocol, ports, cidr } => {
            let made = permission(*protocol, numbers(*ports), &[&cidr.to_string()]);
            let group = world.rules(group.as_str());
            let rules = if *ingress { &mut group.ip_permissions } else { &mut group.ip_permissions_egress };
            if rules.contains(&made) {
                return Err("InvalidPermission.Duplicate".to_string());
            }
            rules.push(made);
        }
        Edit::AllowInNetworkAcl { acl, rule_number, egress, protocol, ports, cidr } => {
            if !(1..=32766).contains(rule_number) {
                return Err(format!("{rule_number} is no number of an entry"));
            }
            let way = if *egress { "out" } else { "in" };
            let entries = world.entries(acl.as_str());
            if entries.iter().any(|one| one.egress == *egress && one.rule_number == *rule_number) {
                return Err(format!("NetworkAclEntryAlreadyExists: {way} #{rule_number} of {acl}"));
            }
            let range = Some(numbers(*ports)).flatten();
            if matches!(*protocol, IpProtocol::TCP | IpProtocol::UDP) && range.is_none() {
                return Err("tcp and udp need a range of ports".to_string());
            }
            entries.push(entry(way, *rule_number, "allow", *protocol, range, &cidr.to_string()));
        }
        Edit::CreatePeering { peering, requester, accepter } => {
            create(world, peering.as_str(), requester, accepter)?
        }
        Edit::AcceptPeering { peering, .. } => {
            if status(world, peering.as_str()) != "pending-acceptance" {
                return Err(format!("{peering} does not wait to be accepted"));
            }
            world.status(peering.as_str(), "active");
            revive(world, |route| is_over(route, peering.as_str()));
        }
        Edit::ReplacePeering { peering, routes, .. } => {
            if matches!(status(world, peering.as_str()).as_str(), "active" | "pending-acceptance") {
                return Err(format!("a second peering beside {peering} would fail"));
            }
            // The new one has another id, which is of no consequence for what packets do.
            world.status(peering.as_str(), "active");
            let named = |route: &Route| {
                let destination = RouteDestination::of(route);
                routes.iter().any(|(_, listed)| destination.as_ref() == Some(listed))
            };
            revive(world, |route| is_over(route, peering.as_str()) && named(route));
        }
    }
    Ok(())
}

/// A route over a peering, whatever it is called.
fn over(destination: IpNet, peering: &VpcPeeringConnectionId) -> Route {
    let mut made = route(&destination.to_string(), "pcx-");
    made.vpc_peering_connection_id = Some(peering.clone());
    made
}

/// What AWS makes of a request.
fn create(world: &mut World, id: &str, requester: &VpcId, accepter: &NetworkId) -> Result<(), String> {
    let (own, own_blocks) = side(world, &NetworkId::Vpc(requester.clone()))?;
    let (other, other_blocks) = side(world, accepter)?;
    for known in world.aws.vpc_peering_connections.iter().flatten() {
        let ends = [&known.requester_vpc_info, &known.accepter_vpc_info]
            .map(|end| end.as_ref().and_then(|end| end.vpc_id.as_ref()).map(VpcId::as_str));
        let joins = ends.contains(&Some(own.as_str())) && ends.contains(&Some(other.as_str()));
        let state = status(world, known.vpc_peering_connection_id.as_str());
        if joins && matches!(state.as_str(), "active" | "pending-acceptance" | "provisioning") {
            return Err(format!("VpcPeeringConnectionAlreadyExists: {own} and {other}"));
        }
    }
    let meets = |one: &IpNet| other_blocks.iter().any(|other| one.contains(other) || other.contains(one));
    if own_blocks.iter().any(meets) {
        return Err(format!("a peering of {own} and {other} fails: they overlap"));
    }
    let words = |blocks: &[IpNet]| blocks.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (own_blocks, other_blocks) = (words(&own_blocks), words(&other_blocks));
    let own_blocks: Vec<&str> = own_blocks.iter().map(String::as_str).collect();
    let other_blocks: Vec<&str> = other_blocks.iter().map(String::as_str).collect();
    world.peering(id, (&own, &own_blocks), (&other, &other_blocks), "pending-acceptance");
    Ok(())
}

/// The VPC of a side, and its blocks.
fn side(world: &World, network: &NetworkId) -> Result<(String, Vec<IpNet>), String> {
    if let NetworkId::Vpc(id) = network {
        let vpc = world.aws.vpcs.iter().flatten().find(|vpc| vpc.vpc_id == *id);
        let vpc = vpc.ok_or_else(|| format!("InvalidVpcID.NotFound: {id}"))?;
        let four = vpc.cidr_block_association_set.iter().map(|one| one.cidr_block.network());
        let six = vpc.ipv6_cidr_block_association_set.iter().map(|one| one.ipv6_cidr_block.network());
        return Ok((id.to_string(), four.chain(six).collect()));
    }
    let info = world.heroku.peering_info.as_ref().ok_or("no space to ask")?;
    let vpc = info.vpc_id.as_ref().ok_or("a space without a VPC")?;
    Ok((vpc.to_string(), info.vpc_cidr.iter().map(|cidr| cidr.network()).collect()))
}

fn numbers(ports: EntryPorts) -> Option<(i32, i32)> {
    match ports {
        EntryPorts::All => None,
        EntryPorts::Ports(range) => Some((i32::from(range.first()), i32::from(range.last()))),
        EntryPorts::Icmp(icmp_type, code) => Some((i32::from(icmp_type), code.map_or(-1, i32::from))),
    }
}

fn is_static(route: &Route) -> bool {
    matches!(route.origin, Some(RouteOrigin::CreateRoute | RouteOrigin::CreateRouteTable))
}

fn has_destination(one: &Route, other: &Route) -> bool {
    let block = |route: &Route| {
        let block = route.destination_cidr_block.or(route.destination_ipv6_cidr_block);
        block.map(|block| block.network())
    };
    block(one).is_some() && block(one) == block(other)
}

fn is_over(route: &Route, peering: &str) -> bool {
    route.vpc_peering_connection_id.as_ref().is_some_and(|id| id.as_str() == peering)
}

fn status(world: &World, peering: &str) -> String {
    let mut all = world.aws.vpc_peering_connections.iter().flatten();
    let known = all.find(|one| one.vpc_peering_connection_id.as_str() == peering);
    let code = known.and_then(|one| one.status.as_ref()?.code.clone());
    code.map(|code| code.as_str().to_string()).unwrap_or_default()
}

fn revive(world: &mut World, which: impl Fn(&Route) -> bool) {
    for table in world.aws.route_tables.iter_mut().flatten() {
        for route in table.routes.iter_mut().filter(|route| which(route)) {
            route.state = Some(RouteState::Active);
        }
    }
}
