//! Which system call failed, and how.
//!
//! "Permission denied" from `bind` is a privileged port, from `connect` a `prohibit` route: without
//! the call the number says nothing. So an error here always carries both, and is the one place that
//! turns them into a [`LocalRefusal`].

use std::fmt;
use std::io;

use nix::errno::Errno;
use peerscope_vocabulary::{LocalRefusal, Outcome};

/// The system calls that can fail here, by the names of their manual pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SystemCall {
    /// `socket(2)`
    Socket,
    /// `setsockopt(2)`
    SetOption,
    /// `bind(2)`
    Bind,
    /// `connect(2)`: as it returned, or as `SO_ERROR` told later.
    Connect,
    /// `send(2)`
    Send,
    /// `getsockname(2)`
    LocalAddress,
    /// `epoll_create1(2)`
    CreateEpoll,
    /// `epoll_ctl(2)`
    ControlEpoll,
    /// `epoll_wait(2)`
    WaitEpoll,
    /// `ppoll(2)`
    Poll,
    /// None was made: the request itself makes no sense (port 0, a source of the other family).
    Request,
}

impl SystemCall {
    /// The name as in the manual.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::SetOption => "setsockopt",
            Self::Bind => "bind",
            Self::Connect => "connect",
            Self::Send => "send",
            Self::LocalAddress => "getsockname",
            Self::CreateEpoll => "epoll_create1",
            Self::ControlEpoll => "epoll_ctl",
            Self::WaitEpoll => "epoll_wait",
            Self::Poll => "ppoll",
            Self::Request => "request",
        }
    }
}

/// A system call that failed on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeError {
    /// The call.
    pub call: SystemCall,
    /// Its error number (errno(3)).
    pub errno: i32,
}

impl ProbeError {
    pub(crate) fn new(call: SystemCall, errno: Errno) -> Self {
        Self { call, errno: errno as i32 }
    }

    /// An error that carries no number (none of the calls used here gives one) counts as `EIO`.
    pub(crate) fn from_io(call: SystemCall, error: &io::Error) -> Self {
        Self { call, errno: error.raw_os_error().unwrap_or(Errno::EIO as i32) }
    }

    /// Why this host did not send, as measured on Linux 6.18: an `unreachable` route gives
    /// EHOSTUNREACH, none at all ENETUNREACH, `prohibit` EACCES, `blackhole` EINVAL.
    #[must_use]
    pub fn refusal(&self) -> LocalRefusal {
        match (self.call, Errno::from_raw(self.errno)) {
            // A port below 1024 without the privilege, or one that a security module guards.
            (SystemCall::Bind, Errno::EACCES | Errno::EPERM | Errno::EINVAL) => {
                LocalRefusal::AddressUnavailable
            }
            (SystemCall::Request, _) => LocalRefusal::Unsupported,
            (_, Errno::ENETUNREACH | Errno::EHOSTUNREACH) => LocalRefusal::NoRoute,
            (SystemCall::Connect | SystemCall::Send, Errno::EACCES | Errno::EPERM | Errno::EINVAL) => {
                LocalRefusal::Policy
            }
            // Ping sockets outside of `ping_group_range`, raw sockets without CAP_NET_RAW (icmp(7), raw(7)).
            (SystemCall::Socket, Errno::EACCES | Errno::EPERM) => LocalRefusal::NotPermitted,
            (SystemCall::Send, Errno::EMSGSIZE) => LocalRefusal::TooLarge,
            (_, Errno::EADDRINUSE | Errno::EADDRNOTAVAIL) => LocalRefusal::AddressUnavailable,
            (
                _,
                Errno::EMFILE
                | Errno::ENFILE
                | Errno::ENOBUFS
                | Errno::ENOMEM
                | Errno::EAGAIN
                | Errno::ENOSPC,
            ) => LocalRefusal::Resources,
            (_, Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT | Errno::ENOPROTOOPT) => {
                LocalRefusal::Unsupported
            }
            _ => LocalRefusal::Other,
        }
    }

    /// This error as the answer to a probe.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome::LocalError { refusal: self.refusal(), errno: self.errno }
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.call.name(), io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for ProbeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_decides_what_a_number_means() {
        let refused = |call, errno| ProbeError::new(call, errno).refusal();
        assert_eq!(refused(SystemCall::Bind, Errno::EACCES), LocalRefusal::AddressUnavailable);
        assert_eq!(refused(SystemCall::Connect, Errno::EACCES), LocalRefusal::Policy);
        assert_eq!(refused(SystemCall::Connect, Errno::EINVAL), LocalRefusal::Policy);
        assert_eq!(refused(SystemCall::SetOption, Errno::EINVAL), LocalRefusal::Other);
        assert_eq!(refused(SystemCall::Connect, Errno::ENETUNREACH), LocalRefusal::NoRoute);
        assert_eq!(refused(SystemCall::Send, Errno::EPERM), LocalRefusal::Policy);
        assert_eq!(refused(SystemCall::Send, Errno::EMSGSIZE), LocalRefusal::TooLarge);
        assert_eq!(refused(SystemCall::Socket, Errno::EACCES), LocalRefusal::NotPermitted);
        assert_eq!(refused(SystemCall::Socket, Errno::EPERM), LocalRefusal::NotPermitted);
        assert_eq!(refused(SystemCall::Socket, Errno::EMFILE), LocalRefusal::Resources);
        assert_eq!(refused(SystemCall::Socket, Errno::EAFNOSUPPORT), LocalRefusal::Unsupported);
    }

    #[test]
    fn the_words_name_the_call() {
        let error = ProbeError::new(SystemCall::Bind, Errno::EADDRINUSE);
        assert_eq!(error.to_string(), "bind: Address already in use (os error 98)");
    }
}
