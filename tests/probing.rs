//! `probe`, `trace` and `capabilities` from the outside, over loopback alone.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

fn peerscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peerscope")).args(arguments).output().expect("the binary runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text is UTF-8")
}

fn json(arguments: &[&str], status: i32) -> Value {
    let output = peerscope(&[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)))
}

fn refused(arguments: &[&str]) -> String {
    let output = peerscope(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    said
}

/// A listener that greets, then reads to the end; each connection's time, and how its end looked.
fn listener(greeting: &'static [u8]) -> (SocketAddr, Receiver<(Instant, std::io::Result<usize>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (sender, at) = (sender.clone(), Instant::now());
            thread::spawn(move || {
                let mut stream: TcpStream = stream.unwrap();
                let _ = stream.write_all(greeting);
                let _ = sender.send((at, stream.read_to_end(&mut Vec::new())));
            });
        }
    });
    (address, receiver)
}

/// A port that nothing listens on.
fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Answers each datagram so many times, after a pause.
fn datagram_server(answers: usize, pause: Duration) -> SocketAddr {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = server.recv_from(&mut buffer) {
            thread::sleep(pause);
            for _ in 0..answers {
                let _ = server.send_to(b"yes", from);
            }
        }
    });
    address
}

#[test]
fn the_document_is_the_contracts() {
    let (open, ends) = listener(b"");
    let closed = closed_port();
    let targets = [format!("tcp://{open}"), format!("tcp://{closed}")];
    let report = json(&["probe", &targets[0], &targets[1], "--count", "3", "--interval", "120ms"], 0);
    assert_eq!(report["schema"], "peerscope/probe/1");
    let [first, second] = report["targets"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!(first["target"], targets[0].as_str());
    for (target, word) in [(first, "connected"), (second, "refused")] {
        for (field, expected) in [("sent", 3), ("received", 3), ("late", 0), ("duplicates", 0)] {
            assert_eq!(target[field], expected, "{target}");
        }
        assert_eq!(target["results"], serde_json::json!({ word: 3 }));
        let times = ["min", "median", "p95", "p99", "max", "jitter"]
            .map(|field| target["rtt_seconds"][field].as_f64().unwrap());
        assert!(times[..5].is_sorted() && times[0] > 0.0 && times[4] < 1.0, "{target}");
    }
    let totals = &report["totals"];
    assert_eq!(
        (&totals["sent"], &totals["received"], &totals["engine"]),
        (&6.into(), &6.into(), &"connect".into())
    );
    assert!(totals["elapsed_seconds"].as_f64().unwrap() >= 0.24);
    for _ in 0..3 {
        assert_eq!(ends.recv().unwrap().1.unwrap(), 0, "closed with FIN");
    }
}

#[test]
fn who_does_not_answer_is_exit_1_and_said_why() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = format!("udp://{}", silent.local_addr().unwrap());
    let answering = format!("udp://{}", datagram_server(1, Duration::ZERO));
    let arguments = ["probe", &target, &answering, "--timeout", "100ms"];
    let output = peerscope(&arguments);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    // How long it was waited for is what it was in truth: on a busy machine a little more.
    assert!(text.contains("timeout") && text.contains("no answer in "), "{text}");
    assert!(text.contains("1 of 2 targets answered"), "{text}");
    assert!(text.lines().all(|line| line.width() <= 80), "{text}");
    let report = json(&arguments, 1);
    assert_eq!(report["targets"][0]["rtt_seconds"], Value::Null);
    assert_eq!(report["targets"][1]["results"]["answered"], 1);
    let unsent = json(&["probe", &answering, "--source", "192.0.2.1"], 1);
    assert_eq!(unsent["targets"][0]["sent"], 0);
    assert_eq!(unsent["targets"][0]["results"]["local_error"], 1);
}

#[test]
fn late_and_double_answers_are_counted_as_that() {
    let target = format!("udp://{}", datagram_server(2, Duration::from_millis(150)));
    let late = json(&["probe", &target, "--timeout", "100ms"], 1);
    let counts = |report: &Value| {
        ["sent", "received", "late", "duplicates"].map(|field| report["targets"][0][field].as_u64().unwrap())
    };
    assert_eq!(counts(&late), [1, 0, 1, 1], "{late}");
    let in_time = json(&["probe", &target, "--count", "2", "--interval", "300ms"], 0);
    assert_eq!(counts(&in_time)[..3], [2, 2, 0], "{in_time}");
    assert!(counts(&in_time)[3] >= 1, "{in_time}");
    assert_eq!(in_time["targets"][0]["rtt_seconds"]["clock"], "kernel");
}

#[test]
fn each_observation_is_a_line_as_it_comes() {
    let (open, _ends) = listener(b"");
    let target = format!("tcp://{open}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(["probe", &target, "--count", "3", "--interval", "400ms", "--format", "jsonl"])
        .args(["--source", "127.0.0.5", "--source-port", "41000-41099"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let mut seen = Vec::new();
    for line in std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap())) {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        assert_eq!((&line["target"], &line["result"]), (&target.as_str().into(), &"connected".into()));
        assert_eq!(line["request"]["source"], "127.0.0.5");
        seen.push((start.elapsed(), line["request"]["source_port"].as_u64().unwrap()));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let ports: Vec<u64> = seen.iter().map(|(_, port)| *port).collect();
    assert_eq!(ports, [41000, 41001, 41002]);
    assert!(seen[2].0 - seen[0].0 >= Duration::from_millis(600), "as they come: {seen:?}");
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let (open, _ends) = listener(b"");
    let command = format!(
        "{} probe tcp://{open} --count 100000 --interval 100ms --format jsonl | head -n 1; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_peerscope")
    );
    let start = Instant::now();
    let output = Command::new("bash").args(["-c", &command]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty() && start.elapsed() < Duration::from_secs(10));
}

#[test]
fn one_host_gets_ten_a_second_and_all_together_the_rate() {
    let (open, ends) = listener(b"");
    let target = format!("tcp://{open}");
    let report = json(&["probe", &target, "--count", "12", "--interval", "0ms"], 0);
    assert_eq!(report["targets"][0]["received"], 12);
    let mut at: Vec<Instant> = (0..12).map(|_| ends.recv().unwrap().0).collect();
    at.sort();
    for group in at.windows(6) {
        assert!(group[5] - group[0] >= Duration::from_millis(450), "{at:?}");
    }
    let port = closed_port().port();
    let many: Vec<String> = (1..=30).map(|host| format!("127.9.0.{host}:{port}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let report = json(&[&["probe", "--rate", "25"], &many[..]].concat(), 0);
    assert_eq!(report["totals"]["sent"], 30);
    assert!(report["totals"]["elapsed_seconds"].as_f64().unwrap() >= 1.1, "{}", report["totals"]);
}

#[test]
fn a_mysql_gets_three_connects_whether_it_is_named_or_greets() {
    let greeting = b"\x4a\0\0\0\x0a8.4.3\0 and so on";
    // One that is named has to speak; one that is found out has only to be spared.
    for (scheme, greeting, status) in [("mysql", &b""[..], 1), ("tcp", greeting, 0)] {
        let (open, ends) = listener(greeting);
        let target = format!("{scheme}://{open}");
        let report = json(&["probe", &target, "--count", "8", "--interval", "20ms"], status);
        assert_eq!(report["targets"][0]["sent"], 3, "{report}");
        assert_eq!(report["targets"][0]["limited"], true);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(ends.try_iter().count(), 3);
    }
}

#[test]
fn what_a_server_says_reaches_no_terminal_as_it_came() {
    let (open, ends) = listener(b"-ERR \x1b]0;mine\x07 \xe2\x80\xae and \xff so on\r\n");
    let target = format!("redis://:hunter2@{open}/0");
    let output = peerscope(&["probe", &target]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("app_error") && said.contains("speaks Redis and refuses"), "{said}");
    assert!(said.contains("\\u{1b}]0;mine\\u{7}") && said.contains("\\u{202e}"), "{said}");
    assert!(said.lines().all(|line| line.width() <= 80 && !line.contains('\u{1b}')), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(ends.recv().unwrap().1.unwrap() > 0, "closed with FIN, after PING");
    let report = json(&["probe", &target], 1);
    assert_eq!(report["targets"][0]["handshake"]["code"], "ERR", "{report}");
}

#[test]
fn who_answers_garbage_answers_all_the_same() {
    let garbage = b"\xff\xfe\x00\x00\x00\xd7\x1b[31m\x07 and \xc3\x28 so on";
    let (open, ends) = listener(garbage);
    let target = format!("tcp://{open}");
    let report = json(&["probe", &target, "--count", "5", "--interval", "20ms"], 0);
    assert_eq!(report["targets"][0]["results"], serde_json::json!({ "connected": 5 }));
    let report = json(&["why", &target], 0);
    assert_eq!(
        (&report["verdict"], report["observations"].as_array().unwrap().len()),
        (&"reachable".into(), 5)
    );
    for _ in 0..10 {
        assert_eq!(ends.recv().unwrap().1.unwrap(), 0, "closed with FIN");
    }
    for arguments in [["why", &target], ["probe", &target]] {
        let output = peerscope(&arguments);
        assert!(!output.stdout.iter().any(|byte| *byte == 0x1b || *byte == 0x07), "{}", text(&output));
    }
}

#[test]
fn targets_come_from_a_file_or_standard_input_and_bad_lines_are_all_said() {
    let (open, _ends) = listener(b"");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.txt");
    fs::write(&file, format!("# ours\n\n{open}  # the service\ntcp://{}\n", closed_port())).unwrap();
    let file = file.to_str().unwrap();
    let report = json(&["probe", "--targets", file], 0);
    assert_eq!(report["targets"].as_array().unwrap().len(), 2);

    fs::write(file, "tcp://127.0.0.1\nudp://127.0.0.1:9\ngopher://x:1\n").unwrap();
    let said = refused(&["probe", "--targets", file]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with(&format!("peerscope: {file}:1: expected a port")), "{said}");
    assert!(lines[1].starts_with(&format!("peerscope: {file}:3: unknown scheme")), "{said}");
    assert!(
        refused(&["probe", "--targets", "/nonexistent/hosts"])
            .contains("/nonexistent/hosts: expected a file")
    );

    let mut child = Command::new(env!("CARGO_BIN_EXE_peerscope"))
        .args(["probe", "--targets", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{open}").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn wrong_usage_is_one_line() {
    for (arguments, said) in [
        (&["probe"][..], "<TARGET>"),
        (&["probe", "tcp://127.0.0.1:0"], "expected a port from 1 to 65535"),
        (&["probe", "127.0.0.1:9", "--timeout", "2"], "expected a duration from 1ms to 1h"),
        (&["probe", "127.0.0.1:9", "--interval", "soon"], "expected a duration up to 1h"),
        (&["probe", "127.0.0.1:9", "--count", "0"], "0 is not in 1..="),
        (&["probe", "127.0.0.1:9", "--source-port", "9-3"], "expected LO-HI"),
        (&["probe", "tcp://i-0123456789abcdef0:9"], "needs a snapshot"),
        (&["probe", "dns:a..b"], "expected a name to ask for, as in dns:orders-db.example.com"),
        (&["probe", "dns://127.0.0.1/db?type=MX"], "expected ?type=A or ?type=AAAA"),
        (&["probe", "dns://i-0123456789abcdef0/db"], "needs a snapshot"),
        (&["trace", "dns:db.internal"], "the DNS itself is asked by `peerscope probe dns:NAME`"),
        (&["trace", "127.0.0.1:9", "--max-hops", "0"], "0 is not in 1..="),
        (&["trace", "icmp://eni-0123456789abcdef0"], "needs a snapshot"),
    ] {
        let text = refused(arguments);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

/// Runs without any privilege, as in a dyno: as nobody, if this test is root.
fn unprivileged(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("peerscope");
    fs::copy(env!("CARGO_BIN_EXE_peerscope"), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]);
        command.args(["--bounding-set=-all", "--no-new-privs"]).arg(copy);
        command
    } else {
        Command::new(copy)
    };
    command.args(arguments).output().unwrap()
}

#[test]
fn what_is_not_permitted_is_said_and_never_down() {
    let output = unprivileged(&["probe", "127.0.0.1", "--engine", "raw"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("raw sockets are not permitted here"), "{said}");

    let output = unprivileged(&["capabilities", "--format", "json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["schema"], "peerscope/capabilities/1");
    let available = |name: &str| {
        let list = found["capabilities"].as_array().unwrap();
        list.iter().find(|one| one["name"] == name).unwrap()["available"].as_bool().unwrap()
    };
    assert!(available("tcp-connect") && available("error-queue"));
    assert!(available("udp") && available("dns"));
    assert!(!available("icmp-echo-raw-socket"));

    let output = unprivileged(&["probe", "127.0.0.1", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let target = &report["targets"][0];
    if available("icmp-echo-ping-socket") {
        assert_eq!((output.status.code(), &target["results"]["echo"]), (Some(0), &1.into()));
    } else {
        assert_eq!((output.status.code(), &target["results"]["local_error"]), (Some(1), &1.into()));
        assert!(target["reason"].as_str().unwrap().contains("may not send such packets"), "{target}");
        assert_eq!(unprivileged(&["trace", "127.0.0.1"]).status.code(), Some(3));
    }
}

#[test]
fn a_trace_reaches_this_host_in_one_hop() {
    let (open, _ends) = listener(b"");
    let answering = datagram_server(1, Duration::ZERO);
    for (target, word) in [
        (format!("tcp://{open}"), "connected"),
        (format!("tcp://{}", closed_port()), "refused"),
        (format!("udp://{answering}"), "answered"),
    ] {
        let report = json(&["trace", &target], 0);
        assert_eq!(report["schema"], "peerscope/trace/1");
        assert_eq!((&report["reached"], &report["end"]), (&true.into(), &"reached".into()));
        let [hop] = report["hops"].as_array().unwrap().as_slice() else { panic!("{report}") };
        assert_eq!(
            (&hop["hop"], &hop["from"], &hop["result"]),
            (&1.into(), &"127.0.0.1".into(), &word.into())
        );
        let text = text(&peerscope(&["trace", &target]));
        assert!(text.starts_with("REACHED  127.0.0.1 → "), "{text}");
        assert!(text.contains("Across a VPC peering AWS shows no hops"), "{text}");
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
    }
}

#[test]
fn a_trace_that_reaches_nothing_is_exit_1_and_one_that_sends_nothing_3() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = format!("udp://{}", silent.local_addr().unwrap());
    let report = json(&["trace", &target, "--max-hops", "2", "--timeout", "50ms"], 1);
    assert_eq!((&report["reached"], &report["end"]), (&false.into(), &"lost".into()));
    let sent: Vec<_> =
        report["hops"].as_array().unwrap().iter().map(|hop| (&hop["hop"], &hop["sent"])).collect();
    assert_eq!(sent, [(&1.into(), &2.into()), (&2.into(), &2.into()), (&Value::Null, &1.into())]);
    let report = json(&["trace", &target, "--source", "192.0.2.1"], 3);
    assert_eq!((&report["end"], &report["hops"]), (&"nothing-sent".into(), &Value::Array(Vec::new())));
}

/// A DNS server on loopback that answers every question with what `answer` makes of it: the code, and the
/// addresses of an answer to a question for IPv4.
fn dns_server(code: u8, addresses: &'static [[u8; 4]]) -> SocketAddr {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((_, from)) = server.recv_from(&mut buffer) {
            // The question ends with the root, type and class.
            let name = buffer[12..].iter().position(|byte| *byte == 0).unwrap() + 13;
            let addresses = if buffer[name..name + 2] == [0, 1] { addresses } else { &[] };
            let count = u8::try_from(addresses.len()).unwrap();
            let header = [buffer[0], buffer[1], 0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0];
            let records = addresses
                .iter()
                .flat_map(|octets| [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..], octets].concat());
            let reply: Vec<u8> =
                header.into_iter().chain(buffer[12..name + 4].to_vec()).chain(records).collect();
            server.send_to(&reply, from).unwrap();
        }
    });
    address
}

#[test]
fn a_dns_server_is_asked_for_both_families_and_each_address_is_named() {
    let server = dns_server(0, &[[10, 100, 2, 20], [203, 0, 113, 7], [100, 64, 0, 1]]);
    let target = format!("dns://{server}/orders-db.internal");
    let report = json(&["probe", &target, "--count", "2", "--interval", "50ms"], 0);
    let row = &report["targets"][0];
    assert_eq!(
        (&row["target"], &row["sent"], &row["received"]),
        (&target.as_str().into(), &2.into(), &2.into())
    );
    assert_eq!(row["results"], serde_json::json!({ "answered": 2 }));
    assert!(row["rtt_seconds"]["median"].as_f64().unwrap() > 0.0);
    let [ipv4, ipv6] = row["dns"].as_array().unwrap().as_slice() else { panic!("{row}") };
    assert_eq!((&ipv4["record_type"], &ipv6["record_type"]), (&"A".into(), &"AAAA".into()));
    assert_eq!(ipv6["said"], "no-address");
    let scopes: Vec<_> = ipv4["addresses"].as_array().unwrap().iter().map(|one| &one["scope"]).collect();
    assert_eq!(scopes, ["private", "public", "private"]);
    let text = text(&peerscope(&["probe", &target]));
    for said in ["10.100.2.20 (private, 60 s)", "203.0.113.7 (public, 60 s)", "after ", " ms", "answered"] {
        assert!(text.contains(said), "{text}");
    }
    assert!(text.lines().all(|line| line.width() <= 80), "{text}");

    let only = json(&["probe", &format!("{target}?type=AAAA")], 1);
    assert_eq!(only["targets"][0]["results"]["dns_error"], 1);
    let reason = only["targets"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("says that orders-db.internal has no IPv6 address, after "), "{reason}");
}

#[test]
fn what_a_dns_server_does_instead_is_exit_1_and_one_sentence() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (server, word, said) in [
        (dns_server(2, &[]), "dns_error", "says that it failed (SERVFAIL), after "),
        (dns_server(3, &[]), "dns_error", "says that orders-db.internal does not exist (NXDOMAIN), after "),
        (dns_server(5, &[]), "dns_error", "refuses to answer (REFUSED), after "),
        (silent.local_addr().unwrap(), "timeout", "does not answer, although it was asked twice, after 2"),
        (
            closed,
            "refused",
            "refuses by ICMP port unreachable from 127.0.0.1: nothing listens on its UDP port",
        ),
        (
            datagram_server(1, Duration::ZERO),
            "timeout",
            "to questions that nobody asked (2 datagrams), after 2",
        ),
    ] {
        let target = format!("dns://{server}/orders-db.internal");
        let start = Instant::now();
        let report = json(&["probe", &target, "--timeout", "200ms"], 1);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        let row = &report["targets"][0];
        assert_eq!((&row["results"][word], &row["received"]), (&1.into(), &0.into()), "{row}");
        let reason = row["reason"].as_str().unwrap();
        assert!(reason.starts_with(&format!("name server {server} ")) && reason.contains(said), "{reason}");
    }
    let unsent = json(&["probe", &format!("dns://{closed}/db"), "--source", "192.0.2.1"], 1);
    assert_eq!(
        (&unsent["targets"][0]["sent"], &unsent["targets"][0]["results"]["local_error"]),
        (&0.into(), &1.into())
    );
}

#[test]
fn each_answer_of_a_dns_server_is_a_line() {
    let server = dns_server(0, &[[10, 100, 2, 20]]);
    let output = peerscope(&["probe", &format!("dns://{server}/db.internal"), "--format", "jsonl"]);
    let lines: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut kinds: Vec<_> =
        lines.iter().map(|line| line["request"]["record_type"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!((output.status.code(), kinds), (Some(0), vec!["A", "AAAA"]));
    assert!(
        lines.iter().all(|line| line["request"]["kind"] == "dns" && line["request"]["name"] == "db.internal")
    );
}
