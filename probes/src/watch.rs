//! Which of many sockets has news.
//!
//! One epoll instance holds every socket of an engine, so that its driver sleeps on one descriptor,
//! however many connects are in flight (epoll(7)). Level-triggered: a poll that stops early loses nothing.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::error::{ProbeError, SystemCall};

/// How many events are taken from the kernel at once.
const BATCH: usize = 256;

/// Names a watched socket; never given twice, so that an event cannot meet a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) u64);

/// What a socket is watched for. Errors and hang-ups are always news.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Interest {
    /// The end of the handshake.
    Handshake,
    /// Bytes, or their end.
    Bytes,
}

impl Interest {
    fn flags(self) -> EpollFlags {
        match self {
            Self::Handshake => EpollFlags::EPOLLOUT,
            Self::Bytes => EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP,
        }
    }
}

/// A socket that has news.
#[derive(Clone, Copy, Debug)]
pub(crate) struct News {
    pub(crate) key: Key,
    /// Whether it is writable and not hung up: of a connecting socket, that it is established.
    pub(crate) is_open: bool,
}

/// The set of watched sockets. A socket leaves it by being closed.
#[derive(Debug)]
pub(crate) struct Watch {
    epoll: Epoll,
}

impl Watch {
    pub(crate) fn new() -> Result<Self, ProbeError> {
        Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map(|epoll| Self { epoll })
            .map_err(|errno| ProbeError::new(SystemCall::CreateEpoll, errno))
    }

    pub(crate) fn add(&self, socket: impl AsFd, key: Key, interest: Interest) -> Result<(), ProbeError> {
        self.epoll
            .add(socket, EpollEvent::new(interest.flags(), key.0))
            .map_err(|errno| ProbeError::new(SystemCall::ControlEpoll, errno))
    }

    pub(crate) fn change(&self, socket: impl AsFd, key: Key, interest: Interest) -> Result<(), ProbeError> {
        self.epoll
            .modify(socket, &mut EpollEvent::new(interest.flags(), key.0))
            .map_err(|errno| ProbeError::new(SystemCall::ControlEpoll, errno))
    }

    /// Appends sockets that have news, without waiting. Returns whether there may be more.
    pub(crate) fn collect(&self, news: &mut Vec<News>) -> Result<bool, ProbeError> {
        let mut events = [EpollEvent::empty(); BATCH];
        let count = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            Ok(count) => count,
            Err(Errno::EINTR) => return Ok(true),
            Err(errno) => return Err(ProbeError::new(SystemCall::WaitEpoll, errno)),
        };
        news.extend(events.iter().take(count).map(|event| News {
            key: Key(event.data()),
            is_open: event.events() & (EpollFlags::EPOLLOUT | EpollFlags::EPOLLHUP) == EpollFlags::EPOLLOUT,
        }));
        Ok(count == BATCH)
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}
