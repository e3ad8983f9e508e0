//! The diagnosis as it leaves the crate: what JSON shows, and what every text is written from.
//!
//! The shape is a contract with users' scripts (`peerscope/diagnosis/1`): fields may be added, none is
//! renamed. Times are UTC.

mod asked;
mod cause;
mod flows;
mod hypothesis;
mod latency;
mod mending;
mod observation;
mod peered;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cause::CauseCode;
use crate::flow::PortRange;
use crate::topology::ComponentType;

pub use asked::AskedReport;
pub use cause::{Basis, CauseReport, CauseStatus, Evidence, together};
pub use flows::{AffectedPart, Affects, PartBlocker, PartReport, PartRule};
pub use hypothesis::{AlsoWrong, HypothesisReport};
pub use latency::LatencyReport;
pub use mending::{Calls, Fix, OpenedReport, Plan, PlanStep, Tool};
pub use observation::{
    CarriedReport, DnsAddressReport, DnsReport, HandshakeReport, LongRequestReport, ObservationReport,
    RequestReport, TcpReport, TlsReport,
};
pub use peered::{PeeredReport, SideReport};

/// The value of [`Diagnosis::schema`].
pub const SCHEMA: &str = "peerscope/diagnosis/1";

/// The answer to "why can't I connect?".
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// [`SCHEMA`]
    pub schema: &'static str,
    /// The version of peerscope.
    pub version: String,
    /// When the diagnosis was made.
    pub at: Timestamp,
    /// What was to be reached.
    pub target: Target,
    /// From where.
    pub source: Source,
    /// Where the probes were sent from.
    pub vantage: Vantage,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence that a person can act on.
    pub summary: String,
    /// Every independent cause, most probable first.
    pub causes: Vec<CauseReport>,
    /// Everything that was weighed where no setting forces a cause, those that fell among them.
    pub hypotheses: Vec<HypothesisReport>,
    /// What was asked beside the named port, in the order of sending, and why; of `--explore` also what was not asked.
    pub asked: Vec<AskedReport>,
    /// What mends all causes that configuration shows, in the order to apply it; null where there are
    /// none.
    pub plan: Option<Plan>,
    /// The peering between the networks of each address that is asked about, as both sides know it; empty where no
    /// document tells of one.
    pub peerings: Vec<PeeredReport>,
    /// The way there and the way back.
    pub paths: Paths,
    /// What the configuration does to all that was asked, divided by what decides about it; empty where
    /// no document tells.
    pub partition: Vec<PartReport>,
    /// What the probes saw.
    pub observations: Vec<ObservationReport>,
    /// How long answers took, of each address that gave any at the first attempt.
    pub latency: Vec<LatencyReport>,
    /// What is wrong beside this path.
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// What would tell more.
    pub next_probe: Option<NextProbe>,
    /// The snapshot used.
    pub snapshot: Option<SnapshotReport>,
    /// How long the diagnosis took, in seconds.
    pub elapsed_seconds: f64,
}

/// Whether the path works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It works.
    Reachable,
    /// It does not.
    Blocked,
    /// It works in part: from some ports, blocks or addresses, or with losses.
    Impaired,
    /// Neither packets nor the model decide.
    Undetermined,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Reachable, Self::Blocked, Self::Impaired, Self::Undetermined];

    /// The verdict of the model on flows of which it lets some through, stops some, or cannot tell of some.
    #[must_use]
    pub(crate) fn of(admits: bool, stops: bool, leaves_open: bool) -> Self {
        match (admits, stops, leaves_open) {
            (true, false, false) => Self::Reachable,
            (false, true, false) => Self::Blocked,
            (true, true, _) => Self::Impaired,
            _ => Self::Undetermined,
        }
    }
}

/// What was to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// As the user wrote it, without credentials.
    pub input: String,
    /// `tcp`, `udp`, `icmp`
    pub protocol: &'static str,
    /// The host as written.
    pub host: String,
    /// The addresses that it stands for.
    pub addresses: Vec<IpAddr>,
    /// The port; absent for ICMP.
    pub port: Option<u16>,
}

/// From where the target was to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// As the user wrote it, or what was taken in its place.
    pub input: String,
    /// The addresses, where they are single ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// The blocks, where they are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cidrs: Vec<IpNet>,
    /// The client's ports that the answer is for.
    pub source_ports: Vec<PortRange>,
}

/// Where probes are sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vantage {
    /// What kind of place.
    pub kind: VantageKind,
    /// The address towards the target, where there is one.
    pub address: Option<IpAddr>,
}

/// What kind of place probes are sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VantageKind {
    /// A dyno, by its environment.
    Dyno,
    /// A host with an interface of the snapshot.
    VpcHost,
    /// No network of the snapshot holds the address.
    Outside,
    /// None of these can be told.
    Unknown,
}

/// A component as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its kind.
    #[serde(rename = "type")]
    pub component_type: ComponentType,
    /// Its id; null where it is not known which one it is.
    pub id: Option<String>,
    /// Its name. Outside data: a text escapes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The account that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// The way there and the way back.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Paths {
    /// The way there.
    pub forward: Vec<Step>,
    /// The way back.
    #[serde(rename = "return")]
    pub back: Vec<Step>,
}

/// One hop of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What stands there.
    pub component: Component,
    /// What it does to the packets.
    pub action: Action,
    /// What decided.
    pub rule: Option<String>,
    /// The same in a sentence, where there is more to say.
    pub detail: Option<String>,
}

/// What a hop does to packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A filter let them through.
    Allowed,
    /// They end here.
    Dropped,
    /// A route took them on.
    Routed,
    /// Taken to let them through: nobody can see it.
    Assumed,
    /// The documents do not tell.
    Unknown,
}

/// Something wrong beside the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule or code.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// What it is about.
    pub components: Vec<Component>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something does not work, or will not.
    Error,
    /// Something may not.
    Warning,
    /// Worth knowing.
    Info,
}

/// Something that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Of what kind.
    pub kind: GapKind,
    /// What is missing.
    pub what: String,
    /// Why.
    pub reason: String,
    /// What it would have told.
    pub would_tell: String,
}

/// Of what kind a gap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapKind {
    /// Somebody does not allow it.
    Permission,
    /// A document is missing.
    Document,
    /// A probe could not be sent.
    Probe,
    /// It lies outside of what can be looked at.
    Scope,
}

/// What would tell more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextProbe {
    /// What to do.
    pub what: String,
    /// How.
    pub how: String,
    /// The commands in `how`, word for word.
    pub commands: Vec<String>,
    /// The causes that it would tell apart.
    pub tells_apart: Vec<CauseCode>,
}

/// The snapshot used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnapshotReport {
    /// When it was taken, where a manifest says so.
    pub at: Option<String>,
    /// Its age at the time of the diagnosis, in seconds.
    pub age_seconds: Option<i64>,
    /// Where it came from.
    pub sources: Vec<String>,
}
