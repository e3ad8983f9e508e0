//! Outside text made harmless before a person's terminal sees it.
//!
//! File names, tags, rule descriptions and broken documents are whatever somebody wrote: an escape
//! sequence in one could retitle the terminal or repaint the verdict, a bidi override could show an
//! address backwards, and a line feed would break the rule that an error is one line.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;

/// Writes controls (C0, DEL, C1), bidi controls and Unicode's line separators as visible escapes:
/// `\n`, `\r`, `\t`, else `\u{1b}`. All other text, backslashes too, stays as it is: this is for
/// reading, not for reading back.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            harmful if is_harmful(harmful) => show(harmful, &mut escaped),
            harmless => escaped.push(harmless),
        }
    }
    Cow::Owned(escaped)
}

/// The same for a file name or an argument: what is not UTF-8 becomes U+FFFD.
pub(crate) fn escape_os(text: &OsStr) -> String {
    escape(&text.to_string_lossy()).into_owned()
}

/// The same for XML 1.0, between tags and between quotes: markup becomes references, line feeds stay. What XML has no
/// way to write, not even as a reference, becomes visible as above.
pub(crate) fn escape_xml(text: &str) -> Cow<'_, str> {
    let is_plain = |character: char| {
        !matches!(character, '<' | '>' | '&' | '"' | '\'') && (character == '\n' || is_visible(character))
    };
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            plain if is_plain(plain) => escaped.push(plain),
            harmful => show(harmful, &mut escaped),
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character may stand in XML (its section 2.2: not U+FFFE and U+FFFF) and harms nobody who reads it.
fn is_visible(character: char) -> bool {
    !is_harmful(character) && !matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// Writes a harmful character as it can be seen.
fn show(harmful: char, text: &mut String) {
    match harmful {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        // Writing to a String cannot fail.
        other => _ = write!(text, "\\u{{{:x}}}", u32::from(other)),
    }
}

/// Whether a character does something to a person's terminal, or to the order of what is read.
pub(crate) fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // The marks, embeddings, overrides and isolates of the bidirectional algorithm (UAX #9).
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separator, which some terminals and viewers break lines at.
            | '\u{2028}' | '\u{2029}'
        )
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn harmful_characters_become_visible() {
        for (text, shown) in [
            ("", ""),
            ("orders-db é 日本 \\n", "orders-db é 日本 \\n"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\0\u{7f}\u{9b}31m", "\\u{0}\\u{7f}\\u{9b}31m"),
            ("10.0.\u{202e}1.0", "10.0.\\u{202e}1.0"),
            ("\u{2066}\u{200f}\u{61c}\u{2028}", "\\u{2066}\\u{200f}\\u{61c}\\u{2028}"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn what_xml_cannot_hold_becomes_visible_and_markup_a_reference() {
        for (text, shown) in [
            ("", ""),
            ("orders-db é 日本 🚀", "orders-db é 日本 🚀"),
            ("a\nb", "a\nb"),
            ("<a b=\"c\" d='e'>&amp;]]>", "&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;amp;]]&gt;"),
            ("\0\u{8}\u{1b}[2J\r\t", "\\u{0}\\u{8}\\u{1b}[2J\\r\\t"),
            ("\u{fffe}\u{ffff}\u{fffd}\u{85}\u{202e}", "\\u{fffe}\\u{ffff}\u{fffd}\\u{85}\\u{202e}"),
        ] {
            assert_eq!(escape_xml(text), shown);
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_become_replacement_characters() {
        assert_eq!(escape_os(OsStr::from_bytes(b"a\xff\x1b[2J.json")), "a\u{fffd}\\u{1b}[2J.json");
    }
}
