//! Components, causes and fixes as the report shows them, before what is special is filled in.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::case::{Case, Question};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::report::{Affects, Basis, CauseReport, CauseStatus, Component, Fix, Tool};
use crate::topology::{ComponentId, Topology};

/// The component with its name, Region and account, as far as they are known.
#[must_use]
pub fn component(topology: Option<&Topology>, id: &ComponentId) -> Component {
    let ownership = topology.map(|topology| topology.ownership(id)).unwrap_or_default();
    let space = topology.and_then(Topology::space);
    let shown_id = match id {
        ComponentId::Space => space.and_then(|space| space.id.clone().or_else(|| space.name.clone())),
        other => other.id(),
    };
    Component {
        component_type: id.component_type(),
        id: shown_id,
        name: ownership.name,
        region: ownership.region.map(|region| region.as_str().into()),
        account: ownership.account.map(|account| account.as_str().into()),
    }
}

/// A candidate by probes, of no confidence yet.
pub(super) fn candidate(case: &Case, code: CauseCode, id: &ComponentId, flows: &Flows) -> CauseReport {
    CauseReport {
        code,
        aws_code: code.cause().aws_code,
        status: CauseStatus::Candidate,
        alternatives: None,
        may_have_changed: false,
        component: component(case.topology.as_ref(), id),
        related: Vec::new(),
        direction: None,
        basis: Vec::from([Basis::Probes]),
        confidence: 0.0,
        summary: String::new(),
        affects: Affects::from(flows),
        evidence: Vec::new(),
        fixes: Vec::new(),
    }
}

/// Something to run or to do about a component, where its owner is; nothing is proven of it.
pub(crate) fn fix(
    topology: Option<&Topology>,
    id: &ComponentId,
    tool: Tool,
    command: String,
    explanation: String,
) -> Fix {
    let owner = topology.map(|topology| topology.ownership(id)).unwrap_or_default();
    Fix {
        tool,
        command,
        explanation,
        undo: String::new(),
        opens: Vec::new(),
        managed_by: owner.managed_by,
        account: owner.account.map(|account| account.as_str().into()),
        region: owner.region.map(|region| region.as_str().into()),
        verified: false,
        note: None,
    }
}

/// The interface of the target's network that owns an address, else the host at it.
pub(super) fn owner(case: &Case, question: &Question, address: IpAddr) -> ComponentId {
    let interface = case
        .topology
        .as_ref()
        .zip(question.networks.as_ref())
        .and_then(|(topology, (_, target))| topology.interface_in(target, address));
    interface.map_or(ComponentId::Host(address), |id| ComponentId::NetworkInterface(id.clone()))
}
