//! A set of flows seen from one dimension, for people: which sources, which ports.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

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
