//! Drawing lots: deterministic, and apart for each thing in which worlds may differ.

use std::net::Ipv4Addr;

use fastrand::Rng;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// In what worlds may differ from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vary {
    /// CIDRs, addresses, ports, Regions, accounts and ids.
    Addresses,
    /// Which table, ACL and groups serve the interface, and how they say what they say.
    Association,
    /// The order and the numbers of rules, routes and documents.
    RuleOrder,
    /// What does not matter.
    Decoys,
    /// IPv6 in the customer's VPCs. With a space, whose peerings carry IPv4 alone, it stays beside the flow;
    /// between two VPCs it is what the flow takes.
    Ipv6,
    /// Rules name the group of the other VPC, through the peering. Between two VPCs.
    References,
    /// The interfaces lie in secondary CIDRs of their VPCs. Between two VPCs.
    SecondaryCidrs,
    /// What looks like a fault and is none.
    Temptations,
}

impl Vary {
    /// All in which every world may differ. The rest is there or not, and has to be asked for.
    pub const ALL: [Self; 4] = [Self::Addresses, Self::Association, Self::RuleOrder, Self::Decoys];
}

/// One lot for each [`Vary`]; what does not vary is drawn too, but always alike.
pub(crate) struct Draw {
    pub(crate) addresses: Lot,
    pub(crate) association: Lot,
    pub(crate) order: Lot,
    pub(crate) decoys: Lot,
}

impl Draw {
    pub(crate) fn new(seed: u64, vary: &[Vary]) -> Self {
        let lot = |which: Vary| {
            let seed = if vary.contains(&which) { seed } else { 0 };
            Lot(Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(which as u64 + 1)))
        };
        Self {
            addresses: lot(Vary::Addresses),
            association: lot(Vary::Association),
            order: lot(Vary::RuleOrder),
            decoys: lot(Vary::Decoys),
        }
    }
}

/// A stream of random choices.
pub(crate) struct Lot(Rng);

impl Lot {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// True in `percent` of 100 draws.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn number(&mut self, low: u32, high: u32) -> u32 {
        self.0.u32(low..=high)
    }

    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, from: [T; N]) -> T {
        const { assert!(N > 0) };
        from[self.0.usize(0..N)]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }

    /// An id in AWS's present form.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        let hexadecimal: String = (0..17).map(|_| self.0.digit(16)).collect();
        format!("{prefix}-{hexadecimal}")
    }

    pub(crate) fn account(&mut self) -> String {
        (0..12).map(|_| self.0.digit(10)).collect()
    }

    pub(crate) fn uuid(&mut self) -> String {
        let mut digits = |count: usize| (0..count).map(|_| self.0.digit(16)).collect::<String>();
        format!("{}-{}-4{}-a{}-{}", digits(8), digits(4), digits(3), digits(3), digits(12))
    }

    /// A private block of this length that overlaps none of `taken`.
    pub(crate) fn block(&mut self, length: u8, taken: &[Ipv4Net]) -> Ipv4Net {
        loop {
            let first = match self.0.u32(0..3) {
                0 => u32::from(Ipv4Addr::new(10, self.0.u8(..), self.0.u8(..), 0)),
                1 => u32::from(Ipv4Addr::new(172, self.0.u8(16..32), self.0.u8(..), 0)),
                _ => u32::from(Ipv4Addr::new(192, 168, self.0.u8(..), 0)),
            };
            let block = Ipv4Net::new_assert(Ipv4Addr::from(first), length).trunc();
            if !taken.iter().any(|other| overlap(*other, block)) {
                return block;
            }
        }
    }

    /// A part of `whole` of this length that overlaps none of `taken`. `whole` must have room.
    pub(crate) fn part(&mut self, whole: Ipv4Net, length: u8, taken: &[Ipv4Net]) -> Ipv4Net {
        loop {
            let address = u32::from(whole.network()) | (self.0.u32(..) & u32::from(whole.hostmask()));
            let part = Ipv4Net::new_assert(Ipv4Addr::from(address), length).trunc();
            if !taken.iter().any(|other| overlap(*other, part)) {
                return part;
            }
        }
    }

    /// An address that AWS could give out in `block`, none of `taken`.
    pub(crate) fn address(&mut self, block: Ipv4Net, taken: &[Ipv4Addr]) -> Ipv4Addr {
        let first = u32::from(block.network());
        let last = u32::from(block.broadcast());
        loop {
            // AWS keeps the first four and the last for itself.
            let address = Ipv4Addr::from(self.0.u32(first + 4..last));
            if !taken.contains(&address) {
                return address;
            }
        }
    }
}

/// Whether two blocks share an address.
pub(crate) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}
