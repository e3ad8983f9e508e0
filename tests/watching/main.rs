//! A thousand paths at one second, in one process: `make bench-daemon`. No tick is to be missed, and what that costs stands
//! beside what Debian's blackbox_exporter takes for the same connects to the same listeners, asked by the same
//! Prometheus in the same minute. The figures are in docs/BENCHMARKS.md.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on fails"
)]

#[path = "../push/daemon.rs"]
mod daemon;
mod process;
#[path = "../push/prometheus.rs"]
mod prometheus;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use daemon::{Daemon, free_port, get, wait_for};
use process::{Ended, Spent};
use prometheus::Prometheus;
use socket2::{Domain, Socket, Type};

/// How many paths.
const PATHS: u16 = 1000;
/// How often each is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How many ticks of each path are watched.
const TICKS: u32 = 60;
/// How long everything goes on before it counts.
const BEFORE: Duration = Duration::from_secs(10);

fn main() {
    let missing = |program: &str| Command::new(program).arg("--version").output().is_err();
    if missing("prometheus") || missing("prometheus-blackbox-exporter") {
        eprintln!("left out: prometheus and prometheus-blackbox-exporter are not installed (make servers)");
        return;
    }
    let port = listener();
    let targets: Vec<SocketAddr> = (0..PATHS).map(|number| target(number, port)).collect();
    let folder = tempfile::tempdir().unwrap();
    let exporter = exporter(folder.path());
    let daemon = Daemon::start(&configuration(&targets));
    let prometheus =
        Prometheus::with_jobs(free_port(), &jobs(folder.path(), &targets, daemon.port, exporter.port));
    thread::sleep(BEFORE);

    // Half a tick more than all of them, so that none hangs on when exactly the counts were read.
    let window = INTERVAL * TICKS + INTERVAL / 2;
    let load = load();
    let processes = [
        ("peerscope", daemon.id()),
        ("blackbox_exporter", exporter.process.id()),
        ("Prometheus", prometheus.id()),
    ];
    let before = processes.map(|(_, id)| Spent::by(id));
    let (counted, missed) = (probes(&daemon), missed(&daemon));
    let begun = Instant::now();
    thread::sleep(window);
    let spent = processes.map(|(_, id)| Spent::by(id));
    let took = begun.elapsed();
    let now = probes(&daemon);
    let of_prometheus = |query: &str| prometheus.value(query).unwrap_or_default();
    let scraped = of_prometheus(&format!("sum(count_over_time(up{{job='blackbox'}}[{TICKS}s]))"));
    let answered = of_prometheus(&format!("sum(sum_over_time(probe_success[{TICKS}s]))"));
    let whole = of_prometheus(&format!("sum(sum_over_time(up{{job='peerscope'}}[{TICKS}s]))"));

    let due = f64::from(PATHS) * f64::from(TICKS);
    let lacking =
        |path: &String| (f64::from(TICKS) - (now[path] - counted.get(path).unwrap_or(&0.0))).max(0.0);
    let short: f64 = now.keys().map(lacking).sum();
    assert_eq!(now.len(), usize::from(PATHS), "every path has its count");
    println!(
        "{PATHS} paths each {INTERVAL:?} for {:.1} s; load {load} before, {} after",
        took.as_secs_f64(),
        self::load()
    );
    println!(
        "peerscope: {short} of {due} probes missed, by its own count {}",
        self::missed(&daemon) - missed
    );
    println!("  not connected, from the start on: {}", failed(&daemon));
    println!("  Prometheus had its page {whole} of {TICKS} times");
    println!(
        "blackbox_exporter: {} of {due} probes missed, {} not answered",
        due - scraped,
        scraped - answered
    );
    for ((name, _), (before, after)) in processes.iter().zip(before.iter().zip(&spent)) {
        let time = (after.time - before.time).as_secs_f64();
        let share = 100.0 * time / took.as_secs_f64();
        println!(
            "{name}: {time:.2} s of processor time ({share:.1} % of a core), at most {:.1} MB",
            after.most_memory / 1e6
        );
    }
    let time = |index: usize| (spent[index].time - before[index].time).as_secs_f64();
    println!(
        "peerscope / blackbox_exporter: processor time {:.2}, memory {:.2}",
        time(0) / time(1),
        spent[0].most_memory / spent[1].most_memory
    );
}

/// Somebody who takes every connection, at every address of loopback; their port.
fn listener() -> u16 {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
    // The listener is not what is measured: nobody is to be turned away while it waits for a processor.
    socket.listen(4096).unwrap();
    let listener = TcpListener::from(socket);
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

/// An address of loopback for each path, so that each is another host.
fn target(number: u16, port: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 10, high, low), port))
}

fn configuration(targets: &[SocketAddr]) -> String {
    let mut text = "paths:\n".to_string();
    for (number, target) in targets.iter().enumerate() {
        _ = writeln!(
            text,
            "- {{name: path-{number}, target: 'tcp://{target}', interval: 1s, timeout: 900ms}}"
        );
    }
    text
}

struct Exporter {
    process: Ended,
    port: u16,
}

fn exporter(folder: &Path) -> Exporter {
    let port = free_port();
    let modules = "modules: {connect: {prober: tcp, timeout: 900ms, tcp: {preferred_ip_protocol: ip4}}}\n";
    fs::write(folder.join("blackbox.yml"), modules).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new("prometheus-blackbox-exporter");
    command.arg("--config.file=blackbox.yml").arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let process = Ended(command.spawn().unwrap());
    wait_for("the exporter's first answer", || get(&format!("http://127.0.0.1:{port}/-/healthy")));
    Exporter { process, port }
}

/// What Prometheus scrapes: one page of the daemon, and each target of the exporter's.
fn jobs(folder: &Path, targets: &[SocketAddr], daemon: u16, exporter: u16) -> String {
    let list: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
    let file = folder.join("targets.json");
    fs::write(&file, format!("[{{\"targets\": [{}]}}]", list.join(", "))).unwrap();
    format!(
        "- job_name: peerscope\n  static_configs: [{{targets: ['127.0.0.1:{daemon}']}}]\n\
         - job_name: blackbox\n  metrics_path: /probe\n  params: {{module: [connect]}}\n  \
         file_sd_configs: [{{files: ['{}']}}]\n  relabel_configs:\n  \
         - {{source_labels: [__address__], target_label: __param_target}}\n  \
         - {{source_labels: [__address__], target_label: instance}}\n  \
         - {{target_label: __address__, replacement: '127.0.0.1:{exporter}'}}\n",
        file.display()
    )
}

/// How many probes of each path came to anything.
fn probes(daemon: &Daemon) -> BTreeMap<String, f64> {
    let page = get(&daemon.url("/metrics")).unwrap();
    let mut counts = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("peerscope_probe_attempts_total{path=\"")) {
        let (path, rest) = line.split_once('"').unwrap();
        let count: f64 = rest.rsplit(' ').next().unwrap().parse().unwrap();
        *counts.entry(path.to_string()).or_default() += count;
    }
    counts
}

/// How many probes did not connect, by what came of them.
fn failed(daemon: &Daemon) -> String {
    let page = get(&daemon.url("/metrics")).unwrap();
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("peerscope_probe_attempts_total{")) {
        let (_, rest) = line.split_once("result=\"").unwrap();
        let (result, rest) = rest.split_once('"').unwrap();
        *counts.entry(result).or_default() += rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    }
    counts.retain(|result, count| *result != "connected" && *count > 0.0);
    if counts.is_empty() { "none".to_string() } else { format!("{counts:?}") }
}

fn missed(daemon: &Daemon) -> f64 {
    daemon.metric("peerscope_probe_missed_total").unwrap()
}

/// The machine's load.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap_or_default().to_string()
}
