//! A rule for a security group: the missing blocks and ports, no more.

use alloc::vec::Vec;

use peerscope_document::id::SecurityGroupId;

use super::edit::{Edit, EntryPorts};
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
    let plan = |group: &SecurityGroupId| {
        let mut edits = Vec::new();
        for flows in across_source_ports(blocked).normalised().boxes() {
            let (protocol, ports) = (protocol(flows.protocol), entry_ports(flows.protocol, flows.ports));
            for cidr in peer.addresses(flows).cidrs() {
                let edit = Edit::Authorize { group: group.clone(), ingress, protocol, ports, cidr };
                if !edits.contains(&edit) {
                    edits.push(edit);
                }
            }
        }
        edits
    };
    groups.map(plan).filter(|edits| !edits.is_empty()).collect()
}

/// Rules of a group know nothing of source ports: boxes that differ in them alone become one.
fn across_source_ports(flows: &Flows) -> Flows {
    flows.boxes().iter().map(|flows| FlowBox { source_ports: PortRange::ALL, ..*flows }).collect()
}

/// The protocol of a rule for these flows: theirs, or all where they have several.
pub(super) fn protocol(range: ProtocolRange) -> peerscope_document::aws::IpProtocol {
    use peerscope_document::aws::IpProtocol;
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
