//! Scenarios: a base, a fault, what the kernel must do, what a diagnosis must say.
//!
//! They are data (`tests/scenarios/*.toml`), so that one list serves the laboratory's own test, the tests
//! of the analysis and of the whole program. The kernel's truth stands apart from the diagnosis expected
//! and is asserted first: a scenario that lies is found out before anything is blamed on it.

mod expect;
mod given;
mod kernel;
mod prove;
mod stage;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, FaultError, FaultKind, admit_echo};
use crate::world::{Base, Scheme, Service, Vary, World};

pub use expect::{AlsoCause, Expect, NO_COMPONENT, Status, Verdict};
pub use given::{DocumentKind, Given, GivenSnapshot};
pub use kernel::{Alone, DroppedFlow, FailedFlow, Flow, Kernel, Talk};
pub use prove::{prove_alone, prove_in_kernel};
pub use stage::Stage;

/// A scenario, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file's name without `.toml`.
    #[serde(skip)]
    pub name: String,
    /// Who asks whom.
    pub base: Base,
    /// In what its worlds differ.
    pub vary: Vec<Vary>,
    /// Whether ICMP echo requests from the source get to the target, and its processes may send them. By
    /// default they may not, as in a dyno, and groups and ACLs let the service through and little else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub echo: bool,
    /// What is spoken to the target once connected, which then answers in it. By default nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// What is wrong, in the order in which it goes wrong; none in a healthy scenario.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What happens to packets.
    pub kernel: Kernel,
    /// What a diagnosis gets to read, where it is not the truth.
    #[serde(default, skip_serializing_if = "is_default")]
    pub given: Given,
    /// What a diagnosis says.
    pub expect: Expect,
}

/// A scenario's file that cannot be used.
#[derive(Debug)]
pub struct ScenarioError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it, with line and column where they can be told.
    pub reason: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file.display(), self.reason.trim_end())
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Where this workspace keeps its scenarios.
    #[must_use]
    pub fn directory() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
    }

    /// Reads a scenario from the text of its file.
    ///
    /// # Errors
    /// [`ScenarioError`] where the text is not TOML or not a scenario.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScenarioError> {
        let scenario = toml::from_str(text).map_err(|error| ScenarioError {
            file: PathBuf::from(format!("{name}.toml")),
            reason: error.to_string(),
        })?;
        Ok(Self { name: name.to_owned(), ..scenario })
    }

    /// Reads the scenario of a name, of those that lie in no folder of their own.
    ///
    /// # Errors
    /// [`ScenarioError`] where there is none, or it cannot be used.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
        let file = Self::directory().join(format!("{name}.toml"));
        match fs::read_to_string(&file) {
            Ok(text) => Self::parse(name, &text),
            Err(error) => Err(ScenarioError { file, reason: error.to_string() }),
        }
    }

    /// Reads every `*.toml` of a directory (not of those below it), by name.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first file that cannot be used.
    pub fn all(directory: &Path) -> Result<Vec<Self>, ScenarioError> {
        let failed = |file: &Path| {
            let file = file.to_path_buf();
            move |error: std::io::Error| ScenarioError { file, reason: error.to_string() }
        };
        let mut scenarios = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed(directory))? {
            let path = entry.map_err(failed(directory))?.path();
            let is_scenario = path.extension().is_some_and(|extension| extension == "toml");
            let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_scenario) else {
                continue;
            };
            scenarios.push(Self::parse(name, &fs::read_to_string(&path).map_err(failed(&path))?)?);
        }
        scenarios.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(scenarios)
    }

    /// Reads every `*.toml` of a directory and of all below it, each with its folder, by folder and name.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first file or folder that cannot be used.
    pub fn below(directory: &Path) -> Result<Vec<(PathBuf, Self)>, ScenarioError> {
        let failed = |error: std::io::Error| ScenarioError {
            file: directory.to_path_buf(),
            reason: error.to_string(),
        };
        let mut scenarios: Vec<(PathBuf, Self)> =
            Self::all(directory)?.into_iter().map(|scenario| (directory.to_path_buf(), scenario)).collect();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                scenarios.extend(Self::below(&path)?);
            }
        }
        scenarios.sort_by(|(one, here), (other, there)| (one, &here.name).cmp(&(other, &there.name)));
        Ok(scenarios)
    }

    /// Seeds of this scenario's worlds: always the same, and others than another scenario's.
    pub fn seeds(&self) -> impl Iterator<Item = u64> {
        // FNV-1a: a hash that stays the same from one version of Rust to the next.
        let hash = self.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        (0..).map(move |index: u64| hash.wrapping_add(index))
    }

    /// The world of this scenario and seed as it is, which the kernel's twin is built of: with its faults,
    /// unless they have been mended since the documents were taken.
    ///
    /// # Errors
    /// [`FaultError`] where a fault cannot be put into the world.
    pub fn world(&self, seed: u64) -> Result<World, FaultError> {
        if self.is_mended() { self.healthy(seed) } else { self.broken(seed) }
    }

    /// The same world with one of its faults alone.
    ///
    /// # Errors
    /// [`FaultError`] where the fault cannot be put into the world.
    pub fn world_with(&self, kind: FaultKind, seed: u64) -> Result<World, FaultError> {
        let mut world = self.healthy(seed)?;
        self.faults
            .iter()
            .filter(|fault| fault.kind == kind)
            .try_for_each(|fault| fault.apply(&mut world))?;
        Ok(world)
    }

    /// Whether the faults are in the given documents alone, and in the kernel no more.
    #[must_use]
    pub fn is_mended(&self) -> bool {
        self.given.snapshot == GivenSnapshot::BeforeMending
    }

    /// The same world before anything of it went wrong.
    ///
    /// # Errors
    /// [`FaultError`] where echoes cannot be let through in it.
    pub fn healthy(&self, seed: u64) -> Result<World, FaultError> {
        let mut world = World::generate(self.base, &self.vary, seed);
        if self.echo {
            admit_echo(&mut world)?;
        }
        if self.scheme.is_some() {
            world.scheme = self.scheme;
            world.service = Service::Answering;
        }
        Ok(world)
    }

    fn broken(&self, seed: u64) -> Result<World, FaultError> {
        let mut world = self.healthy(seed)?;
        self.faults.iter().try_for_each(|fault| fault.apply(&mut world))?;
        Ok(world)
    }
}

fn is_default(given: &Given) -> bool {
    *given == Given::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_word_is_named_with_its_place() {
        let error = Scenario::parse("x", "base = \"dyno-to-moon\"\nvary = []\n").unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("x.toml") && text.contains("line 1") && text.contains("dyno-to-moon"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_kind_of_document_is_named_with_its_place() {
        let text = "base = \"dyno-to-vpc\"\nvary = []\n[given]\nwithout = [\"NetworkAcl\"]\n";
        let error = Scenario::parse("x", text).unwrap_err().to_string();
        assert!(error.contains("line 4") && error.contains("NetworkAcl"), "{error}");
        let text = "base = \"dyno-to-vpc\"\nvary = []\n[given]\nsnapshot = \"after-fault\"\n";
        let error = Scenario::parse("x", text).unwrap_err().to_string();
        assert!(error.contains("line 4") && error.contains("before-fault"), "{error}");
    }

    fn all_files() -> impl Iterator<Item = Scenario> {
        Scenario::below(&Scenario::directory()).unwrap().into_iter().map(|(_, scenario)| scenario)
    }

    #[test]
    fn every_file_says_what_the_kernel_does_and_reads_back_as_it_was_written() {
        for scenario in all_files() {
            let Kernel { passes, refuses, drops, fails, loses, ignores, ignores_some, .. } = &scenario.kernel;
            let answered = passes.len() + refuses.len() + fails.len() + ignores_some.len();
            let flows = answered + drops.len() + loses.len() + ignores.len();
            assert!(flows > 0, "{}: no flow is held against the kernel", scenario.name);
            let written = toml::to_string(&scenario).unwrap();
            assert_eq!(Scenario::parse(&scenario.name, &written).unwrap(), scenario);
        }
    }

    /// Two gates in a row: only alone does the second show that it drops.
    #[test]
    fn each_of_several_faults_is_proven_alone() {
        for scenario in all_files().filter(|scenario| scenario.faults.len() > 1) {
            let faults: Vec<FaultKind> = scenario.faults.iter().map(|fault| fault.kind).collect();
            let alone: Vec<FaultKind> = scenario.kernel.alone.iter().map(|alone| alone.fault).collect();
            assert_eq!(alone, faults, "{}", scenario.name);
            // What no document shows cannot be established beside what one does.
            let healthy = scenario.healthy(1).unwrap().snapshot;
            let is_shown = |fault: &&FaultKind| scenario.world_with(**fault, 1).unwrap().snapshot != healthy;
            let shown = faults.iter().filter(is_shown).count();
            assert_eq!(scenario.expect.also.len() + 1, shown, "{}", scenario.name);
        }
    }

    fn parsed(rest: &str) -> Scenario {
        let text = format!(
            "base = \"dyno-to-vpc\"\nvary = []\n[[fault]]\nkind = \"group-without-rule\"\n[kernel]\n{rest}\n\
             [expect]\nverdict = \"blocked\"\n"
        );
        Scenario::parse("x", &text).unwrap()
    }

    #[test]
    fn given_documents_are_those_of_their_time() {
        let truth = parsed("");
        let (broken, healthy) = (truth.broken(1).unwrap().snapshot, truth.healthy(1).unwrap().snapshot);
        assert_ne!(broken, healthy);
        let of = |snapshot: &str| {
            let scenario = parsed(&format!("[given]\nsnapshot = \"{snapshot}\""));
            let given = scenario.given(1).unwrap().map(|world| world.snapshot);
            (scenario.world(1).unwrap().snapshot, given)
        };
        assert_eq!(of("true"), (broken.clone(), Some(broken.clone())));
        assert_eq!(of("before-fault"), (broken.clone(), Some(healthy.clone())));
        assert_eq!(of("before-mending"), (healthy, Some(broken.clone())));
        assert_eq!(of("none"), (broken, None));
    }

    #[test]
    fn a_missing_kind_of_document_is_missing_whole() {
        let kinds = ["NetworkInterfaces", "RouteTables", "peering-info"].map(|kind| format!("\"{kind}\""));
        let scenario = parsed(&format!("[given]\nwithout = [{}]", kinds.join(", ")));
        let (given, truth) = (scenario.given(1).unwrap().unwrap(), scenario.world(1).unwrap());
        for (given, truth) in given.snapshot.aws.iter().zip(&truth.snapshot.aws) {
            let (given, truth) = (&given.documents, &truth.documents);
            assert!(given.network_interfaces.is_none() && given.reservations.is_none());
            assert!(given.route_tables.is_none() && given.security_groups == truth.security_groups);
        }
        let heroku = &given.snapshot.heroku;
        assert!(heroku.peering_info.is_none() && heroku.peerings == truth.snapshot.heroku.peerings);
    }

    #[test]
    fn seeds_are_fixed() {
        let scenario = &Scenario::all(&Scenario::directory()).unwrap()[0];
        let seeds: Vec<u64> = scenario.seeds().take(3).collect();
        assert_eq!(seeds, scenario.seeds().take(3).collect::<Vec<_>>());
        assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2]);
    }
}
