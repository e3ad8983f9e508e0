//! What one long conversation of `peerscope why --thorough` leaves at real servers. On loopback it is as long as it ever
//! gets: more than a jumbo frame holds.

use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::servers::{Authority, MariaDb, Nginx, PostgreSql, Redis, free_port, shown};

/// The largest packet of any network of AWS.
const JUMBO: u64 = 9_001;

/// Diagnoses thoroughly, and gives the diagnosis and its long conversations.
fn thorough(authority: Option<&Authority>, target: &str) -> (Value, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    if let Some(authority) = authority {
        command.env("SSL_CERT_FILE", authority.root()).env_remove("SSL_CERT_DIR");
    }
    // Longer than by default, so that a busy machine is no failure.
    command.args(["why", target, "--thorough", "--deadline", "20", "--format", "json"]);
    let output = command.output().unwrap();
    let diagnosis: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(diagnosis["verdict"], "reachable", "{diagnosis:#}");
    let all = diagnosis["observations"].as_array().unwrap();
    let long = all.iter().filter(|one| !one["request"]["request_bytes"].is_null());
    let long = long.map(|one| one["handshake"].clone()).collect();
    (diagnosis, long)
}

/// The one long conversation, all of which was carried on the way there.
fn carried(authority: Option<&Authority>, target: &str) -> (String, Value) {
    let (diagnosis, long) = thorough(authority, target);
    let [one] = &long[..] else { panic!("one long conversation: {long:#?}") };
    let carried = &one["carried"];
    assert!(carried["said_bytes"].as_u64().unwrap() > JUMBO, "{one:#}");
    assert_eq!((&carried["unacknowledged_bytes"], &carried["resent"]), (&0.into(), &0.into()), "{one:#}");
    assert_eq!(carried["largest_packet_bytes"], JUMBO, "{one:#}");
    (diagnosis["summary"].as_str().unwrap().to_string(), one.clone())
}

pub(crate) fn postgresql() {
    let server = PostgreSql::start();
    let before = server.log();
    let (_, long) = thorough(None, &format!("postgres://127.0.0.1:{}", server.port));
    assert!(long.is_empty(), "without TLS it has no room for more: {long:#?}");
    assert_eq!(server.log(), before, "not a line");
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", "IP:127.0.0.1", 1);
    let server = PostgreSql::start_with(&[
        "ssl=on",
        &format!("ssl_cert_file={}", shown(&certificate)),
        &format!("ssl_key_file={}", shown(&key)),
    ]);
    let before = server.log();
    let (summary, one) = carried(Some(&authority), &format!("postgres://127.0.0.1:{}", server.port));
    assert_eq!(one["answer"]["offers_tls"], true, "{one:#}");
    assert!(summary.contains("in a connection packets of 9001 bytes pass on the way there"), "{summary}");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.log(), before, "not a line");
}

pub(crate) fn redis() {
    let server = Redis::start(&[]);
    let before = (server.log(), server.info());
    let (summary, one) = carried(None, &format!("redis://127.0.0.1:{}", server.port));
    assert_eq!(one["answer"]["needs_password"], false, "{one:#}");
    assert!(summary.contains("in a connection packets of 9001 bytes pass there and back"), "{summary}");
    let after = server.info();
    assert_eq!(server.log(), before.0, "not a line");
    for counter in ["total_error_replies", "rejected_connections", "acl_access_denied_auth"] {
        assert_eq!(after.number(counter), before.1.number(counter), "{counter}");
    }
    // With a password each PING is refused, and counts as the short one does.
    let server = Redis::start(&["--requirepass", "secret"]);
    let before = server.info();
    let (_, one) = carried(None, &format!("redis://127.0.0.1:{}", server.port));
    assert_eq!(one["answer"]["needs_password"], true, "{one:#}");
    let after = server.info();
    assert_eq!(after.errors("NOAUTH"), before.errors("NOAUTH") + 2, "the short one and the long one");
    for counter in ["rejected_connections", "acl_access_denied_auth"] {
        assert_eq!(after.number(counter), before.number(counter), "{counter}");
    }
}

pub(crate) fn redis_tls() {
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", "IP:127.0.0.1", 1);
    let files = ["--tls-cert-file", shown(&certificate), "--tls-key-file", shown(&key)];
    let root = authority.root();
    for version in ["TLSv1.3", "TLSv1.2"] {
        let rest =
            ["--tls-ca-cert-file", shown(&root), "--tls-auth-clients", "no", "--tls-protocols", version];
        let server = Redis::start(&[&files[..], &rest].concat());
        let (summary, one) = carried(Some(&authority), &format!("rediss://127.0.0.1:{}", server.port));
        assert_eq!(one["answer"]["needs_password"], false, "{one:#}");
        assert_eq!(one["tls"]["version"], version.trim_start_matches("TLSv"), "{one:#}");
        assert!(summary.contains("in a connection packets of 9001 bytes pass there and back"), "{summary}");
    }
}

pub(crate) fn nginx() {
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", "IP:127.0.0.1", 1);
    let mut servers = String::new();
    let mut ports = Vec::new();
    // The last asks for another key than the first message holds.
    for settings in ["ssl_protocols TLSv1.3", "ssl_protocols TLSv1.2", "ssl_ecdh_curve secp384r1"] {
        let port = free_port();
        servers.push_str(&format!(
            "  server {{ listen 127.0.0.1:{port} ssl; {settings}; ssl_certificate {}; ssl_certificate_key {}; return 204; }}\n",
            shown(&certificate),
            shown(&key)
        ));
        ports.push(port);
    }
    let server = Nginx::start_with(&servers);
    let targets = ports.iter().map(|port| format!("https://127.0.0.1:{port}"));
    for target in [format!("http://127.0.0.1:{}", server.port)].into_iter().chain(targets) {
        let (_, one) = carried(Some(&authority), &target);
        assert_eq!(one["answer"], serde_json::json!({ "protocol": "http", "status": 204 }));
    }
    carried(Some(&authority), &format!("tls://127.0.0.1:{}", ports[0]));
    let log = server.access_log(8);
    assert_eq!(log.matches("\"HEAD / HTTP/1.1\" 204").count(), 4, "{log}");
    assert_eq!(log.matches("\"GET / HTTP/1.1\" 204").count(), 4, "{log}");
    assert_eq!(server.error_log(), "");
}

pub(crate) fn mariadb() {
    let server = MariaDb::start(&["--log-warnings=2"]);
    server.query("create user app@'127.0.0.%' identified by 'secret'");
    let (_, long) = thorough(None, &format!("mysql://127.0.0.1:{}", server.port));
    assert!(long.is_empty(), "{long:#?}");
    assert_eq!(server.status_at_least("Aborted_connects_preauth", 3), 3, "three connects are the most");
    assert!(!server.log().contains("Access denied"), "{}", server.log());
}
