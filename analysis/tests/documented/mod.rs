//! The laboratory's worlds in simulated time: its documents and faults, and a network that does to each probe
//! what the plain evaluator says that those documents do.
//!
//! A kernel takes seconds a world, most of them waiting for silence. That evaluator, engine and kernel do the
//! same is held elsewhere (`reach_brute_force.rs`, `tests/agreement.rs`), so that thousands of worlds can be
//! asked here.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::diagnose::{Case, SourceSpec};
use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{
    CauseReport, Component, Diagnosis, HypothesisReport, SnapshotReport, Target, Vantage, VantageKind,
};
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::Snapshot;
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::scenario::{
    DroppedFlow, Expect, Flow, Given, GivenSnapshot, NO_COMPONENT, Scenario,
};
use peerscope_laboratory::world::{Service, World};
use peerscope_laboratory::{Condition, Host};
use peerscope_vocabulary::{ProbeId, ProbeKind, ProbeRequest};

pub(crate) mod drawn;
pub(crate) mod measured;

use crate::brute_force::{Estate, Packet, Place, blockers};
use crate::simulated::{Meets, Run, run_by};
use crate::starting;

/// A cause that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) code: String,
    /// The ids of its component, where it does not exist none: an interface may be known as a host alone, a
    /// subnet by its VPC. `None`: the scenario does not say where.
    components: Option<Vec<String>>,
    direction: Option<&'static str>,
}

impl Truth {
    /// Whether a cause says this: its code, at its component or at one that nobody can name.
    pub(crate) fn is_said_by(&self, cause: &CauseReport) -> bool {
        self.is(cause.code, &cause.component, cause.direction)
    }

    /// Whether this was thought of as one hypothesis, which is nothing else besides.
    pub(crate) fn is_hypothesis(&self, one: &HypothesisReport) -> bool {
        one.together_with.is_empty() && self.is(one.code, &one.component, one.direction)
    }

    fn is(&self, code: CauseCode, component: &Component, direction: Option<Direction>) -> bool {
        let id = component.id.as_deref();
        code.name() == self.code
            && id.is_none_or(|id| {
                self.components.as_ref().is_none_or(|known| known.iter().any(|one| one == id))
            })
            && self.direction.is_none_or(|one| direction.is_none_or(|said| word(said) == one))
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "forward",
        Direction::Return => "return",
    }
}

/// Which documents are given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) given: Given,
    /// What `given` lacks is lacking in this collection alone, the one of one account and Region, counted around.
    pub(crate) denied_in: Option<usize>,
    /// A scenario whose faults are in the world too, and in no document.
    pub(crate) beside: Option<Scenario>,
    /// Whether a few connects more go to other ports and neighbours.
    pub(crate) explore: bool,
}

/// A world that is diagnosed.
pub(crate) struct Documented {
    pub(crate) scenario: Scenario,
    /// What is wrong besides, and in no document.
    beside: Option<Scenario>,
    explore: bool,
    world: World,
    /// What the machine is given to read.
    given: Snapshot,
    /// The world as it was when documents were taken.
    before: World,
    from: Place,
    to: Place,
    seed: u64,
}

/// What no document shows of a world.
struct Hidden {
    service: Service,
    conditions: Vec<(Host, Condition)>,
}

impl Hidden {
    fn nothing() -> Self {
        Self { service: Service::Listening, conditions: Vec::new() }
    }
}

/// What hosts and boxes may do that no document shows, and the cause that it is.
const HIDDEN: [(FaultKind, &str); 11] = [
    (FaultKind::AcceptQueueFull, "HOST_OVERLOADED"),
    (FaultKind::AcceptQueueDraining, "HOST_OVERLOADED"),
    (FaultKind::SpaceShut, "CONFIGURATION_DISAGREES"),
    (FaultKind::NothingListening, "PORT_CLOSED"),
    (FaultKind::HostFirewallDrop, "HOST_FIREWALL"),
    (FaultKind::HostSilent, "HOST_SILENT"),
    (FaultKind::HostFirewallReject, "FIREWALL_REJECT"),
    (FaultKind::MiddleboxReject, "FIREWALL_REJECT"),
    (FaultKind::LocalNoRoute, "LOCAL_NO_ROUTE"),
    (FaultKind::LocalPolicy, "LOCAL_POLICY"),
    (FaultKind::PacketLoss, "PACKET_LOSS"),
];

/// Settings that may have changed since the documents were taken, one of each kind that looks different.
const CHANGED: [(FaultKind, &str); 4] = [
    (FaultKind::GroupWithoutRule, "ENI_SG_RULES_MISMATCH"),
    (FaultKind::RouteMissing, "NO_ROUTE_TO_DESTINATION"),
    (FaultKind::NetworkAclNoReturnPorts, "SUBNET_ACL_RESTRICTION"),
    (FaultKind::PeeringDeleted, "PEERING_NOT_ACTIVE"),
];

impl Documented {
    /// The world of this seed, read so; none where a fault cannot be in it.
    pub(crate) fn new(scenario: &Scenario, reading: &Reading, seed: u64) -> Option<Self> {
        let mut scenario = Scenario { given: reading.given.clone(), ..scenario.clone() };
        scenario.echo |= reading.beside.as_ref().is_some_and(|beside| beside.echo);
        let mut whole = scenario.clone();
        whole.faults.extend(reading.beside.iter().flat_map(|beside| beside.faults.clone()));
        let world = whole.world(seed).ok()?;
        let before =
            Scenario { given: Given { without: Vec::new(), ..reading.given.clone() }, ..scenario.clone() };
        let before = before.given(seed).ok()??;
        let mut given = scenario.given(seed).ok()??.snapshot;
        if let Some(index) = reading.denied_in {
            let mut whole = before.snapshot.clone();
            let denied = index % whole.aws.len();
            whole.aws[denied] = given.aws[denied].clone();
            given = whole;
        }
        let place = |role: &str| match world.role(role) {
            Ok(vpc) => Place::Vpc(vpc.id),
            Err(_) => Place::Space,
        };
        let (from, to) = (place("source.vpc"), place("target.vpc"));
        let (beside, explore) = (reading.beside.clone(), reading.explore);
        Some(Self { scenario, beside, explore, world, given, before, from, to, seed })
    }

    /// Every cause that is so.
    pub(crate) fn truths(&self) -> Vec<Truth> {
        if self.scenario.is_mended() {
            return Vec::new();
        }
        let besides = self.beside.iter().flat_map(|beside| self.truths_of(&beside.expect));
        self.truths_of(&self.scenario.expect).into_iter().chain(besides).collect()
    }

    fn truths_of(&self, expect: &Expect) -> Vec<Truth> {
        let first = expect.cause.iter().map(|code| Truth {
            code: code.clone(),
            components: expect.component.as_deref().map(|role| self.ids(role)),
            direction: expect.direction.map(|direction| direction.as_str()),
        });
        let also = expect.also.iter().map(|also| Truth {
            code: also.cause.clone(),
            components: Some(self.ids(&also.component)),
            direction: also.direction.map(|direction| direction.as_str()),
        });
        let may = expect.candidates.iter().filter(|_| expect.cause.is_none());
        let may = may.map(|code| Truth { code: code.clone(), components: None, direction: None });
        first.chain(also).chain(may).collect()
    }

    fn ids(&self, role: &str) -> Vec<String> {
        if role == NO_COMPONENT {
            return Vec::new();
        }
        let found = self.world.role(role).unwrap_or_else(|error| panic!("{error}"));
        let vpc = role.strip_suffix(".subnet").and_then(|end| self.world.role(&format!("{end}.vpc")).ok());
        let address = found.address.map(|address| address.to_string());
        // By IPv6 the host has another address than the role's.
        let asked = match role {
            "target" => Some(self.world.target_address().ip()),
            "source" | "source.host" => Some(self.world.source_address()),
            _ => None,
        };
        // A subnet that was given another table is known by the one that it had.
        let had = self.before.role(role).ok().filter(|_| role.ends_with(".route_table"));
        let around = vpc.into_iter().chain(had).map(|role| role.id);
        [found.id]
            .into_iter()
            .chain(address)
            .chain(asked.map(|address| address.to_string()))
            .chain(around)
            .collect()
    }

    /// The codes of the fewest departures from what the documents say, by which every probe meets what it met: each
    /// set of departures that does. Empty where nothing needs explaining, and where no two departures do.
    pub(crate) fn class(&self, run: &Run) -> BTreeSet<Vec<String>> {
        let same = |snapshot: &Snapshot, hidden: &Hidden| {
            run.probes.iter().enumerate().all(|(nth, (request, met))| {
                self.would_meet(snapshot, hidden, request, nth + self.offset()) == *met
            })
        };
        if same(&self.given, &Hidden::nothing()) {
            let shown =
                if self.scenario.is_mended() { Vec::new() } else { self.truths_of(&self.scenario.expect) };
            let codes: Vec<String> = shown.into_iter().map(|truth| truth.code).collect();
            return if codes.is_empty() { BTreeSet::new() } else { BTreeSet::from([codes]) };
        }
        let kinds = || {
            let hidden = HIDDEN.into_iter().map(|(kind, code)| (kind, code, false));
            hidden.chain(CHANGED.into_iter().map(|(kind, code)| (kind, code, true)))
        };
        // What the documents show stays beside what departs from them.
        let shown = if self.beside.is_some() && self.scenario.given.snapshot == GivenSnapshot::True {
            self.scenario.faults.clone()
        } else {
            Vec::new()
        };
        let explains = |departures: &[(FaultKind, &str, bool)]| {
            let faults = shown.iter().cloned().chain(departures.iter().map(|(kind, ..)| Fault::new(*kind)));
            let scenario =
                Scenario { faults: faults.collect(), given: Given::default(), ..self.scenario.clone() };
            let Ok(world) = scenario.world(self.seed) else { return false };
            let changed = departures.iter().any(|(.., changed)| *changed);
            let hidden = Hidden { service: world.service, conditions: world.conditions };
            same(if changed { &world.snapshot } else { &self.given }, &hidden)
        };
        let singles = kinds().filter(|one| explains(&[*one])).map(|(_, code, _)| vec![code.to_string()]);
        let mut class: BTreeSet<Vec<String>> = singles.collect();
        // A filter can be made for any division of the client's ports.
        let by_port = |wanted: Meets| {
            let met = run.probes.iter().filter(move |(_, met)| *met == wanted);
            met.filter_map(|(request, _)| request.source_port).collect::<BTreeSet<u16>>()
        };
        let (passing, silent) = (by_port(Meets::Connected), by_port(Meets::Silent));
        let is_divided = !passing.is_empty() && !silent.is_empty() && passing.is_disjoint(&silent);
        class.extend(is_divided.then(|| vec!["SUBNET_ACL_RESTRICTION".to_string()]));
        if class.is_empty() {
            for (index, one) in kinds().enumerate() {
                let pairs = kinds().skip(index + 1).filter(|other| explains(&[one, *other]));
                class.extend(pairs.map(|(_, code, _)| vec![one.1.to_string(), code.to_string()]));
            }
        }
        class
    }

    fn offset(&self) -> usize {
        usize::try_from(self.seed % 5).unwrap_or_default()
    }

    /// Asks the machine, from the world's source, as `peerscope why` would.
    pub(crate) fn diagnosed(&self, age_seconds: Option<i64>) -> (Diagnosis, Run) {
        let (source, target) = (self.world.source_address(), self.world.target_address());
        let is_dyno = self.from == Place::Space;
        let plain = starting::case(
            Some(Topology::from(&self.given)),
            NetworkId::Space,
            &[&IpNet::from(source).to_string()],
            &target.ip().to_string(),
        );
        let kind = if is_dyno { VantageKind::Dyno } else { VantageKind::VpcHost };
        let case = Case {
            target: Target { input: format!("tcp://{target}"), port: Some(target.port()), ..plain.target },
            // A dyno knows that it is one; a host finds its network in the documents.
            source: SourceSpec { network: is_dyno.then_some(NetworkId::Space), ..plain.source },
            vantage: Vantage { kind, address: Some(source) },
            snapshot: Some(SnapshotReport { at: None, age_seconds, sources: Vec::new() }),
            probing: true,
            echo: self.scenario.echo,
            explore: self.explore,
            ..plain
        };
        let so = Hidden { service: self.world.service, conditions: self.world.conditions.clone() };
        let sent = std::cell::Cell::new(self.offset());
        let run = run_by(case, |request, _| {
            let nth = sent.replace(sent.get() + 1);
            self.would_meet(&self.world.snapshot, &so, request, nth)
        });
        let report = run.machine.report(run.ended, jiff::Timestamp::UNIX_EPOCH);
        (report, run)
    }

    /// What the `nth` probe meets, where these documents are true and this is hidden.
    fn would_meet(&self, snapshot: &Snapshot, hidden: &Hidden, request: &ProbeRequest, nth: usize) -> Meets {
        let target = self.world.target_address();
        let on = |host: Host| {
            hidden.conditions.iter().filter(move |(on, _)| *on == host).map(|(_, condition)| condition)
        };
        let refused_here = on(self.world.source()).find_map(|condition| match condition {
            Condition::NoRoute { to, .. } if *to == request.address => Some(Meets::LocalNoRoute),
            Condition::Forbids { to, .. } if *to == request.address => Some(Meets::LocalPolicy),
            _ => None,
        });
        if let Some(refused) = refused_here {
            return refused;
        }
        let mut shut = on(self.world.source()).chain(on(self.world.target()));
        let (source, asked) = (self.world.source_address(), request.address);
        let is_shut = |condition: &Condition| matches!(condition, Condition::ShutTowards { from } if from.contains(&asked) || from.contains(&source));
        if shut.any(is_shut) {
            return Meets::Silent;
        }
        let packet = packet(self.world.source_address(), request);
        let stopped = !blockers(snapshot, &self.from, &self.to, packet).is_empty();
        if stopped || !self.is_somebody(snapshot, request.address) {
            return Meets::Silent;
        }
        let is_target = request.address == target.ip();
        let is_echo = request.kind == ProbeKind::IcmpEcho;
        let of_port = |port: u16| !is_echo && port == request.port;
        for condition in on(self.world.target()).filter(|_| is_target) {
            match condition {
                Condition::Silent => return Meets::Silent,
                Condition::FirewallDrops { port, from }
                    if of_port(*port) && from.is_none_or(|from| from.contains(&packet.from)) =>
                {
                    return Meets::Silent;
                }
                Condition::FirewallRejects { port, .. } if of_port(*port) => {
                    return Meets::ProhibitedByTarget;
                }
                // Three of any five SYNs; the kernel sends one again after a second.
                Condition::LosesPackets if !is_echo && nth % 5 < 3 => {
                    return if nth.is_multiple_of(5) { Meets::Silent } else { Meets::LateConnected };
                }
                _ => {}
            }
        }
        let is_lossy_back = on(self.world.source()).any(|condition| *condition == Condition::LosesAnswers);
        if is_lossy_back && !is_echo && nth % 5 < 3 {
            return if nth.is_multiple_of(5) { Meets::Silent } else { Meets::LateConnected };
        }
        // To who connects, a queue that drains is a path that loses packets.
        match hidden.service {
            Service::Full if is_target && of_port(target.port()) => return Meets::Silent,
            Service::Draining if is_target && of_port(target.port()) && nth % 5 < 3 => {
                return if nth.is_multiple_of(5) { Meets::Silent } else { Meets::LateConnected };
            }
            _ => {}
        }
        let is_behind = hidden.conditions.iter().any(
            |(_, condition)| matches!(condition, Condition::BehindMiddlebox { port, .. } if of_port(*port)),
        );
        let listens = is_target && request.port == target.port() && hidden.service != Service::Closed;
        match (is_behind && is_target, is_echo || listens) {
            (true, _) => Meets::ProhibitedElsewhere,
            (_, true) => Meets::Connected,
            _ => Meets::Refused,
        }
    }

    /// Whether anybody has the address.
    fn is_somebody(&self, snapshot: &Snapshot, address: IpAddr) -> bool {
        match &self.to {
            Place::Space => self.world.dynos().contains(&address),
            Place::Vpc(vpc) => Estate { snapshot }.owner(vpc, address).is_some(),
        }
    }
}

fn packet(source: IpAddr, request: &ProbeRequest) -> Packet {
    let is_echo = request.kind == ProbeKind::IcmpEcho;
    let (protocol, to_port) = match (is_echo, request.address) {
        (false, _) => (6, request.port),
        (true, IpAddr::V4(_)) => (1, 8 << 8),
        (true, IpAddr::V6(_)) => (58, 128 << 8),
    };
    let from_port = if is_echo { 0 } else { request.source_port.unwrap_or(50_000) };
    Packet { from: source, to: request.address, protocol, from_port, to_port }
}

/// Where the simulated network does something else to connections than the scenario has the kernel do.
pub(crate) fn differences_from_kernel(scenario: &Scenario, seed: u64) -> Vec<String> {
    let Some(documented) = Documented::new(scenario, &Reading::default(), seed) else { return Vec::new() };
    let world = &documented.world;
    let so = Hidden { service: world.service, conditions: world.conditions.clone() };
    let target = world.target_address();
    let meets = |flow: &Flow| {
        let request = ProbeRequest {
            source_port: Some(flow.source_port).filter(|port| *port != 0),
            ..ProbeRequest::plain(
                ProbeId(0),
                ProbeKind::TcpConnect,
                target.ip(),
                target.port(),
                Duration::from_secs(1),
            )
        };
        documented.would_meet(&world.snapshot, &so, &request, 0)
    };
    let kernel = &scenario.kernel;
    let dropped: Vec<Flow> = kernel.drops.iter().map(DroppedFlow::flow).collect();
    let expected =
        [(&kernel.passes, Meets::Connected), (&kernel.refuses, Meets::Refused), (&dropped, Meets::Silent)];
    let flows = expected.into_iter().flat_map(|(flows, meets)| flows.iter().map(move |flow| (flow, meets)));
    flows
        .filter(|(flow, expected)| flow.from.is_none() && meets(flow) != *expected)
        .map(|(flow, expected)| {
            format!("{} {flow:?}: {:?}, the kernel {expected:?}", scenario.name, meets(flow))
        })
        .collect()
}
