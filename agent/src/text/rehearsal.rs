//! A rehearsal as text: what the edit cuts and opens first, or what passes and what does not, each with the
//! place that decided and what the analysis says of it.

use peerscope_analysis::flow::PortRange;
use peerscope_laboratory::{Direction, Gate, GateKind};

use super::Style;
use super::diagnosis::{list, section};
use super::layout::{cut, wrapped};
use super::words::snapshot_words;
use crate::command::rehearse::{Change, End, Fate, Group, NamedCause, RehearsalReport, Told};
use crate::escape::escape;

/// The most groups of one heading that a person reads.
const SHOWN: usize = 30;
/// The most sources of one group.
const SOURCES: usize = 8;

/// Writes the report.
pub(crate) fn text(report: &RehearsalReport, style: &Style) -> String {
    let mut text = headline(report, style);
    let of = |wanted: &dyn Fn(&Group) -> bool| -> Vec<&Group> {
        report.groups.iter().filter(|group| wanted(group)).collect()
    };
    let ports = report.source_ports;
    let disagreeing = of(&|group| !group.agrees);
    if !disagreeing.is_empty() {
        let warning = "The kernel and the analysis differ here. One of them is wrong, and everything that rests on either is in doubt: please report it.";
        section(&mut text, &wrapped(warning, style.width, "!! ", "!! "));
    }
    section(&mut text, &groups("Differ", &disagreeing, ports, style));
    let agreeing = |change: Change| move |group: &Group| group.agrees && group.change == change;
    section(&mut text, &groups("Cuts", &of(&agreeing(Change::Cuts)), ports, style));
    section(&mut text, &groups("Opens", &of(&agreeing(Change::Opens)), ports, style));
    section(&mut text, &groups("Moves", &of(&agreeing(Change::Moves)), ports, style));
    let same = of(&agreeing(Change::None));
    let (passing, lost): (Vec<&Group>, Vec<&Group>) =
        same.into_iter().partition(|group| group.before.kernel == Fate::Passes);
    let (passes, stays) =
        if report.edit.is_some() { ("Passes on", "Lost still") } else { ("Passes", "Lost") };
    section(&mut text, &groups(passes, &passing, ports, style));
    section(&mut text, &groups(stays, &lost, ports, style));
    let gaps = report.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.reason));
    section(&mut text, &list("Unseen", gaps, style));
    let provenance = format!(
        "peerscope {}, {}, {}, {:.1} s",
        report.version,
        report.at,
        snapshot_words(report.snapshot.as_ref()),
        report.elapsed_seconds
    );
    let provenance = wrapped(&escape(&provenance), style.width, "", "");
    section(
        &mut text,
        &provenance.lines().map(|line| format!("{}\n", style.faint(line))).collect::<String>(),
    );
    text
}

/// What came out in a line or two.
fn headline(report: &RehearsalReport, style: &Style) -> String {
    let totals = &report.totals;
    let number = |number: usize| match number {
        0 => "none".to_string(),
        1 => "1 flow".to_string(),
        more => format!("{more} flows"),
    };
    let scene = format!("between {} hosts of a twin in this machine's kernel", report.hosts);
    let tried = format!("Of {} TCP flows {scene}, {} passed before it.", totals.flows, totals.passes);
    let (word, shown, said) = match (&report.edit, totals.flows, totals.cuts, totals.opens) {
        (_, 0, ..) => (
            "NOTHING TO TRY",
            style.doubtful("NOTHING TO TRY"),
            "no interface of the snapshot opens a TCP port to anybody that it is joined with, or may call a dyno".to_string(),
        ),
        (None, all, ..) => (
            "REHEARSED",
            style.strong("REHEARSED"),
            format!("{} of {all} TCP flows pass, {scene}.", totals.passes),
        ),
        (Some(file), _, 0, 0) => (
            "NO CHANGE",
            style.strong("NO CHANGE"),
            format!("{file} opens and cuts none of the flows tried. {tried}"),
        ),
        (Some(file), _, 0, opens) => {
            ("OPENS", style.good("OPENS"), format!("{file} opens {} and cuts none. {tried}", number(opens)))
        }
        (Some(file), _, cuts, opens) => (
            "CUTS",
            style.bad("CUTS"),
            format!("{file} cuts {} that passed, and opens {}. {tried}", number(cuts), number(opens)),
        ),
    };
    let indent = " ".repeat(word.len() + 2);
    wrapped(&escape(&format!("{word}  {said}")), style.width, "", &indent).replacen(word, &shown, 1)
}

/// Groups under one heading.
fn groups(label: &str, groups: &[&Group], all_ports: PortRange, style: &Style) -> String {
    let mut text = String::new();
    for (index, group) in groups.iter().take(SHOWN).enumerate() {
        let label = if index == 0 { label } else { "" };
        let target = format!("{} → {}", sources(&group.sources), destination(group));
        let first = format!("{label:<10}");
        text.push_str(&wrapped(&escape(&target), style.width, &first, "            "));
        for line in fates(group, all_ports) {
            text.push_str(&wrapped(&escape(&line), style.width, "            ", "              "));
        }
    }
    if groups.len() > SHOWN {
        let more = format!("and {} groups more: --format json lists them", groups.len() - SHOWN);
        text.push_str(&wrapped(&more, style.width, "          ", "          "));
    }
    text
}

/// What became of a group, and what the analysis says.
fn fates(group: &Group, all_ports: PortRange) -> Vec<String> {
    let mut lines = Vec::new();
    if group.source_ports != [all_ports] {
        let parts: Vec<String> = group.source_ports.iter().map(ToString::to_string).collect();
        lines.push(format!("from the client's ports {}", parts.join(", ")));
    }
    match &group.after {
        Some(after) if after != &group.before => {
            lines.push(format!("before: {}", told(&group.before)));
            lines.push(format!("after:  {}", told(after)));
        }
        _ => lines.push(told(&group.before)),
    }
    lines
}

fn told(told: &Told) -> String {
    let kernel = match &told.kernel {
        Fate::Passes => "passes".to_string(),
        Fate::Lost { gate, direction } => {
            let way = match direction {
                Direction::Forward => "there",
                Direction::Return => "back",
            };
            format!("lost on the way {way} at {}", place(gate))
        }
        Fate::Elsewhere { by: Some(by) } => format!("answered by {by}, which has the address too"),
        Fate::Elsewhere { by: None } => "answered by nobody known".to_string(),
        Fate::Unexplained { detail } => {
            format!(
                "fails ({detail}) with no gate dropping it: where addresses repeat, another host has the packets"
            )
        }
    };
    let causes: Vec<String> = told.analysis.causes.iter().map(cause).collect();
    let because = if causes.is_empty() { String::new() } else { format!(": {}", causes.join(", ")) };
    format!("{kernel}; the analysis says {}{because}", told.analysis.verdict)
}

fn cause(cause: &NamedCause) -> String {
    let way = match cause.direction {
        Some("forward") => " there",
        Some(_) => " back",
        None => "",
    };
    let id = cause.id.clone().unwrap_or_else(|| cause.component_type.words().to_string());
    format!("{} {id}{way}", cause.code)
}

/// Where packets were dropped.
fn place(gate: &Gate) -> String {
    let id = &gate.id;
    match gate.kind {
        GateKind::SecurityGroupEgress => format!("the groups of {id}, outbound"),
        GateKind::SecurityGroupIngress => format!("the groups of {id}, inbound"),
        GateKind::NetworkAclEgress => format!("the network ACL of {id}, outbound"),
        GateKind::NetworkAclIngress => format!("the network ACL of {id}, inbound"),
        GateKind::Route if id == "space" => "the space's routes".to_string(),
        GateKind::Route => format!("the routes of {id}"),
        GateKind::PeeringArrival => format!("the peering's end in {id}: no such host there"),
        GateKind::Host => format!("the host {id}"),
    }
}

fn sources(sources: &[End]) -> String {
    let mut shown: Vec<String> = sources.iter().take(SOURCES).map(end).collect();
    if sources.len() > SOURCES {
        shown.push(format!("{} more", sources.len() - SOURCES));
    }
    shown.join(", ")
}

/// Where a group's connections go.
fn destination(group: &Group) -> String {
    let ports: Vec<String> = group.ports.iter().map(ToString::to_string).collect();
    let End { id, name, address, block } = &group.target;
    let name = name.as_ref().map(|name| format!(" \"{}\"", cut(&escape(name), 24))).unwrap_or_default();
    let who = match (id, block) {
        (Some(id), _) => format!(" ({id}{name})"),
        (None, Some(block)) => format!(" (a dyno of {block})"),
        (None, None) => " (a dyno)".to_string(),
    };
    match group.ports.as_slice() {
        [port] => format!("tcp {}{who}", std::net::SocketAddr::new(*address, *port)),
        _ => format!("tcp {address} ports {}{who}", ports.join(", ")),
    }
}

fn end(end: &End) -> String {
    let name = end.name.as_ref().map(|name| format!(" \"{}\"", cut(&escape(name), 24))).unwrap_or_default();
    match (&end.id, &end.block) {
        (Some(id), _) => format!("{id}{name} {}", end.address),
        (None, Some(block)) => format!("dyno {} of {block}", end.address),
        (None, None) => format!("dyno {}", end.address),
    }
}

#[cfg(test)]
mod tests {
    use peerscope_analysis::cause::CauseCode;
    use peerscope_analysis::topology::ComponentType;

    use super::*;
    use crate::command::rehearse::{Opinion, Totals};

    /// A report of one group that passes, though the analysis says `verdict`.
    fn passing(verdict: &'static str, agrees: bool) -> RehearsalReport {
        let causes = vec![NamedCause {
            code: CauseCode::EniSgRulesMismatch,
            component_type: ComponentType::NetworkInterface,
            id: Some("eni-1\u{1b}[2J".to_string()),
            direction: Some("forward"),
        }];
        let causes = if verdict == "blocked" { causes } else { Vec::new() };
        let end = |id: &str, last: u8| End {
            id: Some(id.to_string()),
            name: None,
            address: [10, 0, 0, last].into(),
            block: None,
        };
        let all = PortRange::new(32768, 60999).unwrap();
        RehearsalReport {
            schema: "peerscope/rehearsal/1",
            version: "0",
            at: jiff::Timestamp::UNIX_EPOCH,
            edit: None,
            source_ports: all,
            hosts: 2,
            totals: Totals { flows: 1, passes: 1, disagree: usize::from(!agrees), ..Totals::default() },
            groups: vec![Group {
                change: Change::None,
                sources: vec![end("eni-2", 2)],
                source_ports: vec![all],
                target: end("eni-1", 1),
                protocol: "tcp",
                ports: vec![443],
                before: Told { kernel: Fate::Passes, analysis: Opinion { verdict, causes } },
                after: None,
                agrees,
            }],
            gaps: Vec::new(),
            snapshot: None,
            elapsed_seconds: 1.0,
        }
    }

    #[test]
    fn a_disagreement_is_loud_and_comes_first() {
        let style = Style { width: 80, colour: false };
        let agreeing = text(&passing("reachable", true), &style);
        assert!(!agreeing.contains("!!") && agreeing.contains("Passes    eni-2 10.0.0.2 → tcp 10.0.0.1:443"));
        let text = text(&passing("blocked", false), &style);
        let loud = text.find("!! The kernel and the analysis differ").unwrap_or_else(|| panic!("{text}"));
        let group = text.find("Differ    eni-2").unwrap_or_else(|| panic!("{text}"));
        assert!(loud < group && !text.contains("Passes "), "{text}");
        assert!(
            text.contains("passes; the analysis says blocked: ENI_SG_RULES_MISMATCH eni-1\\u{1b}"),
            "{text}"
        );
    }
}
