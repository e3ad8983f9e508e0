//! Which source reaches which target: this daemon by its packets, the space's dyno blocks by what is configured.

use ipnet::IpNet;

use super::page_of;
use super::view::{State, View};
use crate::page::{self, Markup};

/// The matrix of the paths that are shown.
pub(super) fn matrix(source: &str, views: &[&View]) -> Vec<Markup> {
    let mut blocks: Vec<IpNet> = Vec::new();
    let known = views.iter().filter_map(|view| view.blocks.as_ref());
    for (block, ..) in known.flat_map(|known| &known.verdicts) {
        if !blocks.contains(block) {
            blocks.push(*block);
        }
    }
    blocks.sort();
    let mut words = "This daemon asks with packets.".to_string();
    words.push_str(match blocks.is_empty() {
        true => " Of other sources nothing is known: no snapshot tells of a space's dyno blocks.",
        false => " What holds for the space's dyno blocks follows from what is configured, without a packet.",
    });
    let mut parts = vec![Markup::element("p", &[], [Markup::words(&words)])];
    if views.is_empty() {
        return parts;
    }
    let column = |words: Markup, kind: &str| {
        let kind = Markup::element("span", &[("class", "kind")], [Markup::words(kind)]);
        Markup::element("th", &[("scope", "col")], [words, Markup::words(" "), kind])
    };
    let mut head = vec![Markup::element("th", &[("scope", "col")], [Markup::words("Target")])];
    head.push(column(page::name(source), "packets"));
    head.extend(blocks.iter().map(|block| column(page::name(&block.to_string()), "configuration")));
    let rows = views.iter().map(|view| row(view, &blocks));
    let head = Markup::element("thead", &[], [Markup::element("tr", &[], head)]);
    let body = Markup::element("tbody", &[], super::lines(rows));
    let caption = Markup::element(
        "caption",
        &[("class", "unseen")],
        [Markup::words("Which source reaches which target")],
    );
    let table = Markup::element("table", &[], [caption, head, body]);
    parts.push(super::wide("Sources and targets", table));
    parts
}

fn row(view: &View, blocks: &[IpNet]) -> Markup {
    let link = Markup::element("a", &[("href", &page_of(view.name()))], [Markup::words(view.name())]);
    let mut cells = vec![Markup::element("th", &[("scope", "row")], [link])];
    let code = view.cause().filter(|_| view.state != State::Reachable);
    let code = code.and_then(|diagnosis| Some(diagnosis.causes.first()?.code.name()));
    cells.push(cell(view.state, code));
    for block in blocks {
        let known = view.blocks.as_ref();
        let known = known.and_then(|known| known.verdicts.iter().find(|(one, ..)| one == block));
        cells.push(match known {
            Some((_, verdict, code)) => cell(State::from(*verdict), *code),
            None => cell(State::Unknown, None),
        });
    }
    Markup::element("tr", &[], cells)
}

fn cell(state: State, code: Option<&str>) -> Markup {
    let mark = Markup::element("span", &[("aria-hidden", "true")], [Markup::words(state.mark())]);
    let word = Markup::words(&format!(" {}", state.word()));
    let mut parts = vec![Markup::element("span", &[("class", state.class())], [mark, word])];
    if let Some(code) = code {
        parts.push(Markup::words(" "));
        parts.push(Markup::element("span", &[("class", "code")], [Markup::words(code)]));
    }
    Markup::element("td", &[], parts)
}
