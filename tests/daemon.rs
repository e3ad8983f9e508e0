//! The daemon against real packets: a path is watched from an unprivileged process in the twin, what is configured is
//! broken in documents and in the kernel, and mended again.

#[path = "daemon/alarm.rs"]
mod alarm;
mod bench;
#[path = "daemon/canary.rs"]
mod canary;
#[path = "daemon/process.rs"]
mod process;

use std::fs;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use alarm::{ALARMS, alarm};
use bench::Bench;
use canary::{CANARIES, sing};
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::scenario::{Scenario, Stage};
use process::{Daemon, INTERVAL, Prepared, has, prepare, replace};

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
/// How long the documents are known to the daemon before packets are cut.
const AHEAD: Duration = Duration::from_millis(2500);
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
        let scenario = Scenario::named(name)?;
        for (index, seed) in scenario.seeds().enumerate().take(WORLDS) {
            let scenario = scenario.clone();
            trials.push(Trial::test(format!("{name} world {index}"), move || {
                watch(enclosure, bench, &scenario, seed)
            }));
        }
    }
    for (name, goes_on, first) in CANARIES {
        let scenario = Scenario::named(name)?;
        for (index, seed) in scenario.seeds().enumerate().take(WORLDS) {
            let scenario = scenario.clone();
            trials.push(Trial::test(format!("canary {name} world {index}"), move || {
                sing(enclosure, bench, &scenario, seed, (goes_on, first))
            }));
        }
    }
    for name in ALARMS {
        let scenario = Scenario::named(name)?;
        let seed = scenario.seeds().next().ok_or("the scenario has no world")?;
        trials.push(Trial::test(format!("alarm {name}"), move || alarm(enclosure, bench, &scenario, seed)));
    }
    Ok(trials)
}

fn watch(enclosure: &Enclosure, bench: &Bench, scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let Prepared { healthy, broken, cause, component, folder, snapshot, configuration } =
        prepare(bench, scenario, seed, &scenario.name, ", labels: {team: orders}")?;
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
