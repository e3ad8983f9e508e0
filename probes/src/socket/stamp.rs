//! When the kernel took a packet in.
//!
//! Between a packet's arrival and the moment that a busy process gets to read it lie milliseconds, more
//! than most paths take. The kernel's own stamp (`SO_TIMESTAMPING`, socket(7)) has none of them.

use std::os::fd::AsFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{ControlMessageOwned, TimestampingFlag, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{ProbeError, SystemCall};

/// How far a round trip by the calendar clock may exceed the engine's own before the clock must have
/// been set meanwhile: the engine's times are those of its polls, a little earlier than the packets'.
const CLOCK_TOLERANCE: Duration = Duration::from_millis(100);

/// The calendar time since 1970, as kernel timestamps have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WallTime(pub(crate) Duration);

impl WallTime {
    /// Now. It is compared with kernel timestamps alone: nothing that an engine does depends on it.
    pub(crate) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// The time from then until a stamp. None where the calendar clock was set meanwhile: it went
    /// backwards, or on by more than `longest`, which is how long it took by a clock that nobody sets.
    pub(crate) fn until(self, stamp: Self, longest: Duration) -> Option<Duration> {
        let elapsed = stamp.0.checked_sub(self.0)?;
        (elapsed <= longest.saturating_add(CLOCK_TOLERANCE)).then_some(elapsed)
    }
}

/// Keeps the kernel stamping what it takes in for as long as it lives.
///
/// Linux begins to stamp when the first socket asks for it, a little after that, and ends with the last
/// one. Probes come and go, and the first packets of each would come without a stamp.
#[derive(Debug)]
pub(crate) struct Stamping {
    _socket: Socket,
}

impl Stamping {
    /// None where the system stamps nothing.
    pub(crate) fn begin() -> Option<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), Some(Protocol::UDP)).ok()?;
        stamp_received(&socket).ok()?;
        Some(Self { _socket: socket })
    }
}

/// Has the kernel stamp what it takes in, by its own clock (`SO_TIMESTAMPING`, socket(7)).
pub(crate) fn stamp_received(socket: impl AsFd) -> Result<(), ProbeError> {
    let flags = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    setsockopt(&socket, sockopt::Timestamping, &flags)
        .map_err(|errno| ProbeError::new(SystemCall::SetOption, errno))
}

/// The stamp among what came beside a packet.
pub(super) fn software_stamp(message: &ControlMessageOwned) -> Option<WallTime> {
    let ControlMessageOwned::ScmTimestampsns(stamps) = message else { return None };
    let stamp = Duration::from(stamps.system);
    // Zero is how the kernel says that it has none.
    (!stamp.is_zero()).then_some(WallTime(stamp))
}
