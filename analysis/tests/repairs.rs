//! Repairs against the truth of one packet at a time: what a gate proposes lets the asked flows through,
//! AWS would take it, and what else it opens is exactly what is listed.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "each room of tests asks what it needs")]
mod asking;
#[expect(dead_code, reason = "each room of tests uses what it needs of the truth")]
mod brute_force;
mod documents;
mod mending;

use std::net::IpAddr;

use peerscope_analysis::flow::{Flow, Flows, PortRange};
use peerscope_analysis::reach::reach;
use peerscope_analysis::repair::{Edit, EntryPorts, newly_open};
use peerscope_analysis::topology::Topology;

use asking::{Asked, application, dynos};
use brute_force::{Packet, Place, blockers};
use documents::World;
use documents::rules::{entry, over_peering, permission, propagated, route, tcp};
use mending::{Fault, apply, of_space, of_two_vpcs, without_peering};

/// The healthy worlds with neighbours: machines that a careless repair would open.
fn with_neighbours(mut world: World, vpc: &str, prefix: &str) -> World {
    use peerscope_document::aws::IpProtocol;
    let everything = permission(IpProtocol::All, None, &["10.0.0.0/8"]);
    world.group("sg-open", vpc, vec![everything], Vec::new());
    world.group("sg-ssh", vpc, vec![tcp(22, "10.0.0.0/8")], Vec::new());
    world.interface("eni-open", vpc, "subnet-db", &[&format!("{prefix}.30")], &["sg-open"]);
    world.interface("eni-both", vpc, "subnet-db", &[&format!("{prefix}.31")], &["sg-db", "sg-ssh"]);
    // Calls of one's own: what a route lets back it also lets out.
    let out = permission(IpProtocol::All, None, &["0.0.0.0/0"]);
    world.group("sg-caller", vpc, Vec::new(), vec![out]);
    world.interface("eni-caller", vpc, "subnet-db", &[&format!("{prefix}.32")], &["sg-caller"]);
    world.interface("eni-caller-too", vpc, "subnet-db", &[&format!("{prefix}.33")], &["sg-caller"]);
    third(&mut world, vpc);
    world
}

/// Another VPC, peered with this one too, whose machines take calls and make them.
fn third(world: &mut World, vpc: &str) {
    use peerscope_document::aws::IpProtocol;
    world.vpc("vpc-third", &["10.9.0.0/16"]);
    world.subnet("subnet-third", "vpc-third", &["10.9.0.0/24"]);
    world.network_acl("acl-third", "vpc-third", &["subnet-third"], documents::rules::open_entries());
    let everything = || vec![permission(IpProtocol::All, None, &["0.0.0.0/0"])];
    world.group("sg-third", "vpc-third", everything(), everything());
    world.interface("eni-third", "vpc-third", "subnet-third", &["10.9.0.10"], &["sg-third"]);
    let block = if vpc == "vpc-db" && world.heroku.space.is_some() { "10.100.0.0/16" } else { "10.2.0.0/16" };
    let routes = vec![route("10.9.0.0/16", "local"), route(block, "pcx-third")];
    world.route_table("rtb-third", "vpc-third", &["main"], routes);
    world.routes("rtb-db").push(route("10.9.0.0/16", "pcx-third"));
    world.peering("pcx-third", (vpc, &[block]), ("vpc-third", &["10.9.0.0/16"]), "active");
}

/// Every packet that matters: between the machines of the two networks, in every direction, and of a
/// third network where there is one.
fn packets(world: &World, asked: Asked) -> Vec<(&'static str, &'static str, Packet)> {
    let mut found = Vec::new();
    let networks = [asked.from, asked.to, "vpc-third"];
    for (from_network, to_network) in
        networks.iter().flat_map(|from| networks.iter().map(move |to| (*from, *to)))
    {
        if (from_network, to_network) == ("space", "space") {
            continue;
        }
        let (sources, targets) = (machines(world, from_network), machines(world, to_network));
        for (from, to) in sources.iter().flat_map(|from| targets.iter().map(move |to| (*from, *to))) {
            if (from_network, from) == (to_network, to) {
                continue;
            }
            let mut add = |protocol, from_port, to_port| {
                found.push((from_network, to_network, Packet { from, to, protocol, from_port, to_port }));
            };
            add(1, 0, 8 << 8);
            add(47, 0, 0);
            for from_port in [0, 1023, 1024, 5432, 32767, 32768, 49151, 49152, 60999, 61000, 65535] {
                for to_port in [0, 22, 5000, 5431, 5432, 5433, 6000, 6001, 40000, 65535] {
                    add(6, from_port, to_port);
                    add(17, from_port, to_port);
                }
            }
        }
    }
    found
}

/// The machines of a network: dynos and others at the edges of the space's blocks, or every interface.
fn machines(world: &World, network: &str) -> Vec<IpAddr> {
    if network == "space" {
        let edges = ["10.0.5.5", "10.0.128.0", "10.0.128.7", "10.0.143.255", "10.0.144.0", "10.0.159.255"];
        return edges.iter().filter_map(|address| address.parse().ok()).collect();
    }
    let interfaces = world.aws.network_interfaces.iter().flatten();
    let own = interfaces.filter(|one| one.vpc_id.as_ref().is_some_and(|id| id.as_str() == network));
    own.filter_map(|one| one.private_ip_address).map(IpAddr::V4).collect()
}

fn flow(packet: Packet) -> Flow {
    Flow {
        source: packet.from,
        destination: packet.to,
        protocol: packet.protocol,
        source_port: packet.from_port,
        port: packet.to_port,
    }
}

fn place(name: &str) -> Place {
    if name == "space" { Place::Space } else { Place::Vpc(name.to_string()) }
}

/// Makes all edits in a copy of the documents.
fn mended(world: &World, edits: &[Edit]) -> Result<World, String> {
    let mut copy = world.clone();
    edits.iter().try_for_each(|edit| apply(&mut copy, edit))?;
    Ok(copy)
}

/// Every plan of every blocker, each beside the first plans of the others.
fn check(name: &str, world: &World, asked: Asked, can_be_mended: bool, turn: usize) {
    let topology = Topology::from(&world.snapshot());
    let (source, target) = asked.networks();
    let flows = asked.flows();
    let answer = reach(&topology, &source, &target, &flows);
    let plans: Vec<Vec<Vec<Edit>>> =
        answer.blockers().iter().map(|blocker| blocker.repairs(&topology, &flows)).collect();
    if !can_be_mended {
        assert!(plans.iter().any(Vec::is_empty), "{name}: nothing mends this");
        return;
    }
    // What is a fault for tcp need not be one for an echo.
    assert!(!plans.is_empty() || asked.protocol != 6, "{name}: nothing is wrong");
    for (at, own) in plans.iter().enumerate() {
        assert!(!own.is_empty(), "{name}: no plan for {:?}", answer.blockers()[at].component);
        let mut others: Vec<Edit> = Vec::new();
        for (_, other) in plans.iter().enumerate().filter(|(other, _)| *other != at) {
            others.extend(other[0].iter().filter(|edit| !others.contains(edit)).cloned().collect::<Vec<_>>());
        }
        for plan in own {
            let fresh: Vec<Edit> = plan.iter().filter(|edit| !others.contains(edit)).cloned().collect();
            check_plan(name, world, asked, &others, &fresh, turn);
        }
    }
}

fn check_plan(name: &str, world: &World, asked: Asked, others: &[Edit], plan: &[Edit], turn: usize) {
    let context = || format!("{name}: {plan:?} after {others:?}");
    let (source, target) = asked.networks();
    let flows = asked.flows();
    // In the engine's own topology.
    let mut before = Topology::from(&world.snapshot());
    others.iter().for_each(|edit| edit.apply(&mut before));
    let mut after = before.clone();
    plan.iter().for_each(|edit| edit.apply(&mut after));
    let admitted = reach(&after, &source, &target, &flows).opening().admitted;
    assert!(admitted == flows, "{}: not all is admitted", context());
    let opened = newly_open(&before, &after, plan, &source, &target, &flows);
    // In the documents, by the truth.
    let first = mended(world, others).unwrap_or_else(|error| panic!("{}: {error}", context()));
    let second = mended(&first, plan).unwrap_or_else(|error| panic!("{}: {error}", context()));
    let (first, second) = (first.snapshot(), second.snapshot());
    let meant = meant(plan, asked);
    let all = packets(world, asked);
    for (from, to, packet) in all.into_iter().skip(turn % 97).step_by(97) {
        let (here, there) = (place(from), place(to));
        let passes_after = blockers(&second, &here, &there, packet).is_empty();
        let is_asked = (from, to) == (asked.from, asked.to);
        if is_asked && flows.contains(&flow(packet)) {
            assert!(passes_after, "{}: {packet:?} is still stopped", context());
        }
        let newly = passes_after && !blockers(&first, &here, &there, packet).is_empty();
        let beyond = newly && !(is_asked && meant.contains(&flow(packet)));
        let listed = opened.iter().any(|opened| opened.flows.contains(&flow(packet)));
        assert_eq!(listed, beyond, "{}: {packet:?} listed, and opened beyond what was asked", context());
    }
}

/// What a plan is for: the port, from whichever source port; a route or a peering has to serve the whole
/// space that it leads to.
fn meant(plan: &[Edit], asked: Asked) -> Flows {
    let filters = |edit: &Edit| matches!(edit, Edit::Authorize { .. } | Edit::AllowInNetworkAcl { .. });
    let asked = match asked.from {
        "space" if !plan.iter().all(filters) => Asked { source: "10.0.0.0/16", ..asked },
        _ => asked,
    };
    Asked { source_ports: PortRange::ALL, ..asked }.flows()
}

fn check_all(healthy: &World, asked: Asked, faults: &[Fault]) {
    for (at, one) in faults.iter().enumerate() {
        let mut world = healthy.clone();
        (one.put_into)(&mut world);
        check(one.name, &world, asked, one.can_be_mended, at);
        for (with, two) in faults.iter().enumerate().skip(at + 1) {
            let mut world = world.clone();
            (two.put_into)(&mut world);
            let name = format!("{} and {}", one.name, two.name);
            check(&name, &world, asked, one.can_be_mended && two.can_be_mended, at * 7 + with);
        }
    }
}

#[test]
fn every_plan_from_a_space_mends_and_opens_what_it_says() {
    check_all(&with_neighbours(World::space_and_database(), "vpc-db", "10.100.2"), dynos(), of_space());
}

#[test]
fn every_plan_between_two_vpcs_mends_and_opens_what_it_says() {
    check_all(&with_neighbours(World::two_vpcs(), "vpc-db", "10.2.0"), application(), of_two_vpcs());
}

/// Makes the peering that is missing, beside whatever else is wrong but a peering's state.
fn check_without_peering(healthy: &World, asked: Asked, faults: &[Fault]) {
    for (at, missing) in without_peering().iter().enumerate() {
        let mut world = healthy.clone();
        (missing.put_into)(&mut world);
        check(missing.name, &world, asked, missing.can_be_mended, at);
        let others = faults.iter().filter(|fault| !fault.name.contains("peering"));
        for (with, other) in others.enumerate() {
            let mut world = healthy.clone();
            (other.put_into)(&mut world);
            (missing.put_into)(&mut world);
            let name = format!("{} and {}", missing.name, other.name);
            check(&name, &world, asked, other.can_be_mended, at * 7 + with);
        }
    }
}

#[test]
fn every_plan_without_a_peering_mends_and_opens_what_it_says() {
    let space = with_neighbours(World::space_and_database(), "vpc-db", "10.100.2");
    check_without_peering(&space, dynos(), of_space());
    let two = with_neighbours(World::two_vpcs(), "vpc-db", "10.2.0");
    check_without_peering(&two, application(), of_two_vpcs());
}

/// A copy of the topology for every machine of a large block would cost minutes.
#[test]
fn what_a_missing_peering_needs_is_asked_once_a_pair_of_subnets() {
    use std::collections::BTreeSet;
    let mut world = World::two_vpcs();
    world.aws.vpc_peering_connections = Some(Vec::new());
    world.subnet("subnet-far", "vpc-app", &["10.1.9.0/24"]);
    world.interface("eni-near", "vpc-app", "subnet-app", &["10.1.0.11"], &["sg-app"]);
    world.interface("eni-far", "vpc-app", "subnet-far", &["10.1.9.10"], &["sg-app"]);
    let answer = Asked { source: "10.1.0.0/16", ..application() }.of(&world.snapshot());
    let blockers = answer.blockers();
    let missing = blockers.iter().find(|one| one.code.name() == "PEERING_MISSING").expect("no peering");
    let alike: BTreeSet<_> = missing.gates.iter().filter_map(|gate| gate.repaired_alike()).collect();
    assert_eq!((missing.gates.len(), alike.len()), (3, 2));
}

#[test]
fn every_plan_for_an_echo_mends_and_opens_what_it_says() {
    use peerscope_document::aws::IpProtocol;
    let mut world = with_neighbours(World::space_and_database(), "vpc-db", "10.100.2");
    world.rules("sg-db").ip_permissions.push(permission(IpProtocol::ICMP, Some((8, 0)), &["10.0.0.0/16"]));
    check_all(&world, dynos().echo(), of_space());
}

/// The database's VPC calls dynos.
#[test]
fn every_plan_towards_a_space_mends() {
    use peerscope_document::aws::IpProtocol;
    let mut healthy = World::space_and_database();
    healthy.rules("sg-db").ip_permissions_egress =
        vec![permission(IpProtocol::TCP, Some((5432, 5432)), &["10.0.0.0/16"])];
    let asked = Asked {
        from: "vpc-db",
        to: "space",
        source: "10.100.2.20/32",
        destination: "10.0.128.0/19",
        ..dynos()
    };
    let faults = of_space().iter().filter(|fault| {
        ["route", "peering", "table", "prefix", "blackhole"].iter().any(|word| fault.name.contains(word))
    });
    for fault in faults {
        let mut world = healthy.clone();
        (fault.put_into)(&mut world);
        check(fault.name, &world, asked, fault.can_be_mended, 0);
    }
}

#[test]
fn plans_for_one_acl_that_serves_both_ends_do_not_take_the_same_number() {
    let mut world = World::space_and_database();
    world.subnet("subnet-0", "vpc-db", &["10.100.3.0/24"]);
    world.aws.network_acls = None;
    world.network_acl("acl-db", "vpc-db", &["subnet-db", "subnet-0"], Vec::new());
    world.group("sg-0", "vpc-db", Vec::new(), vec![tcp(5432, "10.100.0.0/16")]);
    world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.100.0.0/16")];
    world.interface("eni-0", "vpc-db", "subnet-0", &["10.100.3.9"], &["sg-0"]);
    let asked = Asked { from: "vpc-db", source: "10.100.3.9/32", ..dynos() };
    check("one ACL for both subnets", &world, asked, true, 0);
}

#[test]
fn a_new_peering_takes_over_the_routes_of_prefix_lists_too() {
    let mut world = World::space_and_database();
    world.prefix_list("pl-1", &["10.0.0.0/16"]);
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    let mut dead = route("pl-1", "pcx-1");
    dead.state = Some(peerscope_document::aws::RouteState::Blackhole);
    world.routes("rtb-db").push(dead);
    world.status("pcx-1", "expired");
    check("a prefix list over an expired peering", &world, dynos(), true, 0);
}

#[test]
fn no_plan_replaces_a_local_route() {
    let mut world = World::space_and_database();
    world.aws.vpcs = Some(Vec::new());
    world.vpc("vpc-db", &["10.100.0.0/16", "10.0.0.0/16"]);
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    world.routes("rtb-db").push(route("10.0.0.0/16", "local"));
    world.status("pcx-1", "failed");
    let topology = Topology::from(&world.snapshot());
    for blocker in dynos().of(&world.snapshot()).blockers() {
        for plan in blocker.repairs(&topology, &dynos().flows()) {
            for edit in &plan {
                let mut copy = world.clone();
                apply(&mut copy, edit).unwrap_or_else(|error| panic!("{edit:?}: {error}"));
            }
        }
    }
}

/// The plans of the only blocker.
fn plans(world: &World, asked: Asked) -> Vec<Vec<Edit>> {
    let topology = Topology::from(&world.snapshot());
    let answer = asked.of(&world.snapshot());
    let [blocker] = &answer.blockers()[..] else { panic!("not one blocker") };
    blocker.repairs(&topology, &asked.flows())
}

/// The blocks that the edits of the only plan are for.
fn blocks(plans: &[Vec<Edit>]) -> Vec<String> {
    let [plan] = plans else { panic!("{} plans", plans.len()) };
    let block = |edit: &Edit| match edit {
        Edit::CreateRoute { destination, .. } | Edit::ReplaceRoute { destination, .. } => *destination,
        Edit::Authorize { cidr, .. } | Edit::AllowInNetworkAcl { cidr, .. } => *cidr,
        _ => panic!("{edit:?} is for no block"),
    };
    plan.iter().map(|edit| block(edit).to_string()).collect()
}

#[test]
fn a_group_rule_is_for_the_missing_blocks_and_the_port_alone() {
    let mut world = World::space_and_database();
    world.rules("sg-db").ip_permissions = vec![tcp(5432, "10.0.128.0/20"), tcp(5432, "10.0.144.0/24")];
    let plans = plans(&world, dynos());
    assert_eq!(blocks(&plans), ["10.0.145.0/24", "10.0.146.0/23", "10.0.148.0/22", "10.0.152.0/21"]);
    let port = EntryPorts::Ports(PortRange::single(5432));
    assert!(plans[0].iter().all(|edit| matches!(edit, Edit::Authorize { ports, .. } if *ports == port)));
}

/// No plan proposes such a rule; a change by hand could be weighed all the same.
#[test]
fn a_rule_for_calls_opens_every_machine_that_it_is_for() {
    let mut world = with_neighbours(World::two_vpcs(), "vpc-db", "10.2.0");
    world.rules("sg-app").ip_permissions_egress.clear();
    let edit = Edit::Authorize {
        group: "sg-app".into(),
        ingress: false,
        protocol: peerscope_document::aws::IpProtocol::All,
        ports: EntryPorts::All,
        cidr: documents::cidr("10.2.0.0/16").network(),
    };
    check_plan("a wide rule", &world, application(), &[], &[edit], 0);
}

#[test]
fn each_group_of_an_interface_could_take_the_rule() {
    let mut world = World::space_and_database();
    world.group("sg-0", "vpc-db", Vec::new(), Vec::new());
    world.rules("sg-db").ip_permissions.clear();
    world.aws.network_interfaces = None;
    world.interface("eni-db", "vpc-db", "subnet-db", &["10.100.2.20"], &["sg-db", "sg-0"]);
    assert_eq!(plans(&world, dynos()).len(), 2);
}

#[test]
fn an_entry_gets_the_nearest_free_number_before_the_one_that_denies() {
    use peerscope_document::aws::IpProtocol;
    let mut world = World::space_and_database();
    for number in [40, 39, 37] {
        let block = if number == 40 { "10.0.128.0/20" } else { "192.168.0.0/16" };
        world.entries("acl-db").push(entry("in", number, "deny", IpProtocol::All, None, block));
    }
    // The numbers of the other direction are no matter.
    world.entries("acl-db").push(entry("out", 38, "allow", IpProtocol::All, None, "10.0.0.0/8"));
    let plans = plans(&world, dynos());
    assert_eq!(blocks(&plans), ["10.0.128.0/20"]);
    assert!(matches!(plans[0][..], [Edit::AllowInNetworkAcl { rule_number: 38, egress: false, .. }]));
}

#[test]
fn where_no_number_is_free_before_the_denying_entry_there_is_no_plan() {
    use peerscope_document::aws::IpProtocol;
    let mut world = World::space_and_database();
    world.entries("acl-db").push(entry("in", 2, "deny", IpProtocol::All, None, "10.0.128.0/20"));
    world.entries("acl-db").push(entry("in", 1, "allow", IpProtocol::TCP, Some((22, 22)), "0.0.0.0/0"));
    assert!(plans(&world, dynos()).is_empty());
}

#[test]
fn an_entry_for_replies_is_for_the_callers_ports_that_lack_one() {
    use peerscope_document::aws::IpProtocol;
    let mut world = World::space_and_database();
    world.entries("acl-db").retain(|one| !one.egress);
    world.entries("acl-db").push(entry("out", 7, "allow", IpProtocol::TCP, Some((1024, 49151)), "0.0.0.0/0"));
    let plans = plans(&world, dynos());
    assert_eq!(blocks(&plans), ["10.0.128.0/19"]);
    let ports = EntryPorts::Ports(PortRange::new(49152, 60999).unwrap());
    let expected = |edit: &Edit| matches!(edit, Edit::AllowInNetworkAcl { ports: found, egress: true, rule_number: 11, .. } if *found == ports);
    assert!(plans[0].iter().all(expected), "{plans:?}");
}

#[test]
fn a_route_is_for_the_spaces_network_where_the_table_has_none_of_its_blocks() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    assert_eq!(blocks(&plans(&world, dynos())), ["10.0.0.0/16"]);
}

#[test]
fn a_route_is_for_each_block_where_the_table_does_it_so_already() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    world.routes("rtb-db").push(route("10.0.128.0/20", "pcx-1"));
    assert_eq!(blocks(&plans(&world, dynos())), ["10.0.144.0/20"]);
}

#[test]
fn a_route_inside_the_space_that_leads_elsewhere_is_turned_and_a_shorter_one_is_left() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").push(route("10.0.128.0/24", "nat-1"));
    let turned = plans(&world, dynos());
    assert_eq!(blocks(&turned), ["10.0.128.0/24"]);
    let previous = Some(("--nat-gateway-id", "nat-1".to_string()));
    assert!(matches!(&turned[0][..], [Edit::ReplaceRoute { previous: found, .. }] if *found == previous));
    let mut world = World::space_and_database();
    world.routes("rtb-db").retain(|one| !over_peering(one, "pcx-1"));
    world.routes("rtb-db").push(route("10.0.0.0/8", "tgw-1"));
    let made = plans(&world, dynos());
    assert_eq!(blocks(&made), ["10.0.0.0/16"]);
    assert!(matches!(made[0][..], [Edit::CreateRoute { .. }]), "others use the shorter one");
}

#[test]
fn a_propagated_route_is_beaten_by_a_static_one_since_nobody_can_edit_it() {
    let mut world = World::space_and_database();
    world.routes("rtb-db").push(propagated(route("10.0.128.0/20", "vgw-1")));
    let plans = plans(&world, dynos());
    assert_eq!(blocks(&plans), ["10.0.128.0/20"]);
    assert!(matches!(plans[0][..], [Edit::CreateRoute { .. }]));
}

#[test]
fn a_failed_peering_of_overlapping_vpcs_cannot_be_asked_for_again() {
    let mut world = World::space_and_database();
    world.aws.vpc_peering_connections = None;
    world.peering(
        "pcx-1",
        ("vpc-db", &["10.100.0.0/16", "10.0.64.0/20"]),
        ("vpc-space", &["10.0.0.0/16"]),
        "failed",
    );
    let topology = Topology::from(&world.snapshot());
    let answer = dynos().of(&world.snapshot());
    assert!(!answer.blockers().is_empty());
    for blocker in answer.blockers() {
        assert!(blocker.repairs(&topology, &dynos().flows()).is_empty(), "{:?}", blocker.component);
    }
}
