//! Faults of hosts and of what stands before them: no document shows them.

use super::address::unowned;
use super::edit::{Lacking, interface_subnet};
use super::icmp::admit_icmp;
use super::{Fault, FaultKind};
use crate::twin::{Condition, Forbidding, Host, NoRoute, Prohibition};
use crate::world::{Lot, World};

pub(super) fn apply(fault: &Fault, world: &mut World, lot: &mut Lot) -> Lacking<()> {
    let (source, target) = (world.source(), world.target());
    let (to, port) = (world.target_address().ip(), world.target_address().port());
    let by_lot =
        lot.pick([Prohibition::Administrative, Prohibition::Host, Prohibition::Network, Prohibition::Port]);
    let saying = fault.saying.unwrap_or(by_lot);
    let imposed = match fault.kind {
        FaultKind::HostFirewallDrop => (target, Condition::FirewallDrops { port, from: None }),
        FaultKind::HostFirewallDropOwnBlock => {
            let from = Some(world.remote().hosts[0]);
            (target, Condition::FirewallDrops { port, from })
        }
        FaultKind::HostFirewallDropOtherBlock => {
            let from = Some(world.remote().hosts[1]);
            (target, Condition::FirewallDrops { port, from })
        }
        FaultKind::HostFirewallDropData => (target, Condition::FirewallDropsData { port }),
        FaultKind::HostFirewallReject => {
            // An ACL would swallow the message, which to it is a packet like any other.
            admit_answers(world)?;
            (target, Condition::FirewallRejects { port, saying })
        }
        FaultKind::MiddleboxReject => {
            let elsewhere = if world.other.is_some() {
                // The source's ACL sees it too, and admits what is of the target's VPC.
                admit_answers(world)?;
                world.site.subnets.last().ok_or("a subnet")?.block
            } else {
                lot.block(24, &world.site.taken())
            };
            let sender = unowned(world, elsewhere, lot).into();
            // Always on the customer's side: Heroku's is nobody's to put a box into.
            (
                world.interface(),
                Condition::BehindMiddlebox { port, sender, saying, towards: world.source_address() },
            )
        }
        FaultKind::SpaceShut => {
            let dyno = world.dynos().first().copied().ok_or("a space")?;
            (Host::Dyno(dyno), Condition::ShutTowards { from: world.site.block.into() })
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
        FaultKind::PacketLossReturn => (source, Condition::LosesAnswers),
        _ => (target, Condition::Silent),
    };
    world.conditions.push(imposed);
    Ok(())
}

/// Lets ICMP through every ACL between the two ends.
fn admit_answers(world: &mut World) -> Lacking<()> {
    let at_one_end = |world: &mut World| {
        let subnet = interface_subnet(world)?;
        admit_icmp(world, &subnet)
    };
    at_one_end(world)?;
    if world.other.is_some() { world.turned(at_one_end) } else { Ok(()) }
}
