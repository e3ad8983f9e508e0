//! Whatever anybody wrote in either account, a page's markup is this program's own: both formats are read back by
//! parsers that are not ours.

use std::path::Path;

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};
use fastrand::Rng;
use jiff::Timestamp;
use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::check::{Check, CheckCase, RuleStatus, check};
use peerscope_analysis::flow::PortRange;
use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{
    AlsoWrong, CauseStatus, Component, Diagnosis, Evidence, Finding, Fix, Gap, GapKind, HypothesisReport,
    NextProbe, ObservationReport, OpenedReport, PeeredReport, RequestReport, Severity, Tool,
};
use peerscope_analysis::topology::Topology;
use peerscope_vocabulary::ProbeKind;
use scraper::Html;
use sha2::{Digest, Sha256};

use super::html::{POLICY, SCRIPT, STYLE};
use super::{Block, Page, Span, content, html, markdown};
use crate::command::analyze::diagnosis_for_test;
use crate::text::{diagnosis_text, weighing};

/// What could break out of its place somewhere.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "' style='background:url(//evil.example)",
    "</title></style></pre></code></desc></text>",
    "<!--",
    "-->",
    "]]>",
    "<![CDATA[",
    "&lt;b&gt;",
    "&#60;b&#62;",
    "](https://evil.example)",
    "[click](javascript:alert(1))",
    "![x](//evil.example/x.png)",
    "<https://evil.example>",
    "https://evil.example/a_b",
    "www.evil.example",
    "someone@evil.example",
    "@everyone",
    "#1",
    "`",
    "``",
    "```",
    "~~~",
    "````\n",
    "|",
    "|-|-|",
    "**",
    "__",
    "~~",
    "$x$",
    "\\",
    "\\`",
    "[^1]",
    "[ ]",
    "- ",
    "1. ",
    "2) ",
    "> ",
    "# ",
    "===",
    "---",
    "    ",
    "\n",
    "\n\n",
    "\r",
    "\t",
    "\0",
    "\u{202e}",
    "\u{a0}",
    "\u{2028}",
    "\u{e000}",
    ":smile:",
    "word",
    "5432",
    "(",
    ")",
    ".",
    " ",
    "日本語",
    "é",
];

fn hostile(rng: &mut Rng) -> String {
    (0..rng.usize(0..8)).map(|_| HOSTILE[rng.usize(..HOSTILE.len())]).collect()
}

/// A diagnosis that has something of everything.
fn diagnosis() -> Diagnosis {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
    let loaded = crate::snapshot::load(&[example]).unwrap();
    let mut diagnosis = diagnosis_for_test(&loaded, "space", "tcp://10.100.2.20:5432").unwrap();
    assert!(diagnosis.plan.as_ref().is_some_and(|plan| plan.steps.len() == 2 && !plan.opens.is_empty()));
    let mut candidate = diagnosis.causes[0].clone();
    candidate.status = CauseStatus::Candidate;
    candidate.evidence.push(Evidence { supports: false, ..candidate.evidence[0].clone() });
    let mut by_hand = candidate.fixes[0].clone();
    (by_hand.tool, by_hand.note) = (Tool::Manual, Some(String::new()));
    candidate.fixes.push(by_hand);
    diagnosis.causes.push(candidate);
    diagnosis.observations.push(ObservationReport {
        at: diagnosis.at,
        request: RequestReport {
            kind: ProbeKind::TcpConnect,
            protocol: "tcp",
            source: None,
            source_port: Some(40_000),
            address: [10, 100, 2, 20].into(),
            port: 5432,
            name: None,
            record_type: None,
            packet_bytes: None,
            long: None,
        },
        result: "timeout",
        rtt_seconds: None,
        reason: Some("no answer".to_string()),
        from: None,
        detail: None,
        dns: None,
        handshake: None,
        tcp: None,
    });
    diagnosis.findings.push(Finding {
        rule: "HPS-SG-02".to_string(),
        severity: Severity::Warning,
        message: String::new(),
        components: Vec::new(),
    });
    diagnosis.next_probe = Some(NextProbe {
        what: String::new(),
        how: String::new(),
        commands: Vec::new(),
        tells_apart: vec![CauseCode::EniSgRulesMismatch],
    });
    diagnosis
}

fn component(component: &mut Component, words: &mut impl FnMut() -> String) {
    for part in [&mut component.id, &mut component.name, &mut component.region, &mut component.account] {
        *part = part.is_some().then(&mut *words);
    }
}

fn opened(opens: &mut [OpenedReport], words: &mut impl FnMut() -> String) {
    opens.iter_mut().for_each(|one| component(&mut one.component, words));
}

fn fix(fix: &mut Fix, words: &mut impl FnMut() -> String) {
    for part in [&mut fix.command, &mut fix.explanation, &mut fix.undo] {
        *part = words();
    }
    for part in [&mut fix.managed_by, &mut fix.account, &mut fix.region, &mut fix.note] {
        *part = Some(words());
    }
    opened(&mut fix.opens, words);
}

fn peered(peering: &mut PeeredReport, words: &mut impl FnMut() -> String) {
    component(&mut peering.component, words);
    peering.state = Some(words());
    for side in [&mut peering.requester, &mut peering.accepter] {
        side.network.iter_mut().for_each(|one| component(one, words));
        for part in [&mut side.vpc, &mut side.account, &mut side.region] {
            *part = Some(words());
        }
    }
}

/// Puts other words into every place that outside data can come to.
fn with_words(mut diagnosis: Diagnosis, mut words: impl FnMut() -> String) -> Diagnosis {
    let words = &mut words;
    for part in [
        &mut diagnosis.version,
        &mut diagnosis.summary,
        &mut diagnosis.target.host,
        &mut diagnosis.target.input,
        &mut diagnosis.source.input,
    ] {
        *part = words();
    }
    for cause in &mut diagnosis.causes {
        cause.summary = words();
        component(&mut cause.component, words);
        cause.evidence.iter_mut().for_each(|evidence| evidence.text = words());
        cause.fixes.iter_mut().for_each(|one| fix(one, words));
    }
    diagnosis.peerings.iter_mut().for_each(|one| peered(one, words));
    if let Some(plan) = &mut diagnosis.plan {
        opened(&mut plan.opens, words);
        for step in &mut plan.steps {
            for part in [&mut step.command, &mut step.explanation, &mut step.undo] {
                *part = words();
            }
            for part in [&mut step.managed_by, &mut step.account, &mut step.region, &mut step.note] {
                *part = Some(words());
            }
        }
    }
    for step in diagnosis.paths.forward.iter_mut().chain(&mut diagnosis.paths.back) {
        component(&mut step.component, words);
        (step.rule, step.detail) = (Some(words()), Some(words()));
    }
    diagnosis.observations.iter_mut().for_each(|one| one.reason = Some(words()));
    for finding in &mut diagnosis.findings {
        (finding.message, finding.rule) = (words(), words());
    }
    for gap in &mut diagnosis.gaps {
        (gap.what, gap.reason, gap.would_tell) = (words(), words(), words());
    }
    if let Some(next) = &mut diagnosis.next_probe {
        let command = words();
        (next.what, next.how) = (words(), format!("{}{command}{}", words(), words()));
        next.commands = vec![command, words()];
    }
    if let Some(snapshot) = &mut diagnosis.snapshot {
        snapshot.at = Some(words());
    }
    diagnosis
}

/// Every kind of hostile words alone, then many mixtures.
fn hostile_diagnoses() -> impl Iterator<Item = (Diagnosis, String)> {
    let whole = diagnosis();
    let alone = HOSTILE
        .iter()
        .map(|words| Box::new(move |_: &mut Rng| (*words).to_string()) as Box<dyn Fn(&mut Rng) -> String>);
    let mixed = (0..300).map(|_| Box::new(hostile) as Box<dyn Fn(&mut Rng) -> String>);
    let all: Vec<_> = alone.chain(mixed).enumerate().collect();
    all.into_iter().map(move |(seed, words)| {
        let mut rng = Rng::with_seed(seed as u64);
        let remark = words(&mut rng);
        (with_words(whole.clone(), || words(&mut rng)), remark)
    })
}

/// Names and attributes that a page is made of; whatever else a parser finds came from outside.
const ELEMENTS: &[&str] = &[
    "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "h2", "h3", "span", "p", "nav",
    "ul", "ol", "li", "main", "section", "div", "pre", "code", "button", "strong", "figure", "svg", "desc",
    "g", "rect", "circle", "path", "line", "text", "tspan", "script",
];
const ATTRIBUTES: &[&str] = &[
    "aria-describedby",
    "aria-hidden",
    "aria-label",
    "aria-labelledby",
    "aria-live",
    "charset",
    "class",
    "content",
    "cx",
    "cy",
    "d",
    "height",
    "hidden",
    "href",
    "http-equiv",
    "id",
    "lang",
    "name",
    "r",
    "role",
    "rx",
    "type",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];

#[test]
fn hostile_words_become_no_element_and_no_attribute() {
    let mut whole_names_seen = 0;
    for (diagnosis, remark) in hostile_diagnoses() {
        let text = html(&diagnosis, Some(&remark));
        let parsed = Html::parse_document(&text);
        assert!(parsed.errors.is_empty(), "{:?} in {text}", parsed.errors);
        let (mut constants, mut words) = (Vec::new(), String::new());
        for node in parsed.tree.nodes() {
            assert!(
                !node.value().is_comment() && node.value().as_processing_instruction().is_none(),
                "{text}"
            );
            let parent = node.parent().and_then(|parent| parent.value().as_element().map(|one| one.name()));
            if let Some(one) = node.value().as_text() {
                match parent {
                    Some(name @ ("style" | "script")) => constants.push((name.to_string(), one.to_string())),
                    _ => words.push_str(one),
                }
            }
            let Some(element) = node.value().as_element() else { continue };
            assert!(ELEMENTS.contains(&element.name()), "{element:?} in {text}");
            for (name, value) in element.attrs() {
                assert!(ATTRIBUTES.contains(&name), "{element:?} in {text}");
                assert!(name != "href" || value.starts_with('#'), "{element:?} in {text}");
                // Outside data is in content alone.
                let is_own = value.chars().all(|one| one.is_ascii() && !matches!(one, '<' | '>' | '&' | '"'));
                assert!(is_own, "{element:?} in {text}");
            }
        }
        let [style, script] =
            [("style", STYLE), ("script", SCRIPT)].map(|(name, text)| (name.into(), text.into()));
        assert_eq!(constants, [style, script]);
        // Nothing is lost either: a reader sees what was written.
        whole_names_seen += usize::from(words.contains("<script>alert(1)</script>"));
    }
    assert!(whole_names_seen > 10, "{whole_names_seen}");
}

/// What a reader of Markdown makes of a page: each block, and the words in it.
fn blocks_read<'a>(parent: &'a AstNode<'a>, blocks: &mut Vec<(&'static str, String)>) {
    for node in parent.children() {
        let value = node.data.borrow().value.clone();
        match value {
            NodeValue::Heading(heading) => blocks.push((
                ["", "", "title", "section", "heading"].get(usize::from(heading.level)).unwrap_or(&"?"),
                words_read(node),
            )),
            NodeValue::Paragraph => blocks.push(("paragraph", words_read(node))),
            NodeValue::CodeBlock(code) => {
                assert!(code.fenced && code.closed, "{code:?}");
                blocks.push(("listing", format!("{}: {}", code.info, code.literal)));
            }
            NodeValue::List(_) => {
                for item in node.children() {
                    let words: Vec<String> = item.children().map(words_read).collect();
                    assert_eq!(words.len(), 1, "{words:?}");
                    blocks.push(("item", words.concat()));
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn words_read<'a>(parent: &'a AstNode<'a>) -> String {
    let words = parent.children().map(|node| match node.data.borrow().value.clone() {
        NodeValue::Text(words) => {
            // Forges and chats look for these in text, whatever Markdown says.
            for linking in ["@", "#", "://", "www.", "<"] {
                assert!(!words.contains(linking), "{words}");
            }
            words.to_string()
        }
        NodeValue::Code(code) => code.literal,
        NodeValue::Strong => words_read(node),
        NodeValue::Paragraph => words_read(node),
        other => panic!("{other:?}"),
    });
    words.collect()
}

/// The same, of the page itself.
fn blocks_meant(page: &Page) -> Vec<(&'static str, String)> {
    let words = |spans: &[Span]| -> String {
        let words = spans.iter().map(|span| match span {
            Span::Plain(words) | Span::Strong(words) => words.clone(),
            Span::Code(words) => words.trim().replace('`', "\\u{60}"),
        });
        words.collect::<String>().trim().to_string()
    };
    let mut blocks = vec![("paragraph", words(&page.summary)), ("paragraph", words(&page.remark))];
    for section in &page.sections {
        blocks.push(("section", section.title.to_string()));
        for block in &section.blocks {
            match block {
                Block::Heading(spans) => blocks.push(("heading", words(spans))),
                Block::Paragraph(spans) => blocks.push(("paragraph", words(spans))),
                Block::List(items) | Block::Sequence(items) => {
                    blocks.extend(items.iter().map(|item| ("item", words(item))));
                }
                Block::Listing(listing) => {
                    blocks.push(("listing", format!("{}: {}\n", listing.language, listing.text)));
                }
                Block::Picture(_) => {}
            }
        }
    }
    blocks.retain(|(kind, words)| *kind != "paragraph" || !words.is_empty());
    blocks
}

/// A check that has something of everything.
fn whole_check() -> Check {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
    let loaded = crate::snapshot::load(&[example]).unwrap();
    let topology = Topology::from(&loaded.snapshot);
    let gap = Gap {
        kind: GapKind::Document,
        what: String::new(),
        reason: String::new(),
        would_tell: String::new(),
    };
    let mut check = check(&CheckCase {
        version: String::new(),
        at: Timestamp::UNIX_EPOCH,
        documents: &loaded.snapshot,
        topology: &topology,
        snapshot: None,
        targets: Vec::new(),
        source_ports: PortRange::ALL,
        gaps: vec![gap],
    });
    let severities = [Severity::Error, Severity::Warning, Severity::Info];
    let violated = check.results.iter_mut().filter(|one| one.status == RuleStatus::Violation);
    for (result, severity) in violated.zip(severities.into_iter().cycle()) {
        result.severity = severity;
    }
    assert!(!check.peerings.is_empty());
    check
}

/// Puts other words into every place of a check that outside data can come to.
fn check_with(mut check: Check, mut words: impl FnMut() -> String) -> Check {
    let words = &mut words;
    check.version = words();
    for result in &mut check.results {
        result.message = words();
        result.components.iter_mut().for_each(|one| component(one, words));
        result.fixes.iter_mut().for_each(|one| fix(one, words));
    }
    check.peerings.iter_mut().for_each(|one| peered(one, words));
    for gap in &mut check.gaps {
        (gap.what, gap.reason, gap.would_tell) = (words(), words(), words());
    }
    check
}

#[test]
fn a_check_is_read_as_it_was_meant_whatever_names_there_are() {
    let mut options = Options::default();
    let extension = &mut options.extension;
    for on in
        [&mut extension.autolink, &mut extension.table, &mut extension.tasklist, &mut extension.footnotes]
    {
        *on = true;
    }
    let whole = whole_check();
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let check = check_with(whole.clone(), || hostile(&mut rng));
        let text = super::check_markdown(&check);
        let arena = Arena::new();
        let mut read = Vec::new();
        blocks_read(parse_document(&arena, &text, &options), &mut read);
        assert!(read.remove(0).0 == "title", "{text}");
        pretty(&read, &blocks_meant(&super::check::page(&check)), &text);
    }
}

#[test]
fn a_reader_of_markdown_finds_the_blocks_that_were_meant_and_no_link() {
    let mut options = Options::default();
    let extension = &mut options.extension;
    for on in [
        &mut extension.autolink,
        &mut extension.table,
        &mut extension.strikethrough,
        &mut extension.tasklist,
        &mut extension.footnotes,
        &mut extension.superscript,
        &mut extension.subscript,
        &mut extension.underline,
        &mut extension.math_dollars,
        &mut extension.math_code,
        &mut extension.alerts,
        &mut extension.multiline_block_quotes,
        &mut extension.description_lists,
        &mut extension.wikilinks_title_after_pipe,
        &mut extension.spoiler,
    ] {
        *on = true;
    }
    for (diagnosis, remark) in hostile_diagnoses() {
        let text = markdown(&diagnosis, Some(&remark));
        let arena = Arena::new();
        let mut read = Vec::new();
        blocks_read(parse_document(&arena, &text, &options), &mut read);
        let (kind, title) = read.remove(0);
        assert!(kind == "title" && title.contains("BLOCKED"), "{text}");
        pretty(&read, &blocks_meant(&content::page(&diagnosis, Some(&remark))), &text);
    }
}

#[track_caller]
fn pretty(read: &[(&str, String)], meant: &[(&str, String)], text: &str) {
    let differs = read.iter().zip(meant).find(|(read, meant)| read != meant);
    assert!(differs.is_none() && read.len() == meant.len(), "read, meant: {differs:#?}\n{text}");
}

#[test]
fn the_policy_permits_this_style_and_this_script() {
    for (directive, constant) in [("style-src", STYLE), ("script-src", SCRIPT)] {
        let hash = data_encoding::BASE64.encode(&Sha256::digest(constant));
        assert!(POLICY.contains(&format!("{directive} 'sha256-{hash}'")), "{directive} is to be {hash}");
    }
    // What they would fetch would be refused.
    for fetching in ["url(", "@import", "fetch(", "://", "</"] {
        assert!(!STYLE.contains(fetching) && !SCRIPT.contains(fetching), "{fetching}");
    }
}

#[test]
fn what_blocks_is_told_without_colour_and_without_the_picture() {
    let diagnosis = diagnosis();
    let text = html(&diagnosis, None);
    let parsed = Html::parse_document(&text);
    let all = |selector: &str| -> Vec<String> {
        let selector = scraper::Selector::parse(selector).unwrap();
        parsed.select(&selector).map(|element| element.text().collect()).collect()
    };
    let dropped = all("svg .dropped");
    assert_eq!(dropped.len(), 2, "{dropped:?}");
    assert!(dropped.iter().all(|hop| hop.contains('✗') && hop.contains("stops the packets (cause")));
    assert!(all("svg .assumed").iter().all(|hop| hop.contains('~') && hop.contains("assumed")));
    assert_eq!(
        all("svg > title"),
        [
            "There: from 10.0.128.0/20, 10.0.144.0/20 to 10.100.2.20:5432",
            "Back: from 10.100.2.20:5432 to 10.0.128.0/20, 10.0.144.0/20",
        ]
    );
    let descriptions = all("svg > desc");
    assert!(descriptions[1].ends_with("stopped at route table rtb-0b1c00000000000db."), "{descriptions:?}");
    let steps = all("#path ol li").into_iter().filter(|hop| hop.contains("✗ stops the packets"));
    assert_eq!(steps.count(), 2);
}

#[test]
fn two_things_at_once_are_told_in_every_format() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/documents/orders-db");
    let loaded = crate::snapshot::load(&[example]).unwrap();
    let mut diagnosis = diagnosis_for_test(&loaded, "space", "tcp://10.100.2.20:5432").unwrap();
    let component = |id: &str, name: &str| Component {
        id: Some(id.to_string()),
        name: Some(name.to_string()),
        ..diagnosis.causes[0].component.clone()
    };
    let also = AlsoWrong {
        code: CauseCode::SubnetAclRestriction,
        component: component("acl-1", "<b>@everyone</b>"),
        direction: Some(Direction::Return),
    };
    let pair = HypothesisReport {
        code: CauseCode::HostSilent,
        component: component("eni-1", "db"),
        direction: None,
        together_with: vec![also],
        alternatives: None,
        prior: 0.01,
        confidence: 0.6,
        fell: false,
        because: Vec::new(),
    };
    let hardly = HypothesisReport { confidence: 0.01, ..pair.clone() };
    diagnosis.hypotheses = vec![hardly];
    assert!(!markdown(&diagnosis, None).contains("Two things at once"));
    diagnosis.hypotheses = vec![pair];
    let markdown = markdown(&diagnosis, None);
    let line = markdown.lines().find(|line| line.contains("together (")).unwrap();
    assert!(line.contains("`HOST_SILENT`") && line.contains("`SUBNET_ACL_RESTRICTION`"), "{line}");
    assert!(line.contains(" and ") && line.contains("on the way back together (likely)"), "{line}");
    let html = html(&diagnosis, None);
    assert!(html.contains("together (likely)") && !html.contains("<b>@everyone"), "the name is words");
    let style = crate::text::Style::of_stdout();
    for text in [diagnosis_text(&diagnosis, &style), weighing(&diagnosis, &style)] {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let told = "HOST_SILENT eni-1 \"db\" and SUBNET_ACL_RESTRICTION acl-1";
        assert!(words.contains(told) && words.contains("on the way back together"), "{words}");
    }
}
