//! What the analysis says of the flows that were tried: the second opinion beside the kernel's.

use std::collections::BTreeMap;
use std::net::IpAddr;

use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::flow::{self, AddressRange, FlowBox, Flows, PortRange, ProtocolRange};
use peerscope_analysis::reach::{Answer, Direction, reach};
use peerscope_analysis::report::Verdict;
use peerscope_analysis::topology::{ComponentType, Topology};
use serde::Serialize;

use super::cast::Cast;

const TCP: u8 = 6;

/// What the analysis says of one flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Opinion {
    /// `reachable`, `blocked` or `undetermined`
    pub(crate) verdict: &'static str,
    /// What stands in the way, or may.
    pub(crate) causes: Vec<NamedCause>,
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct NamedCause {
    /// What.
    pub(crate) code: CauseCode,
    /// The kind of component that it lies in.
    #[serde(rename = "type")]
    pub(crate) component_type: ComponentType,
    /// Its id, where it has one.
    pub(crate) id: Option<String>,
    /// `forward` or `return`
    pub(crate) direction: Option<&'static str>,
}

/// The opinion of every flow, in their order.
pub(super) fn opinions(topology: &Topology, cast: &Cast, ports: &[u16]) -> Vec<Opinion> {
    // Asked once for each pair of addresses: all ports are one question.
    let mut answers: BTreeMap<(usize, usize, IpAddr, IpAddr), Option<Answer>> = BTreeMap::new();
    let mut opinions = Vec::with_capacity(cast.flows.len());
    for (flow, source_port) in cast.flows.iter().zip(ports) {
        let key = (flow.sender, flow.receiver, flow.source, flow.address);
        let answer = answers.entry(key).or_insert_with(|| {
            let (sender, receiver) = (cast.senders.get(flow.sender)?, cast.receivers.get(flow.receiver)?);
            let all = FlowBox {
                source: AddressRange::from(flow.source),
                destination: AddressRange::from(flow.address),
                protocol: ProtocolRange::single(TCP),
                source_ports: PortRange::ALL,
                ports: PortRange::ALL,
            };
            Some(reach(topology, &sender.network, &receiver.network, &Flows::from(all)))
        });
        let one = flow::Flow {
            source: flow.source,
            destination: flow.address,
            protocol: TCP,
            source_port: *source_port,
            port: flow.port,
        };
        opinions.push(answer.as_ref().map_or_else(Opinion::none, |answer| Opinion::of(answer, &one)));
    }
    opinions
}

impl Opinion {
    fn none() -> Self {
        Self { verdict: word(Verdict::Undetermined), causes: Vec::new() }
    }

    fn of(answer: &Answer, flow: &flow::Flow) -> Self {
        let named = |blockers: Vec<peerscope_analysis::reach::Blocker<'_>>| -> Vec<NamedCause> {
            let of_flow = blockers.into_iter().filter(|blocker| blocker.flows.contains(flow));
            of_flow.map(|one| named(one.code, &one.component, one.direction)).collect()
        };
        let blocked = named(answer.blockers());
        if !blocked.is_empty() {
            return Self { verdict: word(Verdict::Blocked), causes: blocked };
        }
        let unknown = named(answer.unknowns());
        let is_known = answer.segment_of(flow).is_some() && unknown.is_empty();
        let verdict = if is_known { Verdict::Reachable } else { Verdict::Undetermined };
        Self { verdict: word(verdict), causes: unknown }
    }
}

fn named(
    code: CauseCode,
    component: &peerscope_analysis::topology::ComponentId,
    direction: Option<Direction>,
) -> NamedCause {
    NamedCause {
        code,
        component_type: component.component_type(),
        id: component.id(),
        direction: direction.map(|direction| match direction {
            Direction::Forward => "forward",
            Direction::Return => "return",
        }),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reachable => "reachable",
        Verdict::Blocked => "blocked",
        Verdict::Impaired | Verdict::Undetermined => "undetermined",
    }
}
