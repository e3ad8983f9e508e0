//! Scenarios: a base, a fault, what the kernel must do, what a diagnosis must say.
//!
//! They are data (`tests/scenarios/*.toml`), so that one list serves the laboratory's own test, the tests
//! of the analysis and of the whole program. The kernel's truth stands apart from the diagnosis expected
//! and is asserted first: a scenario that lies is found out before anything is blamed on it.

mod prove;
mod stage;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, FaultError};
use crate::twin::{Direction, GateKind};
use crate::world::{Base, Vary, World};

pub use prove::prove_in_kernel;
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
    /// What is wrong, in the order in which it goes wrong; none in a healthy scenario.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What happens to packets.
    pub kernel: Kernel,
    /// What a diagnosis says.
    pub expect: Expect,
}

/// What the kernel does to connections from the world's source to its target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// Connections that come about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<Flow>,
    /// Connections that get a reset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuses: Vec<Flow>,
    /// Connections that get no answer, and which gate drops which packets of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<DroppedFlow>,
}

/// A connection to the world's target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// From which port; 0 is any of the kernel's choice.
    #[serde(default)]
    pub source_port: u16,
    /// From which host, as a role (`dyno.other`); absent: the world's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// A connection that a gate drops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DroppedFlow {
    /// From which port; 0 is any of the kernel's choice.
    #[serde(default)]
    pub source_port: u16,
    /// From which host, as a role; absent: the world's source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which of its packets are dropped.
    pub direction: Direction,
    /// What drops them.
    pub gate: GateKind,
    /// Whose gate it is, as a role: of the subnet for an ACL, of the interface for its groups, of the
    /// route table or `space` for routes.
    pub at: String,
}

impl DroppedFlow {
    /// The connection alone.
    #[must_use]
    pub fn flow(&self) -> Flow {
        Flow { source_port: self.source_port, from: self.from.clone() }
    }
}

/// What a diagnosis must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The verdict.
    pub verdict: Verdict,
    /// The code of the first cause; absent where there is no cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The first cause's component, as a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The first cause's direction, where the scenario demands one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The source ports that the first cause affects, of Linux's 32768-60999, where the scenario demands
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_ports: Vec<(u16, u16)>,
}

/// The verdicts of a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It works.
    Reachable,
    /// It does not.
    Blocked,
    /// It works in part.
    Impaired,
    /// Neither packets nor configuration decide.
    Undetermined,
}

impl Verdict {
    /// The word as reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Blocked => "blocked",
            Self::Impaired => "impaired",
            Self::Undetermined => "undetermined",
        }
    }
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

    /// Seeds of this scenario's worlds: always the same, and others than another scenario's.
    pub fn seeds(&self) -> impl Iterator<Item = u64> {
        // FNV-1a: a hash that stays the same from one version of Rust to the next.
        let hash = self.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        (0..).map(move |index: u64| hash.wrapping_add(index))
    }

    /// The world of this scenario and seed, with its faults.
    ///
    /// # Errors
    /// [`FaultError`] where a fault cannot be put into the world.
    pub fn world(&self, seed: u64) -> Result<World, FaultError> {
        let mut world = World::generate(self.base, &self.vary, seed);
        self.faults.iter().try_for_each(|fault| fault.apply(&mut world))?;
        Ok(world)
    }
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
    fn seeds_are_fixed() {
        let scenario = &Scenario::all(&Scenario::directory()).unwrap()[0];
        let seeds: Vec<u64> = scenario.seeds().take(3).collect();
        assert_eq!(seeds, scenario.seeds().take(3).collect::<Vec<_>>());
        assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2]);
    }
}
