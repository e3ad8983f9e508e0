//! What is so of sources and ports, as sorted tables that are laid over each other in one pass.
//!
//! Sets of boxes answer any question, and slowly. Of a matrix's ten thousand interfaces each asks the same
//! one: for every source and port, what the way there does and what the groups do. As tables, sorted by
//! source and within by port, two of them are joined by walking both once.

use alloc::vec::Vec;

use super::Blame;
use super::cell::Cell;
use crate::flow::{AddressRange, FlowBox, Flows, PortRange};
use crate::report::Verdict;

/// For disjoint ranges of sources, ascending, what is so of each port: disjoint ranges, ascending, with the
/// index of what is so.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Table(Vec<Slab>);

type Slab = (AddressRange, Row);
type Row = Vec<(PortRange, usize)>;

impl Table {
    /// What several tables say together: of each port the lowest index that any of them has, and `filler`
    /// where none has any. `sources` and `ports` are all that is asked about.
    pub(super) fn union(tables: &[&Self], sources: &[AddressRange], ports: PortRange, filler: usize) -> Self {
        let mut ranges: Vec<AddressRange> = sources.to_vec();
        ranges.extend(tables.iter().flat_map(|table| &table.0).map(|(source, _)| *source));
        let mut at: Vec<usize> = tables.iter().map(|_| 0).collect();
        let mut slabs: Vec<Slab> = Vec::new();
        let mut entries: Row = Vec::new();
        for source in AddressRange::slices(&ranges) {
            entries.clear();
            for (table, at) in tables.iter().zip(&mut at) {
                while table.0.get(*at).is_some_and(|(range, _)| range.last() < source.first()) {
                    *at += 1;
                }
                let here = table.0.get(*at).filter(|(range, _)| range.covers(source));
                entries.extend(here.into_iter().flat_map(|(_, row)| row.iter().copied()));
            }
            add(&mut slabs, source, lowest(&mut entries, ports, filler));
        }
        Self(slabs)
    }

    /// The table of flows with the index of what is so of them; they do not overlap.
    pub(super) fn new<'f>(flows: impl Iterator<Item = (usize, &'f Flows)>) -> Self {
        let boxes: Vec<(usize, &FlowBox)> =
            flows.flat_map(|(index, flows)| flows.boxes().iter().map(move |one| (index, one))).collect();
        let ranges: Vec<AddressRange> = boxes.iter().map(|(_, one)| one.source).collect();
        let mut slabs: Vec<Slab> = Vec::new();
        for source in AddressRange::slices(&ranges) {
            let here = boxes.iter().filter(|(_, one)| one.source.covers(source));
            let mut row: Row = here.map(|(index, one)| (one.ports, *index)).collect();
            row.sort_unstable();
            row.dedup();
            let row = joined(row);
            add(&mut slabs, source, row);
        }
        Self(slabs)
    }
}

/// Adds what is so of the next sources.
fn add(slabs: &mut Vec<Slab>, source: AddressRange, row: Row) {
    match slabs.last_mut() {
        Some((last, known)) if *known == row && last.joined(source).is_some() => {
            *last = last.joined(source).unwrap_or(*last);
        }
        _ => slabs.push((source, row)),
    }
}

/// Of each port the lowest index among entries that may overlap, and `filler` where there is none.
fn lowest(entries: &mut Row, all: PortRange, filler: usize) -> Row {
    entries.sort_unstable_by_key(|(ports, index)| (*index, *ports));
    let mut row: Row = Vec::new();
    for (ports, index) in entries.iter().copied() {
        match row.last_mut() {
            // Of one index the entries come in order, so only the last can touch.
            Some((last, known)) if *known == index && last.joined(ports).is_some() => {
                *last = last.joined(ports).unwrap_or(*last);
            }
            _ => row.push((ports, index)),
        }
    }
    if entries.last().is_some_and(|(_, index)| *index > 0) {
        row = without_overlap(row);
    }
    row.sort_unstable();
    let mut whole: Row = Vec::with_capacity(row.len() * 2 + 1);
    let mut next = Some(all.first());
    for (ports, index) in row {
        let Some(from) = next else { break };
        if let Some(gap) = ports.first().checked_sub(1).and_then(|last| PortRange::new(from, last)) {
            whole.push((gap, filler));
        }
        whole.push((ports, index));
        next = ports.last().checked_add(1);
    }
    if let Some(gap) = next.and_then(|from| PortRange::new(from, all.last())) {
        whole.push((gap, filler));
    }
    joined(whole)
}

/// Entries in the order of their index, each without the ports that an earlier one has.
fn without_overlap(row: Row) -> Row {
    let mut after: Row = Vec::new();
    for (ports, index) in row {
        let mut pieces: Vec<PortRange> = Vec::from([ports]);
        for (taken, _) in &after {
            let less = |piece: PortRange| match piece.intersection(*taken) {
                Some(common) => piece.around(common).into_iter().flatten().collect::<Vec<_>>(),
                None => Vec::from([piece]),
            };
            pieces = pieces.into_iter().flat_map(less).collect();
        }
        after.extend(pieces.into_iter().map(|piece| (piece, index)));
    }
    after
}

/// Neighbouring ranges of which the same is so as one.
fn joined(row: Row) -> Row {
    let mut after: Row = Vec::with_capacity(row.len());
    for (ports, index) in row {
        match after.last_mut() {
            Some((last, known)) if *known == index && last.joined(ports).is_some() => {
                *last = last.joined(ports).unwrap_or(*last);
            }
            _ => after.push((ports, index)),
        }
    }
    after
}

/// What is so of some sources and ports, over all of the client's ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Fate {
    /// Whether something is let through from some of the client's ports.
    open: bool,
    blames: Vec<Blame>,
}

impl Fate {
    fn verdict(&self) -> Verdict {
        let blocked = self.blames.iter().any(|blame| !blame.unknown);
        match (self.open, self.blames.is_empty(), blocked) {
            (_, true, _) => Verdict::Reachable,
            (false, _, true) => Verdict::Blocked,
            (true, _, true) => Verdict::Impaired,
            (_, _, false) => Verdict::Undetermined,
        }
    }
}

/// What stands between senders and a subnet, whatever the client's port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame {
    fates: Vec<Fate>,
    table: Table,
}

impl Frame {
    /// The frame that cells come to. Where some of the client's ports pass and others do not, both is so.
    pub(super) fn new(cells: &[Cell]) -> Self {
        let boxes = || cells.iter().flat_map(|cell| cell.flows.boxes());
        let whole = boxes().map(|one| one.source_ports).reduce(PortRange::hull).unwrap_or(PortRange::ALL);
        let mut fates: Vec<(Flows, Fate)> = Vec::new();
        for cell in cells {
            let fate = Fate { open: cell.blames.is_empty(), blames: cell.blames.clone() };
            if cell.flows.boxes().iter().all(|one| one.source_ports == whole) {
                fates.push((cell.flows.clone(), fate));
                continue;
            }
            let widened = |one: &FlowBox| FlowBox { source_ports: whole, ..*one };
            overlay(&mut fates, cell.flows.boxes().iter().map(widened).collect(), &fate);
        }
        let table = Table::new(fates.iter().enumerate().map(|(index, (flows, _))| (index, flows)));
        Self { fates: fates.into_iter().map(|(_, fate)| fate).collect(), table }
    }
}

/// Adds what is so of some flows to what is known of others; of those in both, both are so.
fn overlay(fates: &mut Vec<(Flows, Fate)>, flows: Flows, fate: &Fate) {
    let mut rest = flows;
    let mut both: Vec<(Flows, Fate)> = Vec::new();
    for (known, its) in fates.iter_mut() {
        let common = known.intersection(&rest);
        if common.is_empty() {
            continue;
        }
        *known = known.difference(&common);
        rest = rest.difference(&common);
        let mut joined = its.clone();
        joined.open |= fate.open;
        joined.blames.extend(fate.blames.iter().filter(|blame| !its.blames.contains(blame)).cloned());
        both.push((common, joined));
    }
    both.push((rest, fate.clone()));
    fates.extend(both);
    fates.retain(|(flows, _)| !flows.is_empty());
}

/// Sources and ports that fare alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) sources: Vec<AddressRange>,
    pub(super) ports: Vec<PortRange>,
    pub(super) verdict: Verdict,
    pub(super) causes: Vec<Blame>,
}

/// What becomes of everything that is sent over a frame to interfaces on these ports. `groups` is what their
/// groups do, `meaning` what each index in it says.
/// `also` stands in the way of all of it.
pub(super) fn regions(
    frame: &Frame,
    groups: &Table,
    meaning: impl Fn(usize) -> Option<Blame>,
    ports: &[PortRange],
    also: Option<&Blame>,
) -> Vec<Region> {
    // What is so of a source: for each pair of what the frame and the groups do, the ports.
    type Fare = Vec<((usize, usize), Vec<PortRange>)>;
    let mut fares: Vec<(Fare, Vec<AddressRange>)> = Vec::new();
    let Table(groups) = groups;
    let mut begin = 0;
    for (source, row) in &frame.table.0 {
        while groups.get(begin).is_some_and(|(range, _)| range.last() < source.first()) {
            begin += 1;
        }
        for (range, others) in groups.iter().skip(begin) {
            if range.first() > source.last() {
                break;
            }
            let Some(common) = source.intersection(*range) else { continue };
            let mut fare: Fare = Vec::new();
            walk(row, others, ports, |ports, pair| match fare.iter_mut().find(|(known, _)| *known == pair) {
                Some((_, known)) => extend(known, ports),
                None => fare.push((pair, Vec::from([ports]))),
            });
            match fares.iter_mut().find(|(known, _)| *known == fare) {
                Some((_, sources)) => sources.push(common),
                None => fares.push((fare, Vec::from([common]))),
            }
        }
    }
    let mut found: Vec<Region> = Vec::new();
    for (fare, sources) in fares {
        for ((frame_index, group_index), ports) in fare {
            let mut fate = frame.fates.get(frame_index).cloned().unwrap_or_default();
            if let Some(blame) = meaning(group_index) {
                fate.open &= blame.unknown;
                fate.blames.push(blame);
            }
            if let Some(blame) = also {
                fate.open = false;
                fate.blames.push(blame.clone());
            }
            let verdict = fate.verdict();
            let alike = |known: &&mut Region| {
                known.verdict == verdict && known.causes == fate.blames && known.ports == ports
            };
            match found.iter_mut().find(alike) {
                Some(known) => known.sources.extend(sources.iter().copied()),
                None => {
                    let sources = sources.clone();
                    found.push(Region { sources, ports, verdict, causes: fate.blames });
                }
            }
        }
    }
    for region in &mut found {
        region.sources = AddressRange::merged(core::mem::take(&mut region.sources));
    }
    found
}

/// Walks two rows and the ports that are asked about side by side.
fn walk(one: &Row, other: &Row, ports: &[PortRange], mut visit: impl FnMut(PortRange, (usize, usize))) {
    let (mut first, mut second) = (0, 0);
    for asked in ports {
        while one.get(first).is_some_and(|(range, _)| range.last() < asked.first()) {
            first += 1;
        }
        while other.get(second).is_some_and(|(range, _)| range.last() < asked.first()) {
            second += 1;
        }
        let (mut at, mut beside) = (first, second);
        while let (Some((mine, index)), Some((theirs, its))) = (one.get(at), other.get(beside)) {
            if mine.first() > asked.last() || theirs.first() > asked.last() {
                break;
            }
            let common = mine.intersection(*theirs).and_then(|common| common.intersection(*asked));
            if let Some(common) = common {
                visit(common, (*index, *its));
            }
            if mine.last() <= theirs.last() { at += 1 } else { beside += 1 }
        }
    }
}

/// Adds a range that lies above all others.
fn extend(ranges: &mut Vec<PortRange>, range: PortRange) {
    match ranges.last_mut().and_then(|last| last.joined(range).map(|whole| (last, whole))) {
        Some((last, whole)) => *last = whole,
        None => ranges.push(range),
    }
}
