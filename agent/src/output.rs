//! Results to standard output, where a reader that has gone away is no error.

use std::io::{ErrorKind, Write};

use crate::exit::Failure;

/// Writes a result.
///
/// # Errors
/// Where standard output cannot be written to for any reason but a closed pipe.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_on(text).map(|_| ())
}

/// Writes a part of a result; false where the reader has gone away, so that there is no point in more.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_on(text: &str) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::Internal(format!("standard output: {error}"))),
        Ok(()) => Ok(true),
    }
}

/// Writes a result as JSON.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::Internal(error.to_string()))?;
    text.push('\n');
    print(&text)
}
