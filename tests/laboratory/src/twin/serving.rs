//! Services that answer on a thread of their own, until who asked for them lets go.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout};

use super::readiness::ready;
use crate::error::LaboratoryError;

/// What answers on some sockets, none of which blocks.
pub(super) trait Service: Send + 'static {
    /// The sockets to wait for.
    fn sockets(&self) -> Vec<BorrowedFd<'_>>;

    /// Serves the sockets that have news, told in the order in which they were given.
    fn serve(&mut self, ready: &[bool]);

    /// Ends what copies of the sockets in other processes would keep alive.
    fn end(&self) {}
}

/// A service under way. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Serving {
    // Dropped first: the thread ends when the pipe closes.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Begins to serve. `what` names it in errors.
    ///
    /// # Errors
    /// [`LaboratoryError`] where neither pipe nor thread is to be had.
    pub(super) fn start(what: &str, mut service: impl Service) -> Result<Self, LaboratoryError> {
        let system = |source| LaboratoryError::system(what, source);
        let (end, stop) = io::pipe().map_err(system)?;
        let thread = thread::Builder::new()
            .spawn(move || {
                serve_until_closed(&mut service, &end);
                service.end();
            })
            .map_err(system)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves until `end` is closed at its other side.
fn serve_until_closed(service: &mut impl Service, end: &PipeReader) {
    loop {
        let sockets = service.sockets();
        let sources = [end.as_fd()].into_iter().chain(sockets);
        let polled = sources.map(|source| PollFd::new(source, PollFlags::POLLIN)).collect();
        let Ok(ready) = ready(polled, PollTimeout::NONE) else { return };
        match ready.split_first() {
            Some((false, ready)) => service.serve(ready),
            _ => return,
        }
    }
}
