//! Which source ports to probe from.
//!
//! A stateless filter judges replies by the client's port, so ports are spread over the whole range;
//! and where the configuration treats parts of the range differently, each part is tried.

use alloc::vec::Vec;

use crate::flow::{Flow, PortRange};
use crate::reach::Answer;

/// A small generator of pseudo-random numbers (SplitMix64, Steele, Lea and Flood 2014), so that a seed
/// decides a run.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A port of the range.
    pub(super) fn port(&mut self, range: PortRange) -> u16 {
        let size = u64::from(range.last()) - u64::from(range.first()) + 1;
        // The quotient is below 65536, so the bias of a remainder is below one in 2^48.
        let offset = u16::try_from(self.next() % size).unwrap_or_default();
        range.first().saturating_add(offset)
    }
}

/// `count` source ports of the range: one in each equal part of it, and one in each part that the
/// configuration treats differently, as far as `count` allows. `tried` are left out.
pub(super) fn source_ports(
    random: &mut Random,
    range: PortRange,
    count: usize,
    tried: &[u16],
    answer: Option<&Answer>,
    sample: Option<Flow>,
) -> Vec<u16> {
    let mut chosen: Vec<u16> = Vec::new();
    let add = |random: &mut Random, part: PortRange, chosen: &mut Vec<u16>| {
        // In a range this small a free port may be hard to hit; then one less is tried.
        for _ in 0..16 {
            let port = random.port(part);
            if !tried.contains(&port) && !chosen.contains(&port) {
                chosen.push(port);
                return;
            }
        }
    };
    let parts = differing_parts(answer, sample, range);
    for part in parts.iter().filter(|_| parts.len() > 1) {
        let covered = tried.iter().chain(&chosen).any(|port| part.contains(*port));
        if !covered && chosen.len() < count {
            add(random, *part, &mut chosen);
        }
    }
    let size = u32::from(range.last() - range.first()) + 1;
    for index in 0..count as u32 {
        if chosen.len() >= count {
            break;
        }
        let bound = |index: u32| u32::from(range.first()) + size * index / count as u32;
        let (first, next) = (bound(index), bound(index + 1));
        let stratum = u16::try_from(first).ok().zip(u16::try_from(next.saturating_sub(1).max(first)).ok());
        if let Some(part) = stratum.and_then(|(first, last)| PortRange::new(first, last)) {
            add(random, part, &mut chosen);
        }
    }
    chosen
}

/// The maximal parts of the range in which the configuration does the same to the sample flow.
pub(super) fn differing_parts(
    answer: Option<&Answer>,
    sample: Option<Flow>,
    range: PortRange,
) -> Vec<PortRange> {
    let Some((answer, sample)) = answer.zip(sample) else { return Vec::new() };
    let mut edges: Vec<u16> = Vec::from([range.first()]);
    for blocker in answer.blockers() {
        for flows in blocker.flows.boxes() {
            let concerns =
                flows.source.contains(sample.source) && flows.destination.contains(sample.destination);
            if concerns {
                edges.push(flows.source_ports.first());
                edges.extend(flows.source_ports.last().checked_add(1));
            }
        }
    }
    edges.retain(|edge| range.contains(*edge));
    edges.sort_unstable();
    edges.dedup();
    let ends = edges.iter().skip(1).map(|next| next - 1).chain([range.last()]);
    edges.iter().zip(ends).filter_map(|(first, last)| PortRange::new(*first, last)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Random, source_ports};
    use crate::flow::PortRange;

    #[test]
    fn ports_are_spread_over_the_range_and_never_repeated() {
        let range = PortRange::new(32768, 60999).unwrap();
        for seed in 0..200 {
            let mut ports = source_ports(&mut Random::new(seed), range, 4, &[40000], None, None);
            assert_eq!(ports.len(), 4);
            assert!(ports.iter().all(|port| range.contains(*port) && *port != 40000));
            ports.sort_unstable();
            assert!(ports[0] < 39826 && ports[3] >= 53942, "one in each quarter: {ports:?}");
        }
    }

    #[test]
    fn a_range_of_one_port_gives_that_port_once() {
        let ports = source_ports(&mut Random::new(1), PortRange::single(5000), 4, &[], None, None);
        assert_eq!(ports, [5000]);
    }
}
