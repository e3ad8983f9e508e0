//! Where things lie in a JSON text.
//!
//! serde says in which field a value is wrong, but gives the place where it stopped reading, which is
//! past the value, or the end of the object around it. A person looks for the beginning, so it is
//! looked up here, by the field's path, after the fact: the happy path pays nothing for it.

use serde_path_to_error::{Path, Segment};

/// The offset of the next document in a text of several: past white space and, where somebody
/// concatenated files, their byte order marks. `None` at the end.
pub(super) fn next_document(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{feff}']);
    if trimmed.is_empty() { None } else { Some(text.len() - trimmed.len()) }
}

/// The offset of the value that `path` leads to in the document that begins at `start` and whose
/// syntax is right. Where a key occurs twice, the last one that begins before `limit` is meant. Where
/// the path leads nowhere, the offset of the last value on the way.
pub(super) fn locate(text: &str, start: usize, path: &Path, limit: usize) -> usize {
    let mut cursor = Cursor { bytes: text.as_bytes(), offset: start };
    cursor.skip_space();
    let mut value = cursor.offset;
    for segment in path {
        cursor.offset = value;
        let next = match segment {
            Segment::Seq { index } => cursor.element(*index),
            Segment::Map { key } => cursor.member(text, key, limit),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    value
}

/// Walks over JSON without reading it. On text that is not JSON it goes wrong, but ends.
struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.offset).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.offset += 1;
        }
    }

    /// Steps over `byte` and the space around it, if it is next.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        if self.peek()? != byte {
            return None;
        }
        self.offset += 1;
        self.skip_space();
        Some(())
    }

    /// The offset of an element of the array that begins here.
    fn element(&mut self, index: usize) -> Option<usize> {
        self.take(b'[')?;
        for _ in 0..index {
            self.skip_value()?;
            self.take(b',')?;
        }
        Some(self.offset)
    }

    /// The offset of the value of `key` in the object that begins here.
    fn member(&mut self, text: &str, key: &str, limit: usize) -> Option<usize> {
        self.take(b'{')?;
        let mut found = None;
        while self.peek()? == b'"' {
            let key_start = self.offset;
            self.skip_value()?;
            let written = text.get(key_start..self.offset)?;
            self.take(b':')?;
            if self.offset > limit && found.is_some() {
                break;
            }
            if is_key(written, key) {
                found = Some(self.offset);
            }
            self.skip_value()?;
            if self.take(b',').is_none() {
                break;
            }
        }
        found
    }

    /// Steps over a value of any depth, by counting brackets.
    fn skip_value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => self.skip_string()?,
                b'[' | b'{' => {
                    depth += 1;
                    self.offset += 1;
                }
                b']' | b'}' => {
                    depth = depth.checked_sub(1)?;
                    self.offset += 1;
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' => self.offset += 1,
                _ => {
                    while self.peek().is_some_and(|byte| !b"\"[]{},: \t\r\n".contains(&byte)) {
                        self.offset += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn skip_string(&mut self) -> Option<()> {
        self.offset += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.offset += 2,
                _ => self.offset += 1,
            }
        }
        self.offset += 1;
        Some(())
    }
}

/// Whether a key as written, in its quotes, is `key`.
fn is_key(written: &str, key: &str) -> bool {
    if written.contains('\\') {
        serde_json::from_str::<String>(written).is_ok_and(|read| read == key)
    } else {
        written.get(1..written.len().saturating_sub(1)) == Some(key)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::{DeserializeSeed, IgnoredAny};

    use super::*;

    #[test]
    fn documents_follow_each_other() {
        let text = " {}\n\u{feff}[] ";
        assert_eq!(next_document(text, 0), Some(1));
        assert_eq!(next_document(text, 3), Some(7));
        assert_eq!(next_document(text, 9), None);
        assert_eq!(next_document(text, 99), None);
    }

    /// `locate` must end and stay inside on whatever text it is given.
    #[test]
    fn locating_in_broken_text_ends() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only its errors are looked at")]
        struct A {
            a: Vec<Vec<u8>>,
        }
        let text = r#"{"b": [{"x": "]\""}], "a": [ [1], [2, "é\\", 3]]}"#;
        let mut track = serde_path_to_error::Track::new();
        let mut json = serde_json::Deserializer::from_str(text);
        let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        std::marker::PhantomData::<A>.deserialize(tracked).unwrap_err();
        let path = track.path();
        assert_eq!(path.to_string(), "a[1][1]");
        assert_eq!(&text[locate(text, 0, &path, usize::MAX)..][..6], "\"é\\\\\"");
        assert!(serde_json::from_str::<IgnoredAny>(text).is_ok());
        for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
            for start in (0..end).filter(|&start| text.is_char_boundary(start)) {
                assert!(locate(&text[..end], start, &path, usize::MAX) <= end);
            }
        }
    }
}
