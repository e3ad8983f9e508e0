//! The edit of a rehearsal: commands as a person or a report writes them, carried out on a copy of the documents.

use std::path::Path;

use peerscope_document::Snapshot;
use peerscope_laboratory::operator;

use crate::exit::Failure;
use crate::input_error::InputError;
use crate::input_file::read_text;

/// A copy of the documents with the commands of `file` carried out.
///
/// # Errors
/// Every command that cannot be, with its line, the reason that its tool or service would give, and what was expected.
pub(super) fn edited(snapshot: &Snapshot, file: &Path) -> Result<Snapshot, Failure> {
    let wrong = |error| Failure::Input(vec![error]);
    let text = read_text(file, "commands").map_err(wrong)?;
    let is_command = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if !text.lines().any(is_command) {
        let expected = "commands of aws ec2 or heroku, one a line, as a report prints them";
        return Err(wrong(InputError::expected(file, expected, "none")));
    }
    let mut copy = snapshot.clone();
    operator::run_all(&mut copy, &text).map_err(|errors| {
        let wrong = errors.iter().map(|error| {
            let command: String = error.command.chars().take(120).collect();
            let expected = error.refusal.expected().map(|it| format!("; expected {it}")).unwrap_or_default();
            InputError::new(file, format!("`{command}`: {}{expected}", error.refusal)).on_line(error.line)
        });
        Failure::Input(wrong.collect())
    })?;
    Ok(copy)
}
