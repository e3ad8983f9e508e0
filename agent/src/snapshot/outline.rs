//! A first look at a document: its shape near the top, and what its objects are.
//!
//! Whether an object is a peering or a peering-info shows only when its keys have been seen, and the
//! values must then be read typed, since a generic tree of a 128 MB document takes several times its
//! size. So each document is read twice: here everything below the objects' keys is only skipped
//! (which also checks its syntax to the end), then [`super::typed`] reads it with this for a map.

use std::fmt;
use std::fmt::Write;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::manifest::SCHEMA_PREFIX;
use super::recognise::{Form, Key, Keys, form};

/// How deep lists may nest above the objects: `jq --slurp` over lists, `--query 'Reservations[].Instances'`.
const MAX_DEPTH: usize = 4;
/// How many keys of an unrecognised object are named, and how much of each is kept.
const NAMED_KEYS: usize = 3;
const NAMED_CHARACTERS: usize = 32;

/// The shape of a document.
#[derive(Debug)]
pub(super) enum Outline {
    /// A number, string, boolean or null, or lists deeper than anybody means.
    Other,
    Object(Object),
    /// The elements, in runs of the same shape.
    List(Vec<(Outline, usize)>),
}

/// An object of a document.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// What it is, if recognised.
    pub(super) form: Option<Form>,
    /// Whether it says that more pages follow.
    is_incomplete: bool,
    /// Some of its keys, if not recognised.
    named_keys: Vec<String>,
}

/// Reads the shape of the document at the beginning of `text`, and its length.
pub(super) fn read(text: &str) -> serde_json::Result<(Outline, usize)> {
    struct Document(Outline);
    impl<'de> serde::Deserialize<'de> for Document {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            OutlineSeed { depth: 0 }.deserialize(deserializer).map(Self)
        }
    }
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Document>();
    match documents.next() {
        Some(Ok(Document(outline))) => Ok((outline, documents.byte_offset())),
        Some(Err(error)) => Err(error),
        None => Err(serde_json::Error::custom("EOF while parsing a value")),
    }
}

impl Outline {
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(self, Self::List(runs) if runs.is_empty())
    }

    /// Whether any object is a document.
    pub(super) fn is_recognised(&self) -> bool {
        self.any(&|outline| matches!(outline, Self::Object(Object { form: Some(_), .. })))
    }

    /// Whether any document says that more pages follow.
    pub(super) fn is_incomplete(&self) -> bool {
        self.any(&|outline| matches!(outline, Self::Object(object) if object.is_incomplete))
    }

    /// Whether anything is in it that is no document. An empty list by itself is such; among others it
    /// is nothing.
    pub(super) fn has_unrecognised(&self) -> bool {
        self.is_empty_list() || self.any(&Self::is_unrecognised)
    }

    fn is_unrecognised(&self) -> bool {
        match self {
            Self::Other => true,
            Self::Object(object) => object.form.is_none(),
            Self::List(_) => false,
        }
    }

    /// What the first such thing is, in words.
    pub(super) fn describe_unrecognised(&self) -> String {
        match self {
            Self::Other => "a value that is no object".to_owned(),
            Self::Object(object) => object.describe(),
            Self::List(runs) => match runs.iter().find(|(outline, _)| outline.any(&Self::is_unrecognised)) {
                Some((outline, _)) => format!("a list with {}", outline.describe_unrecognised()),
                None => "an empty list in a file whose name does not tell of what".to_owned(),
            },
        }
    }

    /// Whether `test` holds for it or anything in it. As deep as [`MAX_DEPTH`] at most.
    fn any(&self, test: &impl Fn(&Self) -> bool) -> bool {
        test(self) || matches!(self, Self::List(runs) if runs.iter().any(|(outline, _)| outline.any(test)))
    }

    /// Whether an element like this one lengthens a run of the other.
    fn continues(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other, Self::Other) => true,
            (Self::Object(a), Self::Object(b)) => a.form == b.form && a.is_incomplete == b.is_incomplete,
            _ => false,
        }
    }
}

impl Object {
    fn describe(&self) -> String {
        let mut text = String::from("an object");
        for (index, key) in self.named_keys.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{key:?}", if index == 0 { " with the keys " } else { ", " });
        }
        if self.named_keys.len() == NAMED_KEYS {
            text.push('…');
        }
        text
    }
}

struct OutlineSeed {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for OutlineSeed {
    type Value = Outline;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Outline, D::Error> {
        if self.depth > MAX_DEPTH {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Outline::Other);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OutlineSeed {
    type Value = Outline;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Outline, E> {
        Ok(Outline::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Outline, E> {
        Ok(Outline::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Outline, E> {
        Ok(Outline::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Outline, E> {
        Ok(Outline::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Outline, E> {
        Ok(Outline::Other)
    }

    fn visit_unit<E>(self) -> Result<Outline, E> {
        Ok(Outline::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Outline, A::Error> {
        let mut runs: Vec<(Outline, usize)> = Vec::new();
        while let Some(element) = elements.next_element_seed(Self { depth: self.depth + 1 })? {
            match runs.last_mut() {
                Some((last, count)) if element.continues(last) => *count += 1,
                _ => runs.push((element, 1)),
            }
        }
        Ok(Outline::List(runs))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Outline, A::Error> {
        let mut object = Object::default();
        let mut keys = Keys::default();
        let mut is_manifest = false;
        while let Some(key) = members.next_key_seed(KeySeed { named: &mut object.named_keys })? {
            match key {
                MemberKey::Schema => {
                    let schema = members.next_value_seed(GlanceSeed)?;
                    is_manifest |= matches!(schema, Glance::Text(text) if text.starts_with(SCHEMA_PREFIX));
                }
                MemberKey::Known(Key::NextToken) => {
                    let token = members.next_value_seed(GlanceSeed)?;
                    object.is_incomplete |= matches!(token, Glance::Text(text) if !text.is_empty());
                }
                MemberKey::Known(key) => {
                    members.next_value::<IgnoredAny>()?;
                    keys.insert(key);
                }
                MemberKey::AwsStyle => {
                    keys.has_foreign |= !matches!(members.next_value_seed(GlanceSeed)?, Glance::List);
                }
                MemberKey::Other => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        object.form = if is_manifest { Some(Form::Manifest) } else { form(keys) };
        object.is_incomplete &= object.form == Some(Form::AwsLists);
        if object.form.is_some() {
            object.named_keys = Vec::new();
        }
        Ok(Outline::Object(object))
    }
}

/// What a key says.
enum MemberKey {
    Known(Key),
    /// `schema`, whose value says it all.
    Schema,
    /// Not known, and begins with a capital letter, as AWS's do.
    AwsStyle,
    Other,
}

/// Reads a key, and keeps the first ones for naming the object.
struct KeySeed<'a> {
    named: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = MemberKey;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<MemberKey, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = MemberKey;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<MemberKey, E> {
        if self.named.len() < NAMED_KEYS {
            self.named.push(name.chars().take(NAMED_CHARACTERS).collect());
        }
        Ok(match Key::of(name) {
            Some(key) => MemberKey::Known(key),
            None if name == "schema" => MemberKey::Schema,
            // ResponseMetadata is what SDKs leave in what they print.
            None if name.starts_with(|first: char| first.is_ascii_uppercase())
                && name != "ResponseMetadata" =>
            {
                MemberKey::AwsStyle
            }
            None => MemberKey::Other,
        })
    }
}

/// A value as far as it matters: the beginning of a text, or whether it is a list.
enum Glance {
    Text(String),
    List,
    Other,
}

struct GlanceSeed;

impl<'de> DeserializeSeed<'de> for GlanceSeed {
    type Value = Glance;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Glance, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for GlanceSeed {
    type Value = Glance;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Glance, E> {
        Ok(Glance::Text(text.chars().take(NAMED_CHARACTERS).collect()))
    }

    fn visit_unit<E>(self) -> Result<Glance, E> {
        Ok(Glance::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Glance, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Glance::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Glance, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Glance::Other)
    }
}
