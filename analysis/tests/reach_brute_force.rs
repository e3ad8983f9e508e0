//! `reach` against the truth of one packet at a time: the same verdict, and the same components with
//! the same directions and codes, for every packet of random questions about random worlds.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod brute_force;
mod cases;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
mod listed;
mod questions;

use std::collections::BTreeSet;

use peerscope_analysis::flow::{Flow, Flows};
use peerscope_analysis::reach::{Answer, Decision, Direction, reach};
use peerscope_analysis::topology::Topology;
use peerscope_document::Snapshot;
use proptest::prelude::*;

use brute_force::{Blocker, Choices, Packet, blockers, worlds};
use cases::cases;
use documents::World;
use documents::rules::{entry, open_entries, permission, route};
use listed::listed;
use questions::{Question, flow};

/// What the engine says stops a flow.
fn engine_blockers(answer: &Answer, flow: &Flow) -> Result<BTreeSet<Blocker>, String> {
    let segment = answer.segment_of(flow).ok_or("no segment has the flow")?;
    let (mut found, mut consequences) = (BTreeSet::new(), 0);
    for gate in &segment.gates {
        let parts: Vec<_> = gate.parts.iter().filter(|part| part.flows.contains(flow)).collect();
        let [part] = parts[..] else {
            return Err(format!("{} parts of {:?} have the flow", parts.len(), gate.gate));
        };
        match part.decision {
            Decision::Admitted | Decision::Assumed => {}
            Decision::Consequence => consequences += 1,
            Decision::Blocked(code) | Decision::Unknown(code) => {
                let component = gate.gate.component();
                found.insert(Blocker {
                    kind: kind(component.component_type().words()),
                    id: component.id().unwrap_or_default(),
                    direction: match gate.gate.direction() {
                        Some(Direction::Forward) => "forward",
                        Some(Direction::Return) => "return",
                        None => "both",
                    },
                    code: code.name(),
                    unknown: matches!(part.decision, Decision::Unknown(_)),
                });
            }
        }
    }
    if found.is_empty() && consequences > 0 {
        return Err("a consequence of nothing".to_string());
    }
    Ok(found)
}

fn kind(words: &str) -> &'static str {
    match words {
        "security group" => "security-group",
        "network ACL" => "network-acl",
        "route table" => "route-table",
        "VPC peering connection" => "vpc-peering-connection",
        "VPC" => "vpc",
        "network interface" => "network-interface",
        "subnet" => "subnet",
        "transit gateway" => "transit-gateway",
        "VPN gateway" => "vpn-gateway",
        _ => "another",
    }
}

fn ask(snapshot: &Snapshot, question: &Question) -> Answer {
    let (source, target) = question.networks();
    reach(&Topology::from(snapshot), &source, &target, &question.asked)
}

/// Disjoint, and together exactly the whole.
fn is_partition<'a>(whole: &Flows, parts: impl Iterator<Item = &'a Flows> + Clone) -> bool {
    let mut seen = Flows::none();
    for part in parts {
        if part.is_empty() || !seen.intersection(part).is_empty() {
            return false;
        }
        seen = seen.union(part);
    }
    seen == *whole
}

fn agrees(world: &World, question: &Question, packets: &[Packet]) -> Result<(), TestCaseError> {
    let snapshot = world.snapshot();
    let answer = ask(&snapshot, question);
    let opening = answer.opening();
    let named = answer.blockers();
    for packet in packets {
        let flow = flow(*packet);
        let truth = blockers(&snapshot, &question.from, &question.to, *packet);
        let engine = engine_blockers(&answer, &flow)
            .map_err(|error| TestCaseError::fail(format!("{packet:?}: {error}")))?;
        prop_assert_eq!(&engine, &truth, "engine (left) and truth (right) of {:?}", packet);
        prop_assert_eq!(opening.admitted.contains(&flow), truth.is_empty());
        let stopping = truth.iter().filter(|blocker| !blocker.unknown).count();
        prop_assert_eq!(opening.blocked.contains(&flow), stopping > 0);
        prop_assert_eq!(opening.unknown.contains(&flow), stopping == 0 && !truth.is_empty());
        let named = named.iter().filter(|blocker| blocker.flows.contains(&flow)).count();
        prop_assert_eq!(named, stopping, "blockers() names each once");
    }
    Ok(())
}

fn tape() -> impl Strategy<Value = Choices> {
    prop::collection::vec(any::<u16>(), 300..700).prop_map(Choices::new)
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_packet_meets_the_blockers_that_the_truth_names(mut tape in tape(), mut choices in tape()) {
        let world = worlds::world(&mut tape);
        for _ in 0..4 {
            let question = Question::new(&mut choices);
            let packets = question.packets(&mut choices, 16);
            agrees(&world, &question, &packets)?;
        }
    }

    #[test]
    fn each_gate_divides_all_flows_of_its_segment_and_opening_sums_them_up(mut tape in tape(), mut choices in tape()) {
        let world = worlds::world(&mut tape);
        let question = Question::new(&mut choices);
        let answer = ask(&world.snapshot(), &question);
        let flows = answer.flows();
        prop_assert!(is_partition(&flows, answer.segments.iter().map(|segment| &segment.flows)));
        prop_assert!(question.asked.covers(&flows));
        for segment in &answer.segments {
            for gate in &segment.gates {
                let parts = gate.parts.iter().map(|part| &part.flows);
                prop_assert!(is_partition(&segment.flows, parts), "{:?}", gate);
            }
        }
        let opening = answer.opening();
        let sums = [&opening.admitted, &opening.blocked, &opening.unknown];
        prop_assert!(is_partition(&flows, sums.into_iter().filter(|sum| !sum.is_empty())));
        let blocked = answer.blockers().iter().fold(Flows::none(), |all, one| all.union(&one.flows));
        prop_assert!(blocked == opening.blocked);
    }

    #[test]
    fn the_partition_has_all_flows_once_each_with_one_verdict_and_its_own_deciders(mut tape in tape(), mut choices in tape()) {
        let world = worlds::world(&mut tape);
        let question = Question::new(&mut choices);
        let answer = ask(&world.snapshot(), &question);
        let (parts, opening) = (answer.partition(), answer.opening());
        prop_assert!(is_partition(&answer.flows(), parts.iter().map(|part| &part.flows)));
        let mut seen = Vec::new();
        for part in &parts {
            let whole = match (part.is_blocked(), part.is_unknown()) {
                (true, _) => &opening.blocked,
                (_, true) => &opening.unknown,
                _ => &opening.admitted,
            };
            prop_assert!(whole.covers(&part.flows), "{:?}", part.flows);
            let deciders: Vec<String> = part
                .deciders
                .iter()
                .map(|one| {
                    let (gate, decided) = (&one.gate.gate, one.part);
                    format!("{:?} {:?} {:?} {:?}", gate.component_of(decided), gate.direction(), decided.decision, decided.witness)
                })
                .collect();
            prop_assert!(!seen.contains(&deciders), "two parts of {:?}", deciders);
            seen.push(deciders);
        }
    }

    #[test]
    fn what_does_not_concern_the_path_and_the_order_of_documents_change_nothing(mut tape in tape(), mut choices in tape()) {
        let world = worlds::world(&mut tape);
        let question = Question::new(&mut choices);
        let before = summary(&ask(&world.snapshot(), &question));
        let mut beside = world.clone();
        add_what_concerns_nobody(&mut beside, &mut choices);
        prop_assert_eq!(&summary(&ask(&beside.snapshot(), &question)), &before);
        let reversed = reversed(&world);
        prop_assert_eq!(&summary(&ask(&reversed.snapshot(), &question)), &before);
        let (groups, rules) = both_kinds_of_rules(&world);
        prop_assert_eq!(&summary(&ask(&rules.snapshot(), &question)), &summary(&ask(&groups.snapshot(), &question)));
        let mut twice = world.snapshot();
        twice.aws.push(twice.aws[0].clone());
        prop_assert_eq!(&summary(&ask(&twice, &question)), &before);
    }
}

/// A generator that drifted into worlds where nothing gets through, or nothing is blocked by some rule,
/// would agree with anything.
#[test]
fn random_worlds_meet_every_code_and_let_packets_through() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(cases(1));
    let (mut passed, mut asked) = (0, 0);
    let mut codes = BTreeSet::new();
    for _ in 0..400 {
        let mut draw = || tape().new_tree(&mut runner).map(|tree| tree.current());
        let (mut tape, mut choices) = (draw().unwrap(), draw().unwrap());
        let world = worlds::world(&mut tape).snapshot();
        let question = Question::new(&mut choices);
        for packet in question.packets(&mut choices, 16) {
            let found = blockers(&world, &question.from, &question.to, packet);
            asked += 1;
            passed += usize::from(found.is_empty());
            codes.extend(found.into_iter().map(|blocker| blocker.code));
        }
    }
    assert!(passed * 20 > asked, "{passed} of {asked} packets got through");
    let expected = [
        "BAD_STATE_ROUTE",
        "ENI_SG_RULES_MISMATCH",
        "ENI_SOURCE_DEST_CHECK_RESTRICTION",
        "HIGHER_PRIORITY_ROUTE",
        "MORE_SPECIFIC_ROUTE",
        "NO_ROUTE_TO_DESTINATION",
        "PEERING_MISSING",
        "PEERING_NOT_ACTIVE",
        "PEERING_PENDING_ACCEPTANCE",
        "SECONDARY_CIDR_UNREACHABLE",
        "SG_HAS_NO_RULES",
        "SUBNET_ACL_RESTRICTION",
        "TGW_RTB_ROUTES_ARE_UNKNOWN",
        "TRANSITIVE_PEERING",
        "UNKNOWN_DESTINATION",
        "UNSUPPORTED_COMPONENT",
    ];
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), expected, "{passed} of {asked} packets got through");
}

/// What an answer says, without the order and number of its parts.
fn summary(answer: &Answer) -> Vec<String> {
    let opening = answer.opening();
    let mut lines = vec![format!("admitted {:?}", canonical(&opening.admitted))];
    for blocker in answer.blockers().into_iter().chain(answer.unknowns()) {
        let head = format!("{} {:?} {:?}", blocker.code, blocker.component, blocker.direction);
        lines.push(format!("{head} {:?}", canonical(&blocker.flows)));
    }
    lines.sort();
    lines
}

/// The boxes of a set cut at every edge that any of them has along each dimension in turn, so that
/// equal sets are equal texts. Sources and destinations are compared by their projections.
fn canonical(flows: &Flows) -> (Vec<String>, Vec<String>, Vec<String>, Vec<String>) {
    let words = |cidrs: Vec<ipnet::IpNet>| cidrs.iter().map(ToString::to_string).collect();
    let ranges =
        |ranges: Vec<peerscope_analysis::flow::PortRange>| ranges.iter().map(ToString::to_string).collect();
    (words(flows.sources()), words(flows.destinations()), ranges(flows.source_ports()), ranges(flows.ports()))
}

/// The world with a rule for nobody in every group, and the same with the rules API's document in place
/// of the groups: a group without any rule would not be listed.
fn both_kinds_of_rules(world: &World) -> (World, World) {
    use peerscope_document::aws::IpProtocol;
    let mut groups = world.clone();
    for group in groups.aws.security_groups.iter_mut().flatten() {
        group.ip_permissions.push(permission(IpProtocol::Number(250), None, &["192.0.2.1/32"]));
        group.ip_permissions_egress.push(permission(IpProtocol::Number(250), None, &["192.0.2.1/32"]));
    }
    let mut rules = groups.clone();
    rules.aws.security_group_rules = rules.aws.security_groups.take().map(|groups| listed(&groups));
    (groups, rules)
}

fn add_what_concerns_nobody(world: &mut World, choices: &mut Choices) {
    use peerscope_document::aws::IpProtocol;
    let block = choices.pick(worlds::BLOCKS);
    world.group(
        "sg-0nobody",
        "vpc-a",
        vec![permission(IpProtocol::All, None, &[block, "sg-a1"])],
        Vec::new(),
    );
    let mut entries = open_entries();
    entries.push(entry("in", 1, "deny", IpProtocol::All, None, block));
    world.network_acl("acl-0nobody", "vpc-a", &[], entries);
    world.route_table("rtb-0nobody", "vpc-a", &[], vec![route(block, "igw-9")]);
    world.prefix_list("pl-0nobody", &[block]);
    world.vpc("vpc-0", &["10.0.0.0/8"]);
    world.subnet("subnet-0", "vpc-0", &["10.0.0.0/8"]);
    world.route_table("rtb-0", "vpc-0", &["main"], vec![route("0.0.0.0/0", "igw-0")]);
    world.network_acl("acl-0", "vpc-0", &["default"], Vec::new());
    world.interface("eni-0", "vpc-0", "subnet-0", &["10.1.0.10", "10.3.0.10", "10.0.128.7"], &["sg-a1"]);
    world.peering("pcx-0", ("vpc-0", &["10.0.0.0/8"]), ("vpc-elsewhere", &["10.66.0.0/16"]), "active");
}

/// The same documents in the opposite order, lists within them too where AWS gives them no order.
fn reversed(world: &World) -> World {
    let mut world = world.clone();
    let aws = &mut world.aws;
    for table in aws.route_tables.iter_mut().flatten() {
        table.routes.reverse();
        table.associations.reverse();
    }
    for acl in aws.network_acls.iter_mut().flatten() {
        acl.entries.reverse();
        acl.associations.reverse();
    }
    for group in aws.security_groups.iter_mut().flatten() {
        group.ip_permissions.reverse();
        group.ip_permissions_egress.reverse();
    }
    for interface in aws.network_interfaces.iter_mut().flatten() {
        interface.groups.reverse();
    }
    aws.vpcs.iter_mut().for_each(|all| all.reverse());
    aws.subnets.iter_mut().for_each(|all| all.reverse());
    aws.route_tables.iter_mut().for_each(|all| all.reverse());
    aws.network_acls.iter_mut().for_each(|all| all.reverse());
    aws.security_groups.iter_mut().for_each(|all| all.reverse());
    aws.network_interfaces.iter_mut().for_each(|all| all.reverse());
    aws.vpc_peering_connections.iter_mut().for_each(|all| all.reverse());
    aws.prefix_lists.iter_mut().for_each(|all| all.reverse());
    world
}
