//! The little of a POSIX shell that printed commands use.
//!
//! It is stricter than a shell where a shell would do something else than the text looks like: an
//! expansion outside double quotes is split into words, a bracket outside quotes is a pattern (and in zsh
//! an error). A fix that relies on such luck is a bug, so both are refused.

use super::error::{OperatorError, Refusal};

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    /// As it is written, for errors.
    pub(super) text: String,
    pub(super) words: Vec<Word>,
}

/// A word of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// The variable's name, of `NAME=value`.
    pub(super) assigns: Option<String>,
    pub(super) parts: Vec<Part>,
}

/// What a word is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// `$NAME`
    Variable(String),
    /// `$(command)`
    Output(Command),
}

/// What means something to a shell outside quotes.
const SPECIAL: &str = "|&;<>()`*?[]{}~";

/// Reads commands, one a line; comments and empty lines are none. What is no command is an error, and reading goes on
/// behind it.
pub(super) fn read(text: &str) -> (Vec<Command>, Vec<OperatorError>) {
    let mut reader = Reader { rest: text, line: 1 };
    let (mut commands, mut wrong) = (Vec::new(), Vec::new());
    while reader.peek().is_some() {
        let start = Reader { ..reader };
        match reader.command('\n') {
            Ok(command) if command.words.is_empty() => {}
            Ok(command) => commands.push(command),
            Err(what) => {
                wrong.push(OperatorError {
                    line: start.line,
                    command: start.rest.lines().next().unwrap_or_default().trim().to_owned(),
                    refusal: Refusal::Shell(what),
                });
                let passed = start.rest.len() - reader.rest.len();
                if reader.rest.is_empty() || start.rest[..passed].lines().skip(1).any(begins_command) {
                    // A quote that was left open has swallowed the lines behind its own.
                    reader = start;
                }
                reader.pass_line();
            }
        }
    }
    (commands, wrong)
}

fn begins_command(line: &str) -> bool {
    ["aws ", "heroku "].iter().any(|program| line.starts_with(program))
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl Reader<'_> {
    /// The next character, with continued lines joined.
    fn peek(&mut self) -> Option<char> {
        while let Some(after) = self.rest.strip_prefix("\\\n") {
            self.rest = after;
            self.line += 1;
        }
        self.rest.chars().next()
    }

    /// Goes past the next character, whatever it is.
    fn take(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        self.line += usize::from(character == '\n');
        Some(character)
    }

    /// Goes past the end of the line, and of those that continue it.
    fn pass_line(&mut self) {
        while let Some(character) = self.peek() {
            self.take();
            if character == '\n' {
                break;
            }
        }
    }

    /// Reads up to `end`, and past it: a newline, or the bracket that closes a `$(`.
    fn command(&mut self, end: char) -> Result<Command, String> {
        let (line, start) = (self.line, self.rest);
        let mut words = Vec::new();
        let mut length = start.len();
        loop {
            let left = self.rest.len();
            match self.peek() {
                None if end == ')' => return Err("$( without its )".to_owned()),
                None => break,
                Some(character) if character == end => {
                    length -= left;
                    self.take();
                    return Ok(Command { line, text: start[..length].trim().to_owned(), words });
                }
                Some('\n') => return Err("a line ends inside $(…)".to_owned()),
                Some(' ' | '\t') => {
                    self.take();
                }
                Some('#') => {
                    self.rest = self.rest.find('\n').map_or("", |newline| &self.rest[newline..]);
                }
                Some(_) => words.push(self.word(words.is_empty(), end)?),
            }
        }
        let text = start[..start.len() - self.rest.len()].trim().to_owned();
        self.take();
        Ok(Command { line, text, words })
    }

    fn word(&mut self, is_first: bool, end: char) -> Result<Word, String> {
        let mut word = Word::default();
        let mut text = String::new();
        // Only what is not quoted can be the name of a variable.
        let mut is_plain = is_first;
        while let Some(character) = self.peek() {
            match character {
                ' ' | '\t' | '\n' => break,
                _ if character == end => break,
                '\'' => {
                    self.take();
                    is_plain = false;
                    let Some(length) = self.rest.find('\'') else {
                        return Err("a quote ' is open".to_owned());
                    };
                    (0..self.rest[..length].chars().count()).for_each(|_| text.extend(self.take()));
                    self.take();
                }
                '"' => {
                    self.take();
                    is_plain = false;
                    self.double_quoted(&mut word.parts, &mut text)?;
                }
                '\\' => {
                    self.take();
                    is_plain = false;
                    text.push(self.take().ok_or("a \\ at the end")?);
                }
                // The value of an assignment is not split.
                '$' if word.assigns.is_some() => self.expansion(&mut word.parts, &mut text)?,
                '$' => return Err("an expansion outside double quotes would be split into words".to_owned()),
                '=' if is_plain && is_name(&text) => {
                    self.take();
                    is_plain = false;
                    word.assigns = Some(std::mem::take(&mut text));
                }
                _ if SPECIAL.contains(character) => return Err(format!("{character} outside quotes")),
                _ => text.extend(self.take()),
            }
        }
        finish(&mut word.parts, &mut text);
        Ok(word)
    }

    fn double_quoted(&mut self, parts: &mut Vec<Part>, text: &mut String) -> Result<(), String> {
        loop {
            match self.peek() {
                None => return Err("a quote \" is open".to_owned()),
                Some('"') => {
                    self.take();
                    return Ok(());
                }
                Some('`') => return Err("` inside double quotes".to_owned()),
                Some('$') => self.expansion(parts, text)?,
                Some('\\') => {
                    self.take();
                    match self.take() {
                        Some(character @ ('$' | '`' | '"' | '\\')) => text.push(character),
                        Some(character) => text.extend(['\\', character]),
                        None => return Err("a quote \" is open".to_owned()),
                    }
                }
                Some(_) => text.extend(self.take()),
            }
        }
    }

    /// `$NAME`, `${NAME}` or `$(command)`.
    fn expansion(&mut self, parts: &mut Vec<Part>, text: &mut String) -> Result<(), String> {
        self.take();
        let part = match self.peek() {
            Some('(') => {
                self.take();
                Part::Output(self.command(')')?)
            }
            Some('{') => {
                self.take();
                let name = self.name();
                if self.take() != Some('}') {
                    return Err("an expansion other than ${NAME}".to_owned());
                }
                Part::Variable(name)
            }
            _ => Part::Variable(self.name()),
        };
        if matches!(&part, Part::Variable(name) if !is_name(name)) {
            return Err("an expansion other than $NAME".to_owned());
        }
        finish(parts, text);
        parts.push(part);
        Ok(())
    }

    fn name(&mut self) -> String {
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let mut name = String::new();
        while self.peek().is_some_and(is_part) {
            name.extend(self.take());
        }
        name
    }
}

fn finish(parts: &mut Vec<Part>, text: &mut String) {
    if !text.is_empty() {
        parts.push(Part::Text(std::mem::take(text)));
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.chars().all(is_part) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}
