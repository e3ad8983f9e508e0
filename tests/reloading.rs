//! Another configuration while the daemon runs: what did not change keeps what is known of it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "push/daemon.rs"]
mod daemon;
#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, certificates alone are needed here")]
mod servers;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use daemon::{Daemon, get, wait_for};
use nix::sys::signal::Signal;
use servers::{Authority, missing, shown};

/// How each path here is asked.
const OFTEN: &str = "interval: 200ms, timeout: 200ms";

/// Whoever is connected to. It lives as long as the test.
fn listener() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    address
}

fn reload(daemon: &Daemon) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(daemon.url("/-/reload")).send_empty().unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.body_mut().read_to_string().unwrap());
}

/// Since when a path is as it is: another path of the same name would be so since later.
fn since(daemon: &Daemon, path: &str) -> Option<f64> {
    daemon.metric(&format!("peerscope_path_verdict_changed_timestamp_seconds{{path=\"{path}\"}}"))
}

#[test]
fn another_snapshot_is_read_at_once_though_the_last_one_is_still_waited_for() {
    // Heroku, as it takes connections and never answers.
    let heroku = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("http://{}", heroku.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let asking = Arc::clone(&asked);
    thread::spawn(move || heroku.incoming().flatten().for_each(|one| asking.lock().unwrap().push(one)));
    let paths = format!("paths: [{{name: up, target: 'tcp://{}', {OFTEN}}}]\n", listener());
    let daemon = Daemon::start_with(
        &format!("snapshot: {{heroku: {{space: orders, refresh: 1s}}}}\n{paths}"),
        &[("HEROKU_HOST", &host), ("HEROKU_API_KEY", "hunter2")],
    );
    wait_for("Heroku is asked", || (!asked.lock().unwrap().is_empty()).then_some(()));
    let up = wait_for("the path is up", || since(&daemon, "up"));
    let is_known = || !get(&daemon.url("/api/v1/snapshot")).unwrap().contains("nothing that is configured");
    assert!(!is_known());

    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/documents/orders-db");
    let files = format!("snapshot: {{paths: [{example}], refresh: 1s}}\n{paths}");
    daemon.configure(&files);
    reload(&daemon);
    wait_for("the files are read", || is_known().then_some(()));
    let analysis = "peerscope_path_configuration_verdict{path=\"up\",verdict=\"reachable\"}";
    wait_for("the path is analysed", || daemon.metric(analysis));

    // What Heroku would say now, nobody wants to know.
    let known = get(&daemon.url("/api/v1/snapshot")).unwrap();
    asked.lock().unwrap().clear();
    thread::sleep(Duration::from_secs(2));
    let gaps = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["gaps"].clone();
    assert_eq!(gaps(&get(&daemon.url("/api/v1/snapshot")).unwrap()), gaps(&known));
    assert!(!get(&daemon.url("/metrics")).unwrap().contains("provider=\"heroku\""));

    daemon.configure(&paths);
    daemon.signal(Signal::SIGHUP);
    wait_for("nothing is known any more", || (!is_known()).then_some(()));
    assert_eq!(daemon.metric(analysis), None);
    assert!(daemon.said("log").contains("event=snapshot_forgotten"), "{}", daemon.said("log"));
    daemon.configure(&files);
    daemon.signal(Signal::SIGHUP);
    wait_for("the files are read again", || is_known().then_some(()));
    wait_for("the path is analysed again", || daemon.metric(analysis));
    assert_eq!(since(&daemon, "up"), Some(up));
    assert!(!daemon.said("log").contains("configuration_rejected"), "{}", daemon.said("log"));
}

#[test]
fn a_discovery_that_is_gone_takes_its_paths_with_it_and_what_others_find_too_stays() {
    let (first, second) = (listener(), listener());
    let written = format!("paths: [{{name: up, target: 'tcp://{}', {OFTEN}}}]\n", listener());
    let daemon = Daemon::start(&written);
    for (name, target) in [("first.json", first), ("second.json", second)] {
        fs::write(daemon.folder.path().join(name), format!("[{{\"targets\": [\"{target}\"]}}]")).unwrap();
    }
    let names = [first, second].map(|target| format!("tcp:__{target}"));
    let discovery = |lists: &[&str]| {
        let each = lists.iter().map(|files| format!("  - {{files: [{files}], {OFTEN}}}\n"));
        daemon.configure(&format!("{written}discovery:\n{}", each.collect::<String>()));
        reload(&daemon);
    };
    discovery(&["first.json"]);
    let found = wait_for("the first is found", || since(&daemon, &names[0]));
    let up = wait_for("what is written is up", || since(&daemon, "up"));
    discovery(&["second.json", "first.json"]);
    let later = wait_for("the second is found", || since(&daemon, &names[1]));
    assert_eq!(since(&daemon, &names[0]), Some(found));

    // Both are found elsewhere, and are the same paths.
    discovery(&["'*.json'"]);
    thread::sleep(Duration::from_secs(1));
    assert_eq!((since(&daemon, &names[0]), since(&daemon, &names[1])), (Some(found), Some(later)));
    discovery(&["second.json"]);
    wait_for("the first is gone", || since(&daemon, &names[0]).is_none().then_some(()));
    assert_eq!(since(&daemon, &names[1]), Some(later));

    daemon.configure(&written);
    reload(&daemon);
    wait_for("none is left", || since(&daemon, &names[1]).is_none().then_some(()));
    assert_eq!(since(&daemon, "up"), Some(up));
}

#[test]
fn a_file_that_has_changed_is_taken_where_it_is_to_be_and_a_wrong_one_is_told_once() {
    let open = listener();
    let path = |name: &str| format!("  - {{name: {name}, target: 'tcp://{open}', {OFTEN}}}\n");
    let daemon = Daemon::start(&format!("paths:\n{}", path("one")));
    let up = wait_for("the path is up", || since(&daemon, "one"));
    let configuration = format!("reload_on_change: true\npaths:\n{}{}", path("one"), path("two"));
    daemon.configure(&configuration);
    thread::sleep(Duration::from_secs(3));
    assert_eq!(since(&daemon, "two"), None, "nobody asked for it");
    reload(&daemon);
    wait_for("another path is up", || since(&daemon, "two"));

    // As a volume of Kubernetes changes: the file is a link through a link, of which the second is replaced.
    let folder = daemon.folder.path().to_path_buf();
    let text = fs::read_to_string(daemon.file()).unwrap();
    for (name, text) in [("v1", text.clone()), ("v2", format!("{text}{}", path("three")))] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("peerscope.yml"), text).unwrap();
    }
    symlink("v1", folder.join("..data")).unwrap();
    symlink("..data/peerscope.yml", folder.join("link")).unwrap();
    fs::rename(folder.join("link"), daemon.file()).unwrap();
    symlink("v2", folder.join("next")).unwrap();
    fs::rename(folder.join("next"), folder.join("..data")).unwrap();
    wait_for("a third path is up", || since(&daemon, "three"));
    assert_eq!(daemon.said("log").matches("event=configuration_reloaded").count(), 2);

    daemon.configure(&format!("{configuration}pats: []\n"));
    let rejected = || times(&daemon, "configuration_rejected");
    wait_for("the mistake is told", || (rejected() > 0).then_some(()));
    thread::sleep(Duration::from_secs(4));
    assert_eq!(rejected(), 1, "{}", daemon.said("log"));
    assert_eq!(since(&daemon, "one"), Some(up), "what held before still does");
    daemon.configure(&configuration);
    wait_for("the third path is gone", || since(&daemon, "three").is_none().then_some(()));
    assert_eq!(since(&daemon, "one"), Some(up));
}

/// How often the log has this event.
fn times(daemon: &Daemon, event: &str) -> usize {
    daemon.said("log").matches(&format!("event={event}")).count()
}

/// A daemon that answers by this web configuration.
fn guarded(web: &Path) -> Daemon {
    let paths = format!("paths: [{{name: one, target: 'tcp://{}'}}]\n", listener());
    let configuration = format!("web_config_file: '{}'\n{paths}", shown(web));
    Daemon::spawn(Command::new(env!("CARGO_BIN_EXE_peerscope")), &configuration)
}

/// Whether a client that trusts this authority alone takes the daemon for localhost.
fn is_trusted(daemon: &Daemon, root: &Path) -> bool {
    let port = daemon.port;
    let mut client = Command::new("openssl");
    client.args([
        "s_client",
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
        "-CAfile",
        shown(root),
    ]);
    client.args(["-connect", &format!("127.0.0.1:{port}")]);
    client.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    client.status().unwrap().success()
}

/// A certificate lasts for months at the most, and a daemon for longer.
#[test]
fn another_certificate_is_taken_unasked_and_a_wrong_one_is_not() {
    if let Some(program) = missing(&[Authority::PROGRAM]) {
        eprintln!("left out: {program} is not installed");
        return;
    }
    let [first, second] = ["first", "second"].map(Authority::named);
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["server.pem", "server.key"].map(|name| folder.path().join(name));
    // As who renews certificates does: one file after the other, each put in the place of the one before.
    let renew = |authority: &Authority| {
        let made = authority.certificate("server", "DNS:localhost", 1);
        for (made, place) in made.iter().zip([&certificate, &key]) {
            let new = place.with_extension("new");
            fs::copy(made, &new).unwrap();
            fs::rename(new, place).unwrap();
        }
    };
    renew(&first);
    let web = folder.path().join("web.yml");
    fs::write(&web, "tls_server_config: {cert_file: server.pem, key_file: server.key}\n").unwrap();
    let daemon = guarded(&web);
    wait_for("it is there", || is_trusted(&daemon, &first.root()).then_some(()));
    assert!(!is_trusted(&daemon, &second.root()), "the control: another authority is not taken");

    renew(&second);
    wait_for("the new one is there", || is_trusted(&daemon, &second.root()).then_some(()));
    assert!(!is_trusted(&daemon, &first.root()));
    assert_eq!(times(&daemon, "web_configuration_reloaded"), 1, "{}", daemon.said("log"));

    fs::write(&key, "none").unwrap();
    wait_for("the mistake is told", || (times(&daemon, "web_configuration_rejected") > 0).then_some(()));
    thread::sleep(Duration::from_secs(4));
    assert_eq!(times(&daemon, "web_configuration_rejected"), 1, "{}", daemon.said("log"));
    assert!(is_trusted(&daemon, &second.root()), "what held before still does");
    renew(&first);
    wait_for("it is mended", || is_trusted(&daemon, &first.root()).then_some(()));
    assert_eq!(times(&daemon, "configuration_reloaded"), 0, "nobody asked for the configuration");
    assert!(!daemon.said("log").contains("PRIVATE"));
}

/// As exporters of Prometheus do, whose file it is.
#[test]
fn who_may_ask_is_taken_unasked_too() {
    let folder = tempfile::tempdir().unwrap();
    let web = folder.path().join("web.yml");
    let admit = |password: &str| {
        let hash = bcrypt::hash(password, 5).unwrap();
        fs::write(&web, format!("basic_auth_users: {{alice: '{hash}'}}\n")).unwrap();
    };
    admit("wonderland");
    let daemon = guarded(&web);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let status = |password: &str| {
        let pair = data_encoding::BASE64.encode(format!("alice:{password}").as_bytes());
        let asked = agent.get(daemon.url("/metrics")).header("Authorization", format!("Basic {pair}"));
        asked.call().map_or(0, |answer| answer.status().as_u16())
    };
    wait_for("it is there", || (status("wonderland") == 200).then_some(()));
    assert_eq!(status("looking-glass"), 401);
    admit("looking-glass");
    wait_for("the other password is taken", || (status("looking-glass") == 200).then_some(()));
    assert_eq!(status("wonderland"), 401);
    fs::write(&web, "basic_auth_users: {alice: looking-glass}\n").unwrap();
    wait_for("the mistake is told", || (times(&daemon, "web_configuration_rejected") > 0).then_some(()));
    assert_eq!(status("looking-glass"), 200, "what held before still does");
    assert!(!daemon.said("log").contains("looking-glass"));
}
