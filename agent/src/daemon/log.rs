//! The log: one line an event, on standard error, `key=value` or JSON. No value can end a line, or a quote, or command the
//! terminal of whoever reads it.

use std::io::Write;

use serde_json::{Map, Value};

use super::configuration::LogFormat;
use crate::clock;
use crate::escape::is_harmful;

/// Writes events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    format: LogFormat,
}

impl Log {
    /// A log of a form.
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format }
    }

    /// Something that happened.
    pub(super) fn info(&self, event: &str, fields: &[(&str, &str)]) {
        self.write("info", event, fields);
    }

    /// Something that somebody should look at.
    pub(super) fn warn(&self, event: &str, fields: &[(&str, &str)]) {
        self.write("warn", event, fields);
    }

    fn write(&self, level: &str, event: &str, fields: &[(&str, &str)]) {
        let at = clock::now().to_string();
        let head = [("time", at.as_str()), ("level", level), ("event", event)];
        let all = head.iter().chain(fields);
        let line = match self.format {
            LogFormat::Logfmt => {
                let pairs: Vec<String> = all.map(|(key, value)| format!("{key}={}", logfmt(value))).collect();
                pairs.join(" ")
            }
            LogFormat::Json => {
                let map: Map<String, Value> =
                    all.map(|(key, value)| ((*key).to_string(), Value::from(*value))).collect();
                json(&Value::Object(map))
            }
        };
        // Whoever reads the log may be gone; that ends nothing.
        _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

/// A value in JSON, in which what JSON may hold and a terminal heeds is written by its number.
fn json(value: &Value) -> String {
    let mut line = String::new();
    for character in value.to_string().chars() {
        match character {
            // All of them have four digits, and stand in strings alone.
            character if is_harmful(character) => line.push_str(&format!("\\u{:04x}", u32::from(character))),
            character => line.push(character),
        }
    }
    line
}

/// A value of logfmt: quoted where it has to be.
fn logfmt(value: &str) -> String {
    let is_bare = !value.is_empty()
        && value.chars().all(|character| {
            character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':' | '/' | '+' | ',')
        });
    if is_bare {
        return value.to_string();
    }
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            character if is_harmful(character) => quoted.extend(character.escape_unicode()),
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_place() {
        for (value, expected) in [
            ("10.100.2.20:5432", "10.100.2.20:5432"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=\"b\"", "\"a=\\\"b\\\"\""),
            ("line\nlevel=error", "\"line\\nlevel=error\""),
            ("\u{1b}[2J", "\"\\u{1b}[2J\""),
            ("\u{9b}2J\u{202e}", "\"\\u{9b}2J\\u{202e}\""),
        ] {
            assert_eq!(logfmt(value), expected);
        }
    }

    #[test]
    fn json_says_the_same_without_what_a_terminal_heeds() {
        let value = Value::from("a\u{1b}[2J\u{9b}2J\u{7f}\u{202e}\u{2028}é");
        let line = json(&value);
        assert_eq!(line, "\"a\\u001b[2J\\u009b2J\\u007f\\u202e\\u2028é\"");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }
}
