//! Options as both tools read them: each known by name, each value taken, nothing passed over.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use ipnet::IpNet;
use peerscope_document::Cidr;

use super::error::Refusal;

/// What a command takes.
pub(super) struct Form {
    /// Options without a value.
    pub(super) flags: &'static [&'static str],
    /// Options with one value, in groups.
    pub(super) values: &'static [&'static [&'static str]],
    /// Options with one value or more.
    pub(super) lists: &'static [&'static str],
    /// How many words without an option it takes at most.
    pub(super) positional: usize,
}

impl Form {
    /// A command that takes options with one value each.
    pub(super) const fn of(values: &'static [&'static [&'static str]]) -> Self {
        Self { flags: &[], values, lists: &[], positional: 0 }
    }

    /// Its options, in words.
    fn names(&self) -> String {
        let values = self.values.iter().copied().flatten();
        let all: Vec<&str> = values.chain(self.lists).chain(self.flags).copied().collect();
        format!("one of {}", all.join(", "))
    }
}

/// What was given.
#[derive(Debug)]
pub(super) struct Options<'w> {
    given: BTreeMap<&'w str, Vec<&'w str>>,
    positional: Vec<&'w str>,
}

impl<'w> Options<'w> {
    pub(super) fn read(form: &Form, words: &[&'w str]) -> Result<Self, Refusal> {
        let mut options = Self { given: BTreeMap::new(), positional: Vec::new() };
        let mut words = words.iter().copied().peekable();
        while let Some(word) = words.next() {
            if !is_option(word) {
                if options.positional.len() == form.positional {
                    return Err(Refusal::usage(format!(
                        "{word} belongs to no option, expected {}",
                        form.names()
                    )));
                }
                options.positional.push(word);
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let mut values: Vec<&str> = attached.into_iter().collect();
            let most = if form.flags.contains(&name) {
                0
            } else if form.values.iter().any(|group| group.contains(&name)) {
                1
            } else if form.lists.contains(&name) {
                usize::MAX
            } else {
                let known = form.names();
                return Err(Refusal::usage(format!("the option {name} is not known here, expected {known}")));
            };
            while attached.is_none() && values.len() < most {
                match words.next_if(|word| !is_option(word)) {
                    Some(value) => values.push(value),
                    None => break,
                }
            }
            if (most == 0) != values.is_empty() {
                let takes = if most == 0 { "no value" } else { "a value" };
                return Err(Refusal::usage(format!("the option {name} takes {takes}")));
            }
            if options.given.insert(name, values).is_some() {
                return Err(Refusal::usage(format!("the option {name} is given twice")));
            }
        }
        Ok(options)
    }

    /// The values of an option, none where it was not given.
    pub(super) fn all(&self, name: &str) -> &[&'w str] {
        self.given.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn get(&self, name: &str) -> Option<&'w str> {
        self.all(name).first().copied()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    pub(super) fn required(&self, name: &str) -> Result<&'w str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::usage(format!("the option {name} is required")))
    }

    pub(super) fn positional(&self) -> Option<&'w str> {
        self.positional.first().copied()
    }

    /// The one of several options that was given, with its value.
    pub(super) fn one_of(&self, names: &[&'static str]) -> Result<(&'static str, &'w str), Refusal> {
        let mut given = names.iter().filter(|name| self.has(name));
        match (given.next(), given.next()) {
            (Some(name), None) => Ok((name, self.get(name).unwrap_or_default())),
            (None, _) => Err(Refusal::missing(format!("one of {} is required", names.join(", ")))),
            (Some(one), Some(other)) => {
                let message = format!("{one} and {other} exclude each other");
                Err(Refusal::service("InvalidParameterCombination", message))
            }
        }
    }
}

/// A word that begins an option: not a number below zero, which is a value.
fn is_option(word: &str) -> bool {
    word.starts_with('-') && word.len() > 1 && word.parse::<i64>().is_err()
}

/// A value of a kind.
pub(super) fn parsed<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, Refusal> {
    value.parse().map_err(|error| Refusal::usage(format!("{name} {value}: {error}")))
}

/// A block in its canonical form, which is the one that AWS stores; a bare address is none.
pub(super) fn block(name: &str, value: &str) -> Result<Cidr, Refusal> {
    let block: IpNet = value
        .parse()
        .map_err(|_| Refusal::invalid(format!("Value ({value}) for {name} is invalid: not a CIDR block")))?;
    let is_for_six = name.to_ascii_lowercase().contains("ipv6");
    if block.addr().is_ipv6() != is_for_six {
        return Err(Refusal::invalid(format!("Value ({value}) for {name} is of the other version of IP")));
    }
    Ok(Cidr::from(block.trunc()))
}
