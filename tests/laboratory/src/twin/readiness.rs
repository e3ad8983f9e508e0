//! Which of many sockets have something to tell.

use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollTimeout, poll};

use crate::error::LaboratoryError;

/// Waits until one of the sockets is ready, or so long; tells of each whether it is. A signal may end the wait
/// before any is.
pub(super) fn ready(mut polled: Vec<PollFd<'_>>, wait: PollTimeout) -> Result<Vec<bool>, LaboratoryError> {
    match poll(&mut polled, wait) {
        Ok(_) => Ok(polled.iter().map(|it| it.any().unwrap_or(true)).collect()),
        Err(Errno::EINTR) => Ok(vec![false; polled.len()]),
        Err(errno) => Err(LaboratoryError::system("poll", errno)),
    }
}

/// What is left of a wait, as poll takes it: a millisecond at the least, so that nobody spins.
pub(super) fn patience(left: Duration) -> PollTimeout {
    PollTimeout::try_from(left.max(Duration::from_millis(1))).unwrap_or(PollTimeout::ZERO)
}
