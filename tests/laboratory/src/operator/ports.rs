//! Protocols and ports of rules, as the CLI and EC2 take them.

use std::ops::RangeInclusive;

use peerscope_document::aws::IpProtocol;

use super::error::Refusal;

/// A protocol by one of `names`, by its number, or -1 for all.
pub(super) fn protocol(word: &str, names: &[&str]) -> Result<IpProtocol, Refusal> {
    let named = match word {
        "-1" => return Ok(IpProtocol::All),
        "all" => IpProtocol::All,
        "tcp" => IpProtocol::TCP,
        "udp" => IpProtocol::UDP,
        "icmp" => IpProtocol::ICMP,
        "icmpv6" => IpProtocol::ICMPV6,
        number => {
            let number = number.parse().map_err(|_| unknown(word))?;
            return Ok(IpProtocol::Number(number));
        }
    };
    if names.contains(&word) { Ok(named) } else { Err(unknown(word)) }
}

fn unknown(word: &str) -> Refusal {
    Refusal::invalid(format!("Invalid value '{word}' for IP protocol. Unknown protocol."))
}

/// A range of ports of TCP or UDP.
pub(super) fn port_range(from: Option<i32>, to: Option<i32>) -> Result<(i32, i32), Refusal> {
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Refusal::invalid("Must specify both from and to ports with TCP/UDP."));
    };
    let ports: RangeInclusive<i32> = 0..=65535;
    if ports.contains(&from) && ports.contains(&to) && from <= to {
        return Ok((from, to));
    }
    Err(Refusal::invalid(format!("Invalid TCP/UDP port range ({from}:{to})")))
}

/// A type of ICMP and its code, -1 for any.
pub(super) fn type_and_code(kind: Option<i32>, code: Option<i32>) -> Result<(i32, i32), Refusal> {
    let (Some(kind), Some(code)) = (kind, code) else {
        return Err(Refusal::invalid("Must specify both type and code with ICMP."));
    };
    let known: RangeInclusive<i32> = -1..=255;
    if known.contains(&kind) && known.contains(&code) && (kind != -1 || code == -1) {
        return Ok((kind, code));
    }
    Err(Refusal::invalid(format!("ICMP type {kind} with code {code} is invalid")))
}
