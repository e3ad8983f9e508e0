//! Paths that a service names over HTTP, as an nginx serves them, while their daemon runs.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "push/daemon.rs"]
mod daemon;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, nginx and certificates alone are needed here")]
mod servers;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use daemon::{Daemon, free_port, get, wait_for};
use servers::{Authority, Nginx, missing};

/// Whoever is connected to. It lives as long as the test.
fn listener() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    address
}

/// Puts another file in the place of one, in one step.
fn replace(file: &Path, text: &str) {
    let next = file.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(0o644)).unwrap();
    fs::rename(next, file).unwrap();
}

#[test]
fn what_a_service_names_is_watched_and_its_failure_ends_no_watch() {
    if missing(&[Authority::PROGRAM]).or(missing(Nginx::PROGRAMS)).is_some() {
        println!("left out: nginx and openssl are not to be had");
        return;
    }
    let (first, second) = (listener(), listener());
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let targets = folder.path().join("targets");
    replace(&targets, &format!(r#"[{{"targets": ["{first}"], "labels": {{"team": "orders"}}}}]"#));
    replace(&folder.path().join("users"), "peerscope:{PLAIN}hunter2\n");
    let authority = Authority::named("service-authority");
    let [certificate, key] = authority.certificate("service", "DNS:sd.example", 1);
    let port = free_port();
    let shown = |path: &Path| path.display().to_string();
    let nginx = Nginx::start_with(&format!(
        "  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {};\n    \
         auth_basic x; auth_basic_user_file {}; root {}; default_type application/json; }}\n",
        shown(&certificate),
        shown(&key),
        shown(&folder.path().join("users")),
        shown(folder.path()),
    ));
    let daemon = Daemon::start(&format!(
        "discovery:\n  - url: https://127.0.0.1:{port}/targets?key=hunter2\n    refresh: 1s\n    interval: 500ms\n    timeout: 500ms\n    \
         basic_auth: {{username: peerscope, password: '${{PEERSCOPE_TEST_PASSWORD}}'}}\n    \
         tls: {{ca_file: {}, server_name: sd.example}}\n",
        authority.root().display()
    ));
    let is_up = |target: SocketAddr, labels: &str| {
        daemon.metric(&format!("peerscope_path_up{{path=\"tcp:__{target}\"{labels}}}"))
    };
    let failed = || daemon.metric("peerscope_discovery_errors_total{kind=\"http\"}").unwrap();
    wait_for("the first is watched", || is_up(first, ",team=\"orders\"").filter(|up| *up == 1.0));
    assert!(failed() == 0.0);

    // Half a file, then none: each is said once, and nothing is lost.
    let probes = || {
        let labels = format!("path=\"tcp:__{first}\",team=\"orders\",result=\"connected\"");
        daemon.metric(&format!("peerscope_probe_attempts_total{{{labels}}}"))
    };
    let before = probes().unwrap();
    replace(&targets, r#"[{"targets": ["#);
    wait_for("two failures are counted", || (failed() >= 2.0).then_some(()));
    fs::remove_file(&targets).unwrap();
    wait_for("two more are", || daemon.said("log").contains("the answer is 404").then_some(()));
    wait_for("it is watched on", || probes().filter(|now| *now > before));
    assert_eq!(daemon.said("log").matches("event=discovery_failed").count(), 2, "{}", daemon.said("log"));

    replace(
        &targets,
        &format!(
            r#"[{{"targets": ["{first}"], "labels": {{"team": "orders"}}}}, {{"targets": ["{second}"]}}]"#
        ),
    );
    wait_for("the second is watched", || is_up(second, "").filter(|up| *up == 1.0));
    assert!(probes().unwrap() > before, "what was found before is the same path");
    replace(&targets, "[]");
    wait_for("none is left", || {
        (is_up(first, ",team=\"orders\"").or(is_up(second, "")).is_none()).then_some(())
    });

    let pages = ["/metrics", "/api/v1/paths", "/"].map(|path| get(&daemon.url(path)).unwrap()).concat();
    let told = [pages, daemon.said("log"), daemon.said("stdout")].concat();
    assert!(!told.contains("hunter2"), "{told}");
    assert!(!nginx.error_log().contains("[crit]"), "{}", nginx.error_log());
}
