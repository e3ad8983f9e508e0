//! Ranges of addresses of one family.

use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

/// IPv4 or IPv6. The two never mix: a rule for one says nothing of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// The addresses from a first to a last, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    family: Family,
    first: u128,
    last: u128,
}

impl AddressRange {
    /// Every address of a family.
    #[must_use]
    pub fn all(family: Family) -> Self {
        match family {
            Family::V4 => Self { family, first: 0, last: u128::from(u32::MAX) },
            Family::V6 => Self { family, first: 0, last: u128::MAX },
        }
    }

    /// From `first` to `last`, both included; `None` where they are of two families or `last` is below.
    #[must_use]
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let (first, last) = (Self::from(first), Self::from(last));
        (first.family == last.family && first.first <= last.first).then_some(Self {
            family: first.family,
            first: first.first,
            last: last.first,
        })
    }

    /// The family of all its addresses.
    #[must_use]
    pub fn family(self) -> Family {
        self.family
    }

    /// The lowest address.
    #[must_use]
    pub fn first(self) -> IpAddr {
        self.address(self.first)
    }

    /// The highest address.
    #[must_use]
    pub fn last(self) -> IpAddr {
        self.address(self.last)
    }

    /// How many addresses there are, as near as a floating-point number comes.
    #[must_use]
    pub(crate) fn size(self) -> f64 {
        (self.last - self.first) as f64 + 1.0
    }

    /// Whether the range is a single address.
    #[must_use]
    pub fn is_single(self) -> bool {
        self.first == self.last
    }

    /// Whether the address lies in the range.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.intersection(Self::from(address)).is_some()
    }

    /// Whether every address of `other` lies in the range.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.intersection(other) == Some(other)
    }

    /// The addresses of both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        (self.family == other.family && first <= last).then_some(Self { family: self.family, first, last })
    }

    /// What lies below and what lies above `other`, which must be within the range.
    #[must_use]
    pub(crate) fn around(self, other: Self) -> [Option<Self>; 2] {
        [
            other.first.checked_sub(1).filter(|&last| self.first <= last).map(|last| Self { last, ..self }),
            other.last.checked_add(1).filter(|&first| first <= self.last).map(|first| Self { first, ..self }),
        ]
    }

    /// Both as one range, where they touch or overlap.
    #[must_use]
    pub(crate) fn joined(self, other: Self) -> Option<Self> {
        let (low, high) = if self.first <= other.first { (self, other) } else { (other, self) };
        let touching = low.last.checked_add(1).is_none_or(|next| high.first <= next);
        (self.family == other.family && touching).then(|| Self {
            family: self.family,
            first: low.first,
            last: low.last.max(high.last),
        })
    }

    /// The fewest CIDR blocks that make up the range, ascending.
    #[must_use]
    pub fn cidrs(self) -> Vec<IpNet> {
        match (self.first(), self.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect()
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                Ipv6Subnets::new(first, last, 0).map(IpNet::V6).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The address above all of the range.
    pub(super) fn next(self) -> Option<IpAddr> {
        let is_last = self.last == Self::all(self.family).last;
        (!is_last).then(|| self.address(self.last + 1))
    }

    /// What lies below an address and what does not.
    pub(crate) fn split_before(self, address: IpAddr) -> [Option<Self>; 2] {
        let at = Self::from(address).first;
        if at <= self.first {
            return [None, Some(self)];
        }
        if at > self.last {
            return [Some(self), None];
        }
        [Some(Self { last: at - 1, ..self }), Some(Self { first: at, ..self })]
    }

    /// The first and the last address as numbers.
    pub(crate) fn span(self) -> (u128, u128) {
        (self.first, self.last)
    }

    /// The addresses of this range from one number to another, both within it.
    pub(crate) fn within_span(self, first: u128, last: u128) -> Self {
        Self { family: self.family, first: first.max(self.first), last: last.min(self.last) }
    }

    fn address(self, number: u128) -> IpAddr {
        match self.family {
            Family::V4 => IpAddr::V4(Ipv4Addr::from(number as u32)),
            Family::V6 => IpAddr::V6(Ipv6Addr::from(number)),
        }
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        let number = match address {
            IpAddr::V4(address) => u128::from(u32::from(address)),
            IpAddr::V6(address) => u128::from(address),
        };
        Self { family: Family::of(address), first: number, last: number }
    }
}

impl From<IpNet> for AddressRange {
    fn from(network: IpNet) -> Self {
        let (first, last) = (Self::from(network.network()), Self::from(network.broadcast()));
        Self { family: first.family, first: first.first, last: last.last }
    }
}

impl fmt::Debug for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.first(), self.last())
    }
}
