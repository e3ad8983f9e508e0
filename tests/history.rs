//! The daemon's history from outside: what it told once it tells again, whatever ended it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "history/daemon.rs"]
mod daemon;
#[path = "history/service.rs"]
mod service;

use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, thread};

use daemon::{Daemon, ask, free_port};
use rusqlite::Connection;
use serde_json::Value;
use service::{Service, write_snapshot};
use tempfile::TempDir;

/// Something that takes every connection, and its port.
fn open_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(drop));
    port
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// How many probes are told of.
fn probes(told: &Value) -> u64 {
    let buckets = told["buckets"].as_array().unwrap().iter();
    let counts = buckets.flat_map(|bucket| bucket["results"].as_object().unwrap().values());
    counts.map(|count| count.as_u64().unwrap()).sum()
}

/// What was told, and must be told again.
#[derive(Clone, Default)]
struct Told {
    probes: u64,
    events: Vec<Value>,
    verdicts: Vec<Value>,
}

impl Told {
    fn of(told: &Value) -> Self {
        let list = |key: &str| told[key].as_array().unwrap().clone();
        Self { probes: probes(told), events: list("events"), verdicts: list("verdicts") }
    }
}

/// What tells whether something was written to the file, or the log beside it.
fn written(folder: &Path) -> [Option<(u64, SystemTime)>; 2] {
    ["peerscope.db", "peerscope.db-wal"].map(|name| {
        let known = fs::metadata(folder.join(name)).ok()?;
        Some((known.len(), known.modified().ok()?))
    })
}

/// Whether the file is sound, as it lies there, with what its writer could not finish.
fn assert_sound(folder: &Path) {
    let copy = TempDir::new().unwrap();
    for name in ["peerscope.db", "peerscope.db-wal"] {
        let from = folder.join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    let connection = Connection::open(copy.path().join("peerscope.db")).unwrap();
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(found, "ok");
}

#[test]
fn a_hundred_kills_during_writes_lose_nothing_that_was_told() {
    const KILLS: usize = 100;
    let begun = Instant::now();
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let configuration = format!(
        "history: peerscope.db\npaths:\n\
         - {{name: up, target: \"tcp://127.0.0.1:{}\", interval: 100ms, timeout: 100ms}}\n\
         - {{name: down, target: \"tcp://127.0.0.2:{}\", interval: 100ms, timeout: 100ms}}\n",
        open_port(),
        free_port()
    );
    let changed = "peerscope_path_verdict_changed_timestamp_seconds{path=\"up\"}";
    let mut since = None;
    let mut before = (now(), Told::default());
    let (mut writes, mut in_writes) = (0, 0);
    let mut moment = 17_u64;
    for kill in 0..KILLS {
        let daemon = Daemon::start(folder.path(), port, &configuration);
        let started = now();
        let (from, told) = &before;
        // All that was told before the last kill, and perhaps more.
        let again = Told::of(&daemon.get(&format!("/api/v1/paths/up/history?from={from}")));
        assert!(again.events.starts_with(&told.events), "{kill}: {:?} {:?}", told.events, again.events);
        assert!(again.verdicts.starts_with(&told.verdicts), "{kill}");
        let whole = Told::of(&daemon.get("/api/v1/paths/up/history?from=1"));
        assert!(whole.probes >= told.probes, "{kill}: {} of {}", whole.probes, told.probes);
        // The verdict holds since it held first.
        match &since {
            None => {
                let is_told = || daemon.get("/api/v1/paths/up/history?from=1")["verdicts"][0].is_object();
                daemon.until("the first verdict is told", is_told);
                since = daemon.series(changed);
                assert!(since.is_some());
            }
            since => assert_eq!(daemon.series(changed), *since, "{kill}"),
        }
        // Somebody has it write, and hears what it wrote, until it is dead.
        let heard = Arc::new(Mutex::new(Told { probes: whole.probes, ..Told::default() }));
        let (hearing, address) = (Arc::clone(&heard), daemon.address);
        let writing = thread::spawn(move || {
            while ask(address, "POST", "/-/reload").is_ok() {
                let query = format!("/api/v1/paths/up/history?from={started}");
                let Ok((_, this_run)) = ask(address, "GET", &query) else { break };
                let Ok((_, all)) = ask(address, "GET", "/api/v1/paths/up/history?from=1") else { break };
                let (Ok(this_run), Ok(all)) = (serde_json::from_str(&this_run), serde_json::from_str(&all))
                else {
                    panic!("no JSON: {this_run} {all}")
                };
                let told = Told { probes: probes(&all), ..Told::of(&this_run) };
                *hearing.lock().unwrap() = told;
            }
        });
        moment = moment.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_millis(60 + (moment >> 33) % 300));
        // Every second one in the middle of a write, which may have begun just now.
        if kill % 2 == 0 {
            let (before, waited) = (written(folder.path()), Instant::now());
            while written(folder.path()) == before && waited.elapsed() < Duration::from_millis(300) {}
            in_writes += usize::from(written(folder.path()) != before);
        }
        daemon.kill();
        writing.join().unwrap();
        assert_sound(folder.path());
        let told = heard.lock().unwrap().clone();
        writes += told.events.len();
        before = (started, told);
    }
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("corrupt")), "{names:?}");
    let probes = before.1.probes;
    eprintln!(
        "{KILLS} kills, {in_writes} of them at the beginning of a write, {writes} events and {probes} probes told, {:?}",
        begun.elapsed()
    );
    assert!(writes > 2 * KILLS, "{writes} writes were too few to be killed in the middle of");
    assert!(in_writes > KILLS / 4, "{in_writes} were killed as they wrote");
    assert!(probes > 100, "{probes}");
}

#[test]
fn what_ends_as_it_is_told_to_has_all_written() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let configuration = format!(
        "history: peerscope.db\npaths:\n- {{name: up, target: \"tcp://127.0.0.1:{}\", interval: 100ms, timeout: 100ms}}\n",
        open_port()
    );
    let daemon = Daemon::start(folder.path(), port, &configuration);
    let attempts = "peerscope_probe_attempts_total{path=\"up\",result=\"connected\"}";
    let seen = |daemon: &Daemon| daemon.series(attempts).unwrap().parse::<u64>().unwrap();
    daemon.until("probes were answered", || seen(&daemon) > 12);
    let attempts = seen(&daemon);
    let took = daemon.terminate();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!folder.path().join("peerscope.db-wal").exists());
    assert_sound(folder.path());
    let daemon = Daemon::start(folder.path(), port, &configuration);
    let told = daemon.get("/api/v1/paths/up/history");
    assert!(probes(&told) >= attempts, "{} of {attempts}", probes(&told));
    let events: Vec<&str> =
        told["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(&events[..2], ["started", "stopped"]);
}

#[test]
fn a_file_that_another_has_locked_holds_up_no_end() {
    let folder = TempDir::new().unwrap();
    let configuration = format!(
        "history: peerscope.db\npaths:\n- {{name: up, target: \"tcp://127.0.0.1:{}\", interval: 100ms, timeout: 100ms}}\n",
        open_port()
    );
    let daemon = Daemon::start(folder.path(), free_port(), &configuration);
    daemon.until("something is told", || probes(&daemon.get("/api/v1/paths/up/history")) > 0);
    let other = Connection::open(folder.path().join("peerscope.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let took = daemon.terminate();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("event=history_not_flushed"), "{log}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    assert_sound(folder.path());
}

#[test]
fn a_path_that_leads_elsewhere_has_its_history_and_not_its_verdict() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let configuration = |target: u16, interval: &str| {
        format!(
            "history: peerscope.db\npaths:\n\
             - {{name: up, target: \"tcp://127.0.0.1:{target}\", interval: {interval}, timeout: 100ms}}\n"
        )
    };
    let changed = "peerscope_path_verdict_changed_timestamp_seconds{path=\"up\"}";
    let (first, second) = (open_port(), open_port());
    let daemon = Daemon::start(folder.path(), port, &configuration(first, "100ms"));
    daemon.until("there is a verdict", || daemon.series(changed).is_some());
    let since = daemon.series(changed);
    // Another interval is the same path, by reload and by restart.
    fs::write(
        folder.path().join("peerscope.yml"),
        format!("listen: 127.0.0.1:{port}\n{}", configuration(first, "200ms")),
    )
    .unwrap();
    assert_eq!(ask(daemon.address, "POST", "/-/reload").unwrap().0, 200);
    assert_eq!(daemon.series(changed), since);
    daemon.terminate();
    let daemon = Daemon::start(folder.path(), port, &configuration(first, "300ms"));
    assert_eq!(daemon.series(changed), since);
    daemon.terminate();
    let daemon = Daemon::start(folder.path(), port, &configuration(second, "100ms"));
    daemon.until("there is a verdict", || daemon.series(changed).is_some());
    assert_ne!(daemon.series(changed), since);
    daemon.until("it is told", || {
        daemon.get("/api/v1/paths/up/history")["verdicts"].as_array().is_some_and(|all| all.len() == 2)
    });
}

#[test]
fn what_is_asked_wrongly_is_told_in_a_sentence() {
    let folder = TempDir::new().unwrap();
    let configuration = format!("paths: [{{name: \"a b\", target: \"tcp://127.0.0.1:{}\"}}]\n", open_port());
    let daemon = Daemon::start(folder.path(), free_port(), &configuration);
    let asked = |path: &str| {
        let (status, body) = daemon.try_to_get(path).unwrap();
        let told: Value = serde_json::from_str(&body).unwrap();
        (status, told["error"].as_str().unwrap_or_default().to_string())
    };
    assert_eq!(asked("/api/v1/paths/a%20b/history"), (200, String::new()));
    for (path, status, told) in [
        (
            "/api/v1/paths/a%20b/history?from=yesterday",
            400,
            "expected from as RFC 3339, such as 2026-01-31T12:00:00Z, or in seconds since 1970",
        ),
        (
            "/api/v1/paths/a%20b/history?from=2&to=1",
            400,
            "expected a time in from that is before the one in to",
        ),
        ("/api/v1/paths/a%20b/history?since=2", 400, "expected from and to, and nothing else"),
        ("/api/v1/paths/a%2/history", 400, "expected a name, percent-encoded in UTF-8"),
        ("/api/v1/paths/a%ff/history", 400, "expected a name, percent-encoded in UTF-8"),
        ("/api/v1/paths/a/history", 404, "no path has this name"),
        ("/api/v1/paths/a%20b/history/7", 404, "the path has no verdict change of this id with a diagnosis"),
        ("/api/v1/paths/a%20b/history/x", 400, "expected the id of a verdict change, a whole number"),
        (
            "/api/v1/paths/a%20b/history/99999999999999999999",
            400,
            "expected the id of a verdict change, a whole number",
        ),
        ("/api/v1/paths/a%20b/history/7/8", 404, "nothing is here"),
    ] {
        assert_eq!(asked(path), (status, told.to_string()), "{path}");
    }
    assert_eq!(ask(daemon.address, "POST", "/api/v1/paths/a%20b/history").unwrap().0, 405);
    assert_eq!(
        ask(daemon.address, "HEAD", "/-/healthy").map_err(|error| error.kind()),
        Err(std::io::ErrorKind::UnexpectedEof)
    );
}

#[test]
fn what_changed_since_a_path_was_good_last_is_evidence_also_over_a_restart() {
    for is_restarted in [false, true] {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let mut service = Service::start();
        let snapshot = folder.path().join("snapshot");
        write_snapshot(&snapshot, Some(service.address.port()));
        let configuration = format!(
            "history: peerscope.db\nsnapshot: {{paths: [snapshot], refresh: 100ms}}\npaths:\n\
             - {{name: db, target: \"tcp://{}\", interval: 200ms, timeout: 200ms}}\n",
            service.address
        );
        let mut daemon = Daemon::start(folder.path(), port, &configuration);
        daemon.until("the path is told to be good", || {
            let told = daemon.get("/api/v1/paths/db/history");
            told["verdicts"][0]["verdict"] == "reachable" && probes(&told) > 2
        });
        if is_restarted {
            daemon.kill();
            service.cut();
            write_snapshot(&snapshot, None);
            daemon = Daemon::start(folder.path(), port, &configuration);
        } else {
            service.cut();
            write_snapshot(&snapshot, None);
        }
        daemon.until("the change is evidence", || {
            let Ok((200, body)) = daemon.try_to_get("/api/v1/paths/db") else { return false };
            let diagnosis: Value = serde_json::from_str(&body).unwrap();
            let cause = &diagnosis["causes"][0];
            diagnosis["verdict"] == "blocked"
                && cause["code"] == "ENI_SG_RULES_MISMATCH"
                && cause["evidence"].as_array().is_some_and(|all| {
                    let of_change = all.iter().filter(|one| one["kind"] == "changes");
                    of_change.filter_map(|one| one["text"].as_str()).any(|text| {
                        text.starts_with("changed since the last good probe, ")
                            && text.contains(" before the first bad one: sg-09 ")
                    })
                })
        });
        daemon.until("the change is told", || {
            let told = daemon.get("/api/v1/paths/db/history");
            let changes = told["events"].as_array().unwrap().iter();
            let changes = changes.filter(|event| event["event"] == "snapshot_changed").count();
            told["verdicts"][1]["verdict"] == "blocked" && changes == 2
        });
        daemon.terminate();
    }
}
