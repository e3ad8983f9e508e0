//! What is to be probed: arguments, a file with a target a line, names resolved.

use std::io::Read;
use std::path::Path;
use std::thread;
use std::{fs, io};

use crate::destination::{Destination, addresses};
use crate::exit::Failure;
use crate::input_error::InputError;
use crate::target::TargetUrl;

/// How many names are asked for at a time.
const NAMES_AT_ONCE: usize = 8;

/// One address of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    /// The target as it is shown.
    pub(super) target: String,
    /// Whether the target names a MySQL.
    pub(super) is_mysql: bool,
    /// Where its packets go; why there are none, where its name has no address.
    pub(super) at: Result<Destination, String>,
}

/// Everything to probe, in the order given.
///
/// # Errors
/// Every line of the file that is no target, or the first argument that is none.
pub(super) fn aims(arguments: &[String], file: Option<&Path>) -> Result<Vec<Aim>, Failure> {
    let mut targets = Vec::new();
    for text in arguments {
        targets.push(TargetUrl::parse(text).map_err(Failure::usage)?);
    }
    if let Some(file) = file {
        targets.extend(of_text(file, &read(file)?).map_err(Failure::Input)?);
    }
    if targets.is_empty() {
        return Err(Failure::usage("probe: expected a target, but the file holds none"));
    }
    let mut aims = Vec::new();
    for together in targets.chunks(NAMES_AT_ONCE) {
        aims.extend(resolved(together)?);
    }
    Ok(aims)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let content = if file == Path::new("-") {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).map(|_| content)
    } else {
        fs::read(file)
    };
    content.map_err(|error| {
        Failure::Input(vec![InputError::expected(file, "a file with a target a line", error)])
    })
}

/// The targets of a file's text: one a line, blank lines and what follows # passed over.
fn of_text(file: &Path, content: &[u8]) -> Result<Vec<TargetUrl>, Vec<InputError>> {
    let (mut targets, mut errors) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(content.split(|byte| *byte == b'\n')) {
        let Ok(line) = std::str::from_utf8(line) else {
            errors.push(InputError::expected(file, "a target", "bytes that are not UTF-8").on_line(number));
            continue;
        };
        let line = uncommented(line);
        if line.is_empty() {
            continue;
        }
        match TargetUrl::parse(line) {
            Ok(target) => targets.push(target),
            Err(error) => {
                let problem = error.to_string();
                let problem = problem.trim_start_matches("TARGET: ").to_string();
                errors.push(InputError::new(file, problem).on_line(number));
            }
        }
    }
    if errors.is_empty() { Ok(targets) } else { Err(errors) }
}

/// A line less its comment. A # within a word is part of a URL.
fn uncommented(line: &str) -> &str {
    let begins_comment = |(at, character): &(usize, char)| {
        *character == '#' && line[..*at].chars().next_back().is_none_or(char::is_whitespace)
    };
    let end = line.char_indices().find(begins_comment).map_or(line.len(), |(at, _)| at);
    line[..end].trim()
}

/// One aim for each address of each target. Names are asked for side by side.
fn resolved(targets: &[TargetUrl]) -> Result<Vec<Aim>, Failure> {
    let found = thread::scope(|scope| {
        let asked: Vec<_> = targets.iter().map(|target| scope.spawn(|| addresses(target, "probe"))).collect();
        let lost = || Err(Failure::Internal("a thread that resolved a name ended early".to_string()));
        asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| lost())).collect::<Vec<_>>()
    });
    let mut aims = Vec::new();
    for (target, found) in targets.iter().zip(found) {
        let aim = |at| Aim { target: target.shown(), is_mysql: target.is_mysql(), at };
        match found? {
            Ok(addresses) => {
                aims.extend(addresses.iter().map(|address| aim(Ok(Destination::of(target, *address)))));
            }
            Err(reason) => aims.push(aim(Err(reason))),
        }
    }
    Ok(aims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_target_a_line_with_comments_and_blank_lines() {
        let text = b"# hosts\n\n tcp://10.0.0.1:80  # the first\r\nicmp://10.0.0.2\nhttp://10.0.0.3/a#b\n";
        let targets = of_text(Path::new("hosts.txt"), text).unwrap();
        let shown: Vec<String> = targets.iter().map(TargetUrl::shown).collect();
        assert_eq!(shown, ["tcp://10.0.0.1:80", "icmp://10.0.0.2", "http://10.0.0.3:80"]);
    }

    #[test]
    fn every_bad_line_is_said_with_its_number() {
        let text = b"tcp://10.0.0.1:80\ntcp://10.0.0.1\n\xff\xfe\ngopher://user:secret@x\n";
        let errors = of_text(Path::new("hosts.txt"), text).unwrap_err();
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors[0], "hosts.txt:2: expected a port, as in tcp://HOST:5432");
        assert_eq!(errors[1], "hosts.txt:3: expected a target, found bytes that are not UTF-8");
        assert!(errors[2].starts_with("hosts.txt:4: unknown scheme") && !errors[2].contains("secret"));
        assert_eq!(errors.len(), 3);
    }
}
