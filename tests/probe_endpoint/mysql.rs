//! A MySQL shuts out a host that connects 100 times and leaves before a login: `/probe` is no way to have it do so.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::daemon::Daemon;
use super::server::Http;
use super::servers::{MariaDb, missing};
use super::{ask, series, success};

const MODULES: &str = "modules:
  tcp_connect: {prober: tcp}
  http_2xx: {prober: http}
  tls: {prober: tcp, tcp: {tls: true}}
  smtp: {prober: tcp, tcp: {query_response: [{expect: '^220'}]}}
  dns: {prober: dns, dns: {query_name: a.example, transport_protocol: tcp}}
";
/// How old an answer is that is told once more.
const AGE: &str = "peerscope_probe_answer_age_seconds";

fn daemon(paths: &str, allow: &str) -> Daemon {
    let folder = tempfile::tempdir().unwrap();
    let modules = folder.path().join("blackbox.yml");
    fs::write(&modules, MODULES).unwrap();
    Daemon::start(&format!(
        "{paths}probe_endpoint: {{allow: [{allow}], modules_file: '{}'}}\n",
        modules.display()
    ))
}

/// What plays a MySQL: it greets, and denies every login.
struct Mysql {
    address: SocketAddr,
    /// How many connected, and how many of them gave a login.
    came: Arc<AtomicUsize>,
    logins: Arc<AtomicUsize>,
}

impl Mysql {
    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let mysql =
            Self { address: listener.local_addr().unwrap(), came: Arc::default(), logins: Arc::default() };
        let (came, logins) = (Arc::clone(&mysql.came), Arc::clone(&mysql.logins));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                came.fetch_add(1, Ordering::SeqCst);
                let logins = Arc::clone(&logins);
                thread::spawn(move || serve(stream, &logins));
            }
        });
        mysql
    }

    fn count(&self) -> (usize, usize) {
        // The last one may still be on its way.
        thread::sleep(Duration::from_millis(300));
        (self.came.load(Ordering::SeqCst), self.logins.load(Ordering::SeqCst))
    }
}

fn serve(mut stream: TcpStream, logins: &AtomicUsize) {
    // "Protocol::HandshakeV10", and an "ERR_Packet" for whoever logs in.
    let greeting = b"\x0a8.4.3\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";
    let denial = b"\xff\x15\x04#28000Access denied";
    let framed = |sequence: u8, payload: &[u8]| {
        [&[u8::try_from(payload.len()).unwrap(), 0, 0, sequence][..], payload].concat()
    };
    stream.write_all(&framed(0, greeting)).unwrap();
    let mut said = [0; 512];
    let length = stream.read(&mut said).unwrap_or_default();
    if length > 36 && said[3] == 1 {
        logins.fetch_add(1, Ordering::SeqCst);
        _ = stream.write_all(&framed(2, denial));
    }
}

#[test]
fn a_mysql_counts_no_connection_however_it_is_asked_for() {
    if let Some(program) = missing(MariaDb::PROGRAMS) {
        eprintln!("left out: {program} is not installed (make servers installs it)");
        return;
    }
    let server = MariaDb::start(&["--max-connect-errors=4", "--log-warnings=2"]);
    let at = format!("127.0.0.1:{}", server.port);
    // At a port that is none of a MySQL's: a path says that it is one.
    let daemon =
        daemon(&format!("paths: [{{name: orders-db, target: 'mysql://{at}', interval: 1h}}]\n"), "127.0.0.1");
    for _ in 0..6 {
        assert!(success(daemon.port, &at, "tcp_connect") > 0.5);
    }
    for module in ["http_2xx", "tls", "smtp", "dns"] {
        let (status, page) = ask(daemon.port, &at, module);
        assert!(status == 400 && page.contains("MySQL") && page.lines().count() == 1, "{status}: {page}");
    }
    let http = Http::at("127.0.0.1:0");
    let led = format!("http://{}/to?http://{at}/", http.address);
    assert!(success(daemon.port, &led, "http_2xx") < 0.5);
    assert_eq!(server.status_at_least("Aborted_connects", 1), 1, "one login was denied");
    assert_eq!(server.status("Aborted_connects_preauth"), 0, "and none ended before its login");
}

#[test]
fn a_mysqls_port_is_asked_by_a_login_and_no_oftener_than_a_path_would() {
    let mysql = Mysql::at("127.53.0.6:3306");
    let daemon = daemon("", "127.53.0.0/16");
    let at = mysql.address.to_string();
    let asking: Vec<_> = (0..10)
        .map(|_| {
            let (port, at) = (daemon.port, at.clone());
            thread::spawn(move || success(port, &at, "tcp_connect"))
        })
        .collect();
    assert!(asking.into_iter().all(|one| one.join().unwrap() > 0.5));
    thread::sleep(Duration::from_millis(500));
    let page = series(&ask(daemon.port, &at, "tcp_connect").1);
    assert!(page["probe_success"] > 0.5 && (0.5..60.0).contains(&page[AGE]), "{page:?}");
    assert_eq!(ask(daemon.port, &at, "http_2xx").0, 400);
    assert_eq!(mysql.count(), (1, 1));
    // What nobody listened to harms nobody, and is asked again.
    let nobody = "127.53.0.7:3306";
    for _ in 0..2 {
        let page = series(&ask(daemon.port, nobody, "tcp_connect").1);
        assert!(page["probe_success"] < 0.5 && page[AGE] < 0.1, "{page:?}");
    }
    let late = Mysql::at(nobody);
    assert!(success(daemon.port, &late.address.to_string(), "tcp_connect") > 0.5);
}

#[test]
fn the_port_of_the_x_protocol_is_connected_to_once() {
    let mysql = Mysql::at("127.53.0.6:33060");
    let daemon = daemon("", "127.53.0.0/16");
    for _ in 0..4 {
        assert!(success(daemon.port, &mysql.address.to_string(), "tcp_connect") > 0.5);
    }
    assert_eq!(mysql.count(), (1, 0));
}
