//! An edit as AWS's calls change the documents, with their refusals: what a plan does in the engine is
//! held against this.

use peerscope_analysis::repair::{Edit, EntryPorts};
use peerscope_analysis::topology::RouteDestination;
use peerscope_document::aws::{IpProtocol, Route, RouteOrigin, RouteState};

use crate::documents::World;
use crate::documents::rules::{entry, permission, route};

/// Makes the change; an error is what AWS would refuse it with.
pub(crate) fn apply(world: &mut World, edit: &Edit) -> Result<(), String> {
    match edit {
        Edit::CreateRoute { table, destination, peering } => {
            let made = route(&destination.to_string(), peering.as_str());
            let routes = world.routes(table.as_str());
            if routes.iter().any(|one| is_static(one) && has_destination(one, &made)) {
                return Err(format!("RouteAlreadyExists: {destination} in {table}"));
            }
            routes.push(made);
        }
        Edit::ReplaceRoute { table, destination, peering, .. } => {
            let made = route(&destination.to_string(), peering.as_str());
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
