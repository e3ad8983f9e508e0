//! The pages for people: all paths, and one of them. They are made anew for each request from what the board knows,
//! are whole without JavaScript, and fetch nothing but themselves.
//!
//! As with the pages of a diagnosis, outside words come in through [`Markup`] alone, and the policy permits the pages'
//! own styles and scripts by their hashes and nothing else.

mod filter;
mod matrix;
mod openapi;
mod overview;
mod past;
mod path;
mod plot;
mod stretch;
#[cfg(test)]
mod tests;
mod view;
mod words;

use jiff::Timestamp;

pub(super) use self::openapi::openapi;
pub(super) use self::overview::overview;
pub(super) use self::path::path;
use super::url::encoded;
use crate::page::{self, Markup};

/// How these pages look beside what pages of a diagnosis do.
const STYLE: &str = include_str!("html/status.css");
/// What keeps them up to date.
const SCRIPT: &str = include_str!("html/refresh.js");

/// The Content-Security-Policy of the pages. The hashes are held against styles and scripts by a test, which says what
/// they should be.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'sha256-GSgogGIiOWZz3NYLEHRIbGspp3KcJJ3oMYrUQ9UNvxo=' 'sha256-di/tbJbciJLPIuDWgm/h/3L6vSk+NBxrZFuADfNK9E8='; script-src 'sha256-5ZNPYHaGDKbiDo5/IvDV9ejY2cBQpda2B5/dowWKDhg=' 'sha256-mwjp0ZOq+Q1A+CJQcgmuWx3QVY9YD6iIb/zCqVAot0M='; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// How often a page is read again, in seconds.
const REFRESH: &str = "10";

/// The words of all states by which paths can be asked for.
pub(super) fn states() -> impl serde::Serialize {
    view::State::ALL.map(view::State::word)
}

/// Those of how much of the past may be asked for.
pub(super) fn stretches() -> impl serde::Serialize {
    stretch::Stretch::ALL.map(stretch::Stretch::word)
}

/// A page.
struct Page<'a> {
    title: &'a str,
    /// The answer, and what else there is.
    header: Vec<Markup>,
    sections: Vec<Markup>,
    /// When it was made.
    at: Timestamp,
    /// Whether it reloads itself, which is asked for where there is no JavaScript.
    refreshes: bool,
    /// Where the same page is that does not refresh itself, or does.
    other: String,
}

impl Page<'_> {
    fn document(self) -> String {
        let mut head = vec![
            Markup::void("meta", &[("charset", "utf-8")]),
            Markup::void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
            Markup::void("meta", &[("name", "color-scheme"), ("content", "light dark")]),
            Markup::void("meta", &[("name", "referrer"), ("content", "no-referrer")]),
            Markup::void("meta", &[("name", "robots"), ("content", "noindex")]),
        ];
        if self.refreshes {
            head.push(Markup::void("meta", &[("http-equiv", "refresh"), ("content", REFRESH)]));
        }
        head.extend([
            Markup::element("title", &[], [Markup::words(self.title)]),
            Markup::constant("style", page::STYLE),
            Markup::constant("style", STYLE),
        ]);
        let skip = Markup::element(
            "a",
            &[("class", "skip"), ("href", "#main")],
            [Markup::words("Skip to the answer")],
        );
        let main = lines(self.sections);
        let body = [
            skip,
            Markup::element("header", &[("id", "answer")], lines(self.header)),
            Markup::element("main", &[("id", "main")], main),
            footer(self.at, self.refreshes, &self.other),
            Markup::constant("script", SCRIPT),
            Markup::constant("script", page::SCRIPT),
        ];
        let head = Markup::element("head", &[], lines(head));
        let body = Markup::element("body", &[], lines(body));
        Markup::element("html", &[("lang", "en")], [head, body]).document()
    }
}

/// When the page was made, and how it is kept up to date.
fn footer(at: Timestamp, refreshes: bool, other: &str) -> Markup {
    let mut made = vec![Markup::words("As of "), words::time(at), Markup::words(".")];
    let offer = match refreshes {
        true => "Stop reloading",
        false => "Reload every 10 s",
    };
    let link = Markup::element("a", &[("href", other)], [Markup::words(offer)]);
    let without = Markup::element("span", &[("class", "reloading")], [Markup::words(" "), link]);
    made.push(match refreshes {
        true => without,
        // With the script the page keeps itself up to date without a reload.
        false => Markup::element("noscript", &[], [without]),
    });
    let pause = [Markup::words("Pause updating")];
    let pause = Markup::element("button", &[("type", "button"), ("id", "pause"), ("hidden", "")], pause);
    let lost = Markup::element("p", &[("id", "lost"), ("role", "status")], []);
    let api = Markup::element("a", &[("href", "/api/v1/openapi.json")], [Markup::words("API")]);
    let metrics = Markup::element("a", &[("href", "/metrics")], [Markup::words("metrics")]);
    let version = format!("peerscope {}: ", env!("CARGO_PKG_VERSION"));
    let links = [Markup::words(&version), metrics, Markup::words(", "), api];
    Markup::element(
        "footer",
        &[("id", "made")],
        [Markup::element("p", &[("id", "as-of")], made), pause, lost, Markup::element("p", &[], links)],
    )
}

/// Each on a line of its own, for who reads the source.
fn lines(parts: impl IntoIterator<Item = Markup>) -> Vec<Markup> {
    parts.into_iter().flat_map(|one| [one, Markup::line_feed()]).collect()
}

/// A table that may be wider than the screen: it is moved within its frame, by keys too.
fn wide(label: &str, table: Markup) -> Markup {
    let frame = [("class", "wide"), ("role", "region"), ("aria-label", label), ("tabindex", "0")];
    Markup::element("div", &frame, [table])
}

/// Where the page of a path is. Browsers take `.` and `..` for folders, encoded or not, so that these names are asked for
/// in the query.
fn page_of(name: &str) -> String {
    match name {
        "." | ".." => format!("/paths/?name={}", encoded(name)),
        _ => format!("/paths/{}", encoded(name)),
    }
}
