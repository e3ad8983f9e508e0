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
const AFTER: [char; 7] = [')', '"', '.', ',', ';', ':', '?'];

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
        let spans = sentence(text);
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
            ("in 3.1 s by 0.1.0", "in 3.1 s by `0.1.0`"),
            ("both ways (the host's own), two-way", "both ways (the host's own), two-way"),
            ("eni-1 \"orders-db\": 0.0.0.0/0 → local", "`eni-1` \"orders-db\": `0.0.0.0/0` → local"),
        ] {
            assert_eq!(shown(text), expected);
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
