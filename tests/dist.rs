//! What is distributed, where it will be used: in a root that holds nothing but the binary and what a kernel gives,
//! where nothing but `/tmp` can be written, by a user whom nobody knows and who may do nothing. A binary that needs a
//! library, a locale, a name service or a home fails here.
//!
//! It takes the binary from `PEERSCOPE_DIST`, as `make dist-test` sets it, and tries it in the roots of
//! `PEERSCOPE_ROOTS` too (folders, separated by colons): what `debootstrap` unpacked of an old system. The answers
//! come from this process, over the loopback interface of a network namespace of its own, which has the addresses of
//! the example documents.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::error::Error;
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::mount::{MsFlags, mount};
use peerscope_laboratory::{Enclosure, Right};
use serde_json::Value;

#[path = "handshakes/servers.rs"]
#[expect(dead_code, reason = "of the servers, certificates alone are needed here")]
mod servers;

use servers::{Authority, free_port, missing, shown};

/// The dyno of the example documents, and the target in them.
const DYNO: &str = "10.0.139.183";
const TARGET: &str = "10.100.2.20";

/// A user of no name, as a dyno has.
const USER: &str = "48213";

/// Where in a root everything lies, since nothing else can be written.
const PLACE: &str = "tmp";

fn main() -> ExitCode {
    let Some(binary) = std::env::var_os("PEERSCOPE_DIST").filter(|path| !path.is_empty()) else {
        println!(
            "dist: nothing is tried, since no distributed binary was named; `make dist-test` builds and tries it"
        );
        return ExitCode::SUCCESS;
    };
    match trials(Path::new(&binary)) {
        Ok(trials) => libtest_mimic::run(&Arguments::from_args(), trials).exit_code(),
        Err(error) => {
            eprintln!("dist: {error}");
            ExitCode::FAILURE
        }
    }
}

type Test = fn(&Root) -> Result<(), Failed>;

fn trials(binary: &Path) -> Result<Vec<Trial>, Box<dyn Error>> {
    let enclosure = Enclosure::enter()?;
    for address in [DYNO, TARGET] {
        let status = Command::new("ip").args(["address", "add", address, "dev", "lo"]).status()?;
        expect(status.success(), format!("ip address add {address}: {status}")).map_err(|_| "no address")?;
    }
    let roots = std::env::var("PEERSCOPE_ROOTS").unwrap_or_default();
    let folders = roots.split(':').filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let mut trials = Vec::new();
    for folder in std::iter::once(None).chain(folders.map(Some)) {
        let name = folder.as_deref().and_then(Path::file_name).map_or("empty".into(), OsStr::to_string_lossy);
        let root = Root::make(binary, &name, folder.as_deref(), enclosure.right())?;
        let root: &'static Root = Box::leak(Box::new(root));
        let tests: [(&str, Test); 10] = [
            ("says_its_version", version),
            ("says_what_it_may_do", capabilities),
            ("reaches_what_answers", reachable),
            ("is_refused_by_what_does_not", refused),
            ("analyzes_documents", analyzed),
            ("saves_evidence_and_reads_it_again", saved),
            ("writes_nowhere_else", read_only),
            ("asks_the_name_servers_that_are_configured", named),
            ("knows_the_roots_that_it_is_given", trusted),
            ("says_that_there_is_no_laboratory", laboratory),
        ];
        for (test, run) in tests {
            // Without openssl nobody is there to vouch for.
            let is_missing = test.contains("roots") && missing(&[Authority::PROGRAM]).is_some();
            trials
                .push(Trial::test(format!("{name}/{test}"), move || run(root)).with_ignored_flag(is_missing));
        }
    }
    Ok(trials)
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

/// A file system that can be read, with a `/tmp` that can be written.
struct Root {
    path: PathBuf,
    right: Right,
}

impl Root {
    /// Of a folder, which stays as it is, or of nothing. It is gone with this process, since the mounts are.
    fn make(binary: &Path, name: &str, folder: Option<&Path>, right: Right) -> Result<Self, Box<dyn Error>> {
        // The laboratory put a file system of this process's own on /run.
        let path = Path::new("/run/roots").join(name);
        fs::create_dir_all(&path)?;
        let none = None::<&str>;
        match folder {
            Some(folder) => mount(Some(folder), &path, none, MsFlags::MS_BIND, none)?,
            None => {
                mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::empty(), none)?;
                for folder in ["proc", "etc", PLACE] {
                    fs::create_dir(path.join(folder))?;
                }
                fs::write(path.join("etc/resolv.conf"), "nameserver 127.0.0.1\n")?;
            }
        }
        mount(Some("/proc"), &path.join("proc"), none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
        let place = path.join(PLACE);
        mount(Some("tmpfs"), &place, Some("tmpfs"), MsFlags::empty(), Some("mode=1777"))?;
        let again = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        mount(none, &path, none, again, none)?;
        fs::copy(binary, place.join("peerscope"))?;
        fs::set_permissions(place.join("peerscope"), fs::Permissions::from_mode(0o755))?;
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db"),
            &place.join("orders-db"),
        )?;
        Ok(Self { path, right })
    }

    /// The binary inside, as the user whom nobody knows, in a dyno's environment and no other.
    fn peerscope(&self, arguments: &[&str]) -> Command {
        self.peerscope_given(&[], arguments)
    }

    /// The same, with more in the environment.
    fn peerscope_given(&self, environment: &[&str], arguments: &[&str]) -> Command {
        let mut words = vec!["setpriv".to_string(), "--no-new-privs".to_string()];
        words.extend(match self.right {
            Right::Root => {
                vec!["chroot".to_string(), format!("--userspec={USER}:{USER}"), "--groups=".to_string()]
            }
            // There is no other user in a user namespace; in one further inside there is.
            Right::UserNamespace => {
                ["unshare", "--user", &format!("--map-user={USER}"), &format!("--map-group={USER}"), "--root"]
                    .map(ToString::to_string)
                    .to_vec()
            }
        });
        let mut command = Command::new("env");
        command.args([
            "-i",
            "PATH=/usr/bin:/usr/sbin:/bin:/sbin",
            "DYNO=web.1",
            "TERM=dumb",
            "LANG=de_DE.UTF-8",
        ]);
        command.arg(format!("HEROKU_PRIVATE_IP={DYNO}")).args(environment);
        command.args(words).arg(&self.path).arg(format!("/{PLACE}/peerscope")).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// What it says, and that its exit status is the contract's.
    fn run(&self, arguments: &[&str], status: i32) -> Result<Output, Failed> {
        let output = self.peerscope(arguments).output()?;
        let said = format!(
            "{arguments:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        expect(output.status.code() == Some(status), said)?;
        Ok(output)
    }

    fn json(&self, arguments: &[&str], status: i32) -> Result<Value, Failed> {
        let arguments = [arguments, &["--format", "json"]].concat();
        Ok(serde_json::from_slice(&self.run(&arguments, status)?.stdout)?)
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// A port of the target at which somebody accepts until the process ends.
fn listening() -> std::io::Result<u16> {
    let listener = TcpListener::bind((TARGET, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || listener.incoming().for_each(drop));
    Ok(port)
}

fn version(root: &Root) -> Result<(), Failed> {
    let output = root.run(&["--version"], 0)?;
    let version = format!("peerscope {}\n", env!("CARGO_PKG_VERSION"));
    expect(output.stdout == version.as_bytes(), format!("{output:?}"))?;
    root.run(&["--help"], 0)?;
    root.run(&["whence"], 2).map(|_| ())
}

fn capabilities(root: &Root) -> Result<(), Failed> {
    let report = root.json(&["capabilities"], 0)?;
    let can = |name: &str| {
        let found = report["capabilities"].as_array().into_iter().flatten().find(|one| one["name"] == name);
        found.and_then(|one| one["available"].as_bool())
    };
    expect(can("tcp-connect") == Some(true) && can("tcp-info") == Some(true), format!("{report:#}"))?;
    // As on a dyno: a user who may do more than that would make the other tests worth less.
    expect(can("icmp-echo-raw-socket") == Some(false), format!("{report:#}"))
}

fn reachable(root: &Root) -> Result<(), Failed> {
    let target = format!("tcp://{TARGET}:{}", listening()?);
    let report = root.json(&["why", &target], 0)?;
    let vantage = &report["vantage"];
    expect(vantage["kind"] == "dyno" && vantage["address"] == DYNO, format!("{report:#}"))?;
    let is_told = report["gaps"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|gap| gap["kind"] == "permission" && gap["what"] == "ICMP echo");
    expect(report["verdict"] == "reachable" && is_told, format!("{report:#}"))
}

fn refused(root: &Root) -> Result<(), Failed> {
    let target = {
        let listener = TcpListener::bind((TARGET, 0))?;
        format!("tcp://{}", listener.local_addr()?)
    };
    let report = root.json(&["why", &target], 1)?;
    expect(report["causes"][0]["code"] == "PORT_CLOSED", format!("{report:#}"))
}

fn analyzed(root: &Root) -> Result<(), Failed> {
    let target = format!("tcp://{TARGET}:5432");
    let report =
        root.json(&["analyze", "--to", &target, "--from", "dyno", "--snapshot", "/tmp/orders-db"], 1)?;
    expect(report["causes"][0]["code"] == "NO_ROUTE_TO_DESTINATION", format!("{report:#}"))?;
    let others = report["findings"].as_array().into_iter().flatten().any(|finding| {
        finding["message"].as_str().is_some_and(|text| text.contains("Dynos in 10.0.144.0/20 will fail"))
    });
    expect(others, format!("another block is not told of: {report:#}"))?;
    let check = root.json(&["check", "--snapshot", "/tmp/orders-db"], 1)?;
    let violated = check["results"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|result| result["rule"] == "HPS-RT-01" && result["status"] == "violation");
    expect(violated, format!("{check:#}"))
}

fn saved(root: &Root) -> Result<(), Failed> {
    let target = format!("tcp://{TARGET}:{}", listening()?);
    root.run(&["why", &target, "--save", "/tmp/evidence.json"], 0)?;
    let report = root.json(&["why", "--replay", "/tmp/evidence.json", "--snapshot", "/tmp/orders-db"], 0)?;
    expect(report["verdict"] == "reachable" && !report["snapshot"].is_null(), format!("{report:#}"))?;
    let line = root.run(&["why", &target, "--save", "-"], 0)?;
    let evidence: Value = serde_json::from_slice(&line.stdout)?;
    expect(evidence["schema"] == "peerscope/evidence/1", format!("{evidence:#}"))
}

fn read_only(root: &Root) -> Result<(), Failed> {
    let target = format!("tcp://{TARGET}:{}", listening()?);
    let output = root.run(&["why", &target, "--save", "/evidence.json"], 2)?;
    let text = String::from_utf8(output.stderr)?;
    expect(text.lines().count() == 1 && text.contains("/evidence.json: cannot be written"), text)
}

/// Nobody answers on the port of the server: that it is named in the report says that it was asked.
fn named(root: &Root) -> Result<(), Failed> {
    let output = root.peerscope(&["why", "tcp://orders-db.internal:5432", "--format", "json"]).output()?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let first = &report["causes"][0];
    expect(first["code"] == "NAME_NOT_RESOLVED" && output.status.code() == Some(1), format!("{report:#}"))?;
    let configured = fs::read_to_string(root.path.join("etc/resolv.conf"))?;
    let servers = configured.lines().filter_map(|line| line.strip_prefix("nameserver "));
    let (text, mut servers) = (report.to_string(), servers.map(str::trim).peekable());
    expect(servers.peek().is_some(), "no server is configured")?;
    expect(servers.any(|server| text.contains(server)), format!("no configured server is named: {report:#}"))
}

fn laboratory(root: &Root) -> Result<(), Failed> {
    let output = root.run(&["demo"], 2)?;
    let text = String::from_utf8(output.stderr)?;
    expect(text.lines().count() == 1 && output.stdout.is_empty(), text)
}

/// The same certificate, where its root is given, where another is, and where there is none at all.
fn trusted(root: &Root) -> Result<(), Failed> {
    let authority = Authority::named("ours");
    let [certificate, key] = authority.certificate("server", &format!("IP:{TARGET}"), 30);
    for (name, authority) in [("ours.pem", &authority), ("theirs.pem", &Authority::named("theirs"))] {
        let place = root.path.join(PLACE).join(name);
        fs::copy(authority.root(), &place)?;
        fs::set_permissions(place, fs::Permissions::from_mode(0o644))?;
    }
    let address = SocketAddr::new(TARGET.parse()?, free_port());
    let mut server = Command::new(Authority::PROGRAM)
        .args(["s_server", "-4", "-www", "-quiet", "-accept", &address.port().to_string()])
        .args(["-cert", shown(&certificate), "-key", shown(&key)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let told = trusted_by(root, address);
    server.kill()?;
    server.wait()?;
    told
}

fn trusted_by(root: &Root, address: SocketAddr) -> Result<(), Failed> {
    let start = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        expect(start.elapsed() < Duration::from_secs(20), "the server does not start")?;
        thread::sleep(Duration::from_millis(50));
    }
    let target = format!("tls://{address}");
    for (roots, verdict, status) in [("ours.pem", "reachable", 0), ("theirs.pem", "impaired", 1)] {
        let environment = format!("SSL_CERT_FILE=/{PLACE}/{roots}");
        let output = root.peerscope_given(&[&environment], &["why", &target, "--format", "json"]).output()?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        let is_right = report["verdict"] == verdict && output.status.code() == Some(status);
        expect(is_right, format!("{roots}: {}: {report:#}", output.status))?;
        let is_accused = report["causes"][0]["code"] == "TLS_FAILED";
        expect(is_accused == (status == 1), format!("{roots}: {report:#}"))?;
    }
    // Who knows nobody can vouch for nobody, and accuses nobody either.
    let report = root.json(&["why", &target], 0)?;
    expect(report["verdict"] == "reachable", format!("{report:#}"))
}
