//! Ranges of ports and of protocol numbers.

use core::fmt;

use peerscope_document::aws::IpProtocol;
use serde::{Serialize, Serializer};

use super::Family;

macro_rules! range {
    ($(#[$meta:meta])* $name:ident of $number:ty) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            first: $number,
            last: $number,
        }

        impl $name {
            /// Every value.
            pub const ALL: Self = Self { first: 0, last: <$number>::MAX };

            /// From `first` to `last`, both included; `None` where `last` is below `first`.
            #[must_use]
            pub fn new(first: $number, last: $number) -> Option<Self> {
                (first <= last).then_some(Self { first, last })
            }

            /// One value.
            #[must_use]
            pub const fn single(value: $number) -> Self {
                Self { first: value, last: value }
            }

            /// The lowest value.
            #[must_use]
            pub const fn first(self) -> $number {
                self.first
            }

            /// The highest value.
            #[must_use]
            pub const fn last(self) -> $number {
                self.last
            }

            /// Whether the value lies in the range.
            #[must_use]
            pub fn contains(self, value: $number) -> bool {
                (self.first..=self.last).contains(&value)
            }

            /// Whether every value of `other` lies in the range.
            #[must_use]
            pub fn covers(self, other: Self) -> bool {
                self.first <= other.first && other.last <= self.last
            }

            /// The values of both.
            #[must_use]
            pub fn intersection(self, other: Self) -> Option<Self> {
                Self::new(self.first.max(other.first), self.last.min(other.last))
            }

            /// What lies below and what lies above `other`, which must be within the range.
            #[must_use]
            pub(crate) fn around(self, other: Self) -> [Option<Self>; 2] {
                [
                    other.first.checked_sub(1).and_then(|last| Self::new(self.first, last)),
                    other.last.checked_add(1).and_then(|first| Self::new(first, self.last)),
                ]
            }

            /// Both as one range, where they touch or overlap.
            #[must_use]
            pub(crate) fn joined(self, other: Self) -> Option<Self> {
                let (low, high) = if self.first <= other.first { (self, other) } else { (other, self) };
                let touching = low.last.checked_add(1).is_none_or(|next| high.first <= next);
                touching.then(|| Self { first: low.first, last: low.last.max(high.last) })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.first == self.last {
                    write!(formatter, "{}", self.first)
                } else {
                    write!(formatter, "{}-{}", self.first, self.last)
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl Serialize for $name {
            /// As the pair `[first, last]`.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                (self.first, self.last).serialize(serializer)
            }
        }
    };
}

range! {
    /// Ports from a first to a last, both included. For ICMP, which has none, the destination's "port"
    /// is `type * 256 + code`, so that rules on types and codes are ranges too ([`PortRange::icmp`]).
    PortRange of u16
}

range! {
    /// IP protocol numbers from a first to a last, both included.
    ProtocolRange of u8
}

impl PortRange {
    /// The smallest range that holds both.
    #[must_use]
    pub(crate) fn hull(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    /// The range of an ICMP type, with one code or all of them.
    #[must_use]
    pub fn icmp(icmp_type: u8, code: Option<u8>) -> Self {
        let base = u16::from(icmp_type) << 8;
        match code {
            Some(code) => Self::single(base | u16::from(code)),
            None => Self { first: base, last: base | 0xff },
        }
    }

    /// The type and code of an echo request (RFC 792; RFC 4443, section 4.1).
    #[must_use]
    pub fn echo_request(family: Family) -> Self {
        Self::icmp(if family == Family::V4 { 8 } else { 128 }, Some(0))
    }
}

impl From<IpProtocol> for ProtocolRange {
    fn from(protocol: IpProtocol) -> Self {
        match protocol {
            IpProtocol::All => Self::ALL,
            IpProtocol::Number(number) => Self::single(number),
        }
    }
}
