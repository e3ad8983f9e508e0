//! What DNS servers did, in sentences: which server, what, how long it took.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use peerscope_vocabulary::{DnsAddress, DnsObservation, DnsSaid, DnsTransport, Outcome};

use super::{Lookup, UDP_PAYLOAD, groups};
use crate::diagnose::observed::{Shows, reason, seconds, shows};
use crate::diagnose::scope::AddressScope;

/// DNS's port.
const PORT: u16 = 53;

/// How many addresses a sentence names.
const NAMED: usize = 4;

/// How many aliases a sentence names.
const ALIASES_NAMED: usize = 3;

/// Why a name has no address, in one sentence without its full stop: what the server did that decides, and
/// what the others did where that differs. Without a question of our own, the resolver's words.
#[must_use]
pub fn lookup_sentence(lookup: &Lookup) -> String {
    let mut clauses: Vec<String> = lookup.configuration.iter().cloned().collect();
    let groups = groups(&lookup.servers);
    // The name as it was given is asked for first or last; a search list makes others of it.
    let name = groups.iter().filter_map(|group| group.first()).map(|one| &one.question.name);
    let name = name.min_by_key(|name| name.len()).cloned().unwrap_or_default();
    let of_name = groups.iter().filter(|group| group.first().is_some_and(|one| one.question.name == name));
    clauses.extend(of_name.map(|group| server_sentence(group)));
    if groups.is_empty() {
        clauses.extend(lookup.failure.clone());
    }
    clauses.join("; ")
}

/// What one server did when it was asked for one name, in one sentence without its full stop:
/// `name server 10.0.0.2 says that db.internal does not exist (NXDOMAIN), after 1.2 ms`.
#[must_use]
pub fn server_sentence(group: &[&DnsObservation]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let request = &first.observation.request;
    let server = match request.port {
        PORT => request.address.to_string(),
        port => SocketAddr::new(request.address, port).to_string(),
    };
    let has_left = |one: &&&DnsObservation| !matches!(one.observation.outcome, Outcome::LocalError { .. });
    let took = group.iter().filter(has_left).map(|one| time(one)).max();
    let after = took.map(|took| format!(", after {}", seconds(took))).unwrap_or_default();
    format!("name server {server} {}{after}", deeds(group))
}

/// The round trip where the kernel measured it, else as long as it took.
fn time(one: &DnsObservation) -> Duration {
    let observation = &one.observation;
    observation.rtt.unwrap_or(observation.finished_at.saturating_sub(observation.sent_at))
}

/// What the server did: to both questions at once where that was the same.
fn deeds(group: &[&DnsObservation]) -> String {
    let mut found: Vec<DnsAddress> = Vec::new();
    let (mut count, mut remarks, mut others) = (0, Vec::new(), Vec::new());
    let name = group.first().map(|one| one.question.name.as_str()).unwrap_or_default();
    for one in group {
        match &one.reply.said {
            Some(DnsSaid::Addresses { addresses, count: all, .. }) => {
                found.extend(addresses);
                count += all;
                let remark = how(one);
                if !remark.is_empty() && !remarks.contains(&remark) {
                    remarks.push(remark);
                }
            }
            _ => others.push(*one),
        }
    }
    let has_none = |one: &DnsObservation| matches!(one.reply.said, Some(DnsSaid::NoAddress { .. }));
    if !found.is_empty() {
        let mut text = format!("gives {name} {}{}", addresses(&found, count), remarks.concat());
        for one in others.iter().filter(|one| !has_none(one)) {
            text.push_str(&format!(", but asked for {} it {}", one.question.record_type.family(), deed(one)));
        }
        return text;
    }
    if others.len() > 1 && others.iter().all(|one| has_none(one)) {
        return no_address_at_all(&others);
    }
    let told: Vec<String> = others.iter().map(|one| deed(one)).collect();
    match told.as_slice() {
        [first, rest @ ..] if rest.iter().all(|one| one == first) => first.clone(),
        several => {
            let each = several.iter().zip(&others).map(|(deed, one)| match has_none(one) {
                true => deed.clone(),
                false => format!("asked for {} addresses {deed}", one.question.record_type.family()),
            });
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

fn no_address_at_all(group: &[&DnsObservation]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let name = &first.question.name;
    match &first.reply.said {
        Some(DnsSaid::NoAddress { aliases }) if !aliases.is_empty() => {
            format!("says that {}, which has no address", chain(name, aliases))
        }
        _ => format!("says that {name} exists and has no address"),
    }
}

/// `10.1.2.3 (private) and 203.0.113.7 (public)`
fn addresses(found: &[DnsAddress], count: u32) -> String {
    let named: Vec<String> = found
        .iter()
        .take(NAMED)
        .map(|one| format!("{} ({})", one.address, AddressScope::of(one.address).word()))
        .collect();
    match count as usize {
        1 => format!("the address {}", named.concat()),
        all if all > NAMED => format!("{all} addresses, {} the first of them", named.join(", ")),
        _ => format!("the addresses {}", named.join(" and ")),
    }
}

/// By what the addresses came, where that is worth a word.
fn how(one: &DnsObservation) -> String {
    let reply = &one.reply;
    match reply.transport {
        DnsTransport::Udp if reply.length > UDP_PAYLOAD => {
            format!(" in one datagram of {} bytes, where at most {UDP_PAYLOAD} were asked for", reply.length)
        }
        DnsTransport::Udp => String::new(),
        DnsTransport::Tcp => format!(" by TCP, in {} bytes", reply.length),
    }
}

/// What the server did in place of giving addresses.
fn deed(one: &DnsObservation) -> String {
    let (name, family) = (&one.question.name, one.question.record_type.family());
    let by_tcp = one.reply.transport == DnsTransport::Tcp;
    match &one.reply.said {
        None => unanswered(one),
        Some(DnsSaid::Addresses { addresses: found, count, .. }) => {
            format!("gives {name} {}", addresses(found, *count))
        }
        Some(DnsSaid::NoAddress { aliases }) if aliases.is_empty() => {
            format!("says that {name} has no {family} address")
        }
        Some(DnsSaid::NoAddress { aliases }) => {
            format!("says that {}, which has no {family} address", chain(name, aliases))
        }
        Some(DnsSaid::NoSuchName) => format!("says that {name} does not exist (NXDOMAIN)"),
        Some(DnsSaid::Referral) => {
            format!("knows nothing of {name} and asks nobody for it, but refers to others")
        }
        Some(DnsSaid::Code { code }) => match code {
            1 => "says that it cannot read the question (FORMERR)".to_string(),
            2 => "says that it failed (SERVFAIL)".to_string(),
            4 => "says that it does not do such questions (NOTIMP)".to_string(),
            5 => "refuses to answer (REFUSED)".to_string(),
            code => format!("answers with the error code {code}"),
        },
        Some(DnsSaid::AliasLoop { aliases }) => {
            format!("says that {}: the aliases go round in a loop", chain(name, aliases))
        }
        Some(DnsSaid::AliasChain { followed }) => {
            format!("sends a chain of more than {followed} aliases, which nobody follows")
        }
        Some(DnsSaid::CutShort) if by_tcp => {
            format!("ends the TCP connection after {} bytes, before its answer is complete", one.reply.length)
        }
        Some(DnsSaid::CutShort) => {
            format!("sends an answer that breaks off after {} bytes", one.reply.length)
        }
        Some(_) => format!("sends garbage: {} bytes that are no DNS answer", one.reply.length),
    }
}

/// `a is an alias of b, that of c`
fn chain(name: &str, aliases: &[String]) -> String {
    let named: Vec<&str> = match aliases {
        [first, .., last] if aliases.len() > ALIASES_NAMED => Vec::from([first.as_str(), "…", last]),
        all => all.iter().map(String::as_str).collect(),
    };
    format!("{name} is an alias of {}", named.join(", that of "))
}

/// What came in place of an answer.
fn unanswered(one: &DnsObservation) -> String {
    let observation = &one.observation;
    if one.reply.truncated {
        let what = match observation.outcome {
            Outcome::Timeout => "is silent there".to_string(),
            Outcome::Refused => "refuses the connection: nothing listens on its TCP port".to_string(),
            Outcome::Reset => "resets the connection".to_string(),
            _ => reason(observation).unwrap_or_default(),
        };
        return format!("says that its answer is too long for UDP and is to be had by TCP, but {what}");
    }
    let ignored = one.reply.ignored;
    match observation.outcome {
        Outcome::Timeout if ignored > 0 => {
            let datagrams =
                if ignored == 1 { "1 datagram".to_string() } else { format!("{ignored} datagrams") };
            format!("sends nothing but answers to questions that nobody asked ({datagrams})")
        }
        Outcome::Timeout => "does not answer, although it was asked twice".to_string(),
        Outcome::Refused => format!(
            "refuses by ICMP port unreachable from {}: nothing listens on its UDP port",
            observation.request.address
        ),
        Outcome::Prohibited { .. } if shows(observation) == Shows::LocalPolicy => {
            "cannot be asked: this machine's own firewall rejects the question".to_string()
        }
        _ => format!("cannot be asked: {}", reason(observation).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use peerscope_vocabulary::{
        AddressRecord, DnsQuestion, DnsReply, IcmpMessage, LocalRefusal, Observation, ProbeId, ProbeKind,
        ProbeRequest,
    };

    use super::*;

    fn one(record_type: AddressRecord, outcome: Outcome, said: Option<DnsSaid>) -> DnsObservation {
        let request = ProbeRequest::plain(
            ProbeId(0),
            ProbeKind::Dns,
            IpAddr::from([10, 0, 0, 2]),
            53,
            Duration::from_secs(2),
        );
        let finished_at = Duration::from_millis(12);
        let observation = Observation { finished_at, ..Observation::bare(request, outcome) };
        let question = DnsQuestion { name: "db.internal".to_string(), record_type };
        DnsObservation { question, observation, reply: DnsReply { said, length: 80, ..DnsReply::default() } }
    }

    fn failed(said: DnsSaid) -> DnsObservation {
        one(AddressRecord::A, Outcome::DnsError, Some(said))
    }

    fn gives(record_type: AddressRecord, addresses: &[&str]) -> DnsObservation {
        let addresses: Vec<DnsAddress> = addresses
            .iter()
            .map(|address| DnsAddress { address: address.parse().unwrap(), ttl_seconds: 60 })
            .collect();
        let count = addresses.len() as u32;
        let said = DnsSaid::Addresses { addresses, count, aliases: Vec::new() };
        one(record_type, Outcome::Answered, Some(said))
    }

    fn no_address(record_type: AddressRecord) -> DnsObservation {
        one(record_type, Outcome::DnsError, Some(DnsSaid::NoAddress { aliases: Vec::new() }))
    }

    #[track_caller]
    fn says(group: &[&DnsObservation], expected: &str) {
        assert_eq!(server_sentence(group), format!("name server 10.0.0.2 {expected}, after 12 ms"));
    }

    #[test]
    fn both_families_are_one_sentence() {
        let (ipv4, ipv6) = (gives(AddressRecord::A, &["10.1.2.3"]), no_address(AddressRecord::Aaaa));
        says(&[&ipv4, &ipv6], "gives db.internal the address 10.1.2.3 (private)");
        let public = gives(AddressRecord::Aaaa, &["2600:1f18::1"]);
        says(
            &[&ipv4, &public],
            "gives db.internal the addresses 10.1.2.3 (private) and 2600:1f18::1 (public)",
        );
        says(&[&no_address(AddressRecord::A), &ipv6], "says that db.internal exists and has no address");
        let code = DnsSaid::Code { code: 2 };
        let fails = one(AddressRecord::Aaaa, Outcome::DnsError, Some(code));
        says(
            &[&ipv4, &fails],
            "gives db.internal the address 10.1.2.3 (private), but asked for IPv6 it says that it failed (SERVFAIL)",
        );
        says(
            &[&no_address(AddressRecord::A), &fails],
            "says that db.internal has no IPv4 address, asked for IPv6 addresses says that it failed (SERVFAIL)",
        );
        let five = gives(AddressRecord::A, &["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
        says(
            &[&five],
            "gives db.internal 5 addresses, 10.0.0.1 (private), 10.0.0.2 (private), 10.0.0.3 (private), 10.0.0.4 (private) the first of them",
        );
    }

    #[test]
    fn each_deed_has_its_words() {
        let aliases = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        for (said, expected) in [
            (DnsSaid::NoSuchName, "says that db.internal does not exist (NXDOMAIN)"),
            (
                DnsSaid::NoAddress { aliases: aliases(&["a.example", "b.example"]) },
                "says that db.internal is an alias of a.example, that of b.example, which has no IPv4 address",
            ),
            (
                DnsSaid::AliasLoop { aliases: aliases(&["a.example", "b", "c", "d", "db.internal"]) },
                "says that db.internal is an alias of a.example, that of …, that of db.internal: the aliases go round in a loop",
            ),
            (
                DnsSaid::AliasChain { followed: 16 },
                "sends a chain of more than 16 aliases, which nobody follows",
            ),
            (DnsSaid::Referral, "knows nothing of db.internal and asks nobody for it, but refers to others"),
            (DnsSaid::Code { code: 9 }, "answers with the error code 9"),
            (DnsSaid::Malformed, "sends garbage: 80 bytes that are no DNS answer"),
            (DnsSaid::CutShort, "sends an answer that breaks off after 80 bytes"),
        ] {
            says(&[&failed(said)], expected);
        }
    }

    #[test]
    fn who_does_not_answer_is_told_by_what_came_instead() {
        let icmp = IcmpMessage { icmp_type: 3, code: 13, from: Some(IpAddr::from([10, 9, 0, 1])) };
        let of = |outcome| one(AddressRecord::A, outcome, None);
        says(&[&of(Outcome::Timeout)], "does not answer, although it was asked twice");
        says(
            &[&of(Outcome::Refused)],
            "refuses by ICMP port unreachable from 10.0.0.2: nothing listens on its UDP port",
        );
        says(
            &[&of(Outcome::Prohibited { icmp })],
            "cannot be asked: ICMP type 3 code 13, prohibited, from 10.9.0.1",
        );
        let no_route = Outcome::LocalError { refusal: LocalRefusal::NoRoute, errno: 101 };
        assert_eq!(
            server_sentence(&[&of(no_route)]),
            "name server 10.0.0.2 cannot be asked: this machine has no route (errno 101)"
        );
        let mut by_tcp = of(Outcome::Refused);
        by_tcp.reply.truncated = true;
        by_tcp.reply.transport = DnsTransport::Tcp;
        says(
            &[&by_tcp],
            "says that its answer is too long for UDP and is to be had by TCP, but refuses the connection: nothing listens on its TCP port",
        );
        let mut strangers = of(Outcome::Timeout);
        strangers.reply.ignored = 1;
        says(&[&strangers], "sends nothing but answers to questions that nobody asked (1 datagram)");
    }

    #[test]
    fn the_sentence_of_a_name_is_about_the_name_as_it_was_written() {
        let mut longer = failed(DnsSaid::NoSuchName);
        longer.question.name = "db.internal.example.com".to_string();
        let lookup = Lookup {
            failure: Some("no address came of it".to_string()),
            configuration: Some(
                "/etc/resolv.conf does not exist, so programs here ask 127.0.0.1".to_string(),
            ),
            servers: Vec::from([longer, failed(DnsSaid::Code { code: 5 })]),
        };
        assert_eq!(
            lookup_sentence(&lookup),
            "/etc/resolv.conf does not exist, so programs here ask 127.0.0.1; name server 10.0.0.2 refuses to answer (REFUSED), after 12 ms"
        );
        let unasked = Lookup { servers: Vec::new(), configuration: None, ..lookup };
        assert_eq!(lookup_sentence(&unasked), "no address came of it");
    }
}
