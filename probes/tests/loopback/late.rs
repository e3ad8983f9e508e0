//! Answers that come after the timeout, or more than once.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use peerscope_probes::{Engine, EngineOptions, ProbeEngine, Stray, StrayKind};
use peerscope_vocabulary::{Outcome, ProbeId, ProbeKind, ProbeRequest};

use crate::driver::{Driver, deaf_listener, to};

fn listening_on() -> Driver {
    let options = EngineOptions { late_limit: Duration::from_secs(3), ..EngineOptions::default() };
    Driver::with(ProbeEngine::with(options).unwrap())
}

/// Drives the engine until so many strays came.
fn strays(driver: &mut Driver, count: usize) -> Vec<(ProbeId, StrayKind)> {
    let mut found: Vec<Stray> = Vec::new();
    while found.len() < count {
        assert!(driver.start.elapsed() < Duration::from_secs(10), "{found:?}");
        driver.engine.wait(Duration::from_millis(50)).unwrap();
        driver.engine.poll(driver.start.elapsed(), &mut driver.observations);
        found.extend(driver.engine.take_strays());
    }
    found.iter().map(|stray| (stray.id, stray.kind)).collect()
}

#[test]
fn a_datagram_that_is_answered_late_and_twice_is_counted_so() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap();
    thread::spawn(move || {
        let (_, from) = server.recv_from(&mut [0; 16]).unwrap();
        thread::sleep(Duration::from_millis(300));
        server.send_to(b"late", from).unwrap();
        server.send_to(b"again", from).unwrap();
    });
    let mut driver = listening_on();
    let asked = ProbeRequest { kind: ProbeKind::Udp, timeout: Duration::from_millis(100), ..to(target) };
    assert_eq!(driver.ask(asked).outcome, Outcome::Timeout);
    assert_eq!(driver.engine.unfinished(), 0, "an idle listener keeps nobody");
    let expected = [(ProbeId(0), StrayKind::Late), (ProbeId(0), StrayKind::Duplicate)];
    assert_eq!(strays(&mut driver, 2), expected);
}

#[test]
fn an_answer_in_time_that_comes_again_is_a_duplicate() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap();
    thread::spawn(move || {
        let (_, from) = server.recv_from(&mut [0; 16]).unwrap();
        for _ in 0..3 {
            server.send_to(b"", from).unwrap();
        }
    });
    let mut driver = listening_on();
    assert_eq!(driver.ask(ProbeRequest { kind: ProbeKind::Udp, ..to(target) }).outcome, Outcome::Answered);
    assert_eq!(strays(&mut driver, 2), [(ProbeId(0), StrayKind::Duplicate); 2]);
}

#[test]
fn a_handshake_after_the_timeout_is_late_and_closed_in_order() {
    let (target, mut held) = deaf_listener();
    let mut driver = listening_on();
    let asked = ProbeRequest { timeout: Duration::from_millis(300), ..to(target) };
    assert_eq!(driver.ask(asked).outcome, Outcome::Timeout);
    // Room in the accept queue, so that the SYN sent again after a second is answered.
    held.truncate(1);
    held[0].set_nonblocking(true).unwrap();
    while held[0].accept().is_ok() {}
    assert_eq!(strays(&mut driver, 1), [(ProbeId(0), StrayKind::Late)]);
    held[0].set_nonblocking(false).unwrap();
    let (stream, _) = held[0].accept().unwrap();
    let mut stream = std::net::TcpStream::from(stream);
    assert_eq!(std::io::Read::read_to_end(&mut stream, &mut Vec::new()).unwrap(), 0, "FIN, not RST");
}
