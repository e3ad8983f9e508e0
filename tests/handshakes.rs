//! The handshakes of `peerscope probe` and `peerscope why` with real servers on loopback: what each answers, and what
//! they leave behind there. None of it may count towards a block of this host.
//!
//! It has its own `main` so that a server which is not installed leaves its tests ignored, and said to be.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "handshakes/long.rs"]
mod long;
#[path = "handshakes/servers.rs"]
mod servers;

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};
use serde_json::Value;
use servers::{Authority, MariaDb, Nginx, PostgreSql, Redis, free_port, missing, shown};
use socket2::{Domain, Socket, Type};

/// An address of loopback that servers do not take for their own host's.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 30);

type Test = (&'static str, &'static [&'static str], fn());

const TESTS: &[Test] = &[
    ("postgresql_answers_and_its_log_says_nothing", PostgreSql::PROGRAMS, postgresql),
    ("mariadb_answers_and_counts_no_connect_error", MariaDb::PROGRAMS, mariadb),
    ("mariadb_that_blocks_or_knows_nobody_here_is_told_by_its_number", MariaDb::PROGRAMS, mariadb_refusals),
    ("mariadb_that_lets_anybody_in_is_left_by_quit", MariaDb::PROGRAMS, mariadb_anonymous),
    (
        "mariadb_that_demands_tls_counts_no_connect_error",
        &["mariadb-install-db", "mariadbd", "mariadb", Authority::PROGRAM],
        mariadb_demands_tls,
    ),
    ("redis_answers_with_and_without_a_password", Redis::PROGRAMS, redis),
    ("redis_in_protected_mode_refuses_others", Redis::PROGRAMS, redis_protected),
    ("nginx_answers_and_logs_a_request", Nginx::PROGRAMS, nginx),
    ("postgresql_with_tls_is_left_in_order", &["initdb", "postgres", Authority::PROGRAM], postgresql_tls),
    ("redis_speaks_within_tls", &["redis-server", Authority::PROGRAM], redis_tls),
    ("each_doubt_of_a_certificate_is_told_and_stops_nothing", &["nginx", Authority::PROGRAM], certificates),
    ("a_mixed_up_port_is_told_by_name", Redis::PROGRAMS, mixed_up),
    (
        "why_says_what_a_healthy_postgresql_or_redis_answered",
        &["initdb", "postgres", "redis-server"],
        why_healthy,
    ),
    ("why_counts_at_a_mysql_what_its_bare_connects_count", MariaDb::PROGRAMS, why_mariadb),
    (
        "why_names_a_refusal_in_the_servers_words",
        &["redis-server", "mariadbd", "mariadb-install-db"],
        why_refused,
    ),
    ("why_names_what_is_wrong_with_a_certificate", &["nginx", Authority::PROGRAM], why_certificates),
    ("why_takes_a_demand_for_a_certificate_for_what_it_is", &["redis-server", Authority::PROGRAM], why_asked),
    (
        "why_asks_a_postgresql_at_length_and_its_log_says_nothing",
        &["initdb", "postgres", Authority::PROGRAM],
        long::postgresql,
    ),
    ("why_asks_a_redis_at_length_and_nothing_counts", Redis::PROGRAMS, long::redis),
    ("why_asks_a_redis_at_length_within_tls", &["redis-server", Authority::PROGRAM], long::redis_tls),
    ("why_asks_an_nginx_at_length_and_that_is_a_request", &["nginx", Authority::PROGRAM], long::nginx),
    ("why_never_asks_a_mysql_at_length", MariaDb::PROGRAMS, long::mariadb),
];

fn main() -> ExitCode {
    let trials = TESTS.iter().map(|(name, programs, test)| {
        let missing = missing(programs);
        if let Some(program) = missing {
            println!("{name}: not tried, since {program} is not installed; `make servers` installs it");
        }
        Trial::test(*name, || {
            test();
            Ok(())
        })
        .with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Probes, and gives the one target of the report.
fn probed(target: &str, flags: &[&str], status: i32) -> Value {
    reported(Command::new(env!("CARGO_BIN_EXE_peerscope")), target, flags, status)
}

/// Probes where an authority is the only one that is trusted.
fn probed_trusting(authority: &Authority, target: &str, status: i32) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    command.env("SSL_CERT_FILE", authority.root()).env_remove("SSL_CERT_DIR");
    reported(command, target, &[], status)
}

fn reported(mut command: Command, target: &str, flags: &[&str], status: i32) -> Value {
    let output = command
        .args(["probe", target, "--format", "json"])
        .args(flags)
        .args(if flags.contains(&"--timeout") { &[][..] } else { &["--timeout", "15s"] })
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}{}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["targets"][0].clone()
}

fn from_other() -> [String; 2] {
    ["--source".to_string(), OTHER.to_string()]
}

/// Probes from an address that is not this host's own.
fn probed_from_other(target: &str, status: i32) -> Value {
    let [flag, address] = from_other();
    probed(target, &[&flag, &address], status)
}

/// Connects as a bare probe would: hears the greeting and closes by FIN.
fn bare_connect(port: u16, from: Ipv4Addr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(stream.read(&mut [0; 512]).unwrap() > 0, "a server greets");
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

fn postgresql() {
    let server = PostgreSql::start();
    let target = format!("postgres://user:hunter2@127.0.0.1:{}/orders", server.port);
    let before = server.log();
    let seen = probed(&target, &["--count", "3", "--interval", "50ms"], 0);
    assert_eq!(seen["results"], serde_json::json!({ "connected": 3 }), "{seen}");
    assert_eq!(
        seen["handshake"]["answer"],
        serde_json::json!({ "protocol": "postgresql", "offers_tls": false })
    );
    assert_eq!(seen["handshake"]["summary"], "speaks PostgreSQL and offers no TLS");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.log(), before, "not a line");

    let server = PostgreSql::start_with(&["log_connections=on"]);
    let before = server.log();
    probed(&format!("postgres://127.0.0.1:{}", server.port), &[], 0);
    let after = server.wait_for_log("connection received");
    let added: Vec<&str> = after.strip_prefix(&before).unwrap().lines().collect();
    assert_eq!(added.len(), 1, "{added:?}");
}

fn mariadb() {
    let server = MariaDb::start(&["--max-connect-errors=4", "--log-warnings=2"]);
    server.query("create user app@'127.0.0.%' identified by 'secret'");
    // The control: a bare connect counts.
    bare_connect(server.port, OTHER);
    let counted = |server: &MariaDb| server.connect_errors(&OTHER.to_string());
    let preauth = server.status_at_least("Aborted_connects_preauth", 1);
    assert_eq!(preauth, 1);
    let before = counted(&server);
    match before {
        Some(count) => assert_eq!(count, 1, "a bare connect counts"),
        None => println!("host_cache holds no row: this machine looks no addresses up"),
    }
    let target = format!("mysql://user:hunter2@127.0.0.1:{}/orders", server.port);
    for _ in 0..3 {
        let [flag, address] = from_other();
        let flags = [flag.as_str(), &address, "--count", "5", "--interval", "20ms"];
        let seen = probed(&target, &flags, 0);
        assert_eq!((&seen["sent"], &seen["limited"]), (&3.into(), &true.into()), "{seen}");
        assert_eq!(seen["results"], serde_json::json!({ "connected": 3 }), "{seen}");
        assert_eq!(seen["handshake"]["answer"]["denied"], 1045);
        let summary = seen["handshake"]["summary"].as_str().unwrap();
        assert!(summary.contains("MariaDB") && summary.ends_with("asks for a login"), "{summary}");
    }
    // What they leave: a login that was denied, each.
    assert_eq!(server.status_at_least("Aborted_connects", preauth + 9), preauth + 9);
    assert_eq!(server.status("Aborted_connects_preauth"), preauth, "none ended before its login");
    assert_eq!(counted(&server), before, "nine handshakes count no connect error");
    if before.is_some() {
        assert_eq!(server.host_cache("count_auth_plugin_errors", &OTHER.to_string()), Some(9));
    }
    let refused = ["accept", "internal", "max_connections", "peer_address", "select", "tcpwrap"]
        .map(|name| server.status(&format!("Connection_errors_{name}")));
    assert_eq!(refused, [0; 6]);
    let log = server.log();
    assert_eq!(
        log.matches("Access denied for user ''@'127.0.0.30' (using password: NO)").count(),
        9,
        "{log}"
    );
    assert!(!log.contains("hunter2") && !log.contains("orders"), "{log}");
}

fn mariadb_refusals() {
    let server = MariaDb::start(&["--max-connect-errors=1"]);
    let target = format!("mysql://127.0.0.1:{}", server.port);
    let seen = probed_from_other(&target, 1);
    assert_eq!(seen["results"], serde_json::json!({ "app_error": 1 }), "{seen}");
    assert_eq!((&seen["handshake"]["end"], &seen["handshake"]["code"]), (&"refused".into(), &"1130".into()));
    assert!(seen["reason"].as_str().unwrap().contains("no account may connect from this host"), "{seen}");

    server.query("create user app@'127.0.0.%' identified by 'secret'; flush hosts; flush status");
    bare_connect(server.port, OTHER);
    assert_eq!(server.status_at_least("Aborted_connects_preauth", 1), 1);
    if server.connect_errors(&OTHER.to_string()).is_none() {
        println!("host_cache holds no row, so nobody is blocked: this machine looks no addresses up");
        return;
    }
    let seen = probed_from_other(&target, 1);
    assert_eq!(seen["handshake"]["code"], "1129", "{seen}");
    assert!(seen["reason"].as_str().unwrap().contains("this host is blocked"), "{seen}");
}

fn mariadb_anonymous() {
    let server = MariaDb::start(&["--log-warnings=9"]);
    server.query("create user ''@'127.0.0.%'");
    let seen = probed_from_other(&format!("mysql://127.0.0.1:{}", server.port), 0);
    assert_eq!(seen["handshake"]["answer"]["denied"], Value::Null, "{seen}");
    let summary = seen["handshake"]["summary"].as_str().unwrap();
    assert!(summary.ends_with("lets anybody in without a name or password"), "{summary}");
    thread::sleep(Duration::from_millis(200));
    assert_eq!((server.status("Aborted_clients"), server.status("Aborted_connects")), (0, 0));
    assert!(matches!(server.connect_errors(&OTHER.to_string()), None | Some(0)));
    assert!(!server.log().contains("Got an error"), "{}", server.log());
}

fn mariadb_demands_tls() {
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", "IP:127.0.0.1", 1);
    let server = MariaDb::start(&[
        "--require-secure-transport=ON",
        &format!("--ssl-cert={}", shown(&certificate)),
        &format!("--ssl-key={}", shown(&key)),
    ]);
    server.query("create user app@'127.0.0.%' identified by 'secret'");
    let seen = probed_from_other(&format!("mysql://127.0.0.1:{}", server.port), 0);
    assert_eq!(seen["handshake"]["end"], "answered", "{seen}");
    assert!(matches!(server.connect_errors(&OTHER.to_string()), None | Some(0)));
    assert_eq!(server.status("Aborted_connects_preauth"), 0);
}

fn redis() {
    for (arguments, needs_password) in [(&[][..], false), (&["--requirepass", "secret"], true)] {
        let server = Redis::start(arguments);
        let (before, log) = (server.info(), server.log());
        let target = format!("redis://:hunter2@127.0.0.1:{}", server.port);
        let seen = probed(&target, &["--count", "2", "--interval", "50ms"], 0);
        assert_eq!(seen["results"], serde_json::json!({ "connected": 2 }), "{seen}");
        assert_eq!(seen["handshake"]["answer"]["needs_password"], needs_password, "{seen}");
        thread::sleep(Duration::from_millis(100));
        let after = server.info();
        let grown = |name: &str| after.number(name) - before.number(name);
        // The two probes, and the question itself.
        assert_eq!(grown("total_connections_received"), 3);
        assert_eq!((grown("rejected_connections"), grown("acl_access_denied_auth")), (0, 0));
        assert_eq!(after.errors("NOAUTH"), if needs_password { 2 } else { 0 });
        assert_eq!(server.log(), log, "not a line");
        assert_eq!(after.number("connected_clients"), 1, "nobody but who asks is left");
    }
}

fn redis_protected() {
    let server = Redis::start(&["--protected-mode", "yes"]);
    let seen = probed_from_other(&format!("redis://127.0.0.1:{}", server.port), 1);
    assert_eq!(seen["results"], serde_json::json!({ "app_error": 1 }), "{seen}");
    assert_eq!(
        (&seen["handshake"]["end"], &seen["handshake"]["code"]),
        (&"refused".into(), &"DENIED".into())
    );
    assert!(seen["reason"].as_str().unwrap().contains("protected mode"), "{seen}");
}

fn nginx() {
    let server = Nginx::start();
    let target = format!("http://user:hunter2@127.0.0.1:{}/orders?secret=1", server.port);
    let seen = probed(&target, &["--count", "2", "--interval", "50ms"], 0);
    assert_eq!(seen["results"], serde_json::json!({ "connected": 2 }), "{seen}");
    assert_eq!(seen["handshake"]["answer"], serde_json::json!({ "protocol": "http", "status": 204 }));
    let log = server.access_log(2);
    for line in log.lines() {
        assert!(line.contains("\"HEAD / HTTP/1.1\" 204") && line.contains("\"peerscope/"), "{log}");
    }
    assert_eq!(server.error_log(), "");
    let mixed = probed(&format!("postgres://127.0.0.1:{}", server.port), &["--timeout", "2s"], 1);
    assert!(mixed["reason"].as_str().unwrap().contains("speaks no PostgreSQL but HTTP"), "{mixed}");
}

fn postgresql_tls() {
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", "IP:127.0.0.1", 1);
    let server = PostgreSql::start_with(&[
        "ssl=on",
        &format!("ssl_cert_file={}", shown(&certificate)),
        &format!("ssl_key_file={}", shown(&key)),
    ]);
    let before = server.log();
    let seen = probed_trusting(&authority, &format!("postgres://127.0.0.1:{}", server.port), 0);
    assert_eq!(seen["handshake"]["answer"]["offers_tls"], true, "{seen}");
    assert_eq!(seen["handshake"]["summary"], "speaks PostgreSQL over TLS 1.3");
    let tls = &seen["handshake"]["tls"];
    assert_eq!((&tls["version"], &tls["certificates"]), (&"1.3".into(), &1.into()));
    assert_eq!((&tls["names"], &tls["doubt"]), (&serde_json::json!(["127.0.0.1"]), &Value::Null));
    let of = |field: &str| tls[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(of("not_after").duration_since(of("not_before")).as_hours(), 24, "{tls}");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.log(), before, "not a line");
}

fn redis_tls() {
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", "IP:127.0.0.1", 1);
    let files = ["--tls-cert-file", shown(&certificate), "--tls-key-file", shown(&key)];
    let root = authority.root();
    for (clients, asks) in [("no", false), ("optional", true)] {
        let rest = ["--tls-ca-cert-file", shown(&root), "--tls-auth-clients", clients];
        let server = Redis::start(&[&files[..], &rest].concat());
        let seen = probed_trusting(&authority, &format!("rediss://127.0.0.1:{}", server.port), 0);
        assert_eq!(seen["handshake"]["answer"]["needs_password"], false, "{seen}");
        let tls = &seen["handshake"]["tls"];
        assert_eq!((&tls["doubt"], &tls["asks_for_certificate"]), (&Value::Null, &asks.into()));
        let mixed = probed(&format!("redis://127.0.0.1:{}", server.port), &["--timeout", "2s"], 1);
        assert_ne!(mixed["handshake"]["end"], "answered", "{mixed}");
    }
    // A client without a certificate is let through TLS 1.3's handshake, and then refused.
    let rest = ["--tls-ca-cert-file", shown(&root), "--tls-auth-clients", "yes"];
    let server = Redis::start(&[&files[..], &rest].concat());
    let seen = probed_trusting(&authority, &format!("rediss://127.0.0.1:{}", server.port), 1);
    assert_eq!(
        (&seen["handshake"]["end"], &seen["handshake"]["code"]),
        (&"tls-failed".into(), &"116".into())
    );
    assert_eq!(seen["handshake"]["tls"]["asks_for_certificate"], true, "{seen}");
}

fn certificates() {
    let authority = Authority::named("ours");
    let mut servers = String::new();
    let mut targets = Vec::new();
    for (name, names, days, doubt) in [
        ("good", "IP:127.0.0.1,DNS:orders-db.internal", 1, Value::Null),
        ("expired", "IP:127.0.0.1", -1, "expired".into()),
        ("other", "DNS:other.internal", 1, "another-name".into()),
    ] {
        let ([certificate, key], port) = (authority.certificate(name, names, days), free_port());
        servers.push_str(&format!(
            "  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; return 204; }}\n",
            shown(&certificate),
            shown(&key)
        ));
        targets.push((port, doubt));
    }
    let server = Nginx::start_with(&servers);
    for (port, doubt) in &targets {
        for (scheme, protocol) in [("https", "http"), ("tls", "tls")] {
            let seen = probed_trusting(&authority, &format!("{scheme}://127.0.0.1:{port}"), 0);
            assert_eq!(seen["results"], serde_json::json!({ "connected": 1 }), "{seen}");
            assert_eq!(seen["handshake"]["answer"]["protocol"], protocol, "{seen}");
            assert_eq!(&seen["handshake"]["tls"]["doubt"], doubt, "{seen}");
            assert!(seen["handshake"]["seconds"].as_f64().unwrap() > 0.0, "{seen}");
        }
    }
    assert_eq!(server.access_log(3).matches("HEAD / HTTP/1.1").count(), 3);
    assert_eq!(server.error_log(), "");
    let seen = probed_trusting(&authority, &format!("tls://127.0.0.1:{}", targets[0].0), 0);
    let names = &seen["handshake"]["tls"]["names"];
    assert_eq!(names, &serde_json::json!(["127.0.0.1", "orders-db.internal"]), "{seen}");
    // Another authority is trusted than the one that gave it.
    let seen =
        probed_trusting(&Authority::named("another"), &format!("https://127.0.0.1:{}", targets[0].0), 0);
    assert_eq!(seen["handshake"]["tls"]["doubt"], "unknown-issuer", "{seen}");
    let summary = seen["handshake"]["summary"].as_str().unwrap();
    assert!(summary.ends_with("; its certificate has an issuer that this system does not know"), "{summary}");
    // The port without TLS.
    let seen = probed_trusting(&authority, &format!("https://127.0.0.1:{}", server.port), 1);
    assert!(seen["reason"].as_str().unwrap().contains("no HTTP over TLS but HTTP"), "{seen}");
}

fn mixed_up() {
    let server = Redis::start(&[]);
    let seen = probed(&format!("postgres://127.0.0.1:{}", server.port), &["--timeout", "500ms"], 1);
    assert_eq!(seen["handshake"]["end"], "silent", "Redis waits for the end of a line: {seen}");
    assert_eq!(seen["handshake"]["step"], "tls-offer");
    let seen = probed(&format!("mysql://127.0.0.1:{}", server.port), &["--timeout", "500ms"], 1);
    assert_eq!(
        (&seen["handshake"]["end"], &seen["handshake"]["step"]),
        (&"silent".into(), &"greeting".into())
    );
}

/// Diagnoses, without a snapshot.
fn diagnosed(mut command: Command, target: &str, status: i32) -> Value {
    let output = command.args(["why", target, "--format", "json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(status), "{target}: {said}{shown}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn why(target: &str, status: i32) -> Value {
    diagnosed(Command::new(env!("CARGO_BIN_EXE_peerscope")), target, status)
}

fn why_trusting(authority: &Authority, target: &str, status: i32) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    command.env("SSL_CERT_FILE", authority.root()).env_remove("SSL_CERT_DIR");
    diagnosed(command, target, status)
}

/// The one handshake of a diagnosis.
fn handshake_of(diagnosis: &Value) -> &Value {
    let all = diagnosis["observations"].as_array().unwrap();
    let spoken: Vec<&Value> = all.iter().filter(|one| one["request"]["kind"] == "handshake").collect();
    assert_eq!(spoken.len(), 1, "{diagnosis:#}");
    &spoken[0]["handshake"]
}

/// The code and the summary of the only cause of a diagnosis.
fn cause_of(diagnosis: &Value) -> (&str, &str) {
    assert_eq!(diagnosis["verdict"], "impaired", "{diagnosis:#}");
    assert_eq!(diagnosis["causes"].as_array().map(Vec::len), Some(1), "{diagnosis:#}");
    let cause = &diagnosis["causes"][0];
    assert_eq!(cause["status"], "established", "{diagnosis:#}");
    (cause["code"].as_str().unwrap(), cause["summary"].as_str().unwrap())
}

fn why_healthy() {
    let server = PostgreSql::start();
    let before = server.log();
    let seen = why(&format!("postgres://user:hunter2@127.0.0.1:{}/orders", server.port), 0);
    assert_eq!(seen["verdict"], "reachable");
    assert_eq!(handshake_of(&seen)["answer"]["offers_tls"], false);
    let summary = seen["summary"].as_str().unwrap();
    assert!(summary.ends_with("; it speaks PostgreSQL and offers no TLS."), "{summary}");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.log(), before, "not a line");
    let server = Redis::start(&["--requirepass", "secret"]);
    let seen = why(&format!("redis://127.0.0.1:{}", server.port), 0);
    let summary = seen["summary"].as_str().unwrap();
    assert!(summary.ends_with("; it speaks Redis and asks for a password."), "{summary}");
    // A bare connect says nothing.
    let seen = why(&format!("tcp://127.0.0.1:{}", server.port), 0);
    let all = seen["observations"].as_array().unwrap();
    assert!(all.iter().all(|one| one["request"]["kind"] == "tcp-connect"), "{seen:#}");
}

fn why_mariadb() {
    let server = MariaDb::start(&["--log-warnings=2"]);
    server.query("create user app@'127.0.0.%' identified by 'secret'");
    let left = |least| server.status_at_least("Aborted_connects_preauth", least);
    // The control: what a diagnosis by connects alone counts.
    why(&format!("tcp://127.0.0.1:{}", server.port), 0);
    assert_eq!(left(3), 3);
    let seen = why(&format!("mysql://user:hunter2@127.0.0.1:{}/orders", server.port), 0);
    assert_eq!(left(6), 6, "no more than that");
    let answer = &handshake_of(&seen)["answer"];
    assert_eq!((&answer["login"], &answer["denied"]), (&false.into(), &Value::Null));
    let summary = seen["summary"].as_str().unwrap();
    assert!(summary.contains("; it speaks MySQL, version 1") && summary.contains("MariaDB"), "{summary}");
    assert!(!server.log().contains("Access denied"), "{}", server.log());
}

fn why_refused() {
    // Nobody may connect from this host's address by its name.
    let server = MariaDb::start(&["--skip-name-resolve"]);
    server.query(
        "delete from mysql.global_priv where host <> 'nowhere' and user <> 'mariadb.sys'; flush privileges",
    );
    let seen = why(&format!("mysql://127.0.0.1:{}", server.port), 1);
    let (code, summary) = cause_of(&seen);
    assert_eq!(code, "APPLICATION_ERROR");
    assert!(summary.contains("error 1130") && summary.contains("no account may connect"), "{summary}");
    assert!(!seen["causes"][0]["fixes"][0]["command"].as_str().unwrap().is_empty());
    let server = Redis::start(&[]);
    let seen = why(&format!("postgres://127.0.0.1:{}", server.port), 1);
    let (code, summary) = cause_of(&seen);
    assert_eq!(code, "APPLICATION_SILENT", "Redis waits for the end of a line");
    assert!(summary.ends_with("its system acknowledged all that it was sent."), "{summary}");
}

fn why_certificates() {
    let authority = Authority::named("ours");
    let mut servers = String::new();
    let mut targets = Vec::new();
    for (name, names, days, expected) in [
        ("good", "IP:127.0.0.1", 1, None),
        ("expired", "IP:127.0.0.1", -1, Some("it has expired (")),
        ("other", "DNS:other.internal", 1, Some("it is for other.internal, not for 127.0.0.1.")),
    ] {
        let ([certificate, key], port) = (authority.certificate(name, names, days), free_port());
        servers.push_str(&format!(
            "  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; return 204; }}\n",
            shown(&certificate),
            shown(&key)
        ));
        targets.push((port, expected));
    }
    let server = Nginx::start_with(&servers);
    for (port, expected) in &targets {
        for scheme in ["https", "tls"] {
            let target = format!("{scheme}://127.0.0.1:{port}");
            let Some(words) = expected else {
                assert_eq!(why_trusting(&authority, &target, 0)["verdict"], "reachable");
                continue;
            };
            let seen = why_trusting(&authority, &target, 1);
            let (code, summary) = cause_of(&seen);
            assert_eq!(code, "TLS_FAILED");
            assert!(summary.contains(words), "{summary}");
        }
    }
    let good = targets[0].0;
    let seen = why_trusting(&Authority::named("another"), &format!("https://127.0.0.1:{good}"), 1);
    let (code, summary) = cause_of(&seen);
    assert_eq!(code, "TLS_FAILED");
    assert!(summary.ends_with("it has an issuer that this system does not know."), "{summary}");
    let seen = why_trusting(&authority, &format!("https://127.0.0.1:{}", server.port), 1);
    let (code, summary) = cause_of(&seen);
    assert_eq!(code, "TLS_FAILED", "the port without TLS");
    assert!(summary.contains("speaks no HTTP over TLS but HTTP"), "{summary}");
}

fn why_asked() {
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", "IP:127.0.0.1", 1);
    let root = authority.root();
    for versions in ["TLSv1.3", "TLSv1.2"] {
        let server = Redis::start(&[
            "--tls-cert-file",
            shown(&certificate),
            "--tls-key-file",
            shown(&key),
            "--tls-ca-cert-file",
            shown(&root),
            "--tls-auth-clients",
            "yes",
            "--tls-protocols",
            versions,
        ]);
        let seen = why_trusting(&authority, &format!("rediss://127.0.0.1:{}", server.port), 0);
        assert_eq!(seen["verdict"], "reachable", "{versions}");
        let findings = seen["findings"].to_string();
        assert!(findings.contains("asks its clients for a certificate"), "{versions}: {findings}");
    }
}
