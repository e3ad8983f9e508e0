//! The commands that `peerscope why` prints, run: they mend, they let nothing else through than they say,
//! and what undoes them undoes them. The proof is the kernel's, in the twin of the changed documents.

mod bench;
#[path = "mending/collateral.rs"]
mod collateral;

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bench::{Answer, Bench};
use collateral::{Opening, Reach};
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::fault::FaultKind;
use peerscope_laboratory::operator;
use peerscope_laboratory::scenario::{Scenario, Stage, Status, prove_in_kernel};
use peerscope_laboratory::world::{Base, Style};
use peerscope_laboratory::{Host, KernelOutcome};
use serde_json::Value;

/// Worlds of each scenario, unless the environment variable [`MORE_WORLDS`] asks for another number.
const WORLDS: usize = 2;
const MORE_WORLDS: &str = "PEERSCOPE_WORLDS";
/// How many worlds stand at once.
const SIDE_BY_SIDE: usize = 24;
/// The scenarios of this test, below the folder of all.
const FOLDERS: [&str; 6] =
    ["", "networks", "networks/vpc-to-dyno", "vpc-to-dyno", "vpc-to-vpc", "vpc-to-vpc/ipv6"];
/// Faults that meet: each has its fix, and only all of them together mend.
const COMBINED: [(&str, &[&str]); 11] = [
    ("dyno-to-vpc", &["route-missing", "group-without-rule"]),
    ("dyno-to-vpc", &["route-missing-for-own-block", "group-wrong-dyno-block"]),
    ("dyno-to-vpc", &["network-acl-no-return-ports", "network-acl-deny-lower-number", "group-wrong-port"]),
    ("dyno-to-vpc", &["more-specific-route", "more-specific-route"]),
    ("dyno-to-vpc", &["peering-pending", "route-missing"]),
    ("dyno-to-vpc", &["peering-deleted", "group-empty"]),
    ("dyno-to-vpc", &["peering-deleted", "route-missing-for-own-block"]),
    ("dyno-to-vpc", &["peering-missing", "group-wrong-port"]),
    ("vpc-to-dyno", &["peering-missing", "network-acl-no-return-ports", "group-empty"]),
    ("vpc-to-dyno", &["route-missing", "group-without-rule"]),
    ("vpc-to-dyno", &["peering-rejected", "network-acl-no-return-ports", "group-empty"]),
];
/// What no command mends: a program that does not run, and what no setting of either side changes.
const WITHOUT_COMMAND: [&str; 13] = [
    "CIDR_OVERLAP",
    "DATA_SERVICE_UNREACHABLE",
    "GENERATION_UNSUPPORTED",
    "NOT_RFC1918",
    "PORT_CLOSED",
    "SECONDARY_CIDR_UNREACHABLE",
    "TRANSITIVE_PEERING",
    "UNKNOWN_DESTINATION",
    "HOST_SILENT",
    "FIREWALL_REJECT",
    "LOCAL_NO_ROUTE",
    "LOCAL_POLICY",
    "PACKET_LOSS",
];
/// How long an answer that must come is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// How long silence is waited for.
const SILENCE: Duration = Duration::from_millis(700);
/// Ports to connect from after the mending, in each part that an ACL may let through alone.
const SOURCE_PORTS: [u16; 3] = [33001, 49001, 60901];

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
    let is_mendable = |scenario: &Scenario| {
        let expect = &scenario.expect;
        let by_command = !expect.by_hand && expect.status == Status::Established;
        expect.cause.as_deref().is_some_and(|cause| by_command && !WITHOUT_COMMAND.contains(&cause))
    };
    let mut scenarios = combined()?;
    for folder in FOLDERS {
        for scenario in Scenario::all(&Scenario::directory().join(folder))? {
            let path = Path::new(folder).join(&scenario.name);
            if is_mendable(&scenario) {
                scenarios.push((path.display().to_string(), scenario));
            }
        }
    }
    let mut trials = Vec::new();
    for (path, scenario) in scenarios {
        for (index, seed) in scenario.seeds().take(worlds).enumerate() {
            let scenario = scenario.clone();
            let name = format!("{path} world {index}");
            // In turn by the fixes of the causes, and by the plan of all of them.
            let read: fn(&Value) -> Result<Mending, Failed> =
                if index % 2 == 0 { Mending::of_fixes } else { Mending::of_plan };
            trials.push(Trial::test(name, move || mend(enclosure, bench, &scenario, seed, read)));
        }
    }
    Ok(trials)
}

/// Scenarios of several faults. Which gate drops first is nothing to this test.
fn combined() -> Result<Vec<(String, Scenario)>, Box<dyn std::error::Error>> {
    let mut scenarios = Vec::new();
    for (base, kinds) in COMBINED {
        let mut text = format!(
            "base = \"{base}\"\nvary = [\"addresses\", \"association\", \"rule-order\", \"decoys\"]\n"
        );
        kinds.iter().for_each(|kind| text += &format!("[[fault]]\nkind = \"{kind}\"\n"));
        text += "[kernel]\n[expect]\nverdict = \"blocked\"\n";
        let name = kinds.join("+");
        let scenario = Scenario::parse(&name, &text)?;
        scenarios.push((format!("{base} {name}"), scenario));
    }
    Ok(scenarios)
}

/// One world: broken, mended, and broken again.
fn mend(
    enclosure: &Enclosure,
    bench: &Bench,
    scenario: &Scenario,
    seed: u64,
    read: fn(&Value) -> Result<Mending, Failed>,
) -> Result<(), Failed> {
    let mut stage = Stage::set(enclosure, scenario.world(seed)?)?;
    let directory = bench.folder(&scenario.name);
    stage.world.write(&directory.join("broken"), Style::of_seed(seed))?;
    let before = Reach::measure(&stage, 0)?;
    let report = why(bench, scenario, &stage, &directory.join("broken"))?.report;
    if let Some(vpc) = double_of_the_target(scenario, &stage) {
        return guessed(&report, &vpc);
    }
    let mending = read(&report)?;

    let mut wrong = Vec::new();
    let mut note = |outcome: Result<(), Failed>| {
        wrong.extend(outcome.err().map(|failed| failed.message().unwrap_or_default().to_owned()));
    };
    note(mended(bench, scenario, &mut stage, &directory, &mending));
    note(unasked(&stage, &before, &mending));
    drop(stage);
    note(undone(enclosure, scenario, seed, &mending));
    if wrong.is_empty() {
        let _ = fs::remove_dir_all(&directory);
        return Ok(());
    }
    let (wrong, opens) = (wrong.join("\n"), serde_json::to_string(&mending.opens)?);
    let Mending { commands, undo, .. } = mending;
    Err(format!("{wrong}\n{commands}\nundo:\n{undo}\nopens: {opens}\nin {}", directory.display()).into())
}

/// Asks what is wrong. Every world has a VPC whose machines have the addresses of others: where no peering
/// tells which are meant, they are named by their ids.
fn why(bench: &Bench, scenario: &Scenario, stage: &Stage<'_>, snapshot: &Path) -> Result<Answer, Failed> {
    if lacks_peering(scenario) { bench.why_by_id(stage, snapshot) } else { bench.why(stage, snapshot) }
}

fn lacks_peering(scenario: &Scenario) -> bool {
    scenario.faults.iter().any(|fault| fault.kind == FaultKind::PeeringMissing)
}

/// The VPC of a machine that has the target's address, where no peering tells which is meant and no id can:
/// dynos have none.
fn double_of_the_target(scenario: &Scenario, stage: &Stage<'_>) -> Option<String> {
    if !lacks_peering(scenario) || !matches!(stage.world.target(), Host::Dyno(_)) {
        return None;
    }
    let address = stage.world.target_address().ip();
    let all = stage.world.snapshot.aws.iter().flat_map(|it| it.documents.network_interfaces.iter().flatten());
    let mut doubles = all.filter(|it| it.private_ip_address.map(IpAddr::V4) == Some(address));
    doubles.find_map(|it| Some(it.vpc_id.as_ref()?.as_str().to_owned()))
}

/// A peering with a network that may be the wrong one is not offered as what mends: it is left to a person,
/// who is told of the other.
fn guessed(report: &Value, vpc: &str) -> Result<(), Failed> {
    let fix = &report["causes"][0]["fixes"][0];
    let is_told = fix["explanation"].as_str().is_some_and(|words| words.contains(vpc));
    let is_left = fix["verified"] == false && report["plan"]["verified"] == false;
    if is_told && is_left { Ok(()) } else { Err(format!("{vpc} may be meant as well: {report}").into()) }
}

/// The first fix of every established cause.
struct Mending {
    /// In the order to run them.
    commands: String,
    /// In the reverse order.
    undo: String,
    opens: Vec<Value>,
}

impl Mending {
    /// The plan, which is to be proven whole.
    fn of_plan(report: &Value) -> Result<Self, Failed> {
        let plan = &report["plan"];
        if plan["verified"] != true {
            return Err(format!("no plan that is verified: {plan}").into());
        }
        let steps = plan["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let commands: Vec<&str> = steps.iter().filter_map(|step| step["command"].as_str()).collect();
        let undo = plan["undo"].as_str().unwrap_or_default().to_owned();
        let opens = plan["opens"].as_array().cloned().unwrap_or_default();
        Ok(Self { commands: commands.join("\n"), undo, opens })
    }

    fn of_fixes(report: &Value) -> Result<Self, Failed> {
        let causes = report["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let established = causes.iter().filter(|cause| cause["status"] == "established");
        let fixes: Vec<&Value> = established.map(|cause| &cause["fixes"][0]).collect();
        if fixes.is_empty() {
            return Err("no established cause".into());
        }
        let text = |fix: &Value, field: &str| fix[field].as_str().unwrap_or_default().to_owned();
        let commands: Vec<String> = fixes.iter().map(|fix| text(fix, "command")).collect();
        let undo: Vec<String> = fixes.iter().rev().map(|fix| text(fix, "undo")).collect();
        let opens = fixes.iter().flat_map(|fix| fix["opens"].as_array().cloned().unwrap_or_default());
        Ok(Self { commands: commands.join("\n"), undo: undo.join("\n"), opens: opens.collect() })
    }
}

/// Runs the commands: packets pass, and the diagnosis agrees.
fn mended(
    bench: &Bench,
    scenario: &Scenario,
    stage: &mut Stage<'_>,
    directory: &Path,
    mending: &Mending,
) -> Result<(), Failed> {
    operator::run(&mut stage.world.snapshot, &mending.commands)?;
    stage.twin.rebuild(&stage.world.snapshot)?;
    let sources = match stage.world.base() {
        Base::DynoToVpc => stage.world.dynos().into_iter().map(Host::Dyno).collect(),
        Base::VpcToDyno | Base::VpcToVpc => vec![stage.source()],
    };
    for source in &sources {
        for port in SOURCE_PORTS {
            let outcome = stage.twin.connect(source, port, stage.world.target_address(), ANSWER)?;
            if outcome != KernelOutcome::Connected {
                return Err(format!("mended, yet {outcome:?} from {source} port {port}").into());
            }
        }
    }
    stage.world.write(&directory.join("mended"), Style::of_seed(stage.world.seed()))?;
    let answer = why(bench, scenario, stage, &directory.join("mended"))?;
    let said = (&answer.report["verdict"], &answer.report["causes"], answer.status);
    if said != (&Value::from("reachable"), &Value::Array(Vec::new()), Some(0)) {
        return Err(format!("mended, yet peerscope says {said:?}").into());
    }
    Ok(())
}

/// Nothing else was opened than was said, and nothing was closed.
fn unasked(stage: &Stage<'_>, before: &Reach, mending: &Mending) -> Result<(), Failed> {
    let after = Reach::measure(stage, 1)?;
    let wrong = before.differences(&after, &Opening::read(&mending.opens)?);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// Runs the commands and what undoes them in one shell: the scenario is true of the kernel again. That is
/// asked of a new twin, in which no connection of the mended one is left to be dropped.
///
/// A peering that was replaced does not come back: what undoes it deletes the new one, and the routes stay
/// on that. Nor does one that was pending: it is deleted then. To packets it is all one.
fn undone(enclosure: &Enclosure, scenario: &Scenario, seed: u64, mending: &Mending) -> Result<(), Failed> {
    // Where a former state cannot be had again, a comment says so.
    if mending.undo.lines().all(|line| line.starts_with('#')) {
        return Ok(());
    }
    let mut world = scenario.world(seed)?;
    operator::run(&mut world.snapshot, &format!("{}\n{}", mending.commands, mending.undo))?;
    let stage = Stage::set(enclosure, world)?;
    if scenario.kernel.drops.is_empty() {
        let outcome = stage.twin.connect(&stage.source(), 0, stage.world.target_address(), SILENCE)?;
        if outcome != KernelOutcome::Silent {
            return Err(format!("undone, yet {outcome:?}").into());
        }
    }
    prove_in_kernel(scenario, &stage.world, &stage.twin)
        .map_err(|wrong| format!("undone, yet {}", wrong.join("; ")).into())
}
