//! One file as text.
//!
//! A redirection in Windows PowerShell 5 (`aws … > vpcs.json`) writes UTF-16 with a byte order mark,
//! some editors write UTF-8 with one; both are what their users call a JSON file.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::files::{cannot_open, kind};
use crate::input_error::{InputError, Position};

/// The largest file that is read. The largest estates that were seen give some 130 MB.
const MAX_BYTES: u64 = 1 << 30;

/// Reads a regular file. The text does not begin with a byte order mark.
pub(super) fn read(path: &Path) -> Result<String, InputError> {
    decode(path, read_bytes(path)?)
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, InputError> {
    let failed = |error| InputError::new(path, cannot_open(&error));
    // The path may have become a pipe since it was found: opening one waits for a writer, unless
    // asked not to.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file: File = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(InputError::expected(path, "a regular file", kind(metadata.file_type())));
    }
    let too_large = || InputError::expected(path, "at most 1 GiB", "a larger file");
    if metadata.len() > MAX_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1));
    // The file may grow while it is read, and files of /proc say that they are empty.
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES { Err(too_large()) } else { Ok(bytes) }
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, InputError> {
    let text = match *bytes.as_slice() {
        [] => {
            let found = "an empty file (did the command that wrote it fail?)";
            return Err(InputError::expected(path, "JSON", found));
        }
        [0xef, 0xbb, 0xbf, ref rest @ ..] => utf_8(path, rest.to_vec())?,
        [0xff, 0xfe, ref rest @ ..] => utf_16(path, rest, u16::from_le_bytes)?,
        [0xfe, 0xff, ref rest @ ..] => utf_16(path, rest, u16::from_be_bytes)?,
        // JSON begins with an ASCII character, so without a mark too the zeros tell (RFC 4627, 3).
        [first, 0, ..] if first != 0 => utf_16(path, &bytes, u16::from_le_bytes)?,
        [0, second, ..] if second != 0 => utf_16(path, &bytes, u16::from_be_bytes)?,
        _ => utf_8(path, bytes)?,
    };
    if text.chars().all(|character| character.is_whitespace() || character == '\u{feff}') {
        return Err(InputError::expected(path, "JSON", "a file with nothing but white space"));
    }
    Ok(text)
}

fn utf_8(path: &Path, bytes: Vec<u8>) -> Result<String, InputError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let before = std::str::from_utf8(bytes.get(..valid).unwrap_or_default()).unwrap_or_default();
        let found = bytes.get(valid).map_or_else(String::new, |byte| format!("the byte 0x{byte:02x}"));
        InputError::expected(path, "JSON in UTF-8", found).at(Position::of(before, valid))
    })
}

fn utf_16(path: &Path, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, InputError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(pairs.len());
    for character in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        match character {
            Ok(character) => text.push(character),
            Err(error) => {
                let found = format!("the lone surrogate 0x{:04x}", error.unpaired_surrogate());
                let position = Position::of(&text, text.len());
                return Err(InputError::expected(path, "JSON in UTF-16", found).at(position));
            }
        }
    }
    if rest.is_empty() {
        Ok(text)
    } else {
        let position = Position::of(&text, text.len());
        Err(InputError::expected(path, "JSON in UTF-16", "half a character at the end of the file")
            .at(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<String, String> {
        decode(Path::new("x.json"), bytes.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn encodings_with_and_without_a_mark_are_read() {
        for bytes in [
            &b"[\"\xc3\xa9\"]"[..],
            b"\xef\xbb\xbf[\"\xc3\xa9\"]",
            b"\xff\xfe[\0\"\0\xe9\0\"\0]\0",
            b"\xfe\xff\0[\0\"\0\xe9\0\"\0]",
            b"[\0\"\0\xe9\0\"\0]\0",
            b"\0[\0\"\0\xe9\0\"\0]",
        ] {
            assert_eq!(decoded(bytes).as_deref(), Ok("[\"é\"]"));
        }
    }

    #[test]
    fn what_is_no_text_is_named_with_its_place() {
        for (bytes, error) in [
            (&b""[..], "x.json: expected JSON, found an empty file (did the command that wrote it fail?)"),
            (b" \n\t", "x.json: expected JSON, found a file with nothing but white space"),
            (
                b"\xef\xbb\xbf\xef\xbb\xbf \n",
                "x.json: expected JSON, found a file with nothing but white space",
            ),
            (b"{\n \"\xc3\xa9\xff\"", "x.json:2:4: expected JSON in UTF-8, found the byte 0xff"),
            (b"\x7fELF\x02\x80", "x.json:1:6: expected JSON in UTF-8, found the byte 0x80"),
            (b"\xff\xfe[\0\x00\xd8", "x.json:1:2: expected JSON in UTF-16, found the lone surrogate 0xd800"),
            (
                b"\xff\xfe[\0]",
                "x.json:1:2: expected JSON in UTF-16, found half a character at the end of the file",
            ),
        ] {
            assert_eq!(decoded(bytes).as_ref().map_err(String::as_str), Err(error));
        }
    }
}
