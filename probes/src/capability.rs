//! What this process may do here, found by trying.
//!
//! A container, a dyno and a locked-down host forbid different things, and some kernels (gVisor's is
//! one) take an option, report success and ignore it. So nothing here trusts a return code: each sense
//! is tried over loopback, and counts as available where its effect was seen. No packet leaves the host.

mod dns;
mod trial;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::num::NonZero;
use std::time::Duration;

use nix::errno::Errno;
use peerscope_vocabulary::{LocalRefusal, Outcome, ProbeId, ProbeKind, ProbeRequest};

use self::trial::{Failed, ask, ask_while, received_hop_limit, settle};
use crate::exchange::EchoSockets;
use crate::probe_engine::EngineOptions;
use crate::socket::{DatagramSocket, Ends, Received, Stamping, Transport, WallTime};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How long a try may take. Over loopback everything that works takes microseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// A hop limit that no system has as its default, so that seeing it arrive proves who set it.
const UNUSUAL_HOP_LIMIT: NonZero<u8> = match NonZero::new(43) {
    Some(limit) => limit,
    None => NonZero::<u8>::MIN,
};

/// One thing that this process may or may not be able to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its name; stable, for scripts.
    pub name: &'static str,
    /// Whether its effect was seen.
    pub available: bool,
    /// What was seen, or what stood in the way; one line for people.
    pub detail: String,
}

/// What a try came to: what was seen, or what was missing.
type Tried = Result<String, Failed>;

/// A sense and the function that tries it.
type Sense = (&'static str, fn() -> Tried);

/// Every sense.
const SENSES: &[Sense] = &[
    ("tcp-connect", tcp_connect),
    ("source-port", source_port),
    ("error-queue", error_queue),
    ("ttl", ttl),
    ("tcp-info", tcp_info),
    ("icmp-echo-ping-socket", || icmp_echo(EchoSockets::Ping)),
    ("icmp-echo-raw-socket", || icmp_echo(EchoSockets::Raw)),
    ("udp", udp),
    ("dns", dns::dns),
    ("timestamps", timestamps),
    ("ipv6", ipv6),
];

/// Tries every sense over loopback, one after the other. It takes milliseconds where they work, and up to
/// half a second for each that is silent.
#[must_use]
pub fn capabilities() -> Vec<Capability> {
    SENSES
        .iter()
        .map(|(name, attempt)| {
            let (available, detail) = match attempt() {
                Ok(seen) => (true, seen),
                Err(missing) => (false, missing.to_string()),
            };
            Capability { name, available, detail }
        })
        .collect()
}

fn request(kind: ProbeKind, target: SocketAddr) -> ProbeRequest {
    ProbeRequest::plain(ProbeId(0), kind, target.ip(), target.port(), PATIENCE)
}

fn connected(address: IpAddr) -> Result<Option<Duration>, Failed> {
    let listener = TcpListener::bind((address, 0))?;
    let observation = ask(EngineOptions::default(), request(ProbeKind::TcpConnect, listener.local_addr()?))?;
    match observation.outcome {
        Outcome::Connected => Ok(observation.rtt),
        other => Err(Failed::saw(&other)),
    }
}

fn tcp_connect() -> Tried {
    connected(LOOPBACK).map(|_| "a handshake over loopback completed".to_string())
}

fn ipv6() -> Tried {
    connected(Ipv6Addr::LOCALHOST.into()).map(|_| "a handshake with ::1 completed".to_string())
}

fn tcp_info() -> Tried {
    match connected(LOOPBACK)? {
        Some(rtt) if rtt <= PATIENCE => Ok(format!("the kernel measured a round trip of {rtt:?}")),
        Some(rtt) => Err(Failed::new(format!("the kernel says {rtt:?} for a loopback round trip"))),
        None => Err(Failed::new("the kernel gives no round-trip time")),
    }
}

fn source_port() -> Tried {
    let listener = TcpListener::bind((LOOPBACK, 0))?;
    listener.set_nonblocking(true)?;
    let wanted = TcpListener::bind((LOOPBACK, 0))?.local_addr()?.port();
    let asked =
        ProbeRequest { source_port: Some(wanted), ..request(ProbeKind::TcpConnect, listener.local_addr()?) };
    let observation = ask(EngineOptions::default(), asked)?;
    if observation.outcome != Outcome::Connected {
        return Err(Failed::saw(&observation.outcome));
    }
    let (_, from) = listener.accept()?;
    if from.port() == wanted {
        Ok(format!("a connection arrived from the port chosen, {wanted}"))
    } else {
        Err(Failed::new(format!("port {wanted} was chosen, {} arrived", from.port())))
    }
}

fn udp() -> Tried {
    let server = UdpSocket::bind((LOOPBACK, 0))?;
    server.set_nonblocking(true)?;
    let asked = request(ProbeKind::Udp, server.local_addr()?);
    let observation = ask_while(EngineOptions::default(), asked, || {
        if let Ok((_, from)) = server.recv_from(&mut [0; 1]) {
            // Where it cannot answer, the probe's silence tells.
            let _ = server.send_to(&[0], from);
        }
    })?;
    match observation.outcome {
        Outcome::Answered => Ok("a datagram over loopback was answered".to_string()),
        other => Err(Failed::saw(&other)),
    }
}

/// A datagram to a closed port: its ICMP error has to be in the queue, not only in the error number.
fn error_queue() -> Tried {
    let closed = UdpSocket::bind((LOOPBACK, 0))?.local_addr()?;
    let socket = datagram(closed, None)?;
    socket.send(&[])?;
    for _ in 0..settle::ROUNDS {
        if let Some(icmp) = socket.take_icmp() {
            let from = icmp.from.map(|from| format!(" from {from}")).unwrap_or_default();
            return Ok(format!("read ICMP type {} code {}{from}", icmp.icmp_type, icmp.code));
        }
        settle::pause();
    }
    Err(Failed::new(match socket.take_error() {
        Some(errno) => format!("IP_RECVERR gives no message, only the number of {}", errno.desc()),
        None => "IP_RECVERR gives nothing".to_string(),
    }))
}

/// Loopback has no routers, so what can be seen is that packets carry the limit that was set.
fn ttl() -> Tried {
    let server = UdpSocket::bind((LOOPBACK, 0))?;
    let socket = datagram(server.local_addr()?, Some(UNUSUAL_HOP_LIMIT))?;
    let arrived = received_hop_limit(&server, || socket.send(&[]))?;
    match arrived {
        Some(limit) if limit == i32::from(UNUSUAL_HOP_LIMIT.get()) => {
            Ok(format!("a packet arrived with the hop limit set, {limit}"))
        }
        Some(limit) => Err(Failed::new(format!("set to {UNUSUAL_HOP_LIMIT}, a packet arrived with {limit}"))),
        None => Err(Failed::new("whether a hop limit takes effect cannot be seen here")),
    }
}

fn timestamps() -> Tried {
    let server = UdpSocket::bind((LOOPBACK, 0))?;
    let target = server.local_addr()?;
    let stamping = Stamping::begin();
    let socket = datagram(target, None)?;
    let mut sent_from = None;
    for _ in 0..settle::ROUNDS {
        // The kernel begins to stamp a moment after it was asked to.
        let before = WallTime::now();
        let from = match sent_from {
            Some(from) => from,
            None => *sent_from.insert(socket.local().ok_or_else(|| Failed::new("no source address"))?),
        };
        server.send_to(&[0], from)?;
        settle::pause();
        if let Received::Packet(packet) = socket.receive(&mut [0; 1])
            && let Some(elapsed) = packet.stamped_at.and_then(|stamp| before.until(stamp, PATIENCE))
        {
            drop(stamping);
            return Ok(format!("a datagram was stamped {elapsed:?} after it was sent"));
        }
    }
    Err(Failed::new("SO_TIMESTAMPING gives no receive times"))
}

fn datagram(target: SocketAddr, hop_limit: Option<NonZero<u8>>) -> Result<DatagramSocket, Failed> {
    let ends = Ends::of(&ProbeRequest { hop_limit, ..request(ProbeKind::Udp, target) })?;
    Ok(DatagramSocket::prepare(Transport::Udp, ends)?)
}

fn icmp_echo(sockets: EchoSockets) -> Tried {
    let options = EngineOptions { echo_sockets: sockets, ..EngineOptions::default() };
    let asked = request(ProbeKind::IcmpEcho, SocketAddr::new(LOOPBACK, 0));
    match ask(options, asked)?.outcome {
        Outcome::Echo => Ok("an echo request over loopback was answered".to_string()),
        Outcome::LocalError { refusal: LocalRefusal::NotPermitted, errno } => {
            let errno = Errno::from_raw(errno).desc();
            Err(Failed::new(match sockets {
                EchoSockets::Raw => format!("not permitted here ({errno}): it takes CAP_NET_RAW"),
                _ => {
                    format!("not permitted here ({errno}): the group is outside of net.ipv4.ping_group_range")
                }
            }))
        }
        other => Err(Failed::saw(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_linux_gives_is_found() {
        let found = capabilities();
        for name in [
            "tcp-connect",
            "source-port",
            "error-queue",
            "ttl",
            "tcp-info",
            "udp",
            "dns",
            "timestamps",
            "ipv6",
        ] {
            let capability = found.iter().find(|capability| capability.name == name).unwrap();
            assert!(capability.available, "{capability:?}");
        }
    }

    #[test]
    fn every_sense_has_one_line_and_a_name_of_its_own() {
        let found = capabilities();
        let names: std::collections::HashSet<_> = found.iter().map(|capability| capability.name).collect();
        assert_eq!(names.len(), found.len());
        for capability in found {
            assert!(!capability.detail.is_empty() && !capability.detail.contains('\n'), "{capability:?}");
        }
    }
}
