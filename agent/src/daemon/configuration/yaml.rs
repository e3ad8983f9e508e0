//! YAML as a tree that knows where each value stands, so that every mistake can be said with its place. (Deserializers
//! stop at the first one.)
//!
//! A scalar stays text until it is known what is expected of it: `version: 1.10` loses nothing. `${NAME}` in a value is
//! replaced by what the environment holds; `$${` stands for `${`.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::input_error::Position;

/// The deepest nesting, and the most values; no configuration comes near, and a document of references to references
/// must not fill the memory.
const DEEPEST: usize = 32;
const MOST_NODES: usize = 1_000_000;

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) position: Position,
    /// What it is.
    pub(super) content: Content,
}

impl Node {
    /// Has nothing within be shown to anybody.
    pub(super) fn hide(&mut self) {
        match &mut self.content {
            Content::Scalar(scalar) => scalar.is_secret = true,
            Content::List(list) => list.iter_mut().for_each(Self::hide),
            Content::Map(entries) => entries.iter_mut().for_each(|(_, value)| value.hide()),
        }
    }
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Text, a number, a truth value or nothing: what is expected decides.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in their order.
    Map(Vec<(Key, Node)>),
}

/// Text as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    /// The text, without quotes.
    pub(super) text: String,
    /// Whether it stood without quotes, and so may be something else than text.
    pub(super) is_plain: bool,
    /// Whether it is to be shown to nobody: some of it comes from the environment, or it is a secret by its place.
    pub(super) is_secret: bool,
}

impl Scalar {
    /// Whether it is the absence of a value.
    pub(super) fn is_null(&self) -> bool {
        self.is_plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Where it stands.
    pub(super) position: Position,
    /// What it says.
    pub(super) name: String,
}

/// Something that is wrong with the text, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// Where.
    pub(super) position: Position,
    /// What.
    pub(super) problem: String,
}

/// What the environment holds.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the one document of a text. What can be read is given, with everything that is wrong; nothing is given where
/// the text is no YAML, or empty.
pub(super) fn parse(text: &str, environment: Environment<'_>) -> (Option<Node>, Vec<Wrong>) {
    read(text, Some(environment))
}

/// The same of a text in which `${` is nothing but text.
pub(super) fn parse_plain(text: &str) -> (Option<Node>, Vec<Wrong>) {
    read(text, None)
}

fn read(text: &str, environment: Option<Environment<'_>>) -> (Option<Node>, Vec<Wrong>) {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        environment,
        anchors: HashMap::new(),
        nodes: 0,
        wrong: Vec::new(),
    };
    let root = reader.document().unwrap_or_else(|wrong| {
        reader.wrong.push(wrong);
        None
    });
    (root, reader.wrong)
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    environment: Option<Environment<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    wrong: Vec<Wrong>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Wrong> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                Err(Wrong { position: place(*error.marker()), problem: error.info().to_string() })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Wrong> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(wrong(span, "expected one document, found another"));
                }
                Event::DocumentStart(_) => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Wrong> {
        self.nodes += 1;
        if depth > DEEPEST || self.nodes > MOST_NODES {
            return Err(wrong(span, "expected a configuration, found more than any holds"));
        }
        let position = place(span.start);
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                (Content::Scalar(self.scalar(&text, style, span)), anchor)
            }
            Event::SequenceStart(anchor, _) => (Content::List(self.list(depth)?), anchor),
            Event::MappingStart(anchor, _) => (Content::Map(self.map(depth)?), anchor),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(wrong(span, "expected an alias of an anchor that stands before it"));
                };
                self.nodes += count(&node);
                return Ok(node);
            }
            _ => return Err(wrong(span, "expected a value")),
        };
        let node = Node { position, content };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Wrong> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Wrong> {
        let mut map: Vec<(Key, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(map),
                (Event::Scalar(text, ..), span) => {
                    Key { position: place(span.start), name: text.into_owned() }
                }
                (_, span) => return Err(wrong(span, "expected a key of text")),
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if let Some((first, _)) = map.iter().find(|(known, _)| known.name == key.name) {
                let problem = format!(
                    "expected each key once, found {:?} again, first on line {}",
                    key.name, first.position.line
                );
                self.wrong.push(Wrong { position: key.position, problem });
            } else {
                map.push((key, value));
            }
        }
    }

    /// A scalar, with what the environment is to fill in.
    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Scalar {
        let is_plain = style == ScalarStyle::Plain;
        let Some(environment) = self.environment else {
            return Scalar { text: text.to_string(), is_plain, is_secret: false };
        };
        let (mut whole, mut rest, mut is_secret) = (String::new(), text, false);
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                whole.push_str(before);
                whole.push_str("${");
                rest = &after[2..];
                continue;
            }
            whole.push_str(before);
            let Some((name, after)) = after[2..].split_once('}').filter(|(name, _)| is_variable(name)) else {
                self.wrong.push(wrong(
                    span,
                    "expected ${NAME}, found a ${ that no name and } follow; $${ stands for ${",
                ));
                return Scalar { text: String::new(), is_plain: false, is_secret: true };
            };
            match environment(name) {
                Some(value) => whole.push_str(&value),
                None => {
                    let problem = format!("expected the environment variable {name}, which is not set");
                    self.wrong.push(Wrong { position: place(span.start), problem });
                }
            }
            (rest, is_secret) = (after, true);
        }
        whole.push_str(rest);
        Scalar { text: whole, is_plain, is_secret }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn count(node: &Node) -> usize {
    1 + match &node.content {
        Content::Scalar(_) => 0,
        Content::List(list) => list.iter().map(count).sum(),
        Content::Map(map) => map.iter().map(|(_, value)| count(value)).sum(),
    }
}

fn wrong(span: Span, problem: &str) -> Wrong {
    Wrong { position: place(span.start), problem: problem.to_string() }
}

fn place(marker: Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}
