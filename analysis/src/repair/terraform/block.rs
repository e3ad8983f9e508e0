//! Blocks of Terraform's language, written so that no id can end a string or a name early.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// What an argument is set to.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Number(i32),
    Bool(bool),
    /// Another block's attribute.
    Reference(String),
}

/// A block: a resource, or the import of one.
#[derive(Clone, Debug)]
pub(super) struct Block {
    kind: &'static str,
    labels: Vec<String>,
    note: Option<String>,
    arguments: Vec<(&'static str, Value)>,
}

impl Block {
    /// A resource; its name is made of `what` it is for.
    pub(super) fn resource(resource_type: &str, what: &str) -> Self {
        let labels = Vec::from([resource_type.to_string(), name(what)]);
        Self { kind: "resource", labels, note: None, arguments: Vec::new() }
    }

    /// The import of something that exists, as the resource of this address.
    pub(super) fn import(address: &str, id: &str) -> Self {
        let (to, id) = (Value::Reference(address.to_string()), Value::Text(id.to_string()));
        Self {
            kind: "import",
            labels: Vec::new(),
            note: None,
            arguments: Vec::from([("to", to), ("id", id)]),
        }
    }

    pub(super) fn with(mut self, argument: &'static str, value: Value) -> Self {
        self.arguments.push((argument, value));
        self
    }

    /// The block with a comment before its arguments.
    pub(super) fn noted(mut self, words: &str) -> Self {
        self.note = Some(super::one_line(words));
        self
    }

    pub(super) fn is_import(&self) -> bool {
        self.kind == "import"
    }

    /// How other blocks refer to it.
    pub(super) fn address(&self) -> String {
        self.labels.join(".")
    }
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind)?;
        for label in &self.labels {
            write!(formatter, " {}", quoted(label))?;
        }
        formatter.write_str(" {\n")?;
        if let Some(note) = &self.note {
            writeln!(formatter, "  # {note}")?;
        }
        let width = self.arguments.iter().map(|(argument, _)| argument.len()).max().unwrap_or(0);
        for (argument, value) in &self.arguments {
            writeln!(formatter, "  {argument:<width$} = {value}")?;
        }
        formatter.write_str("}")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(&quoted(text)),
            Self::Number(number) => number.fmt(formatter),
            Self::Bool(value) => value.fmt(formatter),
            Self::Reference(address) => formatter.write_str(address),
        }
    }
}

/// A name that Terraform takes: it must begin with a letter, and holds letters, digits, `_` and `-`.
fn name(what: &str) -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() || one == '-' { one } else { '_' };
    let name: String = what.chars().map(plain).collect();
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) { name } else { format!("_{name}") }
}

/// A string literal. `${` and `%{` would begin a template.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for one in text.chars() {
        match one {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            one if one.is_control() => literal.push(' '),
            one => literal.push(one),
        }
    }
    literal.push('"');
    literal.replace("${", "$${").replace("%{", "%%{")
}
