//! `GET /probe`: beside Debian's blackbox_exporter, and beside whoever would have it reach what it may not.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "probe_endpoint/both.rs"]
mod both;
#[path = "push/daemon.rs"]
mod daemon;
#[path = "probe_endpoint/mysql.rs"]
mod mysql;
#[path = "probe_endpoint/records.rs"]
mod records;
#[path = "probe_endpoint/requests.rs"]
mod requests;
#[path = "probe_endpoint/secured.rs"]
mod secured;
#[path = "probe_endpoint/server.rs"]
mod server;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, MariaDB and certificates alone are needed here")]
mod servers;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use both::Both;
use daemon::{Daemon, free_port};
use server::{Http, Liar, greeter};
use servers::{Authority, shown};

/// A process that ends with this value.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The status of a question, and the answer.
fn ask(port: u16, target: &str, module: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://127.0.0.1:{port}/probe?target={}&module={module}", encoded(target));
    let mut answer = agent.get(url).header("X-Prometheus-Scrape-Timeout-Seconds", "4").call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

/// Series with their values.
fn series(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let parts = lines.map(|line| line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}")));
    parts.map(|(name, value)| (name.to_string(), value.parse().unwrap())).collect()
}

fn success(port: u16, target: &str, module: &str) -> f64 {
    let (status, page) = ask(port, target, module);
    assert_eq!(status, 200, "{page}");
    series(&page)["probe_success"]
}

const MODULES: &str = "modules:
  tcp_connect: {prober: tcp}
  icmp: {prober: icmp, timeout: 2s, icmp: {preferred_ip_protocol: ip4}}
  http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}
  http_head: {prober: http, http: {method: HEAD, valid_status_codes: [200, 404], headers: {X-Who: me}}}
  http_no_follow: {prober: http, http: {follow_redirects: false, valid_status_codes: [302]}}
  http_body: {prober: http, http: {fail_if_body_matches_regexp: ['w.rld$']}}
  http_not_body: {prober: http, http: {fail_if_body_not_matches_regexp: ['^hello']}}
  http_header: {prober: http, http: {fail_if_header_not_matches: [{header: X-Role, regexp: primary}]}}
  http_no_header: {prober: http, http: {fail_if_header_matches: [{header: X-Role, regexp: prim, allow_missing: true}]}}
  http_version: {prober: http, http: {valid_http_versions: [HTTP/1.0]}}
  http_not_ssl: {prober: http, http: {fail_if_not_ssl: true}}
  https: {prober: http, http: {tls_config: {ca_file: CA, server_name: db.example}}}
  https_fail: {prober: http, http: {fail_if_ssl: true, tls_config: {insecure_skip_verify: true}}}
  https_system: {prober: http, http: {tls_config: {server_name: db.example}}}
  tls: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: CA, server_name: db.example}}}
  tls_other: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: CA, server_name: other.example}}}
  tls_any: {prober: tcp, tcp: {tls: true, tls_config: {insecure_skip_verify: true}}}
  smtp: {prober: tcp, tcp: {query_response: [{expect: '^220 ([^ ]+)'}, {send: 'EHLO peer'}, {expect: '^you said EHLO'}]}}
  smtp_back: {prober: tcp, tcp: {query_response: [{expect: '^220 ([^ ]+)', send: 'HELO ${1}'}, {expect: '^you said HELO mail.example$'}]}}
  smtp_other: {prober: tcp, tcp: {query_response: [{expect: '^554'}]}}
  dns: {prober: dns, dns: {query_name: db.example, query_type: A}}
  dns_rcode: {prober: dns, dns: {query_name: db.example, query_type: A, valid_rcodes: [NXDOMAIN]}}
";

#[test]
fn the_answers_are_those_of_blackbox_exporter() {
    if !Both::can_be() {
        return;
    }
    let authority = Authority::named("endpoint-authority");
    let [certificate, key] = authority.certificate("db", "DNS:db.example", 3);
    let both = Both::with(&MODULES.replace("CA", shown(&authority.root())));
    let tls = free_port();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_server", "-quiet", "-www", "-accept", &format!("127.0.0.1:{tls}")]);
    openssl.args(["-cert", shown(&certificate), "-key", shown(&key)]);
    let _openssl =
        Ending(openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());

    let http = Http::at("127.0.0.1:0");
    let at = http.address;
    let (greeter, closed) = (greeter(), format!("127.0.0.1:{}", free_port()));
    let liar = Liar::at("127.0.0.1:0").unwrap();
    liar.say(&["10.0.0.1"]);
    let dns = liar.address.to_string();
    let https = format!("https://127.0.0.1:{tls}/");
    let tls = format!("127.0.0.1:{tls}");
    let url = |path: &str| format!("http://{at}{path}");
    let mut cases: Vec<(&str, String, f64)> = vec![
        ("tcp_connect", at.to_string(), 1.0),
        ("tcp_connect", closed.clone(), 0.0),
        ("tcp_connect", "127.0.0.1".to_string(), 0.0),
        ("tcp_connect", "no-such-name.invalid:80".to_string(), 0.0),
        ("http_2xx", url("/ok"), 1.0),
        ("http_2xx", url("/chunked"), 1.0),
        ("http_2xx", url("/missing"), 0.0),
        ("http_2xx", at.to_string(), 0.0),
        ("http_2xx", closed.clone(), 0.0),
        ("http_2xx", url("/to?/ok"), 1.0),
        ("http_2xx", url(&format!("/to?http://{at}/to?/chunked")), 1.0),
        ("http_2xx", url("/to?/missing"), 0.0),
        ("http_head", url("/ok"), 1.0),
        ("http_head", url("/missing"), 1.0),
        ("http_no_follow", url("/to?/ok"), 1.0),
        ("http_body", url("/ok"), 0.0),
        ("http_body", url("/to?/chunked"), 0.0),
        ("http_not_body", url("/ok"), 1.0),
        ("http_header", url("/ok"), 1.0),
        ("http_header", url("/chunked"), 0.0),
        ("http_no_header", url("/ok"), 0.0),
        ("http_no_header", url("/chunked"), 1.0),
        ("http_version", url("/ok"), 0.0),
        ("http_not_ssl", url("/ok"), 0.0),
        ("https", https.clone(), 1.0),
        ("https_fail", https.clone(), 0.0),
        ("https_system", https, 0.0),
        ("https", url("/ok"), 1.0),
        ("tls", tls.clone(), 1.0),
        ("tls_any", tls.clone(), 1.0),
        ("tls_other", tls, 0.0),
        ("tls_any", closed.clone(), 0.0),
        ("smtp", greeter.to_string(), 1.0),
        ("smtp_back", greeter.to_string(), 1.0),
        ("smtp_other", greeter.to_string(), 0.0),
        ("dns", dns.clone(), 1.0),
        ("dns_rcode", dns, 0.0),
        ("dns", closed, 0.0),
    ];
    if nix::unistd::geteuid().is_root() {
        cases.push(("icmp", "127.0.0.1".to_string(), 1.0));
    }
    for (module, target, expected) in cases {
        both.agree(module, &target, expected);
    }
    let (_, debug) = ask(both.daemon.port, &url("/ok"), "http_head&debug=true");
    for part in [
        "Logs for the probe:",
        "the answer is 200",
        "Metrics that would have been returned:",
        "\nprobe_success 1\n",
        "Module configuration:",
    ] {
        assert!(debug.contains(part), "{part}: {debug}");
    }
    // A header of the module may be a key.
    assert!(!debug.contains("me\""), "{debug}");
}

#[test]
fn without_a_list_the_targets_of_the_paths_alone_are_reached() {
    let (target, beside) = (Http::at("127.0.0.1:0"), Http::at("127.0.0.1:0"));
    let elsewhere = Http::at(&format!("127.0.0.2:{}", target.address.port()));
    let daemon =
        Daemon::start(&format!("paths: [{{name: a, target: 'tcp://{}', interval: 1h}}]\n", target.address));
    assert_eq!(success(daemon.port, &target.address.to_string(), "tcp_connect").to_bits(), 1.0_f64.to_bits());
    assert_eq!(
        success(daemon.port, &format!("http://{}/ok", target.address), "http_2xx").to_bits(),
        1.0_f64.to_bits()
    );
    let mapped = format!("[::ffff:127.0.0.1]:{}", target.address.port());
    assert_eq!(ask(daemon.port, &mapped, "tcp_connect").0, 200, "it is the same address");
    for (target, module) in [
        (beside.address.to_string(), "tcp_connect"),
        (elsewhere.address.to_string(), "tcp_connect"),
        (format!("http://{}/", elsewhere.address), "http_2xx"),
        (format!("localhost:{}", target.address.port()), "tcp_connect"),
        ("127.0.0.2".to_string(), "icmp"),
        (format!("[::ffff:127.0.0.2]:{}", target.address.port()), "tcp_connect"),
        ("127.0.0.1:53".to_string(), "dns"),
    ] {
        let module = if module == "dns" { "dns" } else { module };
        let (status, page) = ask(daemon.port, &target, module);
        assert_eq!(status, 403, "{target}: {page}");
    }
    let led = format!("http://{}/to?http://{}/ok", target.address, elsewhere.address);
    assert_eq!(success(daemon.port, &led, "http_2xx").to_bits(), 0.0_f64.to_bits());
    assert!(beside.came().is_empty() && elsewhere.came().is_empty());
}

#[test]
fn neither_a_name_that_changes_nor_a_redirect_leads_elsewhere() {
    let Some(liar) = Liar::at("127.53.53.53:53") else {
        eprintln!("left out: port 53 of loopback may not be listened on here");
        return;
    };
    let allowed = Http::at("127.0.0.1:0");
    let port = allowed.address.port();
    let forbidden = Http::at(&format!("127.0.0.2:{port}"));
    let folder = tempfile::tempdir().unwrap();
    let resolv = folder.path().join("resolv.conf");
    fs::write(&resolv, format!("nameserver {}\noptions timeout:1 attempts:1\n", liar.ip())).unwrap();
    // A file system of its own, in which the name servers are the test's.
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\""]);
    command.arg(&resolv).arg(env!("CARGO_BIN_EXE_peerscope"));
    let daemon = Daemon::start_by(command, "probe_endpoint: {allow: [127.0.0.1/32]}\n");
    let name = "rebinding.example";
    let (tcp, http) = (format!("{name}:{port}"), format!("http://{name}:{port}/ok"));

    // What is said first is what is connected to, however the name is answered after.
    for _ in 0..5 {
        liar.say(&["127.0.0.1", "127.0.0.2"]);
        assert_eq!(success(daemon.port, &tcp, "tcp_connect").to_bits(), 1.0_f64.to_bits());
        liar.say(&["127.0.0.1", "127.0.0.2"]);
        assert_eq!(success(daemon.port, &http, "http_2xx").to_bits(), 1.0_f64.to_bits());
        assert_eq!(liar.asked(), 1, "the name was looked up again");
    }
    // A name that stands for what is not allowed.
    liar.say(&["127.0.0.2"]);
    for (target, module) in
        [(&tcp, "tcp_connect"), (&http, "http_2xx"), (&name.to_string(), "icmp"), (&tcp, "dns")]
    {
        assert_eq!(ask(daemon.port, target, module).0, 403);
    }
    // The same name, to which a redirect leads once more, and by then it stands for something else.
    liar.say(&["127.0.0.1", "127.0.0.2"]);
    let led = format!("http://{name}:{port}/to?http://{name}:{port}/ok");
    let (status, page) = ask(daemon.port, &led, "http_2xx&debug=true");
    assert_eq!(status, 200);
    assert!(page.contains("\nprobe_success 0\n") && page.contains("127.0.0.2"), "{page}");
    assert_eq!(liar.asked(), 2);
    // To an address, by each way of writing it.
    for written in ["127.0.0.2", "0x7f.0.0.2", "2130706434", "[::ffff:127.0.0.2]", "127.0.0.2."] {
        liar.say(&["127.0.0.1", "127.0.0.2"]);
        let led = format!("http://{name}:{port}/to?http://{written}:{port}/ok");
        assert_eq!(success(daemon.port, &led, "http_2xx").to_bits(), 0.0_f64.to_bits(), "{written}");
    }
    assert!(forbidden.came().is_empty(), "{:?}", forbidden.came());
}

#[test]
fn a_host_is_asked_no_more_often_because_many_ask() {
    let target = Http::at("127.0.0.1:0");
    let daemon = Daemon::start("probe_endpoint: {allow: [127.0.0.1]}\n");
    let (port, url) = (daemon.port, format!("http://{}/ok", target.address));
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || success(port, &url, "http_2xx"))
        })
        .collect();
    assert!(asking.into_iter().all(|one| one.join().unwrap() > 0.5));
    let mut came: Vec<_> = target.came().into_iter().map(|(at, _)| at).collect();
    came.sort();
    assert_eq!(came.len(), 20);
    for window in came.windows(6) {
        assert!(window[5] - window[0] >= Duration::from_millis(450), "{:?}", window[5] - window[0]);
    }
}

#[test]
fn what_makes_no_sense_is_told_and_a_slow_server_ends_in_time() {
    use std::net::TcpListener;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let modules = folder.path().join("blackbox.yml");
    fs::write(
        &modules,
        "modules:\n  http_2xx: {prober: http}\n  post: {prober: http, http: {method: POST, body_file: x}}\n",
    )
    .unwrap();
    let daemon = Daemon::start(&format!(
        "probe_endpoint: {{allow: [127.0.0.1], modules_file: '{}'}}\n",
        modules.display()
    ));
    for (query, status) in [
        ("", 400),
        ("?module=http_2xx", 400),
        ("?target=127.0.0.1:1&module=nothing", 400),
        ("?target=127.0.0.1:1&module=post", 400),
        ("?target=%00&module=http_2xx", 400),
        ("?target=%e0%80&module=http_2xx", 400),
        ("?target=http://u:p@127.0.0.1/&module=http_2xx", 200),
    ] {
        let url = daemon.url(&format!("/probe{query}"));
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(&url).call().unwrap();
        let page = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status().as_u16(), status, "{query}: {page}");
        assert!(!page.contains("\nprobe_success 1\n"), "{page}");
    }
    assert!(
        daemon.said("log").contains("at modules.post.http.body_file: not supported"),
        "{}",
        daemon.said("log")
    );
    let begun = std::time::Instant::now();
    let page = series(&ask(daemon.port, &format!("http://{at}/"), "http_2xx").1);
    assert_eq!(page["probe_success"].to_bits(), 0.0_f64.to_bits());
    assert!((3.0..4.0).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
}
