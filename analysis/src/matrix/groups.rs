//! What the groups of a VPC let in from one network: each is asked once, and put together for each interface.

use alloc::vec::Vec;

use peerscope_document::id::{SecurityGroupId, VpcId};

use super::classes::{Class, Inhabitants};
use super::fates::{FateId, Stage};
use super::pairs::Pairs;
use super::partitions::{PartitionId, Partitions};
use super::ports::{push, slices};
use super::senders::{Senders, Span};
use super::sets::{SetId, Sets};
use super::{Blame, MatrixQuery};
use crate::cause::CauseCode;
use crate::flow::{Flows, PortRange};
use crate::reach::gate::{Decision, Direction, Gate, Part, SecurityGroupGate};
use crate::topology::{ComponentId, ComponentType, NetworkId, Topology};

/// What one group, or several, do to the packets to some ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Row {
    /// Whether a rule opens them to anybody.
    open: bool,
    /// Those that a rule lets in.
    admitted: SetId,
    /// Those that a rule may let in.
    unknown: Vec<(FateId, SetId)>,
}

/// The groups of a VPC.
pub(super) struct Groups<'a> {
    topology: &'a Topology,
    vpc: &'a VpcId,
    peer: &'a NetworkId,
    /// All that is asked about.
    base: &'a Flows,
    /// The ports that are asked of everybody, ascending.
    asked: Vec<PortRange>,
    protocol: u8,
    inhabitants: &'a Inhabitants<'a>,
    /// By number, those that were asked.
    groups: Vec<Option<Rows>>,
    /// The partition in which just these are let in, for each of the two ways to be kept out.
    closed: Pairs,
}

/// How many ranges of ports an interface's groups usually come to.
const USUAL: usize = 48;

/// Whom a rule matches, of those who send.
enum Matched {
    /// Whoever it is.
    Anybody,
    /// These, who are let in, or fare so.
    Senders(Option<FateId>, Span),
}

/// Ranges of ports, ascending, together all.
type Rows = Vec<(PortRange, Row)>;

impl<'a> Groups<'a> {
    pub(super) fn new(
        topology: &'a Topology,
        query: &'a MatrixQuery,
        vpc: &'a VpcId,
        inhabitants: &'a Inhabitants<'a>,
        peer: &'a NetworkId,
        protocol: u8,
        base: &'a Flows,
    ) -> Self {
        let asked = if super::has_ports(protocol) { query.ports.clone() } else { Vec::new() };
        let asked = PortRange::merged(asked);
        let (groups, closed) = (inhabitants.groups.iter().map(|_| None).collect(), Pairs::default());
        Self { topology, vpc, peer, base, asked, protocol, inhabitants, groups, closed }
    }

    /// What becomes of packets to the ports that are asked of a class: those that any of its groups opens to
    /// anybody, and those that are asked of all.
    pub(super) fn inbound(
        &mut self,
        class: &Class,
        senders: &Senders,
        partitions: &mut Partitions,
    ) -> Vec<(PortRange, PartitionId)> {
        let list = self.inhabitants.lists.get(class.list).unwrap_or_default();
        for number in list {
            let number = *number as usize;
            if let (Some(id), Some(None)) = (self.inhabitants.groups.get(number), self.groups.get(number)) {
                let group = self.group(id, senders, partitions);
                if let Some(place) = self.groups.get_mut(number) {
                    *place = Some(group);
                }
            }
        }
        let of_class = list.iter().filter_map(|number| self.groups.get(*number as usize)?.as_ref());
        // Of each group the rows from the present port on.
        let mut groups: Vec<&[(PortRange, Row)]> = of_class.map(Vec::as_slice).collect();
        let nobody = [(PortRange::ALL, Row::default())];
        if groups.is_empty() {
            groups.push(&nobody);
        }
        let mut inbound: Vec<(PortRange, PartitionId)> = Vec::with_capacity(USUAL);
        let mut asked = self.asked.iter().peekable();
        let mut from = Some(0);
        while let Some(first) = from {
            let (mut last, mut open) = (u16::MAX, false);
            for rows in &mut groups {
                // Rows leave no port out, so each begins where the one before it ends.
                if let [(ports, _), rest @ ..] = rows
                    && ports.last() < first
                {
                    *rows = rest;
                }
                let Some((ports, row)) = rows.first() else { continue };
                last = last.min(ports.last());
                open |= row.open;
            }
            while asked.next_if(|ports| ports.last() < first).is_some() {}
            if let Some(ports) = asked.peek() {
                let within = ports.contains(first);
                open |= within;
                last = last.min(if within { ports.last() } else { ports.first() - 1 });
            }
            from = last.checked_add(1);
            let Some(ports) = PortRange::new(first, last).filter(|_| open) else { continue };
            let mut together = Row::default();
            for (_, row) in groups.iter().filter_map(|rows| rows.first()) {
                if row.admitted != Sets::NONE {
                    together.admitted = partitions.sets.union(together.admitted, row.admitted);
                }
                if !row.unknown.is_empty() {
                    together.unknown.extend_from_slice(&row.unknown);
                }
            }
            let partition = closed(&mut self.closed, &together, class.empty, partitions);
            push(&mut inbound, ports, partition);
        }
        inbound
    }

    fn group(&self, id: &SecurityGroupId, senders: &Senders, partitions: &mut Partitions) -> Rows {
        let gate = SecurityGroupGate::of_groups(core::slice::from_ref(id), self.vpc, self.peer, true);
        let mut boxes: Vec<(PortRange, Matched)> = Vec::new();
        let opened = gate.opened(self.topology, self.protocol).into_iter();
        let echo = (!super::has_ports(self.protocol)).then(|| super::echo_request(self.protocol));
        let asked = opened.filter_map(|ports| echo.map_or(Some(ports), |echo| ports.intersection(echo)));
        boxes.extend(asked.map(|ports| (ports, Matched::Anybody)));
        for (decision, witness, one) in gate.rules(self.topology, self.base) {
            let fate = match decision {
                Decision::Admitted | Decision::Assumed | Decision::Consequence => None,
                Decision::Blocked(_) => continue,
                Decision::Unknown(code) => {
                    let component = gate.component_of(&Part { flows: Flows::none(), decision, witness });
                    let component = super::cell::anonymous(component);
                    let direction = Some(Direction::Forward);
                    let blame = Blame { code, component, direction, unknown: true };
                    Some(partitions.fates.of(PortRange::ALL, Stage::Groups, blame))
                }
            };
            boxes.extend(senders.span(one.source).map(|span| (one.ports, Matched::Senders(fate, span))));
        }
        let mut rows: Rows = Vec::new();
        slices(&boxes, |ports, active| {
            let open = active.iter().any(|(_, matched)| matches!(matched, Matched::Anybody));
            let spans = |wanted: Option<FateId>| -> Vec<Span> {
                let of_fate = |(_, matched): &&(PortRange, Matched)| match matched {
                    Matched::Senders(fate, span) if *fate == wanted => Some(*span),
                    _ => None,
                };
                active.iter().filter_map(of_fate).collect()
            };
            let admitted = partitions.sets.of(spans(None));
            let mut unknown: Vec<(FateId, SetId)> = Vec::new();
            for (_, matched) in active {
                if let Matched::Senders(Some(fate), _) = matched
                    && unknown.iter().all(|(known, _)| known != fate)
                {
                    unknown.push((*fate, partitions.sets.of(spans(Some(*fate)))));
                }
            }
            unknown.sort_unstable();
            let row = Row { open, admitted, unknown };
            push(&mut rows, ports, row);
        });
        rows
    }
}

/// The partition that a row comes to: whom no rule lets in is kept out.
fn closed(known: &mut Pairs, row: &Row, empty: bool, partitions: &mut Partitions) -> PartitionId {
    let (kept_out, admitted) = (u32::from(empty), row.admitted.0);
    if let (true, Some(known)) = (row.unknown.is_empty(), known.get(kept_out, admitted)) {
        return PartitionId(known);
    }
    let mut fates: Vec<(FateId, SetId)> = Vec::new();
    let mut rest = partitions.sets.difference(Sets::ALL, row.admitted);
    for (fate, set) in &row.unknown {
        fates.push((*fate, partitions.sets.intersection(rest, *set)));
        rest = partitions.sets.difference(rest, *set);
    }
    let code = if empty { CauseCode::SgHasNoRules } else { CauseCode::EniSgRulesMismatch };
    let fate = partitions.fates.of(PortRange::ALL, Stage::Groups, interface(code));
    fates.push((fate, rest));
    let partition = partitions.of(fates);
    if row.unknown.is_empty() {
        known.set(kept_out, admitted, partition.0);
    }
    partition
}

/// What an interface that is called has to do with it, for certain.
pub(super) fn interface(code: CauseCode) -> Blame {
    Blame {
        code,
        component: ComponentId::Unknown(ComponentType::NetworkInterface),
        direction: Some(Direction::Forward),
        unknown: false,
    }
}
