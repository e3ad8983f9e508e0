//! Where this process stands towards a target, and what it may not do there.

use std::net::IpAddr;

use peerscope_analysis::diagnose::SourceSpec;
use peerscope_analysis::flow::{AddressRange, PortRange};
use peerscope_analysis::report::{Gap, GapKind};
use peerscope_analysis::topology::NetworkId;
use peerscope_probes::{EchoSockets, echo_permitted, ephemeral_port_range, source_address};

use crate::dyno::{Dyno, Runtime};
use crate::target::TargetUrl;

/// This machine as the source of a question.
pub(crate) fn this_machine(dyno: Option<&Dyno>, targets: &[IpAddr], source_ports: PortRange) -> SourceSpec {
    SourceSpec {
        input: "this machine".to_string(),
        ranges: own_addresses(dyno, targets).into_iter().map(AddressRange::from).collect(),
        network: dyno.filter(|dyno| dyno.runtime() != Runtime::Common).map(|_| NetworkId::Space),
        source_ports,
    }
}

/// That no echo can be sent here.
pub(crate) fn no_echo(target: &TargetUrl) -> Option<Gap> {
    let error = echo_permitted(EchoSockets::PingElseRaw).err()?;
    Some(Gap {
        kind: GapKind::Permission,
        what: "ICMP echo".to_string(),
        reason: format!("this process may not send it here ({error})"),
        would_tell: match target.port {
            Some(_) => "whether the host lives although its port is silent".to_string(),
            None => "whether the host answers it: nothing was sent".to_string(),
        },
    })
}

/// A one-off dyno is started to ask, and is not the one that somebody asks for.
pub(crate) fn one_off(dyno: &Dyno) -> Option<Gap> {
    let name = dyno.name.as_deref().filter(|_| dyno.is_one_off())?;
    Some(Gap {
        kind: GapKind::Scope,
        what: "the app's own dynos".to_string(),
        reason: format!(
            "{name} is a one-off dyno: it has another address than they, perhaps in another of the space's blocks"
        ),
        would_tell: "whether they fare the same".to_string(),
    })
}

/// This machine's address towards the target: a dyno's own where it can be used, else the kernel's choice.
pub(crate) fn local_address(dyno: Option<&Dyno>, target: IpAddr) -> Option<IpAddr> {
    let private =
        dyno.and_then(|dyno| dyno.private_address).filter(|address| address.is_ipv4() == target.is_ipv4());
    let usable = |address: &IpAddr| std::net::UdpSocket::bind((*address, 0)).is_ok();
    private.filter(usable).or_else(|| source_address(target).ok()).or_else(|| any_address(target.is_ipv4()))
}

/// An address of this machine where no route says which: it is the one that a person knows it by.
fn any_address(ipv4: bool) -> Option<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().ok()?;
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    });
    addresses.into_iter().find(|address| address.is_ipv4() == ipv4 && !address.is_loopback())
}

/// This machine's address towards each target, without repetition: one of each family at most, as a rule.
fn own_addresses(dyno: Option<&Dyno>, targets: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in targets.iter().filter_map(|target| local_address(dyno, *target)) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

pub(crate) fn own_ports() -> PortRange {
    let range = ephemeral_port_range();
    PortRange::new(*range.start(), *range.end()).unwrap_or(PortRange::ALL)
}
