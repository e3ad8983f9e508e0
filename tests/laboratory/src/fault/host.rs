//! Faults of hosts and of what stands before them: no document shows them.

use super::FaultKind;
use super::edit::{Lacking, interface_subnet};
use super::icmp::admit_icmp;
use crate::twin::{Condition, Forbidding, NoRoute, Prohibition};
use crate::world::{Lot, World};

pub(super) fn apply(kind: FaultKind, world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let (source, target) = (world.source(), world.target());
    let (to, port) = (world.target_address().ip(), world.target_address().port());
    let saying =
        lot.pick([Prohibition::Administrative, Prohibition::Host, Prohibition::Network, Prohibition::Port]);
    let imposed = match kind {
        FaultKind::HostFirewallDrop => (target, Condition::FirewallDrops { port }),
        FaultKind::HostFirewallReject => {
            // An ACL would swallow the message, which to it is a packet like any other.
            let subnet = interface_subnet(world)?;
            admit_icmp(world, &subnet)?;
            (target, Condition::FirewallRejects { port, saying })
        }
        FaultKind::MiddleboxReject => {
            let elsewhere = lot.block(24, &world.site.taken());
            let sender = lot.address(elsewhere, &[]).into();
            // Always on the customer's side: Heroku's is nobody's to put a box into.
            (
                world.interface(),
                Condition::BehindMiddlebox { port, sender, saying, towards: world.source_address() },
            )
        }
        FaultKind::LocalNoRoute => {
            let how = lot.pick([NoRoute::Missing, NoRoute::Unreachable]);
            (source, Condition::NoRoute { to, how })
        }
        FaultKind::LocalPolicy => {
            let how = lot.pick([Forbidding::ProhibitRoute, Forbidding::BlackholeRoute, Forbidding::Firewall]);
            (source, Condition::Forbids { to, how })
        }
        FaultKind::PacketLoss => (target, Condition::LosesPackets),
        _ => (target, Condition::Silent),
    };
    world.conditions.push(imposed);
    Ok(())
}
