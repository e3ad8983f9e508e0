//! Every rule of a peering between a Heroku Private Space and a VPC, held against a snapshot.
//!
//! A diagnosis begins with a path that fails; a check begins with nothing failing yet. It asks of every rule in the
//! table ([`crate::rule`]) whether the snapshot keeps it, once for each thing that the rule is about. What a rule has
//! to read and the snapshot lacks makes it `not-checked`, with the reason: no rule passes by silence.
//!
//! [`situation`] finds what the check is about: the space, the VPCs that are or are to be joined with it, and the
//! targets in them. [`judged`] asks [`crate::reach`] of every target, and the diagnosis for what mends it. One file
//! each holds the rules of one subject.

mod filter;
mod judged;
mod network;
mod peering;
mod route;
mod situation;
mod space;
mod target;

use alloc::string::String;
use alloc::vec::Vec;

use jiff::Timestamp;
use peerscope_document::Snapshot;
use serde::Serialize;

use crate::flow::PortRange;
use crate::repair::{Edit, instruction};
use crate::report::{Component, Fix, Gap, PeeredReport, Severity, SnapshotReport};
use crate::rule::{RULES, RuleId};
use crate::topology::{ComponentId, NetworkId, Topology};

pub use situation::CheckTarget;

use judged::Broken;

/// The value of [`Check::schema`].
pub const SCHEMA: &str = "peerscope/check/1";

/// What a check starts from.
#[derive(Clone, Debug)]
pub struct CheckCase<'a> {
    /// The version of peerscope, for the report.
    pub version: String,
    /// The time of the check: a request for a peering expires.
    pub at: Timestamp,
    /// The documents.
    pub documents: &'a Snapshot,
    /// The same, joined.
    pub topology: &'a Topology,
    /// The snapshot's own data.
    pub snapshot: Option<SnapshotReport>,
    /// What the rules about groups, ACLs and routes are applied to; empty means every interface with a group rule
    /// whose source meets the space.
    pub targets: Vec<CheckTarget>,
    /// The client's ports: Linux's for dynos.
    pub source_ports: PortRange,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// [`SCHEMA`]
    pub schema: &'static str,
    /// The version of peerscope.
    pub version: String,
    /// When the check was made.
    pub at: Timestamp,
    /// Every rule in the order of the table, once for each thing that it looked at.
    pub results: Vec<RuleResult>,
    /// The peerings that it is about, as both sides know them.
    pub peerings: Vec<PeeredReport>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// The snapshot used.
    pub snapshot: Option<SnapshotReport>,
}

/// One rule held against one thing.
#[derive(Clone, Debug, Serialize)]
pub struct RuleResult {
    /// The rule.
    pub rule: RuleId,
    /// How bad a violation is, of this thing: mostly the rule's own severity.
    pub severity: Severity,
    /// What came out.
    pub status: RuleStatus,
    /// One sentence: what was seen, or what is missing.
    pub message: String,
    /// What was looked at.
    pub components: Vec<Component>,
    /// What mends a violation, best first.
    pub fixes: Vec<Fix>,
}

/// Whether a rule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleStatus {
    /// It is.
    Pass,
    /// It is not.
    Violation,
    /// Something is missing to tell.
    NotChecked,
}

/// What a whole check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No rule of severity error is violated, and every one was checked.
    Kept,
    /// A rule of severity error is violated.
    Violated,
    /// None is violated, but one of severity error could not be checked of anything.
    Unchecked,
}

impl Check {
    /// What it comes to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let is_error = |one: &&RuleResult| one.severity == Severity::Error;
        if self.results.iter().filter(is_error).any(|one| one.status == RuleStatus::Violation) {
            return Outcome::Violated;
        }
        let errors = RULES.iter().filter(|rule| rule.severity == Severity::Error);
        let mut unchecked = errors.filter(|rule| {
            let mut own = self.results.iter().filter(|one| one.rule == rule.id);
            own.all(|one| one.status == RuleStatus::NotChecked)
        });
        if unchecked.next().is_some() { Outcome::Unchecked } else { Outcome::Kept }
    }
}

/// Holds every rule against the snapshot.
#[must_use]
pub fn check(case: &CheckCase<'_>) -> Check {
    let situation = situation::Situation::of(case);
    let mut results = Results { topology: case.topology, remedies: Vec::new(), all: Vec::new() };
    space::check(&situation, &mut results);
    network::check(&situation, &mut results);
    peering::check(&situation, &mut results);
    let judged::Judgement { targets: judged, remedies } = judged::judge(&situation);
    results.remedies = remedies;
    route::check(&situation, &judged, &mut results);
    filter::check(&situation, &judged, &mut results);
    target::check(&situation, &judged, &mut results);
    for rule in RULES {
        if !results.all.iter().any(|one| one.rule == rule.id) {
            results.not_checked(rule.id, String::from("nothing in the snapshot is what this rule is about"));
        }
    }
    let intended = situation.vpcs.iter().filter_map(|vpc| {
        let (id, _) = case.topology.intended_peering(&NetworkId::Space, &NetworkId::Vpc(vpc.clone()))?;
        PeeredReport::of(case.topology, id)
    });
    let peerings = intended.collect();
    results.all.sort_by_key(|one| one.rule);
    Check {
        schema: SCHEMA,
        version: case.version.clone(),
        at: case.at,
        results: results.all,
        peerings,
        gaps: case.gaps.clone(),
        snapshot: case.snapshot.clone(),
    }
}

/// Edits as something to run. Nothing is proven of it here: what a whole path lacks is the diagnosis' to say.
fn made(topology: &Topology, edits: &[Edit]) -> Option<Fix> {
    let made = instruction(topology, edits, None)?;
    Some(Fix {
        tool: made.tool,
        command: made.command,
        explanation: made.explanation,
        undo: made.undo,
        opens: Vec::new(),
        managed_by: made.ownership.managed_by,
        account: made.ownership.account.map(|account| account.as_str().into()),
        region: made.ownership.region.map(|region| region.as_str().into()),
        verified: false,
        note: None,
    })
}

/// The results so far.
struct Results<'a> {
    topology: &'a Topology,
    /// What mends what is wrong with targets, by number.
    remedies: Vec<Vec<Fix>>,
    all: Vec<RuleResult>,
}

impl Results<'_> {
    fn pass(&mut self, rule: RuleId, message: String, about: &[ComponentId]) {
        self.add(rule, rule.rule().severity, RuleStatus::Pass, message, about, Vec::new());
    }

    fn violation(&mut self, rule: RuleId, message: String, about: &[ComponentId], fixes: Vec<Fix>) {
        self.add(rule, rule.rule().severity, RuleStatus::Violation, message, about, fixes);
    }

    /// A violation that is less than the rule's own severity has it.
    fn lesser(
        &mut self,
        rule: RuleId,
        severity: Severity,
        message: String,
        about: &[ComponentId],
        fixes: Vec<Fix>,
    ) {
        self.add(rule, severity, RuleStatus::Violation, message, about, fixes);
    }

    /// A violation by what is wrong with a target, as bad as it is there.
    fn broken(&mut self, rule: RuleId, broken: &Broken, message: String, about: &[ComponentId]) {
        let fixes = self.remedies.get(broken.remedy).cloned().unwrap_or_default();
        self.add(rule, broken.severity, RuleStatus::Violation, message, about, fixes);
    }

    fn not_checked(&mut self, rule: RuleId, reason: String) {
        self.add(rule, rule.rule().severity, RuleStatus::NotChecked, reason, &[], Vec::new());
    }

    fn not_checked_of(&mut self, rule: RuleId, reason: String, about: &[ComponentId]) {
        self.add(rule, rule.rule().severity, RuleStatus::NotChecked, reason, about, Vec::new());
    }

    fn add(
        &mut self,
        rule: RuleId,
        severity: Severity,
        status: RuleStatus,
        message: String,
        about: &[ComponentId],
        fixes: Vec<Fix>,
    ) {
        let components = about.iter().map(|id| crate::diagnose::shown(Some(self.topology), id)).collect();
        self.all.push(RuleResult { rule, severity, status, message, components, fixes });
    }
}
