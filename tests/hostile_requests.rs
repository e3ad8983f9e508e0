//! The daemon's server against who means it ill: requests that are none, clients that are slow or many, names that are
//! markup. Whoever behaves is answered meanwhile.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "push/daemon.rs"]
mod daemon;
#[path = "hostile_requests/many.rs"]
mod many;
#[path = "hostile_requests/names.rs"]
mod names;
#[path = "hostile_requests/secured.rs"]
mod secured;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, certificates alone are needed here")]
mod servers;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use daemon::{Daemon, get};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// How soon whoever behaves is answered, on a machine that others use too.
const PROMPT: Duration = Duration::from_secs(2);
/// How long a client of this test waits for an end: longer than the server does.
const PATIENCE: Duration = Duration::from_secs(15);
/// A path that has no trouble.
const PATHS: &str = "paths: [{name: orders-db, target: 'tcp://127.0.0.1:1', interval: 1h}]\n";

/// Every route, with the method that it is meant to be asked by.
fn routes(daemon: &Daemon) -> Vec<(String, String)> {
    let document = get(&daemon.url("/api/v1/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/probe") && paths.len() > 10, "{paths:?}");
    paths
        .iter()
        .flat_map(|(path, operations)| {
            let path = path.replace("{name}", "orders-db");
            let methods = operations.as_object().unwrap().keys();
            methods.map(move |method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect()
}

fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A connection from another address of loopback than those have who behave.
fn connected_from_elsewhere(port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 66, 0, 1], 0)).into()).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything that comes until the other side ends the connection, in whatever way.
fn heard(stream: &mut impl Read) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 65536]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(length) => all.extend(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("neither an end nor an error: {:?}", String::from_utf8_lossy(&all))
            }
            Err(_) => return all,
        }
    }
}

/// What is said to these bytes.
fn said(port: u16, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connected(port);
    // It may have been heard enough before all is said.
    _ = stream.write_all(bytes);
    heard(&mut stream)
}

/// The statuses of all answers in these bytes.
fn statuses(bytes: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(bytes);
    let answers = text.split("HTTP/1.").skip(1);
    answers.map(|answer| answer.get(2..5).and_then(|status| status.parse().ok()).unwrap_or(0)).collect()
}

/// Whoever behaves, and asks again and again for everything.
struct Witness {
    ends: Arc<AtomicBool>,
    asking: JoinHandle<(usize, Duration, String)>,
}

impl Witness {
    /// One that asks by `ask`, which gives a status.
    fn of(routes: Vec<(String, String)>, ask: impl Fn(&str, &str) -> u16 + Send + 'static) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ends);
        let asking = thread::spawn(move || {
            let mut told = (0, Duration::ZERO, String::new());
            for (method, path) in routes.iter().cycle() {
                if until.load(Ordering::SeqCst) {
                    return told;
                }
                let begun = Instant::now();
                let status = ask(method, path);
                let took = begun.elapsed();
                let is_known = [200, 400, 404, 503].contains(&status);
                assert!(is_known, "{method} {path}: {status} after {took:?}");
                told.0 += 1;
                if took > told.1 {
                    (told.1, told.2) = (took, path.clone());
                }
                thread::sleep(Duration::from_millis(20));
            }
            told
        });
        Self { ends, asking }
    }

    fn plain(daemon: &Daemon) -> Self {
        let port = daemon.port;
        Self::of(routes(daemon), move |method, path| {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            statuses(&said(port, request.as_bytes())).first().copied().unwrap_or(0)
        })
    }

    /// Whether it was answered all the while, and promptly.
    fn end(self, daemon: &Daemon) {
        self.ends.store(true, Ordering::SeqCst);
        let (count, longest, path) = self.asking.join().unwrap();
        println!("{count} answers meanwhile, the slowest after {longest:?} ({path})");
        assert!(count > 0 && longest < PROMPT, "{count}, {longest:?} for {path}");
        let log = daemon.said("log");
        assert!(!log.contains("panic"), "{log}");
        assert!(daemon.memory() > 0, "it does not run any more");
    }
}

/// Requests that are none: the head of each, for a path.
fn broken_heads(path: &str) -> Vec<Vec<u8>> {
    let of = |text: String| text.into_bytes();
    let mut heads: Vec<Vec<u8>> = vec![
        of("\0".repeat(64) + "\r\n\r\n"),
        of(format!("{path}\r\n\r\n")),
        of("GET\r\n\r\n".to_string()),
        of(format!("GET {path}\r\nHost: x\r\n\r\n")),
        of(format!("GET {path} HTTP/2.0\r\nHost: x\r\n\r\n")),
        of(format!("GET {path} HTTP/9.9\r\nHost: x\r\n\r\n")),
        of(format!("GET {path} http/1.1\r\nHost: x\r\n\r\n")),
        of(format!("GET  {path} HTTP/1.1\r\nHost: x\r\n\r\n")),
        of(format!("GET {path} x HTTP/1.1\r\nHost: x\r\n\r\n")),
        of(format!("GET\t{path}\tHTTP/1.1\r\nHost: x\r\n\r\n")),
        of(format!("G\0T {path} HTTP/1.1\r\nHost: x\r\n\r\n")),
        of(format!("GET {path}\0 HTTP/1.1\r\nHost: x\r\n\r\n")),
        of(format!("GET {path}\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n")),
        [b"GET ", path.as_bytes(), b"\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"].concat(),
        of(format!("GET {path} HTTP/1.1\r\nHost x\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\r\n: x\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\r\nHost : x\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-A: b\x01c\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX\0: b\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\n folded: b\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\rHost: x\r\r")),
        // RFC 9112, section 3.2: a request says to whom it is, once.
        of(format!("GET {path} HTTP/1.1\r\n\r\n")),
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")),
        // Larger than anybody's head.
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-A: {}\r\n\r\n", "a".repeat(1 << 20))),
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}: a\r\n\r\n", "X".repeat(1 << 20))),
        of(format!("GET {path}?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20))),
        of(format!("GET {path}?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a=b&".repeat(1 << 15))),
        of(format!("{} {path} HTTP/1.1\r\nHost: x\r\n\r\n", "G".repeat(1 << 20))),
        of(format!("GET {path} HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(500))),
        vec![0xff; 1 << 20],
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
    ];
    for length in ["-1", "+5", "0x5", "five", "", "5, 6", "18446744073709551616", "5\r\nContent-Length: 6"] {
        heads.push(of(format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nhello")));
    }
    for coding in ["gzip", "chunked, gzip", "identity", "chunke\u{301}d"] {
        heads
            .push(of(format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\nhello")));
    }
    heads
}

#[test]
fn what_is_no_request_is_answered_by_an_error_or_an_end() {
    let daemon = Daemon::start(PATHS);
    let witness = Witness::plain(&daemon);
    let port = daemon.port;
    // Side by side: some of them are ended only after a while.
    let asking = routes(&daemon).into_iter().map(|(_, path)| {
        thread::spawn(move || {
            for head in broken_heads(&path) {
                let answer = said(port, &head);
                let shown = String::from_utf8_lossy(&head[..head.len().min(200)]).into_owned();
                let statuses = statuses(&answer);
                assert!(
                    statuses.len() < 2 && statuses.iter().all(|status| (400..500).contains(status)),
                    "{shown:?}: {statuses:?}"
                );
                assert!(!statuses.is_empty() || answer.is_empty(), "{shown:?}: {answer:?}");
            }
        })
    });
    for one in asking.collect::<Vec<_>>() {
        one.join().unwrap();
    }
    witness.end(&daemon);
}

#[test]
fn no_other_method_and_no_way_of_writing_a_path_gets_what_is_not_there() {
    let daemon = Daemon::start(PATHS);
    let witness = Witness::plain(&daemon);
    let asked = |method: &str, path: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = said(daemon.port, request.as_bytes());
        assert!(!String::from_utf8_lossy(&answer).contains("root:"), "{method} {path}");
        let statuses = statuses(&answer);
        assert!(
            statuses.len() == 1 && (400..500).contains(&statuses[0]),
            "{method} {path}: {statuses:?} {:?}",
            String::from_utf8_lossy(&answer)
        );
    };
    for (method, path) in routes(&daemon) {
        let others =
            ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "BREW", "GETGET"];
        let other = if method == "GET" { "POST" } else { "GET" };
        for wrong in others.iter().filter(|wrong| **wrong != method).chain([&other]) {
            asked(wrong, &path);
        }
        let path = path.trim_end_matches('/');
        for end in [
            "/../../../etc/passwd",
            "/..%2f..%2f..%2fetc%2fpasswd",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/..\\..\\etc\\passwd",
            "/.%00./etc/passwd",
            "%00",
            "%",
            "%zz",
            "%ff",
            "%c0%ae%c0%ae",
            "/%25%30%30",
            "/.",
            ";a=b",
            "%0d%0aX-A:%20b",
        ] {
            asked(&method, &format!("{path}{end}"));
        }
    }
    for path in ["*", "//", "//etc/passwd", "/paths/..%2f..", "/paths/%2e%2e", "/api/v1/paths/..%2f..%2fetc"]
    {
        asked("GET", path);
    }
    witness.end(&daemon);
}

#[test]
fn a_body_is_no_second_request_and_a_broken_one_ends_the_connection() {
    let daemon = Daemon::start(PATHS);
    let witness = Witness::plain(&daemon);
    let within = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    for (method, path) in routes(&daemon) {
        for (headers, body, is_whole) in [
            // Less than is said, and the end.
            ("Content-Length: 1000", within, false),
            ("Content-Length: 1000000000000", within, false),
            // The length of what looks like a request.
            ("Content-Length: 36", within, true),
            // More than is said: garbage follows.
            ("Content-Length: 5", "hello\0\0\0\r\n\r\n", false),
            ("Transfer-Encoding: chunked", "zz\r\nhello\r\n0\r\n\r\n", false),
            ("Transfer-Encoding: chunked", "ffffffffffffffffff\r\nhello", false),
            ("Transfer-Encoding: chunked", "-5\r\nhello\r\n0\r\n\r\n", false),
            ("Transfer-Encoding: chunked", "5\r\nhel", false),
            (
                "Transfer-Encoding: chunked",
                "24\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n\r\n0\r\n\r\n",
                true,
            ),
            // A length and chunks: whoever stands before may have taken the length (RFC 9112, section 6.1).
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked",
                "0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
                false,
            ),
        ] {
            let close = if is_whole { "Connection: close\r\n" } else { "" };
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{close}{headers}\r\n\r\n{body}");
            let mut stream = connected(daemon.port);
            stream.write_all(request.as_bytes()).unwrap();
            // The answer does not wait for the body; then nothing more comes.
            let mut first = [0; 1];
            let has_answer = stream.read(&mut first).is_ok_and(|length| length == 1);
            _ = stream.shutdown(Shutdown::Write);
            let rest = heard(&mut stream);
            let statuses = statuses(&[&first[..usize::from(has_answer)], &rest].concat());
            let is_fine =
                statuses.len() <= 1 || statuses[1..].iter().all(|status| (400..500).contains(status));
            assert!(is_fine, "{request:?}: {statuses:?}");
        }
    }
    witness.end(&daemon);
}

#[test]
fn a_line_feed_alone_may_end_a_line_and_makes_no_second_request() {
    // RFC 9112, section 2.2, lets a recipient take it so.
    let daemon = Daemon::start(PATHS);
    let request =
        b"GET /-/healthy HTTP/1.1\nHost: x\nConnection: close\n\nGET /metrics HTTP/1.1\nHost: x\n\n";
    assert_eq!(statuses(&said(daemon.port, request)), [200]);
}
