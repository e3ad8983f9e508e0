//! Faults of security groups.

use std::net::IpAddr;

use peerscope_document::aws::{IpPermission, IpProtocol, IpRange, SecurityGroup};
use peerscope_document::id::SecurityGroupId;

use super::FaultKind;
use super::edit::{Lacking, documents, security_groups};
use crate::twin::estate::Estate;
use crate::world::World;
use crate::world::make::cidr;

pub(super) fn apply(kind: FaultKind, world: &mut World) -> Lacking<()> {
    let leaves = world.site.requests_leave();
    if kind == FaultKind::GroupEmpty {
        let own = groups_of_interface(world)?;
        security_groups(&mut world.snapshot)
            .filter(|group| own.contains(&group.group_id))
            .for_each(|group| rules(group, leaves).clear());
        return Ok(());
    }
    let place = admitting_rule(world)?;
    let port = i32::from(world.site.port);
    let other_blocks: Vec<_> = world.dyno_blocks()[1..].iter().copied().map(cidr).collect();
    let list = world.site.prefix_lists[0].clone();
    let admitting = world.site.admitting_group.clone();
    let group = security_groups(&mut world.snapshot).find(|group| group.group_id == admitting);
    let rules = rules(group.ok_or("the admitting group")?, leaves);
    match kind {
        FaultKind::GroupWithoutRule => {
            rules.remove(place);
        }
        FaultKind::GroupWrongPort => {
            let rule = &mut rules[place];
            (rule.from_port, rule.to_port) = (Some(port + 10), Some(port + 10));
        }
        FaultKind::GroupWrongProtocol => rules[place].ip_protocol = IpProtocol::UDP,
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
    let dyno = IpAddr::V4(world.site.space.dynos[0]);
    let place = rules.iter().position(|rule| {
        let ports = rule.from_port.unwrap_or(0)..=rule.to_port.unwrap_or(65535);
        let blocks = rule.ip_ranges.iter().map(|range| range.cidr_ip.network());
        let listed =
            rule.prefix_list_ids.iter().flat_map(|it| estate.blocks_of_prefix_list(&it.prefix_list_id));
        rule.ip_protocol == IpProtocol::TCP
            && ports.contains(&port)
            && blocks.chain(listed).any(|block| block.contains(&dyno))
    });
    place.ok_or_else(|| "a rule that admits the flow".to_owned())
}
