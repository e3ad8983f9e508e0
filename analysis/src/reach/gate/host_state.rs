//! Whether the instance behind the target's interface runs at all, as far as documents say.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use peerscope_document::aws::InstanceStateName;
use peerscope_document::id::{InstanceId, NetworkInterfaceId};

use super::{Decision, Direction, Explanation, Gate, Judges, Part, Witness};
use crate::cause::CauseCode;
use crate::flow::Flows;
use crate::topology::{ComponentId, Topology};

/// The instance that an interface is attached to.
#[derive(Debug)]
pub struct HostState {
    interface: NetworkInterfaceId,
}

impl HostState {
    /// The host behind an interface.
    #[must_use]
    pub fn new(interface: &NetworkInterfaceId) -> Self {
        Self { interface: interface.clone() }
    }

    /// Whether documents say that the instance does not run.
    pub(crate) fn is_stopped(&self, topology: &Topology) -> bool {
        self.stopped(topology).is_some()
    }

    /// The instance and its state, where it does not run.
    fn stopped<'a>(&self, topology: &'a Topology) -> Option<(&'a InstanceId, &'a InstanceStateName)> {
        let id = topology.interface(&self.interface)?.instance.as_ref()?;
        let state = topology.instance(id)?.state.as_ref()?;
        let stopped = matches!(
            state,
            InstanceStateName::Stopped
                | InstanceStateName::Stopping
                | InstanceStateName::ShuttingDown
                | InstanceStateName::Terminated
        );
        stopped.then_some((id, state))
    }
}

impl Gate for HostState {
    fn component(&self) -> ComponentId {
        ComponentId::NetworkInterface(self.interface.clone())
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Forward)
    }

    fn judges(&self) -> Judges {
        Judges::Interface
    }

    fn is_hop(&self, _: &Part) -> bool {
        false
    }

    fn admit(&self, topology: &Topology, flows: &Flows) -> Vec<Part> {
        let stopped = self.stopped(topology).is_some();
        let decision = if stopped { Decision::Blocked(CauseCode::HostSilent) } else { Decision::Admitted };
        vec![Part { flows: flows.clone(), decision, witness: Witness::Nothing }]
    }

    fn explain(&self, topology: &Topology, _: &Part) -> Explanation {
        let Some((id, state)) = self.stopped(topology) else {
            return Explanation {
                rule: "runs, or not known to be stopped".to_string(),
                ..Explanation::default()
            };
        };
        Explanation {
            rule: format!("{id} is {state}"),
            summary: format!("Instance {id} behind {} is {state}: nothing answers there.", self.interface),
            evidence: vec![format!("describe-instances gives {id} as {state}")],
            related: vec![ComponentId::Instance(id.clone())],
            omission: None,
        }
    }
}
