//! What every way of asking has in common.
//!
//! The analyst decides what to ask next from what came back, in time that a test can simulate. So an
//! engine has no clock, no thread and no async in it: it is handed the time, and says when it wants
//! to be called again. One suite of tests can then drive any engine, and so can a blocking loop, a
//! thread, or an async runtime that watches [`Engine::readiness`].

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use peerscope_vocabulary::{Observation, ProbeId, ProbeRequest};

use crate::error::{ProbeError, SystemCall};

/// Sends probes and tells what became of them.
///
/// Every `now` is the time since the start of the run and must not go backwards. A driver repeats:
/// [`poll`](Self::poll), act on the observations (before it sleeps: what is left may only be
/// connections that close), [`wake_at`](Self::wake_at), [`wait`](Self::wait) until then. After the last observation it keeps doing so until
/// [`unfinished`](Self::unfinished) is zero, so that opened connections are closed as they should be.
pub trait Engine {
    /// Takes `requests` over, in their order, and returns how many: fewer than given only where the
    /// engine's queue is full, and then the rest has to be submitted again later.
    ///
    /// No packet is sent before the next [`poll`](Self::poll). Each request taken over gets exactly
    /// one observation, also where it makes no sense (then a local error), unless it is cancelled.
    /// Ids are the caller's; two requests under way may share one, and are then cancelled together.
    fn submit(&mut self, now: Duration, requests: &[ProbeRequest]) -> usize;

    /// Does whatever can be done at `now` without waiting, and appends what has become known to
    /// `observations`, in no particular order.
    fn poll(&mut self, now: Duration, observations: &mut Vec<Observation>);

    /// Drops the request: there will be no observation of it, unless one was handed out already.
    /// Returns whether there was such a request. A connection already open is still closed in order.
    fn cancel(&mut self, now: Duration, id: ProbeId) -> bool;

    /// When [`poll`](Self::poll) has to be called next even if nothing arrives, on the scale of
    /// `now`; a time already past means at once, none that nothing is left to do.
    fn wake_at(&self) -> Option<Duration>;

    /// A descriptor that is readable whenever the network has brought something for
    /// [`poll`](Self::poll) (epoll(7); level-triggered). For an async runtime; do not read from it.
    fn readiness(&self) -> BorrowedFd<'_>;

    /// How many requests are not over: queued, under way, or reported and now being closed.
    fn unfinished(&self) -> usize;

    /// Sleeps until the network has brought something, a signal came, or `timeout` has passed.
    ///
    /// # Errors
    /// Where ppoll(2) fails, which for a descriptor of our own means that memory ran out.
    fn wait(&mut self, timeout: Duration) -> Result<(), ProbeError> {
        let mut descriptors = [PollFd::new(self.readiness(), PollFlags::POLLIN)];
        match ppoll(&mut descriptors, Some(TimeSpec::from_duration(timeout)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(ProbeError::new(SystemCall::Poll, errno)),
        }
    }
}
