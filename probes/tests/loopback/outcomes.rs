//! What a connect came to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use peerscope_probes::{Engine, SystemCall};
use peerscope_vocabulary::{LocalRefusal, Outcome, ProbeId, ProbeRequest};

use crate::driver::{Driver, deaf_listener, to};

#[test]
fn an_open_port_connects_over_ipv4_and_ipv6() {
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let observation = Driver::new().ask(to(listener.local_addr().unwrap()));
        assert_eq!(observation.outcome, Outcome::Connected);
        assert_eq!(observation.local.map(|local| local.ip()), Some(address));
        assert!(observation.rtt.unwrap() < Duration::from_secs(1));
        assert_eq!(observation.retransmissions, 0);
        assert!(observation.sent_at <= observation.finished_at);
    }
}

#[test]
fn a_mapped_address_is_asked_over_ipv4() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    let observation = Driver::new().ask(to(SocketAddr::new(mapped, port)));
    assert_eq!(observation.outcome, Outcome::Connected);
    assert_eq!(observation.local.map(|local| local.ip()), Some(Ipv4Addr::LOCALHOST.into()));
}

#[test]
fn a_closed_port_refuses() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let closed = TcpListener::bind(address).unwrap().local_addr().unwrap();
        let observation = Driver::new().ask(to(closed));
        assert_eq!(observation.outcome, Outcome::Refused);
        assert_eq!(observation.rtt, None);
    }
}

#[test]
fn the_source_is_the_one_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.7:0").unwrap().local_addr().unwrap();
    let request = ProbeRequest {
        source: Some(free.ip()),
        source_port: Some(free.port()),
        ..to(listener.local_addr().unwrap())
    };
    let observation = Driver::new().ask(request);
    assert_eq!(observation.outcome, Outcome::Connected);
    assert_eq!(observation.local, Some(free));
    assert_eq!(listener.accept().unwrap().1, free);
}

#[test]
fn a_source_port_in_time_wait_serves_another_flow() {
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let second = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut driver = Driver::new();
    let asked = |listener: &TcpListener| ProbeRequest {
        source_port: Some(free),
        ..to(listener.local_addr().unwrap())
    };
    assert_eq!(driver.ask(asked(&first)).outcome, Outcome::Connected);
    drop(first.accept().unwrap());
    driver.settle();
    assert_eq!(driver.ask(asked(&second)).outcome, Outcome::Connected);
}

#[test]
fn an_address_alone_leaves_the_port_to_the_kernel() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = IpAddr::from([127, 0, 0, 9]);
    let request = ProbeRequest { source: Some(source), ..to(listener.local_addr().unwrap()) };
    let local = Driver::new().ask(request).local.unwrap();
    assert_eq!(local.ip(), source);
    assert!(peerscope_probes::ephemeral_port_range().contains(&local.port()));
}

#[test]
fn what_this_host_refuses_is_a_local_error_that_names_its_call() {
    let target = SocketAddr::from(([127, 0, 0, 1], 9));
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listening = TcpListener::bind(occupied).unwrap();
    let cases = [
        (
            ProbeRequest { source: Some([192, 0, 2, 1].into()), ..to(target) },
            LocalRefusal::AddressUnavailable,
            SystemCall::Bind,
        ),
        (
            ProbeRequest { source_port: Some(listening.local_addr().unwrap().port()), ..to(target) },
            LocalRefusal::AddressUnavailable,
            SystemCall::Bind,
        ),
        (
            ProbeRequest { source: Some(Ipv6Addr::LOCALHOST.into()), ..to(target) },
            LocalRefusal::Unsupported,
            SystemCall::Request,
        ),
        (ProbeRequest { port: 0, ..to(target) }, LocalRefusal::Unsupported, SystemCall::Request),
    ];
    for (number, (request, expected, call)) in (1..).zip(cases) {
        let mut driver = Driver::new();
        let observation = driver.ask(ProbeRequest { id: ProbeId(number), ..request });
        assert!(
            matches!(observation.outcome, Outcome::LocalError { refusal, .. } if refusal == expected),
            "{observation:?}"
        );
        assert_eq!(driver.engine.failure(ProbeId(number)).map(|error| error.call), Some(call));
        assert_eq!(driver.engine.unfinished(), 0);
    }
}

#[test]
fn silence_ends_at_the_timeout_with_its_retransmissions_counted() {
    let (listener, _held) = deaf_listener();
    let request = ProbeRequest { timeout: Duration::from_millis(1400), ..to(listener) };
    let mut driver = Driver::new();
    let observation = driver.ask(request);
    assert_eq!(observation.outcome, Outcome::Timeout);
    let waited = observation.finished_at - observation.sent_at;
    assert!(waited >= request.timeout && waited < request.timeout + Duration::from_millis(500), "{waited:?}");
    assert_eq!(observation.retransmissions, 1);
    assert_eq!(driver.engine.unfinished(), 0);
}
