//! What is told of a diagnosis and in which order: the answer, what to do, why, the path, what was seen, what is not
//! known, how it was obtained.

use peerscope_analysis::report::{CauseReport, CauseStatus, Diagnosis, Gap, Severity, VantageKind};

use super::deeds::deeds;
use super::hops::{called, id_and_name, path};
use super::sentence::{sentence, whole_sentence};
use super::{Block, Page, Section, Span, code, plain, strong};
use crate::text::words::{certainty, from, names_seen, packets_seen, snapshot_words, to, way};

/// Puts a page together.
pub(super) fn page(diagnosis: &Diagnosis, remark: Option<&str>) -> Page {
    let sections = [
        ("do", "What to do", deeds(diagnosis)),
        ("why", "Why", why(diagnosis)),
        ("path", "The path, hop by hop", path(diagnosis)),
        ("seen", "What was seen", seen(diagnosis)),
        ("also", "What else is wrong", findings(diagnosis)),
        ("unknown", "What is not known", unknown(diagnosis)),
        ("origin", "How this was obtained", origin(diagnosis)),
    ];
    let sections = sections.into_iter().map(|(id, title, blocks)| {
        let blocks = blocks.into_iter().filter_map(without_blanks).collect();
        Section { id, title, blocks }
    });
    Page {
        verdict: diagnosis.verdict,
        title: sentence(&format!("{} → {}", from(diagnosis), to(diagnosis))),
        summary: sentence(&diagnosis.summary),
        remark: remark.map(sentence).unwrap_or_default(),
        sections: sections.filter(|section| !section.blocks.is_empty()).collect(),
    }
}

/// Without what has no words: a name may be nothing but spaces.
fn without_blanks(block: Block) -> Option<Block> {
    let has_words = |spans: &Vec<Span>| spans.iter().any(|span| !span.words().trim().is_empty());
    let of_list = |mut items: Vec<Vec<Span>>| {
        items.retain(has_words);
        (!items.is_empty()).then_some(items)
    };
    match block {
        Block::Heading(words) => has_words(&words).then_some(Block::Heading(words)),
        Block::Paragraph(words) => has_words(&words).then_some(Block::Paragraph(words)),
        Block::List(items) => of_list(items).map(Block::List),
        Block::Sequence(items) => of_list(items).map(Block::Sequence),
        other @ (Block::Listing(_) | Block::Picture(_)) => Some(other),
    }
}

fn why(diagnosis: &Diagnosis) -> Vec<Block> {
    diagnosis.causes.iter().zip(1..).flat_map(|(cause, number)| why_of(cause, number)).collect()
}

/// One cause: where it lies, how sure it is, and what speaks for and against it.
fn why_of(cause: &CauseReport, number: usize) -> Vec<Block> {
    let kind = cause.component.component_type.words();
    let (id, name) = id_and_name(&cause.component);
    let mut heading = vec![plain(format!("Cause {number}: ")), code(cause.code.name()), plain(", ")];
    heading.extend(called(kind, id.as_deref(), name.as_deref()));
    let sure = match cause.status {
        CauseStatus::Established => "Established",
        CauseStatus::Candidate => "Candidate",
    };
    let mut status = vec![strong(format!("{sure}: {}", certainty(&[cause])))];
    status.extend(way(cause.direction).map(|way| plain(format!(", {way}"))));
    status.push(plain(match cause.status {
        CauseStatus::Established => ". ",
        CauseStatus::Candidate => "; one of several, of which at least one holds. ",
    }));
    status.extend(sentence(&cause.summary));
    let (for_it, against): (Vec<_>, Vec<_>) = cause.evidence.iter().partition(|evidence| evidence.supports);
    let labelled = |label: &str, text: &str| [vec![strong(label), plain(" ")], sentence(text)].concat();
    let mut evidence: Vec<Vec<Span>> =
        for_it.iter().map(|evidence| labelled("For it:", &evidence.text)).collect();
    evidence.extend(against.iter().map(|evidence| labelled("Against it:", &evidence.text)));
    if against.is_empty() {
        evidence.push(vec![plain("Nothing speaks against it.")]);
    }
    vec![Block::Heading(heading), Block::Paragraph(status), Block::List(evidence)]
}

fn seen(diagnosis: &Diagnosis) -> Vec<Block> {
    let lines: Vec<Vec<Span>> =
        names_seen(diagnosis).iter().chain(&packets_seen(diagnosis)).map(|line| sentence(line)).collect();
    let no_packet = match diagnosis.snapshot {
        Some(_) => "No packet was sent: all of this is from the documents.",
        None => "No packet was sent.",
    };
    match (lines.is_empty(), diagnosis.observations.is_empty()) {
        (false, _) => vec![Block::List(lines)],
        (true, true) => vec![Block::Paragraph(vec![plain(no_packet)])],
        (true, false) => Vec::new(),
    }
}

fn findings(diagnosis: &Diagnosis) -> Vec<Block> {
    let items = diagnosis.findings.iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "Error:",
            Severity::Warning => "Warning:",
            Severity::Info => "Note:",
        };
        let words = format!("{} ({})", finding.message, finding.rule);
        [vec![strong(severity), plain(" ")], sentence(&words)].concat()
    });
    list(items.collect())
}

fn unknown(diagnosis: &Diagnosis) -> Vec<Block> {
    let gap = |gap: &Gap| {
        let mut words = whole_sentence(&format!("{}: {}", gap.what, gap.reason));
        if !gap.would_tell.is_empty() {
            words.push(plain(" It would tell "));
            words.extend(sentence(&gap.would_tell));
            words.push(plain("."));
        }
        words
    };
    let mut blocks = list(diagnosis.gaps.iter().map(gap).collect());
    if let Some(next) = &diagnosis.next_probe {
        let words = whole_sentence(&format!("{}: {}", next.what, next.how));
        blocks.push(Block::Paragraph([vec![strong("What would tell more:"), plain(" ")], words].concat()));
    }
    blocks
}

fn origin(diagnosis: &Diagnosis) -> Vec<Block> {
    let place = match diagnosis.vantage.kind {
        VantageKind::Dyno => "from a dyno",
        VantageKind::VpcHost => "from a host with an interface of the snapshot",
        VantageKind::Outside => "from outside of the snapshot's networks",
        VantageKind::Unknown => "from a place that is not known",
    };
    let address = diagnosis.vantage.address.map(|address| format!(", {address}")).unwrap_or_default();
    let place = match diagnosis.observations.is_empty() {
        true => "Vantage: none, from the documents alone".to_string(),
        false => format!("Vantage: {place}{address}"),
    };
    let ports: Vec<String> = diagnosis.source.source_ports.iter().map(ToString::to_string).collect();
    let mut lines = vec![
        sentence(&format!("By peerscope {}, at {}", diagnosis.version, diagnosis.at)),
        sentence(&place),
        whole_sentence(&snapshot_words(diagnosis.snapshot.as_ref())),
    ];
    if !ports.is_empty() {
        lines.push(sentence(&format!("For the client's source ports {}", ports.join(", "))));
    }
    list(lines)
}

fn list(items: Vec<Vec<Span>>) -> Vec<Block> {
    if items.is_empty() { Vec::new() } else { vec![Block::List(items)] }
}
