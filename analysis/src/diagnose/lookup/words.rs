//! What DNS servers did, in sentences: which server, what, how long it took.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use peerscope_vocabulary::{DnsAddress, DnsObservation, DnsSaid, DnsTransport, Outcome};

use super::{Lookup, UDP_PAYLOAD, groups};
use crate::diagnose::observed::{reason, seconds};
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
    let took = group.iter().map(|one| time(one)).max().unwrap_or_default();
    format!("name server {server} {}, after {}", deeds(group), seconds(took))
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
        _ => format!("cannot be asked: {}", reason(observation).unwrap_or_default()),
    }
}
