//! What this machine would do towards a target, found without sending a packet.
//!
//! Before anything is probed, the analyst needs the source address and the source ports that a
//! connection would have, since rules and routes match on them; and a refusal by this host's own
//! routes is an answer that no packet could improve.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::error::{ProbeError, SystemCall};
use crate::exchange::EchoSockets;

/// Linux's default of `ip_local_port_range` (ip(7)).
pub const DEFAULT_EPHEMERAL_PORTS: RangeInclusive<u16> = 32768..=60999;

/// Any port serves: connecting a datagram socket sends nothing. RFC 863's is the least surprising in a trace.
const DISCARD_PORT: u16 = 9;

/// The address that this machine would use as source towards `target`: what its routes give a
/// datagram socket that is connected there (udp(7)). No packet is sent.
///
/// # Errors
/// Where this host's own routes or policy refuse; [`ProbeError::refusal`] says which of them. A
/// broadcast address is refused as policy.
pub fn source_address(target: IpAddr) -> Result<IpAddr, ProbeError> {
    let target = SocketAddr::new(target.to_canonical(), DISCARD_PORT);
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, Some(Protocol::UDP))
        .map_err(|error| ProbeError::from_io(SystemCall::Socket, &error))?;
    socket
        .connect(&SockAddr::from(target))
        .map_err(|error| ProbeError::from_io(SystemCall::Connect, &error))?;
    let local = socket.local_addr().map_err(|error| ProbeError::from_io(SystemCall::LocalAddress, &error))?;
    local
        .as_socket()
        .map(|local| local.ip())
        .ok_or(ProbeError::new(SystemCall::LocalAddress, nix::errno::Errno::EAFNOSUPPORT))
}

/// Whether this process may open the sockets that echo requests of IPv4 are sent by. No packet is sent:
/// whether a reply comes is for [`capabilities`](crate::capabilities) to see.
///
/// # Errors
/// Where it may not, with the system's reason.
pub fn echo_permitted(sockets: EchoSockets) -> Result<(), ProbeError> {
    let open = |kind| {
        Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4))
            .map(drop)
            .map_err(|error| ProbeError::from_io(SystemCall::Socket, &error))
    };
    match sockets {
        EchoSockets::Ping => open(Type::DGRAM),
        EchoSockets::Raw => open(Type::RAW),
        EchoSockets::PingElseRaw => open(Type::DGRAM).or_else(|error| open(Type::RAW).map_err(|_| error)),
    }
}

/// The source ports that this machine gives to connections which name none, for IPv4 and IPv6 alike:
/// `net.ipv4.ip_local_port_range` of the network namespace of the calling thread, else
/// [`DEFAULT_EPHEMERAL_PORTS`] where that cannot be read or makes no sense.
#[must_use]
pub fn ephemeral_port_range() -> RangeInclusive<u16> {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|text| parse_port_range(&text))
        .unwrap_or(DEFAULT_EPHEMERAL_PORTS)
}

fn parse_port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut words = text.split_ascii_whitespace();
    let low: u16 = words.next()?.parse().ok()?;
    let high: u16 = words.next()?.parse().ok()?;
    (0 < low && low <= high && words.next().is_none()).then_some(low..=high)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn the_source_towards_loopback_is_loopback() {
        assert_eq!(source_address(Ipv4Addr::LOCALHOST.into()), Ok(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(source_address(Ipv6Addr::LOCALHOST.into()), Ok(Ipv6Addr::LOCALHOST.into()));
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_eq!(source_address(mapped.into()), Ok(Ipv4Addr::LOCALHOST.into()));
    }

    #[test]
    fn port_ranges_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_port_range("32768\t60999\n"), Some(32768..=60999));
        assert_eq!(parse_port_range("1024 1024"), Some(1024..=1024));
        for nonsense in ["", "1", "2 1", "0 5", "1 65536", "1 2 3", "a b"] {
            assert_eq!(parse_port_range(nonsense), None, "{nonsense:?}");
        }
        assert!(!ephemeral_port_range().is_empty());
    }
}
