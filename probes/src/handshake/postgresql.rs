//! PostgreSQL: whether it offers TLS ("Message Flow", "SSL Session Encryption"; "Message Formats").
//!
//! The one question that needs no user and no database. Where TLS is offered it is gone on to and closed in order:
//! a server that sees the connection end in its place writes a line of that into its log.

use peerscope_vocabulary::{HandshakeEnd, HandshakeStep, ProtocolAnswer, ServerText};

use super::{Dialogue, LONGEST_ANSWER, Turn};

/// SSLRequest: its length, and the code 1234, 5679.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// The bytes of an ErrorResponse before its fields.
const ERROR_HEADER: usize = 5;

/// PostgreSQL's handshake.
#[derive(Debug)]
pub(super) struct Postgresql;

impl Dialogue for Postgresql {
    fn opening(&self) -> Vec<u8> {
        SSL_REQUEST.to_vec()
    }

    fn secured(&mut self) -> Turn {
        Turn::answered(ProtocolAnswer::Postgresql { offers_tls: true }, &[])
    }

    fn step(&self) -> HandshakeStep {
        HandshakeStep::TlsOffer
    }

    /// The answer is one byte alone, so that one which only begins so ("SSH-2.0…") is another's.
    fn hear(&mut self, bytes: &[u8]) -> Turn {
        match bytes {
            [b'S'] => Turn::Secure,
            [b'N'] => Turn::answered(ProtocolAnswer::Postgresql { offers_tls: false }, &[]),
            [b'E', ..] => error(bytes),
            _ => Turn::another(bytes),
        }
    }
}

/// An ErrorResponse; or, where the server could not even begin, its old form, which is text and a zero byte.
fn error(bytes: &[u8]) -> Turn {
    let Some(header) = bytes.get(1..ERROR_HEADER) else { return Turn::Wait };
    let length = header.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
    if !(4..LONGEST_ANSWER).contains(&length) {
        return old_error(bytes);
    }
    let Some(fields) = bytes.get(ERROR_HEADER..1 + length) else { return Turn::Wait };
    let field = |wanted: u8| {
        let mut fields = fields.split(|byte| *byte == 0);
        fields.find_map(|field| field.strip_prefix(&[wanted]))
    };
    match field(b'M') {
        Some(message) => Turn::over(HandshakeEnd::Refused {
            code: field(b'C').map(ServerText::new),
            words: ServerText::new(message),
        }),
        None => Turn::another(bytes),
    }
}

fn old_error(bytes: &[u8]) -> Turn {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) => {
            let text = bytes.get(1..end).unwrap_or_default();
            Turn::over(HandshakeEnd::Refused { code: None, words: ServerText::new(text.trim_ascii()) })
        }
        None if bytes.len() < LONGEST_ANSWER => Turn::Wait,
        None => Turn::another(bytes),
    }
}

/// An ErrorResponse as "Message Formats" and "Error and Notice Message Fields" have it.
#[cfg(test)]
pub(super) const RECORDED_ERROR: &[u8] =
    b"E\0\0\0\x43SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0Fproc.c\0\0";

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(bytes: &[u8]) -> Turn {
        Postgresql.hear(bytes)
    }

    #[test]
    fn the_request_is_the_specifications() {
        assert_eq!(u32::from_be_bytes(SSL_REQUEST[4..].try_into().unwrap()), 80_877_103);
    }

    #[test]
    fn one_byte_tells_whether_tls_is_offered() {
        assert_eq!(heard(b"N"), Turn::answered(ProtocolAnswer::Postgresql { offers_tls: false }, &[]));
        assert_eq!(heard(b"S"), Turn::Secure);
        let answer = ProtocolAnswer::Postgresql { offers_tls: true };
        assert_eq!(Postgresql.secured(), Turn::answered(answer, &[]));
        for other in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"NO", b"HTTP/1.1 400", b"\x15\x03\x01"] {
            assert_eq!(heard(other), Turn::another(other));
        }
    }

    #[test]
    fn an_error_is_given_in_the_servers_words_once_it_is_complete() {
        for length in 1..RECORDED_ERROR.len() {
            assert_eq!(heard(&RECORDED_ERROR[..length]), Turn::Wait, "{length}");
        }
        let refused = |code: Option<&[u8]>, words: &[u8]| {
            let code = code.map(ServerText::new);
            Turn::over(HandshakeEnd::Refused { code, words: ServerText::new(words) })
        };
        assert_eq!(heard(RECORDED_ERROR), refused(Some(b"53300"), b"sorry, too many clients already"));
        let old = b"Ecould not fork new process for connection: Resource temporarily unavailable\n\0";
        let words = b"could not fork new process for connection: Resource temporarily unavailable";
        assert_eq!(heard(old), refused(None, words));
    }
}
