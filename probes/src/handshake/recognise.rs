//! Whose first bytes these are, where another protocol was expected: a port that was mixed up is told by name.

use peerscope_vocabulary::{Greeting, RecognisedProtocol};

/// How Redis begins its replies, beside those of other protocols with a plus or minus.
const REDIS: [&[u8]; 6] =
    [b"+PONG", b"-NOAUTH", b"-DENIED", b"-ERR unknown command", b"-LOADING", b"-WRONGPASS"];

/// The protocol of bytes that a server sent first.
pub(super) fn recognise(bytes: &[u8]) -> Option<RecognisedProtocol> {
    let is_tls_record = matches!(bytes, [0x15 | 0x16, 3, 0..=4, ..]);
    if bytes.starts_with(b"HTTP/") {
        Some(RecognisedProtocol::Http)
    } else if bytes.starts_with(b"SSH-") {
        Some(RecognisedProtocol::Ssh)
    } else if bytes.starts_with(b"220 ") || bytes.starts_with(b"220-") {
        Some(RecognisedProtocol::MailOrFtp)
    } else if is_tls_record {
        Some(RecognisedProtocol::Tls)
    } else if Greeting::new(bytes).is_mysql() {
        Some(RecognisedProtocol::Mysql)
    } else if REDIS.iter().any(|reply| bytes.starts_with(reply)) {
        Some(RecognisedProtocol::Redis)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_known_by_their_protocol() {
        for (bytes, protocol) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], Some(RecognisedProtocol::Http)),
            (b"SSH-2.0-OpenSSH_9.2p1\r\n", Some(RecognisedProtocol::Ssh)),
            (b"220 mail.internal ESMTP\r\n", Some(RecognisedProtocol::MailOrFtp)),
            (&[0x15, 3, 1, 0, 2, 2, 70], Some(RecognisedProtocol::Tls)),
            (super::super::mysql::RECORDED_GREETING, Some(RecognisedProtocol::Mysql)),
            (super::super::redis::RECORDED_DENIAL, Some(RecognisedProtocol::Redis)),
            (b"hello", None),
            (b"", None),
        ] {
            assert_eq!(recognise(bytes), protocol, "{bytes:?}");
        }
    }
}
