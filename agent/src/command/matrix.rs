//! `peerscope matrix`: what the configuration lets through between networks, every source and interface.

use std::fmt::Write;
use std::net::IpAddr;

use ipnet::IpNet;
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::matrix::{Blame, Entry, Matrix, MatrixQuery, matrix};
use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{CauseStatus, Gap, Verdict};
use peerscope_analysis::topology::{ComponentId, ComponentType, NetworkId, Topology};
use serde::{Serialize, Serializer};

use crate::case::{known, linux_source_ports};
use crate::cli::{CaseArgs, DiagnosisFormat, LiveArgs, MatrixArgs, MatrixFormat};
use crate::clock;
use crate::escape::escape;
use crate::exit::{Failure, Status};
use crate::output::{print, print_json};
use crate::text::{Style, wrapped};

/// The document.
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    version: &'static str,
    entries: Entries<'a>,
    gaps: &'a [Gap],
}

/// The entries, each made when it is written.
struct Entries<'a> {
    matrix: &'a Matrix,
    topology: &'a Topology,
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.matrix.entries().map(|entry| report(&entry, self.topology)))
    }
}

#[derive(Serialize)]
struct EntryReport<'a> {
    source_network: String,
    target_network: String,
    sources: &'a [IpNet],
    targets: Vec<TargetReport<'a>>,
    protocol: &'static str,
    ports: &'a [PortRange],
    verdict: Verdict,
    causes: Vec<CauseReport>,
}

#[derive(Serialize)]
struct TargetReport<'a> {
    id: &'a str,
    address: IpAddr,
}

#[derive(Serialize)]
struct CauseReport {
    code: &'static str,
    status: CauseStatus,
    component: ComponentReport,
    direction: Option<Direction>,
}

#[derive(Serialize)]
struct ComponentReport {
    #[serde(rename = "type")]
    component_type: ComponentType,
    id: Option<String>,
}

/// Works out the matrix and shows it.
pub(crate) fn run(arguments: &MatrixArgs, style: &Style) -> Result<Status, Failure> {
    if arguments.snapshot.is_empty() {
        return Err(Failure::usage("matrix: expected --snapshot PATH, the documents to analyse"));
    }
    let documents = CaseArgs {
        live: LiveArgs::default(),
        from: None,
        snapshot: arguments.snapshot.clone(),
        source_ports: arguments.source_ports,
        format: DiagnosisFormat::Text,
    };
    let known = known(&documents, clock::now())?;
    let topology = known.topology.unwrap_or_default();
    let default = linux_source_ports();
    let query = MatrixQuery {
        sources: arguments.from.iter().map(|from| network(from, &topology)).collect::<Result<_, _>>()?,
        within: arguments.within,
        ports: arguments.ports.clone(),
        ..MatrixQuery::everything(arguments.source_ports.unwrap_or(default))
    };
    let found = matrix(&topology, &query);
    match arguments.format {
        MatrixFormat::Json => print_json(&Report {
            schema: "peerscope/matrix/1",
            version: env!("CARGO_PKG_VERSION"),
            entries: Entries { matrix: &found, topology: &topology },
            gaps: &known.gaps,
        })?,
        MatrixFormat::Text => print(&text(found.entries(), &topology, style))?,
        MatrixFormat::Csv => print(&csv(found.entries(), &topology))?,
        MatrixFormat::Mermaid => print(&mermaid(found.entries(), &topology))?,
    }
    Ok(Status::Good)
}

/// The network that `--from` means.
pub(crate) fn network(from: &str, topology: &Topology) -> Result<NetworkId, Failure> {
    let known = |id: &NetworkId| match id {
        NetworkId::Vpc(vpc) => topology.vpc(vpc).is_some(),
        _ => topology.space().is_some(),
    };
    let id = if from == "space" { NetworkId::Space } else { NetworkId::Vpc(from.into()) };
    if known(&id) {
        return Ok(id);
    }
    let shown: String = escape(from).chars().take(48).collect();
    Err(Failure::usage(format!(
        "--from {shown:?}: expected space or a VPC's id, of which the snapshot tells"
    )))
}

fn report<'a>(entry: &Entry<'a>, topology: &Topology) -> EntryReport<'a> {
    EntryReport {
        source_network: network_name(entry.source_network, topology),
        target_network: network_name(entry.target_network, topology),
        sources: entry.sources,
        targets: entry
            .targets
            .iter()
            .map(|target| TargetReport { id: target.id.as_str(), address: target.address })
            .collect(),
        protocol: protocol(entry.protocol),
        ports: entry.ports,
        verdict: entry.verdict,
        causes: entry.causes.iter().map(|blame| cause(blame, topology)).collect(),
    }
}

fn cause(blame: &Blame, topology: &Topology) -> CauseReport {
    let id = match &blame.component {
        ComponentId::Space => {
            topology.space().and_then(|space| space.id.clone().or_else(|| space.name.clone()))
        }
        other => other.id(),
    };
    CauseReport {
        code: blame.code.name(),
        status: if blame.unknown { CauseStatus::Candidate } else { CauseStatus::Established },
        component: ComponentReport { component_type: blame.component.component_type(), id },
        direction: blame.direction,
    }
}

/// A network as it is shown.
pub(crate) fn network_name(network: &NetworkId, topology: &Topology) -> String {
    match network {
        NetworkId::Vpc(vpc) => vpc.to_string(),
        _ => {
            let name = topology.space().and_then(|space| space.name.clone());
            name.map_or_else(|| "space".to_string(), |name| format!("space {name}"))
        }
    }
}

/// A protocol's word.
pub(crate) fn protocol(number: u8) -> &'static str {
    match number {
        6 => "tcp",
        17 => "udp",
        58 => "icmpv6",
        _ => "icmp",
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Reachable => "reachable",
        Verdict::Blocked => "blocked",
        Verdict::Impaired => "impaired",
        Verdict::Undetermined => "undetermined",
    }
}

/// A line each entry, by pairs of networks; long lists are cut, and said to be.
fn text<'a>(entries: impl Iterator<Item = Entry<'a>>, topology: &Topology, style: &Style) -> String {
    let mut text = String::new();
    let mut heading = String::new();
    for entry in entries {
        let networks = format!(
            "{} → {}",
            network_name(entry.source_network, topology),
            network_name(entry.target_network, topology)
        );
        if networks != heading {
            let gap = if heading.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{}", escape(&networks));
            heading = networks;
        }
        let mark = match entry.verdict {
            Verdict::Reachable => style.good("yes"),
            Verdict::Blocked => style.bad("no "),
            Verdict::Impaired => style.bad("in part"),
            Verdict::Undetermined => "unknown".to_string(),
        };
        let plain = match entry.verdict {
            Verdict::Reachable => "yes",
            Verdict::Blocked => "no ",
            Verdict::Impaired => "in part",
            Verdict::Undetermined => "unknown",
        };
        let targets = entry.targets.iter().map(|target| format!("{} ({})", target.address, target.id));
        let causes = entry.causes.iter().map(|blame| {
            let id = blame.component.id().map(|id| format!(" {id}")).unwrap_or_default();
            format!("{}{id}", blame.code.name())
        });
        let causes: Vec<String> = causes.collect();
        let why = if causes.is_empty() { String::new() } else { format!(": {}", causes.join(", ")) };
        let line = format!(
            "{} → {}, {}{}{why}",
            few(entry.sources.iter().map(ToString::to_string)),
            few(targets),
            protocol(entry.protocol),
            port_words(entry.ports)
        );
        let first = format!("  {plain}  ");
        let margin = " ".repeat(first.len());
        let wrapped = wrapped(&escape(&line), style.width, &first, &margin);
        text.push_str(&wrapped.replacen(plain, &mark, 1));
    }
    if text.is_empty() {
        return "No two networks of the snapshot are joined by a peering, or none has an interface that a group opens a port of.\n".to_string();
    }
    text
}

fn few(words: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 4;
    let all: Vec<String> = words.collect();
    let more = all.len().saturating_sub(SHOWN);
    let shown = all.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn port_words(ports: &[PortRange]) -> String {
    let words: Vec<String> = ports.iter().map(ToString::to_string).collect();
    if words.is_empty() { String::new() } else { format!(" {}", words.join(", ")) }
}

/// Comma-separated values (RFC 4180); lists within a field are separated by spaces.
fn csv<'a>(entries: impl Iterator<Item = Entry<'a>>, topology: &Topology) -> String {
    let mut text = String::from(
        "source_network,sources,target_network,targets,addresses,protocol,ports,verdict,causes\r\n",
    );
    for entry in entries {
        let joined = |words: &mut dyn Iterator<Item = String>| words.collect::<Vec<_>>().join(" ");
        let fields = [
            network_name(entry.source_network, topology),
            joined(&mut entry.sources.iter().map(ToString::to_string)),
            network_name(entry.target_network, topology),
            joined(&mut entry.targets.iter().map(|target| target.id.to_string())),
            joined(&mut entry.targets.iter().map(|target| target.address.to_string())),
            protocol(entry.protocol).to_string(),
            joined(&mut entry.ports.iter().map(ToString::to_string)),
            verdict(entry.verdict).to_string(),
            joined(&mut entry.causes.iter().map(|blame| blame.code.name().to_string())),
        ];
        let quoted = fields.iter().map(|field| format!("\"{}\"", escape(field).replace('"', "\"\"")));
        text.push_str(&quoted.collect::<Vec<_>>().join(","));
        text.push_str("\r\n");
    }
    text
}

/// A picture for Mermaid: what is let through as arrows, what is not as dotted ones with the cause.
fn mermaid<'a>(entries: impl Iterator<Item = Entry<'a>>, topology: &Topology) -> String {
    let mut text = String::from("flowchart LR\n");
    let mut nodes: Vec<String> = Vec::new();
    let mut lines = String::new();
    let mut node = |label: String| match nodes.iter().position(|known| *known == label) {
        Some(at) => at,
        None => {
            nodes.push(label);
            nodes.len() - 1
        }
    };
    for entry in entries {
        let source = format!(
            "{}<br/>{}",
            network_name(entry.source_network, topology),
            few(entry.sources.iter().map(ToString::to_string))
        );
        let target = format!(
            "{}<br/>{}",
            network_name(entry.target_network, topology),
            few(entry.targets.iter().map(|target| format!("{} {}", target.id, target.address)))
        );
        let (from, to) = (node(source), node(target));
        let asked = format!("{}{}", protocol(entry.protocol), port_words(entry.ports));
        let codes: Vec<&str> = entry.causes.iter().map(|blame| blame.code.name()).collect();
        let _ = match entry.verdict {
            Verdict::Reachable => writeln!(lines, "  n{from} -->|\"{asked}\"| n{to}"),
            _ => writeln!(lines, "  n{from} -.->|\"{asked}: {}\"| n{to}", codes.join(", ")),
        };
    }
    for (at, label) in nodes.iter().enumerate() {
        // Mermaid reads entities in labels; nothing of a name may end the quotes or the line.
        let label = escape(label).replace('"', "#quot;").replace("<br/>", "\u{1}").replace('<', "#lt;");
        let _ = writeln!(text, "  n{at}[\"{}\"]", label.replace('\u{1}', "<br/>"));
    }
    text + &lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_cannot_leave_their_label() {
        use peerscope_document::Snapshot;
        use peerscope_document::heroku::{HerokuDocuments, Space};
        let name = "a\"] --> b\n<script>\u{1b}[31m";
        let heroku = HerokuDocuments {
            space: Some(Space { name: Some(name.into()), ..Space::default() }),
            ..HerokuDocuments::default()
        };
        let topology = Topology::from(&Snapshot { heroku, ..Snapshot::default() });
        let target = NetworkId::Vpc("vpc-1".into());
        let entry = Entry {
            source_network: &NetworkId::Space,
            target_network: &target,
            sources: &[],
            targets: Vec::new(),
            protocol: 6,
            ports: &[PortRange::single(5432)],
            verdict: Verdict::Reachable,
            causes: &[],
        };
        let entries = || core::iter::once(entry.clone());
        let style = Style { width: 80, colour: false };
        for shown in
            [mermaid(entries(), &topology), csv(entries(), &topology), text(entries(), &topology, &style)]
        {
            assert!(!shown.contains('\u{1b}'), "{shown}");
        }
        let picture = mermaid(entries(), &topology);
        assert_eq!(picture.lines().count(), 4, "{picture}");
        assert!(!picture.contains("a\"]") && !picture.contains("<script"), "{picture}");
    }
}
