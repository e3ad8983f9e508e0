//! Network ACLs: per subnet, stateless, both ways; the first matching entry decides.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use peerscope_document::aws::{IpProtocol, NetworkAclEntry, RuleAction};
use peerscope_document::id::{NetworkAclId, SubnetId};

use super::rule::{RulePorts, Rules, matching, protocol_words};
use super::{Decision, Direction, Explanation, Fault, Gate, Judges, Part, Witness, fault};
use crate::cause::CauseCode;
use crate::flow::{AddressRange, FlowBox, Flows};
use crate::reach::Site;
use crate::reach::site::End;
use crate::repair::{Edit, network_acl_plans};
use crate::topology::{ComponentId, ComponentType, NetworkAcl, Omission, Topology};

/// The final deny has this number for IPv4, and the next one for IPv6. Nobody can use them.
const FIRST_FINAL_DENY: i32 = 32767;

/// The ACL of a subnet, for packets that enter or leave it.
#[derive(Debug)]
pub struct NetworkAclGate {
    acl: Option<NetworkAclId>,
    subnet: Option<SubnetId>,
    egress: bool,
    direction: Direction,
}

impl NetworkAclGate {
    /// The ACL of the site's subnet. `egress` is for packets that leave the subnet.
    #[must_use]
    pub fn new(topology: &Topology, site: &Site, egress: bool, direction: Direction) -> Self {
        let acl = site.subnet.as_ref().and_then(|subnet| topology.effective_network_acl(subnet));
        Self { acl: acl.map(|(id, _)| id.clone()), subnet: site.subnet.clone(), egress, direction }
    }

    /// Which end of the flow the entries' blocks are about: the one outside the subnet.
    fn peer(&self) -> End {
        match (self.egress, self.direction) {
            (true, Direction::Forward) | (false, Direction::Return) => End::Destination,
            (false, Direction::Forward) | (true, Direction::Return) => End::Source,
        }
    }

    fn acl<'a>(&self, topology: &'a Topology) -> Option<&'a NetworkAcl> {
        topology.network_acl(self.acl.as_ref()?)
    }

    fn matching(&self, entry: &NetworkAclEntry, flows: &FlowBox) -> Option<FlowBox> {
        let block = entry.cidr_block.or(entry.ipv6_cidr_block)?;
        let block = AddressRange::from(block.network());
        matching(flows, self.peer(), block, entry.protocol, ports(entry), self.direction)
    }
}

/// An entry in words: `in #100 allow tcp 5432 from 10.0.128.0/20`.
pub(crate) fn entry_words(entry: &NetworkAclEntry) -> String {
    let number = if entry.rule_number >= FIRST_FINAL_DENY {
        "*".to_string()
    } else {
        format!("#{}", entry.rule_number)
    };
    let block = entry.cidr_block.or(entry.ipv6_cidr_block).map(|block| block.to_string()).unwrap_or_default();
    let towards = if entry.egress { "to" } else { "from" };
    let protocol = protocol_words(entry.protocol);
    format!(
        "{} {number} {} {protocol}{} {towards} {block}",
        side(entry.egress),
        entry.rule_action,
        ports(entry).words()
    )
}

fn side(egress: bool) -> &'static str {
    if egress { "out" } else { "in" }
}

fn ports(entry: &NetworkAclEntry) -> RulePorts {
    match entry.protocol {
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            let pair = entry.icmp_type_code;
            RulePorts::new(
                entry.protocol,
                pair.and_then(|pair| pair.icmp_type),
                pair.and_then(|pair| pair.code),
            )
        }
        protocol => {
            let range = entry.port_range;
            RulePorts::new(protocol, range.and_then(|range| range.from), range.and_then(|range| range.to))
        }
    }
}

impl Gate for NetworkAclGate {
    fn component(&self) -> ComponentId {
        match &self.acl {
            Some(id) => ComponentId::NetworkAcl(id.clone()),
            None => ComponentId::Unknown(ComponentType::NetworkAcl),
        }
    }

    fn direction(&self) -> Option<Direction> {
        Some(self.direction)
    }

    fn judges(&self) -> Judges {
        match (self.egress, self.direction) {
            (true, Direction::Forward) | (false, Direction::Return) => Judges::Source,
            (false, Direction::Forward) | (true, Direction::Return) => Judges::Target,
        }
    }

    fn faults(&self) -> Vec<Fault> {
        fault::at(&self.component(), self.direction(), &fault::OF_ACL)
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let code = CauseCode::SubnetAclRestriction;
        let Some(acl) = self.acl(topology) else {
            return vec![Part {
                flows: flows.clone(),
                decision: Decision::Unknown(code),
                witness: Witness::Nothing,
            }];
        };
        let mut rules = Rules::default();
        // A set may be in very many pieces: entries are tried against what is around them.
        let around = flows.hull();
        let on_this_side = |(_, entry): &(usize, &NetworkAclEntry)| entry.egress == self.egress;
        for (index, entry) in acl.entries.iter().enumerate().filter(on_this_side) {
            let decision = match entry.rule_action {
                RuleAction::Allow => Decision::Admitted,
                RuleAction::Deny => Decision::Blocked(code),
                _ => Decision::Unknown(code),
            };
            let boxes = around.boxes().iter().filter_map(|flows| self.matching(entry, flows));
            rules.add(decision, Witness::Rule(index), boxes);
        }
        let (mut parts, rest) = rules.decide(flows);
        if !rest.is_empty() {
            parts.push(Part { flows: rest, decision: Decision::Blocked(code), witness: Witness::Nothing });
        }
        parts
    }

    fn explain(&self, topology: &Topology, part: &Part) -> Explanation {
        let subnet =
            self.subnet.as_ref().map_or_else(|| "this subnet".to_string(), |id| format!("subnet {id}"));
        let Some((id, acl)) = self.acl.as_ref().zip(self.acl(topology)) else {
            return Explanation {
                rule: "unknown".to_string(),
                summary: format!("Which network ACL guards {subnet} is not known."),
                omission: Some(Omission {
                    what: format!("the network ACL of {subnet}"),
                    reason: "the snapshot holds none that is associated with it, and no default one"
                        .to_string(),
                    would_tell: "whether packets may enter and leave the subnet".to_string(),
                }),
                ..Explanation::default()
            };
        };
        let entry = match part.witness {
            Witness::Rule(index) => acl.entries.get(index),
            _ => None,
        };
        let final_deny = entry.is_none_or(|entry| entry.rule_number >= FIRST_FINAL_DENY);
        let rule = entry.map_or_else(|| format!("{} * deny", side(self.egress)), entry_words);
        if matches!(part.decision, Decision::Admitted | Decision::Assumed | Decision::Consequence) {
            return Explanation { rule, ..Explanation::default() };
        }
        let packets = match (self.direction, self.egress) {
            (Direction::Forward, false) => "packets entering",
            (Direction::Forward, true) => "packets leaving",
            (Direction::Return, true) => "replies leaving",
            (Direction::Return, false) => "replies entering",
        };
        let summary = if final_deny {
            format!("Network ACL {id} has no entry that allows these {packets} {subnet}.")
        } else {
            let number = entry.map(|entry| entry.rule_number).unwrap_or_default();
            format!("Network ACL {id} denies these {packets} {subnet}: entry #{number} matches first.")
        };
        let mut evidence = Vec::new();
        let on_this_side: Vec<&NetworkAclEntry> =
            acl.entries.iter().filter(|one| one.egress == self.egress).collect();
        let stateless = "an ACL is stateless: replies need an entry for the initiator's ports";
        evidence.push(format!("{id}'s entries {}: {}", side(self.egress), list(&on_this_side, entry_words)));
        if self.direction == Direction::Return {
            evidence.push(stateless.to_string());
        }
        Explanation {
            rule,
            summary,
            evidence,
            related: self.subnet.iter().map(|subnet| ComponentId::Subnet(subnet.clone())).collect(),
            omission: None,
        }
    }

    fn repairs(&self, topology: &Topology, flows: &Flows) -> Vec<Vec<Edit>> {
        let Some((id, acl)) = self.acl.as_ref().zip(self.acl(topology)) else { return Vec::new() };
        let blocked: Vec<(Flows, Option<i32>)> = self
            .admit(topology, flows)
            .into_iter()
            .filter(|part| matches!(part.decision, Decision::Blocked(_)))
            .map(|part| {
                let entry = match part.witness {
                    Witness::Rule(index) => acl.entries.get(index).map(|entry| entry.rule_number),
                    _ => None,
                };
                (part.flows, entry.filter(|number| *number < FIRST_FINAL_DENY))
            })
            .collect();
        network_acl_plans(id, acl, self.egress, self.peer(), self.direction, &blocked)
    }
}

/// The first few entries in words, and how many more there are.
fn list(entries: &[&NetworkAclEntry], words: impl Fn(&NetworkAclEntry) -> String) -> String {
    const SHOWN: usize = 6;
    let mut text = entries.iter().take(SHOWN).map(|entry| words(entry)).collect::<Vec<_>>().join("; ");
    if text.is_empty() {
        text.push_str("none");
    }
    if entries.len() > SHOWN {
        text.push_str(&format!("; and {} more", entries.len() - SHOWN));
    }
    text
}
