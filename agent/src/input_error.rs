//! What is wrong with something that the user gave.
//!
//! A person who typed a wrong path or saved half a document needs one line: which file, where in it,
//! what was expected there. Several files may be wrong at once, so these are values that are
//! collected, not a failure that ends the first loop it occurs in; together they make exit status 2.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::escape::{escape, escape_os};

/// A place in a text, both counted from 1; the column in characters, as editors show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// The line.
    pub(crate) line: usize,
    /// The character in it.
    pub(crate) column: usize,
}

impl Position {
    /// The position of the byte at `offset` of `text`; past its end, that of the end.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |index| index + 1);
        let is_character_start = |byte: &&u8| (**byte as i8) >= -0x40;
        Self {
            line: 1 + before[..line_start].iter().filter(|&&byte| byte == b'\n').count(),
            column: 1 + before[line_start..].iter().filter(is_character_start).count(),
        }
    }

    /// The same place, of a part that begins at the byte `start` of a text, in the whole of it.
    pub(crate) fn after(self, text: &str, start: usize) -> Self {
        let before = Self::of(text, start);
        let column = if self.line == 1 { before.column + self.column - 1 } else { self.column };
        Self { line: before.line + self.line - 1, column }
    }
}

/// Something given by the user that cannot be used. Its `Display` is one line without any control
/// character: `FILE:LINE:COLUMN: at PLACE: expected …, found …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InputError {
    file: PathBuf,
    position: Option<Position>,
    line: Option<usize>,
    place: Option<String>,
    problem: String,
}

impl InputError {
    /// An error about the whole of `file`, in the words of `problem`.
    pub(crate) fn new(file: &Path, problem: impl Into<String>) -> Self {
        Self { file: file.to_path_buf(), position: None, line: None, place: None, problem: problem.into() }
    }

    /// An error that says what was expected and what was there.
    pub(crate) fn expected(file: &Path, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self::new(file, format!("expected {expected}, found {found}"))
    }

    /// Adds the line and column.
    pub(crate) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// Where in the file, for the order of several.
    pub(crate) fn position(&self) -> Option<Position> {
        self.position
    }

    /// Adds the line, counted from 1, where the whole of it is the place.
    pub(crate) fn on_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Adds the place in the document's structure, such as `RouteTables[2].Routes[0]`.
    pub(crate) fn in_place(mut self, place: Option<String>) -> Self {
        self.place = place;
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&escape_os(self.file.as_os_str()))?;
        if let Some(Position { line, column }) = self.position {
            write!(formatter, ":{line}:{column}")?;
        } else if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        formatter.write_str(": ")?;
        if let Some(place) = &self.place {
            write!(formatter, "at {}: ", escape(place))?;
        }
        formatter.write_str(&escape(&self.problem))
    }
}

impl Error for InputError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "ab\ncd\n\né日x";
        for (offset, line, column) in [
            (0, 1, 1),
            (2, 1, 3),
            (3, 2, 1),
            (6, 3, 1),
            (7, 4, 1),
            (9, 4, 2),
            (12, 4, 3),
            (13, 4, 4),
            (usize::MAX, 4, 4),
        ] {
            assert_eq!(Position::of(text, offset), Position { line, column }, "at {offset}");
        }
    }

    #[test]
    fn a_place_in_a_part_is_a_place_in_the_whole() {
        let text = "ab\ncd{x\ny}";
        let start = 5;
        for (line, column, whole) in [(1, 1, (2, 3)), (1, 2, (2, 4)), (2, 1, (3, 1)), (2, 2, (3, 2))] {
            let place = Position { line, column }.after(text, start);
            assert_eq!((place.line, place.column), whole);
        }
        assert_eq!(Position { line: 4, column: 7 }.after(text, 0), Position { line: 4, column: 7 });
    }

    #[test]
    fn an_error_is_one_harmless_line() {
        let error = InputError::expected(Path::new("a\n\u{1b}[2J.json"), "a CIDR block", "\"x\ny\"")
            .at(Position { line: 3, column: 7 })
            .in_place(Some("Vpcs[0].\u{202e}".to_owned()));
        assert_eq!(
            error.to_string(),
            "a\\n\\u{1b}[2J.json:3:7: at Vpcs[0].\\u{202e}: expected a CIDR block, found \"x\\ny\""
        );
    }
}
