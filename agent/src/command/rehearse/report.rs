//! The shape of `peerscope/rehearsal/1`: flows of one fate put together, so that a person can read them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::report::{Gap, SnapshotReport};
use peerscope_laboratory::Host;
use serde::Serialize;

use super::cast::{Cast, Flow};
use super::opinion::Opinion;
use super::perform::Fate;

/// A rehearsal.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RehearsalReport {
    /// `peerscope/rehearsal/1`
    pub(crate) schema: &'static str,
    /// The version of peerscope.
    pub(crate) version: &'static str,
    /// When it was begun.
    pub(crate) at: Timestamp,
    /// The file of the edit, as it was given.
    pub(crate) edit: Option<String>,
    /// The client's ports that were asked for.
    pub(crate) source_ports: PortRange,
    /// How many hosts stood in the twin.
    pub(crate) hosts: usize,
    /// How many flows came out how.
    pub(crate) totals: Totals,
    /// All flows, those of one fate together: with an edit what changes comes first.
    pub(crate) groups: Vec<Group>,
    /// What the twin cannot play, and what was not tried.
    pub(crate) gaps: Vec<Gap>,
    /// The snapshot used.
    pub(crate) snapshot: Option<SnapshotReport>,
    /// How long the rehearsal took, in seconds.
    pub(crate) elapsed_seconds: f64,
}

/// How many flows came out how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    /// All that were tried.
    pub(crate) flows: usize,
    /// Those that pass, before the edit.
    pub(crate) passes: usize,
    /// Those that the edit lets through.
    pub(crate) opens: usize,
    /// Those that passed and do not any more.
    pub(crate) cuts: usize,
    /// Those of which the analysis says otherwise than the kernel.
    pub(crate) disagree: usize,
}

/// What an edit does to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Change {
    /// It passed, and does not any more.
    Cuts,
    /// It passes now.
    Opens,
    /// It is stopped as before, elsewhere.
    Moves,
    /// Nothing, or there is no edit.
    None,
}

/// Flows of one fate: every source, by every one of the ports.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    /// What the edit does to them.
    pub(crate) change: Change,
    /// Who connects.
    pub(crate) sources: Vec<End>,
    /// The parts of the client's ports, one port of each of which was tried.
    pub(crate) source_ports: Vec<PortRange>,
    /// To whom.
    pub(crate) target: End,
    /// `tcp`
    pub(crate) protocol: &'static str,
    /// The ports.
    pub(crate) ports: Vec<u16>,
    /// What became of them.
    pub(crate) before: Told,
    /// The same after the edit, where there is one.
    pub(crate) after: Option<Told>,
    /// Whether the analysis says the same as the kernel, as far as it says anything.
    pub(crate) agrees: bool,
}

/// One end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct End {
    /// The interface's id; null for a dyno.
    pub(crate) id: Option<String>,
    /// Its name. Outside data: a text escapes it.
    pub(crate) name: Option<String>,
    /// The address.
    pub(crate) address: IpAddr,
    /// The dyno block that it stands for.
    pub(crate) block: Option<IpNet>,
}

/// What became of flows, and what the analysis says of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Told {
    /// What the kernel did.
    pub(crate) kernel: Fate,
    /// What the analysis says that it must do.
    pub(crate) analysis: Opinion,
}

impl Told {
    /// Where the analysis cannot tell, it does not disagree.
    fn agrees(&self) -> bool {
        match self.analysis.verdict {
            "reachable" => self.kernel == Fate::Passes,
            "blocked" => self.kernel != Fate::Passes,
            _ => true,
        }
    }
}

/// What makes flows one group, but for their ends.
type Kind = (Change, bool, End, Told, Option<Told>);

/// The groups of all flows and their totals.
pub(super) fn groups(cast: &Cast, before: &[Told], after: Option<&[Told]>) -> (Vec<Group>, Totals) {
    let mut totals = Totals { flows: cast.flows.len(), ..Totals::default() };
    let mut by_kind: BTreeMap<Kind, BTreeMap<End, BTreeMap<u16, Vec<PortRange>>>> = BTreeMap::new();
    for (index, (flow, told)) in cast.flows.iter().zip(before).enumerate() {
        let later = after.and_then(|after| after.get(index));
        let change = change(&told.kernel, later.map(|later| &later.kernel));
        let agrees = told.agrees() && later.is_none_or(Told::agrees);
        totals.passes += usize::from(told.kernel == Fate::Passes);
        totals.opens += usize::from(change == Change::Opens);
        totals.cuts += usize::from(change == Change::Cuts);
        totals.disagree += usize::from(!agrees);
        let (Some(source), Some(target)) = (source(cast, flow), target(cast, flow)) else { continue };
        let kind = (change, agrees, target, told.clone(), later.cloned());
        let ports = by_kind.entry(kind).or_default().entry(source).or_default();
        ports.entry(flow.port).or_default().push(flow.source_ports);
    }
    let mut groups: Vec<Group> =
        by_kind.into_iter().flat_map(|(kind, sources)| products(kind, sources)).collect();
    // What dynos call is what most people came for; what calls them stands behind it.
    groups.sort_by_key(|group| (group.change, group.target.id.is_none()));
    (groups, totals)
}

fn change(before: &Fate, after: Option<&Fate>) -> Change {
    match (before, after) {
        (_, None) => Change::None,
        (before, Some(after)) if before == after => Change::None,
        (Fate::Passes, Some(_)) => Change::Cuts,
        (_, Some(Fate::Passes)) => Change::Opens,
        _ => Change::Moves,
    }
}

/// The flows of one kind as products of sources, client's ports and ports.
fn products(kind: Kind, sources: BTreeMap<End, BTreeMap<u16, Vec<PortRange>>>) -> Vec<Group> {
    let mut by_source: BTreeMap<(End, Vec<PortRange>), BTreeSet<u16>> = BTreeMap::new();
    for (source, ports) in sources {
        for (port, parts) in ports {
            by_source.entry((source.clone(), joined(parts))).or_default().insert(port);
        }
    }
    let mut products: BTreeMap<(Vec<PortRange>, BTreeSet<u16>), Vec<End>> = BTreeMap::new();
    for ((source, parts), ports) in by_source {
        products.entry((parts, ports)).or_default().push(source);
    }
    let (change, agrees, target, before, after) = kind;
    let group = |((source_ports, ports), sources): ((Vec<PortRange>, BTreeSet<u16>), Vec<End>)| Group {
        change,
        sources,
        source_ports,
        target: target.clone(),
        protocol: "tcp",
        ports: ports.into_iter().collect(),
        before: before.clone(),
        after: after.clone(),
        agrees,
    };
    products.into_iter().map(group).collect()
}

/// Ascending parts, those that touch as one.
fn joined(mut parts: Vec<PortRange>) -> Vec<PortRange> {
    parts.sort_unstable();
    let mut whole: Vec<PortRange> = Vec::new();
    for part in parts {
        let touching = whole.last().filter(|last| last.last().checked_add(1) == Some(part.first()));
        match touching.and_then(|last| PortRange::new(last.first(), part.last())) {
            Some(longer) => {
                whole.pop();
                whole.push(longer);
            }
            None => whole.push(part),
        }
    }
    whole
}

fn source(cast: &Cast, flow: &Flow) -> Option<End> {
    let sender = cast.senders.get(flow.sender)?;
    Some(End::new(&sender.host, sender.name.as_ref(), flow.source, sender.block))
}

fn target(cast: &Cast, flow: &Flow) -> Option<End> {
    let receiver = cast.receivers.get(flow.receiver)?;
    Some(End::new(&receiver.host, receiver.name.as_ref(), flow.address, receiver.block))
}

impl End {
    fn new(host: &Host, name: Option<&String>, address: IpAddr, block: Option<IpNet>) -> Self {
        let id = match host {
            Host::Interface(id) => Some(id.to_string()),
            Host::Dyno(_) => None,
        };
        Self { id, name: name.cloned(), address, block }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_and_analysis_disagree_only_where_both_say_something() {
        let lost = || Fate::Unexplained { detail: "refused".to_string() };
        for (kernel, verdict, agrees) in [
            (Fate::Passes, "reachable", true),
            (Fate::Passes, "blocked", false),
            (Fate::Passes, "undetermined", true),
            (lost(), "reachable", false),
            (lost(), "blocked", true),
            (lost(), "undetermined", true),
        ] {
            let told = Told { kernel, analysis: Opinion { verdict, causes: Vec::new() } };
            assert_eq!(told.agrees(), agrees, "{told:?}");
        }
    }

    #[test]
    fn parts_that_touch_are_one() {
        let range = |first, last| PortRange::new(first, last).unwrap();
        for (parts, whole) in [
            (vec![range(10, 19), range(20, 29)], vec![range(10, 29)]),
            (vec![range(20, 29), range(10, 19), range(31, 40)], vec![range(10, 29), range(31, 40)]),
            (vec![range(60000, 65535)], vec![range(60000, 65535)]),
        ] {
            assert_eq!(joined(parts), whole);
        }
    }
}
