//! AWS on loopback: one process of `stub.py` for all tests, in which each has a room of its own.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use peerscope_document::AwsCollection;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The secret key of all access keys.
pub(crate) const SECRET: &str = "secret-key-not-to-be-shown";
/// The external id of roles that demand one.
pub(crate) const EXTERNAL_ID: &str = "external-id-not-to-be-shown";
/// What begins the session token that the stub gives for a role.
const TOKEN: &str = "token-of-";
/// Whose documents `rich.json` holds.
pub(crate) const ACCOUNT: &str = "111122223333";
/// The Region of `rich.json`.
pub(crate) const REGION: &str = "us-east-1";

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The Python that `scripts/prepare-aws` makes, which is made where it is missing.
pub(crate) fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let script = root().join("scripts/prepare-aws");
        let output = Command::new(&script).output().expect("scripts/prepare-aws is there");
        let (out, error) = (String::from_utf8(output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "scripts/prepare-aws cannot make what these tests need: {error}");
        PathBuf::from(out.expect("a path").trim())
    })
}

/// A process of Python that plays a server until its standard input ends, which is when these tests do.
pub(crate) struct Server {
    child: Child,
    /// The first line that it said: where it listens.
    pub(crate) said: String,
}

impl Server {
    /// Starts one of the scripts beside this file.
    pub(crate) fn start(script: &str, arguments: &[&Path]) -> Self {
        let mut child = Command::new(python())
            .arg(root().join("tests/aws").join(script))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut said = String::new();
        let out = child.stdout.take().expect("it is piped");
        BufReader::new(out).read_line(&mut said).expect("it says where it listens");
        assert!(!said.is_empty(), "{script} ended before it listened");
        Self { child, said: said.trim().to_string() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

struct Stub {
    server: Server,
    folder: TempDir,
}

fn stub() -> &'static Stub {
    static STUB: OnceLock<Stub> = OnceLock::new();
    STUB.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        Stub { server: Server::start("stub.py", &[folder.path()]), folder }
    })
}

/// Where the stub listens, as `AWS_ENDPOINT_URL` takes it.
pub(crate) fn endpoint() -> String {
    format!("http://127.0.0.1:{}", stub().server.said)
}

/// A request as the stub saw it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) service: String,
    pub(crate) action: String,
    pub(crate) region: String,
    pub(crate) key: String,
    pub(crate) parameters: Map<String, Value>,
}

/// A part of the stub that nobody else asks.
pub(crate) struct Room {
    name: String,
    folder: PathBuf,
}

impl Room {
    /// An empty one: no account has anything.
    pub(crate) fn empty() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("R{:03}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = stub().folder.path().join(&name);
        fs::create_dir(&folder).expect("a room");
        Self { name, folder }
    }

    /// One with `rich.json`: everything that is read, in every form.
    pub(crate) fn rich() -> Self {
        let room = Self::empty();
        room.serve(ACCOUNT, REGION, &rich());
        room
    }

    /// Serves documents, in the place of what was served before.
    pub(crate) fn serve(&self, account: &str, region: &str, documents: &Value) {
        let folder = self.folder.join(account).join(region);
        fs::create_dir_all(&folder).unwrap();
        // Whoever is being answered reads one or the other.
        fs::write(folder.join("documents.new"), documents.to_string()).unwrap();
        fs::rename(folder.join("documents.new"), folder.join("documents.json")).unwrap();
    }

    /// Serves a collection of documents as an account's.
    pub(crate) fn serve_collection(&self, account: &str, collection: &AwsCollection) {
        let region = collection.region.as_ref().expect("a world's documents have a Region");
        self.serve(account, region.as_str(), &serde_json::to_value(&collection.documents).unwrap());
    }

    /// What goes wrong from now on; `tests/aws/faults.py` says how it is written.
    pub(crate) fn faults(&self, rules: &Value) {
        self.faults_and_roles(rules, &Value::Null);
    }

    /// The same, and which roles may be assumed, each with its external id or null.
    pub(crate) fn faults_and_roles(&self, rules: &Value, roles: &Value) {
        let file = self.folder.join("faults.json");
        fs::write(self.folder.join("faults.new"), json!({"rules": rules, "roles": roles}).to_string())
            .unwrap();
        fs::rename(self.folder.join("faults.new"), file).unwrap();
    }

    /// The access key of an account here.
    pub(crate) fn key(&self, account: &str) -> String {
        format!("AKIA{}{account}", self.name)
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.lines().map(|line| serde_json::from_str(line).expect("a line of the log")).collect()
    }

    /// `peerscope` with the credentials of an account and no others, and nothing of AWS in reach but the stub.
    pub(crate) fn peerscope_as(&self, account: &str) -> Command {
        let mut command = peerscope(&endpoint());
        command
            .env("AWS_ACCESS_KEY_ID", self.key(account))
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", REGION);
        command
    }

    /// The same as the account of `rich.json`.
    pub(crate) fn peerscope(&self) -> Command {
        self.peerscope_as(ACCOUNT)
    }

    /// `peerscope collect` of AWS into a folder.
    pub(crate) fn collect(&self, target: &Path) -> Command {
        collect(self.peerscope(), target)
    }
}

/// `collect` of AWS alone into a folder.
pub(crate) fn collect(mut peerscope: Command, target: &Path) -> Command {
    peerscope.args(["collect", "--only", "aws", "-o"]).arg(target);
    peerscope
}

/// `peerscope` without credentials, and without the metadata service of an instance.
pub(crate) fn peerscope(endpoint: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/nonexistent")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// The documents of `rich.json`.
pub(crate) fn rich() -> Value {
    let text = fs::read_to_string(root().join("tests/aws/rich.json")).expect("rich.json");
    serde_json::from_str(&text).expect("rich.json is JSON")
}

/// What a command said, which shows no secret, and how long it took.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
    pub(crate) took: Duration,
}

impl Said {
    /// The result as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.error))
    }

    /// The same, of a command that did its work.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert_eq!(self.status, Some(0), "{}{}", self.out, self.error);
        self
    }
}

/// Runs a command.
pub(crate) fn run(command: &mut Command) -> Said {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("peerscope runs");
    let took = started.elapsed();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let said =
        Said { status: output.status.code(), out: text(output.stdout), error: text(output.stderr), took };
    shows_no_secret(&said.out);
    shows_no_secret(&said.error);
    said
}

/// Fails where a text has a secret in it.
pub(crate) fn shows_no_secret(text: &str) {
    for secret in [SECRET, EXTERNAL_ID, TOKEN] {
        assert!(!text.contains(secret), "{secret} is shown: {text}");
    }
}

/// The manifest of a snapshot.
pub(crate) fn manifest(target: &Path) -> peerscope_document::Manifest {
    let text = fs::read_to_string(target.join("manifest.json")).expect("a manifest");
    serde_json::from_str(&text).expect("a manifest")
}
