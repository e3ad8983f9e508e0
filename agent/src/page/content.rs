//! What is told of a diagnosis and in which order: the answer, what to do, why, the path, what was seen, what is not
//! known, how it was obtained.

use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{
    Component, Diagnosis, Evidence, Gap, HypothesisReport, Severity, VantageKind, Verdict,
};

use super::connection;
use super::deeds::deeds;
use super::hops::{called, id_and_name, path};
use super::sentence::{sentence, whole_sentence};
use super::{Block, Page, Section, Span, Tone, code, plain, strong};
use crate::text::entry::{Entry, common_evidence, entries, groups};
use crate::text::words::{
    from, latency_seen, names_seen, packets_seen, snapshot_words, to, together, verdict_word, way,
};

/// Puts a page together.
pub(super) fn page(diagnosis: &Diagnosis, remark: Option<&str>) -> Page {
    let entries = entries(diagnosis);
    let sections = [
        ("connection", "The connection", connection::of_diagnosis(diagnosis)),
        ("do", "What to do", deeds(diagnosis, &entries)),
        ("why", "Why", why(diagnosis, &entries)),
        ("path", "The path, hop by hop", path(diagnosis, &entries)),
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
        tone: match diagnosis.verdict {
            Verdict::Reachable => Tone::Good,
            Verdict::Blocked => Tone::Bad,
            Verdict::Impaired => Tone::Partly,
            Verdict::Undetermined => Tone::Doubtful,
        },
        word: verdict_word(diagnosis.verdict),
        title: sentence(&format!("{} → {}", from(diagnosis), to(diagnosis))),
        summary: sentence(&diagnosis.summary),
        remark: remark.map(sentence).unwrap_or_default(),
        sections: sections.filter(|section| !section.blocks.is_empty()).collect(),
    }
}

/// Without what has no words: a name may be nothing but spaces.
pub(super) fn without_blanks(block: Block) -> Option<Block> {
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

fn why(diagnosis: &Diagnosis, entries: &[Entry<'_>]) -> Vec<Block> {
    let mut blocks: Vec<Block> = groups(entries).flat_map(why_of_group).collect();
    let pairs: Vec<Vec<Span>> =
        together(diagnosis).into_iter().map(|(pair, sure)| both(pair, sure)).collect();
    if !pairs.is_empty() {
        blocks.push(Block::Heading(vec![plain("Two things at once")]));
        blocks.extend(list(pairs));
    }
    blocks
}

/// Two things that may be wrong together.
fn both(pair: &HypothesisReport, sure: &str) -> Vec<Span> {
    let of = |one: CauseCode, component: &Component, direction: Option<Direction>| {
        let (id, name) = id_and_name(component);
        let mut words = vec![code(one.name()), plain(", ")];
        words.extend(called(component.component_type.words(), id.as_deref(), name.as_deref()));
        words.extend(way(direction).map(|way| plain(format!(", {way}"))));
        words
    };
    let mut words = of(pair.code, &pair.component, pair.direction);
    for also in &pair.together_with {
        words.push(plain(" and "));
        words.extend(of(also.code, &also.component, also.direction));
    }
    words.push(plain(format!(" together ({sure}).")));
    words
}

/// A cause, or alternatives: what all of them rest on is told once.
fn why_of_group(group: &[Entry<'_>]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let common = common_evidence(group);
    if let [first, .., last] = group {
        let words = format!(
            "At least one of causes {} to {} holds; the most likely comes first.",
            first.number, last.number
        );
        blocks.push(Block::Paragraph(vec![plain(words)]));
        if !common.is_empty() {
            blocks.push(Block::Paragraph(vec![plain("What is true of each of them:")]));
            blocks.push(Block::List(in_words(&common)));
        }
    }
    blocks.extend(group.iter().flat_map(|entry| why_of(entry, &common)));
    blocks
}

/// One cause: where it lies, how sure it is, and what speaks for and against it.
fn why_of(entry: &Entry<'_>, common: &[&Evidence]) -> Vec<Block> {
    let kind = entry.component().component_type.words();
    let (id, name) = id_and_name(entry.component());
    let mut heading = vec![plain(format!("Cause {}: ", entry.number))];
    for (index, one) in entry.codes().into_iter().enumerate() {
        heading.extend((index > 0).then(|| plain(" or ")));
        heading.push(code(one));
    }
    heading.push(plain(", "));
    heading.extend(called(kind, id.as_deref(), name.as_deref()));
    let sure = if entry.is_candidate() { "Candidate" } else { "Established" };
    let mut status = vec![strong(format!("{sure}: {}", entry.certainty()))];
    status.extend(entry.way().map(|way| plain(format!(", {way}"))));
    status.push(plain(". "));
    status.extend(sentence(&entry.first().summary));
    let own = entry.own_evidence(common);
    let mut evidence = in_words(&own);
    if !entry.is_candidate() && own.iter().all(|evidence| evidence.supports) {
        evidence.push(vec![plain("Nothing speaks against it.")]);
    }
    let mut blocks = vec![Block::Heading(heading), Block::Paragraph(status)];
    blocks.extend(list(evidence));
    blocks
}

/// What speaks for something, then what speaks against it.
fn in_words(evidence: &[&Evidence]) -> Vec<Vec<Span>> {
    let labelled = |label: &str, text: &str| [vec![strong(label), plain(" ")], sentence(text)].concat();
    let (for_it, against): (Vec<&Evidence>, Vec<&Evidence>) =
        evidence.iter().partition(|evidence| evidence.supports);
    let for_it = for_it.iter().map(|evidence| labelled("For it:", &evidence.text));
    for_it.chain(against.iter().map(|evidence| labelled("Against it:", &evidence.text))).collect()
}

fn seen(diagnosis: &Diagnosis) -> Vec<Block> {
    let lines: Vec<Vec<Span>> = [names_seen(diagnosis), packets_seen(diagnosis), latency_seen(diagnosis)]
        .concat()
        .iter()
        .map(|line| sentence(line))
        .collect();
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
    gaps(&diagnosis.gaps)
}

/// What could not be seen, each with what it would tell.
pub(super) fn gaps(gaps: &[Gap]) -> Vec<Block> {
    let gap = |gap: &Gap| {
        let mut words = whole_sentence(&format!("{}: {}", gap.what, gap.reason));
        if !gap.would_tell.is_empty() {
            words.push(plain(" It would tell "));
            words.extend(sentence(&gap.would_tell));
            words.push(plain("."));
        }
        words
    };
    list(gaps.iter().map(gap).collect())
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

pub(super) fn list(items: Vec<Vec<Span>>) -> Vec<Block> {
    if items.is_empty() { Vec::new() } else { vec![Block::List(items)] }
}
