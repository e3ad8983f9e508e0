//! A page as one HTML file: nothing is fetched, and without its script all of it can be read.
//!
//! The policy in its head permits its own style and its own script, by their hashes, and nothing else, so that even
//! markup that got past the escaping could neither run nor call home.

use unicode_width::UnicodeWidthStr;

use super::markup::Markup;
use super::picture::picture;
use super::{Block, Listing, Page, Section, Span, Tone};

/// How it looks.
pub(crate) const STYLE: &str = include_str!("html/style.css");
/// What its buttons do: copy a command.
pub(crate) const SCRIPT: &str = include_str!("html/copy.js");
/// The hashes are held against [`STYLE`] and [`SCRIPT`] by a test, which says what they should be.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'sha256-GSgogGIiOWZz3NYLEHRIbGspp3KcJJ3oMYrUQ9UNvxo='; script-src 'sha256-mwjp0ZOq+Q1A+CJQcgmuWx3QVY9YD6iIb/zCqVAot0M='; base-uri 'none'; form-action 'none'";

/// So many columns of code fit on a phone's line.
const WHOLE: usize = 30;

/// Writes a page.
pub(super) fn write(page: &Page) -> String {
    let word = page.word;
    let title: String = page.title.iter().map(Span::words).collect();
    let head = [
        Markup::void("meta", &[("charset", "utf-8")]),
        Markup::void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]),
        Markup::void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
        Markup::void("meta", &[("name", "color-scheme"), ("content", "light dark")]),
        Markup::void("meta", &[("name", "referrer"), ("content", "no-referrer")]),
        Markup::void("meta", &[("name", "robots"), ("content", "noindex")]),
        Markup::element("title", &[], [Markup::words(&format!("{word}: {title}"))]),
        Markup::constant("style", STYLE),
    ];
    let sections = page.sections.iter().flat_map(|one| [section(one), Markup::line_feed()]);
    let body = [
        Markup::element(
            "a",
            &[("class", "skip"), ("href", "#answer")],
            [Markup::words("Skip to the answer")],
        ),
        header(page),
        Markup::element("main", &[], sections),
        Markup::constant("script", SCRIPT),
    ];
    let head = Markup::element("head", &[], head.into_iter().flat_map(|one| [one, Markup::line_feed()]));
    let body = Markup::element("body", &[], body.into_iter().flat_map(|one| [one, Markup::line_feed()]));
    Markup::element("html", &[("lang", "en")], [head, body]).document()
}

/// The answer, and what else there is.
fn header(page: &Page) -> Markup {
    let (class, mark) = match page.tone {
        Tone::Good => ("verdict good", "✓"),
        Tone::Bad => ("verdict bad", "✗"),
        Tone::Partly => ("verdict bad", "!"),
        Tone::Doubtful => ("verdict doubtful", "?"),
    };
    let mark = Markup::element("span", &[("aria-hidden", "true")], [Markup::words(mark)]);
    let word = Markup::words(&format!(" {}", page.word));
    let verdict = Markup::element("span", &[("class", class)], [mark, word]);
    let title = Markup::element("span", &[("class", "ends")], spans(&page.title));
    let links = page.sections.iter().map(|section| {
        let link =
            Markup::element("a", &[("href", &format!("#{}", section.id))], [Markup::words(section.title)]);
        Markup::element("li", &[], [link])
    });
    let links = Markup::element("ul", &[], links);
    let mut content = vec![
        Markup::element("h1", &[], [verdict, Markup::words(" "), title]),
        Markup::element("p", &[("class", "summary")], spans(&page.summary)),
    ];
    if !page.remark.is_empty() {
        content.push(Markup::element("p", &[], spans(&page.remark)));
    }
    content.push(Markup::element("nav", &[("aria-label", "On this page")], [links]));
    Markup::element("header", &[("id", "answer")], content)
}

pub(super) fn section(section: &Section) -> Markup {
    titled(section.id, section.title, section.blocks.iter().map(block).collect())
}

pub(super) fn titled(id: &'static str, words: &str, content: Vec<Markup>) -> Markup {
    let title = format!("{id}-title");
    let heading = Markup::element("h2", &[("id", &title)], [Markup::words(words)]);
    let content = [heading].into_iter().chain(content).flat_map(|one| [one, Markup::line_feed()]);
    Markup::element("section", &[("id", id), ("aria-labelledby", &title)], content)
}

fn block(block: &Block) -> Markup {
    let items = |list: &[Vec<Span>]| -> Vec<Markup> {
        list.iter().map(|item| Markup::element("li", &[], spans(item))).collect()
    };
    match block {
        Block::Heading(words) => Markup::element("h3", &[], spans(words)),
        Block::Paragraph(words) => Markup::element("p", &[], spans(words)),
        Block::List(list) => Markup::element("ul", &[], items(list)),
        Block::Sequence(list) => Markup::element("ol", &[], items(list)),
        Block::Listing(one) => listing(one),
        Block::Picture(ways) => picture(ways),
    }
}

/// Commands. They wrap where they do not fit, and are copied as they are.
fn listing(listing: &Listing) -> Markup {
    // Words stay whole where they fit: `--cidr` broken at its hyphen would be misread.
    let words = listing.text.split_inclusive([' ', '\n']).flat_map(|word| {
        let kept = word.trim_end_matches([' ', '\n']);
        [Markup::element("span", &[], [Markup::words(kept)]), Markup::words(&word[kept.len()..])]
    });
    let text = Markup::element("code", &[], words);
    let button = Markup::element(
        "button",
        &[("type", "button"), ("hidden", ""), ("aria-live", "polite")],
        [Markup::words("Copy")],
    );
    Markup::element(
        "div",
        &[("class", "listing"), ("role", "group"), ("aria-label", listing.label)],
        [Markup::element("pre", &[], [text]), button],
    )
}

pub(super) fn spans(spans: &[Span]) -> Vec<Markup> {
    let written = spans.iter().map(|span| match span {
        Span::Plain(words) => Markup::words(words),
        Span::Code(words) => code(words),
        Span::Strong(words) => Markup::element("strong", &[], [Markup::words(words)]),
    });
    written.collect()
}

/// An id or a name, kept on one line where it is short enough for any screen's.
pub(super) fn code(words: &str) -> Markup {
    let class = if words.width() > WHOLE { "long" } else { "short" };
    Markup::element("code", &[("class", class)], [Markup::words(words)])
}
