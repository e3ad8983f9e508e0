//! Files that a person wrote for one command: small, and text.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use crate::input_error::{InputError, Position};

/// Nobody writes more than this by hand.
const LARGEST: u64 = 4 << 20;

/// The text of a file. `what` names what it is to hold, in the plural.
///
/// # Errors
/// Where it cannot be read, is larger than any of its kind, or is not UTF-8.
pub(crate) fn read_text(file: &Path, what: &str) -> Result<String, InputError> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| InputError::new(file, error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(InputError::expected(file, format!("a file of {what} of at most 4 MiB"), "a larger one"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        InputError::expected(file, "text in UTF-8", "other bytes").at(Position::of(&text, valid))
    })
}

/// What a TOML file holds, as far as it can be read, and everything that makes it no TOML.
pub(crate) fn parse_toml<'t>(file: &Path, text: &'t str) -> (Spanned<DeTable<'t>>, Vec<InputError>) {
    let (document, broken) = DeTable::parse_recoverable(text);
    let error = |error: &toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let words = error.message().replace('\n', ", ");
        InputError::new(file, format!("no TOML: {words}")).at(Position::of(text, start))
    };
    (document, broken.iter().map(error).collect())
}
