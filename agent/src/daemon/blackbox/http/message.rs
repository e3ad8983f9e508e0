//! An answer's head and body (RFC 9112), as much of them as a question needs.

use std::io::{self, BufRead, Read};

/// The longest head.
const LONGEST_HEAD: usize = 64 << 10;
/// The most headers.
const MOST_HEADERS: usize = 128;
/// The longest body.
pub(super) const LONGEST_BODY: u64 = 16 << 20;
/// What is said of one that is longer.
pub(super) const TOO_LONG: &str = "it is longer than it may be";

/// Up to where a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLength {
    /// So many bytes.
    Known(u64),
    /// What its chunks say.
    Chunked,
    /// The end of the connection.
    UntilTheEnd,
}

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    minor: u8,
    headers: Vec<(String, String)>,
    /// Up to where its body goes.
    pub(super) length: BodyLength,
}

impl Answer {
    /// The values of a header.
    pub(super) fn headers<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_str())
    }

    /// The first of them.
    pub(super) fn header(&self, wanted: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.next().map(|(_, value)| value.as_str())
    }

    /// `HTTP/1.1`
    pub(super) fn version(&self) -> String {
        format!("HTTP/1.{}", self.minor)
    }

    /// 1.1
    pub(super) fn version_number(&self) -> f64 {
        if self.minor == 0 { 1.0 } else { 1.1 }
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_string())
}

/// Reads a head; those that only say that another comes are passed over.
pub(super) fn head(reader: &mut impl BufRead) -> io::Result<Answer> {
    loop {
        let answer = one_head(reader)?;
        if !(100..200).contains(&answer.status) || answer.status == 101 {
            return Ok(answer);
        }
    }
}

fn one_head(reader: &mut impl BufRead) -> io::Result<Answer> {
    let mut text = Vec::new();
    loop {
        let left = LONGEST_HEAD.saturating_sub(text.len());
        let read = reader.by_ref().take(left as u64).read_until(b'\n', &mut text)?;
        if read == 0 {
            return Err(wrong(if left == 0 {
                "its head is longer than any"
            } else {
                "it ended before its head did"
            }));
        }
        if text.ends_with(b"\r\n\r\n") || text.ends_with(b"\n\n") {
            break;
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let is_whole = parsed.parse(&text).is_ok_and(|status| status.is_complete());
    let (Some(status), Some(minor), true) = (parsed.code, parsed.version, is_whole) else {
        return Err(wrong("it is no HTTP/1"));
    };
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_string(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let mut answer = Answer { status, minor, headers, length: BodyLength::UntilTheEnd };
    let is_chunked =
        answer.headers("transfer-encoding").any(|value| value.to_ascii_lowercase().contains("chunked"));
    if is_chunked {
        answer.length = BodyLength::Chunked;
    } else if let Some(length) = answer.header("content-length") {
        answer.length =
            BodyLength::Known(length.trim().parse().map_err(|_| wrong("its length is no number"))?);
    }
    Ok(answer)
}

/// Reads the body, of which no more than so many bytes are kept.
///
/// # Errors
/// Where there is not all of it; what there is of it is kept.
pub(super) fn body(
    reader: &mut impl BufRead,
    answer: &Answer,
    method: &str,
    most: u64,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    if method == "HEAD" || [101, 204, 304].contains(&answer.status) {
        return Ok(());
    }
    match answer.length {
        BodyLength::Known(length) => exactly(reader, length, most, body),
        BodyLength::UntilTheEnd => {
            reader.by_ref().take(most).read_to_end(body)?;
            if reader.fill_buf()?.is_empty() { Ok(()) } else { Err(wrong(TOO_LONG)) }
        }
        BodyLength::Chunked => loop {
            let line = line(reader)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| wrong("the size of a part is no number"))?;
            if size == 0 {
                while !self::line(reader)?.is_empty() {}
                return Ok(());
            }
            exactly(reader, size, most, body)?;
            if !self::line(reader)?.is_empty() {
                return Err(wrong("a part is longer than it says"));
            }
        },
    }
}

fn exactly(reader: &mut impl BufRead, length: u64, most: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let left = most.saturating_sub(body.len() as u64);
    let read = reader.take(length.min(left)).read_to_end(body)? as u64;
    if read < length.min(left) {
        return Err(wrong("it ended before its end"));
    }
    if length > left { Err(wrong(TOO_LONG)) } else { Ok(()) }
}

/// A line, without its end.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.by_ref().take(4096).read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") {
        return Err(wrong("it ended before its end"));
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<(u16, String)> {
        let mut reader = text.as_bytes();
        let answer = head(&mut reader)?;
        let mut read = Vec::new();
        body(&mut reader, &answer, "GET", LONGEST_BODY, &mut read)?;
        Ok((answer.status, String::from_utf8(read).unwrap()))
    }

    #[test]
    fn an_answer_is_read_to_its_end() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
            "HTTP/1.0 200 OK\r\n\r\nhello",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nt: r\r\n\r\n",
        ] {
            assert_eq!(read(text).unwrap(), (200, "hello".to_string()), "{text}");
        }
    }

    #[test]
    fn no_more_of_a_body_is_kept_than_may_be() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.0 200 OK\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ] {
            for (most, is_all) in [(4, false), (5, true)] {
                let (mut reader, mut kept) = (text.as_bytes(), Vec::new());
                let answer = head(&mut reader).unwrap();
                assert_eq!(body(&mut reader, &answer, "GET", most, &mut kept).is_ok(), is_all, "{text}");
                assert_eq!(kept, if is_all { "hello" } else { "hell" }.as_bytes(), "{text}");
            }
        }
    }

    #[test]
    fn nothing_of_what_comes_makes_it_panic_or_read_for_ever() {
        for text in [
            "",
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(100_000))).is_err());
    }
}
