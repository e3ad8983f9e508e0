//! A sentence of the analysis divided into words and what is no word: ids, addresses, names.
//!
//! Reading is easier with them set apart, and it is what keeps outside data in its place: a chat or a forge makes
//! links of `www.…`, calls people by `@…` and refers to issues by `#…` in whatever text they stand, escaped or not,
//! but never in code. So only what cannot be taken for anything else is left as plain words.

use super::{Span, code, plain};
use crate::escape::escape;

/// What may stand before a word without being part of it.
const BEFORE: [char; 2] = ['(', '"'];
/// What may stand after it.
const AFTER: [char; 9] = [')', '"', '.', ',', ';', ':', '?', '\'', '’'];

/// Divides a sentence.
pub(super) fn sentence(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (index, word) in escape(text).split_whitespace().enumerate() {
        if index > 0 {
            push_plain(&mut spans, " ");
        }
        let rest = word.trim_start_matches(BEFORE);
        let core = rest.trim_end_matches(AFTER);
        let (before, after) = (&word[..word.len() - rest.len()], &rest[core.len()..]);
        if is_word(core) {
            push_plain(&mut spans, word);
        } else if core.is_empty() {
            spans.push(code(word));
        } else {
            push_plain(&mut spans, before);
            spans.push(code(core));
            push_plain(&mut spans, after);
        }
    }
    spans
}

/// The same with a capital at the start, where a word stands there, and a full stop at the end.
pub(super) fn whole_sentence(text: &str) -> Vec<Span> {
    let mut spans = sentence(text);
    if let Some(Span::Plain(words)) = spans.first_mut() {
        let mut characters = words.chars();
        let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
        *words = first + characters.as_str();
    }
    match spans.last_mut() {
        Some(Span::Plain(words)) if words.ends_with(['.', '?', '!']) => {}
        Some(_) => push_plain(&mut spans, "."),
        None => {}
    }
    spans
}

/// A whole sentence in which these commands stand word for word, each of them set apart as one.
pub(super) fn sentence_with_commands(text: &str, commands: &[String]) -> Vec<Span> {
    // A word for a command, of a private character: where outside data has it, no command is set apart.
    const COMMAND: char = '\u{e000}';
    let commands = || commands.iter().filter(|command| !command.trim().is_empty());
    if text.contains(COMMAND) {
        return whole_sentence(text);
    }
    // Only as words of their own: code that touches code is none.
    let is_apart = |text: &str, at: usize, command: &str| {
        let (before, after) = (text[..at].chars().next_back(), text[at + command.len()..].chars().next());
        before.is_none_or(|one| one.is_whitespace() || BEFORE.contains(&one))
            && after.is_none_or(|one| one.is_whitespace() || AFTER.contains(&one))
    };
    let next = |from: usize| {
        let found = commands().filter_map(|command| {
            let mut places = text[from..].match_indices(command.as_str()).map(|(at, _)| from + at);
            Some((places.find(|at| is_apart(text, *at, command))?, command))
        });
        // Of those that begin at one place the longest is meant.
        found.min_by_key(|(at, command)| (*at, usize::MAX - command.len()))
    };
    let (mut marked, mut told, mut found) = (String::new(), 0, Vec::new());
    while let Some((at, command)) = next(told) {
        marked.push_str(&text[told..at]);
        marked.push(COMMAND);
        told = at + command.len();
        found.push(escape(command));
    }
    marked.push_str(&text[told..]);
    let mut found = found.into_iter();
    let mut spans: Vec<Span> = Vec::new();
    for span in whole_sentence(&marked) {
        match span {
            Span::Plain(words) => {
                for (index, part) in words.split(COMMAND).enumerate() {
                    spans.extend((index > 0).then(|| code(found.next().unwrap_or_default())));
                    push_plain(&mut spans, part);
                }
            }
            Span::Code(words) => {
                let mut parts = words.split(COMMAND);
                let mut whole = parts.next().unwrap_or_default().to_string();
                for part in parts {
                    whole.push_str(&found.next().unwrap_or_default());
                    whole.push_str(part);
                }
                spans.push(code(whole));
            }
            strong @ Span::Strong(_) => spans.push(strong),
        }
    }
    spans
}

/// Letters, digits, and signs that no format gives a meaning; hyphens and apostrophes between letters, a point between
/// digits alone: `0.1.0` and `10.0.0.0` are names.
fn is_word(core: &str) -> bool {
    let is_harmless = |character: char| {
        character.is_ascii_digit() || !character.is_ascii() || character.is_ascii_alphabetic()
    };
    let letters = |part: &str| !part.is_empty() && part.chars().all(|one| one.is_alphabetic());
    let is_decimal = core.split_once('.').is_some_and(|(whole, rest)| {
        [whole, rest].iter().all(|part| !part.is_empty() && part.chars().all(|one| one.is_ascii_digit()))
    });
    is_decimal
        || (!core.is_empty() && core.chars().all(is_harmless))
        || core.split(['-', '\'', '’']).all(letters)
}

fn push_plain(spans: &mut Vec<Span>, words: &str) {
    match spans.last_mut() {
        Some(Span::Plain(known)) => known.push_str(words),
        _ if words.is_empty() => {}
        _ => spans.push(plain(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Markdown shows it, roughly.
    fn shown(text: &str) -> String {
        written(sentence(text))
    }

    fn written(spans: Vec<Span>) -> String {
        let shown = spans.iter().map(|span| match span {
            Span::Plain(words) | Span::Strong(words) => words.clone(),
            Span::Code(words) => format!("`{words}`"),
        });
        shown.collect()
    }

    #[test]
    fn ids_addresses_and_ports_are_set_apart_from_words() {
        for (text, expected) in [
            ("", ""),
            ("One more cause stands in the way.", "One more cause stands in the way."),
            (
                "No inbound rule of sg-0db5 allows tcp 5432 from 10.0.144.0/20.",
                "No inbound rule of `sg-0db5` allows tcp 5432 from `10.0.144.0/20`.",
            ),
            ("its clients' names", "its clients' names"),
            ("in 3.1 s by 0.1.0", "in 3.1 s by `0.1.0`"),
            ("both ways (the host's own), two-way", "both ways (the host's own), two-way"),
            ("eni-1 \"orders-db\": 0.0.0.0/0 → local", "`eni-1` \"orders-db\": `0.0.0.0/0` → local"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn commands_are_set_apart_as_one() {
        let commands = ["peerscope why tcp://10.0.0.1:22", "tcpdump -n tcp port 22", "tcpdump -n", " "];
        let commands = commands.map(String::from);
        for (text, expected) in [
            ("nothing to run", "Nothing to run."),
            (
                "on 10.0.0.1: tcpdump -n tcp port 22; and from here: peerscope why tcp://10.0.0.1:22",
                "On `10.0.0.1`: `tcpdump -n tcp port 22`; and from here: `peerscope why tcp://10.0.0.1:22`.",
            ),
            ("tcpdump -n", "`tcpdump -n`."),
            ("xtcpdump -n, tcpdump -n", "Xtcpdump `-n`, `tcpdump -n`."),
            ("tcpdump -ntcpdump -n", "Tcpdump `-ntcpdump` `-n`."),
            ("x\"tcpdump -n", "`x\"tcpdump -n`."),
            ("\u{e000} tcpdump -n", "\u{e000} tcpdump `-n`."),
        ] {
            assert_eq!(written(sentence_with_commands(text, &commands)), expected);
        }
    }

    #[test]
    fn what_a_format_gives_a_meaning_is_no_word() {
        for (text, expected) in [
            ("see www.evil.example now", "see `www.evil.example` now"),
            ("(https://evil.example)", "(`https://evil.example`)"),
            ("@everyone and #1", "`@everyone` and `#1`"),
            ("a@evil.example", "`a@evil.example`"),
            ("[x](http://e) ![y](z)", "`[x](http://e`) `![y](z`)"),
            ("--- === *** - + >", "`---` `===` `***` `-` `+` `>`"),
            (":smile: a_b_c |", "`:smile`: `a_b_c` `|`"),
            ("tab\there\nand \u{202e}there", "`tab\\there\\nand` `\\u{202e}there`"),
            ("... \"", "`...` `\"`"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
