//! ICMP let through by groups and ACLs: what is needed for a host to say anything but TCP.
//!
//! No fault of itself. Worlds admit the service's port and little else, as careful people write rules, so
//! that a host's firewall cannot be told from a host that is down; and a rejection by ICMP only comes
//! back through an ACL that admits it.

use ipnet::IpNet;
use peerscope_document::aws::{IcmpTypeCode, IpPermission, IpProtocol, NetworkAclEntry, RuleAction};
use peerscope_document::id::SubnetId;

use super::edit::{Lacking, interface_subnet, security_groups, serving_acl};
use crate::twin::Condition;
use crate::world::World;
use crate::world::make::{entry, from_blocks, permission};

/// Lets ICMP through the ACL of a subnet, both ways, for the whole network at the other side.
pub(super) fn admit_icmp(world: &mut World, subnet: &SubnetId) -> Lacking<()> {
    let network = world.remote().network;
    let (protocol, _) = of_version(network);
    let acl = serving_acl(world, subnet)?;
    for egress in [false, true] {
        let numbers = acl.entries.iter().filter(|entry| entry.egress == egress).map(|it| it.rule_number);
        // Room is left before it: another fault may want the first place.
        let number = numbers.min().ok_or("an entry to come before")? - 10;
        let any = IcmpTypeCode { icmp_type: Some(-1), code: Some(-1) };
        acl.entries.push(NetworkAclEntry {
            icmp_type_code: Some(any),
            ..entry(number, egress, RuleAction::Allow, protocol, network, None)
        });
    }
    Ok(())
}

/// The protocol, and the type of its echo request.
fn of_version(network: IpNet) -> (IpProtocol, i32) {
    match network {
        IpNet::V4(_) => (IpProtocol::ICMP, 8),
        IpNet::V6(_) => (IpProtocol::ICMPV6, 128),
    }
}

/// Lets echo requests of the world's source come to its target, and every process there send them.
pub(super) fn admit_echo(world: &mut World) -> Lacking<()> {
    admit_at_one_end(world)?;
    if world.other.is_some() {
        world.turned(admit_at_one_end)?;
    }
    world.conditions.push((world.source(), Condition::MayPing));
    Ok(())
}

fn admit_at_one_end(world: &mut World) -> Lacking<()> {
    let subnet = interface_subnet(world)?;
    admit_icmp(world, &subnet)?;
    let (admitting, network) = (world.site.admitting_group.clone(), world.remote().network);
    let leaves = world.site.requests_leave();
    let group = security_groups(&mut world.snapshot).find(|group| group.group_id == admitting);
    let group = group.ok_or("the admitting group")?;
    let rules = if leaves { &mut group.ip_permissions_egress } else { &mut group.ip_permissions };
    let (protocol, kind) = of_version(network);
    let echo = IpPermission { from_port: Some(kind), to_port: Some(-1), ..permission(protocol, None) };
    rules.push(from_blocks(echo, &[network]));
    Ok(())
}
