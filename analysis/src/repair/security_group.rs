//! A rule for a security group: the missing blocks and ports, no more.

use alloc::vec::Vec;

use ipnet::IpNet;
use peerscope_document::aws::IpProtocol;
use peerscope_document::id::SecurityGroupId;

use super::edit::{Edit, EntryPorts};
use super::quota::is_beyond_any_group;
use super::widened::gathered;
use crate::flow::{FlowBox, Flows, PortRange, ProtocolRange};
use crate::reach::End;

/// One plan for each group that could take the rule; which group has the least collateral is for the
/// caller to find out.
pub(crate) fn security_group_plans<'a>(
    groups: impl Iterator<Item = &'a SecurityGroupId>,
    ingress: bool,
    peer: End,
    blocked: &Flows,
) -> Vec<Vec<Edit>> {
    let blocked = across_source_ports(blocked).normalised();
    let mut wanted = wanted(&blocked, peer);
    // More rules than any group can hold are no plan.
    if is_beyond_any_group(wanted.len()) {
        wanted = gathered(wanted.into_iter());
    }
    let plan = |group: &SecurityGroupId| {
        let mut edits = Vec::new();
        for ((protocol, ports), cidr) in &wanted {
            let (group, protocol, ports, cidr) = (group.clone(), *protocol, *ports, *cidr);
            let edit = Edit::Authorize { group, ingress, protocol, ports, cidr };
            if !edits.contains(&edit) {
                edits.push(edit);
            }
        }
        edits
    };
    groups.map(plan).filter(|edits| !edits.is_empty()).collect()
}

/// The rules that would let all of it through, by what they are about and the other side's block.
fn wanted(blocked: &Flows, peer: End) -> Vec<((IpProtocol, EntryPorts), IpNet)> {
    let rules = blocked.boxes().iter().flat_map(|flows| {
        let about = (protocol(flows.protocol), entry_ports(flows.protocol, flows.ports));
        peer.addresses(flows).cidrs().into_iter().map(move |cidr| (about, cidr))
    });
    rules.collect()
}

/// Rules of a group know nothing of source ports: boxes that differ in them alone become one.
fn across_source_ports(flows: &Flows) -> Flows {
    flows.boxes().iter().map(|flows| FlowBox { source_ports: PortRange::ALL, ..*flows }).collect()
}

/// The protocol of a rule for these flows: theirs, or all where they have several.
pub(super) fn protocol(range: ProtocolRange) -> IpProtocol {
    if range.first() == range.last() { IpProtocol::Number(range.first()) } else { IpProtocol::All }
}

/// The ports of a rule for flows of these protocols and ports.
pub(super) fn entry_ports(protocol: ProtocolRange, ports: PortRange) -> EntryPorts {
    match (protocol.first(), protocol.first() == protocol.last()) {
        (1 | 58, true) => {
            let [icmp_type, code] = ports.first().to_be_bytes();
            EntryPorts::Icmp(icmp_type, (ports.first() == ports.last()).then_some(code))
        }
        (6 | 17, true) => EntryPorts::Ports(ports),
        _ => EntryPorts::All,
    }
}
