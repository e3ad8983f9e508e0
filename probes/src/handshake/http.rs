//! HTTP/1.1: HEAD of the root, its status line (RFC 9112, sections 3 and 4). The connection is to be closed after
//! it, so that none is kept for a client that is gone.
//!
//! Where much is to be carried, it is GET with headers of no meaning, which a server passes over (RFC 9110, section
//! 5.1), of a range that keeps the answer short where the server knows ranges (section 14).

use peerscope_vocabulary::{HandshakeEnd, HandshakeStep, ProtocolAnswer};

use super::{Dialogue, Turn};

/// The longest status line that is waited for.
const LONGEST_LINE: usize = 1024;

/// The longest header: half of what servers take in one line (nginx and Apache 8 kB).
const LONGEST_HEADER: usize = 4_000;

/// How much of an answer is asked for, and the most that is waited for.
const ANSWER: usize = 12 * 1024;

/// HTTP's handshake.
#[derive(Debug)]
pub(super) struct Http {
    /// Host and port, as the request names them (RFC 9110, section 7.2).
    authority: String,
    /// Where the answer's body is waited for too: how long the request is at the least.
    padding: Option<usize>,
}

impl Http {
    /// A request to this host.
    pub(super) fn of(authority: String) -> Self {
        Self { authority, padding: None }
    }

    /// The same, of so many bytes at the least, and with an answer that has a body.
    pub(super) fn padded(self, padding: usize) -> Self {
        Self { padding: Some(padding), ..self }
    }
}

impl Dialogue for Http {
    fn opening(&self) -> Vec<u8> {
        let version = env!("CARGO_PKG_VERSION");
        let method = if self.padding.is_some() { "GET" } else { "HEAD" };
        let mut request = format!(
            "{method} / HTTP/1.1\r\nHost: {}\r\nUser-Agent: peerscope/{version}\r\nAccept: */*\r\nConnection: close\r\n",
            self.authority
        )
        .into_bytes();
        if let Some(padding) = self.padding {
            request.extend_from_slice(format!("Range: bytes=0-{}\r\n", ANSWER - 1).as_bytes());
            let mut number = 1;
            while request.len() + 2 < padding {
                request.extend_from_slice(format!("X-Padding-{number}: ").as_bytes());
                let length = padding.saturating_sub(request.len() + 4).clamp(1, LONGEST_HEADER);
                request.resize(request.len() + length, b'.');
                request.extend_from_slice(b"\r\n");
                number += 1;
            }
        }
        request.extend_from_slice(b"\r\n");
        request
    }

    fn step(&self) -> HandshakeStep {
        HandshakeStep::Reply
    }

    fn hear(&mut self, bytes: &[u8]) -> Turn {
        let begins = |all: &[u8]| all.starts_with(bytes) || bytes.starts_with(all);
        if !begins(b"HTTP/1.") {
            return Turn::another(bytes);
        }
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            return if bytes.len() < LONGEST_LINE { Turn::Wait } else { Turn::another(bytes) };
        };
        match status(bytes.get(..end).unwrap_or_default()) {
            Some(status) if self.padding.is_some() && !is_complete(status, bytes) => Turn::Wait,
            Some(status) => Turn::answered(ProtocolAnswer::Http { status }, &[]),
            None => Turn::another(bytes),
        }
    }

    /// An answer whose length nothing tells ends so (RFC 9112, section 6.3).
    fn closed(&mut self, bytes: &[u8]) -> Option<HandshakeEnd> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let status = status(bytes.get(..end)?)?;
        Some(HandshakeEnd::Answered { answer: ProtocolAnswer::Http { status } })
    }
}

/// Whether an answer is there, or as much of it as is waited for (RFC 9112, section 6.3).
fn is_complete(status: u16, bytes: &[u8]) -> bool {
    let end =
        |pair: &[u8]| bytes.windows(pair.len()).position(|bytes| bytes == pair).map(|at| at + pair.len());
    let Some(head) = end(b"\r\n\r\n").or_else(|| end(b"\n\n")) else { return bytes.len() >= ANSWER };
    let (fields, body) = bytes.split_at(head);
    let fields = String::from_utf8_lossy(fields).to_ascii_lowercase();
    let field = |name: &str| fields.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let length = field("content-length").and_then(|length| length.trim().parse::<usize>().ok());
    matches!(status, 100..=199 | 204 | 304)
        || body.len() >= length.unwrap_or(ANSWER).min(ANSWER)
        || field("transfer-encoding").is_some() && body.ends_with(b"0\r\n\r\n")
}

/// The status code of a status line.
fn status(line: &[u8]) -> Option<u16> {
    let [minor, b' ', code @ ..] = line.strip_prefix(b"HTTP/1.")? else { return None };
    let (code, rest) = code.split_at_checked(3)?;
    let is_code = minor.is_ascii_digit() && code.iter().all(u8::is_ascii_digit);
    let ends = matches!(rest, [] | [b' ' | b'\r', ..]);
    let code = std::str::from_utf8(code).ok()?.parse().ok()?;
    (is_code && ends && code >= 100).then_some(code)
}

#[cfg(test)]
pub(super) const RECORDED_REPLY: &[u8] =
    b"HTTP/1.1 301 Moved Permanently\r\nServer: nginx\r\nConnection: close\r\nLocation: https://db.internal/\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_host_and_closes() {
        let request = String::from_utf8(Http::of("db.internal:8080".to_string()).opening()).unwrap();
        assert!(request.starts_with("HEAD / HTTP/1.1\r\nHost: db.internal:8080\r\n"), "{request}");
        assert!(request.ends_with("\r\nConnection: close\r\n\r\n"), "{request}");
    }

    #[test]
    fn a_status_line_is_the_answer() {
        let heard = |bytes: &[u8]| Http::of(String::new()).hear(bytes);
        let answered = |status| Turn::answered(ProtocolAnswer::Http { status }, &[]);
        assert_eq!(heard(RECORDED_REPLY), answered(301));
        let line = RECORDED_REPLY.iter().position(|byte| *byte == b'\n').unwrap();
        for length in 1..=line {
            assert_eq!(heard(&RECORDED_REPLY[..length]), Turn::Wait, "{length}");
        }
        for (bytes, status) in
            [(&b"HTTP/1.0 200\r\n"[..], 200), (b"HTTP/1.1 503 \r\n", 503), (b"HTTP/1.1 404\n", 404)]
        {
            assert_eq!(heard(bytes), answered(status));
        }
        for other in [
            &b"HTTP/2 200\r\n"[..],
            b"HTTP/1.1 2000 OK\r\n",
            b"HTTP/1.1 09 \r\n",
            b"+PONG\r\n",
            b"HTTP/1.x 200\r\n",
        ] {
            assert_eq!(heard(other), Turn::another(other), "{other:?}");
        }
    }

    #[test]
    fn a_padded_request_is_as_long_as_was_asked_in_lines_that_servers_take() {
        for padding in [0, 100, 300, 2_100, 9_600, 15_000] {
            let request = Http::of("db.internal:80".to_string()).padded(padding).opening();
            assert!(request.len() >= padding && request.len() < padding.max(250) + 30, "{}", request.len());
            let request = String::from_utf8(request).unwrap();
            assert!(request.starts_with("GET / HTTP/1.1\r\n") && request.ends_with("\r\n\r\n"));
            assert!(request.lines().all(|line| line.len() < 4_100));
            assert_eq!(request.matches("\r\n\r\n").count(), 1);
        }
    }

    #[test]
    fn of_a_padded_request_the_whole_answer_is_waited_for() {
        let answered = |status| Turn::answered(ProtocolAnswer::Http { status }, &[]);
        for (bytes, status) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"[..], 200),
            (b"HTTP/1.1 206 \r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 206),
            (b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", 204),
        ] {
            let mut http = Http::of(String::new()).padded(0);
            for length in 1..bytes.len() {
                assert_eq!(http.hear(&bytes[..length]), Turn::Wait, "{status} {length}");
            }
            assert_eq!(http.hear(bytes), answered(status));
        }
        // The end of one without a length is the connection's.
        let mut http = Http::of(String::new()).padded(0);
        assert_eq!(http.hear(RECORDED_REPLY), Turn::Wait);
        let end = HandshakeEnd::Answered { answer: ProtocolAnswer::Http { status: 301 } };
        assert_eq!(http.closed(RECORDED_REPLY), Some(end));
        assert_eq!(http.closed(b"HTTP/1.1 3"), None);
        let long = [RECORDED_REPLY, &vec![b'x'; ANSWER]].concat();
        assert_eq!(http.hear(&long), answered(301));
    }
}
