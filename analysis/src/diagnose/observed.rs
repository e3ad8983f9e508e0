//! What an observation says of its flow.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use peerscope_vocabulary::{IcmpMessage, LocalRefusal, Observation, Outcome, ProbeKind, UnreachableScope};

use crate::flow::{Family, Flow, PortRange};

/// What a probe shows, as far as the diagnosis tells it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// The handshake completed: both directions are open and something listens.
    Connected,
    /// The target's own kernel answered: both directions are open, nothing listens.
    Refused,
    /// Nothing came back.
    Silence,
    /// Somebody on the way, or the host, forbade it by ICMP.
    Prohibited,
    /// Somebody on the way could not deliver it.
    Unreachable,
    /// This machine's own firewall or routes forbade it.
    LocalPolicy,
    /// This machine has no route.
    LocalNoRoute,
    /// The probe could not be made; it says nothing of the path.
    Nothing,
}

/// Reads an observation.
pub(super) fn shows(observation: &Observation) -> Shows {
    match observation.outcome {
        Outcome::Connected
        | Outcome::ApplicationError
        | Outcome::Reset
        | Outcome::Echo
        | Outcome::Answered => Shows::Connected,
        Outcome::Refused => Shows::Refused,
        Outcome::Timeout => Shows::Silence,
        // The kernel gives its own address as sender where its own firewall rejected.
        Outcome::Prohibited { icmp } if is_own(observation, icmp) => Shows::LocalPolicy,
        Outcome::Prohibited { .. } => Shows::Prohibited,
        // Dead ARP on the own link: the next hop is not there.
        Outcome::Unreachable { icmp, .. } if is_own(observation, icmp) => Shows::LocalNoRoute,
        Outcome::Unreachable { .. } | Outcome::TimeExceeded { .. } => Shows::Unreachable,
        Outcome::LocalError { refusal: LocalRefusal::NoRoute, .. } => Shows::LocalNoRoute,
        Outcome::LocalError { refusal: LocalRefusal::Policy, .. } => Shows::LocalPolicy,
        _ => Shows::Nothing,
    }
}

fn is_own(observation: &Observation, icmp: IcmpMessage) -> bool {
    let own = observation.local.map(|local| local.ip()).or(observation.request.source);
    icmp.from.is_some() && icmp.from == own
}

/// Whether the observation proves that packets pass both ways: the target itself answered.
pub(super) fn passes(observation: &Observation) -> bool {
    match shows(observation) {
        Shows::Connected | Shows::Refused => true,
        Shows::Prohibited => {
            observation.outcome.icmp().and_then(|icmp| icmp.from) == Some(observation.request.address)
        }
        _ => false,
    }
}

/// The source ports of the probes that show something, ascending.
pub(super) fn source_ports(observations: &[&Observation], wanted: Shows) -> Vec<u16> {
    let showing = observations.iter().filter(|one| shows(one) == wanted);
    let mut ports: Vec<u16> = showing.filter_map(|one| one.request.source_port).collect();
    ports.sort_unstable();
    ports
}

/// The flow that the probe was.
pub(super) fn flow(observation: &Observation, protocol: u8) -> Flow {
    let request = &observation.request;
    let port = match (request.kind, request.address) {
        (ProbeKind::IcmpEcho, address) => PortRange::echo_request(Family::of(address)).first(),
        _ => request.port,
    };
    let unspecified = match request.address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Flow {
        source: observation.local.map(|local| local.ip()).or(request.source).unwrap_or(unspecified),
        destination: request.address,
        protocol,
        source_port: observation.local.map(|local| local.port()).or(request.source_port).unwrap_or_default(),
        port,
    }
}

/// The outcome in words; `None` where its own word says it all.
pub(super) fn reason(observation: &Observation) -> Option<String> {
    let from = |icmp: IcmpMessage| icmp.from.map(|from| format!(" from {from}")).unwrap_or_default();
    match observation.outcome {
        Outcome::Connected => None,
        Outcome::Refused if observation.request.kind == ProbeKind::Udp => {
            Some("the target answered with ICMP port unreachable".to_string())
        }
        Outcome::Refused => Some("the target answered with a TCP reset".to_string()),
        Outcome::Reset => Some("connected, then reset by the other side".to_string()),
        Outcome::Timeout => {
            let waited = seconds(observation.finished_at.saturating_sub(observation.sent_at));
            Some(match observation.request.kind {
                ProbeKind::TcpConnect | ProbeKind::Handshake => {
                    format!("no answer in {waited}, {} SYN sent", observation.retransmissions + 1)
                }
                _ => format!("no answer in {waited}"),
            })
        }
        Outcome::Prohibited { icmp } => {
            Some(format!("ICMP type {} code {}, prohibited,{}", icmp.icmp_type, icmp.code, from(icmp)))
        }
        Outcome::Unreachable { scope, icmp } => {
            let what = match scope {
                UnreachableScope::Network => "no route to the network",
                UnreachableScope::Host => "the host does not answer on its link",
                UnreachableScope::Protocol => "the host does not speak the protocol",
                UnreachableScope::TooBig => "the packet is too large for the next link",
                UnreachableScope::Other => "cannot be delivered",
            };
            let fits = observation.largest_packet.filter(|_| scope == UnreachableScope::TooBig);
            let fits = fits.map(|fits| format!("; it takes {fits} bytes")).unwrap_or_default();
            Some(format!("ICMP type {} code {}, {what},{}{fits}", icmp.icmp_type, icmp.code, from(icmp)))
        }
        Outcome::TimeExceeded { icmp } => Some(format!("ICMP time exceeded{}", from(icmp))),
        Outcome::LocalError { refusal, errno } => {
            let why = match refusal {
                LocalRefusal::NoRoute => "this machine has no route",
                LocalRefusal::Policy => "this machine's policy forbids it",
                LocalRefusal::AddressUnavailable => "the source address or port is not to be had",
                LocalRefusal::Resources => "this machine ran out of sockets or memory",
                LocalRefusal::TooLarge => "the packet is larger than this machine's link takes",
                LocalRefusal::Unsupported => "this system cannot do it",
                LocalRefusal::NotPermitted => "this process may not send such packets",
                LocalRefusal::Other => "this system refused",
            };
            Some(format!("{why} (errno {errno})"))
        }
        _ => None,
    }
}

/// A duration as a person says it: `3.1 s`, `12 ms`, `0.4 ms`.
pub(super) fn seconds(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    if milliseconds >= 1000.0 {
        format!("{:.1} s", milliseconds / 1000.0)
    } else if milliseconds >= 10.0 {
        format!("{milliseconds:.0} ms")
    } else if milliseconds >= 0.1 {
        format!("{milliseconds:.1} ms")
    } else {
        format!("{:.0} µs", milliseconds * 1000.0)
    }
}

/// A length of time, long ones as roughly as a person says them: `200 ms`, `10.0 s`, `5 min`, `3 h`, `2 days`.
pub(super) fn length(duration: Duration) -> String {
    match duration.as_secs() {
        0..120 => seconds(duration),
        long @ 120..7_200 => format!("{} min", long / 60),
        long @ 7_200..172_800 => format!("{} h", long / 3_600),
        long => format!("{} days", long / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_as_rough_as_it_is_long() {
        let of = |milliseconds| length(Duration::from_millis(milliseconds));
        let lengths = [200, 10_000, 119_999, 120_000, 7_199_999, 7_200_000, 172_800_000].map(of);
        assert_eq!(lengths, ["200 ms", "10.0 s", "120.0 s", "2 min", "119 min", "2 h", "2 days"]);
    }
}
