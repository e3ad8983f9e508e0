//! Both ways of the path as SVG, one picture each, so that they stand side by side where there is room and one
//! below the other on a phone.
//!
//! What stops packets differs from what lets them through by its mark, its words, its frame and the line after it,
//! and by colour only besides.

use peerscope_analysis::report::Action;

use unicode_width::UnicodeWidthStr;

use super::hops::{causes, deed, rule};
use super::markup::Markup;
use super::{Hop, Way};
use crate::text::cut;

/// The width of one way's picture; lengths are in CSS pixels of its natural size.
const WIDTH: u32 = 360;
/// Where the line from mark to mark runs.
const RAIL: u32 = 17;
/// Where boxes begin, and where their words do.
const BOX: u32 = 42;
const WORDS: u32 = 56;
/// From one line of words to the next.
const LINE: u32 = 18;
/// So many columns of the rule's letters fit into a box, in whichever of the fonts.
const RULE_COLUMNS: usize = 41;
/// The same for an id, whose letters are larger.
const ID_COLUMNS: usize = 36;
/// The same for what a hop is and does, whose letters are narrower.
const DEED_COLUMNS: usize = 42;
/// The most lines of a rule; all of it is in the words below the picture.
const RULE_LINES: usize = 3;
/// Half of a mark's size.
const RING: u32 = 12;
/// Between two boxes.
const GAP: u32 = 14;

/// Draws both ways.
pub(super) fn picture(ways: &[Way; 2]) -> Markup {
    Markup::element("figure", &[("aria-label", "The path as a picture")], ways.iter().map(drawn))
}

fn drawn(way: &Way) -> Markup {
    let mut y = 24;
    let mut marks: Vec<(u32, bool)> = Vec::new();
    let mut parts = vec![
        text("way", 4, y - 4, way.label),
        Markup::element(
            "circle",
            &[("class", "end"), ("cx", &RAIL.to_string()), ("cy", &(y + 19).to_string()), ("r", "6")],
            [],
        ),
        text("id", BOX, y + 24, &cut(&way.from, ID_COLUMNS)),
    ];
    marks.push((y + 19, false));
    y += 42;
    for hop in &way.hops {
        let (part, height) = hop_drawn(hop, y);
        parts.push(part);
        marks.push((y + height / 2, hop.is_past_a_drop || hop.action == Action::Dropped));
        y += height + GAP;
    }
    let is_open = way.is_open();
    let end = y + 12;
    // An arrow's head where packets arrive, an empty ring where they do not.
    parts.push(match is_open {
        true => Markup::element(
            "path",
            &[("class", "end"), ("d", &format!("M{} {}h16l-8 14z", RAIL - 8, end - 7))],
            [],
        ),
        false => Markup::element(
            "circle",
            &[("class", "ring"), ("cx", &RAIL.to_string()), ("cy", &end.to_string()), ("r", "6")],
            [],
        ),
    });
    parts.push(text("id", BOX, end + 5, &cut(&way.to, ID_COLUMNS)));
    let mut height = end + 16;
    if !is_open {
        parts.push(text("kind", BOX, end + 5 + LINE, "not reached"));
        height += LINE;
    }
    marks.push((end, false));
    let rails = marks.windows(2).filter_map(|pair| match pair {
        [(from, is_lost), (to, _)] => Some(rail(*from, *to, *is_lost)),
        _ => None,
    });
    let id = way.label.to_lowercase();
    let (title, description) = (format!("{id}-picture"), format!("{id}-description"));
    let names = [
        Markup::element("title", &[("id", &title)], [Markup::words(&titled(way))]),
        Markup::element("desc", &[("id", &description)], [Markup::words(&described(way))]),
    ];
    Markup::element(
        "svg",
        &[
            ("viewBox", &format!("0 0 {WIDTH} {height}")),
            ("role", "img"),
            ("aria-labelledby", &title),
            ("aria-describedby", &description),
        ],
        names.into_iter().chain(rails).chain(parts),
    )
}

fn titled(way: &Way) -> String {
    format!("{}: from {} to {}", way.label, way.from, way.to)
}

/// The picture in one sentence; hop by hop it is told below it.
fn described(way: &Way) -> String {
    let stops = way.hops.iter().filter(|hop| hop.action == Action::Dropped);
    let stops: Vec<String> =
        stops.map(|hop| format!("{} {}", hop.kind, hop.id.as_deref().unwrap_or_default())).collect();
    let unknown = way.hops.iter().filter(|hop| hop.action == Action::Unknown).count();
    let mut words = match stops.is_empty() {
        true => format!("{} hops; none is known to stop the packets.", way.hops.len()),
        false => format!("{} hops; the packets are stopped at {}.", way.hops.len(), stops.join(" and at ")),
    };
    if unknown > 0 {
        words.push_str(&format!(" Of {unknown} it is not known."));
    }
    words
}

/// One hop from `y` downwards, and its height.
fn hop_drawn(hop: &Hop, y: u32) -> (Markup, u32) {
    let name = hop.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let id = cut(format!("{}{name}", hop.id.as_deref().unwrap_or_default()).trim(), ID_COLUMNS);
    let rules = rule_lines(hop);
    let causes = causes(hop).map(|causes| format!(" ({causes})")).unwrap_or_default();
    let (kind, deed) = (format!("{}: ", hop.kind), format!("{}{causes}", deed(hop)));
    let is_one_line = kind.width() + deed.width() <= DEED_COLUMNS;
    let words = 1 + usize::from(!is_one_line) + usize::from(!id.is_empty()) + rules.len();
    let height = u32::try_from(words).unwrap_or(1) * LINE + 16;
    let (class, mark) = match hop.action {
        Action::Dropped => ("dropped", "✗"),
        Action::Unknown => ("unknown", "?"),
        Action::Assumed => ("assumed", "~"),
        Action::Allowed => ("allowed", "✓"),
        Action::Routed => ("routed", "↓"),
    };
    let middle = y + height / 2;
    let mut baseline = y + LINE + 3;
    let mut parts = vec![
        Markup::element(
            "rect",
            &[
                ("class", "box"),
                ("x", &BOX.to_string()),
                ("y", &y.to_string()),
                ("width", &(WIDTH - BOX - 3).to_string()),
                ("height", &height.to_string()),
                ("rx", "6"),
            ],
            [],
        ),
        ring(hop.action, middle),
        text("mark", RAIL, middle + 5, mark),
    ];
    if is_one_line {
        let words = [tspan("kind", &kind), tspan("deed", &deed)];
        let at = [("x", &*WORDS.to_string()), ("y", &*baseline.to_string())];
        parts.push(Markup::element("text", &at, words));
    } else {
        parts.push(text("kind", WORDS, baseline, &kind));
        baseline += LINE;
        parts.push(text("deed", WORDS, baseline, &deed));
    }
    if !id.is_empty() {
        baseline += LINE;
        parts.push(text("id", WORDS, baseline, &id));
    }
    for rule in &rules {
        baseline += LINE;
        parts.push(text("rule", WORDS, baseline, rule));
    }
    (Markup::element("g", &[("class", class)], parts), height)
}

fn rule_lines(hop: &Hop) -> Vec<String> {
    let rule = rule(hop).unwrap_or_default();
    let mut lines: Vec<String> =
        textwrap::wrap(rule, RULE_COLUMNS).into_iter().map(std::borrow::Cow::into_owned).collect();
    lines.retain(|line| !line.is_empty());
    if lines.len() > RULE_LINES {
        lines.truncate(RULE_LINES);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} …"), RULE_COLUMNS);
        }
    }
    lines
}

/// A ring around the mark, or an octagon where packets are stopped.
fn ring(action: Action, middle: u32) -> Markup {
    match action {
        Action::Dropped => {
            let (left, top) = (RAIL - RING, middle - RING);
            let octagon = format!("M{} {top}h10l7 7v10l-7 7h-10l-7 -7v-10z", left + 7);
            Markup::element("path", &[("class", "ring"), ("d", &octagon)], [])
        }
        _ => Markup::element(
            "circle",
            &[
                ("class", "ring"),
                ("cx", &RAIL.to_string()),
                ("cy", &middle.to_string()),
                ("r", &RING.to_string()),
            ],
            [],
        ),
    }
}

fn rail(from: u32, to: u32, is_lost: bool) -> Markup {
    let (x, from, to) = (RAIL.to_string(), from.to_string(), to.to_string());
    let class = if is_lost { "rail lost" } else { "rail" };
    Markup::element("line", &[("class", class), ("x1", &x), ("x2", &x), ("y1", &from), ("y2", &to)], [])
}

fn text(class: &str, x: u32, y: u32, words: &str) -> Markup {
    Markup::element(
        "text",
        &[("class", class), ("x", &x.to_string()), ("y", &y.to_string())],
        [Markup::words(words)],
    )
}

fn tspan(class: &str, words: &str) -> Markup {
    Markup::element("tspan", &[("class", class)], [Markup::words(words)])
}
