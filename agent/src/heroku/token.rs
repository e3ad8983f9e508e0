//! The token, and where it was found.
//!
//! Where Heroku's own command line looks: `HEROKU_API_KEY`, else the netrc file. Like it and curl, this reads a netrc
//! whatever its permissions are: to refuse would help nobody, since the token lies there already.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::escape::escape_os;

/// A secret that gives access to an account. Neither `Debug` nor any other text shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    secret: String,
    source: TokenSource,
}

/// Where a token was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// `HEROKU_API_KEY`
    Environment,
    /// A netrc file's entry for the API's host.
    Netrc {
        /// The file.
        file: PathBuf,
        /// The host.
        host: String,
    },
}

impl Token {
    /// The token for the API on `host`; nothing where there is none.
    ///
    /// # Errors
    /// What is there but can be no token, in words that do not show it.
    pub(super) fn find(
        variable: &impl Fn(&str) -> Option<String>,
        host: &str,
    ) -> Result<Option<Self>, String> {
        if let Some(secret) = variable("HEROKU_API_KEY").filter(|secret| !secret.trim().is_empty()) {
            return Self::checked(secret.trim(), TokenSource::Environment).map(Some);
        }
        let named = variable("NETRC").filter(|file| !file.is_empty()).map(PathBuf::from);
        let home =
            || variable("HOME").filter(|home| !home.is_empty()).map(|home| Path::new(&home).join(".netrc"));
        let Some(file) = named.or_else(home) else { return Ok(None) };
        let Ok(text) = fs::read_to_string(&file) else { return Ok(None) };
        let Some(secret) = password_of(&text, host) else { return Ok(None) };
        Self::checked(&secret, TokenSource::Netrc { file, host: host.to_string() }).map(Some)
    }

    fn checked(secret: &str, source: TokenSource) -> Result<Self, String> {
        // What a header cannot carry would break the request, and what it broke would be shown.
        if secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self { secret: secret.to_string(), source })
        } else {
            Err(format!("{source}: expected a token of Heroku's, found characters that no token has"))
        }
    }

    /// Where it was found.
    pub(crate) fn source(&self) -> &TokenSource {
        &self.source
    }

    /// The header that carries it. Whoever calls this must hand it to the API alone.
    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token(from {})", self.source)
    }
}

impl fmt::Display for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("HEROKU_API_KEY"),
            Self::Netrc { file, host } => {
                write!(formatter, "the entry for {host} in {}", escape_os(file.as_os_str()))
            }
        }
    }
}

/// The password that a netrc has for a machine: that of its own entry, else of the `default` one.
fn password_of(netrc: &str, machine: &str) -> Option<String> {
    let mut words = Words(netrc);
    let (mut own, mut default) = (None, None);
    // Whether what follows belongs to the machine, to `default`, or to another one.
    let mut entry = Entry::Other;
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" => {
                let name = words.next()?;
                entry = if name.eq_ignore_ascii_case(machine) { Entry::Own } else { Entry::Other };
            }
            "default" => entry = Entry::Default,
            "password" => {
                let password = words.next();
                match entry {
                    Entry::Own => own = own.or(password),
                    Entry::Default => default = default.or(password),
                    Entry::Other => {}
                }
            }
            "login" | "account" => _ = words.next(),
            "macdef" => words.skip_macro(),
            _ => {}
        }
    }
    own.or(default).filter(|password| !password.is_empty())
}

#[derive(Clone, Copy)]
enum Entry {
    Own,
    Default,
    Other,
}

/// The words of a netrc: separated by white space, quoted or not; a word that begins with `#` begins a comment.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn skip_macro(&mut self) {
        // A macro ends with an empty line.
        self.0 = self.0.split_once("\n\n").map_or("", |(_, rest)| rest);
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            self.0 = self.0.trim_start();
            if !self.0.starts_with('#') {
                break;
            }
            self.0 = self.0.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let Some(quoted) = self.0.strip_prefix('"') else {
            let end = self.0.find(char::is_whitespace).unwrap_or(self.0.len());
            let (word, rest) = self.0.split_at(end);
            self.0 = rest;
            return (!word.is_empty()).then(|| word.to_string());
        };
        let mut word = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = quoted.get(at + 1..).unwrap_or_default();
                    return Some(word);
                }
                '\\' => word.extend(characters.next().map(|(_, escaped)| escaped)),
                other => word.push(other),
            }
        }
        self.0 = "";
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "HRKU-AA-not-to-be-shown";

    fn find(pairs: &[(&str, &str)]) -> Result<Option<Token>, String> {
        let variable = |name: &str| {
            pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_string())
        };
        Token::find(&variable, "api.heroku.com")
    }

    #[test]
    fn a_netrc_is_read_as_curl_reads_it() {
        for (netrc, password) in [
            ("machine api.heroku.com login me@example.com password abc", Some("abc")),
            (
                "machine api.heroku.com\n  login me\n  password abc\nmachine git.heroku.com password d",
                Some("abc"),
            ),
            ("machine git.heroku.com\n  password d\nmachine API.heroku.com\n\tpassword\tabc", Some("abc")),
            ("machine git.heroku.com password d", None),
            ("default login anonymous password d", Some("d")),
            ("default password d\nmachine api.heroku.com password abc", Some("abc")),
            (
                "# machine api.heroku.com password no\nmachine api.heroku.com password \"a \\\"b\"",
                Some("a \"b"),
            ),
            (
                "macdef init\nmachine api.heroku.com password no\n\nmachine api.heroku.com password abc",
                Some("abc"),
            ),
            ("machine api.heroku.com login password", None),
            ("machine api.heroku.com login password password abc", Some("abc")),
            ("machine api.heroku.com password", None),
            ("machine", None),
            ("\"unended", None),
            ("", None),
        ] {
            assert_eq!(password_of(netrc, "api.heroku.com").as_deref(), password, "{netrc}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let netrc = folder.path().join(".netrc");
        fs::write(&netrc, format!("machine api.heroku.com password {SECRET}")).unwrap();
        let (home, file) = (folder.path().to_str().unwrap(), netrc.to_str().unwrap());
        for pairs in [vec![("HOME", home)], vec![("HOME", "/nonexistent"), ("NETRC", file)]] {
            let token = find(&pairs).unwrap().unwrap();
            let said = format!("{} {token:?} {:?}", token.source(), Some(&token));
            assert!(said.starts_with(&format!("the entry for api.heroku.com in {file}")), "{said}");
            assert!(!said.contains(SECRET), "{said}");
            assert_eq!(token.authorization(), format!("Bearer {SECRET}"));
        }
        let token = find(&[("HOME", home), ("HEROKU_API_KEY", " other \n")]).unwrap().unwrap();
        assert_eq!((token.source(), &*token.authorization()), (&TokenSource::Environment, "Bearer other"));
        assert_eq!(find(&[("HOME", "/nonexistent"), ("HEROKU_API_KEY", "")]), Ok(None));
        assert_eq!(find(&[]), Ok(None));
    }

    #[test]
    fn what_can_be_no_token_is_refused_and_not_shown() {
        for broken in ["two words-not-to-be-shown", "a\r\nX: not-to-be-shown", "é-not-to-be-shown"] {
            let error = find(&[("HEROKU_API_KEY", broken)]).unwrap_err();
            assert!(
                error.starts_with("HEROKU_API_KEY: expected a token") && !error.contains("shown"),
                "{error}"
            );
        }
    }
}
