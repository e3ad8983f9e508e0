//! The same where the server asks for TLS and a password.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::daemon::{Daemon, wait_for};
use super::servers::{Authority, missing, shown};
use super::{
    PATHS, Witness, broken_heads, connected, connected_from_elsewhere, heard, routes, said, statuses,
};

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn client(root: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn secured(port: u16, client: &Arc<ClientConfig>) -> Secured {
    let name = "localhost".try_into().unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(client), name).unwrap(), connected(port))
}

fn request(method: &str, path: &str, password: &str) -> String {
    let pair = data_encoding::BASE64.encode(format!("alice:{password}").as_bytes());
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {pair}\r\nConnection: close\r\n\r\n")
}

/// A daemon that alice alone may ask, by TLS where there is a certificate.
fn daemon(certificate: Option<&[std::path::PathBuf; 2]>, cost: u32) -> Daemon {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    let tls = certificate.map(|[certificate, key]| {
        format!("tls_server_config: {{cert_file: '{}', key_file: '{}'}}\n", shown(certificate), shown(key))
    });
    let hash = bcrypt::hash("wonderland", cost).unwrap();
    fs::write(&file, format!("{}basic_auth_users: {{alice: '{hash}'}}\n", tls.unwrap_or_default())).unwrap();
    // It answers everybody by an error, and nobody in the clear where there is TLS.
    let daemon = Daemon::spawn(
        Command::new(env!("CARGO_BIN_EXE_peerscope")),
        &format!("{PATHS}web_config_file: '{}'\n", shown(&file)),
    );
    wait_for("the daemon's socket", || TcpStream::connect(("127.0.0.1", daemon.port)).ok());
    daemon
}

/// The routes as they are without a password.
fn all_routes() -> Vec<(String, String)> {
    routes(&Daemon::start(PATHS))
}

#[test]
fn nobody_gets_anything_without_a_password_however_it_is_asked_for() {
    let (daemon, routes) = (daemon(None, 6), all_routes());
    for (method, path) in &routes {
        let plain = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        let of = |pair: &str| {
            format!("Authorization: Basic {}\r\n", data_encoding::BASE64.encode(pair.as_bytes()))
        };
        let right = of("alice:wonderland");
        for headers in [
            String::new(),
            of("alice:"),
            of("alice:wonder\0land"),
            of("alice:wonderland\0"),
            of("Alice:wonderland"),
            of(":"),
            of(&format!("alice:{}", "w".repeat(20_000))),
            "Authorization: Basic ////\r\n".to_string(),
            "Authorization: Basic\r\n".to_string(),
            right.replace("Basic", "Bearer"),
            right.replace("Authorization", "Proxy-Authorization"),
            // One of two is not enough.
            format!("{}{right}", of("alice:x")),
        ] {
            let answer = said(daemon.port, format!("{plain}{headers}\r\n").as_bytes());
            assert_eq!(statuses(&answer), [401], "{method} {path} {headers}");
        }
        let answer = said(daemon.port, format!("{plain}{right}\r\n").as_bytes());
        assert!(matches!(statuses(&answer)[..], [200 | 400 | 404]), "{method} {path}");
    }
}

#[test]
fn by_tls_neither_broken_requests_nor_broken_handshakes_hold_up_anybody() {
    if missing(&[Authority::PROGRAM]).is_some() {
        eprintln!("left out: openssl is not installed (make servers installs it)");
        return;
    }
    let authority = Authority::named("hostile");
    let certificate = authority.certificate("server", "DNS:localhost", 2);
    let (daemon, routes) = (daemon(Some(&certificate), 6), all_routes());
    let (port, client) = (daemon.port, client(&authority.root()));
    let asking = Arc::clone(&client);
    let witness = Witness::of(routes, move |method, path| {
        let mut stream = secured(port, &asking);
        stream.write_all(request(method, path, "wonderland").as_bytes()).unwrap();
        statuses(&heard(&mut stream)).first().copied().unwrap_or(0)
    });
    // Hands that are never shaken, and what is no TLS.
    let mut left = Vec::new();
    for index in 0..600 {
        let mut stream = connected_from_elsewhere(port);
        _ = match index % 4 {
            0 => Ok(()),
            1 => stream.write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
            2 => stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            _ => stream.write_all(&[0xff; 2000]),
        };
        left.push(stream);
    }
    for head in broken_heads("/metrics") {
        let mut stream = secured(port, &client);
        _ = stream.write_all(&head);
        let statuses = statuses(&heard(&mut stream));
        assert!(statuses.len() < 2 && statuses.iter().all(|status| (400..500).contains(status)));
    }
    thread::sleep(Duration::from_secs(3));
    witness.end(&daemon);
    for stream in &mut left {
        assert!(statuses(&heard(stream)).is_empty(), "nothing is said in the clear");
    }
}

#[test]
fn who_guesses_passwords_and_hangs_up_takes_two_threads_at_the_most() {
    let (daemon, routes) = (daemon(None, 10), all_routes());
    let port = daemon.port;
    let ask = move |method: &str, path: &str| {
        let answer = said(port, request(method, path, "wonderland").as_bytes());
        statuses(&answer).first().copied().unwrap_or(0)
    };
    // Known from now on.
    assert_eq!(ask("GET", "/-/healthy"), 200);
    let guess = |index: usize| {
        let mut stream = connected(port);
        stream.write_all(request("GET", "/", &format!("guess{index}")).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(3));
    };
    // Pages are made by threads of their own, which are not to be counted here.
    let healthy = vec![("GET".to_string(), "/-/healthy".to_string())];
    let before = daemon.status("Threads");
    let witness = Witness::of(healthy, ask);
    let most = (0..300).map(|index| {
        guess(index);
        daemon.status("Threads")
    });
    let most = most.max().unwrap();
    witness.end(&daemon);
    println!("{} threads more", most - before);
    assert!(most - before <= 2, "{}", most - before);
    let witness = Witness::of(routes, ask);
    (300..400).for_each(guess);
    // Who waits for an answer waits for those before, and gets it.
    let begun = Instant::now();
    let mut stream = connected(port);
    stream.write_all(request("GET", "/", "guess").as_bytes()).unwrap();
    let mut answer = Vec::new();
    _ = stream.read_to_end(&mut answer);
    assert_eq!(statuses(&answer), [401], "{:?}", begun.elapsed());
    witness.end(&daemon);
}
