//! From a TARGET to the packets that ask it: for commands that probe and read no configuration.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use peerscope_analysis::diagnose::lookup_sentence;
use peerscope_vocabulary::{ProbeId, ProbeKind, ProbeRequest};

use crate::exit::Failure;
use crate::resolve::{Limits, look_up};
use crate::target::{Host, TargetUrl};

/// What one packet is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// What kind of packet asks.
    pub(crate) kind: ProbeKind,
    /// The address.
    pub(crate) address: IpAddr,
    /// The port; 0 for ICMP.
    pub(crate) port: u16,
}

impl Destination {
    /// Where packets for a target go, at one of its addresses.
    pub(crate) fn of(target: &TargetUrl, address: IpAddr) -> Self {
        let kind = match target.scheme.protocol() {
            "udp" => ProbeKind::Udp,
            "icmp" => ProbeKind::IcmpEcho,
            _ => ProbeKind::TcpConnect,
        };
        Self { kind, address: address.to_canonical(), port: target.port.unwrap_or_default() }
    }

    /// A plain question to it.
    pub(crate) fn request(&self, id: ProbeId, timeout: Duration) -> ProbeRequest {
        ProbeRequest::plain(id, self.kind, self.address, self.port, timeout)
    }
}

/// The addresses of a target's host: its own, or those of its name, the first of them where there are very many. A
/// name without an address is told apart from wrong usage: the inner error says why.
///
/// # Errors
/// Where the target is an AWS id, which only a snapshot could resolve, or the resolver cannot be set up.
pub(crate) fn addresses(host: &Host, command: &str) -> Result<Result<Vec<IpAddr>, String>, Failure> {
    match host {
        Host::Address(address) => Ok(Ok(vec![*address])),
        Host::AwsId(id) => Err(Failure::usage(format!(
            "TARGET: {id} needs a snapshot, which {command} does not read; expected an address or a name"
        ))),
        Host::Name(name) => {
            let found = look_up(name, Limits::default(), Instant::now())?;
            if found.more > 0 {
                let (asked, all) = (found.addresses.len(), found.addresses.len() + found.more);
                eprintln!("peerscope: {name} has {all} addresses, of which the first {asked} are asked");
            }
            Ok(match found.lookup.failure {
                Some(_) => Err(lookup_sentence(&found.lookup)),
                None => Ok(found.addresses),
            })
        }
    }
}
