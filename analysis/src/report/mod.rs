//! The diagnosis as it leaves the crate: what JSON shows, and what every text is written from.
//!
//! The shape is a contract with users' scripts (`peerscope/diagnosis/1`): fields may be added, none is
//! renamed. Times are UTC.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use peerscope_vocabulary::ProbeKind;
use serde::{Deserialize, Serialize};

use crate::cause::CauseCode;
use crate::diagnose::AddressScope;
use crate::flow::{Flows, PortRange};
use crate::reach::Direction;
use crate::topology::ComponentType;

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
    /// What mends all causes that configuration shows, in the order to apply it; null where there are
    /// none.
    pub plan: Option<Plan>,
    /// The way there and the way back.
    pub paths: Paths,
    /// What the configuration does to all that was asked, divided by what decides about it; empty where
    /// no document tells.
    pub partition: Vec<PartReport>,
    /// What the probes saw.
    pub observations: Vec<ObservationReport>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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

/// One cause.
#[derive(Clone, Debug, Serialize)]
pub struct CauseReport {
    /// The code.
    pub code: CauseCode,
    /// AWS Reachability Analyzer's code for it.
    pub aws_code: Option<&'static str>,
    /// Whether it must be mended, or is one of a group of which at least one holds.
    pub status: CauseStatus,
    /// The group, of a candidate.
    pub alternatives: Option<String>,
    /// Where it lies.
    pub component: Component,
    /// What takes part.
    pub related: Vec<Component>,
    /// Which way the packets travel that it stops.
    pub direction: Option<Direction>,
    /// What it rests on.
    pub basis: Vec<Basis>,
    /// The probability that this component blocks this flow now, 0 to 1.
    pub confidence: f64,
    /// One sentence.
    pub summary: String,
    /// Exactly the blocked part of what was asked.
    pub affects: Affects,
    /// What speaks for it, and against.
    pub evidence: Vec<Evidence>,
    /// What mends it, best first.
    pub fixes: Vec<Fix>,
}

/// How sure a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CauseStatus {
    /// It stands in the way, and must be mended.
    Established,
    /// One of a group of which at least one holds.
    Candidate,
}

/// What a cause rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The documents of the snapshot.
    Configuration,
    /// What happened to packets.
    Probes,
    /// What changed between two snapshots.
    Changes,
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

/// A set of flows as it is shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Affects {
    /// The parts; each is the product of its four lists.
    pub parts: Vec<AffectedPart>,
    /// The sources of all parts.
    pub sources: Vec<IpNet>,
    /// The source ports of all parts.
    pub source_ports: Vec<PortRange>,
    /// The destinations of all parts.
    pub destinations: Vec<IpNet>,
    /// The ports of all parts.
    pub ports: Vec<PortRange>,
}

/// Flows about which the same settings decide.
#[derive(Clone, Debug, Serialize)]
pub struct PartReport {
    /// What the configuration does to them: reachable, blocked or undetermined.
    pub verdict: Verdict,
    /// The flows.
    pub flows: Affects,
    /// Every component that stops them, or may, in the order of the path.
    pub blockers: Vec<PartBlocker>,
    /// What lets them through elsewhere, in the order of the path.
    pub rules: Vec<PartRule>,
}

/// A component that stops a part.
#[derive(Clone, Debug, Serialize)]
pub struct PartBlocker {
    /// The code.
    pub code: CauseCode,
    /// The component.
    pub component: Component,
    /// Which way the packets travel that it stops.
    pub direction: Option<Direction>,
    /// Whether it stops them for certain, or only may.
    pub status: CauseStatus,
}

/// A rule, route or state that lets a part through.
#[derive(Clone, Debug, Serialize)]
pub struct PartRule {
    /// The component.
    pub component: Component,
    /// Which way the packets travel that it lets through; null where it is the same both ways.
    pub direction: Option<Direction>,
    /// The rule in words.
    pub rule: String,
}

/// The product of four lists.
#[derive(Clone, Debug, Serialize)]
pub struct AffectedPart {
    /// Sources.
    pub sources: Vec<IpNet>,
    /// The sources' ports.
    pub source_ports: Vec<PortRange>,
    /// Destinations.
    pub destinations: Vec<IpNet>,
    /// The destinations' ports.
    pub ports: Vec<PortRange>,
}

impl From<&Flows> for Affects {
    fn from(flows: &Flows) -> Self {
        let flows = flows.normalised();
        let part = |one: &crate::flow::FlowBox| AffectedPart {
            sources: one.source.cidrs(),
            source_ports: Vec::from([one.source_ports]),
            destinations: one.destination.cidrs(),
            ports: Vec::from([one.ports]),
        };
        Self {
            parts: flows.boxes().iter().map(part).collect(),
            sources: flows.sources(),
            source_ports: flows.source_ports(),
            destinations: flows.destinations(),
            ports: flows.ports(),
        }
    }
}

/// Something that speaks for a cause, or against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Where it comes from.
    pub kind: Basis,
    /// What it is.
    pub text: String,
    /// Whether it speaks for the cause.
    pub supports: bool,
}

/// The tool that a fix is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// The AWS CLI.
    Aws,
    /// The Heroku CLI.
    Heroku,
    /// Terraform.
    Terraform,
    /// A person's hand.
    Manual,
}

/// Something that mends.
#[derive(Clone, Debug, Serialize)]
pub struct Fix {
    /// The tool.
    pub tool: Tool,
    /// The commands, one a line.
    pub command: String,
    /// What they do.
    pub explanation: String,
    /// The commands that undo it.
    pub undo: String,
    /// What else it lets through, exactly.
    pub opens: Vec<OpenedReport>,
    /// The tool that manages the component by its tags: the change belongs there.
    pub managed_by: Option<String>,
    /// The account to run it in.
    pub account: Option<String>,
    /// The Region to run it in.
    pub region: Option<String>,
    /// Whether the analysis came out reachable with it on a copy of the snapshot, together with the
    /// first fix of every other established cause that configuration shows.
    pub verified: bool,
    /// What else is to be known before it is run: a quota that it comes near to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One plan for all causes that configuration shows: the first fix of each, each change made once.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The steps in the order to apply them: peerings, routes, network ACLs, security groups, and what a
    /// person has to do.
    pub steps: Vec<PlanStep>,
    /// The commands that undo all of it, last step first.
    pub undo: String,
    /// What else the whole lets through, exactly.
    pub opens: Vec<OpenedReport>,
    /// Whether the analysis came out reachable with all steps on a copy of the snapshot.
    pub verified: bool,
}

/// One step of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct PlanStep {
    /// The tool.
    pub tool: Tool,
    /// The commands, one a line; empty where a person has to do something.
    pub command: String,
    /// What they do.
    pub explanation: String,
    /// The commands that undo the step.
    pub undo: String,
    /// The account to run it in.
    pub account: Option<String>,
    /// The Region to run it in.
    pub region: Option<String>,
    /// What it changes.
    pub component: Component,
    /// The tool that manages the component by its tags: the change belongs there.
    pub managed_by: Option<String>,
    /// The causes that it mends.
    pub causes: Vec<CauseCode>,
    /// What else is to be known before it is run: a quota that it comes near to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Flows that a fix lets through beside what was asked.
#[derive(Clone, Debug, Serialize)]
pub struct OpenedReport {
    /// The interface that they reach; where that is one of a space, which nobody sees, the one that they
    /// come from.
    pub component: Component,
    /// Which of the two it is.
    pub calls: Calls,
    /// The protocols, by number.
    pub protocols: Vec<crate::flow::ProtocolRange>,
    /// The flows.
    #[serde(flatten)]
    pub flows: Affects,
}

/// Whether an interface is called, or calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Calls {
    /// The flows end at it.
    Received,
    /// They begin there.
    Made,
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

/// What one probe saw.
#[derive(Clone, Debug, Serialize)]
pub struct ObservationReport {
    /// When it was sent.
    pub at: Timestamp,
    /// What was asked.
    pub request: RequestReport,
    /// The outcome's word.
    pub result: &'static str,
    /// The round-trip time by the kernel's clock.
    pub rtt_seconds: Option<f64>,
    /// What the outcome says, in words.
    pub reason: Option<String>,
    /// Who sent the ICMP message that it rests on.
    pub from: Option<IpAddr>,
    /// More of it.
    pub detail: Option<String>,
    /// What a DNS server said, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<DnsReport>,
}

/// What a DNS server said to one question.
#[derive(Clone, Debug, Serialize)]
pub struct DnsReport {
    /// The kind of answer: `addresses`, `no-address`, `no-such-name`, `referral`, `code`, `alias-loop`,
    /// `alias-chain`, `malformed`, `cut-short`; null where none came.
    pub said: Option<&'static str>,
    /// The response code: 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED (RFC 1035, section 4.1.1).
    pub code: Option<u16>,
    /// The addresses, the first 64 of them.
    pub addresses: Vec<DnsAddressReport>,
    /// How many there are.
    pub count: u32,
    /// The names that the one asked for is an alias of, in their order.
    pub aliases: Vec<String>,
    /// Whether the answer by UDP was cut, so that TCP was tried.
    pub truncated: bool,
    /// The length of the message.
    pub bytes: u32,
    /// How many datagrams were passed over that answer another question.
    pub ignored: u32,
    /// From the question to the end, in seconds, TCP and repetition included.
    pub seconds: f64,
}

/// One address that a DNS server gave.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DnsAddressReport {
    /// The address.
    pub address: IpAddr,
    /// Whom it is for.
    pub scope: AddressScope,
    /// For how many seconds it may be kept.
    pub ttl_seconds: u32,
}

/// What a probe asked.
#[derive(Clone, Debug, Serialize)]
pub struct RequestReport {
    /// The kind of packet.
    pub kind: ProbeKind,
    /// `tcp`, `udp`, `icmp`
    pub protocol: &'static str,
    /// The source address.
    pub source: Option<IpAddr>,
    /// The source port.
    pub source_port: Option<u16>,
    /// The address asked.
    pub address: IpAddr,
    /// The port asked.
    pub port: u16,
    /// The name that a DNS server was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The kind of record: `A`, `AAAA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_type: Option<&'static str>,
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
