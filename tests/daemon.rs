//! The daemon against real packets: a path is watched from an unprivileged process in the twin, what is configured is
//! broken in documents and in the kernel, and mended again.

mod bench;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::scenario::{Scenario, Stage};
use peerscope_laboratory::world::{Style, World};

/// Worlds of each scenario.
const WORLDS: usize = 4;
/// The scenarios: one at each kind of gate that an operator edits.
const SCENARIOS: [&str; 5] = [
    "return-route-missing",
    "group-without-rule",
    "network-acl-no-return-ports",
    "peering-deleted",
    "return-route-blackhole",
];
/// How often the path is asked, in seconds.
const INTERVAL: u64 = 1;
/// How long the documents are known to the daemon before packets are cut.
const AHEAD: Duration = Duration::from_millis(2500);
/// After so long what was to come will not come any more, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// From each cut to the verdict with its cause.
static TIMES: Mutex<Vec<Duration>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    let code = bench::main(|enclosure, bench| {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(6);
        Ok((arguments, trials(enclosure, bench)?))
    });
    let mut times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
    times.sort();
    if let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) {
        println!(
            "from the cut to the verdict with its cause, at an interval of {INTERVAL} s: median {median:.2?}, longest {longest:.2?} of {}",
            times.len()
        );
    }
    code
}

fn trials(
    enclosure: &'static Enclosure,
    bench: &'static Bench,
) -> Result<Vec<Trial>, Box<dyn std::error::Error>> {
    let mut trials = Vec::new();
    for name in SCENARIOS {
        let text = fs::read_to_string(Scenario::directory().join(format!("{name}.toml")))?;
        let scenario = Scenario::parse(name, &text)?;
        for (index, seed) in scenario.seeds().enumerate().take(WORLDS) {
            let scenario = scenario.clone();
            trials.push(Trial::test(format!("{name} world {index}"), move || {
                watch(enclosure, bench, &scenario, seed)
            }));
        }
    }
    for (name, goes_on, first) in CANARIES {
        let text = fs::read_to_string(Scenario::directory().join(format!("{name}.toml")))?;
        let scenario = Scenario::parse(name, &text)?;
        for (index, seed) in scenario.seeds().enumerate().take(WORLDS) {
            let scenario = scenario.clone();
            trials.push(Trial::test(format!("canary {name} world {index}"), move || {
                sing(enclosure, bench, &scenario, seed, (goes_on, first))
            }));
        }
    }
    Ok(trials)
}

/// What becomes of a connection that stands where no document is known: whether it goes on, and what is the likeliest.
const CANARIES: [(&str, bool, &[&str]); 4] = [
    ("group-without-rule", true, &["ENI_SG_RULES_MISMATCH", "HOST_FIREWALL"]),
    ("return-route-missing", false, &["NO_ROUTE_TO_DESTINATION", "SUBNET_ACL_RESTRICTION"]),
    ("network-acl-no-return-ports", false, &["NO_ROUTE_TO_DESTINATION", "SUBNET_ACL_RESTRICTION"]),
    ("peering-deleted", false, &["NO_ROUTE_TO_DESTINATION", "SUBNET_ACL_RESTRICTION"]),
];

/// Cuts a path under a connection that stands, of which the kernel decides whether it outlives that.
fn sing(
    enclosure: &Enclosure,
    bench: &Bench,
    scenario: &Scenario,
    seed: u64,
    (goes_on, first): (bool, &[&str]),
) -> Result<(), Failed> {
    let (healthy, broken) = (scenario.healthy(seed)?, scenario.world(seed)?);
    let folder = bench.shared_folder(&format!("canary-{}", scenario.name))?;
    let configuration = folder.join("peerscope.yml");
    let target = healthy.target_url();
    let (_, port) = target.rsplit_once(':').ok_or("the target has no port")?;
    fs::write(
        &configuration,
        format!(
            "listen: 127.0.0.1:9805\n\
             paths: [{{name: db, target: \"{target}\", interval: {INTERVAL}s, timeout: {INTERVAL}s, canary: {port}}}]\n"
        ),
    )?;
    let mut stage = Stage::set_lean(enclosure, scenario.healthy(seed)?)?;
    let mut daemon = Daemon::start(bench, &stage, &configuration)?;
    daemon.line("event=canary_stands")?;
    daemon.until(&stage, "the path is up", |page| {
        has(page, "peerscope_path_verdict", "verdict=\"reachable\"", 1)
            && page.contains("peerscope_path_canary_up{path=\"db\"} 1")
    })?;
    stage.twin.rebuild(&broken.snapshot)?;
    let told = daemon.line("event=verdict_changed")?;
    if !first.iter().any(|code| told.contains(&format!("cause={code} "))) {
        return Err(format!("expected one of {first:?} first: {told}").into());
    }
    let diagnosis = get(&stage, "/api/v1/paths/db")?;
    let words = if goes_on { "older than the first bad probe, goes on" } else { "is silent too" };
    if !diagnosis.contains("a connection to port") || !diagnosis.contains(words) {
        return Err(format!("expected \"{words}\": {diagnosis}").into());
    }
    // What judges each packet is out of the question where it goes on.
    for code in ["NO_ROUTE_TO_DESTINATION", "PEERING_NOT_ACTIVE", "HOST_SILENT"] {
        let page = metrics(&stage)?;
        let is_named = page.lines().any(|line| {
            line.starts_with("peerscope_path_cause{") && line.contains(&format!("code=\"{code}\""))
        });
        if is_named == goes_on {
            return Err(format!("{code} is {}named: {page}", if is_named { "" } else { "not " }).into());
        }
    }
    daemon.until(&stage, "how the canary fares is on /metrics", |page| {
        page.contains(&format!("peerscope_path_canary_up{{path=\"db\"}} {}", u8::from(goes_on)))
    })?;
    daemon.stop()?;
    Ok(fs::remove_dir_all(&folder)?)
}

fn watch(enclosure: &Enclosure, bench: &Bench, scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let (healthy, broken) = (scenario.healthy(seed)?, scenario.world(seed)?);
    let cause = scenario.expect.cause.clone().ok_or("the scenario expects no cause")?;
    let component = match &scenario.expect.component {
        Some(role) => broken.role(role)?.id,
        None => return Err("the scenario expects no component".into()),
    };
    let folder = bench.shared_folder(&scenario.name)?;
    let snapshot = folder.join("snapshot");
    healthy.write(&snapshot, Style::of_seed(seed))?;
    let configuration = folder.join("peerscope.yml");
    fs::write(
        &configuration,
        format!(
            "listen: 127.0.0.1:9805\nsnapshot: {{paths: [snapshot], refresh: 1s}}\n\
             paths: [{{name: db, target: \"{}\", interval: {INTERVAL}s, timeout: {INTERVAL}s, labels: {{team: orders}}}}]\n",
            healthy.target_url()
        ),
    )?;
    let mut stage = Stage::set_lean(enclosure, scenario.healthy(seed)?)?;
    let mut daemon = Daemon::start(bench, &stage, &configuration)?;

    daemon.until(&stage, "the path is up", |page| {
        page.contains("peerscope_path_up{path=\"db\",team=\"orders\"} 1")
            && has(page, "peerscope_path_verdict", "verdict=\"reachable\"", 1)
            && has(page, "peerscope_path_configuration_verdict", "verdict=\"reachable\"", 1)
    })?;

    // What is changed in documents is told before a packet is lost.
    replace(&broken, &snapshot, seed)?;
    let changed = Instant::now();
    let told = daemon.line("event=about_to_be_cut")?;
    if !told.contains(&format!("cause={cause}")) || !told.contains(&component) {
        return Err(format!("expected {cause} at {component}: {told}").into());
    }
    thread::sleep(AHEAD.saturating_sub(changed.elapsed()));
    stage.twin.rebuild(&broken.snapshot)?;
    let cut = Instant::now();
    let told = daemon.line("event=verdict_changed")?;
    TIMES.lock().unwrap_or_else(PoisonError::into_inner).push(cut.elapsed());
    for expected in ["verdict=blocked", &format!("cause={cause}"), &component] {
        if !told.contains(expected) {
            return Err(format!("expected {expected}: {told}").into());
        }
    }
    daemon.until(&stage, "the cause is on /metrics", |page| {
        let labels = format!("code=\"{cause}\"");
        has(page, "peerscope_path_primary_cause", &labels, 1) && page.contains(&component)
    })?;

    replace(&healthy, &snapshot, seed)?;
    stage.twin.rebuild(&healthy.snapshot)?;
    daemon.until(&stage, "the path is mended", |page| {
        has(page, "peerscope_path_verdict", "verdict=\"reachable\"", 1)
            && !page.contains("peerscope_path_primary_cause{")
    })?;
    let stopped = Instant::now();
    daemon.stop()?;
    if stopped.elapsed() > Duration::from_secs(5) {
        return Err(format!("SIGTERM took {:?}", stopped.elapsed()).into());
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Puts another world's documents in the place of a snapshot, in one step as `collect` does.
fn replace(world: &World, snapshot: &Path, seed: u64) -> Result<(), Failed> {
    let next = snapshot.with_extension("next");
    world.write(&next, Style::of_seed(seed))?;
    let old = snapshot.with_extension("old");
    fs::rename(snapshot, &old)?;
    fs::rename(&next, snapshot)?;
    Ok(fs::remove_dir_all(old)?)
}

/// Whether a family has a series with a label, of that value.
fn has(page: &str, family: &str, label: &str, value: u8) -> bool {
    page.lines().any(|line| {
        line.starts_with(&format!("{family}{{"))
            && line.contains(label)
            && line.ends_with(&format!("}} {value}"))
    })
}

struct Daemon {
    child: Child,
    lines: Receiver<String>,
}

impl Daemon {
    fn start(bench: &Bench, stage: &Stage<'_>, configuration: &Path) -> Result<Self, Failed> {
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
    fn line(&self, text: &str) -> Result<String, Failed> {
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
    fn until(&mut self, stage: &Stage<'_>, what: &str, holds: impl Fn(&str) -> bool) -> Result<(), Failed> {
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

    fn stop(&mut self) -> Result<(), Failed> {
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
fn metrics(stage: &Stage<'_>) -> Result<String, Failed> {
    get(stage, "/metrics")
}

/// What the daemon answers.
fn get(stage: &Stage<'_>, path: &str) -> Result<String, Failed> {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/9805 && printf 'GET {path} HTTP/1.1\\r\\nHost: peerscope\\r\\nConnection: close\\r\\n\\r\\n' >&3 && cat <&3"
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
