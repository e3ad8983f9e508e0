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

/// `TCPI_OPT_TIMESTAMPS` of linux/tcp.h: each segment carries the option of RFC 7323.
const TIMESTAMPS: u8 = 1;
/// `TCP_ESTABLISHED` of linux/tcp_states.h.
const ESTABLISHED: u8 = 1;
/// `TCP_TIME_WAIT`, `TCP_CLOSE`, `TCP_CLOSE_WAIT`, `TCP_LAST_ACK` and `TCP_CLOSING` of linux/tcp_states.h.
const FINISHED: [u8; 5] = [6, 7, 8, 9, 11];
/// How many bytes that option takes from a segment, padding included.
pub(super) const TIMESTAMP_OPTION: u32 = 12;
/// What the kernel takes for a segment of the other side's before it has seen a larger one (`TCP_MSS_DEFAULT` of
/// linux/tcp.h; RFC 9293, section 3.7.1).
const ASSUMED_SEGMENT: u32 = 536;

/// What `TCP_INFO` told (tcp(7), linux/tcp.h).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measurement {
    /// `tcpi_rtt`, in whole microseconds; none before the handshake, or where the kernel has no sample.
    pub(crate) rtt: Option<Duration>,
    /// `tcpi_total_retrans`; zero where the kernel does not tell.
    pub(crate) retransmissions: u32,
    /// The largest segment, with its options, that this side sends (`tcpi_snd_mss`); none where the kernel does
    /// not tell.
    pub(crate) largest_segment: Option<u32>,
    /// The largest segment, with its options, that came (`tcpi_rcv_mss`); none where the kernel saw none that is
    /// larger than it assumes.
    pub(crate) largest_received: Option<u32>,
    /// What the kernel takes for the largest packet of the path, by its link and by ICMP (`tcpi_pmtu`); none where it
    /// does not tell.
    pub(crate) path_mtu: Option<u32>,
    /// `tcpi_rcv_ooopack` (Linux 5.4); zero where the kernel does not tell.
    pub(crate) out_of_order: u32,
    /// `tcpi_segs_in`: segments that came, of whatever kind; zero where the kernel does not tell.
    pub(crate) segments_in: u32,
    /// `tcpi_data_segs_in`: those that carried data.
    pub(crate) data_segments_in: u32,
    /// `tcpi_bytes_acked`: how much the other side has acknowledged, the SYN counted as one; none where the kernel
    /// does not tell.
    pub(crate) acknowledged_bytes: Option<u64>,
    /// `tcpi_unacked`: segments that were sent and are not acknowledged, SYN and FIN included.
    pub(crate) unacknowledged_segments: u32,
    /// Whether the handshake is over and neither side has finished (`tcpi_state`).
    pub(crate) is_established: bool,
    /// Whether its FIN came (`tcpi_state`).
    pub(crate) other_side_has_finished: bool,
    /// `tcpi_dsack_dups`: segments that the other side says it had got twice (RFC 2883).
    pub(crate) arrived_twice: u32,
}

/// `struct tcp_info` of linux/tcp.h as far as it is read here, which is further than libc's goes. Kernels fill in less,
/// or have more: it only ever grows at its end.
#[derive(Clone, Copy)]
#[repr(C)]
struct TcpInfo {
    state: u8,
    /// Congestion state, retransmits, probes, backoff.
    states: [u8; 4],
    options: u8,
    /// Window scales, and flags of the congestion control.
    scales: [u8; 2],
    /// RTO and ATO.
    timeouts: [u32; 2],
    snd_mss: u32,
    rcv_mss: u32,
    unacked: u32,
    /// Selectively acknowledged, lost, resent and forward acknowledged segments.
    segments: [u32; 4],
    /// When data and acknowledgements were last sent and received.
    last: [u32; 4],
    pmtu: u32,
    rcv_ssthresh: u32,
    rtt: u32,
    /// From the round trip's variance to the receive space.
    windows: [u32; 7],
    total_retrans: u32,
    /// Rates.
    pacing: [u64; 2],
    bytes_acked: u64,
    bytes_received: u64,
    segs_out: u32,
    segs_in: u32,
    /// Bytes not sent, and the least round trip.
    least: [u32; 2],
    data_segs_in: u32,
    data_segs_out: u32,
    /// The delivery rate, and the times busy and limited.
    rates: [u64; 4],
    /// Segments delivered, and those marked.
    delivered: [u32; 2],
    /// Bytes sent and sent again.
    sent: [u64; 2],
    dsack_dups: u32,
    reord_seen: u32,
    rcv_ooopack: u32,
    snd_wnd: u32,
}

/// Reads `TCP_INFO`. A kernel that has none, or a shorter one, gives a measurement with less in it:
/// what a probe's outcome was does not depend on it.
pub(crate) fn measure(socket: impl AsFd) -> Measurement {
    let mut info = MaybeUninit::<TcpInfo>::zeroed();
    let mut length = size_of::<TcpInfo>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` is borrowed; the pointer and `length` denote
    // one whole `TcpInfo`, of which the kernel writes at most `length` bytes.
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
    // SAFETY: `TcpInfo` is integers only, zeroed before the call; every bit pattern is a value of it.
    let info = unsafe { info.assume_init() };
    let filled = length as usize;
    // What was not filled in is zero.
    let told = |value: u32, offset: usize| if filled >= offset + size_of::<u32>() { value } else { 0 };
    let known = |value: u32| (value > 0).then_some(value);
    let options = if info.options & TIMESTAMPS == 0 { 0 } else { TIMESTAMP_OPTION };
    let tells_bytes = filled >= offset_of!(TcpInfo, bytes_acked) + size_of::<u64>();
    let received = told(info.rcv_mss, offset_of!(TcpInfo, rcv_mss));
    Measurement {
        rtt: known(told(info.rtt, offset_of!(TcpInfo, rtt))).map(|rtt| Duration::from_micros(rtt.into())),
        retransmissions: told(info.total_retrans, offset_of!(TcpInfo, total_retrans)),
        largest_segment: known(told(info.snd_mss, offset_of!(TcpInfo, snd_mss))).map(|own| own + options),
        largest_received: (received > ASSUMED_SEGMENT).then_some(received + options),
        path_mtu: known(told(info.pmtu, offset_of!(TcpInfo, pmtu))),
        out_of_order: told(info.rcv_ooopack, offset_of!(TcpInfo, rcv_ooopack)),
        segments_in: told(info.segs_in, offset_of!(TcpInfo, segs_in)),
        data_segments_in: told(info.data_segs_in, offset_of!(TcpInfo, data_segs_in)),
        acknowledged_bytes: tells_bytes.then_some(info.bytes_acked),
        unacknowledged_segments: told(info.unacked, offset_of!(TcpInfo, unacked)),
        is_established: info.state == ESTABLISHED,
        other_side_has_finished: FINISHED.contains(&info.state),
        arrived_twice: told(info.dsack_dups, offset_of!(TcpInfo, dsack_dups)),
    }
}

/// Holds the segments of both ends to this size, options included, before the connection begins (`TCP_MAXSEG`,
/// tcp(7)); 88 at the least, which is the kernel's own.
pub(crate) fn set_largest_segment(socket: impl AsFd, bytes: u16) -> Result<(), ProbeError> {
    set_integer(socket, libc::IPPROTO_TCP, libc::TCP_MAXSEG, bytes.max(88).into())
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

/// Has the kernel send packets whole, up to what its link takes, whatever it has heard of the way
/// (`IP_PMTUDISC_PROBE`, ip(7); `IPV6_PMTUDISC_PROBE`, ipv6(7)).
pub(crate) fn set_dont_fragment(socket: impl AsFd, is_ipv4: bool) -> Result<(), ProbeError> {
    if is_ipv4 {
        set_integer(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    } else {
        set_integer(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    }
}

/// What the kernel takes for the largest packet to where the socket is connected, IP header included (`IP_MTU`,
/// ip(7); `IPV6_MTU`, ipv6(7)); none where it does not tell.
pub(crate) fn path_mtu(socket: impl AsFd, is_ipv4: bool) -> Option<u32> {
    let (level, name) =
        if is_ipv4 { (libc::IPPROTO_IP, libc::IP_MTU) } else { (libc::IPPROTO_IPV6, libc::IPV6_MTU) };
    let mut mtu: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `socket` is borrowed; the pointer and `length` denote one whole
    // integer, which lives until the call returns.
    let result = unsafe {
        libc::getsockopt(socket.as_fd().as_raw_fd(), level, name, (&raw mut mtu).cast(), &mut length)
    };
    if result == 0 { u32::try_from(mtu).ok().filter(|mtu| *mtu > 0) } else { None }
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
