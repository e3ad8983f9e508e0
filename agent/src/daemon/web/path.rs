//! One path: what holds, what to do, both directions, what was seen, and what was.

use jiff::Timestamp;

use super::matrix::matrix;
use super::overview::{cause, facts};
use super::past::{Past, last_probes};
use super::stretch::Stretch;
use super::view::View;
use super::{Page, page_of, words};
use crate::daemon::board::Board;
use crate::daemon::url::decoded_query;
use crate::page::{self, Markup};

/// The page of a path; nothing where none has this name.
pub(crate) fn path(board: &Board, name: &str, query: &str, now: Timestamp) -> Option<String> {
    let refreshes = decoded_query(query).any(|(key, value)| key == "reload" && !value.is_empty());
    let view = View::of(board.path(name)?);
    let stretch = Stretch::of(query);
    let past = Past::of(board, &view, stretch, now);
    // What is about to be is told before what was.
    let diagnosis = match view.is_about_to_fail() {
        true => view.analysis.as_ref(),
        false => view.cause().or(view.analysis.as_ref()),
    };
    let mut sections = diagnosis.map(|diagnosis| page::sections(diagnosis)).unwrap_or_default();
    // What was comes after what is to be done about it and why, before what only some want to know.
    let after = ["path", "why", "do"].into_iter().find(|known| sections.iter().any(|(id, ..)| id == known));
    let mut own = |after: &str, id: &'static str, title: &'static str, content: Vec<Markup>| {
        let place =
            sections.iter().position(|(id, ..)| *id == after).map_or(sections.len(), |place| place + 1);
        sections.insert(place, (id, title, page::titled(id, title, content)));
    };
    let link = |asked: &[Option<String>]| {
        let asked: Vec<&str> = asked.iter().flatten().map(String::as_str).collect();
        let page = page_of(view.name());
        match (asked.is_empty(), page.contains('?')) {
            (true, _) => page,
            (false, true) => format!("{page}&{}", asked.join("&")),
            (false, false) => format!("{page}?{}", asked.join("&")),
        }
    };
    let reload = |refreshes: bool| refreshes.then(|| "reload=1".to_string());
    let choice = stretch.choice(|other| link(&[other.asked(), reload(refreshes)]));
    let drawn = std::iter::once(choice).chain(past.drawn()).collect();
    own(after.unwrap_or_default(), "time", "What was", drawn);
    own("time", "probes", "The last probes", last_probes(&view));
    own("probes", "sources", "Sources", matrix(&board.source, &[&view]));
    let title = format!("{}: {}", view.state.word().to_uppercase(), view.name());
    let all = Markup::element("a", &[("href", "/")], [Markup::words("All paths")]);
    let mut header = vec![
        Markup::element("p", &[("class", "up")], [all, Markup::words(" of "), page::name(&board.source)]),
        Markup::element(
            "h1",
            &[],
            [
                view.state.badge(),
                Markup::words(" "),
                Markup::element("span", &[("class", "ends")], [Markup::words(view.name())]),
            ],
        ),
    ];
    header.push(
        cause(&view)
            .unwrap_or_else(|| Markup::element("p", &[("class", "cause")], [Markup::words("It works.")])),
    );
    header.push(facts(&view, now));
    header.extend(diagnosed(
        &view,
        diagnosis.map(|diagnosis| (diagnosis.at, diagnosis.observations.is_empty())),
    ));
    let links = sections.iter().map(|(id, title, _)| {
        let link = Markup::element("a", &[("href", &format!("#{id}"))], [Markup::words(title)]);
        Markup::element("li", &[], [link])
    });
    let links = Markup::element("ul", &[], links);
    header.push(Markup::element("nav", &[("aria-label", "On this page")], [links]));
    let sections = sections.into_iter().map(|(.., section)| section).collect();
    let other = link(&[stretch.asked(), reload(!refreshes)]);
    Some(Page { title: &title, header, sections, at: now, refreshes, other }.document())
}

/// Of when what follows is.
fn diagnosed(view: &View, diagnosis: Option<(Timestamp, bool)>) -> Option<Markup> {
    let said = match diagnosis {
        Some((at, true)) => {
            vec![Markup::words("By what is configured alone, at "), words::time(at), Markup::words(".")]
        }
        Some((at, false)) => vec![Markup::words("Diagnosed at "), words::time(at), Markup::words(".")],
        None if view.since.is_some() => {
            vec![Markup::words(
                "It has not been diagnosed: nothing was wrong with it since this daemon began.",
            )]
        }
        None => return None,
    };
    Some(Markup::element("p", &[("class", "diagnosed")], said))
}
