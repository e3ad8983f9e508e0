//! Speaking an application's protocol: silence, ends and other protocols, each told, and each left by FIN.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use peerscope_probes::{Engine, ProbeEngine};
use peerscope_vocabulary::{
    ApplicationProtocol, Carried, ClosedBy, Handshake, HandshakeEnd, HandshakeObservation, HandshakeStep,
    Outcome, ProbeKind, ProbeRequest, ProtocolAnswer, RecognisedProtocol, SegmentLimits, TlsProblem,
};

use crate::driver::{Driver, deaf_listener, read_to_end, reset, serve, to};

const WAIT: Duration = Duration::from_millis(300);

fn of(protocol: ApplicationProtocol) -> Handshake {
    let tls = protocol == ApplicationProtocol::Tls;
    Handshake { protocol, tls, host: "localhost".to_string(), login: true }
}

fn spoken(driver: &mut Driver, address: SocketAddr, protocol: ApplicationProtocol) -> HandshakeObservation {
    spoken_as(driver, ProbeRequest { greeting_wait: WAIT, ..to(address) }, protocol)
}

fn spoken_as(
    driver: &mut Driver,
    request: ProbeRequest,
    protocol: ApplicationProtocol,
) -> HandshakeObservation {
    let now = driver.start.elapsed();
    assert!(driver.engine.speak(now, request, of(protocol)));
    let before = driver.observations.len();
    driver.run_until(|driver| driver.observations.len() > before);
    let observation = driver.observations[before];
    assert_eq!(observation.request.kind, ProbeKind::Handshake);
    let spoken = driver.engine.spoken(&observation).unwrap();
    assert!(driver.engine.spoken(&observation).is_none(), "once for each");
    spoken
}

fn end(driver: &mut Driver, address: SocketAddr, protocol: ApplicationProtocol) -> HandshakeEnd {
    let spoken = spoken(driver, address, protocol);
    let end = spoken.reply.end.unwrap();
    let is_answered = matches!(end, HandshakeEnd::Answered { .. });
    let expected = if is_answered { Outcome::Connected } else { Outcome::ApplicationError };
    assert_eq!(spoken.observation.outcome, expected);
    assert!(spoken.observation.is_answer() && spoken.observation.rtt.is_some());
    end
}

/// Reads what a client says until so many bytes are there.
fn heard(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn silence_is_told_with_its_step_and_left_by_fin() {
    for (protocol, step, said) in [
        (ApplicationProtocol::Postgresql, HandshakeStep::TlsOffer, 8),
        (ApplicationProtocol::Mysql, HandshakeStep::Greeting, 0),
        (ApplicationProtocol::Redis, HandshakeStep::Reply, 14),
        (ApplicationProtocol::Kafka, HandshakeStep::Reply, 23),
    ] {
        let (address, left) = serve(|stream| read_to_end(&stream));
        let mut driver = Driver::new();
        let end = end(&mut driver, address, protocol);
        let HandshakeEnd::Silent { step: at, waited, received, unacknowledged } = end else {
            panic!("{protocol:?}")
        };
        assert_eq!((at, received), (step, 0));
        // Where anything was said, the other side's kernel took it.
        assert_eq!(unacknowledged, (said > 0).then_some(0), "{protocol:?}");
        assert!(waited >= WAIT && waited < WAIT * 10, "{waited:?}");
        driver.settle();
        assert_eq!(left.recv().unwrap().unwrap(), said, "and then FIN");
    }
}

#[test]
fn part_of_an_answer_is_still_silence() {
    let (address, _left) = serve(|mut stream| {
        heard(&mut stream, 14);
        stream.write_all(b"+PO").unwrap();
        read_to_end(&stream)
    });
    let end = end(&mut Driver::new(), address, ApplicationProtocol::Redis);
    assert!(matches!(end, HandshakeEnd::Silent { received: 3, .. }), "{end:?}");
}

#[test]
fn the_other_sides_ends_are_told_apart() {
    let (address, _left) = serve(drop);
    let closed = end(&mut Driver::new(), address, ApplicationProtocol::Mysql);
    let step = HandshakeStep::Greeting;
    assert_eq!(closed, HandshakeEnd::Closed { step, by: ClosedBy::Fin, received: 0 });
    let (address, _left) = serve(|mut stream| {
        heard(&mut stream, 8);
        reset(&stream);
    });
    let closed = end(&mut Driver::new(), address, ApplicationProtocol::Postgresql);
    let step = HandshakeStep::TlsOffer;
    assert_eq!(closed, HandshakeEnd::Closed { step, by: ClosedBy::Reset, received: 0 });
}

#[test]
fn another_protocol_is_told_by_its_first_bytes() {
    let (address, left) = serve(|mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n").unwrap();
        read_to_end(&stream)
    });
    let mut driver = Driver::new();
    let spoken = spoken(&mut driver, address, ApplicationProtocol::Mysql);
    let Some(HandshakeEnd::AnotherProtocol { recognised, first }) = spoken.reply.end else {
        panic!("{spoken:?}")
    };
    assert_eq!(
        (recognised, first.bytes()),
        (Some(RecognisedProtocol::Ssh), &b"SSH-2.0-OpenSSH_9.2p1\r\n"[..])
    );
    assert_eq!(spoken.observation.greeting, Some(first));
    driver.settle();
    assert_eq!(left.recv().unwrap().unwrap(), 0, "nothing is said to it");
}

#[test]
fn an_answer_that_dribbles_is_one_and_the_protocols_end_is_kept() {
    let (address, left) = serve(|mut stream| {
        assert_eq!(heard(&mut stream, 14), b"*1\r\n$4\r\nPING\r\n");
        for byte in b"+PONG\r\n" {
            stream.write_all(&[*byte]).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).map(|_| rest)
    });
    let mut driver = Driver::new();
    let answer = ProtocolAnswer::Redis { needs_password: false };
    assert_eq!(end(&mut driver, address, ApplicationProtocol::Redis), HandshakeEnd::Answered { answer });
    driver.settle();
    assert_eq!(left.recv().unwrap().unwrap(), b"*1\r\n$4\r\nQUIT\r\n");
}

#[test]
fn who_refuses_and_resets_at_once_is_heard_all_the_same() {
    let (address, _left) = serve(|mut stream| {
        stream.write_all(b"-DENIED Redis is running in protected mode\r\n").unwrap();
        reset(&stream);
        thread::sleep(Duration::from_millis(50));
    });
    let end = end(&mut Driver::new(), address, ApplicationProtocol::Redis);
    let HandshakeEnd::Refused { code, words } = end else { panic!("{end:?}") };
    assert_eq!(code.unwrap().as_str(), "DENIED");
    assert!(words.as_str().ends_with("protected mode"), "{words}");
}

#[test]
fn a_flood_ends() {
    let (address, _left) = serve(|mut stream| while stream.write_all(&[b'+'; 65536]).is_ok() {});
    let mut driver = Driver::new();
    let end = end(&mut driver, address, ApplicationProtocol::Redis);
    assert!(matches!(end, HandshakeEnd::AnotherProtocol { recognised: None, .. }), "{end:?}");
    driver.settle();
}

#[test]
fn where_nothing_connects_nothing_is_said() {
    let (deaf, _held) = deaf_listener();
    let mut driver = Driver::new();
    let request = ProbeRequest { timeout: WAIT, greeting_wait: WAIT, ..to(deaf) };
    let handshake = of(ApplicationProtocol::Redis);
    assert!(driver.engine.speak(driver.start.elapsed(), request, handshake));
    driver.run_until(|driver| !driver.observations.is_empty());
    let observation = driver.observations[0];
    let spoken = driver.engine.spoken(&observation).unwrap();
    assert_eq!((observation.outcome, spoken.reply.end), (Outcome::Timeout, None));
}

#[test]
fn one_that_is_cancelled_or_dropped_ends_with_fin() {
    for is_cancelled in [true, false] {
        let (address, left) = serve(|mut stream| {
            heard(&mut stream, 8);
            read_to_end(&stream)
        });
        let mut driver = Driver::with(ProbeEngine::new().unwrap());
        let request = ProbeRequest { greeting_wait: Duration::from_secs(10), ..to(address) };
        let handshake = of(ApplicationProtocol::Postgresql);
        assert!(driver.engine.speak(driver.start.elapsed(), request, handshake));
        for _ in 0..20 {
            driver.engine.poll(driver.start.elapsed(), &mut driver.observations);
            driver.engine.wait(Duration::from_millis(5)).unwrap();
        }
        if is_cancelled {
            assert!(driver.engine.cancel(driver.start.elapsed(), request.id));
            driver.settle();
            assert_eq!(driver.observations, []);
        }
        drop(driver);
        assert_eq!(left.recv().unwrap().unwrap(), 0);
    }
}

/// How a handshake of TLS ends with who answers its first message so, and then stays.
fn tls_end(answer: &'static [u8]) -> HandshakeEnd {
    let (address, left) = serve(move |mut stream| {
        let header = heard(&mut stream, 5);
        assert_eq!(header[..2], [0x16, 3], "a handshake record");
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        heard(&mut stream, length);
        stream.write_all(answer)?;
        read_to_end(&stream)
    });
    let mut driver = Driver::new();
    let end = end(&mut driver, address, ApplicationProtocol::Tls);
    driver.settle();
    left.recv().unwrap().expect("left by FIN");
    end
}

#[test]
fn each_way_not_to_answer_tls_is_told() {
    let silent = tls_end(b"");
    assert!(
        matches!(silent, HandshakeEnd::Silent { step: HandshakeStep::Tls, received: 0, .. }),
        "{silent:?}"
    );
    let part = tls_end(b"\x16\x03\x03\x40\0half of it");
    assert!(matches!(part, HandshakeEnd::Silent { step: HandshakeStep::Tls, received: 15, .. }), "{part:?}");
    let alert = tls_end(b"\x15\x03\x03\0\x02\x02\x28");
    let HandshakeEnd::TlsFailed { problem: TlsProblem::Alert { code: 40, name } } = alert else {
        panic!("{alert:?}")
    };
    assert_eq!(name.as_str(), "HandshakeFailure");
    let plain = tls_end(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let recognised = Some(RecognisedProtocol::Http);
    assert!(matches!(plain, HandshakeEnd::AnotherProtocol { recognised: one, .. } if one == recognised));
    let broken = tls_end(b"\x16\x03\x03\0\x04\x02\0\0\0");
    let HandshakeEnd::TlsFailed { problem: TlsProblem::Broken { words } } = broken else {
        panic!("{broken:?}")
    };
    assert!(!words.as_str().is_empty());
}

#[test]
fn a_postgresql_that_offers_tls_and_says_no_more_is_silent_at_tls() {
    let (address, _left) = serve(|mut stream| {
        heard(&mut stream, 8);
        stream.write_all(b"S").unwrap();
        read_to_end(&stream)
    });
    let end = end(&mut Driver::new(), address, ApplicationProtocol::Postgresql);
    assert!(matches!(end, HandshakeEnd::Silent { step: HandshakeStep::Tls, .. }), "{end:?}");
}

/// The sizes of what was read one after the other, until nothing came for a while.
fn pieces(stream: &mut TcpStream) -> Vec<usize> {
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let mut sizes = Vec::new();
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        sizes.push(count);
    }
    sizes
}

#[test]
fn a_padded_request_tells_how_its_packets_fared_both_ways() {
    for (both, largest) in [(Some(600), 600), (Some(1_500), 1_500), (Some(9_001), 9_001)] {
        let (address, _left) = serve(|mut stream| {
            let said = heard(&mut stream, 14 + 7 + 3_000 + 2);
            stream.write_all(&said[14..]).unwrap();
            read_to_end(&stream)
        });
        let segments = SegmentLimits { both: both.and_then(NonZero::new), own: None };
        let request =
            ProbeRequest { greeting_wait: WAIT * 5, payload_length: 3_000, segments, ..to(address) };
        let mut driver = Driver::new();
        let spoken = spoken_as(&mut driver, request, ApplicationProtocol::Redis);
        assert_eq!(spoken.observation.largest_packet, Some(largest));
        let answer = ProtocolAnswer::Redis { needs_password: false };
        assert_eq!(spoken.reply.end, Some(HandshakeEnd::Answered { answer }));
        let carried = spoken.reply.carried.unwrap();
        assert_eq!((carried.said, carried.received), (3_023, 3_009));
        assert_eq!((carried.unacknowledged, carried.resent, carried.out_of_order), (0, 0, 0));
        assert_eq!((carried.largest, carried.largest_at_end), (largest, largest));
        assert!(!carried.is_told);
        // The answer's own size bounds it too: with headers and the option of timestamps.
        assert_eq!(carried.largest_received, Some(largest.min(3_009 + 52)));
    }
}

#[test]
fn what_is_said_in_pieces_leaves_in_pieces() {
    let (address, read) = serve(|mut stream| pieces(&mut stream));
    let own = NonZero::new(576);
    let segments = SegmentLimits { both: None, own };
    let request = ProbeRequest { greeting_wait: WAIT, payload_length: 3_000, segments, ..to(address) };
    let mut driver = Driver::new();
    let spoken = spoken_as(&mut driver, request, ApplicationProtocol::Redis);
    let carried = spoken.reply.carried.unwrap();
    assert!(carried.largest > 9_001, "the other side may send larger ones: {carried:?}");
    assert_eq!(read.recv().unwrap().iter().sum::<usize>(), 3_023);
}

#[test]
fn what_is_not_padded_has_its_account_too() {
    let (address, _left) = serve(|stream| read_to_end(&stream));
    let spoken = spoken(&mut Driver::new(), address, ApplicationProtocol::Kafka);
    let Some(Carried { said: 23, unacknowledged: 0, received: 0, largest_received: None, .. }) =
        spoken.reply.carried.as_deref()
    else {
        panic!("{spoken:?}")
    };
}
