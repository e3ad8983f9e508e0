//! Rules about security groups and network ACLs, each of what guards a target.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use peerscope_document::id::{NetworkAclId, SecurityGroupId, VpcId};

use super::Results;
use super::judged::{Broken, Judged};
use super::route::{more, nothing_judged};
use super::situation::Situation;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange, ProtocolRange, cidr_words, range_words};
use crate::reach::{Direction, reach};
use crate::report::Severity;
use crate::rule::RuleId;
use crate::topology::{ComponentId, NetworkId, Space};

/// The client's ports that an ACL is advised to let replies out to (VPC User Guide, "Ephemeral ports").
const ADVISED: (u16, u16) = (1024, 65535);

pub(super) fn check(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    called_by_dynos(situation, judged, results);
    called_in_space(situation, judged, results);
    nat(situation, judged, results);
}

/// Groups and ACLs of targets in a VPC.
fn called_by_dynos(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    let rules = [
        RuleId::GroupsAdmitDynos,
        RuleId::GroupsAdmitEveryDyno,
        RuleId::AclAdmitsDynos,
        RuleId::AclLetsRepliesOut,
    ];
    let of_vpcs: Vec<&Judged<'_>> = judged.iter().filter(|one| !one.is_in_space).collect();
    if of_vpcs.is_empty() {
        for rule in rules {
            results.not_checked(rule, nothing_judged(situation));
        }
        return;
    }
    shut_groups(situation, &of_vpcs, results);
    open_groups(situation, &of_vpcs, results);
    acls(situation, &of_vpcs, results);
    if !situation.others.is_empty() {
        let count = situation.others.len();
        let about: Vec<ComponentId> =
            situation.others.iter().take(20).cloned().map(ComponentId::NetworkInterface).collect();
        let reason = match count {
            1 => "an interface has no group rule whose source meets the space, and was not named by --target"
                .to_string(),
            count => format!(
                "{count} interfaces have no group rule whose source meets the space, and were not named by --target"
            ),
        };
        results.not_checked_of(RuleId::GroupsAdmitDynos, reason, &about);
    }
}

/// Targets whose groups do not let all dynos in: those that lack the same are one violation.
fn shut_groups(situation: &Situation<'_>, judged: &[&Judged<'_>], results: &mut Results<'_>) {
    let mut alike: BTreeMap<usize, Vec<(&Judged<'_>, &Broken)>> = BTreeMap::new();
    for one in judged {
        for broken in one.breaks(RuleId::GroupsAdmitDynos) {
            alike.entry(broken.remedy).or_default().push((one, broken));
        }
    }
    for all in alike.values() {
        let Some((first, broken)) = all.first() else { continue };
        let about = interfaces(all.iter().map(|(one, _)| *one));
        let more = more(about.len());
        let message = format!("{}{more}", broken.message);
        results.broken(RuleId::GroupsAdmitDynos, broken, message, &about);
        if !is_part(&broken.sources, situation.dyno_blocks()) {
            let message = format!("{}: its groups treat all dynos alike.{more}", first.words());
            results.pass(RuleId::GroupsAdmitEveryDyno, message, &about);
            continue;
        }
        let message = format!(
            "{}: dynos in {} are not let in and others are, so it depends on where a dyno restarts.{more}",
            first.words(),
            cidr_words(&broken.sources)
        );
        let partly =
            Broken { rule: RuleId::GroupsAdmitEveryDyno, severity: Severity::Warning, ..(*broken).clone() };
        results.broken(RuleId::GroupsAdmitEveryDyno, &partly, message, &about);
    }
}

/// Targets whose groups stop no dyno as far as is known: those in the same groups are one result.
fn open_groups(situation: &Situation<'_>, judged: &[&Judged<'_>], results: &mut Results<'_>) {
    let blocks = cidr_words(situation.dyno_blocks());
    let mut numbers: BTreeMap<(&VpcId, Vec<SecurityGroupId>), usize> = BTreeMap::new();
    let mut alike: Vec<Vec<&Judged<'_>>> = Vec::new();
    for one in judged.iter().filter(|one| one.breaks(RuleId::GroupsAdmitDynos).next().is_none()) {
        let about = one.interface.as_slice();
        let unknown = one.leaves_open(RuleId::GroupsAdmitDynos).next().map(|(_, reason)| reason.to_string());
        let unowned = one
            .interface
            .is_none()
            .then(|| format!("no interface of the snapshot has {}", one.place.address));
        match unknown.or(unowned) {
            Some(reason) => {
                for rule in [RuleId::GroupsAdmitDynos, RuleId::GroupsAdmitEveryDyno] {
                    results.not_checked_of(rule, format!("{}: {reason}", one.words()), about);
                }
            }
            None => {
                let number = *numbers.entry((&one.vpc, groups_of(situation, one))).or_insert(alike.len());
                match alike.get_mut(number) {
                    Some(known) => known.push(*one),
                    None => alike.push(Vec::from([*one])),
                }
            }
        }
    }
    for all in &alike {
        let Some(first) = all.first() else { continue };
        let (about, more) = (interfaces(all.iter().copied()), more(all.len()));
        let message = format!("{}: its groups let dynos in from {blocks}.{more}", first.words());
        results.pass(RuleId::GroupsAdmitDynos, message, &about);
        let message = format!("{}: its groups let all blocks of dynos in.{more}", first.words());
        results.pass(RuleId::GroupsAdmitEveryDyno, message, &about);
    }
}

/// The groups of the interface that has the target's address, ascending.
fn groups_of(situation: &Situation<'_>, one: &Judged<'_>) -> Vec<SecurityGroupId> {
    let Some(ComponentId::NetworkInterface(id)) = &one.interface else { return Vec::new() };
    let mut groups =
        situation.topology.interface(id).map(|one| one.security_groups.clone()).unwrap_or_default();
    groups.sort_unstable();
    groups
}

/// The interfaces of targets, each once, ascending.
fn interfaces<'a>(targets: impl Iterator<Item = &'a Judged<'a>>) -> Vec<ComponentId> {
    let mut interfaces: Vec<ComponentId> = targets.filter_map(|one| one.interface.clone()).collect();
    interfaces.sort_unstable();
    interfaces.dedup();
    interfaces
}

/// The ACLs that guard targets: once each, for all targets behind it.
fn acls(situation: &Situation<'_>, judged: &[&Judged<'_>], results: &mut Results<'_>) {
    let mut guarded: BTreeMap<&NetworkAclId, Vec<&Judged<'_>>> = BTreeMap::new();
    for one in judged {
        for subnet in &one.subnets {
            match situation.topology.effective_network_acl(subnet) {
                Some((acl, _)) => guarded.entry(acl).or_default().push(*one),
                None => {
                    let about = [ComponentId::Subnet(subnet.clone())];
                    let reason = format!("which network ACL guards {subnet} is not in the snapshot");
                    results.not_checked_of(RuleId::AclAdmitsDynos, reason.clone(), &about);
                    results.not_checked_of(RuleId::AclLetsRepliesOut, reason, &about);
                }
            }
        }
        if one.subnets.is_empty() {
            let reason = format!("the subnet of {} is not in the snapshot", one.words());
            results.not_checked(RuleId::AclAdmitsDynos, reason.clone());
            results.not_checked(RuleId::AclLetsRepliesOut, reason);
        }
    }
    for (acl, behind) in guarded {
        let about = [ComponentId::NetworkAcl(acl.clone())];
        for rule in [RuleId::AclAdmitsDynos, RuleId::AclLetsRepliesOut] {
            let broken: Vec<&Broken> = behind
                .iter()
                .flat_map(|one| one.breaks(rule))
                .filter(|broken| broken.component == about[0])
                .collect();
            if let Some(first) = broken.first() {
                let message = format!("{}{}", first.message, more(broken.len()));
                results.broken(rule, first, message, &about);
                continue;
            }
            let open = behind.iter().flat_map(|one| one.leaves_open(rule)).find(|(of, _)| **of == about[0]);
            if let Some((_, reason)) = open {
                results.not_checked_of(rule, reason.to_string(), &about);
                continue;
            }
            let words = behind.first().map(|one| one.words()).unwrap_or_default();
            let also = match behind.len() {
                0 | 1 => String::new(),
                count => format!(" and {} more targets", count - 1),
            };
            if rule == RuleId::AclAdmitsDynos {
                results.pass(rule, format!("{acl} lets dynos in to {words}{also}."), &about);
                continue;
            }
            match behind.iter().find_map(|one| shut_ports(situation, one, &about[0])) {
                Some(ports) => {
                    let message = format!(
                        "{acl} lets replies out to dynos' own ports ({}) and not to {}: of the advised {}-{} that is a part.",
                        range_words(&[situation.case.source_ports]),
                        range_words(&ports),
                        ADVISED.0,
                        ADVISED.1
                    );
                    results.lesser(rule, Severity::Info, message, &about, Vec::new());
                }
                None => {
                    let message =
                        format!("{acl} lets replies of {words}{also} out to {}-{}.", ADVISED.0, ADVISED.1);
                    results.pass(rule, message, &about);
                }
            }
        }
    }
}

/// The advised ports of clients that replies do not get out to, of one target.
fn shut_ports(situation: &Situation<'_>, one: &Judged<'_>, acl: &ComponentId) -> Option<Vec<PortRange>> {
    if !matches!(one.place.protocol, 6 | 17) {
        return None;
    }
    let destination = AddressRange::from(one.place.address);
    let sources = situation.dyno_blocks().iter().copied().map(AddressRange::from);
    let boxes = sources.filter(|source| source.family() == destination.family()).map(|source| FlowBox {
        source,
        destination,
        protocol: ProtocolRange::single(one.place.protocol),
        source_ports: PortRange::new(ADVISED.0, ADVISED.1).unwrap_or(PortRange::ALL),
        ports: PortRange::single(one.port),
    });
    let flows: Flows = boxes.collect();
    let answer = reach(situation.topology, &NetworkId::Space, &NetworkId::Vpc(one.vpc.clone()), &flows);
    let blockers = answer.blockers();
    let back = blockers
        .iter()
        .find(|blocker| blocker.component == *acl && blocker.direction == Some(Direction::Return));
    back.map(|blocker| blocker.flows.source_ports())
}

/// Whether some of `all` are not in `part`.
fn is_part(part: &[IpNet], all: &[IpNet]) -> bool {
    all.iter().any(|block| !part.iter().any(|one| one.contains(block)))
}

/// The groups and ACLs of who calls a target in the space.
fn called_in_space(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    let rule = RuleId::GroupsLetCallsOut;
    let mut called = judged.iter().filter(|one| one.is_in_space).peekable();
    if called.peek().is_none() {
        if situation.dyno_blocks().is_empty() {
            return results.not_checked(rule, nothing_judged(situation));
        }
        let message = "No target is in the space: nothing in a VPC was named that is to call a dyno. Answers to dynos' own calls need no rule.";
        return results.pass(rule, message.to_string(), &[]);
    }
    for one in called {
        let shut: Vec<&Broken> = one.breaks(rule).collect();
        for broken in &shut {
            results.broken(rule, broken, broken.message.clone(), core::slice::from_ref(&broken.component));
        }
        for (of, reason) in one.leaves_open(rule) {
            results.not_checked_of(rule, reason.to_string(), core::slice::from_ref(of));
        }
        if shut.is_empty() && one.leaves_open(rule).next().is_none() {
            let message = format!("The groups of {} let calls out to {}.", one.vpc, one.words());
            results.pass(rule, message, &[ComponentId::Vpc(one.vpc.clone())]);
        }
        let mut told: Vec<&ComponentId> = Vec::new();
        for broken in one.breaks(RuleId::AclLetsRepliesOut) {
            if !told.contains(&&broken.component) {
                told.push(&broken.component);
                let about = core::slice::from_ref(&broken.component);
                results.broken(RuleId::AclLetsRepliesOut, broken, broken.message.clone(), about);
            }
        }
    }
}

/// Rules that name the space's NAT addresses.
fn nat(situation: &Situation<'_>, judged: &[Judged<'_>], results: &mut Results<'_>) {
    let rule = RuleId::GroupsDoNotNameNat;
    let Some(space) = situation.space.filter(|space| !space.nat_sources.is_empty()) else {
        let reason = "the space's NAT addresses are not in the snapshot (heroku spaces:info SPACE --json, or GET /spaces/SPACE/nat)";
        return results.not_checked(rule, reason.to_string());
    };
    let mut groups: Vec<SecurityGroupId> = Vec::new();
    for one in judged.iter().filter(|one| !one.is_in_space) {
        groups.extend(groups_of(situation, one));
    }
    groups.sort_unstable();
    groups.dedup();
    if groups.is_empty() {
        return results.not_checked(rule, nothing_judged(situation));
    }
    for group in groups {
        let about = [ComponentId::SecurityGroup(group.clone())];
        let Some(permissions) =
            situation.topology.security_group(&group).and_then(|one| one.permissions(true))
        else {
            results.not_checked_of(rule, format!("what {group} lets in is not in the snapshot"), &about);
            continue;
        };
        let blocks = permissions.iter().flat_map(|one| &one.ip_ranges).map(|range| range.cidr_ip.network());
        match blocks.flat_map(|block| named(space, block)).next() {
            Some(address) => {
                let message = format!(
                    "{group} lets in {address}, an address of the space's NAT: over the peering dynos come from their private addresses."
                );
                results.violation(rule, message, &about, Vec::new());
            }
            None => results.pass(rule, format!("{group} names no address of the space's NAT."), &about),
        }
    }
}

/// The NAT's addresses that a block is for. One that holds dynos too is for all alike.
fn named(space: &Space, block: IpNet) -> Vec<IpAddr> {
    let holds_dynos = space.dyno_blocks.iter().any(|dynos| block.contains(&dynos.network()));
    let sources = space.nat_sources.iter().copied();
    sources.filter(|source| !holds_dynos && block.contains(source)).collect()
}
