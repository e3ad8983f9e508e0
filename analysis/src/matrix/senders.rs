//! Those who send, numbered so that neighbours are neighbours.
//!
//! Of a space every address of the dyno blocks may be a dyno, so addresses are their own numbers. Of a VPC
//! only interfaces send: there the number is the rank of an interface's address among all of them. What is
//! said of sources is said of sets of numbers, so two sets are equal where they hold the same senders, whatever
//! else a rule's block holds.

use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;

use crate::flow::AddressRange;

/// Numbers from the first to the last.
pub(super) type Span = (u128, u128);

/// The numbering.
pub(super) enum Senders {
    /// Every address of these blocks.
    All(Vec<AddressRange>),
    /// These addresses, ascending, in these blocks.
    Owned(Vec<AddressRange>, Vec<AddressRange>),
}

impl Senders {
    /// Every address of the blocks sends.
    pub(super) fn all(blocks: &[AddressRange]) -> Self {
        Self::All(AddressRange::merged(blocks.to_vec()))
    }

    /// Only these addresses of the blocks send.
    pub(super) fn owned(blocks: &[AddressRange], addresses: impl Iterator<Item = IpAddr>) -> Self {
        let blocks = AddressRange::merged(blocks.to_vec());
        let within = |address: &AddressRange| blocks.iter().any(|block| block.covers(*address));
        let mut owned: Vec<AddressRange> = addresses.map(AddressRange::from).filter(within).collect();
        owned.sort_unstable();
        owned.dedup();
        Self::Owned(blocks, owned)
    }

    /// The numbers of all.
    pub(super) fn everybody(&self) -> Vec<Span> {
        match self {
            Self::All(blocks) => blocks.iter().map(|block| block.span()).collect(),
            Self::Owned(_, owned) => {
                let last = owned.len().checked_sub(1);
                last.map(|last| (0, last as u128)).into_iter().collect()
            }
        }
    }

    /// The numbers of those within a range; `None` where nobody is.
    pub(super) fn span(&self, range: AddressRange) -> Option<Span> {
        match self {
            // What lies beside the blocks is nobody's, and taken away by who asks.
            Self::All(blocks) => {
                let family = blocks.first()?.family();
                (range.family() == family).then(|| range.span())
            }
            Self::Owned(_, owned) => {
                if owned.first()?.family() != range.family() {
                    return None;
                }
                let (first, last) = range.span();
                let from = owned.partition_point(|one| one.span().0 < first);
                let to = owned.partition_point(|one| one.span().0 <= last);
                (from < to).then(|| (from as u128, to as u128 - 1))
            }
        }
    }

    /// The senders with these numbers, as few CIDR blocks, ascending. Between two interfaces' addresses the
    /// border may lie anywhere; it lies where blocks are largest.
    pub(super) fn blocks(&self, spans: &[Span]) -> Vec<IpNet> {
        let ranges: Vec<AddressRange> = match self {
            Self::All(blocks) => {
                let within = |(first, last): &Span| {
                    let (first, last) = (*first, *last);
                    let met = move |block: &&AddressRange| block.span().0 <= last && first <= block.span().1;
                    blocks.iter().filter(met).map(move |block| block.within_span(first, last))
                };
                spans.iter().flat_map(within).collect()
            }
            Self::Owned(blocks, owned) => {
                let mut ranges = Vec::new();
                for (first, last) in spans {
                    let index = |number: &u128| usize::try_from(*number).unwrap_or(usize::MAX);
                    let (first, last) = (index(first), index(last));
                    for block in blocks {
                        let inside = |at: usize| owned.get(at).is_some_and(|one| block.covers(*one));
                        let from = owned.partition_point(|one| one.span().0 < block.span().0).max(first);
                        let to = owned.partition_point(|one| one.span().0 <= block.span().1);
                        let Some(to) = to.checked_sub(1).map(|to| to.min(last)) else { continue };
                        if from > to || !inside(from) || !inside(to) {
                            continue;
                        }
                        let (low, high) = block.span();
                        let number = |at: usize| owned.get(at).map_or(0, |one| one.span().0);
                        let begin = match from.checked_sub(1).filter(|before| inside(*before)) {
                            Some(before) => border(number(before), number(from)),
                            None => low,
                        };
                        let end = if inside(to + 1) { border(number(to), number(to + 1)) - 1 } else { high };
                        ranges.push(block.within_span(begin, end));
                    }
                }
                ranges
            }
        };
        AddressRange::merged(ranges).into_iter().flat_map(AddressRange::cidrs).collect()
    }
}

/// Of the numbers above `low`, up to `high`, the one that most zeros end.
fn border(low: u128, high: u128) -> u128 {
    let differing = low ^ high;
    let bits = u128::BITS - differing.leading_zeros();
    // Where the two part, the higher one has a one: cut off what follows it.
    match bits.checked_sub(1) {
        Some(bits) => high >> bits << bits,
        None => high,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn range(first: u32, last: u32) -> AddressRange {
        AddressRange::new(Ipv4Addr::from(first).into(), Ipv4Addr::from(last).into()).unwrap()
    }

    const VPC: u32 = 0x0a14_0000;

    proptest! {
        #[test]
        fn blocks_hold_the_numbered_and_no_other_sender(
            hosts in proptest::collection::btree_set(0..4096_u32, 1..40),
            cut in (0..4096_u32, 0..4096_u32),
        ) {
            let addresses: Vec<IpAddr> =
                hosts.iter().map(|host| IpAddr::from(Ipv4Addr::from(VPC + host))).collect();
            let blocks = [range(VPC, VPC + 1023), range(VPC + 2048, VPC + 4095)];
            let senders = Senders::owned(&blocks, addresses.iter().copied());
            let asked = range(VPC + cut.0.min(cut.1), VPC + cut.0.max(cut.1));
            let shown = senders.span(asked).map(|span| senders.blocks(&[span])).unwrap_or_default();
            for address in addresses {
                let sends = blocks.iter().any(|block| block.contains(address));
                prop_assert_eq!(
                    shown.iter().any(|block| block.contains(&address)),
                    sends && asked.contains(address),
                    "{} of {:?}", address, shown
                );
            }
            for block in &shown {
                prop_assert!(blocks.iter().any(|all| all.covers(AddressRange::from(*block))));
            }
        }
    }

    #[test]
    fn borders_lie_where_subnets_do() {
        let addresses = [5, 250, 4096 + 7].map(|host| IpAddr::from(Ipv4Addr::from(VPC + host)));
        let senders = Senders::owned(&[range(VPC, VPC + 65535)], addresses.into_iter());
        let shown: Vec<_> = senders.blocks(&[(0, 1)]).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.20.0.0/20"]);
        assert_eq!(senders.everybody(), [(0, 2)]);
    }
}
