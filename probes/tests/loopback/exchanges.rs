//! What one packet came to: datagrams and echo requests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use peerscope_probes::{Engine, EngineOptions, ProbeEngine, SystemCall};
use peerscope_vocabulary::{LocalRefusal, Outcome, ProbeId, ProbeKind, ProbeRequest};
use socket2::{Domain, Protocol, Socket, Type};

use crate::driver::{Driver, to};

const LOOPBACKS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

fn datagram(target: SocketAddr) -> ProbeRequest {
    ProbeRequest { kind: ProbeKind::Udp, ..to(target) }
}

fn echo(address: IpAddr) -> ProbeRequest {
    ProbeRequest { kind: ProbeKind::IcmpEcho, ..to(SocketAddr::new(address, 0)) }
}

/// Answers one datagram with what it said; gives its length and sender.
fn answering(address: IpAddr) -> (SocketAddr, thread::JoinHandle<(usize, SocketAddr)>) {
    let server = UdpSocket::bind((address, 0)).unwrap();
    let local = server.local_addr().unwrap();
    let served = thread::spawn(move || {
        let mut buffer = [7; 2048];
        let (length, from) = server.recv_from(&mut buffer).unwrap();
        assert!(buffer[..length].iter().all(|byte| *byte == 0));
        server.send_to(&buffer[..length], from).unwrap();
        (length, from)
    });
    (local, served)
}

#[test]
fn a_datagram_that_is_answered_carries_the_kernels_round_trip() {
    for address in LOOPBACKS {
        for payload_length in [0, 1400] {
            let (server, served) = answering(address);
            let mut driver = Driver::new();
            // The kernel begins to stamp a moment after it was asked to.
            thread::sleep(Duration::from_millis(20));
            let observation = driver.ask(ProbeRequest { payload_length, ..datagram(server) });
            assert_eq!(observation.outcome, Outcome::Answered);
            assert!(observation.is_answer());
            let rtt = observation.rtt.unwrap();
            assert!(!rtt.is_zero() && rtt <= observation.finished_at - observation.sent_at + PERCEPTION);
            let (length, from) = served.join().unwrap();
            assert_eq!((length, Some(from)), (usize::from(payload_length), observation.local));
        }
    }
}

/// The engine's times are those of its polls.
const PERCEPTION: Duration = Duration::from_millis(100);

#[test]
fn a_closed_port_refuses_a_datagram() {
    for address in LOOPBACKS {
        let closed = UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap();
        let observation = Driver::new().ask(datagram(closed));
        assert_eq!(observation.outcome, Outcome::Refused);
        assert!(observation.is_answer());
    }
}

#[test]
fn a_service_that_says_nothing_is_silence() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let request =
        ProbeRequest { timeout: Duration::from_millis(200), ..datagram(silent.local_addr().unwrap()) };
    let mut driver = Driver::new();
    let observation = driver.ask(request);
    assert_eq!((observation.outcome, observation.retransmissions), (Outcome::Timeout, 0));
    assert!(observation.finished_at - observation.sent_at >= Duration::from_millis(200));
    assert_eq!((driver.engine.unfinished(), driver.engine.wake_at()), (0, None));
}

#[test]
fn a_datagram_leaves_from_the_source_asked_for_towards_several_targets_at_once() {
    let free = UdpSocket::bind("127.0.0.8:0").unwrap().local_addr().unwrap();
    let (first, first_served) = answering(LOOPBACKS[0]);
    let (second, second_served) = answering(LOOPBACKS[0]);
    let asked = |id, target| ProbeRequest {
        id: ProbeId(id),
        source: Some(free.ip()),
        source_port: Some(free.port()),
        ..datagram(target)
    };
    let mut driver = Driver::new();
    driver.submit(&[asked(1, first), asked(2, second)]);
    driver.run_until(|driver| driver.observations.len() == 2);
    for observation in &driver.observations {
        assert_eq!((observation.outcome, observation.local), (Outcome::Answered, Some(free)));
    }
    assert_eq!((first_served.join().unwrap().1, second_served.join().unwrap().1), (free, free));
}

#[test]
fn a_stranger_cannot_answer_for_the_target() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = silent.local_addr().unwrap();
    let mut driver = Driver::new();
    let request = ProbeRequest { timeout: Duration::from_millis(300), ..datagram(target) };
    driver.submit(&[request]);
    driver.engine.poll(driver.start.elapsed(), &mut driver.observations);
    let (_, from) = silent.recv_from(&mut [0; 16]).unwrap();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"me!", from).unwrap();
    driver.run_until(|driver| !driver.observations.is_empty());
    assert_eq!(driver.observations[0].outcome, Outcome::Timeout);
}

#[test]
fn a_packet_that_is_too_large_is_this_hosts_refusal() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let request = ProbeRequest { payload_length: u16::MAX, ..datagram(silent.local_addr().unwrap()) };
    let mut driver = Driver::new();
    let observation = driver.ask(request);
    let errno = Errno::EMSGSIZE as i32;
    assert_eq!(observation.outcome, Outcome::LocalError { refusal: LocalRefusal::TooLarge, errno });
    assert_eq!(driver.engine.failure(ProbeId(0)).map(|error| error.call), Some(SystemCall::Send));
}

#[test]
fn an_echo_is_answered_where_a_socket_may_ask_and_else_not_permitted() {
    for address in LOOPBACKS {
        let (domain, protocol) = match address {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let may = |kind| Socket::new(domain, kind, Some(protocol)).is_ok();
        let is_permitted = may(Type::DGRAM) || may(Type::RAW);
        let mut driver = Driver::new();
        thread::sleep(Duration::from_millis(20));
        let observation = driver.ask(echo(address));
        if is_permitted {
            assert_eq!(observation.outcome, Outcome::Echo);
            assert_eq!(observation.local, Some(SocketAddr::new(address, 0)));
            assert!(observation.rtt.is_some_and(|rtt| rtt < Duration::from_secs(1)));
        } else {
            let errno = Errno::EACCES as i32;
            let refusal = LocalRefusal::NotPermitted;
            assert_eq!(observation.outcome, Outcome::LocalError { refusal, errno });
            assert!(!observation.is_answer());
        }
    }
}

#[test]
fn a_hop_limit_of_one_reaches_this_host_itself() {
    let (server, _served) = answering(LOOPBACKS[0]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hop_limit = NonZero::new(1);
    let requests = [
        ProbeRequest { id: ProbeId(1), hop_limit, ..datagram(server) },
        ProbeRequest { id: ProbeId(2), hop_limit, ..to(listener.local_addr().unwrap()) },
    ];
    let mut driver = Driver::new();
    driver.submit(&requests);
    driver.run_until(|driver| driver.observations.len() == 2);
    assert!(driver.observations.iter().all(|observation| observation.is_answer()));
}

#[test]
fn all_kinds_share_the_cap_of_an_address() {
    let target = SocketAddr::from(([127, 0, 0, 77], 9));
    let kinds = [ProbeKind::TcpConnect, ProbeKind::Udp, ProbeKind::IcmpEcho];
    let requests: Vec<_> = (0..12)
        .map(|id| ProbeRequest { id: ProbeId(id), kind: kinds[id as usize % 3], ..to(target) })
        .collect();
    let mut engine = ProbeEngine::with(EngineOptions::default()).unwrap();
    let mut observations = Vec::new();
    engine.submit(Duration::ZERO, &requests);
    for (milliseconds, begun) in [(0, 5), (499, 5), (500, 10), (999, 10), (1000, 12)] {
        engine.poll(Duration::from_millis(milliseconds), &mut observations);
        let waiting = requests.len() - begun;
        assert_eq!(engine.unfinished() + observations.len(), 12);
        assert!(engine.unfinished() >= waiting, "{milliseconds} ms: {} unfinished", engine.unfinished());
    }
    let mut sent: Vec<_> = observations.iter().map(|observation| observation.sent_at).collect();
    sent.sort();
    assert!(sent.iter().filter(|at| **at < Duration::from_millis(500)).count() <= 5);
}

#[test]
fn a_datagram_of_garbage_is_an_answer_whatever_its_size() {
    for length in [0, 1, 600, 65_507] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let served = thread::spawn(move || {
            let (_, from) = server.recv_from(&mut [0; 64]).unwrap();
            let garbage: Vec<u8> = (0..length).map(|at: usize| (at.wrapping_mul(151) >> 3) as u8).collect();
            server.send_to(&garbage, from).unwrap();
        });
        let mut driver = Driver::new();
        assert_eq!(driver.ask(datagram(address)).outcome, Outcome::Answered, "{length} bytes");
        served.join().unwrap();
    }
}
