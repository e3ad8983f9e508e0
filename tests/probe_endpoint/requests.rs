//! What is sent by HTTP, and to whom, beside blackbox_exporter.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::ask;
use super::both::Both;
use super::secured::Secured;
use super::servers::{Authority, shown};

/// Answers one request with what it was: `METHOD|Authorization|Content-Type|body`. `/to/STATUS?URL` redirects, and `/gzip`
/// and `/deflate` answer `hello world` so, and `/broken` what is neither.
fn serve(mut stream: impl Read + Write) {
    let mut reader = BufReader::new(&mut stream);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
        lines.push(line.trim_end().to_string());
        line.clear();
    }
    let header = |wanted: &str| {
        let parts = lines.iter().filter_map(|line| line.split_once(": "));
        let mut found = parts.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().map(|(_, value)| value.to_string()).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    _ = reader.read_exact(&mut body);
    let mut words = lines.first().map(String::as_str).unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut status, mut location) = ("200", "");
    let mut answer = format!(
        "{method}|{}|{}|{}",
        header("authorization"),
        header("content-type"),
        String::from_utf8_lossy(&body)
    )
    .into_bytes();
    if let Some((to, url)) = path.split_once('?') {
        (status, location) = (to.trim_start_matches("/to/"), url);
    } else if path == "/gzip" {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"hello world").unwrap();
        answer = encoder.finish().unwrap();
    } else if path == "/deflate" {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"hello world").unwrap();
        answer = encoder.finish().unwrap();
    }
    let location = if location.is_empty() { String::new() } else { format!("Location: {location}\r\n") };
    let head = format!("HTTP/1.1 {status} So\r\n{location}Content-Length: {}\r\n\r\n", answer.len());
    _ = stream.write_all(head.as_bytes());
    if method != "HEAD" {
        _ = stream.write_all(&answer);
    }
    _ = stream.flush();
}

fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

/// Modules, what the answer's body has to have, the path, and how it ends.
const CASES: &[(&str, &str, &str, f64)] = &[
    ("method: POST, body: hello", r"^POST\|\|\|hello$", "/", 1.0),
    ("method: POST", r"^POST\|\|\|$", "/", 1.0),
    ("method: PURGE", r"^PURGE\|", "/", 1.0),
    ("method: HEAD", "^$", "/", 1.0),
    ("body: hello", r"^GET\|\|\|hello$", "/", 1.0),
    ("method: PUT, body: '{}', headers: {Content-Type: a/b}", r"^PUT\|\|a/b\|\{\}$", "/", 1.0),
    ("basic_auth: {username: u, password: hunter2}", r"\|Basic dTpodW50ZXIy\|", "/", 1.0),
    ("basic_auth: {username: u, password_file: FILE}", r"\|Basic dTpodW50ZXIy\|", "/", 1.0),
    ("basic_auth: {username: u}", r"\|Basic dTo=\|", "/", 1.0),
    ("basic_auth: {username: u, password: hunter2}", "nothing", "/", 0.0),
    ("bearer_token: hunter2", r"\|Bearer hunter2\|", "/", 1.0),
    ("bearer_token_file: FILE", r"\|Bearer hunter2\|", "/", 1.0),
    ("authorization: {credentials: hunter2}", r"\|Bearer hunter2\|", "/", 1.0),
    ("authorization: {type: Token, credentials_file: FILE}", r"\|Token hunter2\|", "/", 1.0),
    ("bearer_token: hunter2, headers: {Authorization: own}", r"\|own\|", "/", 1.0),
    ("bearer_token: hunter2", r"\|Bearer hunter2\|", "/to/302?/", 1.0),
    ("method: POST, body: hello", r"^GET\|\|\|$", "/to/301?/", 1.0),
    ("method: POST, body: hello", r"^GET\|\|\|$", "/to/302?/", 1.0),
    ("method: DELETE", r"^GET\|\|\|$", "/to/303?/", 1.0),
    ("method: POST, body: hello", r"^POST\|\|\|hello$", "/to/307?/", 1.0),
    ("method: PUT, body: hello", r"^PUT\|\|\|hello$", "/to/308?/", 1.0),
    ("method: HEAD", "^$", "/to/301?/", 1.0),
    ("body_size_limit: 3B", ".", "/", 0.0),
    ("body_size_limit: 6B", r"^GET\|\|\|$", "/", 1.0),
    ("body_size_limit: 1KB", ".", "/", 1.0),
    ("body_size_limit: 0", ".", "/", 1.0),
    ("compression: gzip", "^hello world$", "/gzip", 1.0),
    ("compression: deflate", "^hello world$", "/deflate", 1.0),
    ("compression: identity", "^GET", "/", 1.0),
    ("compression: gzip, body_size_limit: 5B", ".", "/gzip", 0.0),
    ("compression: gzip", "^GET", "/", 0.0),
];

const TLS: &str = "
  tls_without: {prober: http, http: {tls_config: {ca_file: CA, server_name: db.example}}}
  tls_with: {prober: http, http: {tls_config: {ca_file: CA, server_name: db.example, cert_file: CERTIFICATE, key_file: KEY}}}
  tls_any: {prober: http, http: {tls_config: {insecure_skip_verify: true, cert_file: CERTIFICATE, key_file: KEY}}}
  tls_host: {prober: http, http: {headers: {Host: db.example}, tls_config: {ca_file: CA}}}
  tls_low: {prober: http, http: {tls_config: {ca_file: CA, server_name: db.example, min_version: TLS12}}}
  tls_high: {prober: http, http: {tls_config: {ca_file: CA, server_name: db.example, min_version: TLS13}}}
  tcp_with: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: CA, server_name: db.example, cert_file: CERTIFICATE, key_file: KEY}, query_response: [{send: \"HEAD / HTTP/1.1\\r\\n\\r\"}, {expect: '200'}]}}
  tcp_without: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: CA, server_name: db.example}, query_response: [{send: \"HEAD / HTTP/1.1\\r\\n\\r\"}, {expect: '200'}]}}
  tcp_high: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: CA, server_name: db.example, min_version: TLS13}}}
  away: {prober: http, http: {bearer_token: hunter2, method: POST, body: hello, headers: {Content-Type: a/b, X-Key: hunter2}, fail_if_body_not_matches_regexp: ['^POST\\|\\|a/b\\|hello$']}}
";

#[test]
fn requests_are_sent_and_answered_as_with_blackbox_exporter() {
    if !Both::can_be() {
        return;
    }
    let authority = Authority::named("requests-authority");
    let certificate = authority.certificate("web", "DNS:db.example", 3);
    let client = authority.certificate("client", "DNS:client.example", 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "hunter2\n").unwrap();
    let mut modules = "modules:".to_string();
    for (index, (module, wanted, _, _)) in CASES.iter().enumerate() {
        let expected = if *wanted == "^$" { "" } else { wanted };
        modules += &format!(
            "\n  case_{index}: {{prober: http, http: {{{module}, fail_if_body_not_matches_regexp: ['{expected}']}}}}"
        );
    }
    modules += TLS;
    for (name, path) in
        [("FILE", &file), ("CERTIFICATE", &client[0]), ("KEY", &client[1]), ("CA", &authority.root())]
    {
        modules = modules.replace(name, shown(path));
    }
    let both = Both::with(&modules);
    let at = server();
    for (index, (module, wanted, path, expected)) in CASES.iter().enumerate() {
        println!("{module} {wanted} {path}");
        both.agree(&format!("case_{index}"), &format!("http://{at}{path}"), *expected);
    }
    let root = authority.root();
    let secured = |clients, has_old_alone| {
        let server = Secured { certificate: &certificate, clients, has_old_alone };
        server.serve(|stream| serve(stream))
    };
    let (asking, open, old) = (secured(Some(&*root), false), secured(None, false), secured(None, true));
    for (module, target, expected) in [
        ("tls_without", asking, 0.0),
        ("tls_with", asking, 1.0),
        ("tls_any", asking, 1.0),
        ("tls_with", open, 1.0),
        ("tls_host", open, 1.0),
        ("tls_low", old, 1.0),
        ("tls_high", old, 0.0),
        ("tls_high", open, 1.0),
    ] {
        both.agree(module, &format!("https://{target}/"), expected);
    }
    for (module, target, expected) in [
        ("tcp_with", asking, 1.0),
        ("tcp_without", asking, 0.0),
        ("tcp_high", old, 0.0),
        ("tcp_high", open, 1.0),
    ] {
        both.agree(module, &target.to_string(), expected);
    }
    // Where blackbox_exporter tells another host the token.
    let elsewhere = server();
    let led = format!("http://{at}/to/307?http://{elsewhere}/");
    let (_, page) = ask(both.daemon.port, &led, "away&debug=true");
    assert!(page.contains("\nprobe_success 1\n") && !page.contains("hunter2"), "{page}");
}
