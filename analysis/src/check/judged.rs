//! What the configuration does to calls of every target, and what mends it.
//!
//! [`reach`] is asked of each target; the diagnosis only where something stops the calls, since it weighs what each
//! repair opens.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::id::{RouteTableId, SecurityGroupId, SubnetId, VpcId};

use super::situation::{Place, Situation};
use crate::cause::CauseCode;
use crate::diagnose::{Case, Remedy, SourceSpec, remedies};
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange, range_words};
use crate::reach::{Answer, Blocker, Direction, reach};
use crate::repair::Collateral;
use crate::report::{Calls, Fix, OpenedReport, Severity, Target};
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
/// lack the same, and that the same stands in the way of beside it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Ailment {
    Of(RuleId, ComponentId),
    OfGroups(Lack, Vec<(RuleId, ComponentId)>),
}

/// What groups do not let through.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Lack {
    rule: RuleId,
    groups: Vec<SecurityGroupId>,
    protocol: u8,
    port: u16,
    /// Who is stopped.
    sources: Vec<IpNet>,
}

/// All targets in a VPC that is joined with the space, called by dynos; and all in the space, called by the VPCs.
pub(super) fn judge<'a>(situation: &'a Situation<'a>) -> Judgement<'a> {
    let mut judgement = Judgement { targets: Vec::new(), remedies: Vec::new() };
    if situation.dyno_blocks().is_empty() {
        return judgement;
    }
    let mut known = Known::default();
    let of_dynos = situation.in_vpcs().map(|(place, vpc)| (place, vpc, false));
    let of_vpcs =
        situation.in_space().flat_map(|place| situation.vpcs.iter().map(move |vpc| (place, vpc, true)));
    for (place, vpc, is_in_space) in of_dynos.chain(of_vpcs) {
        let one = judge_one(situation, place, vpc, is_in_space, &mut known, &mut judgement.remedies);
        judgement.targets.push(one);
    }
    judgement
}

/// What mends something, and what is done beside it because something else stands in the way too: by commands.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    rule: RuleId,
    command: String,
    beside: Vec<String>,
}

/// What was found for other targets.
#[derive(Default)]
struct Known {
    /// The numbers of the remedies.
    ailments: BTreeMap<Ailment, usize>,
    /// The same by what is done.
    deeds: BTreeMap<Deed, usize>,
    /// What changes let through.
    collateral: Collateral,
}

fn judge_one<'a>(
    situation: &'a Situation<'a>,
    place: &'a Place,
    vpc: &VpcId,
    is_in_space: bool,
    known: &mut Known,
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
    let mut found: Option<Vec<Remedy>> = None;
    let ailment = |blocker: &Blocker<'_>, rule: RuleId| {
        let others = blockers.iter().filter(|other| other.component != blocker.component);
        let beside = others.filter_map(|other| {
            Some((rule_of(other.code, other.direction, is_in_space)?, other.component.clone()))
        });
        match lack(topology, rule, blocker, place, port) {
            Some(lack) => Ailment::OfGroups(lack, beside.collect()),
            None => Ailment::Of(rule, blocker.component.clone()),
        }
    };
    for blocker in &blockers {
        let Some(rule) = rule_of(blocker.code, blocker.direction, is_in_space) else { continue };
        let component = blocker.component.clone();
        let stopped = blocker.flows.sources();
        let Known { ailments, deeds, collateral } = &mut *known;
        let own = ailment(blocker, rule);
        let remedy = match ailments.get(&own) {
            Some(remedy) => *remedy,
            None => {
                let found = found.get_or_insert_with(|| {
                    let is_wanted = |one: &Blocker<'_>| {
                        let rule = rule_of(one.code, one.direction, is_in_space);
                        rule.is_some_and(|rule| !ailments.contains_key(&ailment(one, rule)))
                    };
                    remedies_of(situation, collateral, place, port, (&source, &target), &sources, &is_wanted)
                });
                let key = (blocker.code, blocker.direction, &component);
                let fixes = found.iter().find(|one| one.key() == key).map(|one| one.fixes.clone());
                let (fixes, deed) = (fixes.unwrap_or_default(), deed(rule, found, key));
                let known = deed.as_ref().and_then(|deed| deeds.get(deed)).copied();
                match known {
                    Some(number) => {
                        remedies[number] = for_both(core::mem::take(&mut remedies[number]), &fixes);
                    }
                    None => remedies.push(fixes),
                }
                let number = known.unwrap_or(remedies.len() - 1);
                deeds.extend(deed.map(|deed| (deed, number)));
                ailments.insert(own, number);
                number
            }
        };
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

/// What groups do not let through to a target; nothing where a blocker is none of groups.
fn lack(topology: &Topology, rule: RuleId, blocker: &Blocker<'_>, place: &Place, port: u16) -> Option<Lack> {
    let ComponentId::NetworkInterface(id) = &blocker.component else { return None };
    let groups = topology.interface(id).map(|one| one.security_groups.clone()).unwrap_or_default();
    Some(Lack { rule, groups, protocol: place.protocol, port, sources: blocker.flows.sources() })
}

/// What is done about one of several things that stand in the way; `None` where nobody knows.
fn deed(rule: RuleId, found: &[Remedy], of: (CauseCode, Option<Direction>, &ComponentId)) -> Option<Deed> {
    let (own, others): (Vec<&Remedy>, Vec<&Remedy>) = found.iter().partition(|one| one.key() == of);
    let beside = others.into_iter().filter_map(|one| one.command.clone()).collect();
    let command = own.first().and_then(|one| one.command.clone())?;
    Some(Deed { rule, command, beside })
}

/// What mends the same of two targets: what mends both, and opens what neither asks for.
fn for_both(mut known: Vec<Fix>, other: &[Fix]) -> Vec<Fix> {
    known.retain_mut(|fix| {
        let is_same = |one: &&Fix| one.tool == fix.tool && one.command == fix.command;
        let Some(same) = other.iter().find(is_same) else { return false };
        fix.verified &= same.verified;
        // Each leaves out what it is for, at its own interface.
        let key = |one: &OpenedReport| (one.component.id.clone(), one.calls == Calls::Received);
        let opened: BTreeSet<_> = same.opens.iter().map(key).collect();
        fix.opens.retain(|one| opened.contains(&key(one)));
        true
    });
    known
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

/// What mends each setting that stops the calls.
fn remedies_of(
    situation: &Situation<'_>,
    collateral: &Collateral,
    place: &Place,
    port: u16,
    (source, target): (&NetworkId, &NetworkId),
    sources: &[IpNet],
    is_wanted: &dyn Fn(&Blocker<'_>) -> bool,
) -> Vec<Remedy> {
    let case = situation.case;
    let protocol = match place.protocol {
        6 => "tcp",
        17 => "udp",
        _ => "icmp",
    };
    let has_port = matches!(place.protocol, 6 | 17);
    let asked = Target {
        input: place.input.clone(),
        protocol,
        host: place.address.to_string(),
        addresses: Vec::from([place.address]),
        port: has_port.then_some(port),
    };
    let callers = SourceSpec {
        input: source.to_string(),
        ranges: sources.iter().copied().map(AddressRange::from).collect(),
        network: Some(source.clone()),
        source_ports: case.source_ports,
    };
    let case = Case {
        version: case.version.clone(),
        target_networks: Vec::from([(place.address, target.clone())]),
        ..Case::of_documents(asked, place.protocol, callers, Some(situation.topology.clone()))
    };
    remedies(&case, is_wanted, collateral)
}
