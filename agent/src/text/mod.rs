//! Text for a tired person at night: the answer first, plain words, real ids, exact commands.
//!
//! Everything is written from the report that JSON shows, so no text says more than a script could
//! read. Names, tags and messages are outside data and are escaped here, where they meet a terminal.

mod assertions;
mod check;
mod diagnosis;
mod diff;
pub(crate) mod entry;
mod layout;
mod mending;
mod picture;
#[cfg(feature = "laboratory")]
mod rehearsal;
mod weighing;
pub(crate) mod words;

use std::io::IsTerminal;

use peerscope_analysis::report::Diagnosis;

use crate::cli::DiagnosisFormat;
use crate::exit::Failure;
use crate::output::{print, print_json};
use crate::page;

pub(crate) use assertions::{
    path as asserted_path, result_text as assertion_text, text as assertions_text,
    what_holds as what_holds_of,
};
pub(crate) use check::{
    counts as check_counts, result_text, severity_word, text as check_text, unchecked_reasons,
};
pub(crate) use diagnosis::text as diagnosis_text;
pub(crate) use diff::text as diff_text;
pub(crate) use layout::{cut, wrapped};
pub(crate) use mending::is_in;
#[cfg(feature = "laboratory")]
pub(crate) use rehearsal::text as rehearsal_text;
pub(crate) use weighing::weighing;

/// The width of text where there is no terminal to fit.
const DEFAULT_WIDTH: usize = 80;
/// Below this no layout is legible; wider than this no line is.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=120;

/// How text is to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Columns.
    pub(crate) width: usize,
    /// Whether colours may be used.
    pub(crate) colour: bool,
}

impl Style {
    /// For standard output: its terminal's width, and colours unless `NO_COLOR` is set.
    pub(crate) fn of_stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let width =
            terminal_size::terminal_size().filter(|_| terminal).map(|(width, _)| usize::from(width.0));
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            width: width.unwrap_or(DEFAULT_WIDTH).clamp(*WIDTHS.start(), *WIDTHS.end()),
            colour: terminal && !no_colour,
        }
    }

    /// Bold.
    pub(crate) fn strong(&self, text: &str) -> String {
        self.with("1", text)
    }

    /// Faint: what is there for completeness.
    pub(crate) fn faint(&self, text: &str) -> String {
        self.with("2", text)
    }

    /// Good news.
    pub(crate) fn good(&self, text: &str) -> String {
        self.with("1;32", text)
    }

    /// Bad news.
    pub(crate) fn bad(&self, text: &str) -> String {
        self.with("1;31", text)
    }

    /// Neither.
    pub(crate) fn doubtful(&self, text: &str) -> String {
        self.with("1;33", text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }
}

/// Shows a diagnosis in the format asked for.
///
/// # Errors
/// Where standard output cannot be written to.
pub(crate) fn show(diagnosis: &Diagnosis, format: DiagnosisFormat, style: &Style) -> Result<(), Failure> {
    match format {
        DiagnosisFormat::Json => print_json(diagnosis),
        DiagnosisFormat::Text => print(&diagnosis_text(diagnosis, style)),
        DiagnosisFormat::Markdown => print(&page::markdown(diagnosis, None)),
        DiagnosisFormat::Html => print(&page::html(diagnosis, None)),
    }
}
