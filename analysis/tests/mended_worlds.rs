//! Repairs in random worlds, against the truth of one packet at a time: every plan lets through what was
//! asked, what else it lets through, between any two networks and in any direction, is what it says, and
//! the plan that is offered first opens no more than another would.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod brute_force;
mod cases;
#[expect(dead_code, reason = "each room of tests uses the documents that it needs")]
mod documents;
#[path = "mending/edits.rs"]
mod edits;
#[expect(dead_code, reason = "each room of tests asks what it needs")]
mod questions;
mod starting;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::Machine;
use peerscope_analysis::flow::{FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::reach::reach;
use peerscope_analysis::repair::{Edit, Opened, instruction, newly_open};
use peerscope_analysis::report::Tool;
use peerscope_analysis::topology::Topology;
use proptest::prelude::*;

use brute_force::worlds::{self, PORTS};
use brute_force::{Choices, Packet, Place, blockers};
use cases::cases;
use documents::World;
use questions::{flow, network, range};

/// What is to be reached, from where.
#[derive(Clone, Debug)]
struct Wanted {
    from: Place,
    to: Place,
    source: &'static str,
    destination: &'static str,
    protocol: u8,
}

const DYNOS: &[&str] = &["10.0.128.0/19", "10.0.128.7/32", "10.0.144.0/20"];
const A: &[&str] = &["10.1.0.10/32", "10.1.0.11/32", "10.1.1.10/32", "10.2.0.10/32"];
const B: &[&str] = &["10.3.0.10/32", "10.4.0.10/32"];

impl Wanted {
    fn new(choices: &mut Choices) -> Self {
        let (a, b) = (|| Place::Vpc("vpc-a".into()), || Place::Vpc("vpc-b".into()));
        let (from, to, sources, destinations) = match choices.below(6) {
            0 | 1 => (Place::Space, a(), DYNOS, A),
            2 => (a(), b(), A, B),
            3 => (b(), a(), B, A),
            4 => (a(), a(), &A[..2], &A[2..]),
            _ => (a(), Place::Space, A, &DYNOS[1..2]),
        };
        let (source, destination) = (choices.pick(sources), choices.pick(destinations));
        Self { from, to, source, destination, protocol: choices.pick(&[6, 6, 17, 1, 47]) }
    }

    fn flows(&self) -> Flows {
        let (source_ports, ports) = match self.protocol {
            1 => (PortRange::ALL, PortRange::icmp(8, Some(0))),
            47 => (PortRange::ALL, PortRange::ALL),
            _ => (PortRange::new(32768, 60999).unwrap_or(PortRange::ALL), PortRange::single(5432)),
        };
        Flows::from(FlowBox {
            source: range(self.source),
            destination: range(self.destination),
            protocol: ProtocolRange::single(self.protocol),
            source_ports,
            ports,
        })
    }

    /// What the edits are for, beyond which everything is to be listed.
    fn meant(&self, edit: &Edit) -> Flows {
        let filters = matches!(edit, Edit::Authorize { .. } | Edit::AllowInNetworkAcl { .. });
        let whole = self.from == Place::Space && !filters;
        let source = if whole { range("10.0.0.0/16") } else { range(self.source) };
        let boxes = self.flows();
        let wide = |one: &FlowBox| FlowBox { source, source_ports: PortRange::ALL, ..*one };
        boxes.boxes().iter().map(wide).collect()
    }
}

/// Every plan of every blocker, where the documents tell all and every blocker has one.
fn plans(topology: &Topology, wanted: &Wanted) -> Option<Vec<Vec<Vec<Edit>>>> {
    let answer = reach(topology, &network(&wanted.from), &network(&wanted.to), &wanted.flows());
    let plans: Vec<_> = answer.blockers().iter().map(|one| one.repairs(topology, &wanted.flows())).collect();
    let all = !plans.is_empty() && plans.iter().all(|plans| !plans.is_empty());
    (all && answer.unknowns().is_empty()).then_some(plans)
}

fn edited(topology: &Topology, edits: &[Edit]) -> Topology {
    let mut copy = topology.clone();
    edits.iter().for_each(|edit| edit.apply(&mut copy));
    copy
}

fn opened(before: &Topology, edits: &[Edit], wanted: &Wanted) -> Vec<Opened> {
    let (source, target) = (network(&wanted.from), network(&wanted.to));
    newly_open(before, &edited(before, edits), edits, &source, &target, &wanted.flows())
}

/// Packets between machines of any two networks.
fn packets(world: &World, choices: &mut Choices, count: usize) -> Vec<(Place, Place, Packet)> {
    let places = [Place::Space, Place::Vpc("vpc-a".into()), Place::Vpc("vpc-b".into())];
    let mut found = Vec::new();
    for _ in 0..count {
        let (from, to) = (&places[choices.below(3)], &places[choices.below(3)]);
        let (sources, targets) = (machines(world, from), machines(world, to));
        let (source, target) = (choices.pick(&sources), choices.pick(&targets));
        let inside = from == to && (*from == Place::Space || source == target);
        if inside || source.is_ipv6() != target.is_ipv6() {
            continue;
        }
        let echo = if source.is_ipv6() { 58 } else { 1 };
        let protocol = choices.pick(&[6, 6, 6, 17, echo, 47]);
        let (from_port, to_port) = match protocol {
            1 => (0, 8 << 8),
            58 => (0, 128 << 8),
            47 => (0, 0),
            _ => (choices.pick(PORTS), choices.pick(PORTS)),
        };
        let packet = Packet { from: source, to: target, protocol, from_port, to_port };
        found.push((from.clone(), to.clone(), packet));
    }
    found
}

fn machines(world: &World, place: &Place) -> Vec<IpAddr> {
    let Place::Vpc(vpc) = place else {
        let dynos = ["10.0.5.5", "10.0.128.7", "10.0.143.255", "10.0.144.0", "10.0.159.255"];
        return dynos.iter().filter_map(|dyno| dyno.parse().ok()).collect();
    };
    let interfaces = world.aws.network_interfaces.iter().flatten();
    let own = interfaces.filter(|one| one.vpc_id.as_ref().is_some_and(|id| id.as_str() == vpc));
    own.flat_map(|one| {
        let ipv4 = one.private_ip_addresses.iter().filter_map(|own| own.private_ip_address.map(IpAddr::V4));
        let ipv6 = one.ipv6_addresses.iter().filter_map(|own| own.ipv6_address.map(IpAddr::V6));
        ipv4.chain(ipv6).collect::<Vec<_>>()
    })
    .collect()
}

/// One plan of each blocker, each change once.
fn together(choices: &mut Choices, plans: &[Vec<Vec<Edit>>]) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for plans in plans {
        for edit in &plans[choices.below(plans.len())] {
            if !edits.contains(edit) {
                edits.push(edit.clone());
            }
        }
    }
    edits
}

fn agrees(world: &World, wanted: &Wanted, choices: &mut Choices) -> Result<bool, TestCaseError> {
    let topology = Topology::from(&world.snapshot());
    let Some(plans) = plans(&topology, wanted) else { return Ok(false) };
    let edits = together(choices, &plans);
    let mut mended = world.clone();
    for edit in &edits {
        edits::apply(&mut mended, edit).map_err(|error| TestCaseError::fail(format!("{edit:?}: {error}")))?;
    }
    let (before, after) = (world.snapshot(), mended.snapshot());
    for one in wanted.flows().boxes() {
        for from in [one.source.first(), one.source.last()] {
            for from_port in [one.source_ports.first(), one.source_ports.last()] {
                let (protocol, to_port) = (wanted.protocol, one.ports.first());
                let packet = Packet { from, to: one.destination.first(), protocol, from_port, to_port };
                let left = blockers(&after, &wanted.from, &wanted.to, packet);
                prop_assert!(left.is_empty(), "{:?} leaves {:?} of {:?}", edits, left, packet);
            }
        }
    }
    let listed = opened(&topology, &edits, wanted);
    for (from, to, packet) in packets(world, choices, 400) {
        let passes = |snapshot| blockers(snapshot, &from, &to, packet).is_empty();
        let newly = passes(&after) && !passes(&before);
        let is_asked = (&from, &to) == (&wanted.from, &wanted.to);
        // Of several edits each has its own purpose: what all of them are for is told nowhere.
        let meant = |edit: &Edit| is_asked && wanted.meant(edit).contains(&flow(packet));
        let is_listed = listed.iter().any(|opened| opened.flows.contains(&flow(packet)));
        if is_listed || !edits.iter().any(meant) {
            prop_assert_eq!(is_listed, newly, "{:?} is listed, and newly open by {:?}", packet, edits);
        }
    }
    Ok(true)
}

fn tape() -> impl Strategy<Value = Choices> {
    prop::collection::vec(any::<u16>(), 300..700).prop_map(Choices::new)
}

/// The strict subset of what is opened: every flow of one is in the other, and not the other way.
fn opens_less(one: &[Opened], other: &[Opened]) -> bool {
    let all = |opened: &[Opened]| opened.iter().fold(Flows::none(), |all, one| all.union(&one.flows));
    let (one, other) = (all(one), all(other));
    other.covers(&one) && !one.covers(&other)
}

/// That no other plan of a cause opens less than its first fix, in the company of the first fixes of the
/// others.
fn first_is_least(world: &World, wanted: &Wanted) -> Result<bool, TestCaseError> {
    let topology = Topology::from(&world.snapshot());
    let wanted = Wanted { protocol: 6, ..wanted.clone() };
    let Some(plans) = plans(&topology, &wanted) else { return Ok(false) };
    let target = wanted.destination.split('/').next().unwrap_or_default();
    let case = starting::case(Some(topology.clone()), network(&wanted.from), &[wanted.source], target);
    let mut machine = Machine::new(case, 1);
    machine.poll(Duration::ZERO);
    let report = machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH);
    let firsts: BTreeSet<&str> = report
        .causes
        .iter()
        .filter_map(|cause| cause.fixes.first())
        .filter(|fix| fix.tool != Tool::Terraform)
        .map(|fix| fix.command.as_str())
        .collect();
    let is_first = |plan: &&Vec<Edit>| {
        instruction(&topology, plan, None).is_some_and(|made| firsts.contains(made.command.as_str()))
    };
    let chosen: Vec<Option<&Vec<Edit>>> = plans.iter().map(|plans| plans.iter().find(is_first)).collect();
    let mut compared = false;
    for (at, plans) in plans.iter().enumerate() {
        // A new peering's commands are written otherwise, and dynos' fixes are for all blocks.
        let (Some(first), true) = (chosen[at], plans.len() > 1) else { continue };
        let others: Vec<Edit> = chosen
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .flat_map(|(_, plan)| plan.iter().flat_map(|plan| plan.iter().cloned()))
            .collect();
        let base = edited(&topology, &others);
        let least = opened(&base, first, &wanted);
        for plan in plans.iter().filter(|plan| *plan != first) {
            let other = opened(&base, plan, &wanted);
            prop_assert!(!opens_less(&other, &least), "{:?} opens less than {:?}", plan, first);
            compared = true;
        }
    }
    Ok(compared)
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn every_plan_opens_what_was_asked_and_what_else_it_says(mut tape in tape(), mut choices in tape()) {
        let world = worlds::world(&mut tape);
        for _ in 0..4 {
            let wanted = Wanted::new(&mut choices);
            agrees(&world, &wanted, &mut choices)?;
        }
    }

    #[test]
    fn no_other_plan_opens_less_than_the_first_fix(mut tape in tape(), mut choices in tape()) {
        let world = worlds::world(&mut tape);
        for _ in 0..4 {
            first_is_least(&world, &Wanted::new(&mut choices))?;
        }
    }
}

/// Properties of plans hold of worlds without any.
#[test]
fn random_worlds_have_plans_to_choose_from() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(cases(1));
    let (mut mended, mut chosen) = (0, 0);
    let mut kinds = BTreeSet::new();
    for _ in 0..600 {
        let mut draw = || tape().new_tree(&mut runner).map(|tree| tree.current());
        let (mut tape, mut choices) = (draw().unwrap(), draw().unwrap());
        let world = worlds::world(&mut tape);
        let wanted = Wanted::new(&mut choices);
        let topology = Topology::from(&world.snapshot());
        if let Some(plans) = plans(&topology, &wanted) {
            mended += 1;
            chosen += usize::from(first_is_least(&world, &wanted).unwrap());
            let edits = plans.iter().flatten().flatten();
            kinds.extend(
                edits.map(|edit| format!("{edit:?}").split(' ').next().unwrap_or_default().to_string()),
            );
        }
    }
    assert!(mended > 60 && chosen > 2, "{mended} worlds could be mended, {chosen} had a choice");
    let all = [
        "AcceptPeering",
        "AllowInNetworkAcl",
        "Authorize",
        "CreatePeering",
        "CreateRoute",
        "ReplacePeering",
        "ReplaceRoute",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
}
