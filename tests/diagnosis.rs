//! The whole program against real packets: every scenario is proven in the kernel first, then asked of
//! `peerscope why`, run inside the source's namespace by a user without any privilege.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.
//! What these tests mostly do is wait for silence, so more of them run at once than there are processors.

mod bench;
#[path = "diagnosis/pairs.rs"]
mod pairs;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use bench::{Answer, Bench};
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::scenario::{Expect, NO_COMPONENT, Scenario, Stage, Status, prove_in_kernel};
use peerscope_laboratory::world::{Style, World};
use peerscope_laboratory::{Direction, Enclosure};
use serde_json::Value;

/// Worlds of each scenario, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: usize = 5;
const MORE_WORLDS: &str = "PEERSCOPE_WORLDS";
/// From which world of each scenario on, unless from the first: those from the thousandth on are looked at by
/// nobody who changes the engine.
const FIRST_WORLD: &str = "PEERSCOPE_FIRST_WORLD";
/// How many worlds stand at once: each waits for silence four seconds long, and computes for a tenth of one.
const SIDE_BY_SIDE: usize = 32;
/// Folders of scenarios, below that of all, with commas between them, in the place of [`FOLDERS`].
const OTHER_FOLDERS: &str = "PEERSCOPE_SCENARIOS";
/// The scenarios of this test, below the folder of all.
const FOLDERS: [&str; 13] = [
    "",
    "vpc-to-dyno",
    "networks",
    "networks/vpc-to-dyno",
    "hosts",
    "hosts/vpc-to-dyno",
    "pairs",
    "pairs/vpc-to-dyno",
    "given",
    "given/vpc-to-dyno",
    "vpc-to-vpc",
    "vpc-to-vpc/ipv6",
    "vpc-to-vpc/given",
];
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

/// Packets contradict the snapshot.
const DISAGREES: &str = "CONFIGURATION_DISAGREES";

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let mut arguments = Arguments::from_args();
        arguments.test_threads.get_or_insert(SIDE_BY_SIDE);
        Ok((arguments, trials(enclosure, bench)?))
    })
}

fn trials(
    enclosure: &'static Enclosure,
    bench: &'static Bench,
) -> Result<Vec<Trial>, Box<dyn std::error::Error>> {
    let worlds = std::env::var(MORE_WORLDS).map_or(Ok(WORLDS), |number| number.parse())?;
    let first = std::env::var(FIRST_WORLD).map_or(Ok(0), |number| number.parse())?;
    let chosen = std::env::var(OTHER_FOLDERS).unwrap_or_else(|_| FOLDERS.join(","));
    let mut trials = Vec::new();
    for folder in chosen.split(',') {
        for scenario in Scenario::all(&Scenario::directory().join(folder))? {
            for (index, seed) in scenario.seeds().enumerate().skip(first).take(worlds) {
                let scenario = scenario.clone();
                let name = format!("{} world {index}", Path::new(folder).join(&scenario.name).display());
                trials.push(Trial::test(name, move || diagnose(enclosure, bench, &scenario, seed)));
            }
        }
    }
    // One world each: they are many.
    for (name, scenario) in pairs::all()? {
        let seed = scenario.seeds().nth(first).unwrap_or_default();
        let name = format!("every pair {name}");
        trials.push(Trial::test(name, move || diagnose(enclosure, bench, &scenario, seed)));
    }
    Ok(trials)
}

/// One world: the kernel first, then the diagnosis.
fn diagnose(enclosure: &Enclosure, bench: &Bench, scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let stage = Stage::set_lean(enclosure, scenario.world(seed)?)?;
    prove_in_kernel(scenario, &stage.world, &stage.twin)
        .map_err(|wrong| format!("the scenario lies: {}", wrong.join("; ")))?;
    let snapshot = bench.folder(&scenario.name);
    let given = scenario.given(seed)?;
    if let Some(given) = &given {
        given.write(&snapshot, Style::of_seed(seed))?;
    }
    let answer = bench.why_given(&stage, given.is_some().then_some(snapshot.as_path()))?;
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
    // Of several it is of no matter which comes first: the first is found by its code and component.
    let first = match (&expect.cause, expect.also.is_empty()) {
        (Some(code), false) => {
            let direction = expect.direction.map(Direction::as_str);
            cause(report, world, code, expect.component.as_deref(), direction)?
        }
        _ => &report["causes"][0],
    };
    match &expect.cause {
        None if expect.candidates.is_empty() => {
            check("causes", &report["causes"], Value::Array(Vec::new()));
        }
        None => {}
        Some(code) => check("first cause", &first["code"], code.as_str().into()),
    }
    if expect.cause.is_some() {
        check("status of the first cause", &first["status"], expect.status.as_str().into());
        let is_one_of_several = first["alternatives"].is_string();
        let expected = expect.status == Status::Candidate;
        check("whether the first cause has alternatives", &is_one_of_several.into(), expected.into());
    }
    if let Some(component) = &expect.component {
        check("component", &first["component"]["id"], id(world, component)?);
    }
    if let Some(direction) = expect.direction {
        check("direction", &first["direction"], direction.as_str().into());
    }
    if !expect.source_ports.is_empty() {
        let ranges = expect.source_ports.iter().map(|(first, last)| Value::from(vec![*first, *last]));
        check("affected source ports", &first["affects"]["source_ports"], ranges.collect());
    }
    for also in &expect.also {
        let direction = also.direction.map(Direction::as_str);
        let found = cause(report, world, &also.cause, Some(&also.component), direction)?;
        let what =
            format!("status of {} at {} ({})", also.cause, also.component, direction.unwrap_or("either way"));
        check(&what, &found["status"], "established".into());
    }
    let names = || expect.cause.iter().chain(expect.also.iter().map(|also| &also.cause));
    let established: Vec<&str> = causes(report)
        .filter(|cause| cause["status"] == "established")
        .filter_map(|cause| cause["code"].as_str())
        .filter(|code| !expect.tolerates.iter().any(|tolerated| tolerated == code))
        .collect();
    if !expect.no_established_innocent {
        let expected = names().count() - usize::from(expect.status == Status::Candidate);
        check("established causes", &established.len().into(), expected.into());
    }
    if expect.by_hand || expect.cause.is_some() && names().all(|code| MENDABLE.contains(&code.as_str())) {
        check("first fix verified", &first["fixes"][0]["verified"], (!expect.by_hand).into());
    }
    wrong.extend(unsaid(expect, world, report, &established)?);
    Ok(wrong)
}

/// What the scenario expects to be said somewhere, and is not; and whom it accuses without proof.
fn unsaid(
    expect: &Expect,
    world: &World,
    report: &Value,
    established: &[&str],
) -> Result<Vec<String>, Failed> {
    let mut wrong = Vec::new();
    for role in &expect.related {
        let (related, id) = (&report["causes"][0]["related"], id(world, role)?);
        if !related.as_array().into_iter().flatten().any(|component| component["id"] == id) {
            wrong.push(format!("related is {related}, expected {id} among them"));
        }
    }
    let codes: Vec<&str> = causes(report).filter_map(|cause| cause["code"].as_str()).collect();
    for code in expect.candidates.iter().filter(|code| !codes.contains(&code.as_str())) {
        wrong.push(format!("{code} is not among the causes: {}", codes.join(", ")));
    }
    let is_named = |code: &str| {
        let known =
            expect.cause.iter().chain(&expect.candidates).chain(expect.also.iter().map(|it| &it.cause));
        code == DISAGREES || known.into_iter().any(|known| known == code)
    };
    if let Some(innocent) = established.iter().find(|code| expect.no_established_innocent && !is_named(code))
    {
        wrong.push(format!("{innocent} is established, and innocent"));
    }
    let rules = report["findings"].as_array().into_iter().flatten().map(|finding| &finding["rule"]);
    if expect.disagrees && !codes.contains(&DISAGREES) && !rules.into_iter().any(|rule| rule == DISAGREES) {
        wrong.push(format!("{DISAGREES} is neither a finding nor a cause"));
    }
    let gaps = || report["gaps"].as_array().into_iter().flatten();
    let holds = |gap: &Value, words: &str| gap.to_string().to_lowercase().contains(&words.to_lowercase());
    if let Some(words) = expect.gap.as_ref().filter(|words| !gaps().any(|gap| holds(gap, words))) {
        wrong.push(format!("no gap speaks of {words:?}: {}", report["gaps"]));
    }
    Ok(wrong)
}

fn causes(report: &Value) -> impl Iterator<Item = &Value> {
    report["causes"].as_array().into_iter().flatten()
}

/// The cause with this code and, where they are named, this component and direction; null where there
/// is none.
fn cause<'r>(
    report: &'r Value,
    world: &World,
    code: &str,
    component: Option<&str>,
    direction: Option<&str>,
) -> Result<&'r Value, Failed> {
    let id = component.map(|role| id(world, role)).transpose()?;
    let is_it = |cause: &&Value| {
        cause["code"] == code
            && id.as_ref().is_none_or(|id| cause["component"]["id"] == *id)
            && direction.is_none_or(|direction| cause["direction"] == direction)
    };
    Ok(causes(report).find(is_it).unwrap_or(&Value::Null))
}

/// The id of a role; null for a component that does not exist.
fn id(world: &World, role: &str) -> Result<Value, Failed> {
    if role == NO_COMPONENT { Ok(Value::Null) } else { Ok(world.role(role)?.id.into()) }
}
