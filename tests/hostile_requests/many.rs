//! Clients that are slow, or many.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::daemon::Daemon;
use super::{PATHS, Witness, connected, connected_from_elsewhere, heard, routes, statuses};

/// As many connections as are opened, or half of what this process may have.
fn most(wanted: usize) -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    wanted.min(usize::try_from(soft).unwrap_or(usize::MAX) / 2)
}

#[test]
fn thousands_of_connections_that_are_left_hold_up_nobody() {
    let daemon = Daemon::start(PATHS);
    let count = most(3000);
    let witness = Witness::plain(&daemon);
    let mut left: Vec<TcpStream> = Vec::new();
    for index in 0..count {
        let mut stream = connected_from_elsewhere(daemon.port);
        // Some say nothing, some begin, some are slow from then on.
        _ = match index % 3 {
            0 => Ok(()),
            1 => stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "),
            _ => stream.write_all(b"G"),
        };
        left.push(stream);
    }
    // A byte each second.
    for _ in 0..8 {
        for stream in &mut left {
            _ = stream.write_all(b"a");
        }
        thread::sleep(Duration::from_secs(1));
    }
    witness.end(&daemon);
    // Not one is kept for long.
    let begun = Instant::now();
    for stream in &mut left {
        let statuses = statuses(&heard(stream));
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{statuses:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    println!("{count} connections");
}

#[test]
fn who_never_reads_and_who_asks_for_everything_at_once_hold_up_nobody() {
    let daemon = Daemon::start(PATHS);
    let witness = Witness::plain(&daemon);
    let mut deaf = Vec::new();
    for index in 0..300 {
        let all: Vec<String> = routes(&daemon)
            .iter()
            .filter(|(method, _)| method == "GET")
            .map(|(_, path)| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .collect();
        let mut stream = connected_from_elsewhere(daemon.port);
        stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
        // As much as is taken.
        for _ in 0..if index < 30 { 200 } else { 1 } {
            if stream.write_all(all.concat().as_bytes()).is_err() {
                break;
            }
        }
        deaf.push(stream);
    }
    thread::sleep(Duration::from_secs(3));
    witness.end(&daemon);
    // What was asked for in one go is answered in order, if it is read.
    let requests = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2000)
        + "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut stream = connected(daemon.port);
    let mut writing = stream.try_clone().unwrap();
    let written = thread::spawn(move || writing.write_all(requests.as_bytes()));
    let answers = statuses(&heard(&mut stream));
    written.join().unwrap().unwrap();
    assert_eq!((answers.len(), answers.iter().all(|status| *status == 200)), (2001, true));
}
