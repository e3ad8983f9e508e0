//! Entries for a network ACL, numbered so that they decide before the entry that denies.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::IpProtocol;
use peerscope_document::id::NetworkAclId;

use super::edit::{Edit, EntryPorts};
use super::quota::is_beyond_any_acl;
use super::security_group::{entry_ports, protocol};
use super::widened::gathered;
use crate::flow::{FlowBox, Flows, PortRange};
use crate::reach::{Direction, End};
use crate::topology::NetworkAcl;

/// The highest number that an entry of one's own can have.
const LAST_RULE_NUMBER: i32 = 32766;

/// The plan that allows exactly what is blocked. `blocked` pairs flows with the number of the entry
/// that denies them, or nothing for the final deny. Empty where no number is free before that entry.
pub(crate) fn network_acl_plans(
    id: &NetworkAclId,
    acl: &NetworkAcl,
    egress: bool,
    peer: End,
    direction: Direction,
    blocked: &[(Flows, Option<i32>)],
) -> Vec<Vec<Edit>> {
    let mut used: BTreeSet<i32> =
        acl.entries.iter().filter(|entry| entry.egress == egress).map(|entry| entry.rule_number).collect();
    let mut wanted: Vec<(Wanted, IpNet)> = Vec::new();
    for (flows, deny) in blocked {
        for flows in judged_dimensions(flows, direction).normalised().boxes() {
            let about = (protocol(flows.protocol), packet_ports(flows, direction), *deny);
            wanted.extend(peer.addresses(flows).cidrs().into_iter().map(|cidr| (about, cidr)));
        }
    }
    // More entries than any ACL can hold are no plan: few have to do, before all that deny.
    if is_beyond_any_acl(wanted.len()) {
        let first = wanted.iter().filter_map(|((.., deny), _)| *deny).min();
        let before_all = |((protocol, ports, _), cidr): (Wanted, IpNet)| ((protocol, ports, first), cidr);
        wanted = gathered(wanted.into_iter().map(before_all));
    }
    let mut edits: Vec<Edit> = Vec::new();
    for ((protocol, ports, deny), cidr) in wanted {
        let Some(rule_number) = free_number(&used, deny, direction) else { return Vec::new() };
        used.insert(rule_number);
        let acl = id.clone();
        edits.push(Edit::AllowInNetworkAcl { acl, rule_number, egress, protocol, ports, cidr });
    }
    if edits.is_empty() { Vec::new() } else { Vec::from([edits]) }
}

/// What an entry is to be about, and the number of the entry that it has to come before.
type Wanted = (IpProtocol, EntryPorts, Option<i32>);

/// An ACL judges one port of a packet: what differs in the other alone becomes one.
fn judged_dimensions(flows: &Flows, direction: Direction) -> Flows {
    let widen = |flows: &FlowBox| match direction {
        Direction::Forward => FlowBox { source_ports: PortRange::ALL, ..*flows },
        // A reply's type of ICMP follows from the request's, so that is kept.
        Direction::Return if protocol(flows.protocol) == IpProtocol::ICMP => *flows,
        Direction::Return => FlowBox { ports: PortRange::ALL, ..*flows },
    };
    flows.boxes().iter().map(widen).collect()
}

/// The destination ports of the packets that the entry is to let through.
fn packet_ports(flows: &FlowBox, direction: Direction) -> EntryPorts {
    match (direction, protocol(flows.protocol)) {
        (Direction::Forward, _) => entry_ports(flows.protocol, flows.ports),
        (Direction::Return, IpProtocol::ICMP) => EntryPorts::Icmp(0, Some(0)),
        (Direction::Return, IpProtocol::ICMPV6) => EntryPorts::Icmp(129, Some(0)),
        (Direction::Return, _) => entry_ports(flows.protocol, flows.source_ports),
    }
}

/// A free number that decides before the entry `deny`, as near to it as can be; without one, a round
/// number after all others. One ACL may guard both ends of a flow, and then needs entries for packets
/// and for replies that know nothing of each other: the first take even numbers, the second odd ones.
fn free_number(used: &BTreeSet<i32>, deny: Option<i32>, direction: Direction) -> Option<i32> {
    let is_free = |number: &i32| !used.contains(number);
    let odd = i32::from(direction == Direction::Return);
    let is_own = |number: &i32| number % 2 == odd && is_free(number);
    let last_before = |end: i32| (1..end).rev().find(is_own).or_else(|| (1..end).rev().find(is_free));
    let Some(deny) = deny else {
        let last = used.iter().copied().filter(|number| *number <= LAST_RULE_NUMBER).max().unwrap_or(0);
        let round = (last / 10 + 1) * 10 + odd;
        return if round <= LAST_RULE_NUMBER { Some(round) } else { last_before(LAST_RULE_NUMBER + 1) };
    };
    last_before(deny)
}
