//! What a diagnosis must say of a scenario.

use serde::{Deserialize, Serialize};

use crate::twin::Direction;

/// What a diagnosis must say. What is absent is not asserted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The verdict.
    pub verdict: Verdict,
    /// The code of the first cause; absent where there is no cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The first cause's component, as a role; [`NO_COMPONENT`] where there is none, and its id null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The first cause's direction, where the scenario demands one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The source ports that the first cause affects, of Linux's 32768-60999, where the scenario demands
    /// them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_ports: Vec<(u16, u16)>,
    /// Components that the first cause is related to, as roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// Established causes beside the first. Where there are any, it is of no matter which comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<AlsoCause>,
    /// Codes that may be established as well, and need not: consequences of the cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerates: Vec<String>,
    /// Codes that must be among the causes, established or not: what is true and cannot be known for
    /// certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// Whether a contradiction between packets and documents must be said: CONFIGURATION_DISAGREES among
    /// findings or causes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disagrees: bool,
    /// Words that one of the gaps must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<String>,
    /// Whether time or people must mend it, and no command of the model's can: the first fix is not verified.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// Whether the first cause is established or a candidate: what no evidence forces stays one, be it ever so
    /// likely.
    #[serde(default, skip_serializing_if = "Status::is_established")]
    pub status: Status,
    /// Whether nothing may be established but what `cause`, `also` and `candidates` name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_established_innocent: bool,
}

/// How sure a diagnosis must be of its first cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It must be mended, whatever else is.
    #[default]
    Established,
    /// It is one of a group of alternatives, and the likeliest.
    Candidate,
}

impl Status {
    /// The word as reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Candidate => "candidate",
        }
    }

    fn is_established(&self) -> bool {
        *self == Self::Established
    }
}

/// A cause beside the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsoCause {
    /// Its code.
    pub cause: String,
    /// Its component, as a role.
    pub component: String,
    /// Its direction, where the scenario demands one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
}

/// In the place of a role: the component does not exist.
pub const NO_COMPONENT: &str = "none";

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
