//! `peerscope run` with a configuration of the test's, and who it is asked by.
#![allow(dead_code, reason = "each test of a daemon uses its part")]

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A port of loopback that nothing listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks until the answer is there.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// What a GET gives; none where nobody answers.
pub(crate) fn get(url: &str) -> Option<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    agent.get(url).call().ok()?.body_mut().read_to_string().ok()
}

/// A daemon.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) folder: TempDir,
    pub(crate) port: u16,
}

impl Daemon {
    /// Starts one, and waits until it answers.
    pub(crate) fn start(configuration: &str) -> Self {
        Self::start_with(configuration, &[])
    }

    /// The same, in an environment that says more.
    pub(crate) fn start_with(configuration: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peerscope"));
        command.envs(environment.iter().copied());
        Self::start_by(command, configuration)
    }

    /// The same by a command that runs it.
    pub(crate) fn start_by(command: Command, configuration: &str) -> Self {
        let daemon = Self::spawn(command, configuration);
        wait_for("the daemon's first answer", || get(&daemon.url("/-/healthy")));
        daemon
    }

    /// The same without waiting.
    pub(crate) fn spawn(mut command: Command, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let file = folder.path().join("peerscope.yml");
        fs::write(&file, Self::whole(port, configuration)).unwrap();
        let log = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
        let child = command
            .args(["run", "--config"])
            .arg(&file)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("PEERSCOPE_TEST_PASSWORD", "hunter2")
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("log"))
            .spawn()
            .unwrap();
        Self { child, folder, port }
    }

    /// A configuration, with where it listens and what it is called.
    fn whole(port: u16, configuration: &str) -> String {
        format!("listen: 127.0.0.1:{port}\nsource: {{name: here}}\n{configuration}")
    }

    /// Puts another configuration in the place of its own, in one step as editors do.
    pub(crate) fn configure(&self, configuration: &str) {
        let next = self.file().with_extension("next");
        fs::write(&next, Self::whole(self.port, configuration)).unwrap();
        fs::rename(next, self.file()).unwrap();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("peerscope.yml")
    }

    pub(crate) fn said(&self, name: &str) -> String {
        let mut text = String::new();
        fs::File::open(self.folder.path().join(name)).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    /// The value of one series on its page.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let page = get(&self.url("/metrics"))?;
        page.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
    }

    /// The memory that it holds, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS") * 1024
    }

    /// A number that the kernel tells of it (proc_pid_status(5)).
    pub(crate) fn status(&self, name: &str) -> u64 {
        let status =
            fs::read_to_string(Path::new("/proc").join(self.child.id().to_string()).join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it as a service manager does; how long that took.
    pub(crate) fn end(&mut self) -> Duration {
        let begun = Instant::now();
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.said("log"));
        begun.elapsed()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
