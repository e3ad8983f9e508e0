//! What every end-to-end test with real packets needs: a place that an unprivileged user can read, and
//! `peerscope why` run where the source is.

#![allow(dead_code, reason = "each test uses its part")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::Host;
use peerscope_laboratory::scenario::Stage;
use serde_json::Value;

/// How many worlds stand at once: what these tests mostly do is wait for silence.
const SIDE_BY_SIDE: usize = 12;

/// How long `peerscope why` took, by verdict.
static TIMES: Mutex<Vec<(String, Duration)>> = Mutex::new(Vec::new());

/// A folder of its own, with a copy of the binary that every user may run.
pub(crate) struct Bench {
    directory: PathBuf,
    peerscope: PathBuf,
}

/// What `peerscope why` said.
pub(crate) struct Answer {
    pub(crate) report: Value,
    pub(crate) status: Option<i32>,
}

/// The trials of a test, and how they are to be run.
type Planned = Result<(Arguments, Vec<Trial>), Box<dyn std::error::Error>>;

/// Enters the laboratory, before there is a second thread, and runs what `plan` plans.
pub(crate) fn main(plan: impl FnOnce(&'static Enclosure, &'static Bench) -> Planned) -> ExitCode {
    let entered = Enclosure::enter().map_err(|error| format!("no laboratory is to be had here: {error}"));
    let ready =
        entered.and_then(|enclosure| Ok((enclosure, Bench::new().map_err(|error| error.to_string())?)));
    let (enclosure, bench): (&'static Enclosure, &'static Bench) = match ready {
        Ok((enclosure, bench)) => (Box::leak(Box::new(enclosure)), Box::leak(Box::new(bench))),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let conclusion = match plan(enclosure, bench) {
        Ok((mut arguments, trials)) => {
            arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
            libtest_mimic::run(&arguments, trials)
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    report_times();
    if !conclusion.has_failed() {
        let _ = fs::remove_dir_all(&bench.directory);
    }
    conclusion.exit_code()
}

impl Bench {
    fn new() -> std::io::Result<Self> {
        let directory = std::env::temp_dir().join(format!("peerscope-test-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
        let peerscope = directory.join("peerscope");
        fs::copy(env!("CARGO_BIN_EXE_peerscope"), &peerscope)?;
        fs::set_permissions(&peerscope, fs::Permissions::from_mode(0o755))?;
        Ok(Self { directory, peerscope })
    }

    /// A folder that no other caller has.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.directory.join(format!("{name}-{number}"))
    }

    /// A folder that any user may write to.
    pub(crate) fn shared_folder(&self, name: &str) -> std::io::Result<PathBuf> {
        let folder = self.folder(name);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
        Ok(folder)
    }

    /// The binary, where every user may run it.
    pub(crate) fn binary(&self) -> &Path {
        &self.peerscope
    }

    /// The binary as a command in the stage's source, without any privilege.
    pub(crate) fn peerscope(&self, stage: &Stage<'_>) -> Result<Command, Failed> {
        Ok(stage.twin.command(&stage.source(), &self.peerscope)?)
    }

    /// Runs `peerscope why` from the stage's source to its target, without any privilege.
    pub(crate) fn why(&self, stage: &Stage<'_>, snapshot: &Path) -> Result<Answer, Failed> {
        self.why_given(stage, Some(snapshot))
    }

    /// The same, with a snapshot or without.
    pub(crate) fn why_given(&self, stage: &Stage<'_>, snapshot: Option<&Path>) -> Result<Answer, Failed> {
        let target = stage.world.target_url();
        let mut command = self.peerscope(stage)?;
        command.args(["why", &target]);
        answer(command, snapshot)
    }

    /// The same as [`Self::why`], where other networks of the world have machines of the same addresses: those
    /// of VPCs are named by the ids of their interfaces, and a dyno knows by its environment that it is one.
    pub(crate) fn why_by_id(&self, stage: &Stage<'_>, snapshot: &Path) -> Result<Answer, Failed> {
        let address = stage.world.target_address();
        let (port, ip) = (address.port(), address.ip().to_string());
        let target = match stage.world.target() {
            Host::Interface(id) => format!("tcp://{id}:{port}"),
            _ => format!("tcp://{address}"),
        };
        let mut command = self.peerscope(stage)?;
        command.args(["why", &target, "--resolve", &ip]);
        match stage.source() {
            Host::Interface(id) => command.args(["--from", id.as_str()]),
            Host::Dyno(address) => command.env("DYNO", "web.1").env("HEROKU_PRIVATE_IP", address.to_string()),
        };
        answer(command, Some(snapshot))
    }
}

/// Runs `peerscope why`, of which the words so far say what is asked from where.
fn answer(mut command: Command, snapshot: Option<&Path>) -> Result<Answer, Failed> {
    command.args(["--format", "json"]);
    if let Some(snapshot) = snapshot {
        command.arg("--snapshot").arg(snapshot);
    }
    let start = Instant::now();
    let output = command.output()?;
    let elapsed = start.elapsed();
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?;
    let verdict = report["verdict"].as_str().unwrap_or_default().to_string();
    TIMES.lock().unwrap_or_else(PoisonError::into_inner).push((verdict, elapsed));
    Ok(Answer { report, status: output.status.code() })
}

/// Figures for people; nothing is asserted of them, because a busy machine is no fault of the program.
fn report_times() {
    let times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
    for verdict in ["reachable", "impaired", "blocked"] {
        let mut list: Vec<Duration> =
            times.iter().filter(|(known, _)| known == verdict).map(|(_, time)| *time).collect();
        list.sort();
        if let (Some(median), Some(longest)) = (list.get(list.len() / 2), list.last()) {
            println!("why, {verdict}: median {median:.2?}, longest {longest:.2?} of {}", list.len());
        }
    }
}
