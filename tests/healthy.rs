//! Nobody healthy is accused: worlds in which everything works, full of what tempts to say otherwise.
//!
//! Whoever is told once that a sound network ACL is the culprit trusts no second report. So each world is asked
//! twice: with packets, which get through, and by its documents alone, where no packet corrects the model.

mod bench;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::scenario::{Scenario, Stage};
use peerscope_laboratory::world::{Style, World};
use peerscope_laboratory::{Enclosure, KernelOutcome};
use serde_json::Value;

/// Worlds of all kinds together, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: usize = 200;
const MORE_WORLDS: &str = "PEERSCOPE_HEALTHY_WORLDS";
/// From which world on, unless from the first.
const FIRST_WORLD: &str = "PEERSCOPE_FIRST_WORLD";
/// How long an answer that must come is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// The ends of the range that clients take their ports from, and one between.
const SOURCE_PORTS: [u16; 3] = [32768, 47001, 60999];

/// The kinds of worlds: base, in what they vary beside what all do, and whether an echo gets through.
const KINDS: [(&str, &[&str], bool); 12] = [
    ("dyno-to-vpc", &[], false),
    ("vpc-to-dyno", &[], false),
    ("vpc-to-vpc", &[], false),
    ("dyno-to-vpc", &[], true),
    ("vpc-to-dyno", &[], true),
    ("vpc-to-vpc", &[], true),
    ("dyno-to-vpc", &["ipv6"], false),
    ("vpc-to-dyno", &["ipv6"], true),
    ("vpc-to-vpc", &["ipv6"], false),
    ("vpc-to-vpc", &["ipv6", "references"], true),
    ("vpc-to-vpc", &["references", "secondary-cidrs"], false),
    ("vpc-to-vpc", &["secondary-cidrs"], true),
];

fn main() -> ExitCode {
    bench::main(|enclosure, bench| Ok((Arguments::from_args(), trials(enclosure, bench)?)))
}

fn trials(
    enclosure: &'static Enclosure,
    bench: &'static Bench,
) -> Result<Vec<Trial>, Box<dyn std::error::Error>> {
    let worlds = std::env::var(MORE_WORLDS).map_or(Ok(WORLDS), |number| number.parse())?;
    let first: usize = std::env::var(FIRST_WORLD).map_or(Ok(0), |number| number.parse())?;
    println!("{worlds} healthy worlds, {} kinds", KINDS.len());
    let mut trials = Vec::new();
    for (number, (base, vary, echo)) in KINDS.iter().cycle().enumerate().skip(first).take(worlds) {
        let scenario = scenario(base, vary, *echo)?;
        let seed = scenario.seeds().nth(number).unwrap_or_default();
        let name = format!("{} world {number}", scenario.name);
        trials.push(Trial::test(name, move || acquitted(enclosure, bench, &scenario, seed)));
    }
    Ok(trials)
}

/// A scenario without a fault.
fn scenario(base: &str, vary: &[&str], echo: bool) -> Result<Scenario, Box<dyn std::error::Error>> {
    let own = ["addresses", "association", "rule-order", "decoys", "temptations"];
    let all: Vec<String> = own.iter().chain(vary).map(|word| format!("{word:?}")).collect();
    let text = format!(
        "base = {base:?}\nvary = [{}]\necho = {echo}\n[kernel]\n[expect]\nverdict = \"reachable\"\n",
        all.join(", ")
    );
    let echo = if echo { &["echo"][..] } else { &[] };
    let name: Vec<&str> =
        [base].into_iter().chain(vary.iter().copied()).chain(echo.iter().copied()).collect();
    Ok(Scenario::parse(&name.join("-"), &text)?)
}

/// One world: the kernel first, then the report of packets, then that of documents alone.
fn acquitted(enclosure: &Enclosure, bench: &Bench, scenario: &Scenario, seed: u64) -> Result<(), Failed> {
    let stage = Stage::set_lean(enclosure, scenario.world(seed)?)?;
    for port in SOURCE_PORTS {
        let outcome = stage.twin.connect(&stage.source(), port, stage.world.target_address(), ANSWER)?;
        if outcome != KernelOutcome::Connected {
            let dropped = stage.twin.dropped()?;
            return Err(format!("{:?} is not healthy: {outcome:?} {dropped:?}", stage.world).into());
        }
    }
    let folder = bench.folder(&scenario.name);
    stage.world.write(&folder, Style::of_seed(seed))?;
    let answer = bench.why(&stage, &folder)?;
    let mut wrong = accusations(&answer.report, answer.status, "why");
    let dropped = stage.twin.dropped()?;
    if !dropped.is_empty() {
        wrong.push(format!("the kernel dropped {dropped:?}"));
    }
    let (report, status) = analyzed(bench, &stage.world, &folder)?;
    wrong.extend(accusations(&report, status, "analyze"));
    if wrong.is_empty() {
        let _ = fs::remove_dir_all(&folder);
        return Ok(());
    }
    Err(format!("{:?}\n{}\nsnapshot: {}", stage.world, wrong.join("\n"), folder.display()).into())
}

/// What the documents alone say.
fn analyzed(bench: &Bench, world: &World, snapshot: &Path) -> Result<(Value, Option<i32>), Failed> {
    let target = format!("tcp://{}", world.target_address());
    let output = Command::new(bench.binary())
        .args(["analyze", "--to", &target, "--from", &world.source_address().to_string()])
        .args(["--format", "json", "--snapshot"])
        .arg(snapshot)
        .output()?;
    let report = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((report, output.status.code()))
}

/// Whatever a report holds against a world in which nothing is wrong.
fn accusations(report: &Value, status: Option<i32>, command: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if report["verdict"] != "reachable" || status != Some(0) {
        wrong.push(format!("{command}: verdict {}, exit status {status:?}", report["verdict"]));
    }
    if report["causes"] != Value::Array(Vec::new()) {
        wrong.push(format!("{command}: causes {:#}", report["causes"]));
    }
    let findings = report["findings"].as_array().into_iter().flatten();
    for finding in findings.filter(|it| it["rule"] == "CONFIGURATION_DISAGREES" || it["severity"] == "error")
    {
        wrong.push(format!("{command}: finding {finding}"));
    }
    wrong
}
