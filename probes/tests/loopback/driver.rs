//! What the tests share: an engine driven by the real clock, and servers that do as they are told.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use peerscope_probes::{Engine, ProbeEngine};
use peerscope_vocabulary::{Observation, ProbeId, ProbeKind, ProbeRequest};
use socket2::{Domain, SockRef, Socket, Type};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn to(target: SocketAddr) -> ProbeRequest {
    ProbeRequest::plain(ProbeId(0), ProbeKind::TcpConnect, target.ip(), target.port(), Duration::from_secs(2))
}

/// Drives an engine by the real clock, as a blocking program would.
pub(crate) struct Driver {
    pub(crate) start: Instant,
    pub(crate) engine: ProbeEngine,
    pub(crate) observations: Vec<Observation>,
}

impl Driver {
    pub(crate) fn new() -> Self {
        Self::with(ProbeEngine::new().unwrap())
    }

    pub(crate) fn with(engine: ProbeEngine) -> Self {
        Self { start: Instant::now(), engine, observations: Vec::new() }
    }

    pub(crate) fn submit(&mut self, requests: &[ProbeRequest]) {
        assert_eq!(self.engine.submit(self.start.elapsed(), requests), requests.len());
    }

    pub(crate) fn run_until(&mut self, done: impl Fn(&Self) -> bool) {
        loop {
            self.engine.poll(self.start.elapsed(), &mut self.observations);
            if done(self) {
                return;
            }
            assert!(self.start.elapsed() < PATIENCE, "still waiting: {:?}", self.observations);
            if let Some(wake_at) = self.engine.wake_at() {
                self.engine.wait(wake_at.saturating_sub(self.start.elapsed())).unwrap();
            }
        }
    }

    pub(crate) fn ask(&mut self, request: ProbeRequest) -> Observation {
        self.submit(&[request]);
        let before = self.observations.len();
        self.run_until(|driver| driver.observations.len() > before);
        self.observations[before]
    }

    pub(crate) fn settle(&mut self) {
        self.run_until(|driver| driver.engine.unfinished() == 0);
    }
}

/// A server for one connection; gives what it made of the connection's end.
pub(crate) fn serve<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        sender.send(serve(stream)).unwrap();
    });
    (address, receiver)
}

/// Reads to the end: no bytes and FIN is `Ok(0)`, RST an error.
pub(crate) fn read_to_end(mut stream: &TcpStream) -> std::io::Result<usize> {
    stream.read_to_end(&mut Vec::new())
}

pub(crate) fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// A listener whose accept queue is full, so that the kernel drops every SYN.
pub(crate) fn deaf_listener() -> (SocketAddr, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = vec![listener];
    for _ in 0..4 {
        let filler = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
        let _ = filler.connect(&address);
        held.push(filler);
    }
    thread::sleep(Duration::from_millis(50));
    (address.as_socket().unwrap(), held)
}
