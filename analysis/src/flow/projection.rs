//! A set of flows seen from one dimension, for people: which sources, which ports.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use core::net::IpAddr;

use ipnet::IpNet;

use super::{AddressRange, FlowBox, Flows, PortRange};

impl Flows {
    /// The sources that occur, as the fewest CIDR blocks, ascending.
    #[must_use]
    pub fn sources(&self) -> Vec<IpNet> {
        self.addresses(|flows| flows.source)
    }

    /// The destinations that occur, as the fewest CIDR blocks, ascending.
    #[must_use]
    pub fn destinations(&self) -> Vec<IpNet> {
        self.addresses(|flows| flows.destination)
    }

    /// The source ports that occur, as the fewest ranges, ascending.
    #[must_use]
    pub fn source_ports(&self) -> Vec<PortRange> {
        merged(self.boxes().iter().map(|flows| flows.source_ports).collect(), PortRange::joined)
    }

    /// The ports that occur, as the fewest ranges, ascending.
    #[must_use]
    pub fn ports(&self) -> Vec<PortRange> {
        merged(self.boxes().iter().map(|flows| flows.ports).collect(), PortRange::joined)
    }

    fn addresses(&self, end: impl Fn(&FlowBox) -> AddressRange) -> Vec<IpNet> {
        let ranges = merged(self.boxes().iter().map(end).collect(), AddressRange::joined);
        ranges.into_iter().flat_map(AddressRange::cidrs).collect()
    }
}

impl PortRange {
    /// Ascending ranges of which no two touch.
    pub(crate) fn merged(ranges: Vec<Self>) -> Vec<Self> {
        merged(ranges, Self::joined)
    }
}

impl AddressRange {
    /// The disjoint ranges, ascending, into which the edges of ranges cut all that these hold.
    pub(crate) fn slices(ranges: &[Self]) -> Vec<Self> {
        let mut whole: Vec<Self> = Vec::new();
        let mut begins: Vec<IpAddr> = ranges.iter().map(|range| range.first()).collect();
        begins.extend(ranges.iter().filter_map(|range| range.next()));
        begins.sort_unstable();
        begins.dedup();
        for range in Self::merged(ranges.to_vec()) {
            let from = begins.partition_point(|begin| *begin <= range.first());
            let mut rest = range;
            for begin in begins.iter().skip(from).take_while(|begin| **begin <= range.last()) {
                let [below, above] = rest.split_before(*begin);
                whole.extend(below);
                match above {
                    Some(above) => rest = above,
                    None => break,
                }
            }
            whole.push(rest);
        }
        whole
    }

    /// Ascending ranges of which no two touch.
    pub(crate) fn merged(ranges: Vec<Self>) -> Vec<Self> {
        merged(ranges, Self::joined)
    }
}

/// Ascending ranges of which no two touch.
fn merged<T: Copy + Ord>(mut ranges: Vec<T>, joined: impl Fn(T, T) -> Option<T>) -> Vec<T> {
    ranges.sort_unstable();
    let mut result: Vec<T> = Vec::new();
    for range in ranges {
        match result.last_mut().and_then(|last| joined(*last, range).map(|whole| (last, whole))) {
            Some((last, whole)) => *last = whole,
            None => result.push(range),
        }
    }
    result
}

/// Blocks in a sentence; a block of one address is written as that address.
#[must_use]
pub fn cidr_words(cidrs: &[IpNet]) -> String {
    let one = |cidr: &IpNet| match cidr.prefix_len() == cidr.max_prefix_len() {
        true => cidr.addr().to_string(),
        false => cidr.to_string(),
    };
    cidrs.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Ranges in a sentence.
#[must_use]
pub fn range_words(ranges: &[PortRange]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
