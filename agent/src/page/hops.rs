//! The path hop by hop: for the picture, and in words for who cannot see it.

use peerscope_analysis::reach::Direction;
use peerscope_analysis::report::{Action, CauseReport, Component, Diagnosis, Step, Verdict};
use peerscope_analysis::topology::ComponentType;

use super::sentence::sentence;
use super::{Block, Hop, Span, Way, code, plain, strong};
use crate::escape::escape;
use crate::text::entry::Entry;
use crate::text::words::{end_of_target, places};

/// The picture and the words of both ways; nothing where no path is known.
pub(super) fn path(diagnosis: &Diagnosis, entries: &[Entry<'_>]) -> Vec<Block> {
    let paths = &diagnosis.paths;
    if paths.forward.is_empty() && paths.back.is_empty() {
        return Vec::new();
    }
    let source = places(diagnosis).join(", ");
    let target = escape(&end_of_target(diagnosis)).into_owned();
    let ways = [
        Way {
            label: "There",
            from: source.clone(),
            hops: hops(entries, &paths.forward, Direction::Forward),
            to: target.clone(),
        },
        Way { label: "Back", from: target, hops: hops(entries, &paths.back, Direction::Return), to: source },
    ];
    let words: Vec<Block> = ways.iter().flat_map(in_words).collect();
    let is_silent = diagnosis.verdict == Verdict::Blocked
        && !entries.is_empty()
        && entries.iter().all(Entry::is_candidate);
    let is_shown_open = ways.iter().all(Way::is_open);
    let mut blocks: Vec<Block> = Vec::new();
    if is_silent && is_shown_open && diagnosis.snapshot.is_some() {
        let words = "This is the path by the snapshot, which shows nothing that stops the packets; what was seen says otherwise.";
        blocks.push(Block::Paragraph(vec![plain(words)]));
    }
    blocks.push(Block::Picture(ways));
    blocks.extend(words);
    blocks
}

fn hops(entries: &[Entry<'_>], steps: &[Step], direction: Direction) -> Vec<Hop> {
    let mut is_past_a_drop = false;
    let mut hops = Vec::new();
    for step in steps {
        let component = &step.component;
        let is_stopping = matches!(step.action, Action::Dropped | Action::Unknown);
        // A cause without a direction, as a missing peering is one, stops packets both ways.
        let is_here = |cause: &&CauseReport| {
            cause.direction.is_none_or(|one| one == direction)
                && cause.component.component_type == component.component_type
                && cause.component.id == component.id
        };
        let causes = entries.iter().filter(|entry| is_stopping && entry.causes().iter().any(is_here));
        let (id, name) = id_and_name(component);
        hops.push(Hop {
            kind: component.component_type.words(),
            id,
            name,
            action: step.action,
            is_past_a_drop,
            rule: step.rule.as_deref().map(|rule| escape(rule).into_owned()),
            detail: step.detail.as_deref().map(|detail| escape(detail).into_owned()),
            causes: causes.map(|entry| entry.number).collect(),
        });
        is_past_a_drop |= step.action == Action::Dropped;
    }
    hops
}

/// What a component is called, and its name where that is something else. People, and Heroku's commands, call a space
/// by its name.
pub(super) fn id_and_name(component: &Component) -> (Option<String>, Option<String>) {
    let shown = |text: &String| escape(text).into_owned();
    let is_space = component.component_type == ComponentType::Space;
    match (&component.id, &component.name) {
        (_, Some(name)) if is_space => (Some(shown(name)), None),
        (id, name) => {
            (id.as_ref().map(shown), name.as_ref().filter(|name| id.as_ref() != Some(name)).map(shown))
        }
    }
}

/// `network ACL acl-1 (outer)`
pub(super) fn called(kind: &str, id: Option<&str>, name: Option<&str>) -> Vec<Span> {
    let mut words = vec![plain(kind)];
    words.extend(id.into_iter().flat_map(|id| [plain(" "), code(id)]));
    words.extend(name.into_iter().flat_map(|name| [plain(" ("), code(name), plain(")")]));
    words
}

/// What a hop does, in words.
pub(super) fn deed(hop: &Hop) -> &'static str {
    match (hop.action, hop.is_past_a_drop) {
        (Action::Dropped, false) => "stops the packets",
        (Action::Dropped, true) => "would stop them too",
        (Action::Allowed, false) => "lets them through",
        (Action::Allowed, true) => "would let them through",
        (Action::Routed, false) => "takes them on",
        (Action::Routed, true) => "would take them on",
        (Action::Assumed, _) => "assumed to let them through",
        (Action::Unknown, _) => "not known",
    }
}

/// `cause 1`, `causes 1 and 2`
pub(super) fn causes(hop: &Hop) -> Option<String> {
    let numbers: Vec<String> = hop.causes.iter().map(ToString::to_string).collect();
    match &numbers[..] {
        [] => None,
        [one] => Some(format!("cause {one}")),
        several => Some(format!("causes {}", several.join(" and "))),
    }
}

/// What decides at a hop, where that says more than what it does.
pub(super) fn rule(hop: &Hop) -> Option<&str> {
    let is_said = match hop.action {
        Action::Assumed => "assumed",
        Action::Unknown => "unknown",
        _ => "",
    };
    hop.rule.as_deref().filter(|rule| *rule != is_said)
}

fn in_words(way: &Way) -> Vec<Block> {
    let mut end = vec![plain(if way.is_open() { "Arrives at " } else { "Does not arrive at " })];
    end.extend(sentence(&way.to));
    if way.is_open() && way.hops.iter().any(|hop| hop.action == Action::Unknown) {
        end.push(plain(", if what is not known lets them through"));
    }
    let mut items = vec![[vec![plain("Leaves ")], sentence(&way.from)].concat()];
    items.extend(way.hops.iter().map(hop_in_words));
    items.push(end);
    vec![Block::Heading(vec![plain(way.label)]), Block::Sequence(items)]
}

fn hop_in_words(hop: &Hop) -> Vec<Span> {
    let mut words = called(hop.kind, hop.id.as_deref(), hop.name.as_deref());
    words.push(plain(": "));
    match hop.action {
        Action::Dropped => words.push(strong(format!("✗ {}", deed(hop)))),
        Action::Unknown => words.push(strong(format!("? {}", deed(hop)))),
        _ => words.push(plain(deed(hop))),
    }
    if let Some(causes) = causes(hop) {
        words.push(plain(format!(" ({causes})")));
    }
    // A cause says in its own place all that the detail does.
    let detail = hop.detail.as_ref().filter(|_| hop.causes.is_empty());
    let why = rule(hop).into_iter().chain(detail.map(String::as_str));
    for (index, why) in why.enumerate() {
        words.push(plain(if index == 0 { " – " } else { "; " }));
        words.extend(sentence(why));
    }
    words
}
