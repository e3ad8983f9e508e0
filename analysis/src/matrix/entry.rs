//! The matrix, as what it says: each list of sources, of ports and of causes is held once.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Range;

use ipnet::IpNet;
use peerscope_document::id::NetworkInterfaceId;

use super::fates::Outcome;
use super::numbered::Numbered;
use crate::cause::CauseCode;
use crate::flow::PortRange;
use crate::reach::Direction;
use crate::report::Verdict;
use crate::topology::{ComponentId, NetworkId};

/// What the configuration does to each protocol, from every source to every interface: entries that are
/// disjoint in source, target, protocol and port.
#[derive(Debug, Default)]
pub struct Matrix {
    pub(super) targets: Vec<Target>,
    pub(super) crossings: Vec<[NetworkId; 2]>,
    pub(super) sources: Numbered<[IpNet]>,
    pub(super) ports: Numbered<[PortRange]>,
    pub(super) outcomes: Numbered<Outcome>,
    pub(super) rows: Vec<Row>,
    /// The targets of one entry after those of another: of each ascending, which is by network and address.
    pub(super) of_rows: Vec<u32>,
}

/// An entry by numbers.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) crossing: usize,
    pub(super) protocol: u8,
    pub(super) sources: u32,
    pub(super) ports: u32,
    pub(super) outcome: u32,
    /// The first of the targets.
    pub(super) first: u32,
    /// Where its targets lie among those of all entries.
    pub(super) targets: Range<usize>,
}

/// An interface's address, which is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The interface.
    pub id: NetworkInterfaceId,
    /// One of its addresses.
    pub address: IpAddr,
}

/// Sources and targets between which the same is so.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// The network of the sources.
    pub source_network: &'a NetworkId,
    /// The network of the targets.
    pub target_network: &'a NetworkId,
    /// The sources, as the fewest CIDR blocks, ascending. In a VPC only interfaces send: what else a block
    /// holds of it is nobody's.
    pub sources: &'a [IpNet],
    /// The targets, ascending by address.
    pub targets: Vec<&'a Target>,
    /// The IP protocol number.
    pub protocol: u8,
    /// The ports, ascending; empty for protocols without.
    pub ports: &'a [PortRange],
    /// What is so.
    pub verdict: Verdict,
    /// What stands in the way, or may; empty where all is let through.
    pub causes: &'a [Blame],
}

/// What stands in the way. Of an interface the id is left out: each target stands for itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blame {
    /// The code.
    pub code: CauseCode,
    /// What it is about.
    pub component: ComponentId,
    /// Which way the packets travel that it stops.
    pub direction: Option<Direction>,
    /// Whether the documents leave it open.
    pub unknown: bool,
}

impl Matrix {
    /// The entries: by networks, then by the first target's address, protocol and ports.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows.iter().filter_map(|row| {
            let [source_network, target_network] = self.crossings.get(row.crossing)?;
            let outcome = self.outcomes.get(row.outcome)?;
            Some(Entry {
                source_network,
                target_network,
                sources: self.sources.get(row.sources).unwrap_or_default(),
                targets: self.targets_of(row).collect(),
                protocol: row.protocol,
                ports: self.ports.get(row.ports).unwrap_or_default(),
                verdict: outcome.verdict,
                causes: &outcome.causes,
            })
        })
    }

    fn targets_of(&self, row: &Row) -> impl Iterator<Item = &Target> {
        let numbers = self.of_rows.get(row.targets.clone()).unwrap_or_default();
        numbers.iter().filter_map(|target| self.targets.get(*target as usize))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Orders the entries of the crossing that was worked out last.
    pub(super) fn order(&mut self) {
        let last = self.crossings.len().saturating_sub(1);
        let from = self.rows.partition_point(|row| row.crossing < last);
        let (ports, sources) = (&self.ports, &self.sources);
        if let Some(rows) = self.rows.get_mut(from..) {
            let first = |row: &Row| sources.get(row.sources).and_then(<[_]>::first);
            rows.sort_unstable_by(|one, other| {
                let by_target = one.first.cmp(&other.first);
                by_target
                    .then_with(|| one.protocol.cmp(&other.protocol))
                    .then_with(|| ports.get(one.ports).cmp(&ports.get(other.ports)))
                    .then_with(|| first(one).cmp(&first(other)))
            });
        }
    }
}
