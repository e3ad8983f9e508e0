//! What became of the target's name.
//!
//! The system's resolver says what an application gets, and little of why. So where it fails, is slow or says
//! something odd, the servers that it asks were asked once more, each by itself: what they said is here, and
//! what a system's resolver makes of it.

mod words;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use peerscope_vocabulary::{ADDRESSES_KEPT, DnsObservation, DnsSaid, DnsTransport, Outcome};
use serde::{Deserialize, Serialize};

pub use self::words::{lookup_sentence, server_sentence};
use super::scope::AddressScope;
use super::words::observation_report;
use crate::report::{DnsAddressReport, DnsReport, ObservationReport};

/// The longest answer by UDP that is asked for (RFC 9715).
const UDP_PAYLOAD: u32 = 1232;

/// What the DNS said of the target's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Why the name has no address, in the resolver's words; none where it has some.
    pub failure: Option<String>,
    /// What is odd about the configuration of this machine's resolver, in a clause.
    #[serde(default)]
    pub configuration: Option<String>,
    /// What each server said to a question of our own, where they were asked.
    #[serde(default)]
    pub servers: Vec<DnsObservation>,
}

impl Lookup {
    /// The names that servers said the name is an alias of, where servers were asked.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        let said = self.servers.iter().filter_map(|server| server.reply.said.as_ref());
        let aliases = said.filter_map(|said| match said {
            DnsSaid::Addresses { aliases, .. } | DnsSaid::NoAddress { aliases } => Some(aliases),
            _ => None,
        });
        aliases.flatten().map(String::as_str)
    }
}

/// What the C library's resolver makes of what servers said: it asks one after the other, in the order of
/// resolv.conf(5), and the first that knows decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The name has addresses.
    Addresses {
        /// The first [`ADDRESSES_KEPT`] of each family.
        addresses: Vec<IpAddr>,
        /// How many there are.
        count: usize,
    },
    /// A server knows that it has none.
    None,
    /// No server knows.
    Unknown,
}

/// What comes of the answers for one name, the servers' in the order in which they are configured.
#[must_use]
pub fn resolution(servers: &[DnsObservation]) -> Resolution {
    for group in groups(servers) {
        let mut addresses: Vec<IpAddr> = Vec::new();
        let (mut all, mut knows) = (0, false);
        for one in group {
            match &one.reply.said {
                Some(DnsSaid::Addresses { addresses: found, count, .. }) => {
                    all += *count as usize;
                    addresses.extend(found.iter().take(ADDRESSES_KEPT).map(|found| found.address));
                }
                Some(DnsSaid::NoAddress { .. } | DnsSaid::NoSuchName) => knows = true,
                _ => {}
            }
        }
        if !addresses.is_empty() {
            return Resolution::Addresses { addresses, count: all };
        }
        if knows {
            return Resolution::None;
        }
    }
    Resolution::Unknown
}

/// The observations of each server for each name, in the order of the first.
pub(super) fn groups(servers: &[DnsObservation]) -> Vec<Vec<&DnsObservation>> {
    let mut groups: Vec<Vec<&DnsObservation>> = Vec::new();
    for one in servers {
        let is_of = |group: &&mut Vec<&DnsObservation>| {
            group.first().is_some_and(|first| {
                first.question.name == one.question.name
                    && first.observation.request.address == one.observation.request.address
                    && first.observation.request.port == one.observation.request.port
            })
        };
        match groups.iter_mut().find(is_of) {
            Some(group) => group.push(one),
            None => groups.push(Vec::from([one])),
        }
    }
    groups
}

/// Whether an answer with addresses is still one that deserves a word: more than anybody needs, or a
/// datagram longer than was asked for.
pub(super) fn is_odd(one: &DnsObservation) -> bool {
    let is_long = one.reply.transport == DnsTransport::Udp && one.reply.length > UDP_PAYLOAD;
    let is_many =
        matches!(one.reply.said, Some(DnsSaid::Addresses { count, .. }) if count as usize > ADDRESSES_KEPT);
    is_long || is_many
}

/// Whether a server did what servers should: it said something that can be relied on.
pub(super) fn is_sound(one: &DnsObservation) -> bool {
    matches!(
        one.reply.said,
        Some(DnsSaid::Addresses { .. } | DnsSaid::NoAddress { .. } | DnsSaid::NoSuchName)
    )
}

/// What a DNS server said, as reports show it. `at` is the calendar time of the start of the run.
#[must_use]
pub fn dns_report(one: &DnsObservation, at: Timestamp) -> ObservationReport {
    let mut report = observation_report(&one.observation, at);
    report.request.protocol = match one.reply.transport {
        DnsTransport::Udp => "udp",
        DnsTransport::Tcp => "tcp",
    };
    report.request.name = Some(one.question.name.clone());
    report.request.record_type = Some(one.question.record_type.name());
    let took = one.observation.finished_at.saturating_sub(one.observation.sent_at);
    report.reason = Some(server_sentence(&[one]));
    if matches!(one.observation.outcome, Outcome::Refused) && report.from.is_none() {
        // The target's own port unreachable.
        report.from = Some(one.observation.request.address);
    }
    let (said, addresses, count, aliases, code) = match &one.reply.said {
        None => (None, &[][..], 0, &[][..], None),
        Some(DnsSaid::Addresses { addresses, count, aliases }) => {
            (Some("addresses"), &addresses[..], *count, &aliases[..], Some(0))
        }
        Some(DnsSaid::NoAddress { aliases }) => (Some("no-address"), &[][..], 0, &aliases[..], Some(0)),
        Some(DnsSaid::NoSuchName) => (Some("no-such-name"), &[][..], 0, &[][..], Some(3)),
        Some(DnsSaid::Referral) => (Some("referral"), &[][..], 0, &[][..], Some(0)),
        Some(DnsSaid::Code { code }) => (Some("code"), &[][..], 0, &[][..], Some(*code)),
        Some(DnsSaid::AliasLoop { aliases }) => (Some("alias-loop"), &[][..], 0, &aliases[..], Some(0)),
        Some(DnsSaid::AliasChain { .. }) => (Some("alias-chain"), &[][..], 0, &[][..], Some(0)),
        Some(DnsSaid::CutShort) => (Some("cut-short"), &[][..], 0, &[][..], None),
        Some(_) => (Some("malformed"), &[][..], 0, &[][..], None),
    };
    report.dns = Some(DnsReport {
        said,
        code,
        addresses: addresses
            .iter()
            .map(|one| DnsAddressReport {
                address: one.address,
                scope: AddressScope::of(one.address),
                ttl_seconds: one.ttl_seconds,
            })
            .collect(),
        count,
        aliases: aliases.to_vec(),
        truncated: one.reply.truncated,
        bytes: one.reply.length,
        ignored: one.reply.ignored,
        seconds: SignedDuration::try_from(took).map_or(0.0, |took| took.as_secs_f64()),
    });
    report
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use peerscope_vocabulary::{
        AddressRecord, DnsAddress, DnsQuestion, DnsReply, Observation, ProbeId, ProbeKind, ProbeRequest,
    };

    use super::*;

    /// What the server with this number says.
    fn server(number: u8, said: Option<DnsSaid>) -> DnsObservation {
        let request = ProbeRequest::plain(
            ProbeId(0),
            ProbeKind::Dns,
            IpAddr::from([10, 0, 0, number]),
            53,
            Duration::from_secs(1),
        );
        let observation =
            Observation::bare(request, if said.is_some() { Outcome::DnsError } else { Outcome::Timeout });
        let question = DnsQuestion { name: "db".into(), record_type: AddressRecord::A };
        DnsObservation { question, observation, reply: DnsReply { said, ..DnsReply::default() } }
    }

    #[test]
    fn the_first_server_that_knows_decides() {
        let address = IpAddr::from([10, 1, 2, 3]);
        let addresses = || {
            let addresses = Vec::from([DnsAddress { address, ttl_seconds: 1 }]);
            Some(DnsSaid::Addresses { addresses, count: 1, aliases: Vec::new() })
        };
        let found = Resolution::Addresses { addresses: Vec::from([address]), count: 1 };
        let fails = || Some(DnsSaid::Code { code: 2 });
        for (first, second, expected) in [
            (addresses(), Some(DnsSaid::NoSuchName), found.clone()),
            (Some(DnsSaid::NoSuchName), addresses(), Resolution::None),
            (Some(DnsSaid::NoAddress { aliases: Vec::new() }), addresses(), Resolution::None),
            (fails(), addresses(), found.clone()),
            (None, addresses(), found.clone()),
            (Some(DnsSaid::Malformed), addresses(), found),
            (fails(), None, Resolution::Unknown),
        ] {
            let said = [server(2, first), server(3, second)];
            assert_eq!(resolution(&said), expected, "{said:?}");
        }
        assert_eq!(resolution(&[]), Resolution::Unknown);
    }
}
