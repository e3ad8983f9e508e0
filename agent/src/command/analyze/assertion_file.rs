//! The file of `--assert`: which paths are meant to be open, and which shut.
//!
//! It is TOML: flat entries that a person writes and reviews by hand, with comments, a place for every error,
//! and no word (`no`, `on`, 10.0) that means something else than it looks like, which a file that guards a
//! network cannot afford.
//!
//! ```toml
//! [[assertion]]
//! from = "space"
//! to = ["tcp://10.100.2.20:5432", "tcp://10.100.2.21:5432"]
//! expect = "reachable"
//! comment = "the shop needs its orders"
//! ```

use std::path::Path;

use peerscope_analysis::cause::CauseCode;
use peerscope_analysis::diagnose::Expectation;
use peerscope_analysis::flow::PortRange;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Intended;
use crate::cli::port_range;
use crate::input_error::{InputError, Position};
use crate::input_file::{parse_toml, read_text};
use crate::target::{TargetError, TargetUrl};

/// The keys of an assertion.
const KEYS: [&str; 6] = ["from", "to", "source_ports", "expect", "cause", "comment"];

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) at: Position,
}

/// One assertion as it was written.
#[derive(Clone, Debug)]
pub(super) struct Assertion {
    /// Its number, from 1.
    pub(super) number: usize,
    /// The line that it begins on.
    pub(super) line: usize,
    pub(super) from: Placed<String>,
    pub(super) to: Vec<Placed<TargetUrl>>,
    pub(super) source_ports: Option<PortRange>,
    pub(super) intended: Intended,
}

/// The place of a key of an assertion, in words.
pub(super) fn place(number: usize, key: &str) -> Option<String> {
    Some(format!("assertion {number}, {key}"))
}

/// Reads a file. What can be read of it comes back beside everything that is wrong with the rest.
pub(super) fn read(file: &Path) -> (Vec<Assertion>, Vec<InputError>) {
    let text = match read_text(file, "assertions") {
        Ok(text) => text,
        Err(error) => return (Vec::new(), vec![error]),
    };
    parse(file, &text)
}

fn parse(file: &Path, text: &str) -> (Vec<Assertion>, Vec<InputError>) {
    let (document, broken) = parse_toml(file, text);
    if !broken.is_empty() {
        // What is left of a broken document may say something else than was meant.
        return (Vec::new(), broken);
    }
    let mut reader = Reader { file, text, errors: Vec::new() };
    let assertions = reader.document(&document);
    (assertions, reader.errors)
}

struct Reader<'t> {
    file: &'t Path,
    text: &'t str,
    errors: Vec<InputError>,
}

/// One entry of the document.
#[derive(Clone, Copy)]
struct Entry<'d> {
    number: usize,
    whole: &'d Spanned<DeValue<'d>>,
    table: &'d DeTable<'d>,
}

/// Something was wrong, and is among the errors.
struct Said;

const ENTRIES: &str = "[[assertion]] entries, each with from = \"SOURCE\", to = \"TARGET\" and expect = \"reachable\" or \"blocked\"";

impl Reader<'_> {
    fn position<T>(&self, value: &Spanned<T>) -> Position {
        Position::of(self.text, value.span().start)
    }

    fn wrong<T>(&mut self, value: &Spanned<T>, place: Option<String>, problem: impl Into<String>) -> Said {
        let at = self.position(value);
        self.errors.push(InputError::new(self.file, problem).at(at).in_place(place));
        Said
    }

    fn document(&mut self, document: &Spanned<DeTable<'_>>) -> Vec<Assertion> {
        let mut assertions = Vec::new();
        for (key, value) in document.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("assertion", DeValue::Array(entries)) => {
                    for (index, whole) in entries.iter().enumerate() {
                        let number = index + 1;
                        if let DeValue::Table(table) = whole.get_ref() {
                            assertions.extend(self.assertion(Entry { number, whole, table }).ok());
                        } else {
                            let found = format!("expected a table, found {}", kind(whole.get_ref()));
                            self.wrong(whole, Some(format!("assertion {number}")), found);
                        }
                    }
                }
                ("assertion", other) => {
                    let found = format!("expected {ENTRIES}; found {}", kind(other));
                    self.wrong(value, None, found);
                }
                (other, _) => {
                    self.wrong(key, None, format!("expected {ENTRIES}; found the key {}", shown(other)));
                }
            }
        }
        if assertions.is_empty() && self.errors.is_empty() {
            self.errors.push(InputError::expected(self.file, ENTRIES, "none"));
        }
        assertions
    }

    /// Every key is read before the first error counts, so that all of an entry's are told at once.
    fn assertion(&mut self, entry: Entry<'_>) -> Result<Assertion, Said> {
        let strange = entry.table.keys().filter(|key| !KEYS.contains(&key.get_ref().as_ref()));
        for key in strange {
            let problem = format!("expected one of {}, found {}", KEYS.join(", "), shown(key.get_ref()));
            self.wrong(key, Some(format!("assertion {}", entry.number)), problem);
        }
        let from = self.required(entry, "from", "space, a CIDR, an address, i-… or eni-…", |text| {
            Ok(text.to_string())
        });
        let to = self.targets(entry);
        let source_ports = self.optional(entry, "source_ports", port_range);
        let expect = self.required(entry, "expect", EXPECTATIONS, expectation);
        let cause = self.optional(entry, "cause", |text| {
            let code = CauseCode::from_name(text);
            code.ok_or_else(|| format!("expected a code of `peerscope explain`, found {}", shown(text)))
        });
        let comment = self.optional(entry, "comment", |text| Ok(text.to_string()));
        let (expect, cause) = (expect?, cause?);
        if let Some(cause) = &cause
            && expect.value == Expectation::Reachable
        {
            let problem = "expected with expect = \"blocked\" alone: what is reachable has no cause";
            let error = InputError::new(self.file, problem).at(cause.at);
            self.errors.push(error.in_place(place(entry.number, "cause")));
            return Err(Said);
        }
        Ok(Assertion {
            number: entry.number,
            line: self.position(entry.whole).line,
            from: from?,
            to: to?,
            source_ports: source_ports?.map(|ports| ports.value),
            intended: Intended {
                expect: expect.value,
                cause: cause.map(|cause| cause.value),
                comment: comment?.map(|comment| comment.value),
            },
        })
    }

    fn targets(&mut self, entry: Entry<'_>) -> Result<Vec<Placed<TargetUrl>>, Said> {
        let whole = entry.table.get("to");
        let Some(DeValue::Array(values)) = whole.map(Spanned::get_ref) else {
            return self.required(entry, "to", TARGETS, target).map(|one| vec![one]);
        };
        if let Some(whole) = whole.filter(|_| values.is_empty()) {
            return Err(self.wrong(whole, place(entry.number, "to"), format!("expected {TARGETS}")));
        }
        let read: Vec<_> = values.iter().map(|value| self.value(entry, "to", value, target)).collect();
        read.into_iter().collect()
    }

    fn required<T>(
        &mut self,
        entry: Entry<'_>,
        key: &str,
        expected: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Placed<T>, Said> {
        let value = self.optional(entry, key, read)?;
        value.ok_or_else(|| {
            let problem = format!("expected {key} = \"…\": {expected}");
            self.wrong(entry.whole, Some(format!("assertion {}", entry.number)), problem)
        })
    }

    fn optional<T>(
        &mut self,
        entry: Entry<'_>,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Placed<T>>, Said> {
        entry.table.get(key).map(|value| self.value(entry, key, value, read)).transpose()
    }

    fn value<T>(
        &mut self,
        entry: Entry<'_>,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Placed<T>, Said> {
        let read = match value.get_ref() {
            DeValue::String(text) => read(text),
            other => Err(format!("expected text in quotes, found {}", kind(other))),
        };
        match read {
            Ok(read) => Ok(Placed { value: read, at: self.position(value) }),
            Err(problem) => Err(self.wrong(value, place(entry.number, key), problem)),
        }
    }
}

const EXPECTATIONS: &str = "reachable or blocked";
const TARGETS: &str = "a TARGET, as tcp://10.100.2.20:5432, or a list of them";

fn expectation(text: &str) -> Result<Expectation, String> {
    match text {
        "reachable" => Ok(Expectation::Reachable),
        "blocked" => Ok(Expectation::Blocked),
        other => Err(format!("expected {EXPECTATIONS}, found {}", shown(other))),
    }
}

fn target(text: &str) -> Result<TargetUrl, String> {
    TargetUrl::parse(text).map_err(TargetError::problem)
}

/// Text of the file in an error, cut short.
fn shown(text: &str) -> String {
    let text: String = text.chars().take(48).collect();
    format!("\"{text}\"")
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        parse(Path::new("reach.toml"), text).1.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_assertion_is_read_with_its_place() {
        let text = "# why\n[[assertion]]\nfrom = \"space\"\nto = [\"10.0.0.1:80\", \"tcp://eni-0db30001:22\"]\n\
                    source_ports = \"40000-50000\"\nexpect = \"blocked\"\ncause = \"NO_ROUTE_TO_DESTINATION\"\n";
        let (assertions, errors) = parse(Path::new("reach.toml"), text);
        assert!(errors.is_empty(), "{errors:?}");
        let [assertion] = assertions.as_slice() else { panic!("{assertions:?}") };
        assert_eq!((assertion.number, assertion.line, assertion.from.value.as_str()), (1, 2, "space"));
        let shown: Vec<String> = assertion.to.iter().map(|target| target.value.shown()).collect();
        assert_eq!(shown, ["tcp://10.0.0.1:80", "tcp://eni-0db30001:22"]);
        assert_eq!(assertion.source_ports, PortRange::new(40000, 50000));
        assert_eq!(assertion.intended.expect, Expectation::Blocked);
        assert_eq!(assertion.intended.cause, Some(CauseCode::NoRouteToDestination));
    }

    #[test]
    fn everything_that_is_wrong_is_said_in_one_run_with_its_place() {
        let text = "[[assertion]]\nfrom = 10.0\nto = \"ftp://10.0.0.1:21\"\nexpect = \"open\"\n\
                    [[assertion]]\nfrom = \"space\"\nto = [\"tcp://10.0.0.1\", 7]\nexpects = \"blocked\"\n";
        let said = errors(text);
        for (index, expected) in [
            "reach.toml:2:8: at assertion 1, from: expected text in quotes, found a number",
            "reach.toml:3:6: at assertion 1, to: unknown scheme \"ftp\"",
            "reach.toml:4:10: at assertion 1, expect: expected reachable or blocked, found \"open\"",
            "reach.toml:8:1: at assertion 2: expected one of from, to, source_ports, expect, cause, comment, found \"expects\"",
            "reach.toml:7:7: at assertion 2, to: expected a port, as in tcp://HOST:5432",
            "reach.toml:7:25: at assertion 2, to: expected text in quotes, found an integer",
            "reach.toml:5:1: at assertion 2: expected expect = \"…\": reachable or blocked",
        ]
        .iter()
        .enumerate()
        {
            assert!(said.get(index).is_some_and(|line| line.starts_with(expected)), "{index}: {said:#?}");
        }
        assert_eq!(said.len(), 7, "{said:#?}");
    }

    #[test]
    fn what_is_no_file_of_assertions_is_said_in_a_line() {
        for (text, expected) in [
            ("", "reach.toml: expected [[assertion]] entries"),
            ("assertion = 7", "reach.toml:1:13: expected [[assertion]] entries"),
            ("[assertion]\nfrom = \"space\"", "reach.toml:1:1: expected [[assertion]] entries"),
            ("assertion = [7]", "reach.toml:1:14: at assertion 1: expected a table, found an integer"),
            ("[[path]]", "reach.toml:1:3: expected [[assertion]] entries"),
            ("[[assertion]]\nfrom = \"space", "reach.toml:2:"),
            ("{\"a\": 1}", "reach.toml:1:1: no TOML"),
            ("[[assertion]]\nfrom = \"a\"\nfrom = \"b\"", "reach.toml:3:1: no TOML: duplicate key"),
            (
                "[[assertion]]\nfrom = \"space\"\nto = []\nexpect = \"blocked\"",
                "reach.toml:3:6: at assertion 1, to: expected a TARGET",
            ),
            (
                "[[assertion]]\nfrom = \"space\"\nto = \"10.0.0.1\"\nexpect = \"reachable\"\ncause = \"PORT_CLOSED\"",
                "reach.toml:5:9: at assertion 1, cause: expected with expect = \"blocked\" alone",
            ),
        ] {
            let said = errors(text);
            assert!(said.first().is_some_and(|line| line.starts_with(expected)), "{text:?}: {said:#?}");
            assert!(said.iter().all(|line| !line.contains('\n')), "{said:?}");
        }
    }
}
