//! What one router does: its route tables and its rules, worked out from the documents.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::aws::{NetworkInterface, Subnet};
use peerscope_document::id::{SecurityGroupId, VpcId, VpcPeeringConnectionId};

use super::estate::{Estate, Network};
use super::filter::{Member, Way, acl_rules, group_rules};
use super::gate::GateKind;
use super::plan::{PlannedRouter, PlannedTable};
use super::route::{Leads, effective, lookup};
use super::ruleset::{NOWHERE, Ruleset, Stage};

/// A host of one network while its router is planned.
pub(crate) struct Attached<'a> {
    pub(crate) port: String,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) interface: Option<&'a NetworkInterface>,
    pub(crate) subnet: Option<&'a Subnet>,
}

/// The hosts of each network.
pub(crate) type AttachedTo<'a> = BTreeMap<Network, Vec<Attached<'a>>>;
/// The port of each wire, the same at both its ends.
pub(crate) type Wires = BTreeMap<VpcPeeringConnectionId, (String, [Network; 2])>;

/// The wires of one network: peering, port and the network at the other end.
fn wires_of<'w>(
    wires: &'w Wires,
    network: &'w Network,
) -> impl Iterator<Item = (&'w VpcPeeringConnectionId, &'w str, &'w Network)> {
    wires.iter().filter_map(move |(id, (port, [one, other]))| {
        if one == network {
            Some((id, port.as_str(), other))
        } else if other == network {
            Some((id, port.as_str(), one))
        } else {
            None
        }
    })
}

/// What arrives over a wire reaches this network's own hosts and nothing else.
fn arrival_table(hosts: &[Attached<'_>], from: Vec<String>) -> PlannedTable {
    let mut table = PlannedTable { from, routes: host_routes(hosts, |_| true) };
    close(&mut table);
    table
}

fn host_routes(hosts: &[Attached<'_>], is_local: impl Fn(IpAddr) -> bool) -> BTreeMap<IpNet, String> {
    let mut routes = BTreeMap::new();
    for host in hosts {
        for &address in host.addresses.iter().filter(|address| is_local(**address)) {
            routes.entry(IpNet::from(address)).or_insert_with(|| host.port.clone());
        }
    }
    routes
}

/// Sends everything else nowhere, so that no packet falls through to another table.
fn close(table: &mut PlannedTable) {
    for all in [IpNet::from(ipnet::Ipv4Net::default()), IpNet::from(ipnet::Ipv6Net::default())] {
        table.routes.entry(all).or_insert_with(|| NOWHERE.to_owned());
    }
}

/// The space's router: dynos reach each other and the primary CIDRs of peered VPCs, and nothing is filtered.
pub(crate) fn space_router(estate: &Estate<'_>, attached: &AttachedTo<'_>, wires: &Wires) -> PlannedRouter {
    let hosts = attached.get(&Network::Space).map(Vec::as_slice).unwrap_or_default();
    let mut rules = Ruleset::default();
    let mut own = PlannedTable {
        from: hosts.iter().map(|host| host.port.clone()).collect(),
        routes: host_routes(hosts, |_| true),
    };
    for (id, port, other) in wires_of(wires, &Network::Space) {
        // Heroku routes the primary CIDR of a peered VPC and no other.
        let Network::Vpc(vpc) = other else { continue };
        let documented = estate.vpcs.get(vpc).and_then(|vpc| vpc.cidr_block);
        let heroku = estate.heroku.peerings.iter().flatten().find(|it| it.pcx_id.as_ref() == Some(id));
        let listed = heroku.and_then(|peering| peering.cidr_blocks.first().copied());
        if let Some(block) = documented.or(listed) {
            own.routes.entry(block.network()).or_insert_with(|| port.to_owned());
        }
    }
    close(&mut own);
    let from: Vec<String> = wires_of(wires, &Network::Space).map(|(_, port, _)| port.to_owned()).collect();
    let no_route = rules.gate(GateKind::Route, "space");
    let transit = rules.gate(GateKind::PeeringArrival, "space");
    own.from.iter().for_each(|port| rules.attach(Stage::Route, port, &no_route));
    from.iter().for_each(|port| rules.attach(Stage::Route, port, &transit));
    let tables = vec![arrival_table(hosts, from), own];
    let (ruleset, gates) = rules.finish();
    PlannedRouter { tables, ruleset, gates }
}

/// A VPC's router.
pub(crate) fn vpc_router(
    estate: &Estate<'_>,
    vpc: &VpcId,
    attached: &AttachedTo<'_>,
    wires: &Wires,
) -> PlannedRouter {
    let network = Network::Vpc(vpc.clone());
    let hosts = attached.get(&network).map(Vec::as_slice).unwrap_or_default();
    let ports_of_wires: BTreeMap<&VpcPeeringConnectionId, &str> =
        wires_of(wires, &network).map(|(id, port, _)| (id, port)).collect();
    let mut rules = Ruleset::default();

    let from: Vec<String> = ports_of_wires.values().map(|&port| port.to_owned()).collect();
    let transit = rules.gate(GateKind::PeeringArrival, vpc.as_str());
    from.iter().for_each(|port| rules.attach(Stage::Route, port, &transit));
    let mut tables = vec![arrival_table(hosts, from)];

    let mut by_subnet: BTreeMap<Option<&str>, Vec<&Attached<'_>>> = BTreeMap::new();
    for host in hosts {
        by_subnet.entry(host.subnet.map(|subnet| subnet.subnet_id.as_str())).or_default().push(host);
    }
    let mut by_table: BTreeMap<Option<&str>, (PlannedTable, String)> = BTreeMap::new();
    for members in by_subnet.values() {
        let subnet = members.first().and_then(|host| host.subnet);
        let ports: Vec<String> = members.iter().map(|host| host.port.clone()).collect();
        let table = subnet.and_then(|subnet| estate.route_table_of(subnet));
        let key = table.map(|table| table.route_table_id.as_str());
        let (planned, no_route) = by_table.entry(key).or_insert_with(|| {
            let document = estate.vpcs.get(vpc).copied();
            let routes = effective(estate, document, table, |id| ports_of_wires.contains_key(id));
            let mut planned = PlannedTable::default();
            let is_local = |address| lookup(&routes, address) == Some(&Leads::Local);
            planned.routes = host_routes(hosts, is_local);
            for (block, leads) in &routes {
                let port = match leads {
                    Leads::Wire(id) => ports_of_wires.get(id).copied().unwrap_or(NOWHERE),
                    Leads::Local | Leads::Nowhere => NOWHERE,
                };
                planned.routes.entry(*block).or_insert_with(|| port.to_owned());
            }
            close(&mut planned);
            (planned, rules.gate(GateKind::Route, key.unwrap_or(vpc.as_str())))
        });
        ports.iter().for_each(|port| rules.attach(Stage::Route, port, no_route));
        planned.from.extend(ports.iter().cloned());
        if let Some(subnet) = subnet {
            acl_gates(estate, &mut rules, subnet, &ports);
        }
    }
    tables.extend(by_table.into_values().map(|(table, _)| table));

    for host in hosts {
        if let Some(interface) = host.interface {
            let members = |group: &SecurityGroupId| members_of(estate, group, &network, attached, wires);
            group_gates(estate, &mut rules, interface, &host.port, members);
        }
    }
    let (ruleset, gates) = rules.finish();
    PlannedRouter { tables, ruleset, gates }
}

fn acl_gates(estate: &Estate<'_>, rules: &mut Ruleset, subnet: &Subnet, ports: &[String]) {
    // Without the document nothing is known, and nothing dropped.
    let Some(acl) = estate.network_acl_of(subnet) else { return };
    let neighbours =
        format!("{{ {} }}", ports.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", "));
    for (way, kind, stage, other) in [
        (Way::Out, GateKind::NetworkAclEgress, Stage::AclOut, "oifname"),
        (Way::In, GateKind::NetworkAclIngress, Stage::AclIn, "iifname"),
    ] {
        let chain = rules.filter(kind, subnet.subnet_id.as_str(), |drop| {
            let mut lines = vec![format!("{other} {neighbours} return")];
            lines.extend(acl_rules(&acl.entries, way, drop));
            lines
        });
        ports.iter().for_each(|port| rules.attach(stage, port, &chain));
    }
}

fn group_gates(
    estate: &Estate<'_>,
    rules: &mut Ruleset,
    interface: &NetworkInterface,
    port: &str,
    members: impl Fn(&SecurityGroupId) -> Vec<Member>,
) {
    for (way, kind, stage) in [
        (Way::Out, GateKind::SecurityGroupEgress, Stage::GroupOut),
        (Way::In, GateKind::SecurityGroupIngress, Stage::GroupIn),
    ] {
        let id = interface.network_interface_id.as_str();
        let chain = rules.filter(kind, id, |_| group_rules(estate, interface, way, &members));
        rules.attach(stage, port, &chain);
    }
}

/// Whom a reference to a group means for an interface of `network`: those who have the group in the same
/// network, and over an active peering within the Region those in the peer's.
fn members_of(
    estate: &Estate<'_>,
    group: &SecurityGroupId,
    network: &Network,
    attached: &AttachedTo<'_>,
    wires: &Wires,
) -> Vec<Member> {
    let having = |network: &Network| {
        let hosts = attached.get(network).map(Vec::as_slice).unwrap_or_default();
        hosts.iter().filter(|host| {
            let groups = host.interface.iter().flat_map(|interface| &interface.groups);
            groups.into_iter().any(|it| it.group_id == *group)
        })
    };
    let mut members: Vec<Member> = having(network)
        .map(|host| Member { port: host.port.clone(), addresses: host.addresses.clone() })
        .collect();
    for (_, port, other) in wires_of(wires, network).filter(|(id, _, _)| estate.is_within_a_region(id)) {
        let addresses: Vec<IpAddr> = having(other).flat_map(|host| host.addresses.clone()).collect();
        if !addresses.is_empty() {
            members.push(Member { port: port.to_owned(), addresses });
        }
    }
    members
}
