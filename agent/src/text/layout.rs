//! Lines that fit.

use textwrap::{Options, WordSplitter};
use unicode_width::UnicodeWidthStr;

/// The margin of everything that belongs to a label.
pub(super) const MARGIN: &str = "          ";

/// Wraps words to `width` columns, the first line after `first`, the others after `rest`; ends with a
/// line feed. Words longer than a line (an ARN, a name without spaces) are broken.
pub(crate) fn wrapped(words: &str, width: usize, first: &str, rest: &str) -> String {
    let options = Options::new(width.max(rest.width() + 16))
        .initial_indent(first)
        .subsequent_indent(rest)
        .word_splitter(WordSplitter::NoHyphenation);
    let mut text = String::new();
    for line in textwrap::wrap(words, options) {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if text.is_empty() {
        text.push_str(first.trim_end());
        text.push('\n');
    }
    text
}

/// Breaks a shell command so that it fits and can still be copied: before options, with a backslash. A
/// word that fits nowhere stays whole, at the margin: broken, it would be another command.
pub(crate) fn command(command: &str, width: usize, indent: &str) -> String {
    const CONTINUED: &str = "    ";
    const BACKSLASH: usize = 2;
    let mut text = String::new();
    for command in command.lines() {
        let mut line = indent.to_string();
        let mut break_before = |line: &mut String, margin: &str| {
            text.push_str(line);
            text.push_str(" \\\n");
            *line = margin.to_string();
        };
        for (index, word) in words(command).into_iter().enumerate() {
            if index == 0 {
                line.push_str(&word);
            } else if line.width() + 1 + word.width() + BACKSLASH <= width || !word.starts_with('-') {
                line.push(' ');
                line.push_str(&word);
            } else if indent.width() + CONTINUED.width() + word.width() + BACKSLASH <= width {
                break_before(&mut line, &format!("{indent}{CONTINUED}"));
                line.push_str(&word);
            } else {
                let (option, value) = word.split_once(' ').unwrap_or((&word, ""));
                break_before(&mut line, &format!("{indent}{CONTINUED}"));
                line.push_str(option);
                if !value.is_empty() {
                    break_before(&mut line, "  ");
                    line.push_str(value);
                }
            }
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Splits a command at spaces, an option and its value being one word, quoted text too.
fn words(command: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in command.split(' ') {
        let joins = quoted
            || words.last().is_some_and(|last| last.starts_with("--") && !last.contains(' '))
                && !word.starts_with('-');
        match words.last_mut().filter(|_| joins) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => words.push(word.to_string()),
        }
        quoted ^= word.matches('\'').count() % 2 == 1;
    }
    words
}

/// Cuts text to a number of columns, with an ellipsis where something is lost.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_string();
    }
    let mut kept = String::new();
    for character in text.chars() {
        let mut longer = kept.clone();
        longer.push(character);
        if longer.width() >= columns {
            break;
        }
        kept = longer;
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_break_before_options_and_stay_runnable() {
        let long = "aws ec2 create-route --route-table-id rtb-0123456789abcdef0 --destination-cidr-block 10.0.0.0/16 --vpc-peering-connection-id pcx-0123456789abcdef0";
        let text = command(long, 60, "  ");
        assert!(text.lines().all(|line| line.width() <= 60), "{text}");
        let joined: String = text.replace(" \\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(joined, long);
    }

    #[test]
    fn a_cut_text_never_exceeds_its_columns() {
        for columns in 1..12 {
            assert!(cut("日本語のデータベース", columns).width() <= columns.max(1));
        }
        assert_eq!(cut("short", 5), "short");
    }
}
