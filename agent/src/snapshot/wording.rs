//! serde's errors in a person's words.
//!
//! serde_json tells a programmer about types (`invalid type: map, expected struct Vpc`), without what
//! stands there and often with the place past it. The reader here wrote or saved the document: they
//! need the place of the value, what belongs there, and what is there now. The tests hold every
//! sentence, so that a new version of serde_json cannot change them unseen; what is not known here is
//! passed on as serde says it.

use std::fmt;
use std::path::Path;

use serde_json::error::Category;

use super::json::locate;
use crate::input_error::{InputError, Position};

/// How much of a value or of serde's words is shown.
const EXCERPT: usize = 48;
const MESSAGE: usize = 160;
const PLACE: usize = 160;

/// The error for a document that begins at `start` and is no JSON.
pub(super) fn syntax_error(file: &Path, text: &str, start: usize, error: &serde_json::Error) -> InputError {
    if error.is_eof() {
        let end = text.trim_end().len();
        let expected = match message(error).as_str() {
            "EOF while parsing a string" => "the end of the string",
            "EOF while parsing a list" => "the end of the list",
            "EOF while parsing an object" => "the end of the object",
            _ => "a value",
        };
        return InputError::expected(file, expected, "the end of the file: it is truncated")
            .at(Position::of(text, end));
    }
    let message = message(error);
    let mut offset = start + offset(text.get(start..).unwrap_or_default(), error).saturating_sub(1);
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    if message.starts_with("control character") {
        // Some of serde_json's functions give the place before it.
        offset += text.get(offset..).and_then(|rest| rest.find(|found: char| found < ' ')).unwrap_or(0);
    }
    let position = Position::of(text, offset);
    let expected = match message.as_str() {
        "expected value" if offset == start => "JSON",
        "expected value" => "a value",
        "expected ident" => "true, false or null",
        "key must be a string" => "a key in double quotes",
        "trailing comma" => "another element after the comma",
        "trailing characters" => "the end of the document",
        "invalid number" => "a number as JSON has them",
        "number out of range" => "a number within the range of a double",
        "invalid escape" => "an escape that JSON has",
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a closing quote, or the control character as an escape"
        }
        "lone leading surrogate in hex escape"
        | "unexpected end of hex escape"
        | "invalid unicode code point" => "a \\u escape of a character",
        "recursion limit exceeded" => {
            return InputError::expected(file, "fewer than 128 levels of lists and objects", "more")
                .at(position);
        }
        other => match other.strip_prefix("expected ") {
            Some(expected) => expected,
            None => {
                return InputError::new(file, format!("not JSON: {}", Excerpt(other, MESSAGE))).at(position);
            }
        },
    };
    match text.get(offset..).and_then(|rest| rest.chars().next()) {
        Some(character) => InputError::expected(file, expected, format_args!("`{character}`")).at(position),
        None => InputError::new(file, format!("expected {expected}")).at(position),
    }
}

/// The error for a document that is JSON, but whose value at `path` is not what belongs there.
pub(super) fn data_error(
    file: &Path,
    text: &str,
    start: usize,
    error: &serde_json::Error,
    path: &serde_path_to_error::Path,
) -> InputError {
    if error.classify() != Category::Data {
        return syntax_error(file, text, start, error);
    }
    let limit = start + offset(text.get(start..).unwrap_or_default(), error);
    let offset = locate(text, start, path, limit);
    let value = text.get(offset..).unwrap_or_default();
    let message = message(error);
    let place = path.iter().next().map(|_| Excerpt(&path.to_string(), PLACE).to_string());
    let problem = if let Some(field) = field(&message, "missing field `") {
        format!("expected the key {field:?}, found an object without it")
    } else if let Some(field) = field(&message, "duplicate field `") {
        format!("expected the key {field:?} once, found it twice")
    } else if let Some(expected) = expectation(&message) {
        format!("expected {}, found {}", Excerpt(expected, MESSAGE), Value(value))
    } else {
        Excerpt(&message, MESSAGE).to_string()
    };
    InputError::new(file, problem).at(Position::of(text, offset)).in_place(place)
}

/// serde_json's words without the place that it adds.
fn message(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    if let Some(length) = text.strip_suffix(&place).map(str::len) {
        text.truncate(length);
    }
    text
}

/// Where an error is, as the number of bytes up to it, the one that is wrong included.
fn offset(document: &str, error: &serde_json::Error) -> usize {
    // Line 0 is an error without a place.
    let Some(lines_before) = error.line().checked_sub(1) else { return document.len() };
    let line_start = match lines_before.checked_sub(1) {
        None => 0,
        Some(index) => document.match_indices('\n').nth(index).map_or(document.len(), |(at, _)| at + 1),
    };
    let mut offset = line_start.saturating_add(error.column()).min(document.len());
    // Columns are of bytes: step past the character that the byte is of.
    while !document.is_char_boundary(offset) {
        offset += 1;
    }
    offset
}

fn field<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_suffix('`')
}

/// What was expected, of serde's words or of the documents' own types'.
fn expectation(message: &str) -> Option<&str> {
    if let Some(own) = message.strip_prefix("expected ") {
        return Some(own.split_once(", found ").map_or(own, |(expected, _)| expected));
    }
    if message.starts_with("invalid IPv4 address") {
        return Some("an IPv4 address such as 10.0.0.5");
    }
    if message.starts_with("invalid IPv6 address") {
        return Some("an IPv6 address such as fd00::5");
    }
    if !message.starts_with("invalid ") {
        return None;
    }
    // What was found may hold these words too; what was expected comes last.
    let (_, expected) = message.rsplit_once(", expected ")?;
    Some(match expected {
        "a sequence" => "a list",
        "a map" => "an object",
        "a boolean" => "true or false",
        "i32" => "a whole number",
        "u32" => "a whole number, 0 or more",
        "IPv4 address" => "an IPv4 address such as 10.0.0.5",
        "IPv6 address" => "an IPv6 address such as fd00::5",
        structure if structure.starts_with("struct ") => "an object",
        other => other,
    })
}

/// What a JSON value at the beginning of a text is: itself if it is short, else its kind.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_bytes().first() {
            Some(b'{') => formatter.write_str("an object"),
            Some(b'[') => formatter.write_str("a list"),
            Some(b'"') => {
                // As it is written, up to the quote that ends it.
                let mut is_escaped = false;
                let end = self.0.char_indices().skip(1).find(|&(_, character)| {
                    let is_end = character == '"' && !is_escaped;
                    is_escaped = character == '\\' && !is_escaped;
                    is_end
                });
                let content = end.map_or(self.0, |(end, _)| self.0.get(..end).unwrap_or_default());
                let content = content.strip_prefix('"').unwrap_or(content);
                write!(formatter, "\"{}\"", Excerpt(content, EXCERPT))
            }
            Some(_) => {
                let end = self.0.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(self.0.len());
                Excerpt(self.0.get(..end).unwrap_or_default(), EXCERPT).fmt(formatter)
            }
            None => formatter.write_str("nothing"),
        }
    }
}

/// The first characters of a text that may be megabytes long.
struct Excerpt<'a>(&'a str, usize);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(self.1) {
            Some((end, _)) => write!(formatter, "{}…", self.0.get(..end).unwrap_or_default()),
            None => formatter.write_str(self.0),
        }
    }
}
