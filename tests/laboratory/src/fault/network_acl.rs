//! Faults of network ACLs.

use ipnet::IpNet;
use peerscope_document::aws::{IpProtocol, RuleAction};

use super::edit::{Lacking, serving_acl, subnet};
use super::{Fault, FaultKind};
use crate::world::make::entry;
use crate::world::{Lot, World};

/// The number of the final deny for IPv4; that for IPv6 comes after it.
const LAST: i32 = 32767;

pub(super) fn apply(fault: &Fault, world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let subnet = subnet(fault, world)?;
    let (remote, port) = (world.remote(), world.site.port);
    let requests = world.site.requests_leave();
    let acl = serving_acl(world, &subnet)?;
    let allow = |number, egress, block: IpNet, ports| {
        entry(number, egress, RuleAction::Allow, IpProtocol::TCP, block, Some(ports))
    };
    if fault.kind == FaultKind::NetworkAclDenyReplies {
        let numbers = acl.entries.iter().filter(|entry| entry.egress != requests).map(|it| it.rule_number);
        let number = numbers.min().ok_or("an entry to come before")? - 1;
        let block = lot.pick([remote.hosts[0], remote.network, remote.anywhere]);
        let ports = lot.pick([(1024, 65535), (32768, 60999), (0, 65535)]);
        acl.entries.push(entry(number, !requests, RuleAction::Deny, IpProtocol::TCP, block, Some(ports)));
    } else if fault.kind == FaultKind::NetworkAclDenyLowerNumber {
        let numbers = acl.entries.iter().filter(|entry| entry.egress == requests).map(|it| it.rule_number);
        let lowest = numbers.min().ok_or("an entry to come before")?;
        let number = lowest - i32::try_from(lot.number(1, 9)).unwrap_or(1);
        let block = lot.pick([remote.hosts[0], remote.network, remote.anywhere]);
        let (protocol, ports) = lot.pick([
            (IpProtocol::TCP, Some((port, port))),
            (IpProtocol::TCP, Some((0, 65535))),
            (IpProtocol::All, None),
        ]);
        acl.entries.push(entry(number, requests, RuleAction::Deny, protocol, block, ports));
    } else {
        // What people think of first, the service's own port among it: replies do not go there.
        let mut entries = vec![
            allow(0, !requests, remote.anywhere, (443, 443)),
            allow(0, !requests, remote.network, (port, port)),
        ];
        if fault.kind == FaultKind::NetworkAclPartialReturnPorts {
            if fault.allow.is_empty() {
                return Err("the port ranges of `allow`".to_owned());
            }
            let block = lot.pick([remote.network, remote.anywhere]);
            entries.extend(fault.allow.iter().map(|ports| allow(0, !requests, block, *ports)));
        }
        lot.shuffle(&mut entries);
        for (entry, place) in entries.iter_mut().zip(1..) {
            entry.rule_number = place * 100;
        }
        acl.entries.retain(|entry| entry.egress == requests || entry.rule_number >= LAST);
        acl.entries.extend(entries);
    }
    lot.shuffle(&mut acl.entries);
    Ok(())
}
