//! Public addresses replaced by those that documentation may use, so that what holds what stays the same.
//!
//! Rules and routes are decided by which block lies in which. So each outermost public block that occurs gets another
//! of its length, and whatever lies in it keeps its place there. What is not public, and blocks that hold what is not
//! (`0.0.0.0/0`), stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Private, local and multicast networks, which tell nobody whose they are (RFC 1918, 6598, 1122, 3927, 5771).
const KEPT_V4: [(Ipv4Addr, u8); 8] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
];
/// The same of IPv6 (RFC 4291, 4193, 6052).
const KEPT_V6: [(Ipv6Addr, u8); 5] = [
    (Ipv6Addr::UNSPECIFIED, 8),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96),
];
/// Where replacements come from: documentation's blocks (RFC 5737, 3849, 9637), then, for what is larger or more than
/// they hold, the block that is reserved for ever (RFC 1112).
const POOLS_V4: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];
const POOLS_V6: [(Ipv6Addr, u8); 2] =
    [(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20)];

/// First and last address of a block, as numbers: blocks compare and count.
type Span = (u128, u128);

/// One mapping of addresses, both families'.
#[derive(Debug, Default)]
pub(super) struct AddressMap {
    v4: BTreeMap<u128, (Span, u128)>,
    v6: BTreeMap<u128, (Span, u128)>,
}

impl AddressMap {
    /// A mapping for all blocks that occur.
    pub(super) fn of(blocks: &BTreeSet<IpNet>, random: &mut fastrand::Rng) -> Self {
        let family = |is_v4: bool| {
            let own: Vec<IpNet> =
                blocks.iter().filter(|block| block.addr().is_ipv4() == is_v4).copied().collect();
            own
        };
        Self { v4: map(&family(true), true, random), v6: map(&family(false), false, random) }
    }

    /// What stands for a block; itself where it is not public.
    pub(super) fn block(&self, block: IpNet) -> IpNet {
        let address = self.address(block.addr());
        if self.find(block).is_none() {
            return block;
        }
        IpNet::new(address, block.prefix_len()).unwrap_or(block)
    }

    /// What stands for an address; itself where it is not public.
    pub(super) fn address(&self, address: IpAddr) -> IpAddr {
        let Some(((first, _), target)) = self.find(IpNet::from(address)) else { return address };
        let number = target + (number(address) - first);
        match address {
            IpAddr::V4(_) => {
                u32::try_from(number).map_or(address, |number| Ipv4Addr::from_bits(number).into())
            }
            IpAddr::V6(_) => Ipv6Addr::from_bits(number).into(),
        }
    }

    /// The outermost public block around a block, and where it goes.
    fn find(&self, block: IpNet) -> Option<(Span, u128)> {
        let (first, last) = span(block);
        let map = if block.addr().is_ipv4() { &self.v4 } else { &self.v6 };
        let (_, (around, target)) = map.range(..=first).next_back()?;
        (last <= around.1).then_some((*around, *target))
    }
}

fn map(blocks: &[IpNet], is_v4: bool, random: &mut fastrand::Rng) -> BTreeMap<u128, (Span, u128)> {
    let (kept, pools) =
        if is_v4 { (spans(&KEPT_V4), spans(&POOLS_V4)) } else { (spans(&KEPT_V6), spans(&POOLS_V6)) };
    let meets = |one: Span, other: &Span| one.0 <= other.1 && other.0 <= one.1;
    let spans: BTreeSet<Span> = blocks.iter().map(|block| span(*block)).collect();
    let (mixed, public): (Vec<Span>, Vec<Span>) =
        spans.into_iter().partition(|block| block.0 == 0 || kept.iter().any(|kept| meets(*block, kept)));
    // What is wholly kept holds nothing public.
    let mixed: Vec<Span> = mixed
        .into_iter()
        .filter(|block| !kept.iter().any(|kept| kept.0 <= block.0 && block.1 <= kept.1))
        .collect();
    // Sorted by their first address, the outer one is before what lies in it, or has the same one and is larger.
    let mut public = public;
    public.sort_by_key(|block| (block.0, std::cmp::Reverse(block.1)));
    let mut outer: Vec<Span> = Vec::new();
    for block in public {
        if outer.last().is_none_or(|last| block.0 > last.1) {
            outer.push(block);
        }
    }
    // In no order that would tell which address was the lower one; the largest first, so that all lie where they may.
    let mut order = outer.clone();
    random.shuffle(&mut order);
    order.sort_by_key(|block| std::cmp::Reverse(block.1 - block.0));
    let mut taken: BTreeMap<u128, u128> = outer.iter().chain(&kept).copied().collect();
    // Where the search goes on: whatever comes later is as small or smaller.
    let mut places: BTreeMap<(Span, Span), u128> = BTreeMap::new();
    let everywhere = (0, if is_v4 { u128::from(u32::MAX) } else { u128::MAX });
    let mut map = BTreeMap::new();
    for block in order {
        // The blocks that hold others beside public ones stay, so what lies in one has to stay in it, and out of others.
        let size = block.1 - block.0;
        let (around, others): (Vec<Span>, Vec<Span>) =
            mixed.iter().partition(|mixed| mixed.0 <= block.0 && block.1 <= mixed.1);
        let narrowest = around.into_iter().min_by_key(|mixed| mixed.1 - mixed.0).unwrap_or(everywhere);
        let target = pools.iter().copied().chain([everywhere]).find_map(|pool| {
            let within = (pool.0.max(narrowest.0), pool.1.min(narrowest.1));
            let place = places.entry((within, narrowest)).or_insert(within.0);
            let mut at = aligned(*place, size)?;
            loop {
                let last = at.checked_add(size).filter(|last| *last <= within.1)?;
                let before = taken.range(..=last).next_back().map(|(_, end)| *end).filter(|end| *end >= at);
                let other = others.iter().find(|other| meets(**other, &(at, last))).map(|other| other.1);
                match before.max(other) {
                    Some(end) => at = aligned(end.checked_add(1)?, size)?,
                    None => {
                        *place = last.saturating_add(1);
                        return Some(at);
                    }
                }
            }
        });
        // Where there is no room at all nothing can be replaced: a space of addresses that is full.
        if let Some(target) = target {
            taken.insert(target, target + size);
            map.insert(block.0, (block, target));
        }
    }
    map
}

fn spans<A: Into<IpAddr> + Copy>(blocks: &[(A, u8)]) -> Vec<Span> {
    blocks
        .iter()
        .filter_map(|(address, length)| IpNet::new((*address).into(), *length).ok())
        .map(span)
        .collect()
}

/// The first place at or after `at` where a block may begin whose last address is `size` after its first.
fn aligned(at: u128, size: u128) -> Option<u128> {
    at.checked_add(size).map(|end| end & !size)
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn span(block: IpNet) -> Span {
    (number(block.network()), number(block.broadcast()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> BTreeSet<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn public_blocks_become_documentations_and_hold_what_they_held() {
        let blocks = nets(&[
            "8.8.8.8/32",
            "8.8.8.0/26",
            "52.0.0.0/11",
            "52.1.2.0/24",
            "203.0.113.10/32",
            "10.0.0.0/16",
            "0.0.0.0/0",
            "128.0.0.0/1",
            "0.0.0.0/1",
            "2600:1f18::/32",
            "2600:1f18:1::/56",
            "fd00::/8",
            "::/0",
        ]);
        for seed in 0..50 {
            let map = AddressMap::of(&blocks, &mut fastrand::Rng::with_seed(seed));
            let all: Vec<(IpNet, IpNet)> = blocks.iter().map(|block| (*block, map.block(*block))).collect();
            for (from, to) in &all {
                assert_eq!(from.prefix_len(), to.prefix_len());
                let kept = ["10.0.0.0/16", "0.0.0.0/0", "128.0.0.0/1", "0.0.0.0/1", "fd00::/8", "::/0"];
                assert_eq!(kept.contains(&from.to_string().as_str()), from == to, "{from} {to}");
                for (other, changed) in &all {
                    assert_eq!(from.contains(other), to.contains(changed), "{from} {other}: {to} {changed}");
                }
            }
            // Nothing is replaced by what the snapshot itself speaks of.
            assert!(all.iter().all(|(from, to)| from == to || !blocks.contains(to)));
        }
    }

    #[test]
    fn single_addresses_are_documentations_as_long_as_there_is_room_and_never_two_the_same() {
        let pools: Vec<IpNet> = POOLS_V4
            .iter()
            .map(|(address, length)| IpNet::new((*address).into(), *length).unwrap())
            .collect();
        let blocks: BTreeSet<IpNet> = (0..5000_u32)
            .map(|n| IpNet::from(IpAddr::from(Ipv4Addr::from_bits(0x3400_0000 + n * 77))))
            .collect();
        let map = AddressMap::of(&blocks, &mut fastrand::Rng::with_seed(1));
        let changed: BTreeSet<IpNet> = blocks.iter().map(|block| map.block(*block)).collect();
        assert_eq!(changed.len(), blocks.len());
        assert!(changed.is_disjoint(&blocks));
        assert!(changed.iter().all(|block| pools.iter().any(|pool| pool.contains(block))));
        assert_eq!(
            changed.iter().filter(|block| pools[..3].iter().any(|pool| pool.contains(*block))).count(),
            768
        );
        // An address that did not occur has no place in the mapping.
        assert_eq!(map.address("9.9.9.9".parse().unwrap()), "9.9.9.9".parse::<IpAddr>().unwrap());
    }
}
