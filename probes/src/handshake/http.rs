//! HTTP/1.1: HEAD of the root, its status line (RFC 9112, sections 3 and 4). The connection is to be closed after
//! it, so that none is kept for a client that is gone.

use peerscope_vocabulary::{HandshakeStep, ProtocolAnswer};

use super::{Dialogue, Turn};

/// The longest status line that is waited for.
const LONGEST_LINE: usize = 1024;

/// HTTP's handshake.
#[derive(Debug)]
pub(super) struct Http {
    /// Host and port, as the request names them (RFC 9110, section 7.2).
    authority: String,
}

impl Http {
    /// A request to this host.
    pub(super) fn of(authority: String) -> Self {
        Self { authority }
    }
}

impl Dialogue for Http {
    fn opening(&self) -> Vec<u8> {
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "HEAD / HTTP/1.1\r\nHost: {}\r\nUser-Agent: peerscope/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            self.authority
        )
        .into_bytes()
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
            Some(status) => Turn::answered(ProtocolAnswer::Http { status }, &[]),
            None => Turn::another(bytes),
        }
    }
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
}
