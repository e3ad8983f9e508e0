//! The status page as a browser and a script see it: a daemon on loopback watches a path that works and two that do not.
//!
//! Pictures of the pages are left in `status_page` below the target directory's `tmp`, for whoever wants to look.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "status_page/browser.rs"]
mod browser;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use scraper::{Html, Selector};
use serde_json::Value;
use tempfile::TempDir;

use self::browser::{Browser, chromium};

/// The longest that a path may take until a verdict is there.
const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon with what it watches.
struct Daemon {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

/// An address of loopback where nobody listens.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).unwrap()
}

impl Daemon {
    fn start() -> Self {
        let daemon = Self::start_with(None);
        let begun = Instant::now();
        let is_told = |path: &Value| !path["verdict"].is_null();
        while !daemon.json("/api/v1/paths")["paths"]
            .as_array()
            .is_some_and(|paths| paths.len() == 3 && paths.iter().all(is_told))
        {
            assert!(begun.elapsed() < PATIENCE, "no verdicts: {}", daemon.json("/api/v1/paths"));
            thread::sleep(Duration::from_millis(100));
        }
        daemon
    }

    /// One that serves by a web configuration, and may not have a verdict yet.
    fn start_with(web: Option<&Path>) -> Self {
        let works = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let good = works.local_addr().unwrap();
        thread::spawn(move || works.incoming().for_each(drop));
        let (address, bad, other) = (free(), free(), free());
        let folder = tempfile::tempdir().unwrap();
        let snapshot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
        let file = folder.path().join("peerscope.yml");
        let web = web.map(|web| format!("web_config_file: {web:?}\n")).unwrap_or_default();
        let configuration = format!(
            "source: {{name: web.1}}\nlisten: {address}\n{web}snapshot: {{paths: [{:?}]}}\npaths:\n\
             - {{name: orders-db, target: \"tcp://{bad}\", interval: 500ms, timeout: 400ms, labels: {{team: orders, tier: data}}}}\n\
             - {{name: cache, target: \"tcp://{good}\", interval: 500ms, timeout: 400ms, labels: {{team: orders}}}}\n\
             - {{name: \"<b>a b\\u202E&%{}\", target: \"tcp://{other}\", interval: 1s, timeout: 400ms, labels: {{team: \"<i>shop\"}}}}\n",
            snapshot.canonicalize().unwrap(),
            "x".repeat(91),
        );
        std::fs::write(&file, configuration).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_peerscope"))
            .args(["run", "--config"])
            .arg(&file)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { child, address, _folder: folder };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the daemon does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        daemon
    }

    /// The status, the head and the body of an answer.
    fn ask(&self, method: &str, path: &str) -> Option<(u16, String, String)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, head.to_ascii_lowercase(), body.to_string()))
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        self.ask("GET", path).unwrap()
    }

    fn json(&self, path: &str) -> Value {
        self.ask("GET", path).and_then(|(.., body)| serde_json::from_str(&body).ok()).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn words(page: &str, selector: &str) -> Vec<String> {
    let parsed = Html::parse_document(page);
    let selector = Selector::parse(selector).unwrap();
    parsed.select(&selector).map(|element| element.text().collect::<String>()).collect()
}

#[test]
fn pages_and_documents_are_served_as_the_openapi_document_says() {
    let daemon = Daemon::start();
    let (status, head, page) = daemon.get("/");
    assert_eq!(status, 200);
    assert!(head.contains("\r\ncontent-security-policy: default-src 'none'"), "{head}");
    let names = words(&page, ".paths h3 a");
    assert_eq!((names.len(), names[2].as_str()), (3, "cache"), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("<b>a b\\u{202e}&%xxx")), "{names:?}");
    assert!(words(&page, ".paths li:first-child .cause").concat().contains("PORT_CLOSED"), "{page}");
    assert!(words(&page, "#matrix thead th").iter().any(|block| block.contains("10.0.128.0/20")), "{page}");
    let (_, _, shown) = daemon.get("/?state=blocked&team=orders");
    assert_eq!(words(&shown, ".paths h3 a"), ["orders-db"]);
    // Each link of the page leads somewhere.
    let parsed = Html::parse_document(&page);
    for link in parsed.select(&Selector::parse("a[href^='/']").unwrap()) {
        let url = link.attr("href").unwrap();
        assert_eq!(daemon.get(url).0, 200, "{url}");
    }
    let (status, _, page) = daemon.get("/paths/orders-db");
    assert_eq!(status, 200);
    assert!(words(&page, "h1")[0].contains("BLOCKED"), "{page}");
    assert!(!words(&page, "#probes tbody tr").is_empty());
    for (method, path, status) in [
        ("GET", "/paths/none", 404),
        ("GET", "/paths/%ff", 400),
        ("GET", "/paths/a/b", 404),
        ("GET", "/api/v1/paths/%", 400),
        ("GET", "/?%ff&==&team=%", 200),
        ("POST", "/", 405),
        ("GET", "/-/reload", 405),
        ("HEAD", "/", 200),
        ("GET", "/nothing", 404),
    ] {
        assert_eq!(daemon.ask(method, path).unwrap().0, status, "{method} {path}");
    }
    let document = daemon.json("/api/v1/openapi.json");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 10, "{paths:?}");
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().unwrap() {
            for name in ["orders-db", "none"] {
                let url = path.replace("{name}", name);
                let (status, head, body) = daemon.ask(&method.to_uppercase(), &url).unwrap();
                let answer = &operation["responses"][status.to_string()];
                assert!(answer.is_object(), "{method} {url}: {status} is not in the document");
                let (kind, content) = answer["content"].as_object().unwrap().iter().next().unwrap();
                assert!(head.contains(&format!("\r\ncontent-type: {kind}")), "{url}: {head}");
                if let Some(schema) = content["schema"]["$ref"].as_str() {
                    let name = schema.rsplit('/').next().unwrap();
                    let required = document["components"]["schemas"][name]["required"].as_array();
                    let body: Value = serde_json::from_str(&body).unwrap();
                    for key in required.into_iter().flatten() {
                        assert!(body.get(key.as_str().unwrap()).is_some(), "{url}: no {key} in {body}");
                    }
                }
            }
        }
    }
}

/// Contrast of all words with what is behind them, by WCAG 2's formula: those that have less than it asks for.
const FAINT: &str = r"(() => {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *:not(svg *)')) {
    const hasWords = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasWords || element.closest('script, noscript') || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(channels(style.color)), light(behind(element))].sort((a, b) => b - a);
    const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < (isLarge ? 3 : 4.5)) faint.push(`${element.tagName} ${element.className} ${contrast.toFixed(2)}: ${element.textContent.slice(0, 40)}`);
  }
  return faint;
})()";

#[test]
fn a_browser_shows_the_pages_on_a_phone_and_on_a_desk_dark_and_light() {
    let Some(chromium) = chromium() else {
        eprintln!("status_page: chromium is not installed: no browser has opened the pages (make servers)");
        return;
    };
    let mut daemon = Daemon::start();
    let base = format!("http://{}", daemon.address);
    let mut browser = Browser::start(&chromium);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("status_page");
    std::fs::create_dir_all(&folder).unwrap();
    for size in [(360, 800), (1280, 900)] {
        for scheme in ["light", "dark"] {
            browser.look_as(size, scheme);
            for (name, path) in [
                ("all", "/"),
                ("bad", "/paths/orders-db"),
                ("good", "/paths/cache"),
                ("past", "/paths/orders-db?past=day"),
            ] {
                browser.open(&format!("{base}{path}"));
                let overflow = browser.value("document.documentElement.scrollWidth - innerWidth");
                assert!(
                    overflow.as_i64().is_some_and(|wide| wide <= 0),
                    "{path} at {size:?}: {overflow} too wide"
                );
                let faint = browser.value(FAINT);
                assert_eq!(faint.as_array().map(Vec::len), Some(0), "{path}, {scheme}: {faint}");
                let picture = browser.picture();
                std::fs::write(folder.join(format!("{name}-{}-{scheme}.png", size.0)), &picture).unwrap();
                // A page of one colour takes no more than this.
                assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{}", picture.len());
            }
        }
    }
    // From all paths to one, by keys alone.
    browser.open(&base);
    browser.press("Tab", 9);
    assert_eq!(browser.value("document.activeElement.className"), "skip");
    let is_there = "document.activeElement.textContent === 'orders-db'";
    for _ in 0..40 {
        if browser.value(is_there) == Value::Bool(true) {
            break;
        }
        browser.press("Tab", 9);
    }
    browser.press("Enter", 13);
    browser
        .wait_for("location.pathname === '/paths/orders-db' && document.readyState === 'complete'", PATIENCE);
    assert!(browser.value("document.querySelector('h1').textContent").as_str().unwrap().contains("BLOCKED"));
    // It keeps itself up to date, and the reader's place; what is selected stays.
    browser.value("scrollTo({ top: 300, behavior: 'instant' }); window.same = true");
    let place = browser.value("scrollY");
    let as_of = browser.value("document.getElementById('as-of').textContent");
    let renewed = format!("document.getElementById('as-of').textContent !== {as_of}");
    browser.wait_for(&renewed, Duration::from_secs(25));
    assert_eq!(browser.value("[scrollY, window.same]"), serde_json::json!([place, true]));
    // Paused it stays as it is.
    browser.value("document.getElementById('pause').click()");
    assert_eq!(browser.value("document.getElementById('pause').textContent"), "Resume updating");
    browser.value("document.getElementById('pause').click()");
    // Nobody is told what no longer holds.
    assert_eq!(browser.complaints, Vec::<String>::new());
    daemon.child.kill().unwrap();
    browser.wait_for(
        "document.getElementById('lost').textContent.startsWith('No answer')",
        Duration::from_secs(25),
    );
}

#[test]
fn without_javascript_nothing_is_missing_but_buttons() {
    let Some(chromium) = chromium() else {
        eprintln!("status_page: chromium is not installed: no browser has opened the pages (make servers)");
        return;
    };
    let daemon = Daemon::start();
    let mut browser = Browser::start(&chromium);
    browser.ask("Emulation.setScriptExecutionDisabled", serde_json::json!({ "value": true }));
    browser.look_as((360, 800), "light");
    browser.open(&format!("http://{}/", daemon.address));
    // The form works by itself: its first choice is the worst state.
    browser.value("document.querySelector('select[name=state]').value = 'blocked'");
    browser.value("document.querySelector('select[name=team]').value = 'orders'");
    browser.value("document.querySelector('form').requestSubmit()");
    browser.wait_for(
        "location.search.includes('state=blocked') && document.readyState === 'complete'",
        PATIENCE,
    );
    assert_eq!(
        browser.value("[...document.querySelectorAll('.paths h3 a')].map((link) => link.textContent)"),
        serde_json::json!(["orders-db"])
    );
    assert_eq!(browser.value("document.getElementById('pause').hidden"), true);
    assert!(browser.value("document.querySelector('noscript a').getClientRects().length").as_i64() > Some(0));
    browser.value("document.querySelector('noscript a').click()");
    browser.wait_for(
        "location.search.includes('reload=1') && location.search.includes('state=blocked')",
        PATIENCE,
    );
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// Runs openssl, which has to do what it is asked.
fn openssl(folder: &Path, arguments: &str) {
    let run = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(run.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&run.stderr));
}

/// Asks over TLS as curl does, and gives the status, or nothing where no answer came.
fn ask_encrypted(
    address: SocketAddr,
    folder: &Path,
    user: Option<&str>,
    client: Option<&str>,
    version: &'static rustls::SupportedProtocolVersion,
) -> Option<(u16, String)> {
    let pem = |name: &str| rustls::pki_types::CertificateDer::from_pem_file(folder.join(name)).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(pem("server.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        Some(name) => {
            let key =
                rustls::pki_types::PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(vec![pem(&format!("{name}.pem"))], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let mut stream = rustls::StreamOwned::new(connection, stream);
    let user = user.map(|user| data_encoding::BASE64.encode(user.as_bytes()));
    let user = user.map(|user| format!("Authorization: Basic {user}\r\n")).unwrap_or_default();
    write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n{user}Connection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    // A server need not say goodbye.
    _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).ok()?;
    Some((answer.split(' ').nth(1)?.parse().ok()?, answer.to_ascii_lowercase()))
}

#[test]
fn a_web_configuration_says_who_may_ask_and_is_read_again() {
    use rustls::version::{TLS12, TLS13};
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("status_page: openssl is not installed: nobody has asked over TLS (make servers)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["server", "client", "stranger"] {
        let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -addext basicConstraints=critical,CA:FALSE";
        openssl(
            folder.path(),
            &format!(
                "{made} -subj /CN={name} -addext subjectAltName=DNS:localhost -keyout {name}.key -out {name}.pem"
            ),
        );
    }
    let file = folder.path().join("web.yml");
    let hash = bcrypt::hash("wonder:land", 8).unwrap();
    let write = |more: &str| {
        let text = format!(
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{more}\
             http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n\
             basic_auth_users:\n  alice: {hash}\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    write("");
    let daemon = Daemon::start_with(Some(&file));
    let ask = |user: Option<&str>, client: Option<&str>, version| {
        ask_encrypted(daemon.address, folder.path(), user, client, version)
    };
    let right = Some("alice:wonder:land");
    let (status, head) = ask(right, None, &TLS13).unwrap();
    assert_eq!(status, 200);
    assert!(head.contains("\r\nstrict-transport-security: max-age=60\r\n"), "{head}");
    let (status, head) = ask(Some("alice:x"), None, &TLS12).unwrap();
    assert!(status == 401 && head.contains("\r\nwww-authenticate: basic "), "{head}");
    assert_eq!(ask(None, None, &TLS13).unwrap().0, 401);
    // Nothing is said in the clear.
    assert!(daemon.ask("GET", "/-/healthy").is_none());
    // From now on a client has to have a certificate, and speak TLS 1.3.
    write(
        "  min_version: TLS13\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: client.pem\n",
    );
    let reload = || {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(daemon.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
    };
    reload();
    let begun = Instant::now();
    while ask(right, None, &TLS13).is_some() {
        assert!(begun.elapsed() < PATIENCE, "the file is not read again");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(ask(right, Some("client"), &TLS13).unwrap().0, 200);
    assert!(ask(right, Some("stranger"), &TLS13).is_none() && ask(right, Some("client"), &TLS12).is_none());
    assert_eq!(ask(None, Some("client"), &TLS13).unwrap().0, 401);
    // A wrong file is not taken.
    write("  min_version: SSL30\n");
    reload();
    thread::sleep(Duration::from_millis(500));
    assert!(ask(right, None, &TLS13).is_none());
    assert_eq!(ask(right, Some("client"), &TLS13).unwrap().0, 200);
    // And said before anything is started.
    let configuration = folder.path().join("peerscope.yml");
    std::fs::write(&configuration, "web_config_file: web.yml\n").unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    let check = check.args(["run", "--check", "--config"]).arg(&configuration).output().unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert_eq!(check.status.code(), Some(2), "{said}");
    assert!(
        said.contains("web.yml:4:16: at tls_server_config.min_version: expected TLS12 or TLS13"),
        "{said}"
    );
}
