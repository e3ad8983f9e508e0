//! What is configured in AWS and Heroku, as it was read last, and what the rules of a peering say of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use peerscope_analysis::check::{CheckCase, RuleStatus, check};
use peerscope_analysis::diagnose::Priors;
use peerscope_analysis::report::{Gap, SnapshotReport};
use peerscope_analysis::topology::Topology;
use peerscope_document::Snapshot;

use super::metrics::word;
use crate::case::{Known, linux_source_ports};
use crate::clock;
use crate::command::check::checked;
use crate::target::TargetUrl;

/// What is configured, as it was read.
#[derive(Debug)]
pub(crate) struct Configured {
    /// The documents.
    pub(crate) documents: Snapshot,
    /// What follows from them.
    pub(crate) topology: Topology,
    /// Where they are from, and how old they are.
    pub(crate) report: Option<SnapshotReport>,
    /// What is missing.
    pub(crate) gaps: Vec<Gap>,
    /// When they were read.
    pub(crate) at: Timestamp,
    /// How often it was other than before.
    pub(crate) revision: u64,
    /// What the rules of a peering say of them.
    pub(crate) judged: Judged,
}

impl Configured {
    /// When it was so, where the documents say it.
    pub(super) fn taken(&self) -> Option<Timestamp> {
        self.report.as_ref()?.at.as_ref()?.parse().ok()
    }

    /// The same for one diagnosis, with the age that it has now.
    pub(super) fn known(&self, at: Timestamp) -> Known {
        let age_seconds = self.taken().map(|taken| at.duration_since(taken).as_secs());
        let report = self.report.clone().map(|report| SnapshotReport { age_seconds, ..report });
        Known {
            documents: None,
            baseline: None,
            priors: Priors::default(),
            topology: Some(self.topology.clone()),
            snapshot: report,
            gaps: self.gaps.clone(),
        }
    }
}

/// What the rules of a peering say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    /// How often each rule is violated, by its id and by how bad that is.
    pub(crate) violations: BTreeMap<(String, String), u64>,
    /// Each peering's state, and when a request that nobody accepts ends, in seconds since 1970.
    pub(crate) peerings: BTreeMap<String, (String, Option<f64>)>,
}

impl Judged {
    /// Holds the rules against documents, those about groups, ACLs and routes for targets that the documents know.
    pub(super) fn of(
        documents: &Snapshot,
        topology: &Topology,
        targets: &[TargetUrl],
        at: Timestamp,
    ) -> Self {
        let checked = check(&CheckCase {
            version: env!("CARGO_PKG_VERSION").to_string(),
            at,
            documents,
            topology,
            snapshot: None,
            targets: targets.iter().filter_map(|target| checked(target, topology).ok()).collect(),
            source_ports: linux_source_ports(),
            gaps: Vec::new(),
        });
        let mut violations: BTreeMap<(String, String), u64> = BTreeMap::new();
        for result in &checked.results {
            let count = violations.entry((word(&result.rule), word(&result.severity))).or_default();
            *count += u64::from(result.status == RuleStatus::Violation);
        }
        let peerings = topology.peerings().map(|(id, peering)| {
            let status = peering.status.as_ref().map(ToString::to_string).unwrap_or_default();
            let expires = peering.expires.as_ref().and_then(|expires| expires.parse::<Timestamp>().ok());
            (id.to_string(), (status, expires.map(clock::seconds)))
        });
        Self { violations, peerings: peerings.collect() }
    }
}
