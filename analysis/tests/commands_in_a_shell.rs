//! Commands that are printed to be copied, given to a shell: ids and names are outside data, and whatever stands in
//! one it stays one word, and is never run.
//!
//! Every scenario of the laboratory is diagnosed and checked with its ids changed into what a shell would obey. The
//! shell has no program to run: the tools that are meant are functions that print their words.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod checked;
mod starting;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use jiff::Timestamp;
use peerscope_analysis::diagnose::{Case, Machine, SourceSpec};
use peerscope_analysis::report::Target;
use peerscope_analysis::topology::{NetworkId, Topology};
use peerscope_document::Snapshot;
use peerscope_laboratory::scenario::Scenario;
use peerscope_laboratory::world::World;
use serde_json::Value;

use checked::checked;

/// Stands at the end of every id: each of the ways by which a word ends in a shell, or another command begins.
const HOSTILE: &str = "'\"; : >hostile; $(: >hostile) `: >hostile`\n: >hostile #\\";

/// How ids and names begin in the laboratory's documents.
const OUTSIDE: [&str; 16] = [
    "vpc-", "subnet-", "rtb-", "sg-", "acl-", "pcx-", "eni-", "i-", "pl-", "igw-", "nat-", "tgw-", "vgw-",
    "us-", "acme", "space",
];

/// The tools, each of which prints its words.
const TOOLS: &str = "aws() { printf '%s\\0' \"$@\" >&2; printf pcx-new; }
heroku() { aws \"$@\"; }; psql() { aws \"$@\"; }; mysql() { aws \"$@\"; }; mysqladmin() { aws \"$@\"; }
ss() { aws \"$@\"; }; ip() { aws \"$@\"; }\n";

fn hostile(value: &mut Value) {
    match value {
        Value::String(text) => {
            let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_account || OUTSIDE.iter().any(|prefix| text.starts_with(prefix)) {
                text.push_str(HOSTILE);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hostile),
        Value::Object(fields) => fields.values_mut().for_each(hostile),
        _ => {}
    }
}

fn with_hostile_ids(snapshot: &Snapshot) -> Snapshot {
    let mut value = serde_json::to_value(snapshot).expect("JSON");
    hostile(&mut value);
    serde_json::from_value(value).expect("documents")
}

/// Every command of a report that is for a shell, and how it is undone.
fn commands(report: &Value, into: &mut BTreeSet<String>) {
    match report {
        Value::Array(values) => values.iter().for_each(|one| commands(one, into)),
        Value::Object(fields) if fields.get("tool").is_some_and(|tool| tool == "terraform") => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|_| name == "command" || name == "undo") {
                    Some(command) => _ = into.insert(command.to_string()),
                    None => commands(value, into),
                }
            }
        }
        _ => {}
    }
}

fn diagnosis(world: &World, snapshot: &Snapshot) -> Value {
    let (source, target) = (world.source_address(), world.target_address());
    let (source_block, address) = (format!("{source}/32"), target.ip().to_string());
    let block = if source.is_ipv6() { format!("{source}/128") } else { source_block };
    let plain = starting::case(Some(Topology::from(snapshot)), NetworkId::Space, &[&block], &address);
    let is_dyno = world.dynos().contains(&source);
    let case = Case {
        target: Target { port: Some(target.port()), ..plain.target },
        source: SourceSpec { network: is_dyno.then_some(NetworkId::Space), ..plain.source },
        ..plain
    };
    let mut machine = Machine::new(case, 1);
    machine.poll(Duration::ZERO);
    serde_json::to_value(machine.report(Duration::ZERO, Timestamp::UNIX_EPOCH)).expect("JSON")
}

fn run(command: &str) -> (Output, bool) {
    let folder = std::env::temp_dir().join(format!("peerscope-shell-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let output = Command::new("/bin/sh")
        .args(["-c", &format!("{TOOLS}{command}")])
        .env_clear()
        .env("PATH", "")
        .current_dir(&folder)
        .output()
        .expect("a shell");
    let obeyed = folder.join("hostile").exists();
    fs::remove_dir_all(&folder).expect("a folder");
    (output, obeyed)
}

#[test]
fn an_id_that_a_shell_would_obey_stays_a_word_of_every_command() {
    let mut all = BTreeSet::new();
    for (_, scenario) in Scenario::below(&Scenario::directory()).expect("scenarios") {
        let Ok(world) = scenario.world(0) else { continue };
        let snapshot = with_hostile_ids(&world.snapshot);
        commands(&diagnosis(&world, &snapshot), &mut all);
        commands(&serde_json::to_value(checked(&world, &snapshot)).expect("JSON"), &mut all);
    }
    let with_ids = all.iter().filter(|command| command.contains("hostile")).count();
    assert!(with_ids > 100, "{with_ids} commands have an id");
    let mut wrong = Vec::new();
    for command in &all {
        let (output, obeyed) = run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        let is_whole = said.split('\0').all(|word| !word.contains("hostile") || word.contains(HOSTILE));
        if obeyed || !output.status.success() || !is_whole {
            wrong.push(format!("{command}\n    {}: {said}", if obeyed { "obeyed" } else { "not one word" }));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n\n"));
}
