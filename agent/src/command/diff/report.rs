//! What differs, as JSON shows it and text is written from.

use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::change::{ChangeKind, Changes, Decisive, PathChange};
use peerscope_analysis::diagnose::shown;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{Component, Gap, GapKind, SnapshotReport, Verdict};
use peerscope_analysis::topology::{ComponentId, NetworkId, Topology};
use serde::Serialize;

use crate::command::matrix::{network_name, protocol};

/// The document.
#[derive(Debug, Serialize)]
pub(crate) struct DiffReport {
    pub(crate) schema: &'static str,
    pub(crate) version: &'static str,
    /// The earlier snapshot.
    pub(crate) before: Option<SnapshotReport>,
    /// The later one.
    pub(crate) after: Option<SnapshotReport>,
    pub(crate) changes: Vec<ChangeReport>,
    pub(crate) paths: Vec<PathReport>,
    pub(crate) gaps: Vec<Gap>,
}

/// One component that came, went or is otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeReport {
    pub(crate) component: Component,
    pub(crate) kind: ChangeKind,
    pub(crate) text: String,
}

/// One path that fares otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct PathReport {
    pub(crate) source: SourceReport,
    pub(crate) target: TargetReport,
    pub(crate) before: Verdict,
    pub(crate) after: Verdict,
    pub(crate) because: Vec<BecauseReport>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct SourceReport {
    pub(crate) network: String,
    pub(crate) cidrs: Vec<IpNet>,
    pub(crate) source_ports: Vec<PortRange>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TargetReport {
    /// The interface's id, or the address where none has it.
    pub(crate) id: Option<String>,
    pub(crate) network: String,
    pub(crate) component: Component,
    pub(crate) address: IpAddr,
    pub(crate) protocol: &'static str,
    pub(crate) ports: Vec<PortRange>,
}

/// A component that decides, and what became of it.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct BecauseReport {
    #[serde(flatten)]
    pub(crate) component: Component,
    pub(crate) code: CauseCode,
    pub(crate) direction: Option<Direction>,
    /// Whether it stands in the way now; else it did.
    pub(crate) stands: bool,
    /// What changed of it.
    pub(crate) changes: Vec<String>,
}

impl DiffReport {
    pub(super) fn new(
        (before, after): (&Topology, &Topology),
        (old, new): (Option<SnapshotReport>, Option<SnapshotReport>),
        changes: &Changes,
        paths: &[PathChange],
        gaps: [Vec<Gap>; 2],
    ) -> Self {
        let place = Place { before, after, changes };
        let named = changes.changes.iter().map(|change| ChangeReport {
            component: place.component(&change.component),
            kind: change.kind,
            text: change.text.clone(),
        });
        let uncompared = changes.uncompared.iter().map(|one| {
            let (lacking, other) = if one.lacks_before { ("earlier", "later") } else { ("later", "earlier") };
            Gap {
                kind: GapKind::Document,
                what: format!("the {} of the {lacking} snapshot", one.what),
                reason: format!("it holds none, and the {other} one does"),
                would_tell: "what came and went, and which paths that changed".to_string(),
            }
        });
        let mut all: Vec<Gap> = uncompared.collect();
        for gap in gaps.into_iter().flatten() {
            if !all.contains(&gap) {
                all.push(gap);
            }
        }
        Self {
            schema: "peerscope/diff/1",
            version: env!("CARGO_PKG_VERSION"),
            before: old,
            after: new,
            changes: named.collect(),
            paths: paths.iter().map(|path| place.path(path)).collect(),
            gaps: all,
        }
    }
}

/// Where components are shown from: as they are now, or were.
struct Place<'a> {
    before: &'a Topology,
    after: &'a Topology,
    changes: &'a Changes,
}

impl Place<'_> {
    fn component(&self, id: &ComponentId) -> Component {
        let [now, then] = [self.after, self.before].map(|topology| shown(Some(topology), id));
        Component {
            name: now.name.or(then.name),
            region: now.region.or(then.region),
            account: now.account.or(then.account),
            id: now.id.or(then.id),
            ..now
        }
    }

    fn path(&self, path: &PathChange) -> PathReport {
        let owner = match &path.interface {
            Some(id) => ComponentId::NetworkInterface(id.clone()),
            None => ComponentId::Host(path.address),
        };
        PathReport {
            source: SourceReport {
                network: self.network(&path.source_network),
                cidrs: path.sources.clone(),
                source_ports: path.source_ports.clone(),
            },
            target: TargetReport {
                id: owner.id(),
                network: self.network(&path.target_network),
                component: self.component(&owner),
                address: path.address,
                protocol: protocol(path.protocol),
                ports: path.ports.clone(),
            },
            before: path.before,
            after: path.after,
            because: path.because.iter().map(|one| self.because(one)).collect(),
        }
    }

    fn network(&self, id: &NetworkId) -> String {
        let topology = if self.after.space().is_some() { self.after } else { self.before };
        network_name(id, topology)
    }

    fn because(&self, decisive: &Decisive) -> BecauseReport {
        // An interface is stopped by the rules of its groups, so what changed of them is what changed.
        let groups: Vec<ComponentId> = match &decisive.component {
            ComponentId::NetworkInterface(id) => {
                let of = |topology: &Topology| topology.interface(id).map(|one| one.security_groups.clone());
                let groups = [self.before, self.after].into_iter().filter_map(of).flatten();
                groups.map(ComponentId::SecurityGroup).collect()
            }
            _ => Vec::new(),
        };
        let mut changes = Vec::new();
        for change in &self.changes.changes {
            let text = match change.component == decisive.component {
                true => change.text.clone(),
                false if groups.contains(&change.component) => {
                    format!("{} {}", change.component.id().unwrap_or_default(), change.text)
                }
                false => continue,
            };
            if !changes.contains(&text) {
                changes.push(text);
            }
        }
        BecauseReport {
            component: self.component(&decisive.component),
            code: decisive.code,
            direction: decisive.direction,
            stands: decisive.stands,
            changes,
        }
    }
}
