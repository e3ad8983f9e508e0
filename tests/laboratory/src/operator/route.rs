//! `create-route`, `replace-route` and `delete-route`.

use ipnet::IpNet;
use peerscope_document::Snapshot;
use peerscope_document::aws::{
    NetworkInterface, PeeringStatusCode, Route, RouteOrigin, RouteState, RouteTable,
};
use peerscope_document::id::VpcId;

use super::Printed;
use super::connection::Connection;
use super::error::Refusal;
use super::options::{Form, Options, block};
use super::places::{absent, change, check_region, documents, route_table, route_tables_mut, vpc};
use crate::twin::estate::Estate;

const DESTINATIONS: [&str; 3] =
    ["--destination-cidr-block", "--destination-ipv6-cidr-block", "--destination-prefix-list-id"];

const TARGETS: [&str; 11] = [
    "--vpc-peering-connection-id",
    "--network-interface-id",
    "--instance-id",
    "--nat-gateway-id",
    "--transit-gateway-id",
    "--egress-only-internet-gateway-id",
    "--local-gateway-id",
    "--carrier-gateway-id",
    "--core-network-arn",
    "--vpc-endpoint-id",
    "--gateway-id",
];

const TABLE: [&str; 2] = ["--region", "--route-table-id"];
const FORM: Form = Form::of(&[&TABLE, &DESTINATIONS, &TARGETS]);
const DELETE_FORM: Form = Form::of(&[&TABLE, &DESTINATIONS]);

pub(super) fn create(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&FORM, arguments)?;
    let table = table(snapshot, &options)?;
    let route = target(snapshot, &table.vpc_id, &options, destination(&options)?)?;
    check_inside(snapshot, &table.vpc_id, &route)?;
    let table = table.route_table_id.clone();
    change_routes(snapshot, table.as_str(), |routes| {
        // A propagated route may stand beside a static one of the same destination.
        if routes.iter().any(|other| !is_propagated(other) && is_same_destination(other, &route)) {
            let message = format!("The route identified by {} already exists.", words(&route));
            return Err(Refusal::service("RouteAlreadyExists", message));
        }
        routes.push(route);
        Ok(())
    })
}

pub(super) fn replace(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&FORM, arguments)?;
    let table = table(snapshot, &options)?;
    let route = target(snapshot, &table.vpc_id, &options, destination(&options)?)?;
    check_inside(snapshot, &table.vpc_id, &route)?;
    let table = table.route_table_id.clone();
    change_routes(snapshot, table.as_str(), |routes| {
        let mut existing = routes.iter_mut();
        match existing.find(|other| !is_propagated(other) && is_same_destination(other, &route)) {
            Some(existing) => {
                *existing = route;
                Ok(())
            }
            None => Err(Refusal::invalid(format!(
                "There is no route defined for '{}' in the route table. Use CreateRoute instead.",
                words(&route)
            ))),
        }
    })
}

pub(super) fn delete(snapshot: &mut Snapshot, arguments: &[&str]) -> Result<Printed, Refusal> {
    let options = Options::read(&DELETE_FORM, arguments)?;
    let route = destination(&options)?;
    let table = table(snapshot, &options)?.route_table_id.clone();
    change_routes(snapshot, table.as_str(), |routes| {
        let place =
            routes.iter().position(|other| !is_propagated(other) && is_same_destination(other, &route));
        match place {
            None => {
                let message = format!("no route with destination {} in route table {table}", words(&route));
                Err(Refusal::service("InvalidRoute.NotFound", message))
            }
            Some(place) if is_local(&routes[place]) => Err(Refusal::invalid(format!(
                "cannot remove local route {} in route table {table}",
                words(&route)
            ))),
            Some(place) => {
                routes.remove(place);
                Ok(())
            }
        }
    })
}

fn table<'s>(snapshot: &'s Snapshot, options: &Options<'_>) -> Result<&'s RouteTable, Refusal> {
    let id = options.required("--route-table-id")?;
    let table = route_table(snapshot, id)?;
    check_region(snapshot, options, Some(&table.vpc_id), "InvalidRouteTableID.NotFound", id)?;
    Ok(table)
}

fn change_routes(
    snapshot: &mut Snapshot,
    table: &str,
    work: impl FnOnce(&mut Vec<Route>) -> Result<(), Refusal>,
) -> Result<Printed, Refusal> {
    let copies = route_tables_mut(snapshot).filter(|it| it.route_table_id.as_str() == table);
    change(copies, |table| &mut table.routes, work)?;
    Ok(Some(String::new()))
}

/// A static route to the destination that was given, without a target.
fn destination(options: &Options<'_>) -> Result<Route, Refusal> {
    let (name, value) = options.one_of(&DESTINATIONS)?;
    let mut route = Route { origin: Some(RouteOrigin::CreateRoute), ..Route::default() };
    match name {
        "--destination-cidr-block" => route.destination_cidr_block = Some(block(name, value)?),
        "--destination-ipv6-cidr-block" => route.destination_ipv6_cidr_block = Some(block(name, value)?),
        _ => route.destination_prefix_list_id = Some(value.into()),
    }
    Ok(route)
}

/// The route with the target that was given.
fn target(
    snapshot: &Snapshot,
    table_vpc: &VpcId,
    options: &Options<'_>,
    mut route: Route,
) -> Result<Route, Refusal> {
    let (name, value) = options.one_of(&TARGETS)?;
    route.state = Some(RouteState::Active);
    let id = value.to_owned();
    // Of what no document lists, the kind that an id begins with is all that can be checked.
    match name {
        "--vpc-peering-connection-id" => {
            let peering = Connection::find(snapshot, value)?;
            if !peering.sides().any(|side| side.vpc.as_ref().is_none_or(|vpc| vpc == table_vpc)) {
                return Err(other_network(table_vpc, value));
            }
            if peering.status != Some(PeeringStatusCode::Active) {
                route.state = Some(RouteState::Blackhole);
            }
            route.vpc_peering_connection_id = Some(value.into());
        }
        "--network-interface-id" | "--instance-id" => {
            interface(snapshot, table_vpc, name, value, &mut route)?
        }
        "--nat-gateway-id" => route.nat_gateway_id = Some(of_kind(name, id, &["nat-"])?),
        "--transit-gateway-id" => route.transit_gateway_id = Some(of_kind(name, id, &["tgw-"])?),
        "--egress-only-internet-gateway-id" => {
            route.egress_only_internet_gateway_id = Some(of_kind(name, id, &["eigw-"])?);
        }
        "--local-gateway-id" => route.local_gateway_id = Some(of_kind(name, id, &["lgw-"])?),
        "--carrier-gateway-id" => route.carrier_gateway_id = Some(of_kind(name, id, &["cagw-"])?),
        "--core-network-arn" => route.core_network_arn = Some(of_kind(name, id, &["arn:"])?),
        // A route to a Gateway Load Balancer's endpoint shows it where gateways are.
        "--vpc-endpoint-id" => route.gateway_id = Some(of_kind(name, id, &["vpce-"])?),
        _ => route.gateway_id = Some(of_kind(name, id, &["igw-", "vgw-"])?),
    }
    Ok(route)
}

fn of_kind(option: &str, id: String, kinds: &[&str]) -> Result<String, Refusal> {
    if kinds.iter().any(|kind| id.starts_with(kind)) {
        return Ok(id);
    }
    Err(Refusal::invalid(format!("Value ({id}) for {option} is invalid: expected {}…", kinds.join("… or "))))
}

/// The interface that was named, or the only one of the instance.
fn interface(
    snapshot: &Snapshot,
    table_vpc: &VpcId,
    option: &str,
    id: &str,
    route: &mut Route,
) -> Result<(), Refusal> {
    let estate = Estate::new(snapshot);
    let instance_of =
        |it: &NetworkInterface| it.attachment.as_ref().and_then(|attachment| attachment.instance_id.clone());
    let is_named = |it: &NetworkInterface| match option {
        "--instance-id" => instance_of(it).is_some_and(|instance| instance.as_str() == id),
        _ => it.network_interface_id.as_str() == id,
    };
    let mut named = estate.interfaces.values().filter(|it| is_named(it));
    let interface = match (named.next(), named.next()) {
        (Some(interface), None) => interface,
        (Some(_), Some(_)) => {
            let message = format!("There are multiple interfaces attached to instance '{id}'.");
            return Err(Refusal::service("InvalidInstanceID", message));
        }
        (None, _) if option == "--instance-id" => {
            return Err(absent("InvalidInstanceID.NotFound", "instance", id));
        }
        (None, _) => return Err(absent("InvalidNetworkInterfaceID.NotFound", "networkInterface", id)),
    };
    if interface.vpc_id.as_ref().is_some_and(|vpc| vpc != table_vpc) {
        return Err(other_network(table_vpc, id));
    }
    route.network_interface_id = Some(interface.network_interface_id.clone());
    route.instance_id = instance_of(interface);
    Ok(())
}

fn other_network(table_vpc: &VpcId, id: &str) -> Refusal {
    Refusal::invalid(format!("the route table's network {table_vpc} and {id} belong to different networks"))
}

/// Inside a VPC's own blocks only a whole subnet may be routed, and to few targets; link-local addresses
/// of AWS's own not at all.
fn check_inside(snapshot: &Snapshot, table_vpc: &VpcId, route: &Route) -> Result<(), Refusal> {
    const RESERVED: IpNet =
        IpNet::V4(ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(169, 254, 168, 0), 22));
    let Some(destination) = network(route) else { return Ok(()) };
    if RESERVED.contains(&destination) {
        return Err(Refusal::invalid(format!("the destination {destination} is reserved")));
    }
    let estate = Estate::new(snapshot);
    let blocks = vpc(snapshot, table_vpc.as_str()).map(|vpc| estate.blocks_of(vpc)).unwrap_or_default();
    let is_inside = |block: &IpNet| block.contains(&destination) && *block != destination;
    if !blocks.iter().any(is_inside) {
        return Ok(());
    }
    let is_subnet = documents(snapshot)
        .flat_map(|it| it.subnets.iter().flatten())
        .filter(|it| it.vpc_id == *table_vpc)
        .any(|it| it.cidr_block.is_some_and(|block| block.network() == destination));
    let is_endpoint = route.gateway_id.as_deref().is_some_and(|id| id.starts_with("vpce-"));
    let may = route.nat_gateway_id.is_some() || route.network_interface_id.is_some() || is_endpoint;
    if is_subnet && may {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "the destination {destination} lies inside the VPC {table_vpc}: only a whole subnet's traffic can be \
         routed, to a NAT gateway, an interface or an endpoint"
    )))
}

fn network(route: &Route) -> Option<IpNet> {
    route.destination_cidr_block.or(route.destination_ipv6_cidr_block).map(|block| block.network())
}

fn is_same_destination(one: &Route, other: &Route) -> bool {
    network(one) == network(other) && one.destination_prefix_list_id == other.destination_prefix_list_id
}

fn is_propagated(route: &Route) -> bool {
    matches!(route.origin, Some(RouteOrigin::EnableVgwRoutePropagation | RouteOrigin::Advertisement))
}

fn is_local(route: &Route) -> bool {
    route.gateway_id.as_deref() == Some("local")
}

fn words(route: &Route) -> String {
    match (network(route), &route.destination_prefix_list_id) {
        (Some(network), _) => network.to_string(),
        (None, Some(list)) => list.to_string(),
        (None, None) => String::new(),
    }
}
