//! Random worlds: a space peered with VPC A, which is peered with VPC B, and at times a VPC C that uses
//! the same addresses as one of them and concerns nobody.
//!
//! Blocks and ports come from small alphabets, so that edges of rules, routes and questions coincide or
//! miss each other by one all the time. What AWS would not let one make (two static routes of one
//! destination, two active peerings of one pair) is not made.

use peerscope_document::aws::{IpPermission, IpProtocol, NetworkAclEntry, Route, RouteState};

use super::Choices;
use crate::documents::World;
use crate::documents::rules::{entry, open_entries, permission, propagated, route};

/// Blocks of IPv4 that rules and routes are about.
pub(crate) const BLOCKS: &[&str] = &[
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.128.0/17",
    "10.0.128.0/20",
    "10.0.144.0/20",
    "10.0.128.0/24",
    "10.0.128.7/32",
    "10.1.0.0/16",
    "10.1.0.0/24",
    "10.1.0.10/32",
    "10.1.0.0/28",
    "10.1.1.0/24",
    "10.2.0.0/16",
    "10.2.0.10/32",
    "10.3.0.0/16",
    "10.3.0.0/24",
    "10.3.0.10/32",
    "10.4.0.0/16",
    // Host bits are set: AWS clears them.
    "10.3.0.77/25",
    "10.0.130.1/19",
];

/// Blocks of IPv6.
pub(crate) const BLOCKS_V6: &[&str] = &[
    "::/0",
    "2001:db8:a::/56",
    "2001:db8:b::/56",
    "2001:db8:a::/64",
    "2001:db8:b::/64",
    "2001:db8:a::10/128",
    "2001:db8:b::10/128",
    "2001:db8:a:1::/64",
    "2001:db8:b:1::10/128",
    "2001:db8::/32",
    // Host bits are set: AWS clears them.
    "2001:db8:b:7::9/60",
];

/// Ports at the edges of ranges that people write.
pub(crate) const PORTS: &[u16] =
    &[5432, 0, 1, 22, 1023, 1024, 5431, 5433, 32767, 32768, 49151, 49152, 60999, 61000, 65535];

/// ICMP's types and codes as rules have them.
const ICMP: &[(i32, i32)] =
    &[(-1, -1), (8, -1), (8, 0), (0, -1), (0, 0), (-1, 0), (8, 1), (3, 4), (128, -1), (129, 0), (129, -1)];

const PROTOCOLS: &[IpProtocol] = &[
    IpProtocol::TCP,
    IpProtocol::All,
    IpProtocol::UDP,
    IpProtocol::ICMP,
    IpProtocol::ICMPV6,
    IpProtocol::Number(47),
];

/// States of a peering, active first, of which none is as near to active as another.
const STATES: &[&str] =
    &["active", "pending-acceptance", "provisioning", "initiating-request", "expired", "failed", "deleted"];

/// States that are as far from active as one of the others: no peering beside them.
const STATES_ALONE: &[&str] = &["rejected", "deleting"];

const GROUPS: &[&str] = &["sg-a1", "sg-a2", "sg-b1", "sg-b2"];

/// A world of these choices.
pub(crate) fn world(choices: &mut Choices) -> World {
    let mut world = World::new();
    choices.decide_harm();
    world.space("10.0.0.0/16", &["10.0.128.0/20", "10.0.144.0/20"], "vpc-space");
    let a = ["10.1.0.0/16", "10.2.0.0/16", "2001:db8:a::/56"];
    let b = ["10.3.0.0/16", "10.4.0.0/16", "2001:db8:b::/56"];
    world.vpc("vpc-a", &a);
    world.vpc("vpc-b", &b);
    world.subnet("subnet-a1", "vpc-a", &["10.1.0.0/24", "2001:db8:a::/64"]);
    world.subnet("subnet-a2", "vpc-a", &["10.1.1.0/24"]);
    world.subnet("subnet-a3", "vpc-a", &["10.2.0.0/24"]);
    world.subnet("subnet-b1", "vpc-b", &["10.3.0.0/24", "2001:db8:b::/64"]);
    world.subnet("subnet-b2", "vpc-b", &["10.4.0.0/24"]);
    // Subnets of IPv6 alone.
    world.subnet("subnet-a6", "vpc-a", &["2001:db8:a:1::/64"]);
    world.subnet("subnet-b6", "vpc-b", &["2001:db8:b:1::/64"]);
    world.prefix_list("pl-1", &["10.0.128.0/20", "10.3.0.0/24"]);
    world.prefix_list("pl-2", &["10.0.0.0/16", "10.1.0.10/32", "10.4.0.0/16", "2001:db8:b::/56"]);

    let to_space =
        peerings(&mut world, choices, "pcx-s", ("vpc-a", &a[..2]), ("vpc-space", &["10.0.0.0/16"]));
    let to_b = peerings(&mut world, choices, "pcx-b", ("vpc-a", &a), ("vpc-b", &b));
    let targets_a: Vec<&(String, bool)> = to_space.iter().chain(&to_b).collect();
    let targets_b: Vec<&(String, bool)> = to_b.iter().collect();
    for (vpc, blocks, subnets, targets) in [
        ("a", &a, &["subnet-a1", "subnet-a2", "subnet-a3", "subnet-a6"][..], &targets_a),
        ("b", &b, &["subnet-b1", "subnet-b2", "subnet-b6"][..], &targets_b),
    ] {
        side(&mut world, choices, vpc, blocks, subnets, targets);
    }
    let between = status_of(&world, to_b.first().map(|(id, _)| id.as_str()));
    for (id, vpc) in [("sg-a1", "vpc-a"), ("sg-a2", "vpc-a"), ("sg-b1", "vpc-b"), ("sg-b2", "vpc-b")] {
        let (ingress, egress) = (permissions(choices, id, &between), permissions(choices, id, &between));
        world.group(id, vpc, ingress, egress);
    }
    for (id, vpc, subnet, addresses) in [
        ("eni-a1", "vpc-a", "subnet-a1", &["10.1.0.10", "2001:db8:a::10"][..]),
        ("eni-a1b", "vpc-a", "subnet-a1", &["10.1.0.11", "10.1.0.15"][..]),
        ("eni-a2", "vpc-a", "subnet-a2", &["10.1.1.10"][..]),
        ("eni-a3", "vpc-a", "subnet-a3", &["10.2.0.10"][..]),
        ("eni-b1", "vpc-b", "subnet-b1", &["10.3.0.10", "2001:db8:b::10"][..]),
        ("eni-b2", "vpc-b", "subnet-b2", &["10.4.0.10"][..]),
        ("eni-a6", "vpc-a", "subnet-a6", &["2001:db8:a:1::10"][..]),
        ("eni-b6", "vpc-b", "subnet-b6", &["2001:db8:b:1::10", "2001:db8:b:1::11"][..]),
    ] {
        let groups = if vpc == "vpc-a" { &GROUPS[..2] } else { &GROUPS[2..] };
        let attached =
            if choices.harm(20) { &[] } else { choices.pick(&[&groups[..1], groups, &groups[1..]]) };
        world.interface(id, vpc, subnet, addresses, attached);
    }
    world.interface("eni-appliance", "vpc-a", "subnet-a2", &["10.1.1.99"], &GROUPS[..1]);
    for one in world.aws.network_interfaces.iter_mut().flatten() {
        one.source_dest_check = Some(one.network_interface_id.as_str() != "eni-appliance");
    }
    if choices.percent(40) {
        unconcerned(&mut world, choices);
    }
    world
}

/// A number below `end`, mostly 0 in a healthy world.
fn some(choices: &mut Choices, end: usize) -> usize {
    if choices.harm(100) { choices.below(end) } else { 0 }
}

/// A VPC that uses the addresses of another, with groups of another too.
pub(crate) fn unconcerned(world: &mut World, choices: &mut Choices) {
    let (block, subnet, address) = choices.pick(&[
        ("10.0.0.0/16", "10.0.128.0/24", "10.0.128.7"),
        ("10.1.0.0/16", "10.1.0.0/24", "10.1.0.10"),
        ("10.3.0.0/16", "10.3.0.0/24", "10.3.0.10"),
    ]);
    world.vpc("vpc-c", &[block]);
    world.subnet("subnet-c", "vpc-c", &[subnet]);
    world.route_table("rtb-c", "vpc-c", &["main"], vec![route(block, "local"), route("0.0.0.0/0", "igw-c")]);
    world.network_acl("acl-c", "vpc-c", &["default"], open_entries());
    world.interface("eni-0c", "vpc-c", "subnet-c", &[address], &[choices.pick(GROUPS)]);
    world.peering("pcx-c", ("vpc-c", &[block]), ("vpc-d", &["10.9.0.0/16"]), "active");
}

/// The peerings of a pair of VPCs, no two in the same state, and whether each is active.
fn peerings(
    world: &mut World,
    choices: &mut Choices,
    name: &str,
    one: (&str, &[&str]),
    other: (&str, &[&str]),
) -> Vec<(String, bool)> {
    let count = if choices.harm(60) { choices.pick(&[0, 1, 2, 3]) } else { 1 };
    let mut at = if choices.harm(30) { choices.below(STATES.len()) } else { 0 };
    let mut made = Vec::new();
    for number in 0..count {
        let id = format!("{name}{number}");
        let alone = count == 1 && at > 0 && choices.percent(20);
        let status = if alone { choices.pick(STATES_ALONE) } else { STATES[at % STATES.len()] };
        at += 1 + choices.below(2);
        let (one, other) = if choices.percent(50) { (other, one) } else { (one, other) };
        world.peering(&id, one, other, status);
        made.push((id, status == "active"));
    }
    made
}

fn status_of(world: &World, id: Option<&str>) -> (String, String) {
    let all = world.aws.vpc_peering_connections.iter().flatten();
    let found = id.and_then(|id| all.into_iter().find(|one| one.vpc_peering_connection_id.as_str() == id));
    let code = found.and_then(|peering| peering.status.as_ref()?.code.clone());
    let status = code.map_or("deleted".to_string(), |code| code.as_str().to_string());
    (id.unwrap_or("pcx-gone").to_string(), status)
}

/// The tables and ACLs of one VPC.
fn side(
    world: &mut World,
    choices: &mut Choices,
    vpc: &str,
    blocks: &[&str],
    subnets: &[&str],
    peerings: &[&(String, bool)],
) {
    let id = format!("vpc-{vpc}");
    let (mut explicit, mut guarded) = (Vec::new(), Vec::new());
    for subnet in subnets {
        explicit.extend(choices.percent(40).then_some(*subnet));
        guarded.extend(choices.percent(50).then_some(*subnet));
    }
    let main = routes(choices, blocks, peerings);
    world.route_table(&format!("rtb-{vpc}-main"), &id, &["main"], main);
    let other = routes(choices, blocks, peerings);
    world.route_table(&format!("rtb-{vpc}-other"), &id, &explicit, other);
    let default = entries(choices);
    world.network_acl(&format!("acl-{vpc}-default"), &id, &["default"], default);
    let other = entries(choices);
    world.network_acl(&format!("acl-{vpc}-other"), &id, &guarded, other);
}

fn routes(choices: &mut Choices, own: &[&str], peerings: &[&(String, bool)]) -> Vec<Route> {
    let mut routes: Vec<Route> = own.iter().map(|block| route(block, "local")).collect();
    let dead = |mut route: Route, active: bool| {
        if !active {
            route.state = Some(RouteState::Blackhole);
        }
        route
    };
    for (peering, active) in peerings {
        if !choices.harm(40) {
            let blocks: &[&str] = if peering.starts_with("pcx-s") {
                &["10.0.0.0/16"]
            } else if own[0] == "10.1.0.0/16" {
                &["10.3.0.0/16", "10.4.0.0/16", "2001:db8:b::/56"]
            } else {
                &["10.1.0.0/16", "10.2.0.0/16", "2001:db8:a::/56"]
            };
            routes.extend(blocks.iter().map(|block| dead(route(block, peering), *active)));
        }
    }
    let to_space = peerings.iter().find(|(id, _)| id.starts_with("pcx-s"));
    if let Some((peering, active)) = to_space.filter(|_| choices.harm(10)) {
        // A static route goes before one of a prefix list with the same block.
        routes.insert(own.len(), route("10.0.0.0/16", "igw-1"));
        routes.push(dead(route("pl-2", peering), *active));
    }
    for _ in 0..some(choices, 5) {
        let destinations = choices.pick(&[BLOCKS, BLOCKS, BLOCKS, BLOCKS_V6, &["pl-1", "pl-2"]]);
        let destination = choices.pick(destinations);
        let mut made = match choices.below(8) {
            0 | 1 if !peerings.is_empty() => {
                let (peering, active) = choices.pick(peerings);
                dead(route(destination, peering), *active && !choices.percent(15))
            }
            2 => route(destination, "nat-1"),
            3 if !destination.starts_with("pl-") => propagated(route(destination, "vgw-1")),
            4 => route(destination, "pcx-elsewhere"),
            5 => route(destination, "tgw-1"),
            6 => route(destination, choices.pick(&["eni-appliance", "eni-a2", "eni-b2"])),
            _ => route(destination, "igw-1"),
        };
        if made.origin == propagated(Route::default()).origin && choices.percent(25) {
            made.state = Some(RouteState::Filtered);
        }
        routes.push(made);
    }
    unambiguous(routes)
}

/// Leaves out what would not have been made: of routes with one destination and origin the first stays,
/// and of those for prefix lists one.
fn unambiguous(routes: Vec<Route>) -> Vec<Route> {
    let key = |route: &Route| {
        let block = route.destination_cidr_block.or(route.destination_ipv6_cidr_block);
        let list = route.destination_prefix_list_id.is_some();
        (block.map(|block| block.network()), list, route.origin == propagated(Route::default()).origin)
    };
    let mut kept: Vec<Route> = Vec::new();
    for route in routes {
        // The local route counts as static here: nobody makes another of its destination.
        if kept.iter().all(|one| key(one) != key(&route)) {
            kept.push(route);
        }
    }
    kept
}

fn entries(choices: &mut Choices) -> Vec<NetworkAclEntry> {
    let mut entries = Vec::new();
    for towards in ["in", "out"] {
        let mut number = 0;
        for _ in 0..some(choices, 5) {
            number += choices.pick(&[1, 10, 90, 99]);
            let action = choices.pick(&["deny", "allow"]);
            let protocol = choices.pick(PROTOCOLS);
            let range = range(choices, protocol);
            let ipv6 = choices.percent(20);
            let block = choices.pick(if ipv6 { BLOCKS_V6 } else { BLOCKS });
            entries.push(entry(towards, number, action, protocol, range, block));
        }
        if !choices.harm(35) {
            entries.push(entry(towards, 1000, "allow", IpProtocol::All, None, "0.0.0.0/0"));
            entries.push(entry(towards, 1001, "allow", IpProtocol::All, None, "::/0"));
        }
        if choices.percent(50) {
            entries.push(entry(towards, 32767, "deny", IpProtocol::All, None, "0.0.0.0/0"));
            entries.push(entry(towards, 32768, "deny", IpProtocol::All, None, "::/0"));
        }
    }
    // The order of the API's answer means nothing.
    if choices.percent(50) {
        entries.reverse();
    }
    entries
}

fn range(choices: &mut Choices, protocol: IpProtocol) -> Option<(i32, i32)> {
    match protocol {
        IpProtocol::ICMP | IpProtocol::ICMPV6 => Some(choices.pick(ICMP)).filter(|pair| *pair != (-1, -1)),
        IpProtocol::TCP | IpProtocol::UDP => {
            let (one, other) = (i32::from(choices.pick(PORTS)), i32::from(choices.pick(PORTS)));
            let ranges = [Some((one.min(other), one.max(other))), Some((one, one)), None, Some((-1, -1))];
            choices.pick(&ranges)
        }
        // A range on a protocol without ports is ignored.
        _ => choices.percent(20).then_some((22, 22)),
    }
}

fn permissions(choices: &mut Choices, owner: &str, peering: &(String, String)) -> Vec<IpPermission> {
    let mut permissions = Vec::new();
    if !choices.harm(60) {
        permissions.push(permission(IpProtocol::All, None, &["0.0.0.0/0", "::/0"]));
    }
    for _ in 0..choices.below(4) {
        let protocol = choices.pick(PROTOCOLS);
        let range = range(choices, protocol);
        let peers: Vec<&str> = (0..=choices.below(3))
            .map(|_| match choices.below(8) {
                0..=3 => choices.pick(BLOCKS),
                4 => choices.pick(BLOCKS_V6),
                5 => choices.pick(&["pl-1", "pl-2"]),
                _ => choices.pick(GROUPS),
            })
            .collect();
        let mut made = permission(protocol, range, &peers);
        for pair in &mut made.user_id_group_pairs {
            // A reference into the peered VPC says which peering it goes through and how that stands.
            let group = pair.group_id.as_ref().map(|id| id.as_str().to_string()).unwrap_or_default();
            if group[..4] != owner[..4] {
                pair.vpc_id = Some(format!("vpc-{}", &group[3..4]).as_str().into());
                pair.vpc_peering_connection_id = Some(peering.0.as_str().into());
                pair.peering_status = Some(peering.1.clone()).filter(|_| !choices.percent(30));
                if choices.harm(10) {
                    pair.vpc_peering_connection_id = Some("pcx-gone".into());
                }
            }
        }
        permissions.push(made);
    }
    permissions
}
