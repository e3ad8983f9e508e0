//! A page as Markdown, for a ticket or a chat: GitHub's, GitLab's and Slack's readers all take it.
//!
//! No tables and no lists within lists, which Slack does not show. Commands stand at the margin, where they can be
//! copied from any of them.

use super::{Block, Listing, Page, Span, Tone};

/// Writes a page.
pub(super) fn write(page: &Page) -> String {
    let mark = match page.tone {
        Tone::Good => "✅",
        Tone::Bad => "❌",
        Tone::Partly => "⚠️",
        Tone::Doubtful => "❔",
    };
    let mut parts = vec![
        format!("## {mark} {}: {}", page.word, spans(&page.title)),
        spans(&page.summary),
        spans(&page.remark),
    ];
    for section in &page.sections {
        parts.push(format!("### {}", section.title));
        parts.extend(section.blocks.iter().filter_map(block));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn block(block: &Block) -> Option<String> {
    let items = |items: &[Vec<Span>], mark: &dyn Fn(usize) -> String| {
        let lines = items.iter().zip(1..).map(|(item, number)| format!("{} {}", mark(number), spans(item)));
        lines.collect::<Vec<_>>().join("\n")
    };
    Some(match block {
        Block::Heading(words) => format!("#### {}", spans(words)),
        Block::Paragraph(words) => spans(words),
        Block::List(list) => items(list, &|_| "-".to_string()),
        Block::Sequence(list) => items(list, &|number| format!("{number}.")),
        Block::Listing(listing) => fenced(listing),
        // What it shows follows it in words.
        Block::Picture(_) => return None,
    })
}

/// A fence longer than any run of backticks within.
fn fenced(listing: &Listing) -> String {
    let longest = listing.text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}{}\n{}\n{fence}", listing.language, listing.text)
}

fn spans(spans: &[Span]) -> String {
    let written = spans.iter().map(|span| match span {
        Span::Plain(words) => escaped(words),
        Span::Code(words) => coded(words),
        Span::Strong(words) => format!("**{}**", escaped(words)),
    });
    begun(written.collect::<String>().trim())
}

/// A line as it can begin a block: `1.`, `1)` and `-` would begin a list.
fn begun(line: &str) -> String {
    let after_digits = line.trim_start_matches(|one: char| one.is_ascii_digit());
    let is_number = after_digits.len() < line.len() && after_digits.starts_with(['.', ')']);
    match (is_number, line.starts_with('-')) {
        (true, _) => format!("{}\\{after_digits}", &line[..line.len() - after_digits.len()]),
        (false, true) => format!("\\{line}"),
        (false, false) => line.to_string(),
    }
}

/// Code in a line. A backtick within is written as a visible escape: CommonMark has longer delimiters for it, but
/// Slack has not, and there it would end the code.
fn coded(words: &str) -> String {
    let words = words.trim().replace('`', "\\u{60}");
    // Empty code is none: its delimiters would be text.
    if words.is_empty() { words } else { format!("`{words}`") }
}

/// Plain words: whatever could be markup gets a backslash. [`super::sentence`] leaves nothing of it in outside data;
/// this holds for words that did not come by there.
fn escaped(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '~' | '|' | '!' | '&'
            | '@' | '$' | '^' | '=' | '+' => escaped.extend(['\\', character]),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
