//! The log: one line an event, on standard error, `key=value` or JSON. No value can end a line, or a quote.

use std::io::Write;

use serde_json::{Map, Value};

use super::configuration::LogFormat;
use crate::clock;

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
                Value::Object(map).to_string()
            }
        };
        // Whoever reads the log may be gone; that ends nothing.
        _ = writeln!(std::io::stderr().lock(), "{line}");
    }
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
            character if character.is_control() => quoted.extend(character.escape_unicode()),
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
        ] {
            assert_eq!(logfmt(value), expected);
        }
    }
}
