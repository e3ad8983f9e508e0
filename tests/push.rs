//! What the daemon sends by itself, held against Debian's Prometheus: it is to receive what it would have scraped.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "push/daemon.rs"]
mod daemon;
#[path = "push/prometheus.rs"]
mod prometheus;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, certificates alone are needed here")]
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use daemon::{Daemon, free_port, get, wait_for};
use prometheus::{Prometheus, Series};
use servers::{Authority, missing};

/// Whoever is connected to. It lives as long as the test.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taking = listener.try_clone().unwrap();
    thread::spawn(move || taking.incoming().for_each(drop));
    (listener, address)
}

/// A port of loopback that nothing listens on, as a target.
fn closed() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

fn by_labels(series: Vec<Series>, left_out: &[&str]) -> BTreeMap<BTreeMap<String, String>, f64> {
    let without = |(mut labels, points): Series| {
        left_out.iter().for_each(|label| _ = labels.remove(*label));
        (labels, points[0].1)
    };
    series.into_iter().map(without).collect()
}

#[test]
fn what_is_received_is_what_is_scraped() {
    if Prometheus::is_missing() {
        return;
    }
    let (_open, open) = listener();
    let port = free_port();
    let mut daemon = Daemon::start(&format!(
        "remote_write: {{url: 'http://127.0.0.1:{port}/api/v1/write', interval: 1s}}\npaths:\n\
         - {{name: up, target: 'tcp://{open}', interval: 500ms, timeout: 500ms, labels: {{team: orders, empty: ''}}}}\n\
         - {{name: down, target: 'tcp://{}', interval: 500ms, timeout: 500ms}}\n",
        closed()
    ));
    let prometheus = Prometheus::scraping(port, Some(daemon.port));
    let both = || {
        let scraped = prometheus.query("{__name__=~'peerscope_.+', job='scraped'}");
        let received = prometheus.query("{__name__=~'peerscope_.+', job=''}");
        (by_labels(scraped, &["job", "instance"]), by_labels(received, &["source"]))
    };
    let is_whole = |series: &BTreeMap<BTreeMap<String, String>, f64>| {
        series.keys().any(|labels| labels["__name__"] == "peerscope_path_primary_cause")
            && series
                .keys()
                .any(|labels| labels["__name__"] == "peerscope_remote_write_sent_timestamp_seconds")
    };
    let (scraped, received) = wait_for("the same series both ways", || {
        let (scraped, received) = both();
        let names =
            |one: &BTreeMap<BTreeMap<String, String>, f64>| one.keys().cloned().collect::<BTreeSet<_>>();
        (is_whole(&scraped) && names(&scraped) == names(&received)).then_some((scraped, received))
    });
    assert!(scraped.len() > 60, "{}", scraped.len());
    for (labels, value) in &scraped {
        let name = &labels["__name__"];
        let received = received[labels];
        if ["_up", "_verdict", "_cause", "_info"].iter().any(|end| name.ends_with(end)) {
            assert_eq!(received.to_bits(), value.to_bits(), "{labels:?}");
        } else if name == "peerscope_probe_attempts_total" {
            assert!((received - value).abs() <= 8.0, "{labels:?}: {received} and {value}");
        }
    }
    assert_eq!(prometheus.value("peerscope_path_up{path='up', team='orders', source='here'}"), Some(1.0));
    assert_eq!(prometheus.value("count(peerscope_probe_rtt_seconds_bucket{job='', path='up'})"), Some(14.0));

    // What is watched no more is over at once, and not five minutes later.
    let text = fs::read_to_string(daemon.file()).unwrap();
    let without: String =
        text.lines().filter(|line| !line.contains("name: down")).map(|line| format!("{line}\n")).collect();
    fs::write(daemon.file(), without).unwrap();
    let answer = ureq::post(daemon.url("/-/reload")).send_empty().unwrap();
    assert_eq!(answer.status(), 200);
    wait_for("the path that is gone is over", || {
        (prometheus.value("count({job='', path='down'})").is_none()).then_some(())
    });
    assert_eq!(prometheus.value("count(peerscope_path_up{job=''})"), Some(1.0));

    // So is everything once the daemon has ended.
    let took = daemon.end();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(prometheus.query("{__name__=~'peerscope_.+', job=''}").is_empty());
    assert!(!prometheus.query("last_over_time(peerscope_path_up{job=''}[1m])").is_empty());
    assert!(!prometheus.log().contains("out of order"), "{}", prometheus.log());
}

#[test]
fn a_receiver_that_was_dead_gets_what_is_left_and_nothing_but_the_oldest_is_gone() {
    if Prometheus::is_missing() {
        return;
    }
    const QUEUE: f64 = 5000.0;
    let (_open, open) = listener();
    let port = free_port();
    let mut configuration = format!(
        "remote_write: {{url: 'http://127.0.0.1:{port}/api/v1/write', interval: 1s, queue: {{samples: {QUEUE}}}}}\npaths:\n"
    );
    for number in 0..30 {
        _ = writeln!(configuration, "- {{name: path-{number}, target: 'tcp://{open}', interval: 30s}}");
    }
    let daemon = Daemon::start(&configuration);
    let pending = || daemon.metric("peerscope_remote_write_pending_samples").unwrap();
    let dropped =
        || daemon.metric("peerscope_remote_write_dropped_samples_total{reason=\"overflow\"}").unwrap();
    let memory = daemon.memory();
    let mut most: f64 = 0.0;
    wait_for("the queue has overflown twice", || {
        most = most.max(pending());
        (dropped() > 2.0 * QUEUE).then_some(())
    });
    assert!(most <= QUEUE && most > QUEUE / 2.0, "{most}");
    assert!(daemon.memory() < memory + (16 << 20), "{} and {memory}", daemon.memory());
    assert!(daemon.metric("peerscope_remote_write_failed_requests_total").unwrap() >= 2.0);

    let prometheus = Prometheus::scraping(port, None);
    wait_for("it caught up", || (pending() < QUEUE / 4.0).then_some(()));
    let lost = dropped();
    let points =
        |query: &str| prometheus.query(query).into_iter().flat_map(|(_, points)| points).collect::<Vec<_>>();
    let times: Vec<f64> = points("peerscope_build_info[5m]").into_iter().map(|(at, _)| at).collect();
    assert!(times.len() >= 4, "{times:?}");
    // Each interval from the oldest that was left until now is there.
    assert!(times.windows(2).all(|pair| (0.5..1.5).contains(&(pair[1] - pair[0]))), "{times:?}");
    assert_eq!(dropped().to_bits(), lost.to_bits());
    assert_eq!(daemon.metric("peerscope_remote_write_dropped_samples_total{reason=\"rejected\"}"), Some(0.0));
    assert_eq!(daemon.said("log").matches("remote_write_failed").count(), 1, "{}", daemon.said("log"));
}

#[test]
fn a_receiver_may_ask_for_tls_a_user_and_a_password_which_is_shown_nowhere() {
    if Prometheus::is_missing() || missing(&[Authority::PROGRAM]).is_some() {
        return;
    }
    let authority = Authority::named("receiver-authority");
    let [certificate, key] = authority.certificate("receiver", "DNS:mimir.example", 1);
    let web = format!(
        "tls_server_config: {{cert_file: {}, key_file: {}}}\nbasic_auth_users:\n  {}\n",
        certificate.display(),
        key.display(),
        // hunter2
        "peerscope: $2b$04$xQsQDsiXE2ujT9z0LZleMul44B9/SK.ewtagbudRBRn1ynklhvoI6",
    );
    let port = free_port();
    let prometheus = Prometheus::guarded(port, &web, "Basic cGVlcnNjb3BlOmh1bnRlcjI=");
    let trusting = |root: &Path, server_name: &str, password: &str| {
        format!(
            "log_format: json\nremote_write:\n  url: https://127.0.0.1:{port}/api/v1/write\n  interval: 1s\n  \
             basic_auth: {{username: peerscope, password: {password}}}\n  \
             tls: {{ca_file: {}, server_name: {server_name}}}\n",
            root.display()
        )
    };
    let configuration =
        |server_name: &str, password: &str| trusting(&authority.root(), server_name, password);
    let shown_by = |daemon: &Daemon| {
        let pages =
            ["/metrics", "/api/v1/paths", "/api/v1/snapshot"].map(|path| get(&daemon.url(path)).unwrap());
        [pages.concat(), daemon.said("log"), daemon.said("stdout")].concat()
    };
    let daemon = Daemon::start(&configuration("mimir.example", "'${PEERSCOPE_TEST_PASSWORD}'"));
    wait_for("a sample was received", || prometheus.value("peerscope_build_info{source='here'}"));
    assert!(!shown_by(&daemon).contains("hunter2"));
    drop(daemon);

    let daemon = Daemon::start(&configuration("mimir.example", "'not-${PEERSCOPE_TEST_PASSWORD}'"));
    let rejected = "peerscope_remote_write_dropped_samples_total{reason=\"rejected\"}";
    wait_for("what was not let in is dropped", || daemon.metric(rejected).filter(|dropped| *dropped > 0.0));
    let shown = shown_by(&daemon);
    assert!(shown.contains("the answer is 401") && !shown.contains("hunter2"), "{shown}");
    drop(daemon);

    let daemon = Daemon::start(&configuration("another.example", "'${PEERSCOPE_TEST_PASSWORD}'"));
    wait_for("another's certificate is not taken", || {
        daemon.metric("peerscope_remote_write_failed_requests_total").filter(|failed| *failed > 0.0)
    });
    assert!(daemon.said("log").contains("certificate"), "{}", daemon.said("log"));
    assert_eq!(daemon.metric("peerscope_remote_write_sent_samples_total"), Some(0.0));
    drop(daemon);

    // An authority's certificate ends, too, and another takes its place while the daemon runs.
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("authority.pem");
    fs::copy(Authority::named("another-authority").root(), &root).unwrap();
    let daemon = Daemon::start(&trusting(&root, "mimir.example", "'${PEERSCOPE_TEST_PASSWORD}'"));
    let failed = || daemon.metric("peerscope_remote_write_failed_requests_total").unwrap();
    wait_for("whom another authority vouches for is not taken", || (failed() > 0.0).then_some(()));
    let sent = || daemon.metric("peerscope_remote_write_sent_samples_total").filter(|sent| *sent > 0.0);
    assert_eq!(sent(), None);
    fs::write(&root, "none yet").unwrap();
    let before = failed();
    wait_for("nobody is taken by no certificate", || (failed() > before).then_some(()));
    assert_eq!(sent(), None);
    fs::copy(authority.root(), &root).unwrap();
    wait_for("the samples are sent that waited", sent);
}

#[test]
fn a_receiver_that_hangs_holds_up_neither_the_probes_nor_the_end() {
    let (_open, open) = listener();
    // It takes connections, and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = silent.local_addr().unwrap();
    let mut daemon = Daemon::start(&format!(
        "log_metrics: true\nlog_metrics_interval: 1s\n\
         remote_write: {{url: 'http://{receiver}/', interval: 1s}}\notlp_logs: {{url: 'http://{receiver}/v1/logs'}}\n\
         paths: [{{name: up, target: 'tcp://{open}', interval: 200ms, timeout: 200ms}}]\n"
    ));
    let begun = Instant::now();
    let connected = "peerscope_probe_attempts_total{path=\"up\",result=\"connected\"}";
    wait_for("fifteen probes", || daemon.metric(connected).filter(|probes| *probes >= 15.0));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let took = daemon.end();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let lines = daemon.said("stdout");
    let line = lines.lines().next().unwrap();
    assert!(
        line.starts_with("count#peerscope.probes=") && line.ends_with("sample#peerscope.up=1 source=here.up"),
        "{line}"
    );
}

#[test]
fn a_change_of_a_verdict_is_told_with_its_explanation() {
    use std::io::{BufRead, BufReader, Read, Write};
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = closed();
    let daemon = Daemon::start(&format!(
        "otlp_logs: {{url: 'http://{}/v1/logs', headers: {{x-key: '${{PEERSCOPE_TEST_PASSWORD}}'}}}}\n\
         paths: [{{name: 'orders db', target: 'tcp://{closed}', interval: 500ms, timeout: 500ms}}]\n",
        collector.local_addr().unwrap()
    ));
    let (stream, _) = collector.accept().unwrap();
    let mut reader = BufReader::new(&stream);
    let mut length = 0;
    let mut has_key = false;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        has_key |= line == "x-key: hunter2";
        match line.strip_prefix("content-length: ") {
            Some(bytes) => length = bytes.parse().unwrap(),
            None if line.is_empty() => break,
            None => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    assert!(has_key);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let record = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    let attribute = |name: &str| {
        let all = record["attributes"].as_array().unwrap();
        let found = all.iter().find(|attribute| attribute["key"] == format!("peerscope.{name}"));
        found
            .map(|attribute| attribute["value"]["stringValue"].as_str().unwrap().to_string())
            .unwrap_or_default()
    };
    let report: serde_json::Value =
        serde_json::from_str(&get(&attribute("link")).expect("the link leads to the diagnosis")).unwrap();
    assert_eq!(record["body"]["stringValue"], report["summary"]);
    assert_eq!((attribute("verdict").as_str(), attribute("before").as_str()), ("blocked", "unknown"));
    assert_eq!(attribute("cause"), report["causes"][0]["code"].as_str().unwrap());
    assert_eq!(attribute("path"), "orders db");
    wait_for("it counts as sent", || {
        daemon.metric("peerscope_otlp_logs_sent_records_total").filter(|sent| *sent > 0.0)
    });
    assert!(!daemon.said("log").contains("hunter2"));
}
