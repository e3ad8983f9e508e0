//! Two places, one diagnosis: evidence from a dyno without documents, documents on a laptop without a
//! path. And time: what changed since a baseline, and waiting until it is mended.
//!
//! It has its own `main` because the laboratory can only be entered while the process has one thread.

mod bench;

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::Duration;

use bench::Bench;
use libtest_mimic::{Arguments, Failed, Trial};
use peerscope_laboratory::Enclosure;
use peerscope_laboratory::fault::{Fault, FaultKind};
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, Scheme, Service, Style, Vary, World};
use serde_json::Value;

fn main() -> ExitCode {
    bench::main(|enclosure, bench| {
        let mut trials = Vec::new();
        let mut add = |name: &str, test: fn(&Enclosure, &Bench) -> Result<(), Failed>| {
            trials.push(Trial::test(name, move || test(enclosure, bench)));
        };
        add("evidence_of_a_dyno_and_documents_of_a_laptop_are_one_diagnosis", joined);
        add("a_replay_is_the_same_report_byte_for_byte", replayed);
        add("a_replay_of_what_an_application_did_is_the_same_report_too", replayed_application);
        add("evidence_goes_from_a_dyno_to_a_laptop_as_one_line", one_line);
        add("evidence_of_another_target_is_wrong_input", other_target);
        add("what_changed_since_the_baseline_comes_first", baseline);
        add("waiting_ends_when_it_is_mended", mended);
        add("a_page_tells_that_it_was_waited_for", mended_on_a_page);
        Ok((Arguments::from_args(), trials))
    })
}

const SEED: u64 = 21;

fn healthy() -> World {
    World::generate(Base::DynoToVpc, &Vary::ALL, SEED)
}

fn broken(kind: FaultKind) -> Result<World, Failed> {
    let mut world = healthy();
    Fault::new(kind).apply(&mut world)?;
    Ok(world)
}

fn expect(is: bool, what: impl Into<String>) -> Result<(), Failed> {
    if is { Ok(()) } else { Err(Failed::from(what.into())) }
}

/// `peerscope` outside of every namespace: the laptop.
fn laptop(arguments: &[&str], paths: &[&Path]) -> std::io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_peerscope")).args(arguments).args(paths).output()
}

fn json(output: &Output) -> Result<Value, Failed> {
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Without what differs from run to run.
fn timeless(mut report: Value) -> Value {
    for key in ["at", "version", "elapsed_seconds"] {
        report[key] = Value::Null;
    }
    report
}

fn joined(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, broken(FaultKind::GroupWithoutRule)?)?;
    let folder = bench.shared_folder("joined")?;
    let (snapshot, evidence) = (folder.join("snapshot"), folder.join("evidence.json"));
    stage.world.write(&snapshot, Style::of_seed(SEED))?;
    let target = format!("tcp://{}", stage.world.target_address());
    let dyno = bench
        .peerscope(&stage)?
        .args(["why", &target, "--format", "json", "--save"])
        .arg(&evidence)
        .output()?;
    let alone = json(&dyno)?;
    expect(alone["verdict"] == "blocked", format!("without documents: {alone:#}"))?;
    let candidates = alone["causes"].as_array().map_or(0, Vec::len);
    expect(candidates > 3, "without documents there are several candidates")?;
    expect(
        alone["causes"]
            .as_array()
            .is_some_and(|causes| causes.iter().all(|cause| cause["status"] == "candidate")),
        "without documents nothing is established",
    )?;
    let saved: Value = serde_json::from_slice(&std::fs::read(&evidence)?)?;
    let can = |name: &str| {
        let found = saved["capabilities"].as_array().into_iter().flatten().find(|one| one["name"] == name);
        found.map(|one| one["available"].clone())
    };
    expect(can("tcp-connect") == Some(true.into()), "the evidence says what the dyno may do")?;
    expect(can("icmp-echo-raw-socket") == Some(false.into()), "and what it may not")?;
    let whole =
        laptop(&["why", "--format", "json", "--replay"], &[&evidence, Path::new("--snapshot"), &snapshot])?;
    let whole = json(&whole)?;
    let first = &whole["causes"][0];
    let is_right = first["code"] == "ENI_SG_RULES_MISMATCH" && first["status"] == "established";
    expect(is_right && whole["verdict"] == "blocked", format!("joined: {whole:#}"))?;
    expect(whole["vantage"] == alone["vantage"], "the vantage is the dyno's")
}

fn replayed(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, broken(FaultKind::NetworkAclNoReturnPorts)?)?;
    replays(bench, &stage)
}

/// Whether it answers or says nothing.
fn replayed_application(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    for service in [Service::Answering, Service::Listening] {
        let mut world = healthy();
        world.scheme = Some(Scheme::Redis);
        world.service = service;
        replays(bench, &Stage::set(enclosure, world)?)?;
    }
    Ok(())
}

fn replays(bench: &Bench, stage: &Stage<'_>) -> Result<(), Failed> {
    let folder = bench.shared_folder("replayed")?;
    let (snapshot, evidence) = (folder.join("snapshot"), folder.join("evidence.json"));
    stage.world.write(&snapshot, Style::of_seed(SEED))?;
    let target = stage.world.target_url();
    let mut there = bench.peerscope(stage)?;
    there
        .args(["why", &target, "--format", "json", "--snapshot"])
        .arg(&snapshot)
        .arg("--save")
        .arg(&evidence);
    let there = json(&there.output()?)?;
    let arguments = ["why", "--format", "json", "--replay"];
    let (once, again) = (laptop(&arguments, &[&evidence])?, laptop(&arguments, &[&evidence])?);
    expect(once.stdout == again.stdout, "two replays differ")?;
    let here = json(&once)?;
    expect(
        serde_json::to_string(&timeless(here.clone()))? == serde_json::to_string(&timeless(there.clone()))?,
        format!("there: {there:#}\nhere: {here:#}"),
    )
}

/// As `heroku run` would carry it: on standard output, among words of its own.
fn one_line(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, broken(FaultKind::GroupWithoutRule)?)?;
    let folder = bench.shared_folder("line")?;
    let (snapshot, file) = (folder.join("snapshot"), folder.join("redirected.json"));
    stage.world.write(&snapshot, Style::of_seed(SEED))?;
    let target = format!("tcp://{}", stage.world.target_address());
    for to in ["-", "/dev/stdout"] {
        let dyno = bench
            .peerscope(&stage)?
            .args(["why", &target, "--save", to])
            .envs([("DYNO", "run.9157"), ("HEROKU_PRIVATE_IP", &stage.world.source_address().to_string())])
            .output()?;
        let said = String::from_utf8(dyno.stdout)?;
        expect(said.lines().count() == 1 && said.ends_with("}\n"), format!("{to}: no single line: {said}"))?;
        expect(dyno.status.code() == Some(1), format!("{to}: blocked is exit 1, found {:?}", dyno.status))?;
        let carried = format!("Running it on my-app... up, run.1\r\n{}\r\nbye\r\n", said.trim_end());
        for input in [&said, &carried] {
            let mut laptop = Command::new(env!("CARGO_BIN_EXE_peerscope"))
                .args(["why", "--format", "json", "--replay", "-", "--snapshot"])
                .arg(&snapshot)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            laptop.stdin.take().ok_or("no pipe")?.write_all(input.as_bytes())?;
            let whole = json(&laptop.wait_with_output()?)?;
            expect(whole["causes"][0]["code"] == "ENI_SG_RULES_MISMATCH", format!("{to}: {whole:#}"))?;
            let is_told = whole["gaps"].as_array().into_iter().flatten().any(|gap| {
                gap["kind"] == "scope"
                    && gap["reason"]
                        .as_str()
                        .is_some_and(|text| text.starts_with("run.9157 is a one-off dyno"))
            });
            expect(is_told, format!("that it was another dyno is not told: {whole:#}"))?;
        }
    }
    // What is redirected to a file is no pipe, and must not be taken for a name to write beside.
    let redirected = std::fs::File::create(&file)?;
    bench.peerscope(&stage)?.args(["why", &target, "--save", "-"]).stdout(redirected).status()?;
    let joined = json(&laptop(&["why", "--format", "json", "--replay"], &[&file])?)?;
    expect(joined["verdict"] == "blocked", format!("redirected: {joined:#}"))
}

fn other_target(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, healthy())?;
    let folder = bench.shared_folder("other")?;
    let files = [folder.join("one.json"), folder.join("other.json")];
    let address = stage.world.target_address();
    for (port, file) in [address.port(), address.port() ^ 1].into_iter().zip(&files) {
        let target = format!("tcp://{}:{port}", address.ip());
        bench.peerscope(&stage)?.args(["why", &target, "--save"]).arg(file).output()?;
    }
    let output = laptop(&["why", "--replay"], &[&files[0], Path::new("--replay"), &files[1]])?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = output.status.code() == Some(2)
        && text.contains("expected evidence of tcp://")
        && text.lines().count() == 1;
    expect(said, format!("{output:?}"))?;
    // Who edits a file is told where it went wrong.
    let evidence = std::fs::read_to_string(&files[0])?;
    std::fs::write(&files[1], evidence.replace("\"tcp://", "\"gopher://"))?;
    let output = laptop(&["why", "--replay"], &[&files[1]])?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let place = format!("peerscope: {}: at target: unknown scheme \"gopher\"", files[1].display());
    let said = output.status.code() == Some(2) && text.starts_with(&place) && text.lines().count() == 1;
    expect(said, format!("{output:?}"))
}

fn baseline(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let stage = Stage::set(enclosure, broken(FaultKind::RouteMissing)?)?;
    let folder = bench.shared_folder("baseline")?;
    let (old, new) = (folder.join("old"), folder.join("new"));
    healthy().write(&old, Style::of_seed(SEED))?;
    stage.world.write(&new, Style::of_seed(SEED))?;
    let target = format!("tcp://{}", stage.world.target_address());
    let run = |format: &str| -> Result<Output, Failed> {
        let mut command = bench.peerscope(&stage)?;
        command
            .args(["why", &target, "--format", format, "--snapshot"])
            .arg(&new)
            .arg("--baseline")
            .arg(&old);
        Ok(command.output()?)
    };
    let report = json(&run("json")?)?;
    let first = &report["causes"][0];
    let evidence = &first["evidence"][0];
    let is_change = evidence["kind"] == "changes"
        && evidence["text"].as_str().is_some_and(|text| text.contains("lost the route"));
    expect(first["code"] == "NO_ROUTE_TO_DESTINATION" && is_change, format!("{report:#}"))?;
    let text = String::from_utf8_lossy(&run("text")?.stdout).into_owned();
    expect(text.contains("Because + changed since the baseline:"), text)
}

fn mended(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let output = waited(enclosure, bench, "json")?;
    let report = json(&output)?;
    let is_right = report["verdict"] == "reachable" && report["waited"]["verdict"] == "blocked";
    expect(is_right && output.status.code() == Some(0), format!("{report:#}"))
}

/// The page is one document about the end of the waiting, and says what it was before.
fn mended_on_a_page(enclosure: &Enclosure, bench: &Bench) -> Result<(), Failed> {
    let output = waited(enclosure, bench, "html")?;
    let page = String::from_utf8(output.stdout)?;
    let is_one = page.matches("<!DOCTYPE html>").count() == 1 && page.trim_end().ends_with("</html>");
    let verdict = page.find("REACHABLE");
    let waited = page.find("Mended after ").filter(|at| page[*at..].contains(" s. Before: "));
    let is_right = is_one && verdict.is_some() && waited > verdict && output.status.code() == Some(0);
    expect(is_right, page)
}

/// What `why --until-reachable` writes where a route is missing, and comes while it waits.
fn waited(enclosure: &Enclosure, bench: &Bench, format: &str) -> Result<Output, Failed> {
    let mut stage = Stage::set(enclosure, broken(FaultKind::RouteMissing)?)?;
    let target = format!("tcp://{}", stage.world.target_address());
    let mut command = bench.peerscope(&stage)?;
    command.args(["why", &target, "--until-reachable", "--format", format]).stdout(Stdio::piped());
    let waiting = command.spawn()?;
    thread::sleep(Duration::from_millis(4000));
    stage.twin.rebuild(&healthy().snapshot)?;
    Ok(waiting.wait_with_output()?)
}
