//! What the configuration does to calls of every target, and what mends it.
//!
//! [`reach`] is asked of each target; the diagnosis only where something stops the calls, since it weighs what each
//! repair opens.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use ipnet::IpNet;
use peerscope_document::id::{RouteTableId, SecurityGroupId, SubnetId, VpcId};

use super::situation::{Place, Situation};
use crate::cause::CauseCode;
use crate::diagnose::{Case, Machine, Priors, SourceSpec};
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange, range_words};
use crate::reach::{Answer, Direction, reach};
use crate::report::{CauseReport, CauseStatus, Fix, Severity, Target, Vantage, VantageKind};
use crate::rule::RuleId;
use crate::topology::{ComponentId, NetworkId, Topology};

/// All targets, and what mends whatever is wrong with them.
pub(super) struct Judgement<'a> {
    pub(super) targets: Vec<Judged<'a>>,
    /// By number: what many targets lack is worked out once.
    pub(super) remedies: Vec<Vec<Fix>>,
}

/// A target, and what stands in the way of who calls it.
pub(super) struct Judged<'a> {
    pub(super) place: &'a Place,
    /// The VPC at one end; the space is at the other.
    pub(super) vpc: VpcId,
    /// Whether the target is in the space, so that the VPC calls.
    pub(super) is_in_space: bool,
    /// The interface that has the target's address, where there is one.
    pub(super) interface: Option<ComponentId>,
    /// The subnets of the VPC that packets begin or end in.
    pub(super) subnets: Vec<SubnetId>,
    /// The port that was asked about, of those that it may be called at.
    pub(super) port: u16,
    pub(super) broken: Vec<Broken>,
    /// What the documents do not tell, and why.
    pub(super) open: Vec<(RuleId, ComponentId, String)>,
}

/// A rule that a target's settings break.
#[derive(Clone)]
pub(super) struct Broken {
    pub(super) rule: RuleId,
    /// How bad it is: not everything in a VPC is to call a dyno, so where something there gets through, what stops
    /// others is a warning.
    pub(super) severity: Severity,
    pub(super) component: ComponentId,
    pub(super) message: String,
    /// The number of what mends it: those of one number are mended by one deed.
    pub(super) remedy: usize,
    /// Who is stopped.
    pub(super) sources: Vec<IpNet>,
}

/// What a remedy is for: a table's or an ACL's is for all behind it, a group's for all interfaces with the same groups that
/// lack the same.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Ailment {
    Of(RuleId, ComponentId),
    OfGroups(RuleId, Vec<SecurityGroupId>, u8, u16, Vec<IpNet>),
}

/// All targets in a VPC that is joined with the space, called by dynos; and all in the space, called by the VPCs.
pub(super) fn judge<'a>(situation: &'a Situation<'a>) -> Judgement<'a> {
    let mut judgement = Judgement { targets: Vec::new(), remedies: Vec::new() };
    if situation.dyno_blocks().is_empty() {
        return judgement;
    }
    let mut known: BTreeMap<Ailment, usize> = BTreeMap::new();
    let of_dynos = situation.in_vpcs().map(|(place, vpc)| (place, vpc, false));
    let of_vpcs =
        situation.in_space().flat_map(|place| situation.vpcs.iter().map(move |vpc| (place, vpc, true)));
    for (place, vpc, is_in_space) in of_dynos.chain(of_vpcs) {
        let one = judge_one(situation, place, vpc, is_in_space, &mut known, &mut judgement.remedies);
        judgement.targets.push(one);
    }
    judgement
}

fn judge_one<'a>(
    situation: &'a Situation<'a>,
    place: &'a Place,
    vpc: &VpcId,
    is_in_space: bool,
    known: &mut BTreeMap<Ailment, usize>,
    remedies: &mut Vec<Vec<Fix>>,
) -> Judged<'a> {
    let topology = situation.topology;
    let there = NetworkId::Vpc(vpc.clone());
    let (source, target) = match is_in_space {
        true => (there.clone(), NetworkId::Space),
        false => (NetworkId::Space, there.clone()),
    };
    let sources = match is_in_space {
        true => topology.blocks_of(&there),
        false => situation.dyno_blocks().to_vec(),
    };
    let flows = flows(&sources, place, place.ports, situation.case.source_ports);
    let mut answer = reach(topology, &source, &target, &flows);
    let mut port = place.ports.first();
    if place.ports.first() != place.ports.last() {
        // One of its ports that everything lets through is enough: else what is said is said of the first.
        port = open_port(&answer, place.ports).unwrap_or(port);
        let flows = self::flows(&sources, place, PortRange::single(port), situation.case.source_ports);
        answer = reach(topology, &source, &target, &flows);
    }
    let subnets = match is_in_space {
        true => answer
            .segments
            .iter()
            .filter_map(|segment| segment.source.subnet.clone())
            .collect::<BTreeSet<_>>(),
        false => answer.segments.iter().filter_map(|segment| segment.target.subnet.clone()).collect(),
    };
    let mut broken = Vec::new();
    let blockers = answer.blockers();
    let is_passed = is_in_space && !answer.opening().admitted.is_empty();
    let mut diagnosed: Option<Vec<CauseReport>> = None;
    for blocker in &blockers {
        let Some(rule) = rule_of(blocker.code, blocker.direction, is_in_space) else { continue };
        let component = blocker.component.clone();
        let stopped = blocker.flows.sources();
        let remedy =
            *known.entry(ailment(topology, rule, &component, place, port, &stopped)).or_insert_with(|| {
                let causes = diagnosed
                    .get_or_insert_with(|| causes(situation, place, port, (&source, &target), &sources));
                let cause = causes.iter().find(|cause| {
                    cause.code == blocker.code
                        && cause.direction == blocker.direction
                        && cause.component.id == component.id()
                });
                remedies.push(cause.map(|cause| cause.fixes.clone()).unwrap_or_default());
                remedies.len() - 1
            });
        let explained = blocker.parts.first().map(|part| blocker.gate.explain(topology, part).summary);
        let ports = blocker.flows.source_ports();
        let message = match (explained, ports == flows.source_ports()) {
            (Some(explained), true) => explained,
            (Some(explained), false) => {
                format!("{explained} It concerns source ports {} only.", range_words(&ports))
            }
            (None, _) => String::new(),
        };
        broken.push(Broken {
            rule,
            severity: if is_passed { Severity::Warning } else { rule.rule().severity },
            message,
            remedy,
            sources: stopped,
            component,
        });
    }
    let mut open: Vec<(RuleId, ComponentId, String)> = Vec::new();
    for unknown in answer.unknowns() {
        let Some(rule) = rule_of(unknown.code, unknown.direction, is_in_space) else { continue };
        let explained = unknown.parts.first().map(|part| unknown.gate.explain(topology, part));
        let omission = explained.as_ref().and_then(|explained| explained.omission.as_ref());
        let reason = match (omission, explained.as_ref()) {
            (Some(omission), _) => format!("{}: {}", omission.what, omission.reason),
            (None, Some(explained)) => explained.summary.clone(),
            (None, None) => String::new(),
        };
        open.push((rule, unknown.component.clone(), reason));
    }
    let interface = topology.interface_in(&there, place.address).cloned().map(ComponentId::NetworkInterface);
    Judged {
        place,
        vpc: vpc.clone(),
        is_in_space,
        interface,
        subnets: subnets.into_iter().collect(),
        port,
        broken,
        open,
    }
}

/// What is to be mended.
fn ailment(
    topology: &Topology,
    rule: RuleId,
    component: &ComponentId,
    place: &Place,
    port: u16,
    stopped: &[IpNet],
) -> Ailment {
    match component {
        ComponentId::NetworkInterface(id) => {
            let groups = topology.interface(id).map(|one| one.security_groups.clone()).unwrap_or_default();
            Ailment::OfGroups(rule, groups, place.protocol, port, stopped.to_vec())
        }
        other => Ailment::Of(rule, other.clone()),
    }
}

impl Judged<'_> {
    /// What was asked, in words.
    pub(super) fn words(&self) -> &str {
        &self.place.input
    }

    /// The rule's violations among its own.
    pub(super) fn breaks(&self, rule: RuleId) -> impl Iterator<Item = &Broken> {
        self.broken.iter().filter(move |broken| broken.rule == rule)
    }

    /// Why the rule cannot be told, where the documents leave it open.
    pub(super) fn leaves_open(&self, rule: RuleId) -> impl Iterator<Item = (&ComponentId, &str)> {
        let open = self.open.iter().filter(move |(open, ..)| *open == rule);
        open.map(|(_, component, reason)| (component, reason.as_str()))
    }
}

/// The route tables that serve targets, each with the subnets of targets that it serves.
pub(super) fn tables<'s>(
    situation: &'s Situation<'_>,
    judged: &[Judged<'_>],
) -> BTreeMap<&'s RouteTableId, BTreeSet<SubnetId>> {
    let mut found: BTreeMap<&RouteTableId, BTreeSet<SubnetId>> = Default::default();
    for subnet in judged.iter().flat_map(|one| &one.subnets) {
        if let Some((table, _)) = situation.topology.effective_route_table(subnet) {
            found.entry(table).or_default().insert(subnet.clone());
        }
    }
    found
}

/// The rule that a blocker breaks; `None` where that is told by peering or networks themselves.
fn rule_of(code: CauseCode, direction: Option<Direction>, is_in_space: bool) -> Option<RuleId> {
    Some(match (code, direction, is_in_space) {
        (CauseCode::NoRouteToDestination, ..) => RuleId::RouteToDynosExists,
        (CauseCode::BadStateRoute, ..) => RuleId::RoutesAreAlive,
        (CauseCode::MoreSpecificRoute | CauseCode::HigherPriorityRoute, ..) => RuleId::RouteIsNotShadowed,
        (CauseCode::EniSgRulesMismatch | CauseCode::SgHasNoRules | CauseCode::UnknownPeeredSgs, _, false) => {
            RuleId::GroupsAdmitDynos
        }
        (CauseCode::EniSgRulesMismatch | CauseCode::SgHasNoRules | CauseCode::UnknownPeeredSgs, _, true) => {
            RuleId::GroupsLetCallsOut
        }
        (CauseCode::SubnetAclRestriction, Some(Direction::Forward), false) => RuleId::AclAdmitsDynos,
        (CauseCode::SubnetAclRestriction, ..) => RuleId::AclLetsRepliesOut,
        (CauseCode::SecondaryCidrUnreachable, ..) => RuleId::TargetIsInPrimaryCidr,
        (CauseCode::TransitivePeering, ..) => RuleId::TargetIsInPeeredVpc,
        _ => return None,
    })
}

/// The flows that are asked about.
fn flows(sources: &[IpNet], place: &Place, ports: PortRange, source_ports: PortRange) -> Flows {
    let destination = AddressRange::from(place.address);
    let is_echo = !matches!(place.protocol, 6 | 17);
    let sources = sources.iter().copied().map(AddressRange::from);
    let boxes = sources.filter(|source| source.family() == destination.family()).map(|source| FlowBox {
        source,
        destination,
        protocol: ProtocolRange::single(place.protocol),
        source_ports: if is_echo { PortRange::ALL } else { source_ports },
        ports,
    });
    boxes.collect()
}

/// A port that everybody gets through to.
fn open_port(answer: &Answer, ports: PortRange) -> Option<u16> {
    let opening = answer.opening();
    let shut = opening.blocked.union(&opening.unknown).ports();
    let mut port = ports.first();
    for range in shut {
        if port < range.first() {
            return Some(port);
        }
        port = port.max(range.last().checked_add(1)?);
    }
    (port <= ports.last()).then_some(port)
}

/// What the diagnosis of the configuration alone names, each with what mends it.
fn causes(
    situation: &Situation<'_>,
    place: &Place,
    port: u16,
    (source, target): (&NetworkId, &NetworkId),
    sources: &[IpNet],
) -> Vec<CauseReport> {
    let case = situation.case;
    let protocol = match place.protocol {
        6 => "tcp",
        17 => "udp",
        _ => "icmp",
    };
    let has_port = matches!(place.protocol, 6 | 17);
    let case = Case {
        version: case.version.clone(),
        target: Target {
            input: place.input.clone(),
            protocol,
            host: place.address.to_string(),
            addresses: Vec::from([place.address]),
            port: has_port.then_some(port),
        },
        lookup: None,
        protocol: place.protocol,
        source: SourceSpec {
            input: source.to_string(),
            ranges: sources.iter().copied().map(AddressRange::from).collect(),
            network: Some(source.clone()),
            source_ports: case.source_ports,
        },
        vantage: Vantage { kind: VantageKind::Unknown, address: None },
        target_networks: Vec::from([(place.address, target.clone())]),
        topology: Some(situation.topology.clone()),
        baseline: None,
        snapshot: None,
        gaps: Vec::new(),
        probing: false,
        echo: false,
        mysql: false,
        handshake: None,
        thorough: false,
        explore: false,
        deadline: Duration::ZERO,
        priors: Priors::default(),
    };
    let causes = Machine::new(case, 0).report(Duration::ZERO, situation.case.at).causes;
    causes.into_iter().filter(|cause| cause.status == CauseStatus::Established).collect()
}
