//! `peerscope demo`: a fault rehearsed on this machine, from the first lost packet to the mended path.
//!
//! Documents of a space and a VPC become a network of this kernel; a fault is put into the documents;
//! `peerscope why` runs where the dyno is, without any privilege; the very commands that it prints are
//! carried out; and it runs again. Everything stands in namespaces and on a tmpfs of this process, so
//! that nothing is left of it however it ends.

mod faults;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use peerscope_laboratory::fault::Fault;
use peerscope_laboratory::scenario::Stage;
use peerscope_laboratory::world::{Base, Style as Form, Vary, World};
use peerscope_laboratory::{Enclosure, LaboratoryError, Right, operator};
use serde_json::Value;

use crate::cli::DemoArgs;
use crate::exit::{Failure, Status};
use crate::output::print;
use crate::text::{Style, wrapped};

use faults::{FAULTS, Rehearsed};

/// Where the demo's files are: on the enclosure's own tmpfs.
const DIRECTORY: &str = "/run/peerscope-demo";

/// Rehearses. Must run before the process has a second thread.
pub(crate) fn run(arguments: &DemoArgs, style: &Style) -> Result<Status, Failure> {
    if arguments.fault == "list" {
        return list(style);
    }
    let rehearsed = faults::named(&arguments.fault)?;
    let enclosure = Enclosure::enter().map_err(unavailable)?;
    let internal = |error: LaboratoryError| Failure::Internal(error.to_string());
    let mut world = World::generate(Base::DynoToVpc, &Vary::ALL, arguments.seed);
    Fault::new(rehearsed.kind)
        .apply(&mut world)
        .map_err(|error| Failure::usage(format!("demo: {error}; another --seed may do")))?;
    let demo =
        Demo { style, stage: Stage::set(&enclosure, world).map_err(internal)?, peerscope: own_copy()? };
    demo.introduce(&enclosure, rehearsed)?;
    demo.play(rehearsed)
}

/// Why there is no laboratory here: something that the user can change.
fn unavailable(error: LaboratoryError) -> Failure {
    Failure::Usage(format!("demo: {error}"))
}

fn list(style: &Style) -> Result<Status, Failure> {
    let mut text = String::new();
    for fault in FAULTS {
        text.push_str(&format!("{}\n", style.strong(fault.name)));
        text.push_str(&wrapped(fault.words, style.width, "  ", "  "));
    }
    print(&text)?;
    Ok(Status::Good)
}

/// Copies this program to where an unprivileged user can read it.
fn own_copy() -> Result<PathBuf, Failure> {
    let copy = Path::new(DIRECTORY).join("peerscope");
    let made = || -> std::io::Result<()> {
        fs::create_dir_all(DIRECTORY)?;
        fs::copy("/proc/self/exe", &copy)?;
        for path in [Path::new(DIRECTORY), &copy] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    };
    made().map_err(|error| Failure::Internal(format!("{}: {error}", copy.display())))?;
    Ok(copy)
}

/// A demo under way.
struct Demo<'a> {
    style: &'a Style,
    stage: Stage<'a>,
    peerscope: PathBuf,
}

impl Demo<'_> {
    fn introduce(&self, enclosure: &Enclosure, rehearsed: &Rehearsed) -> Result<(), Failure> {
        let namespaces = self.stage.twin.hosts().count();
        let right = match enclosure.right() {
            Right::Root => "as root",
            Right::UserNamespace => "as an ordinary user, in a user namespace",
        };
        let world = &self.stage.world;
        let scene = format!(
            "A Private Space and the VPC it is peered with now stand in this machine's kernel ({namespaces} hosts, built {right}): real packets, real routing and filtering, no cloud. The dyno {} wants to reach {}.",
            world.source_address(),
            world.target_address()
        );
        let width = self.style.width;
        let broken = format!("Broken: {}", rehearsed.words);
        print(&format!("{}\n{}\n", wrapped(&scene, width, "", ""), wrapped(&broken, width, "", "")))
    }

    fn play(mut self, rehearsed: &Rehearsed) -> Result<Status, Failure> {
        let report = self.why("before")?;
        let commands = commands(&report);
        if commands.is_empty() {
            print("\nNo command mends this one: see above what does.\n")?;
            return Ok(if report["verdict"] == "reachable" { Status::Internal } else { Status::Good });
        }
        print(&format!(
            "\n{}\n\n",
            self.style.strong("Now the commands above are carried out, and the dyno tries again.")
        ))?;
        for commands in &commands {
            operator::run(&mut self.stage.world.snapshot, commands)
                .map_err(|error| Failure::Internal(format!("{commands}: {error}")))?;
        }
        self.stage
            .twin
            .rebuild(&self.stage.world.snapshot)
            .map_err(|error| Failure::Internal(error.to_string()))?;
        let report = self.why("after")?;
        if report["verdict"] == "reachable" {
            return Ok(Status::Good);
        }
        Err(Failure::Internal(format!("{} was not mended by its own commands", rehearsed.name)))
    }

    /// Runs `peerscope why` in the dyno: its text for the reader, its JSON for the demo. Both run at
    /// once, since what takes time is waiting for silence.
    fn why(&self, moment: &str) -> Result<Value, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Internal(format!("demo: {error}"));
        let snapshot = Path::new(DIRECTORY).join(moment);
        let world = &self.stage.world;
        world.write(&snapshot, Form::of_seed(world.seed())).map_err(|error| failed(&error))?;
        let target = format!("tcp://{}", world.target_address());
        print(&format!(
            "{}\n\n",
            self.style.faint(&format!("dyno$ peerscope why {target} --snapshot ./snapshot"))
        ))?;
        let command = |format: &str| -> Result<Command, LaboratoryError> {
            let mut command = self.stage.twin.command(&self.stage.source(), &self.peerscope)?;
            command.args(["why", &target, "--format", format, "--snapshot"]).arg(&snapshot);
            command.env("DYNO", "web.1").env("HEROKU_PRIVATE_IP", world.source_address().to_string());
            Ok(command)
        };
        let json = command("json").map_err(|error| failed(&error))?.stdout(Stdio::piped()).spawn();
        let json = json.map_err(|error| failed(&error))?;
        command("text").map_err(|error| failed(&error))?.status().map_err(|error| failed(&error))?;
        let output = json.wait_with_output().map_err(|error| failed(&error))?;
        serde_json::from_slice(&output.stdout).map_err(|error| failed(&error))
    }
}

/// The commands of the first fix of every established cause, in the order of the report.
fn commands(report: &Value) -> Vec<String> {
    let causes = report["causes"].as_array().into_iter().flatten();
    let established = causes.filter(|cause| cause["status"] == "established");
    let first = established
        .map(|cause| &cause["fixes"][0])
        .filter(|fix| fix["tool"] != "manual" && fix["verified"] == true);
    first.filter_map(|fix| fix["command"].as_str()).map(ToString::to_string).collect()
}
