//! How many at a time, and whose clock.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use peerscope_probes::{BURST, Engine, EngineOptions, ProbeEngine};
use peerscope_vocabulary::{Observation, Outcome, ProbeId, ProbeRequest};

use crate::driver::{Driver, PATIENCE, deaf_listener, to};

fn limited(sockets: usize) -> EngineOptions {
    EngineOptions { in_flight_limit: NonZeroUsize::new(sockets).unwrap(), ..EngineOptions::default() }
}

#[test]
fn at_most_five_at_once_to_one_address_and_no_request_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = to(listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(drop));
    let requests: Vec<_> = (0..12).map(|id| ProbeRequest { id: ProbeId(id), ..target }).collect();
    let mut driver = Driver::new();
    driver.submit(&requests);
    driver.run_until(|driver| driver.observations.len() == 12);
    let mut sent: Vec<_> = driver.observations.iter().map(|observation| observation.sent_at).collect();
    sent.sort();
    for group in sent.windows(BURST + 1) {
        assert!(group[BURST] - group[0] >= Duration::from_millis(500), "{sent:?}");
    }
    assert!(sent[11] < Duration::from_millis(1500), "{sent:?}");
    let ids: HashSet<_> = driver.observations.iter().map(Observation::id).collect();
    assert_eq!(ids.len(), 12);
}

#[test]
fn many_addresses_are_asked_at_once_within_the_limit_of_sockets() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    let requests: Vec<_> = (0..400_u16)
        .map(|id| {
            let [high, low] = id.to_be_bytes();
            let address = SocketAddr::from(([127, 1, high, low.max(1)], port));
            ProbeRequest { id: ProbeId(id.into()), greeting_wait: Duration::from_millis(200), ..to(address) }
        })
        .collect();
    let mut driver = Driver::with(ProbeEngine::with(limited(64)).unwrap());
    driver.submit(&requests);
    while driver.observations.len() < requests.len() {
        assert!(driver.start.elapsed() < PATIENCE);
        let reported = driver.observations.len();
        driver.engine.poll(driver.start.elapsed(), &mut driver.observations);
        let waiting = driver.engine.unfinished();
        assert!(waiting <= requests.len() - reported + 64);
        if let Some(wake_at) = driver.engine.wake_at() {
            driver.engine.wait(wake_at.saturating_sub(driver.start.elapsed())).unwrap();
        }
    }
    assert!(driver.observations.iter().all(|observation| observation.outcome == Outcome::Connected));
    driver.settle();
    assert_eq!(driver.engine.wake_at(), None);
}

#[test]
fn nothing_is_sent_before_poll_and_time_is_the_callers() {
    let (deaf, _held) = deaf_listener();
    let mut engine = ProbeEngine::new().unwrap();
    let mut observations = Vec::new();
    let request = ProbeRequest { timeout: Duration::from_secs(3600), ..to(deaf) };
    assert_eq!(engine.submit(Duration::from_secs(10), &[request]), 1);
    assert!(engine.wake_at().is_some_and(|at| at <= Duration::from_secs(10)));
    engine.poll(Duration::from_secs(20), &mut observations);
    assert_eq!(engine.wake_at(), Some(Duration::from_secs(3620)));
    engine.poll(Duration::from_secs(3619), &mut observations);
    assert_eq!(observations, []);
    engine.poll(Duration::from_secs(3620), &mut observations);
    assert_eq!(observations[0].outcome, Outcome::Timeout);
    assert_eq!(observations[0].sent_at, Duration::from_secs(20));
    assert_eq!(engine.wake_at(), None);
}

#[test]
fn over_the_limit_of_sockets_a_request_waits_until_one_is_free() {
    let (deaf, _held) = deaf_listener();
    let mut engine = ProbeEngine::with(limited(1)).unwrap();
    let mut observations = Vec::new();
    let asked = |id| ProbeRequest { id: ProbeId(id), ..to(deaf) };
    engine.submit(Duration::ZERO, &[asked(1), asked(2)]);
    engine.poll(Duration::ZERO, &mut observations);
    assert_eq!(engine.wake_at(), Some(Duration::from_secs(2)), "not before the first is over");
    engine.poll(Duration::from_secs(2), &mut observations);
    engine.poll(Duration::from_secs(4), &mut observations);
    let sent: Vec<_> =
        observations.iter().map(|observation| (observation.id(), observation.sent_at)).collect();
    assert_eq!(sent, [(ProbeId(1), Duration::ZERO), (ProbeId(2), Duration::from_secs(2))]);
}
