//! Both ends of a probe: what is the same for every kind of socket.
//!
//! A probe is only evidence for the flow that was asked about. So source address, source port and
//! hop limit are set here for all kinds alike, and what makes no sense is refused before a socket
//! could send from somewhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZero;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use peerscope_vocabulary::{ProbeKind, ProbeRequest, SegmentLimits};
use socket2::{SockAddr, Socket};

use super::option::{
    TIMESTAMP_OPTION, path_mtu, set_bind_address_without_port, set_dont_fragment, set_largest_segment,
};
use crate::error::{ProbeError, SystemCall};

/// Where a probe goes from and to, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) target: SocketAddr,
    source: Option<IpAddr>,
    source_port: Option<u16>,
    hop_limit: Option<NonZero<u8>>,
    dont_fragment: bool,
    segments: SegmentLimits,
}

impl Ends {
    /// The ends that a request names. ICMP has no ports, so those that it gives are passed over.
    pub(crate) fn of(request: &ProbeRequest) -> Result<Self, ProbeError> {
        let (port, source_port) = match request.kind {
            ProbeKind::IcmpEcho => (0, None),
            _ if request.port == 0 || request.source_port == Some(0) => {
                return Err(ProbeError::new(SystemCall::Request, Errno::EINVAL));
            }
            _ => (request.port, request.source_port),
        };
        let target = SocketAddr::new(request.address.to_canonical(), port);
        let source = request.source.map(|address| address.to_canonical());
        if source.is_some_and(|address| address.is_ipv4() != target.is_ipv4()) {
            return Err(ProbeError::new(SystemCall::Request, Errno::EAFNOSUPPORT));
        }
        let ProbeRequest { hop_limit, dont_fragment, segments, .. } = *request;
        Ok(Self { target, source, source_port, hop_limit, dont_fragment, segments })
    }

    /// Binds what was named, and sets the hop limit.
    ///
    /// `SO_REUSEADDR` lets a port be bound that another flow left in TIME_WAIT, or that a probe of
    /// another target uses at this moment: flows are told apart by all four of addresses and ports.
    pub(crate) fn apply(&self, socket: &Socket) -> Result<(), ProbeError> {
        if let Some(limit) = self.hop_limit {
            let limit = u32::from(limit.get());
            let set = if self.target.is_ipv4() {
                socket.set_ttl_v4(limit)
            } else {
                socket.set_unicast_hops_v6(limit)
            };
            set.map_err(|error| ProbeError::from_io(SystemCall::SetOption, &error))?;
        }
        if self.source.is_none() && self.source_port.is_none() {
            return Ok(());
        }
        if self.source_port.is_some() {
            socket
                .set_reuse_address(true)
                .map_err(|error| ProbeError::from_io(SystemCall::SetOption, &error))?;
        } else {
            // Without it the port is merely chosen earlier, among fewer.
            let _ = set_bind_address_without_port(socket);
        }
        let any: IpAddr =
            if self.target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let local = SocketAddr::new(self.source.unwrap_or(any), self.source_port.unwrap_or(0));
        socket.bind(&SockAddr::from(local)).map_err(|error| ProbeError::from_io(SystemCall::Bind, &error))
    }

    /// Has packets arrive whole or not at all, where that was asked for.
    pub(crate) fn keep_whole(&self, socket: &Socket) -> Result<(), ProbeError> {
        if self.dont_fragment { set_dont_fragment(socket, self.target.is_ipv4()) } else { Ok(()) }
    }

    /// How large a packet may be by what this machine knows of the way, where that was asked for.
    pub(crate) fn largest_packet(&self, socket: &Socket) -> Option<u32> {
        if self.dont_fragment { path_mtu(socket, self.target.is_ipv4()) } else { None }
    }

    /// What IP's and TCP's headers take of a packet; of TCP's options a segment's size tells.
    pub(crate) fn headers(&self) -> u32 {
        if self.target.is_ipv4() { 40 } else { 60 }
    }

    /// Has both ends of a connection keep to a size of packets, where that was asked for.
    pub(crate) fn limit_segments(&self, socket: &Socket) -> Result<(), ProbeError> {
        let Some(largest) = self.segments.both else { return Ok(()) };
        let segment = u32::from(largest.get()).saturating_sub(self.headers());
        set_largest_segment(socket, u16::try_from(segment).unwrap_or(u16::MAX))
    }

    /// How many bytes of what this end says go into one packet, where it is to send smaller ones than it might.
    pub(crate) fn piece(&self) -> Option<usize> {
        let largest = u32::from(self.segments.own?.get());
        Some(largest.saturating_sub(self.headers() + TIMESTAMP_OPTION).max(1) as usize)
    }

    /// Has ICMP errors put into the socket's queue, or no longer (`IP_RECVERR`, ip(7)).
    pub(crate) fn report_icmp(&self, socket: &Socket, report: bool) -> Result<(), ProbeError> {
        let set = if self.target.is_ipv4() {
            setsockopt(socket, sockopt::Ipv4RecvErr, &report)
        } else {
            setsockopt(socket, sockopt::Ipv6RecvErr, &report)
        };
        set.map_err(|errno| ProbeError::new(SystemCall::SetOption, errno))
    }
}
