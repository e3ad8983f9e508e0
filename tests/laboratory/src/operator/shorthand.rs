//! The AWS CLI's shorthand: `Key=value,Key=[{Key=value},…]`.
//!
//! The tool's own parser also takes quoted values and JSON. What peerscope prints needs neither, and what
//! is not understood here is refused.

use super::error::Refusal;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Word(String),
    List(Vec<Value>),
    Map(Map),
}

/// Keys with their values, in their order. Taking them out shows which were not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Map(Vec<(String, Value)>);

/// Reads the value of a structure's option.
pub(super) fn read(text: &str) -> Result<Map, Refusal> {
    let mut reader = Reader { rest: text };
    let map = reader.map().map_err(|what| malformed(text, &what))?;
    if reader.rest.is_empty() { Ok(map) } else { Err(malformed(text, reader.rest)) }
}

fn malformed(text: &str, at: &str) -> Refusal {
    Refusal::usage(format!("{text} is no shorthand of the AWS CLI's: {at}"))
}

impl Map {
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(place).1)
    }

    pub(super) fn take_word(&mut self, key: &str) -> Result<Option<String>, Refusal> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Word(word)) => Ok(Some(word)),
            Some(_) => Err(Refusal::usage(format!("{key} is not one word"))),
        }
    }

    /// A list of maps; absent is empty.
    pub(super) fn take_maps(&mut self, key: &str) -> Result<Vec<Map>, Refusal> {
        let wrong = || Refusal::usage(format!("{key} is not a list of structures"));
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Value::List(list)) => list
                .into_iter()
                .map(|value| match value {
                    Value::Map(map) => Ok(map),
                    _ => Err(wrong()),
                })
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// Whatever was not taken is not known.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(Refusal::usage(format!("the key {key} is not known here"))),
        }
    }
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn is_at(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn map(&mut self) -> Result<Map, String> {
        let mut map = Map::default();
        loop {
            let key = self.until(&['=', ',', '{', '}', '[', ']', '"', '\'', ' ']);
            if key.is_empty() || !self.is_at('=') {
                return Err(format!("a key and = were expected at {:?}", self.rest));
            }
            let value = self.value()?;
            if map.0.iter().any(|(known, _)| *known == key) {
                return Err(format!("the key {key} is given twice"));
            }
            map.0.push((key, value));
            if !self.is_at(',') {
                return Ok(map);
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.is_at('{') {
            let map = self.map()?;
            return if self.is_at('}') { Ok(Value::Map(map)) } else { Err("a { is open".to_owned()) };
        }
        if self.is_at('[') {
            let mut list = Vec::new();
            while !self.is_at(']') {
                if !list.is_empty() && !self.is_at(',') {
                    return Err("a [ is open".to_owned());
                }
                list.push(self.value()?);
            }
            return Ok(Value::List(list));
        }
        let word = self.until(&[',', '{', '}', '[', ']', '"', '\'', '=']);
        if word.is_empty() {
            Err(format!("a value was expected at {:?}", self.rest))
        } else {
            Ok(Value::Word(word))
        }
    }

    fn until(&mut self, ends: &[char]) -> String {
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word.to_owned()
    }
}
