//! A diagnosis for the team that owns the other side: as Markdown for a ticket or a chat, and as one HTML file.
//!
//! Both are written from one [`Page`], so that they say the same. A page holds no markup, only words and what kind
//! of words they are; each writer has one place where words become markup, and there everything is escaped. Names,
//! tags and rules are whatever somebody wrote in either account, and who reads this trusts who sent it.

mod check;
mod connection;
mod content;
mod deeds;
mod hops;
mod html;
mod markdown;
mod markup;
mod picture;
mod sentence;
#[cfg(test)]
mod tests;

use peerscope_analysis::check::Check;
use peerscope_analysis::report::{Action, Diagnosis};

pub(crate) use self::html::{SCRIPT, STYLE};
pub(crate) use self::markup::Markup;

/// The diagnosis as Markdown. `remark` is said after the answer: how long it was waited for.
pub(crate) fn markdown(diagnosis: &Diagnosis, remark: Option<&str>) -> String {
    markdown::write(&content::page(diagnosis, remark))
}

/// A check as Markdown: what is broken, by who has to act.
pub(crate) fn check_markdown(check: &Check) -> String {
    markdown::write(&check::page(check))
}

/// The same as one HTML file.
pub(crate) fn html(diagnosis: &Diagnosis, remark: Option<&str>) -> String {
    html::write(&content::page(diagnosis, remark))
}

/// What a diagnosis tells below its answer, for a page that tells more than that.
///
/// Each section comes with its name within the page and its title.
pub(crate) fn sections(diagnosis: &Diagnosis) -> Vec<(&'static str, &'static str, Markup)> {
    let page = content::page(diagnosis, None);
    page.sections.iter().map(|section| (section.id, section.title, html::section(section))).collect()
}

/// A section with a heading.
pub(crate) fn titled(id: &'static str, title: &str, content: Vec<Markup>) -> Markup {
    html::titled(id, title, content)
}

/// A sentence, in which what is no plain word is set apart.
pub(crate) fn sentence(text: &str) -> Vec<Markup> {
    html::spans(&sentence::sentence(text))
}

/// An id, an address, a name.
pub(crate) fn name(words: &str) -> Markup {
    html::code(words)
}

/// What is told, in its order.
#[derive(Debug)]
struct Page {
    tone: Tone,
    /// The answer in a word.
    word: &'static str,
    /// From where to where, or what was checked.
    title: Vec<Span>,
    /// The answer in one sentence.
    summary: Vec<Span>,
    /// What else is to be said at once; mostly nothing.
    remark: Vec<Span>,
    sections: Vec<Section>,
}

/// How good the answer is.
#[derive(Clone, Copy, Debug)]
enum Tone {
    Good,
    Bad,
    /// Bad in part.
    Partly,
    /// Nobody can tell.
    Doubtful,
}

/// A part of a page under a heading of its own.
#[derive(Debug)]
struct Section {
    /// Its name within the page.
    id: &'static str,
    title: &'static str,
    blocks: Vec<Block>,
}

/// A block of words.
#[derive(Debug)]
enum Block {
    /// The heading of what follows, below the section's.
    Heading(Vec<Span>),
    Paragraph(Vec<Span>),
    List(Vec<Vec<Span>>),
    /// A list whose order matters.
    Sequence(Vec<Vec<Span>>),
    Listing(Listing),
    /// Both ways as a picture. The same in words follows it.
    Picture([Way; 2]),
}

/// Words that stand on lines of their own and are to be copied as they are. Outside data.
#[derive(Debug)]
struct Listing {
    /// The language, as Markdown's readers call it.
    language: &'static str,
    /// What it is, for who cannot see it.
    label: &'static str,
    text: String,
}

/// Words of one kind. Outside data, each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Span {
    Plain(String),
    /// An id, an address, a name.
    Code(String),
    Strong(String),
}

impl Span {
    /// The words without their kind.
    fn words(&self) -> &str {
        match self {
            Self::Plain(words) | Self::Code(words) | Self::Strong(words) => words,
        }
    }
}

/// One direction of the path.
#[derive(Debug)]
struct Way {
    /// `There`, `Back`
    label: &'static str,
    from: String,
    hops: Vec<Hop>,
    to: String,
}

impl Way {
    /// Whether packets get to its end, as far as anybody can tell.
    fn is_open(&self) -> bool {
        self.hops.iter().all(|hop| hop.action != Action::Dropped)
    }
}

/// One hop of a way.
#[derive(Debug)]
struct Hop {
    /// What it is: `network ACL`.
    kind: &'static str,
    /// Which one; none where that is not known.
    id: Option<String>,
    name: Option<String>,
    action: Action,
    /// Whether packets are dropped before they get here.
    is_past_a_drop: bool,
    rule: Option<String>,
    detail: Option<String>,
    /// The numbers of the causes that lie here, counted from 1.
    causes: Vec<usize>,
}

/// Plain words.
fn plain(words: impl Into<String>) -> Span {
    Span::Plain(words.into())
}

/// An id, an address, a name.
fn code(words: impl Into<String>) -> Span {
    Span::Code(words.into())
}

/// Words that matter.
fn strong(words: impl Into<String>) -> Span {
    Span::Strong(words.into())
}
