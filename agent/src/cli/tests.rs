//! The commands that documentation shows are commands: each is read by the command line's own definition.

use std::fs;
use std::path::Path;

use clap::Parser;

use super::Cli;

/// The pages, and how many commands each shows at least: a page whose commands are not found would pass.
const PAGES: [(&str, usize); 2] = [("README.md", 15), ("docs/heroku.md", 11)];

/// The words of a line, as a shell has them, as far as documentation goes: quotes, and a comment at the end.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '|' | ';' | '&' | '>') => {
                words.extend(word.take());
                words.push(character.to_string());
            }
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// Every command line of `peerscope` in a line of a shell, those that another shell is given as a word among them.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut open = false;
    let mut before = String::new();
    for word in words(line) {
        let is_end = matches!(word.as_str(), "|" | ";" | "&" | ">");
        // After a file's name, an option's value or another program it is no command.
        let may_begin = matches!(before.as_str(), "" | "|" | ";" | "&" | "--" | "$" | "dyno$" | "laptop$")
            || before.contains('=')
            || before.ends_with(':');
        if is_end {
            open = false;
        } else if word.contains(' ') {
            commands.extend(self::commands(&word));
        } else if open && let Some(command) = commands.last_mut() {
            command.push(word.clone());
        } else if may_begin && (word == "peerscope" || word.ends_with("/peerscope")) {
            commands.push(vec![word.clone()]);
            open = true;
        }
        before = word;
    }
    commands
}

/// The lines of a page's blocks of code, each with its number and what a backslash continues.
fn code(page: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let (mut is_code, mut is_continued) = (false, false);
    for (index, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            let (text, goes_on) = line.strip_suffix('\\').map_or((line, false), |text| (text, true));
            match lines.last_mut().filter(|_| is_continued) {
                Some((_, before)) => before.push_str(text),
                None => lines.push((index + 1, text.to_string())),
            }
            is_continued = goes_on;
        }
    }
    lines
}

#[test]
fn every_command_of_the_documentation_is_one() {
    for (page, least) in PAGES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
        let text = fs::read_to_string(&path).unwrap();
        let mut count = 0;
        for (number, line) in code(&text) {
            for command in commands(&line) {
                count += 1;
                if let Err(error) = Cli::try_parse_from(&command) {
                    panic!("{page}:{number}: {}: {error}", command.join(" "));
                }
            }
        }
        assert!(count >= least, "{page}: only {count} commands were found");
    }
}

#[test]
fn commands_are_found_wherever_a_shell_would_find_them() {
    for (line, found) in [
        ("laptop$ peerscope why --replay - > x.json   # said there", vec!["peerscope why --replay -"]),
        (
            "heroku run --app a -- bin/peerscope why a:1 --save - | peerscope why --replay -",
            vec!["bin/peerscope why a:1 --save -", "peerscope why --replay -"],
        ),
        ("heroku run 'curl x -o /tmp/peerscope && /tmp/peerscope why a:1'", vec!["/tmp/peerscope why a:1"]),
        ("dyno$   DYNO=web.1 /tmp/peerscope why a:1; sleep 9", vec!["/tmp/peerscope why a:1"]),
        ("curl https://downloads.example.com/peerscope -o /tmp/peerscope", vec![]),
        ("git rm bin/peerscope", vec![]),
        ("worker: bin/peerscope why a:1; sleep 9", vec!["bin/peerscope why a:1"]),
    ] {
        let commands: Vec<String> = commands(line).iter().map(|command| command.join(" ")).collect();
        assert_eq!(commands, found, "{line}");
    }
}
