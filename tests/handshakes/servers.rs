//! Real servers, each with its data in a folder of its own, on loopback, without privileges.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user and a group without rights, as which servers run where this test is root.
const NOBODY: u32 = 65534;

/// Where Debian keeps what is not on everybody's path.
fn folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|version| version.path().join("bin")));
    folders
}

fn found(program: &str) -> Option<PathBuf> {
    folders().into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The first of these programs that is not installed.
pub(crate) fn missing<'a>(programs: &[&'a str]) -> Option<&'a str> {
    programs.iter().copied().find(|program| found(program).is_none())
}

/// Whether there is anybody else to be: root of a user namespace may be the only one in it (user_namespaces(7)).
fn has_nobody() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(0));
        let (first, count): (u64, u64) = (numbers.next().unwrap_or(0), numbers.nth(1).unwrap_or(0));
        (first..first + count).contains(&u64::from(NOBODY))
    })
}

/// A program, to be run without privileges.
fn unprivileged(program: &str) -> Command {
    let path = found(program).unwrap_or_else(|| panic!("{program} is installed"));
    if !nix::unistd::geteuid().is_root() || !has_nobody() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={NOBODY}")).arg(format!("--regid={NOBODY}")).arg("--clear-groups").arg(path);
    command
}

fn finish(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A port of loopback that nothing listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server under way, ended with this value.
struct Running {
    child: Child,
    folder: TempDir,
}

impl Running {
    /// A folder that the server may write to.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        folder
    }

    /// Starts it with its output in `log`, and waits until it takes connections.
    fn start(mut command: Command, folder: TempDir, port: u16) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).current_dir(folder.path());
        let mut running = Self { child: command.spawn().unwrap(), folder };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = running.child.try_wait().unwrap();
            assert!(ended.is_none() && start.elapsed() < PATIENCE, "{command:?}: {}", running.log());
            thread::sleep(Duration::from_millis(50));
        }
        running
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).map(nix::unistd::Pid::from_raw);
        let _ = id.map(|id| nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path as text.
pub(crate) fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An authority of its own, and the certificates that it gives.
pub(crate) struct Authority {
    folder: TempDir,
}

impl Authority {
    pub(crate) const PROGRAM: &'static str = "openssl";

    /// An authority of this name.
    pub(crate) fn named(name: &str) -> Self {
        let authority = Self { folder: Running::folder() };
        authority.openssl(&[
            &format!("req -x509 -nodes -days 2 -subj /CN={name}"),
            "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1",
            "-keyout authority.key -out authority.pem",
        ]);
        authority
    }

    /// The file of its own certificate.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// A certificate for these alternative names, valid from now for so many days, and its key.
    pub(crate) fn certificate(&self, name: &str, alternative_names: &str, days: i32) -> [PathBuf; 2] {
        fs::write(self.path("extensions"), format!("subjectAltName={alternative_names}\n")).unwrap();
        self.openssl(&[
            "req -nodes -subj /CN=server -newkey ec -pkeyopt ec_paramgen_curve:prime256v1",
            &format!("-keyout {name}.key -out {name}.csr"),
        ]);
        self.openssl(&[
            "x509 -req -CA authority.pem -CAkey authority.key -CAcreateserial -extfile extensions",
            &format!("-in {name}.csr -out {name}.pem -days {days}"),
        ]);
        [self.path(&format!("{name}.pem")), self.path(&format!("{name}.key"))]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &[&str]) {
        let arguments = arguments.iter().flat_map(|part| part.split(' '));
        finish(unprivileged("openssl").args(arguments).current_dir(self.folder.path()));
    }
}

/// A PostgreSQL.
pub(crate) struct PostgreSql {
    running: Running,
    pub(crate) port: u16,
}

impl PostgreSql {
    pub(crate) const PROGRAMS: &'static [&'static str] = &["initdb", "postgres"];

    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With settings, as `name=value`.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let (folder, port) = (Running::folder(), free_port());
        let data = folder.path().join("data");
        finish(
            unprivileged("initdb")
                .args(["-D", shown(&data), "-U", "postgres", "--auth=reject", "--no-sync"])
                .args(["--no-locale", "-E", "UTF8"]),
        );
        let mut command = unprivileged("postgres");
        command.args(["-D", shown(&data), "-p", &port.to_string(), "-k", shown(folder.path())]);
        for setting in ["listen_addresses=127.0.0.1", "fsync=off"].iter().chain(settings) {
            command.args(["-c", setting]);
        }
        let running = Running::start(command, folder, port);
        let server = Self { running, port };
        server.wait_for_log("ready to accept connections");
        server
    }

    pub(crate) fn log(&self) -> String {
        self.running.log()
    }

    /// The log, once it holds this.
    pub(crate) fn wait_for_log(&self, wanted: &str) -> String {
        let start = Instant::now();
        loop {
            let log = self.log();
            if log.contains(wanted) {
                thread::sleep(Duration::from_millis(200));
                return self.log();
            }
            assert!(start.elapsed() < PATIENCE, "{wanted:?} is not in {log}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A MariaDB.
pub(crate) struct MariaDb {
    running: Running,
    pub(crate) port: u16,
}

impl MariaDb {
    pub(crate) const PROGRAMS: &'static [&'static str] = &["mariadb-install-db", "mariadbd", "mariadb"];

    pub(crate) fn start(arguments: &[&str]) -> Self {
        let (folder, port) = (Running::folder(), free_port());
        let data = folder.path().join("data");
        finish(
            unprivileged("mariadb-install-db")
                // Servers side by side take each other's temporary tables for their own.
                .env("TMPDIR", folder.path())
                .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
                .arg(format!("--datadir={}", shown(&data))),
        );
        let mut command = unprivileged("mariadbd");
        command.env("TMPDIR", folder.path());
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--performance-schema=ON"]);
        command.args(["--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M"]).args(arguments);
        command.arg(format!("--datadir={}", shown(&data))).arg(format!("--port={port}"));
        command.arg(format!("--socket={}", shown(&folder.path().join("socket"))));
        let server = Self { running: Running::start(command, folder, port), port };
        // Waiting for it was a bare connect too, which is counted now or later.
        assert_eq!(server.status_at_least("Aborted_connects", 1), 1);
        server.query("flush hosts; flush status");
        server
    }

    /// What a query by the local socket gives, without names of columns.
    pub(crate) fn query(&self, text: &str) -> String {
        let output = Command::new(found("mariadb").unwrap())
            .args(["--no-defaults", "--user=root", "--skip-column-names", "--execute", text])
            .arg(format!("--socket={}", shown(&self.running.path("socket"))))
            .output()
            .unwrap();
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A counter of the server.
    pub(crate) fn status(&self, name: &str) -> u64 {
        let row = self.query(&format!("show global status where variable_name = '{name}'"));
        row.split_whitespace().nth(1).unwrap_or_else(|| panic!("{name}: {row:?}")).parse().unwrap()
    }

    /// The same once it is as much as this, and had time to become more: a connection is counted when the server's thread
    /// for it ends, which may be after its client has gone.
    pub(crate) fn status_at_least(&self, name: &str, least: u64) -> u64 {
        let start = Instant::now();
        while self.status(name) < least && start.elapsed() < Duration::from_secs(10) {
            thread::sleep(Duration::from_millis(20));
        }
        thread::sleep(Duration::from_millis(300));
        self.status(name)
    }

    /// The errors that count towards a block of this address; none where the server keeps no row of it.
    pub(crate) fn connect_errors(&self, address: &str) -> Option<u64> {
        self.host_cache("sum_connect_errors", address)
    }

    /// A column of what the server keeps of an address; none where it keeps no row of it.
    pub(crate) fn host_cache(&self, column: &str, address: &str) -> Option<u64> {
        let query = format!("select {column} from performance_schema.host_cache where ip = '{address}'");
        self.query(&query).trim().parse().ok()
    }

    pub(crate) fn log(&self) -> String {
        self.running.log()
    }
}

/// Has an nginx keep what it keeps for a while in its own folder.
pub(crate) fn temporary_folders() -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    kinds.iter().map(|kind| format!("  {kind}_temp_path {kind};\n")).collect()
}

/// An nginx that answers everything with 204.
pub(crate) struct Nginx {
    running: Running,
    pub(crate) port: u16,
}

impl Nginx {
    pub(crate) const PROGRAMS: &'static [&'static str] = &["nginx"];

    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With further servers, as its configuration has them.
    pub(crate) fn start_with(servers: &str) -> Self {
        let (folder, port) = (Running::folder(), free_port());
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid pid;\nerror_log error.log notice;\nevents {{}}\nhttp {{\n{}  \
             access_log access.log combined;\n  server {{ listen 127.0.0.1:{port}; return 204; }}\n{servers}}}\n",
            temporary_folders()
        );
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let mut command = unprivileged("nginx");
        command.args(["-p", shown(folder.path()), "-c", "nginx.conf", "-e", "error.log"]);
        let server = Self { running: Running::start(command, folder, port), port };
        // What it says while it starts.
        fs::write(server.running.path("error.log"), "").unwrap();
        server
    }

    /// The access log, once it has so many lines.
    pub(crate) fn access_log(&self, lines: usize) -> String {
        let start = Instant::now();
        loop {
            let log = fs::read_to_string(self.running.path("access.log")).unwrap();
            if log.lines().count() >= lines || start.elapsed() > PATIENCE {
                assert_eq!(log.lines().count(), lines, "{log}");
                return log;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn error_log(&self) -> String {
        let log = fs::read_to_string(self.running.path("error.log")).unwrap();
        log.replace('\0', "")
    }
}

/// A Redis.
pub(crate) struct Redis {
    running: Running,
    pub(crate) port: u16,
    password: Option<String>,
}

/// What INFO says.
pub(crate) struct RedisInfo(String);

impl RedisInfo {
    /// How often a kind of error was the reply.
    pub(crate) fn errors(&self, kind: &str) -> u64 {
        let prefix = format!("errorstat_{kind}:count=");
        let count = self.0.lines().find_map(|line| line.strip_prefix(&prefix));
        count.map_or(0, |count| count.trim().parse().unwrap())
    }

    /// A figure; zero where it is not named, as error counters are not before the first error.
    pub(crate) fn number(&self, name: &str) -> i64 {
        let line = self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map_or(0, |number| number.trim().parse().unwrap())
    }
}

impl Redis {
    pub(crate) const PROGRAMS: &'static [&'static str] = &["redis-server"];

    pub(crate) fn start(arguments: &[&str]) -> Self {
        let (folder, port) = (Running::folder(), free_port());
        let mut command = unprivileged("redis-server");
        let is_secure = arguments.contains(&"--tls-cert-file");
        let [plain, secure] = if is_secure { [0, port] } else { [port, 0] }.map(|port| port.to_string());
        command.args([
            "--port",
            &plain,
            "--tls-port",
            &secure,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--daemonize",
            "no",
        ]);
        command.args(arguments);
        let password = arguments.iter().skip_while(|one| **one != "--requirepass").nth(1);
        let password = password.map(|password| (*password).to_string());
        Self { running: Running::start(command, folder, port), port, password }
    }

    pub(crate) fn log(&self) -> String {
        self.running.log()
    }

    /// All that INFO says.
    pub(crate) fn info(&self) -> RedisInfo {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let login = self.password.as_ref().map(|password| format!("AUTH {password}\r\n")).unwrap_or_default();
        stream.write_all(format!("{login}INFO everything\r\nQUIT\r\n").as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        RedisInfo(said)
    }
}
