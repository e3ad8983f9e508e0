//! What mends, as it is shown: the commands, where to run them, what else they open, and the way back.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::{Affects, Component};
use crate::cause::CauseCode;
use crate::flow::ProtocolRange;

/// The tool that a fix is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// The AWS CLI.
    Aws,
    /// The Heroku CLI.
    Heroku,
    /// Terraform.
    Terraform,
    /// A person's hand.
    Manual,
}

/// Something that mends.
#[derive(Clone, Debug, Serialize)]
pub struct Fix {
    /// The tool.
    pub tool: Tool,
    /// The commands, one a line.
    pub command: String,
    /// What they do.
    pub explanation: String,
    /// The commands that undo it.
    pub undo: String,
    /// What else it lets through, exactly.
    pub opens: Vec<OpenedReport>,
    /// The tool that manages the component by its tags: the change belongs there.
    pub managed_by: Option<String>,
    /// The account to run it in.
    pub account: Option<String>,
    /// The Region to run it in.
    pub region: Option<String>,
    /// Whether the analysis came out reachable with it on a copy of the snapshot, together with the
    /// first fix of every other established cause that configuration shows.
    pub verified: bool,
    /// What else is to be known before it is run: a quota that it comes near to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One plan for all causes that configuration shows: the first fix of each, each change made once.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The steps in the order to apply them: peerings, routes, network ACLs, security groups, and what a
    /// person has to do.
    pub steps: Vec<PlanStep>,
    /// The commands that undo all of it, last step first.
    pub undo: String,
    /// What else the whole lets through, exactly.
    pub opens: Vec<OpenedReport>,
    /// Whether the analysis came out reachable with all steps on a copy of the snapshot.
    pub verified: bool,
}

/// One step of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlanStep {
    /// The tool.
    pub tool: Tool,
    /// The commands, one a line; empty where a person has to do something.
    pub command: String,
    /// What they do.
    pub explanation: String,
    /// The commands that undo the step.
    pub undo: String,
    /// The account to run it in.
    pub account: Option<String>,
    /// The Region to run it in.
    pub region: Option<String>,
    /// What it changes.
    pub component: Component,
    /// The tool that manages the component by its tags: the change belongs there.
    pub managed_by: Option<String>,
    /// The causes that it mends.
    pub causes: Vec<CauseCode>,
    /// What else is to be known before it is run: a quota that it comes near to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Flows that a fix lets through beside what was asked.
#[derive(Clone, Debug, Serialize)]
pub struct OpenedReport {
    /// The interface that they reach; where that is one of a space, which nobody sees, the one that they
    /// come from.
    pub component: Component,
    /// Which of the two it is.
    pub calls: Calls,
    /// The protocols, by number.
    pub protocols: Vec<ProtocolRange>,
    /// The flows.
    #[serde(flatten)]
    pub flows: Affects,
}

/// Whether an interface is called, or calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Calls {
    /// The flows end at it.
    Received,
    /// They begin there.
    Made,
}
