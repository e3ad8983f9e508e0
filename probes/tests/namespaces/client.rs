//! The prober's side: this program once more, in the client's namespace and without privileges.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::getuid;
use peerscope_probes::{EchoSockets, Engine, EngineOptions, ProbeEngine, capabilities, source_address};
use peerscope_vocabulary::{LocalRefusal, Observation, ProbeId, ProbeRequest};
use serde::{Deserialize, Serialize};

use crate::world::{feed, within};

/// Tells this program that it is the prober.
pub(crate) const ARGUMENT: &str = "--probe-from-standard-input";

/// A copy for a user who may not read the directory that the test was built in.
const PROGRAM: &str = "/run/prober";

const PATIENCE: Duration = Duration::from_secs(30);

/// What the prober has to do.
#[derive(Serialize, Deserialize)]
pub(crate) struct Task {
    /// Asked all at once, by one engine.
    pub(crate) probes: Vec<ProbeRequest>,
    /// Whether raw sockets are to be used, and permitted.
    pub(crate) raw: bool,
    /// Targets to find the source address for.
    pub(crate) sources: Vec<IpAddr>,
}

/// What the prober found.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    user: u32,
    /// The effective capabilities as /proc/self/status has them.
    capabilities: String,
    no_new_privileges: String,
    /// What [`peerscope_probes::capabilities`] found, by name.
    found: HashMap<String, bool>,
    observations: HashMap<ProbeId, Observation>,
    pub(crate) sources: Vec<Result<IpAddr, LocalRefusal>>,
}

impl Report {
    pub(crate) fn observation(&self, id: ProbeId) -> Option<Observation> {
        self.observations.get(&id).copied()
    }

    /// What is found by trying has to be what this world permits.
    pub(crate) fn check_capabilities(&self, may_ping: bool) -> Result<(), String> {
        let expected = [("icmp-echo-ping-socket", may_ping), ("icmp-echo-raw-socket", false)];
        let wrong = |name: &str| match expected.iter().find(|(known, _)| *known == name) {
            Some((_, expected)) => self.found[name] != *expected,
            None => !self.found[name],
        };
        let wrong: Vec<_> = self.found.keys().filter(|name| wrong(name)).collect();
        if wrong.is_empty() && self.found.len() == 11 { Ok(()) } else { Err(format!("{:?}", self.found)) }
    }

    pub(crate) fn check_privileges(&self) -> Result<(), String> {
        // In a user namespace no second user exists, and the id 0 is worth nothing outside of it.
        let expected_user =
            if fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295") { 65534 } else { 0 };
        let found = (self.user, self.capabilities.as_str(), self.no_new_privileges.as_str());
        if found == (expected_user, "0000000000000000", "1") { Ok(()) } else { Err(format!("{found:?}")) }
    }
}

/// Has the task done by this program as it runs without privileges, and gives its report.
pub(crate) fn ask(task: &Task) -> Report {
    fs::copy(std::env::current_exe().unwrap(), PROGRAM).unwrap();
    fs::set_permissions(PROGRAM, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new("setpriv");
    if fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295") {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    if task.raw {
        command.args([
            "--bounding-set=-all,+net_raw",
            "--inh-caps=-all,+net_raw",
            "--ambient-caps=-all,+net_raw",
        ]);
    } else {
        command.args(["--bounding-set=-all", "--inh-caps=-all"]);
    }
    command.args(["--no-new-privs", PROGRAM, ARGUMENT]);
    let task = serde_json::to_string(task).unwrap();
    let report = within("client", move || feed(&mut command, &task));
    serde_json::from_str(&report).unwrap()
}

/// The prober's main.
pub(crate) fn answer() {
    let task: Task = serde_json::from_reader(io::stdin()).unwrap();
    let report = Report {
        user: getuid().as_raw(),
        capabilities: status("CapEff"),
        no_new_privileges: status("NoNewPrivs"),
        found: capabilities().into_iter().map(|found| (found.name.to_owned(), found.available)).collect(),
        sources: task
            .sources
            .iter()
            .map(|&target| source_address(target).map_err(|error| error.refusal()))
            .collect(),
        observations: probe(&task).iter().map(|found| (found.id(), *found)).collect(),
    };
    println!("{}", serde_json::to_string(&report).unwrap());
}

fn status(field: &str) -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap().trim().to_owned()
}

fn probe(task: &Task) -> Vec<Observation> {
    let requests = &task.probes;
    let start = Instant::now();
    let echo_sockets = if task.raw { EchoSockets::Raw } else { EchoSockets::default() };
    let mut engine = ProbeEngine::with(EngineOptions { echo_sockets, ..EngineOptions::default() }).unwrap();
    // The kernel begins to stamp packets a moment after the first socket asked for it.
    thread::sleep(Duration::from_millis(50));
    let mut observations = Vec::new();
    assert_eq!(engine.submit(start.elapsed(), requests), requests.len());
    loop {
        engine.poll(start.elapsed(), &mut observations);
        if engine.unfinished() == 0 {
            return observations;
        }
        assert!(start.elapsed() < PATIENCE, "{} of {} answered", observations.len(), requests.len());
        let wake_at = engine.wake_at().unwrap();
        engine.wait(wake_at.saturating_sub(start.elapsed())).unwrap();
    }
}
