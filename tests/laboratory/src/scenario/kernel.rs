//! What the kernel must do: the truth of a scenario, apart from what is expected of a diagnosis.

use serde::{Deserialize, Serialize};

use crate::fault::FaultKind;
use crate::twin::{Direction, GateKind, Heard};

/// What the kernel does to connections from the world's source to its target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Connections that come about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Flow>,
    /// Connections that get a reset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuses: Vec<Flow>,
    /// Connections that get no answer, and which gate drops which packets of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<DroppedFlow>,
    /// Connections that the source's kernel reports as failed in other words than a reset: by an ICMP
    /// error that came back, or because it would not send at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fails: Vec<FailedFlow>,
    /// Connections of which some come about and some lose their first packet, by no pattern of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loses: Vec<DroppedFlow>,
    /// Connections that get no answer although no gate drops a packet of them: the host does not take them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignores: Vec<Flow>,
    /// Connections of which some come about and some do not, although no gate drops a packet of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignores_some: Vec<Flow>,
    /// Connections in which the question of the scenario's scheme is asked, and what is then heard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hears: Vec<Talk>,
    /// Where there are several faults, what each does alone: the first gate hides all that come after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alone: Vec<Alone>,
}

/// A connection to the world's target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// From which port; 0 is any of the kernel's choice.
    #[serde(default)]
    pub source_port: u16,
    /// From which host, as a role (`dyno.other`); absent: the world's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// A connection in which something is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    /// From which port; 0 is any of the kernel's choice.
    #[serde(default)]
    pub source_port: u16,
    /// What is heard.
    pub what: Heard,
    /// Where what was said is dropped: the target's own firewall, or nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
}

/// A connection that a gate drops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DroppedFlow {
    /// From which port; 0 is any of the kernel's choice.
    #[serde(default)]
    pub source_port: u16,
    /// From which host, as a role; absent: the world's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which of its packets are dropped.
    pub direction: Direction,
    /// What drops them.
    pub gate: GateKind,
    /// Whose gate it is, as a role: of the subnet for an ACL, of the interface for its groups, of the
    /// route table or `space` for routes.
    pub at: String,
}

impl DroppedFlow {
    /// The connection alone.
    #[must_use]
    pub fn flow(&self) -> Flow {
        Flow { source_port: self.source_port, from: self.from.clone() }
    }
}

/// A connection that fails with an error of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedFlow {
    /// From which port; 0 is any of the kernel's choice.
    #[serde(default)]
    pub source_port: u16,
    /// From which host, as a role; absent: the world's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The errors that it may be, by the names of `errno`: worlds differ in how a thing is done.
    pub errors: Vec<String>,
}

impl FailedFlow {
    /// The connection alone.
    #[must_use]
    pub fn flow(&self) -> Flow {
        Flow { source_port: self.source_port, from: self.from.clone() }
    }
}

/// What one of several faults does in a world that has no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alone {
    /// Which of the faults.
    pub fault: FaultKind,
    /// What it drops.
    pub drops: DroppedFlow,
}
