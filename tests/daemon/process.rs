//! The daemon as a process beside a twin: how it is started, what it logs and answers.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use peerscope_laboratory::scenario::{Scenario, Stage};
use peerscope_laboratory::world::{Style, World};

use super::bench::Bench;

/// How often the path is asked, in seconds.
pub(super) const INTERVAL: u64 = 1;
/// After so long what was to come will not come any more, however busy the machine is.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A world that is healthy, and what is to be done to it.
pub(super) struct Prepared {
    pub(super) healthy: World,
    pub(super) broken: World,
    /// What the diagnosis is to name, and where.
    pub(super) cause: String,
    pub(super) component: String,
    pub(super) folder: PathBuf,
    /// The healthy world's documents.
    pub(super) snapshot: PathBuf,
    /// That of a daemon which watches the world's target, and reads them.
    pub(super) configuration: PathBuf,
}

/// Prepares a world of a scenario, in a folder of a name; `rest` is what else the path's section says.
pub(super) fn prepare(
    bench: &Bench,
    scenario: &Scenario,
    seed: u64,
    name: &str,
    rest: &str,
) -> Result<Prepared, Failed> {
    let (healthy, broken) = (scenario.healthy(seed)?, scenario.world(seed)?);
    let cause = scenario.expect.cause.clone().ok_or("the scenario expects no cause")?;
    let role = scenario.expect.component.as_ref().ok_or("the scenario expects no component")?;
    let component = broken.role(role)?.id;
    let folder = bench.shared_folder(name)?;
    let snapshot = folder.join("snapshot");
    healthy.write(&snapshot, Style::of_seed(seed))?;
    let configuration = folder.join("peerscope.yml");
    fs::write(
        &configuration,
        format!(
            "listen: 127.0.0.1:9805\nsnapshot: {{paths: [snapshot], refresh: 1s}}\n\
             paths: [{{name: db, target: \"{}\", interval: {INTERVAL}s, timeout: {INTERVAL}s{rest}}}]\n",
            healthy.target_url()
        ),
    )?;
    Ok(Prepared { healthy, broken, cause, component, folder, snapshot, configuration })
}

/// Puts another world's documents in the place of a snapshot, in one step as `collect` does.
pub(super) fn replace(world: &World, snapshot: &Path, seed: u64) -> Result<(), Failed> {
    let next = snapshot.with_extension("next");
    world.write(&next, Style::of_seed(seed))?;
    let old = snapshot.with_extension("old");
    fs::rename(snapshot, &old)?;
    fs::rename(&next, snapshot)?;
    Ok(fs::remove_dir_all(old)?)
}

/// Whether a family has a series with a label, of that value.
pub(super) fn has(page: &str, family: &str, label: &str, value: u8) -> bool {
    page.lines().any(|line| {
        line.starts_with(&format!("{family}{{"))
            && line.contains(label)
            && line.ends_with(&format!("}} {value}"))
    })
}

/// Waits until something is so.
pub(super) fn wait(what: &str, mut holds: impl FnMut() -> Result<bool, Failed>) -> Result<(), Failed> {
    let begun = Instant::now();
    while !holds()? {
        if begun.elapsed() > PATIENCE * 2 {
            return Err(format!("not within {:?}: {what}", PATIENCE * 2).into());
        }
        thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

/// A process that ends with the test.
pub(super) struct Ended(pub(super) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

pub(super) struct Daemon {
    child: Child,
    lines: Receiver<String>,
}

impl Daemon {
    pub(super) fn start(bench: &Bench, stage: &Stage<'_>, configuration: &Path) -> Result<Self, Failed> {
        let mut command = bench.peerscope(stage)?;
        command.args(["run", "--config"]).arg(configuration).env("AWS_EC2_METADATA_DISABLED", "true");
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let error = child.stderr.take().ok_or("no standard error")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(error).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines })
    }

    /// The next line of the log that holds a text.
    pub(super) fn line(&self, text: &str) -> Result<String, Failed> {
        let begun = Instant::now();
        let mut before = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
            if line.contains(text) {
                return Ok(line);
            }
            before.push(line);
        }
        Err(format!("no {text} came: {}", before.join("\n")).into())
    }

    /// Waits until the metrics are as they are to be.
    pub(super) fn until(
        &mut self,
        stage: &Stage<'_>,
        what: &str,
        holds: impl Fn(&str) -> bool,
    ) -> Result<(), Failed> {
        let begun = Instant::now();
        loop {
            let page = metrics(stage)?;
            if holds(&page) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log: Vec<String> = self.lines.try_iter().collect();
                return Err(format!("the daemon ended, {status}: {}", log.join("\n")).into());
            }
            if begun.elapsed() > PATIENCE {
                let log: Vec<String> = self.lines.try_iter().collect();
                return Err(format!("not within {PATIENCE:?}: {what}\n{page}\n{}", log.join("\n")).into());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    pub(super) fn stop(&mut self) -> Result<(), Failed> {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.child.id())?);
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the daemon ended with {status}").into()) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The page of metrics, asked for where the daemon listens.
pub(super) fn metrics(stage: &Stage<'_>) -> Result<String, Failed> {
    get(stage, 9805, "/metrics")
}

/// What is answered where the daemon is.
pub(super) fn get(stage: &Stage<'_>, port: u16, path: &str) -> Result<String, Failed> {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET {path} HTTP/1.0\\r\\nHost: peerscope\\r\\nConnection: close\\r\\n\\r\\n' >&3 && cat <&3"
    );
    let mut child = stage
        .twin
        .command(&stage.source(), "bash")?
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut page = String::new();
    child.stdout.take().ok_or("no standard output")?.read_to_string(&mut page)?;
    child.wait()?;
    Ok(page)
}
