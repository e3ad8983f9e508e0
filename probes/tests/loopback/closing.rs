//! Listening for a greeting, and leaving without harm.

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use peerscope_probes::Engine;
use peerscope_vocabulary::{Outcome, ProbeId, ProbeRequest};

use crate::driver::{Driver, PATIENCE, deaf_listener, read_to_end, reset, serve, to};

#[test]
fn a_mysql_like_greeting_is_heard() {
    let packet = b"\x4a\0\0\0\x0a8.4.3\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15more";
    let (address, end) = serve(move |mut stream| {
        thread::sleep(Duration::from_millis(500));
        stream.write_all(packet).unwrap();
        read_to_end(&stream)
    });
    let mut driver = Driver::new();
    let observation = driver.ask(ProbeRequest { greeting_wait: Duration::from_secs(5), ..to(address) });
    let greeting = observation.greeting.unwrap();
    assert_eq!(observation.outcome, Outcome::Connected);
    assert!(greeting.is_mysql());
    assert_eq!(greeting.bytes(), &packet[..32]);
    let since_handshake = driver.start.elapsed() - observation.finished_at;
    assert!(since_handshake > Duration::from_millis(200), "the handshake's time, not the greeting's");
    driver.settle();
    assert_eq!(end.recv().unwrap().unwrap(), 0);
}

#[test]
fn a_greeting_of_garbage_is_kept_for_what_it_is_and_left_in_order() {
    let (address, end) = serve(|mut stream| {
        let garbage: Vec<u8> = (0..4000_usize).map(|at| (at.wrapping_mul(151) >> 2) as u8 | 0x80).collect();
        stream.write_all(&garbage).unwrap();
        read_to_end(&stream)
    });
    let mut driver = Driver::new();
    let observation = driver.ask(ProbeRequest { greeting_wait: Duration::from_secs(5), ..to(address) });
    let greeting = observation.greeting.unwrap();
    assert_eq!((observation.outcome, greeting.bytes().len()), (Outcome::Connected, 32));
    assert!(!greeting.is_mysql());
    driver.settle();
    assert_eq!(end.recv().unwrap().unwrap(), 0, "closed with FIN");
}

#[test]
fn a_silent_server_is_left_after_the_wait_and_sees_fin() {
    let (address, end) = serve(|stream| read_to_end(&stream));
    let mut driver = Driver::new();
    let observation = driver.ask(ProbeRequest { greeting_wait: Duration::from_millis(300), ..to(address) });
    assert_eq!((observation.outcome, observation.greeting), (Outcome::Connected, None));
    let now = driver.start.elapsed();
    assert!(now >= Duration::from_millis(300) && now < Duration::from_secs(2), "{now:?}");
    driver.settle();
    assert_eq!(end.recv().unwrap().unwrap(), 0);
}

#[test]
fn a_server_that_hangs_up_ends_the_wait() {
    let (address, _end) = serve(drop);
    let mut driver = Driver::new();
    let observation = driver.ask(ProbeRequest { greeting_wait: Duration::from_secs(10), ..to(address) });
    assert_eq!((observation.outcome, observation.greeting), (Outcome::Connected, None));
    assert!(driver.start.elapsed() < Duration::from_secs(5));
}

#[test]
fn rst_after_the_handshake_is_a_reset() {
    let (address, _end) = serve(|stream| {
        thread::sleep(Duration::from_millis(100));
        reset(&stream);
    });
    let mut driver = Driver::new();
    let observation = driver.ask(ProbeRequest { greeting_wait: Duration::from_secs(10), ..to(address) });
    assert_eq!(observation.outcome, Outcome::Reset);
    assert!(observation.rtt.is_some());
    assert_eq!(driver.engine.unfinished(), 0);
}

#[test]
fn a_server_that_speaks_late_or_much_still_sees_fin() {
    let (address, end) = serve(|mut stream| {
        thread::sleep(Duration::from_millis(200));
        // RST would make one of these, or the read, fail.
        for _ in 0..8 {
            stream.write_all(&[7; 4096])?;
            thread::sleep(Duration::from_millis(10));
        }
        read_to_end(&stream)
    });
    let mut driver = Driver::new();
    assert_eq!(driver.ask(to(address)).outcome, Outcome::Connected);
    assert_eq!(driver.engine.unfinished(), 1, "reported at once, closed later");
    driver.settle();
    assert_eq!(end.recv().unwrap().unwrap(), 0);
}

#[test]
fn a_server_that_never_stops_is_left() {
    let (address, _end) = serve(|mut stream| while stream.write_all(&[7; 65536]).is_ok() {});
    let mut driver = Driver::new();
    driver.ask(ProbeRequest { greeting_wait: Duration::from_secs(1), ..to(address) });
    driver.settle();
    assert!(driver.start.elapsed() < Duration::from_secs(4));
}

#[test]
fn dropping_the_engine_reads_what_came_and_sends_fin() {
    let (told, wrote) = mpsc::channel();
    let (address, end) = serve(move |mut stream| {
        stream.write_all(b"hello").unwrap();
        told.send(()).unwrap();
        read_to_end(&stream)
    });
    let mut driver = Driver::new();
    driver.submit(&[to(address)]);
    driver.engine.poll(driver.start.elapsed(), &mut driver.observations);
    wrote.recv().unwrap();
    drop(driver);
    assert_eq!(end.recv().unwrap().unwrap(), 0);
}

#[test]
fn a_cancelled_request_is_not_answered_and_an_open_one_ends_with_fin() {
    let (deaf, _held) = deaf_listener();
    let (address, end) = serve(|stream| read_to_end(&stream));
    let mut driver = Driver::new();
    let silent = ProbeRequest { id: ProbeId(1), ..to(deaf) };
    let listening = ProbeRequest { id: ProbeId(2), greeting_wait: PATIENCE, ..to(address) };
    let queued = ProbeRequest { id: ProbeId(3), ..to(deaf) };
    driver.submit(&[silent, listening]);
    for _ in 0..20 {
        driver.engine.poll(driver.start.elapsed(), &mut driver.observations);
        driver.engine.wait(Duration::from_millis(5)).unwrap();
    }
    driver.submit(&[queued]);
    for id in 1..=3 {
        assert!(driver.engine.cancel(driver.start.elapsed(), ProbeId(id)));
        assert!(!driver.engine.cancel(driver.start.elapsed(), ProbeId(id)));
    }
    driver.settle();
    assert_eq!(driver.observations, []);
    assert_eq!(end.recv().unwrap().unwrap(), 0);
}
