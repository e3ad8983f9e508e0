//! Clients that are slow, or many.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::daemon::{Daemon, wait_for};
use super::{PATHS, Witness, connected, connected_from_elsewhere, heard, routes, said, statuses};

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

#[test]
fn who_asks_again_and_again_for_what_takes_long_holds_up_nobody() {
    let path = |index: usize| {
        let team = "x".repeat(200);
        format!(
            "- {{name: path-{index}, target: 'tcp://127.0.0.1:1', interval: 1h, labels: {{team: {team}}}}}\n"
        )
    };
    let daemon = Daemon::start(&format!("paths:\n{}", (0..500).map(path).collect::<String>()));
    let port = daemon.port;
    let ends = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let ends = Arc::clone(&ends);
            thread::spawn(move || {
                while !ends.load(Ordering::SeqCst) {
                    let mut stream = connected_from_elsewhere(port);
                    _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                    _ = stream.read(&mut [0; 1]);
                }
            })
        })
        .collect();
    thread::sleep(Duration::from_secs(1));
    let witness = Witness::of(vec![("GET".to_string(), "/-/healthy".to_string())], move |method, path| {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        statuses(&said(port, request.as_bytes())).first().copied().unwrap_or(0)
    });
    thread::sleep(Duration::from_secs(6));
    ends.store(true, Ordering::SeqCst);
    witness.end(&daemon);
    asking.into_iter().for_each(|one| one.join().unwrap());
}

#[test]
fn heads_that_never_end_take_little_memory() {
    let daemon = Daemon::start(PATHS);
    let before = daemon.memory();
    let part = format!("GET / HTTP/1.1\r\nHost: x\r\nX-A: {}", "a".repeat(400_000));
    let mut left = Vec::new();
    for _ in 0..250 {
        let mut stream = connected(daemon.port);
        stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        _ = stream.write_all(part.as_bytes());
        left.push(stream);
    }
    thread::sleep(Duration::from_millis(500));
    let more = daemon.memory().saturating_sub(before);
    println!("{} KiB more", more >> 10);
    assert!(more < 64 << 20, "{} MiB", more >> 20);
}

#[test]
fn answers_that_are_never_read_take_little_memory() {
    let path = |index: usize| {
        format!(
            "- {{name: path-{index}, target: 'tcp://127.0.0.1:1', interval: 1h, labels: {{team: {}}}}}\n",
            "x".repeat(200)
        )
    };
    let paths: String = (0..500).map(path).collect();
    let daemon = Daemon::start(&format!("paths:\n{paths}"));
    let page = said(daemon.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").len();
    let before = daemon.memory();
    let mut deaf = Vec::new();
    for _ in 0..250 {
        let mut stream = connected(daemon.port);
        stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
        _ = stream.write_all("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20).as_bytes());
        deaf.push(stream);
    }
    thread::sleep(Duration::from_secs(15));
    let more = daemon.memory().saturating_sub(before);
    println!("{} KiB more, for pages of {} KiB", more >> 10, page >> 10);
    assert!(more < 128 << 20, "{} MiB", more >> 20);
}

#[test]
fn a_question_whose_client_hung_up_still_counts_as_one_that_is_asked() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = silent.local_addr().unwrap();
    let daemon = Daemon::start("probe_endpoint: {allow: [127.0.0.1]}\n");
    let witness = Witness::plain(&daemon);
    let before = daemon.status("Threads");
    for _ in 0..400 {
        let mut stream = connected(daemon.port);
        let request = format!("GET /probe?target=http://{target}/ HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        // It has been taken by then.
        thread::sleep(Duration::from_millis(5));
    }
    let threads = daemon.status("Threads") - before;
    println!("{threads} threads more");
    assert!(threads <= 70, "{threads} questions at a time");
    // Then there is no place, which is said at once.
    let asked =
        format!("GET /probe?target=http://{target}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(statuses(&said(daemon.port, asked.as_bytes())), [503]);
    // Whoever asks the target lets it go: there are places again.
    silent.set_nonblocking(true).unwrap();
    wait_for("places for questions", || {
        while silent.accept().is_ok() {}
        let answer = said(daemon.port, asked.replace("http:", "ftp:").as_bytes());
        (statuses(&answer) == [200]).then_some(())
    });
    let mut stream = connected(daemon.port);
    stream.write_all(asked.replace("http:", "ftp:").as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.contains("\nprobe_success 0\n"), "{page}");
    witness.end(&daemon);
}
