//! Socket options that the safe wrappers do not offer.
//!
//! `TCP_INFO` is the kernel's own account of a connection, which wall time under load cannot replace.
//! Kernels differ in how much of it they fill in (gVisor gives less), and `nix` insists on an exact
//! length; so it is read here, by the length that came back.
#![allow(unsafe_code)]

use std::mem::{MaybeUninit, offset_of, size_of};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;

use crate::error::{ProbeError, SystemCall};

/// What `TCP_INFO` told (tcp(7), linux/tcp.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measurement {
    /// `tcpi_rtt`, in whole microseconds; none before the handshake, or where the kernel has no sample.
    pub(crate) rtt: Option<Duration>,
    /// `tcpi_total_retrans`; zero where the kernel does not tell.
    pub(crate) retransmissions: u32,
}

/// Reads `TCP_INFO`. A kernel that has none, or a shorter one, gives a measurement with less in it:
/// what a probe's outcome was does not depend on it.
pub(crate) fn measure(socket: impl AsFd) -> Measurement {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` is borrowed; the pointer and `length` denote
    // one whole `tcp_info`, of which the kernel writes at most `length` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if result != 0 {
        return Measurement::default();
    }
    // SAFETY: `tcp_info` is integers only, zeroed before the call; every bit pattern is a value of it.
    let info = unsafe { info.assume_init() };
    let filled = length as usize;
    let has = |offset: usize| filled >= offset + size_of::<u32>();
    let microseconds = if has(offset_of!(libc::tcp_info, tcpi_rtt)) { u64::from(info.tcpi_rtt) } else { 0 };
    let retransmissions =
        if has(offset_of!(libc::tcp_info, tcpi_total_retrans)) { info.tcpi_total_retrans } else { 0 };
    Measurement { rtt: (microseconds > 0).then(|| Duration::from_micros(microseconds)), retransmissions }
}

/// How many bytes that were written the other side has not acknowledged (SIOCOUTQ, tcp(7)); none where the
/// kernel does not tell.
pub(crate) fn unacknowledged(socket: impl AsFd) -> Option<u32> {
    let mut count: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `socket` is borrowed; the kernel writes one integer to
    // `count`, which lives until the call returns. SIOCOUTQ has TIOCOUTQ's number.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
    if result == 0 { u32::try_from(count).ok() } else { None }
}

/// Sets after how many retransmissions of its SYN the kernel gives up (`TCP_SYNCNT`), 1 to 127.
pub(crate) fn set_syn_retries(socket: impl AsFd, retries: u8) -> Result<(), ProbeError> {
    set_integer(socket, libc::IPPROTO_TCP, libc::TCP_SYNCNT, retries.clamp(1, 127).into())
}

/// Leaves the choice of the port to `connect` where only an address is bound
/// (`IP_BIND_ADDRESS_NO_PORT`, ip(7)), which then may reuse a port that goes elsewhere.
pub(crate) fn set_bind_address_without_port(socket: impl AsFd) -> Result<(), ProbeError> {
    set_integer(socket, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

fn set_integer(
    socket: impl AsFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> Result<(), ProbeError> {
    // SAFETY: the descriptor is open as long as `socket` is borrowed; the kernel reads exactly the
    // length given, that of `value`, which lives until the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(ProbeError::new(SystemCall::SetOption, Errno::last())) }
}
