//! Very many connections at once, each with what became of it and the gate that ended it.
//!
//! One connection alone can be told by the counters; hundreds side by side cannot, and one after the other
//! they would take a second of silence each. So every gate also keeps whose packets it dropped, and who answers
//! says who they are, because private addresses repeat: that a connection came about does not tell with whom.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::readiness::{patience, ready};
use super::serving::{Service, Serving};
use super::socket::{bind_when_free, stop_listening};
use super::{Host, KernelOutcome, Twin};
use crate::error::LaboratoryError;

/// How many connections are under way at a time: each holds a descriptor.
const AT_ONCE: usize = 512;

/// How long who answered may take to say so, which is no matter of the network.
const INTRODUCTION: Duration = Duration::from_secs(10);

/// How many connections may wait to be taken.
const BACKLOG: i32 = 4096;

/// One connection to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// From where.
    pub host: Host,
    /// The address and port of its own that it uses.
    pub source: SocketAddr,
    /// To what.
    pub target: SocketAddr,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// The outcome.
    pub outcome: KernelOutcome,
    /// Who answered, of those who [answer](Twin::answer).
    pub by: Option<Host>,
}

/// Hosts that answer. They cease when this is dropped.
#[derive(Debug)]
pub struct Answering {
    _serving: Serving,
}

impl Twin<'_> {
    /// Has a host answer on TCP ports, on every address of its: it says who it is and closes.
    ///
    /// # Errors
    /// [`LaboratoryError`] where the host does not exist or a port is taken.
    pub fn answer(&self, host: &Host, ports: &[u16]) -> Result<Answering, LaboratoryError> {
        let name = self.planned(host)?.name.clone();
        let listeners: Vec<TcpListener> =
            self.namespace_of(host)?.within(|| ports.iter().map(|port| listener(*port)).collect())?;
        let service = Introducing { listeners, words: format!("{name}\n") };
        Ok(Answering { _serving: Serving::start("start answering", service)? })
    }

    /// Makes all connections side by side and closes each with FIN. One that nothing came back of for
    /// `silence` is silent.
    ///
    /// # Errors
    /// [`LaboratoryError`] where a host does not exist or a socket cannot be made; what the network does is an
    /// outcome. The outcomes are in the order of the calls.
    pub fn call_all(&self, calls: &[Call], silence: Duration) -> Result<Vec<Called>, LaboratoryError> {
        let names: BTreeMap<&str, &Host> =
            self.plan.hosts.iter().map(|(host, planned)| (planned.name.as_str(), host)).collect();
        let mut called = Vec::with_capacity(calls.len());
        for some in calls.chunks(AT_ONCE) {
            let ended = self.by_each_host(some, |calls| call_from_here(calls, silence))?;
            called.extend(ended.into_iter().map(|(outcome, introduction)| Called {
                outcome,
                by: names.get(introduction.trim_end()).map(|host| (*host).clone()),
            }));
        }
        Ok(called)
    }

    /// Has each host make its calls, all hosts at the same time, each on a thread in its namespace. What each
    /// call comes to is given with its place, and comes back in the order of the calls.
    pub(super) fn by_each_host<T: Send>(
        &self,
        calls: &[Call],
        make: impl Fn(&[(usize, &Call)]) -> Result<Vec<(usize, T)>, LaboratoryError> + Sync,
    ) -> Result<Vec<T>, LaboratoryError> {
        let mut by_host: BTreeMap<&Host, Vec<(usize, &Call)>> = BTreeMap::new();
        for (index, call) in calls.iter().enumerate() {
            by_host.entry(&call.host).or_default().push((index, call));
        }
        let make = &make;
        let mut ended = thread::scope(|scope| {
            let threads: Vec<_> = by_host
                .into_iter()
                .map(|(host, calls)| {
                    scope.spawn(move || {
                        self.namespace_of(host)?.enter()?;
                        make(&calls)
                    })
                })
                .collect();
            let mut ended = Vec::new();
            for thread in threads {
                match thread.join() {
                    Ok(result) => ended.extend(result?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok::<_, LaboratoryError>(ended)
        })?;
        ended.sort_unstable_by_key(|(index, _)| *index);
        Ok(ended.into_iter().map(|(_, outcome)| outcome).collect())
    }
}

fn listener(port: u16) -> Result<TcpListener, LaboratoryError> {
    let bound = |address: IpAddr| -> io::Result<TcpListener> {
        let address = SocketAddr::new(address, port);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    // By Linux's default the one for IPv6 takes IPv4 too; where there is no IPv6, there is the other.
    bind_when_free(|| bound(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| bound(Ipv4Addr::UNSPECIFIED.into())))
        .map_err(|source| LaboratoryError::system(format!("listen on port {port}"), source))
}

/// Says the same words to everybody.
struct Introducing {
    listeners: Vec<TcpListener>,
    words: String,
}

impl Service for Introducing {
    fn sockets(&self) -> Vec<BorrowedFd<'_>> {
        self.listeners.iter().map(AsFd::as_fd).collect()
    }

    fn serve(&mut self, ready: &[bool]) {
        for (listener, _) in self.listeners.iter().zip(ready).filter(|(_, ready)| **ready) {
            while let Ok((mut stream, _)) = listener.accept() {
                // The words are few: a socket that was just made has room for them.
                let _ = stream.write_all(self.words.as_bytes());
            }
        }
    }

    fn end(&self) {
        self.listeners.iter().for_each(stop_listening);
    }
}

/// A connection under way.
struct Pending {
    index: usize,
    socket: Socket,
    is_connected: bool,
    introduction: String,
}

type Ended = (usize, (KernelOutcome, String));

/// Makes connections from the calling thread's namespace.
fn call_from_here(calls: &[(usize, &Call)], silence: Duration) -> Result<Vec<Ended>, LaboratoryError> {
    let mut pending = Vec::new();
    let mut ended: Vec<Ended> = Vec::new();
    for &(index, call) in calls {
        match begin(call)? {
            (socket, None) => {
                pending.push(Pending { index, socket, is_connected: false, introduction: String::new() })
            }
            (_, Some(errno)) => ended.push((index, (refusal(errno), String::new()))),
        }
    }
    let start = Instant::now();
    loop {
        let is_silent = start.elapsed() >= silence;
        let is_over = start.elapsed() >= silence + INTRODUCTION;
        pending.retain_mut(|one| {
            let end = if is_over && one.is_connected {
                Some(KernelOutcome::Connected)
            } else if is_silent && !one.is_connected {
                Some(KernelOutcome::Silent)
            } else {
                None
            };
            end.map(|outcome| ended.push((one.index, (outcome, std::mem::take(&mut one.introduction)))))
                .is_none()
        });
        if pending.is_empty() {
            return Ok(ended);
        }
        let end = if is_silent { silence + INTRODUCTION } else { silence };
        let left = end.saturating_sub(start.elapsed());
        let polled: Vec<PollFd<'_>> = pending
            .iter()
            .map(|one| {
                let flags = if one.is_connected { PollFlags::POLLIN } else { PollFlags::POLLOUT };
                PollFd::new(one.socket.as_fd(), flags)
            })
            .collect();
        let ready = ready(polled, patience(left))?;
        let mut flags = ready.into_iter();
        pending.retain_mut(|one| {
            let outcome = if flags.next() == Some(true) { one.advance() } else { None };
            outcome
                .map(|outcome| ended.push((one.index, (outcome, std::mem::take(&mut one.introduction)))))
                .is_none()
        });
    }
}

/// A socket that connects, or the errno of what ended it at once.
fn begin(call: &Call) -> Result<(Socket, Option<i32>), LaboratoryError> {
    let system = |what: &'static str| {
        move |source: io::Error| {
            LaboratoryError::system(format!("{what} for {} to {}", call.source, call.target), source)
        }
    };
    let socket = Socket::new(Domain::for_address(call.target), Type::STREAM, Some(Protocol::TCP))
        .map_err(system("socket"))?;
    socket.set_reuse_address(true).map_err(system("SO_REUSEADDR"))?;
    socket.set_nonblocking(true).map_err(system("O_NONBLOCK"))?;
    socket.bind(&call.source.into()).map_err(system("bind"))?;
    match socket.connect(&call.target.into()) {
        Ok(()) => Ok((socket, None)),
        Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => Ok((socket, None)),
        Err(error) => match error.raw_os_error() {
            Some(errno) => Ok((socket, Some(errno))),
            None => Err(system("connect")(error)),
        },
    }
}

pub(super) fn refusal(errno: i32) -> KernelOutcome {
    match errno {
        nix::libc::ECONNREFUSED => KernelOutcome::Refused,
        nix::libc::ETIMEDOUT => KernelOutcome::Silent,
        other => KernelOutcome::Other(other),
    }
}

impl Pending {
    /// Takes what came; the outcome, where that is the end.
    fn advance(&mut self) -> Option<KernelOutcome> {
        if !self.is_connected {
            match self.socket.take_error() {
                Ok(None) => self.is_connected = self.socket.peer_addr().is_ok(),
                Ok(Some(error)) | Err(error) => {
                    return Some(refusal(error.raw_os_error().unwrap_or_default()));
                }
            }
            return None;
        }
        let mut buffer = [0; 64];
        match self.socket.read(&mut buffer) {
            Ok(0) => Some(KernelOutcome::Connected),
            Ok(length) => {
                self.introduction
                    .push_str(&String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()));
                self.introduction.ends_with('\n').then_some(KernelOutcome::Connected)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(_) => Some(KernelOutcome::Connected),
        }
    }
}
