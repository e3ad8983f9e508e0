//! Faults of security groups.

use peerscope_document::Cidr;
use peerscope_document::aws::{IpPermission, IpProtocol, IpRange, Ipv6Range, SecurityGroup};
use peerscope_document::id::SecurityGroupId;

use super::FaultKind;
use super::edit::{Lacking, documents, interface_documents, security_groups};
use crate::twin::estate::Estate;
use crate::world::make::{cidr, group_identifier};
use crate::world::{Lot, World};

pub(super) fn apply(kind: FaultKind, world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let leaves = world.site.requests_leave();
    if kind == FaultKind::GroupEmpty {
        let own = groups_of_interface(world)?;
        security_groups(&mut world.snapshot)
            .filter(|group| own.contains(&group.group_id))
            .for_each(|group| rules(group, leaves).clear());
        return Ok(());
    }
    if matches!(kind, FaultKind::GroupReferenceStale | FaultKind::GroupReferenceWithoutMember) {
        return without_member(kind, world, lot);
    }
    let place = admitting_rule(world)?;
    let port = i32::from(world.site.port);
    let remote = world.remote();
    let other_blocks: Vec<Cidr> = remote.hosts[1..].iter().copied().map(cidr).collect();
    let is_version_six = remote.host.is_ipv6();
    let list = world.site.prefix_lists[0].clone();
    let admitting = world.site.admitting_group.clone();
    let group = security_groups(&mut world.snapshot).find(|group| group.group_id == admitting);
    let rules = rules(group.ok_or("the admitting group")?, leaves);
    match kind {
        // The rule stays for IPv4, and lacks the other version.
        FaultKind::GroupWithoutRule if is_version_six => rules[place].ipv6_ranges.clear(),
        FaultKind::GroupWithoutRule => {
            rules.remove(place);
        }
        FaultKind::GroupWrongPort => {
            let rule = &mut rules[place];
            (rule.from_port, rule.to_port) = (Some(port + 10), Some(port + 10));
        }
        FaultKind::GroupWrongProtocol => rules[place].ip_protocol = IpProtocol::UDP,
        _ if is_version_six => {
            let range = |cidr_ipv6| Ipv6Range { cidr_ipv6, description: None };
            rules[place].ipv6_ranges = other_blocks.into_iter().map(range).collect();
        }
        _ if rules[place].prefix_list_ids.is_empty() => {
            rules[place].ip_ranges =
                other_blocks.into_iter().map(|cidr_ip| IpRange { cidr_ip, description: None }).collect();
        }
        _ => {
            // The rule is right; the list that it names is not.
            let lists = documents(&mut world.snapshot).flat_map(|it| it.prefix_lists.iter_mut().flatten());
            for list in lists.filter(|it| it.prefix_list_id == list) {
                let entries = list.entries.get_or_insert_default();
                entries.truncate(other_blocks.len());
                entries.iter_mut().zip(&other_blocks).for_each(|(entry, block)| entry.cidr = *block);
            }
        }
    }
    Ok(())
}

/// The interface at the other side has another group in the place of the one that rules here name; the one
/// that they name is still there, or gone.
fn without_member(kind: FaultKind, world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let named = world.site.referenced_group().ok_or("rules that name the other side's group")?.clone();
    let other = world.other.as_ref().ok_or("another VPC of the customer")?.interface.clone();
    let mut replacement = security_groups(&mut world.snapshot)
        .find(|group| group.group_id == named)
        .ok_or("the group that rules name")?
        .clone();
    replacement.group_id = SecurityGroupId::from(lot.id("sg"));
    replacement.group_name = format!("{}-v2", replacement.group_name);
    for interface in interface_documents(&mut world.snapshot, &other) {
        for group in interface.groups.iter_mut().filter(|group| group.group_id == named) {
            *group = group_identifier(&replacement);
        }
    }
    let holds = |list: &&mut Vec<SecurityGroup>| list.iter().any(|group| group.group_id == named);
    let mut lists = documents(&mut world.snapshot).filter_map(|it| it.security_groups.as_mut());
    let list = lists.find(holds).ok_or("the group that rules name")?;
    if kind == FaultKind::GroupReferenceStale {
        list.retain(|group| group.group_id != named);
    }
    list.push(replacement);
    Ok(())
}

fn rules(group: &mut SecurityGroup, leaves: bool) -> &mut Vec<IpPermission> {
    if leaves { &mut group.ip_permissions_egress } else { &mut group.ip_permissions }
}

fn groups_of_interface(world: &World) -> Lacking<Vec<SecurityGroupId>> {
    let estate = Estate::new(&world.snapshot);
    let interface = estate.interfaces.get(&world.site.interface).ok_or("the interface")?;
    Ok(interface.groups.iter().map(|group| group.group_id.clone()).collect())
}

/// The place of the rule that admits the world's flow among those of the admitting group.
fn admitting_rule(world: &World) -> Lacking<usize> {
    let estate = Estate::new(&world.snapshot);
    let group = estate.security_groups.get(&world.site.admitting_group).ok_or("the admitting group")?;
    let rules =
        if world.site.requests_leave() { &group.ip_permissions_egress } else { &group.ip_permissions };
    let port = i32::from(world.site.port);
    let (host, referenced) = (world.remote().host, world.site.referenced_group());
    let place = rules.iter().position(|rule| {
        let ports = rule.from_port.unwrap_or(0)..=rule.to_port.unwrap_or(65535);
        let blocks = rule.ip_ranges.iter().map(|range| range.cidr_ip.network());
        let blocks = blocks.chain(rule.ipv6_ranges.iter().map(|range| range.cidr_ipv6.network()));
        let mut pairs = rule.user_id_group_pairs.iter();
        let is_referenced = pairs.any(|pair| referenced.is_some() && pair.group_id.as_ref() == referenced);
        let listed =
            rule.prefix_list_ids.iter().flat_map(|it| estate.blocks_of_prefix_list(&it.prefix_list_id));
        rule.ip_protocol == IpProtocol::TCP
            && ports.contains(&port)
            && (is_referenced || blocks.chain(listed).any(|block| block.contains(&host)))
    });
    place.ok_or_else(|| "a rule that admits the flow".to_owned())
}
