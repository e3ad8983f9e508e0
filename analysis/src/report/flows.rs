//! Sets of flows as they are shown, and what decides about each part of them.

use alloc::string::String;
use alloc::vec::Vec;

use ipnet::IpNet;
use serde::Serialize;

use super::{CauseStatus, Component, Verdict};
use crate::cause::CauseCode;
use crate::flow::{FlowBox, Flows, PortRange};
use crate::reach::Direction;

/// A set of flows as it is shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Affects {
    /// The parts; each is the product of its four lists.
    pub parts: Vec<AffectedPart>,
    /// The sources of all parts.
    pub sources: Vec<IpNet>,
    /// The source ports of all parts.
    pub source_ports: Vec<PortRange>,
    /// The destinations of all parts.
    pub destinations: Vec<IpNet>,
    /// The ports of all parts.
    pub ports: Vec<PortRange>,
}

/// Flows about which the same settings decide.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// What the configuration does to them: reachable, blocked or undetermined.
    pub verdict: Verdict,
    /// The flows.
    pub flows: Affects,
    /// Every component that stops them, or may, in the order of the path.
    pub blockers: Vec<PartBlocker>,
    /// What lets them through elsewhere, in the order of the path.
    pub rules: Vec<PartRule>,
}

/// A component that stops a part.
#[derive(Clone, Debug, Serialize)]
pub struct PartBlocker {
    /// The code.
    pub code: CauseCode,
    /// The component.
    pub component: Component,
    /// Which way the packets travel that it stops.
    pub direction: Option<Direction>,
    /// Whether it stops them for certain, or only may.
    pub status: CauseStatus,
}

/// A rule, route or state that lets a part through.
#[derive(Clone, Debug, Serialize)]
pub struct PartRule {
    /// The component.
    pub component: Component,
    /// Which way the packets travel that it lets through; null where it is the same both ways.
    pub direction: Option<Direction>,
    /// The rule in words.
    pub rule: String,
}

/// The product of four lists.
#[derive(Clone, Debug, Serialize)]
pub struct AffectedPart {
    /// Sources.
    pub sources: Vec<IpNet>,
    /// The sources' ports.
    pub source_ports: Vec<PortRange>,
    /// Destinations.
    pub destinations: Vec<IpNet>,
    /// The destinations' ports.
    pub ports: Vec<PortRange>,
}

impl From<&Flows> for Affects {
    fn from(flows: &Flows) -> Self {
        let flows = flows.normalised();
        let part = |one: &FlowBox| AffectedPart {
            sources: one.source.cidrs(),
            source_ports: Vec::from([one.source_ports]),
            destinations: one.destination.cidrs(),
            ports: Vec::from([one.ports]),
        };
        Self {
            parts: flows.boxes().iter().map(part).collect(),
            sources: flows.sources(),
            source_ports: flows.source_ports(),
            destinations: flows.destinations(),
            ports: flows.ports(),
        }
    }
}
