//! What turns one plan into the next, as text for `ip -batch`.
//!
//! There is no ARP: both ends of every wire have one and the same hardware address and need no resolution,
//! so that no packet is ever lost to a neighbour that is being looked up.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;

use super::plan::{Plan, PlannedHost, PlannedTable};
use super::ruleset::{NOWHERE, NOWHERE_VERSION_SIX};

const HARDWARE_ADDRESS: &str = "02:00:00:00:00:01";

/// Name of a host's only interface inside its namespace.
pub(crate) const HOST_PORT: &str = "eth0";

/// Deletions, to be run outside of the twin's namespaces, before [`additions`].
pub(crate) fn removals(prefix: &str, old: &Plan, new: &Plan) -> (Vec<String>, Vec<(String, String)>) {
    let kept_host = |host: &PlannedHost| new.hosts.values().any(|other| other == host);
    let kept_router = |name: &String| new.routers.contains_key(name);
    let hosts = old.hosts.values().filter(|host| host.is_real && !kept_host(host)).map(|host| &host.name);
    let routers = old.routers.keys().filter(|name| !kept_router(name));
    let namespaces = hosts.chain(routers).map(|name| format!("{prefix}.{name}")).collect();
    let links = old
        .wires
        .iter()
        .filter(|(id, wire)| new.wires.get(*id) != Some(wire) && kept_router(&wire.routers[0]))
        .map(|(_, wire)| (format!("{prefix}.{}", wire.routers[0]), wire.name.clone()))
        // The namespace of a host goes later than its name; its wire must be gone at once.
        .chain(
            old.hosts
                .values()
                .filter(|host| !kept_host(host) && kept_router(&host.router))
                .map(|host| (format!("{prefix}.{}", host.router), host.name.clone())),
        )
        .collect();
    (namespaces, links)
}

/// Hosts that the old plan has not, or has otherwise.
pub(crate) fn new_hosts<'p>(old: &Plan, new: &'p Plan) -> Vec<&'p PlannedHost> {
    let is_old = |host: &PlannedHost| old.hosts.values().any(|other| other == host);
    new.hosts.values().filter(|host| !is_old(host)).collect()
}

/// The new namespaces.
pub(crate) fn namespaces(prefix: &str, old: &Plan, new: &Plan) -> String {
    let mut text = String::new();
    let routers = new.routers.keys().filter(|name| !old.routers.contains_key(*name));
    let hosts = new_hosts(old, new).into_iter().filter(|host| host.is_real).map(|host| &host.name);
    for name in hosts.chain(routers) {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "netns add {prefix}.{name}");
    }
    text
}

/// The new wires, from a host to its router and from router to router.
///
/// The two ends are given different indices. Linux takes an end whose peer has the same index in another
/// namespace for a lone device, and may then let a second pass before it sends anything (linkwatch).
pub(crate) fn links(prefix: &str, old: &Plan, new: &Plan) -> String {
    let mut text = String::new();
    let mut link = |[here, there]: [&str; 2], [port, peer]: [&str; 2]| {
        let index = index(port);
        let _ = writeln!(
            text,
            "link add {port} index {index} netns {prefix}.{here} address {HARDWARE_ADDRESS} arp off type veth \
             peer name {peer} index {} netns {prefix}.{there} address {HARDWARE_ADDRESS} arp off",
            index + 1
        );
    };
    for host in new_hosts(old, new).into_iter().filter(|host| host.is_real) {
        link([&host.router, &host.name], [&host.name, HOST_PORT]);
    }
    for (_, wire) in new.wires.iter().filter(|(id, wire)| old.wires.get(*id) != Some(wire)) {
        link([&wire.routers[0], &wire.routers[1]], [&wire.name, &wire.name]);
    }
    text
}

/// An index for a port `h7` or `p7` that no other port of its namespace has, nor the one after it.
fn index(port: &str) -> usize {
    let (kind, number) = port.split_at(1);
    let base = if kind == "p" { 1_000_000 } else { 100 };
    base + 2 * number.parse::<usize>().unwrap_or_default()
}

/// The inside of a host: its addresses, and everything else by way of its router.
pub(crate) fn host(host: &PlannedHost) -> String {
    let mut text = format!("link set lo up\nlink set {HOST_PORT} arp off addrgenmode none up\n");
    for address in &host.addresses {
        // Nobody else has the address: it can be used at once.
        let at_once = if address.is_ipv6() { " nodad" } else { "" };
        let _ = writeln!(text, "addr add {} dev {HOST_PORT}{at_once}", IpNet::from(*address));
    }
    let _ = writeln!(text, "route add default via 169.254.1.1 dev {HOST_PORT} onlink");
    if host.addresses.iter().any(IpAddr::is_ipv6) {
        let _ = writeln!(text, "route add ::/0 dev {HOST_PORT}");
    }
    text
}

/// The ports that a router has by a plan.
pub(crate) fn ports(router: &str, plan: &Plan) -> Vec<String> {
    let hosts = plan.hosts.values().filter(|host| host.is_real && host.router == router);
    let hosts = hosts.map(|host| host.name.clone());
    let wires = plan.wires.values().filter(|wire| wire.routers.iter().any(|it| it == router));
    hosts.chain(wires.map(|wire| wire.name.clone())).collect()
}

/// The kernel's number of a table: two generations stand side by side while the one replaces the other.
fn number(generation: u32, index: usize) -> usize {
    generation_base(generation) + index
}

fn generation_base(generation: u32) -> usize {
    // Below 1000 are the kernel's own (253 to 255) and nothing of ours.
    if generation.is_multiple_of(2) { 1_000_000 } else { 2_000_000 }
}

/// Brings up a router's ports and gives each its table. While both generations of rules stand, either of
/// them is whole, and each port changes over in one step.
pub(crate) fn tables(ports: &[String], tables: &[PlannedTable], generation: u32) -> String {
    let mut text = String::from("link set lo up\n");
    for port in ports {
        let _ = writeln!(text, "link set {port} arp off addrgenmode none up");
    }
    for (index, table) in tables.iter().enumerate() {
        let number = number(generation, index);
        for (block, port) in table.routes.iter().filter(|(block, _)| block.addr().is_ipv4()) {
            let _ = writeln!(text, "route add {} table {number}", way(*block, port, ports));
        }
    }
    text + &rules(tables, generation)
}

/// By a port, or into nothing where the port's host is not real: no device is there then.
fn way(block: IpNet, port: &str, ports: &[String]) -> String {
    if port == NOWHERE || ports.iter().any(|known| known == port) {
        format!("{block} dev {port}")
    } else {
        format!("blackhole {block}")
    }
}

/// What IPv6 needs beside that.
pub(crate) struct VersionSix {
    /// The wire to nowhere. It may be there already.
    pub(crate) nowhere: String,
    pub(crate) routes: String,
    pub(crate) rules: String,
}

/// The same for IPv6, where a table needs it. `ip` takes rules for IPv4 unless a batch is told otherwise as
/// a whole.
pub(crate) fn version_six_tables(
    ports: &[String],
    tables: &[PlannedTable],
    generation: u32,
) -> Option<VersionSix> {
    if !tables.iter().any(PlannedTable::has_version_six) {
        return None;
    }
    let nowhere = format!(
        "link add {NOWHERE_VERSION_SIX} arp off type veth peer name {NOWHERE_VERSION_SIX}-end arp off\n\
         link set {NOWHERE_VERSION_SIX} addrgenmode none up\n\
         link set {NOWHERE_VERSION_SIX}-end addrgenmode none up\n"
    );
    let mut routes = String::new();
    for (index, table) in tables.iter().enumerate() {
        let number = number(generation, index);
        for (block, port) in table.routes.iter().filter(|(block, _)| block.addr().is_ipv6()) {
            let way = if port == NOWHERE {
                format!("{block} dev {NOWHERE_VERSION_SIX}")
            } else {
                way(*block, port, ports)
            };
            let _ = writeln!(routes, "route add {way} table {number}");
        }
    }
    Some(VersionSix { nowhere, routes, rules: rules(tables, generation) })
}

fn rules(tables: &[PlannedTable], generation: u32) -> String {
    let mut text = String::new();
    for (index, table) in tables.iter().enumerate() {
        for port in &table.from {
            let _ = writeln!(
                text,
                "rule add pref {} iif {port} lookup {}",
                preference(generation),
                number(generation, index)
            );
        }
    }
    text
}

/// Removes the rules and tables of a generation that another has replaced.
pub(crate) fn retire_tables(tables: &[PlannedTable], generation: u32) -> String {
    let mut text = String::new();
    for table in tables {
        for _ in &table.from {
            let _ = writeln!(text, "rule del pref {}", preference(generation));
        }
    }
    for index in 0..tables.len() {
        let _ = writeln!(text, "route flush table {}", number(generation, index));
    }
    text
}

fn preference(generation: u32) -> u32 {
    100 + generation % 2
}
