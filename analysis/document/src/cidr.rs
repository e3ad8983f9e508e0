//! CIDR blocks as they are written.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A CIDR block (RFC 4632) with the host bits that its author wrote. AWS canonicalises a route's
/// destination silently (10.0.1.0/20 becomes 10.0.0.0/20) and so does [`Cidr::network`]; what was
/// written is kept because a person looks for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr(IpNet);

impl Cidr {
    /// The block with its host bits cleared.
    #[must_use]
    pub fn network(&self) -> IpNet {
        self.0.trunc()
    }

    /// Whether host bits are set in what was written.
    #[must_use]
    pub fn has_host_bits(&self) -> bool {
        self.0 != self.0.trunc()
    }
}

impl From<IpNet> for Cidr {
    fn from(network: IpNet) -> Self {
        Self(network)
    }
}

impl FromStr for Cidr {
    type Err = ipnet::AddrParseError;

    /// Accepts `address/length`; a bare address is the block of that one address, as AWS's console
    /// takes it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<IpNet>().map(Self).or_else(|error| match text.parse::<IpAddr>() {
            Ok(address) => Ok(Self(IpNet::from(address))),
            Err(_) => Err(error),
        })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_string())
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            de::Error::custom(format!(
                "expected a CIDR block such as 10.0.0.0/16, found {:?}",
                Excerpt(&text)
            ))
        })
    }
}

/// Shows the beginning of a value in an error: it may be megabytes, or hold terminal escapes (which
/// `Debug` escapes).
struct Excerpt<'a>(&'a str);

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(48) {
            Some((end, _)) => write!(formatter, "{:?}…", &self.0[..end]),
            None => write!(formatter, "{:?}", self.0),
        }
    }
}
