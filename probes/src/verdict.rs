//! What an error that a probe met means.
//!
//! The table of causes rests on these distinctions, so they are made in one place, without a socket,
//! and follow what was measured on Linux 6.18 in network namespaces.

use std::net::IpAddr;

use nix::errno::Errno;
use peerscope_vocabulary::{IcmpMessage, Outcome, UnreachableScope};

use crate::error::{ProbeError, SystemCall};
use crate::socket::{IcmpVersion, QueuedIcmp};

/// What an ICMP error says about the connect, or the echo request, that provoked it.
///
/// Port unreachable counts as prohibited: neither answers so, only a filter's REJECT does. Where this host
/// rejects its own packet, or its neighbour does not answer ARP, the sender is this host's own
/// address; what that means is the analyst's to say.
pub(crate) fn of_icmp(queued: QueuedIcmp) -> Outcome {
    let icmp = IcmpMessage { icmp_type: queued.icmp_type, code: queued.code, from: queued.from };
    let unreachable = |scope| Outcome::Unreachable { scope, icmp };
    match (queued.version, queued.icmp_type, queued.code) {
        (IcmpVersion::V4, 3, 0) => unreachable(UnreachableScope::Network),
        (IcmpVersion::V4, 3, 1) => unreachable(UnreachableScope::Host),
        (IcmpVersion::V4, 3, 2) => unreachable(UnreachableScope::Protocol),
        (IcmpVersion::V4, 3, 4) => unreachable(UnreachableScope::TooBig),
        (IcmpVersion::V4, 3, 3 | 9 | 10 | 13) => Outcome::Prohibited { icmp },
        (IcmpVersion::V4, 11, _) => Outcome::TimeExceeded { icmp },
        (IcmpVersion::V6, 1, 0) => unreachable(UnreachableScope::Network),
        (IcmpVersion::V6, 1, 3) => unreachable(UnreachableScope::Host),
        // 5 and 6, a failed policy and a reject route, are subsets of 1 (RFC 4443, section 3.1).
        (IcmpVersion::V6, 1, 1 | 4 | 5 | 6) => Outcome::Prohibited { icmp },
        (IcmpVersion::V6, 2, _) => unreachable(UnreachableScope::TooBig),
        (IcmpVersion::V6, 3, _) => Outcome::TimeExceeded { icmp },
        (IcmpVersion::V4 | IcmpVersion::V6, _, _) => unreachable(UnreachableScope::Other),
    }
}

/// What an ICMP error says about the datagram that provoked it. A port-unreachable of the target
/// itself is UDP's way to refuse (RFC 1122, section 4.1.3.1); from anywhere else it is a filter's.
pub(crate) fn of_datagram_icmp(queued: QueuedIcmp, target: IpAddr) -> Outcome {
    let icmp = IcmpMessage { icmp_type: queued.icmp_type, code: queued.code, from: queued.from };
    if icmp.is_port_unreachable(queued.version == IcmpVersion::V4) && queued.from == Some(target) {
        return Outcome::Refused;
    }
    of_icmp(queued)
}

/// What an error means that came after the packet had left, with an empty error queue.
///
/// Linux puts every ICMP error into the queue. Where there is none (gVisor accepts `IP_RECVERR` and
/// does nothing), an unreachable still came from the network, so it is given as the plainest message
/// with that error number, from nobody known.
pub(crate) fn of_late_error(errno: Errno, is_ipv4: bool) -> Outcome {
    let message = |v4, v6| {
        let (version, icmp_type, code) =
            if is_ipv4 { (IcmpVersion::V4, 3, v4) } else { (IcmpVersion::V6, 1, v6) };
        of_icmp(QueuedIcmp { version, icmp_type, code, from: None, mtu: None, stamped_at: None })
    };
    match errno {
        Errno::ECONNREFUSED => Outcome::Refused,
        Errno::ETIMEDOUT => Outcome::Timeout,
        Errno::ENETUNREACH => message(0, 0),
        Errno::EHOSTUNREACH => message(1, 3),
        Errno::EACCES => message(13, 1),
        other => ProbeError::new(SystemCall::Connect, other).outcome(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2));

    fn word(version: IcmpVersion, icmp_type: u8, code: u8) -> (&'static str, Option<UnreachableScope>) {
        let outcome =
            of_icmp(QueuedIcmp { version, icmp_type, code, from: Some(ROUTER), mtu: None, stamped_at: None });
        assert_eq!(outcome.icmp(), Some(IcmpMessage { icmp_type, code, from: Some(ROUTER) }));
        match outcome {
            Outcome::Unreachable { scope, .. } => ("unreachable", Some(scope)),
            Outcome::TimeExceeded { .. } => ("time exceeded", None),
            _ => (outcome.word(), None),
        }
    }

    #[test]
    fn each_code_of_ipv4_has_its_meaning() {
        let of = |icmp_type, code| word(IcmpVersion::V4, icmp_type, code);
        for code in [3, 9, 10, 13] {
            assert_eq!(of(3, code), ("prohibited", None));
        }
        assert_eq!(of(3, 0), ("unreachable", Some(UnreachableScope::Network)));
        assert_eq!(of(3, 1), ("unreachable", Some(UnreachableScope::Host)));
        assert_eq!(of(3, 2), ("unreachable", Some(UnreachableScope::Protocol)));
        assert_eq!(of(3, 4), ("unreachable", Some(UnreachableScope::TooBig)));
        assert_eq!(of(3, 5), ("unreachable", Some(UnreachableScope::Other)));
        assert_eq!(of(12, 0), ("unreachable", Some(UnreachableScope::Other)));
        assert_eq!(of(11, 0), ("time exceeded", None));
    }

    #[test]
    fn each_code_of_ipv6_has_its_meaning() {
        let of = |icmp_type, code| word(IcmpVersion::V6, icmp_type, code);
        for code in [1, 4, 5, 6] {
            assert_eq!(of(1, code), ("prohibited", None));
        }
        assert_eq!(of(1, 0), ("unreachable", Some(UnreachableScope::Network)));
        assert_eq!(of(1, 2), ("unreachable", Some(UnreachableScope::Other)));
        assert_eq!(of(1, 3), ("unreachable", Some(UnreachableScope::Host)));
        assert_eq!(of(2, 0), ("unreachable", Some(UnreachableScope::TooBig)));
        assert_eq!(of(3, 0), ("time exceeded", None));
        assert_eq!(of(4, 1), ("unreachable", Some(UnreachableScope::Other)));
    }

    #[test]
    fn a_datagram_is_refused_by_its_target_alone() {
        let target = IpAddr::V4(Ipv4Addr::new(10, 2, 0, 2));
        let of = |code, from| {
            let version = IcmpVersion::V4;
            let queued = QueuedIcmp { version, icmp_type: 3, code, from, mtu: None, stamped_at: None };
            of_datagram_icmp(queued, target).word()
        };
        assert_eq!(of(3, Some(target)), "refused");
        assert_eq!(of(3, Some(ROUTER)), "prohibited");
        assert_eq!(of(3, None), "prohibited");
        assert_eq!(of(13, Some(target)), "prohibited");
        assert_eq!(of(1, Some(target)), "unreachable");
    }

    #[test]
    fn without_a_queue_the_number_has_to_do() {
        assert_eq!(of_late_error(Errno::ECONNREFUSED, true), Outcome::Refused);
        assert_eq!(of_late_error(Errno::ETIMEDOUT, false), Outcome::Timeout);
        let icmp = IcmpMessage { icmp_type: 1, code: 3, from: None };
        let scope = UnreachableScope::Host;
        assert_eq!(of_late_error(Errno::EHOSTUNREACH, false), Outcome::Unreachable { scope, icmp });
        assert!(matches!(of_late_error(Errno::ENETDOWN, true), Outcome::LocalError { .. }));
    }
}
