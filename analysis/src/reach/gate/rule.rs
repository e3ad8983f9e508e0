//! What group rules and ACL entries have in common: a peer's block, a protocol, ports.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use peerscope_document::aws::IpProtocol;

use super::{Decision, Direction, Part, Witness};
use crate::flow::{AddressRange, Family, FirstMatch, FlowBox, Flows, PortRange, ProtocolRange, first_match};
use crate::reach::site::End;

/// ICMP's and ICMPv6's echo replies (RFC 792; RFC 4443, section 4.2).
const ECHO_REPLY: u8 = 0;
const ECHO_REPLY_V6: u8 = 129;

/// The ports, or ICMP types and codes, that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RulePorts {
    /// All of them.
    All,
    /// These ports.
    Ports(PortRange),
    /// This type, of any code or this one.
    Icmp(u8, Option<u8>),
    /// None: AWS takes such rules, and they match nothing.
    Nothing,
}

impl RulePorts {
    /// As AWS writes them: `from` is ICMP's type and `to` its code; absent and -1 mean all.
    pub(super) fn new(protocol: IpProtocol, from: Option<i32>, to: Option<i32>) -> Self {
        let (from, to) = (from.unwrap_or(-1), to.unwrap_or(-1));
        match protocol {
            IpProtocol::TCP | IpProtocol::UDP => match (from, to) {
                (-1, -1) => Self::All,
                _ => {
                    let first = u16::try_from(from.max(0)).ok();
                    let last = if to == -1 { Some(u16::MAX) } else { u16::try_from(to.min(65535)).ok() };
                    let range = first.zip(last).and_then(|(first, last)| PortRange::new(first, last));
                    range.map_or(Self::Nothing, Self::Ports)
                }
            },
            IpProtocol::ICMP | IpProtocol::ICMPV6 => match (u8::try_from(from), u8::try_from(to)) {
                (Ok(icmp_type), Ok(code)) => Self::Icmp(icmp_type, Some(code)),
                (Ok(icmp_type), Err(_)) if to == -1 => Self::Icmp(icmp_type, None),
                (Err(_), _) if from == -1 && to == -1 => Self::All,
                _ => Self::Nothing,
            },
            _ => Self::All,
        }
    }

    /// The ports as one range; `None` where there are none.
    pub(super) fn range(self) -> Option<PortRange> {
        match self {
            Self::All => Some(PortRange::ALL),
            Self::Ports(range) => Some(range),
            Self::Icmp(icmp_type, code) => Some(PortRange::icmp(icmp_type, code)),
            Self::Nothing => None,
        }
    }

    /// The ports in a sentence: `5432`, `1024-65535`, `type 8`; empty for all.
    pub(super) fn words(self) -> String {
        match self {
            Self::All => String::new(),
            Self::Ports(range) => format!(" {range}"),
            Self::Icmp(icmp_type, None) => format!(" type {icmp_type}"),
            Self::Icmp(icmp_type, Some(code)) => format!(" type {icmp_type} code {code}"),
            Self::Nothing => " (no port)".to_string(),
        }
    }
}

/// The protocol in a sentence.
pub(super) fn protocol_words(protocol: IpProtocol) -> String {
    match protocol {
        IpProtocol::All => "all traffic".to_string(),
        IpProtocol::Number(number) if !matches!(number, 1 | 6 | 17 | 58) => format!("protocol {number}"),
        named => named.to_string(),
    }
}

/// Rules in order, of which the first that matches decides.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// What each rule does, and what is said to have decided.
    decisions: Vec<(Decision, Witness)>,
    boxes: Vec<(usize, FlowBox)>,
}

impl Rules {
    /// Adds a rule behind all others, by the flows that it matches; more of the last one where the same decides.
    pub(super) fn add(&mut self, decision: Decision, witness: Witness, boxes: impl Iterator<Item = FlowBox>) {
        let same = self.decisions.last().is_some_and(|last| (last.0, &last.1) == (decision, &witness));
        let index = self.decisions.len() - usize::from(same);
        let before = self.boxes.len();
        self.boxes.extend(boxes.map(|one| (index, one)));
        if !same && self.boxes.len() > before {
            self.decisions.push((decision, witness));
        }
    }

    /// Adds all rules of another list behind these.
    pub(super) fn append(&mut self, other: Self) {
        let before = self.decisions.len();
        self.decisions.extend(other.decisions);
        self.boxes.extend(other.boxes.into_iter().map(|(index, one)| (before + index, one)));
    }

    /// What each rule matches, with what it does, in their order.
    pub(super) fn into_boxes(self) -> Vec<(Decision, Witness, FlowBox)> {
        let decisions = self.decisions;
        let boxes = self.boxes.into_iter().filter_map(|(index, one)| {
            let (decision, witness) = decisions.get(index)?;
            Some((*decision, witness.clone(), one))
        });
        boxes.collect()
    }

    /// The parts of `flows` that rules decide, one for each of them, and what no rule matches.
    pub(super) fn decide(&self, flows: &Flows) -> (Vec<Part>, Flows) {
        let FirstMatch { decided, rest } = first_match(flows, &self.boxes);
        let mut parts: Vec<Part> = Vec::new();
        for (index, flows) in decided {
            let Some((decision, witness)) = self.decisions.get(index) else { continue };
            parts.push(Part { flows, decision: *decision, witness: witness.clone() });
        }
        (parts, rest)
    }
}

/// The flows within `flows` that a rule matches. `peer` is the end that the rule's block is about; on
/// the way back the packet's destination port is the initiator's.
pub(super) fn matching(
    flows: &FlowBox,
    peer: End,
    block: AddressRange,
    protocol: IpProtocol,
    ports: RulePorts,
    direction: Direction,
) -> Option<FlowBox> {
    let mut rule = peer.with_addresses(
        FlowBox {
            source: AddressRange::all(flows.source.family()),
            destination: AddressRange::all(flows.destination.family()),
            protocol: ProtocolRange::from(protocol),
            source_ports: PortRange::ALL,
            ports: PortRange::ALL,
        },
        block,
    );
    match (ports, direction) {
        (RulePorts::All, _) => {}
        (RulePorts::Nothing, _) => return None,
        (RulePorts::Ports(range), Direction::Forward) => rule.ports = range,
        (RulePorts::Ports(range), Direction::Return) => rule.source_ports = range,
        (RulePorts::Icmp(icmp_type, code), Direction::Forward) => {
            rule.ports = PortRange::icmp(icmp_type, code)
        }
        // Only an echo has a reply of its own.
        (RulePorts::Icmp(ECHO_REPLY, None | Some(0)), Direction::Return) => {
            rule.ports = PortRange::echo_request(Family::V4);
        }
        (RulePorts::Icmp(ECHO_REPLY_V6, None | Some(0)), Direction::Return) => {
            rule.ports = PortRange::echo_request(Family::V6);
        }
        (RulePorts::Icmp(..), Direction::Return) => return None,
    }
    flows.intersection(&rule)
}
