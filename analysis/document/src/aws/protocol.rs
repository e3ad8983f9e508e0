//! IP protocol numbers as groups and network ACLs write them.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The protocol of a rule: a name (`tcp`, `udp`, `icmp`, `icmpv6`), an IANA number 0 to 255, or `-1`
/// for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpProtocol {
    /// `-1`: every protocol, every port.
    All,
    /// One protocol by its IANA number.
    Number(u8),
}

impl IpProtocol {
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self::Number(1);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self::Number(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self::Number(17);
    /// ICMP for IPv6 (RFC 4443).
    pub const ICMPV6: Self = Self::Number(58);
}

/// What no protocol is written like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoProtocol;

impl FromStr for IpProtocol {
    type Err = NoProtocol;

    /// `-1`, `tcp`, `udp`, `icmp`, `icmpv6` or a number to 255.
    fn from_str(text: &str) -> Result<Self, NoProtocol> {
        Ok(match text {
            "-1" | "all" => Self::All,
            "tcp" => Self::TCP,
            "udp" => Self::UDP,
            "icmp" => Self::ICMP,
            "icmpv6" => Self::ICMPV6,
            number => Self::Number(number.parse().map_err(|_| NoProtocol)?),
        })
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All => formatter.write_str("-1"),
            Self::ICMP => formatter.write_str("icmp"),
            Self::TCP => formatter.write_str("tcp"),
            Self::UDP => formatter.write_str("udp"),
            Self::ICMPV6 => formatter.write_str("icmpv6"),
            Self::Number(number) => number.fmt(formatter),
        }
    }
}

impl Serialize for IpProtocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpProtocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            let excerpt: alloc::string::String = text.chars().take(24).collect();
            de::Error::custom(format!(
                "expected a protocol such as \"tcp\", \"-1\" or a number to 255, found {excerpt:?}"
            ))
        })
    }
}
