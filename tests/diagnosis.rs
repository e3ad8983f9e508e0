//! The whole program against real packets: every scenario is proven in the kernel first, then asked of
//! `peerscope why`, run inside the source's namespace by a user without any privilege.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.
//! What these tests mostly do is wait for silence, so more of them run at once than there are processors.

mod bench;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use bench::{Answer, Bench};
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::scenario::{Scenario, Stage, prove_in_kernel};
use peerscope_laboratory::world::{Style, World};
use serde_json::Value;

/// Worlds of each scenario, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: usize = 5;
const MORE_WORLDS: &str = "PEERSCOPE_WORLDS";
/// The scenarios of this test, below the folder of all.
const FOLDERS: [&str; 2] = ["", "vpc-to-dyno"];
/// Causes for which the model knows an edit: their first fix must be proven.
const MENDABLE: [&str; 8] = [
    "NO_ROUTE_TO_DESTINATION",
    "BAD_STATE_ROUTE",
    "MORE_SPECIFIC_ROUTE",
    "ENI_SG_RULES_MISMATCH",
    "SG_HAS_NO_RULES",
    "SUBNET_ACL_RESTRICTION",
    "PEERING_PENDING_ACCEPTANCE",
    "PEERING_NOT_ACTIVE",
];

fn main() -> ExitCode {
    bench::main(|enclosure, bench| Ok((Arguments::from_args(), trials(enclosure, bench)?)))
}

fn trials(
    enclosure: &'static Enclosure,
    bench: &'static Bench,
) -> Result<Vec<Trial>, Box<dyn std::error::Error>> {
    let worlds = std::env::var(MORE_WORLDS).map_or(Ok(WORLDS), |number| number.parse())?;
    let mut trials = Vec::new();
    for folder in FOLDERS {
        for scenario in Scenario::all(&Scenario::directory().join(folder))? {
            for (index, seed) in scenario.seeds().take(worlds).enumerate() {
                let scenario = scenario.clone();
                let name = format!("{} world {index}", Path::new(folder).join(&scenario.name).display());
                trials.push(Trial::test(name, move || diagnose(enclosure, bench, &scenario, seed)));
            }
        }
    }
    Ok(trials)
}

/// One world: the kernel first, then the diagnosis.
fn diagnose(enclosure: &Enclosure, bench: &Bench, scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, scenario.world(seed)?)?;
    prove_in_kernel(scenario, &stage.world, &stage.twin)
        .map_err(|wrong| format!("the scenario lies: {}", wrong.join("; ")))?;
    let snapshot = bench.folder(&scenario.name);
    stage.world.write(&snapshot, Style::of_seed(seed))?;
    let answer = bench.why(&stage, &snapshot)?;
    let wrong = differences(scenario, &stage.world, &answer)?;
    if wrong.is_empty() {
        let _ = fs::remove_dir_all(&snapshot);
        return Ok(());
    }
    let shown = serde_json::to_string_pretty(&answer.report)?;
    Err(format!("{}\nsnapshot: {}\n{shown}", wrong.join("\n"), snapshot.display()).into())
}

/// Where the report is not what the scenario expects.
fn differences(scenario: &Scenario, world: &World, answer: &Answer) -> Result<Vec<String>, Failed> {
    let Answer { report, status } = answer;
    let expect = &scenario.expect;
    let mut wrong = Vec::new();
    let mut check = |what: &str, found: &Value, expected: Value| {
        if *found != expected {
            wrong.push(format!("{what} is {found}, expected {expected}"));
        }
    };
    check("verdict", &report["verdict"], expect.verdict.as_str().into());
    let expected_status = match expect.verdict.as_str() {
        "reachable" => 0,
        "undetermined" => 3,
        _ => 1,
    };
    check("exit status", &(*status).into(), expected_status.into());
    let first = &report["causes"][0];
    match &expect.cause {
        None => check("causes", &report["causes"], Value::Array(Vec::new())),
        Some(code) => check("first cause", &first["code"], code.as_str().into()),
    }
    if let Some(component) = &expect.component {
        let role = world.role(component)?;
        check("component", &first["component"]["id"], role.id.into());
    }
    if let Some(direction) = expect.direction {
        check("direction", &first["direction"], direction.as_str().into());
    }
    if !expect.source_ports.is_empty() {
        let ranges = expect.source_ports.iter().map(|(first, last)| Value::from(vec![*first, *last]));
        check("affected source ports", &first["affects"]["source_ports"], ranges.collect());
    }
    let established = report["causes"]
        .as_array()
        .map_or(0, |causes| causes.iter().filter(|cause| cause["status"] == "established").count());
    check("established causes", &established.into(), usize::from(expect.cause.is_some()).into());
    if expect.cause.as_deref().is_some_and(|code| MENDABLE.contains(&code)) {
        check("first fix verified", &first["fixes"][0]["verified"], true.into());
    }
    Ok(wrong)
}
