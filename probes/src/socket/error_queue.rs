//! What ICMP said about a socket, and who said it.
//!
//! The error number of a failed connect folds many causes into one: ECONNREFUSED is an RST of the
//! target, but also the port-unreachable of a firewall. The error queue tells them apart, without
//! privileges (`IP_RECVERR`, ip(7); `IPV6_RECVERR`, ipv6(7)).

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, Timestamps, recvmsg};

use super::stamp::{WallTime, software_stamp};

/// `SO_EE_ORIGIN_ICMP6` of linux/errqueue.h, as its IPv4 counterpart in libc.
const ORIGIN_ICMPV6: u8 = 3;

/// Whose numbers the type and code are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IcmpVersion {
    /// RFC 792
    V4,
    /// RFC 4443
    V6,
}

/// An ICMP error that the kernel matched to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueuedIcmp {
    pub(crate) version: IcmpVersion,
    pub(crate) icmp_type: u8,
    pub(crate) code: u8,
    pub(crate) from: Option<IpAddr>,
    /// Of a packet that is too large: what would fit, in bytes (RFC 1191; RFC 4443, section 3.2), where it says so.
    pub(crate) mtu: Option<u32>,
    /// When the kernel took it in, where it says so.
    pub(crate) stamped_at: Option<WallTime>,
}

/// Takes errors off the socket's queue up to the first that ICMP brought; none where there is none.
/// Entries of the kernel's own (`SO_EE_ORIGIN_LOCAL`) are dropped: `SO_ERROR` has their number.
pub(crate) fn take_first_icmp(socket: impl AsFd) -> Option<QueuedIcmp> {
    take_first_icmp_where(socket, |_| true)
}

/// The same of errors whose quoted packet, from its header after IP's on, `is_own`; others are dropped.
pub(crate) fn take_first_icmp_where(socket: impl AsFd, is_own: impl Fn(&[u8]) -> bool) -> Option<QueuedIcmp> {
    let descriptor = socket.as_fd().as_raw_fd();
    // The headers are enough; what does not fit is cut off.
    let mut quoted = [0_u8; 64];
    // Where there is no room for all of it, none of it can be read. nix takes the address for the
    // error's own message, so the room is that of three.
    let mut control = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6, Timestamps);
    loop {
        let mut payload = [IoSliceMut::new(&mut quoted)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        match recvmsg::<SockaddrStorage>(descriptor, &mut payload, Some(&mut control), flags) {
            Ok(message) => {
                let mut found = None;
                let mut stamped_at = None;
                for part in message.cmsgs().into_iter().flatten() {
                    stamped_at = stamped_at.or(software_stamp(&part));
                    found = found.or(icmp_of(part));
                }
                let length = message.bytes;
                if let Some(icmp) = found
                    && is_own(quoted.get(..length).unwrap_or_default())
                {
                    return Some(QueuedIcmp { stamped_at, ..icmp });
                }
            }
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
}

fn icmp_of(message: ControlMessageOwned) -> Option<QueuedIcmp> {
    let (error, from) = match message {
        ControlMessageOwned::Ipv4RecvErr(error, from) => (
            error,
            from.map(|address| IpAddr::V4(Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr)))),
        ),
        ControlMessageOwned::Ipv6RecvErr(error, from) => {
            (error, from.map(|address| IpAddr::V6(Ipv6Addr::from(address.sin6_addr.s6_addr))))
        }
        _ => return None,
    };
    let version = match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP => IcmpVersion::V4,
        ORIGIN_ICMPV6 => IcmpVersion::V6,
        _ => return None,
    };
    let is_too_big =
        matches!((version, error.ee_type, error.ee_code), (IcmpVersion::V4, 3, 4) | (IcmpVersion::V6, 2, _));
    let mtu = (is_too_big && error.ee_info > 0).then_some(error.ee_info);
    Some(QueuedIcmp { version, icmp_type: error.ee_type, code: error.ee_code, from, mtu, stamped_at: None })
}
